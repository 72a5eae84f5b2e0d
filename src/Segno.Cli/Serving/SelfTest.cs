using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using Segno.Cli.Parsing;
using Segno.Sessions;

namespace Segno.Cli.Serving;

/// <summary>What one kind of handshake costs on this machine.</summary>
/// <param name="Count">How many were measured.</param>
/// <param name="Time">Median time from the first byte to the end of the handshake, seen by the client.</param>
/// <param name="Cpu">Mean processor time of both ends for the whole connection, TCP and closing included.</param>
/// <param name="BytesToServer">Bytes of the handshake, client to server.</param>
/// <param name="BytesToClient">Bytes of the handshake, server to client.</param>
internal sealed record HandshakeCost(int Count, TimeSpan Time, TimeSpan Cpu, long BytesToServer, long BytesToClient);

/// <summary>Full and resumed, side by side; <see cref="Resumed"/> is <see langword="null"/> where the server resumes nothing.</summary>
internal sealed record SelfTestResult(HandshakeCost Full, HandshakeCost? Resumed);

/// <summary>Connects to the server of this very process, in turns with and without a session, and measures.</summary>
internal sealed class SelfTest
{
    /// <summary>Long enough for the just-in-time compiler to have seen everything, short enough to be waited for.</summary>
    private static readonly TimeSpan WarmUp = TimeSpan.FromMilliseconds(800);
    private static readonly TimeSpan Duration = TimeSpan.FromMilliseconds(1200);
    private const int MinRounds = 3;
    private const int MaxRounds = 200;

    private readonly PageServer _server;
    private readonly IPEndPoint _address;
    private readonly TimeProvider _time;
    private readonly TlsClientOptions _options;
    private readonly TlsClientContext _context;

    public SelfTest(PageServer server, TlsCertificate certificate, X509Certificate2? authority, IReadOnlyList<SslApplicationProtocol> protocols, TimeProvider time)
    {
        _server = server;
        _address = Endpoints.Reachable(server.EndPoint);
        _time = time;
        _options = Options(certificate.Certificate.RawData, authority, protocols);
        _context = new TlsClientContext(_options);
    }

    public async Task<SelfTestResult> RunAsync(CancellationToken cancellationToken)
    {
        TlsClientContext? resuming = await EarnSessionAsync(cancellationToken).ConfigureAwait(false);
        await MeasureAsync(resuming, WarmUp, cancellationToken).ConfigureAwait(false);
        (List<Sample> full, List<Sample> resumed) = await MeasureAsync(resuming, Duration, cancellationToken).ConfigureAwait(false);
        return new SelfTestResult(Summarize(full), resuming is null ? null : Summarize(resumed));
    }

    /// <summary>A context whose connections all offer one session, or <see langword="null"/> where the server gives none.</summary>
    private async Task<TlsClientContext?> EarnSessionAsync(CancellationToken cancellationToken)
    {
        Sample first = await ConnectAsync(_context, cancellationToken).ConfigureAwait(false);
        if (first.Session is not { } session)
        {
            return null;
        }
        _options.Resume = session;
        _options.AllowTicketReuse = true;
        return new TlsClientContext(_options);
    }

    private async Task<(List<Sample> Full, List<Sample> Resumed)> MeasureAsync(TlsClientContext? resuming, TimeSpan duration, CancellationToken cancellationToken)
    {
        List<Sample> full = [];
        List<Sample> resumed = [];
        long start = _time.GetTimestamp();
        while (full.Count < MinRounds || (full.Count < MaxRounds && _time.GetElapsedTime(start) < duration))
        {
            _context.SessionCache.Clear();
            full.Add(await ConnectAsync(_context, cancellationToken).ConfigureAwait(false));
            if (resuming is not null)
            {
                Sample sample = await ConnectAsync(resuming, cancellationToken).ConfigureAwait(false);
                if (!sample.Info.Resumption.IsResumed)
                {
                    throw CliException.Failure($"a session was not resumed: {sample.Info.Resumption.Reason}");
                }
                resumed.Add(sample);
            }
        }
        return (full, resumed);
    }

    private async Task<Sample> ConnectAsync(TlsClientContext context, CancellationToken cancellationToken)
    {
        TimeSpan cpuBefore = Environment.CpuUsage.TotalTime;
        using var socket = new Socket(_address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(_address, cancellationToken).ConfigureAwait(false);
        _server.DoNotCount(socket.LocalEndPoint!);
        var tls = new TlsStream(new NetworkStream(socket, ownsSocket: false));
        await using (tls.ConfigureAwait(false))
        {
            await tls.AuthenticateAsClientAsync(context, cancellationToken: cancellationToken).ConfigureAwait(false);

            // The server closes in answer, behind its tickets: then both ends have done all their work.
            await tls.ShutdownAsync().ConfigureAwait(false);
            byte[] buffer = new byte[256];
            while (await tls.ReadAsync(buffer, cancellationToken).ConfigureAwait(false) > 0)
            {
            }
            return new Sample(tls.ConnectionInfo, tls.Session, Environment.CpuUsage.TotalTime - cpuBefore);
        }
    }

    private static HandshakeCost Summarize(List<Sample> samples)
    {
        List<TimeSpan> times = [.. samples.Select(sample => sample.Info.HandshakeDuration).Order()];
        var cpu = new TimeSpan((long)samples.Average(sample => sample.Cpu.Ticks));
        TlsConnectionInfo last = samples[^1].Info;
        return new HandshakeCost(samples.Count, times[times.Count / 2], cpu, last.HandshakeBytesOut, last.HandshakeBytesIn);
    }

    private TlsClientOptions Options(byte[] expected, X509Certificate2? authority, IReadOnlyList<SslApplicationProtocol> protocols)
    {
        var options = new TlsClientOptions
        {
            TargetHost = "localhost",
            TargetPort = _address.Port,
            ApplicationProtocols = [protocols.Contains(SslApplicationProtocol.Http11) ? SslApplicationProtocol.Http11 : protocols[0]],
            TimeProvider = _time,
            CertificateChainPolicy = new X509ChainPolicy
            {
                TrustMode = X509ChainTrustMode.CustomRootTrust,
                RevocationMode = X509RevocationMode.NoCheck,
                DisableCertificateDownloads = true,
            },
        };
        if (authority is not null)
        {
            options.CertificateChainPolicy.CustomTrustStore.Add(authority);
        }
        else
        {
            // The user's own certificate, under a name of its own: the very one is known, and that is enough here.
            options.RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate?.GetRawCertData().AsSpan().SequenceEqual(expected) == true;
            options.ValidationPolicyName = "segno self-test";
        }
        return options;
    }

    private readonly record struct Sample(TlsConnectionInfo Info, TlsSession? Session, TimeSpan Cpu);
}

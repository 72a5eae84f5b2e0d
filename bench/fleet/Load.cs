using System.Collections.Concurrent;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.RegularExpressions;

namespace Segno.Bench.Fleet;

/// <summary>One connection, as the client saw it, with what the server said of it.</summary>
/// <param name="At">When it began.</param>
/// <param name="Handshake">From the first byte to the end of the handshake.</param>
/// <param name="Offered">Whether the client offered a session.</param>
/// <param name="Resumed">Whether it was resumed, by the client's word.</param>
/// <param name="Reason">Why not, by the server's.</param>
/// <param name="Failure">What failed; <see langword="null"/> where nothing did.</param>
internal readonly record struct Sample(TimeSpan At, TimeSpan Handshake, bool Offered, bool Resumed, string Reason, string? Failure);

/// <summary>Opens connections at a steady rate and counts; it never waits for one before the next is due. Each of its clients remembers its sessions.</summary>
internal sealed partial class Load(int port, X509Certificate2 authority, SslProtocols protocol, int rate, int clients)
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);
    private static readonly byte[] Request = Encoding.ASCII.GetBytes("GET /api/connection HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");

    private readonly ConcurrentQueue<Sample> _samples = new();
    private readonly ConcurrentQueue<TlsClientContext> _idle = new();
    private readonly TimeProvider _time = TimeProvider.System;
    private readonly long _start = TimeProvider.System.GetTimestamp();

    public TimeSpan Now => _time.GetElapsedTime(_start);

    public IReadOnlyCollection<Sample> Samples => _samples;

    public async Task RunAsync(CancellationToken end)
    {
        for (int i = 0; i < clients; i++)
        {
            _idle.Enqueue(NewClient());
        }
        List<Task> open = [];
        TimeSpan interval = TimeSpan.FromSeconds(1) / rate;
        for (long number = 0; !end.IsCancellationRequested; number++)
        {
            TimeSpan due = interval * number;
            while (Now < due)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(1), CancellationToken.None);
            }
            open.Add(ConnectAsync());
            if (open.Count > 4096)
            {
                open.RemoveAll(task => task.IsCompleted);
            }
        }
        await Task.WhenAll(open);
    }

    private TlsClientContext NewClient()
    {
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.CustomTrustStore.Add(authority);
        return new TlsClientContext(new TlsClientOptions
        {
            EnabledSslProtocols = protocol,
            ApplicationProtocols = [SslApplicationProtocol.Http11],
            CertificateChainPolicy = policy,
            // P-256 is that of the certificate (RFC 8422 §5.3).
            SupportedGroups = [TlsNamedGroup.X25519, TlsNamedGroup.P256],
        });
    }

    private async Task ConnectAsync()
    {
        TimeSpan at = Now;
        TlsClientContext client = _idle.TryDequeue(out TlsClientContext? idle) ? idle : NewClient();
        try
        {
            using var limit = new CancellationTokenSource(Limit);
            using var tcp = new TcpClient { NoDelay = true };
            await tcp.ConnectAsync(IPAddress.Loopback, port, limit.Token);
            await using var stream = new TlsStream(tcp.GetStream());
            long begun = _time.GetTimestamp();
            await stream.AuthenticateAsClientAsync(client, "localhost", 443, limit.Token);
            TimeSpan handshake = _time.GetElapsedTime(begun);
            await stream.WriteAsync(Request, limit.Token);
            using var reader = new StreamReader(stream, Encoding.ASCII);
            string answer = await reader.ReadToEndAsync(limit.Token);
            Match reason = Reason().Match(answer);
            string? failure = answer.StartsWith("HTTP/1.1 200", StringComparison.Ordinal) && reason.Success ? null : "the answer was cut off";
            bool offered = !answer.Contains("\"outcome\":\"notOffered\"", StringComparison.OrdinalIgnoreCase);
            _samples.Enqueue(new Sample(at, handshake, offered, stream.Resumption.IsResumed, reason.Groups[1].Value, failure));
        }
        catch (Exception exception) when (exception is IOException or SocketException or OperationCanceledException)
        {
            _samples.Enqueue(new Sample(at, Now - at, false, false, "", exception.GetType().Name + ": " + exception.Message));
        }
        _idle.Enqueue(client);
    }

    [GeneratedRegex("\"reason\":\\s*(?:\"(\\w*)\"|null)")]
    private static partial Regex Reason();
}

using System.Buffers;
using System.Diagnostics;
using System.Net;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Segno.Sessions;

namespace Segno.Bench.Sessions;

/// <summary>
/// Whether what sessions take stays bounded by number and by bytes, at both ends, however many there were, in every mechanism (I1):
/// every second handshake is a full one with a name that was not there before (I4), every other one resumes its session.
/// </summary>
internal static class Caps
{
    private const int Batch = 100;

    // What the process may grow by after the warm-up: the heaps of the runtime breathe.
    private const long GrowthLimit = 32 << 20;

    // How sessions are kept, what to set for it, and by what they then resume. A mechanism more is a line more.
    private static readonly (string Name, ResumptionMechanism Mechanism, Action<TlsServerOptions> Configure)[] Mechanisms =
    [
        ("1.2, session ID", ResumptionMechanism.SessionId, options => (options.EnabledSslProtocols, options.TicketCount) = (SslProtocols.Tls12, 0)),
        ("1.2, ticket", ResumptionMechanism.Ticket, options => options.EnabledSslProtocols = SslProtocols.Tls12),
        ("1.3, stateless ticket", ResumptionMechanism.Psk, options => options.EnabledSslProtocols = SslProtocols.Tls13),
        ("1.3, stateful ticket", ResumptionMechanism.Psk, options => (options.EnabledSslProtocols, options.TicketMode) = (SslProtocols.Tls13, TlsTicketMode.Stateful)),
        ("1.3, no tickets", ResumptionMechanism.None, options => (options.EnabledSslProtocols, options.TicketCount) = (SslProtocols.Tls13, 0)),
    ];

    /// <returns>Whether every bound held.</returns>
    public static bool Run(int handshakes, int maxEntries, long maxBytes)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using X509Certificate2 certificate = Certificate(key);
        Console.WriteLine($"{handshakes:N0} handshakes each, half of them full; at most {maxEntries:N0} sessions at either end and {maxBytes:N0} bytes at the server; looked at after every {Batch}.");
        Console.WriteLine();
        Console.WriteLine("| mechanism | resumed | most sessions at the server | most bytes | evicted | most sessions at the client | resident after a tenth, MB | at the end, MB | µs each, both ends | bounds |");
        Console.WriteLine("|---|--:|--:|--:|--:|--:|--:|--:|--:|---|");
        bool all = true;
        foreach ((string name, ResumptionMechanism mechanism, Action<TlsServerOptions> configure) in Mechanisms)
        {
            all &= Measure(name, mechanism, configure, certificate, handshakes, maxEntries, maxBytes);
        }
        return all;
    }

    private static bool Measure(
        string name, ResumptionMechanism mechanism, Action<TlsServerOptions> configure, X509Certificate2 certificate, int handshakes, int maxEntries, long maxBytes)
    {
        using TlsCertificate own = TlsCertificate.Create(certificate);
        using var store = new MemorySessionStore(maxEntries, maxBytes);
        var options = new TlsServerOptions { ServerCertificates = [own], SessionStore = store, Group = "bench", SupportedGroups = [TlsNamedGroup.X25519] };
        configure(options);
        using var server = new TlsServerContext(options);
        var cache = new MemoryClientSessionCache(Math.Max(1, maxEntries / MemoryClientSessionCache.DefaultMaxSessionsPerKey));
        int clientEntries = cache.MaxKeys * cache.MaxSessionsPerKey;
        var client = new TlsClientContext(new TlsClientOptions
        {
            SessionCache = cache,
            // P-256 is that of the certificate (RFC 8422 §5.3).
            SupportedGroups = [TlsNamedGroup.X25519, TlsNamedGroup.P256],
            CertificateChainPolicy = new X509ChainPolicy
            {
                TrustMode = X509ChainTrustMode.CustomRootTrust,
                CustomTrustStore = { certificate },
                RevocationMode = X509RevocationMode.NoCheck,
            },
        });
        var pair = new MemoryPair();
        long resumed = 0;
        long most = 0;
        long mostBytes = 0;
        long mostAtClient = 0;
        long warm = 0;
        long began = Stopwatch.GetTimestamp();
        for (int i = 0; i < handshakes; i++)
        {
            ResumptionOutcome outcome = pair.Handshake(client, server, $"h{i / 2}.example.org", i / 2);
            bool shallResume = i % 2 == 1 && mechanism != ResumptionMechanism.None;
            Memory.Check(outcome.IsResumed == shallResume && (!shallResume || outcome.Mechanism == mechanism));
            resumed += outcome.IsResumed ? 1 : 0;
            if (i % Batch == Batch - 1)
            {
                SessionStoreStatistics statistics = store.GetStatistics();
                most = Math.Max(most, statistics.Entries);
                mostBytes = Math.Max(mostBytes, statistics.Bytes);
                mostAtClient = Math.Max(mostAtClient, cache.Count);
            }
            if (i == handshakes / 10)
            {
                warm = Resident();
            }
        }
        double each = Stopwatch.GetElapsedTime(began).TotalMicroseconds / handshakes;
        long end = Resident();
        SessionStoreStatistics last = store.GetStatistics();
        bool holds = most <= maxEntries && mostBytes <= maxBytes && mostAtClient <= clientEntries && end - warm <= GrowthLimit;
        Console.WriteLine($"| {name} | {resumed:N0} | {most:N0} | {mostBytes:N0} | {last.EvictedForEntries + last.EvictedForBytes:N0} | {mostAtClient:N0} | {warm / 1e6:F0} | {end / 1e6:F0} | {each:F0} | {(holds ? "held" : "BROKEN")} |");
        return holds;
    }

    private static long Resident()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        return Environment.WorkingSet;
    }

    private static X509Certificate2 Certificate(ECDsa key)
    {
        var request = new CertificateRequest("CN=example.org", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("*.example.org");
        request.CertificateExtensions.Add(names.Build());
        DateTimeOffset now = TimeProvider.System.GetUtcNow();
        return request.CreateSelfSigned(now.AddDays(-1), now.AddDays(30));
    }

    /// <summary>Two engines, joined by memory, on one thread.</summary>
    private sealed class MemoryPair
    {
        private readonly ArrayBufferWriter<byte> _toServer = new();
        private readonly ArrayBufferWriter<byte> _toClient = new();

        /// <summary>A handshake, what the server sends behind it included; what became of it in the server's words.</summary>
        public ResumptionOutcome Handshake(TlsClientContext clientContext, TlsServerContext serverContext, string host, int address)
        {
            using var client = new TlsConnection(clientContext, host, 443);
            using var server = new TlsConnection(serverContext)
            {
                RemoteEndPoint = new IPEndPoint(new IPAddress([10, (byte)(address >> 16), (byte)((address >> 8) & 0xff), (byte)(address & 0xff)]), 443),
            };
            client.Start();
            bool moved = true;
            while (moved)
            {
                moved = Move(client, server, _toServer) | Move(server, client, _toClient);
            }
            Memory.Check(client.IsHandshakeCompleted && server.IsHandshakeCompleted);
            return server.Info.Resumption;
        }

        private static bool Move(TlsConnection from, TlsConnection to, ArrayBufferWriter<byte> wire)
        {
            bool moved = false;
            while (from.Pending is { } pending)
            {
                pending.Execute(CancellationToken.None);
                from.Resume();
                moved = true;
            }
            if ((from.Wants & TlsWants.Write) != 0)
            {
                from.Flush(wire);
            }
            ReadOnlySpan<byte> bytes = wire.WrittenSpan;
            while (!bytes.IsEmpty)
            {
                // The whole of a flight is there; what is left when nothing is taken waits for a pause to end.
                while (to.Pending is { } pending)
                {
                    pending.Execute(CancellationToken.None);
                    to.Resume();
                }
                bytes = bytes[to.Receive(bytes, []).Consumed..];
                moved = true;
            }
            wire.ResetWrittenCount();
            return moved;
        }
    }
}

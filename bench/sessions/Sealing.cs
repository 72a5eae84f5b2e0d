using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using Segno.Bench.Peers;
using Segno.Cryptography;
using Segno.Sessions;
using Segno.Sessions.Tickets;

namespace Segno.Bench.Sessions;

/// <summary>How fast tickets are sealed and opened, and sessions stored and found, by one thread, a second of its CPU time.</summary>
internal static class Sealing
{
    public static void Run(int rounds, double seconds)
    {
        CryptoProvider crypto = CryptoProvider.Default;
        using var ring = new TicketKeyRing();
        var sealer = new TicketSealer(ring, crypto);
        using var store = new MemorySessionStore(20_000);
        using var stored = new MemoryStoredSessions(store, crypto, null);
        TlsSession session13 = Session(SslProtocols.Tls13, crypto);
        TlsSession session12 = Session(SslProtocols.Tls12, crypto);
        byte[] ticket = sealer.Seal(session13) ?? throw new InvalidOperationException("There is no ticket.");
        byte[][] ids = [.. Enumerable.Range(0, 10_000).Select(_ => RandomNumberGenerator.GetBytes(32))];
        int next = 0;
        (string Name, Action Do)[] operations =
        [
            ("seal a ticket", () => Memory.Check(sealer.Seal(session13) is not null)),
            ("open a ticket", () => Memory.Check(sealer.Open(ticket, out _) is not null)),
            ("store a session under its ID", () => Memory.Check(Memory.AtOnce(stored.StoreAsync(session12, ids[next++ % ids.Length], null, default)))),
            ("find a session by its ID", () => Memory.Check(Memory.AtOnce(stored.FindAsync(ids[next++ % ids.Length], default)).Session is not null)),
            ("ask for an ID that is not there", () => Memory.Check(Memory.AtOnce(stored.FindAsync(new byte[32], default)).Session is null)),
        ];
        Console.WriteLine($"A TLS 1.3 ticket has {ticket.Length} bytes ({crypto.Name}).");
        Console.WriteLine();
        Console.WriteLine("| operation | a second of CPU | µs | bytes allocated |");
        Console.WriteLine("|---|--:|--:|--:|");
        foreach ((string name, Action operation) in operations)
        {
            for (int i = 0; i < ids.Length; i++)
            {
                operation();
            }
            var rates = new List<double>();
            long allocated = 0;
            long total = 0;
            for (int round = 0; round < rounds; round++)
            {
                long before = GC.GetAllocatedBytesForCurrentThread();
                long count = 0;
                long began = CpuClock.ThreadNanoseconds();
                double elapsed;
                do
                {
                    for (int i = 0; i < 100; i++)
                    {
                        operation();
                    }
                    count += 100;
                    elapsed = (CpuClock.ThreadNanoseconds() - began) / 1e9;
                }
                while (elapsed < seconds);
                rates.Add(count / elapsed);
                allocated += GC.GetAllocatedBytesForCurrentThread() - before;
                total += count;
            }
            double rate = rates.Order().ElementAt(rounds / 2);
            Console.WriteLine($"| {name} | {rate:N0} | {1e6 / rate:F2} | {allocated / total} |");
        }
    }

    private static TlsSession Session(SslProtocols version, CryptoProvider crypto)
    {
        DateTimeOffset now = TimeProvider.System.GetUtcNow();
        byte[] secret = RandomNumberGenerator.GetBytes(version == SslProtocols.Tls13 ? 32 : 48);
        return new TlsSession(
            new TlsSessionState
            {
                IsServer = true,
                ProtocolVersion = version,
                CipherSuite = version == SslProtocols.Tls13 ? TlsCipherSuite.TLS_AES_128_GCM_SHA256 : TlsCipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
                Hash = HashKind.Sha256,
                Scope = SessionScope.Create(new SessionScopeInputs { IsServer = true }, crypto),
                Lineage = SessionLineage.Begin(now, TimeSpan.FromDays(7), [], null, null, crypto),
                IssuedAt = now,
                Lifetime = TimeSpan.FromHours(1),
                ServerName = "www.example.org",
                ApplicationProtocol = SslApplicationProtocol.Http2,
                Group = TlsNamedGroup.X25519,
                ExtendedMasterSecret = version == SslProtocols.Tls12,
            },
            secret);
    }
}

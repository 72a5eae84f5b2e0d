using System.Buffers;
using System.Buffers.Binary;
using System.Net;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Segno.Bench.Peers;
using Segno.Cryptography;
using Segno.Sessions;

namespace Segno.Bench.Sessions;

/// <summary>
/// What the shipped policy is worth: each trace through it as a server would ask it, against no policy. Ten of those who count come
/// a second, so a trace lasts three and a half days. The load is what the visits of the last seconds cost a server that can make 30 full
/// handshakes a second, a resumed one costing half of a full one.
/// </summary>
internal static class PolicyGain
{
    private const int PerSecond = 10;
    private const double Capacity = 30;
    private const double ResumedCost = 0.5;
    private const int StoreEntries = 10_000;

    private static readonly (string Name, Func<IEnumerable<Visit>> Make)[] All =
        [("zipf", Traces.Zipf), ("scan", Traces.Scan), ("flood", Traces.Flood), ("returns", Traces.Returns), ("pages", Traces.Pages)];

    /// <param name="names">The traces; none: all.</param>
    public static async Task RunAsync(string[] names)
    {
        (int full, int resumed, int ticket) = await BytesAsync();
        Console.WriteLine($"TLS 1.3, both ways: a full handshake has {full:N0} bytes, a resumed one {resumed:N0}; a ticket {ticket:N0}.");
        Console.WriteLine();
        Console.WriteLine("| trace | policy | tickets: resumed % | tickets per visit | bytes per visit | session IDs: resumed % | stored per visit | sessions for the attacker |");
        Console.WriteLine("|---|---|--:|--:|--:|--:|--:|--:|");
        foreach ((string name, Func<IEnumerable<Visit>> make) in All.Where(trace => names is [] || names.Contains(trace.Name)))
        {
            foreach ((string title, IResumptionPolicy? policy) in Candidates())
            {
                Result tickets = Run(policy, make(), useStore: false);
                Result stored = Run(policy, make(), useStore: true);
                double bytes = ((tickets.Visits - tickets.Resumed) * (double)full + tickets.Resumed * (double)resumed + tickets.Given * (double)ticket) / tickets.Visits;
                Console.WriteLine($"| {name} | {title} | {tickets.Share:F1} | {(double)tickets.Given / tickets.Visits:F2} | {bytes:F0} "
                    + $"| {stored.Share:F1} | {(double)stored.Given / stored.Visits:F2} | {tickets.ForAttackers:N0} |");
            }
        }
        Console.WriteLine();
        Cost();
    }

    private static (string, IResumptionPolicy?)[] Candidates() =>
    [
        ("none", null),
        ("adaptive", new AdaptiveResumptionPolicy()),
        ("adaptive, 4 h for new visitors", new AdaptiveResumptionPolicy(new AdaptiveResumptionOptions { NewVisitorLifetime = TimeSpan.FromHours(4) })),
        ("adaptive, 2 tickets for new visitors", new AdaptiveResumptionPolicy(new AdaptiveResumptionOptions { NewVisitorTickets = 2 })),
        ("adaptive, 1 ticket for who returns", new AdaptiveResumptionPolicy(new AdaptiveResumptionOptions { ReturningTickets = 1 })),
    ];

    private static Result Run(IResumptionPolicy? policy, IEnumerable<Visit> trace, bool useStore)
    {
        var clock = new TraceClock();
        double load = 0;
        using PolicyGate? gate = policy is null ? null : new PolicyGate(policy, () => Math.Min(1, load / Capacity), CryptoProvider.Default, clock);
        using IClients clients = useStore ? new ByStore(clock) : new ByTickets(clock);
        var result = new Result();
        byte[] address = new byte[4];
        foreach (Visit visit in trace)
        {
            if (visit is { Counts: true, AtOnce: false })
            {
                clock.Advance(TimeSpan.FromSeconds(1.0 / PerSecond));
                // Handshakes a second, over about ten of them.
                load *= 1 - (1.0 / PerSecond / 10);
            }
            BinaryPrimitives.WriteInt32BigEndian(address, visit.Source << 8);
            ResumptionContext snapshot = gate?.Visit(new IPAddress(address), "www.example.org") ?? default;
            Held? offered = clients.Offer(visit);
            ResumptionVerdict verdict = default;
            bool resumed = false;
            if (offered is { } session)
            {
                verdict = gate is null ? default : gate.Decide(
                    snapshot with
                    {
                        Stage = ResumptionStage.Resumption,
                        Mechanism = clients.Mechanism,
                        SessionAge = clock.GetUtcNow() - session.IssuedAt,
                        AuthenticationAge = clock.GetUtcNow() - session.IssuedAt,
                        ResumptionCount = session.Resumptions,
                    },
                    out _);
                resumed = !verdict.IsDeclined;
            }
            if (!resumed)
            {
                verdict = gate is null ? default : gate.Decide(
                    snapshot with { Stage = ResumptionStage.FullHandshake, Mechanism = clients.HasOffered ? clients.Mechanism : ResumptionMechanism.None }, out _);
            }
            load += (resumed ? ResumedCost : 1) / 10;
            int given = clients.Give(visit, resumed ? offered!.Value.Resumptions + 1 : 0, resumed, verdict);
            if (visit.Counts)
            {
                result.Visits++;
                result.Resumed += resumed ? 1 : 0;
                result.Given += given;
            }
            else
            {
                result.ForAttackers += given;
            }
        }
        return result;
    }

    /// <summary>What a policy costs each handshake.</summary>
    private static void Cost()
    {
        const int Count = 1_000_000;
        using var gate = new PolicyGate(new AdaptiveResumptionPolicy(), null, CryptoProvider.Default, TimeProvider.System);
        byte[] address = new byte[4];
        for (int round = 0; round < 2; round++)
        {
            long allocated = GC.GetAllocatedBytesForCurrentThread();
            long start = CpuClock.ThreadNanoseconds();
            for (int i = 0; i < Count; i++)
            {
                BinaryPrimitives.WriteInt32BigEndian(address, (i % 5000) << 8);
                ResumptionContext context = gate.Visit(new IPAddress(address), null) with { Stage = ResumptionStage.FullHandshake };
                gate.Decide(context, out _);
            }
            if (round == 1)
            {
                Console.WriteLine($"The policy and what it is told cost {(CpuClock.ThreadNanoseconds() - start) / Count} ns of CPU time and "
                    + $"{(GC.GetAllocatedBytesForCurrentThread() - allocated) / Count} bytes per handshake.");
            }
        }
    }

    private static async Task<(int Full, int Resumed, int Ticket)> BytesAsync()
    {
        using X509Certificate2 certificate = InMemory.MakeCertificate();
        using TlsCertificate own = TlsCertificate.Create(certificate);
        using var server = new TlsServerContext(new TlsServerOptions { ServerCertificates = [own], EnabledSslProtocols = SslProtocols.Tls13 });
        var cache = new MemoryClientSessionCache();
        var client = new TlsClientContext(new TlsClientOptions { SessionCache = cache, CertificateChainPolicy = InMemory.Trust(certificate) });
        TlsConnectionInfo full = await InMemory.ConnectAsync(client, server, IPAddress.Loopback);
        TlsConnectionInfo resumed = await InMemory.ConnectAsync(client, server, IPAddress.Loopback);
        Memory.Check(resumed.Resumption.IsResumed);
        var key = new ClientSessionKey(InMemory.Host, 0, InMemory.Host, [], client.Settings.ScopeDigest);
        Memory.Check(cache.TryTake(key, TimeProvider.System.GetUtcNow(), out TlsSession? session, out _));
        // Record header, type and tag; message header; lifetime, age_add, nonce, lengths.
        const int Around = 5 + 1 + 16 + 4 + 4 + 4 + 2 + 2 + 2;
        return (Sum(full), Sum(resumed), session!.Ticket.Length + Around);

        static int Sum(TlsConnectionInfo info) => (int)(info.HandshakeBytesIn + info.HandshakeBytesOut);
    }

    private readonly record struct Held(DateTimeOffset IssuedAt, int Resumptions, DateTimeOffset ExpiresAt = default, long Id = 0);

    private sealed class Result
    {
        public long Visits { get; set; }

        public long Resumed { get; set; }

        public long Given { get; set; }

        public long ForAttackers { get; set; }

        public double Share => 100.0 * Resumed / Visits;
    }

    private sealed class TraceClock : TimeProvider
    {
        private static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
        private TimeSpan _elapsed;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => _elapsed.Ticks;

        public override DateTimeOffset GetUtcNow() => Start + _elapsed;

        public void Advance(TimeSpan time) => _elapsed += time;
    }

    /// <summary>All clients, and what they and the server keep.</summary>
    private interface IClients : IDisposable
    {
        ResumptionMechanism Mechanism { get; }

        /// <summary>Whether the last one to come offered a session, good or not.</summary>
        bool HasOffered { get; }

        /// <summary>A client comes: its session, if the server knows it still.</summary>
        Held? Offer(Visit visit);

        /// <summary>The client gets what the verdict leaves of the defaults.</summary>
        /// <returns>How many sessions.</returns>
        int Give(Visit visit, int resumptions, bool resumed, in ResumptionVerdict verdict);
    }

    /// <summary>Clients of TLS 1.3 with four tickets each at most, used once; connections that begin at once know none of each other's.</summary>
    private sealed class ByTickets(TraceClock clock) : IClients
    {
        private readonly Dictionary<int, List<Held>> _pools = [];
        private readonly List<Held> _coming = [];
        private int _comingTo;

        public ResumptionMechanism Mechanism => ResumptionMechanism.Psk;

        public bool HasOffered { get; private set; }

        public Held? Offer(Visit visit)
        {
            if (!visit.AtOnce)
            {
                Arrive();
            }
            HasOffered = false;
            if (!_pools.TryGetValue(visit.Client, out List<Held>? pool))
            {
                return null;
            }
            pool.RemoveAll(held => held.ExpiresAt < clock.GetUtcNow());
            if (pool.Count == 0)
            {
                return null;
            }
            Held newest = pool[^1];
            pool.RemoveAt(pool.Count - 1);
            HasOffered = true;
            return newest;
        }

        public int Give(Visit visit, int resumptions, bool resumed, in ResumptionVerdict verdict)
        {
            int tickets = verdict.Tickets(resumed ? 1 : 2, 4);
            TimeSpan lifetime = verdict.Lifetime(TimeSpan.FromHours(24));
            _comingTo = visit.Client;
            for (int i = 0; i < tickets; i++)
            {
                _coming.Add(new Held(clock.GetUtcNow(), resumptions, clock.GetUtcNow() + lifetime));
            }
            return tickets;
        }

        public void Dispose() => _pools.Clear();

        private void Arrive()
        {
            if (_coming.Count == 0)
            {
                return;
            }
            if (!_pools.TryGetValue(_comingTo, out List<Held>? pool))
            {
                _pools.Add(_comingTo, pool = []);
            }
            pool.AddRange(_coming);
            pool.RemoveRange(0, Math.Max(0, pool.Count - MemoryClientSessionCache.DefaultMaxSessionsPerKey));
            _coming.Clear();
        }
    }

    /// <summary>Clients of TLS 1.2 with a session ID each, and the store that is shipped.</summary>
    private sealed class ByStore(TraceClock clock) : IClients
    {
        private readonly MemorySessionStore _store = new(StoreEntries, StoreEntries * 400L, timeProvider: clock);
        private readonly Dictionary<int, Held> _held = [];
        private readonly byte[] _key = new byte[16];
        private readonly byte[] _value = new byte[Policies.ShippedStore.ValueLength];
        private readonly ArrayBufferWriter<byte> _room = new(256);
        private long _next;

        public ResumptionMechanism Mechanism => ResumptionMechanism.SessionId;

        public bool HasOffered { get; private set; }

        public Held? Offer(Visit visit)
        {
            HasOffered = _held.TryGetValue(visit.Client, out Held held);
            if (!HasOffered)
            {
                return null;
            }
            BinaryPrimitives.WriteInt64LittleEndian(_key, held.Id);
            _room.ResetWrittenCount();
            if (!Memory.AtOnce(_store.GetAsync(_key, _room)))
            {
                return null;
            }
            return held;
        }

        public int Give(Visit visit, int resumptions, bool resumed, in ResumptionVerdict verdict)
        {
            if (resumed)
            {
                Held held = _held[visit.Client];
                BinaryPrimitives.WriteInt64LittleEndian(_key, held.Id);
                Memory.AtOnce(_store.MarkUsedAsync(_key));
                return 0;
            }
            TimeSpan lifetime = verdict.Lifetime(TimeSpan.FromHours(1));
            if (lifetime <= TimeSpan.Zero)
            {
                return 0;
            }
            _held[visit.Client] = new Held(clock.GetUtcNow(), 0, Id: ++_next);
            BinaryPrimitives.WriteInt64LittleEndian(_key, _next);
            Memory.AtOnce(_store.SetAsync(_key, _value, new SessionStoreEntry(clock.GetUtcNow() + lifetime, (ulong)(visit.Source + 2L))));
            return 1;
        }

        public void Dispose() => _store.Dispose();
    }
}

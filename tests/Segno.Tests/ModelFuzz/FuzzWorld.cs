using System.Net.Security;
using System.Security.Authentication;
using Segno.Sessions;
using Segno.Tests.Connections;
using Segno.Tests.Handshake;
using Segno.Tests.Sessions;

namespace Segno.Tests.ModelFuzz;

/// <summary>Mistakes that are made on purpose, to see whether the fuzz finds them.</summary>
public enum PlantedRule
{
    /// <summary>None: the library as it is.</summary>
    None,
    /// <summary>Whatever opens is of this server's own scope.</summary>
    ScopeForgotten,
    /// <summary>Whatever opens is for the name that was asked for.</summary>
    NameForgotten,
    /// <summary>A stateful ticket stays in the store.</summary>
    TicketNotConsumed,
    /// <summary>The replay guard has never seen anything.</summary>
    ReplayForgotten,
    /// <summary>A session does not end.</summary>
    ExpiryForgotten,
    /// <summary>A key is not disposed with its connection.</summary>
    KeyLeaked,
}

/// <summary>What a session was made for.</summary>
internal sealed record FuzzScope(string Group, string? Tenant, TlsClientCertificateMode ClientCertificate);

/// <summary>How a server keeps its sessions.</summary>
internal enum FuzzTickets
{
    Stateless,
    /// <summary>Those of TLS 1.3 in the store.</summary>
    Stateful,
    /// <summary>None: session IDs.</summary>
    None,
}

/// <summary>A server, and what the model knows of it.</summary>
internal sealed record FuzzServer(FuzzScope Scope, FuzzTickets Tickets, TlsServerContext Context);

/// <summary>A session as its client has it, and what the model knows of it.</summary>
internal sealed record KnownSession(TlsSession Session, Guid Lineage, FuzzServer Home, bool IsStateful)
{
    /// <summary>Whether a stateful ticket was redeemed.</summary>
    public bool IsSpent { get; set; }
}

/// <summary>A client context, and the session that it is to resume, if there is one.</summary>
internal sealed record FuzzClient(KnownSession? Known, TlsClientContext Context);

/// <summary>
/// What the sequences of one seed have in common: servers of several scopes that share their ticket keys, their store and their
/// replay guard, so that nothing but the rules keeps them apart, and sessions of them all. Used by one thread.
/// </summary>
internal sealed class FuzzWorld : IDisposable
{
    public const string Host = "localhost";
    public const string OtherHost = "other.example";
    public const int MaxEarlyData = 100;
    public const int MaxEntries = 100;
    public const int MaxBytes = 128 * 1024;

    private readonly TicketKeyRing _keys;
    private readonly MemorySessionStore _store;
    private readonly CountingProvider _crypto = new();
    private readonly PlantedRule _planted;
    private readonly int _keysAtStart;

    public FuzzWorld(PlantedRule planted)
    {
        _planted = planted;
        _keys = new TicketKeyRing(timeProvider: Clock);
        _store = new MemorySessionStore(MaxEntries, MaxBytes, timeProvider: Clock);
        var guard = new MemoryReplayGuard(1 << 12, timeProvider: Clock);
        FuzzScope[] scopes =
        [
            new("a", null, TlsClientCertificateMode.None),
            new("b", null, TlsClientCertificateMode.None),
            new("a", "tenant", TlsClientCertificateMode.None),
            new("a", null, TlsClientCertificateMode.Optional),
        ];
        Servers =
        [
            .. from scope in scopes
               from tickets in Enum.GetValues<FuzzTickets>()
               select new FuzzServer(scope, tickets, MakeServer(scope, tickets, guard)),
        ];
        // The guard has been there for longer than a flight can be replayed.
        Clock.Advance(TimeSpan.FromSeconds(11));
        Sessions = [.. Servers.SelectMany(MakeSessions)];
        Clients = [MakeClient(null), .. Servers.Select(server => MakeClient(Sessions.Last(known => known.Home == server))), .. Sessions.Where(known => IsTls12(known.Session)).Take(3).Select(MakeClient)];
        _keysAtStart = _crypto.Alive;
    }

    public TestClock Clock { get; } = new() { Wall = TimeProvider.System.GetUtcNow(), TimersFire = false };

    public FuzzServer[] Servers { get; }

    public FuzzClient[] Clients { get; }

    public KnownSession[] Sessions { get; }

    /// <summary>First flights whose early data was accepted, by their binder.</summary>
    public HashSet<string> AcceptedEarly { get; } = [];

    /// <summary>The last hellos with early data as they were on the wire, the binder of each, and who got it.</summary>
    public Queue<(byte[] Hello, string Binder, FuzzServer Server)> EarlyHellos { get; } = [];

    /// <summary>Bounded memory: after a connection nothing of it is left, and the store is within its limits.</summary>
    public void AssertBounded()
    {
        SessionStoreStatistics statistics = _store.GetStatistics();
        Assert.InRange(statistics.Entries, 0, MaxEntries);
        Assert.InRange(statistics.Bytes, 0, MaxBytes);
        Assert.True(_crypto.Alive <= _keysAtStart, $"{_crypto.Alive - _keysAtStart} keys outlive their connection");
        if (_planted == PlantedRule.KeyLeaked)
        {
            _crypto.StartKeyExchange(TlsNamedGroup.X25519);
        }
    }

    public void Dispose()
    {
        foreach (FuzzServer server in Servers)
        {
            server.Context.Dispose();
        }
        _store.Dispose();
        _keys.Dispose();
    }

    public static bool IsTls12(TlsSession session) => session.ProtocolVersion == SslProtocols.Tls12;

    private TlsServerContext MakeServer(FuzzScope scope, FuzzTickets tickets, MemoryReplayGuard guard)
    {
        var context = new TlsServerContext(new TlsServerOptions
        {
            ServerCertificates = [TestPki.Ecdsa(Host).Tls],
            TimeProvider = Clock,
            Crypto = _crypto,
            Group = scope.Group,
            Tenant = scope.Tenant,
            ClientCertificateMode = scope.ClientCertificate,
            CertificateChainPolicy = TestPki.TrustRoot(),
            TicketKeys = _keys,
            SessionStore = _store,
            TicketMode = tickets == FuzzTickets.Stateful ? TlsTicketMode.Stateful : TlsTicketMode.Stateless,
            TicketCount = tickets == FuzzTickets.None ? 0 : 2,
            SupportedGroups = [TlsNamedGroup.X25519, TlsNamedGroup.P256],
            ApplicationProtocols = tickets == FuzzTickets.Stateless ? [SslApplicationProtocol.Http2, SslApplicationProtocol.Http11] : null,
            ExternalPskSelector = ExternalPskTests.Knows(ExternalPskTests.Plain),
            AllowPskWithoutKeyExchange = tickets == FuzzTickets.Stateful,
            MaxEarlyDataSize = MaxEarlyData,
            ReplayGuard = _planted == PlantedRule.ReplayForgotten ? new ForgetfulGuard(guard) : guard,
        });
        if (_planted is not (PlantedRule.None or PlantedRule.ReplayForgotten or PlantedRule.KeyLeaked))
        {
            context.Settings.Sessions = new WrongSessions(this, context, _planted);
        }
        return context;
    }

    /// <summary>What the server gives a client of ours in each version.</summary>
    private IEnumerable<KnownSession> MakeSessions(FuzzServer server)
    {
        foreach (SslProtocols version in (SslProtocols[])[SslProtocols.Tls12, SslProtocols.Tls13])
        {
            var client = new TlsClientContext(ClientOptions(options =>
            {
                options.EnabledSslProtocols = version;
                options.ApplicationProtocols = server.Tickets == FuzzTickets.Stateless ? [SslApplicationProtocol.Http2] : null;
                options.ClientCertificate = server.Scope.ClientCertificate == TlsClientCertificateMode.None ? null : TestPki.ClientEcdsa().Tls;
            }));
            using var pair = new EnginePair(client, server.Context, Host);
            List<TlsSession> sessions = [];
            pair.Client.SessionReceived += (_, session) => sessions.Add(session);
            pair.Handshake();
            pair.Run();
            foreach (TlsSession session in sessions)
            {
                yield return new KnownSession(session, pair.Server.Info.LineageId!.Value, server, server.Tickets == FuzzTickets.Stateful && version == SslProtocols.Tls13);
            }
        }
    }

    private FuzzClient MakeClient(KnownSession? known) => new(known, new TlsClientContext(ClientOptions(options =>
    {
        options.Resume = known?.Session;
        options.AllowTicketReuse = true;
        options.ClientCertificate = known?.Session.PeerCertificates.Count > 0 && known.Home.Scope.ClientCertificate != TlsClientCertificateMode.None ? TestPki.ClientEcdsa().Tls : null;
        options.Crypto = _crypto;
    })));

    private TlsClientOptions ClientOptions(Action<TlsClientOptions> configure)
    {
        var options = new TlsClientOptions
        {
            CertificateChainPolicy = TestPki.TrustRoot(),
            TimeProvider = Clock,
            SupportedGroups = [TlsNamedGroup.X25519, TlsNamedGroup.P256],
        };
        configure(options);
        return options;
    }

    private sealed class ForgetfulGuard(MemoryReplayGuard guard) : IReplayGuard
    {
        public ReadOnlyMemory<byte> Zone => guard.Zone;

        public ValueTask<ReplayVerdict> ClaimAsync(EarlyDataClaim claim, CancellationToken cancellationToken = default) => new(ReplayVerdict.First);
    }
}

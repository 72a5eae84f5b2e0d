using System.Net;
using System.Security.Authentication;
using Segno.Sessions;
using Segno.Tests.Connections;

namespace Segno.Tests.Sessions;

/// <summary>
/// However many handshakes there are, and whatever their names, what sessions take is bounded at both ends, in every mechanism
/// (I1, I4). <c>bench/sessions caps</c> does the same a million times.
/// </summary>
public sealed class SessionBoundTests
{
    private const int MaxSessions = 100;
    private const int PerKey = 4;
    private const int Visits = 500;
    private const long MaxBytes = 16 * 1024;

    [Theory]
    [InlineData(ResumptionMechanism.SessionId, SslProtocols.Tls12, 0, TlsTicketMode.Stateless)]
    [InlineData(ResumptionMechanism.Ticket, SslProtocols.Tls12, 1, TlsTicketMode.Stateless)]
    [InlineData(ResumptionMechanism.Psk, SslProtocols.Tls13, 2, TlsTicketMode.Stateless)]
    [InlineData(ResumptionMechanism.Psk, SslProtocols.Tls13, 2, TlsTicketMode.Stateful)]
    [InlineData(ResumptionMechanism.None, SslProtocols.Tls13, 0, TlsTicketMode.Stateless)]
    public void A_thousand_handshakes_leave_no_more_sessions_than_may_be(ResumptionMechanism mechanism, SslProtocols version, int tickets, TlsTicketMode mode)
    {
        using var store = new MemorySessionStore(MaxSessions, MaxBytes);
        using TlsServerContext server = Server(store, version, tickets, mode);
        var cache = new MemoryClientSessionCache(MaxSessions / PerKey, PerKey);
        TlsClientContext client = Client(cache);

        int resumed = 0;
        for (int i = 0; i < Visits; i++)
        {
            Assert.False(Handshake(client, server, i).IsResumed);
            ResumptionOutcome outcome = Handshake(client, server, i);
            if (outcome.IsResumed)
            {
                Assert.Equal(mechanism, outcome.Mechanism);
                resumed++;
            }
            Assert.InRange(store.Count, 0, MaxSessions);
            Assert.InRange(store.Bytes, 0, MaxBytes);
            Assert.InRange(cache.Count, 0, MaxSessions);
        }

        // The bounds were reached where there is something to keep, so they are what held.
        bool kept = mechanism == ResumptionMechanism.SessionId || mode == TlsTicketMode.Stateful;
        // So small a store, in which networks are told apart by a few bits under a random key, may let the newest of all go.
        Assert.InRange(resumed, mechanism == ResumptionMechanism.None ? 0 : kept ? Visits - 10 : Visits, mechanism == ResumptionMechanism.None ? 0 : Visits);
        Assert.Equal(kept, store.GetStatistics() is { EvictedForEntries: > 0 } or { EvictedForBytes: > 0 });
        Assert.Equal(!kept, store.Count == 0);
        Assert.Equal(mechanism != ResumptionMechanism.None, cache.Count >= MaxSessions / PerKey);
    }

    /// <summary>At n all are there; at n + 1 one goes, and n are left.</summary>
    [Fact]
    public void The_number_of_sessions_at_the_server_is_exact()
    {
        using var store = new MemorySessionStore(MaxSessions, 1 << 20);
        using TlsServerContext server = Server(store, SslProtocols.Tls12, 0);
        TlsClientContext client = Client(new MemoryClientSessionCache(2 * MaxSessions));
        for (int i = 0; i < MaxSessions; i++)
        {
            Handshake(client, server, i);
        }
        Assert.Equal((MaxSessions, 0), (store.Count, store.GetStatistics().EvictedForEntries));

        Handshake(client, server, MaxSessions);

        Assert.Equal((MaxSessions, 1), (store.Count, store.GetStatistics().EvictedForEntries));
        Assert.True(Handshake(client, server, MaxSessions).IsResumed);
    }

    [Fact]
    public void The_number_of_peers_at_the_client_is_exact()
    {
        using var store = new MemorySessionStore();
        using TlsServerContext server = Server(store, SslProtocols.Tls13, 1);
        var cache = new MemoryClientSessionCache(MaxSessions, 1);
        TlsClientContext client = Client(cache);
        for (int i = 0; i < MaxSessions; i++)
        {
            Handshake(client, server, i);
        }
        Assert.Equal(MaxSessions, cache.Count);

        Handshake(client, server, MaxSessions);

        Assert.Equal(MaxSessions, cache.Count);
        Assert.Equal(ResumptionStatus.NotOffered, Handshake(client, server, 0).Status);
        Assert.True(Handshake(client, server, MaxSessions).IsResumed);
    }

    private static TlsServerContext Server(MemorySessionStore store, SslProtocols version, int tickets, TlsTicketMode mode = TlsTicketMode.Stateless) => new(new TlsServerOptions
    {
        ServerCertificates = [TestPki.Wildcard.Tls],
        EnabledSslProtocols = version,
        TicketCount = tickets,
        TicketMode = mode,
        SessionStore = store,
        Group = "test",
        SupportedGroups = [TlsNamedGroup.X25519],
    });

    private static TlsClientContext Client(MemoryClientSessionCache cache) => new(new TlsClientOptions
    {
        SessionCache = cache,
        CertificateChainPolicy = TestPki.TrustRoot(),
        // P-256 is that of the certificate (RFC 8422 §5.3).
        SupportedGroups = [TlsNamedGroup.X25519, TlsNamedGroup.P256],
    });

    /// <summary>Each client is another, under another name and from another network.</summary>
    private static ResumptionOutcome Handshake(TlsClientContext client, TlsServerContext server, int number)
    {
        using var pair = new EnginePair(client, server, $"h{number}.example.test");
        pair.Server.RemoteEndPoint = new IPEndPoint(new IPAddress([10, (byte)(number >> 8), (byte)(number & 0xff), 1]), 443);
        pair.Handshake();
        return pair.Server.Info.Resumption;
    }
}

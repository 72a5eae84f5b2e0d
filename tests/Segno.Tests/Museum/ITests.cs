using Segno.Cryptography;
using Segno.Records;
using Segno.Sessions;
using Segno.Tests.Connections;
using Segno.Tests.Sessions;

namespace Segno.Tests.Museum;

/// <summary>Room I: what a peer can make us keep or do.</summary>
[Trait("Exhibit", "core")]
public sealed partial class ITests
{
    private const int Cap = 16;

    public static TheoryData<SessionKind> Mechanisms => Exhibits.All;

    public static TheoryData<SessionKind, string> Configurations
        => Exhibits.Cross("default", "no tickets", "no tickets when resumed", "no lifetime", "deferred", "never again", "never resumed", "many names");

    public static TheoryData<SessionKind, string> Offers => Exhibits.Cross("unknown", "of another scope", "many", "expired");

    // I1, CVE-2024-2511: whatever the mechanism and the options, and whether clients come back or not, no side keeps more than its cap.
    // The long run is bench/ and eng/soak; what grows by one entry per handshake shows here as well.
    [Theory]
    [MemberData(nameof(Configurations))]
    public async Task I1_NothingGrowsPastItsCap(SessionKind kind, string configuration)
    {
        using var store = new MemorySessionStore(maxEntries: Cap);
        var cache = new MemoryClientSessionCache(maxKeys: 4, maxSessionsPerKey: 2);
        string[] names = [.. Enumerable.Range(0, configuration == "many names" ? 3 * Cap : 1).Select(i => $"h{i}.example")];
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(
            kind,
            o => (o.SessionCache, o.AllowTlsResume) = (cache, configuration != "never resumed"),
            o =>
            {
                (o.SessionStore, o.Group, o.ServerCertificates) = (store, "g", [TestPki.Ecdsa(names).Tls]);
                o.TicketCount = configuration == "no tickets" ? 0 : o.TicketCount;
                o.TicketCountOnResumption = configuration == "no tickets when resumed" ? 0 : o.TicketCountOnResumption;
                o.DeferSessions = configuration == "deferred";
                (o.TicketLifetime, o.Tls12SessionLifetime) = configuration == "no lifetime" ? (default, default) : (o.TicketLifetime, o.Tls12SessionLifetime);
            });
        int most = 0;
        for (int i = 0; i < 5 * Cap; i++)
        {
            if (configuration == "never again")
            {
                cache.Clear();
            }
            using EnginePair pair = EnginePair.Connect(client, server, names[i % names.Length]);
            if (configuration == "deferred")
            {
                await pair.Server.CommitSessionAsync(TestContext.Current.CancellationToken);
                pair.Run();
            }
            most = Math.Max(most, store.Count);
            Assert.InRange(store.Count, 0, Cap);
            Assert.InRange(store.Templates.Count, 0, Cap);
            Assert.InRange(cache.Count, 0, 4 * 2);
        }
        if (configuration == "never again" && kind.IsStored())
        {
            // It was full, or the above says nothing.
            Assert.Equal(Cap, most);
        }
        if (configuration == "no lifetime")
        {
            Assert.Equal((0, 0), (most, cache.Count));
        }
    }

    // I4: as many names as one likes, past what a store has room for: what sessions have in common is bounded like the sessions.
    [Fact]
    public void I4_AHundredThousandNamesAreBounded()
    {
        using var store = new MemorySessionStore(maxEntries: 1000, maxBytes: 256 * 1024);
        using var ring = new TicketKeyRing();
        using var stored = StoredSessions.Create(store, ring, CryptoProvider.Default, TimeProvider.System, null);
        byte[] id = new byte[32];
        DateTimeOffset now = DateTimeOffset.UtcNow;
        SessionScope scope = SessionScope.Create(new SessionScopeInputs { IsServer = true, Group = "g" }, CryptoProvider.Default);
        SessionLineage lineage = SessionLineage.Begin(now, TimeSpan.FromDays(1), [], null, null, CryptoProvider.Default);
        TlsSession model = SessionDraft.Tls12().Session();
        byte[] secret = SessionDraft.SecretOf(model);
        for (int i = 0; i < 100_000; i++)
        {
            BitConverter.TryWriteBytes(id, i);
            var session = new TlsSession(
                new TlsSessionState
                {
                    IsServer = true,
                    ProtocolVersion = model.ProtocolVersion,
                    CipherSuite = model.CipherSuite,
                    Hash = model.Hash,
                    Scope = scope,
                    Lineage = lineage,
                    IssuedAt = now,
                    Lifetime = TimeSpan.FromHours(1),
                    ServerName = $"h{i}.example",
                    SessionId = id,
                    ExtendedMasterSecret = true,
                },
                secret);
            ValueTask<bool> kept = stored.StoreAsync(session, id, null, TestContext.Current.CancellationToken);
            Assert.True(kept.IsCompleted);
            if (i % 1000 == 0)
            {
                Assert.InRange(store.Count, 1, 1000);
                Assert.InRange(store.Bytes, 1, 256 * 1024);
                Assert.InRange(store.Templates.Bytes, 1, 256 * 1024 / 64);
            }
        }
        Assert.InRange(store.Count, 100, 1000);
    }

    // I4: a message that claims 16 MiB is refused at its header; nothing is set aside for it.
    [Theory]
    [InlineData(0xff, 0xff, 0xff, false)]
    [InlineData(0x01, 0x00, 0x01, false)]
    [InlineData(0x01, 0x00, 0x00, true)]
    public void I4_AHelloThatIsTooLongIsRefusedAtItsHeader(byte high, byte middle, byte low, bool taken)
    {
        (_, TlsServerContext server) = HandshakeTests.Contexts();
        using var script = new ScriptedClient(server);
        if (taken)
        {
            script.SendRecord(ContentType.Handshake, 1, high, middle, low);
            Assert.True(script.IsQuiet());
            return;
        }
        long before = GC.GetAllocatedBytesForCurrentThread();
        script.AssertRefused(TlsFault.MessageTooLong, TlsAlert.IllegalParameter, () => script.SendRecord(ContentType.Handshake, 1, high, middle, low));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1024 * 1024);
    }

    // I7: an offer that comes to nothing is at most as dear as the full handshake that it ends in, but for opening two tickets.
    [Theory]
    [MemberData(nameof(Offers))]
    public void I7_ADeclinedOfferCostsAFullHandshakeAndNoMore(SessionKind kind, string offer)
    {
        var clock = new TestClock { Wall = DateTimeOffset.UtcNow };
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(kind, null, o => (o.Group, o.TimeProvider) = ("g", clock));
        TlsServerContext redeemer = server;
        TlsSession session = Exhibits.Session(client, server);
        switch (offer)
        {
            case "unknown":
                redeemer = Exhibits.Contexts(kind, null, o => o.TimeProvider = clock).Server;
                break;
            case "of another scope":
                redeemer = Exhibits.Contexts(kind, null, o => (o.Group, o.TimeProvider) = ("other", clock)).Server;
                Exhibits.ShareSessions(server, redeemer);
                break;
            default:
                clock.Advance(TimeSpan.FromHours(24.5));
                break;
        }
        Cost full = CostOf(null);
        Cost declined = CostOf(script =>
        {
            if (offer == "many" && kind.IsTls13())
            {
                script.SendHello13([.. Enumerable.Repeat(session, 64)]);
            }
            else
            {
                Exhibits.Offer(script, session);
            }
        });
        Assert.Equal((full.Signatures, full.Agreements), (declined.Signatures, declined.Agreements));
        // A session that is opened has its secret wrapped, under a key and a nonce of its own.
        Assert.InRange(declined.Opens, 0, 2);
        Assert.InRange(declined.AeadKeys - full.AeadKeys, 0, 2 * declined.Opens);
        Assert.InRange(declined.Random - full.Random, 0, declined.Opens);
        Assert.InRange(declined.Macs - full.Macs, 0, 12);

        Cost CostOf(Action<ScriptedClient>? make)
        {
            using var script = new ScriptedClient(redeemer);
            byte[] hello = [];
            // What the script itself computes does not count.
            script.Falsify = (_, message) =>
            {
                hello = message;
                return [];
            };
            if (make is null)
            {
                script.SendHello(kind.ToMechanism() switch
                {
                    ResumptionMechanism.Psk => script.Extensions13,
                    ResumptionMechanism.Ticket => [.. script.Extensions12, ScriptedPeer.Extension(Segno.Handshake.Extensions.ExtensionType.SessionTicket)],
                    _ => script.Extensions12,
                });
            }
            else
            {
                make(script);
            }
            CryptoCounters counters = CryptoCounters.Current;
            counters.Reset();
            foreach (byte[] piece in hello.Chunk(RecordHeader.MaxPlaintext))
            {
                script.Deliver(WireRecords.Plaintext((byte)ContentType.Handshake, piece));
            }
            Assert.False(script.Engine.Info.Resumption.IsResumed);
            Assert.Equal(make is not null, script.Engine.Info.Resumption.Status == ResumptionStatus.Declined);
            return new Cost(counters.Signatures, counters.KeyAgreements, counters.RandomCalls, counters.AeadKeys, counters.Opens, counters.Hmacs);
        }
    }

    // I7: failed attempts to resume evict nothing and touch nothing: who has a session still has it.
    [Theory]
    [MemberData(nameof(Mechanisms))]
    public void I7_FailedAttemptsLeaveTheSessionsOfOthersAlone(SessionKind kind)
    {
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(kind);
        TlsSession session = Exhibits.Session(client, server);
        TlsSession stolen = Exhibits.Session(Exhibits.Contexts(kind).Client, Exhibits.Contexts(kind).Server);
        for (int i = 0; i < 50; i++)
        {
            Assert.False(Exhibits.Redeem(server, stolen).IsResumed);
            if (kind.IsTls13())
            {
                continue;
            }
            // Somebody knows the ID or the ticket, and not the secret: bad values in the abbreviated handshake (CVE-2017-6141).
            using var script = new ScriptedClient(server);
            Exhibits.Offer12(script, session);
            script.ReceiveHello12();
            script.Keys12!.Resume(stolen);
            Assert.ThrowsAny<TlsException>(() =>
            {
                script.SendChangeCipherSpec();
                script.ProtectWrites12();
                script.Send(script.MakeFinished12());
            });
        }
        Exhibits.AssertUnharmed(client, server, resumed: true);
    }

    private sealed record Cost(long Signatures, long Agreements, long Random, long AeadKeys, long Opens, long Macs);
}

using System.Security.Authentication;
using System.Security.Cryptography;
using Segno.Cryptography;
using Segno.Handshake.Messages;
using Segno.Sessions;
using Segno.Sessions.Tickets;
using Segno.Tests.Connections;
using Segno.Tests.Sessions;

namespace Segno.Tests.Museum;

/// <summary>Room C: ticket keys and the format of tickets.</summary>
[Trait("Exhibit", "core")]
public partial class CTests
{
    private static readonly TimeSpan Day = TimeSpan.FromDays(1);

    public static TheoryData<SessionKind> All => Exhibits.All;

    public static TheoryData<SessionKind> Tickets => Exhibits.Stateless;

    // C1, C3: the very first ticket of a server is under a key that nobody else has, and so are those of any other server.
    [Theory]
    [MemberData(nameof(Tickets))]
    public void C1_TheFirstTicketOfAServerOpensUnderNoKeyThatOneCouldGuess(SessionKind kind)
    {
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(kind);
        byte[] ticket = Exhibits.Session(client, server).Ticket.ToArray();
        byte[] name = ticket[1..17];
        byte[] started = BitConverter.GetBytes(Environment.ProcessId);
        byte[][] guesses =
        [
            new byte[32], Enumerable.Repeat((byte)0xff, 32).ToArray(), Enumerable.Repeat((byte)0x41, 32).ToArray(),
            "0123456789abcdef0123456789abcdef"u8.ToArray(), SHA256.HashData([]), SHA256.HashData(started), SHA256.HashData(name),
        ];
        foreach (byte[] guess in guesses)
        {
            // The weak ones are no key at all; the others do not open it.
            var crypto = new CryptoDouble { Random = bytes => ((byte[])[.. guess, .. name]).AsSpan(0, bytes.Length).CopyTo(bytes) };
            using var ring = new TicketKeyRing(null, null, null, crypto);
            Assert.Null(new TicketSealer(ring, crypto).Open(ticket, out ResumptionReason reason));
            Assert.Equal(ring.Active is null ? ResumptionReason.UnknownTicketKey : ResumptionReason.TicketUndecryptable, reason);
        }
        // The sabotage that this catches: whoever has the key opens it.
        Assert.NotNull(new TicketSealer(server.Settings.TicketKeys!, CryptoProvider.Default).Open(ticket, out _));
        TlsServerContext other = Exhibits.Contexts(kind).Server;
        using EnginePair pair = EnginePair.Connect(client, other);
        Assert.Equal(ResumptionOutcome.Declined(kind.ToMechanism(), ResumptionReason.UnknownTicketKey), pair.Server.Info.Resumption);
    }

    // C2: many tickets of one session under one key, as an observer sees them.
    [Fact]
    public void C2_TicketsRepeatNothing()
    {
        const int Count = 100_000;
        using var ring = new TicketKeyRing();
        var sealer = new TicketSealer(ring, CryptoProvider.Default);
        TlsSession session = new SessionDraft().Session();
        var salts = new HashSet<UInt128>(Count);
        var blocks = new HashSet<UInt128>(Count);
        for (int i = 0; i < Count; i++)
        {
            byte[] ticket = sealer.Seal(session)!;
            Assert.True(salts.Add(TicketKey.ReadName(ticket.AsSpan(17, 16))));
            // Equal plaintext, so an equal block would be an equal key stream.
            Assert.True(blocks.Add(TicketKey.ReadName(ticket.AsSpan(TicketSealer.HeaderLength, 16))));
        }
    }

    // C2: what names a key tells nothing of another key, though both come from roots that differ in one bit.
    [Fact]
    public void C2_NamesOfKeysAreUnrelated()
    {
        byte[] root = RandomNumberGenerator.GetBytes(32);
        byte[] other = [.. root];
        other[31] ^= 1;
        using TicketKeyRing a = TicketKeyRing.Derive(root);
        using TicketKeyRing b = TicketKeyRing.Derive(other);
        string[] names = [.. a.Keys.Concat(b.Keys).Select(key => key.Name)];
        Assert.Equal(6, names.Distinct().Count());
        Assert.Equal(6, names.Select(name => name[..8]).Distinct().Count());
    }

    // C4: after a rotation and the lifetime the key is wiped, and its ticket is worth a full handshake.
    [Theory]
    [MemberData(nameof(Tickets))]
    public void C4_AfterItsTimeAKeyIsGone(SessionKind kind)
    {
        var clock = new TestClock { Wall = DateTimeOffset.UtcNow };
        using var ring = new TicketKeyRing(timeProvider: clock);
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(kind, null, options => Share(options, ring));
        Exhibits.Session(client, server);
        TicketKey key = ring.Active!;
        clock.Advance((2 * Day) + TimeSpan.FromTicks(1));
        using EnginePair pair = EnginePair.Connect(client, server);
        Assert.Equal(ResumptionOutcome.Declined(kind.ToMechanism(), ResumptionReason.RetiredTicketKey), pair.Server.Info.Resumption);
        Assert.True(key.IsDestroyed);
        Assert.False(key.TryCopy(new byte[32], new byte[32]));
    }

    // C6: two machines cloned from one image draw the same random bytes: neither key nor nonce repeats with another content.
    [Fact]
    public void C6_ACloneRepeatsNoSaltForAnotherSession()
    {
        byte[] same = RandomNumberGenerator.GetBytes(48);
        var crypto = new CryptoDouble { Random = bytes => same.AsSpan(0, bytes.Length).CopyTo(bytes) };
        using var one = new TicketKeyRing(null, null, null, crypto);
        using var two = new TicketKeyRing(null, null, null, crypto);
        Assert.Equal(one.Keys[0].Name, two.Keys[0].Name);
        TlsSession session = new SessionDraft().Session();
        byte[] a = new TicketSealer(one, crypto).Seal(session)!;
        byte[] b = new TicketSealer(two, crypto).Seal(new SessionDraft { Secret = RandomNumberGenerator.GetBytes(32), Lineage = session.Lineage }.Session())!;
        Assert.NotEqual(a[17..49], b[17..49]);
        // The same session twice is the same ticket: that tells nobody anything new.
        Assert.Equal(a, new TicketSealer(two, crypto).Seal(session));
    }

    // C7: over the wire, in both versions: a ticket of any length or with any bit flipped costs a full handshake, and no more.
    [Theory]
    [MemberData(nameof(Tickets))]
    public void C7_ABrokenTicketCostsAFullHandshake(SessionKind kind)
    {
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(kind);
        byte[] ticket = Exhibits.Session(client, server).Ticket.ToArray();
        for (int at = 0; at < ticket.Length; at += 7)
        {
            byte[] flipped = [.. ticket];
            flipped[at] ^= 0x10;
            foreach (byte[] broken in new[] { flipped, ticket[..at] })
            {
                LocatedSession located = Locate(server, kind.ToMechanism(), broken);
                Assert.Null(located.Session);
                Assert.Contains(located.Reason, new[] { ResumptionReason.TicketMalformed, ResumptionReason.UnknownTicketKey, ResumptionReason.TicketUndecryptable });
            }
        }
        Assert.NotNull(Locate(server, kind.ToMechanism(), ticket).Session);
        Exhibits.AssertUnharmed(client, server, resumed: true);
    }

    // C8: the session ID that goes with a ticket is echoed as long as it is, and not a byte longer.
    [Fact]
    public void C8_TheSessionIdIsEchoedAsItIs()
    {
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(SessionKind.Ticket);
        TlsSession session = Exhibits.Session(client, server);
        for (int length = 1; length <= ClientHello.MaxSessionId; length++)
        {
            using var script = new ScriptedClient(server) { SessionId = RandomNumberGenerator.GetBytes(length) };
            script.SendHello12(session.Ticket.ToArray());
            Assert.Equal(script.SessionId, script.ReceiveHello().SessionIdEcho);
        }
    }

    // C11: the wall clock of a server jumps by a day, either way: its keys do not care.
    [Theory]
    [InlineData(-1)]
    [InlineData(1)]
    public void C11_TheWallClockDoesNotMoveAServersOwnKeys(int days)
    {
        var clock = new TestClock { Wall = DateTimeOffset.UtcNow };
        using var ring = new TicketKeyRing(timeProvider: clock);
        TicketKeyInfo[] before = [.. ring.Keys];
        clock.Wall += days * Day;
        Assert.Equal(before, ring.Keys);
        clock.Wall -= days * Day;
        Assert.Equal(before, ring.Keys);
    }

    // C11: servers whose clocks differ by half a minute resume each other's sessions before, at and after a rotation.
    [Fact]
    public void C11_AFleetWithDerivedKeysResumesThroughARotation()
    {
        byte[] root = RandomNumberGenerator.GetBytes(32);
        DateTimeOffset now = DateTimeOffset.UtcNow;
        DateTimeOffset turn = new(new DateTime((now.UtcTicks / Day.Ticks + 1) * Day.Ticks, DateTimeKind.Utc));
        TestClock[] clocks = [.. Enumerable.Range(-1, 3).Select(i => new TestClock { Wall = turn + TimeSpan.FromSeconds((30 * i) - 45) })];
        TicketKeyRing[] rings = [.. clocks.Select(clock => TicketKeyRing.Derive(root, Day, timeProvider: clock))];
        TlsServerContext[] fleet = [.. rings.Select(ring => Exhibits.Contexts(SessionKind.StatelessPsk, null, options => Share(options, ring)).Server)];
        TlsClientContext client = Exhibits.Contexts(SessionKind.StatelessPsk).Client;
        Exhibits.Session(client, fleet[0]);
        for (int i = 1; i < 20; i++)
        {
            Array.ForEach(clocks, clock => clock.Advance(TimeSpan.FromSeconds(5)));
            using EnginePair pair = EnginePair.Connect(client, fleet[i % 3]);
            Assert.True(pair.Server.Info.Resumption.IsResumed, $"{i}: {pair.Server.Info.Resumption}");
        }
        Assert.Single(rings.Select(ring => ring.Active!.Epoch).Distinct());
        Array.ForEach(rings, ring => ring.Dispose());
    }

    // The same keys are not enough: who shares sessions says so, by the same name.
    [Theory]
    [InlineData("a", "a", true)]
    [InlineData("a", "b", false)]
    public void C11_SharedKeysNeedASharedGroup(string one, string two, bool resumed)
    {
        using var ring = new TicketKeyRing();
        (TlsClientContext client, TlsServerContext first) = Exhibits.Contexts(SessionKind.StatelessPsk, null, options => (options.TicketKeys, options.Group) = (ring, one));
        TlsServerContext second = Exhibits.Contexts(SessionKind.StatelessPsk, null, options => (options.TicketKeys, options.Group) = (ring, two)).Server;
        Exhibits.Session(client, first);
        using EnginePair pair = EnginePair.Connect(client, second);
        Assert.Equal(
            resumed ? ResumptionOutcome.Resumed(ResumptionMechanism.Psk) : ResumptionOutcome.Declined(ResumptionMechanism.Psk, ResumptionReason.ScopeMismatch, "Group"),
            pair.Server.Info.Resumption);
    }

    [Theory]
    [InlineData(0, false)]
    [InlineData(1, true)]
    [InlineData(255, true)]
    [InlineData(256, false)]
    public void TheNameOfAGroupHasALength(int length, bool good)
        => Assert.Equal(good, Record.Exception(() => Exhibits.Contexts(SessionKind.StatelessPsk, null, options => options.Group = new string('g', length))) is not ArgumentException);

    // Derived keys: TLS 1.2 gets a session ID in place of a ticket, unless somebody says that he does not mind.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void C5_UnderDerivedKeysTls12HasNoTickets(bool allowed)
    {
        using TicketKeyRing ring = TicketKeyRing.Derive(RandomNumberGenerator.GetBytes(32), allowWithoutForwardSecrecy: allowed);
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(SessionKind.Ticket, null, options => Share(options, ring));
        TlsSession session = Exhibits.Session(client, server);
        Assert.Equal(allowed, !session.Ticket.IsEmpty);
        using EnginePair pair = EnginePair.Connect(client, server);
        Assert.Equal(ResumptionOutcome.Resumed(allowed ? ResumptionMechanism.Ticket : ResumptionMechanism.SessionId), pair.Server.Info.Resumption);
        Assert.Equal(allowed, server.Settings.Sessions.IssueTicket(SessionDraft.Tls12().Session()) is not null);
        using TicketKeyRing open = TicketKeyRing.Derive(RandomNumberGenerator.GetBytes(32), allowWithoutForwardSecrecy: true);
        byte[] ticket = new TicketSealer(open, CryptoProvider.Default).Seal(SessionDraft.Tls12().Session())!;
        Assert.Equal(allowed ? ResumptionReason.UnknownTicketKey : ResumptionReason.ResumptionDisabled, Locate(server, ResumptionMechanism.Ticket, ticket).Reason);
        Exception? thrown = Record.Exception(() => Exhibits.Contexts(SessionKind.StatelessPsk, null, options =>
        {
            Share(options, ring);
            options.AllowPskWithoutKeyExchange = true;
        }));
        Assert.Equal(allowed, thrown is null);
        Assert.True(thrown is null or ArgumentException);
    }

    // Revocation reaches what nobody can take back: by ticket key, by client certificate and by tenant, in every mechanism.
    [Theory]
    [MemberData(nameof(All))]
    public void RevocationReachesEverySession(SessionKind kind)
    {
        foreach (string by in new[] { "certificate", "tenant", "key", "nothing" })
        {
            using var ring = new TicketKeyRing();
            var revocations = new RevocationList();
            (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(
                kind,
                options => options.ClientCertificate = TestPki.ClientEcdsa().Tls,
                options =>
                {
                    Share(options, ring);
                    options.Tenant = "a";
                    options.Revocations = revocations;
                    options.ClientCertificateMode = TlsClientCertificateMode.Required;
                    options.CertificateChainPolicy = TestPki.TrustRoot();
                });
            Exhibits.Session(client, server);
            bool reached = by switch
            {
                "certificate" => Revoke(() => revocations.RevokeCertificate(SHA256.HashData(TestPki.ClientEcdsa().Certificate.RawData), DateTimeOffset.UtcNow.AddMinutes(1))),
                "tenant" => Revoke(() => revocations.RevokeTenant("a", DateTimeOffset.UtcNow.AddMinutes(1))),
                "key" => ring.RevokeBefore(1) && !kind.IsStored(),
                _ => !Revoke(() => revocations.RevokeTenant("b", DateTimeOffset.UtcNow.AddMinutes(1))),
            };
            using EnginePair pair = EnginePair.Connect(client, server);
            Assert.Equal(
                reached ? ResumptionOutcome.Declined(kind.ToMechanism(), ResumptionReason.Revoked) : ResumptionOutcome.Resumed(kind.ToMechanism()),
                pair.Server.Info.Resumption);
        }

        static bool Revoke(Action revoke)
        {
            revoke();
            return true;
        }
    }

    private static void Share(TlsServerOptions options, TicketKeyRing ring)
    {
        options.TicketKeys = ring;
        options.Group = "room C";
    }

    private static LocatedSession Locate(TlsServerContext server, ResumptionMechanism mechanism, byte[] ticket)
    {
        ValueTask<LocatedSession> located = server.Settings.Sessions.LocateAsync(mechanism, ticket, TestContext.Current.CancellationToken);
        return located.IsCompleted ? located.Result : throw new InvalidOperationException("A ticket needs no waiting.");
    }
}

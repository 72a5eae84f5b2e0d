using System.Net.Security;
using Microsoft.Extensions.Time.Testing;
using Segno.Cryptography;
using Segno.Handshake;
using Segno.Handshake.Extensions;
using Segno.Sessions;
using Segno.Sessions.Tickets;
using Segno.Tests.Connections;
using Segno.Tests.Museum;
using Segno.Tests.Sessions.Policy;
using Segno.Tests.Sessions.Stores;

namespace Segno.Tests.Sessions;

/// <summary>Every reason that there can be, produced over the wire. A reason that nobody produces fails here.</summary>
public sealed class ReasonTests
{
    private static readonly Dictionary<ResumptionReason, Func<ResumptionOutcome>> Produced = new()
    {
        [ResumptionReason.None] = () => Crafted(_ => { }),
        [ResumptionReason.UnknownTicketKey] = () => Exhibits.Redeem(Server(), Craft(Server(), _ => { })),
        [ResumptionReason.RetiredTicketKey] = RetiredKey,
        [ResumptionReason.TicketKeyNotYetActive] = KeyOfTomorrow,
        [ResumptionReason.TicketUndecryptable] = () => Crafted(_ => { }, spoil: ticket => [.. ticket[..^1], (byte)(ticket[^1] ^ 1)]),
        [ResumptionReason.TicketMalformed] = () => Crafted(_ => { }, spoil: _ => [1, 2, 3]),
        [ResumptionReason.SessionFormatVersion] = OtherFormat,
        [ResumptionReason.SessionNotFound] = () => ById(Exhibits.Contexts(SessionKind.SessionId).Server),
        [ResumptionReason.SessionConsumed] = Consumed,
        [ResumptionReason.SessionExpired] = () => Crafted(draft => draft.Lifetime = TimeSpan.FromMinutes(30)),
        [ResumptionReason.AuthDeadlinePassed] = () => Crafted(draft => draft.MaximumAge = TimeSpan.FromMinutes(30)),
        [ResumptionReason.IssuedInFuture] = () => Crafted(draft => draft.IssuedAt = SessionDraft.Now + TimeSpan.FromSeconds(61)),
        [ResumptionReason.ScopeMismatch] = () => Crafted(draft => draft.ScopeInputs = draft.ScopeInputs with { Tenant = "other" }),
        [ResumptionReason.ServerNameMismatch] = () => Crafted(draft => draft.ServerName = "other.example"),
        [ResumptionReason.ProtocolVersionMismatch] = OtherVersion,
        [ResumptionReason.CipherSuiteMismatch] = () => Crafted(draft =>
            (draft.CipherSuite, draft.Hash, draft.Secret) = (TlsCipherSuite.TLS_AES_256_GCM_SHA384, HashKind.Sha384, [.. draft.Secret, .. draft.Secret[..16]])),
        [ResumptionReason.ClientCertificateRequired] = () => Crafted(
            draft => draft.ScopeInputs = draft.ScopeInputs with { ClientAuthentication = TlsClientCertificateMode.Required },
            o => o.ClientCertificateMode = TlsClientCertificateMode.Required),
        [ResumptionReason.ClientCertificateExpired] = () => Crafted(draft =>
            (draft.PeerCertificates, draft.PeerNotAfter) = ([TestPki.ClientEcdsa().Certificate.RawData], SessionDraft.Now.AddMinutes(-1))),
        [ResumptionReason.FreshPeerRequired] = () => Crafted(
            draft => draft.PeerCertificates = [TestPki.ClientEcdsa().Certificate.RawData], o => o.ResumedPeer = ResumedPeer.RequireFresh),
        [ResumptionReason.Revoked] = Revoked,
        [ResumptionReason.ClientCertificateRejected] = RejectedCertificate,
        [ResumptionReason.DeclinedByPolicy] = () => Crafted(_ => { }, o => o.ResumptionPolicy = new PolicyDouble { Answer = _ => ResumptionVerdict.Decline("rule") }),
        [ResumptionReason.LoadShed] = () => Crafted(_ => { }, o => o.ResumptionPolicy = new PolicyDouble { Answer = _ => ResumptionVerdict.ShedLoad("rule") }),
        // On a clock that stands: on a busy machine its time could be over first.
        [ResumptionReason.StoreUnavailable] = () => ById(WithStore(new FakeTimeProvider(TimeProvider.System.GetUtcNow()), _ => throw new InvalidOperationException("down"))),
        [ResumptionReason.StoreTimeout] = Timeout,
        [ResumptionReason.ResumptionDisabled] = () => Crafted(_ => { }, redeemer: o => o.AllowTlsResume = false),
        [ResumptionReason.NoUsablePskMode] = WithoutUsableMode,
        [ResumptionReason.ExtendedMasterSecretMissing] = WithoutExtendedMasterSecret,
        [ResumptionReason.ExternalPskUnknown] = UnknownPsk,
        [ResumptionReason.DeclinedByServer] = () => Clients(tickets: 1, declined: true),
        [ResumptionReason.NoSessionYet] = () => Clients(tickets: 0, declined: false),
        [ResumptionReason.PoolEmpty] = () => Clients(tickets: 1, declined: false),
        [ResumptionReason.SessionLifetimeZero] = ZeroLifetime,
    };

    public static TheoryData<ResumptionReason> Reasons => [.. Produced.Keys];

    [Theory]
    [MemberData(nameof(Reasons))]
    public void TheReasonComesOverTheWire(ResumptionReason reason) => Assert.Equal(reason, Produced[reason]().Reason);

    [Fact]
    public void EveryReasonIsProduced()
        => Assert.Equal(Enum.GetValues<ResumptionReason>().Order(), Produced.Keys.Order());

    /// <summary>A session of TLS 1.3 that this server seals, although it would not have made it, offered to it or to one that has its keys.</summary>
    private static ResumptionOutcome Crafted(
        Action<SessionDraft> change, Action<TlsServerOptions>? configure = null, Func<byte[], byte[]>? spoil = null, Action<TlsServerOptions>? redeemer = null)
    {
        TlsServerContext server = Server(configure);
        TlsSession session = Craft(server, change, spoil);
        TlsServerContext other = redeemer is null ? server : Server(redeemer);
        Exhibits.ShareSessions(server, other);
        return Exhibits.Redeem(other, session);
    }

    private static TlsSession Craft(TlsServerContext server, Action<SessionDraft> change, Func<byte[], byte[]>? spoil = null, SessionDraft? draft = null)
    {
        draft ??= new SessionDraft();
        (draft.ScopeInputs, draft.ServerName) = (new SessionScopeInputs { IsServer = true, Group = "g" }, "localhost");
        change(draft);
        byte[] ticket = Assert.IsType<byte[]>(server.Settings.Sessions.IssueTicket(draft.Session()));
        // The client's side of it: only the secret and the ticket matter to the script.
        (draft.IsServer, draft.Ticket) = (false, spoil?.Invoke(ticket) ?? ticket);
        return draft.Session();
    }

    private static TlsServerContext Server(Action<TlsServerOptions>? configure = null, TestClock? clock = null) => HandshakeTests.Contexts(null, o =>
    {
        (o.Group, o.TimeProvider) = ("g", clock ?? new TestClock());
        configure?.Invoke(o);
    }).Server;

    /// <summary>Between the lookup and the ServerHello somebody else takes the session.</summary>
    private static ResumptionOutcome Consumed()
    {
        var store = new StoreDouble { Consumes = _ => false };
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(
            SessionKind.StatelessPsk, null, o => (o.SessionStore, o.Group, o.TicketMode) = (store, "g", TlsTicketMode.Stateful));
        return Exhibits.Redeem(server, Exhibits.Session(client, server));
    }

    private static ResumptionOutcome Revoked()
    {
        var revocations = new RevocationList();
        revocations.RevokeTenant(null, SessionDraft.Now.AddDays(1));
        return Crafted(_ => { }, o => o.Revocations = revocations);
    }

    /// <summary>The application changed its mind about the client since the full handshake.</summary>
    private static ResumptionOutcome RejectedCertificate()
    {
        bool accept = true;
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(
            SessionKind.StatelessPsk,
            o => o.ClientCertificate = TestPki.ClientEcdsa().Tls,
            o => (o.ClientCertificateMode, o.CertificateChainPolicy, o.ResumedPeer, o.RemoteCertificateValidationCallback) =
                (TlsClientCertificateMode.Optional, TestPki.TrustRoot(), ResumedPeer.Reverify, (_, _, _, _) => accept));
        Exhibits.Session(client, server);
        using var pair = new EnginePair(client, server);
        accept = false;
        pair.Client.Start();
        // What the client then shows in its full handshake is refused there, with the alert that is due.
        Assert.Equal(TlsFault.CertificateRejectedByApplication, Assert.ThrowsAny<TlsException>(pair.Run).Fault);
        return pair.Server.Info.Resumption;
    }

    /// <summary>A server that wants no session of its own to be kept.</summary>
    private static ResumptionOutcome ZeroLifetime()
    {
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(SessionKind.StatelessPsk);
        using (var script = new ScriptedServer(client))
        {
            script.Full13();
            script.Send(ScriptedServer.Ticket13(0, [0], [1, 2, 3]));
        }
        using EnginePair pair = EnginePair.Connect(client, server);
        return pair.Client.Info.Resumption;
    }

    private static ResumptionOutcome UnknownPsk()
    {
        using var script = new ScriptedClient(Server(o => o.ExternalPskSelector = (_, _) => default));
        script.SendHello13([new OfferedPsk(ExternalPskTests.Plain.Keys[0])]);
        return script.Engine.Info.Resumption;
    }

    private static ResumptionOutcome RetiredKey()
    {
        var clock = new TestClock();
        TlsServerContext server = Server(clock: clock);
        TlsSession session = Craft(server, _ => { });
        // A day active, a day for the last tickets.
        clock.Advance(TimeSpan.FromHours(48) + TimeSpan.FromSeconds(1));
        return Exhibits.Redeem(server, session);
    }

    /// <summary>Two servers with the same root, the clock of one a day ahead.</summary>
    private static ResumptionOutcome KeyOfTomorrow()
    {
        byte[] root = System.Security.Cryptography.RandomNumberGenerator.GetBytes(32);
        using TicketKeyRing today = TicketKeyRing.Derive(root, timeProvider: new TestClock());
        using TicketKeyRing tomorrow = TicketKeyRing.Derive(root, timeProvider: new TestClock { Wall = SessionDraft.Now.AddDays(1) });
        return Exhibits.Redeem(Server(o => o.TicketKeys = today), Craft(Server(o => o.TicketKeys = tomorrow), _ => { }));
    }

    /// <summary>What a later version may seal under a key that both have.</summary>
    private static ResumptionOutcome OtherFormat()
    {
        using var keys = new TicketKeyRing();
        TlsServerContext server = Server(o => o.TicketKeys = keys);
        byte[] header = [1, .. new byte[TicketSealer.HeaderLength - 1]];
        byte[] secret = new byte[TicketKey.SecretLength];
        TicketKey key = keys.Active!;
        key.WriteName(header.AsSpan(1));
        Assert.True(key.TryCopy(secret, new byte[TicketKey.SecretLength]));
        byte[] state = [SessionCodec.FormatVersion + 1, 1, 2, 3];
        byte[] sealedState = new byte[state.Length + Aead.TagLength];
        byte[] nonce = new byte[Aead.NonceLength];
        using Aead aead = SaltedAead.Derive(
            CryptoProvider.Default, secret, header.AsSpan(header.Length - TicketSealer.SaltLength), "segno ticket"u8, header.AsSpan(0, header.Length - TicketSealer.SaltLength), nonce);
        aead.Seal(nonce, state, header, sealedState);
        return Exhibits.Redeem(server, Craft(server, _ => { }, _ => [.. header, .. sealedState]));
    }

    /// <summary>A ticket of TLS 1.3 in the extension of TLS 1.2.</summary>
    private static ResumptionOutcome OtherVersion()
    {
        TlsServerContext server = Server();
        TlsSession session = Craft(server, _ => { });
        using var script = new ScriptedClient(server);
        script.SendHello12(session.Ticket.ToArray());
        return script.Engine.Info.Resumption;
    }

    private static ResumptionOutcome WithoutExtendedMasterSecret()
    {
        TlsServerContext server = Server();
        SessionDraft draft = SessionDraft.Tls12();
        draft.ExtendedMasterSecret = false;
        return Exhibits.Redeem(server, Craft(server, _ => { }, null, draft));
    }

    private static ResumptionOutcome WithoutUsableMode()
    {
        TlsServerContext server = Server();
        using var script = new ScriptedClient(server);
        script.SendHello13(
            [Craft(server, _ => { })],
            extensions: [.. script.Extensions13.Where(extension => extension.Type != ExtensionType.PskKeyExchangeModes), ScriptedPeer.Extension(ExtensionType.PskKeyExchangeModes, 1, 0)]);
        return script.Engine.Info.Resumption;
    }

    private static ResumptionOutcome ById(TlsServerContext server)
    {
        using var script = new ScriptedClient(server) { SessionId = server.Settings.Sessions.CreateSessionId()! };
        script.SendHello12();
        return script.Engine.Info.Resumption;
    }

    private static TlsServerContext WithStore(TimeProvider time, Func<CancellationToken, ValueTask> before) => Exhibits.Contexts(
        SessionKind.SessionId,
        null,
        o => (o.SessionStore, o.Group, o.TimeProvider) = (new StoreDouble { Before = before }, "g", time)).Server;

    /// <summary>The time that a store has is over while it thinks.</summary>
    private static ResumptionOutcome Timeout()
    {
        var clock = new FakeTimeProvider(TimeProvider.System.GetUtcNow());
        return ById(WithStore(clock, _ =>
        {
            clock.Advance(StoredSessions.Budget);
            return new ValueTask(new TaskCompletionSource().Task);
        }));
    }

    /// <summary>What a client sees of it.</summary>
    private static ResumptionOutcome Clients(int tickets, bool declined)
    {
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(SessionKind.StatelessPsk, null, o => (o.TicketCount, o.TicketCountOnResumption) = (tickets, 0));
        for (int i = 0; i < (tickets == 0 ? 0 : declined ? 1 : 2); i++)
        {
            EnginePair.Connect(client, server).Dispose();
        }
        using EnginePair last = EnginePair.Connect(client, declined ? Exhibits.Contexts(SessionKind.StatelessPsk).Server : server);
        return last.Client.Info.Resumption;
    }
}

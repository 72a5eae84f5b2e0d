using System.Net.Security;
using System.Security.Cryptography;
using Segno.Cryptography;
using Segno.Handshake;
using Segno.Sessions;
using Segno.Tests.Connections;
using Segno.Tests.Sessions;

namespace Segno.Tests.Museum;

/// <summary>
/// Room A: resumed in the wrong context. Every exhibit runs over every mechanism and expects the same verdicts (A7). A9 and A10 are
/// OptionScopeTests, A12 is CommitTests.
/// </summary>
[Trait("Exhibit", "core")]
public sealed partial class ATests
{
    private const string A = "a.example";
    private const string B = "b.example";

    public static TheoryData<SessionKind> Mechanisms => Exhibits.All;

    public static TheoryData<SessionKind, string?> OtherNames => Exhibits.Cross<string?>(B, null);

    public static TheoryData<SessionKind, string> SameNames => Exhibits.Cross("a.example", "A.eXAMPLE", "a.example.");

    public static TheoryData<SessionKind, bool, bool, string?> SharingMatrix
    {
        get
        {
            var data = new TheoryData<SessionKind, bool, bool, string?>();
            foreach (bool sameKeys in (bool[])[true, false])
            {
                foreach (bool sameGroup in (bool[])[true, false])
                {
                    foreach (string? name in (string?[])[A, "A.Example.", B, null])
                    {
                        data.Add(SessionKind.SessionId, sameKeys, sameGroup, name);
                        data.Add(SessionKind.Ticket, sameKeys, sameGroup, name);
                        data.Add(SessionKind.StatelessPsk, sameKeys, sameGroup, name);
                    }
                }
            }
            return data;
        }
    }

    public static TheoryData<SessionKind, string> FalseTickets
    {
        get
        {
            var data = new TheoryData<SessionKind, string>();
            foreach (string kind in (string[])["random", "of another server", "its own"])
            {
                data.Add(SessionKind.Ticket, kind);
                data.Add(SessionKind.StatelessPsk, kind);
            }
            return data;
        }
    }

    // A1, A7: who showed a its certificate is nobody at b, whether the hello names b or nobody.
    [Theory]
    [MemberData(nameof(OtherNames))]
    public void A1_AnotherVirtualHostAsksForItsOwnCertificate(SessionKind kind, string? serverName)
    {
        var hosts = new VirtualHosts(kind);
        TlsSession session = hosts.SessionWithA();
        using var script = new ScriptedClient(hosts.Router) { ServerName = serverName };
        Exhibits.Offer(script, session);
        Assert.Equal(
            ResumptionOutcome.Declined(kind.ToMechanism(), ResumptionReason.ScopeMismatch, nameof(ScopeComponent.TrustAnchors)), script.Engine.Info.Resumption);
        Assert.Null(script.Engine.Info.RemoteCertificate);
        AssertAsksForCertificate(script, kind);
    }

    [Theory]
    [MemberData(nameof(SameNames))]
    public void A1_TheSameVirtualHostInAnySpellingResumes(SessionKind kind, string serverName)
    {
        var hosts = new VirtualHosts(kind);
        Assert.Equal(ResumptionOutcome.Resumed(kind.ToMechanism()), Exhibits.Redeem(hosts.Router, hosts.SessionWithA(), serverName));
    }

    // RFC 6066 §3: an address is no host name, and chooses no virtual host.
    [Theory]
    [MemberData(nameof(Mechanisms))]
    public void A1_AnAddressAsServerNameIsRefused(SessionKind kind)
    {
        var hosts = new VirtualHosts(kind);
        TlsSession session = hosts.SessionWithA();
        Assert.Equal(TlsFault.ServerNameInvalid, Assert.ThrowsAny<TlsException>(() => Exhibits.Redeem(hosts.Router, session, "127.0.0.1")).Fault);
        Assert.Equal(ResumptionOutcome.Resumed(kind.ToMechanism()), Exhibits.Redeem(hosts.Router, session, A));
    }

    /// <summary>The sabotage: a server that forgets where a session is from lets it in everywhere, and the test above would see it.</summary>
    [Theory]
    [MemberData(nameof(OtherNames))]
    public void A1_WithoutAScopeItWouldResume(SessionKind kind, string? serverName)
    {
        var hosts = new VirtualHosts(kind);
        TlsSession session = hosts.SessionWithA();
        hosts.ForB.Settings.Sessions = new Forgetful(hosts.ForA.Settings, hosts.ForB.Settings.Scope, serverName);
        Assert.Equal(ResumptionOutcome.Resumed(kind.ToMechanism()), Exhibits.Redeem(hosts.Router, session, serverName));
    }

    // A2: declined is not refused. The client comes with what the other policy wants, and is let in as that.
    [Theory]
    [MemberData(nameof(Mechanisms))]
    public void A2_ADeclinedSessionEndsInAFullHandshake(SessionKind kind)
    {
        TestCertificate shown = TestPki.ClientEcdsa();
        (TlsClientContext client, TlsServerContext before) = Exhibits.Contexts(
            kind, o => o.ClientCertificateSelector = (_, _) => ValueTask.FromResult<TlsCertificate?>(shown.Tls), o => VirtualHosts.Require(o, TestPki.Root));
        TlsServerContext after = Exhibits.Contexts(kind, null, o => VirtualHosts.Require(o, TestPki.OtherRoot)).Server;
        Exhibits.ShareSessions(before, after);
        Exhibits.Session(client, before);
        shown = TestPki.UntrustedClient;
        using EnginePair pair = EnginePair.Connect(client, after);
        Assert.Equal(
            ResumptionOutcome.Declined(kind.ToMechanism(), ResumptionReason.ScopeMismatch, nameof(ScopeComponent.TrustAnchors)), pair.Server.Info.Resumption);
        Assert.Equal(ResumptionReason.DeclinedByServer, pair.Client.Info.Resumption.Reason);
        Assert.Equal(TestPki.UntrustedClient.Certificate.Thumbprint, pair.Server.Info.RemoteCertificate?.Thumbprint);
    }

    [Theory]
    [MemberData(nameof(Mechanisms))]
    public void A2_TheOldCertificateIsNotLetIn(SessionKind kind)
    {
        (TlsClientContext client, TlsServerContext before) = Exhibits.Contexts(
            kind, o => o.ClientCertificate = TestPki.ClientEcdsa().Tls, o => VirtualHosts.Require(o, TestPki.Root));
        TlsServerContext after = Exhibits.Contexts(kind, null, o => VirtualHosts.Require(o, TestPki.OtherRoot)).Server;
        Exhibits.ShareSessions(before, after);
        Exhibits.Session(client, before);
        using var pair = new EnginePair(client, after);
        pair.Client.Start();
        Assert.Equal(TlsFault.CertificateUntrusted, Assert.ThrowsAny<TlsException>(pair.Run).Fault);
    }

    // A3, R-70: by this an application tells a request for another host from one for this; 421 is its answer to give.
    [Theory]
    [MemberData(nameof(Mechanisms))]
    public void A3_AResumedConnectionSaysForWhichHostItIs(SessionKind kind)
    {
        var hosts = new VirtualHosts(kind);
        hosts.SessionWithA();
        using EnginePair pair = EnginePair.Connect(hosts.Client, hosts.Router, A);
        Assert.True(pair.Server.Info.Resumption.IsResumed);
        Assert.Equal(A, pair.Server.Info.ServerName);
        Assert.Equal(TestPki.ClientEcdsa().Certificate.Thumbprint, pair.Server.Info.RemoteCertificate?.Thumbprint);
    }

    // A4, A6: issuer × redeemer, the same policy on both: the keys open, the group lets in, the name must be the same.
    [Theory]
    [MemberData(nameof(SharingMatrix))]
    [Trait("Museum", "A6")]
    public void A4_WhoSharesKeysSharesSessionsOnlyUnderOneGroupAndName(SessionKind kind, bool sameKeys, bool sameGroup, string? serverName)
    {
        (TlsClientContext client, TlsServerContext issuer) = Exhibits.Contexts(
            kind, null, o => (o.Group, o.ServerCertificates) = ("one", [TestPki.Ecdsa(A, B).Tls]));
        TlsServerContext redeemer = Exhibits.Contexts(
            kind, null, o => (o.Group, o.ServerCertificates) = (sameGroup ? "one" : "two", [TestPki.Ecdsa(A, B).Tls])).Server;
        if (sameKeys)
        {
            Exhibits.ShareSessions(issuer, redeemer);
        }
        TlsSession session = Exhibits.Session(client, issuer, A);
        ResumptionReason expected = (sameKeys, sameGroup, serverName) switch
        {
            (false, _, _) => kind.IsStored() ? ResumptionReason.SessionNotFound : ResumptionReason.UnknownTicketKey,
            (_, false, _) => ResumptionReason.ScopeMismatch,
            (_, _, null or B) => ResumptionReason.ServerNameMismatch,
            _ => ResumptionReason.None,
        };
        ResumptionOutcome outcome = Exhibits.Redeem(redeemer, session, serverName);
        Assert.Equal((expected, expected == ResumptionReason.None), (outcome.Reason, outcome.IsResumed));
    }

    // A5: somebody in between leads the resumption to another server of the same process. It makes a full handshake, and the client sees who it is.
    [Theory]
    [MemberData(nameof(Mechanisms))]
    public void A5_AMisdirectedResumptionShowsTheWrongCertificate(SessionKind kind)
    {
        (TlsClientContext client, TlsServerContext a) = Exhibits.Contexts(kind, null, o => o.ServerCertificates = [TestPki.Ecdsa(A).Tls]);
        TlsServerContext b = Exhibits.Contexts(kind, null, o => o.ServerCertificates = [TestPki.Ecdsa(B).Tls]).Server;
        Exhibits.ShareSessions(a, b);
        Exhibits.Session(client, a, A);
        using var pair = new EnginePair(client, b, A);
        pair.Client.Start();
        Assert.Equal(TlsFault.CertificateNameMismatch, Assert.ThrowsAny<TlsException>(pair.Run).Fault);
        Assert.False(pair.Server.Info.Resumption.IsResumed);
    }

    // A8: the same options but for one: whom they trust.
    [Theory]
    [MemberData(nameof(Mechanisms))]
    public void A8_ACloneThatTrustsOthersDeclines(SessionKind kind)
    {
        (TlsClientContext client, TlsServerContext first) = Exhibits.Contexts(
            kind, o => o.ClientCertificate = TestPki.ClientEcdsa().Tls, o => VirtualHosts.Require(o, TestPki.Root));
        TlsServerContext same = Exhibits.Contexts(kind, null, o => VirtualHosts.Require(o, TestPki.Root)).Server;
        TlsServerContext clone = Exhibits.Contexts(kind, null, o =>
        {
            VirtualHosts.Require(o, TestPki.Root);
            o.CertificateChainPolicy!.CustomTrustStore.Add(TestPki.OtherRoot.Certificate);
        }).Server;
        Exhibits.ShareSessions(first, same);
        Exhibits.ShareSessions(first, clone);
        TlsSession session = Exhibits.Session(client, first);
        Assert.Equal(
            ResumptionOutcome.Declined(kind.ToMechanism(), ResumptionReason.ScopeMismatch, nameof(ScopeComponent.TrustAnchors)), Exhibits.Redeem(clone, session));
        Assert.Equal(ResumptionOutcome.Resumed(kind.ToMechanism()), Exhibits.Redeem(same, session));
    }

    // A11: no ticket is believed, or even looked at, where resumption is off.
    [Theory]
    [MemberData(nameof(FalseTickets))]
    public void A11_WithoutResumptionNoTicketSaysWhoTheClientIs(SessionKind kind, string ticket)
    {
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(kind, null, o => o.AllowTlsResume = false);
        // One that names a client.
        (TlsClientContext known, TlsServerContext other) = Exhibits.Contexts(
            kind, o => o.ClientCertificate = TestPki.ClientEcdsa().Tls, o => VirtualHosts.Require(o, TestPki.Root));
        TlsSession session = Exhibits.Session(known, other);
        if (ticket == "random")
        {
            session = WithTicket(session, RandomNumberGenerator.GetBytes(session.Ticket.Length));
        }
        if (ticket == "its own")
        {
            Assert.Null(server.Settings.Sessions.IssueTicket(ServerSession(kind)));
        }
        using var script = new ScriptedClient(server);
        Exhibits.Offer(script, session);
        Assert.Equal(ResumptionOutcome.Declined(kind.ToMechanism(), ResumptionReason.ResumptionDisabled), script.Engine.Info.Resumption);
        Finish(script, kind);
        Assert.True(script.Engine.IsHandshakeCompleted);
        Assert.Null(script.Engine.Info.RemoteCertificate);
        Assert.False(script.Engine.Info.IsMutuallyAuthenticated);
        Exhibits.AssertUnharmed(client, server, resumed: false);
    }

    [Fact]
    public void A11_AnEmptyTicketOfTls12OnlyAsksForOne()
    {
        (_, TlsServerContext server) = Exhibits.Contexts(SessionKind.Ticket, null, o => o.AllowTlsResume = false);
        using var script = new ScriptedClient(server);
        script.SendHello12([]);
        Assert.Null(script.Full12());
        Assert.Equal(ResumptionOutcome.NotOffered, script.Engine.Info.Resumption);
        Assert.Null(script.Engine.Info.RemoteCertificate);
    }

    // A13: what an application decides by is the same on every connection, so the decision is.
    [Theory]
    [MemberData(nameof(Mechanisms))]
    public void A13_TheApplicationSeesTheSameOnAResumedConnection(SessionKind kind)
    {
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(
            kind,
            o => (o.ClientCertificate, o.ApplicationProtocols) = (TestPki.ClientEcdsa().Tls, [SslApplicationProtocol.Http2]),
            o =>
            {
                VirtualHosts.Require(o, TestPki.Root);
                o.ApplicationProtocols = [SslApplicationProtocol.Http2];
            });
        using EnginePair full = EnginePair.Connect(client, server);
        using EnginePair resumed = EnginePair.Connect(client, server);
        Assert.True(resumed.Server.Info.Resumption.IsResumed);
        Assert.Equal(Facts(full.Server), Facts(resumed.Server));
        Assert.NotNull(resumed.Server.Info.RemoteCertificate);
        // Redirected or refused once, refused again: the resumed connection can be ended as the full one, and no ID is left to come back with.
        resumed.Server.Abort(TlsFault.CertificateRejectedByApplication);
        Assert.ThrowsAny<TlsException>(resumed.Run);
        using EnginePair third = EnginePair.Connect(client, server);
        Assert.False(third.Server.Info.Resumption.IsResumed);
        Assert.Equal(Facts(full.Server), Facts(third.Server));

        static object Facts(TlsConnection connection) => (
            connection.Info.RemoteCertificate?.Thumbprint,
            connection.Info.RemoteCertificates.Count,
            connection.Info.IsMutuallyAuthenticated,
            connection.Info.ServerName,
            connection.Info.ApplicationProtocol);
    }

    // A15: whatever the hello is spelled and cut like, it gets the rules of its host, or of nobody.
    [Theory]
    [InlineData("a.example", 1)]
    [InlineData("a.example", 16384)]
    [InlineData("A.EXAMPLE", 1)]
    [InlineData("a.example.", 1)]
    [InlineData("A.Example.", 16384)]
    [InlineData("xn--bcher-kva.example", 1)]
    [InlineData("XN--BCHER-KVA.example", 16384)]
    public void A15_EverySpellingGetsTheRulesOfItsHost(string serverName, int fragment)
    {
        var hosts = new VirtualHosts(SessionKind.StatelessPsk);
        using var script = new ScriptedClient(hosts.Router) { ServerName = serverName };
        foreach (byte[] piece in script.Build(script.Extensions13).Chunk(fragment))
        {
            script.SendRecord(Segno.Records.ContentType.Handshake, piece);
        }
        Assert.Equal(serverName.TrimEnd('.').ToLowerInvariant(), script.Engine.Info.ServerName);
        // Asked once, by the name as it is compared.
        Assert.Equal([serverName.TrimEnd('.').ToLowerInvariant()], hosts.Asked);
    }

    [Theory]
    [InlineData("*.example", TlsFault.ServerNameInvalid)]
    [InlineData("a.example..", TlsFault.ServerNameInvalid)]
    [InlineData("sub.a.example", TlsFault.UnrecognizedServerName)]
    [InlineData("a.example.evil.example", TlsFault.UnrecognizedServerName)]
    public void A15_AnyOtherNameGetsNoRulesAtAll(string serverName, TlsFault fault)
    {
        var hosts = new VirtualHosts(SessionKind.StatelessPsk);
        using var script = new ScriptedClient(hosts.Router) { ServerName = serverName };
        Assert.Equal(fault, Assert.ThrowsAny<TlsException>(() => script.SendHello(script.Extensions13)).Fault);
    }

    // A16: the certificate checks of the framework below this failed open (CVE-2026-50528).
    [Fact]
    public void A16_TheRuntimeIsOneWithTheFix() => Assert.True(Environment.Version >= new Version(10, 0, 10), $"The runtime is {Environment.Version}.");

    // A18: sealed under the very keys, and yet not a server's session, or not of this transport.
    [Theory]
    [InlineData(SessionKind.Ticket)]
    [InlineData(SessionKind.StatelessPsk)]
    public void A18_AClientsSessionIsNoServersSession(SessionKind kind)
    {
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(kind);
        TlsSession session = Exhibits.Session(client, server);
        byte[] ticket = Assert.IsType<byte[]>(server.Settings.Sessions.IssueTicket(session));
        Assert.Equal(
            ResumptionOutcome.Declined(kind.ToMechanism(), ResumptionReason.ScopeMismatch, nameof(ScopeComponent.Role)),
            Exhibits.Redeem(server, WithTicket(session, ticket)));
    }

    [Theory]
    [InlineData(SessionKind.Ticket)]
    [InlineData(SessionKind.StatelessPsk)]
    public void A18_ASessionOfAnotherTransportIsDeclined(SessionKind kind)
    {
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(kind, null, o => o.Group = "g");
        TlsSession session = Exhibits.Session(client, server);
        byte[] ticket = Assert.IsType<byte[]>(server.Settings.Sessions.IssueTicket(ServerSession(kind, draft =>
            draft.ScopeInputs = draft.ScopeInputs with { Transport = (TransportKind)2 })));
        Assert.Equal(
            ResumptionOutcome.Declined(kind.ToMechanism(), ResumptionReason.ScopeMismatch, nameof(ScopeComponent.Transport)),
            Exhibits.Redeem(server, WithTicket(session, ticket)));
    }

    private static void AssertAsksForCertificate(ScriptedClient script, SessionKind kind)
    {
        if (kind.IsTls13())
        {
            script.ReceiveHello13();
            script.Receive(HandshakeType.EncryptedExtensions);
        }
        else
        {
            script.ReceiveHello12();
            script.Receive(HandshakeType.Certificate);
            script.Receive(HandshakeType.ServerKeyExchange);
        }
        script.Receive(HandshakeType.CertificateRequest);
    }

    private static void Finish(ScriptedClient script, SessionKind kind)
    {
        if (!kind.IsTls13())
        {
            script.Full12();
            return;
        }
        script.ReceiveHello13();
        script.ReceiveFlight13();
        script.SendFinished13();
    }

    private static TlsSession ServerSession(SessionKind kind, Action<SessionDraft>? change = null)
    {
        SessionDraft draft = kind.IsTls13() ? new SessionDraft() : SessionDraft.Tls12();
        draft.ScopeInputs = new SessionScopeInputs { IsServer = true, Group = "g" };
        change?.Invoke(draft);
        return draft.Session();
    }

    private static TlsSession WithTicket(TlsSession session, byte[] ticket) => Exhibits.Copy(session, session.Scope, session.ServerName, ticket);

    /// <summary>A router before two virtual hosts that have their keys and their store in common, and trust different authorities. Without a name one is at b.</summary>
    private sealed class VirtualHosts
    {
        public VirtualHosts(SessionKind kind)
        {
            ForA = Exhibits.Contexts(kind, null, o => Host(o, A, TestPki.Root)).Server;
            ForB = Exhibits.Contexts(kind, null, o => Host(o, B, TestPki.OtherRoot)).Server;
            Exhibits.ShareSessions(ForA, ForB);
            (Client, Router) = Exhibits.Contexts(
                kind,
                o => o.ClientCertificate = TestPki.ClientEcdsa().Tls,
                o => o.ContextSelector = (hello, _) =>
                {
                    Asked.Add(hello.ServerName);
                    return ValueTask.FromResult(hello.ServerName switch
                    {
                        A or "xn--bcher-kva.example" => ForA,
                        B or null => ForB,
                        _ => null,
                    });
                });
        }

        public List<string?> Asked { get; } = [];

        public TlsServerContext ForA { get; }

        public TlsServerContext ForB { get; }

        public TlsClientContext Client { get; }

        public TlsServerContext Router { get; }

        public static void Require(TlsServerOptions options, TestCertificate root)
            => (options.Group, options.ClientCertificateMode, options.CertificateChainPolicy) = ("g", TlsClientCertificateMode.Required, TestPki.Trust(root));

        public TlsSession SessionWithA() => Exhibits.Session(Client, Router, A);

        private static void Host(TlsServerOptions options, string name, TestCertificate root)
        {
            Require(options, root);
            options.ServerCertificates = [TestPki.Ecdsa(name).Tls];
        }
    }

    /// <summary>Finds sessions as it should, and takes them for its own, whatever they are.</summary>
    private sealed class Forgetful(ServerSettings settings, SessionScope scope, string? serverName) : ServerSessions(null, settings.StoredSessions, CryptoProvider.Default)
    {
        private readonly ServerSessions _honest = settings.Sessions;

        public override async ValueTask<LocatedSession> LocateAsync(ResumptionMechanism mechanism, ReadOnlyMemory<byte> identity, CancellationToken cancellationToken = default)
        {
            LocatedSession located = await _honest.LocateAsync(mechanism, identity, cancellationToken);
            return located.Session is { } session ? located with { Session = Exhibits.Copy(session, scope, serverName, []) } : located;
        }
    }
}

using System.Net;
using System.Security.Authentication;
using Segno.Sessions;
using Segno.Sessions.Tickets;
using Segno.Tests.Diagnostics;
using Segno.Tests.Museum;
using Segno.Tests.Sessions;
using Segno.Tests.Sessions.Policy;
using Segno.Tests.Sessions.Stores;

namespace Segno.Tests.Connections;

/// <summary>What becomes of a policy's verdict in handshakes, by every mechanism: never more than without it, and never a failed handshake.</summary>
public sealed class ResumptionPolicyTests
{
    private readonly PolicyDouble _policy = new();

    [Theory]
    [MemberData(nameof(Exhibits.All), MemberType = typeof(Exhibits))]
    public void ADeclinedSessionIsAFullHandshakeWithTheRulesName(SessionKind kind)
    {
        (TlsClientContext client, TlsServerContext server) = Contexts(kind);
        Exhibits.Session(client, server);
        _policy.Answer = context => context.Stage == ResumptionStage.Resumption ? ResumptionVerdict.Decline("my rule") : default;
        using (EnginePair pair = EnginePair.Connect(client, server))
        {
            Assert.Equal(ResumptionOutcome.Declined(kind.ToMechanism(), ResumptionReason.DeclinedByPolicy, "my rule"), pair.Server.Info.Resumption);
            Assert.Equal(ResumptionReason.DeclinedByServer, pair.Client.Info.Resumption.Reason);
        }
        // What that gave is good again.
        _policy.Answer = _ => default;
        Exhibits.AssertUnharmed(client, server, resumed: true);
    }

    /// <summary>A policy has no say where the rules have said no.</summary>
    [Theory]
    [MemberData(nameof(Exhibits.All), MemberType = typeof(Exhibits))]
    public void ASessionThatTheRulesDeclineIsNotAskedAbout(SessionKind kind)
    {
        (TlsClientContext client, TlsServerContext server) = Contexts(kind, o => o.Group = "a");
        TlsSession session = Exhibits.Session(client, server);
        (_, TlsServerContext other) = Contexts(kind, o => o.Group = "b");
        Exhibits.ShareSessions(server, other);
        _policy.Asked.Clear();
        Assert.Equal(ResumptionReason.ScopeMismatch, Exhibits.Redeem(other, session).Reason);
        ResumptionContext asked = Assert.Single(_policy.Asked);
        Assert.Equal((ResumptionStage.FullHandshake, kind.ToMechanism(), ResumptionReason.ScopeMismatch), (asked.Stage, asked.Mechanism, asked.Reason));
    }

    [Theory]
    [MemberData(nameof(Exhibits.All), MemberType = typeof(Exhibits))]
    public void APolicyThatThrowsFailsNoHandshake(SessionKind kind)
    {
        (TlsClientContext client, TlsServerContext server) = Contexts(kind);
        _policy.Answer = _ => throw new InvalidOperationException("broken");
        // Nothing is narrowed by it: there is a session.
        Exhibits.Session(client, server);
        using (EnginePair pair = EnginePair.Connect(client, server))
        {
            Assert.Equal(ResumptionOutcome.Declined(kind.ToMechanism(), ResumptionReason.DeclinedByPolicy, "failed"), pair.Server.Info.Resumption);
        }
        _policy.Answer = _ => default;
        Exhibits.AssertUnharmed(client, server, resumed: true);
    }

    [Theory]
    [MemberData(nameof(Exhibits.All), MemberType = typeof(Exhibits))]
    public void WhatAPolicyIsTold(SessionKind kind)
    {
        var clock = new TestClock();
        SslProtocols version = kind.IsTls13() ? SslProtocols.Tls13 : SslProtocols.Tls12;
        (TlsClientContext client, TlsServerContext server) = Contexts(
            kind,
            o => (o.TimeProvider, o.LoadProbe, o.ClientCertificateMode, o.CertificateChainPolicy, o.RemoteCertificateValidationCallback) =
                (clock, () => 0.5, TlsClientCertificateMode.Optional, null, (_, _, _, _) => true),
            o => (o.TimeProvider, o.RemoteCertificateValidationCallback, o.ClientCertificate) = (clock, (_, _, _, _) => true, TestPki.ClientEcdsa().Tls));
        Connect(client, server).Dispose();
        clock.Advance(TimeSpan.FromSeconds(20));
        Connect(client, server).Dispose();

        Assert.Equal([ResumptionStage.FullHandshake, ResumptionStage.Resumption], _policy.Asked.Select(context => context.Stage));
        ResumptionContext full = _policy.Asked[0];
        Assert.Equal((version, ResumptionMechanism.None, ResumptionReason.None, "localhost", 0.5), (full.ProtocolVersion, full.Mechanism, full.Reason, full.ServerName, full.Load));
        Assert.Equal((null, null, true), (full.ReturnInterval, full.SessionAge, full.CertificateFingerprint.IsEmpty));
        ResumptionContext resumed = _policy.Asked[1];
        Assert.Equal((version, kind.ToMechanism(), full.ClientNetwork), (resumed.ProtocolVersion, resumed.Mechanism, resumed.ClientNetwork));
        Assert.Equal(20, resumed.SessionAge!.Value.TotalSeconds, 1);
        Assert.Equal(20, resumed.AuthenticationAge!.Value.TotalSeconds, 1);
        Assert.Equal(20, resumed.ReturnInterval!.Value.TotalSeconds, 1);
        Assert.Equal(32, resumed.CertificateFingerprint.Length);
        // The full handshake counts, with which the certificate was shown; this one not yet.
        Assert.InRange(resumed.CertificateRate, 0.1, Math.Log(2));
        Assert.True(resumed.NetworkRate > full.NetworkRate);
        Assert.NotEqual(0UL, full.ClientNetwork);
    }

    // The options give 2 after a full handshake and 1 after a resumed one; a client may have 4 for the asking.
    [Theory]
    [InlineData(null, null, null, 2, 1)]
    [InlineData(0, 0, null, 0, 0)]
    [InlineData(0, 1, null, 1, 1)]
    [InlineData(3, null, null, 3, 3)]
    [InlineData(4, null, null, 4, 4)]
    [InlineData(5, null, null, 4, 4)]
    [InlineData(8, 8, null, 4, 4)]
    [InlineData(8, null, 1, 1, 1)]
    [InlineData(8, null, 3, 3, 3)]
    [InlineData(null, 1, 3, 1, 1)]
    [InlineData(8, null, 0, 0, 0)]
    public void FewerOrMoreTicketsWithinTheCap(int? min, int? max, int? wanted, int full, int resumed)
    {
        _policy.Answer = _ => new ResumptionVerdict { MinTickets = min, MaxTickets = max };
        (TlsClientContext client, TlsServerContext server) = Contexts(
            SessionKind.StatelessPsk, null, o => o.TicketRequest = wanted is { } count ? new TlsTicketRequest((byte)count, (byte)count) : null);
        TlsSession? session = null;
        foreach (int tickets in (int[])[full, resumed])
        {
            int received = 0;
            using var pair = new EnginePair(session is null ? client : Offering(client, session), server);
            pair.Client.SessionReceived += (_, _) => received++;
            pair.Handshake();
            Assert.Equal(session is not null, pair.Server.Info.Resumption.IsResumed);
            Assert.Equal(tickets, received);
            Assert.Equal(wanted is null ? null : tickets, pair.Client.Info.ExpectedTicketCount);
            if ((session = pair.Client.Session) is null)
            {
                break;
            }
        }
    }

    /// <summary>Where the options give no tickets, no policy does; where they give more than four, that many.</summary>
    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 4)]
    [InlineData(4, 4)]
    [InlineData(5, 5)]
    [InlineData(8, 8)]
    public void TheOptionsSetTheCap(int configured, int sent)
    {
        _policy.Answer = _ => new ResumptionVerdict { MinTickets = 8 };
        (TlsClientContext client, TlsServerContext server) = Contexts(SessionKind.StatelessPsk, o => o.TicketCount = configured);
        using var pair = new EnginePair(client, server);
        int received = 0;
        pair.Client.SessionReceived += (_, _) => received++;
        pair.Handshake();
        Assert.Equal(sent, received);
    }

    [Theory]
    [InlineData(SessionKind.SessionId, 3599, false)]
    [InlineData(SessionKind.SessionId, 3601, true)]
    [InlineData(SessionKind.Ticket, 3599, false)]
    [InlineData(SessionKind.Ticket, 3601, true)]
    [InlineData(SessionKind.StatelessPsk, 86399, false)]
    [InlineData(SessionKind.StatelessPsk, 86401, true)]
    [InlineData(SessionKind.StatefulPsk, 86399, false)]
    [InlineData(SessionKind.StatefulPsk, 86401, true)]
    public void AShorterLifetimeHoldsAndALongerOneDoesNot(SessionKind kind, int seconds, bool asOptions)
    {
        var clock = new TestClock();
        _policy.Answer = _ => new ResumptionVerdict { MaxLifetime = TimeSpan.FromSeconds(seconds) };
        (TlsClientContext client, TlsServerContext server) = Contexts(kind, o => o.TimeProvider = clock, Configure);
        TlsSession session = Exhibits.Session(client, server);
        // A stateful one is used up by the first look at it.
        TlsSession later = kind == SessionKind.StatefulPsk ? Exhibits.Session(Contexts(kind, null, Configure).Client, server) : session;
        TimeSpan lifetime = asOptions ? (kind.IsTls13() ? TimeSpan.FromHours(24) : TimeSpan.FromHours(1)) : TimeSpan.FromSeconds(seconds);
        clock.Advance(lifetime);
        Assert.True(Exhibits.Redeem(server, session).IsResumed);
        clock.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal(ResumptionReason.SessionExpired, Exhibits.Redeem(server, later).Reason);

        void Configure(TlsClientOptions options)
            => (options.TimeProvider, options.RemoteCertificateValidationCallback) = (clock, (_, _, _, _) => true);
    }

    /// <summary>One second is a lifetime; less is none, and then nothing is sent or kept.</summary>
    [Theory]
    [MemberData(nameof(Exhibits.All), MemberType = typeof(Exhibits))]
    public async Task WithoutALifetimeThereIsNothingToResume(SessionKind kind)
    {
        foreach (int milliseconds in (int[])[1000, 999, 0, -1])
        {
            _policy.Answer = _ => new ResumptionVerdict { MinTickets = 8, MaxLifetime = TimeSpan.FromMilliseconds(milliseconds) };
            (TlsClientContext client, TlsServerContext server) = Contexts(kind);
            using EnginePair pair = EnginePair.Connect(client, server);
            Assert.Equal(milliseconds == 1000, pair.Client.Session is not null);
            Assert.Equal(milliseconds == 1000 && kind.IsStored(), server.Settings.OwnedSessionStore!.Count > 0);
            // Not when the application asks for it either.
            Assert.True(milliseconds == 1000 || await pair.Server.IssueTicketsAsync(1, TestContext.Current.CancellationToken) == 0);
        }
    }

    /// <summary>Kept on the server or nowhere: TLS 1.2 has session IDs for that.</summary>
    [Theory]
    [MemberData(nameof(Exhibits.All), MemberType = typeof(Exhibits))]
    public async Task StatefulMeansNoStatelessTicket(SessionKind kind)
    {
        bool is13 = kind.IsTls13();
        _policy.Answer = _ => new ResumptionVerdict { RequireStateful = true };
        (TlsClientContext client, TlsServerContext server) = Contexts(kind);
        using (EnginePair pair = EnginePair.Connect(client, server))
        {
            TlsSession session = Assert.IsType<TlsSession>(pair.Client.Session);
            Assert.Equal(is13, StatefulTicket.TryRead(session.Ticket, out _));
            Assert.Equal(is13, !session.Ticket.IsEmpty);
            Assert.Equal(is13 ? 2 : 1, server.Settings.OwnedSessionStore!.Count);
            Assert.Equal(is13 ? 1 : 0, await pair.Server.IssueTicketsAsync(1, TestContext.Current.CancellationToken));
        }
        using EnginePair next = EnginePair.Connect(client, server);
        Assert.Equal(ResumptionOutcome.Resumed(is13 ? ResumptionMechanism.Psk : ResumptionMechanism.SessionId), next.Server.Info.Resumption);
    }

    /// <summary>A store that the handshake would wait for is not asked; one in memory costs less than the question.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void AShedLookupDoesNotReachTheStore(bool inMemory)
    {
        int calls = 0;
        var store = new StoreDouble
        {
            Before = _ =>
            {
                calls++;
                return ValueTask.CompletedTask;
            },
        };
        (TlsClientContext client, TlsServerContext server) = Contexts(
            SessionKind.SessionId,
            o => (o.SessionStore, o.Group) = inMemory ? (null, null) : (store, "g"),
            // A client of TLS 1.3 has a session ID for compatibility's sake, which is no offer where nobody looks for it.
            o => o.EnabledSslProtocols = SslProtocols.Tls12);
        Exhibits.Session(client, server);
        calls = 0;
        _policy.Asked.Clear();
        _policy.Answer = context => context.Stage == ResumptionStage.Lookup ? ResumptionVerdict.ShedLoad("busy") : default;
        using (EnginePair pair = EnginePair.Connect(client, server))
        {
            Assert.Equal(
                inMemory ? ResumptionOutcome.Resumed(ResumptionMechanism.SessionId) : ResumptionOutcome.Declined(ResumptionMechanism.SessionId, ResumptionReason.LoadShed, "busy"),
                pair.Server.Info.Resumption);
        }
        Assert.Equal(inMemory ? [ResumptionStage.Resumption] : [ResumptionStage.Lookup, ResumptionStage.FullHandshake], _policy.Asked.Select(context => context.Stage));
        // The new session was stored, and nothing was read.
        Assert.Equal(inMemory ? 0 : 1, calls);
    }

    /// <summary>The snapshot is taken once, and the client counted once, however often it has to say hello.</summary>
    [Fact]
    public void AHelloThatIsAskedForAgainIsOneVisit()
    {
        int probes = 0;
        (TlsClientContext client, TlsServerContext server) = Contexts(SessionKind.StatelessPsk, o => o.LoadProbe = () => ++probes, o => o.KeyShareGroups = []);
        Connect(client, server).Dispose();
        _policy.Asked.Clear();
        using EnginePair pair = Connect(client, server);
        Assert.True(pair.Client.Info.HelloRetried);
        Assert.True(pair.Server.Info.Resumption.IsResumed);
        Assert.Equal(2, probes);
        Assert.Equal(2, _policy.Asked.Count);
        Assert.Equal(_policy.Asked[0], _policy.Asked[1] with { CertificateFingerprint = _policy.Asked[0].CertificateFingerprint, SessionAge = _policy.Asked[0].SessionAge, AuthenticationAge = _policy.Asked[0].AuthenticationAge });
    }

    [Fact]
    public void WithoutAPolicyOrWithoutResumptionNothingIsCounted()
    {
        (_, TlsServerContext without) = HandshakeTests.Contexts(null, o => o.LoadProbe = () => throw new InvalidOperationException("not asked"));
        Assert.Null(without.Settings.PolicyGate);
        (TlsClientContext client, TlsServerContext off) = Contexts(SessionKind.StatelessPsk, o => o.AllowTlsResume = false);
        Connect(client, off).Dispose();
        Assert.Null(off.Settings.PolicyGate);
        Assert.Empty(_policy.Asked);
    }

    [Fact]
    public void VerdictsAreCounted()
    {
        using var meters = new TestMeters();
        using var seen = new Measurements(meters);
        (TlsClientContext client, TlsServerContext server) = Contexts(SessionKind.StatelessPsk, o => o.MeterFactory = meters);
        AssertCounted("Unchanged", "FullHandshake", default);
        AssertCounted("Narrowed", "Resumption", new ResumptionVerdict { MaxTickets = 1 });
        AssertCounted("Declined", "Resumption", ResumptionVerdict.Decline("a"));
        AssertCounted("LoadShed", "Resumption", ResumptionVerdict.ShedLoad("a"));
        _policy.Answer = _ => throw new InvalidOperationException("broken");
        Connect(client, server).Dispose();
        Assert.Equal(
            ["1 segno.policy.stage=Resumption segno.policy.verdict=Failed", "1 segno.policy.stage=FullHandshake segno.policy.verdict=Failed"],
            seen.Take("segno.policy.verdicts"));

        void AssertCounted(string verdict, string stage, ResumptionVerdict answer)
        {
            _policy.Answer = context => context.Stage.ToString() == stage ? answer : default;
            Connect(client, server).Dispose();
            Assert.Contains($"1 segno.policy.stage={stage} segno.policy.verdict={verdict}", seen.Take("segno.policy.verdicts"));
        }
    }

    /// <summary>
    /// The property: under any verdicts at all no handshake fails, nothing is resumed that the rules decline, no client gets more
    /// tickets than it may have, and nothing lives longer than the options say.
    /// </summary>
    [Theory]
    [MemberData(nameof(Exhibits.All), MemberType = typeof(Exhibits))]
    public void NoVerdictWidens(SessionKind kind)
    {
        var random = new Random(4711 + (int)kind);
        var clock = new TestClock();
        var revocations = new RevocationList();
        _policy.Answer = _ => random.Next(10) == 0 ? throw new InvalidOperationException("broken") : RandomVerdicts.Next(random);
        (TlsClientContext client, TlsServerContext server) = Contexts(
            kind,
            o => (o.TimeProvider, o.Revocations) = (clock, revocations),
            o => (o.TimeProvider, o.RemoteCertificateValidationCallback) = (clock, (_, _, _, _) => true));
        TimeSpan longest = kind.IsTls13() ? TimeSpan.FromHours(24) : TimeSpan.FromHours(1);
        int resumed = 0;
        for (int i = 0; i < 150; i++)
        {
            bool revoked = random.Next(5) == 0;
            if (revoked)
            {
                revocations.RevokeTenant(null, clock.Wall.AddMilliseconds(1));
            }
            using var pair = new EnginePair(client, server);
            int received = 0;
            pair.Client.SessionReceived += (_, session) =>
            {
                received++;
                // A client is not told how long its session ID is good; the store is.
                Assert.InRange(session.ExpiresAt - session.IssuedAt, TimeSpan.FromSeconds(1), session.Ticket.IsEmpty ? SessionLimits.MaxLifetime12 : longest);
            };
            pair.Handshake();
            Assert.False(revoked && pair.Server.Info.Resumption.IsResumed);
            Assert.False(pair.Server.Info.SessionAge > longest);
            Assert.InRange(received, 0, 4);
            resumed += pair.Server.Info.Resumption.IsResumed ? 1 : 0;
            clock.Advance(TimeSpan.FromSeconds(random.Next(1, 5000)));
        }
        // It was about something.
        Assert.True(resumed > 0);
    }

    /// <summary>The shipped policy, with what the context counts: the fifth handshake of a minute is one too many, for its network and no other.</summary>
    [Theory]
    [MemberData(nameof(Exhibits.All), MemberType = typeof(Exhibits))]
    public void AFloodFromOneNetworkGetsNothingToResume(SessionKind kind)
    {
        var clock = new TestClock();
        // Each of n handshakes at the same moment counts ln 2.
        var policy = new AdaptiveResumptionPolicy(new AdaptiveResumptionOptions { FloodRate = 4 * Math.Log(2) + 1e-9 });
        (_, TlsServerContext server) = Contexts(kind, o => (o.ResumptionPolicy, o.TimeProvider, o.LoadProbe) = (policy, clock, () => 0));
        Assert.True(IsGivenASession("198.51.100.1"));
        Assert.Equal([true, true, true, true, false], Enumerable.Range(1, 5).Select(i => IsGivenASession($"192.0.2.{i}")));
        Assert.True(IsGivenASession("198.51.100.1"));
        clock.Advance(TimeSpan.FromMinutes(1));
        Assert.True(IsGivenASession("192.0.2.6"));

        bool IsGivenASession(string address)
        {
            using EnginePair pair = Connect(Contexts(kind).Client, server, address);
            return pair.Client.Session is not null;
        }
    }

    private static EnginePair Connect(TlsClientContext client, TlsServerContext server, string address = "192.0.2.1")
    {
        var pair = new EnginePair(client, server);
        pair.Server.RemoteEndPoint = new IPEndPoint(IPAddress.Parse(address), 4433);
        pair.Handshake();
        return pair;
    }

    private static TlsClientContext Offering(TlsClientContext like, TlsSession session) => new(new TlsClientOptions
    {
        CertificateChainPolicy = TestPki.TrustRoot(),
        Resume = session,
        TicketRequest = like.Settings.TicketRequest,
    });

    private (TlsClientContext Client, TlsServerContext Server) Contexts(
        SessionKind kind, Action<TlsServerOptions>? configureServer = null, Action<TlsClientOptions>? configureClient = null)
        => Exhibits.Contexts(kind, configureClient, o =>
        {
            o.ResumptionPolicy = _policy;
            configureServer?.Invoke(o);
        });
}

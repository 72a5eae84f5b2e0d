using System.Net.Security;
using Segno.Sessions;
using Segno.Tests.Connections;
using Segno.Tests.Sessions;

namespace Segno.Tests.Museum;

/// <summary>Room A, A7: four ways to resume, and one verdict on each situation.</summary>
public sealed partial class ATests
{
    /// <summary>Situation → verdict. There is no column for the mechanism.</summary>
    public static TheoryData<string, ResumptionReason, string?> Verdicts => new()
    {
        { "nothing has changed", ResumptionReason.None, null },
        { "another group", ResumptionReason.ScopeMismatch, nameof(ScopeComponent.Group) },
        { "other trust", ResumptionReason.ScopeMismatch, nameof(ScopeComponent.TrustAnchors) },
        { "another name", ResumptionReason.ServerNameMismatch, null },
        { "no name", ResumptionReason.ServerNameMismatch, null },
        { "another suite", ResumptionReason.CipherSuiteMismatch, null },
        { "just in time", ResumptionReason.None, null },
        { "too late", ResumptionReason.SessionExpired, null },
        { "revoked tenant", ResumptionReason.Revoked, null },
        { "revoked before it was made", ResumptionReason.None, null },
    };

    [Theory]
    [MemberData(nameof(Verdicts))]
    public void A7_OneSituationHasOneVerdictInEveryMechanism(string situation, ResumptionReason reason, string? detail)
        => Assert.All(Enum.GetValues<SessionKind>(), kind =>
        {
            ResumptionOutcome outcome = VerdictOn(situation, kind);
            Assert.Equal((kind.ToMechanism(), reason == ResumptionReason.None, reason), (outcome.Mechanism, outcome.IsResumed, outcome.Reason));
            Assert.Equal(detail, reason == ResumptionReason.ScopeMismatch ? outcome.Detail : null);
        });

    private static ResumptionOutcome VerdictOn(string situation, SessionKind kind)
    {
        TimeSpan lifetime = TimeSpan.FromHours(1);
        var clock = new TestClock { Wall = DateTimeOffset.UtcNow };
        var revocations = new RevocationList();
        (TlsClientContext client, TlsServerContext before) = Exhibits.Contexts(
            kind, o => (o.ClientCertificate, o.TimeProvider) = (TestPki.ClientEcdsa().Tls, clock), Configure);
        TlsServerContext after = Exhibits.Contexts(kind, null, o =>
        {
            Configure(o);
            o.Group = situation == "another group" ? "other" : o.Group;
            o.CertificateChainPolicy = situation == "other trust" ? TestPki.Trust(TestPki.OtherRoot) : o.CertificateChainPolicy;
        }).Server;
        Exhibits.ShareSessions(before, after);
        if (situation == "revoked before it was made")
        {
            revocations.RevokeTenant("t", clock.Wall - TimeSpan.FromSeconds(1));
        }
        TlsSession session = Exhibits.Session(client, before, A);
        clock.Advance(situation switch
        {
            "just in time" => lifetime - TimeSpan.FromSeconds(1),
            "too late" => lifetime + TimeSpan.FromSeconds(1),
            _ => TimeSpan.FromSeconds(1),
        });
        if (situation == "revoked tenant")
        {
            revocations.RevokeTenant("t", clock.Wall);
        }
        using var script = new ScriptedClient(after)
        {
            ServerName = situation switch
            {
                "another name" => B,
                "no name" => null,
                _ => A,
            },
        };
        if (situation == "another suite")
        {
            script.Suites = [(ushort)(kind.IsTls13() ? TlsCipherSuite.TLS_AES_256_GCM_SHA384 : TlsCipherSuite.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384)];
        }
        Exhibits.Offer(script, session);
        return script.Engine.Info.Resumption;

        void Configure(TlsServerOptions options)
        {
            VirtualHosts.Require(options, TestPki.Root);
            (options.ServerCertificates, options.TimeProvider) = ([TestPki.Ecdsa(A, B).Tls], clock);
            (options.TicketLifetime, options.Tls12SessionLifetime) = (lifetime, lifetime);
            (options.Tenant, options.Revocations) = ("t", revocations);
        }
    }
}

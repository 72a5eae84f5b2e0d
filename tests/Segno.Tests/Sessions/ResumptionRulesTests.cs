using System.Net.Security;
using System.Security.Authentication;
using Segno.Cryptography;
using Segno.Sessions;

namespace Segno.Tests.Sessions;

/// <summary>The whole truth table of Judge, for every mechanism alike (museum A7: code paths drift, so there is one).</summary>
[Trait("Museum", "A7")]
public sealed class ResumptionRulesTests
{
    private static readonly DateTimeOffset Now = SessionDraft.Now;
    private static readonly TimeSpan Millisecond = TimeSpan.FromMilliseconds(1);

    // F2, R-26, R-27: only TLS 1.2 has secrets that are not bound to their handshake.
    private const string WithoutExtendedMainSecret = "without extended main secret";

    // In the order of the rules. Each breaks one thing in a setup that is good.
    private static readonly (string Name, Action<Setup> Break, ResumptionReason Reason)[] Rows =
    [
        ("resumption disabled", s => s.Disabled = true, ResumptionReason.ResumptionDisabled),
        ("other version", s => s.Version = s.Version == SslProtocols.Tls13 ? SslProtocols.Tls12 : SslProtocols.Tls13, ResumptionReason.ProtocolVersionMismatch),
        ("mechanism of the other version", s => s.Mechanism = s.Mechanism == ResumptionMechanism.Psk ? ResumptionMechanism.Ticket : ResumptionMechanism.Psk, ResumptionReason.ProtocolVersionMismatch),
        ("no mechanism", s => s.Mechanism = ResumptionMechanism.None, ResumptionReason.ProtocolVersionMismatch),
        ("mechanism that has no session", s => s.Mechanism = ResumptionMechanism.ExternalPsk, ResumptionReason.ProtocolVersionMismatch),
        ("other scope", s => s.Scope = s.Scope with { Tenant = "other" }, ResumptionReason.ScopeMismatch),
        ("other role", s => s.Scope = s.Scope with { IsServer = false }, ResumptionReason.ScopeMismatch),
        ("other server name", s => s.ServerName = "api.example.org", ResumptionReason.ServerNameMismatch),
        ("server name with trailing dot", s => s.ServerName += ".", ResumptionReason.ServerNameMismatch),
        ("server name equal only by folding a long s", s => (s.Draft.ServerName, s.ServerName) = ("s.example", "\u017f.example"), ResumptionReason.ServerNameMismatch),
        ("server name equal only by folding a Kelvin sign", s => (s.Draft.ServerName, s.ServerName) = ("k.example", "\u212a.example"), ResumptionReason.ServerNameMismatch),
        ("server name absent from the offer", s => s.ServerName = null, ResumptionReason.ServerNameMismatch),
        ("server name absent from the session", s => s.Draft.ServerName = null, ResumptionReason.ServerNameMismatch),
        ("other suite", s => s.BreakSuite(), ResumptionReason.CipherSuiteMismatch),
        (WithoutExtendedMainSecret, s => s.Draft.ExtendedMasterSecret = false, ResumptionReason.ExtendedMasterSecretMissing),
        ("fresh peer certificate required", s => (s.ResumedPeer, s.Draft.PeerCertificates) = (ResumedPeer.RequireFresh, [new byte[] { 1 }]), ResumptionReason.FreshPeerRequired),
        ("issued in the future", s => s.Draft.IssuedAt = Now + TimeSpan.FromSeconds(60) + Millisecond, ResumptionReason.IssuedInFuture),
        ("client certificate required", s => s.CertificateRequired = true, ResumptionReason.ClientCertificateRequired),
        ("client certificate expired", s => s.Draft.PeerNotAfter = Now - Millisecond, ResumptionReason.ClientCertificateExpired),
        ("authentication too old", s => s.Draft.MaximumAge = Now - s.Draft.AuthenticatedAt - Millisecond, ResumptionReason.AuthDeadlinePassed),
        ("session too old", s => s.Draft.Lifetime = Now - s.Draft.IssuedAt - Millisecond, ResumptionReason.SessionExpired),
    ];

    private static readonly (string Name, Action<Setup> Change)[] StillGood =
    [
        ("server name in other case", s => s.ServerName = s.ServerName!.ToUpperInvariant()),
        ("no server name on either side", s => s.ServerName = s.Draft.ServerName = null),
        ("issued in the future within the tolerance", s => s.Draft.IssuedAt = Now + TimeSpan.FromSeconds(60)),
        ("client certificate required and there", s => (s.CertificateRequired, s.Draft.PeerCertificates) = (true, [new byte[] { 1 }])),
        ("fresh peer certificate required, and none in the session", s => s.ResumedPeer = ResumedPeer.RequireFresh),
        ("peer certificate to be verified again", s => (s.ResumedPeer, s.Draft.PeerCertificates) = (ResumedPeer.Reverify, [new byte[] { 1 }])),
        ("last moment of the client certificate", s => s.Draft.PeerNotAfter = Now),
        ("last moment of the authentication", s => s.Draft.MaximumAge = Now - s.Draft.AuthenticatedAt),
        ("last moment of the session", s => s.Draft.Lifetime = Now - s.Draft.IssuedAt),
        ("last moment, less than a millisecond later", s => (s.Draft.Lifetime, s.Now) = (Now - s.Draft.IssuedAt, Now.AddTicks(9_999))),
        ("resumed many times", s => s.Draft.Lineage = SessionLineage.Begin(Now, TimeSpan.FromDays(1), [], null, null, CryptoProvider.Default).Next().Next()),
        ("other application protocol", s => s.Draft.ApplicationProtocol = SslApplicationProtocol.Http11),
    ];

    public static TheoryData<ResumptionMechanism> Mechanisms => [ResumptionMechanism.SessionId, ResumptionMechanism.Ticket, ResumptionMechanism.Psk];

    public static TheoryData<ResumptionMechanism, string> Table
        => [.. from row in Rows.Select(row => row.Name).Concat(StillGood.Select(row => row.Name)) from mechanism in (ResumptionMechanism[])[ResumptionMechanism.SessionId, ResumptionMechanism.Ticket, ResumptionMechanism.Psk] select (mechanism, row)];

    [Theory]
    [MemberData(nameof(Mechanisms))]
    public void AllGoodIsResumed(ResumptionMechanism mechanism)
        => Assert.Equal(new ResumptionOutcome(ResumptionStatus.Resumed, mechanism, ResumptionReason.None), new Setup(mechanism).Judge());

    /// <summary>The whole table: what declines, with its reason, and what does not.</summary>
    [Theory]
    [MemberData(nameof(Table))]
    public void OneThingIsDifferent(ResumptionMechanism mechanism, string row)
    {
        var setup = new Setup(mechanism);
        (Action<Setup> change, ResumptionReason reason) = Rows.Where(r => r.Name == row).Select(r => (r.Break, r.Reason))
            .Concat(StillGood.Where(r => r.Name == row).Select(r => (r.Change, ResumptionReason.None))).Single();
        change(setup);
        ResumptionReason expected = IsPossible(mechanism, row) ? reason : ResumptionReason.None;
        ResumptionStatus status = expected == ResumptionReason.None ? ResumptionStatus.Resumed : ResumptionStatus.Declined;
        ResumptionOutcome outcome = setup.Judge();

        Assert.Equal((status, setup.Mechanism, expected), (outcome.Status, outcome.Mechanism, outcome.Reason));
        Assert.Equal(status == ResumptionStatus.Resumed, outcome.IsResumed);
    }

    [Theory]
    [MemberData(nameof(Mechanisms))]
    public void OfTwoThingsWrongTheEarlierRuleGivesTheReason(ResumptionMechanism mechanism)
    {
        int judged = 0;
        for (int i = 0; i < Rows.Length; i++)
        {
            for (int j = i + 1; j < Rows.Length; j++)
            {
                var setup = new Setup(mechanism);
                Rows[j].Break(setup);
                Rows[i].Break(setup);
                // Some pairs make no session at all.
                if (Rows[i].Reason != Rows[j].Reason && IsPossible(mechanism, Rows[i].Name) && IsPossible(mechanism, Rows[j].Name) && setup.TryJudge() is { } outcome)
                {
                    Assert.Equal((Rows[i].Name, Rows[j].Name, Rows[i].Reason), (Rows[i].Name, Rows[j].Name, outcome.Reason));
                    judged++;
                }
            }
        }
        Assert.True(judged > 100, $"Only {judged} pairs were judged.");
    }

    [Fact]
    public void TheDetailNamesThePartOfTheScope()
    {
        var setup = new Setup(ResumptionMechanism.Psk);
        setup.Scope = setup.Scope with { ClientAuthentication = TlsClientCertificateMode.Required };

        Assert.Equal(ResumptionOutcome.Declined(ResumptionMechanism.Psk, ResumptionReason.ScopeMismatch, "ClientAuthentication"), setup.Judge());
    }

    [Fact]
    public void Tls13ResumesWithAnySuiteOfItsHash()
    {
        var setup = new Setup(ResumptionMechanism.Psk) { Suite = TlsCipherSuite.TLS_CHACHA20_POLY1305_SHA256 };

        Assert.True(setup.Judge().IsResumed);
    }

    [Fact]
    public void Tls12ResumesWithItsVerySuiteOnly()
    {
        var setup = new Setup(ResumptionMechanism.Ticket) { Suite = TlsCipherSuite.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 };

        Assert.Equal(ResumptionReason.CipherSuiteMismatch, setup.Judge().Reason);
    }

    [Fact]
    public void TheToleranceIsTheOffers()
    {
        var setup = new Setup(ResumptionMechanism.Psk) { Tolerance = TimeSpan.Zero };
        setup.Draft.IssuedAt = Now;
        Assert.True(setup.Judge().IsResumed);
        setup.Draft.IssuedAt = Now + Millisecond;
        Assert.Equal(ResumptionReason.IssuedInFuture, setup.Judge().Reason);
    }

    [Fact]
    public void AClientDoesNotAskForAClientCertificate()
    {
        var setup = new Setup(ResumptionMechanism.Psk) { CertificateRequired = true };
        setup.Scope = setup.Draft.ScopeInputs = setup.Scope with { IsServer = false };
        Assert.True(setup.Judge().IsResumed);

        // The server's certificate is over: to a client that is the end of the authentication.
        setup.Draft.PeerNotAfter = Now - Millisecond;
        Assert.Equal(ResumptionReason.AuthDeadlinePassed, setup.Judge().Reason);
    }

    [Fact]
    public void TheEndsOfTimeAreJudgedWithoutOverflow()
    {
        var setup = new Setup(ResumptionMechanism.Psk) { Now = DateTimeOffset.MaxValue };
        Assert.Equal(ResumptionReason.AuthDeadlinePassed, setup.Judge().Reason);
        setup.Now = DateTimeOffset.MinValue;
        Assert.Equal(ResumptionReason.IssuedInFuture, setup.Judge().Reason);
    }

    private static bool IsPossible(ResumptionMechanism mechanism, string row) => mechanism != ResumptionMechanism.Psk || row != WithoutExtendedMainSecret;

    private sealed class Setup
    {
        public Setup(ResumptionMechanism mechanism)
        {
            Mechanism = mechanism;
            Draft = mechanism == ResumptionMechanism.Psk ? new SessionDraft() : SessionDraft.Tls12();
            Version = Draft.ProtocolVersion;
            Suite = Draft.CipherSuite;
            Scope = Draft.ScopeInputs;
            ServerName = Draft.ServerName;
        }

        public SessionDraft Draft { get; }

        public ResumptionMechanism Mechanism { get; set; }

        public SslProtocols Version { get; set; }

        public TlsCipherSuite Suite { get; set; }

        public HashKind Hash { get; set; } = HashKind.Sha256;

        public SessionScopeInputs Scope { get; set; }

        public string? ServerName { get; set; }

        public bool Disabled { get; set; }

        public bool CertificateRequired { get; set; }

        public ResumedPeer ResumedPeer { get; set; }

        public DateTimeOffset Now { get; set; } = SessionDraft.Now;

        public TimeSpan? Tolerance { get; set; }

        public void BreakSuite()
        {
            (Suite, Hash) = Draft.ProtocolVersion == SslProtocols.Tls13
                ? (TlsCipherSuite.TLS_AES_256_GCM_SHA384, HashKind.Sha384)
                : (TlsCipherSuite.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, HashKind.Sha256);
        }

        public ResumptionOutcome Judge() => TryJudge() ?? throw new InvalidOperationException("The draft makes no session.");

        public ResumptionOutcome? TryJudge()
        {
            if (!TlsSession.TryCreate(Draft.State(), Draft.Secret, out TlsSession? session))
            {
                return null;
            }
            var offer = new ResumptionOffer
            {
                Mechanism = Mechanism,
                ProtocolVersion = Version,
                CipherSuite = Suite,
                Hash = Hash,
                Scope = SessionScope.Create(Scope, CryptoProvider.Default),
                ServerName = ServerName,
                Now = Now,
                ResumptionDisabled = Disabled,
                ClientCertificateRequired = CertificateRequired,
                ResumedPeer = ResumedPeer,
            };
            return ResumptionRules.Judge(session, Tolerance is { } tolerance ? offer with { ClockTolerance = tolerance } : offer);
        }
    }
}

using System.Net.Security;
using System.Reflection;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Segno.Cryptography;
using Segno.Sessions;
using Segno.Tests.Connections;
using Segno.Tests.Museum;

namespace Segno.Tests.Sessions;

/// <summary>
/// Every option of a server and of a client is classified: in the scope, under a rule of its own, or irrelevant to resumption; and
/// is flipped between issue and redeem, over the engine, in every mechanism (museum A8, A9, A10, B7). An option that is new fails
/// here until somebody has thought about it.
/// </summary>
public sealed class OptionScopeTests
{
    private static readonly RemoteCertificateValidationCallback AcceptAll = static (_, _, _, _) => true;

    private static readonly Dictionary<string, Option<TlsOptions>> Common = new()
    {
        [nameof(TlsOptions.RemoteCertificateValidationCallback)] = new(ScopeComponent.VerifyPolicy, o => o.RemoteCertificateValidationCallback = (_, _, _, _) => true),
        [nameof(TlsOptions.ValidationPolicyName)] = new(ScopeComponent.VerifyPolicy, o => o.ValidationPolicyName = "other"),
        [nameof(TlsOptions.CertificateRevocationCheckMode)] = new(ScopeComponent.ChainPolicy, o => o.CertificateRevocationCheckMode = X509RevocationMode.Offline),
        [nameof(TlsOptions.CertificateChainPolicy)] = new(ScopeComponent.TrustAnchors, o => o.CertificateChainPolicy = TestPki.Trust(TestPki.OtherRoot)),
        [nameof(TlsOptions.SignatureSchemes)] = new(ScopeComponent.ChainPolicy, o => o.SignatureSchemes = [TlsSignatureScheme.EcdsaP256Sha256]),
        [nameof(TlsOptions.Tenant)] = new(ScopeComponent.Tenant, o => o.Tenant = "other"),
        [nameof(TlsOptions.EnabledSslProtocols)] = new(ResumptionReason.ProtocolVersionMismatch),
        [nameof(TlsOptions.CipherSuites)] = new(ResumptionReason.CipherSuiteMismatch),
        [nameof(TlsOptions.AllowTlsResume)] = new(ResumptionReason.ResumptionDisabled),
        [nameof(TlsOptions.AllowPskWithoutKeyExchange)] = new(ResumptionReason.NoUsablePskMode),
        [nameof(TlsOptions.ResumedPeer)] = new(ResumptionReason.FreshPeerRequired),
        [nameof(TlsOptions.TimeProvider)] = new(ResumptionReason.IssuedInFuture),
        [nameof(TlsOptions.ApplicationProtocols)] = new(o => o.ApplicationProtocols = [SslApplicationProtocol.Http2]),
        [nameof(TlsOptions.SupportedGroups)] = new(o => o.SupportedGroups = [TlsNamedGroup.P384, TlsNamedGroup.X25519]),
        [nameof(TlsOptions.SigningSchemes)] = new(o => o.SigningSchemes = [TlsSignatureScheme.EcdsaP256Sha256]),
        [nameof(TlsOptions.CompressCertificates)] = new(o => o.CompressCertificates = false),
        [nameof(TlsOptions.MaxCertificateMessageLength)] = new(o => o.MaxCertificateMessageLength = 50_000),
        [nameof(TlsOptions.HandshakeTimeout)] = new(o => o.HandshakeTimeout = TimeSpan.FromMinutes(1)),
        [nameof(TlsOptions.IdleTimeout)] = new(o => o.IdleTimeout = TimeSpan.FromMinutes(1)),
        [nameof(TlsOptions.MaxSendFragment)] = new(o => o.MaxSendFragment = 1000),
        [nameof(TlsOptions.MaxReceiveFragment)] = new(o => o.MaxReceiveFragment = 1000),
        [nameof(TlsOptions.RecordPadding)] = new(o => o.RecordPadding = 64),
        [nameof(TlsOptions.KeyLog)] = new(o => o.KeyLog = static _ => { }),
        [nameof(TlsOptions.MeterFactory)] = new(o => o.MeterFactory = new Diagnostics.TestMeters()),
        [nameof(TlsOptions.Crypto)] = new(o => o.Crypto = new CryptoDouble()),
    };

    private static readonly Dictionary<string, Option<TlsServerOptions>> OfServers = new()
    {
        [nameof(TlsServerOptions.Group)] = new(ScopeComponent.Group, o => o.Group = "other"),
        [nameof(TlsServerOptions.ClientCertificateMode)] = new(ScopeComponent.ClientAuthentication, o => o.ClientCertificateMode = TlsClientCertificateMode.Optional),
        [nameof(TlsServerOptions.DeferSessions)] = new(ScopeComponent.VerifyPolicy, o => o.DeferSessions = true),
        [nameof(TlsServerOptions.TicketKeys)] = new(ResumptionReason.UnknownTicketKey),
        [nameof(TlsServerOptions.SessionStore)] = new(ResumptionReason.SessionNotFound),
        [nameof(TlsServerOptions.Revocations)] = new(ResumptionReason.Revoked),
        [nameof(TlsServerOptions.ResumptionPolicy)] = new(ResumptionReason.DeclinedByPolicy),
        [nameof(TlsServerOptions.LoadProbe)] = new(o => o.LoadProbe = static () => 1),
        // Set when the session begins, and carried on in it: no redeemer moves it.
        [nameof(TlsServerOptions.AuthenticationLifetime)] = new(ResumptionReason.AuthDeadlinePassed),
        // Asked about sessions that a PSK began, and about no other: ExternalPskTests.
        [nameof(TlsServerOptions.ExternalPskSelector)] = new(ResumptionReason.ExternalPskUnknown),
        [nameof(TlsServerOptions.AllowPskInsteadOfClientCertificate)] = new(o => o.AllowPskInsteadOfClientCertificate = true),
        // It chooses a context, and that one's scope is judged: A1.
        [nameof(TlsServerOptions.ContextSelector)] = new(ResumptionReason.ScopeMismatch),
        [nameof(TlsServerOptions.ServerCertificates)] = new(o => o.ServerCertificates = [TestPki.Server(TestKeyKind.P384, "localhost").Tls]),
        [nameof(TlsServerOptions.CertificateSelector)] = new(o => o.CertificateSelector = (_, _) => ValueTask.FromResult<TlsCertificate?>(TestPki.Ecdsa("localhost").Tls)),
        [nameof(TlsServerOptions.ClientCertificateAuthorities)] = new(o => o.ClientCertificateAuthorities = [TestPki.Root.Certificate.SubjectName.RawData]),
        [nameof(TlsServerOptions.TicketLifetime)] = new(o => o.TicketLifetime = TimeSpan.FromMinutes(10)),
        [nameof(TlsServerOptions.TicketMode)] = new(o => o.TicketMode = TlsTicketMode.Stateful),
        [nameof(TlsServerOptions.Tls12SessionLifetime)] = new(o => o.Tls12SessionLifetime = TimeSpan.FromMinutes(10)),
        [nameof(TlsServerOptions.TicketCount)] = new(o => o.TicketCount = 3),
        [nameof(TlsServerOptions.TicketCountOnResumption)] = new(o => o.TicketCountOnResumption = 3),
        [nameof(TlsServerOptions.PreferServerCipherSuites)] = new(o => o.PreferServerCipherSuites = false),
        // Early data has rules and an outcome of its own: EarlyDataTests.
        [nameof(TlsServerOptions.MaxEarlyDataSize)] = new(o => (o.MaxEarlyDataSize, o.ReplayGuard) = (100, new MemoryReplayGuard())),
        [nameof(TlsServerOptions.ReplayGuard)] = new(o => o.ReplayGuard = new MemoryReplayGuard()),
        [nameof(TlsServerOptions.EarlyDataWindow)] = new(o => o.EarlyDataWindow = TimeSpan.FromSeconds(1)),
        [nameof(TlsServerOptions.DeliverEarlyDataAtOnce)] = new(o => o.DeliverEarlyDataAtOnce = true),
    };

    private static readonly Dictionary<string, Option<TlsClientOptions>> OfClients = new()
    {
        [nameof(TlsClientOptions.ClientCertificate)] = new(ScopeComponent.ClientAuthentication, o => o.ClientCertificate = TestPki.ClientEcdsa().Tls),
        [nameof(TlsClientOptions.ClientCertificateSelector)] = new(ScopeComponent.ClientAuthentication, o => o.ClientCertificateSelector = (_, _) => default),
        [nameof(TlsClientOptions.CertificateStatusMode)] = new(ScopeComponent.ChainPolicy, o => o.CertificateStatusMode = TlsCertificateStatusMode.None),
        // In the scope, by its secrets: ExternalPskTests. They are offered themselves, so that is what the outcome is about.
        [nameof(TlsClientOptions.ExternalPsks)] = new(ResumptionReason.ScopeMismatch),
        // With PSKs in the scope, too; without them of no effect.
        [nameof(TlsClientOptions.AllowCertificateInsteadOfPsk)] = new(o => o.AllowCertificateInsteadOfPsk = true),
        [nameof(TlsClientOptions.TargetHost)] = new(ResumptionReason.ServerNameMismatch),
        // Part of the key of a cache.
        [nameof(TlsClientOptions.TargetPort)] = new(ResumptionReason.NoSessionYet),
        [nameof(TlsClientOptions.SessionCache)] = new(ResumptionReason.NoSessionYet),
        [nameof(TlsClientOptions.Resume)] = new(ResumptionReason.NoSessionYet),
        [nameof(TlsClientOptions.AllowTicketReuse)] = new(ResumptionReason.SessionConsumed),
        // It only says what becomes of a connection without a session.
        [nameof(TlsClientOptions.RequireResumption)] = new(o => o.RequireResumption = true),
        [nameof(TlsClientOptions.KeyShareGroups)] = new(o => o.KeyShareGroups = [TlsNamedGroup.P256]),
        [nameof(TlsClientOptions.TicketRequest)] = new(o => o.TicketRequest = new TlsTicketRequest(1, 1)),
        [nameof(TlsClientOptions.ServerCertificateAuthorities)] = new(o => o.ServerCertificateAuthorities = [TestPki.Root.Certificate.SubjectName.RawData]),
        [nameof(TlsClientOptions.MaxFragmentLength)] = new(o => o.MaxFragmentLength = 1024),
        [nameof(TlsClientOptions.SendGrease)] = new(o => o.SendGrease = false),
    };

    /// <summary>What an <see cref="X509ChainPolicy"/> says, each part either in the scope or of no influence on what is trusted.</summary>
    private static readonly Dictionary<string, Action<X509ChainPolicy>?> OfPolicies = new()
    {
        [nameof(X509ChainPolicy.ApplicationPolicy)] = p => p.ApplicationPolicy.Add(new("1.3.6.1.5.5.7.3.2")),
        [nameof(X509ChainPolicy.CertificatePolicy)] = p => p.CertificatePolicy.Add(new("1.2.3")),
        [nameof(X509ChainPolicy.CustomTrustStore)] = p => p.CustomTrustStore.Add(TestPki.OtherRoot.Certificate),
        [nameof(X509ChainPolicy.TrustMode)] = p => p.TrustMode = X509ChainTrustMode.System,
        [nameof(X509ChainPolicy.DisableCertificateDownloads)] = p => p.DisableCertificateDownloads = false,
        [nameof(X509ChainPolicy.RevocationFlag)] = p => p.RevocationFlag = X509RevocationFlag.EndCertificateOnly,
        [nameof(X509ChainPolicy.RevocationMode)] = p => p.RevocationMode = X509RevocationMode.Offline,
        [nameof(X509ChainPolicy.VerificationFlags)] = p => p.VerificationFlags = X509VerificationFlags.IgnoreInvalidName,
        [nameof(X509ChainPolicy.VerificationTime)] = p => (p.VerificationTime, p.VerificationTimeIgnored) = (new DateTime(2020, 1, 1, 0, 0, 0, DateTimeKind.Utc), false),
        [nameof(X509ChainPolicy.VerificationTimeIgnored)] = p => (p.VerificationTime, p.VerificationTimeIgnored) = (new DateTime(2021, 1, 1, 0, 0, 0, DateTimeKind.Utc), false),
        // Certificates to build with, not to trust.
        [nameof(X509ChainPolicy.ExtraStore)] = null,
        [nameof(X509ChainPolicy.UrlRetrievalTimeout)] = null,
    };

    public static TheoryData<SessionKind, string> ServerRows => Exhibits.Cross([.. Flips(OfServers).Keys]);

    public static TheoryData<SessionKind, string> ClientRows => Exhibits.Cross([.. Flips(OfClients).Keys]);

    public static TheoryData<string> PolicyRows => [.. OfPolicies.Where(row => row.Value is not null).Select(row => row.Key)];

    [Theory]
    [InlineData(typeof(TlsServerOptions))]
    [InlineData(typeof(TlsClientOptions))]
    [InlineData(typeof(X509ChainPolicy))]
    [Trait("Museum", "A9")]
    public void EveryOptionIsClassified(Type type)
    {
        IEnumerable<string> classified = type == typeof(TlsServerOptions) ? All(OfServers).Keys : type == typeof(TlsClientOptions) ? All(OfClients).Keys : OfPolicies.Keys;
        Assert.Equal(
            type.GetProperties(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic).Select(property => property.Name).Order(StringComparer.Ordinal),
            classified.Order(StringComparer.Ordinal));
    }

    [Theory]
    [MemberData(nameof(ServerRows))]
    [Trait("Museum", "A8")]
    [Trait("Museum", "A9")]
    [Trait("Museum", "A10")]
    public void AServerWithAnotherOptionDeclinesByNameOrResumes(SessionKind kind, string name)
    {
        Option<TlsServerOptions> option = All(OfServers)[name];
        (TlsClientContext client, TlsServerContext issuer) = Exhibits.Contexts(kind, null, Configure);
        (_, TlsServerContext redeemer) = Exhibits.Contexts(kind, null, o =>
        {
            Configure(o);
            option.Flip!(o);
        });
        Exhibits.ShareSessions(issuer, redeemer);
        Exhibits.Session(client, issuer);
        // Through the engine, with the real client: whatever becomes of the session, the connection stands.
        using EnginePair pair = EnginePair.Connect(client, redeemer);
        Assert.Equal(option.Expected(kind.ToMechanism()), pair.Server.Info.Resumption);
        Assert.Equal(option.Component is null, pair.Client.Info.Resumption.IsResumed);

        static void Configure(TlsServerOptions options)
        {
            options.Group = "g";
            options.RemoteCertificateValidationCallback = AcceptAll;
        }
    }

    [Theory]
    [MemberData(nameof(ClientRows))]
    [Trait("Museum", "B7")]
    public void AClientWithAnotherOptionDoesNotOfferOrResumes(SessionKind kind, string name)
    {
        Option<TlsClientOptions> option = All(OfClients)[name];
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(kind, Configure);
        TlsSession session = Exhibits.Session(client, server);
        (TlsClientContext other, _) = Exhibits.Contexts(kind, o =>
        {
            Configure(o);
            option.Flip!(o);
            o.Resume = session;
        });
        using EnginePair pair = EnginePair.Connect(other, server);
        Assert.Equal(
            option.Component is { } component ? new ResumptionOutcome(ResumptionStatus.NotOffered, ResumptionMechanism.None, ResumptionReason.ScopeMismatch, component.ToString())
            : ResumptionOutcome.Resumed(kind.ToMechanism()),
            pair.Client.Info.Resumption);
        // Nothing of it was on the wire.
        Assert.Equal(option.Component is null, pair.Server.Info.Resumption.IsResumed);
        Assert.Equal(option.Component is null ? ResumptionStatus.Resumed : ResumptionStatus.NotOffered, pair.Server.Info.Resumption.Status);

        // Nor does it find the session in a cache that both have.
        (TlsClientContext sharing, _) = Exhibits.Contexts(kind, o =>
        {
            Configure(o);
            option.Flip!(o);
            o.SessionCache = client.SessionCache;
        });
        if (option.Component is not null)
        {
            using EnginePair third = EnginePair.Connect(sharing, server);
            Assert.Equal(ResumptionReason.NoSessionYet, third.Client.Info.Resumption.Reason);
        }

        static void Configure(TlsClientOptions options)
        {
            // The system's trust: a policy of its own would hide the revocation mode.
            options.CertificateChainPolicy = null;
            options.RemoteCertificateValidationCallback = AcceptAll;
        }
    }

    [Theory]
    [MemberData(nameof(PolicyRows))]
    [Trait("Museum", "A9")]
    [Trait("Museum", "A10")]
    public void AnotherChainPolicyIsAnotherScope(string name)
    {
        SessionScope plain = Scope(_ => { });
        Assert.Null(SessionScope.FirstMismatch(plain, Scope(_ => { })));
        SessionScope flipped = Scope(OfPolicies[name]!);
        bool anchors = name is nameof(X509ChainPolicy.CustomTrustStore) or nameof(X509ChainPolicy.TrustMode);
        Assert.Equal(anchors ? ScopeComponent.TrustAnchors : ScopeComponent.ChainPolicy, SessionScope.FirstMismatch(plain, flipped));

        static SessionScope Scope(Action<X509ChainPolicy> change)
        {
            X509ChainPolicy policy = TestPki.TrustRoot();
            change(policy);
            return HandshakeTests.Contexts(null, o => (o.Group, o.CertificateChainPolicy) = ("g", policy)).Server.Settings.Scope;
        }
    }

    /// <summary>Museum A8: options that change after the context was made change nothing, and so cannot diverge from its scope.</summary>
    [Theory]
    [MemberData(nameof(Exhibits.All), MemberType = typeof(Exhibits))]
    [Trait("Museum", "A8")]
    public void AContextIsFrozen(SessionKind kind)
    {
        TlsServerOptions kept = null!;
        X509ChainPolicy policy = TestPki.TrustRoot();
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(kind, o => o.ClientCertificate = TestPki.ClientEcdsa().Tls, o =>
        {
            kept = o;
            (o.ClientCertificateMode, o.CertificateChainPolicy) = (TlsClientCertificateMode.Required, policy);
        });
        Exhibits.Session(client, server);
        policy.CustomTrustStore.Clear();
        kept.ClientCertificateMode = TlsClientCertificateMode.None;
        kept.Tenant = "other";
        Exhibits.AssertUnharmed(client, server, resumed: true);
        // A full handshake, too, goes by what was.
        (TlsClientContext stranger, _) = Exhibits.Contexts(kind);
        using var pair = new EnginePair(stranger, server);
        pair.Client.Start();
        Assert.Equal(TlsFault.CertificateMissing, Assert.ThrowsAny<TlsException>(pair.Run).Fault);
    }

    private static Dictionary<string, Option<T>> All<T>(Dictionary<string, Option<T>> own)
        where T : TlsOptions
        => new(Common.Select(row => KeyValuePair.Create(row.Key, row.Value.As<T>())).Concat(own));

    private static Dictionary<string, Option<T>> Flips<T>(Dictionary<string, Option<T>> own)
        where T : TlsOptions
        => new(All(own).Where(row => row.Value.Flip is not null));

    /// <summary>In the scope (a component and a flip), irrelevant (a flip alone), or under its own rule, whose reason <see cref="ReasonTests"/> produces.</summary>
    private sealed record Option<T>(ScopeComponent? Component, Action<T>? Flip, ResumptionReason Rule)
    {
        public Option(ScopeComponent component, Action<T> flip)
            : this(component, flip, ResumptionReason.ScopeMismatch)
        {
        }

        public Option(Action<T> flip)
            : this(null, flip, ResumptionReason.None)
        {
        }

        public Option(ResumptionReason rule)
            : this(null, null, rule)
        {
        }

        public ResumptionOutcome Expected(ResumptionMechanism mechanism)
            => Component is { } component ? ResumptionOutcome.Declined(mechanism, Rule, component.ToString()) : ResumptionOutcome.Resumed(mechanism);

        public Option<TOther> As<TOther>()
            where TOther : T
            => new(Component, Flip is { } flip ? options => flip(options) : null, Rule);
    }
}

using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Segno.Certificates;
using Segno.Cryptography;
using Segno.Handshake.Extensions;
using Segno.Sessions;

namespace Segno;

/// <summary>Options, checked and frozen: what contexts hold and handshakes read. No connection leaves anything in them for the next (D10).</summary>
internal abstract class TlsSettings
{
    private const SslProtocols AllVersions = SslProtocols.Tls12 | SslProtocols.Tls13;

    private static readonly TlsNamedGroup[] DefaultGroups =
        [TlsNamedGroup.X25519MLKem768, TlsNamedGroup.X25519, TlsNamedGroup.P256, TlsNamedGroup.P384];

    /// <param name="options">The options.</param>
    /// <param name="hasExternalPsks">Whether there may be external PSKs, which TLS 1.3 alone has .</param>
    /// <param name="allowCertificates">Whether a server may prove itself by a certificate, without which there is no TLS 1.2.</param>
    protected TlsSettings(TlsOptions options, bool hasExternalPsks, bool allowCertificates)
    {
        if ((options.EnabledSslProtocols | AllVersions) != AllVersions)
        {
            throw new ArgumentException("EnabledSslProtocols: only TLS 1.2 and TLS 1.3 are supported.", nameof(options));
        }
        Crypto = options.Crypto;
        ApplicationProtocols = [.. options.ApplicationProtocols ?? []];
        if (Array.Exists(ApplicationProtocols, protocol => protocol.Protocol.IsEmpty))
        {
            throw new ArgumentException("ApplicationProtocols: a protocol has no name (RFC 7301 §3.1).", nameof(options));
        }
        Groups = GroupsOf(options.SupportedGroups);
        Groups12 = [.. Groups.Where(NamedGroups.IsForTls12)];
        CipherSuites13 = Suites(options, SslProtocols.Tls13, CipherSuiteInfo.AllTls13);
        CipherSuites12 = allowCertificates ? Suites(options, SslProtocols.Tls12, CipherSuiteInfo.AllTls12) : [];
        if (hasExternalPsks && CipherSuites13.Length == 0)
        {
            throw new ArgumentException("EnabledSslProtocols, CipherSuites: external PSKs need TLS 1.3.", nameof(options));
        }
        if (CipherSuites13.Length == 0 && CipherSuites12.Length == 0)
        {
            throw new ArgumentException("CipherSuites: the list is empty.", nameof(options));
        }
        SignatureSchemes = NotEmpty(options.SignatureSchemes, SchemeChoice.Default, nameof(options.SignatureSchemes));
        SigningSchemes = NotEmpty(options.SigningSchemes, SchemeChoice.Default, nameof(options.SigningSchemes));
        AllowResume = options.AllowTlsResume;
        AllowPskWithoutKeyExchange = options.AllowPskWithoutKeyExchange;
        ValidationCallback = options.RemoteCertificateValidationCallback;
        Validator = new ChainValidator(options);
        ValidationPolicyName = options.ValidationPolicyName;
        RevocationMode = options.CertificateRevocationCheckMode;
        ChainPolicy = options.CertificateChainPolicy?.Clone();
        ResumedPeer = Enum.IsDefined(options.ResumedPeer)
            ? options.ResumedPeer
            : throw new ArgumentException($"ResumedPeer: {options.ResumedPeer} is not Reuse, Reverify or RequireFresh.", nameof(options));
        CompressCertificates = options.CompressCertificates;
        MaxCertificateMessageLength = Range(options.MaxCertificateMessageLength, 1024, 256 * 1024, nameof(options.MaxCertificateMessageLength));
        HandshakeTimeout = Timeout(options.HandshakeTimeout, nameof(options.HandshakeTimeout));
        IdleTimeout = Timeout(options.IdleTimeout, nameof(options.IdleTimeout));
        MaxSendFragment = Range(options.MaxSendFragment, 1, 16384, nameof(options.MaxSendFragment));
        MaxReceiveFragment = Range(options.MaxReceiveFragment, RecordLimits.MinLimit, 16384, nameof(options.MaxReceiveFragment));
        RecordPadding = Range(options.RecordPadding, 0, 16384, nameof(options.RecordPadding));
        KeyLog = options.KeyLog;
        TimeProvider = options.TimeProvider;
        Tenant = options.Tenant;
    }

    public CryptoProvider Crypto { get; }

    public SslApplicationProtocol[] ApplicationProtocols { get; }

    /// <summary>The suites of TLS 1.3; empty where the version is off.</summary>
    public CipherSuiteInfo[] CipherSuites13 { get; }

    /// <summary>The suites of TLS 1.2; empty where the version is off.</summary>
    public CipherSuiteInfo[] CipherSuites12 { get; }

    public bool AllowsTls13 => CipherSuites13.Length > 0;

    public bool AllowsTls12 => CipherSuites12.Length > 0;

    public TlsNamedGroup[] Groups { get; }

    /// <summary>Those of <see cref="Groups"/> that TLS 1.2 has.</summary>
    public TlsNamedGroup[] Groups12 { get; }

    public TlsSignatureScheme[] SignatureSchemes { get; }

    public TlsSignatureScheme[] SigningSchemes { get; }

    public bool AllowResume { get; }

    public bool AllowPskWithoutKeyExchange { get; }

    public RemoteCertificateValidationCallback? ValidationCallback { get; }

    public ChainValidator Validator { get; }

    public string? ValidationPolicyName { get; }

    public X509RevocationMode RevocationMode { get; }

    public X509ChainPolicy? ChainPolicy { get; }

    public ResumedPeer ResumedPeer { get; }

    public bool CompressCertificates { get; }

    public int MaxCertificateMessageLength { get; }

    public TimeSpan HandshakeTimeout { get; }

    public TimeSpan IdleTimeout { get; }

    public int MaxSendFragment { get; }

    public int MaxReceiveFragment { get; }

    public int RecordPadding { get; }

    public Action<string>? KeyLog { get; }

    public TimeProvider TimeProvider { get; }

    public string? Tenant { get; }

    /// <summary>How many records one key protects before it is updated; <see langword="null"/>: the algorithm's limit. For tests.</summary>
    public long? RecordLimit { get; set; }

    /// <summary>What goes out in place of a handshake message, given what would. For tests, which repeat recorded handshakes with it.</summary>
    public Func<byte[], byte[]>? MessageRewriter { get; set; }

    public abstract SessionScope Scope { get; }

    public static int Range(int value, int min, int max, string name)
        => value >= min && value <= max ? value : throw new ArgumentException($"{name}: {value} is not between {min} and {max}.", name);

    protected static TimeSpan Timeout(TimeSpan value, string name)
        => value > TimeSpan.Zero || value == System.Threading.Timeout.InfiniteTimeSpan
            ? value
            : throw new ArgumentException($"{name}: {value} is not positive.", name);

    protected TlsNamedGroup[] GroupsOf(IList<TlsNamedGroup>? groups)
    {
        TlsNamedGroup[] result = NotEmpty(groups, [.. DefaultGroups.Where(Crypto.Supports)], nameof(TlsOptions.SupportedGroups));
        foreach (TlsNamedGroup group in result)
        {
            if (!Crypto.Supports(group))
            {
                throw new ArgumentException($"SupportedGroups: {group} is not supported.", nameof(groups));
            }
        }
        return result;
    }

    protected SessionScopeInputs ScopeInputs(bool isServer) => new()
    {
        IsServer = isServer,
        TrustAnchors = ChainPolicy is { TrustMode: X509ChainTrustMode.CustomRootTrust } custom
            ? [.. custom.CustomTrustStore.Select(anchor => anchor.RawDataMemory)]
            : null,
        RevocationMode = ChainPolicy?.RevocationMode ?? RevocationMode,
        RevocationFlag = ChainPolicy?.RevocationFlag ?? X509RevocationFlag.ExcludeRoot,
        VerificationFlags = ChainPolicy?.VerificationFlags ?? X509VerificationFlags.NoFlag,
        DisableCertificateDownloads = ChainPolicy?.DisableCertificateDownloads ?? false,
        ApplicationPolicy = Oids(ChainPolicy?.ApplicationPolicy),
        CertificatePolicy = Oids(ChainPolicy?.CertificatePolicy),
        ChainKnobs = [.. ChainKnobs()],
        VerifyPolicy = ValidationPolicyName,
        VerifyCallback = ValidationCallback,
        Tenant = Tenant,
    };

    /// <summary>What else decides about a certificate of the peer: how it may sign, and at which moment it must be valid.</summary>
    private IEnumerable<string> ChainKnobs()
    {
        if (ChainPolicy is { VerificationTimeIgnored: false } policy)
        {
            yield return $"{nameof(X509ChainPolicy.VerificationTime)}={policy.VerificationTime.ToUniversalTime().Ticks}";
        }
        if (SignatureSchemes != SchemeChoice.Default)
        {
            foreach (TlsSignatureScheme scheme in SignatureSchemes)
            {
                yield return $"{nameof(SignatureSchemes)}={scheme:x}";
            }
        }
    }

    private static string[] Oids(System.Security.Cryptography.OidCollection? oids)
    {
        List<string> values = [];
        foreach (System.Security.Cryptography.Oid oid in oids ?? [])
        {
            values.Add(oid.Value ?? "");
        }
        return [.. values];
    }

    private static T[] NotEmpty<T>(IList<T>? given, T[] defaults, string name)
    {
        if (given is { Count: 0 })
        {
            throw new ArgumentException($"{name}: the list is empty.", name);
        }
        return given is null ? defaults : [.. given];
    }

    /// <summary>The suites of a version; empty where it is not enabled, or cannot be for want of a suite or a group.</summary>
    private CipherSuiteInfo[] Suites(TlsOptions options, SslProtocols version, ReadOnlySpan<CipherSuiteInfo> known)
    {
        bool named = options.EnabledSslProtocols.HasFlag(version);
        if (!named && options.EnabledSslProtocols != SslProtocols.None)
        {
            return [];
        }
        CipherSuiteInfo[] all = [.. known.ToArray().Where(suite => Crypto.Supports(suite.Aead))];
        CipherSuiteInfo[] chosen = options.CipherSuites is { } wanted ? [.. wanted.Select(Find).OfType<CipherSuiteInfo>()] : all;
        if (named && chosen.Length == 0)
        {
            throw new ArgumentException($"CipherSuites: EnabledSslProtocols has {version}, and the list no suite of it.", nameof(options));
        }
        if (version == SslProtocols.Tls12 && Groups12.Length == 0)
        {
            return named ? throw new ArgumentException("SupportedGroups: the list has no group of TLS 1.2.", nameof(options)) : [];
        }
        return chosen;

        CipherSuiteInfo? Find(TlsCipherSuite suite)
            => Array.Find(all, info => info.Suite == suite)
                ?? (IsKnown(suite) ? null : throw new ArgumentException($"CipherSuites: {suite} is not supported (docs/stances.md).", nameof(options)));
    }

    private bool IsKnown(TlsCipherSuite suite)
        => CipherSuiteInfo.Find(suite) is { } info && Crypto.Supports(info.Aead);
}

/// <summary>A client's settings.</summary>
internal sealed class ClientSettings : TlsSettings
{
    private readonly TlsNamedGroup[]? _keyShareGroups;

    public ClientSettings(TlsClientOptions options)
        : base(options, options.ExternalPsks is { Count: > 0 }, AcceptsCertificates(options))
    {
        AllowCertificates = AcceptsCertificates(options);
        ExternalPsks = ExternalPskRules.Check(options.ExternalPsks ?? [], CipherSuites13);
        TargetHost = options.TargetHost;
        TargetPort = Range(options.TargetPort, 0, ushort.MaxValue, nameof(options.TargetPort));
        ClientCertificate = options.ClientCertificate;
        ClientCertificateSelector = options.ClientCertificateSelector;
        CertificateStatusMode = Enum.IsDefined(options.CertificateStatusMode)
            ? options.CertificateStatusMode
            : throw new ArgumentException($"CertificateStatusMode: {options.CertificateStatusMode} is no mode.", nameof(options));
        SessionCache = options.SessionCache ?? new MemoryClientSessionCache();
        Resume = options.Resume is not { IsServer: true }
            ? options.Resume
            : throw new ArgumentException("Resume: a server's session cannot be offered by a client; take TlsStream.Session of the client's end.", nameof(options));
        AllowTicketReuse = options.AllowTicketReuse;
        RequireResumption = !options.RequireResumption || AllowResume
            ? options.RequireResumption
            : throw new ArgumentException("RequireResumption: not with AllowTlsResume off; set one or the other.", nameof(options));
        SendGrease = options.SendGrease;
        MaxFragmentLength = options.MaxFragmentLength is not { } length || RecordLimits.FragmentCode(length) > 0
            ? options.MaxFragmentLength
            : throw new ArgumentException($"MaxFragmentLength: {length} is not 512, 1024, 2048 or 4096.", nameof(options));
        TicketRequest = options.TicketRequest;
        ServerCertificateAuthorities = [.. options.ServerCertificateAuthorities ?? []];
        _keyShareGroups = options.KeyShareGroups is { } groups ? [.. groups] : null;
        foreach (TlsNamedGroup group in _keyShareGroups ?? [])
        {
            if (!Groups.Contains(group))
            {
                throw new ArgumentException($"KeyShareGroups: {group} is not one of SupportedGroups.", nameof(options));
            }
        }
        Scope = SessionScope.Create(
            ScopeInputs(isServer: false) with
            {
                // A cache may be shared between contexts: what must keep them apart is all in the other components.
                Group = "client",
                LocalIdentity = ClientCertificate is { } certificate ? certificate.Chain[0] : default,
                LocalIdentityCallback = ClientCertificateSelector,
                ChainKnobs = [.. ScopeInputs(isServer: false).ChainKnobs, $"{nameof(CertificateStatusMode)}={CertificateStatusMode}"],
                ExternalPsks = [.. ExternalPsks.Select(psk => psk.Origin)],
                AllowCertificateInsteadOfPsk = AllowCertificates,
            },
            Crypto);
        ScopeDigest = Scope.ComputeDigest(Crypto);
    }

    public string? TargetHost { get; }

    public int TargetPort { get; }

    public TlsCertificate? ClientCertificate { get; }

    public Func<TlsCertificateRequestInfo, CancellationToken, ValueTask<TlsCertificate?>>? ClientCertificateSelector { get; }

    public TlsCertificateStatusMode CertificateStatusMode { get; }

    public IClientSessionCache SessionCache { get; }

    public TlsSession? Resume { get; }

    public bool AllowTicketReuse { get; }

    public bool RequireResumption { get; }

    public bool SendGrease { get; }

    /// <summary>The external PSKs to offer, as they go over the wire: those that fit a suite.</summary>
    public ExternalPskKey[] ExternalPsks { get; }

    /// <summary>Whether a server may prove itself by a certificate.</summary>
    public bool AllowCertificates { get; }

    public int? MaxFragmentLength { get; }

    public TlsTicketRequest? TicketRequest { get; }

    public ReadOnlyMemory<byte>[] ServerCertificateAuthorities { get; }

    public override SessionScope Scope { get; }

    public byte[] ScopeDigest { get; }

    private static bool AcceptsCertificates(TlsClientOptions options) => options.ExternalPsks is not { Count: > 0 } || options.AllowCertificateInsteadOfPsk;

    /// <summary>The groups to send key shares for, unless the application named them: the best, and one that will do where the server has not got that.</summary>
    /// <param name="offered">The session that is offered; its group is one the server has.</param>
    public TlsNamedGroup[] KeyShareGroups(TlsSession? offered)
    {
        if (_keyShareGroups is { } given)
        {
            return given;
        }
        TlsNamedGroup best = Groups[0];
        TlsNamedGroup other = offered is { ProtocolVersion: SslProtocols.Tls13, Group: { } known } && Groups.Contains(known)
            ? known
            : best == TlsNamedGroup.X25519MLKem768 && Groups.Length > 1 ? Groups[1] : best;
        return best == other ? [best] : [best, other];
    }
}

/// <summary>A server's settings.</summary>
internal sealed class ServerSettings : TlsSettings
{
    public const int MaxTicketCount = 8;
    public const int MaxGroupLength = 255;

    public ServerSettings(TlsServerOptions options)
        : base(options, options.ExternalPskSelector is not null, !HasOnlyPsks(options))
    {
        Certificates = [.. options.ServerCertificates];
        CertificateSelector = options.CertificateSelector;
        if (options.ContextSelector is { } selector)
        {
            ContextSelector = input => Unwrap(selector, input);
        }
        ExternalPskSelector = options.ExternalPskSelector;
        IsPskOnly = HasOnlyPsks(options);
        if (Certificates.Length == 0 && CertificateSelector is null && ContextSelector is null && ExternalPskSelector is null)
        {
            throw new ArgumentException(
                "ServerCertificates: a server needs a certificate, a CertificateSelector, a ContextSelector or an ExternalPskSelector.", nameof(options));
        }
        ClientCertificateMode = options.ClientCertificateMode;
        AllowPskInsteadOfClientCertificate = options.AllowPskInsteadOfClientCertificate;
        if (ExternalPskSelector is not null && ClientCertificateMode == TlsClientCertificateMode.Required && !AllowPskInsteadOfClientCertificate)
        {
            throw new ArgumentException(
                "ClientCertificateMode: a client with an external PSK shows no certificate (RFC 9846 §4.4.2); set AllowPskInsteadOfClientCertificate to let it in all the same.", nameof(options));
        }
        ClientCertificateAuthorities = [.. options.ClientCertificateAuthorities ?? []];
        TicketLifetime = options.TicketLifetime >= TimeSpan.Zero && options.TicketLifetime <= TimeSpan.FromDays(7)
            ? options.TicketLifetime
            : throw new ArgumentException($"TicketLifetime: {options.TicketLifetime} is not between 0 and 7 days.", nameof(options));
        TicketCount = Range(options.TicketCount, 0, MaxTicketCount, nameof(options.TicketCount));
        TicketCountOnResumption = Range(options.TicketCountOnResumption, 0, MaxTicketCount, nameof(options.TicketCountOnResumption));
        AuthenticationLifetime = options.AuthenticationLifetime
            ?? (ClientCertificateMode == TlsClientCertificateMode.None ? TimeSpan.FromDays(7) : TimeSpan.FromHours(24));
        if (AuthenticationLifetime <= TimeSpan.Zero)
        {
            throw new ArgumentException("AuthenticationLifetime: not positive.", nameof(options));
        }
        PreferServerCipherSuites = options.PreferServerCipherSuites;
        string? group = GroupOf(options);
        DeferSessions = options.DeferSessions;
        Tls12SessionLifetime = options.Tls12SessionLifetime >= TimeSpan.Zero && options.Tls12SessionLifetime <= TimeSpan.FromHours(24)
            ? options.Tls12SessionLifetime
            : throw new ArgumentException($"Tls12SessionLifetime: {options.Tls12SessionLifetime} is not between 0 and 24 hours.", nameof(options));
        TicketMode = Enum.IsDefined(options.TicketMode)
            ? options.TicketMode
            : throw new ArgumentException($"TicketMode: {options.TicketMode} is not Stateless, Stateful or Automatic.", nameof(options));
        OwnsTicketKeys = options.TicketKeys is null && AllowResume;
        if (AllowResume)
        {
            TimeSpan longest = TicketLifetime > Tls12SessionLifetime ? TicketLifetime : Tls12SessionLifetime;
            TicketKeys = options.TicketKeys ?? new TicketKeyRing(ticketLifetime: longest > TimeSpan.Zero ? longest : null, timeProvider: TimeProvider);
            // What no key opens any more would be promised in vain.
            TicketLifetime = AtMost(TicketLifetime, TicketKeys.TicketLifetime);
            Tls12SessionLifetime = AtMost(Tls12SessionLifetime, TicketKeys.TicketLifetime);
        }
        bool storesTickets = TicketMode != TlsTicketMode.Stateless && TicketLifetime > TimeSpan.Zero;
        if (AllowResume && (storesTickets || Tls12SessionLifetime > TimeSpan.Zero))
        {
            // A store of our own keeps them as long as they say.
            TimeSpan? maxLifetime = storesTickets && TicketLifetime > TimeSpan.FromHours(24) ? TicketLifetime : null;
            OwnedSessionStore = options.SessionStore is null ? new MemorySessionStore(maxLifetime: maxLifetime, timeProvider: TimeProvider) : null;
            SessionStore = options.SessionStore ?? OwnedSessionStore!;
            StoredSessions = StoredSessions.Create(SessionStore, TicketKeys!, Crypto, TimeProvider, Tenant);
        }
        if (RequiresForwardSecrecy && AllowPskWithoutKeyExchange)
        {
            throw new ArgumentException(
                "AllowPskWithoutKeyExchange: not under derived ticket keys, whose root opens such connections for good; make them with allowWithoutForwardSecrecy to have both.", nameof(options));
        }
        PolicyGate = AllowResume && options.ResumptionPolicy is { } policy ? new PolicyGate(policy, options.LoadProbe, Crypto, TimeProvider) : null;
        EarlyDataWindow = options.EarlyDataWindow > TimeSpan.Zero && options.EarlyDataWindow <= EarlyDataRules.MaxWindow
            ? options.EarlyDataWindow
            : throw new ArgumentException($"EarlyDataWindow: {options.EarlyDataWindow} is not more than 0 and at most {EarlyDataRules.MaxWindow}.", nameof(options));
        MaxEarlyDataSize = Range(options.MaxEarlyDataSize, 0, EarlyDataRules.MaxSize, nameof(options.MaxEarlyDataSize));
        DeliverEarlyDataAtOnce = options.DeliverEarlyDataAtOnce;
        Replays = ReplaysOf(options);
        Sessions = new ServerSessions(TicketKeys, StoredSessions, Crypto, options.Revocations, Tenant);
        Scope = SessionScope.Create(ScopeInputs(isServer: true) with { Group = group, ClientAuthentication = ClientCertificateMode, AwaitsVerdict = DeferSessions }, Crypto);
    }

    public TlsCertificate[] Certificates { get; }

    public Func<TlsClientHelloInfo, CancellationToken, ValueTask<TlsCertificate?>>? CertificateSelector { get; }

    public Func<(TlsClientHelloInfo Hello, CancellationToken Token), ValueTask<ServerSettings?>>? ContextSelector { get; }

    public Func<TlsPskIdentity, CancellationToken, ValueTask<TlsExternalPsk?>>? ExternalPskSelector { get; }

    /// <summary>Whether there is no certificate to fall back to: an unknown identity is then answered as a wrong binder is.</summary>
    public bool IsPskOnly { get; }

    public bool AllowPskInsteadOfClientCertificate { get; }

    public TlsClientCertificateMode ClientCertificateMode { get; }

    public ReadOnlyMemory<byte>[] ClientCertificateAuthorities { get; }

    public TimeSpan TicketLifetime { get; }

    public TlsTicketMode TicketMode { get; }

    public int TicketCount { get; }

    public int TicketCountOnResumption { get; }

    public TimeSpan AuthenticationLifetime { get; }

    public bool PreferServerCipherSuites { get; }

    /// <summary>Whether sessions wait for the application's verdict.</summary>
    public bool DeferSessions { get; }

    /// <summary>How much early data a ticket of ours allows.</summary>
    public int MaxEarlyDataSize { get; }

    public TimeSpan EarlyDataWindow { get; }

    public bool DeliverEarlyDataAtOnce { get; }

    /// <summary>The replay guard; <see langword="null"/> where early data is off.</summary>
    public GuardedReplays? Replays { get; }

    public TicketKeyRing? TicketKeys { get; }

    public bool OwnsTicketKeys { get; }

    /// <summary>Whether the ticket keys allow neither tickets of TLS 1.2, where there are session IDs in their place, nor psk_ke.</summary>
    public bool RequiresForwardSecrecy => TicketKeys is { RequiresForwardSecrecy: true };

    /// <summary>How long a TLS 1.2 session may be resumed, by its ID or by a ticket; zero: not at all.</summary>
    public TimeSpan Tls12SessionLifetime { get; }

    /// <summary>The store; <see langword="null"/> where there is none.</summary>
    public ISessionStore? SessionStore { get; }

    /// <summary>The store that goes with the context; <see langword="null"/> where there is none or it is the caller's.</summary>
    public MemorySessionStore? OwnedSessionStore { get; }

    /// <summary>The sessions that clients know by an ID or a stateful ticket; <see langword="null"/> where there are none.</summary>
    public StoredSessions? StoredSessions { get; }

    public ServerSessions Sessions { get; set; }

    /// <summary>The application's policy; <see langword="null"/> where there is none, or nothing that it could narrow.</summary>
    public PolicyGate? PolicyGate { get; }

    public override SessionScope Scope { get; }

    private static TimeSpan AtMost(TimeSpan value, TimeSpan limit) => value < limit ? value : limit;

    private static bool HasOnlyPsks(TlsServerOptions options)
        => options is { ServerCertificates.Count: 0, CertificateSelector: null, ContextSelector: null, ExternalPskSelector: not null };

    /// <summary>No early data without somebody who remembers it (E7), nor under keys whose root opens it for good.</summary>
    private GuardedReplays? ReplaysOf(TlsServerOptions options)
    {
        if (MaxEarlyDataSize == 0 || !AllowResume)
        {
            return null;
        }
        if (options.ReplayGuard is not { } guard)
        {
            throw new ArgumentException(
                "MaxEarlyDataSize: early data needs a ReplayGuard, or it is accepted as often as somebody sends it; a MemoryReplayGuard does for one process.", nameof(options));
        }
        if (guard.Zone.Length is 0 or > SessionLimits.MaxZone)
        {
            throw new ArgumentException($"ReplayGuard: its zone has {guard.Zone.Length} bytes, and not 1 to {SessionLimits.MaxZone}.", nameof(options));
        }
        return RequiresForwardSecrecy
            ? throw new ArgumentException(
                "MaxEarlyDataSize: not under derived ticket keys, whose root opens early data for good; make them with allowWithoutForwardSecrecy to have both.", nameof(options))
            : new GuardedReplays(guard, TimeProvider);
    }

    /// <summary>Whoever may share sessions says with whom (A6, A8).</summary>
    private static string? GroupOf(TlsServerOptions options)
    {
        string? shared = options.TicketKeys is not null ? nameof(options.TicketKeys)
            : options.SessionStore is not null ? nameof(options.SessionStore)
            : null;
        return options.Group switch
        {
            { Length: 0 or > MaxGroupLength } => throw new ArgumentException($"Group: the name has {options.Group.Length} characters, and not 1 to {MaxGroupLength}.", nameof(options)),
            null when shared is not null => throw new ArgumentException(
                $"Group: {shared} may be shared between contexts; set Group to a name that is the same in those that may resume each other's sessions, and in no other.", nameof(options)),
            var group => group,
        };
    }

    private static ValueTask<ServerSettings?> Unwrap(
        Func<TlsClientHelloInfo, CancellationToken, ValueTask<TlsServerContext?>> selector, (TlsClientHelloInfo Hello, CancellationToken Token) input)
    {
        ValueTask<TlsServerContext?> task = selector(input.Hello, input.Token);
        return task.IsCompletedSuccessfully
            ? new ValueTask<ServerSettings?>(task.Result?.Settings)
            : new ValueTask<ServerSettings?>(task.AsTask().ContinueWith(
                static done => done.GetAwaiter().GetResult()?.Settings,
                CancellationToken.None,
                TaskContinuationOptions.ExecuteSynchronously,
                TaskScheduler.Default));
    }
}

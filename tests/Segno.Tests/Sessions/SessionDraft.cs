using System.Net.Security;
using System.Security.Authentication;
using Segno.Cryptography;
using Segno.Sessions;

namespace Segno.Tests.Sessions;

/// <summary>A session to be: a good TLS 1.3 one unless a test says otherwise.</summary>
internal sealed class SessionDraft
{
    public static readonly DateTimeOffset Now = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    public SessionScopeInputs ScopeInputs { get; set; } = new() { IsServer = true, Group = "test" };

    public SslProtocols ProtocolVersion { get; set; } = SslProtocols.Tls13;

    public TlsCipherSuite CipherSuite { get; set; } = TlsCipherSuite.TLS_AES_128_GCM_SHA256;

    public HashKind Hash { get; set; } = HashKind.Sha256;

    public byte[] Secret { get; set; } = [.. Enumerable.Range(1, 32).Select(i => (byte)i)];

    public DateTimeOffset AuthenticatedAt { get; set; } = Now.AddHours(-1);

    public TimeSpan MaximumAge { get; set; } = TimeSpan.FromDays(7);

    public IReadOnlyList<ReadOnlyMemory<byte>> PeerCertificates { get; set; } = [];

    public DateTimeOffset? PeerNotAfter { get; set; }

    public SessionLineage? Lineage { get; set; }

    public DateTimeOffset IssuedAt { get; set; } = Now.AddHours(-1);

    public TimeSpan Lifetime { get; set; } = TimeSpan.FromHours(24);

    public string? ServerName { get; set; } = "www.example.org";

    public string? TargetHost { get; set; }

    public int TargetPort { get; set; }

    public SslApplicationProtocol ApplicationProtocol { get; set; } = SslApplicationProtocol.Http2;

    public TlsNamedGroup? Group { get; set; } = TlsNamedGroup.X25519;

    public uint AgeAdd { get; set; } = 0x89abcdef;

    public uint MaxEarlyDataSize { get; set; }

    public byte[] Ticket { get; set; } = [];

    public byte[] SessionId { get; set; } = [];

    public byte[] ApplicationData { get; set; } = [];

    public byte[] Zone { get; set; } = [];

    public TransportKind Transport { get; set; } = TransportKind.Stream;

    public bool ExtendedMasterSecret { get; set; } = true;

    public bool OwnCertificateShown { get; set; }

    public bool IsServer
    {
        get => ScopeInputs.IsServer;
        set => ScopeInputs = ScopeInputs with { IsServer = value };
    }

    public static SessionDraft Tls12() => new()
    {
        ProtocolVersion = SslProtocols.Tls12,
        CipherSuite = TlsCipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        Secret = [.. Enumerable.Range(1, 48).Select(i => (byte)i)],
    };

    public static SessionDraft Client() => new() { IsServer = false, Ticket = [1, 2, 3, 4] };

    public TlsSessionState State() => new()
    {
        IsServer = IsServer,
        ProtocolVersion = ProtocolVersion,
        CipherSuite = CipherSuite,
        Hash = Hash,
        Scope = SessionScope.Create(ScopeInputs, CryptoProvider.Default),
        Lineage = Lineage ?? SessionLineage.Begin(AuthenticatedAt, MaximumAge, PeerCertificates, PeerNotAfter, null, CryptoProvider.Default),
        IssuedAt = IssuedAt,
        Lifetime = Lifetime,
        ServerName = ServerName,
        TargetHost = TargetHost,
        TargetPort = TargetPort,
        ApplicationProtocol = ApplicationProtocol,
        Group = Group,
        AgeAdd = AgeAdd,
        MaxEarlyDataSize = MaxEarlyDataSize,
        Ticket = Ticket,
        SessionId = SessionId,
        ExtendedMasterSecret = ExtendedMasterSecret && ProtocolVersion == SslProtocols.Tls12,
        OwnCertificateShown = OwnCertificateShown,
        ApplicationData = ApplicationData,
        Zone = Zone,
        Transport = Transport,
    };

    public TlsSession Session() => new(State(), Secret);

    public static byte[] SecretOf(TlsSession session)
    {
        byte[] secret = new byte[session.SecretLength];
        Assert.Equal(secret.Length, session.CopySecret(secret));
        return secret;
    }
}

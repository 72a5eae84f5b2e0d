using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Segno.Sessions;

namespace Segno;

/// <summary>How a connection came to be. Complete once the handshake is; immutable from then on.</summary>
public sealed class TlsConnectionInfo
{
    private X509Certificate2? _remoteCertificate;

    internal TlsConnectionInfo()
    {
    }

    /// <summary>Whether this side is the server.</summary>
    public bool IsServer { get; internal set; }

    /// <summary>The protocol version.</summary>
    public SslProtocols ProtocolVersion { get; internal set; }

    /// <summary>The cipher suite.</summary>
    public TlsCipherSuite CipherSuite { get; internal set; }

    /// <summary>The key-exchange group, or <see langword="null"/> where keys came from a PSK alone.</summary>
    public TlsNamedGroup? Group { get; internal set; }

    /// <summary>Whether the main secret is bound to the handshake: always in TLS 1.3 (RFC 9846 appendix E), in TLS 1.2 where both sides have extended_master_secret (RFC 7627). Only such sessions are resumed.</summary>
    public bool ExtendedMasterSecret
    {
        get => field || ProtocolVersion == SslProtocols.Tls13;
        internal set;
    }

    /// <summary>The application protocol; default where none was negotiated.</summary>
    public SslApplicationProtocol ApplicationProtocol { get; internal set; }

    //
    /// <summary>The server name of this connection's hello (RFC 9846 §4.7.1), lower case, or <see langword="null"/>.</summary>
    public string? ServerName { get; internal set; }

    /// <summary>What happened to resumption, and why.</summary>
    public ResumptionOutcome Resumption { get; internal set; }

    /// <summary>What happened to early data (0-RTT), and why.</summary>
    public EarlyDataOutcome EarlyData { get; internal set; }

    /// <summary>How many bytes of early data were sent, or were accepted.</summary>
    public long EarlyDataSize { get; internal set; }

    /// <summary>Age of the resumed session, or <see langword="null"/> on a full handshake and on one by an external PSK.</summary>
    public TimeSpan? SessionAge { get; internal set; }

    /// <summary>Server: by how much the client takes its ticket to be older than this server does, in milliseconds' precision (RFC 9846 §8.3); <see langword="null"/> where no ticket of TLS 1.3 was resumed.</summary>
    public TimeSpan? TicketAgeSkew { get; internal set; }

    /// <summary>Server: whether the session was resumed by a ticket that refers to the session store (<see cref="TlsTicketMode.Stateful"/>), and which is spent with it.</summary>
    public bool IsTicketStateful { get; internal set; }

    /// <summary>When the peer proved its identity: now on a full handshake, earlier on a resumed one.</summary>
    public DateTimeOffset AuthenticatedAt { get; internal set; }

    /// <summary>What this connection's sessions have in common with the one it resumed, back to the full handshake: random, and the same on all of them.
    /// <see langword="null"/> after a full handshake of which no session is kept. Each side has its own.</summary>
    public Guid? LineageId { get; internal set; }

    /// <summary>How many resumptions lie between the full handshake and this connection, this one included: 0 on a full handshake, and on one by an external PSK.</summary>
    public long ResumptionCount { get; internal set; }

    /// <summary>Whether both sides are authenticated by certificates, on a resumed connection by those of the full handshake it goes back to.</summary>
    public bool IsMutuallyAuthenticated { get; internal set; }

    /// <summary>The peer's certificate, also on resumption; <see langword="null"/> where it showed none.</summary>
    public X509Certificate2? RemoteCertificate
    {
        // A resumed handshake has it in DER alone; most applications never look.
        get => _remoteCertificate ?? LoadRemoteCertificate();
        internal set => _remoteCertificate = value;
    }

    /// <summary>The peer's certificates in DER, leaf first, also on resumption.</summary>
    public IReadOnlyList<ReadOnlyMemory<byte>> RemoteCertificates { get; internal set; } = [];

    /// <summary>The external PSK by which both sides authenticated each other in place of certificates, also on resumption; <see langword="null"/> without one.</summary>
    public TlsPskIdentity? ExternalPskIdentity { get; internal set; }

    /// <summary>What the OCSP response stapled to the server's certificate says. A client's; on a resumed connection the server proves nothing anew and staples nothing.</summary>
    public TlsCertificateStatus RemoteCertificateStatus { get; internal set; }

    /// <summary>The OCSP response (DER) that the server stapled to its certificate in this handshake, as it went over the wire; empty: none.</summary>
    public ReadOnlyMemory<byte> StapledOcspResponse { get; internal set; }

    /// <summary>The certificate this side showed in this handshake, or <see langword="null"/>.</summary>
    public X509Certificate2? LocalCertificate { get; internal set; }

    /// <summary>The scheme the peer signed the handshake with, or <see langword="null"/> where it did not.</summary>
    public TlsSignatureScheme? RemoteSignatureScheme { get; internal set; }

    /// <summary>The scheme this side signed the handshake with, or <see langword="null"/> where it did not.</summary>
    public TlsSignatureScheme? LocalSignatureScheme { get; internal set; }

    /// <summary>The signature schemes that the peer accepts, in its order, unknown ones included; empty where it did not say.</summary>
    public IReadOnlyList<TlsSignatureScheme> RemoteSignatureSchemes { get; internal set; } = [];

    /// <summary>Client: how many tickets the server says it will send, where it was asked (RFC 9149); else <see langword="null"/>.</summary>
    public int? ExpectedTicketCount { get; internal set; }

    /// <summary>Whether a HelloRetryRequest was needed.</summary>
    public bool HelloRetried { get; internal set; }

    /// <summary>From the first byte to the end of the handshake.</summary>
    public TimeSpan HandshakeDuration { get; internal set; }

    /// <summary>Bytes received until the end of the handshake, record headers included.</summary>
    public long HandshakeBytesIn { get; internal set; }

    /// <summary>Bytes sent until the end of the handshake, record headers included; tickets are not counted.</summary>
    public long HandshakeBytesOut { get; internal set; }

    private X509Certificate2? LoadRemoteCertificate()
    {
        if (RemoteCertificates.Count == 0)
        {
            return null;
        }
        X509Certificate2 loaded = X509CertificateLoader.LoadCertificate(RemoteCertificates[0].Span);
        return Interlocked.CompareExchange(ref _remoteCertificate, loaded, null) ?? loaded;
    }
}

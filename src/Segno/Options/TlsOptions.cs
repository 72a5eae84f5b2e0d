using System.Diagnostics.Metrics;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Segno.Cryptography;
using Segno.Sessions;

namespace Segno;

/// <summary>What clients and servers have in common. Set the properties, then make a context of it; a context keeps a copy, so later changes have no effect.</summary>
/// <remarks>Not thread-safe while being changed.</remarks>
public abstract class TlsOptions
{
    private protected TlsOptions()
    {
    }

    /// <summary>The protocol versions to allow. Default <see cref="SslProtocols.None"/>: all that this library has.</summary>
    public SslProtocols EnabledSslProtocols { get; set; }

    /// <summary>Application protocols in order of preference (RFC 7301). Default <see langword="null"/>: no ALPN.</summary>
    public IList<SslApplicationProtocol>? ApplicationProtocols { get; set; }

    /// <summary>Cipher suites in order of preference. Default <see langword="null"/>: AES-128-GCM, AES-256-GCM, ChaCha20-Poly1305.</summary>
    public IList<TlsCipherSuite>? CipherSuites { get; set; }

    /// <summary>Key-exchange groups in order of preference. Default <see langword="null"/>: X25519MLKEM768, X25519, P-256, P-384.</summary>
    public IList<TlsNamedGroup>? SupportedGroups { get; set; }

    /// <summary>Signature schemes accepted from the peer, in order of preference. Default <see langword="null"/>: all that are safe.</summary>
    public IList<TlsSignatureScheme>? SignatureSchemes { get; set; }

    /// <summary>Signature schemes this side may sign with, in order of preference. Default <see langword="null"/>: all that fit the key.</summary>
    public IList<TlsSignatureScheme>? SigningSchemes { get; set; }

    /// <summary>Whether sessions are offered, accepted, issued and stored at all. Default <see langword="true"/>.</summary>
    public bool AllowTlsResume { get; set; } = true;

    /// <summary>Whether a PSK, be it a TLS 1.3 session's or an external one, may be used without a new key exchange (psk_ke, RFC 9846 §4.3.9): cheaper, and not forward secret. Both sides must opt in. Default <see langword="false"/>.</summary>
    public bool AllowPskWithoutKeyExchange { get; set; }

    /// <summary>What resumption does with the peer's certificate that the session holds. Default <see cref="ResumedPeer.Reuse"/>: what the full handshake found holds.</summary>
    public ResumedPeer ResumedPeer { get; set; }

    /// <summary>Decides about the peer's certificate after the chain and the name were examined. The sender is the <see cref="TlsConnection"/>. Default <see langword="null"/>: any error refuses.</summary>
    /// <remarks>Called on a thread-pool thread (asynchronous use) or on the caller's (synchronous use), once per full handshake, and with <see cref="ResumedPeer.Reverify"/> once per resumed one.
    /// To refuse with another alert than certificate_unknown, it throws a <see cref="TlsAlertException"/>, as all callbacks may.</remarks>
    public RemoteCertificateValidationCallback? RemoteCertificateValidationCallback { get; set; }

    /// <summary>A name for what <see cref="RemoteCertificateValidationCallback"/> checks. Sessions are resumed only under the same name; without one, only in the same process.</summary>
    public string? ValidationPolicyName { get; set; }

    /// <summary>Whether and how revocation is checked. Default <see cref="X509RevocationMode.NoCheck"/>.</summary>
    public X509RevocationMode CertificateRevocationCheckMode { get; set; } = X509RevocationMode.NoCheck;

    /// <summary>How the peer's chain is built and trusted; <see langword="null"/> (default) trusts the system's roots. Takes precedence over <see cref="CertificateRevocationCheckMode"/>.</summary>
    public X509ChainPolicy? CertificateChainPolicy { get; set; }

    /// <summary>Whether certificates may travel compressed (brotli, zlib; RFC 8879), in both directions. TLS 1.3 only. Default <see langword="true"/>.</summary>
    public bool CompressCertificates { get; set; } = true;

    /// <summary>Longest Certificate message taken from the peer (decompressed, where it comes compressed), 1024 to 262144 bytes: its bytes bound a chain, not its number of certificates. A longer one is <see cref="TlsFault.MessageTooLong"/>, or <see cref="TlsFault.CompressedCertificateInvalid"/>. Default 102400.</summary>
    public int MaxCertificateMessageLength { get; set; } = 100 * 1024;

    /// <summary>How long a handshake may take. Default 10 s; <see cref="Timeout.InfiniteTimeSpan"/> for no limit.</summary>
    public TimeSpan HandshakeTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a read may wait for the peer. Default <see cref="Timeout.InfiniteTimeSpan"/>: no limit.</summary>
    public TimeSpan IdleTimeout { get; set; } = Timeout.InfiniteTimeSpan;

    /// <summary>Largest plaintext of a record this side sends, 1 to 16384 bytes. Default 16384.</summary>
    public int MaxSendFragment { get; set; } = 16384;

    /// <summary>Largest plaintext of a record this side takes, 64 to 16384 bytes; a peer that knows record_size_limit (RFC 8449) is held to it. Default 16384.</summary>
    public int MaxReceiveFragment { get; set; } = 16384;

    /// <summary>Protected records are padded to a multiple of this many bytes (RFC 9846 §5.4), 0 to 16384. Default 0: no padding.</summary>
    public int RecordPadding { get; set; }

    /// <summary>Receives every secret of every connection as an NSS key log line (RFC 9850). For debugging only: whoever has the log reads the traffic. Default <see langword="null"/>. Called inside the handshake, possibly from many threads.</summary>
    public Action<string>? KeyLog { get; set; }

    /// <summary>The name of a tenant: sessions of one tenant are never resumed by another. Default <see langword="null"/>.</summary>
    public string? Tenant { get; set; }

    /// <summary>The clock. Default <see cref="TimeProvider.System"/>.</summary>
    public TimeProvider TimeProvider { get; set; } = TimeProvider.System;

    /// <summary>Where the meter "Segno" is made (docs/metrics.md). Default <see langword="null"/>: one for the process. <c>UseSegno</c> takes that of the application's services.</summary>
    public IMeterFactory? MeterFactory { get; set; }

    /// <summary>Not the provider of this process. For tests.</summary>
    internal CryptoProvider Crypto { get; set; } = CryptoProvider.Default;
}

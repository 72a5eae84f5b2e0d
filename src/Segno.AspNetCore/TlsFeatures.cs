using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Segno.Sessions;

namespace Segno.AspNetCore;

/// <summary>One connection's TLS facts, under all the interfaces that ASP.NET Core looks for them by. Set before the handshake, so that a connection never looks like plain text; filled after it.</summary>
internal sealed class TlsFeatures(TlsDuplexPipe tls, TlsConnectionInfo info)
    : ITlsConnectionFeature, ITlsHandshakeFeature, ITlsApplicationProtocolFeature, ITlsResumptionFeature, ITlsEarlyDataFeature
{
    private X509Certificate2? _clientCertificate;
    private bool _clientCertificateReplaced;

    public TlsConnectionInfo ConnectionInfo => info;

    public bool IsEarlyData => tls.MayBeReplay;

    public EarlyDataOutcome Outcome => info.EarlyData;

    public ResumptionOutcome Resumption => info.Resumption;

    public TimeSpan? SessionAge => info.SessionAge;

    public DateTimeOffset AuthenticatedAt => info.AuthenticatedAt;

    public Guid? LineageId => info.LineageId;

    public long ResumptionCount => info.ResumptionCount;

    public ReadOnlyMemory<byte> ApplicationProtocol => info.ApplicationProtocol.Protocol;

    /// <summary>A setter because the interface has one: certificate forwarding replaces what the connection showed.</summary>
    public X509Certificate2? ClientCertificate
    {
        get => _clientCertificateReplaced ? _clientCertificate : info.RemoteCertificate;
        set
        {
            _clientCertificate = value;
            _clientCertificateReplaced = true;
        }
    }

    public SslProtocols Protocol => info.ProtocolVersion;

    public TlsCipherSuite? NegotiatedCipherSuite => info.CipherSuite;

    public string HostName => info.ServerName ?? string.Empty;

#pragma warning disable SYSLIB0058 // Obsolete, but required by the interface; NegotiatedCipherSuite says it all.
    public CipherAlgorithmType CipherAlgorithm => info.CipherSuite switch
    {
        _ when IsChaCha20 => CipherAlgorithmType.None,
        _ when CipherStrength == 256 => CipherAlgorithmType.Aes256,
        _ => CipherAlgorithmType.Aes128,
    };

    public int CipherStrength => IsChaCha20 || IsSha384 ? 256 : 128;

    public HashAlgorithmType HashAlgorithm => IsSha384 ? HashAlgorithmType.Sha384 : HashAlgorithmType.Sha256;

    public int HashStrength => IsSha384 ? 384 : 256;

    public ExchangeAlgorithmType KeyExchangeAlgorithm => ExchangeAlgorithmType.DiffieHellman;

    public int KeyExchangeStrength => info.Group switch
    {
        TlsNamedGroup.P256 or TlsNamedGroup.X25519 => 256,
        TlsNamedGroup.P384 => 384,
        _ => 0,
    };
#pragma warning restore SYSLIB0058

    private bool IsChaCha20 => info.CipherSuite is TlsCipherSuite.TLS_CHACHA20_POLY1305_SHA256
        or TlsCipherSuite.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256
        or TlsCipherSuite.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256;

    private bool IsSha384 => info.CipherSuite is TlsCipherSuite.TLS_AES_256_GCM_SHA384
        or TlsCipherSuite.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384
        or TlsCipherSuite.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384;

    /// <summary>What the handshake showed: a certificate is never asked for later (post-handshake authentication is refused).</summary>
    public Task<X509Certificate2?> GetClientCertificateAsync(CancellationToken cancellationToken) => Task.FromResult(ClientCertificate);
}

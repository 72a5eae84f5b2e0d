using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;

namespace Segno;

/// <summary>What a client says in its first message, for the choice of a virtual host or a certificate.</summary>
public sealed class TlsClientHelloInfo
{
    internal TlsClientHelloInfo()
    {
    }

    /// <summary>The server name in lower case without trailing dot, or <see langword="null"/>.</summary>
    public string? ServerName { get; internal init; }

    /// <summary>The application protocols offered.</summary>
    public IReadOnlyList<SslApplicationProtocol> ApplicationProtocols { get; internal init; } = [];

    /// <summary>The cipher suites offered, unknown ones included.</summary>
    public IReadOnlyList<TlsCipherSuite> CipherSuites { get; internal init; } = [];

    /// <summary>The signature schemes offered, unknown ones included.</summary>
    public IReadOnlyList<TlsSignatureScheme> SignatureSchemes { get; internal init; } = [];

    /// <summary>Distinguished names (DER) of the authorities that the client would like the certificate to be from; empty: any.</summary>
    public IReadOnlyList<ReadOnlyMemory<byte>> CertificateAuthorities { get; internal init; } = [];

    /// <summary>The protocol versions offered, as far as this library knows them.</summary>
    public SslProtocols SupportedVersions { get; internal init; }

    /// <summary>The <see cref="TlsConnection"/> that asks.</summary>
    public object? Sender { get; internal init; }
}

/// <summary>What a server says when it asks for a client certificate.</summary>
public sealed class TlsCertificateRequestInfo
{
    internal TlsCertificateRequestInfo()
    {
    }

    /// <summary>The signature schemes that the server accepts, unknown ones included.</summary>
    public IReadOnlyList<TlsSignatureScheme> SignatureSchemes { get; internal init; } = [];

    /// <summary>Distinguished names (DER) of the authorities that the server accepts; empty: any.</summary>
    public IReadOnlyList<ReadOnlyMemory<byte>> Authorities { get; internal init; } = [];

    // What callbacks made for the platform's stream are told beside that.
    internal object? Sender { get; set; }

    internal string? TargetHost { get; set; }

    internal X509Certificate2? ServerCertificate { get; set; }
}

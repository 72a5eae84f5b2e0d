namespace Segno.Handshake.Extensions;

[Flags]
internal enum ExtensionPlace
{
    None = 0,
    ClientHello = 1,
    ServerHello = 2,
    HelloRetryRequest = 4,
    EncryptedExtensions = 8,
    CertificateRequest = 16,
    Certificate = 32,
    NewSessionTicket = 64,

    /// <summary>The ServerHello of TLS 1.2, where all answers stand (RFC 5246 §7.4.1.4).</summary>
    ServerHello12 = 128,
}

/// <summary>The table of RFC 9846 §4.3: which extension may stand in which message.</summary>
internal static class ExtensionRules
{
    /// <summary>Where the extension may stand; <see langword="null"/> where it is not known.</summary>
    public static ExtensionPlace? Places(ExtensionType type) => type switch
    {
        ExtensionType.ServerName or ExtensionType.MaxFragmentLength or ExtensionType.UseSrtp or ExtensionType.Heartbeat
            or ExtensionType.ApplicationLayerProtocolNegotiation or ExtensionType.ClientCertificateType
            or ExtensionType.ServerCertificateType or ExtensionType.RecordSizeLimit
            => ExtensionPlace.ClientHello | ExtensionPlace.EncryptedExtensions | ExtensionPlace.ServerHello12,
        // Servers of TLS 1.2 are known to answer with supported_groups, which means nothing there.
        ExtensionType.SupportedGroups => ExtensionPlace.ClientHello | ExtensionPlace.EncryptedExtensions | ExtensionPlace.ServerHello12,
        ExtensionType.TicketRequest => ExtensionPlace.ClientHello | ExtensionPlace.EncryptedExtensions,
        ExtensionType.StatusRequest or ExtensionType.SignedCertificateTimestamp
            => ExtensionPlace.ClientHello | ExtensionPlace.CertificateRequest | ExtensionPlace.Certificate | ExtensionPlace.ServerHello12,
        ExtensionType.EcPointFormats or ExtensionType.ExtendedMasterSecret or ExtensionType.SessionTicket
            or ExtensionType.RenegotiationInfo => ExtensionPlace.ClientHello | ExtensionPlace.ServerHello12,
        ExtensionType.SignatureAlgorithms or ExtensionType.SignatureAlgorithmsCert or ExtensionType.CertificateAuthorities
            or ExtensionType.CompressCertificate => ExtensionPlace.ClientHello | ExtensionPlace.CertificateRequest,
        ExtensionType.Padding or ExtensionType.PskKeyExchangeModes or ExtensionType.PostHandshakeAuth => ExtensionPlace.ClientHello,
        ExtensionType.PreSharedKey => ExtensionPlace.ClientHello | ExtensionPlace.ServerHello,
        ExtensionType.EarlyData => ExtensionPlace.ClientHello | ExtensionPlace.EncryptedExtensions | ExtensionPlace.NewSessionTicket,
        ExtensionType.KeyShare or ExtensionType.SupportedVersions
            => ExtensionPlace.ClientHello | ExtensionPlace.ServerHello | ExtensionPlace.HelloRetryRequest,
        ExtensionType.Cookie => ExtensionPlace.ClientHello | ExtensionPlace.HelloRetryRequest,
        ExtensionType.OidFilters => ExtensionPlace.CertificateRequest,
        _ => null,
    };
}

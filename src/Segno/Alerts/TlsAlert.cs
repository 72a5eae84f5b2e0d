#pragma warning disable CA1008, CA1028 // the values are the registry's, and one byte on the wire
namespace Segno;

/// <summary>Alert descriptions (RFC 9846 §6; IANA TLS Alerts registry).</summary>
public enum TlsAlert : byte
{
    /// <summary>The sender will not send any more data.</summary>
    CloseNotify = 0,
    /// <summary>A message came in a wrong state.</summary>
    UnexpectedMessage = 10,
    /// <summary>A record could not be opened.</summary>
    BadRecordMac = 20,
    /// <summary>A record is longer than the limit.</summary>
    RecordOverflow = 22,
    /// <summary>No acceptable set of parameters.</summary>
    HandshakeFailure = 40,
    /// <summary>The certificate is corrupt or its signature does not verify.</summary>
    BadCertificate = 42,
    /// <summary>The certificate is of an unsupported type.</summary>
    UnsupportedCertificate = 43,
    /// <summary>The certificate was revoked.</summary>
    CertificateRevoked = 44,
    /// <summary>The certificate has expired or is not yet valid.</summary>
    CertificateExpired = 45,
    /// <summary>Another problem with the certificate.</summary>
    CertificateUnknown = 46,
    /// <summary>A field is out of range or inconsistent with others.</summary>
    IllegalParameter = 47,
    /// <summary>The certificate's authority is not trusted.</summary>
    UnknownCa = 48,
    /// <summary>A valid certificate or PSK was not authorised.</summary>
    AccessDenied = 49,
    /// <summary>A message could not be parsed.</summary>
    DecodeError = 50,
    /// <summary>A cryptographic operation of the handshake failed.</summary>
    DecryptError = 51,
    /// <summary>The peer's protocol version is known but not supported.</summary>
    ProtocolVersion = 70,
    /// <summary>The server requires stronger parameters.</summary>
    InsufficientSecurity = 71,
    /// <summary>An error that has nothing to do with the peer.</summary>
    InternalError = 80,
    /// <summary>An inappropriate version fallback by the client (RFC 7507).</summary>
    InappropriateFallback = 86,
    /// <summary>The user cancelled the handshake.</summary>
    UserCanceled = 90,
    /// <summary>Renegotiation is refused (TLS 1.2, RFC 5246 §7.2.2).</summary>
    NoRenegotiation = 100,
    /// <summary>A mandatory extension is missing.</summary>
    MissingExtension = 109,
    /// <summary>An extension is not allowed there or was not offered.</summary>
    UnsupportedExtension = 110,
    /// <summary>No server of that name.</summary>
    UnrecognizedName = 112,
    /// <summary>An invalid OCSP response.</summary>
    BadCertificateStatusResponse = 113,
    /// <summary>No acceptable PSK identity.</summary>
    UnknownPskIdentity = 115,
    /// <summary>A client certificate is required.</summary>
    CertificateRequired = 116,
    /// <summary>An error that no other alert describes (RFC 9846 §6.2).</summary>
    GeneralError = 117,
    /// <summary>No application protocol in common (RFC 7301).</summary>
    NoApplicationProtocol = 120,
}

#pragma warning disable CA1008, CA1028 // the values are the registry's, and two bytes on the wire
namespace Segno;

/// <summary>Key-exchange groups (RFC 9846 §4.3.7; IANA TLS Supported Groups registry).</summary>
public enum TlsNamedGroup : ushort
{
    /// <summary>NIST P-256 (secp256r1).</summary>
    P256 = 0x0017,
    /// <summary>NIST P-384 (secp384r1).</summary>
    P384 = 0x0018,
    /// <summary>NIST P-521 (secp521r1): for certificates only.</summary>
    P521 = 0x0019,
    /// <summary>X25519 (RFC 7748).</summary>
    X25519 = 0x001d,
    /// <summary>X25519MLKEM768, the hybrid of X25519 and ML-KEM-768 (RFC 10024).</summary>
    X25519MLKem768 = 0x11ec,
}

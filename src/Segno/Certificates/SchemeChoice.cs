using System.Security.Authentication;
using Segno.Cryptography;

namespace Segno.Certificates;

/// <summary>Which signature schemes a key can be used with in a handshake (RFC 9846 §4.3.3, RFC 5246 §7.4.1.4.1).</summary>
internal static class SchemeChoice
{
    // Cheapest first where a key can do several; PKCS#1 last, and only where TLS 1.2 is spoken.
    public static readonly TlsSignatureScheme[] Default =
    [
        TlsSignatureScheme.EcdsaP256Sha256, TlsSignatureScheme.EcdsaP384Sha384, TlsSignatureScheme.EcdsaP521Sha512,
        TlsSignatureScheme.Ed25519,
        TlsSignatureScheme.RsaPssRsaeSha256, TlsSignatureScheme.RsaPssRsaeSha384, TlsSignatureScheme.RsaPssRsaeSha512,
        TlsSignatureScheme.RsaPssPssSha256, TlsSignatureScheme.RsaPssPssSha384, TlsSignatureScheme.RsaPssPssSha512,
        TlsSignatureScheme.RsaPkcs1Sha256, TlsSignatureScheme.RsaPkcs1Sha384, TlsSignatureScheme.RsaPkcs1Sha512,
    ];

    /// <summary>The scheme to sign a handshake with: the first of our preference that fits the key and that the peer accepts.</summary>
    /// <param name="kind">The kind of our key.</param>
    /// <param name="keySize">Its size in bits.</param>
    /// <param name="peerSchemes">The peer's signature_algorithms, as they came.</param>
    /// <param name="preference">Our own order; <see langword="null"/>: the default one.</param>
    /// <param name="version">The version that was negotiated.</param>
    /// <param name="pssHash">The one hash an id-RSASSA-PSS key allows, if it is so restricted (RFC 4055 §3.1).</param>
    /// <returns><see langword="null"/>: there is none in common.</returns>
    public static TlsSignatureScheme? Choose(
        KeyKind kind, int keySize, ReadOnlySpan<ushort> peerSchemes, IEnumerable<TlsSignatureScheme>? preference, SslProtocols version, HashKind? pssHash = null)
    {
        foreach (TlsSignatureScheme scheme in preference ?? Default)
        {
            if (peerSchemes.Contains((ushort)scheme) && FitsKey(scheme, kind, keySize, version, pssHash))
            {
                return scheme;
            }
        }
        return null;
    }

    /// <summary>Whether a handshake of the version may be signed with the scheme by such a key.</summary>
    /// <remarks>
    /// TLS 1.3 binds an ECDSA scheme to its curve and has no PKCS#1 in CertificateVerify. In TLS 1.2 the ECDSA schemes name
    /// only the hash.
    /// </remarks>
    public static bool FitsKey(TlsSignatureScheme scheme, KeyKind kind, int keySize, SslProtocols version, HashKind? pssHash = null)
    {
        if (scheme.IsPkcs1())
        {
            // Only in TLS 1.2; TLS 1.3 has it for certificates alone (RFC 9846 §4.3.3).
            return version != SslProtocols.Tls13 && SignatureSchemes.Fits(scheme, kind, keySize, null, anyCurve: true);
        }
        return SignatureSchemes.Fits(scheme, kind, keySize, pssHash, anyCurve: version != SslProtocols.Tls13);
    }
}

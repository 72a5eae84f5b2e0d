using System.Security.Cryptography;

namespace Segno.Cryptography;

/// <summary>What a signature scheme asks of a key.</summary>
internal static class SignatureSchemes
{
    /// <summary>The scheme's hash; <see langword="null"/> for Ed25519, which hashes by itself, and for unknown schemes.</summary>
    public static HashKind? Hash(this TlsSignatureScheme scheme) => scheme switch
    {
        TlsSignatureScheme.RsaPkcs1Sha256 or TlsSignatureScheme.EcdsaP256Sha256 or TlsSignatureScheme.RsaPssRsaeSha256 or TlsSignatureScheme.RsaPssPssSha256 => HashKind.Sha256,
        TlsSignatureScheme.RsaPkcs1Sha384 or TlsSignatureScheme.EcdsaP384Sha384 or TlsSignatureScheme.RsaPssRsaeSha384 or TlsSignatureScheme.RsaPssPssSha384 => HashKind.Sha384,
        TlsSignatureScheme.RsaPkcs1Sha512 or TlsSignatureScheme.EcdsaP521Sha512 or TlsSignatureScheme.RsaPssRsaeSha512 or TlsSignatureScheme.RsaPssPssSha512 => HashKind.Sha512,
        _ => null,
    };

    public static bool IsPkcs1(this TlsSignatureScheme scheme)
        => scheme is TlsSignatureScheme.RsaPkcs1Sha256 or TlsSignatureScheme.RsaPkcs1Sha384 or TlsSignatureScheme.RsaPkcs1Sha512;

    public static bool IsPss(this TlsSignatureScheme scheme) => scheme
        is TlsSignatureScheme.RsaPssRsaeSha256 or TlsSignatureScheme.RsaPssRsaeSha384 or TlsSignatureScheme.RsaPssRsaeSha512
        or TlsSignatureScheme.RsaPssPssSha256 or TlsSignatureScheme.RsaPssPssSha384 or TlsSignatureScheme.RsaPssPssSha512;

    /// <summary>Whether a key can be used with a scheme.</summary>
    /// <param name="scheme">The scheme.</param>
    /// <param name="kind">The key's kind.</param>
    /// <param name="keySize">The key's size in bits.</param>
    /// <param name="pssHash">The one hash that an id-RSASSA-PSS key allows, if it is so restricted (RFC 4055 §3.1).</param>
    /// <param name="anyCurve">Read ECDSA schemes as TLS 1.2 does, for which they name no curve.</param>
    public static bool Fits(TlsSignatureScheme scheme, KeyKind kind, int keySize, HashKind? pssHash, bool anyCurve)
    {
        switch (scheme)
        {
            case TlsSignatureScheme.RsaPkcs1Sha256 or TlsSignatureScheme.RsaPkcs1Sha384 or TlsSignatureScheme.RsaPkcs1Sha512:
                return kind == KeyKind.Rsa;
            case TlsSignatureScheme.RsaPssRsaeSha256 or TlsSignatureScheme.RsaPssRsaeSha384 or TlsSignatureScheme.RsaPssRsaeSha512:
                return kind == KeyKind.Rsa && HasRoomForPss(scheme, keySize);
            case TlsSignatureScheme.RsaPssPssSha256 or TlsSignatureScheme.RsaPssPssSha384 or TlsSignatureScheme.RsaPssPssSha512:
                return kind == KeyKind.RsaPss && (pssHash is null || pssHash == scheme.Hash()) && HasRoomForPss(scheme, keySize);
            case TlsSignatureScheme.EcdsaP256Sha256:
                return kind == KeyKind.EcP256 || (anyCurve && IsEc(kind));
            case TlsSignatureScheme.EcdsaP384Sha384:
                return kind == KeyKind.EcP384 || (anyCurve && IsEc(kind));
            case TlsSignatureScheme.EcdsaP521Sha512:
                return kind == KeyKind.EcP521 || (anyCurve && IsEc(kind));
            case TlsSignatureScheme.Ed25519:
                return kind == KeyKind.Ed25519;
            default:
                return false;
        }
    }

    /// <summary>The longest signature: RSA as long as the modulus, ECDSA a DER sequence of two integers.</summary>
    public static int MaxSignatureLength(KeyKind kind, int keySize) => kind switch
    {
        KeyKind.EcP256 => 72,
        KeyKind.EcP384 => 104,
        KeyKind.EcP521 => 139,
        KeyKind.Ed25519 => 64,
        _ => (keySize + 7) / 8,
    };

    public static CryptographicException Misfit(TlsSignatureScheme scheme, KeyKind kind, int keySize) =>
        new($"The signature scheme {scheme} does not fit a key of the kind {kind} with {keySize} bits.");

    private static bool IsEc(KeyKind kind) => kind is KeyKind.EcP256 or KeyKind.EcP384 or KeyKind.EcP521;

    // RFC 8017 §9.1.1: emBits ≥ 8 hLen + 8 sLen + 9, with salts as long as the hash. A 1024-bit key has no room for SHA-512.
    private static bool HasRoomForPss(TlsSignatureScheme scheme, int keySize) =>
        scheme.Hash() is { } hash && keySize - 1 >= (16 * hash.Length()) + 9;
}

using System.Formats.Asn1;
using System.Security.Cryptography;
using Segno.Cryptography;

namespace Segno.Certificates;

/// <summary>Signatures as certificates and OCSP responses carry them: an AlgorithmIdentifier (RFC 5280 §4.1.1.2) instead of a TLS scheme.</summary>
internal static class DerSignature
{
    private const string RsaPss = "1.2.840.113549.1.1.10";

    /// <summary>Whether a signature verifies. False also for algorithms that TLS would not accept either: SHA-1, MD5, DSA.</summary>
    /// <param name="publicKeyInfo">The signer's SubjectPublicKeyInfo.</param>
    /// <param name="algorithm">The AlgorithmIdentifier in DER.</param>
    /// <param name="data">What was signed.</param>
    /// <param name="signature">The signature.</param>
    /// <param name="crypto">Verifies.</param>
    /// <exception cref="AsnContentException">The algorithm identifier is malformed.</exception>
    public static bool Verify(
        ReadOnlySpan<byte> publicKeyInfo, ReadOnlyMemory<byte> algorithm, ReadOnlySpan<byte> data, ReadOnlySpan<byte> signature, CryptoProvider crypto)
    {
        try
        {
            using Verifier verifier = crypto.CreateVerifier(publicKeyInfo);
            // As in TLS 1.2, ECDSA names its hash but no curve.
            return Scheme(algorithm, verifier.Kind) is { } scheme && verifier.VerifyTls12(scheme, data, signature);
        }
        catch (CryptographicException)
        {
            return false;
        }
    }

    private static TlsSignatureScheme? Scheme(ReadOnlyMemory<byte> algorithm, KeyKind kind)
    {
        AsnReader fields = new AsnReader(algorithm, AsnEncodingRules.DER).ReadSequence();
        return fields.ReadObjectIdentifier() switch
        {
            "1.2.840.113549.1.1.11" => TlsSignatureScheme.RsaPkcs1Sha256,
            "1.2.840.113549.1.1.12" => TlsSignatureScheme.RsaPkcs1Sha384,
            "1.2.840.113549.1.1.13" => TlsSignatureScheme.RsaPkcs1Sha512,
            "1.2.840.10045.4.3.2" => TlsSignatureScheme.EcdsaP256Sha256,
            "1.2.840.10045.4.3.3" => TlsSignatureScheme.EcdsaP384Sha384,
            "1.2.840.10045.4.3.4" => TlsSignatureScheme.EcdsaP521Sha512,
            "1.3.101.112" => TlsSignatureScheme.Ed25519,
            RsaPss when fields.HasData => PssScheme(fields.ReadSequence(), kind == KeyKind.RsaPss),
            _ => null,
        };
    }

    /// <summary>RSASSA-PSS-params (RFC 4055 §3.1). The mask's hash and the salt's length are those of TLS, or the signature does not verify.</summary>
    private static TlsSignatureScheme? PssScheme(AsnReader parameters, bool isPssKey)
    {
        var hashTag = new Asn1Tag(TagClass.ContextSpecific, 0, isConstructed: true);
        if (!parameters.HasData || !parameters.PeekTag().HasSameClassAndValue(hashTag))
        {
            // The default is SHA-1.
            return null;
        }
        return parameters.ReadSequence(hashTag).ReadSequence().ReadObjectIdentifier() switch
        {
            "2.16.840.1.101.3.4.2.1" => isPssKey ? TlsSignatureScheme.RsaPssPssSha256 : TlsSignatureScheme.RsaPssRsaeSha256,
            "2.16.840.1.101.3.4.2.2" => isPssKey ? TlsSignatureScheme.RsaPssPssSha384 : TlsSignatureScheme.RsaPssRsaeSha384,
            "2.16.840.1.101.3.4.2.3" => isPssKey ? TlsSignatureScheme.RsaPssPssSha512 : TlsSignatureScheme.RsaPssRsaeSha512,
            _ => null,
        };
    }
}

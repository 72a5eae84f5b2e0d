#pragma warning disable CA1008, CA1028 // the values are the registry's, and two bytes on the wire
namespace Segno;

/// <summary>Signature schemes (RFC 9846 §4.3.3; IANA TLS SignatureScheme registry).</summary>
public enum TlsSignatureScheme : ushort
{
    /// <summary>rsa_pkcs1_sha256: in certificates, and in TLS 1.2.</summary>
    RsaPkcs1Sha256 = 0x0401,
    /// <summary>rsa_pkcs1_sha384: in certificates, and in TLS 1.2.</summary>
    RsaPkcs1Sha384 = 0x0501,
    /// <summary>rsa_pkcs1_sha512: in certificates, and in TLS 1.2.</summary>
    RsaPkcs1Sha512 = 0x0601,
    /// <summary>ecdsa_secp256r1_sha256.</summary>
    EcdsaP256Sha256 = 0x0403,
    /// <summary>ecdsa_secp384r1_sha384.</summary>
    EcdsaP384Sha384 = 0x0503,
    /// <summary>ecdsa_secp521r1_sha512.</summary>
    EcdsaP521Sha512 = 0x0603,
    /// <summary>rsa_pss_rsae_sha256.</summary>
    RsaPssRsaeSha256 = 0x0804,
    /// <summary>rsa_pss_rsae_sha384.</summary>
    RsaPssRsaeSha384 = 0x0805,
    /// <summary>rsa_pss_rsae_sha512.</summary>
    RsaPssRsaeSha512 = 0x0806,
    /// <summary>ed25519.</summary>
    Ed25519 = 0x0807,
    /// <summary>rsa_pss_pss_sha256.</summary>
    RsaPssPssSha256 = 0x0809,
    /// <summary>rsa_pss_pss_sha384.</summary>
    RsaPssPssSha384 = 0x080a,
    /// <summary>rsa_pss_pss_sha512.</summary>
    RsaPssPssSha512 = 0x080b,
}

using System.Formats.Asn1;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Org.BouncyCastle.Crypto.Parameters;
using Org.BouncyCastle.Crypto.Signers;

namespace Segno.Tests;

public enum TestKeyKind
{
    P256,
    P384,
    P521,
    Rsa,
    /// <summary>An RSA key marked id-RSASSA-PSS, which signs only with rsa_pss_pss_*.</summary>
    RsaPss,
    Ed25519,
}

/// <summary>A private key of any kind the tests need, with what a certificate is made of.</summary>
public sealed class TestKey
{
    private const string RsaPssOid = "1.2.840.113549.1.1.10";
    private const string Mgf1Oid = "1.2.840.113549.1.1.8";
    private const string Sha384Oid = "2.16.840.1.101.3.4.2.2";
    private const string Ed25519Oid = "1.3.101.112";
    private const string EcdsaWithSha1Oid = "1.2.840.10045.4.1";

    private TestKey(TestKeyKind kind, byte[] pkcs8, byte[] publicKeyInfo, AsymmetricAlgorithm? algorithm, X509SignatureGenerator generator)
    {
        Kind = kind;
        Pkcs8 = pkcs8;
        PublicKeyInfo = publicKeyInfo;
        Algorithm = algorithm;
        Generator = generator;
    }

    public TestKeyKind Kind { get; }

    public byte[] Pkcs8 { get; }

    public byte[] PublicKeyInfo { get; }

    /// <summary>The framework's key; <see langword="null"/> for Ed25519, which the framework does not have.</summary>
    public AsymmetricAlgorithm? Algorithm { get; }

    /// <summary>Signs certificates.</summary>
    public X509SignatureGenerator Generator { get; }

    /// <summary>Signs certificates with ECDSA over SHA-1, which the framework's own generator refuses.</summary>
    public X509SignatureGenerator Sha1Generator => new EcdsaSha1Generator((ECDsa)Algorithm!, PublicKeyInfo);

    public HashAlgorithmName SigningHash => Kind switch
    {
        TestKeyKind.P384 => HashAlgorithmName.SHA384,
        TestKeyKind.P521 => HashAlgorithmName.SHA512,
        _ => HashAlgorithmName.SHA256,
    };

    /// <summary>PKCS#8 PEM.</summary>
    public string Pem => PemEncoding.WriteString("PRIVATE KEY", Pkcs8);

    public static TestKey Create(TestKeyKind kind, int rsaBits = 2048) => kind switch
    {
        TestKeyKind.P256 => Ec(kind, ECCurve.NamedCurves.nistP256),
        TestKeyKind.P384 => Ec(kind, ECCurve.NamedCurves.nistP384),
        TestKeyKind.P521 => Ec(kind, ECCurve.NamedCurves.nistP521),
        TestKeyKind.Ed25519 => Ed25519(),
        _ => Rsa(kind, rsaBits),
    };

    /// <summary>An id-RSASSA-PSS key that its parameters restrict to SHA-384 (RFC 4055 §3.1).</summary>
    public static TestKey CreatePssSha384()
    {
        RSA key = RSA.Create(2048);
        X509SignatureGenerator generator = X509SignatureGenerator.CreateForRSA(key, RSASignaturePadding.Pkcs1);
        byte[] pkcs8 = EncodePkcs8(RsaPssOid, key.ExportRSAPrivateKey(), WritePssSha384);
        return new(TestKeyKind.RsaPss, pkcs8, EncodePublicKeyInfo(RsaPssOid, key.ExportRSAPublicKey(), WritePssSha384), key, generator);
    }

    private static TestKey Ec(TestKeyKind kind, ECCurve curve)
    {
        ECDsa key = ECDsa.Create(curve);
        return new(kind, key.ExportPkcs8PrivateKey(), key.ExportSubjectPublicKeyInfo(), key, X509SignatureGenerator.CreateForECDsa(key));
    }

    private static TestKey Rsa(TestKeyKind kind, int bits)
    {
        RSA key = RSA.Create(bits);
        X509SignatureGenerator generator = X509SignatureGenerator.CreateForRSA(key, RSASignaturePadding.Pkcs1);
        return kind == TestKeyKind.Rsa
            ? new(kind, key.ExportPkcs8PrivateKey(), key.ExportSubjectPublicKeyInfo(), key, generator)
            : new(kind, EncodePkcs8(RsaPssOid, key.ExportRSAPrivateKey()), EncodePublicKeyInfo(RsaPssOid, key.ExportRSAPublicKey()), key, generator);
    }

    private static TestKey Ed25519()
    {
        byte[] seed = RandomNumberGenerator.GetBytes(32);
        var key = new Ed25519PrivateKeyParameters(seed);
        var octets = new AsnWriter(AsnEncodingRules.DER);
        octets.WriteOctetString(seed);
        byte[] publicKeyInfo = EncodePublicKeyInfo(Ed25519Oid, key.GeneratePublicKey().GetEncoded());
        return new(TestKeyKind.Ed25519, EncodePkcs8(Ed25519Oid, octets.Encode()), publicKeyInfo, null, new Ed25519Generator(key, publicKeyInfo));
    }

    private static byte[] EncodePkcs8(string algorithm, byte[] privateKey, Action<AsnWriter>? parameters = null)
    {
        var writer = new AsnWriter(AsnEncodingRules.DER);
        using (writer.PushSequence())
        {
            writer.WriteInteger(0);
            WriteAlgorithm(writer, algorithm, parameters);
            writer.WriteOctetString(privateKey);
        }
        return writer.Encode();
    }

    private static byte[] EncodePublicKeyInfo(string algorithm, byte[] publicKey, Action<AsnWriter>? parameters = null)
    {
        var writer = new AsnWriter(AsnEncodingRules.DER);
        using (writer.PushSequence())
        {
            WriteAlgorithm(writer, algorithm, parameters);
            writer.WriteBitString(publicKey);
        }
        return writer.Encode();
    }

    private static void WriteAlgorithm(AsnWriter writer, string algorithm, Action<AsnWriter>? parameters = null)
    {
        using (writer.PushSequence())
        {
            writer.WriteObjectIdentifier(algorithm);
            parameters?.Invoke(writer);
        }
    }

    // RSASSA-PSS-params ::= SEQUENCE { hashAlgorithm [0], maskGenAlgorithm [1], saltLength [2] } (RFC 4055 §3.1)
    private static void WritePssSha384(AsnWriter writer)
    {
        using (writer.PushSequence())
        {
            using (writer.PushSequence(new Asn1Tag(TagClass.ContextSpecific, 0)))
            {
                WriteAlgorithm(writer, Sha384Oid);
            }
            using (writer.PushSequence(new Asn1Tag(TagClass.ContextSpecific, 1)))
            {
                WriteAlgorithm(writer, Mgf1Oid, w => WriteAlgorithm(w, Sha384Oid));
            }
            using (writer.PushSequence(new Asn1Tag(TagClass.ContextSpecific, 2)))
            {
                writer.WriteInteger(48);
            }
        }
    }

    private sealed class EcdsaSha1Generator(ECDsa key, byte[] publicKeyInfo) : X509SignatureGenerator
    {
        public override byte[] GetSignatureAlgorithmIdentifier(HashAlgorithmName hashAlgorithm)
        {
            var writer = new AsnWriter(AsnEncodingRules.DER);
            WriteAlgorithm(writer, EcdsaWithSha1Oid);
            return writer.Encode();
        }

        public override byte[] SignData(byte[] data, HashAlgorithmName hashAlgorithm) =>
            key.SignData(data, HashAlgorithmName.SHA1, DSASignatureFormat.Rfc3279DerSequence);

        protected override PublicKey BuildPublicKey() => PublicKey.CreateFromSubjectPublicKeyInfo(publicKeyInfo, out _);
    }

    /// <summary>Lets <see cref="CertificateRequest"/> sign with Ed25519, which the framework cannot.</summary>
    private sealed class Ed25519Generator(Ed25519PrivateKeyParameters key, byte[] publicKeyInfo) : X509SignatureGenerator
    {
        public override byte[] GetSignatureAlgorithmIdentifier(HashAlgorithmName hashAlgorithm)
        {
            var writer = new AsnWriter(AsnEncodingRules.DER);
            WriteAlgorithm(writer, Ed25519Oid);
            return writer.Encode();
        }

        public override byte[] SignData(byte[] data, HashAlgorithmName hashAlgorithm)
        {
            var signer = new Ed25519Signer();
            signer.Init(forSigning: true, key);
            signer.BlockUpdate(data, 0, data.Length);
            return signer.GenerateSignature();
        }

        protected override PublicKey BuildPublicKey() => PublicKey.CreateFromSubjectPublicKeyInfo(publicKeyInfo, out _);
    }
}

using System.Formats.Asn1;
using System.Security.Cryptography;

namespace Segno.Certificates;

/// <summary>A private key out of a PEM text, as PKCS#8 whatever its form was.</summary>
internal static class PrivateKeyPem
{
    private const string RsaEncryption = "1.2.840.113549.1.1.1";
    private const string EcPublicKey = "1.2.840.10045.2.1";
    private static readonly Asn1Tag s_parametersTag = new(TagClass.ContextSpecific, 0, isConstructed: true);

    /// <summary>Reads the first private key.</summary>
    /// <param name="keyPem">The text; other blocks in it are passed over.</param>
    /// <param name="leaf">The certificate of the key in DER: tells the curve where an EC key does not.</param>
    /// <returns>PKCS#8, for the caller to wipe.</returns>
    /// <exception cref="ArgumentException">There is no key, or it is encrypted or malformed.</exception>
    public static byte[] Read(string keyPem, ReadOnlyMemory<byte> leaf)
    {
        ReadOnlySpan<char> rest = keyPem;
        while (PemEncoding.TryFind(rest, out PemFields fields))
        {
            string label = rest[fields.Label].ToString();
            if (label is "ENCRYPTED PRIVATE KEY")
            {
                throw Encrypted();
            }
            if (label is "PRIVATE KEY" or "RSA PRIVATE KEY" or "EC PRIVATE KEY")
            {
                return Decode(label, rest[fields.Base64Data], fields.DecodedDataLength, leaf);
            }
            rest = rest[fields.Location.End..];
        }

        // A key encrypted in the old way of OpenSSL has headers (RFC 1421) and so is not PEM by RFC 7468.
        if (keyPem.Contains("Proc-Type: 4,ENCRYPTED", StringComparison.Ordinal))
        {
            throw Encrypted();
        }
        throw new ArgumentException(
            "There is no private key in the PEM text: it needs a block that starts with \"-----BEGIN PRIVATE KEY-----\" (or RSA, or EC PRIVATE KEY).",
            nameof(keyPem));
    }

    private static byte[] Decode(string label, ReadOnlySpan<char> base64, int length, ReadOnlyMemory<byte> leaf)
    {
        byte[] der = new byte[length];
        try
        {
            Convert.TryFromBase64Chars(base64, der, out _);
            return label switch
            {
                "RSA PRIVATE KEY" => Wrap(der, RsaEncryption, curve: null),
                "EC PRIVATE KEY" => Wrap(der, EcPublicKey, ReadCurve(der) ?? ReadLeafCurve(leaf)),
                _ => der.AsSpan().ToArray(),
            };
        }
        catch (AsnContentException e)
        {
            throw new ArgumentException("The private key in the PEM text is malformed. Export it again.", e);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(der);
        }
    }

    // PrivateKeyInfo ::= SEQUENCE { version 0, AlgorithmIdentifier { algorithm, parameters }, privateKey OCTET STRING } (RFC 5958 §2)
    private static byte[] Wrap(byte[] key, string algorithm, byte[]? curve)
    {
        var writer = new AsnWriter(AsnEncodingRules.DER, initialCapacity: key.Length + 64);
        using (writer.PushSequence())
        {
            writer.WriteInteger(0);
            using (writer.PushSequence())
            {
                writer.WriteObjectIdentifier(algorithm);
                if (curve is null)
                {
                    writer.WriteNull();
                }
                else
                {
                    writer.WriteEncodedValue(curve);
                }
            }
            writer.WriteOctetString(key);
        }
        byte[] pkcs8 = writer.Encode();
        // Reset wipes what the writer holds.
        writer.Reset();
        return pkcs8;
    }

    // ECPrivateKey ::= SEQUENCE { version 1, privateKey OCTET STRING, parameters [0] OPTIONAL, publicKey [1] OPTIONAL } (RFC 5915 §3)
    private static byte[]? ReadCurve(byte[] key)
    {
        AsnReader fields = new AsnReader(key, AsnEncodingRules.DER).ReadSequence();
        fields.ReadEncodedValue();
        fields.ReadEncodedValue();
        return fields.HasData && fields.PeekTag() == s_parametersTag
            ? fields.ReadSequence(s_parametersTag).ReadEncodedValue().ToArray()
            : null;
    }

    // The curve stands in the AlgorithmIdentifier of the certificate's key.
    private static byte[] ReadLeafCurve(ReadOnlyMemory<byte> leaf)
    {
        AsnReader algorithm = new AsnReader(CertificateDer.PublicKeyInfo(leaf), AsnEncodingRules.DER).ReadSequence().ReadSequence();
        algorithm.ReadObjectIdentifier();
        return algorithm.ReadEncodedValue().ToArray();
    }

    private static ArgumentException Encrypted() => new(
        "The private key is encrypted. Decrypt it first (\"openssl pkey -in encrypted.pem -out key.pem\"), or use a PFX file with its password.");
}

using System.Formats.Asn1;
using System.Security.Cryptography.X509Certificates;
using Org.BouncyCastle.Crypto.Digests;
using Segno.Buffers;
using Segno.Cryptography;

namespace Segno.Certificates;

/// <summary>How OCSP names a certificate: by hashes of its issuer's name and key, and its serial number (RFC 6960 §4.1.1).</summary>
internal static class OcspCertificateId
{
    private const string Sha1Oid = "1.3.14.3.2.26";
    private const string Sha256Oid = "2.16.840.1.101.3.4.2.1";

    /// <summary>Whether a response is about this certificate. The hashes may be SHA-1, as nearly all are, or SHA-256.</summary>
    public static bool Matches(OcspSingleResponse single, X509Certificate2 certificate, X509Certificate2 issuer, CryptoProvider crypto)
    {
        if (single.HashAlgorithm is not (Sha1Oid or Sha256Oid))
        {
            return false;
        }
        bool isSha1 = single.HashAlgorithm == Sha1Oid;
        return PublicData.Equal(single.Serial.Span, certificate.SerialNumberBytes.Span)
            && PublicData.Equal(single.IssuerNameHash.Span, Hash(issuer.SubjectName.RawData, isSha1, crypto))
            && PublicData.Equal(single.IssuerKeyHash.Span, Hash(issuer.PublicKey.EncodedKeyValue.RawData, isSha1, crypto));
    }

    /// <summary>Whether a responder's id by key means this certificate (RFC 6960 §4.2.1: always SHA-1).</summary>
    public static bool IsKeyOf(X509Certificate2 certificate, ReadOnlySpan<byte> keyHash) =>
        PublicData.Equal(keyHash, Sha1(certificate.PublicKey.EncodedKeyValue.RawData));

    /// <summary>A request for the status of one certificate (RFC 6960 §4.1.1), without nonce: its answer is to be shared with everybody.</summary>
    /// <remarks><code>
    /// OCSPRequest ::= SEQUENCE { tbsRequest SEQUENCE { requestList SEQUENCE OF SEQUENCE { reqCert CertID } } }
    /// </code></remarks>
    public static byte[] WriteRequest(X509Certificate2 certificate, X509Certificate2 issuer)
    {
        var writer = new AsnWriter(AsnEncodingRules.DER);
        using (writer.PushSequence())
        using (writer.PushSequence())
        using (writer.PushSequence())
        using (writer.PushSequence())
        using (writer.PushSequence())
        {
            using (writer.PushSequence())
            {
                // The one hash that every responder knows.
                writer.WriteObjectIdentifier(Sha1Oid);
                writer.WriteNull();
            }
            writer.WriteOctetString(Sha1(issuer.SubjectName.RawData));
            writer.WriteOctetString(Sha1(issuer.PublicKey.EncodedKeyValue.RawData));
            writer.WriteInteger(certificate.SerialNumberBytes.Span);
        }
        return writer.Encode();
    }

    private static byte[] Hash(ReadOnlySpan<byte> data, bool isSha1, CryptoProvider crypto)
    {
        if (isSha1)
        {
            return Sha1(data);
        }
        byte[] hash = new byte[HashKind.Sha256.Length()];
        crypto.Hash(HashKind.Sha256, data, hash);
        return hash;
    }

    /// <summary>A key to look up by, as the protocol has it: what is believed is the signature.</summary>
    private static byte[] Sha1(ReadOnlySpan<byte> data)
    {
        var digest = new Sha1Digest();
        digest.BlockUpdate(data);
        byte[] hash = new byte[digest.GetDigestSize()];
        digest.DoFinal(hash);
        return hash;
    }
}

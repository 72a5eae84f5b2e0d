using System.Formats.Asn1;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Segno.Certificates;

/// <summary>What is read from a certificate's DER itself, without the platform in between.</summary>
internal static class CertificateDer
{
    /// <summary>Whether this is one DER sequence and nothing else. The platform's loader would also take PEM and ignore what follows.</summary>
    public static bool IsFramed(ReadOnlySpan<byte> der) =>
        AsnDecoder.TryReadEncodedValue(der, AsnEncodingRules.DER, out Asn1Tag tag, out _, out _, out int consumed)
        && tag == Asn1Tag.Sequence && consumed == der.Length;

    /// <summary>Loads a certificate; <see cref="CryptographicException"/> where it is malformed.</summary>
    public static X509Certificate2 Load(ReadOnlySpan<byte> der) => IsFramed(der)
        ? X509CertificateLoader.LoadCertificate(der)
        : throw new CryptographicException("The certificate is not one DER sequence.");

    /// <summary>The SubjectPublicKeyInfo, byte for byte (RFC 5280 §4.1); <see cref="CryptographicException"/> where the certificate is malformed.</summary>
    public static ReadOnlyMemory<byte> PublicKeyInfo(ReadOnlyMemory<byte> der)
    {
        try
        {
            // Certificate ::= SEQUENCE { tbsCertificate SEQUENCE { version [0]?, serialNumber, signature, issuer, validity, subject, subjectPublicKeyInfo ...
            AsnReader fields = new AsnReader(der, AsnEncodingRules.DER).ReadSequence().ReadSequence();
            int fieldsBefore = fields.PeekTag().HasSameClassAndValue(new Asn1Tag(TagClass.ContextSpecific, 0)) ? 6 : 5;
            for (int i = 0; i < fieldsBefore; i++)
            {
                fields.ReadEncodedValue();
            }
            return fields.ReadEncodedValue();
        }
        catch (AsnContentException e)
        {
            throw new CryptographicException("The certificate is malformed.", e);
        }
    }
}

using System.Formats.Asn1;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Segno.Cryptography;

namespace Segno.Certificates;

/// <summary>What is read from a certificate's DER itself, without the platform in between.</summary>
internal static class CertificateDer
{
    private static readonly Asn1Tag Version = new(TagClass.ContextSpecific, 0);
    private const string TlsFeature = "1.3.6.1.5.5.7.1.24";
    private const int StatusRequest = 5;

    /// <summary>Whether this is one DER sequence and nothing else. The platform's loader would also take PEM and ignore what follows.</summary>
    public static bool IsFramed(ReadOnlySpan<byte> der) =>
        AsnDecoder.TryReadEncodedValue(der, AsnEncodingRules.DER, out Asn1Tag tag, out _, out _, out int consumed)
        && tag == Asn1Tag.Sequence && consumed == der.Length;

    /// <summary>Loads a certificate; <see cref="CryptographicException"/> where it is malformed.</summary>
    public static X509Certificate2 Load(ReadOnlySpan<byte> der) => IsFramed(der)
        ? X509CertificateLoader.LoadCertificate(der)
        : throw new CryptographicException("The certificate is not one DER sequence.");

    /// <summary>Issuer and subject, byte for byte, and the identifier of the algorithm it is signed with; empty where the certificate is malformed.</summary>
    public static (ReadOnlyMemory<byte> Issuer, ReadOnlyMemory<byte> Subject, string Algorithm) Signature(ReadOnlyMemory<byte> der)
    {
        try
        {
            AsnReader certificate = new AsnReader(der, AsnEncodingRules.DER).ReadSequence();
            AsnReader fields = certificate.ReadSequence();
            Skip(fields, fields.PeekTag().HasSameClassAndValue(Version) ? 3 : 2);
            ReadOnlyMemory<byte> issuer = fields.ReadEncodedValue();
            Skip(fields, 1);
            return (issuer, fields.ReadEncodedValue(), certificate.ReadSequence().ReadObjectIdentifier());
        }
        catch (AsnContentException)
        {
            return (default, default, "");
        }
    }

    /// <summary>The SubjectPublicKeyInfo, byte for byte (RFC 5280 §4.1); <see cref="CryptographicException"/> where the certificate is malformed.</summary>
    public static ReadOnlyMemory<byte> PublicKeyInfo(ReadOnlyMemory<byte> der)
    {
        try
        {
            // Certificate ::= SEQUENCE { tbsCertificate SEQUENCE { version [0]?, serialNumber, signature, issuer, validity, subject, subjectPublicKeyInfo ...
            AsnReader fields = new AsnReader(der, AsnEncodingRules.DER).ReadSequence().ReadSequence();
            Skip(fields, fields.PeekTag().HasSameClassAndValue(Version) ? 6 : 5);
            return fields.ReadEncodedValue();
        }
        catch (AsnContentException e)
        {
            throw new CryptographicException("The certificate is malformed.", e);
        }
    }

    /// <summary>Whether the issuer's key made the signature of a certificate; <see cref="CryptographicException"/> where it is malformed.</summary>
    public static bool IsSignedBy(ReadOnlyMemory<byte> der, X509Certificate2 issuer, CryptoProvider crypto)
    {
        try
        {
            // Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm, signatureValue BIT STRING }
            AsnReader fields = new AsnReader(der, AsnEncodingRules.DER).ReadSequence();
            ReadOnlyMemory<byte> data = fields.ReadEncodedValue();
            ReadOnlyMemory<byte> algorithm = fields.ReadEncodedValue();
            byte[] signature = fields.ReadBitString(out _);
            return DerSignature.Verify(PublicKeyInfo(issuer.RawDataMemory).Span, algorithm, data.Span, signature, crypto);
        }
        catch (AsnContentException e)
        {
            throw new CryptographicException("The certificate is malformed.", e);
        }
    }

    /// <summary>
    /// Whether the certificate says that it is never shown without an OCSP response (RFC 7633, "must-staple"): its TLS features
    /// have status_request. A list that does not parse says nothing that could be relied on, and so insists.
    /// </summary>
    public static bool InsistsOnStatus(X509Certificate2 certificate)
    {
        // Features ::= SEQUENCE OF INTEGER
        if (certificate.Extensions[TlsFeature] is not { } extension)
        {
            return false;
        }
        try
        {
            AsnReader features = new AsnReader(extension.RawData, AsnEncodingRules.DER).ReadSequence();
            bool insists = false;
            while (features.HasData)
            {
                insists |= features.TryReadInt32(out int feature) && feature == StatusRequest;
            }
            return insists;
        }
        catch (AsnContentException)
        {
            return true;
        }
    }

    private static void Skip(AsnReader reader, int count)
    {
        for (int i = 0; i < count; i++)
        {
            reader.ReadEncodedValue();
        }
    }
}

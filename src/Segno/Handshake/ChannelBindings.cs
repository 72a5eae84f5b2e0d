using System.Formats.Asn1;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Segno.Handshake;

/// <summary>What RFC 5929 and RFC 9266 bind an authentication on top of TLS to.</summary>
internal static class ChannelBindings
{
    public const string ExporterLabel = "EXPORTER-Channel-Binding";
    public const int ExporterLength = 32;

    private const string RsaPss = "1.2.840.113549.1.1.10";

    /// <summary>
    /// tls-server-end-point (RFC 5929 §4.1): the server's certificate under the hash of its signature, or SHA-256 where that is MD5
    /// or SHA-1. <see langword="null"/> where the signature has no hash of its own (Ed25519) or one that is not known here.
    /// </summary>
    public static byte[]? ServerEndPoint(X509Certificate2 certificate)
    {
        string algorithm = certificate.SignatureAlgorithm.Value ?? "";
        return HashOf(algorithm == RsaPss ? PssHash(certificate.RawDataMemory) : algorithm) is { } hash
            ? CryptographicOperations.HashData(hash, certificate.RawDataMemory.Span)
            : null;
    }

    /// <summary>By the identifier of a signature algorithm, or of a hash as parameter of RSASSA-PSS.</summary>
    private static HashAlgorithmName? HashOf(string identifier) => identifier switch
    {
        "1.2.840.113549.1.1.4" or "1.2.840.113549.2.5" // MD5
            or "1.2.840.113549.1.1.5" or "1.2.840.10045.4.1" or "1.3.14.3.2.26" // SHA-1
            or "1.2.840.113549.1.1.11" or "1.2.840.10045.4.3.2" or "2.16.840.1.101.3.4.2.1" => HashAlgorithmName.SHA256,
        "1.2.840.113549.1.1.12" or "1.2.840.10045.4.3.3" or "2.16.840.1.101.3.4.2.2" => HashAlgorithmName.SHA384,
        "1.2.840.113549.1.1.13" or "1.2.840.10045.4.3.4" or "2.16.840.1.101.3.4.2.3" => HashAlgorithmName.SHA512,
        _ => null,
    };

    /// <summary>hashAlgorithm of RSASSA-PSS-params (RFC 4055 §3.1), SHA-1 where it is left out.</summary>
    private static string PssHash(ReadOnlyMemory<byte> der)
    {
        // Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm SEQUENCE { algorithm, parameters }, signatureValue }
        AsnReader certificate = new AsnReader(der, AsnEncodingRules.DER).ReadSequence();
        certificate.ReadEncodedValue();
        AsnReader algorithm = certificate.ReadSequence();
        algorithm.ReadObjectIdentifier();
        AsnReader parameters = algorithm.ReadSequence();
        Asn1Tag hash = new(TagClass.ContextSpecific, 0);
        return parameters.HasData && parameters.PeekTag().HasSameClassAndValue(hash)
            ? parameters.ReadSequence(hash).ReadSequence().ReadObjectIdentifier()
            : "1.3.14.3.2.26";
    }
}

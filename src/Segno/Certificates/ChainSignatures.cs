using Segno.Buffers;

namespace Segno.Certificates;

/// <summary>By whom and how the certificates of a chain are signed: what a peer's certificate_authorities and signature_algorithms_cert speak of.</summary>
internal sealed class ChainSignatures
{
    private readonly List<(ReadOnlyMemory<byte> Issuer, bool IsSelfIssued, TlsSignatureScheme[] Schemes)> _certificates = [];

    /// <summary>Reads the chain (DER, leaf first). What cannot be read meets no wish.</summary>
    public ChainSignatures(IEnumerable<ReadOnlyMemory<byte>> chain)
    {
        foreach (ReadOnlyMemory<byte> certificate in chain)
        {
            (ReadOnlyMemory<byte> issuer, ReadOnlyMemory<byte> subject, string algorithm) = CertificateDer.Signature(certificate);
            _certificates.Add((issuer, !issuer.IsEmpty && PublicData.Equal(issuer.Span, subject.Span), Schemes(algorithm)));
        }
    }

    /// <summary>Whether one of the names (DER) has issued a certificate of the chain (RFC 9846 §4.3.4); no names ask for nothing.</summary>
    public bool IsIssuedBy(IReadOnlyList<ReadOnlyMemory<byte>> names)
        => names.Count == 0 || _certificates.Exists(certificate => names.Any(name => PublicData.Equal(name.Span, certificate.Issuer.Span)));

    /// <summary>Whether every signature but a root's on itself is by one of the schemes (RFC 9846 §4.3.3, §4.5.1.2).</summary>
    public bool IsSignedWith(ushort[] schemes)
        => _certificates.TrueForAll(certificate => certificate.IsSelfIssued || Array.Exists(certificate.Schemes, scheme => schemes.Contains((ushort)scheme)));

    private static TlsSignatureScheme[] Schemes(string algorithm) => algorithm switch
    {
        "1.2.840.10045.4.3.2" => [TlsSignatureScheme.EcdsaP256Sha256],
        "1.2.840.10045.4.3.3" => [TlsSignatureScheme.EcdsaP384Sha384],
        "1.2.840.10045.4.3.4" => [TlsSignatureScheme.EcdsaP521Sha512],
        "1.2.840.113549.1.1.11" => [TlsSignatureScheme.RsaPkcs1Sha256],
        "1.2.840.113549.1.1.12" => [TlsSignatureScheme.RsaPkcs1Sha384],
        "1.2.840.113549.1.1.13" => [TlsSignatureScheme.RsaPkcs1Sha512],
        // Which hash it is stands in the parameters; a peer that has one of them has them all.
        "1.2.840.113549.1.1.10" =>
        [
            TlsSignatureScheme.RsaPssRsaeSha256, TlsSignatureScheme.RsaPssRsaeSha384, TlsSignatureScheme.RsaPssRsaeSha512,
            TlsSignatureScheme.RsaPssPssSha256, TlsSignatureScheme.RsaPssPssSha384, TlsSignatureScheme.RsaPssPssSha512,
        ],
        "1.3.101.112" => [TlsSignatureScheme.Ed25519],
        _ => [],
    };
}

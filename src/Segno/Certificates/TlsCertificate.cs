using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Segno.Cryptography;

namespace Segno;

/// <summary>A certificate chain with the private key of its leaf. Immutable and thread-safe; share one among contexts.</summary>
public sealed class TlsCertificate : IDisposable
{
    private readonly Signer _signer;

    private TlsCertificate(X509Certificate2 leaf, IReadOnlyList<ReadOnlyMemory<byte>> chain, Signer signer)
    {
        Certificate = leaf;
        Chain = chain;
        _signer = signer;
    }

    /// <summary>The leaf.</summary>
    public X509Certificate2 Certificate { get; }

    /// <summary>The chain in DER, leaf first, as it goes on the wire.</summary>
    public IReadOnlyList<ReadOnlyMemory<byte>> Chain { get; }

    internal Signer Signer => _signer;

    /// <summary>Makes one from a certificate that has its private key (RSA, or EC on P-256, P-384 or P-521).</summary>
    /// <param name="certificate">The leaf, with private key. The caller keeps ownership; its key is used or copied.</param>
    /// <param name="intermediates">Certificates of the chain above the leaf, in order, without the root; or <see langword="null"/>.</param>
    /// <exception cref="ArgumentException">There is no private key, or one of an unsupported kind.</exception>
    public static TlsCertificate Create(X509Certificate2 certificate, X509Certificate2Collection? intermediates = null)
    {
        ArgumentNullException.ThrowIfNull(certificate);
        AsymmetricAlgorithm key = (AsymmetricAlgorithm?)certificate.GetECDsaPrivateKey() ?? certificate.GetRSAPrivateKey()
            ?? throw new ArgumentException("The certificate has no private key of a supported kind (RSA, EC).", nameof(certificate));
        return Create(certificate, intermediates, CryptoProvider.Default.CreateSigner(key));
    }

    /// <summary>Makes one from PEM texts.</summary>
    /// <param name="certificatePem">The chain, leaf first.</param>
    /// <param name="keyPem">The private key of the leaf: PKCS#8, PKCS#1 or SEC 1; RSA, EC or Ed25519; not encrypted.</param>
    /// <exception cref="ArgumentException">There is no certificate, no key, or they do not fit each other.</exception>
    public static TlsCertificate FromPem(string certificatePem, string keyPem)
    {
        ArgumentNullException.ThrowIfNull(certificatePem);
        ArgumentNullException.ThrowIfNull(keyPem);
        return CertificatePem.Load(certificatePem, keyPem);
    }

    /// <summary>Makes one from PEM files; see <see cref="FromPem"/>.</summary>
    /// <param name="certificatePath">Path of the chain, leaf first.</param>
    /// <param name="keyPath">Path of the private key; <see langword="null"/>: in the same file.</param>
    /// <exception cref="ArgumentException">There is no certificate, no key, or they do not fit each other.</exception>
    /// <exception cref="IOException">A file cannot be read.</exception>
    public static TlsCertificate FromPemFile(string certificatePath, string? keyPath = null)
    {
        ArgumentNullException.ThrowIfNull(certificatePath);
        return FromPem(File.ReadAllText(certificatePath), File.ReadAllText(keyPath ?? certificatePath));
    }

    internal static TlsCertificate Create(X509Certificate2 leaf, X509Certificate2Collection? intermediates, Signer signer)
    {
        List<ReadOnlyMemory<byte>> chain = [leaf.RawDataMemory];
        foreach (X509Certificate2 intermediate in intermediates ?? [])
        {
            chain.Add(intermediate.RawDataMemory);
        }
        return new TlsCertificate(leaf, chain, signer);
    }

    /// <summary>Wipes the copy of the private key. The certificate objects given in stay the caller's.</summary>
    public void Dispose() => _signer.Dispose();
}

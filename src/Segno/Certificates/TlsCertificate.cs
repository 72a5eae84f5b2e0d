using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Segno.Certificates;
using Segno.Cryptography;

namespace Segno;

/// <summary>A certificate chain with the private key of its leaf. Immutable, save for its <see cref="Stapler"/>, and thread-safe; share one among contexts.</summary>
public sealed partial class TlsCertificate : IDisposable
{
    private readonly Signer _signer;
    private readonly bool _ownsLeaf;
    private readonly HashKind? _pssHash;
    private ChainSignatures? _signatures;

    private TlsCertificate(X509Certificate2 leaf, IReadOnlyList<ReadOnlyMemory<byte>> chain, Signer signer, bool ownsLeaf)
    {
        Certificate = leaf;
        Chain = chain;
        _signer = signer;
        _ownsLeaf = ownsLeaf;
        _pssHash = signer.Kind == KeyKind.RsaPss ? PublicKeyInfo.Read(CertificateDer.PublicKeyInfo(chain[0]).Span).PssHash : null;
    }

    /// <summary>The leaf.</summary>
    public X509Certificate2 Certificate { get; }

    /// <summary>The chain in DER, leaf first, as it goes on the wire.</summary>
    public IReadOnlyList<ReadOnlyMemory<byte>> Chain { get; }

    internal Signer Signer => _signer;

    /// <summary>By whom and how the chain is signed. Read when first asked for: who has one certificate has no choice.</summary>
    internal ChainSignatures Signatures => _signatures ??= new ChainSignatures(Chain);

    /// <summary>Its messages, compressed once.</summary>
    internal CompressedBodies CompressedBodies { get; } = new();

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

    /// <summary>Makes one from what the platform's stream takes: the certificate, and the intermediates that the context found. What else a context may hold, an <see cref="SslCertificateTrust"/>, cannot be read from it: give trust as <see cref="TlsOptions.CertificateChainPolicy"/>.</summary>
    /// <param name="context">The context. The caller keeps ownership of its certificates; the key is used or copied.</param>
    /// <exception cref="ArgumentException">The key is of an unsupported kind.</exception>
    public static TlsCertificate Create(SslStreamCertificateContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        return Create(context.TargetCertificate, [.. context.IntermediateCertificates]);
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

    /// <summary>Makes one from PKCS#12 (PFX): the certificate that has a private key, with its chain where that is in there too.</summary>
    /// <param name="data">The contents of the file.</param>
    /// <param name="password">The password; <see langword="null"/> where there is none.</param>
    /// <exception cref="ArgumentException">It cannot be opened, or does not have exactly one certificate with a private key (RSA, or EC on P-256, P-384 or P-521).</exception>
    public static TlsCertificate FromPfx(ReadOnlySpan<byte> data, string? password = null) => CertificatePfx.Load(data, password);

    /// <summary>Makes one from a PKCS#12 (PFX) file; see <see cref="FromPfx(ReadOnlySpan{byte}, string?)"/>.</summary>
    /// <param name="path">Path of the file.</param>
    /// <param name="password">The password; <see langword="null"/> where there is none.</param>
    /// <exception cref="ArgumentException">It cannot be opened, or does not have exactly one certificate with a private key.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static TlsCertificate FromPfxFile(string path, string? password = null)
    {
        ArgumentNullException.ThrowIfNull(path);
        return FromPfx(File.ReadAllBytes(path), password);
    }

    internal static TlsCertificate Create(X509Certificate2 leaf, X509Certificate2Collection? intermediates, Signer signer, bool ownsLeaf = false)
    {
        List<ReadOnlyMemory<byte>> chain = [leaf.RawDataMemory];
        foreach (X509Certificate2 intermediate in intermediates ?? [])
        {
            chain.Add(intermediate.RawDataMemory);
        }
        return new TlsCertificate(leaf, chain, signer, ownsLeaf);
    }

    internal static TlsCertificate Create(X509Certificate2 leaf, IReadOnlyList<ReadOnlyMemory<byte>> chain, Signer signer) =>
        new(leaf, chain, signer, ownsLeaf: true);

    /// <summary>The scheme to sign a handshake with; <see langword="null"/>: none that the peer accepts. See <see cref="SchemeChoice.Choose"/>.</summary>
    internal TlsSignatureScheme? ChooseScheme(ReadOnlySpan<ushort> peerSchemes, IEnumerable<TlsSignatureScheme>? preference, SslProtocols version) =>
        SchemeChoice.Choose(_signer.Kind, _signer.KeySize, peerSchemes, preference, version, _pssHash);

    /// <summary>Ends the stapling and wipes the copy of the private key. The certificate objects given in stay the caller's.</summary>
    public void Dispose()
    {
        Stapler?.Dispose();
        _signer.Dispose();
        if (_ownsLeaf)
        {
            Certificate.Dispose();
        }
    }
}

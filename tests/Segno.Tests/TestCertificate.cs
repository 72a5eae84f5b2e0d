using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Segno.Tests;

/// <summary>A certificate of <see cref="TestPki"/> with its key, in every form a test may want it.</summary>
public sealed class TestCertificate
{
    private readonly Lazy<TlsCertificate> _tls;

    internal TestCertificate(X509Certificate2 certificate, TestKey key, TestCertificate? issuer)
    {
        Certificate = certificate;
        Key = key;
        Issuer = issuer;
        _tls = new(() => TlsCertificate.FromPem(ChainPem, KeyPem));
    }

    /// <summary>The certificate, with its private key unless that is Ed25519 or RSA-PSS (which the framework cannot attach).</summary>
    public X509Certificate2 Certificate { get; }

    public TestKey Key { get; }

    /// <summary>Who signed it; <see langword="null"/>: itself.</summary>
    public TestCertificate? Issuer { get; }

    /// <summary>The chain with its key, as this library takes it. Shared: do not dispose.</summary>
    public TlsCertificate Tls => _tls.Value;

    public byte[] Der => Certificate.RawData;

    /// <summary>The certificates above this one, in order, without the root.</summary>
    public IReadOnlyList<TestCertificate> Intermediates
    {
        get
        {
            List<TestCertificate> above = [];
            for (TestCertificate? next = Issuer; next?.Issuer is not null; next = next.Issuer)
            {
                above.Add(next);
            }
            return above;
        }
    }

    /// <summary>The chain in DER as it goes on the wire: leaf first, without the root.</summary>
    public IReadOnlyList<byte[]> Chain => [Der, .. Intermediates.Select(c => c.Der)];

    public X509Certificate2Collection IntermediateCollection => [.. Intermediates.Select(c => c.Certificate)];

    /// <summary>PEM of this certificate alone.</summary>
    public string CertificatePem => PemEncoding.WriteString("CERTIFICATE", Der) + "\n";

    /// <summary>PEM of the chain: leaf first, without the root.</summary>
    public string ChainPem => string.Concat(Chain.Select(der => PemEncoding.WriteString("CERTIFICATE", der) + "\n"));

    /// <summary>PKCS#8 PEM of the key.</summary>
    public string KeyPem => Key.Pem + "\n";

    /// <summary>Leaf with key and intermediates as PKCS#12. Not for Ed25519 and RSA-PSS.</summary>
    public byte[] ToPfx(string? password = null)
    {
        X509Certificate2Collection all = [Certificate, .. IntermediateCollection.Select(c => X509CertificateLoader.LoadCertificate(c.RawData))];
        return all.Export(X509ContentType.Pkcs12, password)!;
    }

    /// <summary>Writes chain and key to files, for tools that want paths.</summary>
    public (string CertificatePath, string KeyPath) WritePem(string directory, string name = "leaf")
    {
        Directory.CreateDirectory(directory);
        string certificatePath = Path.Combine(directory, name + ".crt.pem");
        string keyPath = Path.Combine(directory, name + ".key.pem");
        File.WriteAllText(certificatePath, ChainPem);
        File.WriteAllText(keyPath, KeyPem);
        return (certificatePath, keyPath);
    }
}

using System.Globalization;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Segno.Bench.Peers;

/// <summary>The files that all peers share: a P-256 CA and a P-256 leaf for *.bench.test, made for one run.</summary>
internal sealed class BenchFiles
{
    private static readonly TimeSpan _validity = TimeSpan.FromDays(2);
    private int _fresh;

    public BenchFiles(string directory)
    {
        Directory = directory;
    }

    public string Directory { get; }

    public string Ca => Path.Combine(Directory, "ca.pem");

    public string Chain => Path.Combine(Directory, "leaf.pem");

    public string Key => Path.Combine(Directory, "leaf.key");

    public string OpenSslConfiguration => Path.Combine(Directory, "openssl.cnf");

    /// <summary>The host whose sessions are resumed.</summary>
    public const string Host = "resumed.bench.test";

    /// <summary>A host never seen before, so that no session is offered to it although sessions are kept.</summary>
    public string FreshHost() => string.Create(CultureInfo.InvariantCulture, $"full{_fresh++:d8}.bench.test");

    public X509ChainPolicy ChainPolicy() => new()
    {
        TrustMode = X509ChainTrustMode.CustomRootTrust,
        CustomTrustStore = { X509CertificateLoader.LoadCertificateFromFile(Ca) },
        RevocationMode = X509RevocationMode.NoCheck,
        DisableCertificateDownloads = true,
    };

    public static string LibsslVersion()
    {
        long version = SafeEvpPKeyHandle.OpenSslVersion;
        return string.Create(CultureInfo.InvariantCulture, $"{version >> 28}.{(version >> 20) & 0xff}.{(version >> 4) & 0xff}");
    }

    public void Write()
    {
        DateTimeOffset now = DateTimeOffset.UtcNow;
        using ECDsa caKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        CertificateRequest caRequest = new("CN=Segno bench CA", caKey, HashAlgorithmName.SHA256);
        caRequest.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        caRequest.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, true));
        X509SubjectKeyIdentifierExtension caKeyId = new(caRequest.PublicKey, false);
        caRequest.CertificateExtensions.Add(caKeyId);
        using X509Certificate2 ca = caRequest.CreateSelfSigned(now - _validity, now + _validity);

        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        CertificateRequest request = new("CN=Segno bench", key, HashAlgorithmName.SHA256);
        SubjectAlternativeNameBuilder names = new();
        names.AddDnsName("*.bench.test");
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.1")], false));
        request.CertificateExtensions.Add(X509AuthorityKeyIdentifierExtension.CreateFromSubjectKeyIdentifier(caKeyId));
        using X509Certificate2 leaf = request.Create(ca, now - TimeSpan.FromDays(1), now + TimeSpan.FromDays(1), RandomNumberGenerator.GetBytes(16));

        File.WriteAllText(Ca, ca.ExportCertificatePem());
        File.WriteAllText(Chain, leaf.ExportCertificatePem());
        File.WriteAllText(Key, key.ExportPkcs8PrivateKeyPem());
        File.WriteAllText(
            OpenSslConfiguration,
            """
            openssl_conf = configuration
            [configuration]
            ssl_conf = ssl
            [ssl]
            system_default = defaults
            [defaults]
            CipherString = ECDHE-ECDSA-AES128-GCM-SHA256
            Ciphersuites = TLS_AES_128_GCM_SHA256
            Groups = X25519:P-256
            NumTickets = 1
            """);
    }
}

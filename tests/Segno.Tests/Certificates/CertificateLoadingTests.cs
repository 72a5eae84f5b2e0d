using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Segno.Certificates;
using Segno.Cryptography;
using Xunit;

namespace Segno.Tests.Certificates;

/// <summary>PEM and PFX, good and bad.</summary>
public sealed class CertificateLoadingTests
{
    public static TheoryData<TestKeyKind> Kinds => [.. Enum.GetValues<TestKeyKind>()];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void AChainWithItsKeyOfEveryKindLoads(TestKeyKind kind)
    {
        TestCertificate certificate = TestPki.Server(kind);
        using var tls = TlsCertificate.FromPem(certificate.ChainPem, certificate.KeyPem);
        Assert.Equal(certificate.Chain, tls.Chain.Select(c => c.ToArray()));
        Assert.Equal(certificate.Certificate.Thumbprint, tls.Certificate.Thumbprint);
        CheckSigns(tls);
    }

    [Fact]
    public void Pkcs1AndSec1KeysLoad()
    {
        var rsa = (RSA)TestPki.Rsa().Key.Algorithm!;
        using var fromPkcs1 = TlsCertificate.FromPem(TestPki.Rsa().ChainPem, rsa.ExportRSAPrivateKeyPem());
        CheckSigns(fromPkcs1);
        foreach (TestCertificate certificate in new[] { TestPki.Ecdsa(), TestPki.EcdsaP384(), TestPki.EcdsaP521() })
        {
            var key = (ECDsa)certificate.Key.Algorithm!;
            using var fromSec1 = TlsCertificate.FromPem(certificate.ChainPem, key.ExportECPrivateKeyPem());
            CheckSigns(fromSec1);
        }
    }

    [Fact]
    public void ASec1KeyWithoutCurveTakesTheCertificates()
    {
        var key = (ECDsa)TestPki.EcdsaP384().Key.Algorithm!;
        byte[] scalar = key.ExportParameters(includePrivateParameters: true).D!;
        byte[] sec1 = [0x30, (byte)(5 + scalar.Length), 2, 1, 1, 4, (byte)scalar.Length, .. scalar];
        using var tls = TlsCertificate.FromPem(TestPki.EcdsaP384().ChainPem, PemEncoding.WriteString("EC PRIVATE KEY", sec1));
        CheckSigns(tls);
    }

    [Fact]
    public void AKeyRestrictedToOnePssHashLoadsAndSignsWithThatHashOnly()
    {
        TestCertificate certificate = TestPki.Make(new() { Names = ["localhost"], ExistingKey = TestKey.CreatePssSha384() });
        using var tls = TlsCertificate.FromPem(certificate.ChainPem, certificate.KeyPem);
        CheckSigns(tls);
        ushort[] otherHashes = [(ushort)TlsSignatureScheme.RsaPssPssSha256, (ushort)TlsSignatureScheme.RsaPssPssSha512];
        Assert.Null(tls.ChooseScheme(otherHashes, null, SslProtocols.Tls13));
    }

    [Fact]
    public void OneTextMayHoldEverythingInAnyOrderWithOtherBlocks()
    {
        TestCertificate certificate = TestPki.Ecdsa();
        string parameters = PemEncoding.WriteString("EC PARAMETERS", [6, 8, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 3, 1, 7]);
        string text = $"# a comment\r\n{parameters}\n{certificate.KeyPem}some words\n{certificate.ChainPem}".ReplaceLineEndings("\r\n");
        using var tls = TlsCertificate.FromPem(text, text);
        Assert.Equal(2, tls.Chain.Count);
    }

    [Fact]
    public void FilesLoad()
    {
        string directory = Directory.CreateTempSubdirectory("segno-pem").FullName;
        try
        {
            (string certificatePath, string keyPath) = TestPki.Ed25519().WritePem(directory);
            using var two = TlsCertificate.FromPemFile(certificatePath, keyPath);
            CheckSigns(two);

            File.AppendAllText(certificatePath, TestPki.Ed25519().KeyPem);
            using var one = TlsCertificate.FromPemFile(certificatePath);
            CheckSigns(one);

            string pfxPath = Path.Combine(directory, "leaf.pfx");
            File.WriteAllBytes(pfxPath, TestPki.Ecdsa().ToPfx("secret"));
            using var pfx = TlsCertificate.FromPfxFile(pfxPath, "secret");
            CheckSigns(pfx);
            Assert.Throws<FileNotFoundException>(() => TlsCertificate.FromPemFile(Path.Combine(directory, "none.pem")));
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    [Fact]
    public void NoCertificateIsRefused()
    {
        TestCertificate certificate = TestPki.Ecdsa();
        Assert.Contains("no certificate", Refused(certificate.KeyPem, certificate.KeyPem), StringComparison.Ordinal);
        Assert.Contains("no certificate", Refused("", certificate.KeyPem), StringComparison.Ordinal);
    }

    [Fact]
    public void NoKeyIsRefused()
    {
        TestCertificate certificate = TestPki.Ecdsa();
        Assert.Contains("no private key", Refused(certificate.ChainPem, certificate.ChainPem), StringComparison.Ordinal);
        Assert.Contains("no private key", Refused(certificate.ChainPem, ""), StringComparison.Ordinal);
        string publicKey = PemEncoding.WriteString("PUBLIC KEY", certificate.Key.PublicKeyInfo);
        Assert.Contains("no private key", Refused(certificate.ChainPem, publicKey), StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void AKeyOfAnotherCertificateIsRefused(TestKeyKind kind)
    {
        string message = Refused(TestPki.Server(kind).ChainPem, TestPki.Server(kind, "other.test").KeyPem);
        Assert.Contains("does not belong", message, StringComparison.Ordinal);
    }

    [Fact]
    public void AKeyOfAnotherKindIsRefused()
    {
        Assert.Contains("does not belong", Refused(TestPki.Ecdsa().ChainPem, TestPki.Rsa().KeyPem), StringComparison.Ordinal);
        Assert.Contains("does not belong", Refused(TestPki.Ecdsa().ChainPem, TestPki.EcdsaP384().KeyPem), StringComparison.Ordinal);
        Assert.Contains("does not belong", Refused(TestPki.Rsa().ChainPem, TestPki.RsaPss().KeyPem), StringComparison.Ordinal);
    }

    [Fact]
    public void AChainInTheWrongOrderIsToldSo()
    {
        TestCertificate certificate = TestPki.Ecdsa();
        string message = Refused(TestPki.Intermediate.CertificatePem + certificate.CertificatePem, certificate.KeyPem);
        Assert.Contains("certificate 2 of the PEM text. Put that certificate first", message, StringComparison.Ordinal);
    }

    [Fact]
    public void AnEncryptedKeyIsRefusedWithTheWayOut()
    {
        var key = (RSA)TestPki.Rsa().Key.Algorithm!;
        var parameters = new PbeParameters(PbeEncryptionAlgorithm.Aes128Cbc, HashAlgorithmName.SHA256, 1000);
        string message = Refused(TestPki.Rsa().ChainPem, key.ExportEncryptedPkcs8PrivateKeyPem("secret", parameters));
        Assert.Contains("encrypted", message, StringComparison.Ordinal);
        Assert.Contains("openssl pkey", message, StringComparison.Ordinal);

        const string Old = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n";
        Assert.Contains("encrypted", Refused(TestPki.Rsa().ChainPem, Old), StringComparison.Ordinal);
    }

    [Fact]
    public void MalformedThingsAreRefused()
    {
        TestCertificate certificate = TestPki.Ecdsa();
        string junk = PemEncoding.WriteString("CERTIFICATE", [0x30, 3, 2, 1, 0]);
        Assert.Contains("Certificate 1", Refused(junk, certificate.KeyPem), StringComparison.Ordinal);
        Assert.Contains("Certificate 3", Refused(certificate.ChainPem + junk, certificate.KeyPem), StringComparison.Ordinal);
        foreach (string label in new[] { "PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY" })
        {
            Refused(certificate.ChainPem, PemEncoding.WriteString(label, [0x30, 3, 2, 1, 0]));
            Refused(certificate.ChainPem, PemEncoding.WriteString(label, [1, 2, 3]));
            Refused(certificate.ChainPem, PemEncoding.WriteString(label, []));
        }
    }

    [Fact]
    public void ATooSmallRsaKeyIsRefused()
    {
        TestCertificate small = TestPki.Make(new() { Key = TestKeyKind.Rsa, RsaBits = 1024 });
        Assert.Contains("at least 2048 bits", Refused(small.ChainPem, small.KeyPem), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(TestKeyKind.P256)]
    [InlineData(TestKeyKind.P521)]
    [InlineData(TestKeyKind.Rsa)]
    public void APfxLoadsWithItsChain(TestKeyKind kind)
    {
        TestCertificate certificate = TestPki.Server(kind);
        using var tls = TlsCertificate.FromPfx(certificate.ToPfx("secret"), "secret");
        Assert.Equal(certificate.Chain, tls.Chain.Select(c => c.ToArray()));
        CheckSigns(tls);
    }

    [Fact]
    public void APfxInAnyOrderLoadsInTheRightOneWithoutTheRoot()
    {
        TestCertificate upper = TestPki.Intermediate;
        TestCertificate lower = TestPki.Make(new() { CommonName = "lower", IsCa = true, KeyUsage = X509KeyUsageFlags.KeyCertSign, ExtendedKeyUsage = null, Issuer = upper });
        TestCertificate leaf = TestPki.Make(new() { Names = ["localhost"], CommonName = "leaf", Issuer = lower });
        X509Certificate2Collection all =
        [
            .. new[] { TestPki.OtherRoot, TestPki.Root, upper, lower }.Select(c => X509CertificateLoader.LoadCertificate(c.Der)), leaf.Certificate,
        ];
        using var tls = TlsCertificate.FromPfx(all.Export(X509ContentType.Pkcs12)!);
        Assert.Equal(leaf.Chain, tls.Chain.Select(c => c.ToArray()));
    }

    [Fact]
    public void ABadPfxIsRefused()
    {
        byte[] pfx = TestPki.Ecdsa().ToPfx("secret");
        Assert.Contains("password", Assert.Throws<ArgumentException>(() => TlsCertificate.FromPfx(pfx, "wrong")).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => TlsCertificate.FromPfx(pfx));
        Assert.Throws<ArgumentException>(() => TlsCertificate.FromPfx([1, 2, 3]));
        X509Certificate2Collection bare = [X509CertificateLoader.LoadCertificate(TestPki.Ecdsa().Der)];
        byte[] withoutKey = bare.Export(X509ContentType.Pkcs12)!;
        Assert.Contains("0 certificates", Assert.Throws<ArgumentException>(() => TlsCertificate.FromPfx(withoutKey)).Message, StringComparison.Ordinal);
        X509Certificate2Collection pair = [TestPki.Ecdsa().Certificate, TestPki.Rsa().Certificate];
        byte[] twoKeys = pair.Export(X509ContentType.Pkcs12)!;
        Assert.Contains("2 certificates", Assert.Throws<ArgumentException>(() => TlsCertificate.FromPfx(twoKeys)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ACertificateObjectStaysItsOwners()
    {
        using X509Certificate2 certificate = X509CertificateLoader.LoadPkcs12(TestPki.Ecdsa().ToPfx(), null);
        TlsCertificate.Create(certificate).Dispose();
        Assert.NotEmpty(certificate.Thumbprint);
        using ECDsa? key = certificate.GetECDsaPrivateKey();
        Assert.NotEmpty(key!.SignData([1], HashAlgorithmName.SHA256));
    }

    private static string Refused(string certificatePem, string keyPem) =>
        Assert.Throws<ArgumentException>(() => TlsCertificate.FromPem(certificatePem, keyPem)).Message;

    private static void CheckSigns(TlsCertificate tls)
    {
        ushort[] all = [.. Enum.GetValues<TlsSignatureScheme>().Select(s => (ushort)s)];
        TlsSignatureScheme scheme = tls.ChooseScheme(all, null, SslProtocols.Tls13)!.Value;
        byte[] signature = new byte[tls.Signer.MaxSignatureLength];
        int length = tls.Signer.Sign(scheme, "data"u8, signature);
        using PeerCertificate peer = PeerCertificate.Read(tls.Chain, CryptoProvider.Default);
        Assert.True(peer.Verifier.Verify(scheme, "data"u8, signature.AsSpan(0, length)));
        Assert.False(peer.Verifier.Verify(scheme, "tada"u8, signature.AsSpan(0, length)));
    }
}

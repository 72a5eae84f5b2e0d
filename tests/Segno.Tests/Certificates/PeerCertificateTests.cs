using System.Formats.Asn1;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using CsCheck;
using Segno.Certificates;
using Segno.Cryptography;
using Xunit;

namespace Segno.Tests.Certificates;

public sealed class PeerCertificateTests
{
    [Fact]
    public void AGoodChainIsReadAndKeptAsItCame()
    {
        using PeerCertificate peer = Read([.. TestPki.Ecdsa().Chain]);
        Assert.Equal(TestPki.Ecdsa().Chain, peer.Chain.Select(c => c.ToArray()));
        Assert.Equal(KeyKind.EcP256, peer.Verifier.Kind);
        peer.Dispose();
        Assert.Equal(TestPki.Ecdsa().Certificate.Thumbprint, peer.Leaf.Thumbprint);
    }

    [Fact]
    public void MalformedLeavesAreRefused()
    {
        byte[] good = TestPki.Ecdsa().Der;
        Refused(TlsFault.CertificateMalformed, []);
        Refused(TlsFault.CertificateMalformed, [0x30, 0]);
        Refused(TlsFault.CertificateMalformed, [0x30, 3, 2, 1, 0]);
        Refused(TlsFault.CertificateMalformed, good[..^1]);
        Refused(TlsFault.CertificateMalformed, [.. good, 0]);
        Refused(TlsFault.CertificateMalformed, System.Text.Encoding.ASCII.GetBytes(TestPki.Ecdsa().CertificatePem));
        Refused(TlsFault.CertificateMalformed, TestPki.Ecdsa().ToPfx());
    }

    [Fact]
    public void AMalformedCertificateAboveIsRefusedToo() =>
        Assert.Equal(TlsFault.CertificateMalformed, Assert.Throws<TlsException>(() => Read(TestPki.Ecdsa().Der, [0x30, 3, 2, 1])).Fault);

    [Fact]
    public void AKeyThatIsNotForSigningIsRefused()
    {
        Refused(TlsFault.CertificateKeyUsageMissing, TestPki.NoDigitalSignature.Der);
        Refused(TlsFault.CertificateKeyUsageMissing, TestPki.Make(new() { KeyUsage = X509KeyUsageFlags.KeyAgreement | X509KeyUsageFlags.KeyCertSign }).Der);
    }

    [Fact]
    public void WithoutKeyUsageOrWithMoreThanOneTheKeyMaySign()
    {
        Read(TestPki.Make(new() { KeyUsage = null }).Der).Dispose();
        Read(TestPki.Make(new() { KeyUsage = X509KeyUsageFlags.DigitalSignature | X509KeyUsageFlags.KeyEncipherment }).Der).Dispose();
    }

    [Fact]
    public void AMalformedKeyUsageIsRefused()
    {
        var extension = new X509Extension("2.5.29.15", [0x30, 0], critical: true);
        TestCertificate certificate = TestPki.Make(new() { Key = TestKeyKind.Ed25519, KeyUsage = null, Extensions = [extension] });
        Refused(TlsFault.CertificateMalformed, certificate.Der);
    }

    [Fact]
    public void KeysOfUnsupportedKindOrSizeAreRefused()
    {
        Refused(TlsFault.CertificateKeyUnsupported, TestPki.Make(new() { Key = TestKeyKind.Rsa, RsaBits = 1016 }).Der);
        Refused(TlsFault.CertificateKeyUnsupported, WithKey(FakeRsa(8200)));
        Refused(TlsFault.CertificateKeyUnsupported, WithKey(X25519()));
        using ECDsa brainpool = ECDsa.Create(ECCurve.NamedCurves.brainpoolP256r1);
        Refused(TlsFault.CertificateKeyUnsupported, WithKey(brainpool.ExportSubjectPublicKeyInfo()));
    }

    [Fact]
    public void KeysAtTheLimitsAreRead()
    {
        Read(TestPki.Make(new() { Key = TestKeyKind.Rsa, RsaBits = 1024 }).Der).Dispose();
        Read(WithKey(FakeRsa(8192))).Dispose();
    }

    [Fact]
    public void AnyChangedByteIsReadOrRefusedByNameButNothingElse()
    {
        byte[] good = TestPki.Ecdsa().Der;
        Gen.Select(Gen.Int[0, good.Length - 1], Gen.Byte).Sample((position, value) =>
        {
            byte[] changed = [.. good];
            changed[position] = value;
            try
            {
                using PeerCertificate peer = Read(changed);
                CertificateNames.Read(peer.Leaf);
                peer.Leaf.Dispose();
            }
            catch (TlsException e)
            {
                Assert.InRange((int)e.Fault, 500, 599);
            }
        }, iter: 2000);
    }

    private static PeerCertificate Read(params byte[][] chain) => PeerCertificate.Read([.. chain.Select(c => (ReadOnlyMemory<byte>)c)], CryptoProvider.Default);

    private static void Refused(TlsFault fault, byte[] leaf) => Assert.Equal(fault, Assert.Throws<TlsException>(() => Read(leaf)).Fault);

    private static byte[] WithKey(byte[] publicKeyInfo)
    {
        var name = new X500DistinguishedName("CN=leaf");
        PublicKey key = PublicKey.CreateFromSubjectPublicKeyInfo(publicKeyInfo, out _);
        DateTimeOffset now = TimeProvider.System.GetUtcNow();
        using X509Certificate2 certificate = new CertificateRequest(name, key, HashAlgorithmName.SHA256)
            .Create(TestPki.Root.Certificate.SubjectName, TestPki.Root.Key.Generator, now, now.AddDays(1), [1]);
        return certificate.RawData;
    }

    // An odd number of the wanted length is enough: nothing is verified with it.
    private static byte[] FakeRsa(int bits)
    {
        byte[] modulus = new byte[(bits / 8) + 1];
        modulus[1] = 0x80;
        modulus[^1] = 1;
        var key = new AsnWriter(AsnEncodingRules.DER);
        using (key.PushSequence())
        {
            key.WriteInteger(modulus);
            key.WriteInteger(65537);
        }
        return PublicKeyInfoOf("1.2.840.113549.1.1.1", withNull: true, key.Encode());
    }

    private static byte[] X25519() => PublicKeyInfoOf("1.3.101.110", withNull: false, new byte[32]);

    private static byte[] PublicKeyInfoOf(string algorithm, bool withNull, byte[] key)
    {
        var writer = new AsnWriter(AsnEncodingRules.DER);
        using (writer.PushSequence())
        {
            using (writer.PushSequence())
            {
                writer.WriteObjectIdentifier(algorithm);
                if (withNull)
                {
                    writer.WriteNull();
                }
            }
            writer.WriteBitString(key);
        }
        return writer.Encode();
    }
}

using System.Formats.Asn1;
using System.Numerics;
using System.Security.Cryptography;
using Segno.Cryptography;
using static Segno.Tests.Cryptography.BothProviders;

namespace Segno.Tests.Cryptography;

public sealed class KeyEncodingTests
{
    private const string Rsa = "1.2.840.113549.1.1.1";
    private const string RsaPss = "1.2.840.113549.1.1.10";
    private const string Sha1 = "1.3.14.3.2.26";
    private const string Sha256 = "2.16.840.1.101.3.4.2.1";
    private const string Sha384 = "2.16.840.1.101.3.4.2.2";

    public static TheoryData<string> Providers => Names;

    [Theory]
    [InlineData(TestKeyKind.P256, 256)]
    [InlineData(TestKeyKind.P384, 384)]
    [InlineData(TestKeyKind.P521, 521)]
    [InlineData(TestKeyKind.Rsa, 2048)]
    [InlineData(TestKeyKind.RsaPss, 2048)]
    [InlineData(TestKeyKind.Ed25519, 256)]
    public void KnowsTheKindAndSizeOfAKey(TestKeyKind kind, int size)
    {
        TestKey key = TestKey.Create(kind);
        KeyKind expected = kind switch
        {
            TestKeyKind.P256 => KeyKind.EcP256,
            TestKeyKind.P384 => KeyKind.EcP384,
            TestKeyKind.P521 => KeyKind.EcP521,
            TestKeyKind.Rsa => KeyKind.Rsa,
            TestKeyKind.RsaPss => KeyKind.RsaPss,
            _ => KeyKind.Ed25519,
        };
        PublicKeyInfo publicKey = PublicKeyInfo.Read(key.PublicKeyInfo);
        Assert.Equal(expected, publicKey.Kind);
        Assert.Equal(size, publicKey.KeySize);
        PrivateKeyInfo privateKey = PrivateKeyInfo.Read(key.Pkcs8);
        Assert.Equal(expected, privateKey.Kind);
        Assert.Equal(size, privateKey.KeySize);
    }

    [Theory, MemberData(nameof(Providers))]
    public void EveryTruncationAndAnyAppendedByteIsRefused(string name)
    {
        foreach (TestKeyKind kind in Enum.GetValues<TestKeyKind>())
        {
            TestKey key = TestKey.Create(kind);
            for (int length = 0; length < key.PublicKeyInfo.Length; length += kind is TestKeyKind.Rsa or TestKeyKind.RsaPss ? 7 : 1)
            {
                Assert.ThrowsAny<CryptographicException>(() => Get(name).CreateVerifier(key.PublicKeyInfo.AsSpan(0, length)));
            }

            for (int length = 0; length < key.Pkcs8.Length; length += 13)
            {
                Assert.ThrowsAny<CryptographicException>(() => Get(name).CreateSigner(key.Pkcs8.AsSpan(0, length)));
            }

            Assert.ThrowsAny<CryptographicException>(() => Get(name).CreateVerifier([.. key.PublicKeyInfo, 0]));
            Assert.ThrowsAny<CryptographicException>(() => Get(name).CreateSigner((byte[])[.. key.Pkcs8, 0]));
        }
    }

    [Theory, MemberData(nameof(Providers))]
    public void AnAlteredByteNeverBringsAnotherExceptionThanACryptographicOne(string name)
    {
        Random random = new(5);
        foreach (TestKeyKind kind in Enum.GetValues<TestKeyKind>())
        {
            TestKey key = TestKey.Create(kind);
            for (int i = 0; i < 150; i++)
            {
                Try(key.PublicKeyInfo, encoding => Get(name).CreateVerifier(encoding));
                Try(key.Pkcs8, encoding => Get(name).CreateSigner(encoding));
            }
        }

        void Try(byte[] good, Func<byte[], IDisposable> create)
        {
            byte[] altered = [.. good];
            altered[random.Next(Math.Min(altered.Length, 60))] ^= (byte)(1 << random.Next(8));
            try
            {
                create(altered).Dispose();
            }
            catch (CryptographicException)
            {
                // as it should
            }
        }
    }

    [Theory]
    [InlineData(1023, false)]
    [InlineData(1024, true)]
    [InlineData(8192, true)]
    [InlineData(8193, false)]
    public void RsaPublicKeysHave1024To8192Bits(int bits, bool accepted)
    {
        byte[] encoding = RsaPublicKey(Modulus(bits), 65537);
        foreach (string name in (string[])[LibcryptoProvider.ProviderName, SystemProvider.ProviderName])
        {
            if (accepted)
            {
                using Verifier verifier = Get(name).CreateVerifier(encoding);
                Assert.Equal(bits, verifier.KeySize);
                Assert.False(verifier.Verify(TlsSignatureScheme.RsaPkcs1Sha256, default, new byte[bits / 8]));
            }
            else
            {
                Assert.Throws<PublicKeyException>(() => Get(name).CreateVerifier(encoding));
            }
        }
    }

    [Theory]
    [InlineData(2047, false)]
    [InlineData(2048, true)]
    [InlineData(8192, true)]
    [InlineData(8193, false)]
    public void RsaSigningKeysHave2048To8192Bits(int bits, bool accepted)
    {
        // The sizes are looked at before anything else of the key; the rest may be missing here.
        AsnWriter key = new(AsnEncodingRules.DER);
        using (key.PushSequence())
        {
            key.WriteInteger(0);
            key.WriteInteger(Modulus(bits));
        }

        byte[] encoding = Pkcs8(Rsa, key.Encode());
        if (accepted)
        {
            Assert.Equal(bits, PrivateKeyInfo.Read(encoding).KeySize);
        }
        else
        {
            Assert.Throws<CryptographicException>(() => PrivateKeyInfo.Read(encoding).KeySize);
        }
    }

    [Fact]
    public void RsaExponentsAreOddAndShort()
    {
        BigInteger modulus = Modulus(2048);
        Assert.Equal([3], PublicKeyInfo.Read(RsaPublicKey(modulus, 3)).Exponent.ToArray());
        Assert.Equal(8, PublicKeyInfo.Read(RsaPublicKey(modulus, ulong.MaxValue)).Exponent.Length);
        foreach (BigInteger bad in (BigInteger[])[0, 1, 65536, -1, new BigInteger(ulong.MaxValue) + 2])
        {
            Assert.Throws<PublicKeyException>(() => PublicKeyInfo.Read(RsaPublicKey(modulus, bad)).KeySize);
        }

        Assert.Throws<PublicKeyException>(() => PublicKeyInfo.Read(RsaPublicKey(modulus - 1, 3)).KeySize);
    }

    [Theory, MemberData(nameof(Providers))]
    public void PointsMustBeUncompressedAndOnTheirCurve(string name)
    {
        byte[] good = TestKey.Create(TestKeyKind.P256).PublicKeyInfo;
        byte[] offCurve = [.. good];
        offCurve[^1] ^= 1;
        Assert.ThrowsAny<CryptographicException>(() => Get(name).CreateVerifier(offCurve));
        byte[] point = good[^65..];
        const string p256 = "1.2.840.10045.3.1.7";
        Get(name).CreateVerifier(EcPublicKey(p256, point)).Dispose();
        Assert.ThrowsAny<CryptographicException>(() => Get(name).CreateVerifier(EcPublicKey(p256, [(byte)(2 + (point[^1] & 1)), .. point[1..33]])));
        Assert.ThrowsAny<CryptographicException>(() => Get(name).CreateVerifier(EcPublicKey(p256, [0])));
        Assert.ThrowsAny<CryptographicException>(() => Get(name).CreateVerifier(EcPublicKey(p256, [4, .. new byte[64]])));
        Assert.ThrowsAny<CryptographicException>(() => Get(name).CreateVerifier(EcPublicKey("1.3.132.0.34", point)));
        Assert.ThrowsAny<CryptographicException>(() => Get(name).CreateVerifier(EcPublicKey("1.3.132.0.10", point)));
    }

    [Theory, MemberData(nameof(Providers))]
    public void ARestrictedPssKeyKeepsToItsHash(string name)
    {
        using RSA rsa = RSA.Create(2048);
        byte[] parameters = PssParameters(Sha384, Sha384, 48);
        byte[] pkcs8 = Pkcs8(RsaPss, rsa.ExportRSAPrivateKey(), parameters);
        byte[] publicKey = Spki(RsaPss, rsa.ExportRSAPublicKey(), parameters);
        using Signer signer = Get(name).CreateSigner(pkcs8);
        using Verifier verifier = Get(name).CreateVerifier(publicKey);
        Assert.Equal(KeyKind.RsaPss, signer.Kind);
        byte[] signature = new byte[256];
        signer.Sign(TlsSignatureScheme.RsaPssPssSha384, [1], signature);
        Assert.True(verifier.Verify(TlsSignatureScheme.RsaPssPssSha384, [1], signature));
        Assert.Throws<CryptographicException>(() => signer.Sign(TlsSignatureScheme.RsaPssPssSha256, [1], signature));
        Assert.Throws<CryptographicException>(() => signer.Sign(TlsSignatureScheme.RsaPssRsaeSha384, [1], signature));
        byte[] other = rsa.SignData([1], HashAlgorithmName.SHA256, RSASignaturePadding.Pss);
        Assert.False(verifier.Verify(TlsSignatureScheme.RsaPssPssSha256, [1], other));
        using Verifier unrestricted = Get(name).CreateVerifier(Spki(RsaPss, rsa.ExportRSAPublicKey()));
        Assert.True(unrestricted.Verify(TlsSignatureScheme.RsaPssPssSha256, [1], other));
    }

    [Fact]
    public void PssKeysThatTlsCannotUseAreRefused()
    {
        using RSA rsa = RSA.Create(2048);
        byte[] key = rsa.ExportRSAPublicKey();
        Assert.Equal(HashKind.Sha256, PublicKeyInfo.Read(Spki(RsaPss, key, PssParameters(Sha256, Sha256, null))).PssHash);
        Assert.Equal(HashKind.Sha256, PublicKeyInfo.Read(Spki(RsaPss, key, PssParameters(Sha256, Sha256, 32))).PssHash);
        Assert.Null(PublicKeyInfo.Read(Spki(RsaPss, key)).PssHash);
        foreach (byte[] parameters in (byte[][])
            [
                PssParameters(Sha256, Sha256, 33),
                PssParameters(Sha256, Sha384, 32),
                PssParameters(Sha1, Sha1, null),
                PssParameters(Sha256, Sha256, 32, trailer: 2),
                PssParameters(Sha256, Sha256, -1),
                [0x30, 0x00], // all defaults: SHA-1
                [0x05, 0x00],
            ])
        {
            Assert.Throws<PublicKeyException>(() => PublicKeyInfo.Read(Spki(RsaPss, key, parameters)).KeySize);
        }
    }

    private static BigInteger Modulus(int bits) => (BigInteger.One << (bits - 1)) + (BigInteger.One << (bits / 2)) + 12345;

    private static byte[] RsaPublicKey(BigInteger modulus, BigInteger exponent)
    {
        AsnWriter writer = new(AsnEncodingRules.DER);
        using (writer.PushSequence())
        {
            writer.WriteInteger(modulus);
            writer.WriteInteger(exponent);
        }

        return Spki(Rsa, writer.Encode(), [0x05, 0x00]);
    }

    private static byte[] EcPublicKey(string curve, byte[] point)
    {
        AsnWriter parameters = new(AsnEncodingRules.DER);
        parameters.WriteObjectIdentifier(curve);
        return Spki("1.2.840.10045.2.1", point, parameters.Encode());
    }

    private static byte[] Spki(string algorithm, byte[] key, byte[]? parameters = null)
    {
        AsnWriter writer = new(AsnEncodingRules.DER);
        using (writer.PushSequence())
        {
            Algorithm(writer, algorithm, parameters);
            writer.WriteBitString(key);
        }

        return writer.Encode();
    }

    private static byte[] Pkcs8(string algorithm, byte[] key, byte[]? parameters = null)
    {
        AsnWriter writer = new(AsnEncodingRules.DER);
        using (writer.PushSequence())
        {
            writer.WriteInteger(0);
            Algorithm(writer, algorithm, parameters);
            writer.WriteOctetString(key);
        }

        return writer.Encode();
    }

    private static void Algorithm(AsnWriter writer, string algorithm, byte[]? parameters)
    {
        using (writer.PushSequence())
        {
            writer.WriteObjectIdentifier(algorithm);
            if (parameters is not null)
            {
                writer.WriteEncodedValue(parameters);
            }
        }
    }

    private static byte[] PssParameters(string hash, string maskHash, int? salt, int? trailer = null)
    {
        AsnWriter writer = new(AsnEncodingRules.DER);
        using (writer.PushSequence())
        {
            using (writer.PushSequence(Tag(0)))
            {
                Algorithm(writer, hash, null);
            }

            using (writer.PushSequence(Tag(1)))
            using (writer.PushSequence())
            {
                writer.WriteObjectIdentifier("1.2.840.113549.1.1.8");
                Algorithm(writer, maskHash, [0x05, 0x00]);
            }

            foreach ((int number, int? value) in ((int, int?)[])[(2, salt), (3, trailer)])
            {
                if (value is { } integer)
                {
                    using (writer.PushSequence(Tag(number)))
                    {
                        writer.WriteInteger(integer);
                    }
                }
            }
        }

        return writer.Encode();

        static Asn1Tag Tag(int number) => new(TagClass.ContextSpecific, number, isConstructed: true);
    }
}

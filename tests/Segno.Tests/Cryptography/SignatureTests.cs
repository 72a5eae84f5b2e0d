using System.Security.Cryptography;
using Segno.Cryptography;
using static Segno.Tests.Cryptography.BothProviders;

namespace Segno.Tests.Cryptography;

public sealed class SignatureTests
{
    private static readonly byte[] Data = Count(0, 130);

    private static readonly Dictionary<TestKeyKind, TestKey> Keys = Enum.GetValues<TestKeyKind>().ToDictionary(kind => kind, kind => TestKey.Create(kind));

    private static readonly Dictionary<TlsSignatureScheme, TestKeyKind> KeyOf = new()
    {
        [TlsSignatureScheme.RsaPkcs1Sha256] = TestKeyKind.Rsa,
        [TlsSignatureScheme.RsaPkcs1Sha384] = TestKeyKind.Rsa,
        [TlsSignatureScheme.RsaPkcs1Sha512] = TestKeyKind.Rsa,
        [TlsSignatureScheme.RsaPssRsaeSha256] = TestKeyKind.Rsa,
        [TlsSignatureScheme.RsaPssRsaeSha384] = TestKeyKind.Rsa,
        [TlsSignatureScheme.RsaPssRsaeSha512] = TestKeyKind.Rsa,
        [TlsSignatureScheme.RsaPssPssSha256] = TestKeyKind.RsaPss,
        [TlsSignatureScheme.RsaPssPssSha384] = TestKeyKind.RsaPss,
        [TlsSignatureScheme.RsaPssPssSha512] = TestKeyKind.RsaPss,
        [TlsSignatureScheme.EcdsaP256Sha256] = TestKeyKind.P256,
        [TlsSignatureScheme.EcdsaP384Sha384] = TestKeyKind.P384,
        [TlsSignatureScheme.EcdsaP521Sha512] = TestKeyKind.P521,
        [TlsSignatureScheme.Ed25519] = TestKeyKind.Ed25519,
    };

    public static TheoryData<string> Providers => Names;

    public static TheoryData<string, TlsSignatureScheme> All =>
        new(from name in (string[])[LibcryptoProvider.ProviderName, SystemProvider.ProviderName] from s in Enum.GetValues<TlsSignatureScheme>() select (name, s));

    [Theory, MemberData(nameof(All))]
    public void EachProviderVerifiesWhatEitherSigns(string name, TlsSignatureScheme scheme)
    {
        TestKey key = Keys[KeyOf[scheme]];
        using Signer signer = Get(name).CreateSigner(key.Pkcs8);
        byte[] signature = Sign(signer, scheme, Data);
        foreach (string other in (string[])[LibcryptoProvider.ProviderName, SystemProvider.ProviderName])
        {
            using Verifier verifier = Get(other).CreateVerifier(key.PublicKeyInfo);
            Assert.Equal(signer.Kind, verifier.Kind);
            Assert.Equal(signer.KeySize, verifier.KeySize);
            Assert.True(verifier.Verify(scheme, Data, signature));
            Assert.True(verifier.VerifyTls12(scheme, Data, signature));
            Assert.True(verifier.Verify(scheme, Data, signature));
        }
    }

    [Theory, MemberData(nameof(All))]
    public void AWrongSignatureIsFalse(string name, TlsSignatureScheme scheme)
    {
        TestKey key = Keys[KeyOf[scheme]];
        using Signer signer = Get(name).CreateSigner(key.Pkcs8);
        byte[] good = Sign(signer, scheme, Data);
        using Verifier verifier = Get(name).CreateVerifier(key.PublicKeyInfo);
        foreach (int at in (int[])[0, 1, good.Length / 2, good.Length - 1])
        {
            byte[] altered = [.. good];
            altered[at] ^= 1;
            Assert.False(verifier.Verify(scheme, Data, altered));
        }

        Assert.False(verifier.Verify(scheme, Data, []));
        Assert.False(verifier.Verify(scheme, Data, good.AsSpan(0, good.Length - 1)));
        Assert.False(verifier.Verify(scheme, Data, [.. good, 0]));
        Assert.False(verifier.Verify(scheme, Data, new byte[good.Length]));
        Assert.False(verifier.Verify(scheme, Data, [.. Enumerable.Repeat((byte)0xff, good.Length)]));
        Assert.False(verifier.Verify(scheme, Data.AsSpan(1), good));
        Assert.True(verifier.Verify(scheme, Data, good));
        NoErrorIsLeft();
    }

    [Theory, MemberData(nameof(All))]
    public void AnotherKeysSignatureIsFalse(string name, TlsSignatureScheme scheme)
    {
        using Signer signer = Get(name).CreateSigner(TestKey.Create(KeyOf[scheme]).Pkcs8);
        using Verifier verifier = Get(name).CreateVerifier(Keys[KeyOf[scheme]].PublicKeyInfo);
        Assert.False(verifier.Verify(scheme, Data, Sign(signer, scheme, Data)));
    }

    [Theory, MemberData(nameof(All))]
    public void ASchemeThatDoesNotFitTheKeyIsRefused(string name, TlsSignatureScheme scheme)
    {
        using Signer fitting = Get(name).CreateSigner(Keys[KeyOf[scheme]].Pkcs8);
        byte[] signature = Sign(fitting, scheme, Data);
        foreach (TestKey key in Keys.Values.Where(key => key.Kind != KeyOf[scheme]))
        {
            using Signer signer = Get(name).CreateSigner(key.Pkcs8);
            Assert.Throws<CryptographicException>(() => signer.Sign(scheme, Data, new byte[1024]));
            using Verifier verifier = Get(name).CreateVerifier(key.PublicKeyInfo);
            Assert.False(verifier.Verify(scheme, Data, signature));
        }

        // The same key, signed with another hash or padding.
        using Verifier same = Get(name).CreateVerifier(Keys[KeyOf[scheme]].PublicKeyInfo);
        foreach (TlsSignatureScheme other in Enum.GetValues<TlsSignatureScheme>().Where(other => other != scheme))
        {
            Assert.False(same.Verify(other, Data, signature));
        }

        Assert.False(same.Verify((TlsSignatureScheme)0x0201, Data, signature));
        Assert.False(same.VerifyTls12((TlsSignatureScheme)0x0201, Data, signature));
        Assert.Throws<CryptographicException>(() => fitting.Sign((TlsSignatureScheme)0x0201, Data, new byte[1024]));
    }

    [Theory, MemberData(nameof(Providers))]
    public void InTls12AnEcdsaSchemeNamesNoCurve(string name)
    {
        foreach (TestKeyKind kind in (TestKeyKind[])[TestKeyKind.P256, TestKeyKind.P384, TestKeyKind.P521])
        {
            using Signer signer = Get(name).CreateSigner(Keys[kind].Pkcs8);
            using Verifier verifier = Get(name).CreateVerifier(Keys[kind].PublicKeyInfo);
            foreach (TlsSignatureScheme scheme in (TlsSignatureScheme[])[TlsSignatureScheme.EcdsaP256Sha256, TlsSignatureScheme.EcdsaP384Sha384, TlsSignatureScheme.EcdsaP521Sha512])
            {
                byte[] signature = new byte[signer.MaxSignatureLength];
                int length = signer.SignTls12(scheme, Data, signature);
                Assert.True(verifier.VerifyTls12(scheme, Data, signature.AsSpan(0, length)));
                Assert.Equal(KeyOf[scheme] == kind, verifier.Verify(scheme, Data, signature.AsSpan(0, length)));
            }

            Assert.Throws<CryptographicException>(() => signer.SignTls12(TlsSignatureScheme.Ed25519, Data, new byte[200]));
            Assert.Throws<CryptographicException>(() => signer.SignTls12(TlsSignatureScheme.RsaPssRsaeSha256, Data, new byte[200]));
        }
    }

    [Theory]
    [InlineData("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b")]
    [InlineData("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb", "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00")]
    [InlineData("c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7", "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a")]
    public void Ed25519IsThatOfRfc8032(string key, string publicKey, string data, string expected)
    {
        foreach (string name in (string[])[LibcryptoProvider.ProviderName, SystemProvider.ProviderName])
        {
            using Signer signer = Get(name).CreateSigner(Hex("302e020100300506032b657004220420" + key));
            Assert.Equal(Hex(expected), Sign(signer, TlsSignatureScheme.Ed25519, Hex(data)));
            using Verifier verifier = Get(name).CreateVerifier(Hex("302a300506032b6570032100" + publicKey));
            Assert.True(verifier.Verify(TlsSignatureScheme.Ed25519, Hex(data), Hex(expected)));
        }
    }

    [Theory, MemberData(nameof(All))]
    public void TheDestinationMustHoldTheLongestSignature(string name, TlsSignatureScheme scheme)
    {
        using Signer signer = Get(name).CreateSigner(Keys[KeyOf[scheme]].Pkcs8);
        Assert.Throws<ArgumentException>("destination", () => signer.Sign(scheme, Data, new byte[signer.MaxSignatureLength - 1]));
        for (int i = 0; i < 8; i++)
        {
            Assert.InRange(signer.Sign(scheme, Data, new byte[signer.MaxSignatureLength]), 1, signer.MaxSignatureLength);
        }
    }

    [Theory, MemberData(nameof(Providers))]
    public void AKeyThatCanBeExportedIsCopied(string name)
    {
        foreach (TestKey key in Keys.Values.Where(key => key.Algorithm is not null && key.Kind != TestKeyKind.RsaPss))
        {
            AsymmetricAlgorithm original = key.Kind == TestKeyKind.Rsa ? RSA.Create() : ECDsa.Create();
            original.ImportPkcs8PrivateKey(key.Pkcs8, out _);
            using Signer signer = Get(name).CreateSigner(original);
            original.Dispose();
            TlsSignatureScheme scheme = KeyOf.First(pair => pair.Value == key.Kind).Key;
            using Verifier verifier = Get(name).CreateVerifier(key.PublicKeyInfo);
            Assert.True(verifier.Verify(scheme, Data, Sign(signer, scheme, Data)));
        }
    }

    [Theory, MemberData(nameof(Providers))]
    public void AKeyThatCannotBeExportedSignsWhereItIs(string name)
    {
        using ECDsa ecdsa = new HeldEcdsa(Keys[TestKeyKind.P256]);
        using RSA rsa = new HeldRsa(Keys[TestKeyKind.Rsa]);
        foreach ((AsymmetricAlgorithm key, TlsSignatureScheme[] schemes) in ((AsymmetricAlgorithm, TlsSignatureScheme[])[])
            [
                (ecdsa, [TlsSignatureScheme.EcdsaP256Sha256]),
                (rsa, [TlsSignatureScheme.RsaPssRsaeSha256, TlsSignatureScheme.RsaPkcs1Sha512]),
            ])
        {
            byte[] publicKey = key.ExportSubjectPublicKeyInfo();
            using (Signer signer = Get(name).CreateSigner(key))
            {
                using Verifier verifier = Get(name).CreateVerifier(publicKey);
                Assert.Equal(verifier.Kind, signer.Kind);
                Assert.Equal(verifier.KeySize, signer.KeySize);
                foreach (TlsSignatureScheme scheme in schemes)
                {
                    Assert.True(verifier.Verify(scheme, Data, Sign(signer, scheme, Data)));
                    Parallel.For(0, 8, _ => Sign(signer, scheme, Data));
                }

                Assert.Throws<CryptographicException>(() => signer.Sign(TlsSignatureScheme.Ed25519, Data, new byte[1024]));
            }

            Assert.Equal(publicKey, key.ExportSubjectPublicKeyInfo()); // it is still its owner's
        }
    }

    [Theory, MemberData(nameof(Providers))]
    public void KeysForOtherUsesAreRefused(string name)
    {
        using ECDsa brainpool = ECDsa.Create(ECCurve.NamedCurves.brainpoolP256r1);
        Assert.ThrowsAny<CryptographicException>(() => Get(name).CreateSigner(brainpool));
        Assert.ThrowsAny<CryptographicException>(() => Get(name).CreateVerifier(brainpool.ExportSubjectPublicKeyInfo()));
        using RSA small = RSA.Create(1024);
        Assert.ThrowsAny<CryptographicException>(() => Get(name).CreateSigner(small));
        using RSA held = new HeldRsa(TestKey.Create(TestKeyKind.Rsa, 1024));
        Assert.ThrowsAny<CryptographicException>(() => Get(name).CreateSigner(held));
    }

    [Theory, MemberData(nameof(Providers))]
    public void AnOldKeyOf1024BitsStillVerifies(string name)
    {
        using RSA rsa = RSA.Create(RsaLimits.MinVerifyingBits);
        using Verifier verifier = Get(name).CreateVerifier(rsa.ExportSubjectPublicKeyInfo());
        Assert.Equal(1024, verifier.KeySize);
        Assert.True(verifier.Verify(TlsSignatureScheme.RsaPkcs1Sha256, Data, rsa.SignData(Data, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1)));
        Assert.True(verifier.Verify(TlsSignatureScheme.RsaPssRsaeSha384, Data, rsa.SignData(Data, HashAlgorithmName.SHA384, RSASignaturePadding.Pss)));
        Assert.False(verifier.Verify(TlsSignatureScheme.RsaPssRsaeSha512, Data, new byte[128])); // no room in the key
    }

    [Theory, MemberData(nameof(All))]
    public void SignersAndVerifiersServeManyThreadsEvenWhenDisposedMeanwhile(string name, TlsSignatureScheme scheme)
    {
        TestKey key = Keys[KeyOf[scheme]];
        Signer signer = Get(name).CreateSigner(key.Pkcs8);
        Verifier verifier = Get(name).CreateVerifier(key.PublicKeyInfo);
        using Verifier lasting = Get(name).CreateVerifier(key.PublicKeyInfo);
        int done = 0;
        Parallel.For(0, 4, new ParallelOptions { MaxDegreeOfParallelism = 4, CancellationToken = TestContext.Current.CancellationToken }, _ =>
        {
            try
            {
                for (int i = 0; i < 25; i++)
                {
                    byte[] signature = Sign(signer, scheme, Data);
                    Assert.True(lasting.Verify(scheme, Data, signature));
                    Assert.True(verifier.Verify(scheme, Data, signature));
                    if (Interlocked.Increment(ref done) == 12)
                    {
                        signer.Dispose();
                        verifier.Dispose();
                    }
                }
            }
            catch (ObjectDisposedException)
            {
                // as it should
            }
        });
        signer.Dispose();
        verifier.Dispose();
        Assert.Throws<ObjectDisposedException>(() => signer.Sign(scheme, Data, new byte[1024]));
        Assert.Throws<ObjectDisposedException>(() => verifier.Verify(scheme, Data, new byte[64]));
        Assert.InRange(done, 12, 99);
    }

    private static byte[] Sign(Signer signer, TlsSignatureScheme scheme, byte[] data)
    {
        byte[] signature = new byte[signer.MaxSignatureLength];
        int length = signer.Sign(scheme, data, signature);
        return signature[..length];
    }

    private static unsafe void NoErrorIsLeft() => Assert.Equal(0u, Native.ERR_peek_last_error().Value);

    /// <summary>As a smart card: it signs, but does not give its key away.</summary>
    private sealed class HeldEcdsa : ECDsa
    {
        private readonly ECDsa _inner = Create();

        public HeldEcdsa(TestKey key)
        {
            _inner.ImportPkcs8PrivateKey(key.Pkcs8, out _);
            KeySizeValue = _inner.KeySize;
        }

        public override byte[] SignHash(byte[] hash) => _inner.SignHash(hash);

        public override bool VerifyHash(byte[] hash, byte[] signature) => _inner.VerifyHash(hash, signature);

        public override ECParameters ExportParameters(bool includePrivateParameters) =>
            includePrivateParameters ? throw new CryptographicException("It stays here.") : _inner.ExportParameters(false);

        protected override void Dispose(bool disposing)
        {
            _inner.Dispose();
            base.Dispose(disposing);
        }
    }

    private sealed class HeldRsa : RSA
    {
        private readonly RSA _inner = Create();

        public HeldRsa(TestKey key)
        {
            _inner.ImportPkcs8PrivateKey(key.Pkcs8, out _);
            KeySizeValue = _inner.KeySize;
        }

        public override byte[] SignHash(byte[] hash, HashAlgorithmName hashAlgorithm, RSASignaturePadding padding) => _inner.SignHash(hash, hashAlgorithm, padding);

        public override RSAParameters ExportParameters(bool includePrivateParameters) =>
            includePrivateParameters ? throw new CryptographicException("It stays here.") : _inner.ExportParameters(false);

        public override void ImportParameters(RSAParameters parameters) => throw new NotSupportedException();

        protected override byte[] HashData(byte[] data, int offset, int count, HashAlgorithmName hashAlgorithm) =>
            CryptographicOperations.HashData(hashAlgorithm, data.AsSpan(offset, count));

        protected override void Dispose(bool disposing)
        {
            _inner.Dispose();
            base.Dispose(disposing);
        }
    }
}

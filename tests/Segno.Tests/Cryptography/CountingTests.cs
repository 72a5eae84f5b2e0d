using System.Security.Cryptography;
using Segno.Cryptography;
using static Segno.Tests.Cryptography.BothProviders;

namespace Segno.Tests.Cryptography;

public sealed class CountingTests
{
    public static TheoryData<string> Providers => Names;

    [Theory, MemberData(nameof(Providers))]
    public void EveryCallCountsAsDocumented(string name)
    {
        CryptoProvider p = Get(name);
        byte[] buffer = new byte[200];

        Assert.Equal(new Counts { RandomCalls = 1 }, Of(() => p.FillRandom(buffer)));
        Assert.Equal(new Counts { Hashes = 1 }, Of(() => p.Hash(HashKind.Sha384, buffer, buffer)));

        using TranscriptHasher hasher = p.CreateHasher(HashKind.Sha256);
        Assert.Equal(default, Of(() => hasher.Append(buffer)));
        Assert.Equal(default, Of(() => hasher.Fork().Dispose()));
        Assert.Equal(default, Of(() => p.CreateHasher(HashKind.Sha512).Dispose()));
        Assert.Equal(new Counts { Hashes = 1 }, Of(() => hasher.Current(buffer)));

        Assert.Equal(new Counts { Hmacs = 1 }, Of(() => p.Hmac(HashKind.Sha256, new byte[100], buffer, new byte[32])));
        Assert.Equal(new Counts { Hmacs = 1 }, Of(() => p.HkdfExtract(HashKind.Sha256, default, buffer, new byte[32])));
        foreach ((int length, int blocks) in ((int, int)[])[(0, 0), (1, 1), (32, 1), (33, 2), (64, 2), (65, 3)])
        {
            Assert.Equal(new Counts { Hmacs = blocks }, Of(() => p.HkdfExpand(HashKind.Sha256, new byte[32], "i"u8, new byte[length])));
        }

        Assert.Equal(new Counts { AeadKeys = 1 }, Of(() => p.CreateAead(AeadKind.Aes128Gcm, new byte[16]).Dispose()));
        using Aead aead = p.CreateAead(AeadKind.ChaCha20Poly1305, new byte[32]);
        Assert.Equal(new Counts { Seals = 1 }, Of(() => aead.Seal(new byte[12], new byte[4], default, buffer)));
        Assert.Equal(new Counts { Seals = 1 }, Of(() => aead.Seal(new byte[12], new byte[4], new byte[1], default, buffer)));
        Assert.Equal(new Counts { Opens = 1 }, Of(() => Assert.True(aead.TryOpen(new byte[12], buffer.AsSpan(0, 21), default, new byte[5]))));
        Assert.Equal(new Counts { Opens = 1 }, Of(() => Assert.False(aead.TryOpen(new byte[12], new byte[21], default, new byte[5]))));
        Assert.Equal(new Counts { Opens = 1 }, Of(() => Assert.False(aead.TryOpen(new byte[12], new byte[3], default, default))));

        foreach (TlsNamedGroup group in (TlsNamedGroup[])[TlsNamedGroup.X25519, TlsNamedGroup.P256, TlsNamedGroup.X25519MLKem768])
        {
            KeyExchange? exchange = null;
            Assert.Equal(new Counts { KeyPairs = 1 }, Of(() => exchange = p.StartKeyExchange(group)));
            byte[] share = new byte[exchange!.ShareLength];
            byte[] answer = new byte[NamedGroups.MaxShareLength];
            byte[] secret = new byte[NamedGroups.MaxSecretLength];
            int length = 0;
            Assert.Equal(default, Of(() => exchange.WriteShare(share)));
            Assert.Equal(new Counts { KeyPairs = 1, KeyAgreements = 1 }, Of(() => length = p.AnswerKeyExchange(group, share, answer, secret).Share));
            Assert.Equal(new Counts { KeyAgreements = 1 }, Of(() => exchange.Agree(answer.AsSpan(0, length), secret)));
            exchange.Dispose();
            Assert.Equal(new Counts { KeyPairs = 1, KeyAgreements = 1 },
                Of(() => Assert.ThrowsAny<CryptographicException>(() => p.AnswerKeyExchange(group, [1], answer, secret))));
        }

        foreach ((TestKeyKind kind, TlsSignatureScheme scheme) in ((TestKeyKind, TlsSignatureScheme)[])
            [
                (TestKeyKind.P256, TlsSignatureScheme.EcdsaP256Sha256),
                (TestKeyKind.Rsa, TlsSignatureScheme.RsaPssRsaeSha256),
                (TestKeyKind.Ed25519, TlsSignatureScheme.Ed25519),
            ])
        {
            TestKey key = TestKey.Create(kind);
            byte[] signature = new byte[512];
            Signer? signer = null;
            Verifier? verifier = null;
            int length = 0;
            Assert.Equal(default, Of(() => signer = p.CreateSigner(key.Pkcs8)));
            Assert.Equal(default, Of(() => verifier = p.CreateVerifier(key.PublicKeyInfo)));
            Assert.Equal(new Counts { Signatures = 1 }, Of(() => length = signer!.Sign(scheme, buffer, signature)));
            Assert.Equal(new Counts { Verifications = 1 }, Of(() => Assert.True(verifier!.Verify(scheme, buffer, signature.AsSpan(0, length)))));
            Assert.Equal(new Counts { Verifications = 1 }, Of(() => Assert.False(verifier!.Verify(scheme, buffer, [1]))));
            Assert.Equal(default, Of(() => Assert.False(verifier!.Verify((TlsSignatureScheme)1, buffer, signature))));
            Assert.Equal(default, Of(() => Assert.Throws<CryptographicException>(() => signer!.Sign((TlsSignatureScheme)1, buffer, signature))));
            signer!.Dispose();
            verifier!.Dispose();
        }
    }

    [Theory, MemberData(nameof(Providers))]
    public void ACallRefusedForItsArgumentsDoesNotCount(string name)
    {
        CryptoProvider p = Get(name);
        using Aead aead = p.CreateAead(AeadKind.Aes256Gcm, new byte[32]);
        Assert.Equal(default, Of(() =>
        {
            Assert.ThrowsAny<ArgumentException>(() => p.Hash(HashKind.Sha256, default, new byte[31]));
            Assert.ThrowsAny<ArgumentException>(() => p.Hmac(HashKind.Sha256, default, default, new byte[31]));
            Assert.ThrowsAny<ArgumentException>(() => p.HkdfExtract(HashKind.Sha256, default, default, new byte[31]));
            Assert.ThrowsAny<ArgumentException>(() => p.HkdfExpand(HashKind.Sha256, new byte[31], default, new byte[31]));
            Assert.ThrowsAny<ArgumentException>(() => p.CreateAead(AeadKind.Aes256Gcm, new byte[16]));
            Assert.ThrowsAny<ArgumentException>(() => aead.Seal(new byte[11], default, default, new byte[16]));
            Assert.ThrowsAny<ArgumentException>(() => aead.TryOpen(new byte[11], new byte[16], default, default));
            Assert.Throws<NotSupportedException>(() => p.StartKeyExchange(TlsNamedGroup.P521));
        }));
    }

    private static Counts Of(Action action)
    {
        CryptoCounters.Current.Reset();
        action();
        CryptoCounters c = CryptoCounters.Current;
        return new Counts(c.RandomCalls, c.Hashes, c.Hmacs, c.AeadKeys, c.Seals, c.Opens, c.KeyPairs, c.KeyAgreements, c.Signatures, c.Verifications);
    }

    private readonly record struct Counts(
        long RandomCalls = 0,
        long Hashes = 0,
        long Hmacs = 0,
        long AeadKeys = 0,
        long Seals = 0,
        long Opens = 0,
        long KeyPairs = 0,
        long KeyAgreements = 0,
        long Signatures = 0,
        long Verifications = 0);
}

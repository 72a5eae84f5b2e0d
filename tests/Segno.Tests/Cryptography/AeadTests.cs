using System.Security.Cryptography;
using System.Text;
using Segno.Cryptography;
using static Segno.Tests.Cryptography.BothProviders;

namespace Segno.Tests.Cryptography;

public sealed class AeadTests
{
    private static readonly byte[] GcmPlaintext = Hex("d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39");
    private static readonly byte[] GcmData = Hex("feedfacedeadbeeffeedfacedeadbeefabaddad2");

    private static readonly (AeadKind Kind, byte[] Key, byte[] Nonce, byte[] Plaintext, byte[] Data, byte[] Sealed)[] Vectors =
    [
        // McGrew and Viega, "The Galois/Counter Mode of Operation", test cases 4 and 16.
        (AeadKind.Aes128Gcm, Hex("feffe9928665731c6d6a8f9467308308"), Hex("cafebabefacedbaddecaf888"), GcmPlaintext, GcmData,
            Hex("42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091"
                + "5bc94fbc3221a5db94fae95ae7121a47")),
        (AeadKind.Aes256Gcm, Hex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"), Hex("cafebabefacedbaddecaf888"), GcmPlaintext, GcmData,
            Hex("522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
                + "76fc6ece0f4e1768cddf8853bb2d551b")),
        // RFC 8439 §2.8.2.
        (AeadKind.ChaCha20Poly1305, Count(0x80, 32), Hex("070000004041424344454647"),
            Encoding.ASCII.GetBytes("Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it."),
            Hex("50515253c0c1c2c3c4c5c6c7"),
            Hex("d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36"
                + "92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc3ff4def08e4b7a9de576d26586cec64b6116"
                + "1ae10b594f09e26a7e902ecbd0600691")),
    ];

    public static TheoryData<string, int> All => new(from name in (string[])[LibcryptoProvider.ProviderName, SystemProvider.ProviderName] from i in Enumerable.Range(0, Vectors.Length) select (name, i));

    [Theory, MemberData(nameof(All))]
    public void SealsAndOpensTheKnownAnswer(string name, int index)
    {
        (AeadKind kind, byte[] key, byte[] nonce, byte[] plaintext, byte[] data, byte[] expected) = Vectors[index];
        Assert.True(Get(name).Supports(kind));
        using Aead aead = Get(name).CreateAead(kind, key);
        byte[] actual = new byte[expected.Length];

        // Twice, and opened in between: one context serves both directions and any number of records.
        for (int i = 0; i < 2; i++)
        {
            aead.Seal(nonce, plaintext, data, actual);
            Assert.Equal(expected, actual);
            byte[] opened = new byte[plaintext.Length];
            Assert.True(aead.TryOpen(nonce, actual, data, opened));
            Assert.Equal(plaintext, opened);
        }
    }

    [Theory, MemberData(nameof(All))]
    public void SealsInPlaceAndOpensInPlace(string name, int index)
    {
        (AeadKind kind, byte[] key, byte[] nonce, byte[] plaintext, byte[] data, byte[] expected) = Vectors[index];
        using Aead aead = Get(name).CreateAead(kind, key);
        byte[] buffer = new byte[expected.Length];
        plaintext.CopyTo(buffer, 0);
        aead.Seal(nonce, buffer.AsSpan(0, plaintext.Length), data, buffer);
        Assert.Equal(expected, buffer);
        Assert.True(aead.TryOpen(nonce, buffer, data, buffer));
        Assert.Equal(plaintext, buffer[..plaintext.Length]);
    }

    [Theory, MemberData(nameof(All))]
    public void SealsTwoSpansAsOneWhereverTheyAreSplit(string name, int index)
    {
        (AeadKind kind, byte[] key, byte[] nonce, byte[] plaintext, byte[] data, byte[] expected) = Vectors[index];
        using Aead aead = Get(name).CreateAead(kind, key);
        for (int split = 0; split <= plaintext.Length; split++)
        {
            byte[] apart = new byte[expected.Length];
            aead.Seal(nonce, plaintext.AsSpan(0, split), plaintext.AsSpan(split), data, apart);
            Assert.Equal(expected, apart);

            byte[] inPlace = new byte[expected.Length];
            plaintext.AsSpan(0, split).CopyTo(inPlace);
            aead.Seal(nonce, inPlace.AsSpan(0, split), plaintext.AsSpan(split), data, inPlace);
            Assert.Equal(expected, inPlace);
        }
    }

    [Theory, MemberData(nameof(All))]
    public void AnyAlterationIsRefusedAndTheDestinationWiped(string name, int index)
    {
        (AeadKind kind, byte[] key, byte[] nonce, byte[] plaintext, byte[] data, byte[] good) = Vectors[index];
        using Aead aead = Get(name).CreateAead(kind, key);
        byte[] opened = new byte[plaintext.Length + 1];
        for (int i = 0; i < good.Length; i++)
        {
            byte[] altered = [.. good];
            altered[i] ^= 0x80;
            Array.Fill(opened, (byte)0xee);
            Assert.False(aead.TryOpen(nonce, altered, data, opened));
            Assert.All(opened[..^1], b => Assert.Equal(0, b));
            Assert.Equal(0xee, opened[^1]); // what lies beyond is not ours
        }

        Assert.False(aead.TryOpen(nonce, good, data.AsSpan(1), opened));
        Assert.False(aead.TryOpen([.. nonce.Reverse()], good, data, opened));
        Assert.False(aead.TryOpen(nonce, good.AsSpan(0, good.Length - 1), data, opened));
        using Aead stranger = Get(name).CreateAead(kind, [.. key.Reverse()]);
        Assert.False(stranger.TryOpen(nonce, good, data, opened));

        // A refusal does not spoil the key.
        Assert.True(aead.TryOpen(nonce, good, data, opened));
        Assert.Equal(plaintext, opened[..^1]);
    }

    [Theory, MemberData(nameof(All))]
    public void AFailedOpeningInPlaceLeavesNoPlaintext(string name, int index)
    {
        (AeadKind kind, byte[] key, byte[] nonce, byte[] plaintext, byte[] data, byte[] good) = Vectors[index];
        using Aead aead = Get(name).CreateAead(kind, key);
        byte[] buffer = [.. good];
        buffer[^1] ^= 1;
        Assert.False(aead.TryOpen(nonce, buffer, data, buffer));
        Assert.All(buffer[..plaintext.Length], b => Assert.Equal(0, b));
    }

    [Theory, MemberData(nameof(All))]
    public void EmptyIsALengthToo(string name, int index)
    {
        (AeadKind kind, byte[] key, byte[] nonce, _, _, _) = Vectors[index];
        using Aead aead = Get(name).CreateAead(kind, key);
        byte[] tag = new byte[Aead.TagLength];
        aead.Seal(nonce, default, default, tag);
        Assert.True(aead.TryOpen(nonce, tag, default, default));
        for (int length = 0; length < Aead.TagLength; length++)
        {
            Assert.False(aead.TryOpen(nonce, tag.AsSpan(0, length), default, default));
        }

        tag[0] ^= 1;
        Assert.False(aead.TryOpen(nonce, tag, default, default));
    }

    [Theory, MemberData(nameof(All))]
    public void WrongLengthsAreTheCallersFault(string name, int index)
    {
        (AeadKind kind, byte[] key, byte[] nonce, _, _, _) = Vectors[index];
        CryptoProvider provider = Get(name);
        Assert.Throws<ArgumentException>("key", () => provider.CreateAead(kind, key.AsSpan(1)));
        Assert.Throws<ArgumentException>("key", () => provider.CreateAead(kind, [.. key, 0]));
        using Aead aead = provider.CreateAead(kind, key);
        Assert.Throws<ArgumentException>("nonce", () => aead.Seal(nonce.AsSpan(1), default, default, new byte[16]));
        Assert.Throws<ArgumentException>("nonce", () => aead.TryOpen([.. nonce, 0], new byte[16], default, default));
        aead.Seal(nonce, new byte[4], default, new byte[20]);
        Assert.Throws<ArgumentException>("destination", () => aead.Seal(nonce, new byte[4], default, new byte[19]));
        Assert.Throws<ArgumentException>("destination", () => aead.Seal(nonce, new byte[4], new byte[1], default, new byte[20]));
        Assert.Throws<ArgumentException>("destination", () => aead.TryOpen(nonce, new byte[20], default, new byte[3]));
    }

    [Theory, MemberData(nameof(All))]
    public void ADisposedKeyRefuses(string name, int index)
    {
        (AeadKind kind, byte[] key, byte[] nonce, _, _, _) = Vectors[index];
        Aead aead = Get(name).CreateAead(kind, key);
        aead.Dispose();
        aead.Dispose();
        Assert.Throws<ObjectDisposedException>(() => aead.Seal(nonce, default, default, new byte[16]));
        Assert.Throws<ObjectDisposedException>(() => aead.Seal(nonce, default, default, default, new byte[16]));
        Assert.Throws<ObjectDisposedException>(() => aead.TryOpen(nonce, new byte[16], default, default));
    }

    [Fact]
    public void WhatOneProviderSealsTheOtherOpens()
    {
        byte[] nonce = new byte[12];
        foreach (AeadKind kind in Enum.GetValues<AeadKind>())
        {
            byte[] key = Count(7, kind.KeyLength());
            using Aead libcrypto = Get(LibcryptoProvider.ProviderName).CreateAead(kind, key);
            using Aead system = Get(SystemProvider.ProviderName).CreateAead(kind, key);
            foreach (int length in (int[])[0, 1, 15, 16, 17, 255, 16384])
            {
                byte[] plaintext = RandomNumberGenerator.GetBytes(length);
                byte[] one = new byte[length + Aead.TagLength];
                byte[] other = new byte[length + Aead.TagLength];
                libcrypto.Seal(nonce, plaintext, "aad"u8, one);
                system.Seal(nonce, plaintext, "aad"u8, other);
                Assert.Equal(one, other);
                byte[] opened = new byte[length];
                Assert.True(system.TryOpen(nonce, one, "aad"u8, opened));
                Assert.Equal(plaintext, opened);
                nonce[11]++;
            }
        }
    }
}

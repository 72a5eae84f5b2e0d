using System.Security.Cryptography;
using System.Text;
using Segno.Cryptography;
using static Segno.Tests.Cryptography.BothProviders;

namespace Segno.Tests.Cryptography;

public sealed class HashTests
{
    public static TheoryData<string> Providers => Names;

    // FIPS 180-4 examples.
    private static readonly (HashKind Hash, string Data, string Expected)[] Vectors =
    [
        (HashKind.Sha256, "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        (HashKind.Sha256, "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (HashKind.Sha384, "abc", "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7"),
        (HashKind.Sha512, "abc", "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"),
    ];

    [Theory, MemberData(nameof(Providers))]
    public void HashesAsFips180Says(string name)
    {
        foreach ((HashKind hash, string data, string expected) in Vectors)
        {
            byte[] actual = new byte[hash.Length()];
            Get(name).Hash(hash, Encoding.ASCII.GetBytes(data), actual);
            Assert.Equal(Hex(expected), actual);
        }
    }

    /// <summary>Little data takes another way through libcrypto than much: up to 1024 bytes, of an HMAC together with its key.</summary>
    [Theory, MemberData(nameof(Providers))]
    public void HashesOfAnyLengthAreThoseOfTheSystem(string name)
    {
        foreach (HashKind hash in Enum.GetValues<HashKind>())
        {
            HashAlgorithmName algorithm = hash switch
            {
                HashKind.Sha256 => HashAlgorithmName.SHA256,
                HashKind.Sha384 => HashAlgorithmName.SHA384,
                _ => HashAlgorithmName.SHA512,
            };
            byte[] actual = new byte[hash.Length()];
            foreach (int length in (int[])[0, 1, 63, 64, 65, 111, 112, 127, 128, 129, 1023, 1024, 1025, 3000])
            {
                byte[] data = Count(length, length);
                Get(name).Hash(hash, data, actual);
                Assert.Equal(CryptographicOperations.HashData(algorithm, data), actual);
                foreach (int keyLength in (int[])[0, 32, 64, 65, 128, 129])
                {
                    byte[] key = Count(1, keyLength);
                    Get(name).Hmac(hash, key, data, actual);
                    Assert.Equal(CryptographicOperations.HmacData(algorithm, key, data), actual);
                }
                // Key and data are short together, or just not.
                byte[] rest = Count(2, 1024 - 32 + (length % 2));
                Get(name).Hmac(hash, data.AsSpan(0, Math.Min(32, length)), rest, actual);
                Assert.Equal(CryptographicOperations.HmacData(algorithm, data.AsSpan(0, Math.Min(32, length)), rest), actual);
            }
        }
    }

    [Theory, MemberData(nameof(Providers))]
    public void WritesNoMoreThanTheHash(string name)
    {
        byte[] longer = new byte[40];
        Array.Fill(longer, (byte)0xee);
        Get(name).Hash(HashKind.Sha256, "abc"u8, longer);
        Assert.All(longer[32..], b => Assert.Equal(0xee, b));
        Assert.ThrowsAny<ArgumentException>(() => Get(name).Hash(HashKind.Sha256, "abc"u8, new byte[31]));
    }

    [Theory, MemberData(nameof(Providers))]
    public void ARunningHashCanBeReadAndGoesOn(string name)
    {
        foreach (HashKind hash in Enum.GetValues<HashKind>())
        {
            using TranscriptHasher hasher = Get(name).CreateHasher(hash);
            Assert.Equal(hash, hasher.Kind);
            byte[] data = Count(0, 200);
            for (int i = 0; i <= data.Length; i++)
            {
                byte[] expected = new byte[hash.Length()];
                Get(name).Hash(hash, data.AsSpan(0, i), expected);
                byte[] current = new byte[HashKinds.MaxLength];
                Assert.Equal(hash.Length(), hasher.Current(current));
                Assert.Equal(hash.Length(), hasher.Current(current)); // reading changes nothing
                Assert.Equal(expected, current[..hash.Length()]);
                hasher.Append(data.AsSpan(i, i < data.Length ? 1 : 0));
            }
        }
    }

    [Theory, MemberData(nameof(Providers))]
    public void AForkIsIndependent(string name)
    {
        CryptoProvider provider = Get(name);
        using TranscriptHasher trunk = provider.CreateHasher(HashKind.Sha256);
        trunk.Append("common "u8);
        TranscriptHasher fork = trunk.Fork();
        trunk.Append("trunk"u8);
        fork.Append("fork"u8);

        byte[] expected = new byte[32];
        byte[] actual = new byte[32];
        provider.Hash(HashKind.Sha256, "common trunk"u8, expected);
        trunk.Current(actual);
        Assert.Equal(expected, actual);
        provider.Hash(HashKind.Sha256, "common fork"u8, expected);
        fork.Current(actual);
        Assert.Equal(expected, actual);

        fork.Dispose();
        trunk.Append("!"u8);
        provider.Hash(HashKind.Sha256, "common trunk!"u8, expected);
        trunk.Current(actual);
        Assert.Equal(expected, actual);
    }

    [Theory, MemberData(nameof(Providers))]
    public void ADisposedHasherRefuses(string name)
    {
        TranscriptHasher hasher = Get(name).CreateHasher(HashKind.Sha384);
        hasher.Dispose();
        hasher.Dispose();
        Assert.Throws<ObjectDisposedException>(() => hasher.Append("x"u8));
        Assert.Throws<ObjectDisposedException>(() => hasher.Current(new byte[48]));
        Assert.Throws<ObjectDisposedException>(hasher.Fork);
    }

    [Theory, MemberData(nameof(Providers))]
    public void ThreadsDoNotDisturbEachOther(string name)
    {
        CryptoProvider provider = Get(name);
        Parallel.For(0, 8, new ParallelOptions { CancellationToken = TestContext.Current.CancellationToken }, n =>
        {
            byte[] actual = new byte[32];
            byte[] data = [(byte)n];
            byte[] expected = System.Security.Cryptography.SHA256.HashData(data);
            for (int i = 0; i < 500; i++)
            {
                provider.Hash(HashKind.Sha256, data, actual);
                Assert.Equal(expected, actual);
            }
        });
    }
}

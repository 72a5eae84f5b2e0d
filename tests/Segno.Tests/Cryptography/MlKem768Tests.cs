using System.Security.Cryptography;
using Org.BouncyCastle.Crypto.Digests;
using Org.BouncyCastle.Crypto.Prng;
using Segno.Cryptography;
using static Segno.Tests.Cryptography.BothProviders;

namespace Segno.Tests.Cryptography;

/// <summary>ML-KEM-768 and X25519MLKEM768 by each library that has them here: BouncyCastle always, OpenSSL and the framework from OpenSSL 3.5 on.</summary>
public sealed class MlKem768Tests
{
    private const string BouncyCastle = "BouncyCastle";
    private const string Libcrypto = "libcrypto";
    private const string Framework = "framework";

    private static string[] Here =>
        [BouncyCastle, .. Native.HasMlKem768 ? [Libcrypto] : Array.Empty<string>(), .. MLKem.IsSupported ? [Framework] : Array.Empty<string>()];

    public static TheoryData<string> All => [.. Here];

    public static TheoryData<string, string> Pairs => new(from one in Here from other in Here select (one, other));

    /// <summary>Those that take the randomness of an encapsulation from a test.</summary>
    public static TheoryData<string> Deterministic => [.. Here.Where(name => name != Framework)];

    // The accumulated vectors of C2SP/CCTV: key generation, encapsulation and decapsulation, of good and of random ciphertexts, over
    // inputs from SHAKE128; what comes out is hashed. 100 rounds.
    [Theory, MemberData(nameof(Deterministic))]
    public void AccumulatedVectors(string name)
    {
        var inputs = new ShakeDigest(128);
        var outputs = new ShakeDigest(128);
        byte[] ciphertext = new byte[MlKem768.CiphertextLength];
        byte[] secret = new byte[MlKem768.SecretLength];
        for (int i = 0; i < 100; i++)
        {
            using MlKem768Key key = Kem(name).CreateKey(Next(MlKem768.SeedLength));
            byte[] encapsulationKey = EncapsulationKey(key);
            Add(encapsulationKey);
            Encapsulate(name, encapsulationKey, Next(MlKem768.MessageLength), ciphertext, secret);
            Add(ciphertext);
            Add(secret);
            byte[] decapsulated = new byte[MlKem768.SecretLength];
            key.Decapsulate(ciphertext, decapsulated);
            Assert.Equal(secret, decapsulated);
            key.Decapsulate(Next(MlKem768.CiphertextLength), secret);
            Add(secret);
        }

        byte[] hash = new byte[32];
        outputs.OutputFinal(hash, 0, hash.Length);
        Assert.Equal("1114b1b6699ed191734fa339376afa7e285c9e6acf6ff0177d346696ce564415", Convert.ToHexStringLower(hash));

        byte[] Next(int length)
        {
            byte[] bytes = new byte[length];
            inputs.Output(bytes, 0, length);
            return bytes;
        }

        void Add(byte[] bytes) => outputs.BlockUpdate(bytes, 0, bytes.Length);
    }

    [Theory, MemberData(nameof(Pairs))]
    public void BothSidesAgreeWhicheverLibraryTheyUse(string client, string server)
    {
        using HybridKeyExchange exchange = Exchange(client);
        byte[] share = Share(exchange);
        Assert.Equal(1216, share.Length);
        byte[] answer = new byte[HybridKeyExchange.ServerShareLength];
        byte[] theirs = new byte[64];
        Assert.Equal((1120, 64), Answer(server, share, answer, theirs));
        byte[] ours = new byte[64];
        Assert.Equal(64, exchange.Agree(answer, ours));
        Assert.Equal(theirs, ours);
        Assert.Contains(ours[..32], b => b != 0);
        Assert.Contains(ours[32..], b => b != 0);
    }

    [Fact]
    public void MlKemComesFirstInSharesAndSecret()
    {
        byte[] seed = Count(7, MlKem768.SeedLength);
        byte[] privateKey = Count(99, 32);
        using var exchange = new HybridKeyExchange(new Seeded(seed), new X25519KeyExchange(privateKey));
        using MlKem768Key key = Kem(BouncyCastle).CreateKey(seed);
        using var x25519 = new X25519KeyExchange(privateKey);
        byte[] x25519Share = new byte[32];
        x25519.WriteShare(x25519Share);
        byte[] share = Share(exchange);
        Assert.Equal([.. EncapsulationKey(key), .. x25519Share], share);

        byte[] answer = new byte[HybridKeyExchange.ServerShareLength];
        byte[] secret = new byte[64];
        Answer(BouncyCastle, share, answer, secret);
        byte[] expected = new byte[64];
        key.Decapsulate(answer.AsSpan(0, MlKem768.CiphertextLength), expected);
        x25519.Agree(answer.AsSpan(MlKem768.CiphertextLength), expected.AsSpan(32));
        Assert.Equal(expected, secret);
    }

    [Theory, MemberData(nameof(All))]
    public void AShareOfAnotherLengthIsRefused(string name)
    {
        byte[] good = Share(Exchange(name));
        byte[] secret = new byte[64];
        foreach (byte[] bad in (byte[][])[[], [1], good[..32], good[..1184], good[1..], good[..^1], [.. good, 0]])
        {
            Array.Fill(secret, (byte)0xee);
            Assert.ThrowsAny<CryptographicException>(() => Answer(name, bad, new byte[1120], secret));
            Assert.All(secret, b => Assert.Equal(0, b));
        }

        byte[] answer = new byte[HybridKeyExchange.ServerShareLength];
        Answer(name, good, answer, secret);
        foreach (byte[] bad in (byte[][])[[], [1], answer[..32], answer[..1088], answer[1..], answer[..^1], [.. answer, 0]])
        {
            Array.Fill(secret, (byte)0xee);
            using HybridKeyExchange exchange = Exchange(name);
            Assert.ThrowsAny<CryptographicException>(() => exchange.Agree(bad, secret));
            Assert.All(secret, b => Assert.Equal(0, b));
        }
    }

    // FIPS 203 §7.2: a key with a coefficient that is not reduced modulo q = 3329 is refused.
    [Theory, MemberData(nameof(All))]
    public void AnEncapsulationKeyThatFailsTheModulusCheckIsRefused(string name)
    {
        foreach (int coefficient in (int[])[0, 1, 767])
        {
            byte[] share = Share(Exchange(name));
            Set(share, coefficient, 3328);
            byte[] secret = new byte[64];
            Answer(name, share, new byte[1120], secret);
            foreach (int value in (int[])[3329, 4095])
            {
                Set(share, coefficient, value);
                Assert.ThrowsAny<CryptographicException>(() => Answer(name, share, new byte[1120], secret));
                Assert.All(secret, b => Assert.Equal(0, b));
            }
        }
    }

    [Theory, MemberData(nameof(All))]
    public void AnX25519PartOfSmallOrderIsRefused(string name)
    {
        byte[] share = Share(Exchange(name));
        byte[] answer = new byte[HybridKeyExchange.ServerShareLength];
        byte[] secret = new byte[64];
        using HybridKeyExchange exchange = Exchange(name);
        Answer(name, Share(exchange), answer, secret);
        share.AsSpan(^32).Clear();
        answer.AsSpan(^32).Clear();
        Assert.ThrowsAny<CryptographicException>(() => Answer(name, share, new byte[1120], secret));
        Assert.All(secret, b => Assert.Equal(0, b));
        Array.Fill(secret, (byte)0xee);
        Assert.ThrowsAny<CryptographicException>(() => exchange.Agree(answer, secret));
        Assert.All(secret, b => Assert.Equal(0, b));
    }

    [Theory, MemberData(nameof(All))]
    public void AWrongCiphertextGivesASecretThatNobodyHas(string name)
    {
        using HybridKeyExchange exchange = Exchange(name);
        byte[] answer = new byte[HybridKeyExchange.ServerShareLength];
        byte[] theirs = new byte[64];
        Answer(name, Share(exchange), answer, theirs);
        answer[100] ^= 1;
        byte[] ours = new byte[64];
        exchange.Agree(answer, ours);
        Assert.NotEqual(theirs[..32], ours[..32]);
        Assert.Equal(theirs[32..], ours[32..]);
    }

    [Theory, MemberData(nameof(All))]
    public void AKeyThatIsDisposedIsRefused(string name)
    {
        MlKem768Key key = Kem(name).CreateKey();
        key.Dispose();
        key.Dispose();
        Assert.Throws<ObjectDisposedException>(() => key.WriteEncapsulationKey(new byte[MlKem768.EncapsulationKeyLength]));
        Assert.Throws<ObjectDisposedException>(() => key.Decapsulate(new byte[MlKem768.CiphertextLength], new byte[32]));
    }

    private static MlKem768 Kem(string name) => name switch
    {
        BouncyCastle => new BouncyCastleMlKem768(),
        Libcrypto => new LibcryptoMlKem768(),
        _ => new FrameworkMlKem768(),
    };

    private static void Encapsulate(string name, byte[] encapsulationKey, byte[] message, byte[] ciphertext, byte[] secret)
    {
        if (name == Libcrypto)
        {
            LibcryptoMlKem768.Encapsulate(encapsulationKey, message, ciphertext, secret);
        }
        else
        {
            BouncyCastleMlKem768.Encapsulate(encapsulationKey, new FixedGenerator(message), ciphertext, secret);
        }
    }

    private static HybridKeyExchange Exchange(string name) => new(Kem(name), new X25519KeyExchange());

    private static (int Share, int Secret) Answer(string name, byte[] peerShare, byte[] share, byte[] secret)
    {
        using var x25519 = new X25519KeyExchange();
        return HybridKeyExchange.Answer(Kem(name), x25519, peerShare, share, secret);
    }

    private static byte[] Share(HybridKeyExchange exchange)
    {
        byte[] share = new byte[exchange.ShareLength];
        exchange.WriteShare(share);
        return share;
    }

    private static byte[] EncapsulationKey(MlKem768Key key)
    {
        byte[] encapsulationKey = new byte[MlKem768.EncapsulationKeyLength];
        key.WriteEncapsulationKey(encapsulationKey);
        return encapsulationKey;
    }

    /// <summary>Sets one of the 768 coefficients of 12 bits, of which two fill three bytes, low bits first.</summary>
    private static void Set(byte[] share, int index, int value)
    {
        int at = index / 2 * 3;
        if (index % 2 == 0)
        {
            share[at] = (byte)(value & 0xff);
            share[at + 1] = (byte)((share[at + 1] & 0xf0) | (value >> 8));
        }
        else
        {
            share[at + 1] = (byte)((share[at + 1] & 0x0f) | ((value & 0x0f) << 4));
            share[at + 2] = (byte)(value >> 4);
        }
    }

    private sealed class Seeded(byte[] seed) : MlKem768
    {
        public override MlKem768Key CreateKey(ReadOnlySpan<byte> random) => Kem(BouncyCastle).CreateKey(seed);

        public override void Encapsulate(ReadOnlySpan<byte> encapsulationKey, Span<byte> ciphertext, Span<byte> secret) =>
            throw new NotSupportedException();
    }

    private sealed class FixedGenerator(byte[] value) : IRandomGenerator
    {
        public void AddSeedMaterial(byte[] seed)
        {
        }

        public void AddSeedMaterial(ReadOnlySpan<byte> seed)
        {
        }

        public void AddSeedMaterial(long seed)
        {
        }

        public void NextBytes(byte[] bytes) => NextBytes(bytes.AsSpan());

        public void NextBytes(byte[] bytes, int start, int len) => NextBytes(bytes.AsSpan(start, len));

        public void NextBytes(Span<byte> bytes)
        {
            Assert.Equal(value.Length, bytes.Length);
            value.CopyTo(bytes);
        }
    }
}

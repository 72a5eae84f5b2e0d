using System.Security.Cryptography;
using Segno.Cryptography;
using static Segno.Tests.Cryptography.BothProviders;

namespace Segno.Tests.Cryptography;

public sealed class KeyExchangeTests
{
    private static readonly TlsNamedGroup[] Groups = [TlsNamedGroup.X25519, TlsNamedGroup.P256, TlsNamedGroup.P384, TlsNamedGroup.X25519MLKem768];

    public static TheoryData<string> Providers => Names;

    public static TheoryData<string, TlsNamedGroup> All =>
        new(from name in (string[])[LibcryptoProvider.ProviderName, SystemProvider.ProviderName] from g in Groups select (name, g));

    // RFC 7748 §5.2 and §6.1.
    [Theory, MemberData(nameof(Providers))]
    public void X25519IsThatOfRfc7748(string name)
    {
        Check(name, "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
            "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
            "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552");
        Check(name, "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
            "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
            "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957");

        const string alice = "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a";
        const string aliceShare = "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a";
        const string bob = "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb";
        const string bobShare = "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f";
        const string shared = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742";
        Check(name, alice, bobShare, shared);
        Check(name, bob, aliceShare, shared);
        using KeyExchange exchange = X25519(name, Hex(alice));
        byte[] share = new byte[32];
        exchange.WriteShare(share);
        Assert.Equal(Hex(aliceShare), share);
    }

    [Theory, MemberData(nameof(Providers))]
    public void X25519IteratedIsThatOfRfc7748(string name)
    {
        byte[] k = new byte[32];
        k[0] = 9;
        byte[] u = [.. k];
        for (int i = 1; i <= 1000; i++)
        {
            byte[] result = new byte[32];
            using (KeyExchange exchange = X25519(name, k))
            {
                exchange.Agree(u, result);
            }

            (k, u) = (result, k);
            if (i == 1)
            {
                Assert.Equal(Hex("422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079"), k);
            }
        }

        Assert.Equal(Hex("684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51"), k);
    }

    // The points of small order, as in https://cr.yp.to/ecdh.html#validate.
    [Theory, MemberData(nameof(Providers))]
    public void AnAllZeroResultIsRefused(string name)
    {
        foreach (string point in (string[])
            [
                "0000000000000000000000000000000000000000000000000000000000000000",
                "0100000000000000000000000000000000000000000000000000000000000000",
                "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
                "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
                "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            ])
        {
            byte[] secret = new byte[32];
            Array.Fill(secret, (byte)0xee);
            using KeyExchange exchange = Get(name).StartKeyExchange(TlsNamedGroup.X25519);
            Assert.Throws<CryptographicException>(() => exchange.Agree(Hex(point), secret));
            Assert.All(secret, b => Assert.Equal(0, b));
            Assert.Throws<CryptographicException>(() => Get(name).AnswerKeyExchange(TlsNamedGroup.X25519, Hex(point), new byte[32], new byte[32]));
        }

        NoErrorIsLeft();
    }

    [Theory, MemberData(nameof(All))]
    public void BothSidesAgreeWhicheverProviderTheyUse(string name, TlsNamedGroup group)
    {
        foreach (string other in (string[])[LibcryptoProvider.ProviderName, SystemProvider.ProviderName])
        {
            using KeyExchange exchange = Get(name).StartKeyExchange(group);
            Assert.Equal(group, exchange.Group);
            byte[] share = new byte[exchange.ShareLength];
            exchange.WriteShare(share);
            byte[] answer = new byte[NamedGroups.MaxShareLength];
            byte[] theirs = new byte[NamedGroups.MaxSecretLength];
            (int shareLength, int secretLength) = Get(other).AnswerKeyExchange(group, share, answer, theirs);
            Assert.Equal(group == TlsNamedGroup.X25519MLKem768 ? HybridKeyExchange.ServerShareLength : group.ShareLength(), shareLength);
            Assert.Equal(group.SecretLength(), secretLength);
            byte[] ours = new byte[NamedGroups.MaxSecretLength];
            Assert.Equal(secretLength, exchange.Agree(answer.AsSpan(0, shareLength), ours));
            Assert.Equal(theirs, ours);
            Assert.Contains(ours, b => b != 0);
        }
    }

    [Theory, MemberData(nameof(All))]
    public void EveryKeyPairIsAnother(string name, TlsNamedGroup group)
    {
        HashSet<string> shares = [];
        for (int i = 0; i < 8; i++)
        {
            using KeyExchange exchange = Get(name).StartKeyExchange(group);
            byte[] share = new byte[exchange.ShareLength];
            exchange.WriteShare(share);
            Assert.True(shares.Add(Convert.ToHexString(share)));
        }
    }

    [Theory, MemberData(nameof(All))]
    public void AShareOfAnotherFormIsRefused(string name, TlsNamedGroup group)
    {
        byte[] good = Share(group);
        List<byte[]> bad = [good[1..], [.. good, 0], [], [0]];
        if (group is TlsNamedGroup.P256 or TlsNamedGroup.P384)
        {
            int coordinate = (good.Length - 1) / 2;
            byte[] infinity = new byte[good.Length];
            byte[] uncompressedZero = new byte[good.Length];
            uncompressedZero[0] = 4;
            byte[] compressed = [(byte)(2 + (good[^1] & 1)), .. good[1..(1 + coordinate)]];
            byte[] compressedAndPadded = [.. compressed, .. new byte[coordinate]];
            byte[] hybrid = [.. good];
            hybrid[0] = (byte)(6 + (good[^1] & 1));
            byte[] offCurve = [.. good];
            offCurve[^1] ^= 1;
            byte[] tooLarge = [4, .. Enumerable.Repeat((byte)0xff, 2 * coordinate)];
            bad.AddRange([infinity, uncompressedZero, compressed, compressedAndPadded, hybrid, offCurve, tooLarge]);
        }

        foreach (byte[] share in bad)
        {
            byte[] secret = new byte[group.SecretLength()];
            using KeyExchange exchange = Get(name).StartKeyExchange(group);
            Assert.ThrowsAny<CryptographicException>(() => exchange.Agree(share, secret));
            Assert.All(secret, b => Assert.Equal(0, b));
            Assert.ThrowsAny<CryptographicException>(() => Get(name).AnswerKeyExchange(group, share, new byte[NamedGroups.MaxShareLength], new byte[NamedGroups.MaxSecretLength]));
        }

        NoErrorIsLeft();
    }

    [Fact]
    public void APointOfAnotherCurveIsRefused()
    {
        // 65 bytes that begin with 4, and a point: but of secp256k1.
        byte[] generator = Hex("0479be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8");
        foreach (string name in (string[])[LibcryptoProvider.ProviderName, SystemProvider.ProviderName])
        {
            Assert.ThrowsAny<CryptographicException>(() => Get(name).AnswerKeyExchange(TlsNamedGroup.P256, generator, new byte[65], new byte[32]));
        }
    }

    [Theory, MemberData(nameof(All))]
    public void IsUsedOnceAndNotAfterDisposal(string name, TlsNamedGroup group)
    {
        KeyExchange exchange = Get(name).StartKeyExchange(group);
        byte[] own = new byte[exchange.ShareLength];
        exchange.WriteShare(own);
        byte[] share = new byte[NamedGroups.MaxShareLength];
        byte[] secret = new byte[NamedGroups.MaxSecretLength];
        share = share[..Get(name).AnswerKeyExchange(group, own, share, secret).Share];
        exchange.Agree(share, secret);
        Assert.Throws<InvalidOperationException>(() => exchange.Agree(share, secret));
        exchange.Dispose();
        exchange.Dispose();
        Assert.Throws<ObjectDisposedException>(() => exchange.Agree(share, secret));
        Assert.Throws<ObjectDisposedException>(() => exchange.WriteShare(own));
    }

    [Theory, MemberData(nameof(Providers))]
    public void OtherGroupsAreNotSupported(string name)
    {
        foreach (TlsNamedGroup group in (TlsNamedGroup[])[TlsNamedGroup.P521, (TlsNamedGroup)0x1e])
        {
            Assert.False(Get(name).Supports(group));
            Assert.Throws<NotSupportedException>(() => Get(name).StartKeyExchange(group));
            Assert.Throws<NotSupportedException>(() => Get(name).AnswerKeyExchange(group, new byte[32], new byte[NamedGroups.MaxShareLength], new byte[NamedGroups.MaxSecretLength]));
        }

        Assert.All(Groups, group => Assert.True(Get(name).Supports(group)));
    }

    private static byte[] Share(TlsNamedGroup group)
    {
        using KeyExchange exchange = Get(LibcryptoProvider.ProviderName).StartKeyExchange(group);
        byte[] share = new byte[exchange.ShareLength];
        exchange.WriteShare(share);
        return share;
    }

    private static KeyExchange X25519(string name, byte[] privateKey) =>
        name == LibcryptoProvider.ProviderName ? new LibcryptoKeyExchange(privateKey) : new X25519KeyExchange(privateKey);

    private static void Check(string name, string privateKey, string peer, string expected)
    {
        using KeyExchange exchange = X25519(name, Hex(privateKey));
        byte[] secret = new byte[32];
        Assert.Equal(32, exchange.Agree(Hex(peer), secret));
        Assert.Equal(Hex(expected), secret);
    }

    private static unsafe void NoErrorIsLeft() => Assert.Equal(0u, Native.ERR_peek_last_error().Value);
}

using System.Text;
using Segno.Cryptography;
using static Segno.Tests.Cryptography.BothProviders;

namespace Segno.Tests.Cryptography;

public sealed class HkdfTests
{
    public static TheoryData<string> Providers => Names;

    // RFC 4231: test cases 1, 2 and 6 (a key longer than the block).
    private static readonly (HashKind Hash, byte[] Key, string Data, string Expected)[] HmacVectors =
    [
        (HashKind.Sha256, [.. Enumerable.Repeat((byte)0x0b, 20)], "Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
        (HashKind.Sha384, [.. Enumerable.Repeat((byte)0x0b, 20)], "Hi There", "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59cfaea9ea9076ede7f4af152e8b2fa9cb6"),
        (HashKind.Sha512, [.. Enumerable.Repeat((byte)0x0b, 20)], "Hi There", "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cdedaa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854"),
        (HashKind.Sha256, [.. "Jefe"u8], "what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
        (HashKind.Sha256, [.. Enumerable.Repeat((byte)0xaa, 131)], "Test Using Larger Than Block-Size Key - Hash Key First", "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"),
        (HashKind.Sha384, [.. Enumerable.Repeat((byte)0xaa, 131)], "Test Using Larger Than Block-Size Key - Hash Key First", "4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c60c2ef6ab4030fe8296248df163f44952"),
        (HashKind.Sha512, [.. Enumerable.Repeat((byte)0xaa, 131)], "Test Using Larger Than Block-Size Key - Hash Key First", "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f3526b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598"),
    ];

    // RFC 5869, appendix A: test cases 1 to 3.
    private static readonly (byte[] Secret, byte[] Salt, byte[] Info, string Extracted, string Expanded)[] HkdfVectors =
    [
        ([.. Enumerable.Repeat((byte)0x0b, 22)], Count(0x00, 13), Count(0xf0, 10),
            "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"),
        (Count(0x00, 80), Count(0x60, 80), Count(0xb0, 80),
            "06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244",
            "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87"),
        ([.. Enumerable.Repeat((byte)0x0b, 22)], [], [],
            "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04",
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"),
    ];

    [Theory, MemberData(nameof(Providers))]
    public void HmacIsThatOfRfc4231(string name)
    {
        foreach ((HashKind hash, byte[] key, string data, string expected) in HmacVectors)
        {
            byte[] actual = new byte[hash.Length()];
            Get(name).Hmac(hash, key, Encoding.ASCII.GetBytes(data), actual);
            Assert.Equal(Hex(expected), actual);
        }
    }

    [Theory, MemberData(nameof(Providers))]
    public void HkdfIsThatOfRfc5869(string name)
    {
        foreach ((byte[] secret, byte[] salt, byte[] info, string extracted, string expanded) in HkdfVectors)
        {
            byte[] key = new byte[32];
            Get(name).HkdfExtract(HashKind.Sha256, salt, secret, key);
            Assert.Equal(Hex(extracted), key);
            byte[] output = new byte[expanded.Length / 2];
            Get(name).HkdfExpand(HashKind.Sha256, key, info, output);
            Assert.Equal(Hex(expanded), output);
        }
    }

    [Fact]
    public void TheProvidersAgreeOnEveryKeyAndOutputLength()
    {
        CryptoProvider libcrypto = Get(LibcryptoProvider.ProviderName);
        CryptoProvider system = Get(SystemProvider.ProviderName);
        byte[] bytes = Count(0, 300);
        foreach (HashKind hash in Enum.GetValues<HashKind>())
        {
            byte[] one = new byte[hash.Length()];
            byte[] other = new byte[hash.Length()];
            for (int length = 0; length <= 270; length++)
            {
                libcrypto.Hmac(hash, bytes.AsSpan(0, length), bytes.AsSpan(0, 270 - length), one);
                system.Hmac(hash, bytes.AsSpan(0, length), bytes.AsSpan(0, 270 - length), other);
                Assert.Equal(one, other);

                byte[] oneOutput = new byte[length];
                byte[] otherOutput = new byte[length];
                libcrypto.HkdfExpand(hash, one, bytes.AsSpan(0, length), oneOutput);
                system.HkdfExpand(hash, one, bytes.AsSpan(0, length), otherOutput);
                Assert.Equal(oneOutput, otherOutput);
            }
        }
    }

    [Theory, MemberData(nameof(Providers))]
    public void ExtractMayReplaceItsInput(string name)
    {
        byte[] expected = new byte[32];
        byte[] secret = Count(1, 32);
        Get(name).HkdfExtract(HashKind.Sha256, default, secret, expected);
        Get(name).HkdfExtract(HashKind.Sha256, default, secret, secret);
        Assert.Equal(expected, secret);
    }

    [Theory, MemberData(nameof(Providers))]
    public void ExpandKeepsItsLimits(string name)
    {
        CryptoProvider provider = Get(name);
        byte[] key = Count(0, 48);
        foreach (HashKind hash in (HashKind[])[HashKind.Sha256, HashKind.Sha384])
        {
            provider.HkdfExpand(hash, key, "x"u8, new byte[255 * hash.Length()]);
            Assert.Throws<ArgumentException>("output", () => provider.HkdfExpand(hash, key, "x"u8, new byte[(255 * hash.Length()) + 1]));
            Assert.Throws<ArgumentException>("pseudoRandomKey", () => provider.HkdfExpand(hash, key.AsSpan(0, hash.Length() - 1), "x"u8, new byte[1]));
        }

        byte[] same = new byte[64];
        Assert.Throws<ArgumentException>("output", () => provider.HkdfExpand(HashKind.Sha256, same.AsSpan(0, 32), "x"u8, same.AsSpan(31)));
    }
}

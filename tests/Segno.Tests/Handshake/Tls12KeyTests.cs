using System.Net.Security;
using System.Text;
using Segno.Cryptography;
using Segno.Handshake;

namespace Segno.Tests.Handshake;

/// <summary>The PRF of TLS 1.2 and what is derived by it, against values that others computed.</summary>
public class Tls12KeyTests
{
    private static readonly byte[] Premaster = [.. Enumerable.Range(1, 32).Select(i => (byte)i)];
    private static readonly byte[] ClientRandom = [.. Enumerable.Repeat((byte)0xc0, 32)];
    private static readonly byte[] ServerRandom = [.. Enumerable.Repeat((byte)0x50, 32)];

    // The vectors that the working group's list published for P_SHA256 and P_SHA384 (RFC 5246 §5).
    [Theory]
    [InlineData(
        false, "9bbe436ba940f017b17652849a71db35", "a0ba9f936cda311827a6f796ffd5198c",
        "e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a6b301791e90d35c9c9a46b4e14baf9af0fa022f7077def17abfd3797c0564bab4fbc91666e9def9b97fce34f796789baa48082d122ee42c5a72e5a5110fff70187347b66")]
    [InlineData(
        true, "b80b733d6ceefcdc71566ea48e5567df", "cd665cf6a8447dd6ff8b27555edb7465",
        "7b0c18e9ced410ed1804f2cfa34a336a1c14dffb4900bb5fd7942107e81c83cde9ca0faa60be9fe34f82b1233c9146a0e534cb400fed2700884f9dc236f80edd8bfa961144c9e8d792eca722a7b32fc3d416d473ebc2c5fd4abfdad05d9184259b5bf8cd4d90fa0d31e2dec479e4f1a26066f2eea9a69236a3e52655c9e9aee691c8f3a26854308d5eaa3be85e0990703d73e56f")]
    public void ThePrfGivesThePublishedBytes(bool sha384, string secret, string seed, string expected)
    {
        byte[] all = Convert.FromHexString(expected);
        foreach (int length in (int[])[1, 12, 31, 32, 33, 48, 96, all.Length])
        {
            byte[] output = new byte[length];
            Tls12Prf.Expand(
                CryptoProvider.Default, sha384 ? HashKind.Sha384 : HashKind.Sha256, Convert.FromHexString(secret), "test label"u8, Convert.FromHexString(seed), output);
            Assert.Equal(all[..length], output);
        }
    }

    /// <summary>The exporter has no upper bound: the first bytes of a long output are those of a short one.</summary>
    [Fact]
    public void LongOutputsBeginLikeShortOnes()
    {
        byte[] shorter = new byte[256];
        byte[] longer = new byte[1000];
        Tls12Prf.Expand(CryptoProvider.Default, HashKind.Sha256, Premaster, "test label"u8, ClientRandom, shorter);
        Tls12Prf.Expand(CryptoProvider.Default, HashKind.Sha256, Premaster, "test label"u8, ClientRandom, longer);
        Assert.Equal(shorter, longer[..256]);
        Assert.Equal(1000 - 256, longer[256..].Length);
        Assert.NotEqual(new byte[1000 - 256], longer[256..]);
    }

    [Fact]
    public void TheOutputMayOverwriteTheSecret()
    {
        byte[] apart = new byte[32];
        byte[] inPlace = [.. Premaster];
        Tls12Prf.Expand(CryptoProvider.Default, HashKind.Sha256, Premaster, "test label"u8, ClientRandom, apart);
        Tls12Prf.Expand(CryptoProvider.Default, HashKind.Sha256, inPlace, "test label"u8, ClientRandom, inPlace);
        Assert.Equal(apart, inPlace);
    }

    // RFC 7627 §4, RFC 5246 §8.1, §7.4.9, RFC 5705 §4; by `openssl kdf TLS1-PRF`.
    [Theory]
    [InlineData(
        TlsCipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        "f8b6bdb334d1ebe2801447e98d6f8716b1ef84f569790f4bec18a0c6cb193514be89a5ba50ddf525fa16c21471b33228",
        "ce4a80ac440483175549e9ff04feda2b09e5d17c309d2b16ecf126d5a32977dd924c1daed003ef339096cfb6514cb687",
        "e1f4bc2ae27f9e80d625fc18", "6ee24b3d31e8bdfc243b5ebc",
        "9018d1e3f0060f0e6481b32886f28ea049f7df5e", "e5cd114a2b8c320ea8775368ab51bfa9fe805583", "cf15e97f36438b40fc875b5874002d152af5258e")]
    [InlineData(
        TlsCipherSuite.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        "4e54cc20bafbdd9d04fe868dbccf09507c90848ee128a08c5fad1171bce92f8e01c6e16ced6c8a601d8b2d68c96d5326",
        "cd2d378b7e70a7d2a23bf4659d693a48be5317c4b8db59b2e3b68ffbe34a7bc33224481d6a92a3152a9e72319f9661dc",
        "4a8ba7c70e03b7e30d4bf02c", "a8d9bf9a806b59f31ab91d69",
        "8369ec7ed6ed87e9cef0eba37ab3115cc95e20aa", "fddf67ddfc0e5670547fde334904eb5bb0eaa98e", "822403d0e9755a1de96e1bdfff7e8509cb5e1c44")]
    public void SecretsAreThoseThatOpenSslDerives(
        TlsCipherSuite suite, string extended, string plain, string clientFinished, string serverFinished, string noContext, string emptyContext, string withContext)
    {
        CipherSuiteInfo info = CipherSuiteInfo.Find(suite)!;
        byte[] sessionHash = [.. Enumerable.Range(64, info.Hash.Length()).Select(i => (byte)i)];
        using (var keys = new KeySchedule12(CryptoProvider.Default, info, ClientRandom, ServerRandom))
        {
            keys.Derive(Premaster, []);
            Assert.Equal(plain, Convert.ToHexStringLower(keys.MainSecret));
        }
        using var bound = new KeySchedule12(CryptoProvider.Default, info, ClientRandom, ServerRandom);
        bound.Derive(Premaster, sessionHash);
        Assert.Equal(extended, Convert.ToHexStringLower(bound.MainSecret));
        byte[] verifyData = new byte[12];
        bound.VerifyData(ofServer: false, sessionHash, verifyData);
        Assert.Equal(clientFinished, Convert.ToHexStringLower(verifyData));
        bound.VerifyData(ofServer: true, sessionHash, verifyData);
        Assert.Equal(serverFinished, Convert.ToHexStringLower(verifyData));
        byte[] exported = new byte[20];
        bound.Export("EXPORTER-test", hasContext: false, [], exported);
        Assert.Equal(noContext, Convert.ToHexStringLower(exported));
        bound.Export("EXPORTER-test", hasContext: true, [], exported);
        Assert.Equal(emptyContext, Convert.ToHexStringLower(exported));
        bound.Export("EXPORTER-test", hasContext: true, Encoding.ASCII.GetBytes("ctx"), exported);
        Assert.Equal(withContext, Convert.ToHexStringLower(exported));
    }
}

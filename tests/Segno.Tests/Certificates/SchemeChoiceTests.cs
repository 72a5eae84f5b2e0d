using System.Security.Authentication;
using Segno.Certificates;
using Segno.Cryptography;
using Xunit;
using static Segno.TlsSignatureScheme;

namespace Segno.Tests.Certificates;

public sealed class SchemeChoiceTests
{
    private static readonly ushort[] s_all = [.. Enum.GetValues<TlsSignatureScheme>().Select(s => (ushort)s)];

    [Theory]
    [InlineData(nameof(KeyKind.EcP256), 256, new[] { EcdsaP256Sha256 })]
    [InlineData(nameof(KeyKind.EcP384), 384, new[] { EcdsaP384Sha384 })]
    [InlineData(nameof(KeyKind.EcP521), 521, new[] { EcdsaP521Sha512 })]
    [InlineData(nameof(KeyKind.Ed25519), 256, new[] { TlsSignatureScheme.Ed25519 })]
    [InlineData(nameof(KeyKind.Rsa), 2048, new[] { RsaPssRsaeSha256, RsaPssRsaeSha384, RsaPssRsaeSha512 })]
    [InlineData(nameof(KeyKind.Rsa), 1024, new[] { RsaPssRsaeSha256, RsaPssRsaeSha384 })]
    [InlineData(nameof(KeyKind.RsaPss), 2048, new[] { RsaPssPssSha256, RsaPssPssSha384, RsaPssPssSha512 })]
    public void InTls13AKeyFitsExactlyItsSchemes(string kind, int keySize, TlsSignatureScheme[] fitting)
    {
        KeyKind key = Enum.Parse<KeyKind>(kind);
        Assert.Equal(fitting, Enum.GetValues<TlsSignatureScheme>().Where(s => SchemeChoice.FitsKey(s, key, keySize, SslProtocols.Tls13)));
    }

    [Fact]
    public void InTls12EcdsaNamesOnlyTheHashAndPkcs1IsAllowed()
    {
        Assert.True(SchemeChoice.FitsKey(EcdsaP256Sha256, KeyKind.EcP384, 384, SslProtocols.Tls12));
        Assert.True(SchemeChoice.FitsKey(RsaPkcs1Sha256, KeyKind.Rsa, 2048, SslProtocols.Tls12));
        Assert.False(SchemeChoice.FitsKey(RsaPkcs1Sha256, KeyKind.RsaPss, 2048, SslProtocols.Tls12));
        Assert.False(SchemeChoice.FitsKey(EcdsaP256Sha256, KeyKind.Rsa, 2048, SslProtocols.Tls12));
    }

    [Theory]
    [InlineData(RsaPssRsaeSha256, 522)]
    [InlineData(RsaPssRsaeSha384, 778)]
    [InlineData(RsaPssRsaeSha512, 1034)]
    public void AnRsaKeyNeedsRoomForHashAndSalt(TlsSignatureScheme scheme, int smallest)
    {
        Assert.True(SchemeChoice.FitsKey(scheme, KeyKind.Rsa, smallest, SslProtocols.Tls13));
        Assert.False(SchemeChoice.FitsKey(scheme, KeyKind.Rsa, smallest - 1, SslProtocols.Tls13));
    }

    [Fact]
    public void TheFirstOfOurPreferenceThatThePeerAcceptsIsChosen()
    {
        Assert.Equal(RsaPssRsaeSha256, Choose(KeyKind.Rsa, s_all));
        Assert.Equal(RsaPssRsaeSha512, Choose(KeyKind.Rsa, s_all, [EcdsaP256Sha256, RsaPssRsaeSha512, RsaPssRsaeSha256]));
        Assert.Equal(RsaPssRsaeSha384, Choose(KeyKind.Rsa, [(ushort)RsaPssRsaeSha512, (ushort)RsaPssRsaeSha384]));
    }

    [Fact]
    public void NothingInCommonIsNothing()
    {
        Assert.Null(Choose(KeyKind.Rsa, []));
        Assert.Null(Choose(KeyKind.Rsa, [0x0a0a, (ushort)EcdsaP256Sha256, (ushort)RsaPkcs1Sha256, (ushort)RsaPssPssSha256]));
        Assert.Null(Choose(KeyKind.Rsa, s_all, []));
        Assert.Null(Choose(KeyKind.EcP256, s_all, [EcdsaP384Sha384]));
    }

    [Fact]
    public void PkcsOneIsNeverChosenInTls13EvenIfPreferred()
    {
        Assert.Null(Choose(KeyKind.Rsa, s_all, [RsaPkcs1Sha256]));
        Assert.Equal(RsaPkcs1Sha256, SchemeChoice.Choose(KeyKind.Rsa, 2048, s_all, [RsaPkcs1Sha256], SslProtocols.Tls12));
    }

    [Fact]
    public void APssKeyRestrictedToAHashUsesThatHash() =>
        Assert.Equal(RsaPssPssSha384, SchemeChoice.Choose(KeyKind.RsaPss, 2048, s_all, null, SslProtocols.Tls13, HashKind.Sha384));

    private static TlsSignatureScheme? Choose(KeyKind kind, ushort[] peer, TlsSignatureScheme[]? own = null) =>
        SchemeChoice.Choose(kind, 2048, peer, own, SslProtocols.Tls13);
}

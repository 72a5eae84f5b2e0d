using System.Net;
using System.Text;
using CsCheck;
using Segno.Certificates;
using Xunit;

namespace Segno.Tests.Certificates;

public sealed class ServerNamesTests
{
    private static readonly string s_label63 = new('a', 63);

    // Three labels of 63 and one of 61, with their dots: 253.
    private static readonly string s_name253 = $"{s_label63}.{s_label63}.{s_label63}.{new string('b', 61)}";

    [Theory]
    [InlineData("example.com", "example.com")]
    [InlineData("EXAMPLE.Com", "example.com")]
    [InlineData("example.com.", "example.com")]
    [InlineData("localhost", "localhost")]
    [InlineData("my_service", "my_service")]
    [InlineData("r3---sn-4g5e.example.com", "r3---sn-4g5e.example.com")]
    [InlineData("bücher.example", "xn--bcher-kva.example")]
    [InlineData("BÜCHER.example.", "xn--bcher-kva.example")]
    [InlineData("bücher。example", "xn--bcher-kva.example")]
    [InlineData("XN--BCHER-KVA.example", "xn--bcher-kva.example")]
    [InlineData("1.2.3.4.example", "1.2.3.4.example")]
    public void AHostNameBecomesLowerCaseALabelsWithoutTrailingDot(string name, string expected)
    {
        ReferenceName reference = ServerNames.Normalize(name);
        Assert.Equal(new ReferenceName(expected, null, expected), reference);
    }

    [Theory]
    [InlineData("127.0.0.1", "127.0.0.1")]
    [InlineData("127.0.0.1.", "127.0.0.1")]
    [InlineData("::1", "::1")]
    [InlineData("[::1]", "::1")]
    [InlineData("[2001:DB8:0::0001]", "2001:db8::1")]
    [InlineData("::ffff:127.0.0.1", "::ffff:127.0.0.1")]
    public void AnAddressHasNoSni(string name, string expected)
    {
        ReferenceName reference = ServerNames.Normalize(name);
        Assert.Equal(new ReferenceName(null, IPAddress.Parse(expected), expected), reference);
    }

    [Theory]
    [InlineData("")]
    [InlineData(".")]
    [InlineData("..")]
    [InlineData("example..com")]
    [InlineData(".example.com")]
    [InlineData("example.com..")]
    [InlineData("*.example.com")]
    [InlineData("exa mple.com")]
    [InlineData(" example.com")]
    [InlineData("example.com\0.evil.example")]
    [InlineData("bücher\0.example")]
    [InlineData("bücher .example")]
    [InlineData("bücher..example")]
    [InlineData("-example.com")]
    [InlineData("example-.com")]
    [InlineData("example.com/path")]
    [InlineData("user@example.com")]
    [InlineData("example.com:443")]
    [InlineData("https://example.com")]
    [InlineData("127.0.0.1:443")]
    [InlineData("127.1")]
    [InlineData("0x7f.0.0.1")]
    [InlineData("0177.0.0.1")]
    [InlineData("2130706433")]
    [InlineData("256.1.1.1")]
    [InlineData("1.2.3")]
    [InlineData("example.123")]
    [InlineData("１２７.0.0.1")]
    [InlineData("127。0。0。1")]
    [InlineData("[::1]:443")]
    [InlineData("[::1")]
    [InlineData("::1]")]
    [InlineData("[]")]
    [InlineData("[127.0.0.1]")]
    [InlineData("fe80::1%eth0")]
    [InlineData("[fe80::1%25eth0]")]
    [InlineData(":::1")]
    [InlineData("1:2:3:4:5:6:7:8:9")]
    public void WhatIsNeitherHostNameNorAddressIsRefused(string name)
    {
        Assert.False(ServerNames.TryNormalize(name, out _));
        Assert.Throws<ArgumentException>(() => ServerNames.Normalize(name));
    }

    [Fact]
    public void NoNameIsRefused() => Assert.False(ServerNames.TryNormalize(null, out _));

    [Fact]
    public void LabelsEndAt63()
    {
        Assert.True(ServerNames.TryNormalize(s_label63 + ".example", out _));
        Assert.False(ServerNames.TryNormalize(s_label63 + "a.example", out _));
    }

    [Fact]
    public void LabelsEndAt63InALabels()
    {
        // "xn--" and the encoding take room: how many letters fit is found by going up to the first refusal.
        int letters = Enumerable.Range(1, 63).TakeWhile(n => ServerNames.TryNormalize("ü" + new string('a', n) + ".example", out _)).Last();
        string atLimit = ServerNames.Normalize("ü" + new string('a', letters) + ".example").Canonical;
        Assert.Equal(63 + ".example".Length, atLimit.Length);
    }

    [Fact]
    public void NamesEndAt253()
    {
        Assert.Equal(253, s_name253.Length);
        Assert.Equal(s_name253, ServerNames.Normalize(s_name253).SniName);
        Assert.Equal(s_name253, ServerNames.Normalize(s_name253 + ".").SniName);
        Assert.False(ServerNames.TryNormalize(s_name253 + "b", out _));
    }

    [Theory]
    [InlineData("example.com", "example.com")]
    [InlineData("EXAMPLE.com", "example.com")]
    [InlineData("example.com.", "example.com")]
    [InlineData("my_service", "my_service")]
    [InlineData("xn--bcher-kva.example", "xn--bcher-kva.example")]
    public void AnSniIsLowerCasedAndItsTrailingDotStripped(string raw, string expected)
    {
        Assert.True(ServerNames.TryReadSni(Encoding.UTF8.GetBytes(raw), out string? name));
        Assert.Equal(expected, name);
    }

    [Theory]
    [InlineData("")]
    [InlineData(".")]
    [InlineData("example..com")]
    [InlineData("example.com..")]
    [InlineData("bücher.example")]
    [InlineData("example.com\0")]
    [InlineData("*.example.com")]
    [InlineData("-a.example")]
    [InlineData("a b")]
    [InlineData("127.0.0.1")]
    [InlineData("127.0.0.1.")]
    [InlineData("127.1")]
    [InlineData("::1")]
    [InlineData("[::1]")]
    public void WhatIsNoHostNameIsNoSni(string raw)
    {
        Assert.False(ServerNames.TryReadSni(Encoding.UTF8.GetBytes(raw), out string? name));
        Assert.Null(name);
    }

    [Fact]
    public void AnSniEndsAt255Bytes()
    {
        string name255 = $"{s_label63}.{s_label63}.{s_label63}.{s_label63}";
        Assert.Equal(255, name255.Length);
        Assert.True(ServerNames.TryReadSni(Encoding.ASCII.GetBytes(name255), out _));
        Assert.False(ServerNames.TryReadSni(Encoding.ASCII.GetBytes(name255 + "."), out _));
        Assert.False(ServerNames.TryReadSni(Encoding.ASCII.GetBytes(s_label63 + "a"), out _));
    }

    [Fact]
    public void NormalizingAgainChangesNothing() => Gen.String.Sample(name =>
        !ServerNames.TryNormalize(name, out ReferenceName once) || ServerNames.Normalize(once.Canonical) == once);

    [Fact]
    public void WhatAClientSendsAServerReads() => HostNames.Name.Sample(name =>
    {
        string sent = ServerNames.Normalize(name).SniName!;
        return ServerNames.TryReadSni(Encoding.ASCII.GetBytes(sent), out string? read) && read == sent;
    });

    [Fact]
    public void NoBytesMakeReadingAnSniThrow() => Gen.Byte.Array[0, 300].Sample(raw =>
        !ServerNames.TryReadSni(raw, out string? name) || (name.Length <= 255 && !name.Any(char.IsAsciiLetterUpper)));
}

/// <summary>Host names by chance: one to four labels that start with a letter, in mixed case.</summary>
internal static class HostNames
{
    internal static readonly Gen<string> Label =
        Gen.Select(Gen.Char['a', 'z'], Gen.String[Gen.Char["abcxyzABCXYZ019"], 0, 12], (first, rest) => first + rest);

    internal static readonly Gen<string> Name = Label.Array[1, 4].Select(labels => string.Join('.', labels));
}

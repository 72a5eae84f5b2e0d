namespace Segno.AspNetCore.Tests;

/// <summary>Museum I8: what a peer chose is one harmless line in a log.</summary>
public sealed class LogTextTests
{
    [Theory]
    [InlineData("", "")]
    [InlineData("CertificateNameMismatch: größer, 名前 + [x]", "CertificateNameMismatch: größer, 名前 + [x]")]
    [InlineData("a\r\nDebug forged: line", @"a\u000d\u000aDebug forged: line")]
    [InlineData("\u001b[2Jgone\0", @"\u001b[2Jgone\u0000")]
    [InlineData("\u0085\u2028\u2029", @"\u0085\u2028\u2029")]
    [InlineData("\u202egnp.exe\u200b\ufeff", @"\u202egnp.exe\u200b\ufeff")]
    public void Nothing_in_it_is_obeyed_by_who_reads_it(string text, string escaped) => Assert.Equal(escaped, LogText.Escape(text));

    /// <summary>Not among the data above: attributes cannot hold half a pair.</summary>
    [Fact]
    public void Halves_of_a_pair_are_escaped() => Assert.Equal(@"a\ud83db", LogText.Escape(string.Concat("a", (char)0xd83d, "b")));

    [Fact]
    public void It_is_bounded()
    {
        string longest = new('a', LogText.MaxLength);
        Assert.Equal(longest, LogText.Escape(longest));
        Assert.Equal(longest + "…", LogText.Escape(longest + "b"));
    }
}

using Segno.Cli.Parsing;

namespace Segno.Cli.Tests;

public sealed class DurationsTests
{
    [Theory]
    [InlineData("24h", 86_400_000)]
    [InlineData("90m", 5_400_000)]
    [InlineData("30s", 30_000)]
    [InlineData("7d", 604_800_000)]
    [InlineData("500ms", 500)]
    [InlineData("1h30m", 5_400_000)]
    [InlineData("1d2h3m4s5ms", 93_784_005)]
    [InlineData("45", 45_000)]
    [InlineData("0", 0)]
    [InlineData("0s", 0)]
    public void Reads_what_people_write(string text, long milliseconds)
    {
        Assert.True(Durations.TryParse(text, out TimeSpan value));
        Assert.Equal(TimeSpan.FromMilliseconds(milliseconds), value);
    }

    [Theory]
    [InlineData("")]
    [InlineData("h")]
    [InlineData("-1h")]
    [InlineData("+1h")]
    [InlineData("1.5h")]
    [InlineData("1 h")]
    [InlineData(" 1h")]
    [InlineData("1H")]
    [InlineData("1x")]
    [InlineData("1hh")]
    [InlineData("1h1h")]
    [InlineData("30m1h")]
    [InlineData("1h30")]
    [InlineData("99999999999999999999s")]
    [InlineData("9223372036854775807d")]
    [InlineData("9223372036854775807")]
    [InlineData("١h")]
    public void Refuses_what_is_none(string text) => Assert.False(Durations.TryParse(text, out _));

    [Theory]
    [InlineData(12, "12 ms")]
    [InlineData(5_000, "5 s")]
    [InlineData(65_000, "1 min 5 s")]
    [InlineData(3_600_000, "1 h")]
    [InlineData(3_605_000, "1 h")]
    [InlineData(93_784_005, "1 d 2 h")]
    public void Describes_shortly(long milliseconds, string text) => Assert.Equal(text, Durations.Describe(TimeSpan.FromMilliseconds(milliseconds)));
}

using Segno.Cli.Parsing;

namespace Segno.Cli.Tests;

public sealed class ByteSizesTests
{
    [Theory]
    [InlineData("0", 0)]
    [InlineData("16384", 16384)]
    [InlineData("16KiB", 16384)]
    [InlineData("8MiB", 8 * 1024 * 1024)]
    [InlineData("64GiB", 64L * 1024 * 1024 * 1024)]
    [InlineData("8589934591GiB", 8589934591L << 30)]
    [InlineData("9223372036854775807", long.MaxValue)]
    public void Reads_what_people_write(string text, long bytes)
    {
        Assert.True(ByteSizes.TryParse(text, out long value));
        Assert.Equal(bytes, value);
    }

    [Theory]
    [InlineData("")]
    [InlineData("MiB")]
    [InlineData("-1")]
    [InlineData("+1")]
    [InlineData("1.5MiB")]
    [InlineData("1 MiB")]
    [InlineData(" 1")]
    [InlineData("8MB")]
    [InlineData("8M")]
    [InlineData("8mib")]
    [InlineData("8MiBKiB")]
    [InlineData("8589934592GiB")]
    [InlineData("9223372036854775808")]
    public void Refuses_what_could_mean_several_things_or_is_too_much(string text) => Assert.False(ByteSizes.TryParse(text, out _));
}

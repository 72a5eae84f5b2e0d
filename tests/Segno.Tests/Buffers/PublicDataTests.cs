using Segno.Buffers;
using Xunit;

namespace Segno.Tests.Buffers;

public sealed class PublicDataTests
{
    [Fact]
    public void EqualBytesAreEqual() => Assert.True(PublicData.Equal("example.org"u8, "example.org"u8));

    [Fact]
    public void EmptyEqualsEmpty() => Assert.True(PublicData.Equal([], []));

    [Fact]
    public void ADifferenceInTheLastByteCounts() => Assert.False(PublicData.Equal([1, 2, 3], [1, 2, 4]));

    [Fact]
    public void APrefixIsNotEqual() => Assert.False(PublicData.Equal([1, 2], [1, 2, 3]));
}

using Segno.Cryptography;

namespace Segno.Tests;

/// <summary>Guards against a suite that silently ran on the other provider; .ci/run demands that it ran in both projects.</summary>
public sealed class ProviderTests
{
    [Fact]
    public void RunsOnTheExpectedProvider() => Assert.Equal(TestProvider.Name, CryptoProvider.Default.Name);
}

using Segno.Cryptography;

namespace Segno.Tests.Cryptography;

public sealed class CryptoProvidersTests
{
    [Fact]
    public void TheSettingNamesTheProvider()
    {
        Assert.IsType<LibcryptoProvider>(CryptoProviders.Choose("libcrypto"));
        Assert.IsType<SystemProvider>(CryptoProviders.Choose("system"));
        Assert.Equal(TestProvider.Name, CryptoProvider.Default.Name);
        Assert.Same(CryptoProvider.Default, CryptoProvider.Default);
    }

    [Fact]
    public void WithoutASettingItIsLibcryptoWhereItRuns()
    {
        Assert.Null(Native.Unusable);
        Assert.Equal("libcrypto", CryptoProviders.Choose(null).Name);
        Assert.Equal("libcrypto", CryptoProviders.Choose("").Name);
    }

    [Fact]
    public void AnUnknownNameIsRefusedByName()
    {
        foreach (object setting in (object[])["openssl", "Libcrypto", 3])
        {
            PlatformNotSupportedException e = Assert.Throws<PlatformNotSupportedException>(() => CryptoProviders.Choose(setting));
            Assert.Contains($"\"{setting}\"", e.Message, StringComparison.Ordinal);
            Assert.Contains("\"system\"", e.Message, StringComparison.Ordinal);
        }
    }
}

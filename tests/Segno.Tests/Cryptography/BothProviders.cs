using Segno.Cryptography;

namespace Segno.Tests.Cryptography;

/// <summary>The providers by name, so that a theory runs on each.</summary>
internal static class BothProviders
{
    private static readonly LibcryptoProvider Libcrypto = new();
    private static readonly SystemProvider System = new();

    public static TheoryData<string> Names => [LibcryptoProvider.ProviderName, SystemProvider.ProviderName];

    public static CryptoProvider Get(string name) => name == LibcryptoProvider.ProviderName ? Libcrypto : System;

    public static byte[] Hex(string hex) => Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal));

    public static byte[] Count(int from, int count) => [.. Enumerable.Range(from, count).Select(i => (byte)(i % 256))];
}

namespace Segno.Cryptography;

/// <summary>Chooses the provider of this process.</summary>
internal static class CryptoProviders
{
    /// <summary>The AppContext datum that names the provider: "libcrypto" or "system".</summary>
    public const string Setting = "Segno.CryptoProvider";

    // Publication only: a refusal is not remembered, so that a corrected setting takes effect.
    private static readonly Lazy<CryptoProvider> Chosen = new(() => Choose(AppContext.GetData(Setting)), LazyThreadSafetyMode.PublicationOnly);

    public static CryptoProvider Default => Chosen.Value;

    public static CryptoProvider Choose(object? setting) => setting switch
    {
        null or "" => LibcryptoProvider.IsDefaultHere ? new LibcryptoProvider() : new SystemProvider(),
        LibcryptoProvider.ProviderName => new LibcryptoProvider(),
        SystemProvider.ProviderName => new SystemProvider(),
        _ => throw new PlatformNotSupportedException($"{Setting} names the unknown provider \"{setting}\"; known are \"{LibcryptoProvider.ProviderName}\" and \"{SystemProvider.ProviderName}\"."),
    };
}

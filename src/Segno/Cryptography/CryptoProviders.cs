namespace Segno.Cryptography;

internal static class CryptoProviders
{
    public static CryptoProvider Default => throw new NotSupportedException();
}

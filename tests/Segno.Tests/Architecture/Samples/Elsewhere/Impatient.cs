namespace Segno.Tests.Architecture.Samples.Elsewhere;

/// <summary>Compares a MAC as CVE-2025-11932 did, and as it must be.</summary>
internal static class Impatient
{
    internal static bool Compare(ReadOnlySpan<byte> mac, ReadOnlySpan<byte> expected)
        => System.Security.Cryptography.CryptographicOperations.FixedTimeEquals(mac, expected) && mac.SequenceEqual(expected);
}

namespace Segno.Buffers;

/// <summary>Comparison of what everybody may know; secrets are compared by CryptographicOperations.FixedTimeEquals.</summary>
internal static class PublicData
{
    public static bool Equal(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b) => a.SequenceEqual(b);
}

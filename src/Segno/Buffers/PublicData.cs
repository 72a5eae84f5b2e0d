namespace Segno.Buffers;

/// <summary>Comparison of bytes that anybody on the wire may know: names, identifiers, certificates.</summary>
/// <remarks>
/// It stops at the first difference, so its time tells how long the common prefix is. Secrets, and what is computed from them
/// (MACs, binders, Finished), go through <see cref="System.Security.Cryptography.CryptographicOperations.FixedTimeEquals"/>.
/// </remarks>
internal static class PublicData
{
    public static bool Equal(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b)
#pragma warning disable RS0030 // This is the one place that may: calling it states that the bytes are public.
        => a.SequenceEqual(b);
#pragma warning restore RS0030
}

namespace Segno.Cryptography;

/// <summary>What HKDF (RFC 5869) asks of its arguments.</summary>
internal static class HkdfArguments
{
    /// <summary>Checks the arguments of HKDF-Expand, and tells how many HMACs it takes.</summary>
    public static int CheckExpand(HashKind hash, ReadOnlySpan<byte> pseudoRandomKey, ReadOnlySpan<byte> info, Span<byte> output)
    {
        int length = hash.Length();
        if (pseudoRandomKey.Length < length)
        {
            throw new ArgumentException($"The pseudorandom key has at least {length} bytes.", nameof(pseudoRandomKey));
        }

        if (output.Length > 255 * length)
        {
            throw new ArgumentException($"HKDF gives at most {255 * length} bytes.", nameof(output));
        }

        if (output.Overlaps(pseudoRandomKey) || output.Overlaps(info))
        {
            throw new ArgumentException("The output overlaps an input.", nameof(output));
        }

        return (output.Length + length - 1) / length;
    }
}

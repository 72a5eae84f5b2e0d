namespace Segno.Cryptography;

internal static class HkdfLabel
{
    private const int MaxLabel = 249;

    /// <summary>HKDF-Expand-Label (RFC 9846 §7.1).</summary>
    /// <remarks><code>
    /// struct {
    ///     uint16 length;
    ///     opaque label&lt;7..255&gt; = "tls13 " + Label;
    ///     opaque context&lt;0..255&gt;;
    /// } HkdfLabel;
    /// </code></remarks>
    public static void Expand(
        CryptoProvider crypto, HashKind hash, ReadOnlySpan<byte> secret, ReadOnlySpan<byte> label, ReadOnlySpan<byte> context, Span<byte> output)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(label.Length, MaxLabel);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(context.Length, 255);
        Span<byte> info = stackalloc byte[2 + 1 + 255 + 1 + 255];
        System.Buffers.Binary.BinaryPrimitives.WriteUInt16BigEndian(info, checked((ushort)output.Length));
        int length = 2;
        info[length++] = checked((byte)(6 + label.Length));
        "tls13 "u8.CopyTo(info[length..]);
        length += 6;
        label.CopyTo(info[length..]);
        length += label.Length;
        info[length++] = checked((byte)context.Length);
        context.CopyTo(info[length..]);
        length += context.Length;
        crypto.HkdfExpand(hash, secret, info[..length], output);
    }
}

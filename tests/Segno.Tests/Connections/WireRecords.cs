using System.Buffers.Binary;

namespace Segno.Tests.Connections;

/// <summary>Records as they are on the wire.</summary>
internal static class WireRecords
{
    public const byte ChangeCipherSpec = 20;
    public const byte Alert = 21;
    public const byte Handshake = 22;
    public const byte ApplicationData = 23;

    /// <summary>Cuts whole records apart.</summary>
    public static IEnumerable<byte[]> Split(byte[] bytes)
    {
        for (int at = 0; at < bytes.Length;)
        {
            int length = 5 + BinaryPrimitives.ReadUInt16BigEndian(bytes.AsSpan(at + 3));
            yield return bytes[at..(at + length)];
            at += length;
        }
    }

    /// <summary>A record without protection.</summary>
    public static byte[] Plaintext(byte type, params ReadOnlySpan<byte> content)
        => [type, 3, 3, (byte)(content.Length >> 8), (byte)(content.Length & 0xff), .. content];
}

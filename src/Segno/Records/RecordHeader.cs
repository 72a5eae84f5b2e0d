using System.Buffers.Binary;

namespace Segno.Records;

internal enum ContentType : byte
{
    Invalid = 0,
    ChangeCipherSpec = 20,
    Alert = 21,
    Handshake = 22,
    ApplicationData = 23,
}

/// <summary>The five bytes before every record (RFC 9846 §5.1).</summary>
/// <remarks><code>
/// struct {
///     ContentType type;
///     ProtocolVersion legacy_record_version;
///     uint16 length;
///     opaque fragment[TLSPlaintext.length];
/// } TLSPlaintext;
/// </code></remarks>
internal readonly record struct RecordHeader(ContentType Type, ushort Version, int Length)
{
    public const int Size = 5;
    //
    public const int MaxPlaintext = 16384;
    /// <summary>RFC 9846 §5.2. TLS 1.2 allows more (RFC 5246 §6.2.3), which no AEAD suite needs.</summary>
    public const int MaxCiphertext = MaxPlaintext + 256;

    public static RecordHeader Read(ReadOnlySpan<byte> bytes)
        => new((ContentType)bytes[0], BinaryPrimitives.ReadUInt16BigEndian(bytes[1..]), BinaryPrimitives.ReadUInt16BigEndian(bytes[3..]));

    public static void Write(Span<byte> bytes, ContentType type, ushort version, int length)
    {
        bytes[0] = (byte)type;
        BinaryPrimitives.WriteUInt16BigEndian(bytes[1..], version);
        BinaryPrimitives.WriteUInt16BigEndian(bytes[3..], checked((ushort)length));
    }
}

using System.Buffers.Binary;

namespace Segno.Buffers;

/// <summary>Writes the presentation language of RFC 9846 §3 into a growing buffer; vectors get their length when they are closed.</summary>
internal ref struct TlsWriter
{
    private readonly FlightBuffer _buffer;

    public TlsWriter(FlightBuffer buffer)
    {
        _buffer = buffer;
    }

    public readonly int Position => _buffer.Length;

    public readonly Span<byte> Written => _buffer.Span;

    public readonly void UInt8(int value) => _buffer.Reserve(1)[0] = checked((byte)value);

    public readonly void UInt16(int value) => BinaryPrimitives.WriteUInt16BigEndian(_buffer.Reserve(2), checked((ushort)value));

    public readonly void UInt24(int value)
    {
        Span<byte> span = _buffer.Reserve(3);
        span[0] = checked((byte)(value >> 16));
        BinaryPrimitives.WriteUInt16BigEndian(span[1..], unchecked((ushort)value));
    }

    public readonly void UInt32(uint value) => BinaryPrimitives.WriteUInt32BigEndian(_buffer.Reserve(4), value);

    public readonly void UInt64(ulong value) => BinaryPrimitives.WriteUInt64BigEndian(_buffer.Reserve(8), value);

    public readonly void Bytes(ReadOnlySpan<byte> value) => value.CopyTo(_buffer.Reserve(value.Length));

    /// <summary>Room for exactly <paramref name="count"/> bytes that the caller fills at once.</summary>
    public readonly Span<byte> Reserve(int count) => _buffer.Reserve(count);

    /// <summary>opaque&lt;0..2^8-1&gt;.</summary>
    public readonly void Vector8(ReadOnlySpan<byte> value)
    {
        UInt8(value.Length);
        Bytes(value);
    }

    /// <summary>opaque&lt;0..2^16-1&gt;.</summary>
    public readonly void Vector16(ReadOnlySpan<byte> value)
    {
        UInt16(value.Length);
        Bytes(value);
    }

    /// <summary>opaque&lt;0..2^24-1&gt;.</summary>
    public readonly void Vector24(ReadOnlySpan<byte> value)
    {
        UInt24(value.Length);
        Bytes(value);
    }

    /// <summary>Begins a vector whose length field has <paramref name="lengthBytes"/> bytes; <see cref="Close"/> ends it.</summary>
    public readonly OpenVector Open(int lengthBytes)
    {
        int start = _buffer.Length;
        _buffer.Reserve(lengthBytes).Clear();
        return new OpenVector(start, lengthBytes);
    }

    public readonly void Close(OpenVector vector)
    {
        int length = _buffer.Length - vector.Start - vector.LengthBytes;
        Span<byte> field = _buffer.Span.Slice(vector.Start, vector.LengthBytes);
        for (int i = field.Length - 1, rest = length; i >= 0; i--, rest >>= 8)
        {
            field[i] = unchecked((byte)rest);
        }
        if (length >> (8 * vector.LengthBytes) != 0)
        {
            throw new InvalidOperationException("The vector is longer than its length field can say.");
        }
    }

    internal readonly record struct OpenVector(int Start, int LengthBytes);
}

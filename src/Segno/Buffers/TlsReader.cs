using System.Buffers.Binary;

namespace Segno.Buffers;

/// <summary>
/// Reads the presentation language of RFC 9846 §3. Whatever does not fit throws <see cref="TlsException"/> with the fault
/// that the reader was made with, so that message code needs no checks of its own.
/// </summary>
internal ref struct TlsReader
{
    private readonly TlsFault _fault;
    private readonly string? _what;
    private ReadOnlySpan<byte> _rest;

    /// <param name="data">What is to be read.</param>
    /// <param name="fault">The fault of whatever does not fit.</param>
    /// <param name="what">The name of what is read, for the exception.</param>
    public TlsReader(ReadOnlySpan<byte> data, TlsFault fault = TlsFault.MessageMalformed, string? what = null)
    {
        _rest = data;
        _fault = fault;
        _what = what;
    }

    public readonly int Remaining => _rest.Length;

    public readonly bool IsEmpty => _rest.IsEmpty;

    public readonly ReadOnlySpan<byte> Rest => _rest;

    public byte UInt8()
    {
        byte value = Peek(1)[0];
        _rest = _rest[1..];
        return value;
    }

    public ushort UInt16()
    {
        ushort value = BinaryPrimitives.ReadUInt16BigEndian(Peek(2));
        _rest = _rest[2..];
        return value;
    }

    public int UInt24()
    {
        ReadOnlySpan<byte> bytes = Bytes(3);
        return (bytes[0] << 16) | (bytes[1] << 8) | bytes[2];
    }

    public uint UInt32()
    {
        uint value = BinaryPrimitives.ReadUInt32BigEndian(Peek(4));
        _rest = _rest[4..];
        return value;
    }

    public ulong UInt64()
    {
        ulong value = BinaryPrimitives.ReadUInt64BigEndian(Peek(8));
        _rest = _rest[8..];
        return value;
    }

    public ReadOnlySpan<byte> Bytes(int count)
    {
        ReadOnlySpan<byte> value = Peek(count)[..count];
        _rest = _rest[count..];
        return value;
    }

    /// <summary>opaque&lt;min..max&gt; with a one-byte length.</summary>
    public ReadOnlySpan<byte> Vector8(int min = 0, int max = 0xff) => Checked(UInt8(), min, max);

    /// <summary>opaque&lt;min..max&gt; with a two-byte length.</summary>
    public ReadOnlySpan<byte> Vector16(int min = 0, int max = 0xffff) => Checked(UInt16(), min, max);

    /// <summary>opaque&lt;min..max&gt; with a three-byte length.</summary>
    public ReadOnlySpan<byte> Vector24(int min = 0, int max = 0xffffff) => Checked(UInt24(), min, max);

    /// <summary>A reader for a part of this one, with the same fault.</summary>
    public readonly TlsReader Within(ReadOnlySpan<byte> part) => new(part, _fault, _what);

    /// <summary>Nothing may follow.</summary>
    public readonly void End()
    {
        if (!_rest.IsEmpty)
        {
            throw new TlsException(_fault, _what);
        }
    }

    private ReadOnlySpan<byte> Checked(int length, int min, int max)
    {
        if (length < min || length > max)
        {
            throw new TlsException(_fault, _what);
        }
        return Bytes(length);
    }

    private readonly ReadOnlySpan<byte> Peek(int count)
    {
        if (_rest.Length < count)
        {
            throw new TlsException(_fault, _what);
        }
        return _rest;
    }
}

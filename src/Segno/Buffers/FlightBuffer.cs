using System.Buffers;
using System.Security.Cryptography;

namespace Segno.Buffers;

/// <summary>A growing byte buffer over pooled memory; wiped and given back when it is released. Not thread-safe.</summary>
internal sealed class FlightBuffer : IDisposable
{
    private byte[] _array = [];

    public int Length { get; private set; }

    public Span<byte> Span => _array.AsSpan(0, Length);

    public bool IsEmpty => Length == 0;

    public Span<byte> Reserve(int count)
    {
        int start = Length;
        if (_array.Length - start < count)
        {
            Grow(start + count);
        }
        Length = start + count;
        return _array.AsSpan(start, count);
    }

    public void Append(ReadOnlySpan<byte> data) => data.CopyTo(Reserve(data.Length));

    /// <summary>Drops the first bytes.</summary>
    public void Consume(int count)
    {
        _array.AsSpan(count, Length - count).CopyTo(_array);
        Length -= count;
    }

    public void Truncate(int length)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, Length);
        Length = length;
    }

    public void Clear() => Length = 0;

    /// <summary>Empties it and gives its memory back; it can be used again.</summary>
    public void Release()
    {
        Length = 0;
        Replace([]);
    }

    public void Dispose() => Release();

    private void Grow(int needed)
    {
        byte[] larger = ArrayPool<byte>.Shared.Rent(Math.Max(needed, Math.Max(512, _array.Length * 2)));
        Span.CopyTo(larger);
        Replace(larger);
    }

    private void Replace(byte[] array)
    {
        if (_array.Length > 0)
        {
            CryptographicOperations.ZeroMemory(_array);
            ArrayPool<byte>.Shared.Return(_array);
        }
        _array = array;
    }
}

using System.Buffers;

namespace Segno.IO;

/// <summary>Sealed records on their way to a stream, in one pooled buffer: one write to the transport for all of them.</summary>
internal sealed class SealedOutput : IBufferWriter<byte>
{
    private byte[] _buffer = [];

    public int Length { get; private set; }

    public ReadOnlyMemory<byte> Written => _buffer.AsMemory(0, Length);

    public void Advance(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, _buffer.Length - Length);
        Length += count;
    }

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        Reserve(Math.Max(1, sizeHint));
        return _buffer.AsMemory(Length);
    }

    public Span<byte> GetSpan(int sizeHint = 0)
    {
        Reserve(Math.Max(1, sizeHint));
        return _buffer.AsSpan(Length);
    }

    /// <summary>Makes room for so many more bytes at once.</summary>
    public void Reserve(int count)
    {
        if (_buffer.Length - Length >= count)
        {
            return;
        }
        int needed = Length + count;
        byte[] larger = BufferPool.RentAtLeast(needed > BufferPool.Bulk.Size ? Math.Max(needed, 2 * _buffer.Length) : needed);
        Written.Span.CopyTo(larger);
        BufferPool.ReturnAny(_buffer);
        _buffer = larger;
    }

    /// <summary>Forgets what is written and gives the memory back.</summary>
    public void Reset()
    {
        BufferPool.ReturnAny(_buffer);
        _buffer = [];
        Length = 0;
    }
}

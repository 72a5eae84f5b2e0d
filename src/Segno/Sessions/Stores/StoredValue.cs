using System.Buffers;

namespace Segno.Sessions;

/// <summary>What a store answers: bounded, so that no answer can be too large. Not pooled: a store that was given up may still write into it.</summary>
internal sealed class StoredValue : IBufferWriter<byte>
{
    private byte[] _bytes = new byte[512];
    private int _length;

    public ReadOnlySpan<byte> Written => _bytes.AsSpan(0, _length);

    public ReadOnlyMemory<byte> WrittenMemory => _bytes.AsMemory(0, _length);

    public void Advance(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, _bytes.Length - _length);
        _length += count;
    }

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        int needed = checked(_length + Math.Max(sizeHint, 1));
        if (needed > StoreSealer.MaxLength)
        {
            throw new InvalidOperationException($"A stored session has at most {StoreSealer.MaxLength} bytes.");
        }
        if (needed > _bytes.Length)
        {
            Array.Resize(ref _bytes, Math.Min(StoreSealer.MaxLength, Math.Max(needed, 2 * _bytes.Length)));
        }
        return _bytes.AsMemory(_length);
    }

    public Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;
}

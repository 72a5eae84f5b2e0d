using System.Collections.Concurrent;

namespace Segno.IO;

/// <summary>Pinned buffers of one size, kept for reuse. Pinned, so that a socket waiting for hours on one never stands in the way of the garbage collector.</summary>
/// <remarks>Thread-safe. What is above the limit goes to the garbage collector; what is kept stays.</remarks>
internal sealed class BufferPool(int size, int maxKept)
{
    /// <summary>For short messages.</summary>
    public static BufferPool Small { get; } = new(4 * 1024, maxKept: 2048);

    /// <summary>For one record, whatever its length.</summary>
    public static BufferPool Record { get; } = new(17 * 1024, maxKept: 512);

    /// <summary>For four full records.</summary>
    public static BufferPool Bulk { get; } = new(68 * 1024, maxKept: 128);

    private readonly ConcurrentBag<byte[]> _kept = [];
    private int _count;

    public int Size => size;

    /// <summary>The smallest pool whose buffers hold so many bytes, or <see langword="null"/>.</summary>
    public static BufferPool? For(int length)
        => length <= Small.Size ? Small : length <= Record.Size ? Record : length <= Bulk.Size ? Bulk : null;

    public byte[] Rent()
    {
        if (!_kept.TryTake(out byte[]? buffer))
        {
            return GC.AllocateUninitializedArray<byte>(size, pinned: true);
        }
        Interlocked.Decrement(ref _count);
        return buffer;
    }

    public void Return(byte[] buffer)
    {
        if (Interlocked.Increment(ref _count) <= maxKept)
        {
            _kept.Add(buffer);
        }
        else
        {
            Interlocked.Decrement(ref _count);
        }
    }

    /// <summary>Gives back a buffer that may have come from any pool, or from none.</summary>
    public static void ReturnAny(byte[] buffer)
    {
        if (For(buffer.Length) is { } pool && pool.Size == buffer.Length)
        {
            pool.Return(buffer);
        }
    }

    /// <summary>A buffer of at least this length: pooled where there is a pool for it.</summary>
    public static byte[] RentAtLeast(int length) => For(length)?.Rent() ?? GC.AllocateUninitializedArray<byte>(length);
}

using System.Collections.Concurrent;
using System.Security.Cryptography;

namespace Segno.Cryptography;

/// <summary>
/// Pinned memory for secrets, which the garbage collector can neither move nor copy, used again: to allocate it costs more than to derive a
/// key. Thread-safe.
/// </summary>
/// <param name="length">The length of each piece.</param>
/// <param name="maxPooled">How many are kept.</param>
internal sealed class PinnedPool(int length, int maxPooled)
{
    private readonly ConcurrentBag<byte[]> _pool = [];
    private int _pooled;

    /// <summary>Gives a piece, all zero.</summary>
    public byte[] Rent()
    {
        if (_pool.TryTake(out byte[]? memory))
        {
            Interlocked.Decrement(ref _pooled);
            return memory;
        }
        return GC.AllocateArray<byte>(length, pinned: true);
    }

    /// <summary>Takes a piece back from a holder that forgets it, and wipes it. From one that has done so before, nothing: it never has what is another's.</summary>
    public void Return(ref byte[]? memory)
    {
        if (Interlocked.Exchange(ref memory, null) is not { } own)
        {
            return;
        }
        CryptographicOperations.ZeroMemory(own);
        if (Interlocked.Increment(ref _pooled) <= maxPooled)
        {
            _pool.Add(own);
        }
        else
        {
            Interlocked.Decrement(ref _pooled);
        }
    }
}

using System.Collections.Concurrent;
using System.Security.Cryptography;
using Segno.Cryptography;

namespace Segno.Records;

/// <summary>Pinned memory for the traffic secret and the IV of one direction, used again: to allocate it costs more than to derive a key. Thread-safe.</summary>
internal static class PinnedPool
{
    /// <summary>The length of each piece.</summary>
    public const int Length = HashKinds.MaxLength + Aead.NonceLength;

    private const int MaxPooled = 1024;
    private static readonly ConcurrentBag<byte[]> Pool = [];
    private static int _pooled;

    /// <summary>Gives a piece, all zero.</summary>
    public static byte[] Rent()
    {
        if (Pool.TryTake(out byte[]? memory))
        {
            Interlocked.Decrement(ref _pooled);
            return memory;
        }
        return GC.AllocateArray<byte>(Length, pinned: true);
    }

    /// <summary>Wipes a piece that its holder has forgotten, or soon will.</summary>
    public static void Return(byte[] memory)
    {
        CryptographicOperations.ZeroMemory(memory);
        if (Interlocked.Increment(ref _pooled) <= MaxPooled)
        {
            Pool.Add(memory);
        }
        else
        {
            Interlocked.Decrement(ref _pooled);
        }
    }
}

using System.Security.Cryptography;

namespace Segno.Sessions;

/// <summary>A long-lived secret in pinned memory, of which the collector leaves no copies behind, until it is destroyed. Thread-safe.</summary>
/// <param name="length">Its length in bytes.</param>
internal sealed class PinnedSecret(int length)
{
    private readonly byte[] _material = GC.AllocateArray<byte>(length, pinned: true);
    private volatile bool _destroyed;

    public bool IsDestroyed => _destroyed;

    public int Length => _material.Length;

    /// <summary>Where it is written, before anybody else knows it.</summary>
    public Span<byte> Material => _material;

    /// <summary>Copies its first bytes and those that follow them, which the caller wipes; <see langword="false"/>, with nothing copied, when it is destroyed.</summary>
    public bool TryCopy(Span<byte> first, Span<byte> second = default)
    {
        _material.AsSpan(0, first.Length).CopyTo(first);
        _material.AsSpan(first.Length, second.Length).CopyTo(second);
        // Destroy says so before it wipes. Whoever still reads `false` after its copy has therefore copied before the wiping began.
        Interlocked.MemoryBarrier();
        if (!_destroyed)
        {
            return true;
        }
        CryptographicOperations.ZeroMemory(first);
        CryptographicOperations.ZeroMemory(second);
        return false;
    }

    public void Destroy()
    {
        _destroyed = true;
        Interlocked.MemoryBarrier();
        CryptographicOperations.ZeroMemory(_material);
    }
}

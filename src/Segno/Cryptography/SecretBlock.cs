using System.Diagnostics;
using System.Security.Cryptography;

namespace Segno.Cryptography;

/// <summary>
/// The secrets of one connection: one pinned block, which the garbage collector can neither move nor copy, wiped when
/// disposed. Not thread-safe, except that disposing twice is harmless.
/// </summary>
internal sealed class SecretBlock : IDisposable
{
    public const int Capacity = 1024;

    // What is pooled is memory, never a SecretBlock: a slot of a disposed block must not come alive in another connection.
    private static readonly PinnedPool Pool = new(Capacity, maxPooled: 256);

    [DebuggerBrowsable(DebuggerBrowsableState.Never)]
    private byte[]? _memory;

    private int _taken;

    private SecretBlock(byte[] memory) => _memory = memory;

    // The memory of a block that nobody disposed is wiped, but not pooled: someone may still hold a span of it.
    ~SecretBlock() => CryptographicOperations.ZeroMemory(_memory);

    public static SecretBlock Rent() => new(Pool.Rent());

    /// <summary>Takes the next bytes of the block, all zero.</summary>
    public SecretSlot Take(int length)
    {
        ObjectDisposedException.ThrowIf(_memory is null, this);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        if (length > Capacity - _taken)
        {
            throw new InvalidOperationException($"A secret block holds {Capacity} bytes; {_taken} are taken, {length} more do not fit.");
        }

        SecretSlot slot = new(this, _taken, length);
        _taken += length;
        return slot;
    }

    /// <summary>Wipes a slot of this block as soon as its secret is not needed any more. The slot can be filled again.</summary>
    public void Wipe(SecretSlot slot)
    {
        if (!slot.IsOf(this))
        {
            throw new ArgumentException("The slot is of another block.", nameof(slot));
        }

        CryptographicOperations.ZeroMemory(slot.Span);
    }

    public void Dispose()
    {
        GC.SuppressFinalize(this);
        Pool.Return(ref _memory);
    }

    internal Span<byte> Memory(int offset, int length)
    {
        byte[]? memory = _memory;
        ObjectDisposedException.ThrowIf(memory is null, this);
        return memory.AsSpan(offset, length);
    }
}

/// <summary>A part of a <see cref="SecretBlock"/>. Its bytes are reached only through <see cref="Span"/>, and only while the block lives.</summary>
internal readonly struct SecretSlot
{
    [DebuggerBrowsable(DebuggerBrowsableState.Never)]
    private readonly SecretBlock? _block;

    private readonly int _offset;

    internal SecretSlot(SecretBlock block, int offset, int length)
    {
        _block = block;
        _offset = offset;
        Length = length;
    }

    public int Length { get; }

    /// <summary>No slot at all.</summary>
    public bool IsDefault => _block is null;

    [DebuggerBrowsable(DebuggerBrowsableState.Never)]
    public Span<byte> Span => (_block ?? throw new InvalidOperationException("This is no slot of any secret block.")).Memory(_offset, Length);

    public SecretSlot Slice(int offset, int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, Length - offset);
        return new SecretSlot(_block ?? throw new InvalidOperationException("This is no slot of any secret block."), _offset + offset, length);
    }

    internal bool IsOf(SecretBlock block) => ReferenceEquals(_block, block);
}

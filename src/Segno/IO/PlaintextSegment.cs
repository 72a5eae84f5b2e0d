using System.Buffers;
using System.Security.Cryptography;

namespace Segno.IO;

/// <summary>Decrypted data in a pooled buffer, as a link of the chain that a <see cref="TlsPipeReader"/> hands out. Wiped when it is released.</summary>
internal sealed class PlaintextSegment : ReadOnlySequenceSegment<byte>
{
    private byte[] _buffer = [];

    public int Length { get; private set; }

    public Memory<byte> Room => _buffer.AsMemory(Length);

    public PlaintextSegment? NextSegment => (PlaintextSegment?)Next;

    /// <summary>Takes a buffer, and its place in the chain.</summary>
    public void Attach(int length, PlaintextSegment? previous)
    {
        _buffer = BufferPool.RentAtLeast(length);
        RunningIndex = 0;
        if (previous is not null)
        {
            RunningIndex = previous.RunningIndex + previous.Length;
            previous.Next = this;
        }
    }

    public void Commit(int count)
    {
        Length += count;
        Memory = _buffer.AsMemory(0, Length);
    }

    public void Release()
    {
        CryptographicOperations.ZeroMemory(_buffer.AsSpan(0, Length));
        BufferPool.ReturnAny(_buffer);
        _buffer = [];
        Length = 0;
        Memory = default;
        Next = null;
    }
}

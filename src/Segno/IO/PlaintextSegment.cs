using System.Buffers;
using System.Security.Cryptography;

namespace Segno.IO;

/// <summary>Decrypted data in a pooled buffer, as a link of the chain that a <see cref="TlsPipeReader"/> hands out. Wiped when it is released.</summary>
internal sealed class PlaintextSegment : ReadOnlySequenceSegment<byte>
{
    private readonly byte[] _buffer;

    public PlaintextSegment(int length, PlaintextSegment? previous)
    {
        _buffer = BufferPool.RentAtLeast(length);
        if (previous is not null)
        {
            RunningIndex = previous.RunningIndex + previous.Length;
            previous.Next = this;
        }
    }

    public int Length { get; private set; }

    public Memory<byte> Room => _buffer.AsMemory(Length);

    public PlaintextSegment? NextSegment => (PlaintextSegment?)Next;

    public void Commit(int count)
    {
        Length += count;
        Memory = _buffer.AsMemory(0, Length);
    }

    public void Release()
    {
        CryptographicOperations.ZeroMemory(_buffer.AsSpan(0, Length));
        BufferPool.ReturnAny(_buffer);
        Memory = default;
        Next = null;
    }
}

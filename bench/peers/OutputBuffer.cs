using System.Buffers;

namespace Segno.Bench.Peers;

/// <summary>A transport's buffer that is written by one end and then read by the other; never grows in the measured loops.</summary>
internal sealed class OutputBuffer : IBufferWriter<byte>
{
    private byte[] _bytes = new byte[64 * 1024];
    private int _start;
    private int _end;

    public long TotalWritten { get; private set; }

    public ReadOnlySpan<byte> Unread => _bytes.AsSpan(_start, _end - _start);

    public bool IsEmpty => _start == _end;

    public void Reset()
    {
        _start = _end = 0;
        TotalWritten = 0;
    }

    public void Consume(int count)
    {
        _start += count;
        if (_start == _end)
        {
            _start = _end = 0;
        }
    }

    public void Advance(int count)
    {
        _end += count;
        TotalWritten += count;
    }

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        Ensure(sizeHint);
        return _bytes.AsMemory(_end);
    }

    public Span<byte> GetSpan(int sizeHint = 0)
    {
        Ensure(sizeHint);
        return _bytes.AsSpan(_end);
    }

    private void Ensure(int sizeHint)
    {
        int needed = Math.Max(sizeHint, 1);
        if (_bytes.Length - _end < needed)
        {
            Array.Resize(ref _bytes, Math.Max(_bytes.Length * 2, _end + needed));
        }
    }
}

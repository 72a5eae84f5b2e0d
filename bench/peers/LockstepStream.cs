using System.Threading.Tasks.Sources;

namespace Segno.Bench.Peers;

/// <summary>
/// One end of an in-memory transport whose reads wait without a thread: a read that finds nothing completes when
/// <see cref="Wake"/> is called, and what waits for it goes on inside that call, on the caller's thread. So two ends of
/// asynchronous code run in lockstep on one thread, and each interval of its CPU time belongs to one of them.
/// </summary>
internal sealed class LockstepStream : Stream, IValueTaskSource<int>
{
    private readonly byte[] _incoming = new byte[128 * 1024];
    private int _start;
    private int _end;
    private Memory<byte> _waiting;
    private bool _isWaiting;
    private ManualResetValueTaskSourceCore<int> _source;

    public LockstepStream Other { get; set; } = null!;

    public long BytesWritten { get; private set; }

    public bool CanGoOn => _isWaiting && _end > _start;

    /// <summary>Completes the read that waits; its continuation runs in here.</summary>
    public void Wake()
    {
        _isWaiting = false;
        int count = Take(_waiting.Span);
        _waiting = default;
        _source.SetResult(count);
    }

    public void Reset()
    {
        _start = _end = 0;
        BytesWritten = 0;
        _isWaiting = false;
        _waiting = default;
    }

    /// <summary>A read into no room waits until there is something, as on a socket.</summary>
    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (_end > _start)
        {
            return new ValueTask<int>(Take(buffer.Span));
        }
        _source.Reset();
        _waiting = buffer;
        _isWaiting = true;
        return new ValueTask<int>(this, _source.Version);
    }

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        Write(buffer.Span);
        return default;
    }

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        BytesWritten += buffer.Length;
        Other.Put(buffer);
    }

    private void Put(ReadOnlySpan<byte> data)
    {
        data.CopyTo(_incoming.AsSpan(_end));
        _end += data.Length;
    }

    private int Take(Span<byte> destination)
    {
        int count = Math.Min(destination.Length, _end - _start);
        _incoming.AsSpan(_start, count).CopyTo(destination);
        _start += count;
        if (_start == _end)
        {
            _start = _end = 0;
        }
        return count;
    }

    int IValueTaskSource<int>.GetResult(short token) => _source.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<int>.GetStatus(short token) => _source.GetStatus(token);

    void IValueTaskSource<int>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags)
        => _source.OnCompleted(continuation, state, token, flags);

    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public override void Flush()
    {
    }

    public override bool CanRead => true;

    public override bool CanWrite => true;

    public override bool CanSeek => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("only asynchronous");

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();
}

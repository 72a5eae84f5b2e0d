using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;

namespace Segno.IO;

/// <summary>The reading end of a <see cref="TlsDuplexPipe"/>: records are opened into pooled segments, which the application gets as they are.</summary>
internal sealed class TlsPipeReader(TlsDuplexPipe owner, PipeTransport transport) : PipeReader
{
    private const int MaxPlaintext = 16384;

    private PlaintextSegment? _head;
    private PlaintextSegment? _tail;
    private PlaintextSegment? _spare;
    private int _headStart;
    private bool _hasUnexamined;
    private bool _isHandedOut;
    private bool _ended;
    private volatile bool _completed;
    private int _cancelled;

    public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        TlsChannel channel = Begin();
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled<ReadResult>(cancellationToken);
        }
        channel.EnterRead();
        TlsException? failure = null;
        try
        {
            if (TryTake(channel, out ReadResult result))
            {
                Exit(channel);
                return new ValueTask<ReadResult>(result);
            }
        }
        catch (TlsException e)
        {
            failure = e;
        }
        catch
        {
            Exit(channel);
            throw;
        }
        return WaitAsync(channel, failure, cancellationToken);
    }

    public override bool TryRead(out ReadResult result)
    {
        TlsChannel channel = Begin();
        channel.EnterRead();
        try
        {
            while (!TryTake(channel, out result))
            {
                if (!transport.TryReceive(out Arrival arrival))
                {
                    return false;
                }
                if (arrival == Arrival.End)
                {
                    channel.Connection.ReceiveEnd();
                }
            }
            return true;
        }
        catch (TlsException e) when (channel.Failure is null)
        {
            // Nothing to wait with here: the alert goes out by itself.
            _ = channel.FailReadAsync(e).AsTask();
            throw;
        }
        finally
        {
            Exit(channel);
        }
    }

    public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
    {
        ThrowIfCompleted();
        if (!_isHandedOut)
        {
            throw new InvalidOperationException("Nothing was read: there is nothing to advance.");
        }
        if (_head is null)
        {
            _isHandedOut = false;
            return;
        }
        long start = _head.RunningIndex + _headStart;
        long end = _tail!.RunningIndex + _tail.Length;
        long consumedTo = IndexOf(consumed);
        long examinedTo = IndexOf(examined);
        if (consumedTo < start || examinedTo < consumedTo || examinedTo > end)
        {
            throw new InvalidOperationException("The positions are not of what was read last, or are examined before consumed.");
        }
        _isHandedOut = false;
        _hasUnexamined = examinedTo < end;
        while (_head is { } segment && segment.RunningIndex + segment.Length <= consumedTo)
        {
            _head = segment.NextSegment;
            Recycle(segment);
        }
        _headStart = _head is null ? 0 : (int)(consumedTo - _head.RunningIndex);
        if (_head is null)
        {
            _tail = null;
        }
    }

    public override void CancelPendingRead()
    {
        Volatile.Write(ref _cancelled, 1);
        transport.CancelPendingRead();
    }

    public override void Complete(Exception? exception = null)
    {
        if (_completed)
        {
            return;
        }
        _completed = true;
        if (owner.IsAuthenticated)
        {
            // If a read is in progress, it is woken up and cleans up when it leaves.
            transport.CancelPendingRead();
            TryRelease(owner.Channel);
        }
        owner.EndCompleted();
    }

    /// <summary>Gives all memory back; but what the application holds is left to the garbage collector.</summary>
    public void Abandon()
    {
        if (_isHandedOut)
        {
            _head = _tail = null;
        }
        Release();
    }

    private void Release()
    {
        while (_head is { } segment)
        {
            _head = segment.NextSegment;
            segment.Release();
        }
        _tail = null;
        _hasUnexamined = false;
    }

    private void Recycle(PlaintextSegment segment)
    {
        segment.Release();
        _spare = segment;
    }

    private static long IndexOf(SequencePosition position)
        => position.GetObject() is PlaintextSegment segment
            ? segment.RunningIndex + position.GetInteger()
            : throw new InvalidOperationException("The position is not of what was read last.");

    private TlsChannel Begin()
    {
        ThrowIfCompleted();
        TlsChannel channel = owner.Channel;
        if (_isHandedOut)
        {
            throw new InvalidOperationException("Call AdvanceTo before reading again.");
        }
        return channel;
    }

    private void ThrowIfCompleted()
    {
        if (_completed)
        {
            throw new InvalidOperationException("The reader is completed.");
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<ReadResult> WaitAsync(TlsChannel channel, TlsException? failure, CancellationToken cancellationToken)
    {
        try
        {
            if (failure is not null)
            {
                ExceptionDispatchInfo.Throw(failure);
            }
            while (true)
            {
                Arrival arrival = await channel.FillAsync(withoutBuffer: true, cancellationToken).ConfigureAwait(false);
                if (arrival == Arrival.Interrupted)
                {
                    ThrowIfCompleted();
                }
                if (arrival == Arrival.End)
                {
                    channel.Connection.ReceiveEnd();
                }
                if (TryTake(channel, out ReadResult result))
                {
                    return result;
                }
            }
        }
        catch (TlsException e) when (channel.Failure is null)
        {
            await channel.FailReadAsync(e).ConfigureAwait(false);
            throw;
        }
        finally
        {
            Exit(channel);
        }
    }

    /// <returns>Whether there is something to tell: data not examined before, the end, a cancellation.</returns>
    private bool TryTake(TlsChannel channel, out ReadResult result)
    {
        bool isCancelled = Interlocked.Exchange(ref _cancelled, 0) != 0;
        if (isCancelled || _hasUnexamined || _ended || TryOpen(channel))
        {
            _isHandedOut = true;
            result = new ReadResult(Sequence(), isCancelled, _ended);
            return true;
        }
        result = default;
        return false;
    }

    private bool TryOpen(TlsChannel channel)
    {
        channel.ThrowIfUnusable();
        int available = channel.Connection.HasWaitingData ? MaxPlaintext : Math.Min(transport.Input.Length, MaxPlaintext);
        if (available == 0 && !channel.Connection.IsReceiveClosed)
        {
            return false;
        }
        PlaintextSegment segment = SegmentFor(Math.Max(1, available));
        if (!channel.TryTake(segment.Room.Span, out int count, synchronous: false))
        {
            DropIfEmpty(segment);
            return false;
        }
        _ended = count == 0;
        _hasUnexamined = count > 0;
        segment.Commit(count);
        DropIfEmpty(segment);
        return true;
    }

    /// <summary>Plaintext is never longer than its record, so what was given as input fits.</summary>
    private PlaintextSegment SegmentFor(int length)
    {
        if (_tail is null || _tail.Room.Length < length)
        {
            PlaintextSegment segment = _spare ?? new PlaintextSegment();
            _spare = null;
            segment.Attach(length, _tail);
            _tail = segment;
            if (_head is null)
            {
                _head = _tail;
                _headStart = 0;
            }
        }
        return _tail;
    }

    private void DropIfEmpty(PlaintextSegment segment)
    {
        if (segment.Length == 0 && segment == _head)
        {
            _head = _tail = null;
            Recycle(segment);
        }
    }

    private ReadOnlySequence<byte> Sequence()
        => _head is null ? ReadOnlySequence<byte>.Empty : new ReadOnlySequence<byte>(_head, _headStart, _tail!, _tail!.Length);

    private void Exit(TlsChannel channel)
    {
        channel.ExitRead();
        if (_completed)
        {
            TryRelease(channel);
        }
    }

    private void TryRelease(TlsChannel channel)
    {
        try
        {
            channel.EnterRead();
        }
        catch (Exception e) when (e is NotSupportedException or ObjectDisposedException)
        {
            return;
        }
        Release();
        channel.ExitRead();
    }
}

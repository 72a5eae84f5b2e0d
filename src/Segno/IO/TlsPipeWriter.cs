using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;

namespace Segno.IO;

/// <summary>The writing end of a <see cref="TlsDuplexPipe"/>: gathers plaintext in blocks of a record's size; a flush seals them into the transport and flushes it.</summary>
internal sealed class TlsPipeWriter(TlsDuplexPipe owner, PipeTransport transport) : PipeWriter
{
    private const int BlockLength = 16384;

    private readonly List<ArraySegment<byte>> _full = [];
    private readonly List<ArraySegment<byte>> _sealing = [];
    private byte[] _block = [];
    private int _used;
    private long _unflushed;
    private int _flushing;
    private int _cancelled;
    private int _completed;

    public override bool CanGetUnflushedBytes => true;

    public override long UnflushedBytes => _unflushed;

    /// <summary>With what the user completed this end.</summary>
    public Exception? Failure { get; private set; }

    /// <summary>What is left of the block; more than a record's worth only where it was asked for.</summary>
    private int Room => (_block.Length < BufferPool.Bulk.Size ? Math.Min(_block.Length, BlockLength) : _block.Length) - _used;

    public override Memory<byte> GetMemory(int sizeHint = 0)
    {
        Reserve(sizeHint);
        return _block.AsMemory(_used, Room);
    }

    public override Span<byte> GetSpan(int sizeHint = 0)
    {
        Reserve(sizeHint);
        return _block.AsSpan(_used, Room);
    }

    public override void Advance(int bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(bytes, Room);
        _used += bytes;
        _unflushed += bytes;
    }

    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
    {
        ThrowIfCompleted();
        return SealAndFlushAsync(owner.Channel, default, cancellationToken);
    }

    public override ValueTask<FlushResult> WriteAsync(ReadOnlyMemory<byte> source, CancellationToken cancellationToken = default)
    {
        ThrowIfCompleted();
        if (_used > 0 && source.Length <= Room)
        {
            // Into the same record as what is waiting.
            source.CopyTo(_block.AsMemory(_used));
            Advance(source.Length);
            source = default;
        }
        return SealAndFlushAsync(owner.Channel, source, cancellationToken);
    }

    public override void CancelPendingFlush()
    {
        Volatile.Write(ref _cancelled, 1);
        transport.CancelPendingFlush();
    }

    public override void Complete(Exception? exception = null) => _ = CompleteAsync(exception).AsTask();

    public override async ValueTask CompleteAsync(Exception? exception = null)
    {
        if (Interlocked.Exchange(ref _completed, 1) != 0)
        {
            return;
        }
        Failure = exception;
        if (owner.IsAuthenticated)
        {
            await EndAsync(owner.Channel, exception is null).ConfigureAwait(false);
        }
        owner.EndCompleted();
    }

    /// <summary>The pipe is disposed.</summary>
    /// <returns>Whether its end is to be told by close_notify, if it is not already.</returns>
    public bool Abandon()
    {
        Volatile.Write(ref _completed, 1);
        return Failure is null;
    }

    private void ThrowIfCompleted()
    {
        if (Volatile.Read(ref _completed) != 0)
        {
            throw new InvalidOperationException("The writer is completed.");
        }
    }

    private void Reserve(int sizeHint)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(sizeHint);
        ThrowIfCompleted();
        _ = owner.Channel;
        int needed = Math.Max(1, sizeHint);
        if (needed <= Room)
        {
            return;
        }
        CloseBlock(_full);
        _block = needed <= BlockLength ? BufferPool.Record.Rent() : BufferPool.RentAtLeast(Math.Max(needed, BufferPool.Bulk.Size));
    }

    /// <summary>Moves the current block to a list, if there is something in it.</summary>
    private void CloseBlock(List<ArraySegment<byte>> list)
    {
        if (_used > 0)
        {
            list.Add(new ArraySegment<byte>(_block, 0, _used));
        }
        else
        {
            BufferPool.ReturnAny(_block);
        }
        _block = [];
        _used = 0;
    }

    private void Detach()
    {
        _sealing.AddRange(_full);
        _full.Clear();
        CloseBlock(_sealing);
        _unflushed = 0;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<FlushResult> SealAndFlushAsync(TlsChannel channel, ReadOnlyMemory<byte> more, CancellationToken cancellationToken)
    {
        if (Interlocked.Exchange(ref _flushing, 1) != 0)
        {
            throw new InvalidOperationException("Another flush is in progress: one at a time.");
        }
        try
        {
            // Now, so that the next GetMemory may come before this flush is through. What a cancelled flush leaves here, the next one takes.
            Detach();
            FlushResult result;
            await channel.EnterWriteAsync(cancellationToken).ConfigureAwait(false);
            try
            {
                Seal(channel);
                channel.Seal(more.Span);
                if (Volatile.Read(ref _cancelled) != 0)
                {
                    // Another flush of the transport may have taken it.
                    transport.CancelPendingFlush();
                }
                result = await transport.FlushAsync(cancellationToken).ConfigureAwait(false);
            }
            finally
            {
                channel.ExitWrite(synchronous: false);
            }
            channel.TakeTickets(synchronous: false);
            bool isCancelled = Interlocked.Exchange(ref _cancelled, 0) != 0;
            return new FlushResult(result.IsCanceled || isCancelled, result.IsCompleted);
        }
        finally
        {
            Volatile.Write(ref _flushing, 0);
        }
    }

    private async Task EndAsync(TlsChannel channel, bool orderly)
    {
        await channel.EnterWriteAsync(CancellationToken.None).ConfigureAwait(false);
        try
        {
            Detach();
            if (orderly && !channel.Connection.IsSendClosed)
            {
                Seal(channel);
                channel.Connection.Close();
                channel.Connection.Flush(transport.Output);
                await transport.FlushAsync(CancellationToken.None).ConfigureAwait(false);
            }
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or InvalidOperationException)
        {
            // It is over either way; the reading end tells of failures.
        }
        finally
        {
            ReleaseBlocks();
            channel.ExitWrite(synchronous: false);
        }
    }

    /// <summary>With the channel's writing half taken.</summary>
    private void Seal(TlsChannel channel)
    {
        foreach (ArraySegment<byte> block in _sealing)
        {
            channel.Seal(block);
        }
        ReleaseBlocks();
    }

    private void ReleaseBlocks()
    {
        foreach (ArraySegment<byte> block in _sealing)
        {
            CryptographicOperations.ZeroMemory(block);
            BufferPool.ReturnAny(block.Array!);
        }
        _sealing.Clear();
    }
}

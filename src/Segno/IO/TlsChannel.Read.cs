using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;

namespace Segno.IO;

internal sealed partial class TlsChannel
{
    private const int Free = 0;
    private const int Taken = 1;
    private const int Gone = 2;

    private int _reading;

    /// <summary>Reads application data.</summary>
    /// <returns>How much; 0 at the end of the data, or when there is some and the destination is empty.</returns>
    public ValueTask<int> ReadAsync(Memory<byte> destination, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled<int>(cancellationToken);
        }
        EnterRead();
        TlsException? failure = Failure;
        if (failure is not null)
        {
            ExitRead();
            return ValueTask.FromException<int>(Again(failure));
        }
        int count = 0;
        bool isDone = false;
        try
        {
            isDone = TryTake(destination.Span, out count, synchronous: false);
        }
        catch (TlsException e)
        {
            failure = e;
        }
        catch
        {
            ExitRead();
            throw;
        }
        if (!isDone)
        {
            return WaitAndReadAsync(destination, failure, cancellationToken);
        }
        ExitRead();
        return new ValueTask<int>(count);
    }

    public int Read(Span<byte> destination)
    {
        EnterRead();
        try
        {
            if (Failure is { } failure)
            {
                throw Again(failure);
            }
            int count;
            while (!TryTake(destination, out count, synchronous: true))
            {
                if (Fill(destination.IsEmpty) == Arrival.End)
                {
                    Connection.ReceiveEnd();
                }
            }
            return count;
        }
        catch (TlsException e) when (Failure is null)
        {
            Record(e);
            SendAlert();
            throw;
        }
        finally
        {
            ExitRead();
        }
    }

    /// <summary>Takes the reading half for the application.</summary>
    /// <exception cref="NotSupportedException">Another read is going on.</exception>
    public void EnterRead()
    {
        TakeRead();
        _applicationReads = true;
    }

    private void TakeRead()
    {
        int before = Interlocked.CompareExchange(ref _reading, Taken, Free);
        if (before != Free)
        {
            ObjectDisposedException.ThrowIf(before == Gone || _closed, _owner);
            throw new NotSupportedException("Another read is in progress: one at a time.");
        }
    }

    public void ExitRead()
    {
        Transport.ReleaseInput();
        Interlocked.Exchange(ref _reading, Free);
        if (_closed)
        {
            TryCloseRead();
        }
    }

    /// <summary>Takes what is here, without waiting. Between <see cref="EnterRead"/> and <see cref="ExitRead"/>.</summary>
    /// <returns>Whether the read is done; if not, more must arrive.</returns>
    public bool TryTake(Span<byte> destination, out int count, bool synchronous)
    {
        while (true)
        {
            if (destination.IsEmpty && Connection.HasWaitingData)
            {
                count = 0;
                return true;
            }
            TlsReceiveResult result = Connection.Receive(Transport.Input, destination);
            Transport.Consume(result.Consumed);
            if ((Connection.Wants & TlsWants.Write) != 0)
            {
                Kick(synchronous);
            }
            count = result.Written;
            if (count > 0 || Connection.IsReceiveClosed)
            {
                return true;
            }
            if (result.Consumed == 0)
            {
                return false;
            }
        }
    }

    /// <summary>Waits for the peer, no longer than the idle timeout.</summary>
    public ValueTask<Arrival> FillAsync(bool withoutBuffer, CancellationToken cancellationToken)
        => !Connection.IsHandshakeCompleted
            ? FillInHandshakeAsync(cancellationToken)
            : _idle is null
            ? Transport.ReceiveAsync(withoutBuffer, cancellationToken)
            : FillInTimeAsync(_idle, withoutBuffer, cancellationToken);

    /// <summary>Goes on until the handshake is complete, early data behind which it was left keeping.</summary>
    public async Task CompleteHandshakeAsync(CancellationToken cancellationToken)
    {
        EnterRead();
        try
        {
            ThrowIfUnusable();
            while (!Connection.IsHandshakeCompleted)
            {
                TlsReceiveResult result = Connection.Receive(Transport.Input, []);
                Transport.Consume(result.Consumed);
                if ((Connection.Wants & TlsWants.Write) != 0)
                {
                    Kick(synchronous: false);
                }
                if (result.Consumed == 0 && !Connection.IsHandshakeCompleted
                    && await FillInHandshakeAsync(cancellationToken).ConfigureAwait(false) == Arrival.End)
                {
                    Connection.ReceiveEnd();
                }
            }
        }
        catch (TlsException e) when (Failure is null)
        {
            await FailReadAsync(e).ConfigureAwait(false);
            throw;
        }
        finally
        {
            ExitRead();
        }
    }

    /// <summary>The reading half failed: the failure is kept, and the alert goes out if the writing half is free.</summary>
    public ValueTask FailReadAsync(TlsException e)
    {
        Record(e);
        return SendAlertAsync();
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<int> WaitAndReadAsync(Memory<byte> destination, TlsException? failure, CancellationToken cancellationToken)
    {
        try
        {
            if (failure is not null)
            {
                ExceptionDispatchInfo.Throw(failure);
            }
            int count;
            do
            {
                if (await FillAsync(destination.IsEmpty, cancellationToken).ConfigureAwait(false) == Arrival.End)
                {
                    Connection.ReceiveEnd();
                }
            }
            while (!TryTake(destination.Span, out count, synchronous: false));
            return count;
        }
        catch (TlsException e)
        {
            await FailReadAsync(e).ConfigureAwait(false);
            throw;
        }
        finally
        {
            ExitRead();
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<Arrival> FillInTimeAsync(WaitLimit idle, bool withoutBuffer, CancellationToken cancellationToken)
    {
        CancellationToken limited = idle.Begin(cancellationToken);
        try
        {
            return await Transport.ReceiveAsync(withoutBuffer, limited).ConfigureAwait(false);
        }
        catch (OperationCanceledException e) when (idle.IsExpired)
        {
            throw IdleTimeout(e);
        }
        catch (OperationCanceledException e) when (cancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException(e.Message, e, cancellationToken);
        }
        finally
        {
            idle.End();
        }
    }

    /// <summary>Behind early data that was handed out: the rest of the handshake has what is left of its time.</summary>
    private async ValueTask<Arrival> FillInHandshakeAsync(CancellationToken cancellationToken)
    {
        using var limit = new WaitLimit(HandshakeTimeLeft(), _settings.TimeProvider);
        CancellationToken limited = limit.Begin(cancellationToken);
        try
        {
            if (Connection.Pending is { } pending)
            {
                await pending.ExecuteAsync(limited).ConfigureAwait(false);
                Connection.Resume();
                return Arrival.Data;
            }
            return await Transport.ReceiveAsync(withoutBuffer: true, limited).ConfigureAwait(false);
        }
        catch (OperationCanceledException e) when (limit.IsExpired)
        {
            throw HandshakeTimeout(e);
        }
        catch (OperationCanceledException e) when (cancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException(e.Message, e, cancellationToken);
        }
    }

    private Arrival FillInHandshake()
    {
        using SyncDeadline deadline = Transport.Limit(HandshakeTimeLeft(), _settings.TimeProvider);
        try
        {
            if (Connection.Pending is { } pending)
            {
                pending.Execute(CancellationToken.None);
                Connection.Resume();
                return Arrival.Data;
            }
            return Transport.Receive(withoutBuffer: true, deadline);
        }
        catch (TimeoutException e)
        {
            throw HandshakeTimeout(e);
        }
    }

    private TimeSpan HandshakeTimeLeft()
    {
        if (_settings.HandshakeTimeout == Timeout.InfiniteTimeSpan)
        {
            return Timeout.InfiniteTimeSpan;
        }
        TimeSpan left = _settings.HandshakeTimeout - Connection.Elapsed;
        return left > TimeSpan.Zero ? left : throw HandshakeTimeout(null);
    }

    private TlsException HandshakeTimeout(Exception? cause)
    {
        Connection.Abort(TlsFault.HandshakeTimeout);
        return new TlsException(TlsFault.HandshakeTimeout, $"it took longer than {_settings.HandshakeTimeout}", cause);
    }

    private Arrival Fill(bool withoutBuffer)
    {
        if (!Connection.IsHandshakeCompleted)
        {
            return FillInHandshake();
        }
        if (_idle is null)
        {
            return Transport.Receive(withoutBuffer, deadline: null);
        }
        using SyncDeadline deadline = Transport.Limit(_settings.IdleTimeout, _settings.TimeProvider);
        try
        {
            return Transport.Receive(withoutBuffer, deadline);
        }
        catch (TimeoutException e)
        {
            throw IdleTimeout(e);
        }
    }

    private TlsException IdleTimeout(Exception cause)
    {
        Connection.Abort(TlsFault.IdleTimeout);
        return new TlsException(TlsFault.IdleTimeout, $"nothing came for {_settings.IdleTimeout}", cause);
    }

    private void TryCloseRead()
    {
        if (Interlocked.CompareExchange(ref _reading, Gone, Free) == Free)
        {
            HalfClosed();
        }
    }
}

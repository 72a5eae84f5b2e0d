using System.Runtime.CompilerServices;

namespace Segno.IO;

internal sealed partial class TlsChannel
{
    private const int FullRecord = 16384;
    private const int RecordsPerSend = 4;
    private const int RecordOverhead = 5 + 1 + 16;

    // Whoever holds it owns the engine's writing half and the transport's output.
    private readonly SemaphoreSlim _gate = new(1, 1);
    private int _writing;
    private bool _writeIsClosed;
    private volatile bool _drainFailed;

    /// <summary>Seals and sends application data: as one write of the transport, or one for each four records.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    public async ValueTask WriteAsync(ReadOnlyMemory<byte> data, CancellationToken cancellationToken)
    {
        BeginWrite();
        try
        {
            await _gate.WaitAsync(cancellationToken).ConfigureAwait(false);
            try
            {
                cancellationToken.ThrowIfCancellationRequested();
                do
                {
                    ReadOnlyMemory<byte> part = data[..Math.Min(data.Length, PartLength)];
                    Seal(part.Span);
                    await Transport.SendAsync(push: false, cancellationToken).ConfigureAwait(false);
                    data = data[part.Length..];
                }
                while (!data.IsEmpty);
            }
            finally
            {
                ExitWrite(synchronous: false);
            }
        }
        finally
        {
            EndWrite();
        }
        TakeTickets(synchronous: false);
    }

    public void Write(ReadOnlySpan<byte> data)
    {
        BeginWrite();
        try
        {
            _gate.Wait();
            try
            {
                do
                {
                    ReadOnlySpan<byte> part = data[..Math.Min(data.Length, PartLength)];
                    Seal(part);
                    Transport.Send(push: false, deadline: null);
                    data = data[part.Length..];
                }
                while (!data.IsEmpty);
            }
            finally
            {
                ExitWrite(synchronous: true);
            }
        }
        finally
        {
            EndWrite();
        }
        TakeTickets(synchronous: true);
    }

    /// <summary>Does something with the engine's writing half, then sends all there is.</summary>
    public Task SendAsync(Action<TlsConnection>? action, CancellationToken cancellationToken) => SendAsync(
        connection =>
        {
            action?.Invoke(connection);
            return new ValueTask<bool>(true);
        },
        cancellationToken);

    /// <summary>The same with something that has a result and may take a while.</summary>
    public async Task<T> SendAsync<T>(Func<TlsConnection, ValueTask<T>> action, CancellationToken cancellationToken)
    {
        await EnterWriteAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            ThrowIfNotSendable();
            T result = await action(Connection).ConfigureAwait(false);
            Connection.Flush(Transport.Output);
            await Transport.SendAsync(push: true, cancellationToken).ConfigureAwait(false);
            return result;
        }
        finally
        {
            ExitWrite(synchronous: false);
        }
    }

    /// <summary>The application accepts the client: its sessions go out, or into the store.</summary>
    public Task<bool> CommitSessionAsync(CancellationToken cancellationToken)
        => SendAsync(connection => connection.CommitSessionAsync(cancellationToken), cancellationToken);

    public Task<int> IssueTicketsAsync(int count, CancellationToken cancellationToken)
        => SendAsync(connection => connection.IssueTicketsAsync(count, cancellationToken), cancellationToken);

    public void Send(Action<TlsConnection>? action)
    {
        _gate.Wait();
        try
        {
            ThrowIfNotSendable();
            action?.Invoke(Connection);
            Connection.Flush(Transport.Output);
            Transport.Send(push: true, deadline: null);
        }
        finally
        {
            ExitWrite(synchronous: true);
        }
    }

    /// <summary>Sends close_notify if the connection is healthy and nobody is writing; never fails, and takes no longer than <see cref="Transport.ClosingTime"/>.</summary>
    public async Task SendCloseNotifyAsync()
    {
        if (!CanSendCloseNotify())
        {
            return;
        }
        using var limit = new WaitLimit(Transport.ClosingTime, _settings.TimeProvider);
        CancellationToken limited = limit.Begin(CancellationToken.None);
        try
        {
            await _gate.WaitAsync(limited).ConfigureAwait(false);
            try
            {
                ThrowIfNotSendable();
                Connection.Close();
                Connection.Flush(Transport.Output);
                await Transport.SendAsync(push: true, limited).ConfigureAwait(false);
            }
            finally
            {
                ExitWrite(synchronous: false);
            }
        }
        catch (Exception e) when (IsTransportTrouble(e))
        {
            // Best effort: the connection is closed all the same.
        }
    }

    public void SendCloseNotify()
    {
        if (!CanSendCloseNotify() || !_gate.Wait(Transport.ClosingTime))
        {
            return;
        }
        try
        {
            ThrowIfNotSendable();
            Connection.Close();
            Connection.Flush(Transport.Output);
            using SyncDeadline deadline = Transport.Limit(Transport.ClosingTime, _settings.TimeProvider);
            Transport.Send(push: true, deadline);
        }
        catch (Exception e) when (IsTransportTrouble(e))
        {
            // Best effort: the connection is closed all the same.
        }
        finally
        {
            ExitWrite(synchronous: true);
        }
    }

    /// <summary>Takes the writing half. To be followed by <see cref="ExitWrite"/>.</summary>
    public Task EnterWriteAsync(CancellationToken cancellationToken) => _gate.WaitAsync(cancellationToken);

    /// <summary>Gives the writing half back, and looks whether the reading half left something to send.</summary>
    public void ExitWrite(bool synchronous)
    {
        if (_closed && !_writeIsClosed)
        {
            _writeIsClosed = true;
            HalfClosed();
        }
        _gate.Release();
        // Either the reading half finds the gate open from here on, or what it raised before is found here.
        Interlocked.MemoryBarrier();
        if (_closed)
        {
            TryCloseWrite();
        }
        else if (NeedsDrain)
        {
            Kick(synchronous);
        }
    }

    /// <summary>Seals application data into the transport's output. With the writing half taken.</summary>
    public void Seal(ReadOnlySpan<byte> data)
    {
        ThrowIfNotSendable();
        Transport.ReserveOutput(data.Length + RecordOverhead * (1 + data.Length / FullRecord));
        try
        {
            Connection.Send(data, Transport.Output);
        }
        catch (TlsException e) when (Failure is null)
        {
            Record(e);
            throw;
        }
    }

    public void ThrowIfNotSendable()
    {
        ThrowIfUnusable();
        if (Transport.SendFailure is { } failure)
        {
            throw new TlsException(TlsFault.TransportFailed, "an earlier write failed or was cancelled; a part of a record may be out", failure);
        }
    }

    private int PartLength => RecordsPerSend * _settings.MaxSendFragment;

    private bool NeedsDrain
        => !_drainFailed && Transport.SendFailure is null && (Connection.Wants & TlsWants.Write) != 0;

    /// <summary>Sends what the engine raised while reading, without letting the reader wait; if somebody is writing, they do it before they leave.</summary>
    private void Kick(bool synchronous)
    {
        // What was raised must be seen by whoever holds the gate before they are seen to hold it: see ExitWrite.
        Interlocked.MemoryBarrier();
        if (!NeedsDrain || !_gate.Wait(0))
        {
            return;
        }
        if (synchronous)
        {
            ThreadPool.UnsafeQueueUserWorkItem(static channel => channel.Drain(), this, preferLocal: false);
        }
        else
        {
            _ = DrainAsync();
        }
    }

    private async Task DrainAsync()
    {
        try
        {
            while (NeedsDrain && !_closed)
            {
                Connection.Flush(Transport.Output);
                await Transport.SendAsync(push: true, CancellationToken.None).ConfigureAwait(false);
            }
        }
        catch (Exception e) when (IsTransportTrouble(e))
        {
            // The transport remembers: the next write tells.
            _drainFailed = true;
        }
        finally
        {
            ExitWrite(synchronous: false);
        }
    }

    private void Drain()
    {
        try
        {
            while (NeedsDrain && !_closed)
            {
                Connection.Flush(Transport.Output);
                Transport.Send(push: true, deadline: null);
            }
        }
        catch (Exception e) when (IsTransportTrouble(e))
        {
            _drainFailed = true;
        }
        finally
        {
            ExitWrite(synchronous: true);
        }
    }

    /// <summary>Sends the alert of a failure, if nobody is writing: who writes does it before they leave.</summary>
    private async ValueTask SendAlertAsync()
    {
        if (!NeedsDrain || !_gate.Wait(0))
        {
            return;
        }
        using var limit = new WaitLimit(Transport.ClosingTime, _settings.TimeProvider);
        try
        {
            Connection.Flush(Transport.Output);
            await Transport.SendAsync(push: true, limit.Begin(CancellationToken.None)).ConfigureAwait(false);
        }
        catch (Exception e) when (IsTransportTrouble(e))
        {
            _drainFailed = true;
        }
        finally
        {
            limit.End();
            ExitWrite(synchronous: false);
        }
    }

    private void SendAlert()
    {
        if (!NeedsDrain || !_gate.Wait(0))
        {
            return;
        }
        try
        {
            Connection.Flush(Transport.Output);
            using SyncDeadline deadline = Transport.Limit(Transport.ClosingTime, _settings.TimeProvider);
            Transport.Send(push: true, deadline);
        }
        catch (Exception e) when (IsTransportTrouble(e))
        {
            _drainFailed = true;
        }
        finally
        {
            ExitWrite(synchronous: true);
        }
    }

    /// <summary>What a transport may throw at the end of a connection: nothing that anybody still waits to hear.</summary>
    private static bool IsTransportTrouble(Exception e) => e is not (OutOfMemoryException or NullReferenceException);

    private bool CanSendCloseNotify()
        => !_closed && Failure is null && Transport.SendFailure is null && Connection.IsHandshakeCompleted && !Connection.IsSendClosed
        && Volatile.Read(ref _writing) == 0;

    private void BeginWrite()
    {
        if (Interlocked.Exchange(ref _writing, 1) != 0)
        {
            ObjectDisposedException.ThrowIf(_closed, _owner);
            throw new NotSupportedException("Another write is in progress: one at a time.");
        }
    }

    private void EndWrite() => Volatile.Write(ref _writing, 0);

    private void TryCloseWrite()
    {
        if (!_writeIsClosed && _gate.Wait(0))
        {
            ExitWrite(synchronous: false);
        }
    }
}

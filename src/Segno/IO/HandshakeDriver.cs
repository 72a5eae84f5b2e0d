using System.Runtime.ExceptionServices;

namespace Segno.IO;

/// <summary>Takes an engine through its handshake over a transport, and sends what the server owes right after it (tickets). Each flight is one write.</summary>
internal sealed class HandshakeDriver(TlsConnection connection, Transport transport, TlsSettings settings, ReadOnlyMemory<byte> earlyData = default)
{
    // The first flight with early data is in the transport's buffer already: the engine has nothing left to say of it.
    private bool _isFlightWritten;

    private enum Step
    {
        Done,
        Execute,
        Send,
        Receive,
    }

    /// <exception cref="TlsException">The handshake failed, or its time was up.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        using var limit = new WaitLimit(settings.HandshakeTimeout, settings.TimeProvider);
        CancellationToken limited = limit.Begin(cancellationToken);
        Exception failure;
        try
        {
            Start();
            while (true)
            {
                switch (Next())
                {
                    case Step.Done:
                        return;
                    case Step.Execute:
                        await connection.Pending!.ExecuteAsync(limited).ConfigureAwait(false);
                        connection.Resume();
                        break;
                    case Step.Send:
                        connection.Flush(transport.Output);
                        await transport.SendAsync(push: true, limited).ConfigureAwait(false);
                        break;
                    default:
                        if (!Take())
                        {
                            Arrived(await transport.ReceiveAsync(withoutBuffer: true, limited).ConfigureAwait(false));
                        }
                        break;
                }
            }
        }
        catch (Exception e)
        {
            failure = Judge(e, limit.IsExpired, cancellationToken);
        }
        limit.End();
        await SendAlertAsync().ConfigureAwait(false);
        ExceptionDispatchInfo.Throw(failure);
    }

    /// <summary>The same, blocking the thread.</summary>
    /// <exception cref="TlsException">The handshake failed, or its time was up.</exception>
    public void Run()
    {
        // The one for what is pending, the other for the stream.
        using var limit = new WaitLimit(settings.HandshakeTimeout, settings.TimeProvider);
        using SyncDeadline deadline = transport.Limit(settings.HandshakeTimeout, settings.TimeProvider);
        CancellationToken limited = limit.Begin(CancellationToken.None);
        Exception failure;
        try
        {
            Start();
            while (true)
            {
                switch (Next())
                {
                    case Step.Done:
                        return;
                    case Step.Execute:
                        connection.Pending!.Execute(limited);
                        connection.Resume();
                        break;
                    case Step.Send:
                        connection.Flush(transport.Output);
                        transport.Send(push: true, deadline);
                        break;
                    default:
                        if (!Take())
                        {
                            Arrived(transport.Receive(withoutBuffer: true, deadline));
                        }
                        break;
                }
            }
        }
        catch (Exception e)
        {
            failure = Judge(e, limit.IsExpired || e is TimeoutException, CancellationToken.None);
        }
        SendAlert();
        ExceptionDispatchInfo.Throw(failure);
    }

    private void Start()
    {
        if (!connection.IsServer)
        {
            connection.Start(earlyData.Length);
            if (connection.EarlyDataLimit > 0)
            {
                // With the hello, in one write.
                connection.SendEarlyData(earlyData.Span, transport.Output);
                _isFlightWritten = true;
            }
        }
    }

    private Step Next()
    {
        TlsWants wants = connection.Wants;
        if ((wants & TlsWants.Resume) != 0)
        {
            return Step.Execute;
        }
        if ((wants & TlsWants.Write) != 0 || _isFlightWritten)
        {
            _isFlightWritten = false;
            return Step.Send;
        }
        return connection.IsHandshakeCompleted || (connection.IsServer && connection.IsEarlyDataOpen && connection.DeliversEarlyDataAtOnce) ? Step.Done : Step.Receive;
    }

    /// <returns>Whether there was a whole record.</returns>
    private bool Take()
    {
        TlsReceiveResult result = connection.Receive(transport.Input, []);
        transport.Consume(result.Consumed);
        return result.Consumed > 0;
    }

    private void Arrived(Arrival arrival)
    {
        switch (arrival)
        {
            case Arrival.End:
                connection.ReceiveEnd();
                break;
            case Arrival.Interrupted:
                throw new OperationCanceledException("The transport's read was cancelled during the TLS handshake.");
            default:
                break;
        }
    }

    /// <summary>What the caller shall hear; the engine is told as well, so that it has the alert for the peer.</summary>
    private Exception Judge(Exception e, bool isExpired, CancellationToken cancellationToken)
    {
        bool isCancelled = e is OperationCanceledException or TimeoutException or TlsException { Fault: TlsFault.Canceled }
            || e.InnerException is OperationCanceledException;
        if (isCancelled && isExpired)
        {
            connection.Abort(TlsFault.HandshakeTimeout);
            return new TlsException(TlsFault.HandshakeTimeout, $"it took longer than {settings.HandshakeTimeout}", e);
        }
        if (isCancelled && cancellationToken.IsCancellationRequested)
        {
            connection.Abort(TlsFault.Canceled);
            return new OperationCanceledException("The TLS handshake was cancelled.", e, cancellationToken);
        }
        if (e is not TlsException)
        {
            connection.Abort(TlsFault.TransportFailed);
        }
        return e;
    }

    private async Task SendAlertAsync()
    {
        using var limit = new WaitLimit(Transport.ClosingTime, settings.TimeProvider);
        try
        {
            if (HasAlert())
            {
                await transport.SendAsync(push: true, limit.Begin(CancellationToken.None)).ConfigureAwait(false);
            }
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // Best effort: what the caller hears is why the handshake failed.
        }
    }

    private void SendAlert()
    {
        try
        {
            using SyncDeadline deadline = transport.Limit(Transport.ClosingTime, settings.TimeProvider);
            if (HasAlert())
            {
                transport.Send(push: true, deadline);
            }
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // Best effort: what the caller hears is why the handshake failed.
        }
    }

    private bool HasAlert()
    {
        if (transport.SendFailure is not null || (connection.Wants & TlsWants.Write) == 0)
        {
            return false;
        }
        connection.Flush(transport.Output);
        return true;
    }
}

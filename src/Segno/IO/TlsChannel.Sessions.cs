using System.Security.Authentication;
using Segno.Sessions;

namespace Segno.IO;

/// <summary>Tickets for applications that do not read: in TLS 1.3 they come after the handshake, and only reading brings them.</summary>
internal sealed partial class TlsChannel
{
    private const int MaxRoundsAtClose = 64;

    private bool _applicationReads;

    /// <summary>Reads until there is a session, or it is clear that none comes, or application data is in the way. It is a read: one at a time.</summary>
    public async Task<SessionWait> WaitForSessionAsync(TimeSpan timeout, CancellationToken cancellationToken)
    {
        if (Connection.IsServer)
        {
            throw new InvalidOperationException("Only a client is given sessions.");
        }
        if (timeout < TimeSpan.Zero && timeout != Timeout.InfiniteTimeSpan)
        {
            throw new ArgumentOutOfRangeException(nameof(timeout), timeout, "It is negative.");
        }
        ThrowIfUnusable();
        if (Connection.Session is not null)
        {
            return SessionWait.Received;
        }
        if (!MayGetSession)
        {
            return SessionWait.NotComing;
        }
        TakeRead();
        using var limit = new WaitLimit(timeout, _settings.TimeProvider);
        CancellationToken limited = limit.Begin(cancellationToken);
        try
        {
            while (!TryTake([], out _, synchronous: false))
            {
                if (Connection.Session is not null)
                {
                    return SessionWait.Received;
                }
                switch (await Transport.ReceiveAsync(withoutBuffer: true, limited).ConfigureAwait(false))
                {
                    case Arrival.End:
                        Connection.ReceiveEnd();
                        break;
                    case Arrival.Interrupted:
                        throw new OperationCanceledException("The transport's read was cancelled.");
                    default:
                        break;
                }
            }
            return Connection.Session is not null ? SessionWait.Received
                : Connection.HasWaitingData ? SessionWait.DataWaiting
                : SessionWait.Closed;
        }
        catch (OperationCanceledException) when (limit.IsExpired)
        {
            return SessionWait.TimedOut;
        }
        catch (OperationCanceledException e) when (cancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException(e.Message, e, cancellationToken);
        }
        catch (TlsException e)
        {
            await FailReadAsync(e).ConfigureAwait(false);
            throw;
        }
        finally
        {
            limit.End();
            ExitRead();
        }
    }

    /// <summary>
    /// After a write, as long as the application never reads: takes what has arrived, without waiting and up to the first application
    /// data, which stays for the first read.
    /// </summary>
    public void TakeTickets(bool synchronous)
    {
        if (!_applicationReads)
        {
            TakeTickets([], int.MaxValue, synchronous);
        }
    }

    /// <summary>Before closing: the same, but application data that nobody will read is in nobody's way.</summary>
    public void TakeLastTickets(bool synchronous)
    {
        Span<byte> waste = stackalloc byte[1024];
        TakeTickets(waste, MaxRoundsAtClose, synchronous);
        waste.Clear();
    }

    private bool MayGetSession
        => !Connection.IsServer && _settings.AllowResume
            && Connection.Info is { ProtocolVersion: SslProtocols.Tls13, ExpectedTicketCount: not 0 };

    private void TakeTickets(Span<byte> waste, int rounds, bool synchronous)
    {
        if (!MayGetSession || Failure is not null || Interlocked.CompareExchange(ref _reading, Taken, Free) != Free)
        {
            return;
        }
        try
        {
            while (rounds-- > 0 && !Connection.IsReceiveClosed)
            {
                bool isDone = TryTake(waste, out int count, synchronous);
                if (isDone ? count == 0 : !(Transport.TryReceive(out Arrival arrival) && arrival == Arrival.Data))
                {
                    return;
                }
            }
        }
        catch (TlsException e)
        {
            // What was written is written; the next call tells.
            Record(e);
            Kick(synchronous);
        }
        catch (Exception e) when (IsTransportTrouble(e))
        {
            // The next read or write of the transport tells.
        }
        finally
        {
            ExitRead();
        }
    }
}

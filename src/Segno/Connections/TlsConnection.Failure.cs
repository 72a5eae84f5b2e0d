using System.Security.Cryptography;
using Segno.Alerts;
using Segno.Diagnostics;

namespace Segno;

public sealed partial class TlsConnection
{
    private void Guarded(Action step, bool isSending = false)
    {
        try
        {
            step();
        }
        catch (Exception e)
        {
            throw Fail(e, isSending);
        }
    }

    /// <summary>The one place where a connection ends by a fault: the alert is queued, secrets are wiped, the fault is kept.</summary>
    /// <param name="cause">What went wrong.</param>
    /// <param name="isSending">Whether in the sending half: then the receiving one may be at work right now, on another thread.</param>
    /// <returns>The exception to throw.</returns>
    private TlsException Fail(Exception cause, bool isSending = false)
    {
        TlsException failure = cause switch
        {
            TlsException tls => tls,
            CryptographicException => new TlsException(TlsFault.CryptographyFailed, null, cause),
            _ => new TlsException(TlsFault.InternalError, null, cause),
        };
        if (_failure is not null)
        {
            return failure;
        }
        TlsAlert? alert = failure is TlsAlertException { SentByPeer: false } chosen ? chosen.Alert : FaultAlerts.For(failure.Fault, Info.ProtocolVersion);
        bool isUnheard = !IsServer && !_heard;
        if (isUnheard)
        {
            // Nothing went out yet: there is nobody to tell, and the session that would have been offered is as good as before.
            _writer.Discard();
            Try(_link.Client!.Ended);
        }
        if (alert is { } toSend && !_sendClosed)
        {
            if (failure is not TlsAlertException)
            {
                failure = new TlsAlertException(failure.Fault, toSend, sentByPeer: false, Detail(failure), failure.InnerException);
            }
            if (!isUnheard)
            {
                QueueAlert(FaultAlerts.Level(toSend), toSend);
            }
        }
        if (failure is TlsAlertException)
        {
            Try(_link.ForgetSessions);
        }
        Try(() => CountFailure(failure));
        _failure = failure;
        _sendClosed = true;
        _receiveClosed = true;
        _aborted.Cancel();
        // The halves work at once only behind the handshake. What the other one uses goes with the connection then.
        if (!(isSending && _completed))
        {
            _messages.Release();
            _plaintext.Release();
            _earlyData.Release();
            _waiting = 0;
            _earlyDataOpen = false;
            _link.Keys?.Dispose();
            _link.EarlyKeys?.Dispose();
            _link.Keys12?.Dispose();
        }
        return failure;
    }

    /// <summary>Whatever the application's cache, clock or listeners throw at the end of a connection: it ends, and by the fault it ends by (I6).</summary>
    private static void Try(Action step)
    {
        try
        {
            step();
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // There is nobody to tell but who hears of the fault.
        }
    }

    private void CountFailure(TlsException failure)
    {
        if (!_completed)
        {
            _metrics.HandshakeFailed(Info, failure, _started == 0 ? null : _link.Settings.TimeProvider.GetElapsedTime(_started));
            TlsEventSource.Log.HandshakeFailed(Info, failure);
        }
    }

    /// <summary>The write half sends it; the last one wins, which is the one that ends the connection.</summary>
    private void QueueAlert(byte level, TlsAlert alert) => Volatile.Write(ref _alertWanted, (level << 8) | (byte)alert);

    /// <summary>A warning takes no other alert's place, and does not follow close_notify (RFC 5246 §7.2.1).</summary>
    private void QueueWarning(TlsAlert alert)
    {
        if (!_sendClosed)
        {
            Interlocked.CompareExchange(ref _alertWanted, (FaultAlerts.WarningLevel << 8) | (byte)alert, NoAlert);
        }
    }

    private static string? Detail(TlsException failure)
    {
        string name = failure.Fault.ToString();
        return failure.Message.Length > name.Length + 2 ? failure.Message[(name.Length + 2)..] : null;
    }

    private void ThrowIfFailed()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (_failure is { } failure)
        {
            throw new TlsException(failure.Fault, "the connection failed before", failure);
        }
    }
}

using System.Diagnostics.CodeAnalysis;

namespace Segno.IO;

/// <summary>
/// The engine on a transport, with a reading and a writing half: what <see cref="TlsStream"/> and <see cref="TlsDuplexPipe"/>
/// share. One reader and one writer may work at the same time; whoever leaves last after <see cref="Close"/> gives the engine back.
/// </summary>
[SuppressMessage("Design", "CA1001:Types that own disposable fields should be disposable", Justification = "HalfClosed disposes what has to be.")]
internal sealed partial class TlsChannel
{
    private readonly object _owner;
    private readonly TlsSettings _settings;
    private readonly WaitLimit? _idle;
    private TlsException? _failure;
    private volatile bool _closed;
    private int _openHalves = 2;

    public TlsChannel(object owner, TlsConnection connection, Transport transport, TlsSettings settings)
    {
        _owner = owner;
        _settings = settings;
        Connection = connection;
        Transport = transport;
        if (settings.IdleTimeout != Timeout.InfiniteTimeSpan)
        {
            _idle = new WaitLimit(settings.IdleTimeout, settings.TimeProvider);
        }
    }

    public TlsConnection Connection { get; }

    public Transport Transport { get; }

    /// <summary>Why nothing goes any more, or <see langword="null"/>.</summary>
    public TlsException? Failure => Volatile.Read(ref _failure);

    /// <summary>Called once when both halves are done with the transport after <see cref="Close"/>.</summary>
    public Action? Released { get; init; }

    /// <param name="earlyData">Client: what to send with the first flight, if a session allows it.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task HandshakeAsync(ReadOnlyMemory<byte> earlyData, CancellationToken cancellationToken)
    {
        TakeRead();
        await _gate.WaitAsync(CancellationToken.None).ConfigureAwait(false);
        try
        {
            await new HandshakeDriver(Connection, Transport, _settings, earlyData).RunAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            Record(e);
            Transport.AbandonInput();
            throw;
        }
        finally
        {
            ExitWrite(synchronous: false);
            ExitRead();
        }
    }

    public void Handshake()
    {
        TakeRead();
        _gate.Wait();
        try
        {
            new HandshakeDriver(Connection, Transport, _settings).Run();
        }
        catch (Exception e)
        {
            Record(e);
            throw;
        }
        finally
        {
            ExitWrite(synchronous: true);
            ExitRead();
        }
    }

    /// <exception cref="ObjectDisposedException">The owner is disposed.</exception>
    /// <exception cref="TlsException">The connection failed before.</exception>
    public void ThrowIfUnusable()
    {
        ObjectDisposedException.ThrowIf(_closed, _owner);
        if (Failure is { } failure)
        {
            throw Again(failure);
        }
    }

    /// <summary>Ends it from this side, sending nothing. Halves at work finish first.</summary>
    public void Close()
    {
        if (!_closed)
        {
            _closed = true;
            Interlocked.MemoryBarrier();
            TryCloseRead();
            TryCloseWrite();
        }
    }

    private static TlsException Again(TlsException first)
    {
        const string Detail = "the connection failed before";
        return first is TlsAlertException alert
            ? new TlsAlertException(alert.Fault, alert.Alert, alert.SentByPeer, Detail, alert)
            : new TlsException(first.Fault, Detail, first);
    }

    /// <summary>The first failure is the one that is told again.</summary>
    private void Record(Exception e)
    {
        TlsException failure = e switch
        {
            TlsException tls => tls,
            OperationCanceledException => new TlsException(TlsFault.Canceled, null, e),
            _ => new TlsException(TlsFault.TransportFailed, e.Message, e),
        };
        Interlocked.CompareExchange(ref _failure, failure, null);
    }

    private void HalfClosed()
    {
        if (Interlocked.Decrement(ref _openHalves) == 0)
        {
            Connection.Dispose();
            _idle?.Dispose();
            Released?.Invoke();
        }
    }
}

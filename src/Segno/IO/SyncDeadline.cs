using System.Net.Sockets;

namespace Segno.IO;

/// <summary>
/// A time limit for synchronous calls on a stream: by the stream's own timeouts where it has them, else by disposing the
/// stream when the time is up, which is all that ends a blocked call.
/// </summary>
internal sealed class SyncDeadline : IDisposable
{
    private readonly Stream _stream;
    private readonly TimeProvider _time;
    private readonly TimeSpan _limit;
    private readonly long _started;
    private readonly ITimer? _timer;
    private volatile bool _isDisposedByTimer;

    public SyncDeadline(Stream stream, TimeSpan limit, TimeProvider time)
    {
        _stream = stream;
        _limit = limit;
        _time = time;
        _started = time.GetTimestamp();
        if (limit != Timeout.InfiniteTimeSpan && !stream.CanTimeout)
        {
            _timer = time.CreateTimer(static deadline => ((SyncDeadline)deadline!).DisposeStream(), this, limit, Timeout.InfiniteTimeSpan);
        }
    }

    private bool IsInfinite => _limit == Timeout.InfiniteTimeSpan;

    private TimeSpan Rest => _limit - _time.GetElapsedTime(_started);

    /// <exception cref="TimeoutException">The time is up.</exception>
    public int Read(Span<byte> buffer)
    {
        if (IsInfinite)
        {
            return _stream.Read(buffer);
        }
        int? before = Shorten(_stream.CanTimeout ? _stream.ReadTimeout : 0, out int mine);
        try
        {
            if (before is not null)
            {
                _stream.ReadTimeout = mine;
            }
            return _stream.Read(buffer);
        }
        catch (Exception e) when (IsMine(e, before is not null))
        {
            throw new TimeoutException(null, e);
        }
        finally
        {
            if (before is { } timeout)
            {
                Restore(static (stream, value) => stream.ReadTimeout = value, timeout);
            }
        }
    }

    /// <exception cref="TimeoutException">The time is up.</exception>
    public void Write(ReadOnlySpan<byte> data)
    {
        if (IsInfinite)
        {
            _stream.Write(data);
            return;
        }
        int? before = Shorten(_stream.CanTimeout ? _stream.WriteTimeout : 0, out int mine);
        try
        {
            if (before is not null)
            {
                _stream.WriteTimeout = mine;
            }
            _stream.Write(data);
        }
        catch (Exception e) when (IsMine(e, before is not null))
        {
            throw new TimeoutException(null, e);
        }
        finally
        {
            if (before is { } timeout)
            {
                Restore(static (stream, value) => stream.WriteTimeout = value, timeout);
            }
        }
    }

    public void Dispose() => _timer?.Dispose();

    /// <returns>The stream's own timeout if it is longer than what is left, and so to be replaced for this call.</returns>
    private int? Shorten(int own, out int mine)
    {
        TimeSpan rest = Rest;
        if (rest <= TimeSpan.Zero)
        {
            throw new TimeoutException();
        }
        mine = (int)Math.Min(int.MaxValue, Math.Ceiling(rest.TotalMilliseconds));
        return _stream.CanTimeout && (own <= 0 || own > mine) ? own : null;
    }

    private bool IsMine(Exception e, bool timeoutIsMine)
        => _isDisposedByTimer
        || (timeoutIsMine && (e is TimeoutException || e.InnerException is SocketException { SocketErrorCode: SocketError.TimedOut } || Rest <= TimeSpan.Zero));

    private void Restore(Action<Stream, int> set, int value)
    {
        try
        {
            set(_stream, value);
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or InvalidOperationException or SocketException)
        {
            // It is closed: nothing to restore.
        }
    }

    private void DisposeStream()
    {
        _isDisposedByTimer = true;
        _stream.Dispose();
    }
}

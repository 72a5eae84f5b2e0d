namespace Segno.IO;

/// <summary>Limits waits in time: hands out a token that is cancelled by the caller's token or when the time is up. One wait at a time.</summary>
internal sealed class WaitLimit : IDisposable
{
    private readonly Lock _lock = new();
    private readonly TimeSpan _limit;
    private readonly TimeProvider _time;
    private CancellationTokenSource _source = new();
    private CancellationTokenRegistration _registration;
    private ITimer? _timer;
    private long _started;
    private bool _waiting;

    public WaitLimit(TimeSpan limit, TimeProvider time)
    {
        _limit = limit;
        _time = time;
    }

    /// <summary>Whether the last wait ended because its time was up.</summary>
    public bool IsExpired { get; private set; }

    public CancellationToken Begin(CancellationToken outer)
    {
        lock (_lock)
        {
            if (_source.IsCancellationRequested)
            {
                _source.Dispose();
                _source = new CancellationTokenSource();
            }
            IsExpired = false;
            _waiting = true;
            _started = _time.GetTimestamp();
            if (_limit != Timeout.InfiniteTimeSpan)
            {
                Arm(_limit);
            }
        }
        _registration = outer.UnsafeRegister(static limit => ((WaitLimit)limit!).Cancel(expired: false), this);
        return _source.Token;
    }

    public void End()
    {
        _registration.Dispose();
        lock (_lock)
        {
            _waiting = false;
            _timer?.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }
    }

    public void Dispose()
    {
        End();
        _timer?.Dispose();
        _source.Dispose();
    }

    private void Arm(TimeSpan delay)
    {
        if (_timer is not null)
        {
            _timer.Change(delay, Timeout.InfiniteTimeSpan);
            return;
        }
        using (ExecutionContext.SuppressFlow())
        {
            _timer = _time.CreateTimer(static limit => ((WaitLimit)limit!).Elapsed(), this, delay, Timeout.InfiniteTimeSpan);
        }
    }

    private void Elapsed()
    {
        lock (_lock)
        {
            if (!_waiting)
            {
                return;
            }
            // A timer may be a little early, and this may be the late call of a wait that is over.
            TimeSpan rest = _limit - _time.GetElapsedTime(_started);
            if (rest > TimeSpan.Zero)
            {
                Arm(TimeSpan.FromMilliseconds(Math.Ceiling(rest.TotalMilliseconds)));
                return;
            }
        }
        Cancel(expired: true);
    }

    private void Cancel(bool expired)
    {
        CancellationTokenSource source;
        lock (_lock)
        {
            if (!_waiting || _source.IsCancellationRequested)
            {
                return;
            }
            IsExpired = expired;
            source = _source;
        }
        // Outside of the lock: what is cancelled may run here, and begin the next wait.
        try
        {
            source.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // The wait ended in between.
        }
    }
}

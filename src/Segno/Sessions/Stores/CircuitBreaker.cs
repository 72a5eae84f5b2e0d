namespace Segno.Sessions;

/// <summary>Whether a store that fails is still asked.</summary>
public enum StoreCircuit
{
    /// <summary>It is asked.</summary>
    Closed,

    /// <summary>It failed too often, and is not asked for a while.</summary>
    Open,

    /// <summary>One call is with it, to find out whether it is back. All others are refused.</summary>
    HalfOpen,
}

/// <summary>Keeps calls from a store that fails, and lets one through now and then. Thread-safe.</summary>
/// <param name="failures">After how many failures in a row it opens.</param>
/// <param name="pause">How long it stays so.</param>
/// <param name="time">The clock.</param>
internal sealed class CircuitBreaker(int failures, TimeSpan pause, TimeProvider time)
{
    private readonly Lock _gate = new();
    private volatile StoreCircuit _state;
    private int _failed;
    private long _openedAt;
    private long _opened;

    public StoreCircuit State => _state;

    /// <summary>How often it opened.</summary>
    public long Opened => Interlocked.Read(ref _opened);

    /// <summary>Asks to make a call.</summary>
    /// <param name="isProbe">Whether it is the one that decides. Each call that may be made is reported.</param>
    public bool TryEnter(out bool isProbe)
    {
        isProbe = false;
        if (_state == StoreCircuit.Closed)
        {
            return true;
        }
        lock (_gate)
        {
            if (_state == StoreCircuit.Open && time.GetElapsedTime(_openedAt) >= pause)
            {
                _state = StoreCircuit.HalfOpen;
                isProbe = true;
            }
            return isProbe || _state == StoreCircuit.Closed;
        }
    }

    /// <summary>Says what came of a call.</summary>
    public void Report(StoreAnswer answer, bool isProbe)
    {
        bool failed = answer is StoreAnswer.TimedOut or StoreAnswer.Failed;
        if (!isProbe && !failed && Volatile.Read(ref _failed) == 0)
        {
            return;
        }
        lock (_gate)
        {
            if (!isProbe && _state != StoreCircuit.Closed)
            {
                // It began before the store was given up, and tells nothing new.
                return;
            }
            if (isProbe && answer == StoreAnswer.Refused)
            {
                _state = StoreCircuit.Open;
                return;
            }
            _failed = failed ? _failed + 1 : 0;
            if (isProbe || _failed >= failures)
            {
                _state = failed ? StoreCircuit.Open : StoreCircuit.Closed;
                if (failed)
                {
                    _openedAt = time.GetTimestamp();
                    _failed = 0;
                    Interlocked.Increment(ref _opened);
                }
            }
        }
    }
}

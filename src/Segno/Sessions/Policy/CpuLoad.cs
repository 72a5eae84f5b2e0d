namespace Segno.Sessions;

/// <summary>
/// The share of its processors that the process has used of late: 1 where all were busy. Measured by whoever asks, at most twice a
/// second, so that no timer runs; each measurement counts half, those before it the other half. Thread-safe.
/// </summary>
/// <param name="time">The clock.</param>
/// <param name="used">The processor time that the process has used so far.</param>
/// <param name="processors">How many processors it may use.</param>
internal sealed class CpuLoad(TimeProvider time, Func<TimeSpan> used, int processors)
{
    public static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(500);

    private readonly Lock _gate = new();
    private long _measuredAt = time.GetTimestamp();
    private TimeSpan _used = used();
    private double _value;

    public CpuLoad(TimeProvider time)
        : this(time, static () => Environment.CpuUsage.TotalTime, Environment.ProcessorCount)
    {
    }

    public double Value
    {
        get
        {
            if (time.GetElapsedTime(Volatile.Read(ref _measuredAt)) >= Interval && _gate.TryEnter())
            {
                try
                {
                    Measure();
                }
                finally
                {
                    _gate.Exit();
                }
            }
            return Volatile.Read(ref _value);
        }
    }

    private void Measure()
    {
        long now = time.GetTimestamp();
        TimeSpan elapsed = time.GetElapsedTime(_measuredAt, now);
        if (elapsed < Interval)
        {
            // Somebody was faster.
            return;
        }
        TimeSpan sum = used();
        double share = Math.Clamp((sum - _used) / elapsed / processors, 0, 1);
        // What was before a long silence says nothing of now.
        Volatile.Write(ref _value, elapsed > 4 * Interval ? share : (_value + share) / 2);
        _used = sum;
        Volatile.Write(ref _measuredAt, now);
    }
}

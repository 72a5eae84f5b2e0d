namespace Segno.Sessions.Tickets;

/// <summary>The wall clock, which a fleet has in common, as time since 1970; it stands still where the wall clock is set back (C11). Thread-safe.</summary>
internal sealed class ForwardClock(TimeProvider time)
{
    private long _latest = long.MinValue;

    public TimeSpan Now
    {
        get
        {
            long now = (time.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks;
            long latest = Volatile.Read(ref _latest);
            while (now > latest)
            {
                long seen = Interlocked.CompareExchange(ref _latest, now, latest);
                if (seen == latest)
                {
                    return TimeSpan.FromTicks(now);
                }
                latest = seen;
            }
            return TimeSpan.FromTicks(latest);
        }
    }
}

namespace Segno.Tests.Sessions;

/// <summary>A clock on whose wall one can turn the hands without time passing.</summary>
internal sealed class TestClock : TimeProvider
{
    private TimeSpan _elapsed = TimeSpan.FromDays(3);

    public DateTimeOffset Wall { get; set; } = SessionDraft.Now;

    /// <summary>Whether what waits with this clock may run out of time; where not, a busy machine changes no verdict.</summary>
    public bool TimersFire { get; set; } = true;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override DateTimeOffset GetUtcNow() => Wall;

    public override long GetTimestamp() => _elapsed.Ticks;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        => base.CreateTimer(callback, state, TimersFire ? dueTime : Timeout.InfiniteTimeSpan, period);

    public void Advance(TimeSpan time)
    {
        _elapsed += time;
        Wall += time;
    }

    public void StepMonotonic(TimeSpan time) => _elapsed += time;
}

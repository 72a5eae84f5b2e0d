namespace Segno.Tests.Sessions;

/// <summary>A clock on whose wall one can turn the hands without time passing.</summary>
internal sealed class TestClock : TimeProvider
{
    private TimeSpan _elapsed = TimeSpan.FromDays(3);

    public DateTimeOffset Wall { get; set; } = SessionDraft.Now;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override DateTimeOffset GetUtcNow() => Wall;

    public override long GetTimestamp() => _elapsed.Ticks;

    public void Advance(TimeSpan time)
    {
        _elapsed += time;
        Wall += time;
    }

    public void StepMonotonic(TimeSpan time) => _elapsed += time;
}

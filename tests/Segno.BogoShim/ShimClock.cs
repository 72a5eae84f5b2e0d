namespace Segno.BogoShim;

/// <summary>A clock that stands still but for <c>-resumption-delay</c>, between two connections: the runner checks the age of tickets to the millisecond.</summary>
internal sealed class ShimClock : TimeProvider
{
    private readonly DateTimeOffset _start = System.GetUtcNow();
    private TimeSpan _ahead;

    public void Advance(TimeSpan by) => _ahead += by;

    public override DateTimeOffset GetUtcNow() => _start + _ahead;

    // Not from 0, which could be taken for "never".
    public override long GetTimestamp() => TimestampFrequency + (long)(_ahead.TotalSeconds * TimestampFrequency);
}

namespace Segno.BogoShim;

/// <summary>A clock that stands still but for <c>-resumption-delay</c>, between two connections: the runner checks the age of tickets to the millisecond.</summary>
internal sealed class ShimClock : TimeProvider
{
    // An hour slow: some certificates of the runner end in the second in which they begin, and no session outlives its certificate.
    // To the millisecond, as sessions and the ages of tickets are: an age at its very limit is within it.
    private readonly DateTimeOffset _start = DateTimeOffset.FromUnixTimeMilliseconds((System.GetUtcNow() - TimeSpan.FromHours(1)).ToUnixTimeMilliseconds());
    private TimeSpan _ahead;

    public void Advance(TimeSpan by) => _ahead += by;

    public override DateTimeOffset GetUtcNow() => _start + _ahead;

    // Not from 0, which could be taken for "never".
    public override long GetTimestamp() => TimestampFrequency + (long)(_ahead.TotalSeconds * TimestampFrequency);
}

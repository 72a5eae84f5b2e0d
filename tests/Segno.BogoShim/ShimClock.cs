namespace Segno.BogoShim;

/// <summary>The machine's clock, which <c>-resumption-delay</c> moves on between two connections.</summary>
internal sealed class ShimClock : TimeProvider
{
    private TimeSpan _ahead;

    public void Advance(TimeSpan by) => _ahead += by;

    public override DateTimeOffset GetUtcNow() => System.GetUtcNow() + _ahead;

    public override long GetTimestamp() => System.GetTimestamp() + (long)(_ahead.TotalSeconds * System.TimestampFrequency);
}

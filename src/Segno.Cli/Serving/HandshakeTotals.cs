using Segno.Cli.Json;
using Segno.Sessions;

namespace Segno.Cli.Serving;

/// <summary>Counts completed handshakes since the start. Thread-safe.</summary>
internal sealed class HandshakeTotals
{
    private static readonly ResumptionReason[] Reasons = Enum.GetValues<ResumptionReason>();

    private readonly long[] _declined = new long[(int)Reasons.Max() + 1];
    private long _full;
    private long _resumed;

    public void Count(ResumptionOutcome outcome)
    {
        if (outcome.IsResumed)
        {
            Interlocked.Increment(ref _resumed);
            return;
        }
        Interlocked.Increment(ref _full);
        if (outcome.Status == ResumptionStatus.Declined)
        {
            Interlocked.Increment(ref _declined[(int)outcome.Reason]);
        }
    }

    public StatsDocument Snapshot()
    {
        var declined = new SortedDictionary<string, long>(StringComparer.Ordinal);
        foreach (ResumptionReason reason in Reasons)
        {
            if (Interlocked.Read(ref _declined[(int)reason]) is > 0 and long count)
            {
                declined.Add(reason.ToString(), count);
            }
        }
        return new StatsDocument
        {
            FullHandshakes = Interlocked.Read(ref _full),
            ResumedHandshakes = Interlocked.Read(ref _resumed),
            Declined = declined,
            CacheEntries = 0,
            CacheBytes = 0,
        };
    }
}

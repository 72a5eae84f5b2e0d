using Segno.Cli.Json;
using Segno.Sessions;

namespace Segno.Cli.Serving;

/// <summary>Counts completed handshakes since the start. Thread-safe.</summary>
internal sealed class HandshakeTotals
{
    private static readonly ResumptionReason[] Reasons = Enum.GetValues<ResumptionReason>();

    private static readonly ResumptionMechanism[] Mechanisms = [.. Enum.GetValues<ResumptionMechanism>().Where(mechanism => mechanism != ResumptionMechanism.None)];

    private readonly long[] _resumed = new long[(int)Mechanisms.Max() + 1];
    private readonly long[] _declined = new long[(int)Reasons.Max() + 1];
    private long _full;

    public void Count(ResumptionOutcome outcome)
    {
        if (outcome.IsResumed)
        {
            Interlocked.Increment(ref _resumed[(int)outcome.Mechanism]);
            return;
        }
        Interlocked.Increment(ref _full);
        if (outcome.Status == ResumptionStatus.Declined)
        {
            Interlocked.Increment(ref _declined[(int)outcome.Reason]);
        }
    }

    /// <param name="store">Where the sessions are that clients know by an ID.</param>
    public StatsDocument Snapshot(MemorySessionStore store)
    {
        var resumedBy = Mechanisms.ToDictionary(mechanism => mechanism.ToString(), mechanism => Interlocked.Read(ref _resumed[(int)mechanism]));
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
            ResumedHandshakes = resumedBy.Values.Sum(),
            ResumedBy = resumedBy,
            Declined = declined,
            CacheEntries = store.Count,
            CacheBytes = store.Bytes,
        };
    }
}

using System.Collections.Concurrent;
using Segno.Sessions;

namespace Segno.Cli.Serving;

/// <summary>Counts completed handshakes since the start. Thread-safe.</summary>
internal sealed class HandshakeTotals
{
    private static readonly ResumptionReason[] Reasons = Enum.GetValues<ResumptionReason>();

    private static readonly EarlyDataReason[] EarlyReasons = Enum.GetValues<EarlyDataReason>();

    private static readonly ResumptionMechanism[] Mechanisms = [.. Enum.GetValues<ResumptionMechanism>().Where(mechanism => mechanism != ResumptionMechanism.None)];

    private readonly long[] _resumed = new long[(int)Mechanisms.Max() + 1];
    private readonly long[] _declined = new long[(int)Reasons.Max() + 1];

    private readonly long[] _earlyRefused = new long[(int)EarlyReasons.Max() + 1];
    private long _earlyAccepted;

    // Parts of the scope and rules of this server's: a handful, whatever clients send.
    private readonly ConcurrentDictionary<(ResumptionReason Reason, string Detail), long> _details = new();
    private long _full;

    public long Full => Interlocked.Read(ref _full);

    /// <summary>How many were resumed, by mechanism.</summary>
    public Dictionary<string, long> ResumedBy => Mechanisms.ToDictionary(mechanism => mechanism.ToString(), mechanism => Interlocked.Read(ref _resumed[(int)mechanism]));

    /// <summary>How many sessions were declined, by reason; only reasons that occurred.</summary>
    public SortedDictionary<string, long> Declined
    {
        get
        {
            var declined = new SortedDictionary<string, long>(StringComparer.Ordinal);
            foreach (ResumptionReason reason in Reasons)
            {
                if (Interlocked.Read(ref _declined[(int)reason]) is > 0 and long count)
                {
                    declined.Add(reason.ToString(), count);
                }
            }
            return declined;
        }
    }

    /// <summary>The same by what the reason is about; only for reasons that are about something.</summary>
    public Dictionary<string, IReadOnlyDictionary<string, long>> DeclinedDetails => _details
        .GroupBy(entry => entry.Key.Reason)
        .OrderBy(reason => reason.Key.ToString(), StringComparer.Ordinal)
        .ToDictionary(
            reason => reason.Key.ToString(),
            IReadOnlyDictionary<string, long> (reason) => new SortedDictionary<string, long>(reason.ToDictionary(entry => entry.Key.Detail, entry => entry.Value), StringComparer.Ordinal));

    /// <summary>How often early data was accepted.</summary>
    public long EarlyDataAccepted => Interlocked.Read(ref _earlyAccepted);

    /// <summary>How often it was refused, by reason; only reasons that occurred.</summary>
    public SortedDictionary<string, long> EarlyDataRefused => new(
        EarlyReasons.ToDictionary(reason => reason.ToString(), reason => Interlocked.Read(ref _earlyRefused[(int)reason])).Where(entry => entry.Value > 0).ToDictionary(),
        StringComparer.Ordinal);

    public void Count(EarlyDataOutcome outcome)
    {
        if (outcome.IsAccepted)
        {
            Interlocked.Increment(ref _earlyAccepted);
        }
        else if (outcome.Status == EarlyDataStatus.Rejected)
        {
            Interlocked.Increment(ref _earlyRefused[(int)outcome.Reason]);
        }
    }

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
            if (outcome.Detail is { } detail)
            {
                _details.AddOrUpdate((outcome.Reason, detail), 1, (_, count) => count + 1);
            }
        }
    }
}

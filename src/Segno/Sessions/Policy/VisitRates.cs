namespace Segno.Sessions;

/// <summary>
/// How often each of many comes, in a table of fixed size: sets of eight, of whom the least busy makes room for who is new. A flood of
/// new ones displaces new ones, and hardly who comes often. Thread-safe; sets are under locks that few share.
/// </summary>
internal sealed class VisitRates
{
    public const int Ways = 8;

    /// <summary>In which a rate falls to half when nobody comes.</summary>
    public static readonly TimeSpan HalfLife = TimeSpan.FromMinutes(1);

    private const int MaxLocks = 64;

    private readonly TimeProvider _time;
    private readonly long _start;
    private readonly Entry[] _entries;
    private readonly Lock[] _locks;
    private readonly int _mask;

    /// <param name="capacity">How many are remembered at most: a power of two, at least <see cref="Ways"/>.</param>
    /// <param name="time">The clock.</param>
    public VisitRates(int capacity, TimeProvider time)
    {
        _time = time;
        _start = time.GetTimestamp();
        _entries = new Entry[capacity];
        _mask = (capacity / Ways) - 1;
        _locks = new Lock[Math.Min(MaxLocks, capacity / Ways)];
        for (int i = 0; i < _locks.Length; i++)
        {
            _locks[i] = new Lock();
        }
    }

    /// <summary>Counts a visit.</summary>
    /// <param name="visitor">Who: evenly distributed, and not 0.</param>
    /// <returns>Visits per minute, this one included; and how long ago the one before it was, if it is remembered.</returns>
    public (double PerMinute, TimeSpan? Since) Count(ulong visitor)
    {
        double now = Now();
        lock (LockOf(visitor))
        {
            Span<Entry> set = SetOf(visitor);
            int victim = 0;
            for (int i = 0; i < set.Length; i++)
            {
                ref Entry entry = ref set[i];
                if (entry.Visitor == visitor)
                {
                    double since = Math.Max(0, now - entry.Last);
                    entry.Weight = entry.WeightAt(now) + 1;
                    entry.Last = Math.Max(now, entry.Last);
                    return (PerMinute(entry.Weight), TimeSpan.FromMinutes(since));
                }
                victim = entry.WeightAt(now) < set[victim].WeightAt(now) ? i : victim;
            }
            set[victim] = new Entry { Visitor = visitor, Weight = 1, Last = now };
            return (PerMinute(1), null);
        }
    }

    /// <summary>Visits per minute, without counting one; 0 where none is remembered.</summary>
    public double RateOf(ulong visitor)
    {
        double now = Now();
        lock (LockOf(visitor))
        {
            foreach (ref Entry entry in SetOf(visitor))
            {
                if (entry.Visitor == visitor)
                {
                    return PerMinute(entry.WeightAt(now));
                }
            }
        }
        return 0;
    }

    /// <summary>Who comes r times a minute has a weight of r / ln 2 in the long run.</summary>
    private static double PerMinute(double weight) => weight * Math.Log(2) / HalfLife.TotalMinutes;

    private double Now() => _time.GetElapsedTime(_start).TotalMinutes;

    private Lock LockOf(ulong visitor) => _locks[(int)(visitor & (ulong)_mask) % _locks.Length];

    private Span<Entry> SetOf(ulong visitor) => _entries.AsSpan((int)(visitor & (ulong)_mask) * Ways, Ways);

    /// <summary>Empty with visitor 0, whose weight is 0.</summary>
    private struct Entry
    {
        public ulong Visitor;

        /// <summary>Visits, each worth less the longer ago it was, at the time of the last one.</summary>
        public double Weight;

        /// <summary>Minutes since the table was made.</summary>
        public double Last;

        public readonly double WeightAt(double now) => Weight * Math.Pow(2, -Math.Max(0, now - Last) / HalfLife.TotalMinutes);
    }
}

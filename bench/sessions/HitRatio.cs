using Segno.Bench.Sessions.Policies;

namespace Segno.Bench.Sessions;

/// <summary>How many visits find their session: each policy on each trace, all with room for as many sessions.</summary>
internal static class HitRatio
{
    private static readonly (string Name, Func<IEnumerable<Visit>> Make)[] All =
        [("zipf", Traces.Zipf), ("scan", Traces.Scan), ("flood", Traces.Flood), ("returns", Traces.Returns)];

    public static void Run(int capacity)
    {
        Console.WriteLine($"Room for {capacity:N0} sessions; % of visits that find theirs.");
        Console.WriteLine();
        Console.WriteLine($"| policy | {string.Join(" | ", All.Select(trace => trace.Name))} |");
        Console.WriteLine($"|---|{string.Concat(All.Select(_ => "--:|"))}");
        foreach (Func<IPolicy> make in Policies(capacity))
        {
            string name = "";
            var cells = new List<string>();
            foreach ((_, Func<IEnumerable<Visit>> trace) in All)
            {
                IPolicy policy = make();
                name = policy.Name;
                cells.Add($"{100 * Of(policy, trace()):F1}");
                (policy as IDisposable)?.Dispose();
            }
            Console.WriteLine($"| {name} | {string.Join(" | ", cells)} |");
        }
        Console.WriteLine();
    }

    private static Func<IPolicy>[] Policies(int capacity) =>
    [
        () => new Fifo(capacity),
        () => new Lru(capacity),
        () => new Clock(capacity, 1),
        () => new Clock(capacity, 3),
        () => new Sieve(capacity),
        () => new S3Fifo(capacity, 1, ghosts: false),
        () => new S3Fifo(capacity, 2, ghosts: false),
        () => new S3Fifo(capacity, 1, ghosts: true),
        () => new TinyLfu(capacity, named: false),
        () => new TinyLfu(capacity, named: true),
        () => new ShippedStore(capacity, byBytes: false, knowsSources: true),
        () => new ShippedStore(capacity, byBytes: true, knowsSources: true),
        () => new ShippedStore(capacity, byBytes: false, knowsSources: false),
    ];

    private static double Of(IPolicy policy, IEnumerable<Visit> trace)
    {
        var held = new Dictionary<int, long>();
        long next = 1;
        long hits = 0;
        long counted = 0;
        foreach (Visit visit in trace)
        {
            // A client offers the session that it has; when the server has it no more, a full handshake gives it another.
            held.TryGetValue(visit.Client, out long offered);
            bool hit = offered != 0 && policy.Use(offered);
            if (!hit)
            {
                policy.Insert(next, offered, visit.Source);
                held[visit.Client] = next++;
            }
            counted += visit.Counts ? 1 : 0;
            hits += visit.Counts && hit ? 1 : 0;
        }
        return (double)hits / counted;
    }
}

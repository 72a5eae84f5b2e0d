using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace Segno.Tests.ModelFuzz;

/// <summary>
/// Random sequences of messages between scripted peers and engines, with sessions, and what must hold whatever they are. A seed
/// gives the same sequences each time; the keys in them are random. Sequences come in worlds, which share servers and sessions.
/// </summary>
internal sealed class FuzzRun
{
    /// <summary>So many sequences share a world.</summary>
    public const int PerWorld = 1000;

    /// <summary>A sequence takes less than a millisecond. One that takes so long has no end.</summary>
    private static readonly TimeSpan s_hang = TimeSpan.FromMinutes(1);

    private readonly int _seed;
    private readonly long _sequences;
    private readonly TimeSpan _limit;
    private readonly PlantedRule _planted;
    private readonly Stopwatch _watch = new();
    private readonly SortedDictionary<string, long> _endings = new(StringComparer.Ordinal);
    private readonly List<Worker> _workers = [];
    private long _nextWorld;
    private string? _failure;

    /// <summary>Sets it up.</summary>
    /// <param name="seed">The seed.</param>
    /// <param name="sequences">How many sequences.</param>
    /// <param name="limit">For how long at most.</param>
    /// <param name="firstWorld">The number of the first world.</param>
    /// <param name="planted">A mistake to find.</param>
    public FuzzRun(int seed, long sequences, TimeSpan? limit = null, long firstWorld = 0, PlantedRule planted = PlantedRule.None)
    {
        _seed = seed;
        _sequences = sequences;
        _limit = limit ?? TimeSpan.MaxValue;
        _nextWorld = firstWorld;
        FirstWorld = firstWorld;
        _planted = planted;
    }

    /// <summary>How many sequences came to their end.</summary>
    public long Played { get; private set; }

    /// <summary>How often each kind of ending was.</summary>
    public IReadOnlyDictionary<string, long> Endings => _endings;

    /// <summary>What did not hold, with the steps that lead to it; <see langword="null"/>: all held.</summary>
    public string? Failure => _failure;

    private long FirstWorld { get; }

    /// <summary>Runs on so many threads.</summary>
    public void Run(int threads)
    {
        _watch.Start();
        for (int i = 0; i < threads; i++)
        {
            var worker = new Worker();
            worker.Thread = new Thread(() => Work(worker)) { IsBackground = true, Name = $"fuzz {i}" };
            _workers.Add(worker);
            worker.Thread.Start();
        }
        foreach (Worker worker in _workers)
        {
            while (!worker.Thread!.Join(TimeSpan.FromSeconds(1)))
            {
                if (_workers.Find(IsHanging) is { } hanging)
                {
                    Interlocked.CompareExchange(ref _failure, $"no end: {hanging.Current}", null);
                    return;
                }
            }
        }
        foreach (Worker worker in _workers)
        {
            Played += worker.Played;
            foreach ((string ending, long count) in worker.Endings)
            {
                _endings[ending] = _endings.GetValueOrDefault(ending) + count;
            }
        }
    }

    /// <summary>Totals by ending, and the failure if there is one.</summary>
    public string Report()
    {
        var text = new StringBuilder();
        foreach ((string ending, long count) in _endings.OrderByDescending(pair => pair.Value))
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"{count,10:N0}  {ending}");
        }
        text.AppendLine(CultureInfo.InvariantCulture, $"{Played:N0} sequences in {_watch.Elapsed.TotalSeconds:N0} s, seed {_seed}, {_endings.Count} kinds of ending.");
        if (_failure is not null)
        {
            text.AppendLine(_failure);
        }
        return text.ToString();
    }

    private static bool IsHanging(Worker worker) => worker.Current is not null && worker.Since.Elapsed > s_hang;

    private void Work(Worker worker)
    {
        while (_failure is null && _watch.Elapsed < _limit)
        {
            long world = Interlocked.Increment(ref _nextWorld) - 1;
            long left = _sequences - ((world - FirstWorld) * PerWorld);
            if (left <= 0)
            {
                return;
            }
            PlayWorld(worker, world, (int)Math.Min(PerWorld, left));
        }
    }

    private void PlayWorld(Worker worker, long number, int sequences)
    {
        var random = new Random(unchecked((_seed * 397) ^ (int)number));
        List<string> steps = [];
        int index = -1;
        try
        {
            using var world = new FuzzWorld(_planted);
            for (index = 0; index < sequences && _failure is null && _watch.Elapsed < _limit; index++)
            {
                steps.Clear();
                worker.Start($"world {number}, sequence {index}");
                // At the end of a world its sessions are over.
                world.Clock.Advance(index == PerWorld * 9 / 10 ? TimeSpan.FromHours(25) : TimeSpan.FromMilliseconds(random.Next(200)));
                bool ofServer = random.Next(10) < 7;
                string ending;
                using (FuzzPlay play = ofServer ? new FuzzedServer(world, random, steps) : new FuzzedClient(world, random, steps))
                {
                    ending = $"{(ofServer ? "server" : "client")}: {play.Run()}";
                }
                world.AssertBounded();
                worker.End(ending);
            }
        }
        catch (Exception e)
        {
            var text = new StringBuilder();
            text.AppendLine(CultureInfo.InvariantCulture, $"Sequence {index} of world {number}; again by: eng/fuzz --seed {_seed} --world {number} --sequences {PerWorld}");
            foreach (string step in steps)
            {
                text.AppendLine(CultureInfo.InvariantCulture, $"  {step}");
            }
            text.AppendLine(e.ToString());
            Interlocked.CompareExchange(ref _failure, text.ToString(), null);
        }
    }

    private sealed class Worker
    {
        public Thread? Thread { get; set; }

        public Dictionary<string, long> Endings { get; } = [];

        public long Played { get; private set; }

        public volatile string? Current;

        public Stopwatch Since { get; } = new();

        public void Start(string what)
        {
            Since.Restart();
            Current = what;
        }

        public void End(string ending)
        {
            Current = null;
            Played++;
            Endings[ending] = Endings.GetValueOrDefault(ending) + 1;
        }
    }
}

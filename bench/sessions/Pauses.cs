using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Diagnostics;
using Segno.Sessions;

namespace Segno.Bench.Sessions;

/// <summary>What ten million sessions in the process cost the collector: its pauses of generation 2, in the background and blocking.</summary>
internal static class Pauses
{
    private const int Rounds = 9;

    public static void Run(int entries)
    {
        Console.WriteLine($"| {entries:N0} sessions in | resident, MB | managed heap, MB | generation 2 in the background, ms: median of longest pauses (longest) | blocking, ms |");
        Console.WriteLine("|---|--:|--:|--:|--:|");
        Measure("nothing", entries, _ => { }, new object());
        using (var store = new MemorySessionStore(100_000_000, entries * 130L))
        {
            byte[] key = new byte[16];
            byte[] value = new byte[Policies.ShippedStore.ValueLength];
            var entry = new SessionStoreEntry(TimeProvider.System.GetUtcNow().AddHours(20));
            Measure("MemorySessionStore", entries, number =>
            {
                BinaryPrimitives.WriteInt32LittleEndian(key, number);
                Memory.Check(Memory.AtOnce(store.SetAsync(key, value, entry)));
            }, store);
            Memory.Check(store.Count == entries);
            Measure("the same, measured again", 0, _ => { }, store);
        }
        var dictionary = new ConcurrentDictionary<UInt128, byte[]>();
        Measure("ConcurrentDictionary", entries, number => dictionary[(UInt128)number] = new byte[Policies.ShippedStore.ValueLength], dictionary);
    }

    private static void Measure(string name, int entries, Action<int> add, object owner)
    {
        for (int i = 0; i < entries; i++)
        {
            add(i);
        }
        // A server at work: it has 200 MB of its own, and allocates.
        byte[][] window = new byte[400_000][];
        for (int i = 0; i < window.Length; i++)
        {
            window[i] = new byte[500];
        }
        GC.Collect();
        var background = new List<double>();
        var blocking = new List<double>();
        for (int round = 0; round < Rounds; round++)
        {
            long before = GC.GetGCMemoryInfo(GCKind.Background).Index;
            GC.Collect(2, GCCollectionMode.Forced, blocking: false);
            long began = Stopwatch.GetTimestamp();
            for (int i = 0; GC.GetGCMemoryInfo(GCKind.Background).Index == before && Stopwatch.GetElapsedTime(began).TotalSeconds < 20; i++)
            {
                for (int j = 0; j < 1000; j++)
                {
                    window[((i * 1000L) + j) % window.Length] = new byte[500];
                }
            }
            GCMemoryInfo last = GC.GetGCMemoryInfo(GCKind.Background);
            Memory.Check(last.Index != before && last.Generation == 2);
            background.Add(Longest(last));
            GC.Collect(2, GCCollectionMode.Forced, blocking: true, compacting: false);
            blocking.Add(Longest(GC.GetGCMemoryInfo(GCKind.FullBlocking)));
        }
        GC.KeepAlive(owner);
        Console.WriteLine($"| {name} | {Environment.WorkingSet / 1e6:F0} | {GC.GetTotalMemory(false) / 1e6:F0} | {Told(background)} | {Told(blocking)} |");

        static string Told(List<double> pauses) => $"{pauses.Order().ElementAt(Rounds / 2):F1} ({pauses.Max():F1})";

        static double Longest(GCMemoryInfo info)
        {
            double longest = 0;
            foreach (TimeSpan pause in info.PauseDurations)
            {
                longest = Math.Max(longest, pause.TotalMilliseconds);
            }
            return longest;
        }
    }
}

using System.Buffers;
using System.Buffers.Binary;
using System.Collections.Concurrent;
using BitFaster.Caching.Lru;
using Microsoft.Extensions.Caching.Memory;
using Segno.Bench.Peers;
using Segno.Sessions;

namespace Segno.Bench.Sessions;

/// <summary>
/// Lookups a second of CPU time, of sessions that are there, by one thread and by each of two at once, in caches that are full.
/// CPU time, because a busy machine takes cores away; what threads cost each other, in caches and at locks, shows all the same.
/// </summary>
internal static class Lookups
{
    private const int Entries = 100_000;
    private const int Batch = 1000;

    public static void Run(int rounds, double seconds)
    {
        byte[][] keys = new byte[Entries][];
        for (int i = 0; i < Entries; i++)
        {
            keys[i] = new byte[16];
            new Random(i).NextBytes(keys[i]);
        }
        byte[] value = new byte[Policies.ShippedStore.ValueLength];

        using var store = new MemorySessionStore(Entries, 64 << 20);
        var dictionary = new ConcurrentDictionary<UInt128, byte[]>();
        var lru = new ConcurrentLru<UInt128, byte[]>(4, Entries + 1000, EqualityComparer<UInt128>.Default);
        using var cache = new MemoryCache(new MemoryCacheOptions());
        var entry = new SessionStoreEntry(TimeProvider.System.GetUtcNow().AddHours(20));
        foreach (byte[] key in keys)
        {
            Memory.Check(Memory.AtOnce(store.SetAsync(key, value, entry)));
            dictionary[Number(key)] = [.. value];
            lru.AddOrUpdate(Number(key), [.. value]);
            cache.Set(Number(key), (byte[])[.. value], TimeSpan.FromHours(20));
        }

        (string Name, Func<Func<byte[], bool>> Reader)[] caches =
        [
            ("MemorySessionStore (copies the value out)", () =>
            {
                var room = new ArrayBufferWriter<byte>(256);
                return key =>
                {
                    room.ResetWrittenCount();
                    return Memory.AtOnce(store.GetAsync(key, room));
                };
            }),
            ("MemorySessionStore, as the engine calls it", () =>
            {
                byte[] room = new byte[256];
                return key => store.Find(key, room, out _, out _) >= 0;
            }),
            ("ConcurrentDictionary (no bound, no order)", () => key => dictionary.TryGetValue(Number(key), out _)),
            ("BitFaster ConcurrentLru", () => key => lru.TryGet(Number(key), out _)),
            ("MemoryCache", () => key => cache.TryGetValue(Number(key), out _)),
        ];
        long[] waits = new long[caches.Length];
        var results = new Dictionary<(int, int), List<double>>();
        for (int round = 0; round < rounds; round++)
        {
            for (int i = 0; i < caches.Length; i++)
            {
                foreach (int threads in new[] { 1, 2 })
                {
                    if (!results.TryGetValue((i, threads), out List<double>? rates))
                    {
                        results[(i, threads)] = rates = [];
                    }
                    long before = Monitor.LockContentionCount;
                    rates.Add(Measure(threads, seconds, keys, caches[i].Reader));
                    waits[i] += Monitor.LockContentionCount - before;
                }
            }
        }
        Console.WriteLine("| cache | 1 thread, M/s | × | 2 threads, M/s together | 2 : 1 | times a lock was waited for |");
        Console.WriteLine("|---|--:|--:|--:|--:|--:|");
        double reference = Median(results[(2, 1)]);
        for (int i = 0; i < caches.Length; i++)
        {
            double one = Median(results[(i, 1)]);
            double two = Median(results[(i, 2)]);
            Console.WriteLine($"| {caches[i].Name} | {one / 1e6:F1} | {one / reference:F2} | {two / 1e6:F1} | {two / one:F2} | {waits[i]} |");
        }
    }

    private static UInt128 Number(byte[] key) => BinaryPrimitives.ReadUInt128LittleEndian(key);

    private static double Measure(int threads, double seconds, byte[][] keys, Func<Func<byte[], bool>> makeReader)
    {
        using var start = new Barrier(threads);
        double[] rates = new double[threads];
        Thread[] all = [.. Enumerable.Range(0, threads).Select(number => new Thread(() =>
        {
            Func<byte[], bool> read = makeReader();
            byte[][] mine = [.. keys];
            new Random(number).Shuffle(mine);
            start.SignalAndWait();
            long count = 0;
            long began = CpuClock.ThreadNanoseconds();
            double elapsed;
            do
            {
                for (int i = 0; i < Batch; i++)
                {
                    Memory.Check(read(mine[(count + i) % mine.Length]));
                }
                count += Batch;
                elapsed = (CpuClock.ThreadNanoseconds() - began) / 1e9;
            }
            while (elapsed < seconds);
            rates[number] = count / elapsed;
        }))];
        foreach (Thread thread in all)
        {
            thread.Start();
        }
        foreach (Thread thread in all)
        {
            thread.Join();
        }
        return rates.Sum();
    }

    private static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);
}

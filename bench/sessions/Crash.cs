using System.Buffers;
using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Segno.Sessions;

namespace Segno.Bench.Sessions;

/// <summary>
/// Two processes that share a file store are killed (SIGKILL) again and again at random moments. What they said they had stored must be
/// there and right, what they said they had consumed must be gone, and no session may have been consumed twice.
/// </summary>
internal static class Crash
{
    private const int Shared = 200;
    private static readonly DateTimeOffset Expiry = TimeProvider.System.GetUtcNow().AddHours(6);

    /// <returns>0: nothing was lost, wrong, back, or consumed twice.</returns>
    /// <param name="kills">How many kills, at least.</param>
    /// <param name="time">For how long, at least.</param>
    /// <param name="lie">What the processes do wrong, to see that it is noticed: lost, wrong, back, twice. Empty: nothing.</param>
    public static async Task<int> RunAsync(int kills, TimeSpan time, string lie = "")
    {
        DirectoryInfo root = Directory.CreateTempSubdirectory("segno-crash-");
        string path = Path.Combine(root.FullName, "store");
        string keyFile = Path.Combine(root.FullName, "key");
        FileStoreKey.CreateFile(keyFile);
        using FileStoreKey key = FileStoreKey.FromFile(keyFile);
        using var store = new FileSessionStore(path, key, 1_000_000, 1L << 34);
        var wins = new ConcurrentDictionary<string, int>();
        int seed = 0;
        List<Worker> workers = [new(path, keyFile, seed++, lie, wins), new(path, keyFile, seed++, lie, wins)];
        var total = new Findings();
        var clock = Stopwatch.StartNew();
        int killed = 0;
        while (killed < kills || clock.Elapsed < time)
        {
            for (int i = 0; i < Shared; i++)
            {
                string name = $"shared-{killed}-{i}";
                await store.SetAsync(Bytes(name), Value(name), new SessionStoreEntry(Expiry));
            }
            Worker victim = workers[killed % 2];
            workers.ForEach(worker => worker.Race(killed));
            await victim.Began;
            await Task.Delay(RandomNumberGenerator.GetInt32(1, 150));
            victim.Kill();
            total += await victim.CheckAsync(store);
            workers[killed % 2] = new Worker(path, keyFile, seed++, lie, wins);
            killed++;
        }
        foreach (Worker worker in workers)
        {
            worker.Kill();
            total += await worker.CheckAsync(store);
        }
        int twice = wins.Values.Count(count => count > 1);
        root.Delete(recursive: true);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{killed} kills in {clock.Elapsed.TotalSeconds:0} s: {total.Stored} stored, {total.Consumed} consumed, {wins.Count} won in races; {total.Lost} lost, {total.Wrong} wrong, {total.Back} back, {twice} consumed twice"));
        // A run that stored or raced nothing shows nothing.
        bool worked = total.Stored > killed && total.Consumed > 0 && !wins.IsEmpty;
        return worked && total is { Lost: 0, Wrong: 0, Back: 0 } && twice == 0 ? 0 : 1;
    }

    /// <summary>What is killed: says what it begins and what it has done, a line each.</summary>
    public static async Task WorkAsync(string path, string keyFile, string seed, string lie)
    {
        using FileStoreKey key = FileStoreKey.FromFile(keyFile);
        using var store = new FileSessionStore(path, key, 1_000_000, 1L << 34);
        using var output = new StreamWriter(Console.OpenStandardOutput()) { AutoFlush = true };
        string? race = null;
        _ = Task.Run(async () =>
        {
            while (await Console.In.ReadLineAsync() is { } line)
            {
                Volatile.Write(ref race, line);
            }
            // Nobody listens any more.
            Environment.Exit(0);
        });
        for (int i = 0; ; i++)
        {
            string name = $"{seed}-{i}";
            if (lie != "lost" || i % 10 > 0)
            {
                await store.SetAsync(Bytes(name), Value(lie == "wrong" ? $"not {name}" : name), new SessionStoreEntry(Expiry));
            }
            await output.WriteLineAsync($"S {name}");
            if (i % 3 == 2)
            {
                string earlier = $"{seed}-{i - 1}";
                await output.WriteLineAsync($"c {earlier}");
                if (await store.TryConsumeAsync(Bytes(earlier)))
                {
                    if (lie == "back")
                    {
                        await store.SetAsync(Bytes(earlier), Value(earlier), new SessionStoreEntry(Expiry));
                    }
                    await output.WriteLineAsync($"C {earlier}");
                }
            }
            if (Volatile.Read(ref race) is { } number && i % 2 == 0)
            {
                string shared = $"shared-{number}-{i / 2 % Shared}";
                if (await store.TryConsumeAsync(Bytes(shared)))
                {
                    await output.WriteLineAsync(lie == "twice" ? $"W {shared}\nW {shared}" : $"W {shared}");
                }
            }
        }
    }

    private static byte[] Bytes(string name) => Encoding.ASCII.GetBytes(name);

    /// <summary>Of a length between 64 bytes and 8 KiB, and never that of another name.</summary>
    private static byte[] Value(string name)
    {
        byte[] digest = SHA256.HashData(Bytes(name));
        byte[] value = new byte[64 + (digest[0] << 5)];
        for (int i = 0; i < value.Length; i++)
        {
            value[i] = digest[i % digest.Length];
        }
        return value;
    }

    private readonly record struct Findings(int Stored, int Consumed, int Lost, int Wrong, int Back)
    {
        public static Findings operator +(Findings a, Findings b)
            => new(a.Stored + b.Stored, a.Consumed + b.Consumed, a.Lost + b.Lost, a.Wrong + b.Wrong, a.Back + b.Back);
    }

    private sealed class Worker
    {
        private readonly Process _process;
        private readonly HashSet<string> _stored = [];
        private readonly HashSet<string> _consuming = [];
        private readonly HashSet<string> _consumed = [];
        private readonly TaskCompletionSource _began = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly Task _reading;

        public Worker(string path, string keyFile, int seed, string lie, ConcurrentDictionary<string, int> wins)
        {
            var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardInput = true, RedirectStandardOutput = true };
            foreach (string argument in (string[])["crash-worker", path, keyFile, seed.ToString(CultureInfo.InvariantCulture), lie])
            {
                start.ArgumentList.Add(argument);
            }
            _process = Process.Start(start)!;
            _reading = Task.Run(async () =>
            {
                while (await _process.StandardOutput.ReadLineAsync() is { } line)
                {
                    // A line is one write to a pipe: it is here as a whole or not at all.
                    HashSet<string>? said = line[0] switch { 'S' => _stored, 'c' => _consuming, 'C' => _consumed, _ => null };
                    said?.Add(line[2..]);
                    if (line[0] == 'W')
                    {
                        wins.AddOrUpdate(line[2..], 1, (_, count) => count + 1);
                    }
                    _began.TrySetResult();
                }
                _began.TrySetResult();
            });
        }

        public Task Began => _began.Task;

        public void Race(int number)
        {
            _process.StandardInput.WriteLine(number);
            _process.StandardInput.Flush();
        }

        public void Kill()
        {
            _process.Kill();
            _process.WaitForExit();
        }

        public async Task<Findings> CheckAsync(FileSessionStore store)
        {
            await _reading;
            var found = new Findings { Stored = _stored.Count, Consumed = _consumed.Count };
            foreach (string name in _stored)
            {
                var destination = new ArrayBufferWriter<byte>();
                bool isThere = await store.GetAsync(Bytes(name), destination);
                found += new Findings
                {
                    Wrong = isThere && !destination.WrittenSpan.SequenceEqual(Value(name)) ? 1 : 0,
                    Lost = !isThere && !_consuming.Contains(name) ? 1 : 0,
                    Back = isThere && _consumed.Contains(name) ? 1 : 0,
                };
                await store.RemoveAsync(Bytes(name));
            }
            _process.Dispose();
            return found;
        }
    }
}

using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using Segno.Bench.Peers;

return args is ["worker", string peer, string directory] ? RunWorker(peer, directory) : Coordinate(args);

static int RunWorker(string peer, string directory)
{
    BenchFiles files = new(directory);
    using Worker worker = peer switch
    {
        "segno" => new SegnoWorker(files),
        "sslstream" => new SslStreamWorker(files),
        _ => throw new ArgumentException($"unknown peer {peer}"),
    };
    worker.Run(Console.In, Console.Out);
    return 0;
}

static int Coordinate(string[] args)
{
    const string Usage = "usage: run [--rounds N] [--seconds S] [--warm-up S] [--peers a,b] [--cases a,b] [--json FILE]";
    int rounds = 7;
    double seconds = 0.5;
    double warmUp = 4;
    string? json = null;
    string? driver = null;
    string[] peers = ["openssl", "segno", "sslstream"];
    string[] cases = Cases.All;
    for (int i = 0; i < args.Length; i++)
    {
        string value = i + 1 < args.Length ? args[i + 1] : "";
        switch (args[i])
        {
            case "--rounds": rounds = int.Parse(value, CultureInfo.InvariantCulture); break;
            case "--seconds": seconds = double.Parse(value, CultureInfo.InvariantCulture); break;
            case "--warm-up": warmUp = double.Parse(value, CultureInfo.InvariantCulture); break;
            case "--json": json = value; break;
            case "--driver": driver = value; break;
            case "--peers": peers = value.Split(','); break;
            case "--cases": cases = value.Split(','); break;
            default:
                Console.Error.WriteLine(Usage);
                return args[i] is "--help" or "-h" ? 0 : 2;
        }
        i++;
    }

    string directory = Directory.CreateTempSubdirectory("segno-bench-").FullName;
    List<WorkerProcess> workers = [];
    try
    {
        BenchFiles files = new(directory);
        files.Write();
        foreach (string peer in peers)
        {
            workers.Add(Start(peer, driver, files));
        }
        foreach (WorkerProcess worker in workers)
        {
            foreach (string name in cases.Where(name => Cases.IsKnownTo(worker.Name, name)))
            {
                _ = worker.Run(name, warmUp / cases.Length);
            }
        }

        Report report = new(peers, peers.Contains("openssl") ? "openssl" : peers[0]);
        for (int round = 1; round <= rounds; round++)
        {
            Console.Error.WriteLine($"round {round} of {rounds}");
            foreach (string name in cases)
            {
                for (int i = 0; i < workers.Count; i++)
                {
                    WorkerProcess worker = workers[(i + round) % workers.Count];
                    if (Cases.IsKnownTo(worker.Name, name))
                    {
                        report.Add(round, worker.Run(name, seconds));
                    }
                }
            }
        }

        JsonObject head = Head(workers, rounds, seconds);
        Console.WriteLine("## Peers");
        Console.WriteLine();
        foreach ((string key, JsonNode? value) in head)
        {
            Console.WriteLine($"- {key}: {value}");
        }
        Console.WriteLine();
        report.WriteMarkdown(Console.Out);
        if (json is not null)
        {
            head["summary"] = report.Summary();
            head["rounds"] = report.Rounds();
            File.WriteAllText(json, head.ToJsonString(new JsonSerializerOptions { WriteIndented = true }) + "\n");
        }

        string[] violations = [.. report.Violations()];
        foreach (string violation in violations)
        {
            Console.Error.WriteLine($"NOT AS CLAIMED: {violation}");
        }
        return violations.Length == 0 ? 0 : 1;
    }
    finally
    {
        workers.ForEach(worker => worker.Dispose());
        Directory.Delete(directory, recursive: true);
    }
}

static WorkerProcess Start(string peer, string? driver, BenchFiles files)
{
    ProcessStartInfo start;
    if (peer == "openssl")
    {
        start = new ProcessStartInfo(driver ?? throw new ArgumentException("--driver is missing"), [files.Ca, files.Chain, files.Key, BenchFiles.Host]);
    }
    else
    {
        start = new ProcessStartInfo(Environment.ProcessPath!);
        if (Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet")
        {
            start.ArgumentList.Add(typeof(Worker).Assembly.Location);
        }
        foreach (string argument in (ReadOnlySpan<string>)["worker", peer, files.Directory])
        {
            start.ArgumentList.Add(argument);
        }
    }
    if (peer == "sslstream")
    {
        start.Environment["OPENSSL_CONF"] = files.OpenSslConfiguration;
    }
    return new WorkerProcess(start);
}

static JsonObject Head(IEnumerable<WorkerProcess> workers, int rounds, double seconds)
{
    string cpu = File.Exists("/proc/cpuinfo")
        ? File.ReadLines("/proc/cpuinfo").FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal))?.Split(':', 2)[1].Trim() ?? "?"
        : "?";
    JsonObject head = new()
    {
        ["date"] = DateTime.UtcNow.ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture) + " UTC",
        ["cpu"] = string.Create(CultureInfo.InvariantCulture, $"{cpu}, {Environment.ProcessorCount} cores"),
        ["system"] = RuntimeInformation.OSDescription,
        ["runtime"] = RuntimeInformation.FrameworkDescription,
        ["rounds"] = string.Create(CultureInfo.InvariantCulture, $"{rounds}, {seconds} s of CPU per peer and case in each, in turn"),
        ["clock"] = string.Create(CultureInfo.InvariantCulture, $"CLOCK_THREAD_CPUTIME_ID; one look costs {CpuClock.MeasureCost() / 1000:0.00} µs and is included, 4 to 5 times per end"),
        ["setting"] = "TLS 1.2 (ECDHE-ECDSA) and 1.3, AES-128-GCM, SHA-256, X25519, P-256 CA and leaf, client verifies chain and name, one ticket",
    };
    foreach (WorkerProcess worker in workers)
    {
        head[worker.Name] = worker.Version;
    }
    return head;
}

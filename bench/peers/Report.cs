using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;

namespace Segno.Bench.Peers;

/// <summary>Medians over rounds, and medians of each round's ratio to OpenSSL in the same round.</summary>
internal sealed class Report
{
    private readonly List<(int Round, Sample Sample)> _samples = [];
    private readonly IReadOnlyList<string> _peers;
    private readonly string _baseline;

    public Report(IReadOnlyList<string> peers, string baseline)
    {
        _peers = peers;
        _baseline = baseline;
    }

    public void Add(int round, Sample sample) => _samples.Add((round, sample));

    /// <summary>What was not as claimed; empty where all was.</summary>
    public IEnumerable<string> Violations()
    {
        foreach ((int round, Sample sample) in _samples.Where(entry => Cases.Handshakes.Contains(entry.Sample.Case)))
        {
            long expected = Cases.IsResumed(sample.Case) ? sample.Handshakes : 0;
            if (sample.ResumedClient != expected || sample.ResumedServer != expected)
            {
                yield return string.Create(
                    CultureInfo.InvariantCulture,
                    $"{sample.Peer} {sample.Case} round {round}: of {sample.Handshakes} handshakes {sample.ResumedClient} (client) and {sample.ResumedServer} (server) were resumed, not {expected}");
            }
        }
    }

    public void WriteMarkdown(TextWriter output)
    {
        output.WriteLine("### Handshakes: CPU per handshake, µs (median of rounds; × OpenSSL in the same round)");
        output.WriteLine();
        output.WriteLine("| case | peer | server µs | × | client µs | × | process µs, both | bytes client → server | server → client | allocated server | client | resumed |");
        output.WriteLine("|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|");
        foreach (string name in Cases.Handshakes)
        {
            foreach (string peer in _peers)
            {
                string server = Number(Median(name, peer, ServerMicroseconds), "0.0");
                string client = Number(Median(name, peer, ClientMicroseconds), "0.0");
                Sample[] all = [.. Of(name, peer)];
                string resumed = string.Create(CultureInfo.InvariantCulture, $"{all.Sum(s => s.ResumedServer)}/{all.Sum(s => s.Handshakes)}");
                output.WriteLine(
                    $"| {name} | {peer} | {server} | {Ratio(name, peer, ServerMicroseconds)} | {client} | {Ratio(name, peer, ClientMicroseconds)} " +
                    $"| {Number(Median(name, peer, s => s.ProcessCpuNs / 1000.0 / s.Handshakes), "0.0")} " +
                    $"| {Number(Median(name, peer, s => (double)s.ClientBytes / s.Handshakes), "0")} | {Number(Median(name, peer, s => (double)s.ServerBytes / s.Handshakes), "0")} " +
                    $"| {Number(Median(name, peer, s => s.ServerAllocated / (double)s.Handshakes), "0")} | {Number(Median(name, peer, s => s.ClientAllocated / (double)s.Handshakes), "0")} | {resumed} |");
            }
        }
        output.WriteLine();
        output.WriteLine("### Bulk: 16 KiB records, GB/s of CPU time (median of rounds; × OpenSSL in the same round)");
        output.WriteLine();
        output.WriteLine("| direction | peer | send GB/s | × | receive GB/s | × | allocated per record send | receive |");
        output.WriteLine("|---|---|--:|--:|--:|--:|--:|--:|");
        foreach (string name in Cases.Bulk)
        {
            foreach (string peer in _peers)
            {
                output.WriteLine(
                    $"| {name} | {peer} | {Number(Median(name, peer, SendRate), "0.00")} | {Ratio(name, peer, SendRate)} " +
                    $"| {Number(Median(name, peer, ReceiveRate), "0.00")} | {Ratio(name, peer, ReceiveRate)} " +
                    $"| {Number(Median(name, peer, s => s.SendAllocated * (double)Worker.RecordLength / s.Bytes), "0")} " +
                    $"| {Number(Median(name, peer, s => s.ReceiveAllocated * (double)Worker.RecordLength / s.Bytes), "0")} |");
            }
        }
    }

    public JsonArray Summary()
    {
        JsonArray summary = [];
        foreach (string name in Cases.All)
        {
            foreach (string peer in _peers)
            {
                bool handshake = Cases.Handshakes.Contains(name);
                JsonObject entry = new() { ["case"] = name, ["peer"] = peer };
                if (handshake)
                {
                    Put(entry, name, peer, "serverMicroseconds", ServerMicroseconds);
                    Put(entry, name, peer, "clientMicroseconds", ClientMicroseconds);
                    Put(entry, name, peer, "processMicroseconds", s => s.ProcessCpuNs / 1000.0 / s.Handshakes);
                    entry["clientBytes"] = Median(name, peer, s => (double)s.ClientBytes / s.Handshakes);
                    entry["serverBytes"] = Median(name, peer, s => (double)s.ServerBytes / s.Handshakes);
                    entry["clientAllocated"] = Median(name, peer, s => s.ClientAllocated / (double)s.Handshakes);
                    entry["serverAllocated"] = Median(name, peer, s => s.ServerAllocated / (double)s.Handshakes);
                }
                else
                {
                    Put(entry, name, peer, "sendGigabytesPerSecond", SendRate);
                    Put(entry, name, peer, "receiveGigabytesPerSecond", ReceiveRate);
                }
                summary.Add(entry);
            }
        }
        return summary;
    }

    public JsonArray Rounds()
    {
        JsonArray rounds = [];
        foreach ((int round, Sample sample) in _samples)
        {
            JsonObject entry = System.Text.Json.JsonSerializer.SerializeToNode(sample, Sample.Json)!.AsObject();
            entry["round"] = round;
            rounds.Add(entry);
        }
        return rounds;
    }

    private static double? ServerMicroseconds(Sample sample) => sample.ServerCpuNs / 1000.0 / sample.Handshakes;

    private static double? ClientMicroseconds(Sample sample) => sample.ClientCpuNs / 1000.0 / sample.Handshakes;

    private static double? SendRate(Sample sample) => (double)sample.Bytes / sample.SendCpuNs;

    private static double? ReceiveRate(Sample sample) => (double)sample.Bytes / sample.ReceiveCpuNs;

    private void Put(JsonObject entry, string name, string peer, string key, Func<Sample, double?> value)
    {
        double?[] values = [.. Of(name, peer).Select(value).Order()];
        entry[key] = Median(name, peer, value);
        entry[key + "Lowest"] = values.FirstOrDefault();
        entry[key + "Highest"] = values.LastOrDefault();
        entry[key + "Ratio"] = MedianRatio(name, peer, value);
    }

    private IEnumerable<Sample> Of(string name, string peer)
        => _samples.Where(entry => entry.Sample.Case == name && entry.Sample.Peer == peer).Select(entry => entry.Sample);

    private double? Median(string name, string peer, Func<Sample, double?> value) => Median(Of(name, peer).Select(value));

    private string Ratio(string name, string peer, Func<Sample, double?> value) => Number(MedianRatio(name, peer, value), "0.00");

    private double? MedianRatio(string name, string peer, Func<Sample, double?> value)
        => Median(_samples
            .Where(entry => entry.Sample.Case == name && entry.Sample.Peer == peer)
            .Select(entry => (Own: value(entry.Sample), Base: _samples
                .Where(other => other.Round == entry.Round && other.Sample.Case == name && other.Sample.Peer == _baseline)
                .Select(other => value(other.Sample)).FirstOrDefault()))
            .Select(both => both.Own / both.Base));

    private static double? Median(IEnumerable<double?> values)
    {
        double[] sorted = [.. values.OfType<double>().Order()];
        return sorted.Length switch
        {
            0 => null,
            int n when n % 2 == 1 => sorted[n / 2],
            int n => (sorted[(n / 2) - 1] + sorted[n / 2]) / 2,
        };
    }

    private static string Number(double? value, string format) => value?.ToString(format, CultureInfo.InvariantCulture) ?? "–";
}

using System.Globalization;
using System.Text.Json;

namespace Segno.Bench.Peers;

/// <summary>
/// A peer in a process of its own: reads lines "CASE SECONDS" (of CPU), answers each with one <see cref="Sample"/> as a line of
/// JSON. The loops are those of openssl_driver.c.
/// </summary>
internal abstract class Worker : IDisposable
{
    public const int RecordLength = 16384;
    private const int WarmUp = 20;

    protected Worker(string name)
    {
        Name = name;
    }

    public string Name { get; }

    protected Meter Meter { get; } = new();

    protected long ClientBytes { get; set; }

    protected long ServerBytes { get; set; }

    protected long ResumedClient { get; set; }

    protected long ResumedServer { get; set; }

    /// <summary>What the peer calls itself, for the table's head.</summary>
    public abstract string Version { get; }

    /// <summary>Turns to the contexts of a case: its version and mechanism.</summary>
    protected abstract void Select(string name);

    /// <summary>Create, handshake, one byte from the server, close both ways, free.</summary>
    protected abstract void Handshake(bool resume);

    /// <summary>Opens the connection that <see cref="SendRecord"/> uses.</summary>
    protected abstract void OpenBulk();

    /// <summary>Moves 16 KiB from one end to the other and returns the bytes on the wire.</summary>
    protected abstract long SendRecord(bool toServer);

    protected abstract void CloseBulk();

    public abstract void Dispose();

    public void Run(TextReader input, TextWriter output)
    {
        output.WriteLine(JsonSerializer.Serialize(new Sample { Peer = Name, Version = Version }, Sample.Json));
        output.Flush();
        while (input.ReadLine() is { } line)
        {
            string[] words = line.Split(' ');
            TimeSpan time = TimeSpan.FromSeconds(double.Parse(words[1], CultureInfo.InvariantCulture));
            Sample sample = words[0] switch
            {
                string name when Cases.Handshakes.Contains(name) => Handshakes(name, Cases.IsResumed(name), time),
                Cases.BulkToServer => Bulk(words[0], toServer: true, time),
                Cases.BulkToClient => Bulk(words[0], toServer: false, time),
                _ => throw new InvalidDataException($"unknown case {words[0]}"),
            };
            output.WriteLine(JsonSerializer.Serialize(sample, Sample.Json));
            output.Flush();
        }
    }

    private Sample Handshakes(string name, bool resume, TimeSpan time)
    {
        Select(name);
        Handshake(resume: false); // yields the first ticket
        for (int i = 0; i < WarmUp; i++)
        {
            Handshake(resume);
        }
        if (resume)
        {
            Handshake(resume: true);
        }
        Meter.Reset();
        ClientBytes = ServerBytes = ResumedClient = ResumedServer = 0;
        long count = 0;
        long process = CpuClock.ProcessNanoseconds();
        long end = process + Nanoseconds(time);
        do
        {
            Handshake(resume);
            count++;
        }
        while (CpuClock.ProcessNanoseconds() < end);
        return new Sample
        {
            Peer = Name,
            Case = name,
            Handshakes = count,
            ResumedClient = ResumedClient,
            ResumedServer = ResumedServer,
            ClientCpuNs = Meter.ClientCpu,
            ServerCpuNs = Meter.ServerCpu,
            ProcessCpuNs = CpuClock.ProcessNanoseconds() - process,
            ClientBytes = ClientBytes,
            ServerBytes = ServerBytes,
            ClientAllocated = Meter.ClientAllocated,
            ServerAllocated = Meter.ServerAllocated,
        };
    }

    private static long Nanoseconds(TimeSpan time) => time.Ticks * TimeSpan.NanosecondsPerTick;

    private Sample Bulk(string name, bool toServer, TimeSpan time)
    {
        Select(name);
        OpenBulk();
        (long bytes, long wire, long process) = (0, 0, 0);
        foreach (TimeSpan span in (ReadOnlySpan<TimeSpan>)[TimeSpan.FromMilliseconds(20), time])
        {
            Meter.Reset();
            (bytes, wire) = (0, 0);
            process = CpuClock.ProcessNanoseconds();
            long end = process + Nanoseconds(span);
            do
            {
                wire += SendRecord(toServer);
                bytes += RecordLength;
            }
            while (CpuClock.ProcessNanoseconds() < end);
            process = CpuClock.ProcessNanoseconds() - process;
        }
        CloseBulk();
        return new Sample
        {
            Peer = Name,
            Case = name,
            Bytes = bytes,
            WireBytes = wire,
            SendCpuNs = toServer ? Meter.ClientCpu : Meter.ServerCpu,
            ReceiveCpuNs = toServer ? Meter.ServerCpu : Meter.ClientCpu,
            ProcessCpuNs = process,
            SendAllocated = toServer ? Meter.ClientAllocated : Meter.ServerAllocated,
            ReceiveAllocated = toServer ? Meter.ServerAllocated : Meter.ClientAllocated,
        };
    }
}

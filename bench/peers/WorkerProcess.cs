using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace Segno.Bench.Peers;

/// <summary>A worker as the coordinator sees it. It computes only between a question and its answer.</summary>
internal sealed class WorkerProcess : IDisposable
{
    private readonly Process _process;

    public WorkerProcess(ProcessStartInfo start)
    {
        start.RedirectStandardInput = true;
        start.RedirectStandardOutput = true;
        _process = Process.Start(start) ?? throw new InvalidOperationException($"{start.FileName} does not start");
        Sample hello = ReadSample();
        Name = hello.Peer;
        Version = hello.Version ?? "?";
    }

    public string Name { get; }

    public string Version { get; }

    public Sample Run(string name, double seconds)
    {
        _process.StandardInput.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name} {seconds}"));
        _process.StandardInput.Flush();
        return ReadSample();
    }

    public void Dispose()
    {
        _process.StandardInput.Close();
        if (!_process.WaitForExit(5000))
        {
            _process.Kill();
        }
        _process.Dispose();
    }

    private Sample ReadSample()
    {
        string line = _process.StandardOutput.ReadLine()
            ?? throw new InvalidOperationException($"{(Name is null ? "a worker" : Name)} died; see its messages above");
        return JsonSerializer.Deserialize<Sample>(line, Sample.Json)!;
    }
}

using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;

namespace Segno.Bench.Fleet;

/// <summary>One connection, as the client saw it, with what the server said of it.</summary>
/// <param name="At">When it was due.</param>
/// <param name="Handshake">From then to the end of the handshake.</param>
/// <param name="Offered">Whether the client offered a session.</param>
/// <param name="Resumed">Whether it was resumed, by the client's word.</param>
/// <param name="Reason">Why not, by the server's; empty where there is none.</param>
/// <param name="Failure">What failed; <see langword="null"/> where nothing did.</param>
internal readonly record struct Sample(TimeSpan At, TimeSpan Handshake, bool Offered, bool Resumed, string Reason, string? Failure);

/// <summary>Runs <c>fleet_client</c>, which opens connections at a steady rate, and takes down what it counts.</summary>
internal sealed class Load : IAsyncDisposable
{
    private readonly ConcurrentQueue<Sample> _samples = new();
    private readonly Process _client;
    private readonly Task _reading;
    // Both this and the client's clock are CLOCK_MONOTONIC.
    private readonly long _start = Stopwatch.GetTimestamp();

    public Load(string program, string authority, int port, Mechanism mechanism, int rate, int clients)
    {
        string[] arguments =
        [
            authority, port.ToString(CultureInfo.InvariantCulture),
            mechanism switch { Mechanism.Id => "id", Mechanism.Ticket => "ticket", _ => "psk" },
            rate.ToString(CultureInfo.InvariantCulture), clients.ToString(CultureInfo.InvariantCulture),
        ];
        _client = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true })!;
        _reading = ReadAsync();
    }

    public TimeSpan Now => Stopwatch.GetElapsedTime(_start);

    /// <summary>Opens no more, waits for those that are open, and says what became of all.</summary>
    /// <exception cref="InvalidOperationException">The client broke down.</exception>
    public async Task<IReadOnlyCollection<Sample>> EndAsync()
    {
        _client.StandardInput.Close();
        await _reading;
        await _client.WaitForExitAsync();
        return _client.ExitCode == 0 ? _samples : throw new InvalidOperationException($"fleet_client ended with {_client.ExitCode}.");
    }

    public async ValueTask DisposeAsync()
    {
        if (!_client.HasExited)
        {
            _client.Kill();
            await _client.WaitForExitAsync();
        }
        _client.Dispose();
    }

    private async Task ReadAsync()
    {
        while (await _client.StandardOutput.ReadLineAsync() is { } line)
        {
            string[] fields = line.Split('\t');
            long due = long.Parse(fields[0], CultureInfo.InvariantCulture) / (1_000_000_000 / Stopwatch.Frequency);
            _samples.Enqueue(new Sample(
                Stopwatch.GetElapsedTime(_start, due),
                TimeSpan.FromMicroseconds(long.Parse(fields[1], CultureInfo.InvariantCulture)),
                fields[2] == "1",
                fields[3] == "1",
                fields[4] == "-" ? "" : fields[4],
                fields[5] == "-" ? null : fields[5]));
        }
    }
}

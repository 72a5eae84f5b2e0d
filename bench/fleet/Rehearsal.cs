using System.Globalization;
using System.Security.Authentication;
using System.Security.Cryptography;

namespace Segno.Bench.Fleet;

/// <summary>How sessions come back.</summary>
internal enum Mechanism
{
    Id,
    Ticket,
    Stateless,
    Stateful,
}

/// <summary>A part of the rehearsal, by the clock of the load.</summary>
internal sealed record Step(string Name, TimeSpan From, TimeSpan To);

/// <summary>Three servers, a load balancer, Redis, and a script of what happens to them under load.</summary>
internal sealed class Rehearsal(Mechanism mechanism, int rate, int clients, TimeSpan length, string program, string directory) : IAsyncDisposable
{
    private const int Nodes = 3;

    private readonly Certificates _certificates = new(directory);
    private readonly Forwarder _forwarder = new();
    private readonly Redises _redis = new();
    private readonly (Child Process, int Port)[] _nodes = new (Child, int)[Nodes];
    private readonly List<Step> _steps = [];
    private Load _load = null!;

    public IReadOnlyList<Step> Steps => _steps;

    public async Task<IReadOnlyCollection<Sample>> RunAsync()
    {
        await File.WriteAllBytesAsync(KeyPath, RandomNumberGenerator.GetBytes(32));
        await _redis.StartAsync();
        string certificate = _certificates.Issue();
        for (int i = 0; i < Nodes; i++)
        {
            await StartNodeAsync(i, certificate);
        }
        _load = new Load(
            _forwarder.Port, _certificates.Authority, mechanism is Mechanism.Stateless or Mechanism.Stateful ? SslProtocols.Tls13 : SslProtocols.Tls12, rate, clients);
        using var end = new CancellationTokenSource();
        Task running = _load.RunAsync(end.Token);
        try
        {
            await PlayAsync(certificate);
        }
        finally
        {
            await end.CancelAsync();
            await running;
        }
        return _load.Samples;
    }

    public async ValueTask DisposeAsync()
    {
        foreach ((Child? node, _) in _nodes)
        {
            if (node is not null)
            {
                await node.DisposeAsync();
            }
        }
        await _redis.DisposeAsync();
        _forwarder.Dispose();
        _certificates.Dispose();
    }

    private string KeyPath => Path.Combine(directory, "fleet.key");

    private async Task PlayAsync(string certificate)
    {
        await StepAsync("warm-up", () => Task.CompletedTask);
        await StepAsync("steady", () => Task.CompletedTask);
        await StepAsync("each node is restarted", () => RestartAllAsync(certificate));
        await StepAsync("the certificate is renewed", () => RestartAllAsync(_certificates.Issue()));
        // A key is active for a minute: within so long there is a new one, however short the steps are.
        await StepAsync("ticket keys rotate", () => Task.Delay(TimeSpan.FromSeconds(60)));
        await StepAsync("Redis is killed", _redis.KillAsync);
        await StepAsync("Redis is back, empty", _redis.RestartAsync);
        await StepAsync("Redis hangs (SIGSTOP)", () => Now(_redis.Freeze));
        await StepAsync("Redis goes on (SIGCONT)", () => Now(_redis.Thaw));
        await StepAsync("Redis is full (maxmemory)", _redis.FillAsync);
        await StepAsync("Redis has room again", _redis.EmptyAsync);
        await StepAsync("Redis is flushed (FLUSHALL)", _redis.FlushAsync);
        await StepAsync("failover to the replica", _redis.FailOverAsync);
        await StepAsync("the old primary is back as a replica", _redis.RestoreReplicaAsync);
        using var truth = new CancellationTokenSource();
        Task lies = Task.CompletedTask;
        await StepAsync("Redis answers garbage", () => Now(() => lies = _redis.LieAsync(truth.Token)));
        await truth.CancelAsync();
        await lies;
        await StepAsync("Redis is back, empty, again", _redis.RestartAsync);
    }

    private static Task Now(Action action)
    {
        action();
        return Task.CompletedTask;
    }

    private async Task StepAsync(string name, Func<Task> action)
    {
        TimeSpan from = _load.Now;
        await Console.Error.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"{from.TotalSeconds,6:f1} s  {name}"));
        await action();
        TimeSpan rest = from + length - _load.Now;
        if (rest > TimeSpan.Zero)
        {
            await Task.Delay(rest);
        }
        _steps.Add(new Step(name, from, _load.Now));
    }

    private async Task RestartAllAsync(string certificate)
    {
        for (int i = 0; i < Nodes; i++)
        {
            await _forwarder.DrainAsync(_nodes[i].Port);
            await _nodes[i].Process.EndAsync(Signal.Terminate);
            await _nodes[i].Process.DisposeAsync();
            await StartNodeAsync(i, certificate);
        }
    }

    private async Task StartNodeAsync(int index, string certificate)
    {
        List<string> arguments =
        [
            program, "serve", "--listen", "127.0.0.1:0", "--no-self-test", "--cert", certificate, "--store", "redis:" + _redis.Connection,
            "--ticket-keys", "redis:" + _redis.Connection, "--ticket-key-encryption-key", KeyPath, "--ticket-key-period", "1m", "--ticket-lifetime", "10m",
        ];
        arguments.AddRange(mechanism switch
        {
            Mechanism.Id => ["--tls", "1.2", "--no-tickets"],
            Mechanism.Ticket => ["--tls", "1.2"],
            Mechanism.Stateful => ["--tls", "1.3", "--ticket-mode", "stateful"],
            _ => ["--tls", "1.3"],
        });
        var process = new Child("dotnet", arguments);
        _nodes[index].Process = process;
        int port = (await process.AddressAsync()).Port;
        _nodes[index] = (process, port);
        _forwarder.Add(port);
    }
}

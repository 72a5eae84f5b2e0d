using System.Globalization;
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

/// <summary>What is asked of a step.</summary>
internal enum Expectation
{
    /// <summary>Nothing yet: clients and servers are new.</summary>
    Nothing,

    /// <summary>Every session comes back.</summary>
    Resumption,

    /// <summary>Sessions in Redis may not be found, and nothing else happens.</summary>
    Service,

    /// <summary>The same at first; then every session comes back again by itself.</summary>
    Recovery,
}

/// <summary>A part of the rehearsal, by the clock of the load.</summary>
internal sealed record Step(string Name, Expectation Expectation, TimeSpan From, TimeSpan To);

/// <summary>How hard, and by whom.</summary>
/// <param name="Rate">Connections a second.</param>
/// <param name="Clients">How many clients take turns.</param>
/// <param name="Length">How long a step is at least.</param>
/// <param name="Program">Segno.Cli.dll.</param>
/// <param name="Client">fleet_client.</param>
internal sealed record Settings(int Rate, int Clients, TimeSpan Length, string Program, string Client);

/// <summary>Three servers, a load balancer, Redis, and a script of what happens to them under load.</summary>
internal sealed class Rehearsal(Mechanism mechanism, Settings settings, string directory) : IAsyncDisposable
{
    private const int Nodes = 3;

    private readonly Certificates _certificates = new(directory);
    private readonly Forwarder _forwarder = new();
    private readonly Redises _redis = new(directory);
    private readonly Node?[] _nodes = new Node?[Nodes];
    private readonly List<Step> _steps = [];
    private Load? _load;

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
        _load = new Load(settings.Client, _certificates.AuthorityPath, _forwarder.Port, mechanism, settings.Rate, settings.Clients);
        await PlayAsync(certificate);
        return await _load.EndAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (_load is not null)
        {
            await _load.DisposeAsync();
        }
        foreach (Node? node in _nodes)
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
        await StepAsync("warm-up", Expectation.Nothing, () => Task.CompletedTask);
        await StepAsync("steady", Expectation.Resumption, () => Task.CompletedTask);
        await StepAsync("each node is restarted", Expectation.Resumption, () => RestartAllAsync(certificate));
        await StepAsync("the certificate is renewed", Expectation.Resumption, () => RestartAllAsync(_certificates.Issue()));
        await StepAsync("ticket keys rotate", Expectation.Resumption, RotateAsync);
        await StepAsync("Redis is killed", Expectation.Service, _redis.KillAsync);
        await StepAsync("Redis is back, empty", Expectation.Recovery, _redis.RestartAsync);
        await StepAsync("Redis hangs (SIGSTOP)", Expectation.Service, () => Now(_redis.Freeze));
        await StepAsync("Redis goes on (SIGCONT)", Expectation.Recovery, () => Now(_redis.Thaw));
        await StepAsync("Redis is full (maxmemory)", Expectation.Service, _redis.FillAsync);
        await StepAsync("Redis has room again", Expectation.Recovery, _redis.EmptyAsync);
        await StepAsync("Redis is flushed (FLUSHALL)", Expectation.Recovery, _redis.FlushAsync);
        await StepAsync("failover to the replica", Expectation.Recovery, _redis.FailOverAsync);
        await StepAsync("the old primary is back as a replica", Expectation.Recovery, _redis.RestoreReplicaAsync);
        using var truth = new CancellationTokenSource();
        Task lies = Task.CompletedTask;
        await StepAsync("Redis answers garbage", Expectation.Service, () => Now(() => lies = _redis.LieAsync(truth.Token)));
        await truth.CancelAsync();
        await lies;
        await StepAsync("Redis is back, empty, again", Expectation.Recovery, _redis.RestartAsync);
    }

    private static Task Now(Action action)
    {
        action();
        return Task.CompletedTask;
    }

    private async Task StepAsync(string name, Expectation expectation, Func<Task> action)
    {
        TimeSpan from = _load!.Now;
        await Console.Error.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"{from.TotalSeconds,6:f1} s  {name}"));
        await action();
        TimeSpan rest = from + settings.Length - _load.Now;
        if (rest > TimeSpan.Zero)
        {
            await Task.Delay(rest);
        }
        _steps.Add(new Step(name, expectation, from, _load.Now));
    }

    private async Task RestartAllAsync(string certificate)
    {
        for (int i = 0; i < Nodes; i++)
        {
            Node node = _nodes[i]!;
            await _forwarder.DrainAsync(node.Port);
            await node.EndAsync();
            await node.DisposeAsync();
            await StartNodeAsync(i, certificate);
        }
    }

    /// <summary>Waits until all nodes seal with another key: a key is active for a minute, or for two where a node was not heard of.</summary>
    private async Task RotateAsync()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(3));
        long before = await _nodes[0]!.ActiveKeyAsync();
        foreach (Node? node in _nodes)
        {
            while (await node!.ActiveKeyAsync() <= before)
            {
                await Task.Delay(250, limit.Token);
            }
        }
    }

    private async Task StartNodeAsync(int index, string certificate)
    {
        List<string> arguments =
        [
            settings.Program, "serve", "--listen", "127.0.0.1:0", "--no-self-test", "--cert", certificate, "--store", "redis:" + _redis.Connection,
            "--ticket-keys", "redis:" + _redis.Connection, "--ticket-key-encryption-key", KeyPath, "--ticket-key-period", "1m", "--ticket-lifetime", "10m",
        ];
        arguments.AddRange(mechanism switch
        {
            Mechanism.Id => ["--tls", "1.2", "--no-tickets"],
            Mechanism.Ticket => ["--tls", "1.2"],
            Mechanism.Stateful => ["--tls", "1.3", "--ticket-mode", "stateful"],
            _ => ["--tls", "1.3"],
        });
        _nodes[index] = await Node.StartAsync(arguments, _certificates.Authority);
        _forwarder.Add(_nodes[index]!.Port);
    }
}

using System.Globalization;
using System.Net;
using System.Net.Sockets;
using StackExchange.Redis;

namespace Segno.Bench.Fleet;

/// <summary>Two redis-servers, one the other's replica, and what can happen to them.</summary>
/// <param name="directory">Where they may write.</param>
internal sealed class Redises(string directory) : IAsyncDisposable
{
    private readonly int[] _ports = [FreePort(), FreePort()];
    private readonly Child?[] _servers = new Child?[2];

    // Which of the two is the primary.
    private int _primary;
    private int _started;

    public string Connection => $"127.0.0.1:{_ports[0]},127.0.0.1:{_ports[1]},connectRetry=1,connectTimeout=500,configCheckSeconds=1,keepAlive=1";

    private int Replica => 1 - _primary;

    public async Task StartAsync()
    {
        await StartAsync(0, replicaOf: null);
        await StartAsync(1, replicaOf: 0);
    }

    /// <summary>Kills both.</summary>
    public async Task KillAsync()
    {
        await EndAsync(_primary);
        await EndAsync(Replica);
    }

    /// <summary>Both start again with nothing in them.</summary>
    public async Task RestartAsync()
    {
        await StartAsync(_primary, replicaOf: null);
        await StartAsync(Replica, replicaOf: _primary);
    }

    public void Freeze() => _servers[_primary]!.Send(Signal.Stop);

    public void Thaw() => _servers[_primary]!.Send(Signal.Continue);

    public Task FillAsync() => AskAsync(_primary, "CONFIG", "SET", "maxmemory", "1mb");

    public Task EmptyAsync() => AskAsync(_primary, "CONFIG", "SET", "maxmemory", "0");

    public Task FlushAsync() => AskAsync(_primary, "FLUSHALL");

    /// <summary>The primary dies; the replica takes its place, and gets it back as a replica.</summary>
    public async Task FailOverAsync()
    {
        await EndAsync(_primary);
        await AskAsync(Replica, "REPLICAOF", "NO", "ONE");
        _primary = Replica;
    }

    public Task RestoreReplicaAsync() => StartAsync(Replica, replicaOf: _primary);

    /// <summary>Somebody else answers at both addresses until the token is cancelled.</summary>
    public async Task LieAsync(CancellationToken end)
    {
        await KillAsync();
        await Task.WhenAll(_ports.Select(port => LieAsync(port, end)));
    }

    public async ValueTask DisposeAsync()
    {
        foreach (Child? server in _servers)
        {
            if (server is not null)
            {
                await server.DisposeAsync();
            }
        }
    }

    private static int FreePort()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }

    private static async Task LieAsync(int port, CancellationToken end)
    {
        using var listener = new TcpListener(IPAddress.Loopback, port);
        listener.Start();
        while (!end.IsCancellationRequested)
        {
            try
            {
                using TcpClient client = await listener.AcceptTcpClientAsync(end);
                await client.GetStream().WriteAsync("*-7\r\n$banana\r\n+\r\n:\r\n\0\0\0"u8.ToArray(), end);
            }
            catch (Exception exception) when (exception is OperationCanceledException or IOException or SocketException)
            {
                // The next.
            }
        }
    }

    private async Task StartAsync(int index, int? replicaOf)
    {
        // A replica leaves what it got from its primary in a file, and whoever starts there reads it: that of another fleet, with its ticket keys.
        string empty = Path.Combine(directory, $"redis-{_started++}");
        Directory.CreateDirectory(empty);
        List<string> arguments =
        [
            "--dir", empty, "--bind", "127.0.0.1", "--port", _ports[index].ToString(CultureInfo.InvariantCulture), "--save", "", "--appendonly", "no",
            "--maxmemory-policy", "noeviction", "--repl-diskless-sync-delay", "0",
        ];
        if (replicaOf is { } primary)
        {
            arguments.AddRange(["--replicaof", "127.0.0.1", _ports[primary].ToString(CultureInfo.InvariantCulture)]);
        }
        _servers[index] = new Child("redis-server", arguments);
        await AskAsync(index, "PING");
    }

    private async Task EndAsync(int index)
    {
        await _servers[index]!.EndAsync(Signal.Kill);
        await _servers[index]!.DisposeAsync();
        _servers[index] = null;
    }

    private async Task AskAsync(int index, string command, params object[] arguments)
    {
        var options = new ConfigurationOptions
        {
            AllowAdmin = true,
            AbortOnConnectFail = false,
            ConnectTimeout = 500,
            ReconnectRetryPolicy = new LinearRetry(50),
            HeartbeatInterval = TimeSpan.FromMilliseconds(100),
            EndPoints = { { "127.0.0.1", _ports[index] } },
        };
        await using ConnectionMultiplexer connection = await ConnectionMultiplexer.ConnectAsync(options);
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while (!connection.IsConnected)
        {
            await Task.Delay(20, limit.Token);
        }
        await connection.GetServers()[0].ExecuteAsync(command, arguments);
    }
}

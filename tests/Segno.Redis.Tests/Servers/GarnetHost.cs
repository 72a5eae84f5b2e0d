using System.Globalization;
using Garnet;
using Segno.Interop.Tests.Peers;
using StackExchange.Redis;

namespace Segno.Redis.Tests.Servers;

/// <summary>A Garnet in this process, for all tests that need no server of their own: they take different prefixes.</summary>
public sealed class GarnetHost : IAsyncLifetime
{
    private GarnetServer? _server;

    public int Port { get; } = Loopback.FreePort();

    public IConnectionMultiplexer Connection { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        _server = new GarnetServer(["--bind", "127.0.0.1", "--port", Port.ToString(CultureInfo.InvariantCulture), "--memory", "64m", "--index", "1m", "-q"]);
        _server.Start();
        Connection = await ConnectAsync();
    }

    public async Task<IConnectionMultiplexer> ConnectAsync() => await ConnectionMultiplexer.ConnectAsync(RedisProcess.Configuration(Port));

    public async ValueTask DisposeAsync()
    {
        await Connection.DisposeAsync();
        _server?.Dispose();
    }
}

/// <summary>One Garnet for the assembly.</summary>
[CollectionDefinition(Name)]
public sealed class GarnetForAll : ICollectionFixture<GarnetHost>
{
    public const string Name = "Garnet";
}

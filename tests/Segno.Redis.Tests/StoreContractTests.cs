using Segno.Redis.Tests.Servers;
using Segno.Sessions;
using Segno.Tests.Sessions.Stores;
using StackExchange.Redis;

namespace Segno.Redis.Tests;

[Collection(GarnetForAll.Name)]
public sealed class GarnetStoreContractTests(GarnetHost garnet) : SessionStoreContract
{
    protected override ISessionStore Store { get; } = new RedisSessionStore(garnet.Connection, $"contract-{Guid.NewGuid()}:");

    protected override DateTimeOffset Now => TimeProvider.System.GetUtcNow();
}

[Collection(GarnetForAll.Name)]
public sealed class LayeredGarnetStoreContractTests : SessionStoreContract, IDisposable
{
    private readonly LayeredSessionStore _store;

    public LayeredGarnetStoreContractTests(GarnetHost garnet)
        => _store = new LayeredSessionStore(
            new RedisSessionStore(garnet.Connection, $"contract-{Guid.NewGuid()}:"), new LayeredSessionStoreOptions { Budget = TimeSpan.FromSeconds(10) });

    protected override ISessionStore Store => _store;

    protected override DateTimeOffset Now => TimeProvider.System.GetUtcNow();

    public void Dispose() => _store.Dispose();
}

public sealed class RedisStoreContractTests : SessionStoreContract, IAsyncLifetime
{
    private RedisProcess? _server;
    private IConnectionMultiplexer? _connection;
    private RedisSessionStore? _store;

    protected override ISessionStore Store => _store!;

    protected override DateTimeOffset Now => TimeProvider.System.GetUtcNow();

    public async ValueTask InitializeAsync()
    {
        _server = await RedisProcess.StartAsync();
        _connection = await _server.ConnectAsync();
        _store = new RedisSessionStore(_connection);
    }

    public async ValueTask DisposeAsync()
    {
        if (_connection is not null)
        {
            await _connection.DisposeAsync();
        }
        if (_server is not null)
        {
            await _server.DisposeAsync();
        }
    }
}

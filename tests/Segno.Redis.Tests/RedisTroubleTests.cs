using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Time.Testing;
using Segno.Redis.Tests.Servers;
using Segno.Sessions;
using StackExchange.Redis;

namespace Segno.Redis.Tests;

/// <summary>A real redis-server goes through what happens to one; every handshake succeeds, and resumption comes back by itself.</summary>
public sealed class RedisTroubleTests : IAsyncLifetime
{
    private readonly TicketKeyRing _keys = new();
    private readonly TlsClientContext _client = TlsPair.Client();

    // Memory's own: it forgets when a test says so, and what is resumed then comes from Redis.
    private readonly FakeTimeProvider _memoryClock = new(TimeProvider.System.GetUtcNow());
    private MemorySessionStore _memory = null!;
    private RedisProcess _redis = null!;
    private IConnectionMultiplexer _connection = null!;
    private LayeredSessionStore _store = null!;
    private TlsServerContext _server = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private LayeredStoreStatistics Seen => _store.GetStatistics();

    public async ValueTask InitializeAsync()
    {
        _redis = await RedisProcess.StartAsync();
        _connection = await _redis.ConnectAsync();
        _memory = new MemorySessionStore(maxLifetime: TimeSpan.FromSeconds(1), timeProvider: _memoryClock);
        _store = new LayeredSessionStore(
            new RedisSessionStore(_connection),
            new LayeredSessionStoreOptions { Memory = _memory, Budget = TimeSpan.FromMilliseconds(500), Pause = TimeSpan.FromMilliseconds(100) });
        _server = TlsPair.Server(_store, _keys);
        // The first connection of a process compiles everything on its way.
        await TlsPair.ConnectAsync(TlsPair.Client(), _server);
    }

    public async ValueTask DisposeAsync()
    {
        _server?.Dispose();
        _store?.Dispose();
        _memory?.Dispose();
        _keys.Dispose();
        if (_connection is not null)
        {
            await _connection.DisposeAsync();
        }
        if (_redis is not null)
        {
            await _redis.DisposeAsync();
        }
    }

    [Fact]
    public async Task ItIsKilledAndComesBackEmpty()
    {
        await ResumesAsync();
        await _redis.KillAsync();
        await Eventually.BecomesAsync(() => !_connection.IsConnected, "the connection is lost");
        await DeclinesAsync(ResumptionReason.StoreUnavailable);
        await _redis.StartAgainAsync();
        await ComesBackAsync();
    }

    [Fact]
    public async Task ItIsFrozenAndThawed()
    {
        await ResumesAsync();
        _redis.Freeze();
        for (int i = 0; i < 4; i++)
        {
            // By turns the answer is waited for, and not asked for.
            ResumptionReason reason = await OfferAsync();
            Assert.True(reason is ResumptionReason.StoreTimeout or ResumptionReason.StoreUnavailable, $"{reason}");
        }
        Assert.True(Seen.Timeouts > 0);
        _redis.Thaw();
        await ComesBackAsync();
    }

    [Fact]
    public async Task ItIsFull()
    {
        IServer admin = _connection.GetServers()[0];
        await admin.ConfigSetAsync("maxmemory-policy", "noeviction");
        await ResumesAsync();
        await admin.ConfigSetAsync("maxmemory", "1mb");
        await Eventually.BecomesAsync(
            async () =>
            {
                long failures = Seen.Failures;
                await TlsPair.ConnectAsync(TlsPair.Client(), _server);
                return Seen.Failures > failures;
            },
            "it refuses to keep a session");
        await admin.ConfigSetAsync("maxmemory", "0");
        await ComesBackAsync();
    }

    [Fact]
    public async Task ItIsFlushed()
    {
        await ResumesAsync();
        TlsClientContext client = TlsPair.Client();
        await TlsPair.ConnectAsync(client, _server);
        ForgetMemory();
        await _connection.GetServers()[0].FlushAllDatabasesAsync();
        Assert.Equal(ResumptionReason.SessionNotFound, (await TlsPair.ConnectAsync(client, _server)).Reason);
        await ComesBackAsync();
    }

    /// <summary>Somebody else listens where Redis was, and answers every byte with nonsense.</summary>
    [Fact]
    public async Task ItAnswersGarbage()
    {
        await ResumesAsync();
        await _redis.KillAsync();
        using (var listener = new TcpListener(IPAddress.Loopback, _redis.Port))
        {
            listener.Start();
            Task lying = LieAsync(listener);
            await DeclinesAsync(ResumptionReason.StoreUnavailable);
            listener.Stop();
            await lying;
        }
        await _redis.StartAgainAsync();
        await ComesBackAsync();
    }

    private static async Task LieAsync(TcpListener listener)
    {
        try
        {
            while (true)
            {
                using TcpClient client = await listener.AcceptTcpClientAsync(Token);
                await client.GetStream().WriteAsync("*-7\r\n$banana\r\n+\r\n:\r\n\0\0\0"u8.ToArray(), Token);
            }
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException or IOException)
        {
            // It is stopped.
        }
    }

    private void ForgetMemory() => _memoryClock.Advance(TimeSpan.FromSeconds(3));

    private async Task<ResumptionReason> OfferAsync()
    {
        await TlsPair.ConnectAsync(_client, _server);
        ForgetMemory();
        ResumptionOutcome outcome = await TlsPair.ConnectAsync(_client, _server);
        Assert.NotEqual(ResumptionStatus.NotOffered, outcome.Status);
        return outcome.Reason;
    }

    private async Task ResumesAsync() => Assert.Equal(ResumptionReason.None, await OfferAsync());

    private async Task DeclinesAsync(ResumptionReason reason) => Assert.Equal(reason, await OfferAsync());

    private Task ComesBackAsync() => Eventually.BecomesAsync(async () => await OfferAsync() == ResumptionReason.None, "sessions in Redis are resumed again");
}

using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using Segno.Redis.Tests.Servers;
using Segno.Sessions;
using StackExchange.Redis;

namespace Segno.Redis.Tests;

/// <summary>R-111…R-114, E1, E9: of all who claim a flight one is told that it is the first, whatever happens to Redis.</summary>
[Collection(GarnetForAll.Name)]
public sealed class RedisReplayGuardTests(GarnetHost garnet) : IAsyncLifetime
{
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Difference = TimeSpan.FromSeconds(5);

    private readonly FakeTimeProvider _time = new(TimeProvider.System.GetUtcNow());
    private readonly string _prefix = $"early-{Guid.NewGuid()}";
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("segno-test-");
    private RedisProcess _redis = null!;
    private IConnectionMultiplexer _connection = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    /// <summary>"redis", as the default zone is called.</summary>
    private string Tag => $"{{{_prefix}:7265646973}}:";

    public async ValueTask InitializeAsync()
    {
        _redis = await RedisProcess.StartAsync();
        _connection = await _redis.ConnectAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _connection.DisposeAsync();
        await _redis.DisposeAsync();
        _directory.Delete(recursive: true);
    }

    [Theory]
    [Trait("Museum", "E1")]
    [InlineData(false)]
    [InlineData(true)]
    public async Task OfManyOneIsTheFirst(bool inGarnet)
    {
        IConnectionMultiplexer connection = inGarnet ? garnet.Connection : _connection;
        RedisReplayGuard[] guards = [await ReadyAsync(connection), Guard(connection)];
        EarlyDataClaim claim = Claim();
        ReplayVerdict[] verdicts = await Task.WhenAll(Enumerable.Range(0, 64).Select(i => Task.Run(() => guards[i % 2].ClaimAsync(claim, Token).AsTask())));
        Assert.Single(verdicts, verdict => verdict == ReplayVerdict.First);
        Assert.Equal(63, verdicts.Count(verdict => verdict == ReplayVerdict.Seen));
        Assert.Equal(ReplayVerdict.First, await guards[1].ClaimAsync(Claim(), Token));
        Assert.All(guards, guard => Assert.Null(guard.LastFailure));
    }

    // until nothing can be accepted that was accepted before, by Redis' own count.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task WhatRedisForgotIsRefusedUntilItIsOver(bool inGarnet)
    {
        IConnectionMultiplexer connection = inGarnet ? garnet.Connection : _connection;
        IDatabase database = connection.GetDatabase();
        RedisReplayGuard one = await ReadyAsync(connection);
        RedisReplayGuard other = Guard(connection);
        EarlyDataClaim claim = Claim();
        Assert.Equal(ReplayVerdict.First, await one.ClaimAsync(claim, Token));
        if (inGarnet)
        {
            // Others' keys are there, too.
            await database.KeyDeleteAsync([Tag + "run", Tag + "pause", Mark(claim)]);
        }
        else
        {
            await connection.GetServers()[0].FlushAllDatabasesAsync();
        }
        for (int i = 0; i < 3; i++)
        {
            Assert.Equal(ReplayVerdict.FreshStart, await one.ClaimAsync(claim, Token));
            Assert.Equal(ReplayVerdict.FreshStart, await other.ClaimAsync(Claim(), Token));
        }
        TimeSpan? pause = await database.KeyTimeToLiveAsync(Tag + "pause");
        Assert.InRange(pause!.Value, (2 * Window) + Difference - TimeSpan.FromSeconds(5), (2 * Window) + Difference + TimeSpan.FromMilliseconds(1));
        Assert.Null(await database.KeyTimeToLiveAsync(Tag + "run"));
        await EndPauseAsync(connection);
        Assert.Equal(ReplayVerdict.First, await other.ClaimAsync(Claim(), Token));
        // It was claimed while all was refused, so it was not forgotten since.
        Assert.Equal(ReplayVerdict.Seen, await other.ClaimAsync(claim, Token));
    }

    [Fact]
    public async Task ThePauseEndsByItself()
    {
        var options = new RedisReplayGuardOptions { Prefix = _prefix, Window = TimeSpan.FromMilliseconds(50), ClockDifference = TimeSpan.Zero, TimeProvider = _time };
        var guard = new RedisReplayGuard(_connection, options);
        EarlyDataClaim Now() => Claim() with { NotAfter = _time.GetUtcNow() + TimeSpan.FromMilliseconds(100) };
        Assert.Equal(ReplayVerdict.FreshStart, await guard.ClaimAsync(Now(), Token));
        await Eventually.BecomesAsync(async () => await guard.ClaimAsync(Now(), Token) == ReplayVerdict.First, "the pause is over");
    }

    /// <summary>Restarted with what it had written: the marker is there, the last marks may not be.</summary>
    [Fact]
    public async Task AnotherProcessOfRedisBeginsAnew()
    {
        await using RedisProcess redis = await RedisProcess.StartAsync("--appendonly", "yes", "--appendfsync", "always", "--dir", _directory.FullName);
        await using IConnectionMultiplexer connection = await redis.ConnectAsync();
        RedisReplayGuard guard = await ReadyAsync(connection);
        EarlyDataClaim claim = Claim();
        Assert.Equal(ReplayVerdict.First, await guard.ClaimAsync(claim, Token));
        await redis.KillAsync();
        await Eventually.BecomesAsync(() => !connection.IsConnected, "the connection is lost");
        Assert.Equal(ReplayVerdict.Unknown, await guard.ClaimAsync(claim, Token));
        await redis.StartAgainAsync();
        await Eventually.BecomesAsync(() => connection.IsConnected, "the connection is back");
        Assert.True(await connection.GetDatabase().KeyExistsAsync(Tag + "run"));
        await Eventually.BecomesAsync(
            async () =>
            {
                ReplayVerdict verdict = await guard.ClaimAsync(claim, Token);
                Assert.True(verdict is ReplayVerdict.Unknown or ReplayVerdict.FreshStart, $"{verdict}");
                return verdict == ReplayVerdict.FreshStart;
            },
            "it knows that this is another process");
        Assert.Equal(ReplayVerdict.FreshStart, await Guard(connection).ClaimAsync(Claim(), Token));
    }

    /// <summary>A replica refuses; promoted, it has the marker, and lacks perhaps the last marks.</summary>
    [Fact]
    public async Task AReplicaThatIsPromotedBeginsAnew()
    {
        await using RedisProcess replica = await RedisProcess.StartAsync();
        await using IConnectionMultiplexer connection = await replica.ConnectAsync();
        RedisReplayGuard primary = await ReadyAsync(_connection);
        Assert.Equal(ReplayVerdict.First, await primary.ClaimAsync(Claim(), Token));
        await connection.GetDatabase().ExecuteAsync("REPLICAOF", "127.0.0.1", $"{_redis.Port}");
        await Eventually.BecomesAsync(async () => await connection.GetDatabase().KeyExistsAsync(Tag + "run", CommandFlags.PreferReplica), "the replica has the marker");
        RedisReplayGuard guard = Guard(connection);
        Assert.Equal(ReplayVerdict.Unknown, await guard.ClaimAsync(Claim(), Token));
        await connection.GetDatabase().ExecuteAsync("REPLICAOF", ["NO", "ONE"], CommandFlags.PreferReplica);
        await connection.GetServers()[0].PingAsync();
        await Eventually.BecomesAsync(
            async () =>
            {
                ReplayVerdict verdict = await guard.ClaimAsync(Claim(), Token);
                Assert.True(verdict is ReplayVerdict.Unknown or ReplayVerdict.FreshStart, $"{verdict}");
                return verdict == ReplayVerdict.FreshStart;
            },
            "it knows that it is another process");
    }

    [Fact]
    public async Task WithoutRedisNothingIsCleared()
    {
        RedisReplayGuard guard = await ReadyAsync(_connection);
        EarlyDataClaim claim = Claim();
        Assert.Equal(ReplayVerdict.First, await guard.ClaimAsync(claim, Token));
        _redis.Freeze();
        Assert.Equal(ReplayVerdict.Unknown, await guard.ClaimAsync(claim, Token));
        Assert.NotNull(guard.LastFailure);
        _redis.Thaw();
        await Eventually.BecomesAsync(async () => await guard.ClaimAsync(claim, Token) == ReplayVerdict.Seen, "it answers again");
        Assert.Null(guard.LastFailure);

        await _redis.KillAsync();
        await Eventually.BecomesAsync(() => !_connection.IsConnected, "the connection is lost");
        Assert.Equal(ReplayVerdict.Unknown, await guard.ClaimAsync(claim, Token));
        Assert.IsType<RedisConnectionException>(guard.LastFailure);

        // Somebody else listens there, and says what means nothing.
        using (var liar = new TcpListener(IPAddress.Loopback, _redis.Port))
        {
            liar.Start();
            using (TcpClient client = await liar.AcceptTcpClientAsync(Token))
            {
                await client.GetStream().WriteAsync("*-7\r\n$banana\r\n+\r\n:\r\n\0"u8.ToArray(), Token);
                Assert.Equal(ReplayVerdict.Unknown, await guard.ClaimAsync(claim, Token));
            }
        }
        await _redis.StartAgainAsync();
        await Eventually.BecomesAsync(async () => await guard.ClaimAsync(claim, Token) == ReplayVerdict.FreshStart, "it came back empty");
    }

    /// <summary>E9: what is evicted would be accepted again.</summary>
    [Theory]
    [Trait("Museum", "E9")]
    [InlineData("noeviction", "0", true)]
    [InlineData("noeviction", "100mb", true)]
    [InlineData("volatile-ttl", "0", true)]
    [InlineData("volatile-ttl", "100mb", false)]
    [InlineData("volatile-lru", "100mb", false)]
    [InlineData("allkeys-lfu", "100mb", false)]
    public async Task ARedisThatEvictsIsNoneToRememberIn(string policy, string limit, bool isGood)
    {
        IServer admin = _connection.GetServers()[0];
        await ReadyAsync(_connection);
        await admin.ConfigSetAsync("maxmemory-policy", policy);
        await admin.ConfigSetAsync("maxmemory", limit);
        RedisReplayGuard guard = Guard(_connection);
        Assert.Equal(isGood ? ReplayVerdict.First : ReplayVerdict.Unknown, await guard.ClaimAsync(Claim(), Token));
        if (isGood)
        {
            return;
        }
        Assert.Contains($"maxmemory-policy {policy}", guard.LastFailure!.Message, StringComparison.Ordinal);
        Assert.Equal(ReplayVerdict.Unknown, await guard.ClaimAsync(Claim(), Token));
        await admin.ConfigSetAsync("maxmemory-policy", "noeviction");
        Assert.Equal(ReplayVerdict.First, await guard.ClaimAsync(Claim(), Token));

        // It is looked at again when the interval is over, and not before.
        await admin.ConfigSetAsync("maxmemory-policy", policy);
        _time.Advance(TimeSpan.FromMinutes(1) - TimeSpan.FromTicks(1));
        Assert.Equal(ReplayVerdict.First, await guard.ClaimAsync(Claim(), Token));
        _time.Advance(TimeSpan.FromTicks(1));
        Assert.Equal(ReplayVerdict.Unknown, await guard.ClaimAsync(Claim(), Token));
    }

    [Fact]
    public async Task AFullRedisClearsNothing()
    {
        RedisReplayGuard guard = await ReadyAsync(_connection);
        await _connection.GetServers()[0].ConfigSetAsync("maxmemory", "1");
        Assert.Equal(ReplayVerdict.Unknown, await guard.ClaimAsync(Claim(), Token));
        Assert.NotNull(guard.LastFailure);
        await _connection.GetServers()[0].ConfigSetAsync("maxmemory", "0");
        Assert.Equal(ReplayVerdict.First, await guard.ClaimAsync(Claim(), Token));
    }

    /// <summary>The rights that docs/fleet.md names are enough, and none of them is too much.</summary>
    [Theory]
    [InlineData("+get +set +exists +multi +exec +info +@connection", true)]
    [InlineData("+get +set +exists +multi +exec +@connection", false)]
    [InlineData("+get +exists +multi +exec +info +@connection", false)]
    [InlineData("+get +set +multi +exec +info +@connection", false)]
    [InlineData("+set +exists +multi +exec +info +@connection", false)]
    public async Task TheRightsThatAreNamedAreNeeded(string rights, bool areEnough)
    {
        await ReadyAsync(_connection);
        await _connection.GetDatabase().ExecuteAsync("ACL", ["SETUSER", "guard", "on", ">secret", $"~{{{_prefix}:*", .. rights.Split(' ')]);
        ConfigurationOptions configuration = RedisProcess.Configuration(_redis.Port);
        (configuration.User, configuration.Password) = ("guard", "secret");
        await using ConnectionMultiplexer connection = await ConnectionMultiplexer.ConnectAsync(configuration);
        RedisReplayGuard guard = Guard(connection);
        Assert.Equal(areEnough ? ReplayVerdict.First : ReplayVerdict.Unknown, await guard.ClaimAsync(Claim(), Token));
        Assert.Equal(areEnough, guard.LastFailure is null);
    }

    [Fact]
    public async Task AMarkLastsAsLongAsAnyServerMayAcceptTheFlight()
    {
        RedisReplayGuard guard = await ReadyAsync(_connection);
        EarlyDataClaim claim = Claim() with { NotAfter = _time.GetUtcNow() + (2 * Window) };
        Assert.Equal(ReplayVerdict.First, await guard.ClaimAsync(claim, Token));
        TimeSpan? left = await _connection.GetDatabase().KeyTimeToLiveAsync(Mark(claim));
        Assert.InRange(left!.Value, (2 * Window) + Difference - TimeSpan.FromSeconds(5), (2 * Window) + Difference + TimeSpan.FromMilliseconds(2));
    }

    [Fact]
    public async Task WhatIsNotToBeAcceptedAnyMoreOrForTooLongIsNotCleared()
    {
        RedisReplayGuard guard = await ReadyAsync(_connection);
        async Task<ReplayVerdict> UntilAsync(TimeSpan left) => await guard.ClaimAsync(Claim() with { NotAfter = _time.GetUtcNow() + left }, Token);
        Assert.Equal(ReplayVerdict.First, await UntilAsync(TimeSpan.Zero));
        Assert.Equal(ReplayVerdict.Unknown, await UntilAsync(TimeSpan.FromTicks(-1)));
        Assert.Equal(ReplayVerdict.First, await UntilAsync(2 * Window));
        Assert.Equal(ReplayVerdict.Unknown, await UntilAsync((2 * Window) + TimeSpan.FromTicks(1)));
    }

    // A mark that has expired is not missed by a server whose clock is set back to when it had not.
    [Fact]
    public async Task AClockThatIsSetBackStandsStill()
    {
        RedisReplayGuard guard = await ReadyAsync(_connection);
        EarlyDataClaim claim = Claim() with { NotAfter = _time.GetUtcNow() };
        DateTimeOffset then = _time.GetUtcNow();
        _time.Advance(TimeSpan.FromMinutes(10));
        Assert.Equal(ReplayVerdict.First, await guard.ClaimAsync(Claim(), Token));
        _time.AdjustTime(then);
        Assert.Equal(ReplayVerdict.Unknown, await guard.ClaimAsync(claim, Token));
        Assert.Equal(ReplayVerdict.First, await Guard(_connection).ClaimAsync(claim, Token));
    }

    [Theory]
    [InlineData(31, ReplayVerdict.Unknown)]
    [InlineData(32, ReplayVerdict.First)]
    [InlineData(64, ReplayVerdict.First)]
    [InlineData(65, ReplayVerdict.Unknown)]
    public async Task AFlightHasANameOfSomeLength(int length, ReplayVerdict verdict)
    {
        RedisReplayGuard guard = await ReadyAsync(_connection);
        Assert.Equal(verdict, await guard.ClaimAsync(Claim() with { Key = RandomNumberGenerator.GetBytes(length) }, Token));
    }

    //
    [Fact]
    public async Task ZonesAndPrefixesShareNothing()
    {
        RedisReplayGuard guard = await ReadyAsync(_connection);
        EarlyDataClaim claim = Claim();
        Assert.Equal(ReplayVerdict.First, await guard.ClaimAsync(claim, Token));
        // Not even what was lost.
        Assert.Equal(ReplayVerdict.FreshStart, await new RedisReplayGuard(_connection, Options() with { Zone = "other" }).ClaimAsync(claim, Token));
        Assert.Equal(ReplayVerdict.FreshStart, await new RedisReplayGuard(_connection, Options() with { Prefix = _prefix + "x" }).ClaimAsync(claim, Token));
        Assert.Equal(ReplayVerdict.FreshStart, await new RedisReplayGuard(_connection, Options() with { Database = 1 }).ClaimAsync(claim, Token));
        Assert.Equal(ReplayVerdict.Seen, await guard.ClaimAsync(claim, Token));
        Assert.Equal("redis"u8.ToArray(), guard.Zone.ToArray());
    }

    [Fact]
    public async Task ACancelledClaimIsNotMade()
    {
        RedisReplayGuard guard = await ReadyAsync(_connection);
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();
        EarlyDataClaim claim = Claim();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => guard.ClaimAsync(claim, cancelled.Token).AsTask());
        Assert.Equal(ReplayVerdict.First, await guard.ClaimAsync(claim, Token));
    }

    [Fact]
    public void OptionsAreChecked()
    {
        Assert.Throws<ArgumentNullException>(() => new RedisReplayGuard(null!));
        var good = new RedisReplayGuardOptions();
        Assert.All<RedisReplayGuardOptions>(
            [
                good with { Prefix = "" }, good with { Prefix = new string('x', 257) }, good with { Prefix = "a{b" }, good with { Prefix = "a}b" },
                good with { Zone = "" }, good with { Zone = new string('x', 33) },
                good with { Window = TimeSpan.Zero }, good with { Window = TimeSpan.FromSeconds(60) + TimeSpan.FromTicks(1) },
                good with { ClockDifference = TimeSpan.FromTicks(-1) }, good with { ClockDifference = TimeSpan.FromSeconds(60) + TimeSpan.FromTicks(1) },
                good with { PolicyInterval = TimeSpan.FromSeconds(1) - TimeSpan.FromTicks(1) }, good with { PolicyInterval = TimeSpan.FromHours(1) + TimeSpan.FromTicks(1) },
                good with { Database = -1 }, good with { TimeProvider = null! },
            ],
            bad => Assert.ThrowsAny<ArgumentException>(() => new RedisReplayGuard(_connection, bad)));
        Assert.All<RedisReplayGuardOptions>(
            [
                good, good with { Prefix = new string('x', 256) }, good with { Zone = new string('x', 32) }, good with { Window = TimeSpan.FromTicks(1) }, good with { Window = TimeSpan.FromSeconds(60) },
                good with { ClockDifference = TimeSpan.Zero }, good with { ClockDifference = TimeSpan.FromSeconds(60) },
                good with { PolicyInterval = TimeSpan.FromSeconds(1) }, good with { PolicyInterval = TimeSpan.FromHours(1) }, good with { Database = 0 },
            ],
            options => Assert.False(new RedisReplayGuard(_connection, options).Zone.IsEmpty));
    }

    [Fact]
    public async Task AConnectionThatSendsNoInfoIsRefused()
    {
        ConfigurationOptions configuration = RedisProcess.Configuration(_redis.Port);
        configuration.AllowAdmin = false;
        await using ConnectionMultiplexer connection = await ConnectionMultiplexer.ConnectAsync(configuration);
        Assert.Contains("allowAdmin=true", Assert.Throws<ArgumentException>(() => Guard(connection)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void TheServicesHaveIt()
    {
        using ServiceProvider services = new ServiceCollection().AddSingleton(_connection).AddRedisReplayGuard(Options() with { Zone = "services" }).BuildServiceProvider();
        Assert.Same(services.GetRequiredService<RedisReplayGuard>(), services.GetRequiredService<IReplayGuard>());
        Assert.Equal("services"u8.ToArray(), services.GetRequiredService<IReplayGuard>().Zone.ToArray());
    }

    private RedisReplayGuardOptions Options() => new() { Prefix = _prefix, Window = Window, ClockDifference = Difference, TimeProvider = _time };

    private RedisReplayGuard Guard(IConnectionMultiplexer connection) => new(connection, Options());

    /// <summary>A guard that has been there for long enough.</summary>
    private async Task<RedisReplayGuard> ReadyAsync(IConnectionMultiplexer connection)
    {
        RedisReplayGuard guard = Guard(connection);
        // The first command of a process may take longer than the connection waits.
        await Eventually.BecomesAsync(async () => await guard.ClaimAsync(Claim(), Token) == ReplayVerdict.FreshStart, "Redis answers");
        await EndPauseAsync(connection);
        return guard;
    }

    private async Task EndPauseAsync(IConnectionMultiplexer connection) => Assert.True(await connection.GetDatabase().KeyDeleteAsync(Tag + "pause"));

    private EarlyDataClaim Claim() => new(RandomNumberGenerator.GetBytes(32), _time.GetUtcNow() - Window, _time.GetUtcNow() + Window);

    private RedisKey Mark(EarlyDataClaim claim) => new RedisKey(Tag + "mark:").Append(claim.Key.ToArray());
}

using System.Buffers;
using System.Security.Cryptography;
using Microsoft.Extensions.Time.Testing;
using Segno.Redis.Tests.Servers;
using Segno.Sessions;
using StackExchange.Redis;

namespace Segno.Redis.Tests;

[Collection(GarnetForAll.Name)]
public sealed class RedisSessionStoreTests(GarnetHost garnet)
{
    private readonly FakeTimeProvider _time = new(TimeProvider.System.GetUtcNow());
    private readonly string _prefix = $"store-{Guid.NewGuid()}:";
    private readonly byte[] _key = RandomNumberGenerator.GetBytes(16);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private RedisKey Name => new RedisKey(_prefix).Append(_key);

    [Theory]
    [InlineData(1)]
    [InlineData(1500)]
    [InlineData(7 * 24 * 3600 * 1000L)]
    public async Task AnEntryGoesWithItsTime(long milliseconds)
    {
        RedisSessionStore store = Store();
        var lifetime = TimeSpan.FromMilliseconds(milliseconds);
        // A tick less than a millisecond is rounded up, and the clock of this test stands still.
        Assert.True(await store.SetAsync(_key, _key, new SessionStoreEntry(_time.GetUtcNow() + lifetime - TimeSpan.FromTicks(1)), Token));
        if (milliseconds > 1000)
        {
            TimeSpan? left = await garnet.Connection.GetDatabase().KeyTimeToLiveAsync(Name);
            Assert.InRange(left!.Value, lifetime - TimeSpan.FromSeconds(30) > TimeSpan.Zero ? lifetime - TimeSpan.FromSeconds(30) : TimeSpan.Zero, lifetime);
            return;
        }
        await Eventually.BecomesAsync(async () => !await store.GetAsync(_key, new ArrayBufferWriter<byte>(), Token), "the entry is gone");
        Assert.False(await store.TryConsumeAsync(_key, Token));
    }

    [Fact]
    public async Task AnEntryWhoseTimeIsOverIsNotSent()
    {
        RedisSessionStore store = Store();
        Assert.False(await store.SetAsync(_key, _key, new SessionStoreEntry(_time.GetUtcNow()), Token));
        Assert.False(await garnet.Connection.GetDatabase().KeyExistsAsync(Name));
    }

    [Fact]
    public async Task StoresWithDifferentPrefixesShareNothing()
    {
        RedisSessionStore one = Store();
        var other = new RedisSessionStore(garnet.Connection, "other" + _prefix);
        Assert.True(await one.SetAsync(_key, _key, new SessionStoreEntry(_time.GetUtcNow() + TimeSpan.FromHours(1)), Token));
        Assert.False(await other.GetAsync(_key, new ArrayBufferWriter<byte>(), Token));
        Assert.False(await other.TryConsumeAsync(_key, Token));
        Assert.True(await garnet.Connection.GetDatabase().KeyExistsAsync(Name));
    }

    [Fact]
    public async Task ADatabaseIsAnother()
    {
        RedisSessionStore other = new(garnet.Connection, _prefix, database: 1);
        Assert.True(await other.SetAsync(_key, _key, new SessionStoreEntry(_time.GetUtcNow() + TimeSpan.FromHours(1)), Token));
        Assert.False(await Store().GetAsync(_key, new ArrayBufferWriter<byte>(), Token));
        Assert.True(await other.TryConsumeAsync(_key, Token));
    }

    [Fact]
    public async Task WithoutAConnectionItFailsAtOnce()
    {
        ConfigurationOptions nowhere = RedisProcess.Configuration(Interop.Tests.Peers.Loopback.FreePort());
        nowhere.AsyncTimeout = 60_000;
        await using ConnectionMultiplexer connection = await ConnectionMultiplexer.ConnectAsync(nowhere);
        var store = new RedisSessionStore(connection);
        await Assert.ThrowsAnyAsync<RedisException>(() => store.GetAsync(_key, new ArrayBufferWriter<byte>(), Token).AsTask());
        await Assert.ThrowsAnyAsync<RedisException>(() => store.SetAsync(_key, _key, default, Token).AsTask());
        await Assert.ThrowsAnyAsync<RedisException>(() => store.TryConsumeAsync(_key, Token).AsTask());
        await Assert.ThrowsAnyAsync<RedisException>(() => store.RemoveAsync(_key, Token).AsTask());
    }

    [Fact]
    public async Task ACancelledCallIsNotMade()
    {
        RedisSessionStore store = Store();
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => store.SetAsync(_key, _key, new SessionStoreEntry(_time.GetUtcNow() + TimeSpan.FromHours(1)), cancelled.Token).AsTask());
        Assert.False(await garnet.Connection.GetDatabase().KeyExistsAsync(Name));
    }

    [Fact]
    public void ArgumentsAreChecked()
    {
        Assert.Throws<ArgumentNullException>(() => new RedisSessionStore(null!));
        Assert.Throws<ArgumentException>(() => new RedisSessionStore(garnet.Connection, ""));
        Assert.Throws<ArgumentException>(() => new RedisSessionStore(garnet.Connection, new string('x', 257)));
        Assert.Throws<ArgumentOutOfRangeException>(() => new RedisSessionStore(garnet.Connection, database: -1));
        _ = new RedisSessionStore(garnet.Connection, new string('x', 256), database: 0);
    }

    private RedisSessionStore Store() => new(garnet.Connection, _prefix, timeProvider: _time);
}

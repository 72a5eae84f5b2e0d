using System.Buffers;
using System.Security.Cryptography;
using Segno.Sessions;

namespace Segno.Tests.Sessions.Stores;

/// <summary>What every store has to keep of <see cref="ISessionStore"/>. Derive from it, and the tests are the store's.</summary>
public abstract class SessionStoreContract
{
    protected static CancellationToken Token => TestContext.Current.CancellationToken;

    /// <summary>The store, the same in each call of one test.</summary>
    protected abstract ISessionStore Store { get; }

    /// <summary>The time on the store's clock.</summary>
    protected abstract DateTimeOffset Now { get; }

    private SessionStoreEntry Entry => new(Now + TimeSpan.FromMinutes(5));

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task WhatIsSetIsFoundUntilItIsRemoved(bool singleUse)
    {
        byte[] key = NewKey();
        byte[] value = RandomNumberGenerator.GetBytes(260);
        Assert.Null(await GetAsync(key));
        Assert.True(await Store.SetAsync(key, value, Entry with { SingleUse = singleUse }, Token));
        Assert.Equal(value, await GetAsync(key));
        Assert.Equal(value, await GetAsync(key));
        await Store.RemoveAsync(key, Token);
        Assert.Null(await GetAsync(key));
    }

    [Fact]
    public async Task ASecondValueTakesTheFirstOnesPlace()
    {
        byte[] key = NewKey();
        Assert.True(await Store.SetAsync(key, new byte[] { 1, 2, 3 }, Entry, Token));
        Assert.True(await Store.SetAsync(key, new byte[] { 4 }, Entry, Token));
        Assert.Equal([4], await GetAsync(key));
    }

    [Fact]
    public async Task EachKeyHasItsOwnValue()
    {
        byte[][] keys = [.. Enumerable.Range(0, 20).Select(_ => NewKey())];
        foreach (byte[] key in keys)
        {
            Assert.True(await Store.SetAsync(key, key, Entry, Token));
        }
        await Store.RemoveAsync(keys[0], Token);
        Assert.Null(await GetAsync(keys[0]));
        foreach (byte[] key in keys.Skip(1))
        {
            Assert.Equal(key, await GetAsync(key));
        }
    }

    /// <summary>Bytes that mean something to a shell, a protocol or a file system are as good as others.</summary>
    [Theory]
    [InlineData("00")]
    [InlineData("0d0a")]
    [InlineData("2e2e2f2a24")]
    [InlineData("ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00")]
    public async Task KeysAndValuesAreAnyBytes(string hex)
    {
        byte[] bytes = Convert.FromHexString(hex);
        Assert.True(await Store.SetAsync(bytes, bytes, Entry, Token));
        Assert.Equal(bytes, await GetAsync(bytes));
        await Store.RemoveAsync(bytes, Token);
        Assert.Null(await GetAsync(bytes));
    }

    [Fact]
    public async Task AConsumedEntryIsGone()
    {
        byte[] key = NewKey();
        Assert.False(await Store.TryConsumeAsync(key, Token));
        Assert.True(await Store.SetAsync(key, key, Entry with { SingleUse = true }, Token));
        Assert.True(await Store.TryConsumeAsync(key, Token));
        Assert.False(await Store.TryConsumeAsync(key, Token));
        Assert.Null(await GetAsync(key));
    }

    /// <summary>Threat model §4.4: 64 at once, one entry, one winner. All have read it before.</summary>
    [Fact]
    public async Task Of64WhoConsumeOneWins()
    {
        for (int round = 0; round < 5; round++)
        {
            byte[] key = NewKey();
            Assert.True(await Store.SetAsync(key, key, Entry with { SingleUse = true }, Token));
            using var start = new Barrier(64);
            Task<bool>[] racers = [.. Enumerable.Range(0, 64).Select(_ => Task.Factory.StartNew(
                () =>
                {
                    start.SignalAndWait(Token);
                    return Store.TryConsumeAsync(key, Token).AsTask();
                },
                Token,
                TaskCreationOptions.LongRunning,
                TaskScheduler.Default).Unwrap())];
            Assert.Single(await Task.WhenAll(racers), won => won);
        }
    }

    [Fact]
    public async Task WhatIsOverIsNotKept()
    {
        byte[] key = NewKey();
        Assert.True(await Store.SetAsync(key, key, Entry, Token));
        Assert.False(await Store.SetAsync(key, key, new SessionStoreEntry(Now - TimeSpan.FromSeconds(1)), Token));
        Assert.Null(await GetAsync(key));
        Assert.False(await Store.TryConsumeAsync(key, Token));
    }

    [Fact]
    public async Task WhatIsNotThereCanBeRemovedAndMarked()
    {
        byte[] key = NewKey();
        await Store.RemoveAsync(key, Token);
        await Store.MarkUsedAsync(key, Token);
        Assert.Null(await GetAsync(key));
    }

    [Fact]
    public async Task AMarkedEntryStays()
    {
        byte[] key = NewKey();
        Assert.True(await Store.SetAsync(key, key, Entry, Token));
        await Store.MarkUsedAsync(key, Token);
        Assert.Equal(key, await GetAsync(key));
    }

    [Fact]
    public async Task TheLongestValueComesBackWhole()
    {
        byte[] key = NewKey();
        byte[] value = RandomNumberGenerator.GetBytes(16 * 1024);
        Assert.True(await Store.SetAsync(key, value, Entry, Token));
        Assert.Equal(value, await GetAsync(key));
    }

    protected static byte[] NewKey() => RandomNumberGenerator.GetBytes(16);

    protected async Task<byte[]?> GetAsync(byte[] key)
    {
        var destination = new ArrayBufferWriter<byte>();
        bool found = await Store.GetAsync(key, destination, Token);
        Assert.True(found || destination.WrittenCount == 0);
        return found ? destination.WrittenSpan.ToArray() : null;
    }
}

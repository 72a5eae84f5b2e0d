using System.Buffers;
using System.Text;
using Segno.Sessions;

namespace Segno.Tests.Sessions.Stores;

public sealed class FileSessionStoreTests : IDisposable
{
    private readonly FileStoreFixture _files = new();

    public void Dispose() => _files.Dispose();

    [Fact]
    public async Task WhatIsSetIsFoundUntilItIsRemoved()
    {
        using FileSessionStore store = _files.Store();

        Assert.Null(await Get(store, "a"));
        Assert.True(await Set(store, "a", "value"));
        Assert.Equal("value", await Get(store, "a"));
        Assert.True(await Set(store, "a", "another"));
        Assert.Equal("another", await Get(store, "a"));
        Assert.Null(await Get(store, "b"));
        Assert.Equal(1, store.Count);
        await store.RemoveAsync(Key("a"), TestContext.Current.CancellationToken);
        Assert.Null(await Get(store, "a"));
        Assert.Equal(0, store.Count);
        Assert.Empty(_files.Entries);
        Assert.Empty(_files.Leftovers);
    }

    [Fact]
    public async Task ItOutlivesTheStoreAndIsSharedByTwo()
    {
        using (FileSessionStore first = _files.Store())
        {
            Assert.True(await Set(first, "a", "value"));
        }
        using FileSessionStore second = _files.Store();
        using FileSessionStore third = _files.Store();
        Assert.Equal("value", await Get(second, "a"));
        Assert.True(await Set(third, "b", "of the other"));
        Assert.Equal("of the other", await Get(second, "b"));
        Assert.True(await Consume(second, "b"));
        Assert.False(await Consume(third, "b"));
        Assert.Null(await Get(third, "b"));
    }

    [Fact]
    public async Task AKeyHas1To64Bytes()
    {
        using FileSessionStore store = _files.Store();
        CancellationToken token = TestContext.Current.CancellationToken;
        var entry = new SessionStoreEntry(_files.Clock.Wall.AddHours(1));

        Assert.True(await store.SetAsync(new byte[1], new byte[1], entry, token));
        Assert.True(await store.SetAsync(new byte[64], new byte[1], entry, token));
        await Assert.ThrowsAsync<ArgumentException>(() => store.SetAsync(new byte[65], new byte[1], entry, token).AsTask());
        await Assert.ThrowsAsync<ArgumentException>(() => store.SetAsync(Array.Empty<byte>(), new byte[1], entry, token).AsTask());
        Assert.False(await store.TryConsumeAsync(new byte[65], token));
    }

    [Fact]
    public async Task AValueThatIsTooLongLeavesNoOldOneBehind()
    {
        using FileSessionStore store = _files.Store();
        string longest = new('x', SessionDirectory.MaxValueLength);

        Assert.True(await Set(store, "a", longest));
        Assert.Equal(longest, await Get(store, "a"));
        Assert.False(await Set(store, "a", longest + "x"));
        Assert.Null(await Get(store, "a"));
    }

    [Fact]
    public async Task WhatIsOverIsNotFoundAndIsSweptByTheNext()
    {
        using FileSessionStore store = _files.Store();
        Assert.True(await Set(store, "a", "value", TimeSpan.FromMinutes(1)));
        Assert.True(await Set(store, "b", "value", TimeSpan.FromMinutes(1)));
        Assert.False(await Set(store, "c", "value", TimeSpan.FromTicks(-1)));

        _files.Clock.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal("value", await Get(store, "a"));
        _files.Clock.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Null(await Get(store, "a"));
        Assert.False(await Consume(store, "a"));
        using FileSessionStore next = _files.Store();
        Assert.Empty(_files.Entries);
    }

    [Fact]
    public async Task NothingIsKeptForLongerThanItsLifetime()
    {
        using var store = new FileSessionStore(_files.StorePath, _files.Key, maxLifetime: TimeSpan.FromHours(1), timeProvider: _files.Clock);
        Assert.True(await Set(store, "a", "value", TimeSpan.FromDays(6)));

        _files.Clock.Advance(TimeSpan.FromHours(1));
        Assert.Equal("value", await Get(store, "a"));
        _files.Clock.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Null(await Get(store, "a"));
    }

    /// <summary>The time of a file is for the sweep alone: who changes it gains no time.</summary>
    [Fact]
    public async Task AnEditedTimeProlongsNothing()
    {
        using FileSessionStore store = _files.Store();
        Assert.True(await Set(store, "a", "value", TimeSpan.FromMinutes(1)));
        File.SetLastWriteTimeUtc(Assert.Single(_files.Entries), _files.Clock.Wall.UtcDateTime.AddDays(6));

        _files.Clock.Advance(TimeSpan.FromMinutes(2));
        Assert.Null(await Get(store, "a"));
    }

    [Fact]
    public async Task TheNumberIsBounded()
    {
        using FileSessionStore store = _files.Store(maxEntries: 4);
        for (int i = 1; i <= 4; i++)
        {
            Assert.True(await Set(store, $"{i}", "value", TimeSpan.FromMinutes(i)));
        }
        Assert.Equal(4, _files.Entries.Length);

        Assert.True(await Set(store, "5", "value", TimeSpan.FromMinutes(5)));
        Assert.Equal(4, _files.Entries.Length);
        Assert.Null(await Get(store, "1"));
        Assert.All(Enumerable.Range(2, 4), i => Assert.True(Has(store, $"{i}")));
        Assert.Equal((4L, 1L), (store.GetStatistics().Entries, store.GetStatistics().EvictedForEntries));
    }

    [Fact]
    public async Task TheBytesAreBounded()
    {
        using FileSessionStore store = _files.Store(maxBytes: 1 << 20);
        string value = new('x', 60_000);
        int fit = (1 << 20) / (int)SessionDirectory.SizeOf(value.Length);
        for (int i = 0; i < fit - 1; i++)
        {
            Assert.True(await Set(store, $"{i}", value, TimeSpan.FromMinutes(i + 1)));
        }
        for (int i = fit; i < 4 * fit; i++)
        {
            Assert.True(await Set(store, $"{i}", value, TimeSpan.FromMinutes(i + 1)));
            Assert.InRange(_files.Entries.Sum(path => new FileInfo(path).Length), 1, store.MaxBytes);
        }
        Assert.Equal(value, await Get(store, $"{(4 * fit) - 1}"));
        Assert.True(store.GetStatistics().EvictedForBytes > 0);
    }

    /// <summary>A flood from one network prefix displaces itself.</summary>
    [Fact]
    public async Task WhoHoldsMoreThanASixteenthGoesFirst()
    {
        using FileSessionStore store = _files.Store(maxEntries: 40);
        for (int i = 0; i < 10; i++)
        {
            Assert.True(await Set(store, $"visitor {i}", "value", TimeSpan.FromMinutes(1), source: (ulong)i + 1));
        }
        for (int i = 0; i < 200; i++)
        {
            Assert.True(await Set(store, $"flood {i}", "value", TimeSpan.FromHours(1), source: 99));
        }
        Assert.All(Enumerable.Range(0, 10), i => Assert.True(Has(store, $"visitor {i}")));
        Assert.InRange(_files.Entries.Length, 1, 40);
    }

    /// <summary>H1: 64 at once in four stores, one session, one winner.</summary>
    [Fact]
    public async Task OfAllWhoConsumeOneWins()
    {
        FileSessionStore[] stores = [.. Enumerable.Range(0, 4).Select(_ => _files.Store())];
        for (int round = 0; round < 10; round++)
        {
            Assert.True(await Set(stores[0], $"{round}", "value"));
            using var start = new Barrier(64);
            string key = $"{round}";
            Task<bool>[] racers = [.. Enumerable.Range(0, 64).Select(racer => Task.Factory.StartNew(
                () =>
                {
                    start.SignalAndWait(TestContext.Current.CancellationToken);
                    return Take(stores[racer % 4], key);
                },
                TestContext.Current.CancellationToken,
                TaskCreationOptions.LongRunning,
                TaskScheduler.Default))];
            Assert.Single(await Task.WhenAll(racers), won => won);
        }
        Array.ForEach(stores, store => store.Dispose());
    }

    /// <summary>K1: every bit of an entry, one after the other.</summary>
    [Fact]
    [Trait("Museum", "K1")]
    public async Task AFlippedBitIsDeclined()
    {
        using FileSessionStore store = _files.Store();
        Assert.True(await Set(store, "a", "value"));
        string path = Assert.Single(_files.Entries);
        byte[] good = await File.ReadAllBytesAsync(path, TestContext.Current.CancellationToken);
        for (int bit = 0; bit < 8 * good.Length; bit++)
        {
            byte[] bad = [.. good];
            bad[bit / 8] ^= (byte)(1 << (bit % 8));
            await File.WriteAllBytesAsync(path, bad, TestContext.Current.CancellationToken);
            Assert.Null(await Get(store, "a"));
        }
        await File.WriteAllBytesAsync(path, good, TestContext.Current.CancellationToken);
        Assert.Equal("value", await Get(store, "a"));
    }

    /// <summary>K3: seeded mutations, cut off or with something after it.</summary>
    [Fact]
    [Trait("Museum", "K3")]
    public async Task WhateverAFileHoldsItIsTheValueOrNothing()
    {
        using FileSessionStore store = _files.Store();
        Assert.True(await Set(store, "a", "value"));
        string path = Assert.Single(_files.Entries);
        byte[] good = await File.ReadAllBytesAsync(path, TestContext.Current.CancellationToken);
        var random = new Random(4);
        for (int i = 0; i < 5000; i++)
        {
            byte[] bad = [.. good[..random.Next(good.Length)], .. Enumerable.Range(0, random.Next(3) * random.Next(200)).Select(_ => (byte)random.Next(256))];
            await File.WriteAllBytesAsync(path, bad, TestContext.Current.CancellationToken);
            Assert.Null(await Get(store, "a"));
        }
        await File.WriteAllBytesAsync(path, new byte[1 << 20], TestContext.Current.CancellationToken);
        Assert.Null(await Get(store, "a"));
    }

    /// <summary>K2: an entry of a later version is declined and stays, for the process that knows it.</summary>
    [Fact]
    [Trait("Museum", "K2")]
    public async Task AnotherVersionOfAnEntryIsDeclinedAndStays()
    {
        using FileSessionStore store = _files.Store();
        Assert.True(await Set(store, "a", "value"));
        string path = Assert.Single(_files.Entries);
        DateTime time = File.GetLastWriteTimeUtc(path);
        byte[] bytes = await File.ReadAllBytesAsync(path, TestContext.Current.CancellationToken);
        bytes[0]++;
        await File.WriteAllBytesAsync(path, bytes, TestContext.Current.CancellationToken);
        File.SetLastWriteTimeUtc(path, time);

        Assert.Null(await Get(store, "a"));
        using FileSessionStore next = _files.Store();
        Assert.Single(_files.Entries);
    }

    [Fact]
    public async Task AnEntryInAnothersPlaceIsDeclined()
    {
        using FileSessionStore store = _files.Store();
        Assert.True(await Set(store, "a", "of a"));
        string a = Assert.Single(_files.Entries);
        Assert.True(await Set(store, "b", "of b"));
        string b = Assert.Single(_files.Entries, path => path != a);
        File.Copy(a, b, overwrite: true);

        Assert.Null(await Get(store, "b"));
        Assert.False(await Consume(store, "b"));
        Assert.Equal("of a", await Get(store, "a"));
    }

    [Fact]
    public async Task NothingShowsInTheFiles()
    {
        using FileSessionStore store = _files.Store();
        Assert.True(await Set(store, "planted key", "planted value"));
        foreach (string path in Directory.GetFiles(_files.StorePath))
        {
            string content = Encoding.Latin1.GetString(await File.ReadAllBytesAsync(path, TestContext.Current.CancellationToken));
            Assert.DoesNotContain("planted", content, StringComparison.Ordinal);
            Assert.DoesNotContain(Convert.ToHexString(Key("planted key")), path, StringComparison.OrdinalIgnoreCase);
        }
    }

    [Fact]
    public async Task WhatWasLeftBehindIsSweptAfterAMinute()
    {
        using FileSessionStore store = _files.Store();
        string name = $"{_files.Clock.Wall.ToUnixTimeSeconds():x16}-0123456789abcdef.tmp";
        await File.WriteAllTextAsync(Path.Combine(_files.StorePath, name), "half", TestContext.Current.CancellationToken);

        _files.Clock.Advance(TimeSpan.FromMinutes(1));
        _files.Store().Dispose();
        Assert.Single(_files.Leftovers);
        _files.Clock.Advance(TimeSpan.FromSeconds(1));
        _files.Store().Dispose();
        Assert.Empty(_files.Leftovers);
    }

    [Fact]
    public async Task ADisposedStoreFails()
    {
        FileSessionStore store = _files.Store();
        store.Dispose();
        store.Dispose();

        await Assert.ThrowsAsync<ObjectDisposedException>(() => Set(store, "a", "value"));
    }

    [Fact]
    public void ItsLimitsHaveLimits()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => _files.Store(maxEntries: 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => _files.Store(maxEntries: 1_000_001));
        Assert.Throws<ArgumentOutOfRangeException>(() => _files.Store(maxBytes: (1 << 20) - 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => _files.Store(maxBytes: (1L << 36) + 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => new FileSessionStore(_files.StorePath, _files.Key, maxLifetime: TimeSpan.Zero));
        Assert.Throws<ArgumentOutOfRangeException>(() => new FileSessionStore(_files.StorePath, _files.Key, maxLifetime: TimeSpan.FromDays(7) + TimeSpan.FromTicks(1)));
        _files.Store(1, 1 << 20).Dispose();
        _files.Store(1_000_000, 1L << 36).Dispose();
    }

    private static byte[] Key(string text) => Encoding.UTF8.GetBytes(text);

    private static async Task<string?> Get(FileSessionStore store, string key)
    {
        var destination = new ArrayBufferWriter<byte>();
        return await store.GetAsync(Key(key), destination, TestContext.Current.CancellationToken) ? Encoding.UTF8.GetString(destination.WrittenSpan) : null;
    }

    private static bool Has(FileSessionStore store, string key) => Get(store, key).GetAwaiter().GetResult() is not null;

    private static bool Take(FileSessionStore store, string key) => Consume(store, key).GetAwaiter().GetResult();

    private static Task<bool> Consume(FileSessionStore store, string key) => store.TryConsumeAsync(Key(key), TestContext.Current.CancellationToken).AsTask();

    private Task<bool> Set(FileSessionStore store, string key, string value, TimeSpan? lifetime = null, ulong source = 0)
        => store.SetAsync(
            Key(key), Encoding.UTF8.GetBytes(value), new SessionStoreEntry(_files.Clock.Wall + (lifetime ?? TimeSpan.FromHours(1)), source), TestContext.Current.CancellationToken).AsTask();
}

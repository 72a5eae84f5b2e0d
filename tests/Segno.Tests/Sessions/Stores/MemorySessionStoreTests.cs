using System.Buffers;
using System.Buffers.Binary;
using Segno.Sessions;

namespace Segno.Tests.Sessions.Stores;

public sealed class MemorySessionStoreTests
{
    private readonly TestClock _clock = new();

    [Fact]
    public void WhatIsSetIsFoundUntilItIsRemoved()
    {
        using MemorySessionStore store = Store();

        Assert.Null(Get(store, 1));
        Assert.True(Set(store, 1, [7, 8, 9]));
        Assert.Equal([7, 8, 9], Get(store, 1));
        Assert.Null(Get(store, 2));
        Assert.Equal(1, store.Count);
        Remove(store, 1);
        Assert.Null(Get(store, 1));
        Assert.Equal((0L, 0L), (store.GetStatistics().Entries, store.GetStatistics().Bytes));
    }

    [Fact]
    public void ASecondValueTakesTheFirstOnesPlace()
    {
        using MemorySessionStore store = Store();
        Assert.True(Set(store, 1, new byte[100]));
        long bytes = store.GetStatistics().Bytes;
        Assert.True(Set(store, 1, [1]));

        Assert.Equal([1], Get(store, 1));
        Assert.Equal(1, store.Count);
        Assert.True(store.GetStatistics().Bytes < bytes);
    }

    [Fact]
    public void AValueThatIsRefusedLeavesNoOldOneBehind()
    {
        using MemorySessionStore store = Store();
        Assert.True(Set(store, 1, [1]));

        Assert.False(Set(store, 1, new byte[store.MaxValueLength + 1]));
        Assert.Null(Get(store, 1));
        Assert.True(Set(store, 1, new byte[store.MaxValueLength]));
        Assert.Equal(store.MaxValueLength, Get(store, 1)!.Length);
    }

    /// <summary>64 at once, one session, one winner.</summary>
    [Fact]
    public async Task OfAllWhoConsumeOneWins()
    {
        using MemorySessionStore store = Store();
        for (int round = 0; round < 20; round++)
        {
            Assert.True(Set(store, round, [1]));
            using var start = new Barrier(64);
            int key = round;
            Task<bool>[] racers = [.. Enumerable.Range(0, 64).Select(_ => Task.Factory.StartNew(
                () =>
                {
                    start.SignalAndWait(TestContext.Current.CancellationToken);
                    return Consume(store, key);
                },
                TestContext.Current.CancellationToken,
                TaskCreationOptions.LongRunning,
                TaskScheduler.Default))];
            Assert.Single(await Task.WhenAll(racers), won => won);
        }
    }

    [Fact]
    public void TheNumberOfSessionsIsBounded()
    {
        using MemorySessionStore store = Store(maxEntries: 3);
        for (int i = 1; i <= 3; i++)
        {
            Assert.True(Set(store, i, [1]));
        }
        Assert.All(Enumerable.Range(1, 3), i => Assert.NotNull(Get(store, i)));

        Assert.True(Set(store, 4, [1]));
        Assert.Equal(3, store.Count);
        Assert.Null(Get(store, 1));
        Assert.NotNull(Get(store, 4));
    }

    /// <summary>As many as fit are kept; one more, and one goes. Their memory is never more than was allowed.</summary>
    [Fact]
    public void TheirBytesAreBounded()
    {
        const long MaxBytes = 64 * 1024;
        using MemorySessionStore store = Store(maxBytes: MaxBytes);
        int fit = 0;
        while (store.GetStatistics().EvictedForBytes == 0)
        {
            Assert.Equal(fit, store.Count);
            Assert.True(Set(store, fit++, new byte[95]));
            Assert.InRange(store.GetStatistics().Bytes, 1, MaxBytes);
        }
        Assert.InRange(fit, 460, 480);
        // A few go at once, because memory is freed by the kibibyte.
        Assert.InRange(store.Count, fit - 10, fit - 1);
        Assert.Null(Get(store, 0));
        Assert.NotNull(Get(store, fit - 1));
    }

    [Fact]
    public void ASessionEndsWhenItSaysSo()
    {
        using MemorySessionStore store = Store();
        Assert.True(Set(store, 1, [1], TimeSpan.FromSeconds(10)));

        _clock.Advance(TimeSpan.FromSeconds(10));
        Assert.NotNull(Get(store, 1));
        _clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Null(Get(store, 1));
        Assert.Equal(-1, store.Find(Key(1), [], out _, out bool expired));
        Assert.True(expired);
        Assert.False(Consume(store, 1));
        Assert.False(Set(store, 1, [1], TimeSpan.FromSeconds(-1)));
    }

    [Fact]
    public void ASessionEndsWhenTheStoreSaysSo()
    {
        using var store = new MemorySessionStore(maxLifetime: TimeSpan.FromMinutes(1), timeProvider: _clock);
        Assert.True(Set(store, 1, [1], TimeSpan.FromHours(1)));

        _clock.Advance(TimeSpan.FromMinutes(1));
        Assert.NotNull(Get(store, 1));
        _clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Null(Get(store, 1));
    }

    /// <summary>R-22: who only asks changes nothing, not even the order in which entries go.</summary>
    [Fact]
    [Trait("Requirement", "R-22")]
    public void AskingDoesNotKeepAndUsingDoes()
    {
        using MemorySessionStore store = Store(maxEntries: 3);
        for (int i = 1; i <= 3; i++)
        {
            Assert.True(Set(store, i, [1]));
        }
        Assert.NotNull(Get(store, 1));
        store.MarkUsed(Key(2));
        store.MarkUsed(Key(99));

        Assert.True(Set(store, 4, [1]));
        Assert.Equal((false, true, true), (Get(store, 1) is not null, Get(store, 2) is not null, Get(store, 3) is not null));
    }

    [Fact]
    public void KeysHaveOneTo64Bytes()
    {
        using MemorySessionStore store = Store();
        Assert.True(Set(store, new byte[1]));
        Assert.True(Set(store, new byte[64]));
        Assert.Throws<ArgumentException>(() => Set(store, []));
        Assert.Throws<ArgumentException>(() => Set(store, new byte[65]));
        Assert.Null(Get(store, 0));
    }

    [Fact]
    public void ItsLimitsHaveLimits()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new MemorySessionStore(maxEntries: 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => new MemorySessionStore(maxEntries: 100_000_001));
        Assert.Throws<ArgumentOutOfRangeException>(() => new MemorySessionStore(maxBytes: 16383));
        Assert.Throws<ArgumentOutOfRangeException>(() => new MemorySessionStore(maxBytes: (1L << 36) + 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => new MemorySessionStore(maxLifetime: TimeSpan.Zero));
        Assert.Throws<ArgumentOutOfRangeException>(() => new MemorySessionStore(maxLifetime: TimeSpan.FromDays(7) + TimeSpan.FromTicks(1)));
        using var smallest = new MemorySessionStore(1, 16384, TimeSpan.FromTicks(1));
        using var largest = new MemorySessionStore(100_000_000, 1L << 36, TimeSpan.FromDays(7));
        using var usual = new MemorySessionStore();
        Assert.Equal((20_000, 8L << 20, TimeSpan.FromHours(24)), (usual.MaxEntries, usual.MaxBytes, usual.MaxLifetime));
    }

    [Fact]
    public void DisposedItKeepsNothing()
    {
        MemorySessionStore store = Store();
        Assert.True(Set(store, 1, [1]));
        store.Dispose();
        store.Dispose();

        Assert.Null(Get(store, 1));
        Assert.False(Set(store, 1, [1]));
        Assert.False(Consume(store, 1));
        store.MarkUsed(Key(1));
        Assert.Equal((0L, 0L), (store.GetStatistics().Entries, store.GetStatistics().Bytes));
    }

    private static byte[] Key(int number)
    {
        byte[] key = new byte[32];
        BinaryPrimitives.WriteInt32LittleEndian(key, number);
        return key;
    }

    /// <summary>Memory never makes anybody wait.</summary>
    private static bool AtOnce(ValueTask<bool> task)
        => task.IsCompletedSuccessfully ? task.Result : throw new InvalidOperationException("Memory needs no waiting.");

    private static byte[]? Get(MemorySessionStore store, int number)
    {
        var destination = new ArrayBufferWriter<byte>();
        return AtOnce(store.GetAsync(Key(number), destination)) ? destination.WrittenSpan.ToArray() : null;
    }

    private static bool Consume(MemorySessionStore store, int number) => AtOnce(store.TryConsumeAsync(Key(number)));

    private static void Remove(MemorySessionStore store, int number) => Assert.True(store.RemoveAsync(Key(number)).AsTask().IsCompletedSuccessfully);

    private bool Set(MemorySessionStore store, int number, byte[] value, TimeSpan? lifetime = null)
        => AtOnce(store.SetAsync(Key(number), value, new SessionStoreEntry(_clock.Wall + (lifetime ?? TimeSpan.FromHours(1)))));

    private bool Set(MemorySessionStore store, byte[] key)
        => AtOnce(store.SetAsync(key, new byte[1], new SessionStoreEntry(_clock.Wall.AddHours(1))));

    private MemorySessionStore Store(int maxEntries = 1000, long maxBytes = 1 << 20) => new(maxEntries, maxBytes, timeProvider: _clock);
}

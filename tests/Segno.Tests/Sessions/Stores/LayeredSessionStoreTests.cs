using System.Buffers;
using System.Security.Cryptography;
using Microsoft.Extensions.Time.Testing;
using Segno.Cryptography;
using Segno.Sessions;

namespace Segno.Tests.Sessions.Stores;

public sealed class LayeredSessionStoreTests : IDisposable
{
    private static readonly TimeSpan Budget = TimeSpan.FromMilliseconds(20);

    private readonly FakeTimeProvider _time = new(SessionDraft.Now);
    private readonly StoreDouble _far = new();
    private readonly LayeredSessionStore _store;
    private readonly TicketKeyRing _ring;
    private readonly byte[] _key = RandomNumberGenerator.GetBytes(16);
    private readonly byte[] _value = RandomNumberGenerator.GetBytes(100);
    private int _asked;

    public LayeredSessionStoreTests()
    {
        _store = Layer();
        _ring = new TicketKeyRing(timeProvider: _time);
        _far.Before = CountAsync;
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private SessionStoreEntry Entry => new(_time.GetUtcNow() + TimeSpan.FromHours(1));

    public void Dispose()
    {
        _store.Dispose();
        _ring.Dispose();
    }

    [Fact]
    public async Task WhatMemoryHasIsAnsweredAtOnceAndWithoutTheStore()
    {
        Assert.True(await _store.SetAsync(_key, _value, Entry, Token));
        Assert.Equal(1, _asked);

        var destination = new ArrayBufferWriter<byte>();
        ValueTask<bool> found = _store.GetAsync(_key, destination, Token);
        Assert.True(found.IsCompletedSuccessfully && await found);
        Assert.Equal(_value, destination.WrittenSpan);
        Assert.Equal(1, _asked);
        Assert.Equal((1, 0, 0), (_store.GetStatistics().MemoryHits, _store.GetStatistics().StoreHits, _store.GetStatistics().StoreMisses));
    }

    /// <summary>Another server's session is fetched once.</summary>
    [Fact]
    public async Task WhatTheStoreHasComesIntoMemory()
    {
        using LayeredSessionStore other = Layer();
        Assert.True(await other.SetAsync(_key, _value, Entry, Token));
        Assert.Equal(_value, await Get(_store));
        Assert.Equal(_value, await Get(_store));
        Assert.Equal((1, 1), (_store.GetStatistics().StoreHits, _store.GetStatistics().MemoryHits));
        Assert.Equal(2, _asked);
    }

    /// <summary>Memory forgets after a minute: what another server removed is not found for longer.</summary>
    [Fact]
    public async Task MemoryKeepsNothingForLong()
    {
        using LayeredSessionStore other = Layer();
        Assert.True(await _store.SetAsync(_key, _value, Entry, Token));
        await other.RemoveAsync(_key, Token);
        _time.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(_value, await Get(_store));
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Null(await Get(_store));
    }

    [Fact]
    public async Task AnEntryLeavesMemoryWhenItsTimeIsOver()
    {
        Assert.True(await _store.SetAsync(_key, _value, Entry with { ExpiresAt = _time.GetUtcNow() + TimeSpan.FromSeconds(10) }, Token));
        _far.Entries.Clear();
        _time.Advance(TimeSpan.FromSeconds(11));
        Assert.Null(await Get(_store));
    }

    [Fact]
    public async Task RemovingReachesBoth()
    {
        Assert.True(await _store.SetAsync(_key, _value, Entry, Token));
        await _store.RemoveAsync(_key, Token);
        Assert.Empty(_far.Entries);
        Assert.Null(await Get(_store));
        Assert.Equal(0, _store.Memory.Count);
    }

    /// <summary>Who looked before another removed does not bring the entry back into memory.</summary>
    [Fact]
    public async Task AnEntryThatIsRemovedWhileItIsFetchedDoesNotComeBack()
    {
        _far.Entries[Convert.ToHexString(_key)] = _value;
        _far.Returns = value =>
        {
            // It has left the store already.
            _store.RemoveAsync(_key, Token).AsTask().Wait(Token);
            return value;
        };
        Assert.Equal(_value, await Get(_store));
        _far.Returns = static value => value;
        Assert.Equal(0, _store.Memory.Count);
        Assert.Null(await Get(_store));
    }

    [Fact]
    public async Task WhatMayBeUsedOnceIsNotPutIntoMemory()
    {
        Assert.True(await _store.SetAsync(_key, _value, Entry with { SingleUse = true }, Token));
        Assert.Equal(0, _store.Memory.Count);
        Assert.Single(_far.Entries);
    }

    /// <summary>Three servers have read it; the store says which of them has it.</summary>
    [Fact]
    public async Task WhatMayBeUsedOnceIsConsumedInTheStoreAlone()
    {
        LayeredSessionStore[] servers = [.. Enumerable.Range(0, 3).Select(_ => Layer())];
        Assert.True(await servers[0].SetAsync(_key, _value, Entry with { SingleUse = true }, Token));
        foreach (LayeredSessionStore server in servers)
        {
            Assert.Equal(_value, await Get(server));
        }
        Assert.False(await Consumed(servers[0], _ => ValueTask.FromException(new IOException("down"))));
        bool[] won = [await servers[1].TryConsumeAsync(_key, Token), await servers[2].TryConsumeAsync(_key, Token), await servers[0].TryConsumeAsync(_key, Token)];
        Assert.Equal([true, false, false], won);
        Assert.All(servers, server => Assert.Equal(0, server.Memory.Count));
        Array.ForEach(servers, server => server.Dispose());
    }

    [Fact]
    public async Task WhatTheStoreDoesNotHaveIsNotAskedForAgainAtOnce()
    {
        Assert.Null(await Get(_store));
        Assert.Null(await Get(_store));
        Assert.Equal((1, 1), (_store.GetStatistics().StoreMisses, _store.GetStatistics().AbsentHits));
        Assert.Equal(1, _asked);

        _time.Advance(TimeSpan.FromSeconds(2));
        _far.Entries[Convert.ToHexString(_key)] = _value;
        Assert.Equal(_value, await Get(_store));
    }

    [Fact]
    public async Task WhatIsKeptIsNoLongerAbsent()
    {
        Assert.Null(await Get(_store));
        Assert.True(await _store.SetAsync(_key, _value, Entry with { SingleUse = true }, Token));
        Assert.Equal(_value, await Get(_store));
    }

    /// <summary>16 keys are remembered; the 17th has no room without one of them.</summary>
    [Fact]
    public async Task TheKeysThatAreAbsentAreBounded()
    {
        using LayeredSessionStore store = Layer(new LayeredSessionStoreOptions { MaxAbsent = 16, TimeProvider = _time });
        byte[][] keys = [.. Enumerable.Range(0, 17).Select(i => new byte[] { (byte)i, 1 })];
        await Ask(keys[..16]);
        await Ask(keys[..16]);
        Assert.Equal((16, 16), (store.GetStatistics().StoreMisses, store.GetStatistics().AbsentHits));
        await Ask(keys[16..]);
        await Ask(keys);
        // One of the 17 at least had to be asked for again.
        Assert.InRange(store.GetStatistics().StoreMisses, 18, 34);

        async Task Ask(byte[][] asked)
        {
            foreach (byte[] key in asked)
            {
                Assert.False(await store.GetAsync(key, new ArrayBufferWriter<byte>(), Token));
            }
        }
    }

    [Fact]
    public async Task AStoreThatHangsIsGivenUpAfterTheBudget()
    {
        var asked = new TaskCompletionSource();
        _far.Before = _ =>
        {
            asked.SetResult();
            return new ValueTask(Task.Delay(Timeout.Infinite, CancellationToken.None));
        };
        Task<bool> found = _store.GetAsync(_key, new ArrayBufferWriter<byte>(), Token).AsTask();
        await asked.Task.WaitAsync(Token);
        _time.Advance(Budget - TimeSpan.FromMilliseconds(1));
        Assert.False(found.IsCompleted);
        _time.Advance(TimeSpan.FromMilliseconds(1));
        await Assert.ThrowsAsync<TimeoutException>(() => found);
        Assert.Equal((1, 1), (_store.GetStatistics().Timeouts, _store.GetStatistics().Calls));
    }

    [Fact]
    public async Task AStoreThatFailsFiveTimesIsLeftAloneForASecond()
    {
        _far.Before = async token =>
        {
            await CountAsync(token);
            throw new IOException("down");
        };
        for (int i = 0; i < 5; i++)
        {
            Assert.Equal(StoreCircuit.Closed, _store.GetStatistics().Circuit);
            await Assert.ThrowsAsync<IOException>(() => Get(_store));
        }
        Assert.Equal(StoreCircuit.Open, _store.GetStatistics().Circuit);
        await Assert.ThrowsAsync<IOException>(() => Get(_store));
        Assert.Equal((5, 5, 1), (_asked, _store.GetStatistics().Failures, _store.GetStatistics().Refused));

        _time.Advance(TimeSpan.FromSeconds(1));
        _far.Before = CountAsync;
        Assert.Null(await Get(_store));
        Assert.Equal((6, StoreCircuit.Closed, 1), (_asked, _store.GetStatistics().Circuit, _store.GetStatistics().CircuitOpened));
    }

    /// <summary>While the store is away, sessions are resumed where they were made.</summary>
    [Fact]
    public async Task WithoutTheStoreMemoryServes()
    {
        _far.Before = _ => ValueTask.FromException(new IOException("down"));
        Assert.True(await _store.SetAsync(_key, _value, Entry, Token));
        Assert.Equal(_value, await Get(_store));
        Assert.False(await _store.SetAsync(new byte[] { 9 }, _value, Entry with { SingleUse = true }, Token));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task TheCallsWithTheStoreAreBounded(int max)
    {
        using LayeredSessionStore store = Layer(new LayeredSessionStoreOptions { MaxCalls = max, TimeProvider = _time });
        var release = new TaskCompletionSource();
        _far.Before = _ => new ValueTask(release.Task);
        Task<bool>[] held = [.. Enumerable.Range(0, max).Select(i => store.GetAsync(new byte[] { (byte)i, 2 }, new ArrayBufferWriter<byte>(), Token).AsTask())];
        Assert.Equal(max, store.GetStatistics().Calls);
        await Assert.ThrowsAsync<IOException>(() => Get(store));
        Assert.Equal((1, StoreCircuit.Closed), (store.GetStatistics().Refused, store.GetStatistics().Circuit));
        release.SetResult();
        Assert.All(await Task.WhenAll(held), Assert.False);
        Assert.Null(await Get(store));
    }

    /// <summary>A store that is given up may still write: into nothing that anybody reads.</summary>
    [Fact]
    public async Task ALateAnswerReachesNobody()
    {
        _far.Entries[Convert.ToHexString(_key)] = _value;
        var asked = new TaskCompletionSource();
        var release = new TaskCompletionSource();
        _far.Before = _ =>
        {
            asked.SetResult();
            return new ValueTask(release.Task);
        };
        var destination = new ArrayBufferWriter<byte>();
        Task<bool> found = _store.GetAsync(_key, destination, Token).AsTask();
        await asked.Task.WaitAsync(Token);
        _time.Advance(Budget);
        await Assert.ThrowsAsync<TimeoutException>(() => found);
        release.SetResult();
        while (_store.GetStatistics().Calls > 0)
        {
            await Task.Yield();
        }
        Assert.Equal(0, destination.WrittenCount);
        Assert.Equal(0, _store.Memory.Count);
    }

    [Fact]
    public async Task WhoGivesUpIsNoFailureOfTheStore()
    {
        using LayeredSessionStore store = Layer(new LayeredSessionStoreOptions { FailuresBeforePause = 1, TimeProvider = _time });
        using var abort = new CancellationTokenSource();
        _far.Before = token => new ValueTask(Task.Delay(Timeout.Infinite, token));
        Task<bool> found = store.GetAsync(_key, new ArrayBufferWriter<byte>(), abort.Token).AsTask();
        await abort.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => found);
        Assert.Equal((StoreCircuit.Closed, 0, 0), (store.GetStatistics().Circuit, store.GetStatistics().Failures, store.GetStatistics().Timeouts));
    }

    [Fact]
    public void OptionsAreChecked()
    {
        Refused(new LayeredSessionStoreOptions { Budget = TimeSpan.FromTicks(9999) });
        Refused(new LayeredSessionStoreOptions { Budget = TimeSpan.FromSeconds(10) + TimeSpan.FromTicks(1) });
        Refused(new LayeredSessionStoreOptions { MaxCalls = 0 });
        Refused(new LayeredSessionStoreOptions { MaxCalls = 65_537 });
        Refused(new LayeredSessionStoreOptions { FailuresBeforePause = 0 });
        Refused(new LayeredSessionStoreOptions { FailuresBeforePause = 1001 });
        Refused(new LayeredSessionStoreOptions { Pause = TimeSpan.Zero });
        Refused(new LayeredSessionStoreOptions { Pause = TimeSpan.FromMinutes(10) + TimeSpan.FromTicks(1) });
        Refused(new LayeredSessionStoreOptions { MaxAbsent = 15 });
        Refused(new LayeredSessionStoreOptions { MaxAbsent = 1_000_001 });
        Refused(new LayeredSessionStoreOptions { AbsentLifetime = TimeSpan.FromSeconds(1) - TimeSpan.FromTicks(1) });
        Refused(new LayeredSessionStoreOptions { AbsentLifetime = TimeSpan.FromMinutes(1) + TimeSpan.FromTicks(1) });
        new LayeredSessionStore(_far, new LayeredSessionStoreOptions
        {
            Budget = TimeSpan.FromSeconds(10),
            MaxCalls = 65_536,
            FailuresBeforePause = 1000,
            Pause = TimeSpan.FromMinutes(10),
            MaxAbsent = 16,
            AbsentLifetime = TimeSpan.FromMinutes(1),
        }).Dispose();

        void Refused(LayeredSessionStoreOptions options) => Assert.Throws<ArgumentOutOfRangeException>(() => new LayeredSessionStore(_far, options));
    }

    /// <summary>The caller's memory stays the caller's.</summary>
    [Fact]
    public async Task MemoryOfTheCallersIsNotDisposed()
    {
        using var memory = new MemorySessionStore(timeProvider: _time);
        LayeredSessionStore store = Layer(new LayeredSessionStoreOptions { Memory = memory, TimeProvider = _time });
        Assert.True(await store.SetAsync(_key, _value, Entry, Token));
        store.Dispose();
        Assert.Equal(1, memory.Count);
    }

    /// <summary>The engine's side: an answer from memory costs no thread.</summary>
    [Fact]
    public async Task ASessionInMemoryIsFoundAtOnce()
    {
        using var sessions = StoredSessions.Create(_store, _ring, CryptoProvider.Default, _time, null);
        byte[] id = sessions.CreateId()!;
        Assert.True(await sessions.StoreAsync(SessionDraft.Tls12().Session(), id, null, Token));
        ValueTask<LocatedSession> found = sessions.FindAsync(id, Token);
        Assert.True(found.IsCompletedSuccessfully);
        Assert.NotNull((await found).Session);
        Assert.Equal(1, _asked);
    }

    /// <summary>What a lying store said once is not what memory says from then on.</summary>
    [Fact]
    public async Task GarbageDoesNotStayInMemory()
    {
        using var sessions = StoredSessions.Create(_store, _ring, CryptoProvider.Default, _time, null);
        byte[] id = sessions.CreateId()!;
        Assert.True(await sessions.StoreAsync(SessionDraft.Tls12().Session(), id, null, Token));
        _time.Advance(TimeSpan.FromSeconds(62));
        _far.Returns = _ => [1, 2, 3];
        Assert.Null((await sessions.FindAsync(id, Token)).Session);
        Assert.Equal(0, Live());
        _far.Returns = static value => value;
        Assert.NotNull((await sessions.FindAsync(id, Token)).Session);

        long Live() => _store.Memory.Count;
    }

    [Fact]
    public async Task TheEngineHearsWhyThereIsNoAnswer()
    {
        using LayeredSessionStore store = Layer(new LayeredSessionStoreOptions { FailuresBeforePause = 2, TimeProvider = _time });
        using var sessions = StoredSessions.Create(store, _ring, CryptoProvider.Default, _time, null);
        byte[] id = sessions.CreateId()!;
        var asked = new SemaphoreSlim(0);
        _far.Before = _ =>
        {
            asked.Release();
            return new ValueTask(Task.Delay(Timeout.Infinite, CancellationToken.None));
        };
        for (int i = 0; i < 2; i++)
        {
            Task<LocatedSession> found = sessions.FindAsync(id, Token).AsTask();
            await asked.WaitAsync(Token);
            _time.Advance(Budget);
            Assert.Equal(ResumptionReason.StoreTimeout, (await found).Reason);
        }
        ValueTask<LocatedSession> refused = sessions.FindAsync(id, Token);
        Assert.True(refused.IsCompletedSuccessfully);
        Assert.Equal(ResumptionReason.StoreUnavailable, (await refused).Reason);
        Assert.Equal(ResumptionReason.StoreUnavailable, await sessions.ConsumeAsync(id, Token));
        asked.Dispose();
    }

    private ValueTask CountAsync(CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _asked);
        return ValueTask.CompletedTask;
    }

    private LayeredSessionStore Layer(LayeredSessionStoreOptions? options = null)
        => new(_far, options ?? new LayeredSessionStoreOptions { TimeProvider = _time });

    private async Task<bool> Consumed(LayeredSessionStore store, Func<CancellationToken, ValueTask> before)
    {
        _far.Before = before;
        try
        {
            return await store.TryConsumeAsync(_key, Token);
        }
        catch (IOException)
        {
            return false;
        }
        finally
        {
            _far.Before = CountAsync;
        }
    }

    private async Task<byte[]?> Get(LayeredSessionStore store)
    {
        var destination = new ArrayBufferWriter<byte>();
        return await store.GetAsync(_key, destination, Token) ? destination.WrittenSpan.ToArray() : null;
    }
}

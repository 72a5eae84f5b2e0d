using System.Buffers;
using System.Security.Cryptography;
using Microsoft.Extensions.Time.Testing;
using Segno.Cryptography;
using Segno.Sessions;

namespace Segno.Tests.Sessions.Stores;

public sealed class StoredSessionsTests : IDisposable
{
    private readonly FakeTimeProvider _time = new(SessionDraft.Now);
    private readonly StoreDouble _foreign = new();
    private readonly MemorySessionStore _memory;
    private readonly TicketKeyRing _ring;
    private byte[] _id = [];

    public StoredSessionsTests() => (_memory, _ring) = (new MemorySessionStore(timeProvider: _time), new TicketKeyRing(timeProvider: _time));

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _memory.Dispose();
        _ring.Dispose();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task WhatIsStoredIsFoundUntilItIsRemoved(bool inMemory)
    {
        using StoredSessions sessions = Sessions(inMemory);
        TlsSession session = SessionDraft.Tls12().Session();

        Assert.Equal((null, ResumptionReason.SessionNotFound), await Find(sessions));
        Assert.True(await Store(sessions, session));
        (TlsSession? found, ResumptionReason reason) = await Find(sessions);
        Assert.Equal(session.Export(), found!.Export());
        Assert.Equal(ResumptionReason.None, reason);
        await sessions.RemoveAsync(_id, Token);
        Assert.Equal((null, ResumptionReason.SessionNotFound), await Find(sessions));
    }

    [Fact]
    public async Task MemoryAnswersAtOnce()
    {
        using StoredSessions sessions = Sessions(inMemory: true);
        ValueTask<bool> stored = Store(sessions, SessionDraft.Tls12().Session());
        Assert.True(stored.IsCompletedSuccessfully && await stored);
        ValueTask<LocatedSession> found = sessions.FindAsync(_id, Token);
        Assert.True(found.IsCompletedSuccessfully);
        Assert.Equal(ResumptionMechanism.SessionId, (await found).Mechanism);
    }

    /// <summary>Threat model §4.4: who reads the store learns neither secrets nor session IDs.</summary>
    [Fact]
    public async Task TheStoreSeesNeitherSecretsNorIDs()
    {
        using StoredSessions sessions = Sessions(inMemory: false);
        SessionDraft draft = SessionDraft.Tls12();
        draft.SessionId = _id;
        Assert.True(await Store(sessions, draft.Session()));

        (string key, byte[] value) = Assert.Single(_foreign.Entries);
        string all = key + Convert.ToHexString(value);
        Assert.DoesNotContain(Convert.ToHexString(_id, 0, 8), all, StringComparison.Ordinal);
        Assert.DoesNotContain(Convert.ToHexString(draft.Secret, 0, 8), all, StringComparison.Ordinal);
        Assert.DoesNotContain(Convert.ToHexString("example"u8), all, StringComparison.Ordinal);
        Assert.Equal(draft.Session().ExpiresAt, Assert.Single(_foreign.Described).ExpiresAt);
    }

    [Fact]
    public async Task AStoreThatMovesAnEntryFindsNothing()
    {
        using StoredSessions sessions = Sessions(inMemory: false);
        byte[] other = sessions.CreateId()!;
        Assert.True(await Store(sessions, SessionDraft.Tls12().Session()));
        byte[] value = Assert.Single(_foreign.Entries).Value;
        Assert.True(await Store(sessions, SessionDraft.Tls12().Session(), other));
        _foreign.Returns = _ => value;

        Assert.NotNull((await Find(sessions)).Session);
        Assert.Equal((null, ResumptionReason.SessionNotFound), await Find(sessions, other));
    }

    [Fact]
    public async Task AStoreThatLiesFindsNothing()
    {
        using StoredSessions sessions = Sessions(inMemory: false);
        Assert.True(await Store(sessions, SessionDraft.Tls12().Session()));
        byte[] good = Assert.Single(_foreign.Entries).Value;

        foreach (byte[] lie in Lies(good))
        {
            _foreign.Returns = _ => lie;
            Assert.Equal((null, ResumptionReason.SessionNotFound), await Find(sessions));
        }
        _foreign.Returns = _ => new byte[StoreSealer.MaxLength + 1];
        Assert.Equal((null, ResumptionReason.StoreUnavailable), await Find(sessions));
        _foreign.Returns = _ => good;
        Assert.NotNull((await Find(sessions)).Session);
    }

    /// <summary>Bound to tenant and keys: what one seals no other opens.</summary>
    [Fact]
    public void WhatOneTenantSealedNoOtherOpens()
    {
        var keys = new StoreKeys(CryptoProvider.Default);
        byte[] key = new byte[LookupKey.Length];
        Assert.True(LookupKey.TryCompute(CryptoProvider.Default, keys, [], RandomNumberGenerator.GetBytes(32), key));
        StoreSealer a = Sealer(1);
        byte[] value = a.Seal(SessionDraft.Tls12().Session(), keys, key)!;

        Assert.NotNull(a.Open(value, keys, key, out _));
        Assert.NotNull(Sealer(1).Open(value, keys, key, out _));
        Assert.Null(Sealer(2).Open(value, keys, key, out ResumptionReason reason));
        Assert.Equal(ResumptionReason.SessionNotFound, reason);
        Assert.Null(Sealer(1).Open(value, new StoreKeys(CryptoProvider.Default), key, out _));

        static StoreSealer Sealer(byte tenant) => new(CryptoProvider.Default, [.. Enumerable.Repeat(tenant, 32)]);
    }

    [Fact]
    public async Task AStoreThatThrowsIsUnavailable()
    {
        using StoredSessions sessions = Sessions(inMemory: false);
        Assert.True(await Store(sessions, SessionDraft.Tls12().Session()));
        foreach (Exception failure in new Exception[] { new IOException(), new OperationCanceledException(), new TlsException(TlsFault.NoCommonVersion) })
        {
            _foreign.Before = _ => throw failure;
            Assert.Equal((null, ResumptionReason.StoreUnavailable), await Find(sessions));
            Assert.Equal(ResumptionReason.StoreUnavailable, await sessions.ConsumeAsync(_id, Token));
            Assert.False(await Store(sessions, SessionDraft.Tls12().Session()));
            await sessions.RemoveAsync(_id, Token);
        }
        _foreign.Before = _ => ValueTask.CompletedTask;
        Assert.NotNull((await Find(sessions)).Session);
    }

    /// <summary>20 ms are waited for; after them, no longer. It does not matter how the store hangs.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AStoreThatHangsTimesOut(bool blocks)
    {
        using StoredSessions sessions = Sessions(inMemory: false);
        using var release = new ManualResetEventSlim();
        var asked = new TaskCompletionSource();
        var cancelled = new TaskCompletionSource();
        _foreign.Before = token =>
        {
            token.Register(cancelled.SetResult);
            asked.SetResult();
            if (!blocks)
            {
                return new ValueTask(Task.Delay(Timeout.Infinite, CancellationToken.None));
            }
            release.Wait(CancellationToken.None);
            return ValueTask.CompletedTask;
        };
        Task<LocatedSession> finding = sessions.FindAsync(_id, Token).AsTask();
        await asked.Task.WaitAsync(Token);

        _time.Advance(StoredSessions.Budget - TimeSpan.FromMilliseconds(1));
        Assert.False(cancelled.Task.IsCompleted);
        _time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal(ResumptionReason.StoreTimeout, (await finding).Reason);
        await cancelled.Task.WaitAsync(Token);
        release.Set();
    }

    [Fact]
    public async Task AHandshakeThatIsAbortedWaitsNoLonger()
    {
        using StoredSessions sessions = Sessions(inMemory: false);
        using var abort = new CancellationTokenSource();
        _foreign.Before = token => new ValueTask(Task.Delay(Timeout.Infinite, token));
        Task<LocatedSession> finding = sessions.FindAsync(_id, abort.Token).AsTask();
        await abort.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => finding);
    }

    /// <summary>A store that never answers holds 256 calls, and the next one is refused without waiting.</summary>
    [Fact]
    public async Task TheCallsThatAStoreHoldsAreBounded()
    {
        using StoredSessions sessions = Sessions(inMemory: false);
        var release = new TaskCompletionSource();
        _foreign.Before = _ => new ValueTask(release.Task);
        Task<LocatedSession>[] held = [.. Enumerable.Range(0, StoredSessions.MaxCalls).Select(_ => sessions.FindAsync(_id, Token).AsTask())];
        Assert.DoesNotContain(held, task => task.IsCompleted);

        ValueTask<LocatedSession> refused = sessions.FindAsync(_id, Token);
        Assert.True(refused.IsCompletedSuccessfully);
        Assert.Equal(ResumptionReason.StoreUnavailable, (await refused).Reason);
        release.SetResult();
        Assert.All(await Task.WhenAll(held), found => Assert.Equal(ResumptionReason.SessionNotFound, found.Reason));
        Assert.Equal((null, ResumptionReason.SessionNotFound), await Find(sessions));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task OneConsumerWins(bool inMemory)
    {
        using StoredSessions sessions = Sessions(inMemory);
        Assert.True(await Store(sessions, new SessionDraft().Session()));

        ResumptionReason[] results = await Task.WhenAll(Enumerable.Range(0, 64).Select(_ => Task.Run(() => sessions.ConsumeAsync(_id, Token).AsTask())));
        Assert.Single(results, ResumptionReason.None);
        Assert.Equal(63, results.Count(result => result == ResumptionReason.SessionConsumed));
        Assert.Equal((null, ResumptionReason.SessionNotFound), await Find(sessions));
    }

    [Theory]
    [InlineData(0, false)]
    [InlineData(1, true)]
    [InlineData(32, true)]
    [InlineData(33, false)]
    public async Task AnIDHasOneTo32Bytes(int length, bool kept)
    {
        using StoredSessions sessions = Sessions(inMemory: true);
        byte[] id = RandomNumberGenerator.GetBytes(length);
        Assert.Equal(kept, await Store(sessions, SessionDraft.Tls12().Session(), id));
        Assert.Equal(kept, (await Find(sessions, id)).Session is not null);
        await sessions.RemoveAsync(id, Token);
        sessions.MarkUsed(id);
        Assert.Equal(kept ? ResumptionReason.SessionConsumed : ResumptionReason.SessionNotFound, await sessions.ConsumeAsync(id, Token));
    }

    /// <summary>R-26: a TLS 1.2 session without the extended main secret is never stored.</summary>
    [Fact]
    [Trait("Requirement", "R-26")]
    public async Task WhatMayNotBeResumedIsNotStored()
    {
        using StoredSessions sessions = Sessions(inMemory: true);
        SessionDraft weak = SessionDraft.Tls12();
        weak.ExtendedMasterSecret = false;
        Assert.False(await Store(sessions, weak.Session()));
        Assert.False(await Store(sessions, SessionDraft.Client().Session()));
        Assert.Equal(0, _memory.Count);
    }

    [Fact]
    public async Task ASessionTooLongIsNotStored()
    {
        using StoredSessions sessions = Sessions(inMemory: false);
        var draft = new SessionDraft { PeerCertificates = [new byte[1000]] };
        Assert.True(await Store(sessions, draft.Session()));
        int room = StoreSealer.MaxLength - Assert.Single(_foreign.Entries).Value.Length;

        draft.PeerCertificates = [new byte[1000 + room]];
        Assert.True(await Store(sessions, draft.Session()));
        Assert.NotNull((await Find(sessions)).Session);
        draft.PeerCertificates = [new byte[1001 + room]];
        Assert.False(await Store(sessions, draft.Session()));
    }

    /// <summary>R-22: forged IDs evict nobody.</summary>
    [Fact]
    [Trait("Requirement", "R-22")]
    public async Task ForgedIDsEvictNothing()
    {
        using StoredSessions sessions = Sessions(inMemory: true);
        Assert.True(await Store(sessions, SessionDraft.Tls12().Session()));
        long bytes = _memory.GetStatistics().Bytes;
        for (int i = 0; i < 1000; i++)
        {
            Assert.Null((await Find(sessions, RandomNumberGenerator.GetBytes(32))).Session);
        }
        Assert.Equal((1, bytes), (_memory.Count, _memory.GetStatistics().Bytes));
        Assert.NotNull((await Find(sessions)).Session);
    }

    /// <summary>R-22: any store is told when a session was resumed, and only then; nobody waits for it.</summary>
    [Fact]
    [Trait("Requirement", "R-22")]
    public async Task AStoreIsToldOfUseAndNotWaitedFor()
    {
        using StoredSessions sessions = Sessions(inMemory: false);
        Assert.True(await Store(sessions, SessionDraft.Tls12().Session()));
        Assert.NotNull((await Find(sessions)).Session);
        Assert.Empty(_foreign.Used);

        var asked = new TaskCompletionSource();
        var release = new TaskCompletionSource();
        _foreign.Before = async _ =>
        {
            asked.TrySetResult();
            await release.Task;
        };
        sessions.MarkUsed(_id);
        sessions.MarkUsed([]);
        await asked.Task.WaitAsync(Token);
        Assert.Empty(_foreign.Used);
        release.SetResult();
        while (_foreign.Used.IsEmpty)
        {
            await Task.Yield();
        }
        Assert.Equal(Assert.Single(_foreign.Entries).Key, Assert.Single(_foreign.Used));

        _foreign.Before = _ => throw new IOException();
        sessions.MarkUsed(_id);
        _foreign.Before = _ => ValueTask.CompletedTask;
        Assert.NotNull((await Find(sessions)).Session);
        await ((ISessionStore)new Plain()).MarkUsedAsync(_id, Token);
    }

    [Fact]
    public async Task AnExpiredSessionIsCalledExpired()
    {
        using StoredSessions sessions = Sessions(inMemory: true);
        TlsSession session = SessionDraft.Tls12().Session();
        Assert.True(await Store(sessions, session));

        _time.SetUtcNow(session.ExpiresAt);
        Assert.NotNull((await Find(sessions)).Session);
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal((null, ResumptionReason.SessionExpired), await Find(sessions));
    }

    /// <summary>Whichever call of cryptography fails: a full handshake at worst, no exception. In memory the second way to seal may do.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task FailingCryptographyCostsAFullHandshake(bool inMemory)
    {
        var crypto = new CryptoDouble();
        using StoredSessions sessions = Sessions(inMemory, crypto);
        TlsSession session = SessionDraft.Tls12().Session();
        int calls = await CallsOf(() => Store(sessions, session).AsTask());
        for (int i = 0; i < calls; i++)
        {
            await sessions.RemoveAsync(_id, Token);
            crypto.Restart(i);
            bool stored = await Store(sessions, session);
            crypto.Restart(-1);
            Assert.Equal(stored, (await Find(sessions)).Session is not null);
            // Without a lookup key there is nothing that could be done in any way.
            Assert.True(inMemory && i > 0 || !stored);
        }
        Assert.True(await Store(sessions, session));
        calls = await CallsOf(async () => Assert.NotNull((await Find(sessions)).Session));
        for (int i = 0; i < calls; i++)
        {
            crypto.Restart(i);
            Assert.Equal((null, ResumptionReason.SessionNotFound), await Find(sessions));
        }

        async Task<int> CallsOf(Func<Task> work)
        {
            crypto.Restart(-1);
            await work();
            Assert.InRange(crypto.Calls, 2, 10);
            return crypto.Calls;
        }
    }

    [Fact]
    public void AGeneratorWithoutRandomnessMakesNoKeys()
    {
        var crypto = new CryptoDouble { Random = bytes => bytes.Fill(7) };
        Assert.Throws<CryptographicException>(() => new StoreKeys(crypto));
    }

    [Fact]
    public async Task DisposedItOpensNothing()
    {
        StoredSessions sessions = Sessions(inMemory: true);
        Assert.True(await Store(sessions, SessionDraft.Tls12().Session()));
        sessions.Dispose();

        Assert.Equal((null, ResumptionReason.SessionNotFound), await Find(sessions));
        Assert.False(await Store(sessions, SessionDraft.Tls12().Session()));
        Assert.Equal(1, _memory.Count);
    }

    /// <summary>A store that has no use for what was used.</summary>
    private sealed class Plain : ISessionStore
    {
        public ValueTask<bool> GetAsync(ReadOnlyMemory<byte> key, IBufferWriter<byte> destination, CancellationToken cancellationToken = default)
            => ValueTask.FromResult(false);

        public ValueTask<bool> TryConsumeAsync(ReadOnlyMemory<byte> key, CancellationToken cancellationToken = default) => ValueTask.FromResult(false);

        public ValueTask<bool> SetAsync(
            ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> value, SessionStoreEntry entry, CancellationToken cancellationToken = default)
            => ValueTask.FromResult(false);

        public ValueTask RemoveAsync(ReadOnlyMemory<byte> key, CancellationToken cancellationToken = default) => ValueTask.CompletedTask;
    }

    private static IEnumerable<byte[]> Lies(byte[] good)
    {
        yield return [];
        yield return good[..10];
        yield return good[..^1];
        yield return [.. good, 0];
        yield return RandomNumberGenerator.GetBytes(good.Length);
        foreach (int at in new[] { 0, 1, 32, 33, good.Length - 1 })
        {
            byte[] changed = [.. good];
            changed[at] ^= 1;
            yield return changed;
        }
    }

    private async Task<(TlsSession? Session, ResumptionReason Reason)> Find(StoredSessions sessions, byte[]? id = null)
    {
        LocatedSession found = await sessions.FindAsync(id ?? _id, Token);
        Assert.Equal(ResumptionMechanism.SessionId, found.Mechanism);
        return (found.Session, found.Reason);
    }

    private ValueTask<bool> Store(StoredSessions sessions, TlsSession session, byte[]? id = null) => sessions.StoreAsync(session, id ?? _id, null, Token);

    private StoredSessions Sessions(bool inMemory, CryptoProvider? crypto = null)
    {
        StoredSessions sessions = StoredSessions.Create(inMemory ? _memory : _foreign, _ring, crypto ?? CryptoProvider.Default, _time, null);
        _id = sessions.CreateId()!;
        return sessions;
    }
}

using System.Buffers;
using System.Buffers.Binary;

namespace Segno.Sessions;

/// <summary>
/// Memory in front of a store that is shared or far away. What memory has is answered at once; the store is given a short time, a bounded
/// number of calls, and a pause when it fails. Thread-safe.
/// </summary>
/// <remarks>
/// <para>What may be used once is consumed in the store alone, so however many servers have a copy in memory, one gets it. Such an entry
/// is not put into memory when it is kept.</para>
/// <para>An entry that is removed goes from this memory and from the store. Other servers' memory has it until its lifetime there is over
/// (<see cref="LayeredSessionStoreOptions.Memory"/>). Where the store is away, what was kept lately is found in memory all the same.</para>
/// <para>What is read from the store enters memory as a newcomer, and makes room only among those (S3-FIFO): asking evicts nothing that was used.</para>
/// </remarks>
public sealed class LayeredSessionStore : ISessionStore, IBoundedSessionStore, IDisposable
{
    private static readonly TimeSpan DefaultMemoryLifetime = TimeSpan.FromMinutes(1);

    private readonly BoundedSessionStore _store;
    private readonly CircuitBreaker _breaker;
    private readonly MemorySessionStore _memory;
    private readonly MemorySessionStore? _ownMemory;

    // Keys without values, of what was not there or was removed. Bounded and short-lived as any other memory of sessions.
    private readonly MemorySessionStore _absent;
    private readonly TimeProvider _time;
    private readonly long[] _counts = new long[Enum.GetValues<Count>().Length];

    /// <summary>Puts memory in front of a store.</summary>
    /// <param name="store">The store. The caller keeps ownership.</param>
    /// <param name="options">How to treat it. Default: as <see cref="LayeredSessionStoreOptions"/> says.</param>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of range.</exception>
    public LayeredSessionStore(ISessionStore store, LayeredSessionStoreOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(store);
        options ??= new LayeredSessionStoreOptions();
        options.Check();
        _time = options.TimeProvider;
        _store = new BoundedSessionStore(store, options.Budget, options.MaxCalls, _time);
        _breaker = new CircuitBreaker(options.FailuresBeforePause, options.Pause, _time);
        _ownMemory = options.Memory is null ? new MemorySessionStore(maxLifetime: DefaultMemoryLifetime, timeProvider: _time) : null;
        _memory = options.Memory ?? _ownMemory!;
        // An entry without a value takes less than 64 bytes.
        _absent = new MemorySessionStore(options.MaxAbsent, Math.Max(64 * 1024, options.MaxAbsent * 64L), options.AbsentLifetime, _time);
    }

    private enum Count
    {
        MemoryHit,
        AbsentHit,
        StoreHit,
        StoreMiss,
        Timeout,
        Failure,
        Refused,
    }

    /// <summary>The memory in front.</summary>
    internal MemorySessionStore Memory => _memory;

    /// <summary>Counts what the tiers hold and did. Each number is right; together they are of no one moment.</summary>
    public LayeredStoreStatistics GetStatistics() => new()
    {
        Memory = _memory.GetStatistics(),
        MemoryHits = Read(Count.MemoryHit),
        AbsentHits = Read(Count.AbsentHit),
        StoreHits = Read(Count.StoreHit),
        StoreMisses = Read(Count.StoreMiss),
        Timeouts = Read(Count.Timeout),
        Failures = Read(Count.Failure),
        Refused = Read(Count.Refused),
        Calls = _store.Calls,
        Circuit = _breaker.State,
        CircuitOpened = _breaker.Opened,
    };

    /// <inheritdoc/>
    /// <exception cref="TimeoutException">The store did not answer in time.</exception>
    /// <exception cref="IOException">The store failed, or was not asked.</exception>
    public async ValueTask<bool> GetAsync(ReadOnlyMemory<byte> key, IBufferWriter<byte> destination, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(destination);
        return Expect(await ((IBoundedSessionStore)this).GetAsync(key, destination, cancellationToken).ConfigureAwait(false));
    }

    /// <inheritdoc/>
    /// <exception cref="TimeoutException">The store did not answer in time.</exception>
    /// <exception cref="IOException">The store failed, or was not asked.</exception>
    public async ValueTask<bool> TryConsumeAsync(ReadOnlyMemory<byte> key, CancellationToken cancellationToken = default)
        => Expect(await ((IBoundedSessionStore)this).TryConsumeAsync(key, cancellationToken).ConfigureAwait(false));

    /// <inheritdoc/>
    public async ValueTask MarkUsedAsync(ReadOnlyMemory<byte> key, CancellationToken cancellationToken = default)
        => await ((IBoundedSessionStore)this).MarkUsedAsync(key, cancellationToken).ConfigureAwait(false);

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The key has no or more than 64 bytes.</exception>
    public async ValueTask<bool> SetAsync(
        ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> value, SessionStoreEntry entry, CancellationToken cancellationToken = default)
        => await ((IBoundedSessionStore)this).SetAsync(key, value, entry, cancellationToken).ConfigureAwait(false) == StoreAnswer.Yes;

    /// <inheritdoc/>
    /// <exception cref="TimeoutException">The store did not answer in time.</exception>
    /// <exception cref="IOException">The store failed, or was not asked.</exception>
    public async ValueTask RemoveAsync(ReadOnlyMemory<byte> key, CancellationToken cancellationToken = default)
        => Expect(await ((IBoundedSessionStore)this).RemoveAsync(key, cancellationToken).ConfigureAwait(false));

    /// <summary>Wipes the memory that is the store's own. The store under it is its owner's.</summary>
    public void Dispose()
    {
        _ownMemory?.Dispose();
        _absent.Dispose();
    }

    /// <inheritdoc/>
    ValueTask<StoreAnswer> IBoundedSessionStore.GetAsync(ReadOnlyMemory<byte> key, IBufferWriter<byte> destination, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (_memory.TryGet(key.Span, destination))
        {
            Add(Count.MemoryHit);
            return new ValueTask<StoreAnswer>(StoreAnswer.Yes);
        }
        if (IsAbsent(key.Span))
        {
            Add(Count.AbsentHit);
            return new ValueTask<StoreAnswer>(StoreAnswer.No);
        }
        return GetFromStoreAsync(key, destination, cancellationToken);
    }

    /// <inheritdoc/>
    async ValueTask<StoreAnswer> IBoundedSessionStore.TryConsumeAsync(ReadOnlyMemory<byte> key, CancellationToken cancellationToken)
    {
        // Gone from here before it can be gone there: what was used is not even found again.
        _memory.Remove(key.Span);
        StoreAnswer answer = await AskAsync((store, token) => store.TryConsumeAsync(key, token), cancellationToken).ConfigureAwait(false);
        if (answer is StoreAnswer.Yes or StoreAnswer.No)
        {
            MarkAbsent(key.Span);
            _memory.Remove(key.Span);
        }
        return answer;
    }

    /// <inheritdoc/>
    ValueTask<StoreAnswer> IBoundedSessionStore.MarkUsedAsync(ReadOnlyMemory<byte> key, CancellationToken cancellationToken)
    {
        _memory.MarkUsed(key.Span);
        return AskAsync((store, token) => store.MarkUsedAsync(key, token), cancellationToken);
    }

    /// <inheritdoc/>
    async ValueTask<StoreAnswer> IBoundedSessionStore.SetAsync(
        ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> value, SessionStoreEntry entry, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        _absent.Remove(key.Span);
        bool inMemory = !entry.SingleUse && await _memory.SetAsync(key, value, entry, cancellationToken).ConfigureAwait(false);
        StoreAnswer answer = await AskAsync((store, token) => store.SetAsync(key, value, entry, token), cancellationToken).ConfigureAwait(false);
        // Found here at least, for a while.
        return inMemory ? StoreAnswer.Yes : answer;
    }

    /// <inheritdoc/>
    ValueTask<StoreAnswer> IBoundedSessionStore.RemoveAsync(ReadOnlyMemory<byte> key, CancellationToken cancellationToken)
    {
        MarkAbsent(key.Span);
        _memory.Remove(key.Span);
        return AskAsync((store, token) => store.RemoveAsync(key, token), cancellationToken);
    }

    /// <inheritdoc/>
    void IBoundedSessionStore.Forget(ReadOnlySpan<byte> key) => _memory.Remove(key);

    private static bool Expect(StoreAnswer answer) => answer switch
    {
        StoreAnswer.TimedOut => throw new TimeoutException("The session store did not answer in time."),
        StoreAnswer.Failed => throw new IOException("The session store failed."),
        StoreAnswer.Refused => throw new IOException("The session store is not asked: it failed too often, or too many calls are with it."),
        _ => answer == StoreAnswer.Yes,
    };

    private async ValueTask<StoreAnswer> GetFromStoreAsync(ReadOnlyMemory<byte> key, IBufferWriter<byte> destination, CancellationToken cancellationToken)
    {
        // One that was given up writes into this, not into the caller's.
        var value = new StoredValue();
        StoreAnswer answer = await AskAsync((store, token) => store.GetAsync(key, value, token), cancellationToken).ConfigureAwait(false);
        if (answer == StoreAnswer.Yes)
        {
            Add(Count.StoreHit);
            Keep(key.Span, value.Written);
            destination.Write(value.Written);
        }
        else if (answer == StoreAnswer.No)
        {
            Add(Count.StoreMiss);
            MarkAbsent(key.Span);
        }
        return answer;
    }

    /// <summary>Calls the store, if it may be called, and counts what comes of it.</summary>
    private async ValueTask<StoreAnswer> AskAsync(
        Func<BoundedSessionStore, CancellationToken, ValueTask<StoreAnswer>> call, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (!_breaker.TryEnter(out bool isProbe))
        {
            Add(Count.Refused);
            return StoreAnswer.Refused;
        }
        // A caller who gives up has found nothing out.
        StoreAnswer answer = StoreAnswer.Refused;
        try
        {
            answer = await call(_store, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _breaker.Report(answer, isProbe);
        }
        switch (answer)
        {
            case StoreAnswer.TimedOut:
                Add(Count.Timeout);
                break;
            case StoreAnswer.Failed:
                Add(Count.Failure);
                break;
            case StoreAnswer.Refused:
                Add(Count.Refused);
                break;
        }
        return answer;
    }

    /// <summary>Takes into memory what the store had. How long it is good stands in it, sealed: whoever opens it sees to that.</summary>
    private void Keep(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        if (key.Length > MemorySessionStore.MaxKeyLength || IsAbsent(key))
        {
            return;
        }
        _memory.Set(key, value, Newcomer(key, _memory), null);
        if (IsAbsent(key))
        {
            // Removed in between.
            _memory.Remove(key);
        }
    }

    private bool IsAbsent(ReadOnlySpan<byte> key) => _absent.Find(key, [], out _, out _) >= 0;

    private void MarkAbsent(ReadOnlySpan<byte> key)
    {
        if (key.Length is > 0 and <= MemorySessionStore.MaxKeyLength)
        {
            _absent.Set(key, [], Newcomer(key, _absent), null);
        }
    }

    /// <summary>Whose it is, is not known: each has a source of its own, or all together would have the room of one.</summary>
    private SessionStoreEntry Newcomer(ReadOnlySpan<byte> key, MemorySessionStore store)
    {
        Span<byte> source = stackalloc byte[sizeof(ulong)];
        source.Clear();
        key[..Math.Min(key.Length, source.Length)].CopyTo(source);
        return new SessionStoreEntry(_time.GetUtcNow() + store.MaxLifetime, BinaryPrimitives.ReadUInt64LittleEndian(source));
    }

    private void Add(Count count) => Interlocked.Increment(ref _counts[(int)count]);

    private long Read(Count count) => Interlocked.Read(ref _counts[(int)count]);
}

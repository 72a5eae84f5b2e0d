using System.Buffers;
using System.Security.Authentication;
using Segno.Cryptography;

namespace Segno.Sessions;

/// <summary>
/// A server's sessions in a store, the engine's side of it: seals what goes in, opens what comes out, and lets nothing that a store
/// does fail or stall a handshake. Thread-safe.
/// </summary>
internal sealed class StoredSessions : IDisposable
{
    /// <summary>How long a store may take: about what a full handshake costs.</summary>
    public static readonly TimeSpan Budget = TimeSpan.FromMilliseconds(20);

    /// <summary>How many calls may be with a store, those included that were given up; more are refused at once.</summary>
    public const int MaxCalls = 256;

    private readonly ISessionStore _store;
    private readonly TimeProvider _time;
    private readonly StoreKeys _keys;
    private readonly StoreSealer _sealer;
    private int _calls;

    /// <param name="store">Where the sessions are kept; it stays its owner's.</param>
    /// <param name="crypto">The provider.</param>
    /// <param name="time">The clock that <see cref="Budget"/> is measured with.</param>
    /// <param name="tenant">The tenant whose sessions these are.</param>
    /// <exception cref="System.Security.Cryptography.CryptographicException">The random generator gives no randomness.</exception>
    public StoredSessions(ISessionStore store, CryptoProvider crypto, TimeProvider time, string? tenant)
    {
        _store = store;
        _time = time;
        _keys = new StoreKeys(crypto);
        _sealer = new StoreSealer(_keys, crypto, tenant);
    }

    /// <summary>Locate: looks a session ID up. Changes nothing .</summary>
    public ValueTask<LocatedSession> FindAsync(ReadOnlyMemory<byte> sessionId, CancellationToken cancellationToken)
    {
        if (_sealer.LookupKey(sessionId.Span) is not { } key)
        {
            return new ValueTask<LocatedSession>(NotFound(ResumptionReason.SessionNotFound));
        }
        if (_store is not MemorySessionStore memory)
        {
            return FindInStoreAsync(key, cancellationToken);
        }
        var value = new StoredValue();
        return new ValueTask<LocatedSession>(
            memory.TryGet(key, value, out bool expired) ? Open(value, key)
            : NotFound(expired ? ResumptionReason.SessionExpired : ResumptionReason.SessionNotFound));
    }

    /// <summary>Commit: keeps a session under its ID. Called when the handshake is complete, and every verdict in.</summary>
    /// <returns>Whether it is kept.</returns>
    public async ValueTask<bool> StoreAsync(TlsSession session, ReadOnlyMemory<byte> sessionId, CancellationToken cancellationToken)
    {
        // without the extended main secret a TLS 1.2 session is bound to no handshake, and never resumed.
        bool storable = session.IsServer && (session.ProtocolVersion == SslProtocols.Tls13 || session.ExtendedMasterSecret);
        if (!storable || _sealer.LookupKey(sessionId.Span) is not { } key || _sealer.Seal(session, key) is not { } value)
        {
            return false;
        }
        var entry = new SessionStoreEntry(session.ExpiresAt);
        if (_store is MemorySessionStore memory)
        {
            return await memory.SetAsync(key, value, entry, cancellationToken).ConfigureAwait(false);
        }
        return (await AskAsync(token => _store.SetAsync(key, value, entry, token), cancellationToken).ConfigureAwait(false)).Answer;
    }

    /// <summary>Consume: takes a session that may be used once. Of all who try, one gets <see cref="ResumptionReason.None"/>.</summary>
    public async ValueTask<ResumptionReason> ConsumeAsync(ReadOnlyMemory<byte> sessionId, CancellationToken cancellationToken)
    {
        if (_sealer.LookupKey(sessionId.Span) is not { } key)
        {
            return ResumptionReason.SessionNotFound;
        }
        (bool won, ResumptionReason failure) = _store is MemorySessionStore memory
            ? (await memory.TryConsumeAsync(key, cancellationToken).ConfigureAwait(false), ResumptionReason.None)
            : await AskAsync(token => _store.TryConsumeAsync(key, token), cancellationToken).ConfigureAwait(false);
        return won || failure != ResumptionReason.None ? failure : ResumptionReason.SessionConsumed;
    }

    /// <summary>Forgets a session: its connection ended with a fatal alert, or the application refuses the peer.</summary>
    public async ValueTask RemoveAsync(ReadOnlyMemory<byte> sessionId, CancellationToken cancellationToken)
    {
        if (_sealer.LookupKey(sessionId.Span) is not { } key)
        {
            return;
        }
        if (_store is MemorySessionStore memory)
        {
            await memory.RemoveAsync(key, cancellationToken).ConfigureAwait(false);
            return;
        }
        await AskAsync(
            async token =>
            {
                await _store.RemoveAsync(key, token).ConfigureAwait(false);
                return true;
            },
            cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Says that a session was resumed. Its peer has proved possession: only now it counts as used .</summary>
    public void MarkUsed(ReadOnlySpan<byte> sessionId)
    {
        if (_store is MemorySessionStore memory && _sealer.LookupKey(sessionId) is { } key)
        {
            memory.MarkUsed(key);
        }
    }

    /// <summary>Wipes the keys: what is in the store opens no more. The store itself is its owner's.</summary>
    public void Dispose() => _keys.Destroy();

    private static LocatedSession NotFound(ResumptionReason reason) => new(null, ResumptionMechanism.SessionId, reason);

    private LocatedSession Open(StoredValue value, byte[] key)
    {
        TlsSession? session = _sealer.Open(value.Written, key, out ResumptionReason reason);
        return new LocatedSession(session, ResumptionMechanism.SessionId, reason);
    }

    private async ValueTask<LocatedSession> FindInStoreAsync(byte[] key, CancellationToken cancellationToken)
    {
        // Not shared and not pooled: a store that was given up may still write into it.
        var value = new StoredValue();
        (bool found, ResumptionReason failure) = await AskAsync(token => _store.GetAsync(key, value, token), cancellationToken).ConfigureAwait(false);
        return found ? Open(value, key) : NotFound(failure == ResumptionReason.None ? ResumptionReason.SessionNotFound : failure);
    }

    /// <summary>Asks a store that may be slow, block, throw or never answer.</summary>
    /// <returns>The answer; or <see langword="false"/> and <see cref="ResumptionReason.StoreUnavailable"/> or <see cref="ResumptionReason.StoreTimeout"/>.</returns>
    private async ValueTask<(bool Answer, ResumptionReason Failure)> AskAsync(
        Func<CancellationToken, ValueTask<bool>> call, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (Interlocked.Increment(ref _calls) > MaxCalls)
        {
            Interlocked.Decrement(ref _calls);
            return (false, ResumptionReason.StoreUnavailable);
        }
        using var budget = new CancellationTokenSource(Budget, _time);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(budget.Token, cancellationToken);
        CancellationToken token = limit.Token;
        // On a thread of its own, because a store may also block the one that it is called on.
        Task<bool> answer = Task.Run(() => CallAsync(call, token), CancellationToken.None);
        try
        {
            return (await answer.WaitAsync(token).ConfigureAwait(false), ResumptionReason.None);
        }
        catch (Exception) when (!cancellationToken.IsCancellationRequested)
        {
            // Whatever becomes of a call that was given up, nobody asks any more.
            _ = answer.ContinueWith(
                static given => given.Exception, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
            return (false, budget.IsCancellationRequested ? ResumptionReason.StoreTimeout : ResumptionReason.StoreUnavailable);
        }
    }

    private async Task<bool> CallAsync(Func<CancellationToken, ValueTask<bool>> call, CancellationToken cancellationToken)
    {
        try
        {
            return await call(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            Interlocked.Decrement(ref _calls);
        }
    }

    /// <summary>What a store answers: bounded, so that no answer can be too large.</summary>
    private sealed class StoredValue : IBufferWriter<byte>
    {
        private byte[] _bytes = new byte[512];
        private int _length;

        public ReadOnlySpan<byte> Written => _bytes.AsSpan(0, _length);

        public void Advance(int count)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(count);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(count, _bytes.Length - _length);
            _length += count;
        }

        public Memory<byte> GetMemory(int sizeHint = 0)
        {
            int needed = checked(_length + Math.Max(sizeHint, 1));
            if (needed > StoreSealer.MaxLength)
            {
                throw new InvalidOperationException($"A stored session has at most {StoreSealer.MaxLength} bytes.");
            }
            if (needed > _bytes.Length)
            {
                Array.Resize(ref _bytes, Math.Min(StoreSealer.MaxLength, Math.Max(needed, 2 * _bytes.Length)));
            }
            return _bytes.AsMemory(_length);
        }

        public Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;
    }
}

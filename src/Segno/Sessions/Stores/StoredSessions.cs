using System.Buffers;
using System.Net;
using System.Security.Authentication;
using System.Text;
using Segno.Buffers;
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

    // What fits on the stack; nearly all values do.
    private const int StackLimit = 512;

    private readonly ISessionStore _store;
    private readonly TimeProvider _time;
    private readonly StoreKeys _keys;
    private readonly StoreSealer _sealer;
    private readonly MemorySealer _memorySealer;
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
        byte[] tenantDigest = new byte[HashKind.Sha256.Length()];
        crypto.Hash(HashKind.Sha256, Encoding.UTF8.GetBytes(tenant ?? ""), tenantDigest);
        _sealer = new StoreSealer(_keys, crypto, tenantDigest);
        _memorySealer = new MemorySealer(_keys, crypto, tenantDigest);
    }

    /// <summary>Whether the store answers at once.</summary>
    public bool IsInMemory => _store is MemorySessionStore;

    /// <summary>Locate: looks a session ID up. Changes nothing .</summary>
    public ValueTask<LocatedSession> FindAsync(ReadOnlyMemory<byte> sessionId, CancellationToken cancellationToken)
        => _store is MemorySessionStore memory
            ? new ValueTask<LocatedSession>(Find(memory, sessionId))
            : FindInStoreAsync(sessionId, cancellationToken);

    /// <summary>Commit: keeps a session under its ID. Called when the handshake is complete, and every verdict in.</summary>
    /// <param name="session">The session.</param>
    /// <param name="sessionId">Its ID.</param>
    /// <param name="address">Where its client is; <see langword="null"/> where that is not known.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>Whether it is kept.</returns>
    public ValueTask<bool> StoreAsync(TlsSession session, ReadOnlyMemory<byte> sessionId, IPAddress? address, CancellationToken cancellationToken)
    {
        // without the extended main secret a TLS 1.2 session is bound to no handshake, and never resumed.
        if (!session.IsServer || (session.ProtocolVersion == SslProtocols.Tls12 && !session.ExtendedMasterSecret))
        {
            return new ValueTask<bool>(false);
        }
        // RFC 9846 appendix C.4: a TLS 1.3 session is for one connection.
        var entry = new SessionStoreEntry(session.ExpiresAt, _keys.SourceOf(address), session.ProtocolVersion == SslProtocols.Tls13);
        return _store is MemorySessionStore memory
            ? new ValueTask<bool>(Set(memory, session, sessionId.Span, entry))
            : SetInStoreAsync(session, sessionId, entry, cancellationToken);
    }

    /// <summary>Consume: takes a session that may be used once. Of all who try, one gets <see cref="ResumptionReason.None"/>.</summary>
    public async ValueTask<ResumptionReason> ConsumeAsync(ReadOnlyMemory<byte> sessionId, CancellationToken cancellationToken)
    {
        byte[] key = new byte[StoreKeys.LookupKeyLength];
        if (!_keys.TryComputeLookupKey(sessionId.Span, key))
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
        byte[] key = new byte[StoreKeys.LookupKeyLength];
        if (!_keys.TryComputeLookupKey(sessionId.Span, key))
        {
            return;
        }
        if (_store is MemorySessionStore memory)
        {
            await memory.RemoveAsync(key, cancellationToken).ConfigureAwait(false);
            return;
        }
        await TellAsync(token => _store.RemoveAsync(key, token), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Says that a session was resumed. Its peer has proved possession: only now it counts as used. Waits for nothing.</summary>
    public void MarkUsed(ReadOnlySpan<byte> sessionId)
    {
        byte[] key = new byte[StoreKeys.LookupKeyLength];
        if (!_keys.TryComputeLookupKey(sessionId, key))
        {
            return;
        }
        if (_store is MemorySessionStore memory)
        {
            memory.MarkUsed(key);
            return;
        }
        _ = TellAsync(token => _store.MarkUsedAsync(key, token), CancellationToken.None).AsTask();
    }

    /// <summary>Wipes the keys: what is in the store opens no more. The store itself is its owner's.</summary>
    public void Dispose() => _keys.Destroy();

    private static LocatedSession NotFound(ResumptionReason reason) => new(null, ResumptionMechanism.SessionId, reason);

    private LocatedSession Find(MemorySessionStore memory, ReadOnlyMemory<byte> sessionId)
    {
        Span<byte> key = stackalloc byte[StoreKeys.LookupKeyLength];
        if (!_keys.TryComputeLookupKey(sessionId.Span, key))
        {
            return NotFound(ResumptionReason.SessionNotFound);
        }
        using var buffer = new FlightBuffer();
        Span<byte> value = stackalloc byte[StackLimit];
        int length = memory.Find(key, value, out SessionTemplate? template, out bool expired);
        if (length > value.Length)
        {
            value = buffer.Reserve(StoreSealer.MaxLength);
            length = memory.Find(key, value, out template, out expired);
        }
        if (length < 0 || length > value.Length)
        {
            return NotFound(expired ? ResumptionReason.SessionExpired : ResumptionReason.SessionNotFound);
        }
        ResumptionReason reason = ResumptionReason.None;
        TlsSession? session = template is null
            ? _sealer.Open(value[..length], key, out reason)
            : _memorySealer.Open(value[..length], sessionId, key, template);
        return session is null && reason == ResumptionReason.None
            ? NotFound(ResumptionReason.SessionNotFound)
            : new LocatedSession(session, ResumptionMechanism.SessionId, reason);
    }

    private bool Set(MemorySessionStore memory, TlsSession session, ReadOnlySpan<byte> sessionId, SessionStoreEntry entry)
    {
        Span<byte> key = stackalloc byte[StoreKeys.LookupKeyLength];
        if (!_keys.TryComputeLookupKey(sessionId, key))
        {
            return false;
        }
        if (memory.Templates.Acquire(session) is { } template)
        {
            Span<byte> value = stackalloc byte[MemorySealer.MaxLength];
            int length = _memorySealer.Seal(session, sessionId, key, template, value);
            if (length > 0)
            {
                return memory.Set(key, value[..length], entry, template);
            }
            memory.Templates.Release(template.Number);
        }
        return _sealer.Seal(session, key) is { } sealedSession && memory.Set(key, sealedSession, entry, null);
    }

    private async ValueTask<LocatedSession> FindInStoreAsync(ReadOnlyMemory<byte> sessionId, CancellationToken cancellationToken)
    {
        byte[] key = new byte[StoreKeys.LookupKeyLength];
        if (!_keys.TryComputeLookupKey(sessionId.Span, key))
        {
            return NotFound(ResumptionReason.SessionNotFound);
        }
        // Not shared and not pooled: a store that was given up may still write into it.
        var value = new StoredValue();
        (bool found, ResumptionReason failure) = await AskAsync(token => _store.GetAsync(key, value, token), cancellationToken).ConfigureAwait(false);
        if (!found)
        {
            return NotFound(failure == ResumptionReason.None ? ResumptionReason.SessionNotFound : failure);
        }
        TlsSession? session = _sealer.Open(value.Written, key, out ResumptionReason reason);
        return new LocatedSession(session, ResumptionMechanism.SessionId, reason);
    }

    private async ValueTask<bool> SetInStoreAsync(
        TlsSession session, ReadOnlyMemory<byte> sessionId, SessionStoreEntry entry, CancellationToken cancellationToken)
    {
        byte[] key = new byte[StoreKeys.LookupKeyLength];
        return _keys.TryComputeLookupKey(sessionId.Span, key)
            && _sealer.Seal(session, key) is { } value
            && (await AskAsync(token => _store.SetAsync(key, value, entry, token), cancellationToken).ConfigureAwait(false)).Answer;
    }

    /// <summary>Tells a store something, as <see cref="AskAsync"/> asks; what becomes of it is the store's affair.</summary>
    private async ValueTask TellAsync(Func<CancellationToken, ValueTask> call, CancellationToken cancellationToken)
        => await AskAsync(
            async token =>
            {
                await call(token).ConfigureAwait(false);
                return true;
            },
            cancellationToken).ConfigureAwait(false);

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
        catch (Exception)
        {
            // Whatever becomes of a call that was given up, nobody asks any more.
            _ = answer.ContinueWith(
                static given => given.Exception, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
            cancellationToken.ThrowIfCancellationRequested();
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

using System.Buffers;
using System.Net;
using Segno.Cryptography;
using Segno.Sessions.Tickets;

namespace Segno.Sessions;

/// <summary>
/// Sessions in somebody else's store, which may be slow, block, throw, lie or never answer. They are sealed under the ticket keys, so
/// that rotation and revocation reach them, too, and whoever shares store and keys shares sessions.
/// </summary>
/// <remarks>
/// <code>
/// struct {
///     opaque key_name[16];     /* the ticket key, as in tickets */
///     opaque random[16];
/// } SessionId;
///
/// lookup key = HMAC(the ticket key's index key, SessionId)[0..16]
/// </code>
/// An ID that names no key of ours is declined without a word to the store.
/// </remarks>
internal sealed class ForeignStoredSessions : StoredSessions
{
    private readonly ISessionStore _store;
    private readonly TicketKeyRing _ticketKeys;
    private readonly TimeProvider _time;
    private readonly StoreSealer _sealer;
    private int _calls;

    public ForeignStoredSessions(ISessionStore store, TicketKeyRing ticketKeys, CryptoProvider crypto, TimeProvider time, string? tenant)
        : base(crypto, tenant)
    {
        _store = store;
        _ticketKeys = ticketKeys;
        _time = time;
        _sealer = new StoreSealer(crypto, TenantDigest);
    }

    public override bool IsInMemory => false;

    public override byte[]? CreateId()
    {
        if (IsDisposed || _ticketKeys.Active?.ForTenant(Crypto, Tenant) is not { } key)
        {
            return null;
        }
        byte[] id = new byte[IdLength];
        key.WriteName(id);
        Crypto.FillRandom(id.AsSpan(TicketKey.NameLength));
        return id;
    }

    public override async ValueTask<LocatedSession> FindAsync(ReadOnlyMemory<byte> sessionId, CancellationToken cancellationToken)
    {
        if (Name(sessionId, out ResumptionReason reason) is not var (key, lookupKey))
        {
            return NotFound(reason);
        }
        // Not shared and not pooled: a store that was given up may still write into it.
        var value = new StoredValue();
        (bool found, ResumptionReason failure) = await AskAsync(token => _store.GetAsync(lookupKey, value, token), cancellationToken).ConfigureAwait(false);
        if (!found)
        {
            return NotFound(failure == ResumptionReason.None ? ResumptionReason.SessionNotFound : failure);
        }
        TlsSession? session = _sealer.Open(value.Written, key, lookupKey, out reason);
        return new LocatedSession(session, ResumptionMechanism.SessionId, reason);
    }

    public override async ValueTask<ResumptionReason> ConsumeAsync(ReadOnlyMemory<byte> sessionId, CancellationToken cancellationToken)
    {
        if (Name(sessionId, out ResumptionReason reason) is not var (_, lookupKey))
        {
            return reason;
        }
        (bool won, ResumptionReason failure) = await AskAsync(token => _store.TryConsumeAsync(lookupKey, token), cancellationToken).ConfigureAwait(false);
        return won || failure != ResumptionReason.None ? failure : ResumptionReason.SessionConsumed;
    }

    public override async ValueTask RemoveAsync(ReadOnlyMemory<byte> sessionId, CancellationToken cancellationToken)
    {
        if (Name(sessionId, out _) is var (_, lookupKey))
        {
            await TellAsync(token => _store.RemoveAsync(lookupKey, token), cancellationToken).ConfigureAwait(false);
        }
    }

    public override void MarkUsed(ReadOnlySpan<byte> sessionId)
    {
        if (Name(sessionId.ToArray(), out _) is var (_, lookupKey))
        {
            _ = TellAsync(token => _store.MarkUsedAsync(lookupKey, token), CancellationToken.None).AsTask();
        }
    }

    protected override async ValueTask<bool> SetAsync(
        TlsSession session, ReadOnlyMemory<byte> sessionId, IPAddress? address, bool singleUse, CancellationToken cancellationToken)
    {
        if (Name(sessionId, out _) is not var (key, lookupKey) || _sealer.Seal(session, key, lookupKey) is not { } value)
        {
            return false;
        }
        var entry = new SessionStoreEntry(session.ExpiresAt, LookupKey.SourceOf(Crypto, key, address), singleUse);
        return (await AskAsync(token => _store.SetAsync(lookupKey, value, entry, token), cancellationToken).ConfigureAwait(false)).Answer;
    }

    /// <summary>The key that an ID names, and what the store knows the ID by; or why there is none.</summary>
    private (TicketKey Key, byte[] LookupKey)? Name(ReadOnlyMemory<byte> sessionId, out ResumptionReason reason)
    {
        reason = ResumptionReason.SessionNotFound;
        byte[] lookupKey = new byte[LookupKey.Length];
        if (sessionId.Length != IdLength
            || IsDisposed
            || _ticketKeys.Find(TicketKey.ReadName(sessionId.Span[..TicketKey.NameLength]), out reason, Tenant, Crypto) is not { } key)
        {
            return null;
        }
        reason = ResumptionReason.SessionNotFound;
        return LookupKey.TryCompute(Crypto, key, [], sessionId.Span, lookupKey) ? (key, lookupKey) : null;
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

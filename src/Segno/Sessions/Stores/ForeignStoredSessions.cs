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
    private readonly IBoundedSessionStore _store;
    private readonly TicketKeyRing _ticketKeys;
    private readonly StoreSealer _sealer;

    public ForeignStoredSessions(ISessionStore store, TicketKeyRing ticketKeys, CryptoProvider crypto, TimeProvider time, string? tenant)
        : base(crypto, tenant)
    {
        _store = store as IBoundedSessionStore ?? new BoundedSessionStore(store, Budget, MaxCalls, time);
        _ticketKeys = ticketKeys;
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
        return TryFillRandom(id.AsSpan(TicketKey.NameLength)) ? id : null;
    }

    public override async ValueTask<LocatedSession> FindAsync(ReadOnlyMemory<byte> sessionId, CancellationToken cancellationToken)
    {
        if (Name(sessionId, out ResumptionReason reason) is not var (key, lookupKey))
        {
            return NotFound(reason);
        }
        var value = new StoredValue();
        StoreAnswer answer = await _store.GetAsync(lookupKey, value, cancellationToken).ConfigureAwait(false);
        if (answer != StoreAnswer.Yes)
        {
            return NotFound(answer == StoreAnswer.No ? ResumptionReason.SessionNotFound : answer.ToReason());
        }
        TlsSession? session = _sealer.Open(value.Written, key, lookupKey, out reason);
        if (session is null)
        {
            _store.Forget(lookupKey);
        }
        return new LocatedSession(session, ResumptionMechanism.SessionId, reason);
    }

    public override async ValueTask<ResumptionReason> ConsumeAsync(ReadOnlyMemory<byte> sessionId, CancellationToken cancellationToken)
    {
        if (Name(sessionId, out ResumptionReason reason) is not var (_, lookupKey))
        {
            return reason;
        }
        StoreAnswer answer = await _store.TryConsumeAsync(lookupKey, cancellationToken).ConfigureAwait(false);
        return answer == StoreAnswer.No ? ResumptionReason.SessionConsumed : answer.ToReason();
    }

    public override async ValueTask RemoveAsync(ReadOnlyMemory<byte> sessionId, CancellationToken cancellationToken)
    {
        if (Name(sessionId, out _) is var (_, lookupKey))
        {
            await _store.RemoveAsync(lookupKey, cancellationToken).ConfigureAwait(false);
        }
    }

    public override void MarkUsed(ReadOnlySpan<byte> sessionId)
    {
        if (Name(sessionId.ToArray(), out _) is var (_, lookupKey))
        {
            _ = _store.MarkUsedAsync(lookupKey, CancellationToken.None).AsTask();
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
        return await _store.SetAsync(lookupKey, value, entry, cancellationToken).ConfigureAwait(false) == StoreAnswer.Yes;
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
}

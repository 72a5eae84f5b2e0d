using System.Net;
using Segno.Buffers;
using Segno.Cryptography;

namespace Segno.Sessions;

/// <summary>Sessions in a store of this process, which answers at once, under the store's own keys.</summary>
internal sealed class MemoryStoredSessions : StoredSessions
{
    // What fits on the stack; nearly all values do.
    private const int StackLimit = 512;

    private readonly MemorySessionStore _store;
    private readonly StoreKeys _keys;
    private readonly MemoryStoreSealer _sealer;

    public MemoryStoredSessions(MemorySessionStore store, CryptoProvider crypto, string? tenant)
        : base(crypto, tenant)
    {
        _store = store;
        _keys = store.Keys;
        _sealer = new MemoryStoreSealer(store, crypto);
    }

    public override bool IsInMemory => true;

    public override byte[]? CreateId()
    {
        byte[] id = new byte[IdLength];
        return TryFillRandom(id) ? id : null;
    }

    public override ValueTask<LocatedSession> FindAsync(ReadOnlyMemory<byte> sessionId, CancellationToken cancellationToken) => new(Find(sessionId));

    public override ValueTask<ResumptionReason> ConsumeAsync(ReadOnlyMemory<byte> sessionId, CancellationToken cancellationToken)
    {
        Span<byte> key = stackalloc byte[LookupKey.Length];
        return new(!TryComputeKey(sessionId.Span, key) ? ResumptionReason.SessionNotFound
            : _store.Remove(key) ? ResumptionReason.None
            : ResumptionReason.SessionConsumed);
    }

    public override ValueTask RemoveAsync(ReadOnlyMemory<byte> sessionId, CancellationToken cancellationToken)
    {
        Span<byte> key = stackalloc byte[LookupKey.Length];
        if (TryComputeKey(sessionId.Span, key))
        {
            _store.Remove(key);
        }
        return ValueTask.CompletedTask;
    }

    public override void MarkUsed(ReadOnlySpan<byte> sessionId)
    {
        Span<byte> key = stackalloc byte[LookupKey.Length];
        if (TryComputeKey(sessionId, key))
        {
            _store.MarkUsed(key);
        }
    }

    protected override ValueTask<bool> SetAsync(
        TlsSession session, ReadOnlyMemory<byte> sessionId, IPAddress? address, bool singleUse, CancellationToken cancellationToken)
        => new(Set(session, sessionId.Span, new SessionStoreEntry(session.ExpiresAt, LookupKey.SourceOf(Crypto, _keys, address), singleUse)));

    private bool TryComputeKey(ReadOnlySpan<byte> sessionId, Span<byte> key)
        => !IsDisposed && LookupKey.TryCompute(Crypto, _keys, Tenant is null ? [] : TenantDigest, sessionId, key);

    private LocatedSession Find(ReadOnlyMemory<byte> sessionId)
    {
        Span<byte> key = stackalloc byte[LookupKey.Length];
        if (!TryComputeKey(sessionId.Span, key))
        {
            return NotFound(ResumptionReason.SessionNotFound);
        }
        using var buffer = new FlightBuffer();
        Span<byte> value = stackalloc byte[StackLimit];
        int length = _store.Find(key, value, out SessionTemplate? template, out bool expired);
        if (length > value.Length)
        {
            value = buffer.Reserve(StoreSealer.MaxLength);
            length = _store.Find(key, value, out template, out expired);
        }
        if (length < 0 || length > value.Length)
        {
            return NotFound(expired ? ResumptionReason.SessionExpired : ResumptionReason.SessionNotFound);
        }
        TlsSession? session = _sealer.Open(value[..length], sessionId, key, template, out ResumptionReason reason);
        return session is null && reason == ResumptionReason.None
            ? NotFound(ResumptionReason.SessionNotFound)
            : new LocatedSession(session, ResumptionMechanism.SessionId, reason);
    }

    private bool Set(TlsSession session, ReadOnlySpan<byte> sessionId, SessionStoreEntry entry)
    {
        Span<byte> key = stackalloc byte[LookupKey.Length];
        return TryComputeKey(sessionId, key) && _sealer.Set(session, sessionId, key, entry);
    }
}

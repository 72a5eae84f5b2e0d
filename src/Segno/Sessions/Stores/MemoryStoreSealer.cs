using System.Security.Cryptography;
using Segno.Cryptography;

namespace Segno.Sessions;

/// <summary>What a store in memory keeps of sessions: as a rule the difference to a template, and otherwise the whole. Thread-safe.</summary>
internal sealed class MemoryStoreSealer
{
    private readonly MemorySessionStore _store;
    private readonly StoreSealer _whole;
    private readonly MemorySealer _compact;

    public MemoryStoreSealer(MemorySessionStore store, CryptoProvider crypto)
    {
        _store = store;
        // Lookup keys are of a tenant already, and what is sealed is bound to them.
        _whole = new StoreSealer(crypto, new byte[HashKind.Sha256.Length()]);
        _compact = new MemorySealer(store.Keys, crypto);
    }

    /// <returns>The session, not yet judged; <see langword="null"/> where the value does not open, and why if that is known.</returns>
    public TlsSession? Open(ReadOnlySpan<byte> value, ReadOnlyMemory<byte> sessionId, ReadOnlySpan<byte> lookupKey, SessionTemplate? template, out ResumptionReason reason)
    {
        reason = ResumptionReason.None;
        return template is null ? _whole.Open(value, _store.Keys, lookupKey, out reason) : _compact.Open(value, sessionId, lookupKey, template);
    }

    /// <summary>Seals a session and keeps it.</summary>
    /// <returns>Whether it is kept.</returns>
    public bool Set(TlsSession session, ReadOnlySpan<byte> sessionId, ReadOnlySpan<byte> lookupKey, SessionStoreEntry entry)
    {
        if (_store.Templates.Acquire(session) is { } template)
        {
            Span<byte> value = stackalloc byte[MemorySealer.MaxLength];
            int length = _compact.Seal(session, sessionId, lookupKey, template, value);
            if (length > 0)
            {
                return _store.Set(lookupKey, value[..length], entry, template);
            }
            _store.Templates.Release(template.Number);
        }
        // Whoever has no ID but its lookup key (a successor) can keep a session that has one only where the ID is not written.
        return !CryptographicOperations.FixedTimeEquals(session.SessionId.Span, lookupKey)
            && _whole.Seal(session, _store.Keys, lookupKey) is { } sealedSession
            && _store.Set(lookupKey, sealedSession, entry, null);
    }
}

using System.Buffers.Binary;
using System.Security.Cryptography;
using Segno.Cryptography;

namespace Segno.Sessions;

/// <summary>
/// Seals sessions for a store in this process. The key never leaves the process, so a counter is nonce enough, and nothing is
/// written that the process knows anyway. Thread-safe.
/// </summary>
/// <remarks>
/// <code>
/// struct {
///     uint48 counter;
///     opaque sealed[..];     /* AES-256-GCM of a CompactSession, with its tag */
/// }
///
/// nonce           = counter
/// associated data = lookup key ‖ uint64 the template's serial ‖ uint32 revocation epoch
/// </code>
/// A dump of the store shows no secret; what is moved to another key, or read by another template, does not open. No two tenants have
/// a lookup key in common, so neither does what is moved to another tenant.
/// </remarks>
internal sealed class MemorySealer(StoreKeys keys, CryptoProvider crypto)
{
    public const int MaxLength = CounterLength + CompactSession.MaxLength + Aead.TagLength;

    private const int CounterLength = 6;
    private const int AssociatedLength = LookupKey.Length + sizeof(ulong) + sizeof(uint);

    /// <summary>Seals a session.</summary>
    /// <param name="session">A server's session.</param>
    /// <param name="sessionId">The ID it is found under.</param>
    /// <param name="lookupKey">That ID's key in the store.</param>
    /// <param name="template">The session's template.</param>
    /// <param name="value">At least <see cref="MaxLength"/> bytes.</param>
    /// <returns>The length of the value; 0 when the session is too unusual, the keys are destroyed, or cryptography fails.</returns>
    public int Seal(TlsSession session, ReadOnlySpan<byte> sessionId, ReadOnlySpan<byte> lookupKey, SessionTemplate template, Span<byte> value)
    {
        Span<byte> compact = stackalloc byte[CompactSession.MaxLength];
        Span<byte> secret = stackalloc byte[SaltedAead.SecretLength];
        try
        {
            int length = CompactSession.Encode(session, sessionId, template, compact);
            if (length == 0 || !keys.TryCopyMemorySecret(secret) || keys.TakeCounter() is not { } counter)
            {
                return 0;
            }
            Span<byte> nonce = stackalloc byte[Aead.NonceLength];
            Span<byte> associated = stackalloc byte[AssociatedLength];
            nonce.Clear();
            BinaryPrimitives.WriteUInt64BigEndian(nonce[^sizeof(ulong)..], counter);
            nonce[^CounterLength..].CopyTo(value);
            WriteAssociated(associated, lookupKey, template);
            using Aead aead = crypto.CreateAead(AeadKind.Aes256Gcm, secret);
            aead.Seal(nonce, compact[..length], associated, value[CounterLength..]);
            return CounterLength + length + Aead.TagLength;
        }
        catch (CryptographicException)
        {
            return 0;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(compact);
            CryptographicOperations.ZeroMemory(secret);
        }
    }

    /// <returns>The session, not yet judged; <see langword="null"/> where the value does not open.</returns>
    public TlsSession? Open(ReadOnlySpan<byte> value, ReadOnlyMemory<byte> sessionId, ReadOnlySpan<byte> lookupKey, SessionTemplate template)
    {
        int length = value.Length - CounterLength - Aead.TagLength;
        if (length is <= 0 or > CompactSession.MaxLength)
        {
            return null;
        }
        Span<byte> compact = stackalloc byte[CompactSession.MaxLength];
        Span<byte> secret = stackalloc byte[SaltedAead.SecretLength];
        try
        {
            if (!keys.TryCopyMemorySecret(secret))
            {
                return null;
            }
            Span<byte> nonce = stackalloc byte[Aead.NonceLength];
            Span<byte> associated = stackalloc byte[AssociatedLength];
            nonce.Clear();
            value[..CounterLength].CopyTo(nonce[^CounterLength..]);
            WriteAssociated(associated, lookupKey, template);
            using Aead aead = crypto.CreateAead(AeadKind.Aes256Gcm, secret);
            return aead.TryOpen(nonce, value[CounterLength..], associated, compact[..length])
                && CompactSession.TryDecode(compact[..length], sessionId, template, out TlsSession? session)
                ? session
                : null;
        }
        catch (CryptographicException)
        {
            return null;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(compact);
            CryptographicOperations.ZeroMemory(secret);
        }
    }

    private static void WriteAssociated(Span<byte> associated, ReadOnlySpan<byte> lookupKey, SessionTemplate template)
    {
        lookupKey.CopyTo(associated);
        BinaryPrimitives.WriteUInt64BigEndian(associated[LookupKey.Length..], template.Serial);
        BinaryPrimitives.WriteUInt32BigEndian(associated[(LookupKey.Length + sizeof(ulong))..], template.RevocationEpoch);
    }
}

using System.Buffers.Binary;
using System.Security.Cryptography;
using Segno.Buffers;
using Segno.Cryptography;

namespace Segno.Sessions;

/// <summary>
/// Makes a store's values from sessions, and sessions from what a store returns, which may be anything. Thread-safe.
/// </summary>
/// <remarks>
/// <code>
/// struct {
///     uint8  version = 1;
///     opaque salt[32];
///     opaque sealed[..];      /* AES-256-GCM of a session (see SessionCodec), with its tag */
/// } StoredSession;
///
/// key ‖ nonce     = SaltedAead(the key's secret, salt, "segno store" ‖ version)
/// associated data = version ‖ salt ‖ lookup key ‖ uint32 revocation epoch ‖ SHA-256(tenant)
/// </code>
/// A value moved to another key, tenant or epoch does not open. Nor does a ticket under the same ticket key: its label is another.
/// </remarks>
internal sealed class StoreSealer(CryptoProvider crypto, byte[] tenantDigest)
{
    /// <summary>A session that does not fit is not stored. Enough for a chain of client certificates.</summary>
    public const int MaxLength = 16 * 1024;

    private const byte Version = 1;
    private const int HeadLength = 1;
    private const int Overhead = HeadLength + SaltedAead.SaltLength + Aead.TagLength;
    private const int PlaceLength = LookupKey.Length + sizeof(uint) + 32;

    private static ReadOnlySpan<byte> Label => "segno store"u8;

    /// <returns>The value; <see langword="null"/> when the key is destroyed, the session is too long, or cryptography fails.</returns>
    public byte[]? Seal(TlsSession session, IStoreKey key, ReadOnlySpan<byte> lookupKey)
    {
        using var buffer = new FlightBuffer();
        Span<byte> secret = stackalloc byte[SaltedAead.SecretLength];
        Span<byte> saltKey = stackalloc byte[SaltedAead.SecretLength];
        try
        {
            crypto.FillRandom(buffer.Reserve(SaltedAead.RandomLength));
            if (!SessionCodec.TryEncode(session, buffer)
                || buffer.Length - SaltedAead.RandomLength + Overhead > MaxLength
                || !key.TryCopy(secret, saltKey))
            {
                return null;
            }
            byte[] value = new byte[buffer.Length - SaltedAead.RandomLength + Overhead];
            value[0] = Version;
            SaltedAead.Seal(crypto, secret, saltKey, Label, buffer.Span, HeadLength, Place(lookupKey, stackalloc byte[PlaceLength]), value);
            return value;
        }
        catch (CryptographicException)
        {
            return null;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(secret);
            CryptographicOperations.ZeroMemory(saltKey);
        }
    }

    /// <returns>The session, not yet judged; or <see langword="null"/> and why.</returns>
    public TlsSession? Open(ReadOnlySpan<byte> value, IStoreKey key, ReadOnlySpan<byte> lookupKey, out ResumptionReason reason)
    {
        reason = ResumptionReason.SessionNotFound;
        if (value.Length is <= Overhead or > MaxLength || value[0] != Version)
        {
            return null;
        }
        using var buffer = new FlightBuffer();
        Span<byte> secret = stackalloc byte[SaltedAead.SecretLength];
        Span<byte> saltKey = stackalloc byte[SaltedAead.SecretLength];
        try
        {
            if (!key.TryCopy(secret, saltKey))
            {
                return null;
            }
            Span<byte> state = buffer.Reserve(value.Length - Overhead);
            return SaltedAead.TryOpen(crypto, secret, Label, value, HeadLength, Place(lookupKey, stackalloc byte[PlaceLength]), state)
                && SessionCodec.TryDecode(state, out TlsSession? session, out reason)
                ? session
                : null;
        }
        catch (CryptographicException)
        {
            return null;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(secret);
            CryptographicOperations.ZeroMemory(saltKey);
        }
    }

    private Span<byte> Place(ReadOnlySpan<byte> lookupKey, Span<byte> place)
    {
        lookupKey.CopyTo(place);
        // No session is revoked by epoch yet: all are of epoch 0.
        BinaryPrimitives.WriteUInt32BigEndian(place[LookupKey.Length..], 0);
        tenantDigest.CopyTo(place[^32..]);
        return place;
    }
}

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
    private const int HeaderLength = 1 + SaltedAead.SaltLength;
    private const int Overhead = HeaderLength + Aead.TagLength;
    private const int AssociatedLength = HeaderLength + LookupKey.Length + sizeof(uint) + 32;

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
            ReadOnlySpan<byte> state = buffer.Span[SaltedAead.RandomLength..];
            byte[] value = new byte[state.Length + Overhead];
            Span<byte> header = value.AsSpan(0, HeaderLength);
            header[0] = Version;
            SaltedAead.WriteSalt(crypto, saltKey, buffer.Span, header[1..]);
            Span<byte> nonce = stackalloc byte[Aead.NonceLength];
            using Aead aead = Derive(secret, header, nonce);
            aead.Seal(nonce, state, Associated(header, lookupKey, stackalloc byte[AssociatedLength]), value.AsSpan(HeaderLength));
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
            ReadOnlySpan<byte> header = value[..HeaderLength];
            Span<byte> nonce = stackalloc byte[Aead.NonceLength];
            using Aead aead = Derive(secret, header, nonce);
            Span<byte> state = buffer.Reserve(value.Length - Overhead);
            return aead.TryOpen(nonce, value[HeaderLength..], Associated(header, lookupKey, stackalloc byte[AssociatedLength]), state)
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

    private Aead Derive(ReadOnlySpan<byte> secret, ReadOnlySpan<byte> header, Span<byte> nonce)
        => SaltedAead.Derive(crypto, secret, header[1..], "segno store"u8, header[..1], nonce);

    private Span<byte> Associated(ReadOnlySpan<byte> header, ReadOnlySpan<byte> lookupKey, Span<byte> associated)
    {
        header.CopyTo(associated);
        lookupKey.CopyTo(associated[HeaderLength..]);
        // No session is revoked by epoch yet: all are of epoch 0.
        BinaryPrimitives.WriteUInt32BigEndian(associated[(HeaderLength + LookupKey.Length)..], 0);
        tenantDigest.CopyTo(associated[^32..]);
        return associated;
    }
}

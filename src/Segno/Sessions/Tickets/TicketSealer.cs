using System.Security.Cryptography;
using Segno.Buffers;
using Segno.Cryptography;

namespace Segno.Sessions.Tickets;

/// <summary>
/// Makes stateless tickets from sessions and sessions from tickets. Whatever goes wrong costs a full handshake, never an
/// exception. Thread-safe.
/// </summary>
/// <remarks>
/// <code>
/// struct {
///     uint8  version = 1;
///     opaque key_name[16];
///     opaque salt[32];
///     opaque sealed[..];       /* AES-256-GCM of a session (see SessionCodec), with its tag */
/// } Ticket;
///
/// key(32) ‖ nonce(12) = HKDF-Expand(HKDF-Extract(salt, key's secret), "segno ticket" ‖ version ‖ key_name)
/// associated data     = version ‖ key_name ‖ salt
/// salt                = HMAC(salt key, random[32] ‖ session)
/// </code>
/// A key and a nonce per ticket (<see cref="SaltedAead"/>): no limit on the number of tickets under one ticket key.
/// as strong as the strongest suite.
/// </remarks>
internal sealed class TicketSealer(TicketKeyRing keys, CryptoProvider crypto, string? tenant = null)
{
    public const int SaltLength = SaltedAead.SaltLength;
    public const int HeaderLength = 1 + TicketKey.NameLength + SaltLength;

    /// <summary>What a ClientHello can carry with ease. A session that does not fit gets no stateless ticket.</summary>
    public const int MaxTicketLength = 16 * 1024;

    private const byte Version = 1;
    private const int RandomLength = SaltedAead.RandomLength;
    private const int Overhead = HeaderLength + Aead.TagLength;
    private const int StackLimit = 1024;

    private static ReadOnlySpan<byte> Label => "segno ticket"u8;

    /// <summary>Seals a session under the active key.</summary>
    /// <returns>The ticket; <see langword="null"/> when there is no active key, the session is too long, or cryptography fails.</returns>
    public byte[]? Seal(TlsSession session)
    {
        if (keys.Active?.ForTenant(crypto, tenant) is not { } key)
        {
            return null;
        }
        using var buffer = new FlightBuffer();
        Span<byte> secret = stackalloc byte[TicketKey.SecretLength];
        Span<byte> saltKey = stackalloc byte[TicketKey.SecretLength];
        try
        {
            crypto.FillRandom(buffer.Reserve(RandomLength));
            if (!SessionCodec.TryEncode(session, buffer)
                || buffer.Length - RandomLength + Overhead > MaxTicketLength
                || !key.TryCopy(secret, saltKey))
            {
                return null;
            }
            byte[] ticket = new byte[buffer.Length - RandomLength + Overhead];
            ticket[0] = Version;
            key.WriteName(ticket.AsSpan(1));
            SaltedAead.Seal(crypto, secret, saltKey, Label, buffer.Span, HeaderLength - SaltLength, [], ticket);
            return ticket;
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

    /// <summary>Opens a ticket that may be anything at all.</summary>
    /// <returns>The session, not yet judged; or <see langword="null"/> and why.</returns>
    public TlsSession? Open(ReadOnlySpan<byte> ticket, out ResumptionReason reason)
    {
        if (ticket.Length is <= Overhead or > MaxTicketLength || ticket[0] != Version)
        {
            reason = ResumptionReason.TicketMalformed;
            return null;
        }
        TicketKey? key = keys.Find(TicketKey.ReadName(ticket.Slice(1, TicketKey.NameLength)), out reason, tenant, crypto);
        return key is null ? null : Open(ticket, key, out reason);
    }

    /// <summary>Whether the ticket is under a key that seals no more: it will be gone before a new one's time.</summary>
    public bool IsUnderRetiringKey(ReadOnlySpan<byte> ticket)
        => ticket.Length > Overhead && keys.Active?.ForTenant(crypto, tenant) is { } active && TicketKey.ReadName(ticket.Slice(1, TicketKey.NameLength)) != active.Name;

    private TlsSession? Open(ReadOnlySpan<byte> ticket, TicketKey key, out ResumptionReason reason)
    {
        int length = ticket.Length - Overhead;
        using var buffer = new FlightBuffer();
        Span<byte> state = length <= StackLimit ? stackalloc byte[StackLimit] : buffer.Reserve(length);
        state = state[..length];
        Span<byte> secret = stackalloc byte[TicketKey.SecretLength];
        Span<byte> saltKey = stackalloc byte[TicketKey.SecretLength];
        try
        {
            if (!key.TryCopy(secret, saltKey))
            {
                reason = ResumptionReason.RetiredTicketKey;
                return null;
            }
            if (!SaltedAead.TryOpen(crypto, secret, Label, ticket, HeaderLength - SaltLength, [], state))
            {
                reason = ResumptionReason.TicketUndecryptable;
                return null;
            }
            return SessionCodec.TryDecode(state, out TlsSession? session, out reason) ? session : null;
        }
        catch (CryptographicException)
        {
            reason = ResumptionReason.TicketUndecryptable;
            return null;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(state);
            CryptographicOperations.ZeroMemory(secret);
            CryptographicOperations.ZeroMemory(saltKey);
        }
    }
}

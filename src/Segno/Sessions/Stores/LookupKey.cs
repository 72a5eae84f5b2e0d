using System.Buffers.Binary;
using System.Net;
using System.Security.Cryptography;
using Segno.Cryptography;

namespace Segno.Sessions;

/// <summary>What a store knows sessions and clients by: keyed hashes, so that it does not show which sessions it has, nor whose they are.</summary>
internal static class LookupKey
{
    /// <summary>Enough that nobody meets a second session ID with the same key.</summary>
    public const int Length = 16;

    /// <summary>Writes the key of a session ID in the store (<see cref="Length"/> bytes).</summary>
    /// <param name="crypto">The provider.</param>
    /// <param name="key">Under what.</param>
    /// <param name="tenant">What keeps tenants apart that have the same <paramref name="key"/>, 32 bytes; empty where there is no tenant.</param>
    /// <param name="sessionId">The ID.</param>
    /// <param name="lookupKey">The key in the store.</param>
    /// <returns><see langword="false"/> where there is no such ID, the key is destroyed, or cryptography fails.</returns>
    public static bool TryCompute(CryptoProvider crypto, IStoreKey key, ReadOnlySpan<byte> tenant, ReadOnlySpan<byte> sessionId, Span<byte> lookupKey)
    {
        if (sessionId.Length is 0 or > SessionLimits.MaxSessionId)
        {
            return false;
        }
        Span<byte> input = stackalloc byte[32 + SessionLimits.MaxSessionId];
        tenant.CopyTo(input);
        sessionId.CopyTo(input[tenant.Length..]);
        return TryMac(crypto, key, input[..(tenant.Length + sessionId.Length)], lookupKey);
    }

    /// <summary>The number that a store knows a client's network prefix by. 0 where the address is not known.</summary>
    public static ulong SourceOf(CryptoProvider crypto, IStoreKey key, IPAddress? address)
    {
        if (address is null)
        {
            return 0;
        }
        // Longer than any session ID, so no prefix is taken for one.
        Span<byte> input = stackalloc byte[SessionLimits.MaxSessionId + NetworkPrefix.MaxLength];
        input.Clear();
        input[0] = NetworkPrefix.Write(address, input[SessionLimits.MaxSessionId..]);
        Span<byte> source = stackalloc byte[sizeof(ulong)];
        return TryMac(crypto, key, input, source) ? Math.Max(1, BinaryPrimitives.ReadUInt64LittleEndian(source)) : 0;
    }

    private static bool TryMac(CryptoProvider crypto, IStoreKey key, ReadOnlySpan<byte> input, Span<byte> destination)
    {
        Span<byte> indexKey = stackalloc byte[SaltedAead.SecretLength];
        Span<byte> mac = stackalloc byte[HashKinds.MaxLength];
        try
        {
            if (!key.TryCopyIndexKey(indexKey))
            {
                return false;
            }
            crypto.Hmac(HashKind.Sha256, indexKey, input, mac[..HashKind.Sha256.Length()]);
            mac[..destination.Length].CopyTo(destination);
            return true;
        }
        catch (CryptographicException)
        {
            return false;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(indexKey);
        }
    }
}

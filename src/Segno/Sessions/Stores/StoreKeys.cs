using System.Buffers.Binary;
using System.Net;
using System.Security.Cryptography;
using Segno.Cryptography;

namespace Segno.Sessions;

/// <summary>The keys that a store never sees: under which its values are sealed, and its keys made from session IDs. Thread-safe.</summary>
internal sealed class StoreKeys
{
    /// <summary>Enough that nobody meets a second session ID with the same key.</summary>
    public const int LookupKeyLength = 16;

    private const ulong MaxCounter = (1UL << 48) - 1;

    private readonly CryptoProvider _crypto;

    // secret ‖ salt key
    private readonly PinnedSecret _sealing = new(2 * SaltedAead.SecretLength);
    private readonly PinnedSecret _memory = new(SaltedAead.SecretLength);
    private readonly PinnedSecret _index = new(SaltedAead.SecretLength);
    private ulong _counter;

    /// <summary>Makes random keys.</summary>
    /// <exception cref="CryptographicException">The random generator gives no randomness.</exception>
    public StoreKeys(CryptoProvider crypto)
    {
        _crypto = crypto;
        foreach (PinnedSecret secret in new[] { _sealing, _memory, _index })
        {
            crypto.FillRandom(secret.Material);
            if (WeakSecret.IsWeak(secret.Material))
            {
                throw new CryptographicException("The system's random generator gave no randomness.");
            }
        }
    }

    /// <summary>Copies the secret and the salt key (32 bytes each), which the caller wipes; <see langword="false"/>, with nothing copied, when the keys are destroyed.</summary>
    public bool TryCopy(Span<byte> secret, Span<byte> saltKey) => _sealing.TryCopy(secret, saltKey);

    /// <summary>Copies the secret for stores in this process (32 bytes), which the caller wipes; <see langword="false"/>, with nothing copied, when the keys are destroyed.</summary>
    public bool TryCopyMemorySecret(Span<byte> secret) => _memory.TryCopy(secret);

    /// <summary>A 48-bit number that was not there before; <see langword="null"/> when all are used up.</summary>
    public ulong? TakeCounter()
    {
        ulong counter = Interlocked.Increment(ref _counter);
        return counter <= MaxCounter ? counter : null;
    }

    /// <summary>Writes the key of a session ID in the store (<see cref="LookupKeyLength"/> bytes): HMAC, so that a store does not show which IDs it has.</summary>
    /// <returns><see langword="false"/> where there is no such ID, the keys are destroyed, or cryptography fails.</returns>
    public bool TryComputeLookupKey(ReadOnlySpan<byte> sessionId, Span<byte> lookupKey)
        => sessionId.Length is > 0 and <= SessionLimits.MaxSessionId && TryMac(sessionId, lookupKey);

    /// <summary>The number that a store knows a client's network prefix by: a keyed hash. 0 where the address is not known.</summary>
    public ulong SourceOf(IPAddress? address)
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
        return TryMac(input, source) ? Math.Max(1, BinaryPrimitives.ReadUInt64LittleEndian(source)) : 0;
    }

    public void Destroy()
    {
        _sealing.Destroy();
        _memory.Destroy();
        _index.Destroy();
    }

    private bool TryMac(ReadOnlySpan<byte> input, Span<byte> destination)
    {
        Span<byte> key = stackalloc byte[SaltedAead.SecretLength];
        Span<byte> mac = stackalloc byte[HashKinds.MaxLength];
        try
        {
            if (!_index.TryCopy(key))
            {
                return false;
            }
            _crypto.Hmac(HashKind.Sha256, key, input, mac[..HashKind.Sha256.Length()]);
            mac[..destination.Length].CopyTo(destination);
            return true;
        }
        catch (CryptographicException)
        {
            return false;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(key);
        }
    }
}

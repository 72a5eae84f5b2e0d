using System.Security.Cryptography;
using Segno.Cryptography;

namespace Segno.Sessions;

/// <summary>The keys that a store never sees: under which its values are sealed, and its keys made from session IDs. Thread-safe.</summary>
internal sealed class StoreKeys
{
    // secret ‖ salt key
    private readonly PinnedSecret _sealing = new(2 * SaltedAead.SecretLength);
    private readonly PinnedSecret _index = new(SaltedAead.SecretLength);

    /// <summary>Makes random keys.</summary>
    /// <exception cref="CryptographicException">The random generator gives no randomness.</exception>
    public StoreKeys(CryptoProvider crypto)
    {
        crypto.FillRandom(_sealing.Material);
        crypto.FillRandom(_index.Material);
        if (WeakSecret.IsWeak(_sealing.Material) || WeakSecret.IsWeak(_index.Material))
        {
            throw new CryptographicException("The system's random generator gave no randomness.");
        }
    }

    /// <summary>Copies the secret and the salt key (32 bytes each), which the caller wipes; <see langword="false"/>, with nothing copied, when the keys are destroyed.</summary>
    public bool TryCopy(Span<byte> secret, Span<byte> saltKey) => _sealing.TryCopy(secret, saltKey);

    /// <summary>Writes the key of a session ID in the store: HMAC, so that a store does not show which IDs it has.</summary>
    /// <returns>Whether the keys live.</returns>
    public bool TryComputeLookupKey(CryptoProvider crypto, ReadOnlySpan<byte> sessionId, Span<byte> lookupKey)
    {
        Span<byte> index = stackalloc byte[SaltedAead.SecretLength];
        try
        {
            if (!_index.TryCopy(index))
            {
                return false;
            }
            crypto.Hmac(HashKind.Sha256, index, sessionId, lookupKey);
            return true;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(index);
        }
    }

    public void Destroy()
    {
        _sealing.Destroy();
        _index.Destroy();
    }
}

using System.Security.Cryptography;
using Segno.Cryptography;

namespace Segno.Sessions;

/// <summary>The keys of a store in this process, which never leave it: under which its values are sealed, and its keys made from session IDs. Thread-safe.</summary>
internal sealed class StoreKeys : IStoreKey
{
    private const ulong MaxCounter = (1UL << 48) - 1;

    // secret ‖ salt key
    private readonly PinnedSecret _sealing = new(2 * SaltedAead.SecretLength);
    private readonly PinnedSecret _memory = new(SaltedAead.SecretLength);
    private readonly PinnedSecret _index = new(SaltedAead.SecretLength);
    private ulong _counter;

    /// <summary>Makes random keys.</summary>
    /// <exception cref="CryptographicException">The random generator gives no randomness.</exception>
    public StoreKeys(CryptoProvider crypto)
    {
        foreach (PinnedSecret secret in new[] { _sealing, _memory, _index })
        {
            crypto.FillRandom(secret.Material);
            if (WeakSecret.IsWeak(secret.Material))
            {
                throw new CryptographicException("The system's random generator gave no randomness.");
            }
        }
    }

    public bool TryCopy(Span<byte> secret, Span<byte> saltKey) => _sealing.TryCopy(secret, saltKey);

    public bool TryCopyIndexKey(Span<byte> indexKey) => _index.TryCopy(indexKey);

    /// <summary>Takes the index key of the store before this one, so that sessions are found by the lookup keys that they have. Before anything is kept.</summary>
    public void AdoptIndexKey(ReadOnlySpan<byte> indexKey) => indexKey.CopyTo(_index.Material);

    /// <summary>Copies the secret for what is sealed by a counter (32 bytes), which the caller wipes; <see langword="false"/>, with nothing copied, when the keys are destroyed.</summary>
    public bool TryCopyMemorySecret(Span<byte> secret) => _memory.TryCopy(secret);

    /// <summary>A 48-bit number that was not there before; <see langword="null"/> when all are used up.</summary>
    public ulong? TakeCounter()
    {
        ulong counter = Interlocked.Increment(ref _counter);
        return counter <= MaxCounter ? counter : null;
    }

    public void Destroy()
    {
        _sealing.Destroy();
        _memory.Destroy();
        _index.Destroy();
    }
}

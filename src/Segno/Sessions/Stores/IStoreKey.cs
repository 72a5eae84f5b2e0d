namespace Segno.Sessions;

/// <summary>What stored sessions are sealed and found under: a ticket key, or the keys of a store in memory. Thread-safe.</summary>
internal interface IStoreKey
{
    /// <summary>Copies the secret and the salt key (32 bytes each), which the caller wipes; <see langword="false"/>, with nothing copied, when the key is destroyed.</summary>
    bool TryCopy(Span<byte> secret, Span<byte> saltKey);

    /// <summary>Copies the key that lookup keys are made with (32 bytes), which the caller wipes; <see langword="false"/>, with nothing copied, when the key is destroyed.</summary>
    bool TryCopyIndexKey(Span<byte> indexKey);
}

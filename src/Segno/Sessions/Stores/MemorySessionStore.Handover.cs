using System.Buffers.Binary;
using Segno.Cryptography;

namespace Segno.Sessions;

/// <summary>A session on its way from one store in memory to the next: in the clear, so only ever inside of something sealed.</summary>
/// <param name="LookupKey">What the store knows it by. It stands in for the session's ID, which no store knows.</param>
/// <param name="Session">The session.</param>
/// <param name="Entry">What the store was told about it.</param>
/// <param name="Uses">How much its having been resumed counts for.</param>
internal readonly record struct HandedOverSession(byte[] LookupKey, TlsSession Session, SessionStoreEntry Entry, uint Uses);

/// <summary>How a store's sessions come into the store of the next process.</summary>
public sealed partial class MemorySessionStore
{
    private const int SourceBits = 7;

    /// <summary>Copies the key that lookup keys are made with (32 bytes), which the caller wipes.</summary>
    /// <exception cref="ObjectDisposedException">The store is disposed.</exception>
    internal void CopyIndexKey(Span<byte> indexKey) => ObjectDisposedException.ThrowIf(!Keys.TryCopyIndexKey(indexKey), this);

    /// <summary>The sessions whose time is not over, in the order in which they would go. What others than the engine put here stays.</summary>
    internal IEnumerable<HandedOverSession> HandOver()
    {
        var sealer = new MemoryStoreSealer(this, CryptoProvider.Default);
        foreach (StoreShard shard in _shards)
        {
            List<(StoreShard.Record, byte[], SessionTemplate?)> copies;
            lock (shard.Gate)
            {
                copies = shard.Copy(Now);
            }
            foreach ((StoreShard.Record record, byte[] value, SessionTemplate? template) in copies)
            {
                byte[] lookupKey = new byte[KeyLength];
                BinaryPrimitives.WriteUInt128LittleEndian(lookupKey, record.Key);
                if (sealer.Open(value, lookupKey, lookupKey, template, out _) is { } session)
                {
                    // Of the source no more is known than its number in this part. With the part's it stays one source to the next store:
                    // what a flood left there still makes room first.
                    ulong source = 1 + (((ulong)shard.Number << SourceBits) | record.Source);
                    yield return new HandedOverSession(
                        lookupKey, session, new SessionStoreEntry(_start + TimeSpan.FromSeconds(record.ExpiresAt), source, record.IsMain), record.Uses);
                }
            }
        }
    }

    /// <summary>Begins to take over: sessions are found by the index key of the store that they come from.</summary>
    /// <exception cref="InvalidOperationException">There are sessions already, which nobody would find any more.</exception>
    internal void AdoptIndexKey(ReadOnlySpan<byte> indexKey)
    {
        if (Count > 0)
        {
            throw new InvalidOperationException("The store has sessions already: it takes others over before a server uses it.");
        }
        Keys.AdoptIndexKey(indexKey);
    }

    /// <summary>Keeps a session of the store before this one, sealed under this one's keys.</summary>
    /// <returns>Whether it is kept.</returns>
    internal bool Adopt(in HandedOverSession handed)
    {
        if (!new MemoryStoreSealer(this, CryptoProvider.Default).Set(handed.Session, handed.LookupKey, handed.LookupKey, handed.Entry))
        {
            return false;
        }
        for (uint i = 0; i < handed.Uses; i++)
        {
            MarkUsed(handed.LookupKey);
        }
        return true;
    }
}

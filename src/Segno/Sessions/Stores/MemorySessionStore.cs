using System.Buffers;
using System.Buffers.Binary;
using System.Numerics;
using Segno.Cryptography;

namespace Segno.Sessions;

/// <summary>Keeps a server's sessions in this process: bounded by their number, by their bytes and by their age. Thread-safe.</summary>
/// <remarks>
/// <para>Sessions lie in native memory, which the garbage collector does not walk, which is taken as it is needed, left out of core
/// dumps (Linux), and wiped when a session goes and when the store is disposed. The memory is divided into parts of about 512 KiB,
/// each with a lock of its own; no call waits for anything else, and all complete at once.</para>
/// <para>When there is no room, sessions go that were not resumed since they came, oldest first (S3-FIFO). Clients of one network
/// prefix (<see cref="SessionStoreEntry.Source"/>) that hold more than a sixteenth of the bytes make room only among themselves.</para>
/// <para>A time to the second: an entry may outlive its time by less than one.</para>
/// </remarks>
public sealed partial class MemorySessionStore : ISessionStore, IDisposable
{
    /// <summary>How many sessions are kept where nothing else is said: 20,000.</summary>
    public const int DefaultMaxEntries = 20_000;

    /// <summary>How many bytes they may take where nothing else is said: 8 MiB.</summary>
    public const long DefaultMaxBytes = 8 * 1024 * 1024;

    /// <summary>The longest key.</summary>
    internal const int MaxKeyLength = 64;

    private const long MinBytes = 16 * 1024;
    private const int PageLength = 4096;

    // What fits on the stack; nearly all values do.
    private const int StackLimit = 512;
    private const int KeyLength = 16;

    // Parts are this large and have this many entries, or more: small ones waste memory, and their order is poor.
    private const long PartLength = 512 * 1024;
    private const int PartEntries = 512;
    private const int MaxParts = 64;

    // Of 64 bytes, one for what sessions have in common.
    private const int TemplatesPart = 64;

    private readonly TimeProvider _time;
    private readonly DateTimeOffset _start;
    private readonly StoreShard[] _shards;
    private readonly EntryCount _entries;
    private readonly KeyHash _hash;

    // Keys of another length than 16 bytes are shortened under it.
    private readonly byte[] _keyKey = new byte[32];
    private readonly int _shardBits;

    /// <summary>Makes an empty store.</summary>
    /// <param name="maxEntries">How many sessions are kept, 1 to 100,000,000. Default 20,000.</param>
    /// <param name="maxBytes">How many bytes they may take, everything included: 16 KiB to 64 GiB. Default 8 MiB. A session without client certificates takes about 125.</param>
    /// <param name="maxLifetime">How long a session is kept at most, whatever it says itself: more than 0, at most 7 days. Default 24 hours.</param>
    /// <param name="timeProvider">The clock. Default <see cref="TimeProvider.System"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">A limit is out of range.</exception>
    /// <exception cref="System.Security.Cryptography.CryptographicException">The random generator gives no randomness.</exception>
    public MemorySessionStore(
        int maxEntries = DefaultMaxEntries, long maxBytes = DefaultMaxBytes, TimeSpan? maxLifetime = null, TimeProvider? timeProvider = null)
    {
        MaxLifetime = maxLifetime ?? TimeSpan.FromHours(24);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxEntries, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(maxEntries, 100_000_000);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxBytes, MinBytes);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(maxBytes, 1L << 36);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(MaxLifetime, TimeSpan.Zero, nameof(maxLifetime));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(MaxLifetime, SessionLimits.MaxLifetime, nameof(maxLifetime));
        MaxEntries = maxEntries;
        MaxBytes = maxBytes;
        _time = timeProvider ?? TimeProvider.System;
        _start = _time.GetUtcNow();
        _entries = new EntryCount(maxEntries);
        Span<byte> seed = stackalloc byte[KeyLength];
        CryptoProvider.Default.FillRandom(seed);
        CryptoProvider.Default.FillRandom(_keyKey);
        _hash = new KeyHash(BinaryPrimitives.ReadUInt64LittleEndian(seed), BinaryPrimitives.ReadUInt64LittleEndian(seed[8..]));
        Templates = new SessionTemplates(maxBytes / TemplatesPart);
        Keys = new StoreKeys(CryptoProvider.Default);

        long bytes = maxBytes - (maxBytes / TemplatesPart);
        long parts = Math.Min(MaxParts, Math.Min(bytes / PartLength, maxEntries / PartEntries));
        parts = Math.Max(Math.Max(1, parts), (bytes + StoreShard.MaxLength - 1) / StoreShard.MaxLength);
        // The number of a part is that many bits of a hash: a power of two, down while parts are not too long for it.
        _shardBits = BitOperations.Log2((ulong)parts);
        _shardBits += bytes >> _shardBits > StoreShard.MaxLength ? 1 : 0;
        int length = (int)(bytes >> _shardBits) / PageLength * PageLength;
        _shards = new StoreShard[1 << _shardBits];
        for (int i = 0; i < _shards.Length; i++)
        {
            _shards[i] = new StoreShard(i, length, _entries, Templates, _hash);
        }
    }

    /// <summary>How many sessions are kept at most.</summary>
    public int MaxEntries { get; }

    /// <summary>How many bytes they take at most.</summary>
    public long MaxBytes { get; }

    /// <summary>How long a session is kept at most.</summary>
    public TimeSpan MaxLifetime { get; }

    /// <summary>How many sessions are kept now, those included whose time is over and whose room nobody needed yet.</summary>
    public int Count => _entries.Value;

    /// <summary>How many bytes they take now, their place in the index and what they have in common included. More is in <see cref="GetStatistics"/>.</summary>
    public long Bytes => GetStatistics().Bytes;

    /// <summary>What sessions have in common.</summary>
    internal SessionTemplates Templates { get; }

    /// <summary>What its sessions are sealed under: the same for all contexts that have the store, and gone with it.</summary>
    internal StoreKeys Keys { get; }

    /// <summary>The longest value that is kept.</summary>
    internal int MaxValueLength => _shards[0].MaxRecordLength - StoreShard.HeaderLength;

    private uint Now => Seconds(_time.GetUtcNow());

    /// <summary>Counts what the store holds and what it did since it was made. Each number is right; together they are of no one moment.</summary>
    public SessionStoreStatistics GetStatistics()
    {
        var sum = new SessionStoreStatistics { Bytes = Templates.Bytes };
        foreach (StoreShard shard in _shards)
        {
            lock (shard.Gate)
            {
                sum = shard.AddTo(sum);
            }
        }
        return sum;
    }

    /// <inheritdoc/>
    public ValueTask<bool> GetAsync(ReadOnlyMemory<byte> key, IBufferWriter<byte> destination, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(destination);
        cancellationToken.ThrowIfCancellationRequested();
        return new ValueTask<bool>(TryGet(key.Span, destination));
    }

    /// <inheritdoc/>
    public ValueTask<bool> TryConsumeAsync(ReadOnlyMemory<byte> key, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return new ValueTask<bool>(Remove(key.Span));
    }

    /// <inheritdoc/>
    public ValueTask MarkUsedAsync(ReadOnlyMemory<byte> key, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (IsKey(key.Length))
        {
            MarkUsed(key.Span);
        }
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The key has no or more than 64 bytes.</exception>
    public ValueTask<bool> SetAsync(
        ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> value, SessionStoreEntry entry, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return IsKey(key.Length)
            ? new ValueTask<bool>(Set(key.Span, value.Span, entry, null))
            : throw new ArgumentException($"A key has 1 to {MaxKeyLength} bytes.", nameof(key));
    }

    /// <inheritdoc/>
    public ValueTask RemoveAsync(ReadOnlyMemory<byte> key, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        Remove(key.Span);
        return ValueTask.CompletedTask;
    }

    /// <summary>Wipes and forgets all sessions, and gives their memory back. Servers that still use the store find and keep none.</summary>
    public void Dispose()
    {
        Keys.Destroy();
        foreach (StoreShard shard in _shards)
        {
            lock (shard.Gate)
            {
                shard.Dispose();
            }
        }
    }

    /// <summary>Reads a value, at once. Changes nothing .</summary>
    internal bool TryGet(ReadOnlySpan<byte> key, IBufferWriter<byte> destination)
    {
        if (!IsKey(key.Length))
        {
            return false;
        }
        Span<byte> value = stackalloc byte[StackLimit];
        int length = Find(key, value, out SessionTemplate? template, out _);
        if (length > value.Length)
        {
            byte[] rented = ArrayPool<byte>.Shared.Rent(StoreShard.MaxValueLength);
            length = Find(key, rented, out template, out _);
            Copy(rented, length, template, destination);
            ArrayPool<byte>.Shared.Return(rented);
        }
        else
        {
            Copy(value, length, template, destination);
        }
        return length >= 0 && template is null;

        // What the engine keeps in compact form means nothing to anybody else.
        static void Copy(ReadOnlySpan<byte> value, int length, SessionTemplate? template, IBufferWriter<byte> destination)
        {
            if (length >= 0 && template is null)
            {
                destination.Write(value[..length]);
            }
        }
    }

    /// <summary>Reads a value, and tells a session whose time is over from one that was never there. Changes nothing .</summary>
    /// <returns>Its length; more than the destination has room for: nothing was copied. -1: there is none.</returns>
    internal int Find(ReadOnlySpan<byte> key, Span<byte> destination, out SessionTemplate? template, out bool expired)
    {
        StoreShard shard = Locate(key, out UInt128 number, out ulong hash);
        uint now = Now;
        lock (shard.Gate)
        {
            return shard.Find(number, hash, now, destination, out template, out expired);
        }
    }

    /// <summary>Says that a session was resumed: its peer has proved possession, so now it counts as used.</summary>
    internal void MarkUsed(ReadOnlySpan<byte> key)
    {
        StoreShard shard = Locate(key, out UInt128 number, out ulong hash);
        lock (shard.Gate)
        {
            shard.MarkUsed(number, hash);
        }
    }

    /// <summary>Keeps a value. The reference to the template becomes the entry's, or is released where there is none.</summary>
    internal bool Set(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, SessionStoreEntry entry, SessionTemplate? template)
    {
        StoreShard shard = Locate(key, out UInt128 number, out ulong hash);
        DateTimeOffset now = _time.GetUtcNow();
        DateTimeOffset last = now + MaxLifetime;
        var record = new StoreShard.Record
        {
            Key = number,
            // Rounded up: nothing goes before its time.
            ExpiresAt = Seconds((entry.ExpiresAt < last ? entry.ExpiresAt : last) + TimeSpan.FromTicks(TimeSpan.TicksPerSecond - 1)),
            Source = SourceIn(shard, entry.Source),
            Template = template?.Number ?? 0,
        };
        bool? kept = entry.ExpiresAt < now ? false : null;
        if (kept is false)
        {
            Remove(key);
        }
        for (int next = 0; kept is null; next++)
        {
            lock (shard.Gate)
            {
                kept = shard.Set(record, hash, value, entry.SingleUse, Seconds(now));
            }
            if (kept is null)
            {
                // All entries are in other parts.
                StoreShard other = _shards[next % _shards.Length];
                lock (other.Gate)
                {
                    other.EvictForOthers(Seconds(now));
                }
            }
        }
        if (kept is false)
        {
            Templates.Release(record.Template);
        }
        return kept.Value;
    }

    /// <summary>Forgets an entry.</summary>
    /// <returns>Whether there was one, and its time was not over.</returns>
    internal bool Remove(ReadOnlySpan<byte> key)
    {
        if (!IsKey(key.Length))
        {
            return false;
        }
        StoreShard shard = Locate(key, out UInt128 number, out ulong hash);
        uint now = Now;
        lock (shard.Gate)
        {
            return shard.Remove(number, hash, now);
        }
    }

    private static bool IsKey(int length) => length is > 0 and <= MaxKeyLength;

    private StoreShard Locate(ReadOnlySpan<byte> key, out UInt128 number, out ulong hash)
    {
        if (key.Length == KeyLength)
        {
            number = BinaryPrimitives.ReadUInt128LittleEndian(key);
        }
        else
        {
            Span<byte> mac = stackalloc byte[32];
            CryptoProvider.Default.Hmac(HashKind.Sha256, _keyKey, key, mac);
            number = BinaryPrimitives.ReadUInt128LittleEndian(mac);
        }
        hash = _hash.Of(number);
        return _shards[_shardBits == 0 ? 0 : (int)(hash >> (64 - _shardBits))];
    }

    /// <summary>The number of a source in a part: another one in each, so that who shares it with a flood does so in few.</summary>
    private byte SourceIn(StoreShard shard, ulong source)
        => (byte)(_hash.Of(new UInt128(source, (ulong)shard.Number)) % StoreShard.Sources);

    /// <summary>Whole seconds since the store was made; what lies before is 0.</summary>
    private uint Seconds(DateTimeOffset time) => (uint)Math.Clamp((time - _start).Ticks / TimeSpan.TicksPerSecond, 0, uint.MaxValue);
}

using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Segno.Sessions;

/// <summary>Why an entry went.</summary>
internal enum Eviction
{
    Expired,
    Number,
    Bytes,
}

/// <summary>
/// A part of a <see cref="MemorySessionStore"/>: one block of native memory with the records of its keys, an index and two queues,
/// guarded by one lock. Who goes is decided by S3-FIFO: a new record waits in the small queue, and is dropped at its end unless
/// it was used; then it moves to the main queue, where each use is good for another round.
/// </summary>
/// <remarks>
/// <code>
/// struct {
///     uint16 dead(1) ‖ value_length(15);
///     uint8  in_main_queue(1) ‖ source(7);
///     uint16 template;                      /* 0: none */
///     uint32 uses(2) ‖ expires_at(30);      /* seconds since the store was made */
///     opaque key[16];
///     opaque value[value_length];
/// } Record;
/// </code>
/// A source holds more than its share when it has a sixteenth of the bytes. For its new records only records of such sources make
/// room: a flood from one network prefix displaces itself, while a single prefix that is all there is (a proxy) has everything.
/// </remarks>
internal sealed class StoreShard : IDisposable
{
    public const int MaxValueLength = 0x7fff;
    public const int HeaderLength = 25;
    public const int Sources = 128;

    /// <summary>An entry's slot in the index.</summary>
    public const int SlotLength = sizeof(uint);

    /// <summary>A source's share of the bytes, as a divisor.</summary>
    public const int Share = 16;

    private const int Dead = 0x8000;
    private const int UsesShift = 30;
    private const uint MaxUses = 3;
    private const uint MaxExpiry = (1u << UsesShift) - 1;

    /// <summary>The small queue's part of the bytes, as a divisor.</summary>
    private const int SmallPart = 10;

    // Records move between queues, and a move needs room before it makes some: each queue begins and ends within a slab. The more there are,
    // the longer a record may be that moves.
    private const int SpareSlabs = 2;
    private const int SparePart = 128;

    // From this part of the bytes on, as a divisor, room is made by closing the gaps that removed records left.
    private const int GapsPart = 4;

    // How many records move on, at most, so that one that is dead comes to the end of its queue.
    private const int MaxMoved = 64;

    private const int SourcesLength = 2 * Sources * sizeof(uint);

    // Index slots per slab: what is needed where all records are as small as they get in practice (119 bytes), filled to nine tenths.
    private const double SlotsPerSlab = Slabs.SlabLength / 119.0 / 0.9;

    private readonly int _length;
    private readonly int _slabCount;
    private readonly int _spareSlabs;
    private readonly int _buckets;
    private readonly EntryCount _entries;
    private readonly SessionTemplates _templates;
    private readonly KeyHash _hash;
    private readonly long[] _evicted = new long[3];
    private NativeBlock? _block;
    private Slabs _slabs = null!;
    private StoreIndex _index = null!;
    private SlabQueue _small;
    private SlabQueue _main;
    private int _liveBytes;
    private bool _disposed;
    private int _count;
    private long _hits;
    private long _misses;
    private long _stored;
    private long _refused;

    /// <param name="number">Its number in the store.</param>
    /// <param name="length">How many bytes of memory it may take, all included.</param>
    /// <param name="entries">The count of all shards' entries, with its limit.</param>
    /// <param name="templates">What entries have in common; a reference goes with each entry.</param>
    /// <param name="hash">The hash of keys.</param>
    public StoreShard(int number, int length, EntryCount entries, SessionTemplates templates, KeyHash hash)
    {
        Number = number;
        _length = length;
        _entries = entries;
        _templates = templates;
        _hash = hash;
        double indexPerSlab = SlotsPerSlab * SlotLength;
        _slabCount = (int)((length - SourcesLength - StoreIndex.BucketLength) / (Slabs.SlabLength + Slabs.LinkLength + indexPerSlab));
        _spareSlabs = SpareSlabs + (_slabCount / SparePart);
        _buckets = 1 + (int)(_slabCount * SlotsPerSlab / StoreIndex.SlotsPerBucket);
        MaxRecordLength = Math.Min(HeaderLength + MaxValueLength, (_slabCount - _spareSlabs) * Slabs.SlabLength / 2);
    }

    /// <summary>The most that a shard can address.</summary>
    public static int MaxLength => StoreIndex.MaxAddress;

    public Lock Gate { get; } = new();

    public int Number { get; }

    public int MaxRecordLength { get; }

    // The bytes of each source in each queue, by the record's byte that says both.
    private Span<uint> SourceBytes => MemoryMarshal.Cast<byte, uint>(_block!.Span[..SlabsOffset].Slice(_buckets * StoreIndex.BucketLength, SourcesLength));

    private int SlabsOffset => (_buckets * StoreIndex.BucketLength) + SourcesLength;

    /// <summary>Adds this part's numbers to those of others.</summary>
    public SessionStoreStatistics AddTo(SessionStoreStatistics sum) => new()
    {
        Entries = sum.Entries + _count,
        Bytes = sum.Bytes + _liveBytes + (_count * SlotLength),
        Hits = sum.Hits + _hits,
        Misses = sum.Misses + _misses,
        Stored = sum.Stored + _stored,
        Refused = sum.Refused + _refused,
        Expired = sum.Expired + _evicted[(int)Eviction.Expired],
        EvictedForEntries = sum.EvictedForEntries + _evicted[(int)Eviction.Number],
        EvictedForBytes = sum.EvictedForBytes + _evicted[(int)Eviction.Bytes],
    };

    /// <summary>Reads a value. Changes nothing but a count of hits or misses .</summary>
    /// <returns>Its length; more than the destination has room for: nothing was copied. -1: there is none.</returns>
    public int Find(UInt128 key, ulong hash, uint now, Span<byte> destination, out SessionTemplate? template, out bool expired)
    {
        template = null;
        expired = false;
        if (!TryFind(key, hash, out Record record))
        {
            _misses++;
            return -1;
        }
        if (record.ExpiresAt < now)
        {
            _misses++;
            expired = true;
            return -1;
        }
        if (record.ValueLength <= destination.Length)
        {
            _hits++;
            _slabs.Read(_slabs.Skip(record.Address, HeaderLength), destination[..record.ValueLength]);
            template = _templates[record.Template];
        }
        return record.ValueLength;
    }

    public void MarkUsed(UInt128 key, ulong hash)
    {
        if (TryFind(key, hash, out Record record) && record.Uses < MaxUses)
        {
            record.Uses++;
            Write(record);
        }
    }

    /// <returns>Whether there was one whose time is not over.</returns>
    public bool Remove(UInt128 key, ulong hash, uint now)
    {
        if (!TryFind(key, hash, out Record record))
        {
            return false;
        }
        Kill(record, hash);
        return record.ExpiresAt >= now;
    }

    /// <summary>Keeps a value in place of the one that the key had.</summary>
    /// <param name="record">Its key, expiry, source and template.</param>
    /// <param name="hash">The key's hash.</param>
    /// <param name="value">The value.</param>
    /// <param name="usedOnce">Whether it will be used once at most, so that its not being used says nothing.</param>
    /// <param name="now">The time.</param>
    /// <returns>Whether it is kept; <see langword="null"/>: there are too many entries, and none of them here.</returns>
    public bool? Set(Record record, ulong hash, ReadOnlySpan<byte> value, bool usedOnce, uint now)
    {
        Remove(record.Key, hash, now);
        record.ValueLength = value.Length;
        if (record.Length > MaxRecordLength || !TryOpen())
        {
            return false;
        }
        // Judged once: what it loses on the way is no reason to take from others.
        byte? greedy = HoldsMoreThanItsShare(record.Source) ? record.Source : null;
        while (!_entries.TryAdd())
        {
            if (_count == 0)
            {
                return null;
            }
            if (!Evict(greedy, now, Eviction.Number))
            {
                return Refuse();
            }
        }
        bool straight = usedOnce || record.Length > (_slabCount * Slabs.SlabLength / SmallPart / 4);
        while (!(straight ? _main : _small).Fits(_slabs, record.Length, _spareSlabs))
        {
            if (!Evict(greedy, now, Eviction.Bytes))
            {
                _entries.Remove();
                return Refuse();
            }
        }
        record.IsMain = straight;
        record.Address = straight ? _main.Append(_slabs, record.Length) : _small.Append(_slabs, record.Length);
        Write(record);
        _slabs.Write(_slabs.Skip(record.Address, HeaderLength), value);
        while (!_index.TryAdd(hash, record.Address))
        {
            Record victim = Read(_index.Any(hash));
            Kill(victim, _hash.Of(victim.Key));
            _evicted[(int)Eviction.Bytes]++;
        }
        SourceBytes[record.Place] += (uint)record.Length;
        _liveBytes += record.Length;
        _count++;
        _stored++;
        return true;
    }

    /// <summary>Copies all entries whose time is not over, of each queue the oldest first.</summary>
    public List<(Record Record, byte[] Value, SessionTemplate? Template)> Copy(uint now)
    {
        List<(Record, byte[], SessionTemplate?)> copies = [];
        if (_block is not null)
        {
            Copy(_small);
            Copy(_main);
        }
        return copies;

        void Copy(SlabQueue queue)
        {
            int address = queue.Tail;
            for (int left = queue.Length; left > 0;)
            {
                Record record = Read(address);
                if (!record.IsDead && record.ExpiresAt >= now)
                {
                    byte[] value = new byte[record.ValueLength];
                    _slabs.Read(_slabs.Skip(address, HeaderLength), value);
                    copies.Add((record, value, _templates[record.Template]));
                }
                left -= record.Length;
                address = left > 0 ? _slabs.Skip(address, record.Length) : address;
            }
        }
    }

    /// <summary>Evicts one entry so that another shard may add one.</summary>
    public void EvictForOthers(uint now)
    {
        int before = _count;
        while (_count == before && before > 0)
        {
            Evict(greedy: null, now, Eviction.Number);
        }
    }

    public void Dispose()
    {
        _disposed = true;
        while (_block is not null && !(_small.IsEmpty && _main.IsEmpty))
        {
            ref SlabQueue queue = ref _small.IsEmpty ? ref _main : ref _small;
            Drop(ref queue, Read(queue.Tail));
        }
        _block?.Dispose();
        _block = null;
    }

    private bool Refuse()
    {
        _refused++;
        return false;
    }

    /// <summary>Takes the memory when the first entry comes.</summary>
    private bool TryOpen()
    {
        if (_block is not null || _disposed)
        {
            return _block is not null;
        }
        try
        {
            _block = new NativeBlock(_length);
        }
        catch (OutOfMemoryException)
        {
            return false;
        }
        _block.Span[..SlabsOffset].Clear();
        _index = new StoreIndex(_block, 0, _buckets, address => _hash.Of(Read(address).Key));
        _slabs = new Slabs(_block, SlabsOffset, _slabCount);
        return true;
    }

    /// <summary>Makes some room, if only by a dead record's.</summary>
    /// <param name="greedy">The source that it is for, where that holds more than its share: then only its own records go, or those of another such.</param>
    /// <param name="now">The time.</param>
    /// <param name="cause">What it is that is full.</param>
    /// <returns><see langword="false"/> when there is no room for this source.</returns>
    private bool Evict(byte? greedy, uint now, Eviction cause)
    {
        if (cause == Eviction.Bytes && (TryCloseGaps(ref _small, now) || TryCloseGaps(ref _main, now)))
        {
            return true;
        }
        // Whoever is passed over once is not passed over again.
        int all = _small.Length + _main.Length;
        int passedOver = 0;
        while (true)
        {
            bool smallIsFull = (long)_small.Length * SmallPart >= (long)_small.Length + _main.Length;
            // A source looks where it holds its share of the queue: so it passes over no more than sixteen others for each of its own, on average.
            bool lookIntoSmall = greedy is { } source && !HoldsItsShareOf(smallIsFull, source) ? SourceBytes[source] > SourceBytes[source | Sources] : smallIsFull;
            bool fromSmall = !_small.IsEmpty && (_main.IsEmpty || lookIntoSmall);
            ref SlabQueue queue = ref fromSmall ? ref _small : ref _main;
            if (queue.IsEmpty)
            {
                return false;
            }
            Record oldest = Read(queue.Tail);
            if (oldest.IsDead || oldest.ExpiresAt < now)
            {
                Drop(ref queue, oldest, Eviction.Expired);
                return true;
            }
            if (greedy is { } its && oldest.Source != its && BytesOf(its) > 0 && !HoldsMoreThanItsShare(oldest.Source))
            {
                passedOver += oldest.Length;
                if (passedOver > all)
                {
                    return false;
                }
                if (!TryMove(ref queue, ref queue, oldest))
                {
                    Drop(ref queue, oldest, cause);
                    return true;
                }
            }
            else if (oldest.Uses == 0)
            {
                // What is over in the main queue goes before what is not.
                bool mainIsOver = fromSmall && !_main.IsEmpty && Read(_main.Tail) is var last && (last.IsDead || last.ExpiresAt < now);
                ref SlabQueue from = ref mainIsOver ? ref _main : ref queue;
                Drop(ref from, Read(from.Tail), mainIsOver ? Eviction.Expired : cause);
                return true;
            }
            else
            {
                oldest.Uses = fromSmall ? 0 : oldest.Uses - 1;
                passedOver = 0;
                if (!TryMove(ref queue, ref _main, oldest))
                {
                    Drop(ref queue, oldest, cause);
                    return true;
                }
            }
        }
    }

    /// <summary>Where removed records take much of a queue, others move on until one of those is at its end.</summary>
    private bool TryCloseGaps(ref SlabQueue queue, uint now)
    {
        for (int moved = 0; queue.DeadLength > 0 && (long)queue.DeadLength * GapsPart >= queue.Length && moved < MaxMoved; moved++)
        {
            Record oldest = Read(queue.Tail);
            if (oldest.IsDead || oldest.ExpiresAt < now)
            {
                Drop(ref queue, oldest, Eviction.Expired);
                return true;
            }
            if (!TryMove(ref queue, ref queue, oldest))
            {
                return false;
            }
        }
        return false;
    }

    private bool HoldsMoreThanItsShare(byte source) => BytesOf(source) * Share > _liveBytes;

    private long BytesOf(byte source) => (long)SourceBytes[source] + SourceBytes[source | Sources];

    private bool HoldsItsShareOf(bool small, byte source)
    {
        SlabQueue queue = small ? _small : _main;
        return (long)SourceBytes[source | (small ? 0 : Sources)] * Share >= queue.Length - queue.DeadLength;
    }

    /// <summary>Moves the oldest record of a queue to the end of a queue.</summary>
    private bool TryMove(ref SlabQueue queue, ref SlabQueue to, Record record)
    {
        if (!to.Fits(_slabs, record.Length, 0))
        {
            return false;
        }
        int from = record.Address;
        SourceBytes[record.Place] -= (uint)record.Length;
        record.IsMain = Unsafe.AreSame(ref to, ref _main);
        SourceBytes[record.Place] += (uint)record.Length;
        record.Address = to.Append(_slabs, record.Length);
        _slabs.Copy(from, record.Address, record.Length);
        Write(record);
        _index.Move(_hash.Of(record.Key), from, record.Address);
        queue.Pop(_slabs, record.Length);
        return true;
    }

    private void Drop(ref SlabQueue queue, Record oldest, Eviction cause)
    {
        if (!oldest.IsDead)
        {
            _evicted[(int)cause]++;
        }
        Drop(ref queue, oldest);
    }

    private void Drop(ref SlabQueue queue, Record oldest)
    {
        if (!oldest.IsDead)
        {
            Forget(oldest, _hash.Of(oldest.Key));
        }
        queue.DeadLength -= oldest.IsDead ? oldest.Length : 0;
        queue.Pop(_slabs, oldest.Length);
    }

    /// <summary>Wipes a record wherever it is in its queue; its room is free when it has come to the end.</summary>
    private void Kill(Record record, ulong hash)
    {
        Forget(record, hash);
        _slabs.Wipe(record.Address, record.Length);
        (record.IsMain ? ref _main : ref _small).DeadLength += record.Length;
        record.IsDead = true;
        record.Key = default;
        record.Template = 0;
        Write(record);
    }

    private void Forget(Record record, ulong hash)
    {
        _index.Remove(hash, record.Address);
        _templates.Release(record.Template);
        SourceBytes[record.Place] -= (uint)record.Length;
        _liveBytes -= record.Length;
        _count--;
        _entries.Remove();
    }

    private bool TryFind(UInt128 key, ulong hash, out Record record)
    {
        record = default;
        int from = 0;
        while (_block is not null && _index.Next(hash, ref from) is >= 0 and var address)
        {
            record = Read(address);
            if (record.Key == key)
            {
                return true;
            }
        }
        return false;
    }

    private Record Read(int address)
    {
        Span<byte> header = stackalloc byte[HeaderLength];
        _slabs.Read(address, header);
        ushort length = BinaryPrimitives.ReadUInt16LittleEndian(header);
        uint expiry = BinaryPrimitives.ReadUInt32LittleEndian(header[5..]);
        return new Record
        {
            Address = address,
            ValueLength = length & MaxValueLength,
            IsDead = (length & Dead) != 0,
            Source = (byte)(header[2] & (Sources - 1)),
            IsMain = (header[2] & Sources) != 0,
            Template = BinaryPrimitives.ReadUInt16LittleEndian(header[3..]),
            ExpiresAt = expiry & MaxExpiry,
            Uses = expiry >> UsesShift,
            Key = BinaryPrimitives.ReadUInt128LittleEndian(header[9..]),
        };
    }

    private void Write(Record record)
    {
        Span<byte> header = stackalloc byte[HeaderLength];
        BinaryPrimitives.WriteUInt16LittleEndian(header, (ushort)(record.ValueLength | (record.IsDead ? Dead : 0)));
        header[2] = record.Place;
        BinaryPrimitives.WriteUInt16LittleEndian(header[3..], record.Template);
        BinaryPrimitives.WriteUInt32LittleEndian(header[5..], Math.Min(record.ExpiresAt, MaxExpiry) | (record.Uses << UsesShift));
        BinaryPrimitives.WriteUInt128LittleEndian(header[9..], record.Key);
        _slabs.Write(record.Address, header);
    }

    /// <summary>A record without its value.</summary>
    internal struct Record
    {
        public int Address;
        public int ValueLength;
        public bool IsDead;
        public bool IsMain;
        public byte Source;
        public ushort Template;
        public uint ExpiresAt;
        public uint Uses;
        public UInt128 Key;

        public readonly int Length => HeaderLength + ValueLength;

        /// <summary>Its source and its queue.</summary>
        public readonly byte Place => (byte)(Source | (IsMain ? Sources : 0));
    }
}

/// <summary>The number of entries of all shards, which never exceeds its limit. Thread-safe.</summary>
internal sealed class EntryCount(int max)
{
    private int _value;

    public int Value => Volatile.Read(ref _value);

    public bool TryAdd()
    {
        int value = Volatile.Read(ref _value);
        while (value < max)
        {
            int seen = Interlocked.CompareExchange(ref _value, value + 1, value);
            if (seen == value)
            {
                return true;
            }
            value = seen;
        }
        return false;
    }

    public void Remove() => Interlocked.Decrement(ref _value);
}

/// <summary>A hash of keys that nobody outside can predict: for a table, not for secrets.</summary>
internal sealed class KeyHash(ulong first, ulong second)
{
    public ulong Of(UInt128 key)
    {
        unchecked
        {
            ulong high = Math.BigMul((ulong)(key >> 64) ^ first, (ulong)key ^ second, out ulong low);
            high = Math.BigMul(high ^ low ^ second, 0x9E3779B97F4A7C15, out low);
            return high ^ low;
        }
    }
}

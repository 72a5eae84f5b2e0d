using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Segno.Sessions;

/// <summary>
/// Where in a shard's slabs a key's record is: buckets of 16 slots, one cache line each, of which a key may use two. A slot is
/// tag(8) ‖ address(24); no tag is 0, so 0 is an empty slot. Not thread-safe: its shard's lock guards it.
/// </summary>
/// <param name="block">The memory, all zero at first.</param>
/// <param name="offset">Where the buckets' part of it begins.</param>
/// <param name="buckets">How many there are.</param>
/// <param name="hashOf">The hash of the key of an address.</param>
internal sealed class StoreIndex(NativeBlock block, int offset, int buckets, Func<int, ulong> hashOf)
{
    public const int SlotsPerBucket = 16;
    public const int BucketLength = SlotsPerBucket * sizeof(uint);
    public const int MaxAddress = (1 << 24) - 1;

    private const int AddressBits = 24;

    /// <summary>The addresses that may be a key's, one after the other: rarely more than one.</summary>
    /// <param name="hash">The key's hash.</param>
    /// <param name="from">0 at first, then what the last call left.</param>
    /// <returns>An address; -1: no more.</returns>
    public int Next(ulong hash, ref int from)
    {
        uint tag = Tag(hash);
        for (; from < 2 * SlotsPerBucket; from = (from | (SlotsPerBucket - 1)) + 1)
        {
            Span<uint> bucket = Bucket(hash, from / SlotsPerBucket);
            int within = from % SlotsPerBucket;
            uint found = Tagged(bucket, tag) >> within;
            if (found != 0)
            {
                int slot = within + BitOperations.TrailingZeroCount(found);
                from = from - within + slot + 1;
                return (int)(bucket[slot] & MaxAddress);
            }
        }
        return -1;
    }

    /// <summary>Adds a key that is not there.</summary>
    /// <returns><see langword="false"/> when both its buckets are full, and so are those to which another key could move from there.</returns>
    public bool TryAdd(ulong hash, int address)
        => TryPut(hash, address) || ((TryMakeRoom(Bucket(hash, 0)) || TryMakeRoom(Bucket(hash, 1))) && TryPut(hash, address));

    /// <summary>An address from one of a key's two buckets, both of which are full.</summary>
    public int Any(ulong hash) => (int)(Bucket(hash, 0)[(int)(hash % SlotsPerBucket)] & MaxAddress);

    public void Remove(ulong hash, int address) => Find(hash, address) = 0;

    public void Move(ulong hash, int address, int to) => Find(hash, address) = Slot(hash, to);

    private bool TryPut(ulong hash, int address)
    {
        Span<uint> first = Bucket(hash, 0);
        Span<uint> second = Bucket(hash, 1);
        // Into the emptier one: so both are full only when nearly all are.
        uint empty = Empty(first);
        uint other = Empty(second);
        if (BitOperations.PopCount(other) > BitOperations.PopCount(empty))
        {
            first = second;
            empty = other;
        }
        if (empty == 0)
        {
            return false;
        }
        first[BitOperations.TrailingZeroCount(empty)] = Slot(hash, address);
        return true;
    }

    /// <summary>Moves one of a full bucket's keys to its other bucket.</summary>
    private bool TryMakeRoom(Span<uint> bucket)
    {
        foreach (ref uint slot in bucket)
        {
            ulong hash = hashOf((int)(slot & MaxAddress));
            Span<uint> other = Bucket(hash, 0);
            other = other == bucket ? Bucket(hash, 1) : other;
            if (Empty(other) is > 0 and var empty)
            {
                other[BitOperations.TrailingZeroCount(empty)] = slot;
                slot = 0;
                return true;
            }
        }
        return false;
    }

    private static uint Slot(ulong hash, int address) => (Tag(hash) << AddressBits) | (uint)address;

    private static uint Tag(ulong hash) => (uint)((hash >> 32) % 255) + 1;

    private static uint Tagged(ReadOnlySpan<uint> bucket, uint tag)
    {
        Vector256<uint> wanted = Vector256.Create(tag);
        return Vector256.Equals(Vector256.ShiftRightLogical(Vector256.Create(bucket), AddressBits), wanted).ExtractMostSignificantBits()
            | (Vector256.Equals(Vector256.ShiftRightLogical(Vector256.Create(bucket[8..]), AddressBits), wanted).ExtractMostSignificantBits() << 8);
    }

    private static uint Empty(ReadOnlySpan<uint> bucket)
        => Vector256.Equals(Vector256.Create(bucket), Vector256<uint>.Zero).ExtractMostSignificantBits()
            | (Vector256.Equals(Vector256.Create(bucket[8..]), Vector256<uint>.Zero).ExtractMostSignificantBits() << 8);

    private ref uint Find(ulong hash, int address)
    {
        uint slot = Slot(hash, address);
        Span<uint> bucket = Bucket(hash, 0);
        int index = bucket.IndexOf(slot);
        if (index < 0)
        {
            bucket = Bucket(hash, 1);
            index = bucket.IndexOf(slot);
        }
        return ref bucket[index];
    }

    private Span<uint> Bucket(ulong hash, int choice)
    {
        ulong bits = unchecked(choice == 0 ? (uint)hash : (uint)((hash * 0x9E3779B97F4A7C15) >> 32));
        int number = (int)((bits * (uint)buckets) >> 32);
        return MemoryMarshal.Cast<byte, uint>(block.Span.Slice(offset + (number * BucketLength), BucketLength));
    }
}

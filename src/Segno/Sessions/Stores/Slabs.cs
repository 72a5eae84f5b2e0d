using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Segno.Sessions;

/// <summary>
/// Memory in slabs of 1 KiB, from which queues take and to which they give back. A record lies in one queue from its address on,
/// over the end of a slab into the next of the same queue. Not thread-safe: its shard's lock guards it.
/// </summary>
/// <param name="block">The memory.</param>
/// <param name="offset">Where the slabs' part of it begins.</param>
/// <param name="count">How many slabs there are.</param>
internal sealed class Slabs(NativeBlock block, int offset, int count)
{
    public const int SlabLength = 1024;

    /// <summary>What a slab costs beside itself: a link to the next one.</summary>
    public const int LinkLength = sizeof(ushort);

    private readonly int _linksOffset = offset + (count * SlabLength);
    private readonly int _linksLength = count * LinkLength;
    private int _firstFree = -1;
    private int _touched;

    public int Free { get; private set; } = count;

    private Span<ushort> Links => MemoryMarshal.Cast<byte, ushort>(block.Span.Slice(_linksOffset, _linksLength));

    /// <summary>Takes the slab that was given back last, so that the pages in use stay few.</summary>
    public int Take()
    {
        Free--;
        if (_firstFree < 0)
        {
            return _touched++;
        }
        int slab = _firstFree;
        // Free slabs are linked by number + 1: 0 ends the list.
        _firstFree = Links[slab] - 1;
        return slab;
    }

    public void Return(int slab)
    {
        Links[slab] = (ushort)(_firstFree + 1);
        _firstFree = slab;
        Free++;
    }

    public int Next(int slab) => Links[slab];

    public void Link(int slab, int next) => Links[slab] = (ushort)next;

    /// <remarks>What is empty has no address: behind a record that ends its slab there may be no other slab.</remarks>
    public void Read(int address, Span<byte> destination)
    {
        if (!destination.IsEmpty && IsWhole(address, destination.Length))
        {
            block.Span.Slice(offset + address, destination.Length).CopyTo(destination);
            return;
        }
        while (!destination.IsEmpty)
        {
            ReadOnlySpan<byte> part = Part(ref address, destination.Length);
            part.CopyTo(destination);
            destination = destination[part.Length..];
        }
    }

    public void Write(int address, ReadOnlySpan<byte> source)
    {
        if (!source.IsEmpty && IsWhole(address, source.Length))
        {
            source.CopyTo(block.Span.Slice(offset + address, source.Length));
            return;
        }
        while (!source.IsEmpty)
        {
            Span<byte> part = Part(ref address, source.Length);
            source[..part.Length].CopyTo(part);
            source = source[part.Length..];
        }
    }

    public void Copy(int from, int to, int length)
    {
        while (length > 0)
        {
            Span<byte> source = Part(ref from, Math.Min(length, SlabLength - (to % SlabLength)));
            source.CopyTo(Part(ref to, source.Length));
            length -= source.Length;
        }
    }

    public void Wipe(int address, int length)
    {
        while (length > 0)
        {
            Span<byte> part = Part(ref address, length);
            CryptographicOperations.ZeroMemory(part);
            length -= part.Length;
        }
    }

    /// <summary>The address that many bytes further on in the queue.</summary>
    public int Skip(int address, int length)
    {
        if (IsWhole(address, length + 1))
        {
            return address + length;
        }
        while (length > 0)
        {
            length -= Part(ref address, length).Length;
        }
        return address;
    }

    /// <summary>Whether so many bytes lie in one slab, as they nearly always do.</summary>
    private static bool IsWhole(int address, int length) => (address & (SlabLength - 1)) + length <= SlabLength;

    /// <summary>The rest of the slab, at most <paramref name="length"/> bytes; the address moves behind it.</summary>
    private Span<byte> Part(ref int address, int length)
    {
        int within = address & (SlabLength - 1);
        int taken = Math.Min(length, SlabLength - within);
        Span<byte> part = block.Span.Slice(offset + address, taken);
        // Behind a slab's last byte comes the first of the next slab; where the queue ends there, the address is never used.
        address = within + taken < SlabLength ? address + taken : Next(address / SlabLength) * SlabLength;
        return part;
    }
}

/// <summary>Records in the order in which they came, in slabs.</summary>
internal struct SlabQueue
{
    private int _headSlab;
    private int _headOffset;
    private int _tailSlab;
    private int _tailOffset;

    /// <summary>The bytes of all its records, dead ones included.</summary>
    public int Length { get; private set; }

    /// <summary>The bytes of its dead records: its owner counts them.</summary>
    public int DeadLength { get; set; }

    public readonly bool IsEmpty => Length == 0;

    /// <summary>The address of the oldest record.</summary>
    public readonly int Tail => (_tailSlab * Slabs.SlabLength) + _tailOffset;

    /// <summary>Whether a record fits, with so many slabs left free.</summary>
    public readonly bool Fits(Slabs slabs, int length, int spare)
        => (IsEmpty ? 0 : Slabs.SlabLength - _headOffset) + ((slabs.Free - spare) * Slabs.SlabLength) >= length;

    /// <summary>Makes room for a record that fits.</summary>
    /// <returns>Its address.</returns>
    public int Append(Slabs slabs, int length)
    {
        if (IsEmpty)
        {
            _headSlab = _tailSlab = slabs.Take();
            _headOffset = _tailOffset = 0;
        }
        else if (_headOffset == Slabs.SlabLength)
        {
            Extend(slabs);
        }
        Length += length;
        int address = (_headSlab * Slabs.SlabLength) + _headOffset;
        while (length > Slabs.SlabLength - _headOffset)
        {
            length -= Slabs.SlabLength - _headOffset;
            Extend(slabs);
        }
        _headOffset += length;
        return address;
    }

    /// <summary>Wipes and drops the oldest record.</summary>
    public void Pop(Slabs slabs, int length)
    {
        Length -= length;
        while (length > 0)
        {
            int part = Math.Min(length, Slabs.SlabLength - _tailOffset);
            slabs.Wipe(Tail, part);
            length -= part;
            _tailOffset += part;
            if (_tailOffset == Slabs.SlabLength && _tailSlab != _headSlab)
            {
                int emptied = _tailSlab;
                _tailSlab = slabs.Next(emptied);
                _tailOffset = 0;
                slabs.Return(emptied);
            }
        }
        if (IsEmpty)
        {
            slabs.Return(_headSlab);
        }
    }

    private void Extend(Slabs slabs)
    {
        int next = slabs.Take();
        slabs.Link(_headSlab, next);
        _headSlab = next;
        _headOffset = 0;
    }
}

namespace Segno.Sessions;

/// <summary>The flights of one generation of a <see cref="MemoryReplayGuard"/>, by a keyed hash. Not thread-safe.</summary>
internal interface IReplayRecords
{
    /// <summary>Whether a flight is noted; a set that is not exact may say so of one that is not.</summary>
    bool Contains(UInt128 flight);

    /// <summary>Notes a flight that is not contained.</summary>
    /// <returns><see langword="false"/> where there is no room.</returns>
    bool TryAdd(UInt128 flight);

    void Clear();
}

/// <summary>Every flight itself.</summary>
internal sealed class ExactReplayRecords(int capacity) : IReplayRecords
{
    // Grows as it is needed: a capacity is a bound, not a forecast.
    private readonly HashSet<UInt128> _flights = [];

    public bool Contains(UInt128 flight) => _flights.Contains(flight);

    public bool TryAdd(UInt128 flight) => _flights.Count < capacity && _flights.Add(flight);

    public void Clear() => _flights.Clear();
}

/// <summary>A Bloom filter: never a flight forgotten, some that are taken for noted.</summary>
internal sealed class BloomReplayRecords : IReplayRecords
{
    private readonly int _capacity;
    private readonly ulong[] _bits;
    private readonly int _hashes;
    private int _count;

    /// <param name="capacity">How many flights there is room for.</param>
    /// <param name="falseAlarms">The share of others that seem to be noted when all the room is taken.</param>
    public BloomReplayRecords(int capacity, double falseAlarms)
    {
        _capacity = capacity;
        // The optimum: -ln(p) / ln(2)^2 bits a flight, each of ln(2) times as many hashes.
        double bitsPerFlight = -Math.Log(falseAlarms) / (Math.Log(2) * Math.Log(2));
        _bits = new ulong[(long)Math.Ceiling(capacity * bitsPerFlight / 64)];
        _hashes = Math.Max(1, (int)Math.Round(bitsPerFlight * Math.Log(2)));
    }

    public bool Contains(UInt128 flight)
    {
        for (int i = 0; i < _hashes; i++)
        {
            (long word, ulong bit) = Place(flight, i);
            if ((_bits[word] & bit) == 0)
            {
                return false;
            }
        }
        return true;
    }

    public bool TryAdd(UInt128 flight)
    {
        if (_count >= _capacity)
        {
            return false;
        }
        for (int i = 0; i < _hashes; i++)
        {
            (long word, ulong bit) = Place(flight, i);
            _bits[word] |= bit;
        }
        _count++;
        return true;
    }

    public void Clear()
    {
        Array.Clear(_bits);
        _count = 0;
    }

    /// <summary>Two halves of one hash make as many as are needed (Kirsch and Mitzenmacher 2006).</summary>
    private (long Word, ulong Bit) Place(UInt128 flight, int index)
    {
        ulong place = unchecked((ulong)flight + ((ulong)index * ((ulong)(flight >> 64) | 1))) % ((ulong)_bits.LongLength * 64);
        return ((long)(place / 64), 1UL << (int)(place % 64));
    }
}

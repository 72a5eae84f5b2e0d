namespace Segno.Bench.Sessions.Policies;

/// <summary>
/// W-TinyLFU (Einziger et al., 2017): a small LRU window, a segmented LRU behind it, and a sketch of how often each name was seen,
/// which decides whether what leaves the window takes the place of what would leave the main part.
/// </summary>
/// <param name="capacity">How many sessions are kept.</param>
/// <param name="named">Whether a new session inherits what was counted for the one that its client offered in vain.</param>
internal sealed class TinyLfu(int capacity, bool named) : IPolicy
{
    private readonly LinkedList<Entry> _window = [];
    private readonly LinkedList<Entry> _probation = [];
    private readonly LinkedList<Entry> _protected = [];
    private readonly Dictionary<long, LinkedListNode<Entry>> _kept = new(capacity);
    private readonly byte[][] _sketch = [.. Enumerable.Range(0, 4).Select(_ => new byte[(int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)capacity * 4)])];
    private readonly int _windowSize = Math.Max(1, capacity / 100);
    private readonly int _protectedSize = capacity * 79 / 100;
    private int _seen;

    public string Name => named ? "W-TinyLFU + names" : "W-TinyLFU";

    public bool Use(long session)
    {
        if (!_kept.TryGetValue(session, out LinkedListNode<Entry>? node))
        {
            return false;
        }
        Count(node.Value.Name);
        LinkedList<Entry> list = node.List!;
        list.Remove(node);
        if (list == _window)
        {
            _window.AddFirst(node);
            return true;
        }
        _protected.AddFirst(node);
        if (_protected.Count > _protectedSize)
        {
            LinkedListNode<Entry> demoted = _protected.Last!;
            _protected.RemoveLast();
            _probation.AddFirst(demoted);
        }
        return true;
    }

    public void Insert(long session, long offered, int source)
    {
        long name = named && offered != 0 ? _names.GetValueOrDefault(offered, offered) : session;
        if (name != session)
        {
            _names.Remove(offered);
            _names[session] = name;
        }
        Count(name);
        _kept.Add(session, _window.AddFirst(new Entry(session, name)));
        if (_window.Count <= _windowSize)
        {
            return;
        }
        LinkedListNode<Entry> candidate = _window.Last!;
        _window.RemoveLast();
        if (_kept.Count <= capacity)
        {
            _probation.AddFirst(candidate);
            return;
        }
        LinkedListNode<Entry> victim = _probation.Last ?? _protected.Last!;
        if (Estimate(candidate.Value.Name) > Estimate(victim.Value.Name))
        {
            victim.List!.Remove(victim);
            _kept.Remove(victim.Value.Session);
            _probation.AddFirst(candidate);
        }
        else
        {
            _kept.Remove(candidate.Value.Session);
        }
    }

    // Which chain of sessions a session belongs to: more than a server could keep, to the policy's advantage.
    private readonly Dictionary<long, long> _names = [];

    private void Count(long name)
    {
        for (int row = 0; row < _sketch.Length; row++)
        {
            ref byte cell = ref _sketch[row][Cell(name, row)];
            cell = (byte)Math.Min(15, cell + 1);
        }
        if (++_seen == 10 * capacity)
        {
            _seen /= 2;
            foreach (byte[] row in _sketch)
            {
                for (int i = 0; i < row.Length; i++)
                {
                    row[i] >>= 1;
                }
            }
        }
    }

    private int Estimate(long name)
    {
        int least = 15;
        for (int row = 0; row < _sketch.Length; row++)
        {
            least = Math.Min(least, _sketch[row][Cell(name, row)]);
        }
        return least;
    }

    private int Cell(long name, int row)
    {
        ulong hash = unchecked((ulong)name * 0x9E3779B97F4A7C15UL + ((ulong)row * 0xC2B2AE3D27D4EB4FUL));
        hash = unchecked((hash ^ (hash >> 29)) * 0xBF58476D1CE4E5B9UL);
        return (int)((hash ^ (hash >> 32)) & (ulong)(_sketch[row].Length - 1));
    }

    private sealed record Entry(long Session, long Name);
}

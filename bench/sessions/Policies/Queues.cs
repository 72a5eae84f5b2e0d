namespace Segno.Bench.Sessions.Policies;

/// <summary>First in, first out: use changes nothing.</summary>
internal sealed class Fifo(int capacity) : IPolicy
{
    private readonly Queue<long> _order = new(capacity);
    private readonly HashSet<long> _kept = new(capacity);

    public string Name => "FIFO";

    public bool Use(long session) => _kept.Contains(session);

    public void Insert(long session, long offered, int source)
    {
        if (_order.Count == capacity)
        {
            _kept.Remove(_order.Dequeue());
        }
        _order.Enqueue(session);
        _kept.Add(session);
    }
}

/// <summary>The least recently used goes.</summary>
internal sealed class Lru(int capacity) : IPolicy
{
    private readonly LinkedList<long> _byUse = [];
    private readonly Dictionary<long, LinkedListNode<long>> _kept = new(capacity);

    public string Name => "LRU";

    public bool Use(long session)
    {
        if (!_kept.TryGetValue(session, out LinkedListNode<long>? node))
        {
            return false;
        }
        _byUse.Remove(node);
        _byUse.AddFirst(node);
        return true;
    }

    public void Insert(long session, long offered, int source)
    {
        if (_kept.Count == capacity)
        {
            _kept.Remove(_byUse.Last!.Value);
            _byUse.RemoveLast();
        }
        _kept.Add(session, _byUse.AddFirst(session));
    }
}

/// <summary>FIFO with reinsertion (CLOCK): what was used since it came to the head gets another round, for as many uses as a counter of <paramref name="limit"/> holds.</summary>
internal sealed class Clock(int capacity, int limit) : IPolicy
{
    private readonly Queue<long> _order = new(capacity);
    private readonly Dictionary<long, int> _uses = new(capacity);

    public string Name => $"CLOCK-{limit}";

    public bool Use(long session)
    {
        if (!_uses.TryGetValue(session, out int uses))
        {
            return false;
        }
        _uses[session] = Math.Min(limit, uses + 1);
        return true;
    }

    public void Insert(long session, long offered, int source)
    {
        while (_order.Count == capacity)
        {
            long oldest = _order.Dequeue();
            if (_uses[oldest] > 0)
            {
                _uses[oldest]--;
                _order.Enqueue(oldest);
            }
            else
            {
                _uses.Remove(oldest);
            }
        }
        _order.Enqueue(session);
        _uses[session] = 0;
    }
}

/// <summary>SIEVE (Zhang et al., NSDI 2024): one queue, a mark for each entry, and a hand that passes over what is marked without moving it.</summary>
internal sealed class Sieve(int capacity) : IPolicy
{
    private readonly LinkedList<Entry> _queue = [];
    private readonly Dictionary<long, LinkedListNode<Entry>> _kept = new(capacity);
    private LinkedListNode<Entry>? _hand;

    public string Name => "SIEVE";

    public bool Use(long session)
    {
        if (!_kept.TryGetValue(session, out LinkedListNode<Entry>? node))
        {
            return false;
        }
        node.Value.Used = true;
        return true;
    }

    public void Insert(long session, long offered, int source)
    {
        if (_kept.Count == capacity)
        {
            LinkedListNode<Entry> hand = _hand ?? _queue.Last!;
            while (hand.Value.Used)
            {
                hand.Value.Used = false;
                hand = hand.Previous ?? _queue.Last!;
            }
            _hand = hand.Previous;
            _kept.Remove(hand.Value.Session);
            _queue.Remove(hand);
        }
        _kept.Add(session, _queue.AddFirst(new Entry(session)));
    }

    private sealed class Entry(long session)
    {
        public long Session { get; } = session;

        public bool Used { get; set; }
    }
}

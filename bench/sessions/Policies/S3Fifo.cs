namespace Segno.Bench.Sessions.Policies;

/// <summary>
/// S3-FIFO (Yang et al., SOSP 2023): new entries wait in a small queue; those used while there move into the main queue, which is a
/// CLOCK; the names of the others are remembered, and who comes back under such a name goes straight into the main queue.
/// </summary>
/// <param name="capacity">How many sessions are kept.</param>
/// <param name="usesToStay">How many uses in the small queue move an entry into the main queue.</param>
/// <param name="ghosts">Whether names are remembered. A client that comes back has a new session; its name is the one it offered in vain.</param>
internal sealed class S3Fifo(int capacity, int usesToStay, bool ghosts) : IPolicy
{
    private readonly Queue<long> _small = new(capacity);
    private readonly Queue<long> _main = new(capacity);
    private readonly Queue<long> _ghosts = new(capacity);
    private readonly HashSet<long> _remembered = new(capacity);
    private readonly Dictionary<long, int> _uses = new(capacity);
    private readonly int _smallSize = Math.Max(1, capacity / 10);

    public string Name => $"S3-FIFO-{usesToStay}{(ghosts ? " + ghosts" : "")}";

    public bool Use(long session)
    {
        if (!_uses.TryGetValue(session, out int uses))
        {
            return false;
        }
        _uses[session] = Math.Min(3, uses + 1);
        return true;
    }

    public void Insert(long session, long offered, int source)
    {
        while (_small.Count + _main.Count >= capacity)
        {
            Evict();
        }
        bool returns = ghosts && offered != 0 && _remembered.Contains(offered);
        (returns ? _main : _small).Enqueue(session);
        _uses[session] = 0;
    }

    private void Evict()
    {
        if (_small.Count >= _smallSize || _main.Count == 0)
        {
            long oldest = _small.Dequeue();
            if (_uses[oldest] >= usesToStay)
            {
                _uses[oldest] = 0;
                _main.Enqueue(oldest);
                return;
            }
            _uses.Remove(oldest);
            _ghosts.Enqueue(oldest);
            _remembered.Add(oldest);
            if (_ghosts.Count > capacity)
            {
                _remembered.Remove(_ghosts.Dequeue());
            }
            return;
        }
        long candidate = _main.Dequeue();
        if (_uses[candidate] > 0)
        {
            _uses[candidate]--;
            _main.Enqueue(candidate);
        }
        else
        {
            _uses.Remove(candidate);
        }
    }
}

using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Security.Authentication;

namespace Segno.Sessions;

/// <summary>Keeps a client's sessions in memory: for a bounded number of peers the newest few sessions each. Thread-safe.</summary>
/// <remarks>When a peer more than the limit comes, the one that was used longest ago is forgotten, with its sessions.</remarks>
public sealed class MemoryClientSessionCache : IClientSessionCache
{
    /// <summary>How many peers (keys) are kept where nothing else is said: 256.</summary>
    public const int DefaultMaxKeys = 256;

    /// <summary>How many sessions are kept per peer where nothing else is said: 4.</summary>
    public const int DefaultMaxSessionsPerKey = 4;

    private readonly Lock _gate = new();
    private readonly Dictionary<ClientSessionKey, LinkedListNode<Pool>> _pools = [];

    // Used last comes first.
    private readonly LinkedList<Pool> _byUse = [];

    // Which session was taken from which pool, as long as somebody holds it: only that may come back, once, and only there.
    private readonly ConditionalWeakTable<TlsSession, Pool> _leases = [];
    private int _count;

    /// <summary>Makes an empty cache.</summary>
    /// <param name="maxKeys">How many peers (keys) are kept, 1 to 65536. Default 256.</param>
    /// <param name="maxSessionsPerKey">How many sessions are kept for each, 1 to 16. Default 4.</param>
    /// <exception cref="ArgumentOutOfRangeException">A limit is out of range.</exception>
    public MemoryClientSessionCache(int maxKeys = DefaultMaxKeys, int maxSessionsPerKey = DefaultMaxSessionsPerKey)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maxKeys, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(maxKeys, 65536);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxSessionsPerKey, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(maxSessionsPerKey, 16);
        MaxKeys = maxKeys;
        MaxSessionsPerKey = maxSessionsPerKey;
    }

    /// <summary>How many peers (keys) are kept at most.</summary>
    public int MaxKeys { get; }

    /// <summary>How many sessions are kept at most for each peer.</summary>
    public int MaxSessionsPerKey { get; }

    /// <inheritdoc/>
    public int Count
    {
        get
        {
            lock (_gate)
            {
                return _count;
            }
        }
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The session is a server's.</exception>
    public void Add(ClientSessionKey key, TlsSession session)
    {
        ArgumentNullException.ThrowIfNull(key);
        ArgumentNullException.ThrowIfNull(session);
        if (session.IsServer)
        {
            throw new ArgumentException("A server's session cannot be offered by a client.", nameof(session));
        }
        lock (_gate)
        {
            Pool pool = PoolFor(key);
            pool.HasZeroLifetime = false;
            Insert(pool, pool.Sessions.Count, session);
        }
    }

    /// <inheritdoc/>
    public void NoteZeroLifetime(ClientSessionKey key)
    {
        ArgumentNullException.ThrowIfNull(key);
        lock (_gate)
        {
            PoolFor(key).HasZeroLifetime = true;
        }
    }

    /// <inheritdoc/>
    public bool TryTake(ClientSessionKey key, DateTimeOffset now, [NotNullWhen(true)] out TlsSession? session, out ResumptionReason reason)
    {
        ArgumentNullException.ThrowIfNull(key);
        lock (_gate)
        {
            session = null;
            if (!_pools.TryGetValue(key, out LinkedListNode<Pool>? node))
            {
                reason = ResumptionReason.NoSessionYet;
                return false;
            }
            Touch(node);
            Pool pool = node.Value;
            int expired = pool.Sessions.RemoveAll(kept => kept.IsOver(now));
            _count -= expired;
            if (pool.Sessions.Count == 0)
            {
                reason = expired > 0 ? ResumptionReason.SessionExpired
                    : pool.HasZeroLifetime ? ResumptionReason.SessionLifetimeZero
                    : ResumptionReason.PoolEmpty;
                return false;
            }
            int newest13 = pool.Sessions.FindLastIndex(static kept => kept.ProtocolVersion == SslProtocols.Tls13);
            session = pool.Sessions[newest13 >= 0 ? newest13 : ^1];
            if (newest13 >= 0)
            {
                // once.
                pool.Sessions.RemoveAt(newest13);
                _count--;
                _leases.AddOrUpdate(session, pool);
            }
            reason = ResumptionReason.None;
            return true;
        }
    }

    /// <inheritdoc/>
    public void PutBack(ClientSessionKey key, TlsSession session)
    {
        ArgumentNullException.ThrowIfNull(key);
        ArgumentNullException.ThrowIfNull(session);
        lock (_gate)
        {
            if (_leases.TryGetValue(session, out Pool? pool) && _leases.Remove(session)
                && _pools.TryGetValue(key, out LinkedListNode<Pool>? node) && ReferenceEquals(node.Value, pool))
            {
                // Back to where it was: newer ones may have come in the meantime.
                Insert(pool, pool.Sessions.FindLastIndex(kept => kept.IssuedAt <= session.IssuedAt) + 1, session);
            }
        }
    }

    /// <inheritdoc/>
    public void Remove(ClientSessionKey key)
    {
        ArgumentNullException.ThrowIfNull(key);
        lock (_gate)
        {
            if (_pools.TryGetValue(key, out LinkedListNode<Pool>? node))
            {
                Forget(node);
            }
        }
    }

    /// <inheritdoc/>
    public void Remove(ClientSessionKey key, Guid lineageId)
    {
        ArgumentNullException.ThrowIfNull(key);
        lock (_gate)
        {
            if (_pools.TryGetValue(key, out LinkedListNode<Pool>? node))
            {
                _count -= node.Value.Sessions.RemoveAll(kept => kept.LineageId == lineageId);
            }
        }
    }

    /// <inheritdoc/>
    public void Clear()
    {
        lock (_gate)
        {
            _pools.Clear();
            _byUse.Clear();
            _count = 0;
        }
    }

    /// <inheritdoc/>
    public void ClearFor(string host)
    {
        ArgumentException.ThrowIfNullOrEmpty(host);
        lock (_gate)
        {
            LinkedListNode<Pool>? next;
            for (LinkedListNode<Pool>? node = _byUse.First; node is not null; node = next)
            {
                next = node.Next;
                if (string.Equals(node.Value.Key.Host, host, StringComparison.OrdinalIgnoreCase))
                {
                    Forget(node);
                }
            }
        }
    }

    private Pool PoolFor(ClientSessionKey key)
    {
        if (_pools.TryGetValue(key, out LinkedListNode<Pool>? node))
        {
            Touch(node);
            return node.Value;
        }
        if (_pools.Count == MaxKeys)
        {
            Forget(_byUse.Last!);
        }
        node = _byUse.AddFirst(new Pool(key));
        _pools.Add(key, node);
        return node.Value;
    }

    private void Insert(Pool pool, int index, TlsSession session)
    {
        if (pool.Sessions.Contains(session))
        {
            return;
        }
        pool.Sessions.Insert(index, session);
        _count++;
        if (pool.Sessions.Count > MaxSessionsPerKey)
        {
            pool.Sessions.RemoveAt(0);
            _count--;
        }
    }

    private void Touch(LinkedListNode<Pool> node)
    {
        _byUse.Remove(node);
        _byUse.AddFirst(node);
    }

    private void Forget(LinkedListNode<Pool> node)
    {
        _pools.Remove(node.Value.Key);
        _byUse.Remove(node);
        _count -= node.Value.Sessions.Count;
    }

    /// <summary>The sessions of one key, oldest first. It stays when it is empty, to tell "used up" from "never had one".</summary>
    private sealed class Pool(ClientSessionKey key)
    {
        public ClientSessionKey Key { get; } = key;

        public List<TlsSession> Sessions { get; } = [];

        /// <summary>Whether the last that came was without a lifetime.</summary>
        public bool HasZeroLifetime { get; set; }
    }
}

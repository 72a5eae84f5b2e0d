using System.Buffers;
using System.Security.Cryptography;

namespace Segno.Sessions;

/// <summary>Keeps a server's sessions in this process: bounded by their number, by their bytes and by their age. Thread-safe.</summary>
/// <remarks>When there is no room, the entry that was used longest ago goes. All calls complete at once.</remarks>
public sealed class MemorySessionStore : ISessionStore, IDisposable
{
    /// <summary>How many sessions are kept where nothing else is said: 20,000.</summary>
    public const int DefaultMaxEntries = 20_000;

    /// <summary>How many bytes they may take where nothing else is said: 8 MiB.</summary>
    public const long DefaultMaxBytes = 8 * 1024 * 1024;

    /// <summary>The longest key.</summary>
    internal const int MaxKeyLength = 64;

    /// <summary>The longest value: 64 KiB.</summary>
    internal const int MaxValueLength = 64 * 1024;

    /// <summary>What an entry counts beside its key and its value.</summary>
    internal const int EntryOverhead = 160;

    private readonly Lock _gate = new();
    private readonly Dictionary<byte[], LinkedListNode<Entry>> _entries = new(KeyComparer.Instance);

    // Used last comes first.
    private readonly LinkedList<Entry> _byUse = [];
    private readonly TimeProvider _time;
    private long _bytes;
    private bool _disposed;

    /// <summary>Makes an empty store.</summary>
    /// <param name="maxEntries">How many sessions are kept, 1 to 100,000,000. Default 20,000.</param>
    /// <param name="maxBytes">How many bytes they may take, everything included: 1 KiB to 1 TiB. Default 8 MiB.</param>
    /// <param name="maxLifetime">How long a session is kept at most, whatever it says itself: more than 0, at most 7 days. Default 24 hours.</param>
    /// <param name="timeProvider">The clock. Default <see cref="TimeProvider.System"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">A limit is out of range.</exception>
    public MemorySessionStore(
        int maxEntries = DefaultMaxEntries, long maxBytes = DefaultMaxBytes, TimeSpan? maxLifetime = null, TimeProvider? timeProvider = null)
    {
        MaxLifetime = maxLifetime ?? TimeSpan.FromHours(24);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxEntries, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(maxEntries, 100_000_000);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxBytes, 1024);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(maxBytes, 1L << 40);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(MaxLifetime, TimeSpan.Zero, nameof(maxLifetime));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(MaxLifetime, SessionLimits.MaxLifetime, nameof(maxLifetime));
        MaxEntries = maxEntries;
        MaxBytes = maxBytes;
        _time = timeProvider ?? TimeProvider.System;
    }

    /// <summary>How many sessions are kept at most.</summary>
    public int MaxEntries { get; }

    /// <summary>How many bytes they take at most.</summary>
    public long MaxBytes { get; }

    /// <summary>How long a session is kept at most.</summary>
    public TimeSpan MaxLifetime { get; }

    /// <summary>How many sessions are kept now, those included whose time is over and whose room nobody needed yet.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
            {
                return _entries.Count;
            }
        }
    }

    /// <summary>How many bytes they take now.</summary>
    public long Bytes
    {
        get
        {
            lock (_gate)
            {
                return _bytes;
            }
        }
    }

    /// <inheritdoc/>
    public ValueTask<bool> GetAsync(ReadOnlyMemory<byte> key, IBufferWriter<byte> destination, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(destination);
        cancellationToken.ThrowIfCancellationRequested();
        return new ValueTask<bool>(TryGet(key, destination, out _));
    }

    /// <inheritdoc/>
    public ValueTask<bool> TryConsumeAsync(ReadOnlyMemory<byte> key, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return new ValueTask<bool>(Remove(key));
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The key has no or more than 64 bytes.</exception>
    public ValueTask<bool> SetAsync(
        ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> value, SessionStoreEntry entry, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (key.Length is 0 or > MaxKeyLength)
        {
            throw new ArgumentException($"A key has 1 to {MaxKeyLength} bytes.", nameof(key));
        }
        return new ValueTask<bool>(Set(key, value.Span, entry.ExpiresAt));
    }

    /// <inheritdoc/>
    public ValueTask RemoveAsync(ReadOnlyMemory<byte> key, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        Remove(key);
        return ValueTask.CompletedTask;
    }

    /// <summary>Wipes and forgets all sessions. Servers that still use the store find and keep none.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _disposed = true;
            while (_byUse.Last is { } node)
            {
                Forget(node);
            }
        }
    }

    /// <summary>As <see cref="GetAsync"/>, and tells a session whose time is over from one that was never there.</summary>
    internal bool TryGet(ReadOnlyMemory<byte> key, IBufferWriter<byte> destination, out bool expired)
    {
        lock (_gate)
        {
            expired = false;
            if (!_entries.TryGetValue(key.ToArray(), out LinkedListNode<Entry>? node))
            {
                return false;
            }
            expired = _time.GetUtcNow() > node.Value.ExpiresAt;
            if (!expired)
            {
                destination.Write(node.Value.Value);
            }
            return !expired;
        }
    }

    /// <summary>Says that a session was resumed: its peer has proved possession, so now it counts as used.</summary>
    internal void MarkUsed(ReadOnlyMemory<byte> key)
    {
        lock (_gate)
        {
            if (_entries.TryGetValue(key.ToArray(), out LinkedListNode<Entry>? node))
            {
                _byUse.Remove(node);
                _byUse.AddFirst(node);
            }
        }
    }

    private bool Set(ReadOnlyMemory<byte> key, ReadOnlySpan<byte> value, DateTimeOffset expiresAt)
    {
        lock (_gate)
        {
            DateTimeOffset now = _time.GetUtcNow();
            Remove(key);
            long size = EntryOverhead + key.Length + value.Length;
            if (_disposed || value.Length > MaxValueLength || size > MaxBytes || expiresAt < now)
            {
                return false;
            }
            while (_entries.Count == MaxEntries || _bytes + size > MaxBytes)
            {
                Forget(_byUse.Last!);
            }
            DateTimeOffset last = now + MaxLifetime;
            var entry = new Entry(key.ToArray(), value.ToArray(), expiresAt < last ? expiresAt : last);
            _entries.Add(entry.Key, _byUse.AddFirst(entry));
            _bytes += size;
            return true;
        }
    }

    private bool Remove(ReadOnlyMemory<byte> key)
    {
        lock (_gate)
        {
            if (!_entries.TryGetValue(key.ToArray(), out LinkedListNode<Entry>? node))
            {
                return false;
            }
            bool alive = _time.GetUtcNow() <= node.Value.ExpiresAt;
            Forget(node);
            return alive;
        }
    }

    private void Forget(LinkedListNode<Entry> node)
    {
        _entries.Remove(node.Value.Key);
        _byUse.Remove(node);
        _bytes -= EntryOverhead + node.Value.Key.Length + node.Value.Value.Length;
        CryptographicOperations.ZeroMemory(node.Value.Value);
    }

    private sealed record Entry(byte[] Key, byte[] Value, DateTimeOffset ExpiresAt);

    private sealed class KeyComparer : IEqualityComparer<byte[]>
    {
        public static readonly KeyComparer Instance = new();

        public bool Equals(byte[]? x, byte[]? y) => CryptographicOperations.FixedTimeEquals(x, y);

        public int GetHashCode(byte[] obj)
        {
            var hash = new HashCode();
            hash.AddBytes(obj);
            return hash.ToHashCode();
        }
    }
}

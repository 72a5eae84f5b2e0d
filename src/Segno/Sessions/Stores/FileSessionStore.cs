using System.Buffers;
using System.Security.Cryptography;

namespace Segno.Sessions;

/// <summary>
/// Keeps a server's sessions in a directory, encrypted, for several processes of one machine at once and for those that come after
/// them: bounded by their number, by their bytes and by their age. Thread-safe.
/// </summary>
/// <remarks>
/// <para>Each session is a file of its own, written beside its place and renamed into it: whoever is killed at whatever moment loses
/// what was being written, and nothing else. A file that is cut off, changed, moved or of a version that is not known is no session.
/// Consuming is renaming away, which one of all processes can do. docs/file-store.md has the format, and why nothing waits for the
/// disk.</para>
/// <para>When there is no room, sessions go that have the least time left; those of network prefixes that hold more than a sixteenth
/// of the bytes go first. Processes that share a directory give the same limits; each looks every minute, and whenever by its own
/// count there is no room, so together they may exceed a limit by what the others stored since.</para>
/// <para>For a local file system. Its directory has mode 0700, its files 0600; what is looser is refused.</para>
/// </remarks>
public sealed class FileSessionStore : ISessionStore, IDisposable
{
    /// <summary>How many sessions are kept where nothing else is said: 20,000.</summary>
    public const int DefaultMaxEntries = MemorySessionStore.DefaultMaxEntries;

    /// <summary>How many bytes they may take on the disk where nothing else is said: 128 MiB. Each takes 4 KiB, as a rule.</summary>
    public const long DefaultMaxBytes = 128L * 1024 * 1024;

    private const int NameLength = 32;

    // What is freed at once, as a divisor of the limits, and how near to them a sweep begins in the background.
    private const int FreedPart = 8;
    private const int NearPart = 16;

    // A source's share of the bytes, as a divisor.
    private const int Share = StoreShard.Share;

    /// <summary>How often a sweep looks for what is over, at most; it may take a hundredth of the time.</summary>
    private static readonly TimeSpan SweepInterval = TimeSpan.FromMinutes(1);

    private readonly SessionDirectory _directory;
    private readonly SemaphoreSlim _sweep = new(1, 1);
    private readonly ITimer _timer;
    private long _entries;
    private long _bytes;
    private long _hits;
    private long _misses;
    private long _stored;
    private long _expired;
    private long _evictedForEntries;
    private long _evictedForBytes;
    private int _sweepIsDue;

    /// <summary>Opens a store, and makes it where there is none.</summary>
    /// <param name="path">The directory: empty, not there yet, or that of a store of server sessions.</param>
    /// <param name="key">The key. It may be disposed afterwards.</param>
    /// <param name="maxEntries">How many sessions are kept, 1 to 1,000,000. Default 20,000.</param>
    /// <param name="maxBytes">How many bytes they may take on the disk, 1 MiB to 64 GiB. Default 128 MiB.</param>
    /// <param name="maxLifetime">How long a session is kept at most, whatever it says itself: more than 0, at most 7 days. Default 24 hours.</param>
    /// <param name="timeProvider">The clock. Default <see cref="TimeProvider.System"/>.</param>
    /// <exception cref="FileStoreException">It is no such store, others may read it, or the key is another one.</exception>
    /// <exception cref="IOException">It cannot be read or written.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be read or written.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A limit is out of range.</exception>
    public FileSessionStore(
        string path, FileStoreKey key, int maxEntries = DefaultMaxEntries, long maxBytes = DefaultMaxBytes, TimeSpan? maxLifetime = null, TimeProvider? timeProvider = null)
    {
        MaxLifetime = maxLifetime ?? TimeSpan.FromHours(24);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxEntries, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(maxEntries, 1_000_000);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxBytes, 1L << 20);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(maxBytes, 1L << 36);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(MaxLifetime, TimeSpan.Zero, nameof(maxLifetime));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(MaxLifetime, SessionLimits.MaxLifetime, nameof(maxLifetime));
        MaxEntries = maxEntries;
        MaxBytes = maxBytes;
        TimeProvider time = timeProvider ?? TimeProvider.System;
        _directory = new SessionDirectory(path, FileStoreKind.ServerSessions, key, time);
        Sweep(0, 0);
        _timer = time.CreateTimer(static state => ((FileSessionStore)state!).SweepInBackground(), this, SweepInterval, Timeout.InfiniteTimeSpan);
    }

    /// <summary>How many sessions are kept at most.</summary>
    public int MaxEntries { get; }

    /// <summary>How many bytes they take at most, in whole blocks of 4 KiB.</summary>
    public long MaxBytes { get; }

    /// <summary>How long a session is kept at most.</summary>
    public TimeSpan MaxLifetime { get; }

    /// <summary>How many sessions there are: as this process knows, which looks every minute and counts what it does itself.</summary>
    public int Count => (int)Math.Clamp(Interlocked.Read(ref _entries), 0, int.MaxValue);

    /// <summary>Counts what the store holds, as this process knows, and what this process did.</summary>
    public SessionStoreStatistics GetStatistics() => new()
    {
        Entries = Count,
        Bytes = Math.Max(0, Interlocked.Read(ref _bytes)),
        Hits = Interlocked.Read(ref _hits),
        Misses = Interlocked.Read(ref _misses),
        Stored = Interlocked.Read(ref _stored),
        Expired = Interlocked.Read(ref _expired),
        EvictedForEntries = Interlocked.Read(ref _evictedForEntries),
        EvictedForBytes = Interlocked.Read(ref _evictedForBytes),
    };

    /// <inheritdoc/>
    /// <exception cref="IOException">The disk fails.</exception>
    public ValueTask<bool> GetAsync(ReadOnlyMemory<byte> key, IBufferWriter<byte> destination, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(destination);
        cancellationToken.ThrowIfCancellationRequested();
        if (IsKey(key.Length) && _directory.TryRead(_directory.NameOf(key.Span), out DirectoryEntry? entry))
        {
            using (entry)
            {
                if (IsLive(entry))
                {
                    destination.Write(entry.Value);
                    Interlocked.Increment(ref _hits);
                    return new ValueTask<bool>(true);
                }
            }
        }
        Interlocked.Increment(ref _misses);
        return new ValueTask<bool>(false);
    }

    /// <inheritdoc/>
    /// <exception cref="IOException">The disk fails.</exception>
    public ValueTask<bool> TryConsumeAsync(ReadOnlyMemory<byte> key, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (!IsKey(key.Length) || !_directory.TryTake(_directory.NameOf(key.Span), out DirectoryEntry? entry))
        {
            return new ValueTask<bool>(false);
        }
        using (entry)
        {
            Forget(SessionDirectory.SizeOf(entry.Value.Length));
            return new ValueTask<bool>(IsLive(entry));
        }
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The key has no or more than 64 bytes.</exception>
    /// <exception cref="IOException">The disk fails, or is full.</exception>
    public async ValueTask<bool> SetAsync(
        ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> value, SessionStoreEntry entry, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (!IsKey(key.Length))
        {
            throw new ArgumentException($"A key has 1 to {MemorySessionStore.MaxKeyLength} bytes.", nameof(key));
        }
        string name = _directory.NameOf(key.Span);
        DateTimeOffset now = _directory.Time.GetUtcNow();
        DateTimeOffset last = now + MaxLifetime;
        if (entry.ExpiresAt < now || value.Length > SessionDirectory.MaxValueLength)
        {
            Remove(name);
            return false;
        }
        long needed = SessionDirectory.SizeOf(value.Length);
        if (!HasRoom(1, needed))
        {
            await _sweep.WaitAsync(cancellationToken).ConfigureAwait(false);
            try
            {
                if (!HasRoom(1, needed))
                {
                    Sweep(1, needed);
                }
            }
            finally
            {
                _sweep.Release();
            }
        }
        else if (!HasRoom(1 + (MaxEntries / NearPart), needed + (MaxBytes / NearPart)) && Interlocked.Exchange(ref _sweepIsDue, 1) == 0)
        {
            _ = Task.Run(SweepInBackground, CancellationToken.None);
        }
        bool replaces = _directory.Exists(name);
        if (!_directory.Write(name, value.Span, entry.ExpiresAt < last ? entry.ExpiresAt : last, entry.Source))
        {
            return false;
        }
        if (!replaces)
        {
            Interlocked.Increment(ref _entries);
            Interlocked.Add(ref _bytes, needed);
        }
        Interlocked.Increment(ref _stored);
        return true;
    }

    /// <inheritdoc/>
    /// <exception cref="IOException">The disk fails.</exception>
    public ValueTask RemoveAsync(ReadOnlyMemory<byte> key, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (IsKey(key.Length))
        {
            Remove(_directory.NameOf(key.Span));
        }
        return ValueTask.CompletedTask;
    }

    /// <summary>Wipes the keys. The files stay, for whoever opens the directory next.</summary>
    public void Dispose()
    {
        _timer.Dispose();
        _directory.Dispose();
    }

    private static bool IsKey(int length) => length is > 0 and <= MemorySessionStore.MaxKeyLength;

    private bool IsLive(DirectoryEntry entry) => entry.ExpiresAt >= _directory.Time.GetUtcNow();

    private bool HasRoom(int entries, long bytes)
        => Interlocked.Read(ref _entries) + entries <= MaxEntries && Interlocked.Read(ref _bytes) + bytes <= MaxBytes;

    private void Remove(string name)
    {
        if (_directory.Remove(name))
        {
            // What it took is not worth another question: nearly always one block, and the next sweep counts.
            Forget(SessionDirectory.BlockLength);
        }
    }

    private void Forget(long bytes)
    {
        Interlocked.Decrement(ref _entries);
        Interlocked.Add(ref _bytes, -bytes);
    }

    private void SweepInBackground()
    {
        long start = _directory.Time.GetTimestamp();
        TimeSpan next = SweepInterval;
        if (!_sweep.Wait(0, CancellationToken.None))
        {
            // Somebody is at it.
            return;
        }
        try
        {
            Sweep(MaxEntries / NearPart, MaxBytes / NearPart);
            TimeSpan rest = _directory.Time.GetElapsedTime(start) * 100;
            next = rest > next ? rest : next;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or CryptographicException or ObjectDisposedException)
        {
            // Who stores a session is told that the disk fails; and the store may have been disposed meanwhile.
        }
        finally
        {
            Volatile.Write(ref _sweepIsDue, 0);
            _sweep.Release();
            _timer.Change(next, Timeout.InfiniteTimeSpan);
        }
    }

    /// <summary>Removes what is over and what was left behind, counts the rest, and makes room where there is not so much.</summary>
    private void Sweep(int entries, long bytes)
    {
        DateTimeOffset now = _directory.Time.GetUtcNow();
        // The longest that anybody stores, and a little: what claims more had its time changed.
        DateTimeOffset latest = now + SessionLimits.MaxLifetime + ResumptionRules.DefaultClockTolerance;
        long entriesBefore = Interlocked.Read(ref _entries);
        long bytesBefore = Interlocked.Read(ref _bytes);
        _directory.RemoveLeftovers();
        List<DirectoryFile> live = [];
        long used = 0;
        foreach (DirectoryFile file in _directory.List("", NameLength))
        {
            if (file.ExpiresAt >= now && file.ExpiresAt <= latest)
            {
                live.Add(file);
                used += file.Length;
            }
            else if (_directory.Remove(file.Name))
            {
                Interlocked.Increment(ref _expired);
            }
        }
        if (live.Count + entries > MaxEntries || used + bytes > MaxBytes)
        {
            used = Evict(live, used, MaxEntries - Math.Max(entries, MaxEntries / FreedPart), MaxBytes - Math.Max(bytes, MaxBytes / FreedPart));
        }
        // What this process stored meanwhile is counted, if need be twice: too early a sweep is better than too late a one.
        Interlocked.Add(ref _entries, live.Count - entriesBefore);
        Interlocked.Add(ref _bytes, used - bytesBefore);
    }

    /// <summary>Removes entries until no more are left than may be: least time left first, and first those of sources that hold more than their share.</summary>
    /// <returns>How many bytes are left.</returns>
    private long Evict(List<DirectoryFile> live, long used, int maxEntries, long maxBytes)
    {
        live.Sort(static (a, b) => a.ExpiresAt.CompareTo(b.ExpiresAt));
        ulong[] sources = new ulong[live.Count];
        var held = new Dictionary<ulong, long>();
        for (int i = 0; i < sources.Length; i++)
        {
            sources[i] = SourceOf(live[i].Name);
            held[sources[i]] = held.GetValueOrDefault(sources[i]) + live[i].Length;
        }
        bool[] gone = new bool[live.Count];
        int left = live.Count;
        foreach (bool onlyGreedy in new[] { true, false })
        {
            for (int i = 0; i < gone.Length && (left > maxEntries || used > maxBytes); i++)
            {
                if (gone[i] || (onlyGreedy && held[sources[i]] * Share <= used))
                {
                    continue;
                }
                Interlocked.Increment(ref left > maxEntries ? ref _evictedForEntries : ref _evictedForBytes);
                _directory.Remove(live[i].Name);
                gone[i] = true;
                left--;
                used -= live[i].Length;
                held[sources[i]] -= live[i].Length;
            }
        }
        int index = 0;
        live.RemoveAll(_ => gone[index++]);
        return used;
    }

    private ulong SourceOf(string name)
    {
        if (!_directory.TryRead(name, out DirectoryEntry? entry))
        {
            return 0;
        }
        using (entry)
        {
            return entry.Source;
        }
    }
}

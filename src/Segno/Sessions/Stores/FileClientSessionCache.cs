using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Text;
using Segno.Buffers;

namespace Segno.Sessions;

/// <summary>
/// Keeps a client's sessions in a directory, encrypted, so that the next process, or another one at the same time, resumes them.
/// For each peer the newest few. Thread-safe.
/// </summary>
/// <remarks>
/// <para>Of all who ask for the same TLS 1.3 session, in whatever process, exactly one gets it. A process that ends, however it ends,
/// before a session that it took was sent has lost it. A file that is cut off, changed, moved or of a version that is not known is no
/// session.</para>
/// <para>Sessions that outlive a process let the server recognise the client for as long: give each user, and each tenant, a directory
/// of its own, and call <see cref="Clear"/> where the user's traces are removed.</para>
/// <para>Calls read and write small files, and wait for no lock. What goes wrong with them costs a full handshake:
/// <see cref="LastFailure"/> tells. For a local file system. The directory has mode 0700, its files 0600; what is looser is refused.</para>
/// </remarks>
public sealed class FileClientSessionCache : IClientSessionCache, IDisposable
{
    /// <summary>How many bytes sessions may take on the disk where nothing else is said: 16 MiB.</summary>
    public const long DefaultMaxBytes = 16L * 1024 * 1024;

    // The host's name, "-", and that of the whole key: so that all keys of a host are found without opening a file.
    private const int PoolNameLength = 32 + 1 + 32;

    // When it was issued, in milliseconds since 1970, with the highest digit 1 for TLS 1.3; "-"; and something random. So names are
    // in the order in which sessions are offered, from the last.
    private const int NameLength = 16 + 1 + 32;

    // What is freed at once, as a divisor of the limit.
    private const int FreedPart = 8;

    /// <summary>How often this process looks for what others left behind.</summary>
    private static readonly TimeSpan SweepInterval = TimeSpan.FromHours(1);

    private readonly SessionDirectory _directory;
    private readonly ITimer _timer;

    // Which session was taken from which pool, as long as somebody holds it: only that may come back, once, and only there.
    private readonly ConditionalWeakTable<TlsSession, string> _leases = [];
    private long _bytes;
    private volatile Exception? _lastFailure;

    /// <summary>Opens a cache, and makes it where there is none.</summary>
    /// <param name="path">The directory: empty, not there yet, or that of a cache of client sessions.</param>
    /// <param name="key">The key. It may be disposed afterwards.</param>
    /// <param name="maxKeys">How many peers (keys) are kept, 1 to 4096. Default 256.</param>
    /// <param name="maxSessionsPerKey">How many sessions are kept for each, 1 to 16. Default 4.</param>
    /// <param name="maxBytes">How many bytes they may take on the disk, 1 MiB to 1 GiB. Default 16 MiB.</param>
    /// <param name="timeProvider">The clock. Default <see cref="TimeProvider.System"/>.</param>
    /// <exception cref="FileStoreException">It is no such cache, others may read it, or the key is another one.</exception>
    /// <exception cref="IOException">It cannot be read or written.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be read or written.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A limit is out of range.</exception>
    public FileClientSessionCache(
        string path,
        FileStoreKey key,
        int maxKeys = MemoryClientSessionCache.DefaultMaxKeys,
        int maxSessionsPerKey = MemoryClientSessionCache.DefaultMaxSessionsPerKey,
        long maxBytes = DefaultMaxBytes,
        TimeProvider? timeProvider = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maxKeys, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(maxKeys, 4096);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxSessionsPerKey, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(maxSessionsPerKey, 16);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxBytes, 1L << 20);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(maxBytes, 1L << 30);
        MaxKeys = maxKeys;
        MaxSessionsPerKey = maxSessionsPerKey;
        MaxBytes = maxBytes;
        _directory = new SessionDirectory(path, FileStoreKind.ClientSessions, key, timeProvider ?? TimeProvider.System);
        Sweep(0);
        _timer = _directory.Time.CreateTimer(
            static state => ((FileClientSessionCache)state!).Try(cache => cache.Sweep(0)), this, SweepInterval, SweepInterval);
    }

    /// <summary>How many peers (keys) are kept at most.</summary>
    public int MaxKeys { get; }

    /// <summary>How many sessions are kept at most for each peer.</summary>
    public int MaxSessionsPerKey { get; }

    /// <summary>How many bytes they take at most, in whole blocks of 4 KiB.</summary>
    public long MaxBytes { get; }

    /// <summary>The last failure of the disk or of cryptography that cost a session; <see langword="null"/> where there was none.</summary>
    public Exception? LastFailure => _lastFailure;

    /// <summary>How many sessions are kept now, by all processes. Lists the whole directory.</summary>
    public int Count
    {
        get
        {
            int count = 0;
            Try(cache => count = cache.Pools().Sum(pool => cache._directory.List(pool.Name, NameLength).Count));
            return count;
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
        Try(cache =>
        {
            string pool = cache.PoolOf(key);
            if (!Directory.Exists(cache._directory.PathOf(pool)))
            {
                cache.MakeRoomForAPool();
                PrivateFiles.CreateDirectory(cache._directory.PathOf(pool));
            }
            cache.Insert(pool, session);
        });
    }

    /// <inheritdoc/>
    public bool TryTake(ClientSessionKey key, DateTimeOffset now, [NotNullWhen(true)] out TlsSession? session, out ResumptionReason reason)
    {
        ArgumentNullException.ThrowIfNull(key);
        (TlsSession?, ResumptionReason) result = (null, ResumptionReason.NoSessionYet);
        Try(cache => result = cache.Take(cache.PoolOf(key), now));
        (session, reason) = result;
        return session is not null;
    }

    /// <inheritdoc/>
    public void PutBack(ClientSessionKey key, TlsSession session)
    {
        ArgumentNullException.ThrowIfNull(key);
        ArgumentNullException.ThrowIfNull(session);
        Try(cache =>
        {
            string pool = cache.PoolOf(key);
            // A pool that was removed, here or by another process, does not come back: that is what it was removed for.
            if (cache._leases.TryGetValue(session, out string? from) && from == pool && cache._leases.Remove(session))
            {
                cache.Insert(pool, session);
            }
        });
    }

    /// <inheritdoc/>
    public void Remove(ClientSessionKey key)
    {
        ArgumentNullException.ThrowIfNull(key);
        Try(cache => cache.RemovePool(cache.PoolOf(key)));
    }

    /// <inheritdoc/>
    public void Remove(ClientSessionKey key, Guid lineageId)
    {
        ArgumentNullException.ThrowIfNull(key);
        Try(cache =>
        {
            string pool = cache.PoolOf(key);
            foreach (DirectoryFile file in cache._directory.List(pool, NameLength))
            {
                if (cache.Read(Place(pool, file), take: false) is { } session && session.LineageId == lineageId)
                {
                    cache._directory.Remove(Place(pool, file));
                }
            }
        });
    }

    /// <summary>Reads what is kept now, to show it. The sessions stay, for whoever takes them.</summary>
    /// <returns>The sessions, each as it was read; those of TLS 1.3 count as offered already, so that none is offered twice .</returns>
    public IReadOnlyList<TlsSession> ReadAll()
    {
        List<TlsSession> sessions = [];
        Try(cache =>
        {
            foreach (string place in cache.Pools().SelectMany(pool => cache._directory.List(pool.Name, NameLength).Select(file => Place(pool.Name, file))))
            {
                if (cache.Read(place, take: false) is { } session)
                {
                    session.TryOffer();
                    sessions.Add(session);
                }
            }
        });
        return sessions;
    }

    /// <summary>Takes a session that was made with a host, whatever its connection was configured with: to hand it to another program.</summary>
    /// <remarks>As with <see cref="TryTake"/>, a session of TLS 1.3 is taken once, and one of TLS 1.2 stays. It is resumed by who is configured alike alone.</remarks>
    /// <param name="host">The host, as a name or an address; compared without regard to case.</param>
    /// <param name="port">The port, 0 to 65535; 0: unknown when the session was made.</param>
    /// <param name="now">The time now.</param>
    /// <param name="session">The session, of those configurations the one that was used last.</param>
    /// <returns>Whether there is one.</returns>
    /// <exception cref="ArgumentException">The host is empty.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The port is out of range.</exception>
    public bool TryTakeFor(string host, int port, DateTimeOffset now, [NotNullWhen(true)] out TlsSession? session)
    {
        ArgumentException.ThrowIfNullOrEmpty(host);
        ArgumentOutOfRangeException.ThrowIfNegative(port);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(port, ushort.MaxValue);
        TlsSession? taken = null;
        Try(cache =>
        {
            foreach (DirectoryFile pool in cache.PoolsOf(host).OrderByDescending(pool => pool.ExpiresAt))
            {
                // All sessions of a pool are of one port.
                bool fits = cache._directory.List(pool.Name, NameLength).Any(file => cache.Read(Place(pool.Name, file), take: false)?.TargetPort == port);
                if (fits && cache.Take(pool.Name, now) is ({ } found, _))
                {
                    taken = found;
                    return;
                }
            }
        });
        session = taken;
        return taken is not null;
    }

    /// <summary>Forgets all sessions: those of other processes, too.</summary>
    public void Clear() => Try(cache =>
    {
        foreach (DirectoryFile pool in cache.Pools())
        {
            cache.RemovePool(pool.Name);
        }
    });

    /// <inheritdoc/>
    public void ClearFor(string host)
    {
        ArgumentException.ThrowIfNullOrEmpty(host);
        Try(cache =>
        {
            foreach (DirectoryFile pool in cache.PoolsOf(host))
            {
                cache.RemovePool(pool.Name);
            }
        });
    }

    /// <summary>Wipes the keys. The files stay, for whoever opens the directory next; connections that still use the cache find and keep no sessions.</summary>
    public void Dispose()
    {
        _timer.Dispose();
        _directory.Dispose();
    }

    private static string Place(string pool, DirectoryFile file) => $"{pool}/{file.Name}";

    /// <summary>An exception would end a handshake, and no session is worth that.</summary>
    private void Try(Action<FileClientSessionCache> action)
    {
        try
        {
            action(this);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or CryptographicException or ObjectDisposedException)
        {
            _lastFailure = exception;
        }
    }

    private (TlsSession?, ResumptionReason) Take(string pool, DateTimeOffset now)
    {
        if (!Directory.Exists(_directory.PathOf(pool)))
        {
            return (null, ResumptionReason.NoSessionYet);
        }
        ResumptionReason reason = ResumptionReason.PoolEmpty;
        foreach (DirectoryFile file in _directory.List(pool, NameLength).OrderByDescending(file => file.Name, StringComparer.Ordinal))
        {
            string place = Place(pool, file);
            if (Read(place, take: false) is not { } session)
            {
                continue;
            }
            if (session.IsOver(now))
            {
                _directory.Remove(place);
                reason = ResumptionReason.SessionExpired;
                continue;
            }
            // once. What was read just now, somebody else may have taken.
            bool isSingleUse = session.ProtocolVersion == SslProtocols.Tls13;
            if (isSingleUse && Read(place, take: true) is null)
            {
                continue;
            }
            if (isSingleUse)
            {
                _leases.AddOrUpdate(session, pool);
            }
            Touch(pool);
            return (session, ResumptionReason.None);
        }
        return (null, reason);
    }

    private TlsSession? Read(string place, bool take)
    {
        if (!(take ? _directory.TryTake(place, out DirectoryEntry? entry) : _directory.TryRead(place, out entry)))
        {
            return null;
        }
        using (entry)
        {
            return SessionCodec.TryDecode(entry.Value, out TlsSession? session, out _) && !session.IsServer ? session : null;
        }
    }

    private void Insert(string pool, TlsSession session)
    {
        using var buffer = new FlightBuffer();
        if (!SessionCodec.TryEncode(session, buffer))
        {
            return;
        }
        Span<byte> random = stackalloc byte[16];
        Cryptography.CryptoProvider.Default.FillRandom(random);
        ulong rank = (ulong)session.IssuedAt.ToUnixTimeMilliseconds() | (session.ProtocolVersion == SslProtocols.Tls13 ? 1UL << 60 : 0);
        string name = $"{rank:x16}-{Convert.ToHexStringLower(random)}";
        if (!_directory.Write($"{pool}/{name}", buffer.Span, session.ExpiresAt))
        {
            return;
        }
        Touch(pool);
        IEnumerable<DirectoryFile> surplus = _directory.List(pool, NameLength).OrderByDescending(file => file.Name, StringComparer.Ordinal).Skip(MaxSessionsPerKey);
        foreach (DirectoryFile file in surplus)
        {
            _directory.Remove(Place(pool, file));
        }
        if (Interlocked.Add(ref _bytes, SessionDirectory.SizeOf(buffer.Length)) > MaxBytes)
        {
            Sweep(MaxBytes / FreedPart);
        }
    }

    private void Touch(string pool)
    {
        try
        {
            Directory.SetLastWriteTimeUtc(_directory.PathOf(pool), _directory.Time.GetUtcNow().UtcDateTime);
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            // It was removed meanwhile.
        }
    }

    private IReadOnlyList<DirectoryFile> Pools() => _directory.List("", PoolNameLength);

    private IEnumerable<DirectoryFile> PoolsOf(string host)
    {
        string prefix = NameOfHost(host.ToLowerInvariant()) + "-";
        return Pools().Where(pool => pool.Name.StartsWith(prefix, StringComparison.Ordinal));
    }

    private void MakeRoomForAPool()
    {
        IReadOnlyList<DirectoryFile> pools = Pools();
        foreach (DirectoryFile pool in pools.OrderBy(pool => pool.ExpiresAt).Take(pools.Count - MaxKeys + 1))
        {
            RemovePool(pool.Name);
        }
    }

    private void RemovePool(string pool)
    {
        _directory.Remove(pool);
        foreach ((TlsSession session, string from) in _leases)
        {
            if (from == pool)
            {
                _leases.Remove(session);
            }
        }
    }

    /// <summary>Removes what is over and what was left behind, and, where the bytes are too many, the pools that were used longest ago.</summary>
    private void Sweep(long bytes)
    {
        DateTimeOffset now = _directory.Time.GetUtcNow();
        _directory.RemoveLeftovers();
        List<(string Pool, long Length)> byUse = [];
        long used = 0;
        foreach (DirectoryFile pool in Pools().OrderBy(pool => pool.ExpiresAt))
        {
            long length = 0;
            foreach (DirectoryFile file in _directory.List(pool.Name, NameLength))
            {
                if (file.ExpiresAt < now)
                {
                    _directory.Remove(Place(pool.Name, file));
                }
                else
                {
                    length += file.Length;
                }
            }
            // An empty one says that all its sessions are used; nobody needs to know that for longer than a session lives.
            if (length == 0 && now - pool.ExpiresAt > SessionLimits.MaxLifetime)
            {
                RemovePool(pool.Name);
                continue;
            }
            byUse.Add((pool.Name, length));
            used += length;
        }
        foreach ((string pool, long length) in byUse)
        {
            if (used + bytes <= MaxBytes)
            {
                break;
            }
            RemovePool(pool);
            used -= length;
        }
        Interlocked.Exchange(ref _bytes, used);
    }

    private string NameOfHost(string host) => _directory.NameOf([.. "host "u8, .. Encoding.UTF8.GetBytes(host)]);

    /// <summary>The name of a key's pool: of all that the key says, so that no two keys share one.</summary>
    private string PoolOf(ClientSessionKey key)
    {
        using var buffer = new FlightBuffer();
        var writer = new TlsWriter(buffer);
        writer.Bytes("key "u8);
        writer.Vector16(Encoding.UTF8.GetBytes(key.Host));
        writer.UInt16(key.Port);
        writer.UInt8(key.ServerName is null ? 0 : 1);
        writer.Vector16(Encoding.UTF8.GetBytes(key.ServerName ?? ""));
        TlsWriter.OpenVector protocols = writer.Open(2);
        foreach (System.Net.Security.SslApplicationProtocol protocol in key.ApplicationProtocols)
        {
            writer.Vector8(protocol.Protocol.Span);
        }
        writer.Close(protocols);
        writer.Vector16(key.ScopeDigest.Span);
        return $"{NameOfHost(key.Host)}-{_directory.NameOf(buffer.Span)}";
    }
}

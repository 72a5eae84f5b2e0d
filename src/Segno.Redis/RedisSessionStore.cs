using System.Buffers;
using System.Text;
using Segno.Sessions;
using StackExchange.Redis;

namespace Segno.Redis;

/// <summary>
/// A server's sessions in Redis, Valkey or Garnet, where all servers of a fleet find them. It sees sealed bytes under keyed names: servers
/// that share it share <see cref="TlsServerOptions.TicketKeys"/>, too, or open nothing of each other's. Thread-safe.
/// </summary>
/// <remarks>
/// <para>Each call is one command (GET, SET with PX, DEL), all calls share the connection and wait for no other (pipelining). Put a
/// <see cref="LayeredSessionStore"/> in front: it answers from memory what it can, and leaves a Redis alone that does not answer.</para>
/// <para>The connection is the caller's, with all that <see cref="ConfigurationOptions"/> has: TLS, users and their rights (ACL: <c>~segno:session:*
/// +get +set +del</c>), several endpoints, Sentinel, Cluster. Where it is down, calls fail at once instead of waiting for it.</para>
/// <para>Entries expire by themselves. Give Redis a memory limit and an eviction policy (<c>maxmemory-policy volatile-lru</c>): with <c>noeviction</c>
/// a full one keeps no more sessions, which costs full handshakes and nothing else.</para>
/// <para>Replication in Redis is asynchronous: after a failover, an entry that was consumed in the last moment may be there again. TLS 1.3
/// allows a ticket to be used twice (RFC 9846 §4.7.1 asks clients not to); early data needs a guard of its own.</para>
/// </remarks>
public sealed class RedisSessionStore : ISessionStore
{
    /// <summary>What the keys of sessions begin with where nothing else is said.</summary>
    public const string DefaultPrefix = "segno:session:";

    private readonly IConnectionMultiplexer _connection;
    private readonly TimeProvider _time;
    private readonly byte[] _prefix;
    private readonly int _database;

    /// <summary>Makes a store on a connection.</summary>
    /// <param name="connection">The connection. The caller keeps ownership.</param>
    /// <param name="prefix">What the keys begin with: 1 to 256 bytes of UTF-8. Default <see cref="DefaultPrefix"/>. Fleets that share a Redis take different ones.</param>
    /// <param name="database">The number of the database, 0 or more; a cluster has only 0. Default: that of the connection.</param>
    /// <param name="timeProvider">The clock that lifetimes are counted from. Default <see cref="TimeProvider.System"/>.</param>
    /// <exception cref="ArgumentException">The prefix is empty or too long, or the number is negative.</exception>
    public RedisSessionStore(IConnectionMultiplexer connection, string prefix = DefaultPrefix, int? database = null, TimeProvider? timeProvider = null)
    {
        ArgumentNullException.ThrowIfNull(connection);
        ArgumentOutOfRangeException.ThrowIfNegative(database ?? 0, nameof(database));
        _connection = connection;
        _prefix = Encoding.UTF8.GetBytes(RedisNames.Check(prefix));
        _database = database ?? -1;
        _time = timeProvider ?? TimeProvider.System;
    }

    /// <inheritdoc/>
    /// <exception cref="RedisException">Redis cannot be reached, or refuses.</exception>
    public async ValueTask<bool> GetAsync(ReadOnlyMemory<byte> key, IBufferWriter<byte> destination, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(destination);
        (IDatabase database, RedisKey name) = Find(key, cancellationToken);
        using Lease<byte>? value = await database.StringGetLeaseAsync(name).ConfigureAwait(false);
        if (value is null)
        {
            return false;
        }
        destination.Write(value.Span);
        return true;
    }

    /// <inheritdoc/>
    /// <exception cref="RedisException">Redis cannot be reached, or refuses.</exception>
    public async ValueTask<bool> TryConsumeAsync(ReadOnlyMemory<byte> key, CancellationToken cancellationToken = default)
    {
        // DEL says how many it deleted: of all who ask, one hears 1. The value is known already, so GETDEL, which older servers lack, has nothing to add.
        (IDatabase database, RedisKey name) = Find(key, cancellationToken);
        return await database.KeyDeleteAsync(name).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    /// <exception cref="RedisException">Redis cannot be reached, or refuses: it is full, or a replica.</exception>
    public async ValueTask<bool> SetAsync(
        ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> value, SessionStoreEntry entry, CancellationToken cancellationToken = default)
    {
        (IDatabase database, RedisKey name) = Find(key, cancellationToken);
        // Up to whole milliseconds, which PX counts: nothing goes before its time.
        var lifetime = TimeSpan.FromMilliseconds(Math.Ceiling((entry.ExpiresAt - _time.GetUtcNow()).TotalMilliseconds));
        if (lifetime <= TimeSpan.Zero)
        {
            await database.KeyDeleteAsync(name).ConfigureAwait(false);
            return false;
        }
        return await database.StringSetAsync(name, value, lifetime).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    /// <exception cref="RedisException">Redis cannot be reached, or refuses.</exception>
    public async ValueTask RemoveAsync(ReadOnlyMemory<byte> key, CancellationToken cancellationToken = default)
    {
        (IDatabase database, RedisKey name) = Find(key, cancellationToken);
        await database.KeyDeleteAsync(name).ConfigureAwait(false);
    }

    /// <remarks>
    /// A command that was sent cannot be called back, so the token is looked at before and not after: what nobody waits for any more still counts as
    /// a call, and the number of calls is what bounds how many pile up in front of a Redis that hangs.
    /// </remarks>
    private (IDatabase Database, RedisKey Name) Find(ReadOnlyMemory<byte> key, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        byte[] name = new byte[_prefix.Length + key.Length];
        _prefix.CopyTo(name, 0);
        key.Span.CopyTo(name.AsSpan(_prefix.Length));
        IDatabase database = _connection.GetDatabase(_database);
        return database.IsConnected(name) ? (database, name) : throw RedisNames.NoConnection();
    }
}

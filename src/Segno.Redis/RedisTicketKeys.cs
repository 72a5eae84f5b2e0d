using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using Segno.Sessions;
using StackExchange.Redis;

namespace Segno.Redis;

/// <summary>
/// Ticket keys that a fleet makes for itself and shares through Redis, which can neither read nor invent one: they are sealed under a
/// key that only the servers have. Thread-safe; one per server.
/// </summary>
/// <remarks>
/// <para>Each server looks again every <see cref="RedisTicketKeysOptions.PollInterval"/>. One of them, who holds a lease, adds a key in time and
/// publishes it <see cref="RedisTicketKeysOptions.Lead"/> before it is active; while a server that lives has not confirmed it, its time is put
/// off. Who comes later finds all keys that still open tickets. A lease that two believe to hold does no harm: what is written
/// replaces only what was read.</para>
/// <para>What is published is numbered. A server that has seen a number takes none before it, and puts back what it saw, should Redis
/// have lost it. A server that starts anew cannot know: what it takes is sealed by the fleet, and keys end by the clock.</para>
/// <para>Without Redis, the keys go on until their time is over: the last one seals for at most two rotation intervals. Then there are no tickets,
/// and handshakes are full ones.</para>
/// </remarks>
public sealed class RedisTicketKeys : IDisposable
{
    private const string Purpose = "ticket keys";
    private const string Confirmation = "confirmation";
    private const int MaxAttempts = 8;

    private readonly SemaphoreSlim _gate = new(1);
    private readonly CancellationTokenSource _end = new();
    private readonly IConnectionMultiplexer _connection;
    private readonly RedisTicketKeysOptions _options;
    private readonly KeyEncryption _encryption;
    private readonly TimeProvider _time;
    private readonly RedisKey _keysName;
    private readonly RedisKey _leaseName;
    private readonly RedisKey _nodesName;
    private readonly RedisChannel _channel;
    private readonly string _node;
    private readonly ITimer? _timer;
    private volatile Exception? _lastFailure;
    private volatile bool _isLeader;

    // Of the newest that was taken: what Redis gets back if it loses it.
    private RedisValue _latest;
    private long _latestNumber;
    private bool _isSubscribed;
    private int _isDisposed;

    /// <summary>Begins to share ticket keys. The ring has none until the first look at Redis, which begins at once; <see cref="PollAsync"/> waits for it.</summary>
    /// <param name="connection">The connection. The caller keeps ownership.</param>
    /// <param name="keyEncryptionKey">32 random bytes, the same on all servers, and never in Redis. Copied.</param>
    /// <param name="options">How. Default: as <see cref="RedisTicketKeysOptions"/> says.</param>
    /// <exception cref="TicketKeyException">The key-encryption key is no key.</exception>
    /// <exception cref="ArgumentException">It has more than 32 bytes, or an option is out of range.</exception>
    public RedisTicketKeys(IConnectionMultiplexer connection, ReadOnlyMemory<byte> keyEncryptionKey, RedisTicketKeysOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(connection);
        _options = options ?? new RedisTicketKeysOptions();
        _options.Check();
        _connection = connection;
        _time = _options.TimeProvider;
        _encryption = new KeyEncryption(
            _options.OtherKeyEncryptionKey.IsEmpty ? [keyEncryptionKey] : [keyEncryptionKey, _options.OtherKeyEncryptionKey], _options.Prefix);
        Ring = TicketKeyRing.FromUpdates(_options.TicketLifetime, _time);
        // In braces: a cluster keeps them together.
        _keysName = $"{{{_options.Prefix}}}:keys";
        _leaseName = $"{{{_options.Prefix}}}:lease";
        _nodesName = $"{{{_options.Prefix}}}:nodes";
        _channel = RedisChannel.Literal($"{_options.Prefix}:changed");
        string random = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8));
        _node = _options.NodeName is { } name ? $"{name}-{random}" : random;
        _timer = _options.IsManual ? null
            : _time.CreateTimer(static state => ((RedisTicketKeys)state!).PollSoon(), this, TimeSpan.Zero, _options.PollInterval);
    }

    /// <summary>The keys, for <see cref="TlsServerOptions.TicketKeys"/>. Wiped with this object.</summary>
    public TicketKeyRing Ring { get; }

    /// <summary>What this server is called among the others: the option's name, and random digits.</summary>
    public string NodeName => _node;

    /// <summary>Whether this server is the one that adds keys, as far as it knows.</summary>
    public bool IsLeader => _isLeader;

    /// <summary>The number of what was last published and taken; 0: nothing yet.</summary>
    public long Number => Interlocked.Read(ref _latestNumber);

    /// <summary>Why the last look brought nothing, so that the keys before stay in use; <see langword="null"/> where it did.</summary>
    public Exception? LastFailure => _lastFailure;

    /// <summary>Looks for other keys now, and, as the leader, sees whether one is due.</summary>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>Whether it succeeded; <see cref="LastFailure"/> says why not.</returns>
    /// <exception cref="ObjectDisposedException">It is disposed.</exception>
    public async Task<bool> PollAsync(CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _isDisposed) != 0, this);
        await _gate.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await LookAsync().ConfigureAwait(false);
            _lastFailure = null;
            return true;
        }
        catch (Exception exception) when (exception is RedisException or TimeoutException or TicketKeyException or CryptographicException)
        {
            _isLeader = false;
            _lastFailure = exception;
            return false;
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Adds a key now, whoever is the leader. It is active when its lead is over.</summary>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="RedisException">Redis cannot be reached, or refuses.</exception>
    /// <exception cref="TicketKeyException">What Redis has is refused.</exception>
    public Task RotateAsync(CancellationToken cancellationToken = default) => ChangeAsync(
        (file, now) => file.Rotate(now, Later(now + _options.Lead, Newest(file) + TimeSpan.FromSeconds(1)), _options.TicketLifetime), cancellationToken);

    /// <summary>Revokes a key on all servers: they wipe it, and decline its tickets as <see cref="ResumptionReason.Revoked"/>. An active one is replaced at once.</summary>
    /// <param name="epoch">Its number, as <see cref="TicketKeyInfo.Epoch"/> has it.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="ArgumentException">There is no such key.</exception>
    /// <exception cref="RedisException">Redis cannot be reached, or refuses.</exception>
    /// <exception cref="TicketKeyException">What Redis has is refused.</exception>
    public Task RevokeAsync(long epoch, CancellationToken cancellationToken = default) => ChangeAsync((file, now) => file.Revoke(now, epoch), cancellationToken);

    /// <summary>Revokes all keys that are older than a number. With one more than the newest's, all of them.</summary>
    /// <param name="epoch">The first number that remains good.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="RedisException">Redis cannot be reached, or refuses.</exception>
    /// <exception cref="TicketKeyException">What Redis has is refused.</exception>
    public Task RevokeBeforeAsync(long epoch, CancellationToken cancellationToken = default) => ChangeAsync(
        (file, now) =>
        {
            // Newest first: what replaces the active one is never a key that goes, too.
            foreach (long number in file.ActiveFrom.Keys.Where(number => number < epoch).OrderDescending())
            {
                file.Revoke(now, number);
            }
        },
        cancellationToken);

    /// <summary>Stops, gives the lease back, and wipes the ring's keys. Servers that still use the ring go on without tickets.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) != 0)
        {
            return;
        }
        _end.Cancel();
        _timer?.Dispose();
        if (_isSubscribed)
        {
            _connection.GetSubscriber().Unsubscribe(_channel, OnChanged, CommandFlags.FireAndForget);
        }
        if (_isLeader)
        {
            _ = Database.LockReleaseAsync(_leaseName, _node).Forget();
        }
        Ring.Dispose();
        // A look that is under way finds nothing more to open or to seal with; its semaphore and keys go with the last of them.
        if (_gate.Wait(TimeSpan.Zero))
        {
            _encryption.Dispose();
        }
    }

    private IDatabase Database => _connection.GetDatabase(_options.Database ?? -1);

    private static DateTimeOffset Newest(TicketKeyFile file) => file.ActiveFrom.Values.DefaultIfEmpty(DateTimeOffset.MinValue).Max();

    private static DateTimeOffset Later(DateTimeOffset one, DateTimeOffset other) => one > other ? one : other;

    private void OnChanged(RedisChannel channel, RedisValue message) => PollSoon();

    private void PollSoon()
    {
        // One at a time: a Redis that is slow does not pile them up.
        if (Volatile.Read(ref _isDisposed) == 0 && _gate.CurrentCount > 0)
        {
            _ = PollAsync(_end.Token).Forget();
        }
    }

    private async Task LookAsync()
    {
        IDatabase database = Connected();
        await SubscribeAsync().ConfigureAwait(false);
        bool isLeader = await TakeLeaseAsync(database).ConfigureAwait(false);
        RedisValue published = await ReadAsync(database, isLeader).ConfigureAwait(false);
        if (!published.IsNull)
        {
            using TicketKeyFile file = Take(published);
            await ConfirmAsync(database).ConfigureAwait(false);
            if (isLeader && await TendAsync(database, file).ConfigureAwait(false))
            {
                await PublishAsync(database, published, file).ConfigureAwait(false);
            }
        }
        else if (isLeader)
        {
            using TicketKeyFile file = TicketKeyFile.Create(_time.GetUtcNow());
            await PublishAsync(database, published, file).ConfigureAwait(false);
        }
        _isLeader = isLeader;
    }

    /// <summary>What is published; or, where it is lost or older than what this server has seen, that, put back in its place.</summary>
    private async Task<RedisValue> ReadAsync(IDatabase database, bool isLeader)
    {
        RedisValue published = await database.StringGetAsync(_keysName).ConfigureAwait(false);
        if (_latest.IsNull || published == _latest)
        {
            return published;
        }
        bool isReadable = TryOpen(published, out long number, out TicketKeyFile? file);
        file?.Dispose();
        if (isReadable && number >= _latestNumber)
        {
            return published;
        }
        if (!published.IsNull && !isReadable && !isLeader)
        {
            throw Unreadable();
        }
        return await ReplaceAsync(database, published, _latest).ConfigureAwait(false)
            ? _latest
            : throw new TicketKeyException(string.Create(CultureInfo.InvariantCulture, $"What is published is older than number {_latestNumber}, which was seen; somebody else is changing it."));
    }

    private TicketKeyFile Take(RedisValue published)
    {
        if (!TryOpen(published, out long number, out TicketKeyFile? file))
        {
            throw Unreadable();
        }
        if (published != _latest)
        {
            try
            {
                Ring.Update(file, Newest(file) + (2 * _options.RotationInterval));
            }
            catch
            {
                file.Dispose();
                throw;
            }
            _latest = published;
            Interlocked.Exchange(ref _latestNumber, number);
        }
        return file;
    }

    private static TicketKeyException Unreadable()
        => new("What is published as ticket keys is not sealed under this key-encryption key, or damaged.");

    private bool TryOpen(RedisValue published, out long number, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out TicketKeyFile? file)
    {
        (number, file) = (0, null);
        byte[]? content = published.IsNull ? null : _encryption.Open(Purpose, "", ((ReadOnlyMemory<byte>)published).Span);
        if (content is null || content.Length < sizeof(long))
        {
            return false;
        }
        try
        {
            number = BinaryPrimitives.ReadInt64BigEndian(content);
            file = TicketKeyFile.Parse(content.AsSpan(sizeof(long)));
            return true;
        }
        catch (TicketKeyException)
        {
            return false;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(content);
        }
    }

    private async Task<bool> TakeLeaseAsync(IDatabase database)
    {
        TimeSpan lease = 3 * _options.PollInterval;
        return (_isLeader && await database.LockExtendAsync(_leaseName, _node, lease).ConfigureAwait(false))
            || await database.LockTakeAsync(_leaseName, _node, lease).ConfigureAwait(false);
    }

    /// <summary>Says that this server has what was published last.</summary>
    private Task<bool> ConfirmAsync(IDatabase database)
    {
        byte[] content = new byte[2 * sizeof(long)];
        BinaryPrimitives.WriteInt64BigEndian(content, _latestNumber);
        BinaryPrimitives.WriteInt64BigEndian(content.AsSpan(sizeof(long)), _time.GetUtcNow().ToUnixTimeMilliseconds());
        return database.HashSetAsync(_nodesName, _node, _encryption.Seal(Confirmation, _node, content));
    }

    /// <summary>As the leader: adds a key that is due, or puts off one that a server does not have yet.</summary>
    /// <returns>Whether the file has changed.</returns>
    private async Task<bool> TendAsync(IDatabase database, TicketKeyFile file)
    {
        DateTimeOffset now = _time.GetUtcNow();
        DateTimeOffset newest = Newest(file);
        if (newest <= now)
        {
            bool isDue = now >= newest + _options.RotationInterval - _options.Lead;
            if (isDue)
            {
                file.Rotate(now, Later(now + _options.Lead, newest + _options.RotationInterval), _options.TicketLifetime);
            }
            return isDue;
        }
        DateTimeOffset before = file.ActiveFrom.Values.Where(from => from < newest).DefaultIfEmpty(now).Max();
        DateTimeOffset putOff = now + _options.Lead;
        // Nobody puts a rotation off for ever.
        bool mayWait = newest - now <= 2 * _options.PollInterval && putOff > newest && putOff < before + (2 * _options.RotationInterval);
        if (mayWait && await IsUnconfirmedAsync(database, now).ConfigureAwait(false))
        {
            file.Postpone(now, putOff);
            return true;
        }
        return false;
    }

    /// <summary>Whether a server that lives has not taken what was published last. Who has not been heard of for three intervals does not count.</summary>
    private async Task<bool> IsUnconfirmedAsync(IDatabase database, DateTimeOffset now)
    {
        bool isUnconfirmed = false;
        foreach (HashEntry entry in await database.HashGetAllAsync(_nodesName).ConfigureAwait(false))
        {
            byte[]? content = _encryption.Open(Confirmation, entry.Name.ToString(), ((ReadOnlyMemory<byte>)entry.Value).Span);
            DateTimeOffset heard = content is { Length: 2 * sizeof(long) }
                ? DateTimeOffset.FromUnixTimeMilliseconds(BinaryPrimitives.ReadInt64BigEndian(content.AsSpan(sizeof(long))))
                : DateTimeOffset.MinValue;
            if (now - heard <= 3 * _options.PollInterval)
            {
                isUnconfirmed |= BinaryPrimitives.ReadInt64BigEndian(content) < _latestNumber;
            }
            else if (now - heard > _options.RotationInterval)
            {
                await database.HashDeleteAsync(_nodesName, entry.Name).ConfigureAwait(false);
            }
        }
        return isUnconfirmed;
    }

    /// <summary>Publishes a file in place of what was read, and takes it.</summary>
    /// <returns>Whether it was still what was read.</returns>
    private async Task<bool> PublishAsync(IDatabase database, RedisValue read, TicketKeyFile file)
    {
        byte[] keys = file.Write();
        byte[] content = new byte[sizeof(long) + keys.Length];
        BinaryPrimitives.WriteInt64BigEndian(content, _latestNumber + 1);
        keys.CopyTo(content, sizeof(long));
        RedisValue published = _encryption.Seal(Purpose, "", content);
        CryptographicOperations.ZeroMemory(keys);
        CryptographicOperations.ZeroMemory(content);
        if (!await ReplaceAsync(database, read, published).ConfigureAwait(false))
        {
            return false;
        }
        Take(published).Dispose();
        await ConfirmAsync(database).ConfigureAwait(false);
        _ = _connection.GetSubscriber().PublishAsync(_channel, RedisValue.EmptyString).Forget();
        return true;
    }

    private async Task<bool> ReplaceAsync(IDatabase database, RedisValue read, RedisValue published)
    {
        ITransaction transaction = database.CreateTransaction();
        transaction.AddCondition(read.IsNull ? Condition.KeyNotExists(_keysName) : Condition.StringEqual(_keysName, read));
        Task set = transaction.StringSetAsync(_keysName, published).Forget();
        bool replaced = await transaction.ExecuteAsync().ConfigureAwait(false);
        await set.ConfigureAwait(false);
        return replaced;
    }

    private async Task ChangeAsync(Action<TicketKeyFile, DateTimeOffset> change, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _isDisposed) != 0, this);
        await _gate.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            IDatabase database = Connected();
            for (int attempt = 0; attempt < MaxAttempts; attempt++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                RedisValue published = await ReadAsync(database, isLeader: true).ConfigureAwait(false);
                using TicketKeyFile file = published.IsNull ? TicketKeyFile.Create(_time.GetUtcNow()) : Take(published);
                change(file, _time.GetUtcNow());
                if (await PublishAsync(database, published, file).ConfigureAwait(false))
                {
                    return;
                }
            }
            throw new TicketKeyException("The ticket keys are being changed by somebody else all the time.");
        }
        finally
        {
            _gate.Release();
        }
    }

    private IDatabase Connected()
    {
        IDatabase database = Database;
        return database.IsConnected(_keysName) ? database : throw RedisNames.NoConnection();
    }

    private async Task SubscribeAsync()
    {
        if (!_isSubscribed && !_options.IsManual)
        {
            await _connection.GetSubscriber().SubscribeAsync(_channel, OnChanged).ConfigureAwait(false);
            _isSubscribed = true;
        }
    }
}

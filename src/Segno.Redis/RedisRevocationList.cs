using System.Security.Cryptography;
using Segno.Sessions;
using StackExchange.Redis;

namespace Segno.Redis;

/// <summary>
/// Revocations that a fleet shares through Redis. Each server has all of them in memory (<see cref="List"/>), so that no handshake waits;
/// it hears of new ones at once, and looks again every poll interval, in case it did not. Thread-safe; one per server.
/// </summary>
/// <remarks>
/// <para>The names of certificates (hashes) and of tenants stand in Redis as they are. Who can write there can add revocations, which cost
/// full handshakes; and can take some away, which servers that know them do not notice: a list in memory only grows.</para>
/// <para>Without Redis, what is known stays so. A server that starts then knows nothing: see <see cref="LastFailure"/>.</para>
/// </remarks>
public sealed class RedisRevocationList : IRevocationList, IDisposable
{
    private const string Certificate = "certificate:";
    private const string Tenant = "tenant:";
    private const string WithoutTenant = "without-tenant";

    private readonly SemaphoreSlim _gate = new(1);
    private readonly CancellationTokenSource _end = new();
    private readonly IConnectionMultiplexer _connection;
    private readonly TimeProvider _time;
    private readonly TimeSpan _lifetime;
    private readonly RedisKey _name;
    private readonly RedisChannel _channel;
    private readonly int _database;
    private readonly ITimer _timer;
    private volatile Exception? _lastFailure;
    private bool _isSubscribed;
    private int _isDisposed;

    /// <summary>Begins to share revocations. The first look at Redis begins at once; <see cref="PollAsync"/> waits for it.</summary>
    /// <param name="connection">The connection. The caller keeps ownership.</param>
    /// <param name="prefix">What the names in Redis begin with: 1 to 256 bytes of UTF-8.</param>
    /// <param name="pollInterval">How often to look: 1 second to 1 hour. Default 10 s.</param>
    /// <param name="lifetime">How long a revocation is kept: at least as long as a session can be resumed after its full handshake
    /// (<see cref="TlsServerOptions.AuthenticationLifetime"/>). More than 0, at most 366 days. Default 7 days.</param>
    /// <param name="database">The number of the database, 0 or more; a cluster has only 0. Default: that of the connection.</param>
    /// <param name="timeProvider">The clock. Default <see cref="TimeProvider.System"/>.</param>
    /// <exception cref="ArgumentException">The prefix is empty or too long, or a value is out of range.</exception>
    public RedisRevocationList(
        IConnectionMultiplexer connection, string prefix = "segno:revocations", TimeSpan? pollInterval = null, TimeSpan? lifetime = null, int? database = null, TimeProvider? timeProvider = null)
    {
        ArgumentNullException.ThrowIfNull(connection);
        TimeSpan poll = pollInterval ?? TimeSpan.FromSeconds(10);
        ArgumentOutOfRangeException.ThrowIfLessThan(poll, TimeSpan.FromSeconds(1), nameof(pollInterval));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(poll, TimeSpan.FromHours(1), nameof(pollInterval));
        _lifetime = lifetime ?? TimeSpan.FromDays(7);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(_lifetime, TimeSpan.Zero, nameof(lifetime));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(_lifetime, TimeSpan.FromDays(366), nameof(lifetime));
        ArgumentOutOfRangeException.ThrowIfNegative(database ?? 0, nameof(database));
        _connection = connection;
        _database = database ?? -1;
        _name = RedisNames.Check(prefix);
        _channel = RedisChannel.Literal($"{prefix}:changed");
        _time = timeProvider ?? TimeProvider.System;
        _timer = _time.CreateTimer(static state => ((RedisRevocationList)state!).PollSoon(), this, TimeSpan.Zero, poll);
    }

    /// <summary>The revocations that are known here.</summary>
    public RevocationList List { get; } = new();

    /// <summary>Why the last look at Redis failed; <see langword="null"/> where it did not.</summary>
    public Exception? LastFailure => _lastFailure;

    private IDatabase Database => _connection.GetDatabase(_database);

    /// <inheritdoc/>
    public bool IsRevoked(in RevocationQuery query) => List.IsRevoked(query);

    /// <summary>Revokes the sessions that clients began with a certificate before a time: here at once, and on all servers when this has completed and they have heard of it.</summary>
    /// <param name="sha256Fingerprint">The SHA-256 hash of the certificate (DER): 32 bytes.</param>
    /// <param name="notBefore">Full handshakes from then on are good again. To the millisecond.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="ArgumentException">The fingerprint has another length.</exception>
    /// <exception cref="RedisException">The others do not know: Redis cannot be reached, or refuses.</exception>
    public Task RevokeCertificateAsync(ReadOnlyMemory<byte> sha256Fingerprint, DateTimeOffset notBefore, CancellationToken cancellationToken = default)
    {
        List.RevokeCertificate(sha256Fingerprint.Span, notBefore);
        return TellAsync(Certificate + Convert.ToHexStringLower(sha256Fingerprint.Span), notBefore, cancellationToken);
    }

    /// <summary>Revokes the sessions of a tenant that began before a time, likewise.</summary>
    /// <param name="tenant">The name, as in <see cref="TlsOptions.Tenant"/>; <see langword="null"/> for those who have none.</param>
    /// <param name="notBefore">Full handshakes from then on are good again. To the millisecond.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="RedisException">The others do not know: Redis cannot be reached, or refuses.</exception>
    public Task RevokeTenantAsync(string? tenant, DateTimeOffset notBefore, CancellationToken cancellationToken = default)
    {
        List.RevokeTenant(tenant, notBefore);
        return TellAsync(tenant is null ? WithoutTenant : Tenant + tenant, notBefore, cancellationToken);
    }

    /// <summary>Looks for other revocations now, and forgets those that no session can be that old for.</summary>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>Whether it succeeded; <see cref="LastFailure"/> says why not.</returns>
    /// <exception cref="ObjectDisposedException">It is disposed.</exception>
    public async Task<bool> PollAsync(CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _isDisposed) != 0, this);
        await _gate.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            IDatabase database = Connected();
            if (!_isSubscribed)
            {
                await _connection.GetSubscriber().SubscribeAsync(_channel, OnChanged).ConfigureAwait(false);
                _isSubscribed = true;
            }
            DateTimeOffset oldest = _time.GetUtcNow() - _lifetime;
            await database.SortedSetRemoveRangeByScoreAsync(_name, double.NegativeInfinity, oldest.ToUnixTimeMilliseconds(), Exclude.Stop).ConfigureAwait(false);
            foreach (SortedSetEntry entry in await database.SortedSetRangeByScoreWithScoresAsync(_name).ConfigureAwait(false))
            {
                Add(entry.Element.ToString(), entry.Score);
            }
            List.Trim(oldest);
            _lastFailure = null;
            return true;
        }
        catch (Exception exception) when (exception is RedisException or TimeoutException)
        {
            _lastFailure = exception;
            return false;
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Stops looking. What is known stays in <see cref="List"/>.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) != 0)
        {
            return;
        }
        _end.Cancel();
        _timer.Dispose();
        if (_isSubscribed)
        {
            _connection.GetSubscriber().Unsubscribe(_channel, OnChanged, CommandFlags.FireAndForget);
        }
    }

    private void OnChanged(RedisChannel channel, RedisValue message) => PollSoon();

    private void PollSoon()
    {
        if (Volatile.Read(ref _isDisposed) == 0)
        {
            _ = PollAsync(_end.Token).Forget();
        }
    }

    /// <summary>Takes what another server has told. What is not of this form is nobody's.</summary>
    private void Add(string entry, double score)
    {
        if (score is < 0 or > 253_402_300_799_999)
        {
            return;
        }
        DateTimeOffset notBefore = DateTimeOffset.FromUnixTimeMilliseconds((long)score);
        if (entry == WithoutTenant)
        {
            List.RevokeTenant(null, notBefore);
        }
        else if (entry.StartsWith(Tenant, StringComparison.Ordinal))
        {
            List.RevokeTenant(entry[Tenant.Length..], notBefore);
        }
        else if (entry.StartsWith(Certificate, StringComparison.Ordinal) && entry.Length == Certificate.Length + (2 * SHA256.HashSizeInBytes))
        {
            Span<byte> fingerprint = stackalloc byte[SHA256.HashSizeInBytes];
            if (Convert.FromHexString(entry.AsSpan(Certificate.Length), fingerprint, out _, out _) == System.Buffers.OperationStatus.Done)
            {
                List.RevokeCertificate(fingerprint, notBefore);
            }
        }
    }

    private async Task TellAsync(string entry, DateTimeOffset notBefore, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _isDisposed) != 0, this);
        cancellationToken.ThrowIfCancellationRequested();
        // Of several times for the same, the latest counts, in whatever order they come.
        await Connected().SortedSetAddAsync(_name, entry, notBefore.ToUnixTimeMilliseconds(), SortedSetWhen.GreaterThan).ConfigureAwait(false);
        _ = _connection.GetSubscriber().PublishAsync(_channel, RedisValue.EmptyString).Forget();
    }

    private IDatabase Connected()
    {
        IDatabase database = Database;
        return database.IsConnected(_name) ? database : throw RedisNames.NoConnection();
    }
}

using System.Text;
using Segno.Sessions;
using StackExchange.Redis;

namespace Segno.Redis;

/// <summary>
/// Remembers in Redis the first flights that carried early data, so that of all servers of a fleet one accepts each, once (RFC 9846 §8.2; ).
/// Thread-safe; one per server, all with the same <see cref="RedisReplayGuardOptions.Zone"/> and prefix.
/// </summary>
/// <remarks>
/// <para>Each claim is one transaction: <c>SET NX PX</c> of a mark, beside it <c>GET</c> of the marker, <c>EXISTS</c> of the pause and <c>INFO server</c>. All keys have one hash
/// tag, so that in a cluster one node has all of it, or loses all of it.</para>
/// <para>The <b>marker</b> is the <c>run_id</c> of the process that took the marks. Where it is absent (flushed, restarted empty), or names another process (restarted from a dump or a log that ends
/// before the last marks; a replica that was promoted before it had them), marks may be lost. Then the marker is written anew together with a <b>pause</b>: a key that
/// expires when no flight accepted before can be accepted any more. Until then the answer is <see cref="ReplayVerdict.FreshStart"/>, to every server. Redis alone counts that time, from
/// the moment at which it executes the command; a server that comes late with it makes the pause longer, never shorter.</para>
/// <para>Clocks: a mark lasts until <see cref="EarlyDataClaim.NotAfter"/> by the clock of the server that claims, and <see cref="RedisReplayGuardOptions.ClockDifference"/> more, because
/// the servers' clocks are what flights are judged by. The clock of Redis only has to run as fast, and must not be set ahead by more than that difference.</para>
/// <para>A mark that is evicted would make a replay acceptable: where Redis tells that it has a limit and evicts (<c>maxmemory-policy</c> other than <c>noeviction</c>), the guard clears nothing.
/// That is looked at with the first claim of a process of Redis and every <see cref="RedisReplayGuardOptions.PolicyInterval"/>.</para>
/// <para>What fails, fails closed: without a connection, upon an error, an answer that makes no sense or a missing right, early data is refused, and <see cref="LastFailure"/> says why.</para>
/// <para>Two processes of Redis that both take themselves for the primary (a split network) can clear the same flight, one each. <c>min-replicas-to-write 1</c> makes the one that
/// is cut off refuse.</para>
/// </remarks>
public sealed class RedisReplayGuard : IReplayGuard
{
    /// <summary>What the keys begin with where nothing else is said.</summary>
    public const string DefaultPrefix = "segno:early-data";

    private const int MinClaimKey = 32;
    private const int MaxClaimKey = 64;

    private readonly IConnectionMultiplexer _connection;
    private readonly TimeProvider _time;
    private readonly byte[] _zone;
    private readonly byte[] _marks;
    private readonly RedisKey _marker;
    private readonly RedisKey _pause;
    private readonly int _database;
    private readonly TimeSpan _clockDifference;
    private readonly TimeSpan _policyInterval;

    // From the first to the last moment at which a server accepts a flight.
    private readonly TimeSpan _span;
    private volatile CheckedRun? _checked;
    private volatile Exception? _lastFailure;
    private long _latest;

    /// <summary>Makes a guard on a connection. Nothing is asked of Redis before the first claim.</summary>
    /// <param name="connection">The connection, with <see cref="ConfigurationOptions.AllowAdmin"/>: StackExchange.Redis counts <c>INFO</c> among the commands of administrators. The caller keeps ownership.</param>
    /// <param name="options">How. Default: <see cref="RedisReplayGuardOptions"/>' defaults.</param>
    /// <exception cref="ArgumentException">An option is out of range, or the connection does not allow <c>INFO</c>.</exception>
    public RedisReplayGuard(IConnectionMultiplexer connection, RedisReplayGuardOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(connection);
        options ??= new RedisReplayGuardOptions();
        options.Check();
        if (!ConfigurationOptions.Parse(connection.Configuration).AllowAdmin)
        {
            throw new ArgumentException("A replay guard needs a connection with allowAdmin=true: without it StackExchange.Redis does not send INFO, by which the guard knows that Redis may have lost something.", nameof(connection));
        }
        _connection = connection;
        _time = options.TimeProvider;
        _zone = Encoding.UTF8.GetBytes(options.Zone);
        _database = options.Database ?? -1;
        _clockDifference = options.ClockDifference;
        _policyInterval = options.PolicyInterval;
        _span = 2 * options.Window;
        // A brace in the zone would end the hash tag early, and the keys would not lie together.
        string tag = $"{{{options.Prefix}:{Convert.ToHexStringLower(_zone)}}}:";
        _marks = Encoding.UTF8.GetBytes(tag + "mark:");
        _marker = tag + "run";
        _pause = tag + "pause";
    }

    /// <inheritdoc/>
    public ReadOnlyMemory<byte> Zone => _zone;

    /// <summary>Why the last claim was not answered; <see langword="null"/> where it was.</summary>
    public Exception? LastFailure => _lastFailure;

    /// <inheritdoc/>
    public async ValueTask<ReplayVerdict> ClaimAsync(EarlyDataClaim claim, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        DateTimeOffset now = Now();
        if (claim.Key.Length is < MinClaimKey or > MaxClaimKey || claim.NotAfter < now || claim.NotAfter > now + _span)
        {
            // Not to be accepted any more, or to be remembered for longer than we do.
            return ReplayVerdict.Unknown;
        }
        try
        {
            IDatabase database = _connection.GetDatabase(_database);
            ReplayVerdict verdict = database.IsConnected(_marker)
                ? await AskAsync(database, claim, now).ConfigureAwait(false)
                : throw RedisNames.NoConnection();
            _lastFailure = null;
            return verdict;
        }
        catch (Exception exception) when (exception is RedisException or RedisCommandException or TimeoutException)
        {
            _lastFailure = exception;
            return ReplayVerdict.Unknown;
        }
    }

    private async Task<ReplayVerdict> AskAsync(IDatabase database, EarlyDataClaim claim, DateTimeOffset now)
    {
        long began = _time.GetTimestamp();
        CheckedRun? known = _checked;
        bool looksAtPolicy = known is null || _time.GetElapsedTime(known.Since, began) >= _policyInterval;
        // Up to whole milliseconds, which PX counts: nothing goes before its time.
        var lifetime = TimeSpan.FromMilliseconds(Math.Ceiling((claim.NotAfter - now + _clockDifference).TotalMilliseconds) + 1);

        ITransaction transaction = database.CreateTransaction();
        Task<RedisValue> marker = transaction.StringGetAsync(_marker);
        Task<bool> pause = transaction.KeyExistsAsync(_pause);
        Task<bool> marked = transaction.StringSetAsync(new RedisKey().Append(_marks).Append(claim.Key.ToArray()), RedisValue.EmptyString, lifetime, When.NotExists);
        Task<RedisResult> server = transaction.ExecuteAsync("INFO", "server");
        Task<RedisResult>? memory = looksAtPolicy ? transaction.ExecuteAsync("INFO", "memory") : null;
        Task[] all = memory is null ? [marker, pause, marked, server] : [marker, pause, marked, server, memory];
        try
        {
            if (!await transaction.ExecuteAsync().ConfigureAwait(false))
            {
                throw new RedisException("Redis did not execute the transaction.");
            }
            await Task.WhenAll(all).ConfigureAwait(false);
        }
        catch
        {
            foreach (Task one in all)
            {
                _ = one.Forget();
            }
            throw;
        }

        string run = Field((await server.ConfigureAwait(false)).ToString(), "run_id")
            ?? throw new RedisException("Redis does not tell which process it is (INFO server, run_id).");
        if (memory is not null)
        {
            ThrowIfEvicting((await memory.ConfigureAwait(false)).ToString());
            _checked = new CheckedRun(run, began);
        }
        else if (known!.Run != run)
        {
            _checked = null;
            throw new RedisException("Another process of Redis answers: its eviction policy is looked at with the next claim.");
        }
        if (await marker.ConfigureAwait(false) != run)
        {
            await BeginAsync(database, run).ConfigureAwait(false);
            return ReplayVerdict.FreshStart;
        }
        if (await pause.ConfigureAwait(false))
        {
            return ReplayVerdict.FreshStart;
        }
        return await marked.ConfigureAwait(false) ? ReplayVerdict.First : ReplayVerdict.Seen;
    }

    /// <summary>Marks may be lost: nothing is cleared until nothing can be accepted that was cleared before. Both keys at once: there is no marker without its pause.</summary>
    private async Task BeginAsync(IDatabase database, string run)
    {
        ITransaction transaction = database.CreateTransaction();
        Task<bool> pause = transaction.StringSetAsync(_pause, RedisValue.EmptyString, _span + _clockDifference + TimeSpan.FromMilliseconds(1));
        Task<bool> marker = transaction.StringSetAsync(_marker, run);
        try
        {
            await transaction.ExecuteAsync().ConfigureAwait(false);
            await Task.WhenAll(pause, marker).ConfigureAwait(false);
        }
        catch
        {
            _ = pause.Forget();
            _ = marker.Forget();
            throw;
        }
    }

    private static void ThrowIfEvicting(string? memory)
    {
        string? limit = Field(memory, "maxmemory");
        string? policy = Field(memory, "maxmemory_policy");
        // Garnet tells neither.
        if (limit is not (null or "0") && policy is not (null or "noeviction"))
        {
            throw new RedisException($"Redis may evict what a replay guard has to remember (maxmemory-policy {policy}): it has to be noeviction.");
        }
    }

    /// <summary>A field of what INFO says, which has them a line each.</summary>
    private static string? Field(string? info, string name)
    {
        foreach (ReadOnlySpan<char> line in info.AsSpan().EnumerateLines())
        {
            if (line.Length > name.Length + 1 && line.StartsWith(name, StringComparison.Ordinal) && line[name.Length] == ':')
            {
                return line[(name.Length + 1)..].Trim().ToString();
            }
        }
        return null;
    }

    /// <summary>The clock, which stands still while it is set back: what has expired does not come back.</summary>
    private DateTimeOffset Now()
    {
        long now = _time.GetUtcNow().UtcTicks;
        long latest = Volatile.Read(ref _latest);
        while (now > latest)
        {
            long seen = Interlocked.CompareExchange(ref _latest, now, latest);
            if (seen == latest)
            {
                return new DateTimeOffset(now, TimeSpan.Zero);
            }
            latest = seen;
        }
        return new DateTimeOffset(latest, TimeSpan.Zero);
    }

    /// <summary>The process of Redis whose eviction policy was looked at, and when.</summary>
    private sealed record CheckedRun(string Run, long Since);
}

using Segno.Redis;
using Segno.Sessions;
using StackExchange.Redis;

namespace Segno.Cli.Serving;

/// <summary>
/// What <c>segno serve</c> shares with other servers and with those that come after it: <c>--store redis:…</c>, <c>--store file:…</c>,
/// <c>--ticket-keys redis:…</c>, <c>--replay-guard redis:…</c>.
/// </summary>
internal sealed class Sharing : IAsyncDisposable
{
    public const string Redis = "redis:";

    public const string File = "file:";

    private readonly List<ConnectionMultiplexer> _connections = [];
    private FileSessionStore? _files;
    private LayeredSessionStore? _store;
    private RedisTicketKeys? _keys;

    private Sharing()
    {
    }

    /// <summary>The sessions, those in memory in front; <see langword="null"/> where they are not shared.</summary>
    public ISessionStore? Store => _store;

    /// <summary>The keys; <see langword="null"/> where they are not shared.</summary>
    public TicketKeyRing? TicketKeys => _keys?.Ring;

    /// <summary>Remembers early data; <see langword="null"/> where none is taken.</summary>
    public IReplayGuard? ReplayGuard { get; private set; }

    /// <summary>Connects to what the settings name. A Redis that is not there yet is no error: the servers go on without it.</summary>
    /// <param name="settings">The settings.</param>
    /// <param name="memory">The memory in front.</param>
    /// <param name="environment">Where to warn.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="CliException">A connection string, a directory or a key is refused.</exception>
    public static async Task<Sharing> OpenAsync(
        ServeSettings settings, MemorySessionStore memory, CliEnvironment environment, CancellationToken cancellationToken)
    {
        var sharing = new Sharing();
        try
        {
            if (settings.RedisStore is { } store)
            {
                sharing._store = new LayeredSessionStore(
                    new RedisSessionStore(await sharing.ConnectAsync("--store", store).ConfigureAwait(false), timeProvider: environment.Time),
                    new LayeredSessionStoreOptions { Memory = memory, TimeProvider = environment.Time });
            }
            if (settings.FileStore is { } directory)
            {
                sharing._files = settings.MakeFileStore(directory, environment);
                sharing._store = new LayeredSessionStore(sharing._files, new LayeredSessionStoreOptions { Memory = memory, TimeProvider = environment.Time });
            }
            if (settings.RedisTicketKeys is { } keys)
            {
                byte[] key = Files.LoadKey(settings.TicketKeyEncryptionKeyPath!);
                try
                {
                    // A short period, as in a rehearsal, has a short lead.
                    TimeSpan period = settings.TicketKeyPeriod ?? TimeSpan.FromHours(24);
                    var options = new RedisTicketKeysOptions
                    {
                        RotationInterval = period,
                        PollInterval = TimeSpan.FromSeconds(Math.Clamp(period.TotalSeconds / 60, 1, 10)),
                        Lead = TimeSpan.FromSeconds(Math.Clamp(period.TotalSeconds / 4, 15, 300)),
                        TicketLifetime = settings.TicketLifetime > TimeSpan.Zero ? settings.TicketLifetime.Value : TimeSpan.FromHours(24),
                        TimeProvider = environment.Time,
                    };
                    sharing._keys = new RedisTicketKeys(await sharing.ConnectAsync("--ticket-keys", keys).ConfigureAwait(false), key, options);
                }
                finally
                {
                    System.Security.Cryptography.CryptographicOperations.ZeroMemory(key);
                }
                if (!await sharing._keys.PollAsync(cancellationToken).ConfigureAwait(false))
                {
                    environment.Warn($"no ticket keys from Redis yet: {sharing._keys.LastFailure!.Message}");
                }
            }
            if (settings.EarlyData is { } early)
            {
                sharing.ReplayGuard = early.Redis is { } guard
                    ? new RedisReplayGuard(await sharing.ConnectAsync("--replay-guard", guard, allowAdmin: true).ConfigureAwait(false), new RedisReplayGuardOptions { TimeProvider = environment.Time })
                    : new MemoryReplayGuard(timeProvider: environment.Time);
            }
            return sharing;
        }
        catch (ArgumentException exception)
        {
            await sharing.DisposeAsync().ConfigureAwait(false);
            throw CliException.Usage(exception);
        }
        catch
        {
            await sharing.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        _keys?.Dispose();
        _store?.Dispose();
        _files?.Dispose();
        foreach (ConnectionMultiplexer connection in _connections)
        {
            await connection.DisposeAsync().ConfigureAwait(false);
        }
    }

    /// <param name="option">Whose connection it is.</param>
    /// <param name="text">The connection string.</param>
    /// <param name="allowAdmin">Whether INFO is sent, which a replay guard asks for.</param>
    private async Task<ConnectionMultiplexer> ConnectAsync(string option, string text, bool allowAdmin = false)
    {
        ConfigurationOptions configuration;
        try
        {
            configuration = string.IsNullOrWhiteSpace(text) ? new ConfigurationOptions() : ConfigurationOptions.Parse(text);
        }
        catch (ArgumentException exception)
        {
            throw CliException.Usage($"{option} redis:{text}: {exception.Message}", exception);
        }
        if (configuration.EndPoints.Count == 0)
        {
            throw CliException.Usage($"{option} redis:{text}: there is no HOST:PORT in it.");
        }
        configuration.AbortOnConnectFail = false;
        configuration.AllowAdmin |= allowAdmin;
        configuration.ClientName ??= "segno";
        ConnectionMultiplexer connection = await ConnectionMultiplexer.ConnectAsync(configuration).ConfigureAwait(false);
        _connections.Add(connection);
        return connection;
    }
}

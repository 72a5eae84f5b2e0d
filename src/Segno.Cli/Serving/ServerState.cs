using System.Security.Cryptography;
using Segno.Sessions;

namespace Segno.Cli.Serving;

/// <summary><c>--state</c>: what one server hands to the next.</summary>
internal sealed class ServerState
{
    private readonly string _path;
    private readonly string _keyPath;
    private readonly MemorySessionStore _store;
    private readonly TicketKeyRing _ticketKeys;
    private readonly CliEnvironment _environment;
    private bool _taken;

    private ServerState(string path, string keyPath, MemorySessionStore store, TicketKeyRing ticketKeys, CliEnvironment environment)
        => (_path, _keyPath, _store, _ticketKeys, _environment) = (path, keyPath, store, ticketKeys, environment);

    /// <summary>Takes over what the server before this one left, if it did.</summary>
    /// <returns><see langword="null"/> where nothing is to be handed on.</returns>
    /// <exception cref="CliException">The key is missing or another one, or the file is none.</exception>
    public static ServerState? Take(ServeSettings settings, MemorySessionStore store, TicketKeyRing ticketKeys, CliEnvironment environment)
    {
        if (settings is not { StatePath: { } path, StateKeyPath: { } keyPath })
        {
            return null;
        }
        var state = new ServerState(path, keyPath, store, ticketKeys, environment);
        using FileStoreKey key = Files.LoadOrMakeStoreKey(keyPath, path, environment);
        if (Files.Load(path, () => WarmRestart.Take(path, key, store, ticketKeys, environment.Time)) is { } taken)
        {
            state._taken = true;
            environment.Error.WriteLine($"segno: took over {taken.Sessions} sessions and {taken.TicketKeys} ticket keys from {path}");
            if (!taken.IsComplete)
            {
                environment.Warn($"{path} was damaged or is of another version: not everything could be taken over.");
            }
        }
        return state;
    }

    /// <summary>Leaves it all to the next server.</summary>
    /// <exception cref="CliException">The file cannot be written.</exception>
    public void Save()
    {
        try
        {
            using FileStoreKey key = Files.Load(_keyPath, () => FileStoreKey.FromFile(_keyPath));
            WarmRestartResult saved = WarmRestart.Save(_path, key, _store, _ticketKeys, _environment.Time);
            _environment.Error.WriteLine($"segno: left {saved.Sessions} sessions and {saved.TicketKeys} ticket keys in {_path}");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or CryptographicException)
        {
            throw CliException.Failure($"{_path}: the state cannot be written: {exception.Message}", exception);
        }
    }

    /// <summary>The server does not start: puts back what was taken.</summary>
    public void GiveBack()
    {
        if (_taken)
        {
            Save();
        }
    }
}

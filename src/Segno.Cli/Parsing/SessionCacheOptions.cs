using System.CommandLine;
using Segno.Sessions;

namespace Segno.Cli.Parsing;

/// <summary>Where a client keeps its sessions for later processes: <c>--session-cache</c> and what it is encrypted with.</summary>
internal sealed class SessionCacheOptions
{
    private readonly Option<string?> _directory = new("--session-cache")
    {
        Description = "Keeps sessions in a directory, encrypted, and resumes what this or other processes left there.",
        HelpName = "DIRECTORY",
    };

    private readonly Option<string?> _key = new("--session-cache-key")
    {
        Description = "What it is encrypted with: a file of 32 random bytes, as they are or in Base64. Made, for its owner alone, where the directory is new. Default: a passphrase, which is asked for.",
        HelpName = "FILE",
    };

    private readonly Option<string?> _passphraseFile = new("--session-cache-passphrase-file")
    {
        Description = "The passphrase, at least 12 characters: the first line of a file.",
        HelpName = "FILE",
    };

    public IEnumerable<Option> All => [_directory, _key, _passphraseFile];

    /// <exception cref="CliException">The options do not go together.</exception>
    public SessionCacheSettings? Read(ParseResult parsed)
    {
        (string? directory, string? key, string? passphrase) = (parsed.GetValue(_directory), parsed.GetValue(_key), parsed.GetValue(_passphraseFile));
        if (key is not null && passphrase is not null)
        {
            throw CliException.Usage($"{_key.Name} and {_passphraseFile.Name} exclude each other.");
        }
        if (directory is not null)
        {
            return new SessionCacheSettings(directory, key, passphrase);
        }
        return (key ?? passphrase) is null ? null : throw CliException.Usage($"{(key is null ? _passphraseFile.Name : _key.Name)} needs {_directory.Name}.");
    }
}

/// <summary>A directory of sessions as it was named.</summary>
internal sealed record SessionCacheSettings(string Directory, string? KeyPath, string? PassphrasePath)
{
    /// <summary>Opens it, and makes it where there is none.</summary>
    /// <exception cref="CliException">It is none, or its key is missing or another one.</exception>
    public FileClientSessionCache Open(CliEnvironment environment)
    {
        using FileStoreKey key = KeyPath is { } path ? Files.LoadOrMakeStoreKey(path, Directory, environment) : FromPassphrase(environment);
        return Files.Load(Directory, () => new FileClientSessionCache(Directory, key, timeProvider: environment.Time));
    }

    private FileStoreKey FromPassphrase(CliEnvironment environment)
    {
        string source = PassphrasePath ?? "the passphrase";
        string passphrase = PassphrasePath is not null ? Files.ReadFirstLine(PassphrasePath)
            : environment.AskSecret?.Invoke($"Passphrase of {Directory}:")
            ?? throw CliException.Usage("--session-cache needs --session-cache-key or --session-cache-passphrase-file: there is nobody to ask for a passphrase.");
        return Files.Load(source, () => FileStoreKey.FromPassphrase(passphrase));
    }
}

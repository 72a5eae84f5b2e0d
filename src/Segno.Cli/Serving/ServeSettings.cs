using System.Net;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Segno.Cli.Parsing;
using Segno.Sessions;

namespace Segno.Cli.Serving;

/// <summary>What <c>segno serve</c> was asked for.</summary>
internal sealed record ServeSettings
{
    public const string DefaultGroup = "segno serve";

    public const string MemoryStore = "memory";

    private const string FromVariable = "env:";
    private const string Derived = "derived:";

    public required IPEndPoint Listen { get; init; }

    public string? CertificatePath { get; init; }

    public string? KeyPath { get; init; }

    public string? PfxPath { get; init; }

    public string? PfxPassword { get; init; }

    public string? PfxPasswordPath { get; init; }

    /// <summary>Where OCSP responses to staple come from: a file, or "auto" for the certificate's responder.</summary>
    public string? Ocsp { get; init; }

    public string? AuthorityOutputPath { get; init; }

    /// <summary>How many tickets follow a full handshake; <see langword="null"/>: the library's default.</summary>
    public int? Tickets { get; init; }

    public TimeSpan? TicketLifetime { get; init; }

    /// <summary>Where ticket keys come from: a file, "env:" and a variable, "derived:" and a file, or "redis:" and a connection.</summary>
    public string? TicketKeys { get; init; }

    /// <summary>For how long a derived key is active.</summary>
    public TimeSpan? TicketKeyPeriod { get; init; }

    /// <summary>How often a file of ticket keys is looked at.</summary>
    public TimeSpan? TicketKeyPoll { get; init; }

    /// <summary>What TLS 1.3 tickets are; <see langword="null"/>: the library's default.</summary>
    public TlsTicketMode? TicketMode { get; init; }

    /// <summary>Where sessions are kept: "memory"; or, with memory in front, "file:" and a directory, or "redis:" and a connection.</summary>
    public string Store { get; init; } = MemoryStore;

    /// <summary>The file of the key that ticket keys are sealed under in Redis.</summary>
    public string? TicketKeyEncryptionKeyPath { get; init; }

    /// <summary>The file of the key of a store in files.</summary>
    public string? StoreKeyPath { get; init; }

    /// <summary>The file in which sessions and ticket keys are handed to the server that comes next.</summary>
    public string? StatePath { get; init; }

    /// <summary>The file of the key that they are sealed under there.</summary>
    public string? StateKeyPath { get; init; }

    public string? FileStore => After(Sharing.File, Store);

    public string? RedisStore => After(Sharing.Redis, Store);

    public string? RedisTicketKeys => After(Sharing.Redis, TicketKeys);

    /// <summary>The name under which servers share sessions.</summary>
    public string Group { get; init; } = DefaultGroup;

    /// <summary>Whose sessions these are, where several share keys.</summary>
    public string? Tenant { get; init; }

    /// <summary>How long a session of TLS 1.2 may be resumed.</summary>
    public TimeSpan? SessionLifetime { get; init; }

    public int CacheSessions { get; init; } = MemorySessionStore.DefaultMaxEntries;

    /// <summary>How many bytes the cache may take; <see langword="null"/>: what so many sessions of usual length need, and no less than the library's default.</summary>
    public long? CacheBytes { get; init; }

    /// <summary>The resumption policy: its name, and numbers.</summary>
    public string? Policy { get; init; }

    public ProtocolSettings Protocols { get; init; } = new();

    /// <summary>The external PSK that clients may have.</summary>
    public PskSettings? Psk { get; init; }

    /// <summary>Early data that is taken; <see langword="null"/>: none.</summary>
    public EarlyDataSettings? EarlyData { get; init; }

    public string? AuthoritiesPath { get; init; }

    public bool RequireClientCertificate { get; init; }

    public string? KeyLogPath { get; init; }

    public bool SelfTest { get; init; } = true;

    public bool Verbose { get; init; }

    /// <summary>What Kestrel speaks.</summary>
    public static SslApplicationProtocol[] Spoken { get; } = [SslApplicationProtocol.Http2, SslApplicationProtocol.Http11];

    public IReadOnlyList<SslApplicationProtocol> ApplicationProtocols => Protocols.ApplicationProtocols ?? Spoken;

    /// <summary>Whether the ticket keys are in a file, which is looked at again and again.</summary>
    public bool WatchesTicketKeys => TicketKeys is { } source && !DerivesTicketKeys && RedisTicketKeys is null && !source.StartsWith(FromVariable, StringComparison.Ordinal);

    public bool DerivesTicketKeys => TicketKeys?.StartsWith(Derived, StringComparison.Ordinal) == true;

    /// <summary>A store of the size asked for.</summary>
    public MemorySessionStore MakeStore(TimeProvider time) => new(
        CacheSessions,
        CacheBytes ?? Math.Max(MemorySessionStore.DefaultMaxBytes, CacheSessions * (MemorySessionStore.DefaultMaxBytes / MemorySessionStore.DefaultMaxEntries)),
        timeProvider: time);

    /// <summary>A store in files of the size asked for. Its key is made where there is neither.</summary>
    public FileSessionStore MakeFileStore(string directory, CliEnvironment environment)
    {
        using FileStoreKey key = Files.LoadOrMakeStoreKey(StoreKeyPath!, directory, environment);
        long bytes = Math.Max(FileSessionStore.DefaultMaxBytes, CacheSessions * (FileSessionStore.DefaultMaxBytes / FileSessionStore.DefaultMaxEntries));
        return Files.Load(directory, () => new FileSessionStore(directory, key, CacheSessions, bytes, timeProvider: environment.Time));
    }

    /// <summary>The ticket keys that were asked for, or random ones of the process's own.</summary>
    public TicketKeyRing MakeTicketKeys(CliEnvironment environment)
    {
        TimeSpan? lifetime = TicketLifetime > TimeSpan.Zero ? TicketLifetime : null;
        if (TicketKeys is not { } source || RedisTicketKeys is not null)
        {
            return new TicketKeyRing(ticketLifetime: lifetime, timeProvider: environment.Time);
        }
        if (DerivesTicketKeys)
        {
            return Files.DeriveTicketKeys(source[Derived.Length..], TicketKeyPeriod, lifetime, environment.Time);
        }
        if (WatchesTicketKeys)
        {
            return Files.WatchTicketKeys(source, lifetime, TicketKeyPoll, environment.Time);
        }
        string name = source[FromVariable.Length..];
        string text = environment.Variable(name) ?? throw CliException.Usage($"--ticket-keys: the environment has no variable {name}.");
        try
        {
            using TicketKeyFile keys = TicketKeyFile.Parse(Encoding.UTF8.GetBytes(text));
            return TicketKeyRing.From(keys, lifetime, environment.Time);
        }
        catch (ArgumentException exception)
        {
            throw CliException.Usage($"--ticket-keys: ${name} cannot be used: {exception.Message}", exception);
        }
    }

    private static string? After(string scheme, string? text)
        => text?.StartsWith(scheme, StringComparison.Ordinal) == true ? text[scheme.Length..] : null;

    public void Configure(TlsServerOptions options)
    {
        Protocols.Configure(options);
        options.ApplicationProtocols = [.. ApplicationProtocols];
        options.Group = Group;
        options.Tenant = Tenant;

        // No ticket outlives its key.
        options.TicketLifetime = TicketLifetime ?? (options.TicketKeys is { } keys && keys.TicketLifetime < options.TicketLifetime ? keys.TicketLifetime : options.TicketLifetime);
        options.Tls12SessionLifetime = SessionLifetime ?? options.Tls12SessionLifetime;
        options.TicketCount = Tickets ?? options.TicketCount;
        options.TicketMode = TicketMode ?? options.TicketMode;
        options.TicketCountOnResumption = Math.Min(options.TicketCountOnResumption, options.TicketCount);
        if (EarlyData is { } early)
        {
            (options.MaxEarlyDataSize, options.DeliverEarlyDataAtOnce) = (early.Size, early.AtOnce);
        }
        if (Policy is { } name)
        {
            options.ResumptionPolicy = Policies.Parse(name, out string problem) ?? throw CliException.Usage($"--policy: {problem}");
        }
        if (RequireClientCertificate || AuthoritiesPath is not null)
        {
            options.ClientCertificateMode = RequireClientCertificate ? TlsClientCertificateMode.Required : TlsClientCertificateMode.Optional;
        }
        if (AuthoritiesPath is { } path)
        {
            X509ChainPolicy policy = Files.TrustOnly(path);
            options.CertificateChainPolicy = policy;
            options.ClientCertificateAuthorities = [.. policy.CustomTrustStore.Select(authority => (ReadOnlyMemory<byte>)authority.SubjectName.RawData)];
        }
    }
}

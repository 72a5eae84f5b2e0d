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
    public required IPEndPoint Listen { get; init; }

    public string? CertificatePath { get; init; }

    public string? KeyPath { get; init; }

    public string? PfxPath { get; init; }

    public string? PfxPassword { get; init; }

    public string? PfxPasswordPath { get; init; }

    /// <summary>Where OCSP responses to staple come from: a file, or "auto" for the certificate's responder.</summary>
    public string? Ocsp { get; init; }

    public string? AuthorityOutputPath { get; init; }

    public bool Tickets { get; init; } = true;

    public TimeSpan? TicketLifetime { get; init; }

    /// <summary>Where ticket keys come from: a file, "env:" and a variable, or "derived:" and a file.</summary>
    public string? TicketKeys { get; init; }

    /// <summary>For how long a derived key is active.</summary>
    public TimeSpan? TicketKeyPeriod { get; init; }

    public TimeSpan? SessionTimeout { get; init; }

    public int SessionCacheSize { get; init; } = MemorySessionStore.DefaultMaxEntries;

    /// <summary>The resumption policy: its name, and numbers.</summary>
    public string? Policy { get; init; }

    public ProtocolSettings Protocols { get; init; } = new();

    /// <summary>The external PSK that clients may have.</summary>
    public PskSettings? Psk { get; init; }

    public string? AuthoritiesPath { get; init; }

    public bool RequireClientCertificate { get; init; }

    public string? KeyLogPath { get; init; }

    public bool SelfTest { get; init; } = true;

    public bool Verbose { get; init; }

    /// <summary>What Kestrel speaks.</summary>
    public static SslApplicationProtocol[] Spoken { get; } = [SslApplicationProtocol.Http2, SslApplicationProtocol.Http11];

    public IReadOnlyList<SslApplicationProtocol> ApplicationProtocols => Protocols.ApplicationProtocols ?? Spoken;

    /// <summary>A store of the size asked for, with the room that so many sessions of usual length need.</summary>
    public MemorySessionStore MakeStore(TimeProvider time) => new(
        SessionCacheSize,
        Math.Max(MemorySessionStore.DefaultMaxBytes, SessionCacheSize * (MemorySessionStore.DefaultMaxBytes / MemorySessionStore.DefaultMaxEntries)),
        timeProvider: time);

    /// <summary>The ticket keys that were asked for; <see langword="null"/>: random ones of the process's own.</summary>
    public TicketKeyRing? MakeTicketKeys(CliEnvironment environment)
    {
        const string Variable = "env:";
        const string Derived = "derived:";
        TimeSpan? lifetime = TicketLifetime > TimeSpan.Zero ? TicketLifetime : null;
        if (TicketKeys is not { } source)
        {
            return null;
        }
        if (source.StartsWith(Derived, StringComparison.Ordinal))
        {
            return Files.DeriveTicketKeys(source[Derived.Length..], TicketKeyPeriod, lifetime, environment.Time);
        }
        if (!source.StartsWith(Variable, StringComparison.Ordinal))
        {
            return Files.WatchTicketKeys(source, lifetime, environment.Time);
        }
        string name = source[Variable.Length..];
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

    public void Configure(TlsServerOptions options)
    {
        Protocols.Configure(options);
        options.ApplicationProtocols = [.. ApplicationProtocols];
        options.TicketLifetime = TicketLifetime ?? options.TicketLifetime;
        options.Tls12SessionLifetime = SessionTimeout ?? options.Tls12SessionLifetime;
        if (Policy is { } name)
        {
            options.ResumptionPolicy = Policies.Parse(name, out string problem) ?? throw CliException.Usage($"--policy: {problem}");
        }
        if (!Tickets)
        {
            options.TicketCount = 0;
            options.TicketCountOnResumption = 0;
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

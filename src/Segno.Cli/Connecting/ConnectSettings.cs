using Segno.Cli.Parsing;

namespace Segno.Cli.Connecting;

/// <summary>What <c>segno connect</c> was asked for.</summary>
internal sealed record ConnectSettings
{
    public required HostAndPort Target { get; init; }

    /// <summary>How often to connect again after the first connection; <see langword="null"/> for one connection that talks.</summary>
    public int? Reconnect { get; init; }

    public string? SessionOutputPath { get; init; }

    public string? SessionInputPath { get; init; }

    /// <summary>What the session of the file is encrypted with.</summary>
    public SessionProtection SessionProtection { get; init; } = new(null, null, "");

    /// <summary>The directory that sessions are kept in; <see langword="null"/>: they end with the process.</summary>
    public SessionCacheSettings? SessionCache { get; init; }

    /// <summary>Whether a connection that has a session to resume, or should have one from the connection before, must resume it.</summary>
    public bool RequireResumption { get; init; }

    /// <summary>Whether every connection offers the session of the file, and not the first alone.</summary>
    public bool AllowTicketReuse { get; init; }

    public string? AuthoritiesPath { get; init; }

    public bool Insecure { get; init; }

    public string? ServerName { get; init; }

    public ProtocolSettings Protocols { get; init; } = new();

    /// <summary>The external PSK to offer.</summary>
    public PskSettings? Psk { get; init; }

    public string? ClientCertificatePath { get; init; }

    public string? ClientKeyPath { get; init; }

    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long to wait, at the end of standard input, for a peer that says nothing more.</summary>
    public TimeSpan Linger { get; init; } = TimeSpan.FromSeconds(5);

    public string? KeyLogPath { get; init; }

    /// <summary>Whether the report says what the stapled OCSP response says.</summary>
    public bool Ocsp { get; init; }

    public bool NoInput { get; init; }

    public bool Json { get; init; }

    /// <summary>Whether standard output carries the peer's bytes; the report then goes to standard error.</summary>
    public bool Talks => !NoInput && Reconnect is null;
}

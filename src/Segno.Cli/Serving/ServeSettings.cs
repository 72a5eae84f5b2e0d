using System.Net;

namespace Segno.Cli.Serving;

/// <summary>What <c>segno serve</c> was asked for.</summary>
internal sealed record ServeSettings
{
    public required IPEndPoint Listen { get; init; }

    public string? CertificatePath { get; init; }

    public string? KeyPath { get; init; }

    public string? PfxPath { get; init; }

    public string? PfxPassword { get; init; }

    /// <summary>Where OCSP responses to staple come from: a file, or "auto" for the certificate's responder.</summary>
    public string? Ocsp { get; init; }

    public string? AuthorityOutputPath { get; init; }

    public bool Tickets { get; init; } = true;

    public TimeSpan? TicketLifetime { get; init; }

    public string? KeyLogPath { get; init; }

    public bool SelfTest { get; init; } = true;

    public bool Verbose { get; init; }
}

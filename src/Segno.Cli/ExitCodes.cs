namespace Segno.Cli;

/// <summary>What the process says when it ends. Part of the command line's contract: scripts rely on it.</summary>
internal static class ExitCodes
{
    /// <summary>Done what was asked for.</summary>
    public const int Ok = 0;

    /// <summary>It was tried and failed: no connection, no trust, a TLS fault, a port in use.</summary>
    public const int Failure = 1;

    /// <summary>It could not be tried: a wrong option, a file that is missing or not what it should be.</summary>
    public const int Usage = 2;

    /// <summary>Ended by the user (128 + SIGINT, as shells have it).</summary>
    public const int Interrupted = 130;
}

/// <summary>Ends the command with a message for the user; no stack trace helps there.</summary>
internal sealed class CliException : Exception
{
    private static readonly (string Property, string Option)[] OptionNames =
    [
        (nameof(TlsOptions.EnabledSslProtocols), "--tls"),
        (nameof(TlsOptions.SupportedGroups), "--groups"),
        (nameof(TlsOptions.CipherSuites), "--suites"),
        (nameof(TlsServerOptions.TicketLifetime), "--ticket-lifetime"),
        (nameof(TlsServerOptions.TicketCount), "--tickets"),
        (nameof(TlsServerOptions.Tls12SessionLifetime), "--session-lifetime"),
    ];

    private CliException(int exitCode, string message, Exception? innerException)
        : base(message, innerException)
    {
        ExitCode = exitCode;
    }

    public int ExitCode { get; }

    /// <summary>The library refuses an option: in the words of the command line.</summary>
    public static CliException Usage(ArgumentException refusal)
    {
        string message = refusal.ParamName is null ? refusal.Message : refusal.Message.Replace($" (Parameter '{refusal.ParamName}')", "", StringComparison.Ordinal);
        foreach ((string property, string option) in OptionNames)
        {
            message = message.Replace(property, option, StringComparison.Ordinal);
        }
        return new CliException(ExitCodes.Usage, message, refusal);
    }

    public static CliException Usage(string message, Exception? cause = null) => new(ExitCodes.Usage, message, cause);

    public static CliException Failure(string message, Exception? cause = null) => new(ExitCodes.Failure, message, cause);
}

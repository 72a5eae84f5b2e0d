using System.Text.Json.Serialization;
using Segno.Sessions;

namespace Segno.Cli.Json;

/// <summary>How one connection came to be: <c>/api/connection</c>, and a part of what <c>segno connect --json</c> writes.</summary>
internal sealed record ConnectionDocument
{
    public required string Version { get; init; }

    public required string CipherSuite { get; init; }

    public required string? Group { get; init; }

    public required string? ApplicationProtocol { get; init; }

    public required string? ServerName { get; init; }

    /// <summary>Whether the client authenticated itself by a certificate, too; on a resumed connection, in the handshake it goes back to.</summary>
    public required bool MutuallyAuthenticated { get; init; }

    public required bool Resumed { get; init; }

    public required string? Mechanism { get; init; }

    public required string Outcome { get; init; }

    public required string? Reason { get; init; }

    /// <summary>The part of the scope or the rule of the policy that the reason is about.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public required string? ReasonDetail { get; init; }

    public required double? SessionAgeSeconds { get; init; }

    public required long HandshakeMicroseconds { get; init; }

    public required long HandshakeBytesIn { get; init; }

    public required long HandshakeBytesOut { get; init; }

    /// <summary>What became of early data.</summary>
    public required string EarlyData { get; init; }

    public required string? EarlyDataReason { get; init; }

    public required long EarlyDataBytes { get; init; }

    /// <summary>Whether this request came with <c>Early-Data: 1</c>: it may be a replay (RFC 8470 §5.1). Only of a server, and only where it is so.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool MayBeReplay { get; init; }

    public static ConnectionDocument Of(TlsConnectionInfo info, bool mayBeReplay = false)
    {
        ResumptionOutcome outcome = info.Resumption;
        return new ConnectionDocument
        {
            Version = Names.Version(info.ProtocolVersion),
            CipherSuite = info.CipherSuite.ToString(),
            Group = Names.Group(info.Group),
            ApplicationProtocol = Names.ApplicationProtocol(info.ApplicationProtocol),
            ServerName = info.ServerName,
            MutuallyAuthenticated = info.IsMutuallyAuthenticated,
            Resumed = outcome.IsResumed,
            Mechanism = Names.Mechanism(outcome.Mechanism),
            Outcome = outcome.Status.ToString(),
            Reason = Names.Reason(outcome.Reason),
            ReasonDetail = outcome.Detail,
            SessionAgeSeconds = info.SessionAge is { } age ? Math.Round(age.TotalSeconds, 3) : null,
            HandshakeMicroseconds = (long)info.HandshakeDuration.TotalMicroseconds,
            HandshakeBytesIn = info.HandshakeBytesIn,
            HandshakeBytesOut = info.HandshakeBytesOut,
            EarlyData = info.EarlyData.Status.ToString(),
            EarlyDataReason = Names.Reason(info.EarlyData.Reason),
            EarlyDataBytes = info.EarlyDataSize,
            MayBeReplay = mayBeReplay,
        };
    }
}

using System.Net.Security;
using System.Security.Authentication;
using Segno.Sessions;

namespace Segno.Cli.Json;

/// <summary>What things are called in JSON, on the page and in the terminal: the same everywhere.</summary>
internal static class Names
{
    public static string Version(SslProtocols version) => version switch
    {
        SslProtocols.Tls13 => "TLS 1.3",
        SslProtocols.Tls12 => "TLS 1.2",
        _ => version.ToString(),
    };

    public static string? Group(TlsNamedGroup? group) => group switch
    {
        TlsNamedGroup.P256 => "P-256",
        TlsNamedGroup.P384 => "P-384",
        TlsNamedGroup.P521 => "P-521",
        TlsNamedGroup.X25519MLKem768 => "X25519MLKEM768",
        _ => group?.ToString(),
    };

    public static string? ApplicationProtocol(SslApplicationProtocol protocol) => protocol.Protocol.IsEmpty ? null : protocol.ToString();

    public static string? Mechanism(ResumptionMechanism mechanism)
        => mechanism == ResumptionMechanism.None ? null : mechanism.ToString();

    public static string Phase(TicketKeyPhase phase) => phase switch
    {
        TicketKeyPhase.PrePublished => "pre-published",
        TicketKeyPhase.Active => "active",
        TicketKeyPhase.Retiring => "retiring",
        _ => "destroyed",
    };

    public static string? Reason(ResumptionReason reason) => reason == ResumptionReason.None ? null : reason.ToString();

    public static string? Reason(EarlyDataReason reason) => reason == EarlyDataReason.None ? null : reason.ToString();
}

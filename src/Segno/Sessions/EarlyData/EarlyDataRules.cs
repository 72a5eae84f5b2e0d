using Segno.Sessions.Tickets;

namespace Segno.Sessions;

/// <summary>When a server may take early data that is offered (RFC 9846 §4.3.10, §8). Pure; the replay guard is asked last.</summary>
internal static class EarlyDataRules
{
    /// <summary>By how much the age that a client tells may differ from what the server sees (RFC 9846 §8.3).</summary>
    public static readonly TimeSpan DefaultWindow = TimeSpan.FromSeconds(10);

    /// <summary>A window beyond what clocks and networks need makes only replays easier.</summary>
    public static readonly TimeSpan MaxWindow = TimeSpan.FromSeconds(60);
}

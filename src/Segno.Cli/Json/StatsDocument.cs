namespace Segno.Cli.Json;

/// <summary>What a server has done since its start: <c>/api/stats</c>.</summary>
internal sealed record StatsDocument
{
    /// <summary>Full handshakes completed, those after a declined session among them.</summary>
    public required long FullHandshakes { get; init; }

    public required long ResumedHandshakes { get; init; }

    /// <summary>How many of them by session ID, by ticket (both TLS 1.2), by PSK (TLS 1.3).</summary>
    public required IReadOnlyDictionary<string, long> ResumedBy { get; init; }

    /// <summary>How many sessions were declined, by reason; only reasons that occurred.</summary>
    public required IReadOnlyDictionary<string, long> Declined { get; init; }

    /// <summary>Sessions that clients know by an ID, those included whose time is over and whose room nobody needed yet.</summary>
    public required long CacheEntries { get; init; }

    public required long CacheBytes { get; init; }
}

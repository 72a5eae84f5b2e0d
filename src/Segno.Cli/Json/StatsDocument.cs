namespace Segno.Cli.Json;

/// <summary>What a server has done since its start: <c>/api/stats</c>.</summary>
internal sealed record StatsDocument
{
    /// <summary>Full handshakes completed, those after a declined session among them.</summary>
    public required long FullHandshakes { get; init; }

    public required long ResumedHandshakes { get; init; }

    /// <summary>How many sessions were declined, by reason; only reasons that occurred.</summary>
    public required IReadOnlyDictionary<string, long> Declined { get; init; }

    public required long CacheEntries { get; init; }

    public required long CacheBytes { get; init; }
}

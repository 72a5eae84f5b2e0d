using Segno.Cli.Serving;
using Segno.Sessions;

namespace Segno.Cli.Json;

/// <summary>What a server has done since its start: <c>/api/stats</c>.</summary>
internal sealed record StatsDocument
{
    /// <summary>What the server's clock says: servers that share ticket keys go by it.</summary>
    public required DateTimeOffset Time { get; init; }

    /// <summary>Full handshakes completed, those after a declined session among them.</summary>
    public required long FullHandshakes { get; init; }

    public required long ResumedHandshakes { get; init; }

    /// <summary>How many of them by session ID, by ticket (both TLS 1.2), by PSK (TLS 1.3).</summary>
    public required IReadOnlyDictionary<string, long> ResumedBy { get; init; }

    /// <summary>How many sessions were declined, by reason; only reasons that occurred.</summary>
    public required IReadOnlyDictionary<string, long> Declined { get; init; }

    /// <summary>The part of the scope or the rule of the policy that a reason is about, and how often; only for reasons that have some.</summary>
    public required IReadOnlyDictionary<string, IReadOnlyDictionary<string, long>> DeclinedDetails { get; init; }

    /// <summary>How often early data was accepted.</summary>
    public required long EarlyDataAccepted { get; init; }

    /// <summary>How often it was refused, by reason; only reasons that occurred.</summary>
    public required IReadOnlyDictionary<string, long> EarlyDataRefused { get; init; }

    /// <summary>Sessions that clients know by an ID, those included whose time is over and whose room nobody needed yet.</summary>
    public required long CacheEntries { get; init; }

    public required long CacheBytes { get; init; }

    public required CacheDocument Cache { get; init; }

    /// <summary>The ticket keys, newest first, the last of those that are destroyed included. Nothing of it is secret.</summary>
    public required IReadOnlyList<TicketKeyDocument> TicketKeys { get; init; }

    /// <summary>Why the source of the ticket keys could not be read or was refused at the last look, so that those before are in use; null where it was not.</summary>
    public required string? TicketKeyFailure { get; init; }

    public static StatsDocument Of(HandshakeTotals totals, MemorySessionStore store, TicketKeyRing keys, TimeProvider time)
    {
        IReadOnlyDictionary<string, long> resumedBy = totals.ResumedBy;
        SessionStoreStatistics cache = store.GetStatistics();
        return new StatsDocument
        {
            Time = time.GetUtcNow(),
            FullHandshakes = totals.Full,
            ResumedHandshakes = resumedBy.Values.Sum(),
            ResumedBy = resumedBy,
            Declined = totals.Declined,
            DeclinedDetails = totals.DeclinedDetails,
            EarlyDataAccepted = totals.EarlyDataAccepted,
            EarlyDataRefused = totals.EarlyDataRefused,
            CacheEntries = cache.Entries,
            CacheBytes = cache.Bytes,
            Cache = new CacheDocument(
                store.MaxEntries, store.MaxBytes, cache.Hits, cache.Misses, cache.Stored, cache.Refused, cache.Expired, cache.EvictedForEntries, cache.EvictedForBytes),
            TicketKeys = [.. keys.Keys.Select(key => new TicketKeyDocument(key.Epoch, key.Name, Names.Phase(key.Phase)))],
            TicketKeyFailure = keys.LastFailure?.Message,
        };
    }
}

/// <summary>The bounds of the cache of sessions, and what it did: see <see cref="SessionStoreStatistics"/>.</summary>
internal sealed record CacheDocument(
    int MaxEntries, long MaxBytes, long Hits, long Misses, long Stored, long Refused, long Expired, long EvictedForEntries, long EvictedForBytes);

/// <summary>A ticket key: its number, the name that it has in tickets, and its phase.</summary>
internal sealed record TicketKeyDocument(long Epoch, string Name, string Phase);

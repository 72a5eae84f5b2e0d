namespace Segno.Sessions;

/// <summary>What a <see cref="MemorySessionStore"/> or a <see cref="FileSessionStore"/> holds, and what it did since it was made. Immutable.</summary>
public readonly record struct SessionStoreStatistics
{
    /// <summary>How many sessions it holds, those included whose time is over and whose room nobody needed yet.</summary>
    public long Entries { get; init; }

    /// <summary>How many bytes they take, their place in the index and what they have in common included.</summary>
    public long Bytes { get; init; }

    /// <summary>How often a session was asked for and found.</summary>
    public long Hits { get; init; }

    /// <summary>How often a session was asked for and not found, or its time was over.</summary>
    public long Misses { get; init; }

    /// <summary>How many sessions were kept.</summary>
    public long Stored { get; init; }

    /// <summary>How many were not kept, because their network prefix held more than its share and there was room for none.</summary>
    public long Refused { get; init; }

    /// <summary>How many went because their time was over.</summary>
    public long Expired { get; init; }

    /// <summary>How many went because there were as many as may be.</summary>
    public long EvictedForEntries { get; init; }

    /// <summary>How many went because they took as many bytes as may be.</summary>
    public long EvictedForBytes { get; init; }
}

namespace Segno.Sessions;

/// <summary>What the tiers of a <see cref="LayeredSessionStore"/> did since it was made. Immutable.</summary>
public readonly record struct LayeredStoreStatistics
{
    /// <summary>What the memory in front holds, and what it did.</summary>
    public SessionStoreStatistics Memory { get; init; }

    /// <summary>How often a session was asked for and found in memory.</summary>
    public long MemoryHits { get; init; }

    /// <summary>How often a session was asked for that the store was known not to have.</summary>
    public long AbsentHits { get; init; }

    /// <summary>How often a session was asked for and found in the store.</summary>
    public long StoreHits { get; init; }

    /// <summary>How often the store was asked for a session and did not have it.</summary>
    public long StoreMisses { get; init; }

    /// <summary>How many calls of any kind the store did not answer in time.</summary>
    public long Timeouts { get; init; }

    /// <summary>How many calls of any kind the store failed.</summary>
    public long Failures { get; init; }

    /// <summary>How many calls of any kind were not made: too many were with the store, or it had failed too often.</summary>
    public long Refused { get; init; }

    /// <summary>How many calls are with the store now, those included that were given up.</summary>
    public int Calls { get; init; }

    /// <summary>Whether the store is asked.</summary>
    public StoreCircuit Circuit { get; init; }

    /// <summary>How often it failed so often that it was not asked for a while.</summary>
    public long CircuitOpened { get; init; }
}

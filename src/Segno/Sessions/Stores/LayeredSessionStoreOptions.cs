namespace Segno.Sessions;

/// <summary>How a <see cref="LayeredSessionStore"/> treats the store under it.</summary>
public sealed class LayeredSessionStoreOptions
{
    /// <summary>
    /// The memory in front. Default <see langword="null"/>: a store of 20,000 sessions and 8 MiB that keeps each for 1 minute at most. What another
    /// server removes is still found here for as long; so is what was kept before the store under it went away. The caller keeps ownership, and
    /// gives it to no server.
    /// </summary>
    public MemorySessionStore? Memory { get; init; }

    /// <summary>How long the store may take before a full handshake goes on without it: 1 ms to 10 s. Default 20 ms, about what a full handshake costs.</summary>
    public TimeSpan Budget { get; init; } = StoredSessions.Budget;

    /// <summary>How many calls may be with the store, those included that were given up; more are refused at once. 1 to 65,536. Default 256.</summary>
    public int MaxCalls { get; init; } = StoredSessions.MaxCalls;

    /// <summary>After how many failures and timeouts in a row the store is not asked for a while: 1 to 1,000. Default 5.</summary>
    public int FailuresBeforePause { get; init; } = 5;

    /// <summary>For how long it is not asked; then one call finds out whether it is back. 1 ms to 10 minutes. Default 1 s.</summary>
    public TimeSpan Pause { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>How many keys are remembered that the store did not have: 16 to 1,000,000. Default 4,096.</summary>
    public int MaxAbsent { get; init; } = 4096;

    /// <summary>For how long, so that who asks again costs the store nothing: 1 s to 1 minute, and up to a second longer. Default 1 s.</summary>
    public TimeSpan AbsentLifetime { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>The clock. Default <see cref="TimeProvider.System"/>.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    internal void Check()
    {
        InRange(Budget, TimeSpan.FromMilliseconds(1), TimeSpan.FromSeconds(10), nameof(Budget));
        InRange(MaxCalls, 1, 65_536, nameof(MaxCalls));
        InRange(FailuresBeforePause, 1, 1000, nameof(FailuresBeforePause));
        InRange(Pause, TimeSpan.FromMilliseconds(1), TimeSpan.FromMinutes(10), nameof(Pause));
        InRange(MaxAbsent, 16, 1_000_000, nameof(MaxAbsent));
        InRange(AbsentLifetime, TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(1), nameof(AbsentLifetime));
        ArgumentNullException.ThrowIfNull(TimeProvider);
    }

    private static void InRange<T>(T value, T least, T most, string name)
        where T : IComparable<T>
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(value, least, name);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(value, most, name);
    }
}

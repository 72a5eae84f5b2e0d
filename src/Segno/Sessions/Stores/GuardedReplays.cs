namespace Segno.Sessions;

/// <summary>A replay guard, the engine's side of it: whatever the guard does, no handshake fails or stalls, and nothing is accepted that the guard did not clear. Thread-safe.</summary>
internal sealed class GuardedReplays(IReplayGuard guard, TimeProvider time)
{
    /// <summary>How long a guard may take: the early data waits for it, and what it saves is a round trip.</summary>
    public static readonly TimeSpan Budget = StoredSessions.Budget;

    /// <summary>How many calls may be with a guard; more are refused at once.</summary>
    public const int MaxCalls = StoredSessions.MaxCalls;

    // Where there is no answer, there is none that clears: Unknown is the default.
    private readonly BoundedCalls _calls = new(Budget, MaxCalls, time);

    /// <summary>The zone; it never changes.</summary>
    public ReadOnlyMemory<byte> Zone { get; } = guard.Zone.ToArray();

    /// <summary>Asks the guard.</summary>
    /// <returns><see cref="EarlyDataReason.None"/>: the first of its kind.</returns>
    public async ValueTask<EarlyDataReason> ClaimAsync(EarlyDataClaim claim, CancellationToken cancellationToken)
    {
        ReplayVerdict verdict = guard is MemoryReplayGuard memory
            ? await memory.ClaimAsync(claim, cancellationToken).ConfigureAwait(false)
            : (await _calls.AskAsync(token => guard.ClaimAsync(claim, token), cancellationToken).ConfigureAwait(false)).Answer;
        return verdict switch
        {
            ReplayVerdict.First => EarlyDataReason.None,
            ReplayVerdict.Seen => EarlyDataReason.ReplaySeen,
            ReplayVerdict.FreshStart => EarlyDataReason.FreshStart,
            _ => EarlyDataReason.ReplayGuardUnavailable,
        };
    }
}

namespace Segno.Sessions;

/// <summary>A replay guard, the engine's side of it: whatever the guard does, no handshake fails or stalls, and nothing is accepted that the guard did not clear. Thread-safe.</summary>
internal sealed class GuardedReplays(IReplayGuard guard, TimeProvider time)
{
    /// <summary>How long a guard may take: the early data waits for it, and what it saves is a round trip.</summary>
    public static readonly TimeSpan Budget = StoredSessions.Budget;

    /// <summary>The zone; it never changes.</summary>
    public ReadOnlyMemory<byte> Zone { get; } = guard.Zone.ToArray();

    /// <summary>Asks the guard.</summary>
    /// <returns><see cref="EarlyDataReason.None"/>: the first of its kind.</returns>
    public async ValueTask<EarlyDataReason> ClaimAsync(EarlyDataClaim claim, CancellationToken cancellationToken)
    {
        ReplayVerdict verdict = guard is MemoryReplayGuard memory
            ? await memory.ClaimAsync(claim, cancellationToken).ConfigureAwait(false)
            : await AskAsync(claim, cancellationToken).ConfigureAwait(false);
        return verdict switch
        {
            ReplayVerdict.First => EarlyDataReason.None,
            ReplayVerdict.Seen => EarlyDataReason.ReplaySeen,
            ReplayVerdict.FreshStart => EarlyDataReason.FreshStart,
            _ => EarlyDataReason.ReplayGuardUnavailable,
        };
    }

    private async Task<ReplayVerdict> AskAsync(EarlyDataClaim claim, CancellationToken cancellationToken)
    {
        using var budget = new CancellationTokenSource(Budget, time);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(budget.Token, cancellationToken);
        CancellationToken token = limit.Token;
        // On a thread of its own, because a guard may also block the one that it is called on.
        Task<ReplayVerdict> answer = Task.Run(async () => await guard.ClaimAsync(claim, token).ConfigureAwait(false), CancellationToken.None);
        try
        {
            return await answer.WaitAsync(token).ConfigureAwait(false);
        }
        catch (Exception)
        {
            // Whatever becomes of a call that was given up, nobody asks any more.
            _ = answer.ContinueWith(
                static given => given.Exception, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
            cancellationToken.ThrowIfCancellationRequested();
            return ReplayVerdict.Unknown;
        }
    }
}

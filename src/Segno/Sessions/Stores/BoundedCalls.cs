namespace Segno.Sessions;

/// <summary>How a call to somebody else's code ended.</summary>
internal enum CallEnd
{
    /// <summary>With an answer.</summary>
    Answered,
    /// <summary>It was not made: as many as may be are under way.</summary>
    Refused,
    /// <summary>Its time was up.</summary>
    TimedOut,
    /// <summary>It threw.</summary>
    Failed,
}

/// <summary>Calls to somebody else's code, which may be slow, block, throw or never answer, made ones that handshakes can rely on. Thread-safe.</summary>
/// <param name="budget">How long a call may take.</param>
/// <param name="maxCalls">How many may be under way, those included that were given up; more are refused at once.</param>
/// <param name="time">The clock that <paramref name="budget"/> is measured with.</param>
internal sealed class BoundedCalls(TimeSpan budget, int maxCalls, TimeProvider time)
{
    private int _count;

    /// <summary>How many are under way.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <returns>The answer, where there is one.</returns>
    /// <exception cref="OperationCanceledException">The caller's token was cancelled.</exception>
    public async ValueTask<(CallEnd End, T? Answer)> AskAsync<T>(Func<CancellationToken, ValueTask<T>> call, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (Interlocked.Increment(ref _count) > maxCalls)
        {
            Interlocked.Decrement(ref _count);
            return (CallEnd.Refused, default);
        }
        using var limit = new CancellationTokenSource(budget, time);
        using var linked = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        CancellationToken token = linked.Token;
        // On a thread of its own, because it may also block the one that it is called on.
        Task<T> answer = Task.Run(() => CallAsync(call, token), CancellationToken.None);
        try
        {
            return (CallEnd.Answered, await answer.WaitAsync(token).ConfigureAwait(false));
        }
        catch (Exception)
        {
            // Whatever becomes of a call that was given up, nobody asks any more.
            _ = answer.ContinueWith(
                static given => given.Exception, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
            cancellationToken.ThrowIfCancellationRequested();
            return (limit.IsCancellationRequested ? CallEnd.TimedOut : CallEnd.Failed, default);
        }
    }

    private async Task<T> CallAsync<T>(Func<CancellationToken, ValueTask<T>> call, CancellationToken cancellationToken)
    {
        try
        {
            return await call(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            Interlocked.Decrement(ref _count);
        }
    }
}

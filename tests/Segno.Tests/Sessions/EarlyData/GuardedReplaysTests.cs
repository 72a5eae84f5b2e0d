using Segno.Sessions;

namespace Segno.Tests.Sessions.EarlyData;

/// <summary>A guard that hangs holds a bounded number of calls, and nothing is cleared that it did not answer.</summary>
public sealed class GuardedReplaysTests
{
    [Fact]
    public async Task NoMoreCallsAreMadeThanMayBeUnderWay()
    {
        int calls = 0;
        var held = new TaskCompletionSource<ReplayVerdict>();
        using var allIn = new CountdownEvent(GuardedReplays.MaxCalls);
        var guard = new ReplayGuardDouble(_ =>
        {
            Interlocked.Increment(ref calls);
            allIn.Signal();
            return new(held.Task);
        });
        var replays = new GuardedReplays(guard, new TestClock { TimersFire = false });
        var claim = new EarlyDataClaim(new byte[32], SessionDraft.Now, SessionDraft.Now);

        Task<EarlyDataReason>[] asked = [.. Enumerable.Range(0, GuardedReplays.MaxCalls).Select(_ => Ask())];
        allIn.Wait(TestContext.Current.CancellationToken);
        // n + 1: refused at once, and the guard does not hear of it.
        Assert.Equal(EarlyDataReason.ReplayGuardUnavailable, await Ask());
        Assert.Equal(GuardedReplays.MaxCalls, calls);

        held.SetResult(ReplayVerdict.First);
        Assert.All(await Task.WhenAll(asked), reason => Assert.Equal(EarlyDataReason.None, reason));

        Task<EarlyDataReason> Ask() => replays.ClaimAsync(claim, TestContext.Current.CancellationToken).AsTask();
    }
}

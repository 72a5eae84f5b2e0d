using Segno.Sessions;

namespace Segno.Tests.Sessions.EarlyData;

/// <summary>A guard that says what a test wants.</summary>
internal sealed class ReplayGuardDouble(Func<EarlyDataClaim, ValueTask<ReplayVerdict>> claim) : IReplayGuard
{
    public ReadOnlyMemory<byte> Zone { get; } = new byte[] { 7 };

    public ValueTask<ReplayVerdict> ClaimAsync(EarlyDataClaim asked, CancellationToken cancellationToken = default) => claim(asked);
}

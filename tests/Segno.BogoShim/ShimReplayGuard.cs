using System.Collections.Concurrent;
using Segno.Sessions;

namespace Segno.BogoShim;

/// <summary>Remembers for ever, and has done so since before the first connection: the runner does not wait until a guard has been there long enough.</summary>
internal sealed class ShimReplayGuard : IReplayGuard
{
    private readonly ConcurrentDictionary<string, bool> _seen = [];

    public ReadOnlyMemory<byte> Zone { get; } = "shim"u8.ToArray();

    public ValueTask<ReplayVerdict> ClaimAsync(EarlyDataClaim claim, CancellationToken cancellationToken = default)
        => new(_seen.TryAdd(Convert.ToHexString(claim.Key.Span), true) ? ReplayVerdict.First : ReplayVerdict.Seen);
}

namespace Segno.Sessions;

/// <summary>A first flight with early data that a server is about to accept (RFC 9846 §8).</summary>
/// <param name="Key">What names it: equal for two flights exactly when one is a replay of the other. 32 to 64 bytes, made of the binder
/// that was verified and of nothing that was not (RFC 9846 §8.2). Not a secret.</param>
/// <param name="NotBefore">The first moment at which a server could have accepted it.</param>
/// <param name="NotAfter">The last moment at which a server could accept it: until then it must be remembered.</param>
public readonly record struct EarlyDataClaim(ReadOnlyMemory<byte> Key, DateTimeOffset NotBefore, DateTimeOffset NotAfter);

/// <summary>What a replay guard knows of a first flight.</summary>
public enum ReplayVerdict
{
    /// <summary>It does not know, because it failed or has no room: the early data is refused.</summary>
    Unknown,
    /// <summary>It was not seen before, and is remembered from now on: whoever asks next is told <see cref="Seen"/>.</summary>
    First,
    /// <summary>It was seen before.</summary>
    Seen,
    /// <summary>It may have been seen before the guard began to remember (RFC 9846 §8.2): the early data is refused.</summary>
    FreshStart,
}

/// <summary>
/// Remembers the first flights that carried early data, so that each is accepted at most once (RFC 9846 §8.2): R-111.
/// </summary>
/// <remarks>
/// <para>Implementations must be thread-safe, and must fail closed: they say <see cref="ReplayVerdict.First"/> only of what nobody can
/// have been told so before, by them or by any other guard of the same <see cref="Zone"/>. A guard that throws, or takes longer than
/// 20 ms, is taken to say <see cref="ReplayVerdict.Unknown"/>. What is refused costs a round trip, never the connection.</para>
/// <para>Replays are seen within a zone: a session's early data is accepted nowhere else (RFC 9846 §8; R-114).</para>
/// </remarks>
public interface IReplayGuard
{
    /// <summary>The servers that share what this guard remembers: 1 to 32 bytes, sealed in the sessions that allow early data. Never changes.</summary>
    ReadOnlyMemory<byte> Zone { get; }

    /// <summary>Claims a first flight. Atomic: of all who claim the same one within the zone, exactly one is told <see cref="ReplayVerdict.First"/>.</summary>
    /// <param name="claim">The flight.</param>
    /// <param name="cancellationToken">Nobody waits for the answer any more.</param>
    /// <returns>The verdict.</returns>
    ValueTask<ReplayVerdict> ClaimAsync(EarlyDataClaim claim, CancellationToken cancellationToken = default);
}

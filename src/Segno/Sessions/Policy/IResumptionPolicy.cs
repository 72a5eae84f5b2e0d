namespace Segno.Sessions;

/// <summary>
/// Decides, client by client, how much of what a server's options allow a client gets: whether its session is resumed, and what it is
/// given to resume with. It can only narrow; <see cref="ResumptionVerdict"/> has no words for more. <see cref="AdaptiveResumptionPolicy"/> is one.
/// </summary>
/// <remarks>
/// <para>Synchronous, and meant to be a pure function of the snapshot: it runs inside each handshake, on the thread that moves its
/// bytes, and nothing limits its time. Implementations must be thread-safe.</para>
/// <para>A policy that throws declines the session (<see cref="ResumptionReason.DeclinedByPolicy"/>, detail "failed") and narrows nothing else: the
/// handshake goes on as a full one. It is counted in <c>segno.policy.verdicts</c>.</para>
/// </remarks>
public interface IResumptionPolicy
{
    /// <summary>Decides. A handshake asks up to three times, see <see cref="ResumptionStage"/>.</summary>
    /// <param name="context">What is known: the same in all stages of a handshake, but for what has become known since.</param>
    /// <returns>The verdict; <see langword="default"/> narrows nothing.</returns>
    ResumptionVerdict Decide(in ResumptionContext context);
}

/// <summary>What a <see cref="IResumptionPolicy"/> is asked about.</summary>
public enum ResumptionStage
{
    /// <summary>
    /// A session is about to be looked up in a store that may make the handshake wait, that is in any but <see cref="MemorySessionStore"/>.
    /// Nothing is known of the session, and what the client says may be made up. To decline keeps the store from being asked.
    /// </summary>
    Lookup,

    /// <summary>A session was found, and nothing but the policy is against resuming it. The verdict also tells what the client gets when it is resumed.</summary>
    Resumption,

    /// <summary>There will be a full handshake. The verdict tells what the client gets after it; to decline means nothing.</summary>
    FullHandshake,
}

namespace Segno.Sessions;

/// <summary>What became of early data (0-RTT, RFC 9846 §2.3) in a handshake.</summary>
public enum EarlyDataStatus
{
    /// <summary>None was offered.</summary>
    NotOffered,
    /// <summary>It was accepted. Until the handshake is complete a server must take it for a possible replay.</summary>
    Accepted,
    /// <summary>It was refused: the server has not seen a byte of it, the handshake went on without.</summary>
    Rejected,
}

/// <summary>Why early data was not offered, or was refused.</summary>
public enum EarlyDataReason
{
    /// <summary>Nothing to tell: it was accepted, or a client did not offer any.</summary>
    None,
    /// <summary>It is not enabled here: the default.</summary>
    Disabled,
    /// <summary>Client: there is no session to offer it under.</summary>
    NoSession,
    /// <summary>The session allows none.</summary>
    NotAllowedBySession,
    /// <summary>Client: more than the session allows at once.</summary>
    TooLarge,
    /// <summary>The session was not resumed.</summary>
    SessionNotResumed,
    /// <summary>Not the first identity offered was chosen (RFC 9846 §4.3.10).</summary>
    NotFirstIdentity,
    /// <summary>A HelloRetryRequest was needed (RFC 9846 §4.2.2).</summary>
    HelloRetry,
    /// <summary>The cipher suite is not that of the session.</summary>
    CipherMismatch,
    /// <summary>The application protocol is not that of the session.</summary>
    AlpnMismatch,
    /// <summary>The session was issued in another zone (RFC 9846 §8).</summary>
    ZoneMismatch,
    /// <summary>The age that the client tells differs too much from the one the server sees (RFC 9846 §8.3).</summary>
    AgeSkew,
    /// <summary>The replay guard does not go back far enough (RFC 9846 §8.2).</summary>
    FreshStart,
    /// <summary>The same first flight was accepted before: a replay.</summary>
    ReplaySeen,
    /// <summary>The replay guard failed, took too long or has no room.</summary>
    ReplayGuardUnavailable,
    /// <summary>The policy allows none.</summary>
    DeclinedByPolicy,
    /// <summary>Client: the server did not say why.</summary>
    DeclinedByServer,
}

/// <summary>What happened to early data in one handshake, and why. Immutable.</summary>
/// <param name="Status">What became of it.</param>
/// <param name="Reason">Why not, where not.</param>
public readonly record struct EarlyDataOutcome(EarlyDataStatus Status, EarlyDataReason Reason)
{
    /// <summary>Whether it was accepted.</summary>
    public bool IsAccepted => Status == EarlyDataStatus.Accepted;

    internal static EarlyDataOutcome Accepted { get; } = new(EarlyDataStatus.Accepted, EarlyDataReason.None);

    internal static EarlyDataOutcome NotOffered(EarlyDataReason reason) => new(EarlyDataStatus.NotOffered, reason);

    internal static EarlyDataOutcome Rejected(EarlyDataReason reason) => new(EarlyDataStatus.Rejected, reason);
}

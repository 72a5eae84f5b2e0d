namespace Segno.Sessions;

/// <summary>By which mechanism a session is offered, or was resumed.</summary>
public enum ResumptionMechanism
{
    /// <summary>None.</summary>
    None,
    /// <summary>A TLS 1.2 session ID, found in the server's cache (RFC 5246 §7.4.1.2).</summary>
    SessionId,
    /// <summary>A TLS 1.2 session ticket (RFC 5077).</summary>
    Ticket,
    /// <summary>A TLS 1.3 PSK that came from a NewSessionTicket (RFC 9846 §2.2).</summary>
    Psk,
    /// <summary>A TLS 1.3 PSK that both sides were provisioned with (RFC 9846 §2.2, RFC 9258). It stands for certificates, and goes back to no earlier connection: a session begins with it, as with a full handshake.</summary>
    ExternalPsk,
}

/// <summary>What became of an offer to resume.</summary>
public enum ResumptionStatus
{
    /// <summary>No session was offered: a full handshake.</summary>
    NotOffered,
    /// <summary>The session was resumed.</summary>
    Resumed,
    /// <summary>A session was offered and declined: a full handshake.</summary>
    Declined,
}

/// <summary>Why a session was declined, or why a client offered none.</summary>
public enum ResumptionReason
{
    /// <summary>Nothing to tell: resumed, or never offered.</summary>
    None = 0,
    /// <summary>The ticket names a key that this server never had.</summary>
    UnknownTicketKey,
    /// <summary>The ticket names a key that is destroyed.</summary>
    RetiredTicketKey,
    /// <summary>The ticket names a key that is not yet active.</summary>
    TicketKeyNotYetActive,
    /// <summary>The ticket does not open under the key it names.</summary>
    TicketUndecryptable,
    /// <summary>The ticket has no shape of ours.</summary>
    TicketMalformed,
    /// <summary>The session was written by another version of the format.</summary>
    SessionFormatVersion,
    /// <summary>The store has no such session.</summary>
    SessionNotFound,
    /// <summary>The session is for single use and was used.</summary>
    SessionConsumed,
    /// <summary>The session's lifetime is over.</summary>
    SessionExpired,
    /// <summary>The peer's authentication is older than it may get, however often it was resumed.</summary>
    AuthDeadlinePassed,
    /// <summary>The session was issued later than now, by more than the clocks may differ.</summary>
    IssuedInFuture,
    /// <summary>The session belongs to another scope; the detail names the part.</summary>
    ScopeMismatch,
    /// <summary>The session was made for another server name; on a client, for another host.</summary>
    ServerNameMismatch,
    /// <summary>The session is of another protocol version.</summary>
    ProtocolVersionMismatch,
    /// <summary>The session's cipher suite (TLS 1.3: its hash) was not chosen.</summary>
    CipherSuiteMismatch,
    /// <summary>A client certificate is required and the session has none.</summary>
    ClientCertificateRequired,
    /// <summary>The session's client certificate has expired.</summary>
    ClientCertificateExpired,
    /// <summary>The session's client certificate was refused.</summary>
    ClientCertificateRejected,
    /// <summary>The session holds a certificate of the peer's, which here must be shown anew (<see cref="ResumedPeer.RequireFresh"/>).</summary>
    FreshPeerRequired,
    /// <summary>The session was revoked.</summary>
    Revoked,
    /// <summary>The store failed.</summary>
    StoreUnavailable,
    /// <summary>The store did not answer in time.</summary>
    StoreTimeout,
    /// <summary>The policy declined; the detail names the rule.</summary>
    DeclinedByPolicy,
    /// <summary>The load is too high.</summary>
    LoadShed,
    /// <summary>Resumption is disabled here.</summary>
    ResumptionDisabled,
    /// <summary>The client offers no PSK key-exchange mode that is allowed here.</summary>
    NoUsablePskMode,
    /// <summary>The server did not say why: it made a full handshake. All that a client can know.</summary>
    DeclinedByServer,
    /// <summary>Client: no session for this peer yet.</summary>
    NoSessionYet,
    /// <summary>Client: all sessions for this peer are used.</summary>
    PoolEmpty,
    /// <summary>Client: the server gave its session no lifetime.</summary>
    SessionLifetimeZero,
    /// <summary>The TLS 1.2 session's secret is not bound to its handshake (RFC 7627 §5.3).</summary>
    ExtendedMasterSecretMissing,
    /// <summary>Server: no external PSK of that identity is known; or the one that the session was begun with is not known any more, or has another secret.</summary>
    ExternalPskUnknown,
}

/// <summary>What happened to resumption in one handshake, and why. Immutable.</summary>
/// <param name="Status">What became of the offer.</param>
/// <param name="Mechanism">The mechanism of the offer; <see cref="ResumptionMechanism.None"/> without one.</param>
/// <param name="Reason">Why not, where not.</param>
/// <param name="Detail">The part of the scope or the rule of the policy that the reason is about, or <see langword="null"/>.</param>
public readonly record struct ResumptionOutcome(
    ResumptionStatus Status,
    ResumptionMechanism Mechanism,
    ResumptionReason Reason,
    string? Detail = null)
{
    /// <summary>No session was offered.</summary>
    public static ResumptionOutcome NotOffered { get; }

    /// <summary>Whether the session was resumed.</summary>
    public bool IsResumed => Status == ResumptionStatus.Resumed;

    internal static ResumptionOutcome None(ResumptionReason reason, string? detail = null)
        => new(ResumptionStatus.NotOffered, ResumptionMechanism.None, reason, detail);

    internal static ResumptionOutcome Resumed(ResumptionMechanism mechanism) => new(ResumptionStatus.Resumed, mechanism, ResumptionReason.None);

    internal static ResumptionOutcome Declined(ResumptionMechanism mechanism, ResumptionReason reason, string? detail = null)
        => new(ResumptionStatus.Declined, mechanism, reason, detail);
}

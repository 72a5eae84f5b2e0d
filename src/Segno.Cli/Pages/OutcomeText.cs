using Segno.Cli.Parsing;
using Segno.Sessions;

namespace Segno.Cli.Pages;

/// <summary>What happened to resumption, in sentences for somebody who did not write a TLS stack.</summary>
internal static class OutcomeText
{
    public static string Headline(ResumptionOutcome outcome) => outcome.Status switch
    {
        ResumptionStatus.Resumed when outcome.Mechanism == ResumptionMechanism.ExternalPsk => "This connection began with an external PSK.",
        ResumptionStatus.Resumed => "This connection was resumed.",
        ResumptionStatus.Declined => "A session was offered, and declined.",
        _ => "This connection began with a full handshake.",
    };

    public static string Explanation(TlsConnectionInfo info) => info.Resumption.Status switch
    {
        ResumptionStatus.Resumed when info.Resumption.Mechanism == ResumptionMechanism.ExternalPsk
            => "Your client and the server proved to each other that they know the same secret. No certificate was sent, nothing was signed. If sessions are on, your client was then given one: a next connection can resume.",
        ResumptionStatus.Resumed => $"Your client proved that it holds a session{Age(info)}. No certificate was sent, nothing was signed, nothing had to be verified.",
        ResumptionStatus.Declined => $"{Sentence(info.Resumption.Reason)} So the server showed its certificate and signed anew. Nothing broke: a declined session only costs a full handshake.",
        _ => "Your client offered no session, so the server showed its certificate and proved itself with a signature. If sessions are on, it was then given one: a next connection can resume.",
    };

    /// <summary>Why a session was declined.</summary>
    public static string Sentence(ResumptionReason reason) => reason switch
    {
        ResumptionReason.UnknownTicketKey => "The ticket was made under a key that this server never had, as after a restart.",
        ResumptionReason.RetiredTicketKey => "The ticket was made under a key that has since been destroyed.",
        ResumptionReason.TicketKeyNotYetActive => "The ticket names a key that is not yet active.",
        ResumptionReason.TicketUndecryptable => "The ticket does not open under the key it names.",
        ResumptionReason.TicketMalformed => "The ticket is not one of this server's.",
        ResumptionReason.SessionFormatVersion => "The session was written by another version of the software.",
        ResumptionReason.SessionNotFound => "The server no longer has this session.",
        ResumptionReason.SessionConsumed => "The session was for one use, and was used.",
        ResumptionReason.SessionExpired => "The session's lifetime was over.",
        ResumptionReason.AuthDeadlinePassed => "The last real authentication is too long ago to be carried on.",
        ResumptionReason.IssuedInFuture => "The session was issued in the future, by this server's clock.",
        ResumptionReason.ScopeMismatch => "The session was made under other security settings.",
        ResumptionReason.ServerNameMismatch => "The session was made for another server name.",
        ResumptionReason.ProtocolVersionMismatch => "The session is of another protocol version.",
        ResumptionReason.CipherSuiteMismatch => "The session's cipher suite was not chosen this time.",
        ResumptionReason.ClientCertificateRequired => "A client certificate is required, and the session has none.",
        ResumptionReason.ClientCertificateExpired => "The session's client certificate has expired.",
        ResumptionReason.ClientCertificateRejected => "The session's client certificate was refused.",
        ResumptionReason.FreshPeerRequired => "The server wants the client's certificate anew on every connection.",
        ResumptionReason.Revoked => "The session was revoked.",
        ResumptionReason.StoreUnavailable => "The session store could not be asked.",
        ResumptionReason.StoreTimeout => "The session store did not answer in time.",
        ResumptionReason.DeclinedByPolicy => "The server's policy declined it.",
        ResumptionReason.LoadShed => "The server was too busy to look.",
        ResumptionReason.ResumptionDisabled => "Resumption is turned off here.",
        ResumptionReason.NoUsablePskMode => "The client offered it in no way that is allowed here.",
        ResumptionReason.DeclinedByServer => "The server did not say why.",
        ResumptionReason.NoSessionYet => "There was no session for this server yet.",
        ResumptionReason.PoolEmpty => "All sessions for this server were used.",
        ResumptionReason.SessionLifetimeZero => "The server gave its session no lifetime.",
        ResumptionReason.ExtendedMasterSecretMissing => "The session's secret is not bound to the handshake it came from.",
        ResumptionReason.ExternalPskUnknown => "The server does not know the external PSK, or not any more.",
        _ => "There is nothing to tell.",
    };

    public static string Mechanism(ResumptionMechanism mechanism) => mechanism switch
    {
        ResumptionMechanism.SessionId => "session ID, from the server's cache",
        ResumptionMechanism.Ticket => "session ticket",
        ResumptionMechanism.Psk => "PSK from a ticket",
        ResumptionMechanism.ExternalPsk => "external PSK",
        _ => "none",
    };

    private static string Age(TlsConnectionInfo info) => info.SessionAge is { } age ? $", {Durations.Describe(age)} old" : "";
}

using System.Net.Security;
using System.Security.Authentication;
using Segno.Cryptography;

namespace Segno.Sessions;

/// <summary>An offer to resume, as the side that decides sees it: what this handshake has chosen and where it stands.</summary>
internal readonly struct ResumptionOffer
{
    public ResumptionOffer()
    {
    }

    public required ResumptionMechanism Mechanism { get; init; }

    /// <summary>The version that this handshake negotiated.</summary>
    public required SslProtocols ProtocolVersion { get; init; }

    /// <summary>The suite that this handshake has chosen, or would with this session.</summary>
    public required TlsCipherSuite CipherSuite { get; init; }

    /// <summary>That suite's hash.</summary>
    public required HashKind Hash { get; init; }

    /// <summary>The scope of the context that redeems, chosen by the SNI of this hello.</summary>
    public required SessionScope Scope { get; init; }

    /// <summary>The SNI of this hello; <see langword="null"/> without one.</summary>
    public required string? ServerName { get; init; }

    public required DateTimeOffset Now { get; init; }

    public bool ResumptionDisabled { get; init; }

    /// <summary>Server: whether a client without a certificate would be refused in a full handshake.</summary>
    public bool ClientCertificateRequired { get; init; }

    /// <summary>What this side does with the peer certificate that the session holds.</summary>
    public ResumedPeer ResumedPeer { get; init; }

    /// <summary>By how much the clocks of those who issue and redeem may differ.</summary>
    public TimeSpan ClockTolerance { get; init; } = ResumptionRules.DefaultClockTolerance;
}

/// <summary>The one place that decides whether a session may be resumed: every mechanism, both versions.</summary>
internal static class ResumptionRules
{
    /// <summary>60 s: the clocks of a fleet under NTP differ by far less.</summary>
    public static readonly TimeSpan DefaultClockTolerance = TimeSpan.FromSeconds(60);

    /// <summary>
    /// Judges a session against an offer. Pure: nothing is read but the arguments, nothing changes. The first rule that fails gives
    /// the reason, in this order:
    /// <list type="number">
    /// <item>resumption is enabled;</item>
    /// <item>the mechanism and the negotiated version are those of the session (RFC 9846 §4.2.3: never across versions; R-45, D1);</item>
    /// <item>the scope is the same in every component; the detail names the first that is not;</item>
    /// <item>the server names are equal but for case, an absent name equal to an absent one (RFC 6066 §3; R-36);</item>
    /// <item>1.3: the hash is the same (RFC 9846 §4.3.11); 1.2: the suite is the same (RFC 5246 §7.4.1.3; R-01, D9);</item>
    /// <item>1.2: the secret is bound to its handshake (RFC 7627 §5.3);</item>
    /// <item>where the peer's certificate must be fresh, the session holds none;</item>
    /// <item>it was not issued in the future, give or take the tolerance;</item>
    /// <item>server: where a client certificate is required, the session has one;</item>
    /// <item>server: the client's certificate has not expired;</item>
    /// <item>the authentication deadline has not passed;</item>
    /// <item>the session has not expired.</item>
    /// </list>
    /// Moments named as limits still count as within. The specific limits go before the session's own, which never lies after them.
    /// The age that the client tells is no reason to decline resumption: it only concerns early data (RFC 9846 §8.3).
    /// </summary>
    public static ResumptionOutcome Judge(TlsSession session, in ResumptionOffer offer)
    {
        if (offer.ResumptionDisabled)
        {
            return Declined(offer, ResumptionReason.ResumptionDisabled);
        }
        if (session.ProtocolVersion != offer.ProtocolVersion || session.ProtocolVersion != VersionOf(offer.Mechanism))
        {
            return Declined(offer, ResumptionReason.ProtocolVersionMismatch);
        }
        if (SessionScope.FirstMismatch(session.Scope, offer.Scope) is { } component)
        {
            return Declined(offer, ResumptionReason.ScopeMismatch, component.ToString());
        }
        if (!string.Equals(session.ServerName, offer.ServerName, StringComparison.OrdinalIgnoreCase))
        {
            return Declined(offer, ResumptionReason.ServerNameMismatch);
        }
        if (session.ProtocolVersion == SslProtocols.Tls13 ? session.Hash != offer.Hash : session.CipherSuite != offer.CipherSuite)
        {
            return Declined(offer, ResumptionReason.CipherSuiteMismatch);
        }
        if (session is { ProtocolVersion: SslProtocols.Tls12, ExtendedMasterSecret: false })
        {
            // F2, R-26, R-27
            return Declined(offer, ResumptionReason.ExtendedMasterSecretMissing);
        }
        if (offer.ResumedPeer == ResumedPeer.RequireFresh && session.PeerCertificates.Count > 0)
        {
            return Declined(offer, ResumptionReason.FreshPeerRequired);
        }
        return JudgeTimes(session, offer);
    }

    private static ResumptionOutcome JudgeTimes(TlsSession session, in ResumptionOffer offer)
    {
        // To the millisecond, as sessions are written.
        DateTimeOffset now = DateTimeOffset.FromUnixTimeMilliseconds(offer.Now.ToUnixTimeMilliseconds());
        if (session.IssuedAt - now > offer.ClockTolerance)
        {
            return Declined(offer, ResumptionReason.IssuedInFuture);
        }
        if (session.IsServer && offer.ClientCertificateRequired && session.PeerCertificates.Count == 0)
        {
            return Declined(offer, ResumptionReason.ClientCertificateRequired);
        }
        if (session.IsServer && now > session.PeerCertificateNotAfter)
        {
            return Declined(offer, ResumptionReason.ClientCertificateExpired);
        }
        if (now > session.AuthenticationDeadline)
        {
            return Declined(offer, ResumptionReason.AuthDeadlinePassed);
        }
        return now > session.ExpiresAt
            ? Declined(offer, ResumptionReason.SessionExpired)
            : ResumptionOutcome.Resumed(offer.Mechanism);
    }

    private static SslProtocols VersionOf(ResumptionMechanism mechanism) => mechanism switch
    {
        ResumptionMechanism.SessionId or ResumptionMechanism.Ticket => SslProtocols.Tls12,
        ResumptionMechanism.Psk => SslProtocols.Tls13,
        _ => SslProtocols.None,
    };

    private static ResumptionOutcome Declined(in ResumptionOffer offer, ResumptionReason reason, string? detail = null)
        => ResumptionOutcome.Declined(offer.Mechanism, reason, detail);
}

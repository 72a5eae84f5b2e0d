using Segno.Certificates;
using Segno.Sessions;

namespace Segno.Handshake;

/// <summary>The peer of a session that is resumed: whether it is let in again.</summary>
internal static class StoredPeer
{
    /// <summary>
    /// Goes on at once where the session speaks for its peer; pauses where the chain that it holds is to be validated again.
    /// </summary>
    /// <param name="link">The link.</param>
    /// <param name="session">The session, judged.</param>
    /// <param name="targetHost">Client: the name that the server shall have.</param>
    /// <param name="next">What comes then.</param>
    /// <param name="refused">Server: what comes when the chain was refused. A client cannot go on; it has no answer but to end the handshake.</param>
    /// <exception cref="TlsException">The chain was refused, and that ends the handshake; also from the state that pauses.</exception>
    public static HandshakeState Verify(
        HandshakeLink link, TlsSession session, string? targetHost, Func<PeerVerified, HandshakeState> next, Func<HandshakeState>? refused = null)
    {
        ResumedPeer rule = link.Settings.ResumedPeer;
        if (rule == ResumedPeer.Reuse || session.PeerCertificates.Count == 0)
        {
            return next(PeerVerified.BySession(session, rule));
        }
        var peer = PeerCertificate.OfSession(session.PeerCertificates, link.Crypto);
        return Pause.ForWork(
            () => Examine(link, peer, targetHost),
            examined =>
            {
                if (examined.Verdict is not { IsAccepted: true })
                {
                    link.SessionRefused(session);
                    if (refused is not null)
                    {
                        return refused();
                    }
                }
                if (examined.Refusal is { } refusal)
                {
                    throw refusal;
                }
                return next(PeerVerified.BySession(session, rule, peer, examined.Verdict));
            });
    }

    /// <summary>A callback that throws a fault of its choice refuses as well as one that says no.</summary>
    private static (ChainVerdict? Verdict, TlsException? Refusal) Examine(HandshakeLink link, PeerCertificate peer, string? targetHost)
    {
        try
        {
            return (link.Settings.Validator.Run(peer, targetHost, link.Sender), null);
        }
        catch (TlsException refusal)
        {
            return (null, refusal);
        }
    }
}

using Segno.Certificates;
using Segno.Sessions;

namespace Segno.Handshake;

/// <summary>The peer of a session that is resumed: whether it is let in again.</summary>
internal static class StoredPeer
{
    /// <summary>
    /// Goes on at once where the session speaks for its peer; pauses where the chain that it holds is to be validated again, in the
    /// place in which a full handshake would validate the peer's, so that a refused peer gets as far and no further.
    /// </summary>
    /// <param name="link">The link.</param>
    /// <param name="session">The session, judged.</param>
    /// <param name="targetHost">Client: the name that the server shall have.</param>
    /// <param name="next">What comes then.</param>
    /// <exception cref="TlsException">The chain was refused; also from the state that pauses.</exception>
    public static HandshakeState Verify(HandshakeLink link, TlsSession session, string? targetHost, Func<PeerVerified, HandshakeState> next)
    {
        ResumedPeer rule = link.Settings.ResumedPeer;
        if (rule == ResumedPeer.Reuse || session.PeerCertificates.Count == 0)
        {
            return next(PeerVerified.BySession(session, rule));
        }
        var peer = PeerCertificate.OfSession(session.PeerCertificates, link.Crypto);
        return Pause.ForWork(
            () => link.Settings.Validator.Run(peer, targetHost, link.Sender),
            verdict =>
            {
                if (!verdict.IsAccepted)
                {
                    link.SessionRefused(session);
                }
                return next(PeerVerified.BySession(session, rule, peer, verdict));
            });
    }
}

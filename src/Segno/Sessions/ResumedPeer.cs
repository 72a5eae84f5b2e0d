namespace Segno.Sessions;

/// <summary>What resumption does with the peer's certificate, which the session holds and the peer does not show again.</summary>
/// <remarks>
/// A session without a peer certificate (a server's, of a client that showed none) is resumed alike under all three. How the
/// peer's certificate was judged when it was shown is part of what a session is bound to, whichever of these is set.
/// </remarks>
// Not a component of SessionScope: each value allows a part of what the one before allows, and asks nothing of the connection that
// the session came from, which was verified in full under the same scope. So the side that redeems decides by its own rule alone.
public enum ResumedPeer
{
    /// <summary>The verdict of the full handshake holds until the certificate expires, or the authentication deadline passes. The validation callback is not called.</summary>
    Reuse,

    /// <summary>
    /// The session's chain is validated again, as in a full handshake: chain, revocation where it is checked, a server's name, callback.
    /// Where it is refused, the session is forgotten. A server then makes a full handshake (<see cref="ResumptionReason.ClientCertificateRejected"/>), in
    /// which the client may show another certificate; a client has no such choice and ends the handshake with the alert of the fault. A stapled OCSP response is not
    /// looked for: a resumed handshake has none (RFC 6066 §1.1), and one that was required already bounds the session's lifetime.
    /// </summary>
    Reverify,

    /// <summary>
    /// The peer shows its certificate in every handshake: a session that holds one is not offered (client) or is declined (server), with
    /// <see cref="ResumptionReason.FreshPeerRequired"/>. Sessions are issued and kept all the same, for contexts that share
    /// keys or a cache and have another rule; to have none, set <see cref="TlsOptions.AllowTlsResume"/>.
    /// </summary>
    RequireFresh,
}

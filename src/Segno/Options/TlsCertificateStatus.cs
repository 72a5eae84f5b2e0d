namespace Segno;

/// <summary>What a client does about the OCSP response that a server staples to its certificate (RFC 6066 §8, RFC 9846 §4.5.1.1).</summary>
/// <remarks>Whatever the mode but <see cref="None"/>, a response that says revoked or that is not what it claims to be refuses the server, and a certificate that says it is never shown without a response (must-staple, RFC 7633) is refused without one.</remarks>
public enum TlsCertificateStatusMode
{
    /// <summary>A response is not asked for, so that a server sends none, and no certificate can insist on one.</summary>
    None,
    /// <summary>A response is asked for; without a usable one the connection goes on. No answer, the responder's own error and a response out of its time are not usable.</summary>
    SoftFail,
    /// <summary>A current response that says good is required, of every certificate.</summary>
    HardFail,
}

/// <summary>What the stapled OCSP response says of the server's certificate (RFC 6960 §2.2).</summary>
public enum TlsCertificateStatus
{
    /// <summary>Nothing: no response was asked for or sent, or it was the responder's own error. Always so on a resumed connection and on a server.</summary>
    None,
    /// <summary>Not revoked, says a response that was verified and is current.</summary>
    Good,
    /// <summary>Revoked.</summary>
    Revoked,
    /// <summary>The responder does not know the certificate.</summary>
    Unknown,
    /// <summary>The response is genuine, but its time is over or has not begun.</summary>
    Outdated,
    /// <summary>It is no genuine response for this certificate: malformed, for another one, or signed by somebody who may not.</summary>
    Invalid,
}

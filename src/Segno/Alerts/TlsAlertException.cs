namespace Segno;

/// <summary>The connection ended with an alert (RFC 9846 §6).</summary>
public sealed class TlsAlertException : TlsException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="fault">What went wrong.</param>
    /// <param name="alert">The alert on the wire.</param>
    /// <param name="sentByPeer"><see langword="true"/> if the peer sent the alert, <see langword="false"/> if this side did.</param>
    /// <param name="detail">What the name alone does not tell, or <see langword="null"/>.</param>
    /// <param name="innerException">The cause, or <see langword="null"/>.</param>
    public TlsAlertException(TlsFault fault, TlsAlert alert, bool sentByPeer, string? detail = null, Exception? innerException = null)
        : base(fault, detail ?? (sentByPeer ? $"the peer sent {alert}" : null), innerException)
    {
        Alert = alert;
        SentByPeer = sentByPeer;
    }

    /// <summary>The alert on the wire.</summary>
    public TlsAlert Alert { get; }

    /// <summary><see langword="true"/> if the peer sent the alert, <see langword="false"/> if this side did.</summary>
    public bool SentByPeer { get; }
}

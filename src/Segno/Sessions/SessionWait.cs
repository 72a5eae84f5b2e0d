namespace Segno.Sessions;

/// <summary>What came of waiting for a client's session.</summary>
public enum SessionWait
{
    /// <summary>There is one.</summary>
    Received,
    /// <summary>None will come: this client keeps none, a TLS 1.2 server gave none in the handshake, or a TLS 1.3 server has said that it gives none (RFC 9149).</summary>
    NotComing,
    /// <summary>Application data came first: read it, then wait again.</summary>
    DataWaiting,
    /// <summary>The peer has sent close_notify: nothing more comes.</summary>
    Closed,
    /// <summary>The time is over. A session may still come.</summary>
    TimedOut,
}

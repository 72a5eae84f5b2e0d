namespace Segno;

/// <summary>What an authentication on top of TLS (SCRAM, GSS-API, tokens) can be bound to, so that it is worth nothing on another connection.</summary>
/// <remarks>There is no tls-unique: it is not unique where sessions are resumed, and TLS 1.3 does not have it (docs/stances.md).</remarks>
public enum TlsChannelBinding
{
    /// <summary>tls-exporter (RFC 9266): 32 bytes that only this connection has. The one to use.</summary>
    Exporter,
    /// <summary>tls-server-end-point (RFC 5929 §4): a hash of the server's certificate, the same on all its connections. For peers and proxies that have no other.</summary>
    ServerEndPoint,
}

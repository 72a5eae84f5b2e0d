using System.Diagnostics.CodeAnalysis;

namespace Segno.Sessions;

/// <summary>Where a client keeps the sessions that servers gave it, until it connects to them again.</summary>
/// <remarks>
/// <para>Implementations must be thread-safe, and must neither block nor throw: they are called inside handshakes, which an
/// exception would end.</para>
/// <para>A TLS 1.3 session is for one connection (RFC 9846 appendix C.4): <see cref="TryTake"/> removes it. A TLS 1.2 session
/// may be used by several and stays until it expires.</para>
/// </remarks>
public interface IClientSessionCache
{
    /// <summary>How many sessions are kept now.</summary>
    int Count { get; }

    /// <summary>Keeps a session. Called when a session has become usable: after the handshake, and for TLS 1.3 once per ticket.</summary>
    /// <param name="key">For which connections it may be used.</param>
    /// <param name="session">A client's session.</param>
    void Add(ClientSessionKey key, TlsSession session);

    /// <summary>
    /// A server gave a ticket without a lifetime: it is not to be kept (RFC 9846 §4.7.1). Called in place of <see cref="Add"/>, so that a cache can say
    /// later why it has none (<see cref="ResumptionReason.SessionLifetimeZero"/>). Does nothing unless a cache implements it.
    /// </summary>
    /// <param name="key">For which connections it would have been.</param>
    void NoteZeroLifetime(ClientSessionKey key)
    {
    }

    /// <summary>Takes the best session there is that is not over: of TLS 1.3 before TLS 1.2, among those the newest.</summary>
    /// <param name="key">For which connection.</param>
    /// <param name="now">The time by the connection's clock.</param>
    /// <param name="session">The session, where the result is <see langword="true"/>.</param>
    /// <param name="reason">Why there is none: <see cref="ResumptionReason.NoSessionYet"/>, <see cref="ResumptionReason.PoolEmpty"/> (all are
    /// used), <see cref="ResumptionReason.SessionLifetimeZero"/> or <see cref="ResumptionReason.SessionExpired"/>; else <see cref="ResumptionReason.None"/>.</param>
    /// <returns>Whether there was one.</returns>
    bool TryTake(ClientSessionKey key, DateTimeOffset now, [NotNullWhen(true)] out TlsSession? session, out ResumptionReason reason);

    /// <summary>Gives back a session that was taken and not sent to anybody. Without effect when its key was removed in the meantime.</summary>
    /// <param name="key">The key it was taken under.</param>
    /// <param name="session">The session.</param>
    void PutBack(ClientSessionKey key, TlsSession session);

    /// <summary>Forgets all sessions under a key: after a fatal alert, or when the application refuses the peer.</summary>
    /// <param name="key">The key.</param>
    void Remove(ClientSessionKey key);

    /// <summary>Forgets the sessions under a key that descend from one full handshake: the server has declined one of them, so it will decline the others (RFC 9149 §3).</summary>
    /// <param name="key">The key.</param>
    /// <param name="lineageId">Their <see cref="TlsSession.LineageId"/>.</param>
    void Remove(ClientSessionKey key, Guid lineageId);

    /// <summary>Forgets all sessions.</summary>
    void Clear();

    /// <summary>Forgets all sessions with a host, whatever the port, the server name and the scope.</summary>
    /// <param name="host">The host, in any case.</param>
    void ClearFor(string host);
}

namespace Segno.Bench.Sessions.Policies;

/// <summary>A cache of a fixed number of sessions, as far as the order matters in which they go.</summary>
internal interface IPolicy
{
    string Name { get; }

    /// <summary>A client resumes a session: whether it is there. A hit counts as use.</summary>
    bool Use(long session);

    /// <summary>A full handshake gives a client a new session.</summary>
    /// <param name="session">The new session.</param>
    /// <param name="offered">The session that the client offered in vain; 0 where it offered none.</param>
    /// <param name="source">The network prefix it comes from.</param>
    void Insert(long session, long offered, int source);
}

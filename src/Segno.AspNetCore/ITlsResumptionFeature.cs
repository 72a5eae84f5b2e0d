using Segno.Sessions;

namespace Segno.AspNetCore;

/// <summary>How this connection came to be: what the features of ASP.NET Core do not tell. Found in the features of the connection and of every request on it.</summary>
public interface ITlsResumptionFeature
{
    /// <summary>Everything known about the handshake.</summary>
    TlsConnectionInfo ConnectionInfo { get; }

    /// <summary>What happened to resumption, and why.</summary>
    ResumptionOutcome Resumption { get; }

    /// <summary>Age of the resumed session, or <see langword="null"/> on a full handshake.</summary>
    TimeSpan? SessionAge { get; }

    /// <summary>When the peer proved its identity: now on a full handshake, earlier on a resumed one.</summary>
    DateTimeOffset AuthenticatedAt { get; }

    /// <summary>What this connection and those before it, back to the full handshake, have in common. <see langword="null"/> after a full handshake of which no session is kept.</summary>
    Guid? LineageId { get; }

    /// <summary>How many resumptions lie between the full handshake and this connection, this one included: 0 on a full handshake.</summary>
    long ResumptionCount { get; }
}

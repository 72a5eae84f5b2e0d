using Segno.Sessions;

namespace Segno.AspNetCore;

/// <summary>How this connection came to be: what the features of ASP.NET Core do not tell. Found in the features of the connection and of every request on it.</summary>
public interface ITlsResumptionFeature
{
    /// <summary>Everything known about the handshake.</summary>
    TlsConnectionInfo ConnectionInfo { get; }

    /// <summary>What happened to resumption, and why.</summary>
    ResumptionOutcome Resumption { get; }
}

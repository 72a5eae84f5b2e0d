using Segno.Sessions;

namespace Segno.AspNetCore;

/// <summary>Whether a request may be a replay (RFC 8470 §3). Found in the features of the connection and of every request on it.</summary>
public interface ITlsEarlyDataFeature
{
    /// <summary>
    /// Whether what is read now may be a replay: only with <see cref="TlsServerOptions.DeliverEarlyDataAtOnce"/>, and until the handshake is complete.
    /// Once it is <see langword="false"/>, no request of this connection was a replay.
    /// </summary>
    bool IsEarlyData { get; }

    /// <summary>What became of early data on this connection, and why.</summary>
    EarlyDataOutcome Outcome { get; }
}

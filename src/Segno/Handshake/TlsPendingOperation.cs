namespace Segno;

/// <summary>Something a handshake waits for that is not the peer: a certificate chain, a choice by the application, a store.</summary>
/// <remarks>Run it once, by either method, then call <see cref="TlsConnection.Resume"/>. A failure inside is kept and comes out of <see cref="TlsConnection.Resume"/>.</remarks>
public abstract class TlsPendingOperation
{
    private protected TlsPendingOperation()
    {
    }

    /// <summary>Does it without blocking the calling thread.</summary>
    /// <param name="cancellationToken">Ends the wait; the handshake then fails.</param>
    public abstract ValueTask ExecuteAsync(CancellationToken cancellationToken);

    /// <summary>Does it on the calling thread.</summary>
    /// <param name="cancellationToken">Ends the wait; the handshake then fails.</param>
    public abstract void Execute(CancellationToken cancellationToken);
}

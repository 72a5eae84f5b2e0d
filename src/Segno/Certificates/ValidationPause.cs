using System.Runtime.ExceptionServices;

namespace Segno.Certificates;

/// <summary>The pause of a handshake while the peer's chain is examined, off the thread that does I/O.</summary>
internal sealed class ValidationPause(ChainValidator validator, PeerCertificate peer, string? targetHost, TlsConnection? connection) : TlsPendingOperation
{
    private ChainVerdict? _verdict;
    private ExceptionDispatchInfo? _failure;

    /// <summary>The verdict, or what was thrown instead.</summary>
    /// <exception cref="InvalidOperationException">The examination was not run, or not to its end.</exception>
    public ChainVerdict Result
    {
        get
        {
            _failure?.Throw();
            return _verdict ?? throw new InvalidOperationException("The pending operation was not executed to its end.");
        }
    }

    /// <summary>The examination itself, on the calling thread.</summary>
    public ChainVerdict Run() => validator.Run(peer, targetHost, connection);

    /// <inheritdoc/>
    /// <remarks>The platform's chain building cannot be interrupted: cancelling ends the wait, and the rest runs out unheard.</remarks>
    public override ValueTask ExecuteAsync(CancellationToken cancellationToken) =>
        new(Task.Run(RunAndKeep, cancellationToken).WaitAsync(cancellationToken));

    /// <inheritdoc/>
    public override void Execute(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        RunAndKeep();
    }

    private void RunAndKeep()
    {
        try
        {
            _verdict = Run();
        }
        catch (Exception e)
        {
            _failure = ExceptionDispatchInfo.Capture(e);
        }
    }
}

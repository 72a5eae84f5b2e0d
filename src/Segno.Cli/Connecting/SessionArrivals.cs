using Segno.Sessions;

namespace Segno.Cli.Connecting;

/// <summary>Watches for the sessions that a server gives: in TLS 1.3 they come after the handshake, whenever it likes, and only a reader sees them.</summary>
internal sealed class SessionArrivals
{
    private readonly TaskCompletionSource _arrived = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _count;

    public SessionArrivals(TlsStream stream)
    {
        stream.SessionReceived += (_, session) => Add(session);
    }

    public int Count => Volatile.Read(ref _count);

    public TlsSession? Newest { get; private set; }

    /// <summary>Reads, and throws away what it reads, until a session is there, the peer has ended, or the time is over.</summary>
    public async Task WaitAsync(TlsStream stream, TimeSpan limit, CancellationToken cancellationToken)
    {
        if (Count > 0)
        {
            return;
        }
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        timeout.CancelAfter(limit);
        Task drain = DrainAsync(stream, timeout.Token);
        await Task.WhenAny(drain, _arrived.Task).ConfigureAwait(false);
        await timeout.CancelAsync().ConfigureAwait(false);
        await drain.ConfigureAwait(false);
        cancellationToken.ThrowIfCancellationRequested();
    }

    private static async Task DrainAsync(TlsStream stream, CancellationToken cancellationToken)
    {
        byte[] buffer = new byte[4096];
        try
        {
            while (await stream.ReadAsync(buffer, cancellationToken).ConfigureAwait(false) > 0)
            {
            }
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException)
        {
            // Only the sessions matter here; the connection is about to be closed.
        }
    }

    private void Add(TlsSession session)
    {
        Newest = session;
        Interlocked.Increment(ref _count);
        _arrived.TrySetResult();
    }
}

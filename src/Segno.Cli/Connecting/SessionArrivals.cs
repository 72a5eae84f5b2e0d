using System.Diagnostics.CodeAnalysis;
using System.Security.Authentication;
using Segno.Sessions;

namespace Segno.Cli.Connecting;

/// <summary>A cache that tells of each session it is given: in TLS 1.3 they come after the handshake, whenever the server likes.</summary>
internal sealed class WatchedSessionCache(IClientSessionCache inner) : IClientSessionCache
{
    private volatile SessionArrivals _arrivals = new();

    public int Count => inner.Count;

    /// <summary>From now on, sessions are those of a new connection. Connections are made one after the other.</summary>
    public SessionArrivals WatchNext() => _arrivals = new SessionArrivals();

    public void Add(ClientSessionKey key, TlsSession session)
    {
        inner.Add(key, session);
        _arrivals.Add(session);
    }

    public bool TryTake(ClientSessionKey key, DateTimeOffset now, [NotNullWhen(true)] out TlsSession? session, out ResumptionReason reason)
        => inner.TryTake(key, now, out session, out reason);

    public void Remove(ClientSessionKey key, Guid lineageId) => inner.Remove(key, lineageId);

    public void PutBack(ClientSessionKey key, TlsSession session) => inner.PutBack(key, session);

    public void Remove(ClientSessionKey key) => inner.Remove(key);

    public void Clear() => inner.Clear();

    public void ClearFor(string host) => inner.ClearFor(host);
}

/// <summary>The sessions that came with one connection.</summary>
internal sealed class SessionArrivals
{
    private readonly TaskCompletionSource _arrived = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile TlsSession? _newest;
    private int _count;

    public int Count => Volatile.Read(ref _count);

    public TlsSession? Newest => _newest;

    public void Add(TlsSession session)
    {
        _newest = session;
        Interlocked.Increment(ref _count);
        _arrived.TrySetResult();
    }

    /// <summary>Reads, and throws away what it reads, until a session is there, the peer has ended, or the time is over: only who reads sees sessions.</summary>
    public async Task WaitAsync(TlsStream stream, TimeSpan limit, CancellationToken cancellationToken)
    {
        // In TLS 1.2 sessions come in the handshake or not at all.
        if (Count > 0 || stream.SslProtocol == SslProtocols.Tls12)
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
}

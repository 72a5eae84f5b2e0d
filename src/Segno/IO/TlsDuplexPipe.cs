#pragma warning disable RS0026, RS0027 // Overloads with optional parameters: the type of the first one decides between them.
using System.IO.Pipelines;
using System.Net;
using Segno.IO;
using Segno.Sessions;

namespace Segno;

/// <summary>TLS over a pair of pipes, as a pair of pipes: on the engine itself, with no stream and no pump in between.</summary>
/// <remarks>
/// <para>First authenticate; then <see cref="Input"/> reads and <see cref="Output"/> writes application data. One thread may use the one while
/// another uses the other. This side is the only reader and writer of the transport; it completes the transport when it is disposed.</para>
/// <para><see cref="Input"/> is completed by close_notify; if the transport ends without it, reading throws <see cref="TlsFault.Truncated"/>. Completing
/// <see cref="Output"/> sends what was written and close_notify; completing it with an exception sends neither, and the peer sees a truncation.
/// What the transport throws comes out unchanged.</para>
/// </remarks>
public sealed class TlsDuplexPipe : IDuplexPipe, IAsyncDisposable
{
    private readonly PipeTransport _transport;
    private readonly TlsPipeReader _input;
    private readonly TlsPipeWriter _output;
    private readonly Lock _lock = new();
    private volatile TlsChannel? _channel;
    private int _begun;
    private int _completedEnds;
    private Task? _disposal;
    private volatile bool _disposed;
    private volatile bool _authenticated;

    /// <summary>Prepares TLS over a transport. Nothing is sent yet.</summary>
    /// <param name="transport">The transport; completed by <see cref="DisposeAsync"/>.</param>
    public TlsDuplexPipe(IDuplexPipe transport)
    {
        ArgumentNullException.ThrowIfNull(transport);
        _transport = new PipeTransport(transport);
        _input = new TlsPipeReader(this, _transport);
        _output = new TlsPipeWriter(this, _transport);
    }

    /// <summary>Application data from the peer. Usable once authenticated.</summary>
    public PipeReader Input => _input;

    /// <summary>Application data to the peer: sealed and sent by each flush. Usable once authenticated.</summary>
    public PipeWriter Output => _output;

    /// <summary>The peer's address: set it before authentication. A server's session store counts by its network prefix. Default <see langword="null"/>: not known.</summary>
    public EndPoint? RemoteEndPoint { get; set; }

    /// <summary>Whether the handshake is complete.</summary>
    public bool IsAuthenticated => _authenticated;

    /// <summary>How the connection came to be.</summary>
    /// <exception cref="InvalidOperationException">Not authenticated.</exception>
    public TlsConnectionInfo ConnectionInfo => Channel.Connection.Info;

    /// <summary>What happened to resumption, and why.</summary>
    /// <exception cref="InvalidOperationException">Not authenticated.</exception>
    public ResumptionOutcome Resumption => ConnectionInfo.Resumption;

    /// <summary>Client: the newest session that the server gave, or <see langword="null"/>. In TLS 1.3 it comes after the handshake: <see cref="WaitForSessionAsync"/>.</summary>
    public TlsSession? Session => _channel?.Connection.Session;

    /// <summary>Server: whether what is read now may be a replay: <see cref="TlsEarlyData.MayBeReplay"/>. <see langword="false"/> while nothing can be read yet. Thread-safe.</summary>
    public bool MayBeReplay => _authenticated && _channel!.Connection.MayBeReplay;

    internal TlsChannel Channel
        => _authenticated ? _channel! : throw new InvalidOperationException("Authenticate first: the handshake is not complete.");

    /// <summary>Authenticates as a client.</summary>
    /// <param name="context">How, with the sessions of earlier connections.</param>
    /// <param name="targetHost">Overrides the context's target host where not <see langword="null"/>.</param>
    /// <param name="cancellationToken">Ends the handshake; nothing but disposing is possible then.</param>
    /// <exception cref="TlsException">The handshake failed. The alert is sent already; what the peer sent beyond is left in the transport.</exception>
    /// <exception cref="InvalidOperationException">Authentication was begun before.</exception>
    public Task AuthenticateAsClientAsync(TlsClientContext context, string? targetHost = null, CancellationToken cancellationToken = default)
        => AuthenticateAsClientAsync(context, targetHost, 0, cancellationToken);

    /// <summary>Authenticates as a client.</summary>
    /// <param name="context">How, with the sessions of earlier connections.</param>
    /// <param name="targetHost">Overrides the context's target host where not <see langword="null"/>.</param>
    /// <param name="targetPort">Overrides the context's target port where not 0: sessions are kept by host and port.</param>
    /// <param name="cancellationToken">Ends the handshake; nothing but disposing is possible then.</param>
    /// <exception cref="TlsException">The handshake failed. The alert is sent already; what the peer sent beyond is left in the transport.</exception>
    /// <exception cref="InvalidOperationException">Authentication was begun before.</exception>
    public Task AuthenticateAsClientAsync(TlsClientContext context, string? targetHost, int targetPort, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(context);
        return AuthenticateAsync(new TlsConnection(context, targetHost, targetPort), context.Settings, cancellationToken);
    }

    /// <summary>Authenticates as a server.</summary>
    /// <param name="context">How, with the ticket keys.</param>
    /// <param name="cancellationToken">Ends the handshake; nothing but disposing is possible then.</param>
    /// <exception cref="TlsException">The handshake failed. The alert is sent already; what the peer sent beyond is left in the transport.</exception>
    /// <exception cref="InvalidOperationException">Authentication was begun before.</exception>
    public Task AuthenticateAsServerAsync(TlsServerContext context, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(context);
        return AuthenticateAsync(new TlsConnection(context) { RemoteEndPoint = RemoteEndPoint }, context.Settings, cancellationToken);
    }

    /// <summary>Keying material for another protocol (RFC 9846 §7.5, RFC 5705).</summary>
    /// <param name="label">The label, ASCII.</param>
    /// <param name="context">The context; empty where there is none.</param>
    /// <param name="output">Filled with keying material.</param>
    /// <exception cref="InvalidOperationException">Not authenticated.</exception>
    public void ExportKeyingMaterial(string label, ReadOnlySpan<byte> context, Span<byte> output)
    {
        Channel.ThrowIfUnusable();
        Channel.Connection.ExportKeyingMaterial(label, context, output);
    }

    /// <summary>Sends a KeyUpdate (RFC 9846 §4.7.3): what is flushed next is protected by a new key.</summary>
    /// <param name="requestPeer">Whether the peer shall update its key as well. Default <see langword="false"/>.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="InvalidOperationException">Not authenticated, or closed.</exception>
    public Task UpdateKeysAsync(bool requestPeer = false, CancellationToken cancellationToken = default)
        => Channel.SendAsync(connection => connection.UpdateKeys(requestPeer), cancellationToken);

    /// <summary>Server with <see cref="TlsServerOptions.DeferSessions"/>: the application has accepted the client, so its session may be resumed from now on (<see cref="TlsConnection.CommitSessionAsync"/>).</summary>
    /// <param name="cancellationToken">Ends the wait; under way, it breaks the writing half.</param>
    /// <returns>Whether there is a session now that can be resumed.</returns>
    /// <exception cref="InvalidOperationException">Not authenticated, closed, or not a server.</exception>
    public Task<bool> CommitSessionAsync(CancellationToken cancellationToken = default) => Channel.CommitSessionAsync(cancellationToken);

    /// <summary>Server, TLS 1.3: sends more tickets, for a client that will open more connections (<see cref="TlsConnection.IssueTicketsAsync"/>).</summary>
    /// <param name="count">How many, 1 to 8.</param>
    /// <param name="cancellationToken">Ends the wait; under way, it breaks the writing half.</param>
    /// <returns>How many were sent: at most 16 on one connection.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="count"/> is out of its range.</exception>
    /// <exception cref="InvalidOperationException">Not authenticated, closed, not a server, or sessions wait for <see cref="CommitSessionAsync"/>.</exception>
    public Task<int> IssueTicketsAsync(int count, CancellationToken cancellationToken = default) => Channel.IssueTicketsAsync(count, cancellationToken);

    /// <summary>
    /// Client: waits until the server has given a session, which <see cref="Session"/> has then, or until it is clear that it gives none.
    /// TLS 1.3 servers send theirs after the handshake, mostly at once; TLS 1.2 servers in it. It reads from the transport, and so takes the
    /// place of a read: not while another one is in progress. Whoever reads anyway need not wait.
    /// </summary>
    /// <param name="timeout">How long to wait: not negative, or <see cref="Timeout.InfiniteTimeSpan"/>.</param>
    /// <param name="cancellationToken">Ends the wait; nothing is lost.</param>
    /// <returns>What came of it. Application data that came is kept for the next read.</returns>
    /// <exception cref="TlsException">The connection failed.</exception>
    /// <exception cref="InvalidOperationException">Not authenticated, or a server.</exception>
    /// <exception cref="NotSupportedException">A read is in progress.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="timeout"/> is negative.</exception>
    public Task<SessionWait> WaitForSessionAsync(TimeSpan timeout, CancellationToken cancellationToken = default)
        => Channel.WaitForSessionAsync(timeout, cancellationToken);

    /// <summary>Server: the application's own bytes in the sessions of this connection; see <see cref="TlsConnection.SessionApplicationData"/>.</summary>
    /// <exception cref="ArgumentException">More than 4096 bytes.</exception>
    /// <exception cref="InvalidOperationException">Not authenticated; or set on a client.</exception>
    public ReadOnlyMemory<byte> SessionApplicationData
    {
        get => Channel.Connection.SessionApplicationData;
        set => Channel.Connection.SessionApplicationData = value;
    }

    /// <summary>Sends close_notify if the connection is healthy (for a second at most, ignoring errors), then completes the transport. What was not flushed is dropped.</summary>
    /// <remarks>Happens by itself once both <see cref="Input"/> and <see cref="Output"/> are completed.</remarks>
    public ValueTask DisposeAsync()
    {
        lock (_lock)
        {
            _disposal ??= CloseAsync();
        }
        return new ValueTask(_disposal);
    }

    /// <summary>One of the two ends is completed by its user.</summary>
    internal void EndCompleted()
    {
        if (Interlocked.Increment(ref _completedEnds) == 2)
        {
            lock (_lock)
            {
                _disposal ??= CloseAsync();
            }
        }
    }

    private async Task CloseAsync()
    {
        _disposed = true;
        Interlocked.MemoryBarrier();
        TlsChannel? channel = _channel;
        if (channel is null)
        {
            CompleteTransport();
            return;
        }
        if (_output.Abandon())
        {
            await channel.SendCloseNotifyAsync().ConfigureAwait(false);
        }
        channel.TakeLastTickets(synchronous: false);
        // A reader or writer that is still at it leaves first: whoever is last completes the transport.
        channel.Close();
        _transport.CancelPendingRead();
        _transport.CancelPendingFlush();
    }

    private void CompleteTransport()
    {
        _input.Abandon();
        _transport.Complete(_output.Failure);
    }

    private async Task AuthenticateAsync(TlsConnection connection, TlsSettings settings, CancellationToken cancellationToken)
    {
        if (_disposed || Interlocked.Exchange(ref _begun, 1) != 0)
        {
            connection.Dispose();
            ObjectDisposedException.ThrowIf(_disposed, this);
            throw new InvalidOperationException("Authentication was begun before.");
        }
        var channel = new TlsChannel(this, connection, _transport, settings) { Released = CompleteTransport };
        _channel = channel;
        try
        {
            await channel.HandshakeAsync(default, cancellationToken).ConfigureAwait(false);
            _authenticated = true;
        }
        finally
        {
            if (_disposed)
            {
                channel.Close();
            }
        }
    }
}

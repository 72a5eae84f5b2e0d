#pragma warning disable RS0026, RS0027 // Overloads with optional parameters: the type of the first one decides between them.
using System.Net;
using System.Net.Sockets;
using Segno.IO;

namespace Segno;

public sealed partial class TlsStream
{
    private const int Fresh = 0;
    private const int Authenticating = 1;
    private const int Authenticated = 2;
    private const int Failed = 3;

    private static readonly Lazy<TlsClientContext> DefaultClientContext = new(() => new TlsClientContext(new TlsClientOptions()));

    /// <summary>Connects to a server by TCP (without delay) and authenticates as its client.</summary>
    /// <param name="host">The host's name or IP address. Unless the options say otherwise, also the name that the certificate must have.</param>
    /// <param name="port">The port.</param>
    /// <param name="options">How. Default <see langword="null"/>: the defaults of <see cref="TlsClientOptions"/>, with sessions kept for the process. With options, sessions are kept from one call to the next only where <see cref="TlsClientOptions.SessionCache"/> is set: make a <see cref="TlsClientContext"/> of them for that.</param>
    /// <param name="cancellationToken">Ends the attempt.</param>
    /// <returns>The authenticated stream; it owns the socket.</returns>
    /// <exception cref="SocketException">No connection.</exception>
    /// <exception cref="TlsException">The handshake failed.</exception>
    public static Task<TlsStream> ConnectAsync(string host, int port, TlsClientOptions? options = null, CancellationToken cancellationToken = default)
        => ConnectAsync(host, port, options is null ? DefaultClientContext.Value : new TlsClientContext(options), cancellationToken);

    /// <summary>Connects to a server by TCP (without delay) and authenticates as its client.</summary>
    /// <param name="host">The host's name or IP address. Unless the context says otherwise, also the name that the certificate must have.</param>
    /// <param name="port">The port.</param>
    /// <param name="context">How, with the sessions of earlier connections.</param>
    /// <param name="cancellationToken">Ends the attempt.</param>
    /// <returns>The authenticated stream; it owns the socket.</returns>
    /// <exception cref="SocketException">No connection.</exception>
    /// <exception cref="TlsException">The handshake failed.</exception>
    public static async Task<TlsStream> ConnectAsync(string host, int port, TlsClientContext context, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(host);
        ArgumentNullException.ThrowIfNull(context);
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        TlsStream? stream = null;
        try
        {
            await socket.ConnectAsync(host, port, cancellationToken).ConfigureAwait(false);
            stream = new TlsStream(new NetworkStream(socket, ownsSocket: true));
            await stream.AuthenticateAsClientAsync(context, context.Settings.TargetHost ?? host, port, cancellationToken).ConfigureAwait(false);
            return stream;
        }
        catch
        {
            if (stream is not null)
            {
                await stream.DisposeAsync().ConfigureAwait(false);
            }
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Authenticates as a client, with the default options and sessions kept for the process.</summary>
    /// <param name="targetHost">The name that the server's certificate must have, sent as server name (SNI) unless it is an IP address.</param>
    /// <param name="cancellationToken">Ends the handshake; the stream is unusable then.</param>
    /// <exception cref="TlsException">The handshake failed. The alert is sent already.</exception>
    /// <exception cref="InvalidOperationException">Authentication was begun before.</exception>
    public Task AuthenticateAsClientAsync(string targetHost, CancellationToken cancellationToken = default)
        => AuthenticateAsClientAsync(DefaultClientContext.Value, targetHost, 0, cancellationToken);

    /// <summary>Authenticates as a client. Sessions are kept only where <see cref="TlsClientOptions.SessionCache"/> is set: make a <see cref="TlsClientContext"/> to resume.</summary>
    /// <param name="options">How.</param>
    /// <param name="cancellationToken">Ends the handshake; the stream is unusable then.</param>
    /// <exception cref="ArgumentException">An option is out of its range or contradicts another.</exception>
    /// <exception cref="TlsException">The handshake failed. The alert is sent already.</exception>
    /// <exception cref="InvalidOperationException">Authentication was begun before.</exception>
    public Task AuthenticateAsClientAsync(TlsClientOptions options, CancellationToken cancellationToken = default)
        => AuthenticateAsClientAsync(new TlsClientContext(options), null, 0, cancellationToken);

    /// <summary>Authenticates as a client.</summary>
    /// <param name="context">How, with the sessions of earlier connections.</param>
    /// <param name="targetHost">Overrides the context's target host where not <see langword="null"/>.</param>
    /// <param name="cancellationToken">Ends the handshake; the stream is unusable then.</param>
    /// <exception cref="ArgumentException">The target host is no host name and no IP address.</exception>
    /// <exception cref="TlsException">The handshake failed. The alert is sent already.</exception>
    /// <exception cref="InvalidOperationException">Authentication was begun before.</exception>
    public Task AuthenticateAsClientAsync(TlsClientContext context, string? targetHost = null, CancellationToken cancellationToken = default)
        => AuthenticateAsClientAsync(context, targetHost, 0, cancellationToken);

    /// <summary>Authenticates as a client.</summary>
    /// <param name="context">How, with the sessions of earlier connections.</param>
    /// <param name="targetHost">Overrides the context's target host where not <see langword="null"/>.</param>
    /// <param name="targetPort">Overrides the context's target port where not 0: sessions are kept by host and port.</param>
    /// <param name="cancellationToken">Ends the handshake; the stream is unusable then.</param>
    /// <exception cref="ArgumentException">The target host is no host name and no IP address.</exception>
    /// <exception cref="TlsException">The handshake failed. The alert is sent already.</exception>
    /// <exception cref="InvalidOperationException">Authentication was begun before.</exception>
    public Task AuthenticateAsClientAsync(TlsClientContext context, string? targetHost, int targetPort, CancellationToken cancellationToken)
        => AuthenticateAsync(ClientChannel(context, targetHost, targetPort), default, cancellationToken);

    /// <summary>Authenticates as a server. Sessions of this connection can be resumed only where <see cref="TlsServerOptions.TicketKeys"/> and <see cref="TlsServerOptions.Group"/> are set: make a <see cref="TlsServerContext"/> to resume.</summary>
    /// <param name="options">How.</param>
    /// <param name="cancellationToken">Ends the handshake; the stream is unusable then.</param>
    /// <exception cref="ArgumentException">An option is out of its range or contradicts another.</exception>
    /// <exception cref="TlsException">The handshake failed. The alert is sent already.</exception>
    /// <exception cref="InvalidOperationException">Authentication was begun before.</exception>
    public Task AuthenticateAsServerAsync(TlsServerOptions options, CancellationToken cancellationToken = default)
        => AuthenticateAsync(ServerChannel(Own(options)), default, cancellationToken);

    /// <summary>Authenticates as a server.</summary>
    /// <param name="context">How, with the ticket keys.</param>
    /// <param name="cancellationToken">Ends the handshake; the stream is unusable then.</param>
    /// <exception cref="TlsException">The handshake failed. The alert is sent already.</exception>
    /// <exception cref="InvalidOperationException">Authentication was begun before.</exception>
    public Task AuthenticateAsServerAsync(TlsServerContext context, CancellationToken cancellationToken = default)
        => AuthenticateAsync(ServerChannel(context), default, cancellationToken);

    /// <summary>Authenticates as a client, blocking the thread; with the default options and sessions kept for the process.</summary>
    /// <param name="targetHost">The name that the server's certificate must have, sent as server name (SNI) unless it is an IP address.</param>
    /// <exception cref="TlsException">The handshake failed. The alert is sent already.</exception>
    /// <exception cref="InvalidOperationException">Authentication was begun before.</exception>
    public void AuthenticateAsClient(string targetHost) => AuthenticateAsClient(DefaultClientContext.Value, targetHost);

    /// <summary>Authenticates as a client, blocking the thread. Sessions are kept only where <see cref="TlsClientOptions.SessionCache"/> is set.</summary>
    /// <param name="options">How.</param>
    /// <exception cref="ArgumentException">An option is out of its range or contradicts another.</exception>
    /// <exception cref="TlsException">The handshake failed. The alert is sent already.</exception>
    /// <exception cref="InvalidOperationException">Authentication was begun before.</exception>
    public void AuthenticateAsClient(TlsClientOptions options) => AuthenticateAsClient(new TlsClientContext(options));

    /// <summary>Authenticates as a client, blocking the thread.</summary>
    /// <param name="context">How, with the sessions of earlier connections.</param>
    /// <param name="targetHost">Overrides the context's target host where not <see langword="null"/>.</param>
    /// <param name="targetPort">Overrides the context's target port where not 0.</param>
    /// <exception cref="ArgumentException">The target host is no host name and no IP address.</exception>
    /// <exception cref="TlsException">The handshake failed. The alert is sent already.</exception>
    /// <exception cref="InvalidOperationException">Authentication was begun before.</exception>
    public void AuthenticateAsClient(TlsClientContext context, string? targetHost = null, int targetPort = 0)
        => Authenticate(ClientChannel(context, targetHost, targetPort));

    /// <summary>Authenticates as a server, blocking the thread. Sessions of this connection can be resumed only where <see cref="TlsServerOptions.TicketKeys"/> and <see cref="TlsServerOptions.Group"/> are set.</summary>
    /// <param name="options">How.</param>
    /// <exception cref="ArgumentException">An option is out of its range or contradicts another.</exception>
    /// <exception cref="TlsException">The handshake failed. The alert is sent already.</exception>
    /// <exception cref="InvalidOperationException">Authentication was begun before.</exception>
    public void AuthenticateAsServer(TlsServerOptions options) => Authenticate(ServerChannel(Own(options)));

    /// <summary>Authenticates as a server, blocking the thread.</summary>
    /// <param name="context">How, with the ticket keys.</param>
    /// <exception cref="TlsException">The handshake failed. The alert is sent already.</exception>
    /// <exception cref="InvalidOperationException">Authentication was begun before.</exception>
    public void AuthenticateAsServer(TlsServerContext context) => Authenticate(ServerChannel(context));

    internal async Task AuthenticateAsync(TlsChannel channel, ReadOnlyMemory<byte> earlyData, CancellationToken cancellationToken)
    {
        Begin(channel);
        try
        {
            await channel.HandshakeAsync(earlyData, cancellationToken).ConfigureAwait(false);
            End(channel, Authenticated);
        }
        catch
        {
            End(channel, Failed);
            throw;
        }
    }

    private void Authenticate(TlsChannel channel)
    {
        Begin(channel);
        try
        {
            channel.Handshake();
            End(channel, Authenticated);
        }
        catch
        {
            End(channel, Failed);
            throw;
        }
    }

    private void Begin(TlsChannel channel)
    {
        if (_disposed != 0 || Interlocked.CompareExchange(ref _state, Authenticating, Fresh) != Fresh)
        {
            channel.Connection.Dispose();
            ObjectDisposedException.ThrowIf(_disposed != 0, this);
            throw new InvalidOperationException("Authentication was begun before.");
        }
        _channel = channel;
    }

    private void End(TlsChannel channel, int state)
    {
        Volatile.Write(ref _state, state);
        if (_disposed != 0)
        {
            // Disposed meanwhile, perhaps before the channel was there to be seen.
            channel.Close();
        }
    }

    internal TlsChannel ClientChannel(TlsClientContext context, string? targetHost, int targetPort)
    {
        ArgumentNullException.ThrowIfNull(context);
        var connection = new TlsConnection(context, targetHost, targetPort);
        _targetHost = targetHost ?? context.Settings.TargetHost;
        return new TlsChannel(this, connection, _transport, context.Settings);
    }

    private TlsChannel ServerChannel(TlsServerContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        var connection = new TlsConnection(context) { RemoteEndPoint = RemoteEndPoint };
        return new TlsChannel(this, connection, _transport, context.Settings);
    }

    private EndPoint? PeerOfSocket()
    {
        try
        {
            return (_inner as NetworkStream)?.Socket.RemoteEndPoint;
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            // Gone already: reading will say so.
            return null;
        }
    }

    private TlsServerContext Own(TlsServerOptions options)
    {
        var context = new TlsServerContext(options);
        if (Interlocked.CompareExchange(ref _ownedContext, context, null) is not null)
        {
            context.Dispose();
            throw new InvalidOperationException("Authentication was begun before.");
        }
        return context;
    }
}

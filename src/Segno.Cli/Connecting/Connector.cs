using System.Net;
using System.Net.Sockets;
using Segno.Cli.Parsing;
using Segno.Sessions;

namespace Segno.Cli.Connecting;

/// <summary>Makes connections as the user asked, all of them with one cache of sessions.</summary>
internal sealed class Connector : IDisposable
{
    private readonly ConnectSettings _settings;
    private readonly TlsCertificate? _clientCertificate;
    private readonly KeyLogFile? _keyLog;
    private readonly CliEnvironment _environment;
    private readonly FileClientSessionCache? _files;
    private readonly WatchedSessionCache _sessions;
    private readonly TlsClientContext _context;
    private readonly TlsClientContext _again;
    private readonly TlsClientContext? _withFile;

    public Connector(ConnectSettings settings, CliEnvironment environment)
    {
        _settings = settings;
        _environment = environment;
        Verification = new PeerVerification(settings);
        if (settings.ClientCertificatePath is { } path)
        {
            _clientCertificate = Files.LoadPem(path, settings.ClientKeyPath);
        }
        TlsSession? resume = settings.SessionInputPath is { } session ? SessionFile.Read(session, settings.SessionProtection) : null;
        TlsExternalPsk? psk = settings.Psk?.Load(environment);
        _keyLog = KeyLogFile.Open(settings.KeyLogPath, environment);
        _files = settings.SessionCache?.Open(environment);
        _sessions = new WatchedSessionCache((IClientSessionCache?)_files ?? new MemoryClientSessionCache());
        TlsClientOptions options = Options(environment.Time);
        options.ExternalPsks = psk is null ? null : [psk];
        try
        {
            // The first connection has nothing to resume but what earlier processes left.
            options.RequireResumption = settings.RequireResumption && _files is not null;
            _context = new TlsClientContext(options);
            options.RequireResumption = settings.RequireResumption;
            _again = new TlsClientContext(options);
            if (resume is not null)
            {
                options.Resume = resume;
                options.AllowTicketReuse = settings.AllowTicketReuse;
                _withFile = new TlsClientContext(options);
            }
        }
        catch (ArgumentException exception)
        {
            Dispose();
            throw CliException.Usage(exception);
        }
    }

    public PeerVerification Verification { get; }

    /// <summary>Connects and shakes hands.</summary>
    /// <param name="number">1 for the first connection, 2 for the second…</param>
    /// <param name="cancellationToken">Ends the attempt.</param>
    /// <exception cref="CliException">It failed.</exception>
    public async Task<Connected> ConnectAsync(int number, CancellationToken cancellationToken)
    {
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        timeout.CancelAfter(_settings.Timeout);
        Socket? socket = null;
        TlsStream? tls = null;
        try
        {
            socket = await ConnectSocketAsync(timeout.Token).ConfigureAwait(false);
            tls = new TlsStream(new NetworkStream(socket, ownsSocket: true));
            SessionArrivals sessions = _sessions.WatchNext();
            await tls.AuthenticateAsClientAsync(ContextFor(number), cancellationToken: timeout.Token).ConfigureAwait(false);
            var connected = new Connected(number, Plain((IPEndPoint)socket.RemoteEndPoint!), tls, sessions);
            (socket, tls) = (null, null);
            return connected;
        }
        catch (TlsException exception)
        {
            throw CliException.Failure(Explain(exception), exception);
        }
        catch (Exception exception) when (exception is IOException or SocketException)
        {
            throw CliException.Failure($"{_settings.Target}: {exception.Message}", exception);
        }
        catch (OperationCanceledException exception) when (!cancellationToken.IsCancellationRequested)
        {
            throw CliException.Failure($"{_settings.Target}: no connection within {Durations.Describe(_settings.Timeout)}", exception);
        }
        finally
        {
            if (tls is not null)
            {
                await tls.DisposeAsync().ConfigureAwait(false);
            }
            socket?.Dispose();
        }
    }

    public void Dispose()
    {
        if (_files?.LastFailure is { } failure)
        {
            _environment.Warn($"--session-cache: a session was lost: {failure.Message}");
        }
        _files?.Dispose();
        _clientCertificate?.Dispose();
        _keyLog?.Dispose();
    }

    /// <summary>The first connection offers the session of the file, unless all shall; the following ones have what came since.</summary>
    private TlsClientContext ContextFor(int number) => number == 1
        ? _withFile ?? _context
        : _settings.AllowTicketReuse ? _withFile ?? _again : _again;

    private async Task<Socket> ConnectSocketAsync(CancellationToken cancellationToken)
    {
        // Without an address family the socket takes both, and the host's addresses are tried in turn.
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(_settings.Target.Host, _settings.Target.Port, cancellationToken).ConfigureAwait(false);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>127.0.0.1 and not ::ffff:127.0.0.1, as a socket for both families says.</summary>
    private static IPEndPoint Plain(IPEndPoint address)
        => address.Address.IsIPv4MappedToIPv6 ? new IPEndPoint(address.Address.MapToIPv4(), address.Port) : address;

    private TlsClientOptions Options(TimeProvider time)
    {
        var options = new TlsClientOptions
        {
            TargetHost = _settings.ServerName ?? _settings.Target.Host,
            TargetPort = _settings.Target.Port,
            ClientCertificate = _clientCertificate,
            HandshakeTimeout = _settings.Timeout,
            KeyLog = _keyLog is null ? null : _keyLog.WriteLine,
            SessionCache = _sessions,
            TimeProvider = time,
        };
        _settings.Protocols.Configure(options);
        Verification.Configure(options);
        return options;
    }

    private string Explain(TlsException exception)
    {
        string advice = exception.Fault is >= (TlsFault)500 and < (TlsFault)600 && exception is not TlsAlertException { SentByPeer: true }
            ? "\n  --ca FILE trusts other authorities, --server-name NAME expects another name, --insecure accepts any certificate."
            : "";
        return $"{_settings.Target}: the handshake failed: {exception.Message}{advice}";
    }
}

/// <summary>A connection that stands.</summary>
internal sealed class Connected(int number, IPEndPoint address, TlsStream stream, SessionArrivals sessions) : IAsyncDisposable
{
    public int Number => number;

    public IPEndPoint Address => address;

    public TlsStream Stream => stream;

    public TlsConnectionInfo Info => stream.ConnectionInfo;

    public SessionArrivals Sessions => sessions;

    public ValueTask DisposeAsync() => stream.DisposeAsync();
}

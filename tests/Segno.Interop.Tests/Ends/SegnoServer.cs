using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Segno.Interop.Tests.Ends;

/// <summary>A server of ours on a loopback port: every connection is handed to one function; how each came to be, or failed, is kept.</summary>
internal sealed class SegnoServer : IAsyncDisposable
{
    private readonly Socket _listener;
    private readonly CancellationTokenSource _stop = new();
    private readonly TlsServerContext _context;
    private readonly Func<TlsStream, CancellationToken, Task> _serve;
    private readonly Task _accepting;
    private readonly ConcurrentDictionary<Task, bool> _connections = new();
    private readonly BlockingCollection<Served> _served = [];

    public SegnoServer(TlsServerOptions options, Func<TlsStream, CancellationToken, Task> serve)
    {
        _context = new TlsServerContext(options);
        _serve = serve;
        _listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _listener.Listen(1024);
        Port = ((IPEndPoint)_listener.LocalEndPoint!).Port;
        _accepting = AcceptAsync();
    }

    public int Port { get; }

    /// <summary>The next connection that is over.</summary>
    public async Task<Served> NextAsync(CancellationToken cancellationToken)
    {
        using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(Peers.PeerProcess.Limit);
        try
        {
            return await Task.Run(() => _served.Take(limit.Token), limit.Token);
        }
        catch (OperationCanceledException)
        {
            Assert.Fail("no connection came, or it did not end");
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Dispose();
        await _accepting;
        await Task.WhenAll(_connections.Keys);
        _context.Dispose();
        _stop.Dispose();
        _served.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            Socket socket;
            try
            {
                socket = await _listener.AcceptAsync(_stop.Token);
            }
            catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
            {
                return;
            }
            Task connection = Task.Run(() => ServeAsync(socket));
            _connections[connection] = true;
            _ = connection.ContinueWith(done => _connections.TryRemove(done, out _), TaskScheduler.Default);
        }
    }

    private async Task ServeAsync(Socket socket)
    {
        socket.NoDelay = true;
        TlsStream stream = new(new NetworkStream(socket, ownsSocket: true));
        TlsConnectionInfo? info = null;
        Exception? failure = null;
        try
        {
            await stream.AuthenticateAsServerAsync(_context, _stop.Token);
            info = stream.ConnectionInfo;
            await _serve(stream, _stop.Token);
        }
        catch (Exception e)
        {
            failure = e;
        }
        await stream.DisposeAsync();
        _served.Add(new Served(info, failure));
    }
}

/// <summary>What became of one connection.</summary>
internal sealed record Served(TlsConnectionInfo? Info, Exception? Failure)
{
    /// <summary>The connection's facts; fails the test where it failed.</summary>
    public TlsConnectionInfo Succeeded()
    {
        Assert.True(Failure is null, $"the server's end failed: {Failure}");
        return Info!;
    }

    /// <summary>The fault; fails the test where there was none.</summary>
    public TlsFault Fault => Assert.IsAssignableFrom<TlsException>(Failure).Fault;
}

using System.Net;
using System.Net.Sockets;

namespace Segno.Bench.Fleet;

/// <summary>A TCP load balancer: each connection goes to the next server that is in, bytes as they come.</summary>
internal sealed class Forwarder : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _end = new();
    private readonly Lock _gate = new();
    private readonly List<int> _ports = [];
    private readonly Dictionary<int, int> _open = [];
    private int _next;

    public Forwarder()
    {
        _listener.Start(1024);
        _ = AcceptAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>How many connections each server had, by its port.</summary>
    public Dictionary<int, int> Served { get; } = [];

    public void Add(int port)
    {
        lock (_gate)
        {
            _ports.Add(port);
        }
    }

    /// <summary>Sends a server no more connections, and waits until those that it has are over.</summary>
    public async Task DrainAsync(int port)
    {
        lock (_gate)
        {
            _ports.Remove(port);
        }
        while (true)
        {
            lock (_gate)
            {
                if (_open.GetValueOrDefault(port) == 0)
                {
                    return;
                }
            }
            await Task.Delay(10);
        }
    }

    public void Dispose()
    {
        _end.Cancel();
        _listener.Dispose();
        _end.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (!_end.IsCancellationRequested)
        {
            try
            {
                _ = ForwardAsync(await _listener.AcceptTcpClientAsync(_end.Token));
            }
            catch (Exception exception) when (exception is OperationCanceledException or ObjectDisposedException or SocketException)
            {
                return;
            }
        }
    }

    private async Task ForwardAsync(TcpClient client)
    {
        using (client)
        {
            int port;
            lock (_gate)
            {
                port = _ports[_next++ % _ports.Count];
                _open[port] = _open.GetValueOrDefault(port) + 1;
                Served[port] = Served.GetValueOrDefault(port) + 1;
            }
            try
            {
                using var server = new TcpClient { NoDelay = true };
                client.NoDelay = true;
                await server.ConnectAsync(IPAddress.Loopback, port, _end.Token);
                await Task.WhenAll(PumpAsync(client, server), PumpAsync(server, client));
            }
            catch (Exception exception) when (exception is OperationCanceledException or IOException or SocketException or ObjectDisposedException)
            {
                // The client hears of it: its connection ends.
            }
            finally
            {
                lock (_gate)
                {
                    _open[port]--;
                }
            }
        }
    }

    private async Task PumpAsync(TcpClient from, TcpClient to)
    {
        byte[] buffer = new byte[16 * 1024];
        int count;
        while ((count = await from.GetStream().ReadAsync(buffer, _end.Token)) > 0)
        {
            await to.GetStream().WriteAsync(buffer.AsMemory(0, count), _end.Token);
        }
        to.Client.Shutdown(SocketShutdown.Send);
    }
}

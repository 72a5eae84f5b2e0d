using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Segno.Interop.Tests.Peers;

/// <summary>Ports on 127.0.0.1.</summary>
internal static class Loopback
{
    private static readonly TimeSpan _retry = TimeSpan.FromMilliseconds(20);

    /// <summary>A port that was free a moment ago, for programs that cannot pick one themselves.</summary>
    public static int FreePort()
    {
        using Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }

    public static async Task<NetworkStream> ConnectAsync(int port, CancellationToken cancellationToken)
    {
        Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(IPAddress.Loopback, port, cancellationToken);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Waits until somebody listens, by the kernel's own table: a trial connection would be one more to the peer.</summary>
    public static async Task WaitUntilListeningAsync(int port, PeerProcess peer, CancellationToken cancellationToken)
    {
        string wanted = string.Create(CultureInfo.InvariantCulture, $":{port:X4} ");
        using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(PeerProcess.Limit);
        try
        {
            while (!IsListening("/proc/net/tcp", wanted) && !IsListening("/proc/net/tcp6", wanted))
            {
                Assert.False(peer.HasEnded, $"nobody listens on {port}. {peer.Tail}");
                await Task.Delay(_retry, limit.Token);
            }
        }
        catch (OperationCanceledException)
        {
            Assert.Fail($"nobody listens on {port}. {peer.Tail}");
        }
    }

    private static bool IsListening(string table, string port)
    {
        const string Listen = " 0A ";
        return File.Exists(table) && File.ReadLines(table).Any(line => line.IndexOf(port, StringComparison.Ordinal) is var at and > 0 and < 45
            && line.IndexOf(Listen, StringComparison.Ordinal) > at
            && line.IndexOf(port, StringComparison.Ordinal) < line.IndexOf(Listen, StringComparison.Ordinal) - 10);
    }
}

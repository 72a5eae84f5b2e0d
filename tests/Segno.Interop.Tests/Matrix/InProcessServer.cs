using System.Net;
using System.Net.Sockets;
using Segno.Interop.Tests.Ends;

namespace Segno.Interop.Tests.Matrix;

/// <summary>A server of a library in this process, which sends back what it gets.</summary>
internal sealed class InProcessServer : PeerServer
{
    private readonly Socket _listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly Func<Stream, CancellationToken, Task<bool>> _serve;
    private Task<bool>? _serving;

    /// <param name="serve">Serves one connection to its end, and says whether it was resumed.</param>
    public InProcessServer(Func<Stream, CancellationToken, Task<bool>> serve)
    {
        _serve = serve;
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _listener.Listen();
        Port = ((IPEndPoint)_listener.LocalEndPoint!).Port;
    }

    public override int Port { get; }

    public static async Task EchoAsync(Stream stream, CancellationToken cancellationToken)
    {
        byte[] chunk = new byte[65536];
        int count;
        while ((count = await stream.ReadAsync(chunk, cancellationToken)) > 0)
        {
            await stream.WriteAsync(chunk.AsMemory(0, count), cancellationToken);
        }
    }

    public override void Expect(CancellationToken cancellationToken) => _serving = Task.Run(async () =>
    {
        using Socket socket = await _listener.AcceptAsync(cancellationToken);
        await using NetworkStream stream = new(socket);
        return await _serve(stream, cancellationToken);
    }, cancellationToken);

    public override async Task<bool> TalkAsync(TlsStream stream, bool last, CancellationToken cancellationToken)
    {
        await Exchange.EchoedAsync(stream, last ? Payload.Bytes : Exchange.Hello, 0, cancellationToken);
        return await _serving!.WaitAsync(Peers.PeerProcess.Limit, cancellationToken);
    }

    public override ValueTask DisposeAsync()
    {
        _listener.Dispose();
        return ValueTask.CompletedTask;
    }
}

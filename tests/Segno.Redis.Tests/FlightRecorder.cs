using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using Segno.Interop.Tests.Peers;

namespace Segno.Redis.Tests;

/// <summary>
/// Stands between one client and one server, as anybody on the way can, and keeps the client's first flight: all records up to the first that is protected, which is the early data. What it
/// holds back with <see cref="HoldBack"/> never arrives.
/// </summary>
internal sealed class FlightRecorder : IDisposable
{
    private const byte ApplicationData = 23;
    private const int Header = 5;

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly TaskCompletionSource<byte[]> _flight = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Task _running;

    /// <param name="server">Where to pass things on.</param>
    /// <param name="holdBack">Pass on nothing: what is recorded is new to the server.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public FlightRecorder(int server, bool holdBack, CancellationToken cancellationToken)
    {
        HoldBack = holdBack;
        _listener.Start();
        _running = RunAsync(server, cancellationToken);
    }

    public bool HoldBack { get; }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>ClientHello, perhaps change_cipher_spec, and the first record of early data.</summary>
    public Task<byte[]> FlightAsync(CancellationToken cancellationToken) => _flight.Task.WaitAsync(PeerProcess.Limit, cancellationToken);

    public void Dispose()
    {
        _listener.Stop();
        _ = _running.ContinueWith(static done => done.Exception, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
    }

    private async Task RunAsync(int port, CancellationToken cancellationToken)
    {
        using TcpClient client = await _listener.AcceptTcpClientAsync(cancellationToken);
        NetworkStream from = client.GetStream();
        if (HoldBack)
        {
            await RecordAsync(from, Stream.Null, cancellationToken);
            return;
        }
        await using NetworkStream to = await Loopback.ConnectAsync(port, cancellationToken);
        Task back = BackAsync(to, from, cancellationToken);
        await RecordAsync(from, to, cancellationToken);
        await from.CopyToAsync(to, cancellationToken);
        to.Socket.Shutdown(SocketShutdown.Send);
        await back;
    }

    private static async Task BackAsync(NetworkStream from, NetworkStream to, CancellationToken cancellationToken)
    {
        await from.CopyToAsync(to, cancellationToken);
        to.Socket.Shutdown(SocketShutdown.Send);
    }

    private async Task RecordAsync(NetworkStream from, Stream to, CancellationToken cancellationToken)
    {
        List<byte> flight = [];
        byte type;
        do
        {
            byte[] record = new byte[Header];
            await from.ReadExactlyAsync(record, cancellationToken);
            type = record[0];
            Array.Resize(ref record, Header + BinaryPrimitives.ReadUInt16BigEndian(record.AsSpan(3)));
            await from.ReadExactlyAsync(record.AsMemory(Header), cancellationToken);
            flight.AddRange(record);
            await to.WriteAsync(record, cancellationToken);
        }
        while (type != ApplicationData);
        _flight.TrySetResult([.. flight]);
    }
}

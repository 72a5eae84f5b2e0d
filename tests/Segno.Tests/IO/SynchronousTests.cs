using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Time.Testing;
using Segno.Tests.Connections;
using static Segno.Tests.IO.TlsStreams;

namespace Segno.Tests.IO;

/// <summary>Synchronous methods make synchronous calls only, asynchronous ones asynchronous calls only.</summary>
public class SynchronousTests
{
    [Fact]
    public async Task AllOfItOverAStreamWithoutAsynchronousCalls()
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts();
        TlsStreams streams = Create(DuplexModes.SyncOnly with { Capacity = 5000 });
        byte[] data = Data(200_000);
        Task serving = OnAThread(() =>
        {
            streams.Server.AuthenticateAsServer(server);
            byte[] received = new byte[data.Length];
            streams.Server.ReadExactly(received);
            streams.Server.Write(received, 0, received.Length);
            streams.Server.Flush();
            Assert.Equal(-1, streams.Server.ReadByte());
            streams.Server.Dispose();
        });
        streams.Client.AuthenticateAsClient(client, "localhost");
        Task writing = OnAThread(() =>
        {
            streams.Client.Write(data);
            streams.Client.Flush();
        });
        byte[] echo = new byte[data.Length];
        Assert.Equal(0, streams.Client.Read([]));
        streams.Client.ReadExactly(echo);
        Assert.Equal(data, echo);
        await writing;
        streams.Client.Shutdown();
        Assert.Equal(0, streams.Client.Read(new byte[1]));
        streams.Client.Dispose();
        await serving;
    }

    [Fact]
    public async Task AKeyUpdateIsAnsweredWithoutAsynchronousCalls()
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts();
        TlsStreams streams = Create(DuplexModes.SyncOnly);
        using EngineEnd peer = EngineEnd.Server(streams.Transport.Server, server);
        Task serving = OnAThread(peer.Handshake);
        streams.Client.AuthenticateAsClient(client, "localhost");
        await serving;
        peer.Connection.UpdateKeys(requestPeer: true);
        peer.Send("x"u8);
        Assert.Equal('x', streams.Client.ReadByte());
        // The answer comes from the thread pool.
        await OnAThread(peer.ReceiveOnce);
        streams.Client.Write("y"u8);
        Assert.Equal("y"u8.ToArray(), peer.ReceiveData());
        streams.Client.Dispose();
    }

    [Fact]
    public async Task AllOfItOverAStreamWithoutSynchronousCalls()
    {
        await using TlsStreams streams = await ConnectAsync(DuplexModes.AsyncOnly);
        await streams.Client.UpdateKeysAsync(requestPeer: true, Cancel);
        await streams.Client.WriteAsync(Data(100_000), Cancel);
        await streams.Client.FlushAsync(Cancel);
        Assert.Equal(Data(100_000), await ReadExactlyAsync(streams.Server, 100_000));
        await streams.Server.WriteAsync(Data(10), Cancel);
        Assert.Equal(Data(10), await ReadExactlyAsync(streams.Client, 10));
        await streams.Client.DisposeAsync();
        Assert.Equal(0, await streams.Server.ReadAsync(new byte[1], Cancel));
    }

    [Fact]
    public async Task ASynchronousHandshakeHasItsTimeOnAnyStream()
    {
        var time = new FakeTimeProvider(DateTimeOffset.UtcNow);
        (TlsClientContext client, _) = HandshakeTests.Contexts(o => o.TimeProvider = time);
        TlsStreams streams = Create(DuplexModes.SyncOnly);
        Task handshake = OnAThread(() => streams.Client.AuthenticateAsClient(client, "localhost"));
        await streams.Transport.Client.BlockedInRead;
        time.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal(TlsFault.HandshakeTimeout, (await Assert.ThrowsAnyAsync<TlsException>(() => handshake)).Fault);
    }

    [Fact]
    public async Task ASynchronousReadHasItsIdleTimeOnAnyStream()
    {
        var time = new FakeTimeProvider(DateTimeOffset.UtcNow);
        await using TlsStreams streams = await ConnectAsync(
            client: o => { o.TimeProvider = time; o.IdleTimeout = TimeSpan.FromSeconds(5); });
        // The tickets are here already; the read takes them, then waits.
        Task read = OnAThread(() => streams.Client.ReadByte());
        await streams.Transport.Client.BlockedInRead;
        await WaitForNewBlockAsync(streams, read, time);
        Assert.Equal(TlsFault.IdleTimeout, (await Assert.ThrowsAsync<TlsException>(() => read)).Fault);
    }

    [Fact]
    public async Task ASocketHasTimeoutsOfItsOwn()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(listener.LocalEndpoint, Cancel);
        using Socket silent = await listener.AcceptSocketAsync(Cancel);
        using var inner = new NetworkStream(socket) { ReadTimeout = 12_345 };
        (TlsClientContext client, _) = HandshakeTests.Contexts(o => o.HandshakeTimeout = TimeSpan.FromMilliseconds(50));
        using var stream = new TlsStream(inner, leaveInnerStreamOpen: true);
        TlsException e = await Assert.ThrowsAnyAsync<TlsException>(() => OnAThread(() => stream.AuthenticateAsClient(client, "localhost")));
        Assert.Equal(TlsFault.HandshakeTimeout, e.Fault);
        Assert.Equal(12_345, inner.ReadTimeout);
    }

    [Fact]
    public async Task AnExpiredReadTimeoutLosesNothing()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(listener.LocalEndpoint, Cancel);
        using Socket accepted = await listener.AcceptSocketAsync(Cancel);
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts();
        using var here = new TlsStream(new NetworkStream(socket));
        using var there = new TlsStream(new NetworkStream(accepted));
        Task serving = OnAThread(() => there.AuthenticateAsServer(server));
        here.AuthenticateAsClient(client, "localhost");
        await serving;
        here.ReadTimeout = 20;
        IOException e = Assert.Throws<IOException>(() => here.ReadByte());
        Assert.Equal(SocketError.TimedOut, Assert.IsType<SocketException>(e.InnerException).SocketErrorCode);
        here.ReadTimeout = Timeout.Infinite;
        there.Write("z"u8);
        Assert.Equal('z', here.ReadByte());
    }

    private static Task OnAThread(Action action)
        => Task.Factory.StartNew(action, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    /// <summary>Advances the clock until the read has seen it: the read may have begun its wait just after the clock moved.</summary>
    private static async Task WaitForNewBlockAsync(TlsStreams streams, Task read, FakeTimeProvider time)
    {
        while (!read.IsCompleted)
        {
            time.Advance(TimeSpan.FromSeconds(5));
            await Task.WhenAny(read, Task.Delay(1, Cancel));
        }
        Assert.True(streams.Transport.Client.IsDisposed);
    }
}

#pragma warning disable CA2022 // Where the count is not looked at, the exception is.
using System.Net;
using System.Net.Sockets;
using System.Security.Authentication;
using Microsoft.Extensions.Time.Testing;
using Segno.Sessions;
using Segno.Tests.Connections;
using static Segno.Tests.IO.TlsStreams;

namespace Segno.Tests.IO;

/// <summary>A client's sessions where the application does not read: waited for, or taken along while it writes and closes.</summary>
public sealed class SessionWaitTests
{
    private static readonly TimeSpan Long = TimeSpan.FromMinutes(1);

    [Fact]
    public async Task ATicketIsWaitedFor()
    {
        await using TlsStreams streams = await ConnectAsync();
        Assert.Equal(SessionWait.Received, await streams.Client.WaitForSessionAsync(Long, Cancel));
        Assert.NotNull(streams.Client.Session);
        // A second time there is nothing to wait for.
        Assert.Equal(SessionWait.Received, await streams.Client.WaitForSessionAsync(TimeSpan.Zero, Cancel));
        // And nothing was lost.
        await streams.Server.WriteAsync(Data(1000), Cancel);
        Assert.Equal(Data(1000), await ReadExactlyAsync(streams.Client, 1000));
    }

    [Fact]
    public async Task ATicketIsWaitedForOnPipes()
    {
        await using TlsPipes pipes = await TlsPipes.ConnectAsync();
        Assert.Equal(SessionWait.Received, await pipes.Client.WaitForSessionAsync(Long, Cancel));
        Assert.NotNull(pipes.Client.Session);
        await pipes.Server.Output.WriteAsync(Data(1000), Cancel);
        Assert.Equal(Data(1000), await TlsPipes.ReadExactlyAsync(pipes.Client.Input, 1000));
    }

    [Theory]
    [InlineData("resumption off")]
    [InlineData("TLS 1.2 without a session")]
    [InlineData("the server said none")]
    public async Task WhereNoneComesNobodyWaits(string why)
    {
        await using TlsStreams streams = await ConnectAsync(
            client: o =>
            {
                o.AllowTlsResume = why != "resumption off";
                o.TicketRequest = why == "the server said none" ? new TlsTicketRequest(2, 1) : null;
            },
            server: o =>
            {
                o.EnabledSslProtocols = why == "TLS 1.2 without a session" ? SslProtocols.Tls12 : SslProtocols.Tls13;
                o.AllowTlsResume = why == "resumption off";
            });
        Assert.Equal(SessionWait.NotComing, await streams.Client.WaitForSessionAsync(Timeout.InfiniteTimeSpan, Cancel));
        Assert.Null(streams.Client.Session);
    }

    [Fact]
    public async Task ATls12SessionIsThereAtOnce()
    {
        await using TlsStreams streams = await ConnectAsync(server: o => o.EnabledSslProtocols = SslProtocols.Tls12);
        Assert.Equal(SessionWait.Received, await streams.Client.WaitForSessionAsync(TimeSpan.Zero, Cancel));
    }

    [Fact]
    public async Task DataThatComesFirstIsKept()
    {
        await using TlsStreams streams = await ConnectAsync(server: o => o.TicketCount = 0);
        await streams.Server.WriteAsync(Data(40_000), Cancel);
        Assert.Equal(SessionWait.DataWaiting, await streams.Client.WaitForSessionAsync(Long, Cancel));
        Assert.Equal(SessionWait.DataWaiting, await streams.Client.WaitForSessionAsync(Long, Cancel));
        Assert.Equal(Data(40_000), await ReadExactlyAsync(streams.Client, 40_000));
        Assert.Equal(1, await streams.Server.IssueTicketsAsync(1, Cancel));
        Assert.Equal(SessionWait.Received, await streams.Client.WaitForSessionAsync(Long, Cancel));
    }

    [Fact]
    public async Task ThePeerCloses()
    {
        await using TlsStreams streams = await ConnectAsync(server: o => o.TicketCount = 0);
        await streams.Server.ShutdownAsync();
        Assert.Equal(SessionWait.Closed, await streams.Client.WaitForSessionAsync(Long, Cancel));
        Assert.Equal(0, await streams.Client.ReadAsync(new byte[1], Cancel));
    }

    [Fact]
    public async Task TheTimeIsTheClients()
    {
        var time = new FakeTimeProvider(TimeProvider.System.GetUtcNow());
        await using TlsStreams streams = await ConnectAsync(client: o => o.TimeProvider = time, server: o => o.TicketCount = 0);
        Task<SessionWait> wait = streams.Client.WaitForSessionAsync(TimeSpan.FromSeconds(5), Cancel);
        time.Advance(TimeSpan.FromSeconds(4.999));
        Assert.False(wait.IsCompleted);
        // Meanwhile the reading half is taken.
        await Assert.ThrowsAsync<NotSupportedException>(async () => await streams.Client.ReadAsync(new byte[1], Cancel));
        time.Advance(TimeSpan.FromMilliseconds(2));
        Assert.Equal(SessionWait.TimedOut, await wait);
        // It may still come, and nothing was lost.
        Assert.Equal(1, await streams.Server.IssueTicketsAsync(1, Cancel));
        await streams.Server.WriteAsync(Data(10), Cancel);
        Assert.Equal(SessionWait.Received, await streams.Client.WaitForSessionAsync(Long, Cancel));
        Assert.Equal(Data(10), await ReadExactlyAsync(streams.Client, 10));
    }

    [Fact]
    public async Task ItCanBeCancelled()
    {
        await using TlsStreams streams = await ConnectAsync(server: o => o.TicketCount = 0);
        using var source = new CancellationTokenSource();
        Task<SessionWait> wait = streams.Client.WaitForSessionAsync(Long, source.Token);
        await source.CancelAsync();
        OperationCanceledException cancelled = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => wait);
        Assert.Equal(source.Token, cancelled.CancellationToken);
        await streams.Server.WriteAsync(Data(10), Cancel);
        Assert.Equal(Data(10), await ReadExactlyAsync(streams.Client, 10));
    }

    [Fact]
    public async Task ATruncationIsToldAsByARead()
    {
        await using TlsStreams streams = await ConnectAsync(server: o => o.TicketCount = 0);
        await streams.Transport.Server.DisposeAsync();
        Assert.Equal(TlsFault.Truncated, (await Assert.ThrowsAnyAsync<TlsException>(() => streams.Client.WaitForSessionAsync(Long, Cancel))).Fault);
    }

    [Fact]
    public async Task ItIsAClientsAndNotNegative()
    {
        await using TlsStreams streams = await ConnectAsync();
        await Assert.ThrowsAsync<InvalidOperationException>(() => streams.Server.WaitForSessionAsync(Long, Cancel));
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => streams.Client.WaitForSessionAsync(TimeSpan.FromSeconds(-2), Cancel));
    }

    [Theory]
    [InlineData("write", false)]
    [InlineData("write", true)]
    [InlineData("close", false)]
    [InlineData("close", true)]
    [InlineData("close behind data", false)]
    [InlineData("close behind data", true)]
    public async Task WhoOnlyWritesGetsTheTicketsAllTheSame(string how, bool synchronous)
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts(null, o => o.TicketCount = how == "close behind data" ? 0 : 2);
        await using var sockets = await SocketPair.ConnectAsync();
        await using var serverEnd = new TlsStream(sockets.Server);
        var clientEnd = new TlsStream(sockets.Client);
        await Task.WhenAll(serverEnd.AuthenticateAsServerAsync(server, Cancel), clientEnd.AuthenticateAsClientAsync(client, "localhost", Cancel));
        if (how == "close behind data")
        {
            await serverEnd.WriteAsync(Data(5000), Cancel);
            Assert.Equal(2, await serverEnd.IssueTicketsAsync(2, Cancel));
        }
        await Arrived(sockets.Client.Socket);
        Assert.Null(clientEnd.Session);
        if (how == "write")
        {
            await WriteAsync();
            Assert.NotNull(clientEnd.Session);
            // Data that comes is left for whoever reads at last.
            await serverEnd.WriteAsync(Data(30_000), Cancel);
            await Arrived(sockets.Client.Socket);
            await WriteAsync();
            await WriteAsync();
            Assert.Equal(Data(30_000), await ReadExactlyAsync(clientEnd, 30_000));
        }
        if (synchronous)
        {
            clientEnd.Dispose();
        }
        else
        {
            await clientEnd.DisposeAsync();
        }
        Assert.Equal(2, client.SessionCache.Count);

        async Task WriteAsync()
        {
            if (synchronous)
            {
                clientEnd.Write(Data(10));
            }
            else
            {
                await clientEnd.WriteAsync(Data(10), Cancel);
            }
        }
    }

    [Fact]
    public async Task WhoOnlyWritesToAPipeGetsTheTicketsAllTheSame()
    {
        await using TlsPipes pipes = await TlsPipes.ConnectAsync();
        Assert.Null(pipes.Client.Session);
        await pipes.Client.Output.WriteAsync(Data(10), Cancel);
        Assert.NotNull(pipes.Client.Session);
        await pipes.Server.Output.WriteAsync(Data(20_000), Cancel);
        await pipes.Client.Output.WriteAsync(Data(10), Cancel);
        Assert.Equal(Data(20_000), await TlsPipes.ReadExactlyAsync(pipes.Client.Input, 20_000));
    }

    [Fact]
    public async Task WhatArrivesBrokenIsToldByTheNextCall()
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts(null, o => o.TicketCount = 0);
        await using var sockets = await SocketPair.ConnectAsync();
        await using var serverEnd = new TlsStream(sockets.Server);
        await using var clientEnd = new TlsStream(sockets.Client);
        await Task.WhenAll(serverEnd.AuthenticateAsServerAsync(server, Cancel), clientEnd.AuthenticateAsClientAsync(client, "localhost", Cancel));
        await sockets.Server.WriteAsync(new byte[] { 23, 3, 3, 0, 20, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20 }, Cancel);
        await Arrived(sockets.Client.Socket);
        await clientEnd.WriteAsync(Data(10), Cancel);
        TlsException failure = await Assert.ThrowsAnyAsync<TlsException>(async () => await clientEnd.WriteAsync(Data(10), Cancel));
        Assert.Equal(TlsFault.RecordAuthenticationFailed, failure.Fault);
        // The server got what was written, and then the alert.
        Assert.Equal(Data(10), await ReadExactlyAsync(serverEnd, 10));
        Assert.True(Assert.IsType<TlsAlertException>(await Assert.ThrowsAnyAsync<TlsException>(async () => await serverEnd.ReadAsync(new byte[1], Cancel))).SentByPeer);
    }

    /// <summary>Waits, without taking it, until there is something in the socket.</summary>
    private static async Task Arrived(Socket socket)
    {
        await socket.ReceiveAsync(Memory<byte>.Empty, SocketFlags.None, Cancel);
        Assert.True(socket.Available > 0);
    }

    private sealed class SocketPair(NetworkStream client, NetworkStream server) : IAsyncDisposable
    {
        public NetworkStream Client => client;

        public NetworkStream Server => server;

        public static async Task<SocketPair> ConnectAsync()
        {
            using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            listener.Listen();
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            Task<Socket> accepted = listener.AcceptAsync(Cancel).AsTask();
            await socket.ConnectAsync(listener.LocalEndPoint!, Cancel);
            Socket other = await accepted;
            other.NoDelay = true;
            return new SocketPair(new NetworkStream(socket, ownsSocket: true), new NetworkStream(other, ownsSocket: true));
        }

        public async ValueTask DisposeAsync()
        {
            await client.DisposeAsync();
            await server.DisposeAsync();
        }
    }
}

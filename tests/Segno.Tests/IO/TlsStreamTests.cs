#pragma warning disable CA2022 // Where the count is not looked at, the exception is.
using System.Net;
using System.Net.Sockets;
using System.Security.Authentication;
using Segno.Tests.Connections;
using static Segno.Tests.IO.TlsStreams;

namespace Segno.Tests.IO;

/// <summary>Data, flights, closing: what goes right.</summary>
public class TlsStreamTests
{
    public static TheoryData<int, int> Echoes => new()
    {
        // Length, and: -1 all at once, 0 byte by byte, else a seed.
        { 1, -1 }, { 100, 0 }, { 16384, -1 }, { 16385, 0 }, { 16385, 1 }, { 65536, 2 }, { 65537, -1 }, { 200_000, 3 }, { 1 << 20, -1 }, { 1 << 20, 4 },
    };

    [Theory]
    [MemberData(nameof(Echoes))]
    public async Task EchoBothWaysHoweverItArrives(int length, int arrival)
    {
        DuplexModes modes = arrival switch { < 0 => new(), 0 => DuplexModes.ByteByByte, _ => DuplexModes.Random(arrival) };
        await using TlsStreams streams = await ConnectAsync(modes);
        byte[] up = Data(length, seed: 10);
        byte[] down = Data(length, seed: 11);
        Task<byte[]> atServer = ReadExactlyAsync(streams.Server, length);
        Task<byte[]> atClient = ReadExactlyAsync(streams.Client, length);
        await Task.WhenAll(streams.Client.WriteAsync(up, Cancel).AsTask(), streams.Server.WriteAsync(down, Cancel).AsTask());
        Assert.Equal(up, await atServer);
        Assert.Equal(down, await atClient);
    }

    [Fact]
    public async Task FacesAreThoseOfSslStream()
    {
        await using TlsStreams streams = await ConnectAsync(
            client: o => o.ApplicationProtocols = [System.Net.Security.SslApplicationProtocol.Http2],
            server: o => o.ApplicationProtocols = [System.Net.Security.SslApplicationProtocol.Http2]);
        foreach (TlsStream stream in (TlsStream[])[streams.Client, streams.Server])
        {
            Assert.True(stream is { IsAuthenticated: true, IsEncrypted: true, IsSigned: true, IsMutuallyAuthenticated: false });
            Assert.True(stream is { CanRead: true, CanWrite: true, CanSeek: false });
            Assert.Equal(SslProtocols.Tls13, stream.SslProtocol);
            Assert.Equal(stream.ConnectionInfo.CipherSuite, stream.NegotiatedCipherSuite);
            Assert.Equal(System.Net.Security.SslApplicationProtocol.Http2, stream.NegotiatedApplicationProtocol);
            Assert.Equal("localhost", stream.TargetHostName);
        }
        Assert.False(streams.Client.IsServer);
        Assert.True(streams.Server.IsServer);
        Assert.NotNull(streams.Client.RemoteCertificate);
        Assert.NotNull(streams.Server.LocalCertificate);
        byte[] here = new byte[32];
        byte[] there = new byte[32];
        streams.Client.ExportKeyingMaterial("EXPORTER-test", [1], here);
        streams.Server.ExportKeyingMaterial("EXPORTER-test", [1], there);
        Assert.Equal(here, there);
    }

    [Fact]
    public async Task NothingWorksBeforeAuthentication()
    {
        await using TlsStreams streams = Create();
        Assert.False(streams.Client.IsAuthenticated);
        Assert.False(streams.Client.CanRead);
        Assert.Throws<InvalidOperationException>(() => streams.Client.Read(new byte[1]));
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await streams.Client.WriteAsync(new byte[1], Cancel));
        Assert.Throws<InvalidOperationException>(() => streams.Client.ConnectionInfo);
    }

    [Fact]
    public async Task AuthenticationHappensOnce()
    {
        await using TlsStreams streams = await ConnectAsync();
        (TlsClientContext client, _) = HandshakeTests.Contexts();
        await Assert.ThrowsAsync<InvalidOperationException>(() => streams.Client.AuthenticateAsClientAsync(client, "localhost", Cancel));
        await streams.Client.WriteAsync(Data(1), Cancel);
        await ReadExactlyAsync(streams.Server, 1);
    }

    [Fact]
    public async Task EachFlightIsOneWrite()
    {
        await using TlsStreams streams = await ConnectAsync();
        Assert.Equal(2, streams.Transport.Client.Writes);   // hello; change_cipher_spec and Finished
        Assert.Equal(2, streams.Transport.Server.Writes);   // hello to Finished; tickets
    }

    [Fact]
    public async Task TicketsComeEvenIfTheServerNeverWrites()
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts();
        await using (TlsStreams streams = await ConnectAsync(client, server))
        {
            Task<int> read = streams.Client.ReadAsync(new byte[1], Cancel).AsTask();
            Assert.NotNull(streams.Client.Session);
            Assert.False(read.IsCompleted);
            await streams.Server.ShutdownAsync();
            Assert.Equal(0, await read);
        }
        await using (TlsStreams streams = await ConnectAsync(client, server))
        {
            Assert.True(streams.Client.Resumption.IsResumed);
            Assert.True(streams.Server.Resumption.IsResumed);
        }
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(16384, 1)]
    [InlineData(65536, 1)]
    [InlineData(65537, 2)]
    [InlineData(1 << 20, 16)]
    public async Task FourRecordsShareAWrite(int length, int writes)
    {
        await using TlsStreams streams = await ConnectAsync();
        int before = streams.Transport.Client.Writes;
        await streams.Client.WriteAsync(Data(length), Cancel);
        Assert.Equal(writes, streams.Transport.Client.Writes - before);
        Assert.Equal(Data(length), await ReadExactlyAsync(streams.Server, length));
    }

    [Fact]
    public async Task PaddingAndSmallFragmentsFitTheBuffers()
    {
        await using TlsStreams streams = await ConnectAsync(client: o => { o.MaxSendFragment = 100; o.RecordPadding = 1000; });
        await streams.Client.WriteAsync(Data(100_000), Cancel);
        Assert.Equal(Data(100_000), await ReadExactlyAsync(streams.Server, 100_000));
    }

    [Fact]
    public async Task AnEmptyReadWaitsForDataAndHoldsNoBuffer()
    {
        await using TlsStreams streams = await ConnectAsync();
        int before = streams.Transport.Client.EmptyReads;
        Task<int> wait = streams.Client.ReadAsync(Memory<byte>.Empty, Cancel).AsTask();
        // The tickets were here; they are no data.
        Assert.NotNull(streams.Client.Session);
        Assert.False(wait.IsCompleted);
        Assert.True(streams.Transport.Client.EmptyReads > before);
        await streams.Server.WriteAsync("hello"u8.ToArray(), Cancel);
        Assert.Equal(0, await wait);
        Assert.Equal(0, await streams.Client.ReadAsync(Memory<byte>.Empty, Cancel));
        Assert.Equal("hello"u8.ToArray(), await ReadExactlyAsync(streams.Client, 5));
    }

    [Fact]
    public async Task AnEmptyReadEndsWithTheData()
    {
        await using TlsStreams streams = await ConnectAsync();
        Task<int> wait = streams.Client.ReadAsync(Memory<byte>.Empty, Cancel).AsTask();
        await streams.Server.ShutdownAsync();
        Assert.Equal(0, await wait);
        Assert.Equal(0, await streams.Client.ReadAsync(new byte[1], Cancel));
    }

    [Fact]
    public async Task ATinyReadGetsTheRestLater()
    {
        await using TlsStreams streams = await ConnectAsync();
        await streams.Server.WriteAsync("hello"u8.ToArray(), Cancel);
        byte[] one = new byte[1];
        foreach (byte expected in "hello"u8.ToArray())
        {
            Assert.Equal(1, await streams.Client.ReadAsync(one, Cancel));
            Assert.Equal(expected, one[0]);
        }
    }

    [Fact]
    public async Task EachSideClosesForItself()
    {
        await using TlsStreams streams = await ConnectAsync();
        await streams.Client.WriteAsync("question"u8.ToArray(), Cancel);
        await streams.Client.ShutdownAsync();
        Assert.Equal("question"u8.ToArray(), await ReadExactlyAsync(streams.Server, 8));
        Assert.Equal(0, await streams.Server.ReadAsync(new byte[1], Cancel));
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await streams.Client.WriteAsync(new byte[1], Cancel));

        await streams.Server.WriteAsync("answer"u8.ToArray(), Cancel);
        await streams.Server.ShutdownAsync();
        Assert.Equal("answer"u8.ToArray(), await ReadExactlyAsync(streams.Client, 6));
        Assert.Equal(0, await streams.Client.ReadAsync(new byte[1], Cancel));
        Assert.Equal(0, await streams.Client.ReadAsync(new byte[1], Cancel));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task DisposingSendsCloseNotify(bool synchronous)
    {
        await using TlsStreams streams = await ConnectAsync();
        if (synchronous)
        {
            streams.Client.Dispose();
        }
        else
        {
            await streams.Client.DisposeAsync();
        }
        Assert.True(streams.Transport.Client.IsDisposed);
        Assert.Equal(0, await streams.Server.ReadAsync(new byte[1], Cancel));
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await streams.Client.ReadAsync(new byte[1], Cancel));
        Assert.Throws<ObjectDisposedException>(() => streams.Client.Write([1]));
    }

    [Fact]
    public async Task TheInnerStreamMayStayOpen()
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts();
        var pair = new DuplexPair();
        var outer = new TlsStream(pair.Client, leaveInnerStreamOpen: true);
        await using var peer = new TlsStream(pair.Server);
        await Task.WhenAll(outer.AuthenticateAsClientAsync(client, "localhost", Cancel), peer.AuthenticateAsServerAsync(server, Cancel));
        await outer.DisposeAsync();
        Assert.False(pair.Client.IsDisposed);
        Assert.Equal(0, await peer.ReadAsync(new byte[1], Cancel));
    }

    [Fact]
    public async Task KeysAreUpdatedByBothSides()
    {
        await using TlsStreams streams = await ConnectAsync();
        for (int i = 0; i < 5; i++)
        {
            await streams.Client.UpdateKeysAsync(requestPeer: i % 2 == 0, Cancel);
            await streams.Client.WriteAsync(Data(100, i), Cancel);
            Assert.Equal(Data(100, i), await ReadExactlyAsync(streams.Server, 100));
            await streams.Server.WriteAsync(Data(100, i), Cancel);
            Assert.Equal(Data(100, i), await ReadExactlyAsync(streams.Client, 100));
        }
    }

    [Fact]
    public async Task OptionsWillDoForOneConnection()
    {
        await using TlsStreams streams = Create();
        await Task.WhenAll(
            streams.Server.AuthenticateAsServerAsync(new TlsServerOptions { ServerCertificates = [TestPki.Ecdsa("localhost").Tls] }, Cancel),
            streams.Client.AuthenticateAsClientAsync(
                new TlsClientOptions { TargetHost = "localhost", CertificateChainPolicy = TestPki.TrustRoot() }, Cancel));
        await streams.Client.WriteAsync(Data(10), Cancel);
        Assert.Equal(Data(10), await ReadExactlyAsync(streams.Server, 10));
    }

    [Fact]
    public async Task ConnectByTcp()
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts();
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        int port = ((IPEndPoint)listener.LocalEndpoint).Port;
        for (int i = 0; i < 2; i++)
        {
            Task<TlsStream> connecting = TlsStream.ConnectAsync("localhost", port, client, Cancel);
            await using var accepted = new TlsStream(new NetworkStream(await listener.AcceptSocketAsync(Cancel), ownsSocket: true));
            await accepted.AuthenticateAsServerAsync(server, Cancel);
            await using TlsStream connected = await connecting;
            Assert.Equal(i == 1, connected.Resumption.IsResumed);
            Task write = accepted.WriteAsync(Data(300_000), Cancel).AsTask();
            Assert.Equal(Data(300_000), await ReadExactlyAsync(connected, 300_000));
            await write;
            await accepted.DisposeAsync();
            Assert.Equal(0, await connected.ReadAsync(new byte[1], Cancel));
        }
    }

    [Fact]
    public async Task ReadingAndWritingWhatIsThereAllocatesNothing()
    {
#if DEBUG
        Assert.Skip("Without optimisation every async method makes an object.");
#endif
        await using TlsStreams streams = await ConnectAsync();
        byte[] data = Data(100);
        byte[] buffer = new byte[100];
        async Task<long> RoundsAsync(int count)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < count; i++)
            {
                ValueTask write = streams.Client.WriteAsync(data, CancellationToken.None);
                ValueTask<int> read = streams.Server.ReadAsync(buffer, CancellationToken.None);
                Assert.True(write.IsCompletedSuccessfully && read.IsCompletedSuccessfully);
                await write;
                await read;
            }
            return GC.GetAllocatedBytesForCurrentThread() - before;
        }
        await RoundsAsync(100);
        long allocated = await RoundsAsync(1000);
        Assert.InRange(allocated, 0, 1000);
    }
}

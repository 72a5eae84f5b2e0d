using System.Net.Sockets;
using System.Security.Authentication;
using System.Text;
using System.Text.RegularExpressions;
using Segno.Interop.Tests.Ends;
using Segno.Interop.Tests.Matrix;
using Segno.Interop.Tests.Peers;
using Segno.Tests;

namespace Segno.Interop.Tests;

/// <summary>What may come to a TLS port that is not good TLS 1.3: a named fault, the alert, and a server that goes on serving.</summary>
public sealed partial class BadInputTests
{
    private const byte AlertRecord = 21;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Plain_http_is_named()
    {
        await using SegnoServer server = StartServer();
        (Served served, byte[] answer) = await SendAsync(server, Encoding.ASCII.GetBytes("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"), close: false);
        Assert.Equal(TlsFault.PlainHttpReceived, served.Fault);
        AssertAlert(answer);
        await AssertStillServesAsync(server);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Garbage_is_not_tls(int seed)
    {
        await using SegnoServer server = StartServer();
        byte[] garbage = new byte[2000];
#pragma warning disable CA5394 // the same garbage each time
        new Random(seed).NextBytes(garbage);
#pragma warning restore CA5394
        garbage[0] = (byte)(0x80 + seed); // no record type of TLS
        (Served served, byte[] answer) = await SendAsync(server, garbage, close: false);
        Assert.Equal(TlsFault.NotTls, served.Fault);
        AssertAlert(answer);
        await AssertStillServesAsync(server);
    }

    /// <summary>A real hello, cut at every kind of place: in the record's header, in the message's header, in its body, before its last byte.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(8)]
    [InlineData(60)]
    [InlineData(-1)]
    public async Task A_truncated_hello_ends_the_handshake(int length)
    {
        await using SegnoServer server = StartServer();
        byte[] hello = ClientHello();
        (Served served, _) = await SendAsync(server, hello[..(length < 0 ? hello.Length + length : length)], close: true);
        Assert.Equal(TlsFault.ClosedDuringHandshake, served.Fault);
        await AssertStillServesAsync(server);
    }

    /// <summary>openssl s_client with only versions that are not enabled hears protocol_version. (TLS 1.0 and 1.1 need its lowest security level to be offered at all.)</summary>
    [Theory]
    [InlineData("-tls1", SslProtocols.None)]
    [InlineData("-tls1_1", SslProtocols.None)]
    [InlineData("-tls1_2", SslProtocols.Tls13)]
    public async Task Old_versions_are_refused(string version, SslProtocols enabled)
    {
        await using SegnoServer server = StartServer(enabled);
        await using PeerProcess client = PeerProcess.Start(Peer.Find("openssl"),
            ["s_client", "-connect", OpenSslPeer.Address(server.Port), version, "-cipher", "DEFAULT:@SECLEVEL=0", "-servername", "localhost"]);
        client.CloseInput();
        Assert.Equal(TlsFault.NoCommonVersion, (await server.NextAsync(Token)).Fault);
        Assert.NotEqual(0, await client.ExitAsync(Token));
        Assert.Matches(ProtocolVersionPattern(), client.Output);
        await AssertStillServesAsync(server);
    }

    /// <summary>A peer of ours that says so much of the handshake and then closes the transport.</summary>
    [Theory]
    [InlineData("before anything")]
    [InlineData("after ClientHello")]
    [InlineData("after the server's flight")]
    public async Task A_client_that_leaves_is_a_closed_handshake(string when)
    {
        await using SegnoServer server = StartServer();
        using (NetworkStream transport = await Loopback.ConnectAsync(server.Port, Token))
        {
            if (when != "before anything")
            {
                await transport.WriteAsync(ClientHello(), Token);
            }
            if (when == "after the server's flight")
            {
                Assert.True(await transport.ReadAsync(new byte[16384], Token) > 0);
            }
            transport.Socket.Shutdown(SocketShutdown.Send);
            await ReadAllAsync(transport);
        }
        Assert.Equal(TlsFault.ClosedDuringHandshake, (await server.NextAsync(Token)).Fault);
        await AssertStillServesAsync(server);
    }

    /// <summary>After the handshake a close without close_notify is a truncation, one with it is an end.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_client_that_leaves_after_the_handshake(bool closeNotify)
    {
        await using SegnoServer server = StartServer();
        NetworkStream transport = await Loopback.ConnectAsync(server.Port, Token);
        await using (TlsStream stream = new(transport))
        {
            await stream.AuthenticateAsClientAsync(new TlsClientContext(Make.Client()), "localhost", server.Port, Token);
            if (closeNotify)
            {
                await stream.ShutdownAsync();
            }
            transport.Socket.Shutdown(SocketShutdown.Send);
            await Exchange.DrainAsync(stream, Token);
        }
        Served served = await server.NextAsync(Token);
        if (closeNotify)
        {
            served.Succeeded();
        }
        else
        {
            Assert.Equal(TlsFault.Truncated, served.Fault);
        }
        await AssertStillServesAsync(server);
    }

    private static SegnoServer StartServer(SslProtocols enabled = SslProtocols.None) => new(Make.Server(TestPki.Ecdsa(), enabled), async (stream, stop) =>
    {
        byte[] buffer = new byte[4096];
        int count;
        while ((count = await stream.ReadAsync(buffer, stop)) > 0)
        {
            await stream.WriteAsync(buffer.AsMemory(0, count), stop);
        }
        await stream.ShutdownAsync();
    });

    /// <summary>One good connection, to the end.</summary>
    private static async Task AssertStillServesAsync(SegnoServer server)
    {
        await using TlsStream stream = new(await Loopback.ConnectAsync(server.Port, Token));
        await stream.AuthenticateAsClientAsync(new TlsClientContext(Make.Client()), "localhost", server.Port, Token);
        await stream.WriteAsync("still there?"u8.ToArray(), Token);
        byte[] answer = new byte[12];
        await stream.ReadExactlyAsync(answer, Token);
        Assert.Equal("still there?"u8.ToArray(), answer);
        await stream.ShutdownAsync();
        await Exchange.DrainAsync(stream, Token);
        (await server.NextAsync(Token)).Succeeded();
    }

    private static async Task<(Served Served, byte[] Answer)> SendAsync(SegnoServer server, byte[] data, bool close)
    {
        using NetworkStream transport = await Loopback.ConnectAsync(server.Port, Token);
        await transport.WriteAsync(data, Token);
        if (close)
        {
            transport.Socket.Shutdown(SocketShutdown.Send);
        }
        byte[] answer = await ReadAllAsync(transport);
        return (await server.NextAsync(Token), answer);
    }

    /// <summary>Everything until the end. A reset is an end: the server closed with our bytes unread.</summary>
    private static async Task<byte[]> ReadAllAsync(NetworkStream transport)
    {
        using MemoryStream all = new();
        try
        {
            await transport.CopyToAsync(all, Token);
        }
        catch (IOException)
        {
        }
        return all.ToArray();
    }

    private static void AssertAlert(byte[] answer)
    {
        Assert.True(answer.Length == 7, $"not one plain alert but {Convert.ToHexString(answer)}");
        Assert.Equal(AlertRecord, answer[0]);
        Assert.Equal(2, answer[5]);
    }

    private static byte[] ClientHello()
    {
        System.Buffers.ArrayBufferWriter<byte> output = new();
        using TlsConnection client = new(new TlsClientContext(Make.Client()), "localhost", 443);
        client.Start();
        client.Flush(output);
        return output.WrittenSpan.ToArray();
    }

    [GeneratedRegex("alert protocol version|unsupported protocol|tlsv1 alert protocol version")]
    private static partial Regex ProtocolVersionPattern();
}

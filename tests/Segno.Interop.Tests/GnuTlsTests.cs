using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Segno.Interop.Tests.Ends;
using Segno.Interop.Tests.Peers;

namespace Segno.Interop.Tests;

/// <summary>gnutls-cli and gnutls-serv: full, then resumed, 10 MB each way on each; what was resumed is what GnuTLS says.</summary>
public sealed partial class GnuTlsTests
{
    private const string Resumed = "*** This is a resumed session";

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("ecdsa")]
    [InlineData("rsa")]
    public async Task Client_makes_a_full_handshake(string key)
    {
        await using SegnoServer server = new(Make.Server(Make.Certificate(key)), Exchange.FramedInTurnAsync);
        using Scratch scratch = Make.Scratch();
        await using PeerProcess client = StartClient(scratch, server.Port);
        await client.WriteAsync(Payload.Framed, Token);
        Assert.False((await server.NextAsync(Token)).Succeeded().Resumption.IsResumed);
        await client.ExitAsync(Token);
        Payload.AssertIn(client.Output);
        Assert.Contains("Handshake was completed", client.Output, StringComparison.Ordinal);
        Assert.DoesNotContain(Resumed, client.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("ecdsa")]
    [InlineData("rsa")]
    public async Task Client_resumes(string key)
    {
        // gnutls-cli --resume connects, closes without data once it has a ticket, and connects again.
        await using SegnoServer server = new(Make.Server(Make.Certificate(key)), async (stream, stop) =>
        {
            if (stream.Resumption.IsResumed)
            {
                await Exchange.FramedInTurnAsync(stream, stop);
            }
            else
            {
                await Exchange.DrainAsync(stream, stop);
            }
        });
        using Scratch scratch = Make.Scratch();
        await using PeerProcess client = StartClient(scratch, server.Port, "--resume");
        Assert.False((await server.NextAsync(Token)).Succeeded().Resumption.IsResumed);
        await client.WriteAsync(Payload.Framed, Token);
        Assert.True((await server.NextAsync(Token)).Succeeded().Resumption.IsResumed);
        await client.ExitAsync(Token);
        Payload.AssertIn(client.Output);
        Assert.Contains(Resumed, client.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("ecdsa")]
    [InlineData("rsa")]
    public async Task Server_resumes_our_client(string key)
    {
        using Scratch scratch = Make.Scratch();
        int port = Loopback.FreePort();
        await using PeerProcess server = StartServer(scratch, key, port);
        await Loopback.WaitUntilListeningAsync(port, server, Token);
        TlsClientContext context = new(Make.Client());
        foreach (bool resumed in (bool[])[false, true])
        {
            int from = server.Output.Length;
            await using TlsStream stream = new(await Loopback.ConnectAsync(port, Token));
            await stream.AuthenticateAsClientAsync(context, "localhost", port, Token);
            await EchoAsync(stream);
            await stream.ShutdownAsync();
            await Exchange.DrainAsync(stream, Token);
            Match said = await server.WaitForAsync(ConnectionPattern(), Token, from);
            Assert.Equal(resumed, said.Value.Contains(Resumed, StringComparison.Ordinal));
            Assert.Equal(resumed, stream.Resumption.IsResumed);
        }
    }

    internal static PeerProcess StartServer(Scratch scratch, string key, int port)
    {
        (string chain, string keyPath) = scratch.Pem(Make.Certificate(key));
        return PeerProcess.Start(
            Peer.Find("gnutls-serv"),
            ["--echo", "-a", "-p", port.ToString(CultureInfo.InvariantCulture), "--x509certfile", chain, "--x509keyfile", keyPath, "--priority", "NORMAL:-VERS-ALL:+VERS-TLS1.3"]);
    }

    private static PeerProcess StartClient(Scratch scratch, int port, params string[] more) => PeerProcess.Start(
        Peer.Find("gnutls-cli"),
        [
            "-p", port.ToString(CultureInfo.InvariantCulture), "--x509cafile", scratch.Root(), "--sni-hostname", "localhost", "--verify-hostname", "localhost",
            "--priority", "NORMAL:-VERS-ALL:+VERS-TLS1.3", .. more, "127.0.0.1",
        ]);

    /// <summary>gnutls-serv answers one request after the other, so the ten megabytes go in requests of three lines.</summary>
    private static async Task EchoAsync(TlsStream stream)
    {
        const int Request = 12_000;
        byte[] received = new byte[Payload.Length];
        for (int start = 0; start < Payload.Length; start += Request)
        {
            int length = Math.Min(Request, Payload.Length - start);
            await stream.WriteAsync(Payload.Bytes.AsMemory(start, length), Token);
            await stream.ReadExactlyAsync(received.AsMemory(start, length), Token);
        }
        Payload.AssertSame(received);
    }

    [GeneratedRegex(@"\* Accepted connection from[^\n]*\n(.*?\n)*?- Options:", RegexOptions.CultureInvariant)]
    private static partial Regex ConnectionPattern();
}

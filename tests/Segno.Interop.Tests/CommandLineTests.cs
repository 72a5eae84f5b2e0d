using System.Globalization;
using System.Text.RegularExpressions;
using Segno.Interop.Tests.Ends;
using Segno.Interop.Tests.Matrix;
using Segno.Interop.Tests.Peers;
using Segno.Tests;

namespace Segno.Interop.Tests;

/// <summary>The command line as a user runs it, against other people's programs.</summary>
public sealed partial class CommandLineTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("ecdsa")]
    [InlineData("rsa")]
    public async Task Openssl_client_resumes_with_segno_serve(string key)
    {
        string openssl = Peer.Find("openssl");
        await using SegnoServe serve = await SegnoServe.StartAsync(key, Token);
        using Scratch scratch = Make.Scratch();
        string session = scratch.File("session.pem");
        foreach (bool resumed in (bool[])[false, true])
        {
            await using PeerProcess client = PeerProcess.Start(openssl,
            [
                "s_client", "-connect", OpenSslPeer.Address(serve.Port), "-servername", "localhost", "-CAfile", serve.Root, "-verify_return_error",
                "-ign_eof", "-nocommands", "-sess_out", session, .. (string[])(resumed ? ["-sess_in", session] : []),
            ]);
            await client.WriteAsync("GET /api/connection HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", Token);
            await client.ExitAsync(Token);
            Assert.Matches(resumed ? @"\nReused, TLSv1\.3" : @"\nNew, TLSv1\.3", client.Output);
            Assert.Matches(resumed ? "\"resumed\": ?true" : "\"resumed\": ?false", client.Output);
        }
    }

    /// <summary>s_client -reconnect drops the connection and connects again, five times, with the session of the first.</summary>
    [Theory]
    [InlineData("ecdsa")]
    [InlineData("rsa")]
    [InlineData("ecdsa", "-no_ticket")]
    [InlineData("rsa", "-no_ticket")]
    public async Task Openssl_client_reconnects_five_times_with_tls12(string key, params string[] more)
    {
        await using SegnoServe serve = await SegnoServe.StartAsync(key, Token);
        await using PeerProcess client = PeerProcess.Start(
            Peer.Find("openssl"),
            ["s_client", "-connect", OpenSslPeer.Address(serve.Port), "-servername", "localhost", "-CAfile", serve.Root, "-verify_return_error", "-tls1_2", "-reconnect", .. more]);
        client.CloseInput();
        Assert.True(await client.ExitAsync(Token) == 0, client.Tail);
        string[] said = [.. ReconnectPattern().Matches(client.Output).Select(match => match.Groups[1].Value)];
        Assert.True(said is ["New", "Reused", "Reused", "Reused", "Reused", "Reused"], client.Tail);
        Assert.Equal(more is [], client.Output.Contains("TLS session ticket:", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Segno_connect_resumes_with_openssl_server()
    {
        using Scratch scratch = Make.Scratch();
        await using PeerProcess server = OpenSslPeer.StartServer(scratch, TestPki.Ecdsa(), "-tls1_3");
        int port = await OpenSslPeer.PortAsync(server, Token);
        await AssertReconnectsAsync(scratch, port, server, "Reused session-id");
    }

    /// <summary>TLS 1.2 by ticket and, where the server has none, by session ID.</summary>
    [Theory]
    [InlineData("Ticket")]
    [InlineData("SessionId", "-no_ticket")]
    public async Task Segno_connect_resumes_with_openssl_server_in_tls12(string mechanism, params string[] more)
    {
        using Scratch scratch = Make.Scratch();
        await using PeerProcess server = OpenSslPeer.StartServer(scratch, TestPki.Ecdsa(), ["-tls1_2", .. more]);
        int port = await OpenSslPeer.PortAsync(server, Token);
        await AssertReconnectsAsync(scratch, port, server, "Reused session-id", mechanism);
    }

    [Fact]
    public async Task Segno_connect_resumes_with_gnutls_server()
    {
        using Scratch scratch = Make.Scratch();
        int port = Loopback.FreePort();
        await using PeerProcess server = GnuTlsPeer.StartServer(scratch, TestPki.Ecdsa(), port);
        await Loopback.WaitUntilListeningAsync(port, server, Token);
        await AssertReconnectsAsync(scratch, port, server, "This is a resumed session");
    }

    /// <summary>One full and five resumed connections, in our words and in the server's.</summary>
    private static async Task AssertReconnectsAsync(Scratch scratch, int port, PeerProcess server, string resumedInServersWords, string mechanism = "Psk")
    {
        await using PeerProcess connect = PeerProcess.StartSegno(
            "connect", string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{port}"), "--server-name", "localhost", "--ca", scratch.Root(), "--reconnect", "5", "--no-input");
        connect.CloseInput();
        Assert.True(await connect.ExitAsync(Token) == 0, connect.Tail);
        string[] lines = [.. LinePattern().Matches(connect.Output).Select(match => match.Groups[1].Value)];
        Assert.True(lines is ["full", "resumed", "resumed", "resumed", "resumed", "resumed"], connect.Tail);
        Assert.Equal(5, connect.Output.Split('\n').Count(line => line.TrimEnd().EndsWith($"  {mechanism}", StringComparison.Ordinal)));
        int at = 0;
        for (int i = 0; i < 5; i++)
        {
            at = await server.WaitForTextAsync(resumedInServersWords, at, Token);
        }
    }

    [GeneratedRegex(@"^(New|Reused), TLSv1\.2, ", RegexOptions.Multiline)]
    private static partial Regex ReconnectPattern();

    [GeneratedRegex(@"^ *\d+  (full|resumed) ", RegexOptions.Multiline)]
    private static partial Regex LinePattern();
}

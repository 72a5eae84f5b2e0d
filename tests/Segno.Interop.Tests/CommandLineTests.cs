using System.Globalization;
using System.Text.RegularExpressions;
using Segno.Interop.Tests.Ends;
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
                "s_client", "-connect", OpenSslTests.Address(serve.Port), "-servername", "localhost", "-CAfile", serve.Root, "-verify_return_error",
                "-ign_eof", "-nocommands", "-sess_out", session, .. (string[])(resumed ? ["-sess_in", session] : []),
            ]);
            await client.WriteAsync("GET /api/connection HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", Token);
            await client.ExitAsync(Token);
            Assert.Matches(resumed ? @"\nReused, TLSv1\.3" : @"\nNew, TLSv1\.3", client.Output);
            Assert.Matches(resumed ? "\"resumed\": ?true" : "\"resumed\": ?false", client.Output);
        }
    }

    [Fact]
    public async Task Segno_connect_resumes_with_openssl_server()
    {
        using Scratch scratch = Make.Scratch();
        await using PeerProcess server = OpenSslTests.StartServer(Peer.Find("openssl"), scratch, TestPki.Ecdsa(), "-tls1_3");
        int port = await OpenSslTests.PortAsync(server);
        await AssertReconnectsAsync(scratch, port, server, "Reused session-id");
    }

    /// <summary>TLS 1.2 by ID and by ticket: five reconnections in a row, each Reused in the client's own words.</summary>
    [Theory]
    [InlineData(true, "Ticket")]
    [InlineData(false, "SessionId")]
    public async Task Openssl_client_reconnects_five_times_in_Tls12(bool tickets, string mechanism)
    {
        string openssl = Peer.Find("openssl");
        await using SegnoServe serve = await SegnoServe.StartAsync("ecdsa", Token, "--tls", "1.2");
        await using PeerProcess client = PeerProcess.Start(openssl,
        [
            "s_client", "-connect", OpenSslTests.Address(serve.Port), "-servername", "localhost", "-CAfile", serve.Root, "-verify_return_error",
            "-tls1_2", "-reconnect", "-ign_eof", "-nocommands", .. (string[])(tickets ? [] : ["-no_ticket"]),
        ]);
        // Asked on the last of the six connections, which s_client talks on.
        await client.WriteAsync("GET /api/stats HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", Token);
        await client.ExitAsync(Token);
        Assert.True(ReusedPattern().Count(client.Output) == 5, client.Tail);
        Assert.Matches($"\"{mechanism}\": ?5", client.Output);
    }

    [Theory]
    [InlineData("Ticket")]
    [InlineData("SessionId", "-no_ticket")]
    public async Task Segno_connect_resumes_with_openssl_server_in_Tls12(string mechanism, params string[] more)
    {
        using Scratch scratch = Make.Scratch();
        await using PeerProcess server = OpenSslTests.StartServer(Peer.Find("openssl"), scratch, TestPki.Ecdsa(), ["-tls1_2", .. more]);
        int port = await OpenSslTests.PortAsync(server);
        await AssertReconnectsAsync(scratch, port, server, "Reused session-id", mechanism);
    }

    [Fact]
    public async Task Segno_connect_resumes_with_gnutls_server()
    {
        using Scratch scratch = Make.Scratch();
        int port = Loopback.FreePort();
        await using PeerProcess server = GnuTlsTests.StartServer(scratch, "ecdsa", port);
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

    [GeneratedRegex(@"^Reused, TLSv1\.2", RegexOptions.Multiline)]
    private static partial Regex ReusedPattern();

    [GeneratedRegex(@"^ *\d+  (full|resumed) ", RegexOptions.Multiline)]
    private static partial Regex LinePattern();
}

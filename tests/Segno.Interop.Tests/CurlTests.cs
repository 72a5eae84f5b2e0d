using Segno.Interop.Tests.Ends;
using Segno.Interop.Tests.Peers;

namespace Segno.Interop.Tests;

/// <summary>
/// curl against `segno serve`: two transfers in one run, each on a connection of its own. curl prints
/// each handshake message: a resumed handshake is one without Certificate.
/// </summary>
public sealed class CurlTests
{
    private const string CertificateMessage = "TLS handshake, Certificate (11)";

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("ecdsa", "--http1.1", "HTTP/1.1 200")]
    [InlineData("rsa", "--http1.1", "HTTP/1.1 200")]
    [InlineData("ecdsa", "--http2", "HTTP/2 200")]
    public async Task Uploads_and_downloads_full_then_resumed(string key, string version, string status)
    {
        await using SegnoServe serve = await SegnoServe.StartAsync(key, Token);
        using Scratch scratch = Make.Scratch();
        string sent = scratch.File("sent");
        await File.WriteAllBytesAsync(sent, Payload.Bytes, Token);
        string[] transfer(int number, string path) =>
        [
            "--cacert", serve.Root, "--resolve", $"localhost:{serve.Port}:127.0.0.1", "--no-progress-meter", "-v", version, "--tlsv1.3",
            "-H", "Connection: close", "-H", "Expect:", "-H", "Content-Type: application/octet-stream",
            .. (string[])(path == "/echo" ? ["--data-binary", "@" + sent] : []),
            "-o", scratch.File($"got{number}"), serve.Url + path,
        ];
        await using PeerProcess curl = PeerProcess.Start(Peer.Find("curl"),
        [
            "--parallel-max", "1", .. transfer(1, "/echo"), "--next", "--fail", .. transfer(2, "/echo"), "--next", .. transfer(3, "/bytes/10000000"),
        ]);
        int exit = await curl.ExitAsync(Token);
        Assert.True(exit == 0, curl.Tail);
        string[] connections = curl.Output.Split("* Connected to ")[1..];
        if (version == "--http2")
        {
            // HTTP/2 has no "Connection: close": one connection for all. That it is a full one is seen here, resumption above.
            Assert.Contains(CertificateMessage, connections[0], StringComparison.Ordinal);
        }
        else
        {
            Assert.Equal(3, connections.Length);
            Assert.Contains(CertificateMessage, connections[0], StringComparison.Ordinal);
            // Not every build of curl says in words that it reuses a session; every one prints the messages it gets.
            Assert.All(connections[1..], connection => Assert.DoesNotContain(CertificateMessage, connection, StringComparison.Ordinal));
        }
        Assert.Contains(status, curl.Output, StringComparison.Ordinal);
        Assert.Contains("TLSv1.3", curl.Output, StringComparison.Ordinal);
        Payload.AssertSame(await File.ReadAllBytesAsync(scratch.File("got1"), Token));
        Payload.AssertSame(await File.ReadAllBytesAsync(scratch.File("got2"), Token));
        Assert.Equal(Payload.Length, new FileInfo(scratch.File("got3")).Length);
    }
}

using System.Globalization;
using System.Text.RegularExpressions;
using Segno.Interop.Tests.Ends;
using Segno.Interop.Tests.Peers;
using Segno.Tests;

namespace Segno.Interop.Tests;

/// <summary>openssl s_client and s_server: full, then resumed, 10 MB each way on each; what was resumed is what openssl says.</summary>
public sealed partial class OpenSslTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("ecdsa")]
    [InlineData("rsa")]
    public async Task Client_resumes_with_its_session_file(string key)
    {
        string openssl = Peer.Find("openssl");
        using Scratch scratch = Make.Scratch();
        string session = scratch.File("session.pem");
        await using SegnoServer server = new(Make.Server(Make.Certificate(key)), Exchange.FramedAsync);
        foreach (bool resumed in (bool[])[false, true])
        {
            await using PeerProcess client = PeerProcess.Start(openssl,
            [
                "s_client", "-connect", Address(server.Port), "-servername", "localhost", "-verify_hostname", "localhost", "-verify_return_error",
                "-CAfile", scratch.Root(), "-nocommands", "-ign_eof", "-tls1_3", "-sess_out", session,
                .. (string[])(resumed ? ["-sess_in", session] : []),
            ]);
            await client.WriteAsync(Payload.Framed, Token);
            await client.ExitAsync(Token);
            TlsConnectionInfo info = (await server.NextAsync(Token)).Succeeded();
            Payload.AssertIn(client.Output);
            Assert.Matches(resumed ? @"\nReused, TLSv1\.3, Cipher is " : @"\nNew, TLSv1\.3, Cipher is ", client.Output);
            Assert.Contains("Verify return code: 0 (ok)", client.Output, StringComparison.Ordinal);
            Assert.Equal(resumed, info.Resumption.IsResumed);
        }
    }

    [Theory]
    [InlineData("ecdsa")]
    [InlineData("rsa")]
    public async Task Server_resumes_our_client(string key)
    {
        string openssl = Peer.Find("openssl");
        using Scratch scratch = Make.Scratch();
        await using PeerProcess server = StartServer(openssl, scratch, Make.Certificate(key), "-tls1_3");
        int port = await PortAsync(server);
        TlsClientContext context = new(Make.Client());
        foreach (bool resumed in (bool[])[false, true])
        {
            int from = server.Output.Length;
            await using TlsStream stream = new(await Loopback.ConnectAsync(port, Token));
            await stream.AuthenticateAsClientAsync(context, "localhost", port, Token);
            Task feeding = server.WriteAsync(Payload.Framed, Token);
            await Exchange.FramedAsync(stream, Token);
            await feeding;
            await server.WaitForTextAsync(Payload.End, from, Token);
            Payload.AssertIn(server.Output, from);
            string said = server.Output[from..];
            Assert.Equal(resumed, said.Contains("\nReused session-id\n", StringComparison.Ordinal));
            Assert.Equal(resumed, stream.Resumption.IsResumed);
        }
    }

    /// <summary>Starts s_server on a port of its own choice.</summary>
    internal static PeerProcess StartServer(string openssl, Scratch scratch, TestCertificate certificate, params string[] more)
    {
        (string chain, string key) = scratch.Pem(certificate);
        return PeerProcess.Start(openssl, ["s_server", "-accept", "127.0.0.1:0", "-cert", chain, "-cert_chain", chain, "-key", key, .. more]);
    }

    internal static async Task<int> PortAsync(PeerProcess server)
        => int.Parse((await server.WaitForAsync(AcceptPattern(), Token)).Groups[1].Value, CultureInfo.InvariantCulture);

    internal static string Address(int port) => string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{port}");

    [GeneratedRegex(@"ACCEPT .*:(\d+)\n")]
    private static partial Regex AcceptPattern();
}

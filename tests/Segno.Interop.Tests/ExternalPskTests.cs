using System.Globalization;
using System.Text;
using Segno.Interop.Tests.Ends;
using Segno.Interop.Tests.Matrix;
using Segno.Interop.Tests.Peers;
using Segno.Sessions;
using Segno.Tests;

namespace Segno.Interop.Tests;

/// <summary>
/// External PSKs (TLS 1.3) with openssl and GnuTLS, in both directions: neither end has or wants a certificate. Both peers use
/// SHA-256 and the label of PSKs that are not imported; neither imports.
/// </summary>
public sealed class ExternalPskTests
{
    private const string Identity = "client one";
    private const string Hex = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    private const string GnuTlsPriority = "NORMAL:-VERS-ALL:+VERS-TLS1.3:-KX-ALL:+ECDHE-PSK:+DHE-PSK";

    private static readonly TlsExternalPsk Psk = new(Encoding.ASCII.GetBytes(Identity), Convert.FromHexString(Hex));

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private static TlsServerOptions ServerOptions => new()
    {
        ExternalPskSelector = (identity, _) => ValueTask.FromResult(identity.Value.Span.SequenceEqual(Psk.Identity.Span) ? Psk : null),
    };

    private static TlsClientOptions ClientOptions => new() { TargetHost = "localhost", ExternalPsks = [Psk] };

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Openssl_client(bool retry)
    {
        string openssl = Peer.Find("openssl");
        TlsServerOptions options = ServerOptions;
        options.SupportedGroups = retry ? [TlsNamedGroup.P384] : null;
        await using SegnoServer server = new(options, Exchange.FramedAsync);
        await using PeerProcess client = PeerProcess.Start(openssl,
            ["s_client", "-connect", OpenSslPeer.Address(server.Port), "-psk", Hex, "-psk_identity", Identity, "-tls1_3", "-groups", "X25519:P-384", "-nocommands", "-ign_eof"]);
        await client.WriteAsync(Payload.Framed, Token);
        await client.ExitAsync(Token);
        Served served = await server.NextAsync(Token);
        AssertByPsk(served.Succeeded());
        Assert.Equal(retry, served.Info!.HelloRetried);
        Assert.Contains("\nReused, TLSv1.3, Cipher is ", client.Output, StringComparison.Ordinal);
        Assert.Contains("no peer certificate available", client.Output, StringComparison.Ordinal);
        Payload.AssertIn(client.Printed);
    }

    /// <summary>Another secret, another identity: to openssl they look the same.</summary>
    [Theory]
    [InlineData(Identity, "ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", TlsFault.PskBinderInvalid)]
    [InlineData("client two", Hex, TlsFault.ExternalPskUnknown)]
    public async Task Openssl_client_with_the_wrong_psk(string identity, string secret, TlsFault fault)
    {
        string openssl = Peer.Find("openssl");
        await using SegnoServer server = new(ServerOptions, Exchange.FramedAsync);
        await using PeerProcess client = PeerProcess.Start(openssl,
            ["s_client", "-connect", OpenSslPeer.Address(server.Port), "-psk", secret, "-psk_identity", identity, "-tls1_3", "-nocommands", "-ign_eof"]);
        Assert.NotEqual(0, await client.ExitAsync(Token));
        Assert.Equal(fault, (await server.NextAsync(Token)).Fault);
        Assert.Contains("alert decrypt error", client.Output, StringComparison.Ordinal);
    }

    /// <summary>By the PSK, and then by the ticket that came with it.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Openssl_server(bool retry)
    {
        await using PeerProcess server = PeerProcess.Start(Peer.Find("openssl"),
            ["s_server", "-accept", "127.0.0.1:0", "-nocert", "-psk", Hex, "-psk_identity", Identity, "-tls1_3", .. (string[])(retry ? ["-groups", "P-384"] : [])]);
        int port = await OpenSslPeer.PortAsync(server, Token);
        await TalkTwiceAsync(port, retry, async stream =>
        {
            int from = server.Output.Length;
            await server.WriteAsync(Exchange.Hello, Token);
            await Exchange.EchoedAsync(stream, Exchange.Hello, 0, Token);
            await server.WaitForTextAsync("hello\n", from, Token);
            Assert.Contains("Reused session-id", server.Output, StringComparison.Ordinal);
        });
    }

    [Theory]
    [InlineData("client two", Hex)]
    [InlineData(Identity, "ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")]
    public async Task Openssl_server_that_has_another_psk(string identity, string secret)
    {
        await using PeerProcess server = PeerProcess.Start(Peer.Find("openssl"),
            ["s_server", "-accept", "127.0.0.1:0", "-nocert", "-psk", secret, "-psk_identity", identity, "-tls1_3"]);
        int port = await OpenSslPeer.PortAsync(server, Token);
        await using TlsStream stream = new(await Loopback.ConnectAsync(port, Token));
        TlsAlertException refused = await Assert.ThrowsAnyAsync<TlsAlertException>(
            () => stream.AuthenticateAsClientAsync(new TlsClientContext(ClientOptions), cancellationToken: Token));
        Assert.True(refused.SentByPeer);
    }

    [Fact]
    public async Task Gnutls_client()
    {
        await using SegnoServer server = new(ServerOptions, Exchange.FramedInTurnAsync);
        await using PeerProcess client = PeerProcess.Start(Peer.Find("gnutls-cli"),
            ["-p", server.Port.ToString(CultureInfo.InvariantCulture), "--pskusername", Identity, "--pskkey", Hex, "--priority", GnuTlsPriority, "127.0.0.1"]);
        await client.WriteAsync(Payload.Framed, Token);
        Assert.True(await client.ExitAsync(Token) == 0, client.Tail);
        AssertByPsk((await server.NextAsync(Token)).Succeeded());
        Assert.Contains($"PSK authentication. Connected as '{Identity}'", client.Output, StringComparison.Ordinal);
        Payload.AssertIn(client.Printed);
    }

    [Fact]
    public async Task Gnutls_server()
    {
        string program = Peer.Find("gnutls-serv");
        using Scratch scratch = Make.Scratch();
        string passwords = scratch.File("psk.passwd");
        await File.WriteAllTextAsync(passwords, $"{Identity}:{Hex}\n", Token);
        int port = Loopback.FreePort();
        await using PeerProcess server = PeerProcess.Start(program,
            ["--echo", "-p", port.ToString(CultureInfo.InvariantCulture), "--pskpasswd", passwords, "--priority", GnuTlsPriority]);
        await Loopback.WaitUntilListeningAsync(port, server, Token);
        int from = server.Output.Length;
        await TalkTwiceAsync(port, retry: false, async stream =>
        {
            await Exchange.EchoedAsync(stream, Exchange.Hello, 0, Token);
            await server.WaitForTextAsync($"PSK authentication. Connected as '{Identity}'", from, Token);
            from = server.Output.Length;
        });
    }

    private static async Task TalkTwiceAsync(int port, bool retry, Func<TlsStream, Task> talk)
    {
        TlsClientContext context = new(ClientOptions);
        foreach (ResumptionMechanism mechanism in (ResumptionMechanism[])[ResumptionMechanism.ExternalPsk, ResumptionMechanism.Psk])
        {
            await using TlsStream stream = new(await Loopback.ConnectAsync(port, Token));
            await stream.AuthenticateAsClientAsync(context, cancellationToken: Token);
            AssertByPsk(stream.ConnectionInfo, mechanism);
            // The session knows the group that the server has.
            Assert.Equal(retry && mechanism == ResumptionMechanism.ExternalPsk, stream.ConnectionInfo.HelloRetried);
            await talk(stream);
        }
    }

    private static void AssertByPsk(TlsConnectionInfo info, ResumptionMechanism mechanism = ResumptionMechanism.ExternalPsk)
    {
        Assert.Equal((ResumptionStatus.Resumed, mechanism), (info.Resumption.Status, info.Resumption.Mechanism));
        Assert.Equal(Psk.Identity.ToArray(), info.ExternalPskIdentity!.Value.ToArray());
        Assert.Null(info.RemoteCertificate);
        Assert.NotNull(info.Group);
    }
}

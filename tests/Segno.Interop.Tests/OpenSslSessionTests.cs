using System.Security.Authentication;
using Segno.Interop.Tests.Ends;
using Segno.Interop.Tests.Matrix;
using Segno.Interop.Tests.Peers;
using Segno.Sessions;
using Segno.Tests;

namespace Segno.Interop.Tests;

/// <summary>Sessions that OpenSSL's client and ours hand to each other as files, before OpenSSL's server and ours.</summary>
public sealed class OpenSslSessionTests
{
    private static readonly TimeSpan Wait = TimeSpan.FromSeconds(30);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(SslProtocols.Tls12, false)]
    [InlineData(SslProtocols.Tls12, true)]
    [InlineData(SslProtocols.Tls13, true)]
    public async Task A_session_of_openssl_is_resumed_by_segno(SslProtocols version, bool ourServer)
    {
        string openssl = Peer.Find("openssl");
        using Scratch scratch = Make.Scratch();
        await using Server server = await Server.StartAsync(scratch, version, ourServer);
        string file = scratch.File("session.pem");
        await using (PeerProcess client = StartClient(openssl, scratch, server.Port, version, "-sess_out", file))
        {
            await client.WriteAsync("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", Token);
            await client.WaitForAsync(new(version == SslProtocols.Tls13 ? "Resumption PSK: [0-9A-F]{32}" : "Master-Key: [0-9A-F]{32}"), Token);
        }
        byte[] pem = await File.ReadAllBytesAsync(file, Token);
        var context = new TlsClientContext(Make.Client(version));
        TlsSession session = context.ImportOpenSsl(pem, "localhost", server.Port);
        Assert.Equal(version, session.ProtocolVersion);
        TlsClientOptions options = Make.Client(version);
        (options.Resume, options.RequireResumption) = (session, true);
        await using TlsStream stream = await ConnectAsync(options, server.Port);
        Assert.True(stream.Resumption.IsResumed);
        Assert.Equal("localhost", stream.RemoteCertificate!.GetNameInfo(System.Security.Cryptography.X509Certificates.X509NameType.DnsName, forIssuer: false));
    }

    [Theory]
    [InlineData(SslProtocols.Tls12, false)]
    [InlineData(SslProtocols.Tls12, true)]
    [InlineData(SslProtocols.Tls13, true)]
    public async Task A_session_of_segno_is_resumed_by_openssl(SslProtocols version, bool ourServer)
    {
        string openssl = Peer.Find("openssl");
        using Scratch scratch = Make.Scratch();
        await using Server server = await Server.StartAsync(scratch, version, ourServer);
        string file = scratch.File("session.pem");
        await using (TlsStream stream = await ConnectAsync(Make.Client(version), server.Port))
        {
            // the ticket comes though nobody reads.
            Assert.Equal(SessionWait.Received, await stream.WaitForSessionAsync(Wait, Token));
            await File.WriteAllTextAsync(file, stream.Session!.ExportOpenSslPem(), Token);
        }
        await using PeerProcess client = StartClient(openssl, scratch, server.Port, version, "-sess_in", file);
        await client.WaitForAsync(new($"^Reused, TLSv1\\.{(version == SslProtocols.Tls13 ? 3 : 2)}", System.Text.RegularExpressions.RegexOptions.Multiline), Token);
    }

    private static PeerProcess StartClient(string openssl, Scratch scratch, int port, SslProtocols version, params string[] more) => PeerProcess.Start(
        openssl,
        [
            "s_client", "-connect", OpenSslPeer.Address(port), "-servername", "localhost", "-CAfile", scratch.Root(), "-verify_return_error", "-ign_eof",
            version == SslProtocols.Tls13 ? "-tls1_3" : "-tls1_2", .. more,
        ]);

    private static Task<TlsStream> ConnectAsync(TlsClientOptions options, int port) => TlsStream.ConnectAsync("127.0.0.1", port, options, Token);

    private sealed class Server(IAsyncDisposable process, int port) : IAsyncDisposable
    {
        public int Port => port;

        public static async Task<Server> StartAsync(Scratch scratch, SslProtocols version, bool ours)
        {
            if (ours)
            {
                SegnoServe serve = await SegnoServe.StartAsync("ecdsa", Token);
                return new Server(serve, serve.Port);
            }
            PeerProcess server = OpenSslPeer.StartServer(scratch, TestPki.Ecdsa(), version == SslProtocols.Tls13 ? "-tls1_3" : "-tls1_2");
            return new Server(server, await OpenSslPeer.PortAsync(server, Token));
        }

        public ValueTask DisposeAsync() => process.DisposeAsync();
    }
}

using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Segno.Tests;

namespace Segno.AspNetCore.Tests;

/// <summary>Peers that should not be answered: each ends alone, with an alert and a line in the log, and the server goes on.</summary>
public sealed class HandshakeFailureTests
{
    private const byte AlertRecord = 21;
    private const byte ProtocolVersion = 70;

    public static TheoryData<string, byte[], TlsFault> Garbage => new()
    {
        { "plain HTTP", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"u8.ToArray(), TlsFault.PlainHttpReceived },
        { "zeros", new byte[1000], TlsFault.NotTls },
        { "another protocol", "SSH-2.0-OpenSSH_9.2\r\n"u8.ToArray(), TlsFault.NotTls },
    };

    [Theory]
    [MemberData(nameof(Garbage))]
    public async Task Garbage_gets_an_alert_and_a_line_in_the_log(string what, byte[] garbage, TlsFault fault)
    {
        await using TestSite site = await StartAsync();
        using (Socket socket = await site.ConnectSocketAsync())
        {
            await socket.SendAsync(garbage, TestContext.Current.CancellationToken);

            byte[] answer = await ReadToEndAsync(socket);

            Assert.True(answer.Length == 7 && answer[0] == AlertRecord, $"{what}: {Convert.ToHexString(answer)}");
        }
        await AssertLoggedAsync(site, $"Debug Segno.AspNetCore.TlsConnectionMiddleware HandshakeFailed", fault.ToString());
        await AssertServesAsync(site);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    [InlineData(40)]
    public async Task A_peer_that_goes_away_is_forgotten(int bytes)
    {
        await using TestSite site = await StartAsync();
        using (Socket socket = await site.ConnectSocketAsync())
        {
            // The beginning of a ClientHello of 512 bytes.
            byte[] hello = [22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3, .. new byte[100]];
            await socket.SendAsync(hello.AsMemory(0, bytes), TestContext.Current.CancellationToken);
            socket.Shutdown(SocketShutdown.Send);
            await ReadToEndAsync(socket);
        }
        await AssertServesAsync(site);
    }

    [Fact]
    public async Task A_peer_that_resets_the_connection_is_forgotten()
    {
        await using TestSite site = await StartAsync();
        using (Socket socket = await site.ConnectSocketAsync())
        {
            await socket.SendAsync(new byte[] { 22, 3, 1 }, TestContext.Current.CancellationToken);
            socket.LingerState = new LingerOption(true, 0);
        }
        await AssertServesAsync(site);
    }

    [Fact]
    public async Task A_client_without_the_required_certificate_reads_why()
    {
        TlsServerOptions options = TestSite.GoodOptions();
        options.ClientCertificateMode = TlsClientCertificateMode.Required;
        options.CertificateChainPolicy = TestPki.TrustRoot();
        await using TestSite site = await TestSite.StartAsync(listen => listen.UseSegno(options), Answer);

        // In TLS 1.3 the client is done before the server has seen that the certificate is missing: it learns so when it reads.
        await using SslStream client = await site.ConnectAsync();
        await client.WriteAsync("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"u8.ToArray(), TestContext.Current.CancellationToken);
        Exception refused = await Assert.ThrowsAnyAsync<Exception>(async () =>
        {
            if (await client.ReadAsync(new byte[100], TestContext.Current.CancellationToken) == 0)
            {
                throw new IOException("closed without an alert");
            }
        });

        Assert.Contains("certificate required", refused.ToString(), StringComparison.OrdinalIgnoreCase);
        await AssertLoggedAsync(site, "HandshakeFailed");
    }

    [Fact]
    public async Task A_client_of_an_old_version_reads_so()
    {
        await using TestSite site = await StartAsync();
        using (Socket socket = await site.ConnectSocketAsync())
        {
            // A whole ClientHello of TLS 1.1: one suite, no extensions.
            byte[] body = [3, 2, .. new byte[32], 0, 0, 2, 0xc0, 0x2f, 1, 0];
            byte[] message = [1, 0, 0, (byte)body.Length, .. body];
            byte[] record = [22, 3, 1, 0, (byte)message.Length, .. message];
            await socket.SendAsync(record, TestContext.Current.CancellationToken);

            Assert.Equal([AlertRecord, 3, 3, 0, 2, 2, ProtocolVersion], await ReadToEndAsync(socket));
        }
        await AssertServesAsync(site);
    }

    [Fact]
    public async Task A_client_that_does_not_trust_the_server_is_logged()
    {
        await using TestSite site = await StartAsync();
        SslClientAuthenticationOptions options = TestSite.ClientOptions();
        options.CertificateChainPolicy = null;

        await Assert.ThrowsAsync<AuthenticationException>(() => site.ConnectAsync(options));

        await AssertServesAsync(site);
    }

    [Fact]
    public async Task A_peer_that_says_nothing_does_not_keep_others_waiting()
    {
        TlsServerOptions options = TestSite.GoodOptions();
        options.HandshakeTimeout = TimeSpan.FromSeconds(1);
        await using TestSite site = await TestSite.StartAsync(listen => listen.UseSegno(options), Answer);
        using Socket silent = await site.ConnectSocketAsync();

        await AssertServesAsync(site);

        await ReadToEndAsync(silent);
        await AssertLoggedAsync(site, "HandshakeFailed", nameof(TlsFault.HandshakeTimeout));
    }

    [Fact]
    public async Task A_callback_that_throws_is_a_warning()
    {
        var options = new TlsServerOptions { CertificateSelector = (_, _) => throw new InvalidOperationException("no certificate today") };
        await using TestSite site = await TestSite.StartAsync(listen => listen.UseSegno(options), Answer);

        await Assert.ThrowsAnyAsync<Exception>(() => site.ConnectAsync());

        await AssertLoggedAsync(site, "Warning Segno.AspNetCore.TlsConnectionMiddleware HandshakeFailedHere", nameof(TlsFault.CallbackFailed), "no certificate today");
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public async Task A_peer_that_ends_without_saying_so_is_no_error(bool http2, bool reset)
    {
        await using TestSite site = await StartAsync();
        using Socket socket = await site.ConnectSocketAsync();
        await using var client = new SslStream(new NetworkStream(socket));
        await client.AuthenticateAsClientAsync(
            TestSite.ClientOptions(http2 ? SslApplicationProtocol.Http2 : SslApplicationProtocol.Http11), TestContext.Current.CancellationToken);
        byte[] beginning = http2 ? "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0"u8.ToArray() : "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"u8.ToArray();
        await client.WriteAsync(beginning, TestContext.Current.CancellationToken);
        Assert.True(await client.ReadAsync(new byte[1000], TestContext.Current.CancellationToken) > 0);

        socket.LingerState = new LingerOption(reset, 0);
        socket.Close();

        await AssertServesAsync(site);
        if (!reset)
        {
            await AssertLoggedAsync(site, "Debug Segno.AspNetCore.TlsConnectionMiddleware ConnectionBroken", nameof(TlsFault.Truncated));
        }
        Assert.DoesNotContain(site.Log, line => line.StartsWith("Error", StringComparison.Ordinal) || line.StartsWith("Warning", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Wrong_options_fail_the_start()
    {
        var options = new TlsServerOptions();

        await Assert.ThrowsAsync<ArgumentException>(() => TestSite.StartAsync(listen => listen.UseSegno(options), Answer));
    }

    [Fact]
    public void Nothing_is_not_accepted()
    {
        var listen = new ListenOptionsStandIn().Value;

        Assert.Throws<ArgumentNullException>(() => listen.UseSegno((TlsServerOptions)null!));
        Assert.Throws<ArgumentNullException>(() => listen.UseSegno((TlsServerContext)null!));
        Assert.Throws<ArgumentNullException>(() => listen.UseSegno((Action<TlsServerOptions>)null!));
        Assert.Throws<ArgumentNullException>(() => ((ListenOptions)null!).UseSegno(TestSite.GoodOptions()));
    }

    private static Task Answer(HttpContext http) => http.Response.WriteAsync("ok");

    private static Task<TestSite> StartAsync() => TestSite.StartAsync(Answer);

    private static async Task AssertServesAsync(TestSite site)
    {
        using HttpClient client = site.Client();
        Assert.Equal("ok", await client.GetStringAsync("/", TestContext.Current.CancellationToken));
    }

    /// <summary>The log is written by the server's thread: a moment later, perhaps.</summary>
    private static async Task AssertLoggedAsync(TestSite site, params string[] words)
    {
        for (int i = 0; i < 100; i++)
        {
            if (site.Log.Any(line => words.All(word => line.Contains(word, StringComparison.Ordinal))))
            {
                return;
            }
            await Task.Delay(50, TestContext.Current.CancellationToken);
        }
        Assert.Fail($"No line with {string.Join(", ", words)} in:\n{string.Join('\n', site.Log)}");
    }

    private static async Task<byte[]> ReadToEndAsync(Socket socket)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        patience.CancelAfter(TimeSpan.FromSeconds(10));
        var received = new MemoryStream();
        byte[] buffer = new byte[4096];
        int read;
        while ((read = await socket.ReceiveAsync(buffer, patience.Token)) > 0)
        {
            received.Write(buffer, 0, read);
        }
        return received.ToArray();
    }

    /// <summary>Kestrel alone makes listen options.</summary>
    private sealed class ListenOptionsStandIn
    {
        public ListenOptionsStandIn()
        {
            new KestrelServerOptions().ListenAnyIP(0, listen => Value = listen);
        }

        public ListenOptions Value { get; private set; } = null!;
    }
}

using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Reflection;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Segno.Interop.Tests.Ends;
using Segno.Interop.Tests.Peers;
using Segno.Tests;

namespace Segno.Interop.Tests;

/// <summary>SslStream in this process, both roles; what was resumed is what its own libssl says.</summary>
public sealed class SslStreamTests
{
    private static readonly FieldInfo? _securityContext = typeof(SslStream).GetField("_securityContext", BindingFlags.Instance | BindingFlags.NonPublic);

    private static readonly MethodInfo? _sessionReused = typeof(SslStream).Assembly.GetType("Interop+Ssl")?.GetMethod("SslSessionReused", BindingFlags.Static | BindingFlags.NonPublic);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("ecdsa")]
    [InlineData("rsa")]
    public async Task Client_resumes_with_us(string key)
    {
        // SslStream keeps sessions by name for the whole process: a name of its own for each run of this test.
        string name = $"{Guid.NewGuid():n}.example.test";
        TestCertificate certificate = TestPki.Server(key == "rsa" ? TestKeyKind.Rsa : TestKeyKind.P256, "*.example.test");
        await using SegnoServer server = new(Make.Server(certificate), Exchange.FramedAsync);
        foreach (bool resumed in (bool[])[false, true])
        {
            await using SslStream client = new(await Loopback.ConnectAsync(server.Port, Token));
            await client.AuthenticateAsClientAsync(
                new SslClientAuthenticationOptions
                {
                    TargetHost = name,
                    EnabledSslProtocols = SslProtocols.Tls13,
                    CertificateChainPolicy = TestPki.TrustRoot(),
                },
                Token);
            await Exchange.FramedAsync((Stream)client, Token);
            Assert.Equal(0, await client.ReadAsync(new byte[1], Token));
            Assert.Equal(resumed, IsResumed(client));
            await client.ShutdownAsync();
            client.Close();
            TlsConnectionInfo info = (await server.NextAsync(Token)).Succeeded();
            Assert.Equal(resumed, info.Resumption.IsResumed);
            Assert.Equal(name, info.ServerName);
        }
    }

    [Theory]
    [InlineData("ecdsa")]
    [InlineData("rsa")]
    public async Task Server_resumes_our_client(string key)
    {
        TestCertificate certificate = Make.Certificate(key);
        SslServerAuthenticationOptions options = new()
        {
            ServerCertificateContext = SslStreamCertificateContext.Create(
                X509CertificateLoader.LoadPkcs12(certificate.ToPfx(), null), certificate.IntermediateCollection, offline: true),
            EnabledSslProtocols = SslProtocols.Tls13,
        };
        using Socket listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        int port = ((IPEndPoint)listener.LocalEndPoint!).Port;
        TlsClientContext context = new(Make.Client());
        foreach (bool resumed in (bool[])[false, true])
        {
            Task<bool> serving = ServeAsync(listener, options);
            await using TlsStream stream = new(await Loopback.ConnectAsync(port, Token));
            await stream.AuthenticateAsClientAsync(context, "localhost", port, Token);
            await Exchange.FramedAsync(stream, Token);
            Assert.Equal(resumed, await serving);
            Assert.Equal(resumed, stream.Resumption.IsResumed);
        }
    }

    private static async Task<bool> ServeAsync(Socket listener, SslServerAuthenticationOptions options)
    {
        Socket socket = await listener.AcceptAsync(Token);
        await using SslStream stream = new(new NetworkStream(socket, ownsSocket: true));
        await stream.AuthenticateAsServerAsync(options, Token);
        await Exchange.FramedAsync((Stream)stream, Token);
        Assert.Equal(0, await stream.ReadAsync(new byte[1], Token));
        bool resumed = IsResumed(stream);
        await stream.ShutdownAsync();
        return resumed;
    }

    private static bool IsResumed(SslStream stream)
    {
        if (_securityContext is null || _sessionReused is null)
        {
            Peer.Missing("this runtime's SslStream does not let us ask for SSL_session_reused");
        }
        return (bool)_sessionReused.Invoke(null, [_securityContext.GetValue(stream)])!;
    }
}

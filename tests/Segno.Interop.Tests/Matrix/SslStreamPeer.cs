using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Reflection;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Segno.Interop.Tests.Ends;
using Segno.Interop.Tests.Peers;
using Segno.Tests;

namespace Segno.Interop.Tests.Matrix;

/// <summary>SslStream in this process; what was resumed is what its own libssl says.</summary>
public sealed class SslStreamPeer : MatrixPeer
{
    private static readonly FieldInfo? _securityContext = typeof(SslStream).GetField("_securityContext", BindingFlags.Instance | BindingFlags.NonPublic);

    private static readonly MethodInfo? _sessionReused = typeof(SslStream).Assembly.GetType("Interop+Ssl")?.GetMethod("SslSessionReused", BindingFlags.Static | BindingFlags.NonPublic);

    internal override async Task<bool[]> ConnectAsync(Cell cell, int port, CancellationToken cancellationToken)
    {
        List<bool> resumed = [];
        // SslStream keeps sessions by name for the whole process: a name of its own for each run.
        string name = $"{Guid.NewGuid():n}.{Cell.OtherNames}";
        for (int number = 1; number <= cell.Connections; number++)
        {
            await using SslStream client = new(await Loopback.ConnectAsync(port, cancellationToken));
            await client.AuthenticateAsClientAsync(
                new SslClientAuthenticationOptions { TargetHost = name, EnabledSslProtocols = cell.Version, CertificateChainPolicy = TestPki.TrustRoot() },
                cancellationToken);
            if (number == cell.Connections)
            {
                await Exchange.FramedAsync((Stream)client, cancellationToken);
            }
            else
            {
                await client.WriteAsync(Exchange.Hello, cancellationToken);
                await client.ReadExactlyAsync(new byte[Exchange.Hello.Length], cancellationToken);
            }
            Assert.Equal(0, await client.ReadAsync(new byte[1], cancellationToken));
            resumed.Add(IsResumed(client));
            await client.ShutdownAsync();
        }
        return [.. resumed];
    }

    internal override Task AnswerAsync(Cell cell, TlsStream stream, bool last, CancellationToken cancellationToken)
        => last ? Exchange.FramedAsync(stream, cancellationToken) : Exchange.HelloAsync(stream, cancellationToken);

    private protected override Task<PeerServer> StartServerAsync(Cell cell, CancellationToken cancellationToken)
    {
        TestCertificate certificate = cell.Certificate;
        return Task.FromResult<PeerServer>(new InProcessServer(async (stream, stop) =>
        {
            await using SslStream tls = new(stream);
            await tls.AuthenticateAsServerAsync(
                new SslServerAuthenticationOptions
                {
                    ServerCertificateContext = SslStreamCertificateContext.Create(
                        X509CertificateLoader.LoadPkcs12(certificate.ToPfx(), null), certificate.IntermediateCollection, offline: true),
                    EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
                },
                stop);
            await InProcessServer.EchoAsync(tls, stop);
            await tls.ShutdownAsync();
            return IsResumed(tls);
        }));
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

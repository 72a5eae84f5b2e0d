using System.Security.Authentication;
using Segno.Cryptography;
using Segno.Handshake;
using Segno.Handshake.Extensions;
using Segno.Sessions;
using Segno.Tests.Connections;

namespace Segno.Tests.Museum;

/// <summary>Room D, D14 to D16: tickets that are none, and proofs that are left out or come twice.</summary>
public partial class DTests
{
    // R-67, D14
    [Fact]
    public void D14_AnEmptyTicketOfTls13IsRefused()
    {
        (TlsClientContext client, _) = HandshakeTests.Contexts();
        using var script = new ScriptedServer(client);
        script.Full13();
        script.AssertRefused(TlsFault.EmptyTicket, TlsAlert.DecodeError, () => script.Send(ScriptedServer.Ticket13(3600, [0], [])));
        Assert.Equal(0, client.SessionCache.Count);
    }

    // D14, R-13
    [Fact]
    public void D14_AnEmptyTicketOfTls12LeavesTheSessionId()
    {
        (TlsClientContext client, _) = HandshakeTests.Contexts();
        byte[] id = [1, 2, 3, 4];
        using (var script = new ScriptedServer(client))
        {
            script.Full12(id, ticket: []);
            TlsSession session = Assert.IsType<TlsSession>(script.Engine.Session);
            Assert.True(session.Ticket.IsEmpty);
            Assert.Equal(id, session.SessionId);
        }
        using var next = new ScriptedServer(client);
        Assert.Equal(id, next.Hello.SessionId);
        Assert.Equal(0, next.Hello.Extensions.Find(ExtensionType.SessionTicket)?.Length);
    }

    //
    [Theory]
    [InlineData((int)ExtensionType.ServerName)]
    [InlineData((int)ExtensionType.KeyShare)]
    [InlineData((int)ExtensionType.PreSharedKey)]
    [InlineData((int)ExtensionType.SupportedVersions)]
    [InlineData((int)ExtensionType.SessionTicket)]
    public void D14_AKnownExtensionThatHasNoPlaceInATicketIsRefused(int type)
    {
        (TlsClientContext client, _) = HandshakeTests.Contexts();
        using var script = new ScriptedServer(client);
        script.Full13();
        byte[] ticket = ScriptedServer.Ticket13(3600, [0], [1], ScriptedPeer.Extension((ExtensionType)type, 0, 0));
        script.AssertRefused(TlsFault.MisplacedExtension, TlsAlert.IllegalParameter, () => script.Send(ticket));
    }

    //
    [Fact]
    public void D14_AnUnknownExtensionInATicketIsIgnored()
    {
        (TlsClientContext client, _) = HandshakeTests.Contexts();
        using var script = new ScriptedServer(client);
        script.Full13();
        script.Send(ScriptedServer.Ticket13(3600, [0], [1], ScriptedPeer.Extension((ExtensionType)0x1234, 1, 2)));
        Assert.Equal(1, client.SessionCache.Count);
    }

    // D15
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void D15_AServerThatLeavesItsProofOutIsRefused(bool certificateSent)
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts();
        Exhibits.Session(client, server);
        using var script = new ScriptedServer(client);
        script.SendHello13();
        script.SendEncryptedExtensions();
        if (certificateSent)
        {
            script.SendCertificate13();
        }
        script.AssertRefused(TlsFault.UnexpectedMessage, TlsAlert.UnexpectedMessage, script.SendFinished13);
    }

    [Theory]
    [InlineData((int)HandshakeType.Certificate)]
    [InlineData((int)HandshakeType.ServerKeyExchange)]
    public void D15_AServerOfTls12ThatLeavesItsProofOutIsRefused(int left)
    {
        (TlsClientContext client, _) = HandshakeTests.Contexts();
        using var script = new ScriptedServer(client) { Falsify = (type, message) => (int)type == left ? [] : message };
        script.AssertRefused(TlsFault.UnexpectedMessage, TlsAlert.UnexpectedMessage, () => script.SendFlight12());
    }

    [Theory]
    [MemberData(nameof(Mechanisms12))]
    public void D15_AServerOfTls12ThatActsAsIfItResumedIsRefused(SessionKind kind)
    {
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(kind);
        Exhibits.Session(client, server);
        using var script = new ScriptedServer(client);
        script.SendHello12([9, 9, 9]);
        script.AssertRefused(TlsFault.UnexpectedChangeCipherSpec, TlsAlert.UnexpectedMessage, script.SendFinished12);
    }

    [Theory]
    [InlineData(SslProtocols.Tls12, (int)HandshakeType.Certificate, TlsFault.UnexpectedMessage)]
    [InlineData(SslProtocols.Tls12, (int)HandshakeType.CertificateVerify, TlsFault.UnexpectedChangeCipherSpec)]
    [InlineData(SslProtocols.Tls13, (int)HandshakeType.Certificate, TlsFault.UnexpectedMessage)]
    [InlineData(SslProtocols.Tls13, (int)HandshakeType.CertificateVerify, TlsFault.UnexpectedMessage)]
    public void D15_AClientThatLeavesItsProofOutIsRefused(SslProtocols version, int left, TlsFault fault)
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts(
            o =>
            {
                o.ClientCertificate = TestPki.ClientEcdsa().Tls;
                o.CompressCertificates = false;
            },
            o =>
            {
                o.EnabledSslProtocols = version;
                o.ClientCertificateMode = TlsClientCertificateMode.Required;
                o.CertificateChainPolicy = TestPki.TrustRoot();
            });
        client.Settings.MessageRewriter = message => message[0] == left ? [] : message;
        using var pair = new EnginePair(client, server);
        TlsAlertException thrown = Assert.ThrowsAny<TlsAlertException>(pair.Handshake);
        Assert.Equal((fault, TlsAlert.UnexpectedMessage, false), (thrown.Fault, thrown.Alert, thrown.SentByPeer));
        Assert.False(pair.Server.IsHandshakeCompleted);
        Assert.Null(pair.Server.Info.RemoteCertificate);
    }

    // D16, R-81
    [Theory]
    [InlineData((int)HandshakeType.Certificate)]
    [InlineData((int)HandshakeType.CertificateRequest)]
    [InlineData((int)HandshakeType.CertificateVerify)]
    public void D16_ACertificateHasNoPlaceInAResumedHandshake(int type)
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts();
        TlsSession session = Exhibits.Session(client, server);
        using var script = new ScriptedServer(client);
        script.SendHello13(session);
        script.SendEncryptedExtensions();
        script.AssertRefused(TlsFault.CertificateInResumedHandshake, TlsAlert.UnexpectedMessage, () =>
        {
            switch ((HandshakeType)type)
            {
                case HandshakeType.Certificate:
                    script.SendCertificate13();
                    break;
                case HandshakeType.CertificateVerify:
                    script.SendCertificateVerify13();
                    break;
                default:
                    script.Send(ScriptedPeer.Message(HandshakeType.CertificateRequest, writer =>
                    {
                        writer.Vector8([]);
                        ScriptedPeer.WriteExtensions(writer, [ScriptedPeer.Extension(ExtensionType.SignatureAlgorithms, 0, 2, 4, 3)]);
                    }));
                    break;
            }
        });
    }

    // D16, R-11, R-04
    [Theory]
    [MemberData(nameof(Mechanisms12))]
    public void D16_ACertificateHasNoPlaceInAResumedHandshakeOfTls12(SessionKind kind)
    {
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(kind);
        TlsSession session = Exhibits.Session(client, server);
        using var script = new ScriptedServer(client) { Suite12 = CipherSuiteInfo.Find(session.CipherSuite)! };
        script.SendHello12(script.Hello.SessionId);
        script.AssertRefused(TlsFault.UnexpectedMessage, TlsAlert.UnexpectedMessage, script.SendCertificate12);
    }
}

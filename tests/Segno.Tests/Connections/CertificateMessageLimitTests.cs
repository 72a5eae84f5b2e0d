using System.Security.Authentication;
using Segno.Handshake;

namespace Segno.Tests.Connections;

/// <summary>The longest Certificate message that is taken, at n and n+1 .</summary>
public sealed class CertificateMessageLimitTests
{
    [Theory]
    [InlineData(SslProtocols.Tls12, false, false)]
    [InlineData(SslProtocols.Tls12, true, false)]
    [InlineData(SslProtocols.Tls13, false, false)]
    [InlineData(SslProtocols.Tls13, true, false)]
    [InlineData(SslProtocols.Tls13, false, true)]
    [InlineData(SslProtocols.Tls13, true, true)]
    public void AMessageOfTheLimitIsTakenAndOneByteMoreIsNot(SslProtocols version, bool fromClient, bool compressed)
    {
        int length = Measure(version, fromClient);
        Connect(version, fromClient, compressed, length).Dispose();
        TlsAlertException thrown = Assert.ThrowsAny<TlsAlertException>(() => Connect(version, fromClient, compressed, length - 1));
        Assert.Equal(
            compressed ? (TlsFault.CompressedCertificateInvalid, TlsAlert.BadCertificate) : (TlsFault.MessageTooLong, TlsAlert.IllegalParameter),
            (thrown.Fault, thrown.Alert));
        Assert.False(thrown.SentByPeer);
    }

    [Theory]
    [InlineData(1023, false)]
    [InlineData(1024, true)]
    [InlineData(262144, true)]
    [InlineData(262145, false)]
    public void TheLimitHasLimits(int length, bool good)
    {
        Exception? thrown = Record.Exception(() => new TlsClientContext(new TlsClientOptions { MaxCertificateMessageLength = length }));
        Assert.Equal(good, thrown is null);
        Assert.True(good || thrown is ArgumentException { Message: var message } && message.StartsWith("MaxCertificateMessageLength: ", StringComparison.Ordinal));
    }

    [Fact]
    public void ItIs100KiBWhereNobodySaysOtherwise() => Assert.Equal(102400, new TlsServerOptions().MaxCertificateMessageLength);

    /// <summary>The length of the message, without its header and not compressed.</summary>
    private static int Measure(SslProtocols version, bool fromClient)
    {
        int length = 0;
        (TlsClientContext client, TlsServerContext server) = Contexts(version, fromClient, compressed: false, 102400);
        (fromClient ? (TlsSettings)client.Settings : server.Settings).MessageRewriter = message =>
        {
            length = message[0] == (byte)HandshakeType.Certificate ? message.Length - HandshakeMessage.HeaderSize : length;
            return message;
        };
        EnginePair.Connect(client, server).Dispose();
        Assert.True(length > 1024, $"{length}");
        return length;
    }

    private static EnginePair Connect(SslProtocols version, bool fromClient, bool compressed, int limit)
    {
        (TlsClientContext client, TlsServerContext server) = Contexts(version, fromClient, compressed, limit);
        return EnginePair.Connect(client, server);
    }

    private static (TlsClientContext Client, TlsServerContext Server) Contexts(SslProtocols version, bool fromClient, bool compressed, int limit)
        => HandshakeTests.Contexts(
            o =>
            {
                o.EnabledSslProtocols = version;
                o.CompressCertificates = compressed;
                o.ClientCertificate = TestPki.ClientRsa().Tls;
                o.MaxCertificateMessageLength = fromClient ? 102400 : limit;
            },
            o =>
            {
                o.CompressCertificates = compressed;
                o.ServerCertificates = [TestPki.Rsa("localhost").Tls];
                o.ClientCertificateMode = TlsClientCertificateMode.Required;
                o.CertificateChainPolicy = TestPki.TrustRoot();
                o.MaxCertificateMessageLength = fromClient ? limit : 102400;
            });
}

using System.IO.Compression;
using Segno.Alerts;
using Segno.Certificates;
using Segno.Handshake;
using Segno.Handshake.Extensions;
using Segno.Handshake.Messages;

namespace Segno.Tests.Connections;

/// <summary>RFC 8879: what is offered, what it saves, and what a peer cannot do with it.</summary>
public class CertificateCompressionTests
{
    private const int Zlib = 1;
    private const int Brotli = 2;
    private const int Limit = 100 * 1024;

    [Fact]
    public void TheServersCertificatesAreCompressedOnce()
    {
        using TlsCertificate certificate = TlsCertificate.FromPem(TestPki.Ecdsa("localhost").ChainPem, TestPki.Ecdsa("localhost").KeyPem);
        long plain = ServerBytes(null, o => o.CompressCertificates = false);
        for (int i = 0; i < 3; i++)
        {
            Assert.InRange(ServerBytes(null, o => o.ServerCertificates = [certificate]), plain / 2, plain - 100);
        }
        Assert.Equal(1, certificate.CompressedBodies.Compressions);
    }

    [Theory]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(false, false)]
    public void ItNeedsBothSides(bool client, bool server)
    {
        using TlsCertificate certificate = TlsCertificate.FromPem(TestPki.Ecdsa("localhost").ChainPem, TestPki.Ecdsa("localhost").KeyPem);
        ServerBytes(o => o.CompressCertificates = client, o => (o.CompressCertificates, o.ServerCertificates) = (server, [certificate]));
        Assert.Equal(0, certificate.CompressedBodies.Compressions);
    }

    [Theory]
    [InlineData(true, true, 1)]
    [InlineData(false, true, 0)]
    [InlineData(true, false, 0)]
    public void TheClientsCertificatesAreCompressedWhereTheServerTakesIt(bool client, bool server, int compressions)
    {
        TestCertificate test = TestPki.ClientEcdsa("alice");
        using TlsCertificate certificate = TlsCertificate.FromPem(test.ChainPem, test.KeyPem);
        (TlsClientContext clientContext, TlsServerContext serverContext) = HandshakeTests.Contexts(
            o => (o.CompressCertificates, o.ClientCertificate) = (client, certificate),
            o =>
            {
                o.CompressCertificates = server;
                o.ClientCertificateMode = TlsClientCertificateMode.Required;
                o.CertificateChainPolicy = TestPki.TrustRoot();
            });
        using EnginePair pair = EnginePair.Connect(clientContext, serverContext);
        Assert.Equal(test.Der, pair.Server.Info.RemoteCertificates[0].ToArray());
        Assert.Equal(compressions, certificate.CompressedBodies.Compressions);
    }

    [Theory]
    [InlineData(Zlib)]
    [InlineData(Brotli)]
    public void WhatIsCompressedIsReadBack(int algorithm)
    {
        byte[] body = Body(3000);
        byte[] compressed = CertificateCompression.Compress((CompressionAlgorithm)algorithm, body);
        Assert.Equal(body, CompressedCertificate.Open(Message(algorithm, body.Length, compressed), Limit));
    }

    // R-152, museum I5: the limit holds before a byte is inflated, and what was promised while inflating.
    [Theory]
    [InlineData(Zlib)]
    [InlineData(Brotli)]
    public void TheLimitIsOnWhatComesOut(int algorithm)
    {
        byte[] body = Body(Limit);
        Assert.Equal(body, CompressedCertificate.Open(Message(algorithm, Limit, CertificateCompression.Compress((CompressionAlgorithm)algorithm, body)), Limit));
        byte[] longer = Body(Limit + 1);
        AssertInvalid(Message(algorithm, Limit + 1, CertificateCompression.Compress((CompressionAlgorithm)algorithm, longer)));
        AssertInvalid(Message(algorithm, 0xffffff, CertificateCompression.Compress((CompressionAlgorithm)algorithm, body)));
    }

    [Theory]
    [InlineData(Zlib)]
    [InlineData(Brotli)]
    public void ABombGivesNoMoreThanItPromises(int algorithm)
    {
        byte[] bomb = CertificateCompression.Compress((CompressionAlgorithm)algorithm, new byte[64 << 20]);
        Assert.InRange(bomb.Length, 1, Limit);
        long before = GC.GetAllocatedBytesForCurrentThread();
        AssertInvalid(Message(algorithm, 1000, bomb));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    [Theory]
    [InlineData(Zlib)]
    [InlineData(Brotli)]
    public void TheLengthIsThatOfWhatComesOut(int algorithm)
    {
        byte[] body = Body(2000);
        byte[] compressed = CertificateCompression.Compress((CompressionAlgorithm)algorithm, body);
        AssertInvalid(Message(algorithm, 1999, compressed));
        AssertInvalid(Message(algorithm, 2001, compressed));
        AssertInvalid(Message(algorithm, 0, compressed));
        AssertInvalid(Message(algorithm, 2000, compressed[..(compressed.Length / 2)]));
        AssertInvalid(Message(algorithm, 2000, [0xff, .. compressed]));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)] // zstd
    [InlineData(0xffff)]
    public void AnAlgorithmThatWasNotOfferedIsAnIllegalParameter(int algorithm)
    {
        TlsException thrown = Assert.Throws<TlsException>(() => CompressedCertificate.Open(Message(algorithm, 10, new byte[10]), Limit));
        Assert.Equal((TlsFault.CertificateCompressionNotOffered, TlsAlert.IllegalParameter), (thrown.Fault, FaultAlerts.For(thrown.Fault)));
    }

    [Fact]
    public void WhereNoneWasOfferedTheMessageIsUnexpected()
    {
        (TlsClientContext client, _) = HandshakeTests.Contexts(o => o.CompressCertificates = false);
        byte[] body = Message(Zlib, 10, CertificateCompression.Compress(CompressionAlgorithm.Zlib, Body(10)));
        byte[] message = [25, 0, (byte)(body.Length >> 8), (byte)(body.Length & 0xff), .. body];
        TlsException thrown = Assert.Throws<TlsException>(
            () => CertificateMessage.Read(new HandshakeMessage(message), client.Settings, new HashSet<ExtensionType>(), out _));
        Assert.Equal(TlsFault.UnexpectedMessage, thrown.Fault);
    }

    [Theory]
    [InlineData(new byte[0])]
    [InlineData(new byte[] { 0 })]
    [InlineData(new byte[] { 1, 0 })]
    [InlineData(new byte[] { 3, 0, 1, 0 })]
    [InlineData(new byte[] { 2, 0, 1, 0 })]
    public void AMalformedOfferIsRefused(byte[] data)
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts();
        using var connection = new TlsConnection(server);
        TlsAlertException thrown = Assert.ThrowsAny<TlsAlertException>(
            () => connection.Receive(HelloBytes.WithData(KeyShareTests.FirstHello(client), 27, data), []));
        Assert.Equal((TlsFault.ExtensionMalformed, TlsAlert.DecodeError), (thrown.Fault, thrown.Alert));
    }

    [Fact]
    public void TheOfferIsBrotliThenZlib()
    {
        (TlsClientContext client, _) = HandshakeTests.Contexts();
        Assert.Equal([4, 0, 2, 0, 1], HelloBytes.Extension(KeyShareTests.FirstHello(client), 27));
        (client, _) = HandshakeTests.Contexts(o => o.CompressCertificates = false);
        Assert.False(HelloBytes.Has(KeyShareTests.FirstHello(client), 27));
    }

    [Fact]
    public void ACacheOfBodiesIsBounded()
    {
        var bodies = new CompressedBodies();
        for (int round = 0; round < 2; round++)
        {
            for (int i = 1; i <= 4; i++)
            {
                bodies.Get(CompressionAlgorithm.Zlib, Body(i));
            }
            Assert.Equal(4, bodies.Compressions);
        }
        bodies.Get(CompressionAlgorithm.Zlib, Body(5));
        bodies.Get(CompressionAlgorithm.Zlib, Body(1));
        Assert.Equal(6, bodies.Compressions);
    }

    [Fact]
    public void AnythingElseInPlaceOfZlibIsRefused()
    {
        using var gzip = new MemoryStream();
        using (var stream = new GZipStream(gzip, CompressionLevel.Fastest, leaveOpen: true))
        {
            stream.Write(Body(100));
        }
        AssertInvalid(Message(Zlib, 100, gzip.ToArray()));
    }

    private static void AssertInvalid(byte[] message)
    {
        TlsException thrown = Assert.Throws<TlsException>(() => CompressedCertificate.Open(message, Limit));
        Assert.Equal((TlsFault.CompressedCertificateInvalid, TlsAlert.BadCertificate), (thrown.Fault, FaultAlerts.For(thrown.Fault)));
    }

    /// <summary>Something that compresses a little.</summary>
    private static byte[] Body(int length)
    {
        byte[] body = new byte[length];
        var random = new Random(length);
        for (int i = 0; i < length; i++)
        {
            body[i] = (byte)random.Next(16);
        }
        return body;
    }

    private static byte[] Message(int algorithm, int length, byte[] compressed) =>
    [
        (byte)(algorithm >> 8), (byte)(algorithm & 0xff),
        (byte)(length >> 16), (byte)((length >> 8) & 0xff), (byte)(length & 0xff),
        (byte)(compressed.Length >> 16), (byte)((compressed.Length >> 8) & 0xff), (byte)(compressed.Length & 0xff),
        .. compressed,
    ];

    private static long ServerBytes(Action<TlsClientOptions>? configureClient, Action<TlsServerOptions>? configureServer)
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts(configureClient, configureServer);
        using EnginePair pair = EnginePair.Connect(client, server);
        return pair.Server.Info.HandshakeBytesOut;
    }
}

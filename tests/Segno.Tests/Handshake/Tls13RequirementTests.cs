using System.Net.Security;
using System.Security.Authentication;
using Segno.Cryptography;
using Segno.Handshake;
using Segno.Handshake.Extensions;
using Segno.Handshake.Messages;
using Segno.Records;
using Segno.Sessions;
using Segno.Tests.Connections;
using Segno.Tests.Museum;

namespace Segno.Tests.Handshake;

/// <summary>What RFC 9846 requires of hellos and resumptions, seen on the wire: what no other test names.</summary>
public class Tls13RequirementTests
{
    private const int Reserved = 0x0a0a;

    //
    [Fact]
    public void AHelloThatOffersAPskIsFitForAFullHandshake()
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts();
        Exhibits.Session(client, server);
        using var script = new ScriptedServer(client);
        Assert.True(script.Hello.Extensions.EndsWith(ExtensionType.PreSharedKey));
        Assert.NotEmpty(script.Hello.KeyShares()!);
        Assert.Equal(32, script.Hello.SessionId.Length);
        Assert.True(script.Hello.Extensions.Has(ExtensionType.ExtendedMasterSecret));
        script.Full13();
        Assert.Equal(ResumptionReason.DeclinedByServer, script.Engine.Info.Resumption.Reason);
    }

    // a second hello has the PSK again where its hash is still possible, and not where it is not.
    [Theory]
    [InlineData(TlsCipherSuite.TLS_AES_128_GCM_SHA256, true)]
    [InlineData(TlsCipherSuite.TLS_CHACHA20_POLY1305_SHA256, true)]
    [InlineData(TlsCipherSuite.TLS_AES_256_GCM_SHA384, false)]
    public void ASecondHelloOffersThePsksThatFit(TlsCipherSuite suite, bool fits)
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts();
        TlsSession session = Exhibits.Session(client, server);
        using var script = new ScriptedServer(client) { Suite13 = CipherSuiteInfo.Find(suite)! };
        ClientHello first = script.Hello;
        script.SendRetry(ScriptedServer.Version13, ScriptedPeer.Extension(ExtensionType.KeyShare, 0, 23));
        ClientHello second = script.ReceiveHello();
        Assert.Equal(fits, second.Extensions.Has(ExtensionType.PreSharedKey));
        if (fits)
        {
            first.ReadPreSharedKeys();
            second.ReadPreSharedKeys();
            Assert.Equal(first.Identities.Select(identity => identity.Identity.ToArray()), second.Identities.Select(identity => identity.Identity.ToArray()));
            Assert.NotEqual(first.Binders.Select(binder => binder.ToArray()), second.Binders.Select(binder => binder.ToArray()));
        }
        Assert.Equal(session.Hash == CipherSuiteInfo.Find(suite)!.Hash, fits);
    }

    //
    [Fact]
    public void TheSuiteOfTheHelloRetryRequestStays()
    {
        (TlsClientContext client, _) = HandshakeTests.Contexts();
        using var script = new ScriptedServer(client);
        script.SendRetry(ScriptedServer.Version13, ScriptedPeer.Extension(ExtensionType.KeyShare, 0, 23));
        script.ReceiveHello();
        ((ExtensionType, byte[]) share, _) = script.AnswerShare();
        byte[] hello = script.ServerHello((ushort)TlsCipherSuite.TLS_CHACHA20_POLY1305_SHA256, script.Hello.SessionId, [ScriptedServer.Version13, share]);
        script.AssertRefused(TlsFault.CipherSuiteChangedAfterRetry, TlsAlert.IllegalParameter, () => script.Send(hello));
    }

    // nobody's share comes twice; that a peer's does is not our business.
    [Fact]
    public void KeySharesAreFresh()
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts();
        HashSet<string> shares = [];
        using var peer = new ScriptedClient(server);
        List<(ExtensionType Type, byte[] Data)> same = peer.Extensions13;
        for (int i = 0; i < 100; i++)
        {
            using var connection = new ScriptedServer(client);
            Assert.All(connection.Hello.KeyShares()!.Where(share => share.Share.Length > 1), share => Assert.True(shares.Add(Convert.ToHexString(share.Share.Span))));
            using var script = new ScriptedClient(server);
            script.SendHello(same);
            ServerHello hello = script.ReceiveHello();
            Assert.True(shares.Add(Convert.ToHexString(hello.Extensions.Find(ExtensionType.KeyShare)!.Value.Span)));
        }
        Assert.InRange(shares.Count, 200, 400);
    }

    // a ticket is used once.
    [Fact]
    public void ATicketIsTakenOnce()
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts();
        Exhibits.Session(client, server);
        HashSet<string> identities = [];
        for (int i = 0; i < 3; i++)
        {
            using var script = new ScriptedServer(client);
            script.Hello.ReadPreSharedKeys();
            Assert.Equal(i < 2 ? 1 : 0, script.Hello.Identities.Count);
            Assert.All(script.Hello.Identities, identity => Assert.True(identities.Add(Convert.ToHexString(identity.Identity.Span))));
        }
    }

    //
    [Theory]
    [InlineData(0x0300)]
    [InlineData(0x0301)]
    [InlineData(0x0302)]
    public void VersionsBeforeTls12AreRefused(int version)
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts();
        using (var script = new ScriptedClient(server))
        {
            script.AssertRefused(TlsFault.NoCommonVersion, TlsAlert.ProtocolVersion, () => script.Send(script.Build(script.Extensions12, version)));
        }
        using (var script = new ScriptedClient(server))
        {
            (ExtensionType, byte[]) versions = ScriptedPeer.Extension(ExtensionType.SupportedVersions, 2, (byte)(version >> 8), (byte)(version & 0xff));
            script.AssertRefused(TlsFault.NoCommonVersion, TlsAlert.ProtocolVersion, () => script.SendHello([.. script.Extensions12, versions]));
        }
        using var other = new ScriptedServer(client) { Falsify = (_, message) => [.. message[..4], (byte)(version >> 8), (byte)(version & 0xff), .. message[6..]] };
        other.AssertRefused(TlsFault.NoCommonVersion, TlsAlert.ProtocolVersion, () => other.SendHello12());
    }

    // supported_versions alone counts where it is there; where it is not, any later legacy_version is TLS 1.2 at most.
    [Theory]
    [InlineData(0x0304)]
    [InlineData(0x03ff)]
    public void ALaterLegacyVersionIsTls12(int version)
    {
        (_, TlsServerContext server) = HandshakeTests.Contexts();
        using var script = new ScriptedClient(server);
        script.Send(script.Build(script.Extensions12, version));
        script.Full12();
        Assert.Equal(SslProtocols.Tls12, script.Engine.Info.ProtocolVersion);
    }

    // what nobody knows is ignored, wherever it stands.
    [Theory]
    [InlineData(SslProtocols.Tls12)]
    [InlineData(SslProtocols.Tls13)]
    public void UnknownValuesAreIgnoredEverywhere(SslProtocols version)
    {
        (_, TlsServerContext server) = HandshakeTests.Contexts(null, o => o.ApplicationProtocols = [SslApplicationProtocol.Http2]);
        using var script = new ScriptedClient(server);
        script.Suites = [Reserved, .. script.Suites, 0xfafa, 0xeeee];
        List<(ExtensionType Type, byte[] Data)> extensions = version == SslProtocols.Tls13 ? script.Extensions13 : script.Extensions12;
        List<(ExtensionType, byte[])> greased = [((ExtensionType)Reserved, [])];
        foreach ((ExtensionType type, byte[] data) in extensions)
        {
            greased.Add((type, type switch
            {
                ExtensionType.SupportedGroups or ExtensionType.SignatureAlgorithms => [data[0], (byte)(data[1] + 2), 0x1a, 0x1a, .. data[2..]],
                ExtensionType.SupportedVersions => [4, 0x2a, 0x2a, .. data[1..]],
                ExtensionType.KeyShare => [data[0], (byte)(data[1] + 5), 0x1a, 0x1a, 0, 1, 0, .. data[2..]],
                ExtensionType.PskKeyExchangeModes => [2, 0x0b, 1],
                ExtensionType.ServerName => [data[0], (byte)(data[1] + 4), 7, 0, 1, 7, .. data[2..]],
                _ => data,
            }));
        }
        greased.Add(ScriptedPeer.Extension(ExtensionType.ApplicationLayerProtocolNegotiation, [0, 6, 2, 0x3a, 0x3a, 2, .. "h2"u8]));
        greased.Add(((ExtensionType)0xfafa, [1, 2, 3]));
        greased.Add(((ExtensionType)0x7a7a, new byte[1000]));
        script.SendHello(greased);
        if (version == SslProtocols.Tls13)
        {
            script.ReceiveHello13();
            script.ReceiveFlight13();
            script.SendFinished13();
        }
        else
        {
            script.Full12();
        }
        Assert.True(script.Engine.IsHandshakeCompleted);
        Assert.Equal(version, script.Engine.Info.ProtocolVersion);
        Assert.Equal("localhost", script.Engine.Info.ServerName);
        Assert.Equal(SslApplicationProtocol.Http2, script.Engine.Info.ApplicationProtocol);
    }

    // strict where the server is asked for what it does not have; whoever asks for nothing is served.
    [Theory]
    [InlineData(SslProtocols.Tls12)]
    [InlineData(SslProtocols.Tls13)]
    public void AlpnAndServerNamesAreStrict(SslProtocols version)
    {
        (TlsClientContext other, TlsServerContext server) = HandshakeTests.Contexts(
            o => o.ApplicationProtocols = [SslApplicationProtocol.Http3],
            o =>
            {
                o.EnabledSslProtocols = version;
                o.ApplicationProtocols = [SslApplicationProtocol.Http2];
            });
        AssertRefused(other, server, "localhost", TlsFault.NoCommonApplicationProtocol, TlsAlert.NoApplicationProtocol);
        (TlsClientContext none, TlsServerContext chosen) = HandshakeTests.Contexts(null, o =>
        {
            o.EnabledSslProtocols = version;
            o.ApplicationProtocols = [SslApplicationProtocol.Http2];
            TlsServerContext localhost = HandshakeTests.Contexts(null, inner => inner.EnabledSslProtocols = version).Server;
            o.ContextSelector = (hello, _) => new ValueTask<TlsServerContext?>(hello.ServerName == "localhost" ? localhost : null);
        });
        AssertRefused(none, chosen, "unknown.example", TlsFault.UnrecognizedServerName, TlsAlert.UnrecognizedName);
        Exhibits.AssertUnharmed(none, chosen);
        using EnginePair pair = EnginePair.Connect(none, server);
        Assert.Equal(default, pair.Server.Info.ApplicationProtocol);
    }

    // what a hello has, and what it never has.
    [Theory]
    [InlineData(SslProtocols.Tls12)]
    [InlineData(SslProtocols.Tls13)]
    [InlineData(SslProtocols.None)]
    public void AHelloOffersNothingThatIsWeak(SslProtocols versions)
    {
        (TlsClientContext client, _) = HandshakeTests.Contexts(o =>
        {
            o.EnabledSslProtocols = versions;
            o.SendGrease = false;
        });
        using var connection = new TlsConnection(client, "localhost", 443);
        connection.Start();
        var output = new System.Buffers.ArrayBufferWriter<byte>();
        connection.Flush(output);
        // a TLS record of version 0x0301, no hello of SSL 2.0.
        Assert.Equal([22, 3, 1], output.WrittenSpan[..3].ToArray());
        ClientHello hello = ClientHello.Read(new HandshakeMessage(output.WrittenSpan[5..]));
        Assert.Equal(0x0303, hello.LegacyVersion);
        Assert.Equal([0], hello.CompressionMethods);
        Assert.False(hello.Extensions.Has((ExtensionType)4));
        Assert.All(hello.CipherSuites, suite =>
        {
            CipherSuiteInfo info = Assert.IsType<CipherSuiteInfo>(CipherSuiteInfo.Find((TlsCipherSuite)suite));
            Assert.True(!info.IsTls12 || info.Suite.ToString().StartsWith("TLS_ECDHE_", StringComparison.Ordinal));
            Assert.True(info.Aead is AeadKind.Aes128Gcm or AeadKind.Aes256Gcm or AeadKind.ChaCha20Poly1305);
        });
        Assert.All(hello.UInt16List(ExtensionType.SignatureAlgorithms)!, scheme => Assert.DoesNotContain("Sha1", ((TlsSignatureScheme)scheme).ToString(), StringComparison.OrdinalIgnoreCase));
    }

    // a request for a certificate after the handshake, which was not offered; and one that answers none.
    [Fact]
    public void ThereIsNoAuthenticationAfterTheHandshake()
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts(o => o.ClientCertificate = TestPki.ClientEcdsa().Tls);
        using var script = new ScriptedServer(client);
        Assert.False(script.Hello.Extensions.Has(ExtensionType.PostHandshakeAuth));
        script.Full13();
        byte[] request = ScriptedPeer.Message(HandshakeType.CertificateRequest, writer =>
        {
            writer.Vector8([1]);
            ScriptedPeer.WriteExtensions(writer, [ScriptedPeer.Extension(ExtensionType.SignatureAlgorithms, 0, 2, 4, 3)]);
        });
        script.AssertRefused(TlsFault.PostHandshakeAuthenticationNotOffered, TlsAlert.UnexpectedMessage, () => script.Send(request));

        // D15: certificate, or a Finished alone, that nobody asked the client for.
        foreach (HandshakeType type in (HandshakeType[])[HandshakeType.Certificate, HandshakeType.Finished])
        {
            using var other = new ScriptedClient(server);
            other.SendHello(other.Extensions13);
            other.ReceiveHello13();
            other.ReceiveFlight13();
            other.SendFinished13();
            other.AssertRefused(TlsFault.UnexpectedMessage, TlsAlert.UnexpectedMessage, () => other.SendRecord(ContentType.Handshake, (byte)type, 0, 0, 0));
        }
    }

    private static void AssertRefused(TlsClientContext client, TlsServerContext server, string host, TlsFault fault, TlsAlert alert)
    {
        using var pair = new EnginePair(client, server, host);
        TlsAlertException thrown = Assert.ThrowsAny<TlsAlertException>(pair.Handshake);
        Assert.Equal((fault, alert, false), (thrown.Fault, thrown.Alert, thrown.SentByPeer));
    }
}

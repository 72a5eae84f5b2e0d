using System.Buffers.Binary;
using System.Net.Security;
using System.Security.Authentication;
using Segno.Handshake.Extensions;
using Segno.Sessions;
using static Segno.Tests.Connections.HelloTests;

namespace Segno.Tests.Connections;

/// <summary>What RFC 9846 asks of hellos and their extensions: .</summary>
public class HelloRequirementTests
{
    private const int SupportedGroups = 10;
    private const int SignatureAlgorithms = 13;
    private const int PreSharedKey = 41;
    private const int KeyShare = 51;

    private static readonly byte[] Cookie = HelloBytes.Extension(44, [0, 3, 1, 2, 3]);

    // the binder is made anew over both hellos, and verifies.
    [Fact]
    public void APskThatFitsStaysAfterARetryWithAnotherBinder()
    {
        List<byte[]> offers = SecondOffer(TlsCipherSuite.TLS_AES_128_GCM_SHA256, out ResumptionOutcome outcome);
        Assert.True(outcome.IsResumed);
        int identity = BinaryPrimitives.ReadUInt16BigEndian(offers[0].AsSpan(2));
        Assert.Equal(offers[0][4..(4 + identity)], offers[1][4..(4 + identity)]);
        Assert.NotEqual(offers[0][^32..], offers[1][^32..]);
    }

    // one of another hash cannot be selected any more, and goes.
    [Fact]
    public void APskOfAnotherHashGoesAfterARetry()
    {
        List<byte[]> offers = SecondOffer(TlsCipherSuite.TLS_AES_256_GCM_SHA384, out ResumptionOutcome outcome);
        Assert.Single(offers);
        Assert.Equal((ResumptionStatus.NotOffered, ResumptionReason.CipherSuiteMismatch), (outcome.Status, outcome.Reason));
    }

    //
    [Theory]
    [InlineData(0)]
    [InlineData(31)]
    [InlineData(32)]
    public void AnotherSessionIdInTheAnswerIsAnIllegalParameter(int length)
    {
        using TlsConnection client = StartedClient(out byte[] first);
        Assert.Equal(32, first[43]);
        AssertRefused(client, ServerHello(first, new byte[32], Version(0x0304), sessionId: new byte[length]), TlsFault.SessionIdNotEchoed, TlsAlert.IllegalParameter);
    }

    //
    [Theory]
    [InlineData(0x1304)]
    [InlineData(0x1305)]
    [InlineData(0xc02b)] // of TLS 1.2
    public void ASuiteThatWasNotOfferedIsAnIllegalParameter(int suite)
    {
        foreach (byte[] random in (byte[][])[new byte[32], RetryRandom])
        {
            using TlsConnection client = StartedClient(out byte[] first);
            AssertRefused(client, ServerHello(first, random, Version(0x0304), suite), TlsFault.CipherSuiteNotOffered, TlsAlert.IllegalParameter);
        }
    }

    //
    [Fact]
    public void TheSuiteStaysAfterARetry()
    {
        using TlsConnection client = Retried(out byte[] first);
        AssertRefused(client, ServerHello(first, new byte[32], Version(0x0304), 0x1302), TlsFault.CipherSuiteChangedAfterRetry, TlsAlert.IllegalParameter);
    }

    // R-77; museum D1, D8
    [Theory]
    [InlineData(0x0303)]
    [InlineData(0)]
    public void TheVersionStaysAfterARetry(int version)
    {
        using TlsConnection client = Retried(out byte[] first);
        AssertRefused(
            client, ServerHello(first, new byte[32], version == 0 ? [] : Version(version)), TlsFault.VersionChangedAfterRetry, TlsAlert.IllegalParameter);
    }

    //
    [Theory]
    [InlineData(0, TlsFault.HelloRetryWithoutChange)]
    [InlineData((int)TlsNamedGroup.X25519, TlsFault.HelloRetryGroupHadShare)]
    [InlineData((int)TlsNamedGroup.P521, TlsFault.GroupNotOffered)]
    public void ARetryThatAsksForNothingNewIsAnIllegalParameter(int group, TlsFault fault)
    {
        using TlsConnection client = StartedClient(out byte[] first);
        byte[] share = group == 0 ? [] : HelloBytes.Extension(KeyShare, [(byte)(group >> 8), (byte)(group & 0xff)]);
        AssertRefused(client, ServerHello(first, RetryRandom, [.. Version(0x0304), .. share]), fault, TlsAlert.IllegalParameter);
    }

    //
    [Theory]
    [InlineData(16, TlsFault.UnsolicitedExtension, TlsAlert.UnsupportedExtension)] // ALPN, not offered
    [InlineData(0x7777, TlsFault.UnsolicitedExtension, TlsAlert.UnsupportedExtension)]
    [InlineData(10, TlsFault.MisplacedExtension, TlsAlert.IllegalParameter)] // offered, but answered in EncryptedExtensions
    [InlineData(28, TlsFault.MisplacedExtension, TlsAlert.IllegalParameter)]
    [InlineData(43, TlsFault.DuplicateExtension, TlsAlert.IllegalParameter)]
    public void AnAnswerAtAWrongPlaceIsRefused(int type, TlsFault fault, TlsAlert alert)
    {
        using TlsConnection client = StartedClient(out byte[] first);
        AssertRefused(client, ServerHello(first, new byte[32], [.. Version(0x0304), .. HelloBytes.Extension(type, [0, 1])]), fault, alert);
    }

    // however many there are. A few are looked through, many are in a set.
    [Theory]
    [InlineData(1)]
    [InlineData(31)]
    [InlineData(32)]
    [InlineData(33)]
    [InlineData(200)]
    public void NoExtensionComesTwice(int count)
    {
        byte[] block = [.. Enumerable.Range(0x7000, count).SelectMany(type => HelloBytes.Extension(type, [1]))];
        Assert.Equal(count, ExtensionBlock.Read(block, ExtensionPlace.ClientHello, offered: null).Count);
        foreach (int twice in (int[])[0x7000, 0x7000 + count - 1])
        {
            TlsException e = Assert.Throws<TlsException>(() => ExtensionBlock.Read([.. block, .. HelloBytes.Extension(twice, [1])], ExtensionPlace.ClientHello, offered: null));
            Assert.Equal(TlsFault.DuplicateExtension, e.Fault);
        }
    }

    //
    [Theory]
    [InlineData(SupportedGroups)]
    [InlineData(SignatureAlgorithms)]
    [InlineData(27)]
    [InlineData(28)]
    [InlineData(43)]
    [InlineData(45)]
    [InlineData(KeyShare)]
    public void BytesBehindTheDataOfAnExtensionAreADecodeError(int type)
    {
        byte[] hello = KeyShareTests.FirstHello(HandshakeTests.Contexts().Client);
        AssertRefusedByServer(HelloBytes.WithData(hello, type, [.. HelloBytes.Extension(hello, type), 0]), TlsAlert.DecodeError);
    }

    //
    [Theory]
    [InlineData(SupportedGroups)]
    [InlineData(SignatureAlgorithms)]
    [InlineData(KeyShare)]
    public void WithoutPskAHelloNeedsThem(int type)
        => AssertRefusedByServer(HelloBytes.Without(KeyShareTests.FirstHello(HandshakeTests.Contexts().Client), type), TlsAlert.MissingExtension);

    // a ticket is offered once, and each connection brings new ones.
    [Fact]
    public void NoTicketIsOfferedTwice()
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts();
        HashSet<string> identities = [];
        for (int i = 0; i < 10; i++)
        {
            using var pair = new EnginePair(client, server)
            {
                Wire = (toServer, bytes) =>
                {
                    if (toServer && bytes[0] == 22 && HelloBytes.Has(bytes, PreSharedKey))
                    {
                        byte[] offer = HelloBytes.Extension(bytes, PreSharedKey);
                        Assert.True(identities.Add(Convert.ToHexString(offer[4..(4 + BinaryPrimitives.ReadUInt16BigEndian(offer.AsSpan(2)))])));
                    }
                    return bytes;
                },
            };
            pair.Handshake();
            Assert.Equal(i > 0, pair.Server.Info.Resumption.IsResumed);
        }
        Assert.Equal(9, identities.Count);
    }

    // R-81; museum D16
    [Theory]
    [InlineData(11)] // Certificate
    [InlineData(25)] // CompressedCertificate
    [InlineData(13)] // CertificateRequest
    [InlineData(15)] // CertificateVerify
    public void AResumedHandshakeHasNoCertificates(byte type)
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts();
        EnginePair.Connect(client, server).Dispose();
        // In place of Finished.
        server.Settings.MessageRewriter = message => message[0] == 20 ? [type, .. message[1..]] : message;
        using var pair = new EnginePair(client, server);
        pair.Client.Start();
        TlsAlertException thrown = Assert.ThrowsAny<TlsAlertException>(pair.Run);
        Assert.Equal((TlsFault.CertificateInResumedHandshake, TlsAlert.UnexpectedMessage, false), (thrown.Fault, thrown.Alert, thrown.SentByPeer));
    }

    //
    [Fact]
    public void ARequestForACertificateAfterTheHandshakeIsUnexpected()
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts();
        // In place of NewSessionTicket.
        server.Settings.MessageRewriter = message => message[0] == 4 ? [13, .. message[1..]] : message;
        using var pair = new EnginePair(client, server);
        pair.Client.Start();
        TlsAlertException thrown = Assert.ThrowsAny<TlsAlertException>(pair.Run);
        Assert.Equal(
            (TlsFault.PostHandshakeAuthenticationNotOffered, TlsAlert.UnexpectedMessage, false), (thrown.Fault, thrown.Alert, thrown.SentByPeer));
    }

    private static TlsConnection Retried(out byte[] first)
    {
        TlsConnection client = StartedClient(out first);
        client.Receive(ServerHello(first, RetryRandom, [.. Version(0x0304), .. Cookie]), []);
        Assert.NotEmpty(Sent(client));
        return client;
    }

    /// <summary>pre_shared_key in the two hellos of a client whose session is of AES-128 with SHA-256, to a server that has another suite now and asks for another group.</summary>
    private static List<byte[]> SecondOffer(TlsCipherSuite suite, out ResumptionOutcome outcome)
    {
        (TlsClientContext client, TlsServerContext first) = HandshakeTests.Contexts(
            o => (o.KeyShareGroups, o.EnabledSslProtocols) = ([], SslProtocols.Tls13), o => o.CipherSuites = [TlsCipherSuite.TLS_AES_128_GCM_SHA256]);
        EnginePair.Connect(client, first).Dispose();
        (_, TlsServerContext second) = HandshakeTests.Contexts(null, o => o.CipherSuites = [suite]);
        List<byte[]> offers = [];
        int hellos = 0;
        using var pair = new EnginePair(client, suite == TlsCipherSuite.TLS_AES_128_GCM_SHA256 ? first : second)
        {
            Wire = (toServer, bytes) =>
            {
                if (toServer && hellos < 2)
                {
                    // The second one comes behind the change_cipher_spec of compatibility mode.
                    byte[] hello = bytes[(hellos++ * 6)..];
                    if (HelloBytes.Has(hello, PreSharedKey))
                    {
                        offers.Add(HelloBytes.Extension(hello, PreSharedKey));
                    }
                }
                return bytes;
            },
        };
        pair.Handshake();
        Assert.Equal(2, hellos);
        Assert.True(pair.Client.Info.HelloRetried);
        outcome = pair.Client.Info.Resumption;
        return offers;
    }

    private static void AssertRefusedByServer(byte[] hello, TlsAlert alert)
    {
        using var connection = new TlsConnection(HandshakeTests.Contexts().Server);
        Assert.Equal(alert, Assert.ThrowsAny<TlsAlertException>(() => connection.Receive(hello, [])).Alert);
    }
}

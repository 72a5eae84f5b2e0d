using System.Buffers;
using System.Buffers.Binary;
using System.Security.Authentication;
using System.Security.Cryptography;

namespace Segno.Tests.Connections;

/// <summary>Hellos that a well-made peer would not send: what stands behind them, what changes between them, what they choose.</summary>
public class HelloTests
{
    internal static readonly byte[] RetryRandom = SHA256.HashData("HelloRetryRequest"u8);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void NothingMayStandBehindAClientHello(bool pausing)
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts(null, o =>
        {
            if (pausing)
            {
                TlsCertificate certificate = TestPki.Ecdsa("localhost").Tls;
                o.CertificateSelector = async (_, _) =>
                {
                    await Task.Yield();
                    return certificate;
                };
            }
        });
        using var pair = new EnginePair(client, server) { Wire = (toServer, bytes) => toServer ? WithTrailing(bytes) : bytes };
        pair.Client.Start();
        TlsAlertException thrown = Assert.ThrowsAny<TlsAlertException>(pair.Run);
        Assert.Equal((TlsFault.HandshakeDataAcrossKeyChange, TlsAlert.UnexpectedMessage), (thrown.Fault, thrown.Alert));
        AssertPlaintextAlert(pair.Server, TlsAlert.UnexpectedMessage);
    }

    [Fact]
    public void NothingMayStandBehindAHelloRetryRequest()
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts(o => o.KeyShareGroups = []);
        using var pair = new EnginePair(client, server) { Wire = (toServer, bytes) => toServer ? bytes : WithTrailing(bytes) };
        pair.Client.Start();
        Assert.Equal(TlsFault.HandshakeDataAcrossKeyChange, Assert.ThrowsAny<TlsException>(pair.Run).Fault);
        // The second hello must not go out: the peer would take the alert for a protected record.
        AssertPlaintextAlert(pair.Client, TlsAlert.UnexpectedMessage);
    }

    [Fact]
    public void ThePskOfTheFirstHelloStaysInTheSecond()
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts(o => o.KeyShareGroups = []);
        EnginePair.Connect(client, server).Dispose();
        int hellos = 0;
        using var pair = new EnginePair(client, server)
        {
            // The second one comes behind the change_cipher_spec of compatibility mode.
            Wire = (toServer, bytes) => toServer && ++hellos == 2 ? [.. bytes[..6], .. HelloBytes.Without(bytes[6..], 41)] : bytes,
        };
        pair.Client.Start();
        TlsAlertException thrown = Assert.ThrowsAny<TlsAlertException>(pair.Run);
        Assert.Equal(TlsAlert.IllegalParameter, thrown.Alert);
        Assert.Equal(2, hellos);
    }

    [Fact]
    public void ACookieAloneLeavesTheKeySharesAsTheyWere()
    {
        using TlsConnection client = StartedClient(out byte[] first);
        byte[] cookie = [0, 44, 0, 5, 0, 3, 1, 2, 3];
        client.Receive(ServerHello(first, RetryRandom, [.. Version(0x0304), .. cookie]), []);
        byte[] second = Sent(client)[6..];
        Assert.Equal(HelloBytes.Extension(first, 51), HelloBytes.Extension(second, 51));
        Assert.Equal([0, 3, 1, 2, 3], HelloBytes.Extension(second, 44));
    }

    [Fact]
    public void ASecondHelloRetryRequestIsRefused()
    {
        using TlsConnection client = StartedClient(out byte[] first);
        byte[] cookie = [0, 44, 0, 5, 0, 3, 1, 2, 3];
        byte[] retry = ServerHello(first, RetryRandom, [.. Version(0x0304), .. cookie]);
        client.Receive(retry, []);
        AssertRefused(client, retry, TlsFault.SecondHelloRetry, TlsAlert.UnexpectedMessage);
    }

    /// <summary>D1: whatever the second hello says, it is one of TLS 1.3.</summary>
    [Fact]
    public void AServerHelloWithoutVersionAfterARetryIsRefused()
    {
        using TlsConnection client = StartedClient(out byte[] first);
        byte[] cookie = [0, 44, 0, 5, 0, 3, 1, 2, 3];
        client.Receive(ServerHello(first, RetryRandom, [.. Version(0x0304), .. cookie]), []);
        AssertRefused(client, ServerHello(first, new byte[32], []), TlsFault.VersionChangedAfterRetry, TlsAlert.IllegalParameter);
    }

    [Theory]
    [InlineData(TlsNamedGroup.X25519, TlsFault.HelloRetryGroupHadShare)]
    [InlineData((TlsNamedGroup)25, TlsFault.GroupNotOffered)]
    public void ARetryAsksForAGroupThatWasOfferedWithoutShare(TlsNamedGroup group, TlsFault fault)
    {
        using TlsConnection client = StartedClient(out byte[] first);
        byte[] share = [0, 51, 0, 2, 0, (byte)group];
        AssertRefused(client, ServerHello(first, RetryRandom, [.. Version(0x0304), .. share]), fault, TlsAlert.IllegalParameter);
    }

    [Theory]
    [InlineData(2, TlsFault.None)]
    [InlineData(3, TlsFault.TooManyChangeCipherSpecs)]
    public void ChangeCipherSpecsAreCounted(int count, TlsFault fault)
    {
        using TlsConnection client = StartedClient(out _);
        byte[] records = [.. Enumerable.Repeat<byte[]>([20, 3, 3, 0, 1, 1], count).SelectMany(record => record)];
        if (fault == TlsFault.None)
        {
            Assert.Equal(records.Length, client.Receive(records, []).Consumed);
        }
        else
        {
            AssertRefused(client, records, fault, TlsAlert.UnexpectedMessage);
        }
    }

    [Theory]
    [InlineData("CONNECT host:443 HTTP/1.1", "CONN")]
    [InlineData("GET / HTTP/1.1", "GET")]
    public void PlainHttpIsNamedByItsFirstWord(string request, string word)
    {
        using TlsConnection client = StartedClient(out _);
        TlsAlertException thrown = Assert.ThrowsAny<TlsAlertException>(() => client.Receive(System.Text.Encoding.ASCII.GetBytes(request), []));
        Assert.Equal((TlsFault.PlainHttpReceived, $"PlainHttpReceived: {word}"), (thrown.Fault, thrown.Message));
    }

    [Fact]
    public void AMalformedExtensionIsNamed()
    {
        using TlsConnection client = StartedClient(out byte[] first);
        byte[] share = [0, 51, 0, 1, 0];
        TlsAlertException thrown = Assert.ThrowsAny<TlsAlertException>(() => client.Receive(ServerHello(first, RetryRandom, [.. Version(0x0304), .. share]), []));
        Assert.Equal((TlsFault.ExtensionMalformed, "ExtensionMalformed: KeyShare"), (thrown.Fault, thrown.Message));
    }

    [Fact]
    public void AnApplicationProtocolHasAName()
        => Assert.Throws<ArgumentException>(() => HandshakeTests.Contexts(o => o.ApplicationProtocols = [default]));

    [Theory]
    [InlineData(0x0302, TlsFault.VersionNotOffered, TlsAlert.IllegalParameter)]
    [InlineData(0x0305, TlsFault.VersionNotOffered, TlsAlert.IllegalParameter)]
    [InlineData(0, TlsFault.NoCommonVersion, TlsAlert.ProtocolVersion)]
    [InlineData(0x0304, TlsFault.MissingExtension, TlsAlert.MissingExtension)]
    public void AServerHelloChoosesWhatWasOffered(int version, TlsFault fault, TlsAlert alert)
    {
        using TlsConnection client = StartedClient(out byte[] first);
        AssertRefused(client, ServerHello(first, new byte[32], version == 0 ? [] : Version(version)), fault, alert);
    }

    [Fact]
    public void TheDowngradeSentinelIsSeen()
    {
        using TlsConnection client = StartedClient(out byte[] first);
        AssertRefused(
            client, ServerHello(first, [.. new byte[24], .. "DOWNGRD"u8, 1], []), TlsFault.DowngradeDetected, TlsAlert.IllegalParameter);
    }

    [Fact]
    public void AServerHelloWithoutPskAndKeyShareIsRefused()
    {
        // Museum D3: nothing to make keys from.
        using TlsConnection client = StartedClient(out byte[] first);
        AssertRefused(client, ServerHello(first, new byte[32], Version(0x0304)), TlsFault.MissingExtension, TlsAlert.MissingExtension);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void SessionsAreForgottenAfterAFatalAlertOnly(bool alert)
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts();
        using EnginePair pair = EnginePair.Connect(client, server);
        Assert.Equal(2, client.SessionCache.Count);
        if (alert)
        {
            byte[] garbage = [23, 3, 3, 0, 32, .. new byte[32]];
            Assert.Equal(TlsFault.RecordAuthenticationFailed, Assert.ThrowsAny<TlsException>(() => pair.Client.Receive(garbage, new byte[100])).Fault);
        }
        else
        {
            Assert.Equal(TlsFault.Truncated, Assert.ThrowsAny<TlsException>(pair.Client.ReceiveEnd).Fault);
        }
        Assert.Equal(alert ? 0 : 2, client.SessionCache.Count);
    }

    internal static TlsConnection StartedClient(out byte[] hello)
    {
        var client = new TlsConnection(HandshakeTests.Contexts(o => o.EnabledSslProtocols = SslProtocols.Tls13).Client, "localhost", 443);
        client.Start();
        hello = Sent(client);
        return client;
    }

    internal static byte[] Sent(TlsConnection connection)
    {
        var output = new ArrayBufferWriter<byte>();
        connection.Flush(output);
        return output.WrittenSpan.ToArray();
    }

    internal static void AssertRefused(TlsConnection client, byte[] record, TlsFault fault, TlsAlert alert)
    {
        TlsAlertException thrown = Assert.ThrowsAny<TlsAlertException>(() => client.Receive(record, []));
        Assert.Equal((fault, alert), (thrown.Fault, thrown.Alert));
    }

    private static void AssertPlaintextAlert(TlsConnection connection, TlsAlert alert)
        => Assert.Equal([21, 3, 3, 0, 2, 2, (byte)alert], Sent(connection));

    /// <summary>One byte more in the first record: the start of another message.</summary>
    private static byte[] WithTrailing(byte[] bytes)
    {
        if (bytes.Length == 0 || bytes[0] != 22)
        {
            return bytes;
        }
        int length = BinaryPrimitives.ReadUInt16BigEndian(bytes.AsSpan(3));
        byte[] header = bytes[..5];
        BinaryPrimitives.WriteUInt16BigEndian(header.AsSpan(3), (ushort)(length + 1));
        return [.. header, .. bytes[5..(5 + length)], 1, .. bytes[(5 + length)..]];
    }

    internal static byte[] Version(int version) => [0, 43, 0, 2, (byte)(version >> 8), (byte)(version & 0xff)];

    internal static byte[] ServerHello(byte[] clientHello, byte[] random, byte[] extensions, int suite = 0x1301, byte[]? sessionId = null)
    {
        sessionId ??= clientHello[44..76];
        byte[] body =
        [
            3, 3, .. random, (byte)sessionId.Length, .. sessionId, (byte)(suite >> 8), (byte)(suite & 0xff), 0,
            (byte)(extensions.Length >> 8), (byte)(extensions.Length & 0xff), .. extensions,
        ];
        byte[] message = [2, 0, (byte)(body.Length >> 8), (byte)(body.Length & 0xff), .. body];
        return [22, 3, 3, (byte)(message.Length >> 8), (byte)(message.Length & 0xff), .. message];
    }
}

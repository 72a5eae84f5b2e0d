using Segno.Sessions;

namespace Segno.Tests.Connections;

/// <summary>RFC 9149: tickets as the client wishes, within bounds, and what a declined one says of its siblings.</summary>
public class TicketRequestTests
{
    private const int TicketRequest = 58;
    private const int ServerHelloStart = 5;

    // never more than asked for, never more than the cap; without a wish, and where none are sent, as configured.
    [Theory]
    [InlineData(null, 2, 2)]
    [InlineData(0, 2, 0)]
    [InlineData(1, 2, 1)]
    [InlineData(3, 2, 3)]
    [InlineData(4, 2, 4)]
    [InlineData(5, 2, 4)]
    [InlineData(255, 2, 4)]
    [InlineData(4, 0, 0)]
    [InlineData(null, 8, 8)]
    [InlineData(8, 8, 4)]
    public void TheWishIsGrantedWithinBounds(int? wish, int configured, int sent)
    {
        foreach (bool resume in (bool[])[false, true])
        {
            (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts(
                o => o.TicketRequest = wish is { } count ? new TlsTicketRequest(resume ? (byte)1 : (byte)count, resume ? (byte)count : (byte)9) : null,
                o => (o.TicketCount, o.TicketCountOnResumption) = resume ? (1, configured) : (configured, 7));
            if (resume)
            {
                EnginePair.Connect(client, server).Dispose();
            }
            using var pair = new EnginePair(client, server);
            int received = 0;
            pair.Client.SessionReceived += (_, _) => received++;
            pair.Handshake();
            Assert.Equal(resume, pair.Client.Info.Resumption.IsResumed);
            Assert.Equal(sent, received);
            Assert.Equal(wish is null ? null : sent, pair.Client.Info.ExpectedTicketCount);
        }
    }

    [Fact]
    public void AServerThatSendsNoTicketsSaysSo()
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts(
            o => o.TicketRequest = new TlsTicketRequest(2, 1), o => o.AllowTlsResume = false);
        using EnginePair pair = EnginePair.Connect(client, server);
        Assert.Equal(0, pair.Client.Info.ExpectedTicketCount);
    }

    [Fact]
    public void AClientThatKeepsNoSessionsAsksForNoTickets()
    {
        (TlsClientContext client, _) = HandshakeTests.Contexts(o => (o.TicketRequest, o.AllowTlsResume) = (new TlsTicketRequest(2, 1), false));
        Assert.False(HelloBytes.Has(KeyShareTests.FirstHello(client), TicketRequest));
        (client, _) = HandshakeTests.Contexts(o => o.TicketRequest = new TlsTicketRequest(7, 3));
        Assert.Equal([7, 3], HelloBytes.Extension(KeyShareTests.FirstHello(client), TicketRequest));
    }

    [Theory]
    [InlineData(new byte[] { })]
    [InlineData(new byte[] { 1 })]
    [InlineData(new byte[] { 1, 1, 1 })]
    public void AMalformedWishIsRefused(byte[] data)
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts();
        byte[] hello = HelloBytes.With(KeyShareTests.FirstHello(client), TicketRequest, data);
        using var connection = new TlsConnection(server);
        TlsAlertException thrown = Assert.ThrowsAny<TlsAlertException>(() => connection.Receive(hello, []));
        Assert.Equal((TlsFault.ExtensionMalformed, TlsAlert.DecodeError), (thrown.Fault, thrown.Alert));
    }

    // the hint stands in EncryptedExtensions and nowhere else.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void AHintInAHelloOfTheServersIsAnIllegalParameter(bool inRetry)
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts(o =>
        {
            o.TicketRequest = new TlsTicketRequest(2, 1);
            o.KeyShareGroups = inRetry ? [] : null;
        });
        using var pair = new EnginePair(client, server) { Wire = (toServer, bytes) => toServer ? bytes : WithHint(bytes) };
        pair.Client.Start();
        TlsAlertException thrown = Assert.ThrowsAny<TlsAlertException>(pair.Run);
        Assert.Equal((TlsFault.MisplacedExtension, TlsAlert.IllegalParameter, false), (thrown.Fault, thrown.Alert, thrown.SentByPeer));
    }

    //
    [Fact]
    public void TheWishStaysTheSameAfterARetry()
    {
        List<byte[]> hellos = [];
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts(o =>
        {
            o.TicketRequest = new TlsTicketRequest(3, 1);
            o.KeyShareGroups = [];
        });
        using var pair = new EnginePair(client, server)
        {
            Wire = (toServer, bytes) =>
            {
                if (toServer && hellos.Count < 2)
                {
                    // The second one comes behind the change_cipher_spec of compatibility mode.
                    hellos.Add(HelloBytes.Extension(bytes[(hellos.Count * 6)..], TicketRequest));
                }
                return bytes;
            },
        };
        pair.Handshake();
        Assert.Equal([[3, 1], [3, 1]], hellos);
        Assert.Equal(3, client.SessionCache.Count);
    }

    //
    [Fact]
    public void ADeclinedTicketTakesItsSiblingsWithIt()
    {
        (TlsClientContext client, TlsServerContext first) = HandshakeTests.Contexts(o => o.TicketRequest = new TlsTicketRequest(4, 1));
        (_, TlsServerContext second) = HandshakeTests.Contexts(null, o => o.TicketCount = 0);
        EnginePair.Connect(client, first).Dispose();
        Assert.Equal(4, client.SessionCache.Count);
        using EnginePair pair = EnginePair.Connect(client, second);
        Assert.Equal(ResumptionReason.DeclinedByServer, pair.Client.Info.Resumption.Reason);
        Assert.Equal(0, client.SessionCache.Count);
    }

    [Fact]
    public void TicketsOfAnotherFullHandshakeStay()
    {
        (TlsClientContext client, TlsServerContext first) = HandshakeTests.Contexts();
        (_, TlsServerContext second) = HandshakeTests.Contexts();
        EnginePair.Connect(client, first).Dispose();
        // The second server declines one of the first's, and gives two of its own.
        EnginePair.Connect(client, second).Dispose();
        Assert.Equal(2, client.SessionCache.Count);
        using (EnginePair pair = EnginePair.Connect(client, second))
        {
            Assert.True(pair.Client.Info.Resumption.IsResumed);
        }
        Assert.Equal(2, client.SessionCache.Count);
    }

    [Fact]
    public void AServerThatCannotProveWhoItIsTakesNothing()
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts(o => o.TicketRequest = new TlsTicketRequest(4, 1));
        (_, TlsServerContext impostor) = HandshakeTests.Contexts(null, o => o.ServerCertificates = [TestPki.Untrusted.Tls]);
        EnginePair.Connect(client, server).Dispose();
        using var pair = new EnginePair(client, impostor);
        pair.Client.Start();
        Assert.Equal(TlsFault.CertificateUntrusted, Assert.ThrowsAny<TlsException>(pair.Run).Fault);
        Assert.Equal(3, client.SessionCache.Count);
    }

    /// <summary>The server's first record with a ticket_request at the end of its extensions.</summary>
    private static byte[] WithHint(byte[] bytes)
    {
        if (bytes[0] != 22)
        {
            return bytes;
        }
        const int Extensions = ServerHelloStart + 4 + 2 + 32 + 1 + 32 + 2 + 1;
        byte[] hint = HelloBytes.Extension(TicketRequest, [2]);
        int end = 5 + ((bytes[3] << 8) | bytes[4]);
        foreach (int length in (int[])[3, ServerHelloStart + 2, Extensions])
        {
            int value = ((bytes[length] << 8) | bytes[length + 1]) + hint.Length;
            (bytes[length], bytes[length + 1]) = ((byte)(value >> 8), (byte)(value & 0xff));
        }
        return [.. bytes[..end], .. hint, .. bytes[end..]];
    }
}

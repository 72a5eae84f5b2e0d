using System.Net.Security;
using System.Security.Authentication;
using Segno.Cryptography;
using Segno.Handshake;
using Segno.Sessions;

namespace Segno.Tests.Connections;

/// <summary>TLS 1.2 from end to end: full, resumed by session ID and by ticket, with and without client certificates.</summary>
public class Tls12HandshakeTests
{
    public static TheoryData<TlsCipherSuite, bool> Suites => new()
    {
        { TlsCipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, false },
        { TlsCipherSuite.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, false },
        { TlsCipherSuite.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, false },
        { TlsCipherSuite.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, true },
        { TlsCipherSuite.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, true },
        { TlsCipherSuite.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, true },
    };

    [Theory]
    [InlineData(ResumptionMechanism.Ticket)]
    [InlineData(ResumptionMechanism.SessionId)]
    public void FullThenResumed(ResumptionMechanism mechanism)
    {
        (TlsClientContext client, TlsServerContext server) = Contexts(mechanism);
        using (EnginePair pair = EnginePair.Connect(client, server))
        {
            Assert.Equal(SslProtocols.Tls12, pair.Client.Info.ProtocolVersion);
            Assert.Equal(ResumptionReason.NoSessionYet, pair.Client.Info.Resumption.Reason);
            Assert.Equal(ResumptionOutcome.NotOffered, pair.Server.Info.Resumption);
            Assert.True(pair.Client.Info.ExtendedMasterSecret && pair.Server.Info.ExtendedMasterSecret);
            TlsSession session = Assert.IsType<TlsSession>(pair.Client.Session);
            Assert.Equal(mechanism == ResumptionMechanism.Ticket, !session.Ticket.IsEmpty);
            AssertDataFlows(pair);
        }
        for (int i = 0; i < 3; i++)
        {
            using EnginePair pair = EnginePair.Connect(client, server);
            Assert.Equal(ResumptionOutcome.Resumed(mechanism), pair.Client.Info.Resumption);
            Assert.Equal(ResumptionOutcome.Resumed(mechanism), pair.Server.Info.Resumption);
            Assert.NotNull(pair.Client.Info.RemoteCertificate);
            Assert.NotNull(pair.Client.Info.Group);
            AssertDataFlows(pair);
        }
    }

    [Theory]
    [MemberData(nameof(Suites))]
    public void EverySuite(TlsCipherSuite suite, bool rsa)
    {
        (TlsClientContext client, TlsServerContext server) = Contexts(
            ResumptionMechanism.Ticket, o => o.CipherSuites = [suite], o => o.ServerCertificates = [(rsa ? TestPki.Rsa("localhost") : TestPki.Ecdsa("localhost")).Tls]);
        for (int i = 0; i < 2; i++)
        {
            using EnginePair pair = EnginePair.Connect(client, server);
            Assert.Equal(suite, pair.Server.Info.CipherSuite);
            Assert.Equal(suite, pair.Client.Info.CipherSuite);
            Assert.Equal(i == 1, pair.Client.Info.Resumption.IsResumed);
            AssertDataFlows(pair);
        }
    }

    [Theory]
    [InlineData(TlsNamedGroup.X25519)]
    [InlineData(TlsNamedGroup.P256)]
    [InlineData(TlsNamedGroup.P384)]
    public void EveryGroup(TlsNamedGroup group)
    {
        (TlsClientContext client, TlsServerContext server) = Contexts(
            ResumptionMechanism.Ticket, null, o => o.SupportedGroups = [group]);
        using EnginePair pair = EnginePair.Connect(client, server);
        Assert.Equal(group, pair.Client.Info.Group);
        Assert.Equal(group, pair.Server.Info.Group);
    }

    [Theory]
    [InlineData(ResumptionMechanism.Ticket, false)]
    [InlineData(ResumptionMechanism.SessionId, false)]
    [InlineData(ResumptionMechanism.Ticket, true)]
    [InlineData(ResumptionMechanism.SessionId, true)]
    public void AClientCertificateComesBackWithItsSession(ResumptionMechanism mechanism, bool rsa)
    {
        TestCertificate own = rsa ? TestPki.ClientRsa() : TestPki.ClientEcdsa();
        (TlsClientContext client, TlsServerContext server) = Contexts(
            mechanism,
            o => o.ClientCertificate = own.Tls,
            o =>
            {
                o.ClientCertificateMode = TlsClientCertificateMode.Required;
                o.CertificateChainPolicy = TestPki.TrustRoot();
            });
        for (int i = 0; i < 2; i++)
        {
            using EnginePair pair = EnginePair.Connect(client, server);
            Assert.Equal(i == 1, pair.Server.Info.Resumption.IsResumed);
            Assert.Equal(own.Tls.Certificate.Thumbprint, pair.Server.Info.RemoteCertificate?.Thumbprint);
        }
    }

    /// <summary>A ticket whose key seals no more is good, and replaced before the key is gone.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void ATicketUnderARetiringKeyIsRenewed(bool rotate)
    {
        using var keys = new TicketKeyRing();
        (TlsClientContext client, TlsServerContext server) = Contexts(ResumptionMechanism.Ticket, configureServer: o => (o.TicketKeys, o.Group) = (keys, "test"));
        EnginePair.Connect(client, server).Dispose();
        if (rotate)
        {
            keys.Rotate();
        }
        using EnginePair pair = EnginePair.Connect(client, server);
        Assert.Equal(ResumptionOutcome.Resumed(ResumptionMechanism.Ticket), pair.Server.Info.Resumption);
        Assert.Equal(rotate, pair.Client.Session is not null);
    }

    [Theory]
    [InlineData(20, TlsFault.ChangeCipherSpecMissing)]
    [InlineData(4, TlsFault.UnexpectedMessage)]
    public void ChangeCipherSpecComesBeforeFinished(byte type, TlsFault fault)
    {
        var waiting = new ExpectChangeCipherSpec12(null!, null!, null!);
        Assert.Equal(fault, Assert.Throws<TlsException>(() => waiting.Receive(new HandshakeMessage([type, 0, 0, 0]))).Fault);
    }

    [Fact]
    public void AClientWithoutTheRequiredCertificateIsRefused()
    {
        (TlsClientContext client, TlsServerContext server) = Contexts(
            ResumptionMechanism.Ticket, null, o => o.ClientCertificateMode = TlsClientCertificateMode.Required);
        using var pair = new EnginePair(client, server);
        var refused = Assert.Throws<TlsAlertException>(pair.Handshake);
        Assert.Equal(TlsFault.CertificateMissing, refused.Fault);
        Assert.Equal(TlsAlert.HandshakeFailure, refused.Alert);
    }

    [Fact]
    public void AResumedHandshakeCostsNoKeyExchangeAndNoSignature()
    {
        (TlsClientContext client, TlsServerContext server) = Contexts(ResumptionMechanism.Ticket);
        EnginePair.Connect(client, server).Dispose();
        CryptoCounters.Current.Reset();
        using EnginePair pair = EnginePair.Connect(client, server);
        Assert.True(pair.Client.Info.Resumption.IsResumed);
        Assert.Equal(0, CryptoCounters.Current.Signatures);
        Assert.Equal(0, CryptoCounters.Current.Verifications);
        Assert.Equal(0, CryptoCounters.Current.KeyAgreements);
    }

    [Fact]
    public void ExportersAgreeAndTellNoContextFromAnEmptyOne()
    {
        (TlsClientContext client, TlsServerContext server) = Contexts(ResumptionMechanism.Ticket);
        using EnginePair pair = EnginePair.Connect(client, server);
        byte[][] exported = new byte[4][];
        for (int i = 0; i < exported.Length; i++)
        {
            exported[i] = new byte[40];
            TlsConnection from = i % 2 == 0 ? pair.Client : pair.Server;
            if (i < 2)
            {
                from.ExportKeyingMaterial("EXPORTER-test", exported[i]);
            }
            else
            {
                from.ExportKeyingMaterial("EXPORTER-test", [], exported[i]);
            }
        }
        Assert.Equal(exported[0], exported[1]);
        Assert.Equal(exported[2], exported[3]);
        Assert.NotEqual(exported[0], exported[2]);
    }

    [Fact]
    public void KeysCannotBeUpdated()
    {
        (TlsClientContext client, TlsServerContext server) = Contexts(ResumptionMechanism.Ticket);
        using EnginePair pair = EnginePair.Connect(client, server);
        Assert.Throws<InvalidOperationException>(() => pair.Client.UpdateKeys());
        AssertDataFlows(pair);
    }

    [Fact]
    public void BothVersionsChooseTheHigher()
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts();
        using EnginePair pair = EnginePair.Connect(client, server);
        Assert.Equal(SslProtocols.Tls13, pair.Client.Info.ProtocolVersion);
    }

    //
    [Theory]
    [InlineData(ResumptionMechanism.Ticket)]
    [InlineData(ResumptionMechanism.SessionId)]
    public void ASessionIsNeverResumedUnderAnotherVersion(ResumptionMechanism mechanism)
    {
        var cache = new MemoryClientSessionCache();
        TlsServerOptions options = new() { ServerCertificates = [TestPki.Ecdsa("localhost").Tls], TicketCount = mechanism == ResumptionMechanism.Ticket ? 2 : 0 };
        options.EnabledSslProtocols = SslProtocols.Tls12;
        using var old = new TlsServerContext(options);
        options.EnabledSslProtocols = SslProtocols.None;
        using var both = new TlsServerContext(options);
        var client = new TlsClientContext(new TlsClientOptions { CertificateChainPolicy = TestPki.TrustRoot(), SessionCache = cache });
        EnginePair.Connect(client, old).Dispose();
        using EnginePair pair = EnginePair.Connect(client, both);
        Assert.Equal(SslProtocols.Tls13, pair.Client.Info.ProtocolVersion);
        Assert.Equal(ResumptionOutcome.Declined(mechanism, ResumptionReason.DeclinedByServer), pair.Client.Info.Resumption);
        Assert.False(pair.Server.Info.Resumption.IsResumed);
    }

    [Fact]
    public void WithResumptionOffNothingIsIssuedOfferedOrKept()
    {
        (TlsClientContext client, TlsServerContext server) = Contexts(ResumptionMechanism.Ticket, o => o.AllowTlsResume = false, null);
        using (EnginePair pair = EnginePair.Connect(client, server))
        {
            Assert.Null(pair.Client.Session);
        }
        (client, server) = Contexts(ResumptionMechanism.Ticket, null, o => o.AllowTlsResume = false);
        for (int i = 0; i < 2; i++)
        {
            using EnginePair pair = EnginePair.Connect(client, server);
            Assert.Null(pair.Client.Session);
            Assert.Equal(ResumptionStatus.NotOffered, pair.Client.Info.Resumption.Status);
        }
    }

    //
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void ASessionIsForgottenAfterAFatalAlert(bool resumedFirst)
    {
        (TlsClientContext client, TlsServerContext server) = Contexts(ResumptionMechanism.SessionId);
        TlsSession session;
        using (EnginePair pair = EnginePair.Connect(client, server))
        {
            session = pair.Client.Session!;
            if (!resumedFirst)
            {
                FailServer(pair);
            }
        }
        if (resumedFirst)
        {
            using EnginePair pair = EnginePair.Connect(client, server);
            Assert.True(pair.Server.Info.Resumption.IsResumed);
            FailServer(pair);
            Assert.ThrowsAny<TlsException>(pair.Run);
            Assert.Equal(0, client.SessionCache.Count);
        }
        // A client of TLS 1.2 alone: the ID of one that has TLS 1.3 might be there for compatibility only.
        (TlsClientContext again, _) = Contexts(ResumptionMechanism.SessionId, o =>
        {
            o.Resume = session;
            o.EnabledSslProtocols = SslProtocols.Tls12;
        });
        using EnginePair last = EnginePair.Connect(again, server);
        Assert.Equal(ResumptionOutcome.Declined(ResumptionMechanism.SessionId, ResumptionReason.SessionNotFound), last.Server.Info.Resumption);

        static void FailServer(EnginePair pair)
        {
            byte[] garbage = [23, 3, 3, 0, 32, .. new byte[32]];
            Assert.Equal(TlsFault.RecordAuthenticationFailed, Assert.ThrowsAny<TlsException>(() => pair.Server.Receive(garbage, new byte[100])).Fault);
        }
    }

    // D2: what was never finished is not there to be resumed.
    [Theory]
    [InlineData(ResumptionMechanism.Ticket)]
    [InlineData(ResumptionMechanism.SessionId)]
    public void AHandshakeThatFailsAtTheClientsFinishedLeavesNoSession(ResumptionMechanism mechanism)
    {
        (TlsClientContext client, TlsServerContext server) = Contexts(mechanism);
        int flights = 0;
        using var pair = new EnginePair(client, server) { Wire = (toServer, bytes) => toServer && ++flights == 2 ? Spoil(bytes) : bytes };
        Assert.Equal(TlsFault.RecordAuthenticationFailed, Assert.ThrowsAny<TlsException>(pair.Handshake).Fault);
        Assert.Equal(0, server.Settings.OwnedSessionStore!.Count);
        Assert.Equal(0, client.SessionCache.Count);

        static byte[] Spoil(byte[] flight)
        {
            flight[^1] ^= 1;
            return flight;
        }
    }

    private static void AssertDataFlows(EnginePair pair)
    {
        pair.Send(pair.Client, "ping"u8);
        pair.Send(pair.Server, "pong"u8);
        pair.Run();
        Assert.Equal("ping"u8.ToArray(), pair.AtServer);
        Assert.Equal("pong"u8.ToArray(), pair.AtClient);
    }

    internal static (TlsClientContext Client, TlsServerContext Server) Contexts(
        ResumptionMechanism mechanism, Action<TlsClientOptions>? configureClient = null, Action<TlsServerOptions>? configureServer = null)
        => HandshakeTests.Contexts(configureClient, o =>
        {
            o.EnabledSslProtocols = SslProtocols.Tls12;
            // Without tickets, a server of TLS 1.2 gives session IDs.
            o.TicketCount = mechanism == ResumptionMechanism.Ticket ? 2 : 0;
            configureServer?.Invoke(o);
        });
}

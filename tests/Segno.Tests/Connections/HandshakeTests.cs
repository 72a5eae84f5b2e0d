using System.Net.Security;
using System.Security.Authentication;
using Segno.Cryptography;
using Segno.Sessions;

namespace Segno.Tests.Connections;

public class HandshakeTests
{
    [Fact]
    public void FullThenResumed()
    {
        (TlsClientContext client, TlsServerContext server) = Contexts();
        using (EnginePair pair = EnginePair.Connect(client, server))
        {
            Assert.Equal(SslProtocols.Tls13, pair.Client.Info.ProtocolVersion);
            Assert.True(pair.Client.Info.ExtendedMasterSecret && pair.Server.Info.ExtendedMasterSecret);
            Assert.Equal(ResumptionReason.NoSessionYet, pair.Client.Info.Resumption.Reason);
            Assert.Equal(ResumptionStatus.NotOffered, pair.Server.Info.Resumption.Status);
            pair.Send(pair.Client, "ping"u8);
            pair.Send(pair.Server, "pong"u8);
            pair.Run();
            Assert.Equal("ping"u8.ToArray(), pair.AtServer);
            Assert.Equal("pong"u8.ToArray(), pair.AtClient);
            Assert.NotNull(pair.Client.Session);
        }
        using (EnginePair pair = EnginePair.Connect(client, server))
        {
            Assert.Equal(ResumptionOutcome.Resumed(ResumptionMechanism.Psk), pair.Client.Info.Resumption);
            Assert.Equal(ResumptionOutcome.Resumed(ResumptionMechanism.Psk), pair.Server.Info.Resumption);
            Assert.NotNull(pair.Client.Info.RemoteCertificate);
        }
    }

    [Theory]
    [InlineData(TlsNamedGroup.X25519)]
    [InlineData(TlsNamedGroup.P256)]
    [InlineData(TlsNamedGroup.P384)]
    [InlineData(TlsNamedGroup.X25519MLKem768)]
    public void EveryGroupWithAndWithoutRetry(TlsNamedGroup group)
    {
        foreach (IList<TlsNamedGroup> shares in (IList<TlsNamedGroup>[])[[group], []])
        {
            (TlsClientContext client, TlsServerContext server) = Contexts(o =>
            {
                o.SupportedGroups = [group];
                o.KeyShareGroups = shares;
            });
            for (int i = 0; i < 2; i++)
            {
                using EnginePair pair = EnginePair.Connect(client, server);
                Assert.Equal(group, pair.Client.Info.Group);
                Assert.Equal(shares.Count == 0, pair.Client.Info.HelloRetried);
                Assert.Equal(i == 1, pair.Server.Info.Resumption.IsResumed);
            }
        }
    }

    /// <summary>The server's clock went 10 s, the client's 15: so its ticket is 5 s older than the server thinks.</summary>
    [Fact]
    public void TheServerSeesHowFarTheClocksRanApart()
    {
        var clientClock = new Sessions.TestClock();
        var serverClock = new Sessions.TestClock();
        (TlsClientContext client, TlsServerContext server) = Contexts(
            o =>
            {
                o.TimeProvider = clientClock;
                o.RemoteCertificateValidationCallback = (_, _, _, _) => true;
            },
            o => o.TimeProvider = serverClock);
        using (EnginePair pair = EnginePair.Connect(client, server))
        {
            Assert.Null(pair.Server.Info.TicketAgeSkew);
        }
        clientClock.Advance(TimeSpan.FromSeconds(15));
        serverClock.Advance(TimeSpan.FromSeconds(10));
        using (EnginePair pair = EnginePair.Connect(client, server))
        {
            Assert.Equal(TimeSpan.FromSeconds(10), pair.Server.Info.SessionAge);
            Assert.Equal(TimeSpan.FromSeconds(5), pair.Server.Info.TicketAgeSkew);
            Assert.Null(pair.Client.Info.TicketAgeSkew);
        }
    }

    /// <summary>A share of another group is no preference for it (RFC 9846 §4.3.8).</summary>
    [Fact]
    public void TheServersFirstCommonGroupWinsWhateverTheSharesAre()
    {
        (TlsClientContext client, TlsServerContext server) = Contexts(
            o => (o.SupportedGroups, o.KeyShareGroups) = ([TlsNamedGroup.P384, TlsNamedGroup.X25519, TlsNamedGroup.P256], [TlsNamedGroup.P384]),
            o => o.SupportedGroups = [TlsNamedGroup.P256, TlsNamedGroup.P384]);
        using EnginePair pair = EnginePair.Connect(client, server);
        Assert.Equal(TlsNamedGroup.P256, pair.Client.Info.Group);
        Assert.True(pair.Client.Info.HelloRetried);
    }

    [Theory]
    [InlineData(TlsCipherSuite.TLS_AES_128_GCM_SHA256)]
    [InlineData(TlsCipherSuite.TLS_AES_256_GCM_SHA384)]
    [InlineData(TlsCipherSuite.TLS_CHACHA20_POLY1305_SHA256)]
    public void EverySuite(TlsCipherSuite suite)
    {
        (TlsClientContext client, TlsServerContext server) = Contexts(o => o.CipherSuites = [suite]);
        for (int i = 0; i < 2; i++)
        {
            using EnginePair pair = EnginePair.Connect(client, server);
            Assert.Equal(suite, pair.Server.Info.CipherSuite);
            Assert.Equal(i == 1, pair.Client.Info.Resumption.IsResumed);
        }
    }

    [Fact]
    public void AResumedHandshakeCostsNoSignature()
    {
        (TlsClientContext client, TlsServerContext server) = Contexts();
        EnginePair.Connect(client, server).Dispose();
        CryptoCounters.Current.Reset();
        using EnginePair pair = EnginePair.Connect(client, server);
        Assert.True(pair.Client.Info.Resumption.IsResumed);
        Assert.Equal(0, CryptoCounters.Current.Signatures);
        Assert.Equal(0, CryptoCounters.Current.Verifications);
        Assert.Equal(2, CryptoCounters.Current.KeyAgreements);
    }

    internal static (TlsClientContext Client, TlsServerContext Server) Contexts(
        Action<TlsClientOptions>? configureClient = null, Action<TlsServerOptions>? configureServer = null)
    {
        var clientOptions = new TlsClientOptions { CertificateChainPolicy = TestPki.TrustRoot() };
        configureClient?.Invoke(clientOptions);
        var serverOptions = new TlsServerOptions { ServerCertificates = [TestPki.Ecdsa("localhost").Tls] };
        configureServer?.Invoke(serverOptions);
        return (new TlsClientContext(clientOptions), new TlsServerContext(serverOptions));
    }
}

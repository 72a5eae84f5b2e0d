using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Segno.Sessions;
using Segno.Tests.Sessions;

namespace Segno.Tests.Connections;

/// <summary>What resumption does with the certificate of the peer, which the session holds: by every mechanism, in both roles.</summary>
public sealed class ResumedPeerTests
{
    /// <summary>The ways to resume.</summary>
    public enum Way
    {
        SessionId,
        Ticket,
        Psk,
        PskWithoutKeyExchange,
    }

    public static TheoryData<Way, bool> WaysAndRoles
    {
        get
        {
            TheoryData<Way, bool> data = [];
            foreach (Way way in Enum.GetValues<Way>())
            {
                data.Add(way, true);
                data.Add(way, false);
            }
            return data;
        }
    }

    [Theory]
    [MemberData(nameof(WaysAndRoles))]
    public void ReuseAsksOnce(Way way, bool server) => Assert.Single(TwoConnections(way, server, ResumedPeer.Reuse));

    /// <summary>The callback hears on resumption what it heard in the full handshake.</summary>
    [Theory]
    [MemberData(nameof(WaysAndRoles))]
    public void ReverifyAsksAgain(Way way, bool server)
    {
        List<SslPolicyErrors> heard = TwoConnections(way, server, ResumedPeer.Reverify);
        SslPolicyErrors expected = server ? SslPolicyErrors.None : SslPolicyErrors.RemoteCertificateNameMismatch;
        Assert.Equal([expected, expected], heard);
    }

    [Theory]
    [MemberData(nameof(WaysAndRoles))]
    public void WhoIsRefusedThenIsRefusedWithTheSession(Way way, bool server)
    {
        bool accept = true;
        (TlsClientContext client, TlsServerContext servers) = Contexts(way, server, ResumedPeer.Reverify, o =>
            o.RemoteCertificateValidationCallback = (_, _, _, _) => accept);
        Connect(client, servers, "localhost").Dispose();
        accept = false;
        AssertRefused(way, client, servers, server, TlsFault.CertificateRejectedByApplication, TlsAlert.CertificateUnknown);
        Assert.Equal(0, server ? servers.Settings.OwnedSessionStore!.Count : client.SessionCache.Count);
    }

    /// <summary>A callback that throws says what it says, and the alert it chose goes out.</summary>
    [Theory]
    [MemberData(nameof(WaysAndRoles))]
    public void TheCallbackMayChooseTheAlert(Way way, bool server)
    {
        bool accept = true;
        (TlsClientContext client, TlsServerContext servers) = Contexts(way, server, ResumedPeer.Reverify, o =>
            o.RemoteCertificateValidationCallback = (_, _, _, _) =>
                accept ? true : throw new TlsAlertException(TlsFault.RefusedByApplication, TlsAlert.AccessDenied, sentByPeer: false));
        Connect(client, servers, "localhost").Dispose();
        accept = false;
        AssertRefused(way, client, servers, server, TlsFault.RefusedByApplication, TlsAlert.AccessDenied);
        Assert.Equal(0, server ? servers.Settings.OwnedSessionStore!.Count : client.SessionCache.Count);
    }

    /// <summary>The leaf is good and the session lives, but a certificate above the leaf has expired since: only a new validation sees that.</summary>
    [Theory]
    [MemberData(nameof(WaysAndRoles))]
    public void AChainThatWentBadMeanwhileIsRefused(Way way, bool server)
    {
        TestCertificate issuer = TestPki.Make(new CertificateSpec
        {
            CommonName = "Segno short-lived",
            Issuer = TestPki.Root,
            IsCa = true,
            ExtendedKeyUsage = null,
            KeyUsage = X509KeyUsageFlags.KeyCertSign,
            NotAfter = TimeSpan.FromMinutes(10),
        });
        TlsCertificate leaf = TestPki.Make(new CertificateSpec
        {
            Issuer = issuer,
            Names = ["localhost"],
            ExtendedKeyUsage = server ? TestPki.ClientAuthentication : TestPki.ServerAuthentication,
        }).Tls;
        foreach (ResumedPeer rule in (ResumedPeer[])[ResumedPeer.Reuse, ResumedPeer.Reverify])
        {
            var clock = new TestClock { Wall = TimeProvider.System.GetUtcNow() };
            (TlsClientContext client, TlsServerContext servers) = Contexts(
                way, server, rule, o => o.TimeProvider = clock, clock, server ? null : leaf, server ? leaf : null);
            Connect(client, servers, "localhost").Dispose();
            clock.Advance(TimeSpan.FromMinutes(20));
            if (rule == ResumedPeer.Reverify)
            {
                AssertRefused(way, client, servers, server, TlsFault.CertificateExpired, TlsAlert.CertificateExpired);
                continue;
            }
            using EnginePair pair = Connect(client, servers, "localhost");
            Assert.True(pair.Server.Info.Resumption.IsResumed);
        }
    }

    /// <summary>A server that refuses the certificate of a session has not refused the client: it may have another by now, and is let in with that.</summary>
    [Theory]
    [InlineData(Way.SessionId, false)]
    [InlineData(Way.Ticket, false)]
    [InlineData(Way.Psk, false)]
    [InlineData(Way.Psk, true)]
    [InlineData(Way.PskWithoutKeyExchange, false)]
    [InlineData(Way.PskWithoutKeyExchange, true)]
    public void AClientWithANewCertificateIsLetIn(Way way, bool retry)
    {
        TlsCertificate current = TestPki.ClientEcdsa().Tls;
        TlsCertificate renewed = TestPki.Make(new CertificateSpec { CommonName = "renewed", ExtendedKeyUsage = TestPki.ClientAuthentication }).Tls;
        string? revoked = null;
        (_, TlsServerContext server) = Contexts(way, server: true, ResumedPeer.Reverify, o =>
            o.RemoteCertificateValidationCallback = (_, certificate, _, errors) => errors == SslPolicyErrors.None && certificate!.GetCertHashString() != revoked);
        (TlsClientContext client, _) = Contexts(way, server: false, ResumedPeer.Reuse, o =>
        {
            var options = (TlsClientOptions)o;
            (options.ClientCertificate, options.ClientCertificateSelector) = (null, (_, _) => ValueTask.FromResult<TlsCertificate?>(current));
            options.KeyShareGroups = retry ? [] : null;
        });
        Connect(client, server, "localhost").Dispose();
        (revoked, current) = (current.Certificate.Thumbprint, renewed);
        using (EnginePair pair = Connect(client, server, "localhost"))
        {
            Assert.Equal(ResumptionOutcome.Declined(MechanismOf(way), ResumptionReason.ClientCertificateRejected), pair.Server.Info.Resumption);
            Assert.Equal(renewed.Certificate.Thumbprint, pair.Server.Info.RemoteCertificate!.Thumbprint);
            Assert.NotNull(pair.Server.Info.RemoteSignatureScheme);
            // Where the PSK would have done without a key exchange, nobody had to be asked for a share before it was refused.
            Assert.Equal(retry, pair.Client.Info.HelloRetried);
        }
        using EnginePair next = Connect(client, server, "localhost");
        Assert.True(next.Server.Info.Resumption.IsResumed);
        Assert.Equal(renewed.Certificate.Thumbprint, next.Server.Info.RemoteCertificate!.Thumbprint);
    }

    [Theory]
    [InlineData(Way.SessionId, ResumptionMechanism.SessionId)]
    [InlineData(Way.Ticket, ResumptionMechanism.Ticket)]
    [InlineData(Way.Psk, ResumptionMechanism.Psk)]
    [InlineData(Way.PskWithoutKeyExchange, ResumptionMechanism.Psk)]
    public void AServerThatRequiresAFreshCertificateDeclines(Way way, ResumptionMechanism mechanism)
    {
        int calls = 0;
        (TlsClientContext client, TlsServerContext server) = Contexts(way, server: true, ResumedPeer.RequireFresh, o =>
            o.RemoteCertificateValidationCallback = (_, _, _, _) => ++calls > 0);
        Connect(client, server, "localhost").Dispose();
        using EnginePair pair = Connect(client, server, "localhost");
        Assert.Equal(ResumptionOutcome.Declined(mechanism, ResumptionReason.FreshPeerRequired), pair.Server.Info.Resumption);
        Assert.Equal(ResumptionReason.DeclinedByServer, pair.Client.Info.Resumption.Reason);
        Assert.NotNull(pair.Server.Info.RemoteSignatureScheme);
        Assert.Equal(2, calls);
    }

    /// <summary>A client without a certificate has nothing to show anew.</summary>
    [Theory]
    [InlineData(Way.SessionId)]
    [InlineData(Way.Ticket)]
    [InlineData(Way.Psk)]
    [InlineData(Way.PskWithoutKeyExchange)]
    public void ASessionWithoutPeerCertificateIsResumedUnderEveryRule(Way way)
    {
        foreach (ResumedPeer rule in Enum.GetValues<ResumedPeer>())
        {
            (TlsClientContext client, TlsServerContext server) = Contexts(way, server: true, rule, o =>
            {
                ((TlsServerOptions)o).ClientCertificateMode = TlsClientCertificateMode.Optional;
                o.RemoteCertificateValidationCallback = (_, _, _, _) => throw new InvalidOperationException("There is nothing to validate.");
            }, withClientCertificate: false);
            Connect(client, server, "localhost").Dispose();
            using EnginePair pair = Connect(client, server, "localhost");
            Assert.True(pair.Server.Info.Resumption.IsResumed, rule.ToString());
        }
    }

    /// <summary>The session stays in the cache, for a context that may offer it.</summary>
    [Theory]
    [InlineData(Way.SessionId)]
    [InlineData(Way.Ticket)]
    [InlineData(Way.Psk)]
    [InlineData(Way.PskWithoutKeyExchange)]
    public void AClientThatRequiresAFreshCertificateOffersNothing(Way way)
    {
        var cache = new MemoryClientSessionCache();
        (TlsClientContext reuse, TlsServerContext server) = Contexts(way, server: false, ResumedPeer.Reuse, o => ((TlsClientOptions)o).SessionCache = cache);
        (TlsClientContext fresh, _) = Contexts(way, server: false, ResumedPeer.RequireFresh, o => ((TlsClientOptions)o).SessionCache = cache);
        // The rule is no part of the scope.
        Assert.Equal(reuse.Settings.ScopeDigest, fresh.Settings.ScopeDigest);
        Connect(reuse, server, "localhost").Dispose();
        int kept = cache.Count;
        Assert.True(kept > 0);
        using (var pair = new EnginePair(fresh, server))
        {
            pair.Client.Start();
            Assert.Equal(kept, cache.Count);
            pair.Run();
            Assert.Equal(ResumptionOutcome.None(ResumptionReason.FreshPeerRequired), pair.Client.Info.Resumption);
            Assert.Equal(ResumptionStatus.NotOffered, pair.Server.Info.Resumption.Status);
            Assert.NotNull(pair.Client.Info.RemoteSignatureScheme);
        }
        using (EnginePair pair = Connect(reuse, server, "localhost"))
        {
            Assert.True(pair.Client.Info.Resumption.IsResumed);
        }
    }

    [Fact]
    public void ARuleThatIsNoneIsRefused()
    {
        ArgumentException thrown = Assert.Throws<ArgumentException>(() => new TlsClientContext(new TlsClientOptions { ResumedPeer = (ResumedPeer)3 }));
        Assert.StartsWith("ResumedPeer: ", thrown.Message, StringComparison.Ordinal);
    }

    /// <summary>What the callback of one side heard in a full and a resumed handshake.</summary>
    private static List<SslPolicyErrors> TwoConnections(Way way, bool server, ResumedPeer rule)
    {
        List<SslPolicyErrors> heard = [];
        (TlsClientContext client, TlsServerContext servers) = Contexts(way, server, rule, o =>
            o.RemoteCertificateValidationCallback = (sender, certificate, chain, errors) =>
            {
                Assert.Equal(server, Assert.IsType<TlsConnection>(sender).IsServer);
                Assert.NotNull(certificate);
                Assert.Equal(3, chain!.ChainElements.Count);
                heard.Add(errors);
                return true;
            });
        // A name that the certificate has not got: whoever accepts it is asked about it.
        string host = server ? "localhost" : "other.example";
        string? first = null;
        for (int i = 0; i < 2; i++)
        {
            using EnginePair pair = Connect(client, servers, host);
            TlsConnectionInfo info = (server ? pair.Server : pair.Client).Info;
            Assert.Equal(i == 1, info.Resumption.IsResumed);
            first ??= info.RemoteCertificate!.Thumbprint;
            Assert.Equal(first, info.RemoteCertificate!.Thumbprint);
            pair.Send(pair.Client, "x"u8);
            pair.Run();
            Assert.Single(pair.AtServer);
        }
        return heard;
    }

    /// <summary>A client ends the handshake that resumes; a server declines and refuses in the full handshake what the client shows there, which is the same.</summary>
    private static void AssertRefused(Way way, TlsClientContext client, TlsServerContext servers, bool server, TlsFault fault, TlsAlert alert)
    {
        using var pair = new EnginePair(client, servers);
        pair.Client.Start();
        TlsAlertException thrown = Assert.ThrowsAny<TlsAlertException>(pair.Run);
        Assert.Equal((fault, alert, false), (thrown.Fault, thrown.Alert, thrown.SentByPeer));
        TlsConnection refusing = server ? pair.Server : pair.Client;
        Assert.False(refusing.IsHandshakeCompleted);
        Assert.Equal(
            server ? ResumptionOutcome.Declined(MechanismOf(way), ResumptionReason.ClientCertificateRejected) : ResumptionOutcome.Resumed(MechanismOf(way)),
            refusing.Info.Resumption);
        // What the peer sent behind its certificate nobody reads any more.
        (server ? pair.ToServer : pair.ToClient).Clear();
        thrown = Assert.ThrowsAny<TlsAlertException>(pair.Run);
        Assert.Equal((TlsFault.PeerAlert, alert, true), (thrown.Fault, thrown.Alert, thrown.SentByPeer));
    }

    private static ResumptionMechanism MechanismOf(Way way) => way switch
    {
        Way.SessionId => ResumptionMechanism.SessionId,
        Way.Ticket => ResumptionMechanism.Ticket,
        _ => ResumptionMechanism.Psk,
    };

    private static EnginePair Connect(TlsClientContext client, TlsServerContext server, string host) => EnginePair.Connect(client, server, host);

    /// <param name="way">How it resumes.</param>
    /// <param name="server">The side that the rule is for.</param>
    /// <param name="rule">The rule.</param>
    /// <param name="configure">More for that side.</param>
    /// <param name="clock">The clock of both.</param>
    /// <param name="serverCertificate">Instead of a good one.</param>
    /// <param name="clientCertificate">Instead of a good one.</param>
    /// <param name="withClientCertificate">Whether the client has one.</param>
    private static (TlsClientContext Client, TlsServerContext Server) Contexts(
        Way way,
        bool server,
        ResumedPeer rule,
        Action<TlsOptions> configure,
        TimeProvider? clock = null,
        TlsCertificate? serverCertificate = null,
        TlsCertificate? clientCertificate = null,
        bool withClientCertificate = true)
    {
        return HandshakeTests.Contexts(
            o =>
            {
                o.ClientCertificate = withClientCertificate ? clientCertificate ?? TestPki.ClientEcdsa().Tls : null;
                Common(o, !server);
            },
            o =>
            {
                o.ServerCertificates = [serverCertificate ?? TestPki.Ecdsa("localhost").Tls];
                o.ClientCertificateMode = TlsClientCertificateMode.Required;
                o.CertificateChainPolicy = TestPki.TrustRoot();
                // Without tickets, a server of TLS 1.2 gives session IDs.
                o.TicketCount = way == Way.SessionId ? 0 : 2;
                Common(o, server);
            });

        void Common(TlsOptions options, bool isMeant)
        {
            options.EnabledSslProtocols = way is Way.SessionId or Way.Ticket ? SslProtocols.Tls12 : SslProtocols.Tls13;
            options.AllowPskWithoutKeyExchange = way == Way.PskWithoutKeyExchange;
            options.TimeProvider = clock ?? TimeProvider.System;
            if (isMeant)
            {
                options.ResumedPeer = rule;
                configure(options);
            }
        }
    }
}

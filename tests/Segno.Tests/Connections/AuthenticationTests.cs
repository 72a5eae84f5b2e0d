using System.Net.Security;
using System.Security.Authentication;
using Segno.Sessions;

namespace Segno.Tests.Connections;

/// <summary>Who proves what to whom: certificates of both sides, names, protocols, virtual hosts, and what resumption keeps of it.</summary>
public class AuthenticationTests
{
    public static TheoryData<string> Kinds => ["P256", "P384", "P521", "Rsa", "RsaPss", "Ed25519"];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void EveryKindOfKey(string kind)
    {
        TestKeyKind key = Enum.Parse<TestKeyKind>(kind);
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts(
            null, o => o.ServerCertificates = [TestPki.Server(key, "localhost").Tls]);
        using EnginePair pair = EnginePair.Connect(client, server);
        Assert.NotNull(pair.Client.Info.RemoteSignatureScheme);
        Assert.Equal(pair.Server.Info.LocalSignatureScheme, pair.Client.Info.RemoteSignatureScheme);
    }

    public static TheoryData<string, TlsFault, TlsAlert> BadCertificates => new()
    {
        { nameof(TestPki.Expired), TlsFault.CertificateExpired, TlsAlert.CertificateExpired },
        { nameof(TestPki.NotYetValid), TlsFault.CertificateNotYetValid, TlsAlert.CertificateExpired },
        { nameof(TestPki.Untrusted), TlsFault.CertificateUntrusted, TlsAlert.UnknownCa },
        { nameof(TestPki.SelfSigned), TlsFault.CertificateUntrusted, TlsAlert.UnknownCa },
        { nameof(TestPki.WrongUsage), TlsFault.CertificateWrongUsage, TlsAlert.UnsupportedCertificate },
        { nameof(TestPki.NoDigitalSignature), TlsFault.CertificateKeyUsageMissing, TlsAlert.UnsupportedCertificate },
        { nameof(TestPki.NoNames), TlsFault.CertificateNameMismatch, TlsAlert.CertificateUnknown },
        { nameof(TestPki.IssuerNotCa), TlsFault.CertificateIssuerNotCa, TlsAlert.CertificateUnknown },
        { nameof(TestPki.NameNotPermitted), TlsFault.CertificateNameConstraintViolated, TlsAlert.CertificateUnknown },
        { nameof(TestPki.NameExcluded), TlsFault.CertificateNameConstraintViolated, TlsAlert.CertificateUnknown },
    };

    [Theory]
    [MemberData(nameof(BadCertificates))]
    public void ABadServerCertificateHasItsFaultAndAlert(string which, TlsFault fault, TlsAlert alert)
    {
        var certificate = (TestCertificate)typeof(TestPki).GetProperty(which)!.GetValue(null)!;
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts(null, o => o.ServerCertificates = [certificate.Tls]);
        using var pair = new EnginePair(client, server, "localhost");
        pair.Client.Start();
        TlsAlertException thrown = Assert.ThrowsAny<TlsAlertException>(pair.Run);
        Assert.Equal((fault, alert, false), (thrown.Fault, thrown.Alert, thrown.SentByPeer));
        // The server hears of it, and nothing of the connection is kept.
        thrown = Assert.ThrowsAny<TlsAlertException>(pair.Run);
        Assert.Equal((TlsFault.PeerAlert, alert, true), (thrown.Fault, thrown.Alert, thrown.SentByPeer));
        Assert.Equal(0, client.SessionCache.Count);
    }

    [Fact]
    public void AWrongNameIsRefused()
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts();
        using var pair = new EnginePair(client, server, "other.example");
        pair.Client.Start();
        Assert.Equal(TlsFault.CertificateNameMismatch, Assert.ThrowsAny<TlsException>(pair.Run).Fault);
    }

    [Fact]
    public void TheCallbackMayAcceptAndRefuse()
    {
        SslPolicyErrors seen = SslPolicyErrors.None;
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts(o =>
            o.RemoteCertificateValidationCallback = (sender, _, _, errors) =>
            {
                Assert.IsType<TlsConnection>(sender);
                seen = errors;
                return true;
            });
        using (EnginePair.Connect(client, server, "other.example"))
        {
            Assert.Equal(SslPolicyErrors.RemoteCertificateNameMismatch, seen);
        }
        (client, server) = HandshakeTests.Contexts(o => o.RemoteCertificateValidationCallback = (_, _, _, _) => false);
        using (var pair = new EnginePair(client, server))
        {
            pair.Client.Start();
            Assert.Equal(TlsFault.CertificateRejectedByApplication, Assert.ThrowsAny<TlsException>(pair.Run).Fault);
        }
        (client, server) = HandshakeTests.Contexts(o => o.RemoteCertificateValidationCallback = (_, _, _, _) => throw new InvalidOperationException("boom"));
        using (var pair = new EnginePair(client, server))
        {
            pair.Client.Start();
            Assert.Equal(TlsFault.CallbackFailed, Assert.ThrowsAny<TlsException>(pair.Run).Fault);
        }
    }

    /// <summary>Museum B6: who is authenticated is the same on a full connection and on every one resumed from it, at both ends, and survives a file.</summary>
    [Theory]
    [InlineData(SslProtocols.Tls12, true)]
    [InlineData(SslProtocols.Tls12, false)]
    [InlineData(SslProtocols.Tls13, true)]
    [InlineData(SslProtocols.Tls13, false)]
    [Trait("Museum", "B6")]
    public void MutualAuthenticationIsTheSameWhenResumed(SslProtocols version, bool shows)
    {
        TlsClientOptions clientOptions = new() { CertificateChainPolicy = TestPki.TrustRoot(), ClientCertificate = shows ? TestPki.ClientEcdsa().Tls : null };
        (_, TlsServerContext server) = HandshakeTests.Contexts(null, o =>
        {
            o.ClientCertificateMode = TlsClientCertificateMode.Optional;
            o.CertificateChainPolicy = TestPki.TrustRoot();
            o.EnabledSslProtocols = version;
        });
        var client = new TlsClientContext(clientOptions);
        for (int i = 0; i < 4; i++)
        {
            using EnginePair pair = EnginePair.Connect(client, server);
            Assert.Equal(version, pair.Client.Info.ProtocolVersion);
            Assert.Equal(i > 0, pair.Client.Info.Resumption.IsResumed);
            Assert.Equal((shows, shows), (pair.Client.Info.IsMutuallyAuthenticated, pair.Server.Info.IsMutuallyAuthenticated));
            if (pair.Client.Session is { } session)
            {
                Assert.Equal(shows, session.IsMutuallyAuthenticated);
                clientOptions.Resume = TlsSession.Import(session.Export());
            }
        }
        using EnginePair last = EnginePair.Connect(new TlsClientContext(clientOptions), server);
        Assert.True(last.Client.Info.Resumption.IsResumed);
        Assert.Equal((shows, shows), (last.Client.Info.IsMutuallyAuthenticated, last.Server.Info.IsMutuallyAuthenticated));
    }

    [Fact]
    [Trait("Museum", "B6")]
    public void AServerThatDoesNotAskAuthenticatesNobody()
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts(o => o.ClientCertificate = TestPki.ClientEcdsa().Tls);
        using EnginePair pair = EnginePair.Connect(client, server);
        Assert.Equal((false, false), (pair.Client.Info.IsMutuallyAuthenticated, pair.Server.Info.IsMutuallyAuthenticated));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void AClientCertificateIsKeptByResumption(bool required)
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts(
            o => o.ClientCertificate = TestPki.ClientEcdsa().Tls,
            o =>
            {
                o.ClientCertificateMode = required ? TlsClientCertificateMode.Required : TlsClientCertificateMode.Optional;
                o.CertificateChainPolicy = TestPki.TrustRoot();
            });
        for (int i = 0; i < 2; i++)
        {
            using EnginePair pair = EnginePair.Connect(client, server);
            Assert.Equal(i == 1, pair.Server.Info.Resumption.IsResumed);
            Assert.Equal(TestPki.ClientEcdsa().Certificate.Thumbprint, pair.Server.Info.RemoteCertificate?.Thumbprint);
        }
    }

    [Fact]
    public void AClientWithoutCertificateIsRefusedWhereOneIsRequired()
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts(null, o =>
        {
            o.ClientCertificateMode = TlsClientCertificateMode.Required;
            o.CertificateChainPolicy = TestPki.TrustRoot();
        });
        using var pair = new EnginePair(client, server);
        pair.Client.Start();
        TlsAlertException thrown = Assert.ThrowsAny<TlsAlertException>(pair.Run);
        Assert.Equal((TlsFault.CertificateMissing, TlsAlert.CertificateRequired), (thrown.Fault, thrown.Alert));
    }

    [Fact]
    public void AnUntrustedClientIsRefused()
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts(
            o => o.ClientCertificate = TestPki.UntrustedClient.Tls,
            o =>
            {
                o.ClientCertificateMode = TlsClientCertificateMode.Optional;
                o.CertificateChainPolicy = TestPki.TrustRoot();
            });
        using var pair = new EnginePair(client, server);
        pair.Client.Start();
        Assert.Equal(TlsFault.CertificateUntrusted, Assert.ThrowsAny<TlsException>(pair.Run).Fault);
    }

    [Fact]
    public void TheServersOrderOfProtocolsDecides()
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts(
            o => o.ApplicationProtocols = [SslApplicationProtocol.Http11, SslApplicationProtocol.Http2],
            o => o.ApplicationProtocols = [SslApplicationProtocol.Http2, SslApplicationProtocol.Http11]);
        using EnginePair pair = EnginePair.Connect(client, server);
        Assert.Equal(SslApplicationProtocol.Http2, pair.Client.Info.ApplicationProtocol);
        Assert.Equal(SslApplicationProtocol.Http2, pair.Server.Info.ApplicationProtocol);
    }

    [Fact]
    public void NoCommonProtocolIsRefused()
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts(
            o => o.ApplicationProtocols = [SslApplicationProtocol.Http11],
            o => o.ApplicationProtocols = [SslApplicationProtocol.Http2]);
        using var pair = new EnginePair(client, server);
        pair.Client.Start();
        Assert.Equal(TlsAlert.NoApplicationProtocol, Assert.ThrowsAny<TlsAlertException>(pair.Run).Alert);
    }

    [Fact]
    public void TheVirtualHostIsChosenBeforeTheSession()
    {
        TlsServerContext strict = HandshakeTests.Contexts(null, o =>
        {
            o.ServerCertificates = [TestPki.Ecdsa("b.example").Tls];
            o.ClientCertificateMode = TlsClientCertificateMode.Required;
            o.CertificateChainPolicy = TestPki.TrustRoot();
        }).Server;
        var keys = new TicketKeyRing();
        TlsServerContext open = HandshakeTests.Contexts(null, o =>
        {
            o.ServerCertificates = [TestPki.Ecdsa("a.example").Tls];
            (o.TicketKeys, o.Group) = (keys, "a");
        }).Server;
        (TlsClientContext client, TlsServerContext router) = HandshakeTests.Contexts(null, o =>
            o.ContextSelector = (hello, _) => ValueTask.FromResult(hello.ServerName switch
            {
                "a.example" => open,
                "b.example" => strict,
                _ => null,
            }));
        using (EnginePair pair = EnginePair.Connect(client, router, "A.example."))
        {
            Assert.Equal("a.example", pair.Server.Info.ServerName);
        }
        using (EnginePair pair = EnginePair.Connect(client, router, "a.example"))
        {
            Assert.True(pair.Server.Info.Resumption.IsResumed || pair.Client.Info.Resumption.Reason == ResumptionReason.NoSessionYet);
        }
        using (var pair = new EnginePair(client, router, "b.example"))
        {
            pair.Client.Start();
            Assert.Equal(TlsFault.CertificateMissing, Assert.ThrowsAny<TlsException>(pair.Run).Fault);
        }
        using (var pair = new EnginePair(client, router, "c.example"))
        {
            pair.Client.Start();
            Assert.Equal(TlsAlert.UnrecognizedName, Assert.ThrowsAny<TlsAlertException>(pair.Run).Alert);
        }
    }

    [Fact]
    public void ATicketOfAnotherContextIsDeclinedByName()
    {
        var keys = new TicketKeyRing();
        (TlsClientContext client, TlsServerContext one) = HandshakeTests.Contexts(null, o => (o.TicketKeys, o.Group) = (keys, "one"));
        TlsServerContext two = HandshakeTests.Contexts(null, o => (o.TicketKeys, o.Group) = (keys, "two")).Server;
        EnginePair.Connect(client, one).Dispose();
        using EnginePair pair = EnginePair.Connect(client, two);
        Assert.Equal(ResumptionOutcome.Declined(ResumptionMechanism.Psk, ResumptionReason.ScopeMismatch, "Group"), pair.Server.Info.Resumption);
        Assert.Equal(ResumptionReason.DeclinedByServer, pair.Client.Info.Resumption.Reason);
    }

    [Theory]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public void WhenResumptionIsOffThereIsNone(bool clientAllows, bool serverAllows)
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts(o => o.AllowTlsResume = clientAllows, o => o.AllowTlsResume = serverAllows);
        for (int i = 0; i < 2; i++)
        {
            using EnginePair pair = EnginePair.Connect(client, server);
            Assert.False(pair.Server.Info.Resumption.IsResumed);
            Assert.Null(pair.Client.Session);
            Assert.Equal(0, client.SessionCache.Count);
        }
    }

    [Theory]
    [InlineData(true, true)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public void PskWithoutKeyExchangeNeedsBothSides(bool clientAllows, bool serverAllows)
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts(
            o => o.AllowPskWithoutKeyExchange = clientAllows, o => o.AllowPskWithoutKeyExchange = serverAllows);
        EnginePair.Connect(client, server).Dispose();
        using EnginePair pair = EnginePair.Connect(client, server);
        Assert.True(pair.Client.Info.Resumption.IsResumed);
        Assert.Equal(clientAllows && serverAllows, pair.Client.Info.Group is null);
        pair.Send(pair.Client, "x"u8);
        pair.Run();
        Assert.Single(pair.AtServer);
    }

    [Fact]
    public void SecretsAreLoggedOnlyWhenAsked()
    {
        List<string> lines = [];
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts(o => o.KeyLog = lines.Add);
        EnginePair.Connect(client, server).Dispose();
        Assert.Equal(5, lines.Count);
        Assert.All(lines, line => Assert.Equal(3, line.Split(' ').Length));
    }

    [Fact]
    public void AFailingSelectorFailsTheHandshakeByName()
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts(null, o =>
            o.CertificateSelector = async (_, _) =>
            {
                await Task.Yield();
                throw new InvalidOperationException("boom");
            });
        using var pair = new EnginePair(client, server);
        pair.Client.Start();
        TlsAlertException thrown = Assert.ThrowsAny<TlsAlertException>(pair.Run);
        Assert.Equal((TlsFault.CallbackFailed, TlsAlert.InternalError), (thrown.Fault, thrown.Alert));
        Assert.IsType<InvalidOperationException>(thrown.InnerException);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void ACallbackMayRefuseWithAnAlertOfItsChoice(bool byCertificate)
    {
        var refusal = new TlsAlertException(TlsFault.RefusedByApplication, TlsAlert.HandshakeFailure, sentByPeer: false);
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts(
            o => o.RemoteCertificateValidationCallback = byCertificate ? (_, _, _, _) => throw refusal : null,
            o => o.CertificateSelector = byCertificate ? null : (_, _) => throw refusal);
        using var pair = new EnginePair(client, server);
        pair.Client.Start();
        Assert.Same(refusal, Assert.ThrowsAny<TlsAlertException>(pair.Run));
    }

    [Fact]
    public void AbortSendsTheAlertOfTheFaultOrTheOneGiven()
    {
        foreach ((TlsAlert? given, TlsAlert sent) in ((TlsAlert?, TlsAlert)[])[(null, TlsAlert.AccessDenied), (TlsAlert.InsufficientSecurity, TlsAlert.InsufficientSecurity)])
        {
            (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts();
            using EnginePair pair = EnginePair.Connect(client, server);
            pair.Client.Abort(TlsFault.RefusedByApplication, given);
            TlsAlertException thrown = Assert.ThrowsAny<TlsAlertException>(pair.Run);
            Assert.Equal((sent, true), (thrown.Alert, thrown.SentByPeer));
        }
    }

    [Fact]
    public void AnAddressHasNoServerName()
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts(null, o => o.ServerCertificates = [TestPki.IpOnly.Tls]);
        using EnginePair pair = EnginePair.Connect(client, server, "127.0.0.1");
        Assert.Null(pair.Server.Info.ServerName);
    }
}

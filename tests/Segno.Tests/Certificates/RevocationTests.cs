using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Segno.Tests.Connections;

namespace Segno.Tests.Certificates;

/// <summary>Revocation lists fetched by the platform's chain from a server on loopback, as the options say, for certificates of both sides.</summary>
public sealed class RevocationTests : IAsyncLifetime
{
    private readonly LoopbackHttp _http = new();
    private readonly string _path = $"/{Guid.NewGuid():n}.crl";

    /// <summary>Issued by the root itself, so that no certificate above needs a list of its own.</summary>
    private TestCertificate _server = null!, _client = null!;

    public ValueTask InitializeAsync()
    {
        X509Extension points = CertificateRevocationListBuilder.BuildCrlDistributionPointExtension([_http.Url(_path)]);
        _server = TestPki.Make(new() { Names = ["localhost"], Issuer = TestPki.Root, Extensions = [points] });
        _client = TestPki.Make(new() { CommonName = "client", ExtendedKeyUsage = TestPki.ClientAuthentication, Issuer = TestPki.Root, Extensions = [points] });
        return ValueTask.CompletedTask;
    }

    public ValueTask DisposeAsync() => _http.DisposeAsync();

    [Theory]
    [InlineData(X509RevocationFlag.ExcludeRoot)]
    [InlineData(X509RevocationFlag.EndCertificateOnly)]
    public void ARevokedServerIsRefused(X509RevocationFlag flag)
    {
        Publish(_server);
        AssertClientRefuses(Policy(X509RevocationMode.Online, flag), TlsFault.CertificateRevoked, TlsAlert.CertificateRevoked);
        Assert.Contains(_path, _http.Asked);
    }

    [Fact]
    public void AServerThatIsNotOnTheListIsAccepted()
    {
        Publish(_client);
        (TlsClientContext client, TlsServerContext server) = Contexts(Policy(X509RevocationMode.Online), null);
        EnginePair.Connect(client, server).Dispose();
        Assert.Contains(_path, _http.Asked);
    }

    [Fact]
    public void ARevokedClientIsRefused()
    {
        Publish(_client);
        AssertServerRefuses(Policy(X509RevocationMode.Online), TlsFault.CertificateRevoked, TlsAlert.CertificateRevoked);
        Assert.Contains(_path, _http.Asked);
    }

    [Fact]
    public void AClientThatIsNotOnTheListIsAccepted()
    {
        Publish(_server);
        (TlsClientContext client, TlsServerContext server) = Contexts(TestPki.TrustRoot(), Policy(X509RevocationMode.Online));
        using EnginePair pair = EnginePair.Connect(client, server);
        Assert.Equal(_client.Certificate.Thumbprint, pair.Server.Info.RemoteCertificate?.Thumbprint);
    }

    [Fact]
    public void AListThatCannotBeHadIsUnknownForBothSides()
    {
        AssertClientRefuses(Policy(X509RevocationMode.Online), TlsFault.CertificateRevocationUnknown, TlsAlert.CertificateUnknown);
        Assert.Contains(_path, _http.Asked);
        AssertServerRefuses(Policy(X509RevocationMode.Online), TlsFault.CertificateRevocationUnknown, TlsAlert.CertificateUnknown);
    }

    [Fact]
    public void AnUnreachableResponderIsUnknownUnlessThePolicyDoesNotMind()
    {
        // A port where nobody listens: it was the server's own a moment ago.
        X509Extension nowhere = CertificateRevocationListBuilder.BuildCrlDistributionPointExtension([$"http://127.0.0.1:{ClosedPort()}/x.crl"]);
        _server = TestPki.Make(new() { Names = ["localhost"], Issuer = TestPki.Root, Extensions = [nowhere] });
        AssertClientRefuses(Policy(X509RevocationMode.Online), TlsFault.CertificateRevocationUnknown, TlsAlert.CertificateUnknown);
        X509ChainPolicy mild = Policy(X509RevocationMode.Online);
        mild.VerificationFlags = X509VerificationFlags.IgnoreEndRevocationUnknown;
        (TlsClientContext client, TlsServerContext server) = Contexts(mild, null);
        EnginePair.Connect(client, server).Dispose();

        static int ClosedPort()
        {
            using var socket = new System.Net.Sockets.Socket(System.Net.Sockets.SocketType.Stream, System.Net.Sockets.ProtocolType.Tcp);
            socket.Bind(new System.Net.IPEndPoint(System.Net.IPAddress.Loopback, 0));
            return ((System.Net.IPEndPoint)socket.LocalEndPoint!).Port;
        }
    }

    [Fact]
    public void OfflineAsksNobody()
    {
        Publish(_server);
        AssertClientRefuses(Policy(X509RevocationMode.Offline), TlsFault.CertificateRevocationUnknown, TlsAlert.CertificateUnknown);
        AssertServerRefuses(Policy(X509RevocationMode.Offline), TlsFault.CertificateRevocationUnknown, TlsAlert.CertificateUnknown);
        Assert.Empty(_http.Asked);
    }

    [Fact]
    public void NoCheckAsksNobodyAndAcceptsTheRevoked()
    {
        Publish(_server, _client);
        (TlsClientContext client, TlsServerContext server) = Contexts(Policy(X509RevocationMode.NoCheck), Policy(X509RevocationMode.NoCheck));
        EnginePair.Connect(client, server).Dispose();
        Assert.Empty(_http.Asked);
    }

    // Without a policy the system's roots are trusted, which never know ours, and a chain without trust is not looked up: so the
    // chain itself says what it was built by.
    [Theory]
    [InlineData(X509RevocationMode.Online)]
    [InlineData(X509RevocationMode.Offline)]
    [InlineData(X509RevocationMode.NoCheck)]
    public void TheOptionWithoutAPolicyIsHonouredOnBothSides(X509RevocationMode mode)
    {
        List<X509ChainPolicy> seen = [];
        void Watch(TlsOptions options)
        {
            options.CertificateRevocationCheckMode = mode;
            options.CertificateChainPolicy = null;
            options.RemoteCertificateValidationCallback = (_, _, chain, _) =>
            {
                seen.Add(chain!.ChainPolicy);
                return true;
            };
        }
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts(
            o =>
            {
                o.ClientCertificate = _client.Tls;
                Watch(o);
            },
            o =>
            {
                o.ClientCertificateMode = TlsClientCertificateMode.Required;
                Watch(o);
            });
        EnginePair.Connect(client, server).Dispose();
        Assert.Equal([mode, mode], seen.Select(policy => policy.RevocationMode));
        // Anybody can show a client certificate: what it says is there to fetch is not fetched.
        Assert.Equal([false, true], seen.Select(policy => policy.DisableCertificateDownloads));
    }

    private static X509ChainPolicy Policy(X509RevocationMode mode, X509RevocationFlag flag = X509RevocationFlag.ExcludeRoot)
    {
        X509ChainPolicy policy = TestPki.TrustRoot();
        (policy.RevocationMode, policy.RevocationFlag) = (mode, flag);
        return policy;
    }

    /// <summary>The root's list, with these certificates on it.</summary>
    private void Publish(params TestCertificate[] revoked)
    {
        var list = new CertificateRevocationListBuilder();
        foreach (TestCertificate certificate in revoked)
        {
            list.AddEntry(certificate.Certificate);
        }
        DateTimeOffset now = TimeProvider.System.GetUtcNow();
        byte[] crl = list.Build(TestPki.Root.Certificate, crlNumber: 1, now.AddDays(1), HashAlgorithmName.SHA256, thisUpdate: now.AddDays(-1));
        _http.Answers[_path] = _ => crl;
    }

    private void AssertClientRefuses(X509ChainPolicy policy, TlsFault fault, TlsAlert alert)
    {
        (TlsClientContext client, TlsServerContext server) = Contexts(policy, null);
        AssertFails(client, server, fault, alert);
    }

    private void AssertServerRefuses(X509ChainPolicy policy, TlsFault fault, TlsAlert alert)
    {
        (TlsClientContext client, TlsServerContext server) = Contexts(TestPki.TrustRoot(), policy);
        AssertFails(client, server, fault, alert);
    }

    private static void AssertFails(TlsClientContext client, TlsServerContext server, TlsFault fault, TlsAlert alert)
    {
        using var pair = new EnginePair(client, server);
        pair.Client.Start();
        TlsAlertException thrown = Assert.ThrowsAny<TlsAlertException>(pair.Run);
        Assert.Equal((fault, alert, false), (thrown.Fault, thrown.Alert, thrown.SentByPeer));
        thrown = Assert.ThrowsAny<TlsAlertException>(pair.Run);
        Assert.Equal((TlsFault.PeerAlert, alert, true), (thrown.Fault, thrown.Alert, thrown.SentByPeer));
    }

    private (TlsClientContext Client, TlsServerContext Server) Contexts(X509ChainPolicy ofClient, X509ChainPolicy? ofServer) => HandshakeTests.Contexts(
        o => (o.CertificateChainPolicy, o.ClientCertificate) = (ofClient, _client.Tls),
        o =>
        {
            o.ServerCertificates = [_server.Tls];
            if (ofServer is not null)
            {
                (o.ClientCertificateMode, o.CertificateChainPolicy) = (TlsClientCertificateMode.Required, ofServer);
            }
        });
}

using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Microsoft.Extensions.Time.Testing;
using Segno.Certificates;
using Segno.Cryptography;
using Xunit;

namespace Segno.Tests.Certificates;

/// <summary>Real chains, judged by the platform through the validator.</summary>
public sealed class ChainValidatorTests
{
    public static TheoryData<TestKeyKind> Kinds => [.. Enum.GetValues<TestKeyKind>()];

    public static TheoryData<string, TlsFault> BadChains => new()
    {
        { nameof(TestPki.Expired), TlsFault.CertificateExpired },
        { nameof(TestPki.ExpiredIntermediate), TlsFault.CertificateExpired },
        { nameof(TestPki.NotYetValid), TlsFault.CertificateNotYetValid },
        { nameof(TestPki.Untrusted), TlsFault.CertificateUntrusted },
        { nameof(TestPki.SelfSigned), TlsFault.CertificateUntrusted },
        { nameof(TestPki.WrongUsage), TlsFault.CertificateWrongUsage },
        { nameof(TestPki.IssuerNotCa), TlsFault.CertificateIssuerNotCa },
        { nameof(TestPki.IssuerWithoutBasicConstraints), TlsFault.CertificateIssuerNotCa },
        { nameof(TestPki.IssuerWithoutCertSign), TlsFault.CertificateIssuerNotCa },
        { nameof(TestPki.PathTooLong), TlsFault.CertificateIssuerNotCa },
        { nameof(TestPki.NameNotPermitted), TlsFault.CertificateNameConstraintViolated },
        { nameof(TestPki.NameExcluded), TlsFault.CertificateNameConstraintViolated },
        { nameof(TestPki.BadSignature), TlsFault.CertificateSignatureInvalid },
    };

    [Theory]
    [MemberData(nameof(Kinds))]
    public void AGoodServerChainIsAccepted(TestKeyKind kind)
    {
        ChainVerdict verdict = Judge(TestPki.Server(kind));
        Assert.True(verdict.IsAccepted, verdict.Detail);
        Assert.Equal(SslPolicyErrors.None, verdict.Errors);
        Assert.Equal(TestPki.Server(kind).Certificate.Thumbprint, verdict.Leaf.Thumbprint);
        verdict.ThrowIfRefused();
    }

    [Theory]
    [MemberData(nameof(BadChains))]
    public void ABadChainIsRefusedByName(string which, TlsFault fault)
    {
        var certificate = (TestCertificate)typeof(TestPki).GetProperty(which)!.GetValue(null)!;
        ChainVerdict verdict = Judge(certificate);
        Assert.Equal(fault, verdict.Fault);
        Assert.Equal(SslPolicyErrors.RemoteCertificateChainErrors, verdict.Errors);
        Assert.NotNull(verdict.Detail);
        Assert.Equal(fault, Assert.Throws<TlsException>(verdict.ThrowIfRefused).Fault);
    }

    [Fact]
    public void NoExtendedKeyUsageIsAnyUse() => Assert.True(Judge(TestPki.NoUsage).IsAccepted);

    [Fact]
    public void AMissingIntermediateIsUntrusted() =>
        Assert.Equal(TlsFault.CertificateUntrusted, Judge(Client(), "localhost", TestPki.Ecdsa().Der).Fault);

    [Fact]
    public void TheChainMayComeInAnyOrderWithStrangersAndTheRoot() => Assert.True(Judge(
        Client(), "localhost", TestPki.Ecdsa().Der, TestPki.Root.Der, TestPki.OtherRoot.Der, TestPki.Intermediate.Der, TestPki.Intermediate.Der).IsAccepted);

    [Fact]
    public void ARootThatThePeerSendsIsNotTrustedForThat()
    {
        TestCertificate certificate = TestPki.Untrusted;
        Assert.Equal(TlsFault.CertificateUntrusted, Judge(Client(), "localhost", certificate.Der, TestPki.OtherRoot.Der).Fault);
    }

    [Fact]
    public void TheSystemsRootsAreTheDefaultAndDoNotKnowOurs() =>
        Assert.Equal(TlsFault.CertificateUntrusted, Judge(new TlsClientOptions(), "localhost", [.. TestPki.Ecdsa().Chain]).Fault);

    [Theory]
    [InlineData("www.example.test", true)]
    [InlineData("WWW.example.test.", true)]
    [InlineData("example.test", false)]
    [InlineData("a.b.example.test", false)]
    [InlineData("127.0.0.1", false)]
    [InlineData("", false)]
    [InlineData(null, false)]
    [InlineData("no host name", false)]
    public void TheNameMustMatch(string? host, bool matches)
    {
        ChainVerdict verdict = Judge(Client(), host, [.. TestPki.Wildcard.Chain]);
        Assert.Equal(matches ? TlsFault.None : TlsFault.CertificateNameMismatch, verdict.Fault);
        Assert.Equal(matches ? SslPolicyErrors.None : SslPolicyErrors.RemoteCertificateNameMismatch, verdict.Errors);
    }

    [Fact]
    public void ACommonNameIsNoName() => Assert.Equal(TlsFault.CertificateNameMismatch, Judge(TestPki.NoNames).Fault);

    [Fact]
    public void AMismatchSaysWhatTheCertificateIsFor() =>
        Assert.Equal("The certificate is for *.example.test, not for other.test.", Judge(Client(), "other.test", [.. TestPki.Wildcard.Chain]).Detail);

    [Fact]
    public void BothErrorsAreReportedAndTheChainsNamesTheFault()
    {
        ChainVerdict verdict = Judge(Client(), "other.test", [.. TestPki.Expired.Chain]);
        Assert.Equal(SslPolicyErrors.RemoteCertificateChainErrors | SslPolicyErrors.RemoteCertificateNameMismatch, verdict.Errors);
        Assert.Equal(TlsFault.CertificateExpired, verdict.Fault);
    }

    [Fact]
    public void ValidityIsJudgedByTheClockOfTheOptionsToTheSecond()
    {
        TestCertificate certificate = TestPki.Ecdsa();
        DateTimeOffset notBefore = certificate.Certificate.NotBefore, notAfter = certificate.Certificate.NotAfter;
        Assert.Equal(TlsFault.CertificateNotYetValid, At(notBefore.AddSeconds(-1)));
        Assert.Equal(TlsFault.None, At(notBefore.AddSeconds(1)));
        Assert.Equal(TlsFault.None, At(notAfter.AddSeconds(-1)));
        Assert.Equal(TlsFault.CertificateExpired, At(notAfter.AddSeconds(1)));

        TlsFault At(DateTimeOffset now)
        {
            TlsClientOptions options = Client();
            options.TimeProvider = new FakeTimeProvider(now);
            return Judge(options, "localhost", [.. certificate.Chain]).Fault;
        }
    }

    [Fact]
    public void AVerificationTimeOfThePolicyGoesBeforeTheClock()
    {
        TlsClientOptions options = Client();
        options.CertificateChainPolicy!.VerificationTime = TestPki.Expired.Certificate.NotAfter.AddDays(-1);
        Assert.True(Judge(options, "localhost", [.. TestPki.Expired.Chain]).IsAccepted);
    }

    [Fact]
    public void VerificationFlagsOfThePolicyAreHonoured()
    {
        TlsClientOptions options = Client();
        options.CertificateChainPolicy!.VerificationFlags = X509VerificationFlags.IgnoreNotTimeValid;
        Assert.True(Judge(options, "localhost", [.. TestPki.Expired.Chain]).IsAccepted);
        Assert.Equal(TlsFault.CertificateUntrusted, Judge(options, "localhost", [.. TestPki.Untrusted.Chain]).Fault);
    }

    [Fact]
    public void AnApplicationPolicyOfThePolicyReplacesTheDefault()
    {
        TlsClientOptions options = Client();
        options.CertificateChainPolicy!.ApplicationPolicy.Add(new Oid(TestPki.CodeSigning));
        Assert.True(Judge(options, "localhost", [.. TestPki.WrongUsage.Chain]).IsAccepted);
        Assert.Equal(TlsFault.CertificateWrongUsage, Judge(options, "localhost", [.. TestPki.Ecdsa().Chain]).Fault);
    }

    [Fact]
    public void LaterChangesOfThePolicyHaveNoEffectAndNothingIsWrittenToIt()
    {
        TlsClientOptions options = Client();
        var validator = new ChainValidator(options);
        using PeerCertificate peer = Read([.. TestPki.Ecdsa().Chain]);
        Assert.True(validator.Run(peer, "localhost", null).IsAccepted);
        Assert.Empty(options.CertificateChainPolicy!.ExtraStore);
        Assert.Empty(options.CertificateChainPolicy.ApplicationPolicy);

        options.CertificateChainPolicy.CustomTrustStore.Clear();
        Assert.True(validator.Run(peer, "localhost", null).IsAccepted);
        Assert.False(new ChainValidator(options).Run(peer, "localhost", null).IsAccepted);
    }

    [Fact]
    public void RevocationThatCannotBeFoundOutRefusesWhereItIsAskedFor()
    {
        TlsClientOptions options = Client();
        options.CertificateChainPolicy!.RevocationMode = X509RevocationMode.Offline;
        options.CertificateChainPolicy.RevocationFlag = X509RevocationFlag.ExcludeRoot;
        Assert.Equal(TlsFault.CertificateRevocationUnknown, Judge(options, "localhost", [.. TestPki.Ecdsa().Chain]).Fault);
    }

    [Fact]
    public void RevocationModeOfTheOptionsIsUsedWithoutAPolicy()
    {
        X509ChainPolicy? seen = null;
        var options = new TlsClientOptions
        {
            CertificateRevocationCheckMode = X509RevocationMode.Offline,
            RemoteCertificateValidationCallback = (_, _, chain, _) =>
            {
                seen = chain!.ChainPolicy;
                return false;
            },
        };
        Judge(options, "localhost", [.. TestPki.Ecdsa().Chain]);
        Assert.Equal(X509RevocationMode.Offline, seen!.RevocationMode);
        Assert.Equal(X509RevocationFlag.ExcludeRoot, seen.RevocationFlag);
    }

    [Fact]
    public void ACertificateSignedWithSha1IsRefusedAndNotUpToTheCallback()
    {
        TestCertificate leaf = TestPki.Make(new() { Names = ["localhost"], SignedWithSha1 = true });
        TlsClientOptions options = Client();
        options.RemoteCertificateValidationCallback = (_, _, _, _) => throw new InvalidOperationException("must not be asked");
        ChainVerdict verdict = Judge(options, "localhost", [.. leaf.Chain]);
        Assert.Equal(TlsFault.CertificateSignatureInvalid, verdict.Fault);
        Assert.Contains("SHA-1", verdict.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void ATrustedRootSignedWithSha1IsNotBelievedByThatAndSoAccepted()
    {
        TestCertificate root = TestPki.Make(new()
        {
            CommonName = "Segno old root",
            SelfSigned = true,
            SignedWithSha1 = true,
            IsCa = true,
            KeyUsage = X509KeyUsageFlags.KeyCertSign,
            ExtendedKeyUsage = null,
        });
        TestCertificate leaf = TestPki.Make(new() { Names = ["localhost"], Issuer = root });
        Assert.True(Judge(new TlsClientOptions { CertificateChainPolicy = TestPki.Trust(root) }, "localhost", [.. leaf.Chain]).IsAccepted);
    }

    // The loader takes it; asking for the date throws.
    [Fact]
    public void ALeafWithAnUnreadableDateIsRefusedByName()
    {
        byte[] leaf = [.. TestPki.Ecdsa().Der];
        // notAfter, the second UTCTime: a month 93.
        int notBefore = leaf.AsSpan().IndexOf<byte>([0x17, 13]);
        int notAfter = notBefore + 15;
        Assert.Equal([0x17, 13], leaf[notAfter..(notAfter + 2)]);
        leaf[notAfter + 4] = (byte)'9';
        ChainVerdict verdict = Judge(Client(), "localhost", leaf, TestPki.Intermediate.Der);
        Assert.False(verdict.IsAccepted);
        Assert.NotEqual(TlsFault.CallbackFailed, verdict.Fault);
    }

    [Fact]
    public void ACertificateAboveThatIsFramedButMalformedIsRefused() =>
        Assert.Equal(TlsFault.CertificateMalformed, Judge(Client(), "localhost", TestPki.Ecdsa().Der, [0x30, 3, 2, 1, 0]).Fault);

    [Theory]
    [InlineData(TestKeyKind.P256)]
    [InlineData(TestKeyKind.Rsa)]
    [InlineData(TestKeyKind.Ed25519)]
    public void AGoodClientChainIsAcceptedWithoutAnyName(TestKeyKind kind) =>
        Assert.True(Judge(Server(), null, [.. TestPki.Client(kind, "client").Chain]).IsAccepted);

    [Fact]
    public void BadClientChainsAreRefused()
    {
        Assert.Equal(TlsFault.CertificateWrongUsage, Judge(Server(), null, [.. TestPki.Ecdsa().Chain]).Fault);
        Assert.Equal(TlsFault.CertificateUntrusted, Judge(Server(), null, [.. TestPki.UntrustedClient.Chain]).Fault);
        Assert.Equal(TlsFault.CertificateExpired, Judge(Server(), null, [.. TestPki.ExpiredClient.Chain]).Fault);
        Assert.Equal(TlsFault.CertificateWrongUsage, Judge(Client(), "client", [.. TestPki.ClientEcdsa().Chain]).Fault);
    }

    [Fact]
    public async Task AClientsCertificateMakesNothingFetchedAndAServersDoes()
    {
        TestCertificate issuer = IssuerOfItsOwn();
        using var web = new IssuerServer(issuer);
        TestCertificate server = TestPki.Make(new() { Names = ["localhost"], Issuer = issuer, Extensions = [web.Extension("server")] });
        TestCertificate client = TestPki.Make(new() { ExtendedKeyUsage = TestPki.ClientAuthentication, Issuer = issuer, Extensions = [web.Extension("client")] });

        // Both without their intermediate; the policies allow downloads.
        TlsServerOptions serverOptions = Server();
        serverOptions.CertificateChainPolicy!.DisableCertificateDownloads = false;
        ChainVerdict ofClient = await Task.Run(() => Judge(serverOptions, null, client.Der), TestContext.Current.CancellationToken);
        Assert.Equal(TlsFault.CertificateUntrusted, ofClient.Fault);
        Assert.DoesNotContain(web.Requests, r => r.Contains("client", StringComparison.Ordinal));

        TlsClientOptions clientOptions = Client();
        clientOptions.CertificateChainPolicy!.DisableCertificateDownloads = false;
        ChainVerdict ofServer = await Task.Run(() => Judge(clientOptions, "localhost", server.Der), TestContext.Current.CancellationToken);
        Assert.True(ofServer.IsAccepted, ofServer.Detail);
        Assert.Contains(web.Requests, r => r.Contains("server", StringComparison.Ordinal));
    }

    [Fact]
    public void ThePoliciesWordOnDownloadsIsKeptForServers()
    {
        TestCertificate issuer = IssuerOfItsOwn();
        using var web = new IssuerServer(issuer);
        TestCertificate server = TestPki.Make(new() { Names = ["localhost"], Issuer = issuer, Extensions = [web.Extension("server")] });
        Assert.Equal(TlsFault.CertificateUntrusted, Judge(Client(), "localhost", server.Der).Fault);
        Assert.Empty(web.Requests);
    }

    [Fact]
    public void TheCallbackSeesWhatWasFoundAndMayAccept()
    {
        TlsClientOptions options = Client();
        object? sender = null;
        string? subject = null;
        int elements = 0;
        SslPolicyErrors seen = SslPolicyErrors.None;
        X509ChainStatusFlags status = X509ChainStatusFlags.NoError;
        options.RemoteCertificateValidationCallback = (from, certificate, chain, errors) =>
        {
            (sender, subject, elements, seen) = (from, certificate!.Subject, chain!.ChainElements.Count, errors);
            status = chain.ChainStatus.Single().Status;
            return status == X509ChainStatusFlags.NotTimeValid;
        };
        object connection = new();
        using PeerCertificate peer = Read([.. TestPki.Expired.Chain]);
        ChainVerdict verdict = new ChainValidator(options).Run(peer, "localhost", connection);
        Assert.True(verdict.IsAccepted);
        Assert.Equal(SslPolicyErrors.RemoteCertificateChainErrors, verdict.Errors);
        Assert.Same(connection, sender);
        Assert.Equal("CN=Segno expired", subject);
        Assert.Equal(3, elements);
        Assert.Equal(SslPolicyErrors.RemoteCertificateChainErrors, seen);
        Assert.Equal(X509ChainStatusFlags.NotTimeValid, status);
        Assert.NotEmpty(verdict.Leaf.Thumbprint);
    }

    [Fact]
    public void TheCallbackMayRefuseAGoodChain()
    {
        TlsClientOptions options = Client();
        options.RemoteCertificateValidationCallback = (_, _, _, _) => false;
        ChainVerdict verdict = Judge(options, "localhost", [.. TestPki.Ecdsa().Chain]);
        Assert.Equal(TlsFault.CertificateRejectedByApplication, verdict.Fault);
        Assert.Equal(SslPolicyErrors.None, verdict.Errors);
    }

    [Fact]
    public void ARefusingCallbackLeavesTheFaultItsName()
    {
        TlsClientOptions options = Client();
        options.RemoteCertificateValidationCallback = (_, _, _, _) => false;
        Assert.Equal(TlsFault.CertificateExpired, Judge(options, "localhost", [.. TestPki.Expired.Chain]).Fault);
    }

    [Fact]
    public void TheCallbackMayAcceptAnyNameAndNone()
    {
        TlsClientOptions options = Client();
        options.RemoteCertificateValidationCallback = (_, _, _, errors) => errors == SslPolicyErrors.RemoteCertificateNameMismatch;
        Assert.True(Judge(options, null, [.. TestPki.Ecdsa().Chain]).IsAccepted);
        Assert.True(Judge(options, "other.test", [.. TestPki.Ecdsa().Chain]).IsAccepted);
        Assert.False(Judge(options, "other.test", [.. TestPki.Expired.Chain]).IsAccepted);
    }

    [Fact]
    public void AThrowingCallbackRefuses()
    {
        TlsClientOptions options = Client();
        var thrown = new CryptographicException("mine");
        options.RemoteCertificateValidationCallback = (_, _, _, _) => throw thrown;
        ChainVerdict verdict = Judge(options, "localhost", [.. TestPki.Ecdsa().Chain]);
        Assert.Equal(TlsFault.CallbackFailed, verdict.Fault);
        Assert.Same(thrown, Assert.Throws<TlsException>(verdict.ThrowIfRefused).InnerException);
    }

    [Fact]
    public void OneValidatorServesManyThreads()
    {
        var validator = new ChainValidator(Client());
        Parallel.For(0, 40, i =>
        {
            TestCertificate certificate = i % 2 == 0 ? TestPki.Ecdsa() : TestPki.Expired;
            using PeerCertificate peer = Read([.. certificate.Chain]);
            Assert.Equal(i % 2 == 0 ? TlsFault.None : TlsFault.CertificateExpired, validator.Run(peer, "localhost", null).Fault);
        });
    }

    private static TestCertificate IssuerOfItsOwn() => TestPki.Make(new()
    {
        CommonName = "Segno fetched",
        Issuer = TestPki.Root,
        IsCa = true,
        KeyUsage = X509KeyUsageFlags.KeyCertSign,
        ExtendedKeyUsage = null,
    });

    private static TlsClientOptions Client() => new() { CertificateChainPolicy = TestPki.TrustRoot() };

    private static TlsServerOptions Server() => new() { CertificateChainPolicy = TestPki.TrustRoot() };

    private static ChainVerdict Judge(TestCertificate certificate) => Judge(Client(), "localhost", [.. certificate.Chain]);

    private static ChainVerdict Judge(TlsOptions options, string? host, params byte[][] chain)
    {
        using PeerCertificate peer = Read(chain);
        return new ChainValidator(options).Run(peer, host, null);
    }

    private static PeerCertificate Read(params byte[][] chain) =>
        PeerCertificate.Read([.. chain.Select(c => (ReadOnlyMemory<byte>)c)], CryptoProvider.Default);

    /// <summary>
    /// A web server on the loopback that answers every request with an issuer's certificate, as caIssuers URLs promise
    /// (RFC 5280 §4.2.2.1). The platform keeps what it fetches in the user's store, so that it is taken out again.
    /// </summary>
    private sealed class IssuerServer : IDisposable
    {
        private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
        private readonly X509Certificate2 _certificate;
        private readonly List<string> _requests = [];

        public IssuerServer(TestCertificate issuer)
        {
            _certificate = X509CertificateLoader.LoadCertificate(issuer.Der);
            _listener.Start();
            _ = ServeAsync();
        }

        public IReadOnlyList<string> Requests
        {
            get
            {
                lock (_requests)
                {
                    return [.. _requests];
                }
            }
        }

        public X509AuthorityInformationAccessExtension Extension(string path) => new X509AuthorityInformationAccessExtension(
            null, [$"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}/{path}.cer"], critical: false);

        public void Dispose()
        {
            _listener.Dispose();
            using var store = new X509Store(StoreName.CertificateAuthority, StoreLocation.CurrentUser);
            store.Open(OpenFlags.ReadWrite);
            store.Remove(_certificate);
            _certificate.Dispose();
        }

        private async Task ServeAsync()
        {
            try
            {
                while (true)
                {
                    using TcpClient client = await _listener.AcceptTcpClientAsync();
                    NetworkStream stream = client.GetStream();
                    using var reader = new StreamReader(stream, Encoding.ASCII);
                    string? request = await reader.ReadLineAsync();
                    lock (_requests)
                    {
                        _requests.Add(request ?? "");
                    }
                    while (await reader.ReadLineAsync() is { Length: > 0 })
                    {
                    }
                    string head = $"HTTP/1.1 200 OK\r\nContent-Type: application/pkix-cert\r\nContent-Length: {_certificate.RawDataMemory.Length}\r\nConnection: close\r\n\r\n";
                    await stream.WriteAsync(Encoding.ASCII.GetBytes(head));
                    await stream.WriteAsync(_certificate.RawDataMemory);
                }
            }
            catch (SocketException)
            {
                // Disposed: the test is over.
            }
            catch (ObjectDisposedException)
            {
            }
        }
    }
}

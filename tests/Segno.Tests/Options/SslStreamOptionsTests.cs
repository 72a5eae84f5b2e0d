#pragma warning disable SYSLIB0039, SYSLIB0040, CS0618, CA5397, CA5398 // Old versions and no encryption: that they are refused.
#pragma warning disable CA1416 // Some properties can be set only where the platform knows them; here that is Linux.
using System.Net.Security;
using System.Reflection;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Segno.Tests.Connections;

namespace Segno.Tests.Options;

/// <summary>Each property of the platform's options in the same meaning, or refused by name.</summary>
public sealed class SslStreamOptionsTests
{
    private static readonly RemoteCertificateValidationCallback Accept = (_, _, _, _) => true;

    // One row or more for each property; EveryPropertyOfTheFrameworkHasARow sees to it.
    private static readonly Dictionary<string, (Action<SslServerAuthenticationOptions> Set, Action<TlsServerOptions> Check)> ServerRows = new()
    {
        ["AllowRenegotiation"] = (o => o.AllowRenegotiation = false, r => Assert.NotEmpty(r.ServerCertificates)),
        ["AllowRsaPkcs1Padding"] = (o => o.AllowRsaPkcs1Padding = false, r => AssertSchemes(r, scheme => !Has(scheme, "Pkcs1"))),
        ["AllowRsaPssPadding"] = (o => o.AllowRsaPssPadding = false, r => AssertSchemes(r, scheme => !Has(scheme, "Pss"))),
        ["AllowTlsResume"] = (o => o.AllowTlsResume = false, r => Assert.False(r.AllowTlsResume)),
        ["ApplicationProtocols"] = (
            o => o.ApplicationProtocols = [SslApplicationProtocol.Http2, SslApplicationProtocol.Http11],
            r => Assert.Equal([SslApplicationProtocol.Http2, SslApplicationProtocol.Http11], r.ApplicationProtocols!)),
        ["ApplicationProtocols empty"] = (o => o.ApplicationProtocols = [], r => Assert.Null(r.ApplicationProtocols)),
        ["CertificateChainPolicy"] = (o => o.CertificateChainPolicy = TestPki.TrustRoot(), r => AssertTrustsRoot(r.CertificateChainPolicy)),
        ["CertificateRevocationCheckMode"] = (
            o => o.CertificateRevocationCheckMode = X509RevocationMode.Offline, r => Assert.Equal(X509RevocationMode.Offline, r.CertificateRevocationCheckMode)),
        ["CipherSuitesPolicy"] = (o => o.CipherSuitesPolicy = MixedSuites(), AssertSuites),
        ["ClientCertificateRequired"] = (o => o.ClientCertificateRequired = true, r => Assert.Equal(TlsClientCertificateMode.Required, r.ClientCertificateMode)),
        ["EnabledSslProtocols"] = (o => o.EnabledSslProtocols = SslProtocols.Tls12, r => Assert.Equal(SslProtocols.Tls12, r.EnabledSslProtocols)),
        ["EncryptionPolicy"] = (o => o.EncryptionPolicy = EncryptionPolicy.RequireEncryption, r => Assert.NotEmpty(r.ServerCertificates)),
        ["RemoteCertificateValidationCallback"] = (o => o.RemoteCertificateValidationCallback = Accept, r => Assert.Same(Accept, r.RemoteCertificateValidationCallback)),
        ["ServerCertificate"] = (_ => { }, r => Assert.Equal(TestPki.Ecdsa().Der, Assert.Single(r.ServerCertificates).Certificate.RawData)),
        ["ServerCertificateContext"] = (
            o => (o.ServerCertificate, o.ServerCertificateContext) = (null, Context(TestPki.Rsa())),
            r => Assert.Equal(TestPki.Rsa().Chain, Assert.Single(r.ServerCertificates).Chain.Select(link => link.ToArray()))),
        ["ServerCertificateContext and policy"] = (
            o => (o.ServerCertificateContext, o.ClientCertificateRequired, o.CertificateChainPolicy) = (Context(TestPki.Rsa()), true, TestPki.TrustRoot()),
            r => AssertTrustsRoot(r.CertificateChainPolicy)),
        ["ServerCertificateSelectionCallback"] = (
            o => (o.ServerCertificate, o.ServerCertificateSelectionCallback) = (null, (_, _) => TestPki.Rsa().Certificate), r => Assert.NotNull(r.CertificateSelector)),
    };

    private static readonly Dictionary<string, (Action<SslClientAuthenticationOptions> Set, Action<TlsClientOptions> Check)> ClientRows = new()
    {
        ["AllowRenegotiation"] = (o => o.AllowRenegotiation = true, r => Assert.Null(r.ClientCertificate)),
        ["AllowRsaPkcs1Padding"] = (o => o.AllowRsaPkcs1Padding = false, r => AssertSchemes(r, scheme => !Has(scheme, "Pkcs1"))),
        ["AllowRsaPssPadding"] = (o => o.AllowRsaPssPadding = false, r => AssertSchemes(r, scheme => !Has(scheme, "Pss"))),
        ["AllowTlsResume"] = (o => o.AllowTlsResume = false, r => Assert.False(r.AllowTlsResume)),
        ["ApplicationProtocols"] = (o => o.ApplicationProtocols = [SslApplicationProtocol.Http2], r => Assert.Equal([SslApplicationProtocol.Http2], r.ApplicationProtocols!)),
        ["CertificateChainPolicy"] = (o => o.CertificateChainPolicy = TestPki.TrustRoot(), r => AssertTrustsRoot(r.CertificateChainPolicy)),
        ["CertificateRevocationCheckMode"] = (
            o => o.CertificateRevocationCheckMode = X509RevocationMode.Online, r => Assert.Equal(X509RevocationMode.Online, r.CertificateRevocationCheckMode)),
        ["CipherSuitesPolicy"] = (o => o.CipherSuitesPolicy = MixedSuites(), AssertSuites),
        ["ClientCertificateContext"] = (
            o => (o.ClientCertificateContext, o.CertificateChainPolicy) = (Context(TestPki.ClientEcdsa()), TestPki.TrustRoot()),
            r => Assert.Equal(TestPki.ClientEcdsa().Chain, r.ClientCertificate!.Chain.Select(link => link.ToArray()))),
        ["ClientCertificates"] = (
            o => o.ClientCertificates = [TestPki.ClientEcdsa().Certificate], r => Assert.Equal(TestPki.ClientEcdsa().Der, r.ClientCertificate!.Certificate.RawData)),
        ["ClientCertificates empty"] = (o => o.ClientCertificates = [], r => Assert.Null(r.ClientCertificate)),
        ["ClientCertificates several"] = (
            o => o.ClientCertificates = [TestPki.UntrustedClient.Certificate, TestPki.ClientEcdsa().Certificate], r => Assert.NotNull(r.ClientCertificateSelector)),
        ["EnabledSslProtocols"] = (o => o.EnabledSslProtocols = SslProtocols.Tls13, r => Assert.Equal(SslProtocols.Tls13, r.EnabledSslProtocols)),
        ["EncryptionPolicy"] = (o => o.EncryptionPolicy = EncryptionPolicy.RequireEncryption, r => Assert.Null(r.ClientCertificate)),
        ["LocalCertificateSelectionCallback"] = (o => o.LocalCertificateSelectionCallback = (_, _, _, _, _) => null!, r => Assert.NotNull(r.ClientCertificateSelector)),
        ["RemoteCertificateValidationCallback"] = (o => o.RemoteCertificateValidationCallback = Accept, r => Assert.Same(Accept, r.RemoteCertificateValidationCallback)),
        ["TargetHost"] = (o => o.TargetHost = "www.example.org", r => Assert.Equal("www.example.org", r.TargetHost)),
        ["TargetHost empty"] = (o => o.TargetHost = "", r => Assert.Null(r.TargetHost)),
    };

    private static readonly Dictionary<string, (string Property, Action<SslServerAuthenticationOptions> Set)> ServerRefusals = new()
    {
        ["renegotiation"] = ("AllowRenegotiation", o => o.AllowRenegotiation = true),
        ["TLS 1.1"] = ("EnabledSslProtocols", o => o.EnabledSslProtocols = SslProtocols.Tls11 | SslProtocols.Tls12),
        ["SSL 3"] = ("EnabledSslProtocols", o => o.EnabledSslProtocols = SslProtocols.Ssl3),
        ["no encryption"] = ("EncryptionPolicy", o => o.EncryptionPolicy = EncryptionPolicy.NoEncryption),
        ["perhaps no encryption"] = ("EncryptionPolicy", o => o.EncryptionPolicy = EncryptionPolicy.AllowNoEncryption),
        ["CBC alone"] = ("CipherSuitesPolicy", o => o.CipherSuitesPolicy = new([TlsCipherSuite.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA])),
        ["no certificate"] = ("ServerCertificate", o => o.ServerCertificate = null),
        ["no key"] = ("ServerCertificate", o => o.ServerCertificate = X509CertificateLoader.LoadCertificate(TestPki.Ecdsa().Der)),
        ["callback beside certificate"] = ("ServerCertificateSelectionCallback", o => o.ServerCertificateSelectionCallback = (_, _) => null!),
        ["trust unseen"] = ("ServerCertificateContext", o => (o.ServerCertificateContext, o.ClientCertificateRequired) = (Context(TestPki.Rsa()), true)),
    };

    private static readonly Dictionary<string, (string Property, Action<SslClientAuthenticationOptions> Set)> ClientRefusals = new()
    {
        ["TLS 1.0"] = ("EnabledSslProtocols", o => o.EnabledSslProtocols = SslProtocols.Tls | SslProtocols.Tls13),
        ["SSL 2"] = ("EnabledSslProtocols", o => o.EnabledSslProtocols = SslProtocols.Ssl2),
        ["no encryption"] = ("EncryptionPolicy", o => o.EncryptionPolicy = EncryptionPolicy.NoEncryption),
        ["RSA key transport alone"] = ("CipherSuitesPolicy", o => o.CipherSuitesPolicy = new([TlsCipherSuite.TLS_RSA_WITH_AES_128_GCM_SHA256])),
        ["any name"] = ("CertificateChainPolicy", o => o.CertificateChainPolicy = new() { VerificationFlags = X509VerificationFlags.AllFlags }),
        ["trust unseen"] = ("ClientCertificateContext", o => o.ClientCertificateContext = Context(TestPki.ClientEcdsa())),
        ["two certificates"] = ("ClientCertificateContext", o =>
        {
            o.CertificateChainPolicy = TestPki.TrustRoot();
            o.ClientCertificateContext = Context(TestPki.ClientEcdsa());
            o.ClientCertificates = [TestPki.ClientEcdsa().Certificate];
        }
        ),
        ["certificate and callback"] = ("ClientCertificateContext", o =>
        {
            o.CertificateChainPolicy = TestPki.TrustRoot();
            o.ClientCertificateContext = Context(TestPki.ClientEcdsa());
            o.LocalCertificateSelectionCallback = (_, _, _, _, _) => null!;
        }
        ),
        ["no key"] = ("ClientCertificates", o => o.ClientCertificates = [X509CertificateLoader.LoadCertificate(TestPki.ClientEcdsa().Der)]),
    };

    public static TheoryData<string> ServerRowNames => [.. ServerRows.Keys];

    public static TheoryData<string> ClientRowNames => [.. ClientRows.Keys];

    public static TheoryData<string> ServerRefusalNames => [.. ServerRefusals.Keys];

    public static TheoryData<string> ClientRefusalNames => [.. ClientRefusals.Keys];

    [Fact]
    public void EveryPropertyOfTheFrameworkHasARow()
    {
        Assert.Equal(Properties(typeof(SslServerAuthenticationOptions)), Distinct(ServerRows.Keys));
        Assert.Equal(Properties(typeof(SslClientAuthenticationOptions)), Distinct(ClientRows.Keys));

        static IEnumerable<string> Distinct(IEnumerable<string> rows) => rows.Select(row => row.Split(' ')[0]).Distinct().Order(StringComparer.Ordinal);
    }

    [Theory]
    [MemberData(nameof(ServerRowNames))]
    public void AServerPropertyIsTakenOver(string row)
    {
        var options = new SslServerAuthenticationOptions { ServerCertificate = TestPki.Ecdsa().Certificate };
        ServerRows[row].Set(options);
        TlsServerOptions result = TlsServerOptions.From(options);
        ServerRows[row].Check(result);
        new TlsServerContext(result).Dispose();
    }

    [Theory]
    [MemberData(nameof(ClientRowNames))]
    public void AClientPropertyIsTakenOver(string row)
    {
        var options = new SslClientAuthenticationOptions();
        ClientRows[row].Set(options);
        TlsClientOptions result = TlsClientOptions.From(options);
        ClientRows[row].Check(result);
        Assert.NotNull(new TlsClientContext(result).SessionCache);
    }

    [Theory]
    [MemberData(nameof(ServerRefusalNames))]
    public void AServerPropertyIsRefusedByName(string row)
    {
        var options = new SslServerAuthenticationOptions { ServerCertificate = TestPki.Ecdsa().Certificate };
        ServerRefusals[row].Set(options);
        Assert.Contains(ServerRefusals[row].Property, Assert.Throws<ArgumentException>(() => TlsServerOptions.From(options)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(ClientRefusalNames))]
    public void AClientPropertyIsRefusedByName(string row)
    {
        var options = new SslClientAuthenticationOptions();
        ClientRefusals[row].Set(options);
        Assert.StartsWith(ClientRefusals[row].Property, Assert.Throws<ArgumentException>(() => TlsClientOptions.From(options)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void TheDefaultsAreThoseOfThisLibrary()
    {
        // All but what the platform's options say themselves is as in new options.
        var expected = new TlsServerOptions();
        TlsServerOptions server = TlsServerOptions.From(new() { ServerCertificate = TestPki.Ecdsa().Certificate });
        foreach (PropertyInfo property in typeof(TlsServerOptions).GetProperties().Where(property => property.Name != nameof(TlsServerOptions.ServerCertificates)))
        {
            Assert.Equal(property.GetValue(expected), property.GetValue(server));
        }
        TlsClientOptions client = TlsClientOptions.From(new());
        Assert.All(typeof(TlsClientOptions).GetProperties(), property => Assert.Equal(property.GetValue(new TlsClientOptions()), property.GetValue(client)));
    }

    [Fact]
    public void LaterChangesHaveNoEffect()
    {
        var options = new SslClientAuthenticationOptions { ApplicationProtocols = [SslApplicationProtocol.Http11], CertificateChainPolicy = TestPki.TrustRoot() };
        TlsClientOptions result = TlsClientOptions.From(options);
        options.ApplicationProtocols.Clear();
        options.CertificateChainPolicy.CustomTrustStore.Clear();
        Assert.Single(result.ApplicationProtocols!);
        Assert.Single(result.CertificateChainPolicy!.CustomTrustStore);
    }

    [Fact]
    public void TheServersCallbackIsAskedWithTheName()
    {
        List<(object Sender, string? Name)> asked = [];
        using TlsServerContext server = new(TlsServerOptions.From(new()
        {
            ServerCertificateSelectionCallback = (sender, name) =>
            {
                asked.Add((sender, name));
                return name == "localhost" ? TestPki.Ecdsa().Certificate : name is "" ? TestPki.IpOnly.Certificate : null!;
            },
        }));
        // The stores of the platform do not have the intermediate, the client does.
        var client = new TlsClientContext(new TlsClientOptions { CertificateChainPolicy = TrustAll() });
        using (EnginePair pair = EnginePair.Connect(client, server))
        {
            Assert.Equal((pair.Server, "localhost"), asked[^1]);
        }
        using (EnginePair pair = EnginePair.Connect(client, server, "127.0.0.1"))
        {
            Assert.Equal((pair.Server, ""), asked[^1]);
        }
        using var refused = new EnginePair(client, server, "other.example");
        refused.Client.Start();
        Assert.Equal(TlsAlert.UnrecognizedName, Assert.ThrowsAny<TlsAlertException>(refused.Run).Alert);
    }

    [Theory]
    [InlineData(SslProtocols.Tls12)]
    [InlineData(SslProtocols.Tls13)]
    public void TheClientsCallbackIsAskedWithAllThereIsToKnow(SslProtocols version)
    {
        (object? Sender, string Host, int Local, byte[]? Remote, string[] Issuers) seen = (null, "", 0, null, []);
        var client = new TlsClientContext(TlsClientOptions.From(new()
        {
            CertificateChainPolicy = TestPki.TrustRoot(),
            ClientCertificates = [TestPki.ClientEcdsa().Certificate],
            LocalCertificateSelectionCallback = (sender, host, local, remote, issuers) =>
            {
                seen = (sender, host, local.Count, remote?.GetRawCertData(), issuers);
                return local[0];
            },
        }));
        using TlsServerContext server = AskingServer(version, TestPki.Root.Certificate.SubjectName.RawData, [0x30, 0x01], [0x31, 0x80, 0xff]);
        using EnginePair pair = EnginePair.Connect(client, server);
        Assert.Same(pair.Client, seen.Sender);
        Assert.Equal(("localhost", 1), (seen.Host, seen.Local));
        Assert.Equal(TestPki.Ecdsa("localhost").Der, seen.Remote);
        // What is no name is left out.
        Assert.Equal([TestPki.Root.Certificate.Subject], seen.Issuers);
        Assert.Equal(TestPki.ClientEcdsa().Der, pair.Server.Info.RemoteCertificate?.RawData);
    }

    [Fact]
    public void ACallbackThatReturnsNothingShowsNothing()
    {
        var client = new TlsClientContext(TlsClientOptions.From(new()
        {
            CertificateChainPolicy = TestPki.TrustRoot(),
            LocalCertificateSelectionCallback = (_, _, _, _, _) => null!,
        }));
        using TlsServerContext server = AskingServer(SslProtocols.Tls13);
        using EnginePair pair = EnginePair.Connect(client, server);
        Assert.Null(pair.Server.Info.RemoteCertificate);
        Assert.False(pair.Client.Info.IsMutuallyAuthenticated);
    }

    [Fact]
    public void ACertificateWithoutKeyFromACallbackFailsByName()
    {
        var client = new TlsClientContext(TlsClientOptions.From(new()
        {
            CertificateChainPolicy = TestPki.TrustRoot(),
            LocalCertificateSelectionCallback = (_, _, _, _, _) => X509CertificateLoader.LoadCertificate(TestPki.ClientEcdsa().Der),
        }));
        using TlsServerContext server = AskingServer(SslProtocols.Tls13);
        using var pair = new EnginePair(client, server);
        pair.Client.Start();
        TlsException thrown = Assert.ThrowsAny<TlsException>(pair.Run);
        Assert.Equal(TlsFault.CallbackFailed, thrown.Fault);
        Assert.StartsWith("LocalCertificateSelectionCallback", thrown.InnerException!.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void OfSeveralCertificatesTheServersAuthoritiesDecide(bool named)
    {
        var client = new TlsClientContext(TlsClientOptions.From(new()
        {
            CertificateChainPolicy = TestPki.TrustRoot(),
            ClientCertificates = [TestPki.UntrustedClient.Certificate, TestPki.ClientEcdsa().Certificate],
        }));
        byte[][] authorities = named ? [TestPki.Intermediate.Certificate.SubjectName.RawData] : [];
        using TlsServerContext server = AskingServer(SslProtocols.Tls13, authorities);
        using EnginePair pair = EnginePair.Connect(client, server);
        Assert.Equal((named ? TestPki.ClientEcdsa() : TestPki.UntrustedClient).Der, pair.Server.Info.RemoteCertificate?.RawData);
    }

    [Fact]
    public void WithoutPssAnRsaCertificateIsForTls12Alone()
    {
        using TlsServerContext server = new(TlsServerOptions.From(new() { ServerCertificateContext = Context(TestPki.Rsa()), AllowRsaPssPadding = false }));
        TlsClientContext Client(SslProtocols version) => new(new TlsClientOptions { CertificateChainPolicy = TestPki.TrustRoot(), EnabledSslProtocols = version });
        using (EnginePair pair = EnginePair.Connect(Client(SslProtocols.Tls12), server))
        {
            Assert.Contains("Pkcs1", pair.Client.Info.RemoteSignatureScheme.ToString(), StringComparison.Ordinal);
        }
        using var refused = new EnginePair(Client(SslProtocols.Tls13), server);
        refused.Client.Start();
        Assert.Equal(TlsFault.NoCommonSignatureScheme, Assert.ThrowsAny<TlsException>(refused.Run).Fault);
    }

    internal static IEnumerable<string> Properties(Type type)
        => type.GetProperties(BindingFlags.Public | BindingFlags.Instance).Select(property => property.Name).Order(StringComparer.Ordinal);

    private static TlsServerContext AskingServer(SslProtocols version, params byte[][] authorities) => HandshakeTests.Contexts(null, o =>
    {
        o.EnabledSslProtocols = version;
        o.ClientCertificateMode = TlsClientCertificateMode.Optional;
        o.ClientCertificateAuthorities = [.. authorities.Select(name => (ReadOnlyMemory<byte>)name)];
        o.RemoteCertificateValidationCallback = Accept;
    }).Server;

    private static X509ChainPolicy TrustAll()
    {
        X509ChainPolicy policy = TestPki.TrustRoot();
        policy.ExtraStore.Add(TestPki.Intermediate.Certificate);
        return policy;
    }

    private static SslStreamCertificateContext Context(TestCertificate certificate)
        => SslStreamCertificateContext.Create(certificate.Certificate, certificate.IntermediateCollection, offline: true);

    private static CipherSuitesPolicy MixedSuites()
        => new([TlsCipherSuite.TLS_RSA_WITH_AES_128_CBC_SHA, TlsCipherSuite.TLS_AES_256_GCM_SHA384, TlsCipherSuite.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]);

    private static void AssertSuites(TlsOptions result)
        => Assert.Equal([TlsCipherSuite.TLS_AES_256_GCM_SHA384, TlsCipherSuite.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256], result.CipherSuites!.Order());

    private static void AssertTrustsRoot(X509ChainPolicy? policy)
        => Assert.Equal(TestPki.Root.Der, Assert.Single(policy!.CustomTrustStore).RawData);

    private static void AssertSchemes(TlsOptions result, Func<TlsSignatureScheme, bool> allowed)
    {
        foreach (IList<TlsSignatureScheme>? schemes in (IList<TlsSignatureScheme>?[])[result.SignatureSchemes, result.SigningSchemes])
        {
            Assert.NotNull(schemes);
            Assert.Contains(TlsSignatureScheme.EcdsaP256Sha256, schemes);
            Assert.Contains(schemes, scheme => Has(scheme, "Rsa"));
            Assert.All(schemes, scheme => Assert.True(allowed(scheme), scheme.ToString()));
        }
    }

    private static bool Has(TlsSignatureScheme scheme, string part) => scheme.ToString().Contains(part, StringComparison.Ordinal);
}

using Segno.Certificates;

namespace Segno.Tests.Connections;

/// <summary>Which of several certificates a server shows: RFC 9846 §4.3.3 (signature_algorithms_cert), §4.3.4 (certificate_authorities).</summary>
public class CertificateChoiceTests
{
    private const int SignatureAlgorithmsCert = 50;
    private const int Authorities = 47;

    private static readonly TestCertificate Ecdsa = TestPki.Ecdsa("localhost");
    private static readonly TestCertificate FromRsa = TestPki.Make(new CertificateSpec
    {
        Names = ["localhost"],
        Issuer = TestPki.Make(new CertificateSpec
        {
            CommonName = "Segno RSA issuer",
            Key = TestKeyKind.Rsa,
            IsCa = true,
            ExtendedKeyUsage = null,
            KeyUsage = System.Security.Cryptography.X509Certificates.X509KeyUsageFlags.KeyCertSign,
            SelfSigned = true,
        }),
    });

    [Theory]
    [InlineData(true, true)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(false, false)]
    public void ACertificateOfAnAuthorityOfTheClientsIsPreferred(bool wantsRsaIssuer, bool rsaFirst)
    {
        TestCertificate wanted = wantsRsaIssuer ? FromRsa : Ecdsa;
        ReadOnlyMemory<byte> name = wanted.Certificate.IssuerName.RawData;
        IReadOnlyList<ReadOnlyMemory<byte>>? seen = null;
        (TlsClientContext client, TlsServerContext inner) = HandshakeTests.Contexts(
            o =>
            {
                o.ServerCertificateAuthorities = [new byte[] { 0x30, 0 }, name];
                o.RemoteCertificateValidationCallback = (_, _, _, _) => true;
            },
            o => o.ServerCertificates = rsaFirst ? [FromRsa.Tls, Ecdsa.Tls] : [Ecdsa.Tls, FromRsa.Tls]);
        var server = new TlsServerContext(new()
        {
            ContextSelector = (hello, _) =>
            {
                seen = hello.CertificateAuthorities;
                return new(inner);
            },
        });
        using EnginePair pair = EnginePair.Connect(client, server);
        Assert.Equal(wanted.Der, pair.Client.Info.RemoteCertificates[0].ToArray());
        Assert.Equal(name.ToArray(), seen![1].ToArray());
    }

    [Fact]
    public void WhereNoCertificateIsOfTheClientsAuthoritiesItGetsTheFirst()
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts(
            o => o.ServerCertificateAuthorities = [new byte[] { 0x30, 0 }], o => o.ServerCertificates = [Ecdsa.Tls, FromRsa.Tls]);
        using EnginePair pair = EnginePair.Connect(client, server);
        Assert.Equal(Ecdsa.Der, pair.Client.Info.RemoteCertificates[0].ToArray());
    }

    [Fact]
    public void AChainSignedAsTheClientAcceptsIsPreferred()
    {
        // All leaves have P-256 keys; only the chain tells them apart.
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts(
            o =>
            {
                o.SignatureSchemes = [TlsSignatureScheme.EcdsaP256Sha256];
                o.RemoteCertificateValidationCallback = (_, _, _, _) => true;
            },
            o => o.ServerCertificates = [FromRsa.Tls, Ecdsa.Tls]);
        using (EnginePair pair = EnginePair.Connect(client, server))
        {
            Assert.Equal(Ecdsa.Der, pair.Client.Info.RemoteCertificates[0].ToArray());
        }
        // None fits: it gets one all the same (RFC 9846 §4.5.1.2).
        (_, server) = HandshakeTests.Contexts(null, o => o.ServerCertificates = [FromRsa.Tls]);
        using (EnginePair pair = EnginePair.Connect(client, server))
        {
            Assert.Equal(FromRsa.Der, pair.Client.Info.RemoteCertificates[0].ToArray());
        }
    }

    [Theory]
    [InlineData(new byte[] { })]
    [InlineData(new byte[] { 0, 0 })]
    [InlineData(new byte[] { 0, 1, 4 })]
    [InlineData(new byte[] { 0, 3, 4, 3, 4 })]
    [InlineData(new byte[] { 0, 2, 4, 3, 4 })]
    public void MalformedSchemesForCertificatesAreRefused(byte[] data) => AssertMalformed(SignatureAlgorithmsCert, data);

    [Theory]
    [InlineData(new byte[] { })]
    [InlineData(new byte[] { 0, 0 })]
    [InlineData(new byte[] { 0, 2, 0, 0 })]
    [InlineData(new byte[] { 0, 3, 0, 2, 1 })]
    [InlineData(new byte[] { 0, 3, 0, 1, 1, 1 })]
    [InlineData(new byte[] { 0, 5, 0, 1, 1, 0, 0 })]
    public void MalformedAuthoritiesAreRefused(byte[] data) => AssertMalformed(Authorities, data);

    [Fact]
    public void SchemesForCertificatesComeBeforeThoseForTheHandshake()
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts(
            o => o.SignatureSchemes = [TlsSignatureScheme.EcdsaP256Sha256], o => o.ServerCertificates = [Ecdsa.Tls, FromRsa.Tls]);
        byte[] hello = KeyShareTests.FirstHello(client);
        foreach ((byte[] bytes, TestCertificate expected) in ((byte[], TestCertificate)[])
            [(hello, Ecdsa), (HelloBytes.With(hello, SignatureAlgorithmsCert, [0, 2, 4, 1]), FromRsa)])
        {
            using var connection = new TlsConnection(server);
            connection.Receive(bytes, []);
            Assert.Equal(expected.Certificate.Thumbprint, connection.Info.LocalCertificate!.Thumbprint);
        }
    }

    [Fact]
    public void WhatAChainIsSignedWithStandsInItsCertificates()
    {
        var chain = new ChainSignatures(FromRsa.Tls.Chain);
        Assert.True(chain.IsSignedWith([(ushort)TlsSignatureScheme.RsaPkcs1Sha256]));
        Assert.False(chain.IsSignedWith([(ushort)TlsSignatureScheme.EcdsaP256Sha256, (ushort)TlsSignatureScheme.RsaPssRsaeSha256]));
        Assert.False(chain.IsSignedWith([]));
        Assert.True(new ChainSignatures(Ecdsa.Tls.Chain).IsSignedWith([(ushort)TlsSignatureScheme.EcdsaP256Sha256]));
        // A root's signature on itself is not looked at; what cannot be read fits nothing.
        Assert.True(new ChainSignatures([TestPki.SelfSigned.Der]).IsSignedWith([]));
        Assert.False(new ChainSignatures([new byte[] { 1, 2, 3 }]).IsSignedWith([(ushort)TlsSignatureScheme.EcdsaP256Sha256]));
        Assert.True(chain.IsIssuedBy([]));
        Assert.False(chain.IsIssuedBy([new byte[] { 0x30, 0 }]));
    }

    private static void AssertMalformed(int type, byte[] data)
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts();
        byte[] hello = HelloBytes.With(KeyShareTests.FirstHello(client), type, data);
        using var connection = new TlsConnection(server);
        TlsException thrown = Assert.ThrowsAny<TlsException>(() => connection.Receive(hello, []));
        Assert.Equal(TlsAlert.DecodeError, Assert.IsType<TlsAlertException>(thrown).Alert);
    }
}

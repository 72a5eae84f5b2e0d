using System.Net.Security;
using System.Security.Authentication;
using Segno.Cli.Parsing;

namespace Segno.Cli.Tests;

/// <summary>Names as the RFCs write them and as OpenSSL does.</summary>
public sealed class ProtocolNamesTests
{
    [Theory]
    [InlineData("1.2", SslProtocols.Tls12)]
    [InlineData("1.3", SslProtocols.Tls13)]
    [InlineData("TLSv1.2", SslProtocols.Tls12)]
    [InlineData("tls1.3", SslProtocols.Tls13)]
    [InlineData("1.1", null)]
    [InlineData("", null)]
    public void Versions(string text, SslProtocols? expected) => Assert.Equal(expected, ProtocolNames.Version(text));

    [Theory]
    [InlineData("x25519", TlsNamedGroup.X25519)]
    [InlineData("X25519", TlsNamedGroup.X25519)]
    [InlineData("secp256r1", TlsNamedGroup.P256)]
    [InlineData("P-256", TlsNamedGroup.P256)]
    [InlineData("prime256v1", TlsNamedGroup.P256)]
    [InlineData("p-384", TlsNamedGroup.P384)]
    [InlineData("X25519MLKEM768", TlsNamedGroup.X25519MLKem768)]
    [InlineData("secp521r1", null)]
    [InlineData("", null)]
    public void Groups(string text, TlsNamedGroup? expected) => Assert.Equal(expected, ProtocolNames.Group(text));

    [Theory]
    [InlineData("TLS_AES_128_GCM_SHA256", TlsCipherSuite.TLS_AES_128_GCM_SHA256)]
    [InlineData("tls_chacha20_poly1305_sha256", TlsCipherSuite.TLS_CHACHA20_POLY1305_SHA256)]
    [InlineData("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", TlsCipherSuite.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384)]
    [InlineData("ECDHE-RSA-AES256-GCM-SHA384", TlsCipherSuite.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384)]
    [InlineData("ECDHE-ECDSA-CHACHA20-POLY1305", TlsCipherSuite.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256)]
    [InlineData("ECDHE-RSA-AES128-SHA", null)]
    [InlineData("TLS_RSA_WITH_AES_128_GCM_SHA256", null)]
    [InlineData("", null)]
    public void Suites(string text, TlsCipherSuite? expected) => Assert.Equal(expected, ProtocolNames.Suite(text));

    /// <summary>What is known here can be had, and nothing that can be had is missing.</summary>
    [Fact]
    public void EverySuiteOfTheLibraryHasAName()
    {
        TlsCipherSuite[] taken = [.. Enum.GetValues<TlsCipherSuite>().Distinct().Where(IsTaken)];
        Assert.Equal(9, taken.Length);
        Assert.All(taken, suite => Assert.Equal(suite, ProtocolNames.Suite(suite.ToString())));

        static bool IsTaken(TlsCipherSuite suite)
        {
            try
            {
                return new TlsClientContext(new TlsClientOptions { CipherSuites = [suite] }).SessionCache is not null;
            }
            catch (ArgumentException)
            {
                return false;
            }
        }
    }
}

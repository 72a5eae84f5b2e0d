using System.Security.Cryptography.X509Certificates;
using System.Text;
using CsCheck;
using Segno.Certificates;
using Xunit;

namespace Segno.Tests.Certificates;

public sealed class CertificateNamesTests
{
    [Theory]
    [InlineData("example.com", "example.com")]
    [InlineData("EXAMPLE.com", "example.com")]
    [InlineData("*.example.com", "www.example.com")]
    [InlineData("*.Example.COM", "www.example.com")]
    [InlineData("*.example.com", "xn--bcher-kva.example.com")]
    [InlineData("xn--bcher-kva.example", "xn--bcher-kva.example")]
    [InlineData("localhost", "localhost")]
    public void ANameMatches(string presented, string reference) => Assert.True(CertificateNames.Matches(presented, reference));

    [Theory]
    [InlineData("example.com", "example.org")]
    [InlineData("example.com", "www.example.com")]
    [InlineData("www.example.com", "example.com")]
    [InlineData("*.example.com", "example.com")]
    [InlineData("*.example.com", "a.b.example.com")]
    [InlineData("*.com", "example.com")]
    [InlineData("*.localhost", "a.localhost")]
    [InlineData("*", "localhost")]
    [InlineData("*", "example.com")]
    [InlineData("*.", "example.")]
    [InlineData("*.*.com", "www.example.com")]
    [InlineData("w*.example.com", "www.example.com")]
    [InlineData("*w.example.com", "www.example.com")]
    [InlineData("w*w.example.com", "www.example.com")]
    [InlineData("www.*.com", "www.example.com")]
    [InlineData("**.example.com", "www.example.com")]
    [InlineData("xn--*.example.com", "xn--bcher-kva.example.com")]
    [InlineData("example.com.", "example.com")]
    [InlineData("*.example.com.", "www.example.com")]
    [InlineData(".example.com", "www.example.com")]
    [InlineData("*..example.com", "www..example.com")]
    [InlineData("example.com\0", "example.com")]
    [InlineData("", "example.com")]
    public void ANameDoesNotMatch(string presented, string reference) => Assert.False(CertificateNames.Matches(presented, reference));

    [Fact]
    public void AnExactNameMatchesInAnyCase() => HostNames.Name.Sample(name =>
        CertificateNames.Matches(name, name.ToLowerInvariant()) && CertificateNames.Matches(name.ToUpperInvariant(), name.ToLowerInvariant()));

    [Fact]
    public void AWildcardStandsForExactlyOneLabel() =>
        Gen.Select(HostNames.Label, HostNames.Label, HostNames.Name).Sample((first, second, domain) =>
        {
            domain = domain.ToLowerInvariant();
            bool mayStand = domain.Contains('.', StringComparison.Ordinal);
            string one = $"{first}.{domain}".ToLowerInvariant(), two = $"{second}.{one}".ToLowerInvariant();
            return CertificateNames.Matches("*." + domain, one) == mayStand
                && !CertificateNames.Matches("*." + domain, domain)
                && !CertificateNames.Matches("*." + domain, two);
        });

    [Fact]
    public void DifferentNamesDoNotMatch() => Gen.Select(HostNames.Name, HostNames.Name).Sample((a, b) =>
        CertificateNames.Matches(a, b.ToLowerInvariant()) == string.Equals(a, b, StringComparison.OrdinalIgnoreCase));

    [Theory]
    [InlineData("localhost")]
    [InlineData("LOCALHOST.")]
    [InlineData("127.0.0.1")]
    [InlineData("::1")]
    [InlineData("[::1]")]
    [InlineData("0:0:0:0:0:0:0:1")]
    public void TheNamesAndAddressesOfACertificateMatch(string host) => Assert.True(Match(TestPki.Ecdsa(), host));

    [Theory]
    [InlineData("127.0.0.2")]
    [InlineData("::2")]
    [InlineData("::ffff:127.0.0.1")]
    [InlineData("example.com")]
    public void OtherNamesAndAddressesDoNot(string host) => Assert.False(Match(TestPki.Ecdsa(), host));

    [Fact]
    public void AnInternationalNameMatchesItsALabels()
    {
        Assert.True(Match(TestPki.Idn, "bücher.example"));
        Assert.True(Match(TestPki.Idn, "BÜCHER.EXAMPLE"));
        Assert.False(Match(TestPki.Idn, "bucher.example"));
    }

    [Fact]
    public void ACommonNameIsNoName()
    {
        Assert.Equal("CN=localhost", TestPki.NoNames.Certificate.Subject);
        Assert.False(Match(TestPki.NoNames, "localhost"));
    }

    [Fact]
    public void AnAddressAsDnsNameMatchesNoAddress()
    {
        // [2] "127.0.0.1", which browsers took for an address once; and a wildcard over its last octets.
        Assert.False(Match(WithNames(Dns("127.0.0.1")), "127.0.0.1"));
        Assert.False(Match(WithNames(Dns("*.0.0.1")), "127.0.0.1"));
    }

    [Fact]
    public void ANameAsAddressMatchesNoName() => Assert.False(Match(WithNames([0x87, 4, .. "a.bc"u8]), "a.bc"));

    [Fact]
    public void AnAddressWithMaskIsNoAddress() => Assert.False(Match(WithNames([0x87, 8, 127, 0, 0, 1, 255, 255, 255, 255]), "127.0.0.1"));

    [Fact]
    public void ANameWithNulInsideIsPassedOverAndItsNeighbourMatches()
    {
        TestCertificate certificate = WithNames([.. Dns("localhost\0.evil.example"), .. Dns("good.example")]);
        Assert.False(Match(certificate, "localhost"));
        Assert.True(Match(certificate, "good.example"));
    }

    [Fact]
    public void OtherKindsOfNamesArePassedOver()
    {
        // rfc822Name and uniformResourceIdentifier before the name.
        TestCertificate certificate = WithNames([0x81, 4, .. "a@bc"u8, 0x86, 12, .. "https://a.bc"u8, .. Dns("good.example")]);
        Assert.True(Match(certificate, "good.example"));
        Assert.False(Match(certificate, "a.bc"));
    }

    [Theory]
    [InlineData("30 0D 82 09 6C6F63616C686F7374 82")] // a second name without length
    [InlineData("30 0B 82 09 6C6F63616C686F7374 00")] // a byte behind the sequence
    [InlineData("30 0C 82 09 6C6F63616C686F7374")] // longer than there is
    [InlineData("04 0B 82 09 6C6F63616C686F7374")] // no sequence
    [InlineData("")]
    public void AMalformedExtensionMatchesNothing(string hex)
    {
        byte[] value = Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal));
        TestCertificate certificate = TestPki.Make(new() { Extensions = [new X509Extension("2.5.29.17", value, critical: false)] });
        Assert.False(Match(certificate, "localhost"));
    }

    [Fact]
    public void TheSameExtensionWellFormedMatches() => Assert.True(Match(WithNames(Dns("localhost")), "localhost"));

    [Fact]
    public void TwoExtensionsMatchNothing()
    {
        // CertificateRequest does not make such a thing: the second one gets its object identifier afterwards.
        byte[] oid = [0x06, 0x03, 0x55, 0x1D, 0x63];
        var other = new X509Extension("2.5.29.99", [0x30, 0x0B, .. Dns("localhost")], critical: false);
        TestCertificate one = TestPki.Make(new() { Names = ["localhost"], Extensions = [other] });
        Assert.True(Match(one, "localhost"));

        byte[] der = one.Der;
        der[der.AsSpan().IndexOf(oid) + 4] = 0x11;
        Assert.False(Match(new TestCertificate(X509CertificateLoader.LoadCertificate(der), one.Key, one.Issuer), "localhost"));
    }

    [Fact]
    public void AnyBytesAsNamesDoNotThrow()
    {
        Gen.Byte.Array[0, 60].Sample(value =>
        {
            CertificateNames names = CertificateNames.Parse(value);
            names.Match(ServerNames.Normalize("localhost"));
            return names.Describe().Length > 0;
        });
    }

    [Fact]
    public void MessagesNameTheFirstFew()
    {
        TestCertificate certificate = TestPki.Ecdsa("a.test", "b.test", "c.test", "d.test", "127.0.0.1", "::1");
        Assert.Equal("a.test, b.test, c.test, d.test and 2 more", CertificateNames.Read(certificate.Certificate).Describe());
        Assert.Equal("no name", CertificateNames.Read(TestPki.NoNames.Certificate).Describe());
    }

    private static bool Match(TestCertificate certificate, string host) =>
        CertificateNames.Read(certificate.Certificate).Match(ServerNames.Normalize(host));

    private static byte[] Dns(string name) => [0x82, (byte)name.Length, .. Encoding.ASCII.GetBytes(name)];

    private static TestCertificate WithNames(byte[] names) =>
        TestPki.Make(new() { Extensions = [new X509Extension("2.5.29.17", [0x30, (byte)names.Length, .. names], critical: false)] });
}

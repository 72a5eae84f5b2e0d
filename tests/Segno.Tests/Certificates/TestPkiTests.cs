using System.Security.Cryptography.X509Certificates;
using Xunit;

namespace Segno.Tests.Certificates;

/// <summary>The test certificates are what they claim to be, by the platform's own judgement.</summary>
public sealed class TestPkiTests
{
    public static TheoryData<TestKeyKind> Kinds => [.. Enum.GetValues<TestKeyKind>()];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void AServerCertificateOfEveryKindIsTrustedUnderTheRoot(TestKeyKind kind)
    {
        TestCertificate certificate = TestPki.Server(kind);
        using var chain = new X509Chain { ChainPolicy = TestPki.TrustRoot() };
        chain.ChainPolicy.ExtraStore.AddRange(certificate.IntermediateCollection);
        Assert.True(chain.Build(certificate.Certificate), string.Join(", ", chain.ChainStatus.Select(s => s.Status)));
        Assert.Equal(3, chain.ChainElements.Count);
        Assert.True(certificate.Certificate.MatchesHostname("localhost"));
    }

    [Fact]
    public void CertificatesAreMadeOnce()
    {
        Assert.Same(TestPki.Ecdsa(), TestPki.Ecdsa());
        Assert.NotSame(TestPki.Ecdsa(), TestPki.Ecdsa("other.test"));
    }

    [Fact]
    public void EveryOneCanBeMade()
    {
        foreach (var property in typeof(TestPki).GetProperties())
        {
            var certificate = Assert.IsType<TestCertificate>(property.GetValue(null));
            Assert.NotEmpty(certificate.Der);
        }
        Assert.NotEmpty(TestPki.ClientEd25519().Der);
        Assert.NotEmpty(TestPki.ClientRsa().ToPfx("password"));
    }
}

using System.Security.Cryptography.X509Certificates;
using Org.BouncyCastle.Crypto;
using Org.BouncyCastle.Crypto.Operators;
using Org.BouncyCastle.Ocsp;
using Org.BouncyCastle.Security;
using Segno.Certificates;
using Segno.Cryptography;

namespace Segno.Tests.Certificates;

/// <summary>OCSP responses, judged without a connection (RFC 6960 §3.2, §4.2.2.2).</summary>
public sealed class OcspVerdictTests
{
    private static readonly DateTimeOffset Now = DateTimeOffset.FromUnixTimeSeconds(TimeProvider.System.GetUtcNow().ToUnixTimeSeconds());

    private static readonly OcspSpec Good = new() { Certificate = TestPki.Ecdsa(), Now = Now };

    private static readonly TestCertificate Delegate = TestOcsp.Delegate();

    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public void AGoodResponseIsGoodHoweverItNamesTheCertificateAndTheSigner(bool byKey, bool sha256)
    {
        OcspVerdict verdict = Judge(Good with { ByKey = byKey, Sha256Id = sha256 });
        Assert.Equal(new OcspVerdict(TlsCertificateStatus.Good, TlsFault.None, null, Now.AddDays(-1), Now.AddDays(6)), verdict);
        Assert.Equal(TlsCertificateStatus.Good, Judge(Good with { ByKey = byKey, Sha256Id = sha256, Signer = Delegate }).Status);
    }

    [Theory]
    [InlineData(TestKeyKind.P256)]
    [InlineData(TestKeyKind.P384)]
    [InlineData(TestKeyKind.P521)]
    [InlineData(TestKeyKind.Rsa)]
    [InlineData(TestKeyKind.Ed25519)]
    public void EveryKindOfKeyMaySign(TestKeyKind kind)
    {
        TestCertificate authority = TestPki.Make(new() { Key = kind, CommonName = "Segno authority " + kind, IsCa = true, KeyUsage = X509KeyUsageFlags.KeyCertSign, ExtendedKeyUsage = null, Issuer = TestPki.Root });
        TestCertificate leaf = TestPki.Make(new() { Names = ["localhost"], Issuer = authority });
        Assert.Equal(TlsCertificateStatus.Good, Judge(Good with { Certificate = leaf }).Status);
        // A delegate's key and the issuer's need not be of one kind.
        TestCertificate responder = TestOcsp.Delegate(spec => spec with { Issuer = authority, Key = TestKeyKind.Rsa });
        Assert.Equal(TlsCertificateStatus.Good, Judge(Good with { Certificate = leaf, Signer = responder }).Status);
    }

    [Theory]
    [InlineData("SHA256WITHECDSA")]
    [InlineData("SHA384WITHECDSA")]
    [InlineData("SHA512WITHECDSA")]
    public void ResponsesOfAnotherMakeAreRead(string algorithm)
    {
        byte[] made = MakeWithBouncyCastle(Good.Certificate, TestPki.Intermediate, algorithm);
        Assert.Equal(TlsCertificateStatus.Good, Judge(made).Status);
    }

    [Theory]
    [InlineData("SHA256WITHRSA", TlsCertificateStatus.Good)]
    [InlineData("SHA384WITHRSA", TlsCertificateStatus.Good)]
    [InlineData("SHA512WITHRSA", TlsCertificateStatus.Good)]
    [InlineData("SHA256WITHRSAANDMGF1", TlsCertificateStatus.Good)]
    [InlineData("SHA384WITHRSAANDMGF1", TlsCertificateStatus.Good)]
    [InlineData("SHA512WITHRSAANDMGF1", TlsCertificateStatus.Good)]
    [InlineData("SHA1WITHRSA", TlsCertificateStatus.Invalid)]
    [InlineData("SHA1WITHRSAANDMGF1", TlsCertificateStatus.Invalid)]
    public void RsaSignaturesAreReadAndSha1IsNotBelieved(string algorithm, TlsCertificateStatus status)
    {
        TestCertificate authority = TestPki.Make(new() { Key = TestKeyKind.Rsa, CommonName = "Segno RSA authority", IsCa = true, ExtendedKeyUsage = null, Issuer = TestPki.Root });
        TestCertificate leaf = TestPki.Make(new() { Names = ["localhost"], Issuer = authority });
        OcspVerdict verdict = OcspVerdict.Judge(MakeWithBouncyCastle(leaf, authority, algorithm), leaf.Certificate, authority.Certificate, Now, CryptoProvider.Default);
        Assert.Equal(status, verdict.Status);
        Assert.Equal(status == TlsCertificateStatus.Good ? TlsFault.None : TlsFault.CertificateStatusUntrusted, verdict.Fault);
    }

    [Fact]
    public void RevokedIsRevokedHoweverOldTheNews()
    {
        Assert.Equal((TlsCertificateStatus.Revoked, TlsFault.CertificateRevoked), Of(Good with { Status = 1 }));
        Assert.Equal((TlsCertificateStatus.Revoked, TlsFault.CertificateRevoked), Of(Good with { Status = 1, ThisUpdate = TimeSpan.FromDays(-90), NextUpdate = TimeSpan.FromDays(-80) }));
    }

    [Fact]
    public void UnknownIsUnknown() =>
        Assert.Equal((TlsCertificateStatus.Unknown, TlsFault.CertificateStatusUnknown), Of(Good with { Status = 2 }));

    [Fact]
    public void ItsTimeIsJudgedToTheSecondWithFiveMinutesForTheClocks()
    {
        OcspSpec spec = Good with { ThisUpdate = TimeSpan.Zero, NextUpdate = TimeSpan.FromHours(1) };
        byte[] response = TestOcsp.Make(spec);
        TimeSpan skew = OcspVerdict.ClockSkew;
        Assert.Equal(TimeSpan.FromMinutes(5), skew);
        Assert.Equal(TlsCertificateStatus.Good, At(Now - skew));
        Assert.Equal(TlsCertificateStatus.Outdated, At(Now - skew - TimeSpan.FromSeconds(1)));
        Assert.Equal(TlsCertificateStatus.Good, At(Now + TimeSpan.FromHours(1) + skew));
        Assert.Equal(TlsCertificateStatus.Outdated, At(Now + TimeSpan.FromHours(1) + skew + TimeSpan.FromSeconds(1)));

        TlsCertificateStatus At(DateTimeOffset now)
        {
            OcspVerdict verdict = Judge(response, now);
            Assert.Equal(verdict.Status == TlsCertificateStatus.Good ? TlsFault.None : TlsFault.CertificateStatusOutdated, verdict.Fault);
            return verdict.Status;
        }
    }

    [Fact]
    public void WithoutNextUpdateItIsGoodForItsOwnMoment()
    {
        Assert.Equal(TlsCertificateStatus.Good, Judge(Good with { ThisUpdate = TimeSpan.FromMinutes(-5), NextUpdate = null }).Status);
        Assert.Equal(TlsCertificateStatus.Outdated, Judge(Good with { ThisUpdate = TimeSpan.FromSeconds(-301), NextUpdate = null }).Status);
    }

    public static TheoryData<string> WrongResponders => ["other CA", "other CA's delegate", "delegate without EKU", "delegate for servers", "expired delegate", "delegate not yet valid",
        "delegate's delegate", "delegate for encryption", "delegate that is not attached", "forged delegate", "another issuer of the same name", "the certificate itself"];

    [Theory]
    [MemberData(nameof(WrongResponders))]
    public void AWrongResponderIsNotBelieved(string who)
    {
        OcspSpec spec = who switch
        {
            "other CA" => Good with { Signer = TestPki.OtherRoot },
            "other CA's delegate" => Good with { Signer = TestOcsp.Delegate(s => s with { Issuer = TestPki.OtherRoot }) },
            "delegate without EKU" => Good with { Signer = TestOcsp.Delegate(s => s with { ExtendedKeyUsage = null }) },
            "delegate for servers" => Good with { Signer = TestOcsp.Delegate(s => s with { ExtendedKeyUsage = TestPki.ServerAuthentication }) },
            "expired delegate" => Good with { Signer = TestOcsp.Delegate(s => s with { NotBefore = TimeSpan.FromDays(-9), NotAfter = TimeSpan.FromDays(-1) }) },
            "delegate not yet valid" => Good with { Signer = TestOcsp.Delegate(s => s with { NotBefore = TimeSpan.FromDays(1) }) },
            // From the root, which is above the issuer: only the issuer itself may let answer.
            "delegate's delegate" => Good with { Signer = TestOcsp.Delegate(s => s with { Issuer = TestPki.Root }) },
            "delegate for encryption" => Good with { Signer = TestOcsp.Delegate(s => s with { KeyUsage = X509KeyUsageFlags.KeyEncipherment }) },
            "delegate that is not attached" => Good with { Signer = Delegate, Attached = [] },
            "forged delegate" => Good with { Signer = Forged() },
            "another issuer of the same name" => Good with { Signer = TestPki.Make(new() { CommonName = TestPki.Intermediate.Certificate.GetNameInfo(X509NameType.SimpleName, false), IsCa = true, SelfSigned = true }) },
            _ => Good with { Signer = Good.Certificate },
        };
        foreach (bool byKey in (bool[])[false, true])
        {
            Assert.Equal((TlsCertificateStatus.Invalid, TlsFault.CertificateStatusUntrusted), Of(spec with { ByKey = byKey }));
        }

        // The issuer's name is on it, and not its signature.
        static TestCertificate Forged()
        {
            TestCertificate stranger = TestPki.Make(new() { CommonName = TestPki.Intermediate.Certificate.GetNameInfo(X509NameType.SimpleName, false), IsCa = true, SelfSigned = true });
            return TestOcsp.Delegate(s => s with { Issuer = stranger });
        }
    }

    [Fact]
    public void ABadSignatureIsNotBelieved()
    {
        foreach (TestCertificate? signer in (TestCertificate?[])[null, Delegate])
        {
            // The last byte of the issuer's signature; of the attached certificate's signature by the issuer.
            byte[] response = TestOcsp.Make(Good with { Signer = signer });
            response[^1] ^= 1;
            Assert.Equal(TlsFault.CertificateStatusUntrusted, Judge(response).Fault);
        }
        // What is signed says something else than what was signed: unknown becomes good.
        byte[] changed = TestOcsp.Make(Good with { Status = 2 });
        int status = changed.AsSpan().IndexOf<byte>([0x82, 0x00, 0x18]);
        changed[status] = 0x80;
        Assert.Equal(TlsFault.CertificateStatusUntrusted, Judge(changed).Fault);
    }

    [Fact]
    public void AnotherCertificatesResponseIsAMismatch()
    {
        byte[] serial = Good.Certificate.Certificate.SerialNumberBytes.ToArray();
        serial[^1] ^= 1;
        Assert.Equal((TlsCertificateStatus.Invalid, TlsFault.CertificateStatusMismatch), Of(Good with { Serial = serial }));
        Assert.Equal((TlsCertificateStatus.Invalid, TlsFault.CertificateStatusMismatch), Of(Good with { Serial = serial, Sha256Id = true }));
        // The same serial number under another issuer, in a response that this issuer signed.
        TestCertificate namesake = TestPki.Make(new() { Names = ["localhost"], Issuer = TestPki.Root });
        byte[] response = TestOcsp.Make(Good with { Certificate = namesake, Serial = Good.Certificate.Certificate.SerialNumberBytes.ToArray(), Signer = TestPki.Intermediate });
        Assert.Equal(TlsFault.CertificateStatusMismatch, Judge(response).Fault);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(6)]
    public void AResponderInTroubleSaysNothing(int error) =>
        Assert.Equal((TlsCertificateStatus.None, TlsFault.CertificateStatusMissing), Of(Good with { Error = error }));

    [Fact]
    public void EveryTruncationAndEveryOtherLengthIsMalformedOrUntrusted()
    {
        byte[] response = TestOcsp.Make(Good with { Signer = Delegate });
        for (int length = 0; length < response.Length; length++)
        {
            Assert.Equal(TlsFault.CertificateStatusMalformed, Judge(response[..length]).Fault);
        }
        Assert.Equal(TlsFault.CertificateStatusMalformed, Judge([.. response, 0]).Fault);
        for (int i = 0; i < response.Length; i++)
        {
            byte[] changed = [.. response];
            changed[i] ^= 0x21;
            Assert.NotEqual(TlsCertificateStatus.Good, Judge(changed).Status);
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("30030a0100")]
    [InlineData("30080a0100a0033001ff")]
    [InlineData("30160a0100a011300f06092b0601050507300102040230 00")]
    [InlineData("6f637370")]
    public void WhatIsNoResponseIsMalformed(string hex) =>
        Assert.Equal(TlsFault.CertificateStatusMalformed, Judge(Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal))).Fault);

    [Fact]
    public void ItsLengthHasALimit()
    {
        Assert.Equal(TlsCertificateStatus.Good, Judge(TestOcsp.MakeOfLength(Good, OcspResponse.MaxLength)).Status);
        Assert.Equal(TlsFault.CertificateStatusMalformed, Judge(TestOcsp.MakeOfLength(Good, OcspResponse.MaxLength + 1)).Fault);
    }

    [Fact]
    public void ARequestIsReadByAnotherMake()
    {
        var request = new OcspReq(OcspCertificateId.WriteRequest(Good.Certificate.Certificate, TestPki.Intermediate.Certificate));
        CertificateID asked = Assert.Single(request.GetRequestList()).GetCertID();
        Assert.True(asked.SerialNumber.ToByteArray().AsSpan().SequenceEqual(Good.Certificate.Certificate.SerialNumberBytes.Span));
        Assert.True(asked.MatchesIssuer(DotNetUtilities.FromX509Certificate(TestPki.Intermediate.Certificate)));
        Assert.False(asked.MatchesIssuer(DotNetUtilities.FromX509Certificate(TestPki.Root.Certificate)));
    }

    [Fact]
    public void WhoInsistsOnAStatusSaysSo()
    {
        Assert.True(Insists(TestOcsp.MustStaple));
        Assert.True(Insists(TestOcsp.TlsFeature(17, 5)));
        Assert.False(Insists(TestOcsp.TlsFeature(17)));
        Assert.False(Insists(TestOcsp.TlsFeature()));
        Assert.False(Insists());
        Assert.True(Insists(new X509Extension("1.3.6.1.5.5.7.1.24", [0x30, 1], critical: false)));

        static bool Insists(params X509Extension[] extensions) => CertificateDer.InsistsOnStatus(TestOcsp.Server(extensions).Certificate);
    }

    private static byte[] MakeWithBouncyCastle(TestCertificate leaf, TestCertificate authority, string algorithm)
    {
        Org.BouncyCastle.X509.X509Certificate issuer = DotNetUtilities.FromX509Certificate(authority.Certificate);
        var id = new CertificateID(CertificateID.DigestSha1, issuer, new Org.BouncyCastle.Math.BigInteger(1, leaf.Certificate.SerialNumberBytes.Span));
        AsymmetricKeyParameter key = PrivateKeyFactory.CreateKey(authority.Key.Pkcs8);
        var generator = new BasicOcspRespGenerator(new RespID(issuer.SubjectDN));
        generator.AddResponse(id, Org.BouncyCastle.Ocsp.CertificateStatus.Good, Now.UtcDateTime.AddHours(-1), Now.UtcDateTime.AddHours(1), null);
        BasicOcspResp basic = generator.Generate(new Asn1SignatureFactory(algorithm, key), null, Now.UtcDateTime);
        return new OCSPRespGenerator().Generate(OCSPRespGenerator.Successful, basic).GetEncoded();
    }

    private static (TlsCertificateStatus, TlsFault) Of(OcspSpec spec)
    {
        OcspVerdict verdict = Judge(spec);
        return (verdict.Status, verdict.Fault);
    }

    private static OcspVerdict Judge(OcspSpec spec) =>
        OcspVerdict.Judge(TestOcsp.Make(spec), spec.Certificate.Certificate, spec.Certificate.Issuer!.Certificate, Now, CryptoProvider.Default);

    private static OcspVerdict Judge(byte[] response) => Judge(response, Now);

    private static OcspVerdict Judge(byte[] response, DateTimeOffset now) =>
        OcspVerdict.Judge(response, Good.Certificate.Certificate, TestPki.Intermediate.Certificate, now, CryptoProvider.Default);
}

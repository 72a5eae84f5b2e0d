using System.Buffers.Binary;
using System.Net.Security;
using System.Security.Authentication;
using Microsoft.Extensions.Time.Testing;
using Segno.Certificates;
using Segno.Handshake;
using Segno.Sessions;

namespace Segno.Tests.Connections;

/// <summary>OCSP responses stapled by one engine and judged by the other: in TLS 1.3 beside the certificate, in TLS 1.2 in a message of their own (RFC 6066 §8, RFC 9846 §4.5.1.1).</summary>
public sealed class StaplingTests
{
    private static readonly SslProtocols[] Versions = [SslProtocols.Tls13, SslProtocols.Tls12];

    private static readonly OcspSpec Good = new() { Certificate = TestPki.Ecdsa("localhost") };

    [Theory]
    [InlineData(TlsCertificateStatusMode.SoftFail, SslProtocols.Tls13)]
    [InlineData(TlsCertificateStatusMode.HardFail, SslProtocols.Tls13)]
    [InlineData(TlsCertificateStatusMode.SoftFail, SslProtocols.Tls12)]
    [InlineData(TlsCertificateStatusMode.HardFail, SslProtocols.Tls12)]
    public void AGoodResponseIsAcceptedAndShown(TlsCertificateStatusMode mode, SslProtocols version)
    {
        byte[] response = TestOcsp.Make(Good);
        (TlsClientContext client, TlsServerContext server) = Contexts(Good.Certificate, mode, response, o => o.EnabledSslProtocols = version);
        using EnginePair pair = EnginePair.Connect(client, server);
        Assert.Equal(version, pair.Client.Info.ProtocolVersion);
        Assert.Equal(TlsCertificateStatus.Good, pair.Client.Info.RemoteCertificateStatus);
        Assert.Equal(response, pair.Client.Info.StapledOcspResponse.ToArray());
        Assert.Equal(response, pair.Server.Info.StapledOcspResponse.ToArray());
        Assert.Equal(TlsCertificateStatus.None, pair.Server.Info.RemoteCertificateStatus);
    }

    /// <summary>A resumed handshake staples nothing, so that nothing is missed where its peer is verified again.</summary>
    [Theory]
    [InlineData(SslProtocols.Tls13)]
    [InlineData(SslProtocols.Tls12)]
    public void AResponseIsNotLookedForWhenASessionIsVerifiedAgain(SslProtocols version)
    {
        (TlsClientContext client, TlsServerContext server) = Contexts(Good.Certificate, TlsCertificateStatusMode.HardFail, TestOcsp.Make(Good), o =>
        {
            o.EnabledSslProtocols = version;
            o.ResumedPeer = ResumedPeer.Reverify;
        });
        for (int i = 0; i < 2; i++)
        {
            using EnginePair pair = EnginePair.Connect(client, server);
            Assert.Equal(i == 1, pair.Client.Info.Resumption.IsResumed);
            Assert.Equal(i == 1 ? TlsCertificateStatus.None : TlsCertificateStatus.Good, pair.Client.Info.RemoteCertificateStatus);
        }
    }

    public static TheoryData<string, TlsFault, TlsAlert, TlsCertificateStatus> Refused => new()
    {
        { "revoked", TlsFault.CertificateRevoked, TlsAlert.CertificateRevoked, TlsCertificateStatus.Revoked },
        { "unknown", TlsFault.CertificateStatusUnknown, TlsAlert.BadCertificateStatusResponse, TlsCertificateStatus.Unknown },
        { "wrong responder", TlsFault.CertificateStatusUntrusted, TlsAlert.BadCertificateStatusResponse, TlsCertificateStatus.Invalid },
        { "wrong serial", TlsFault.CertificateStatusMismatch, TlsAlert.BadCertificateStatusResponse, TlsCertificateStatus.Invalid },
        { "malformed", TlsFault.CertificateStatusMalformed, TlsAlert.BadCertificateStatusResponse, TlsCertificateStatus.Invalid },
    };

    public static TheoryData<string, TlsFault, TlsAlert, TlsCertificateStatus> Unusable => new()
    {
        { "missing", TlsFault.CertificateStatusMissing, TlsAlert.BadCertificateStatusResponse, TlsCertificateStatus.None },
        { "try later", TlsFault.CertificateStatusMissing, TlsAlert.BadCertificateStatusResponse, TlsCertificateStatus.None },
        { "expired", TlsFault.CertificateStatusOutdated, TlsAlert.BadCertificateStatusResponse, TlsCertificateStatus.Outdated },
        { "not yet valid", TlsFault.CertificateStatusOutdated, TlsAlert.BadCertificateStatusResponse, TlsCertificateStatus.Outdated },
    };

    [Theory]
    [MemberData(nameof(Refused))]
    public void ABadResponseIsRefusedWhateverTheMode(string which, TlsFault fault, TlsAlert alert, TlsCertificateStatus status)
    {
        AssertRefused(Good.Certificate, TlsCertificateStatusMode.SoftFail, which, fault, alert, status);
        AssertRefused(Good.Certificate, TlsCertificateStatusMode.HardFail, which, fault, alert, status);
        AssertAccepted(Good.Certificate, TlsCertificateStatusMode.None, which, TlsCertificateStatus.None);
    }

    [Theory]
    [MemberData(nameof(Unusable))]
    public void WithoutAUsableResponseTheModeDecides(string which, TlsFault fault, TlsAlert alert, TlsCertificateStatus status)
    {
        AssertAccepted(Good.Certificate, TlsCertificateStatusMode.SoftFail, which, status);
        AssertRefused(Good.Certificate, TlsCertificateStatusMode.HardFail, which, fault, alert, status);
    }

    [Theory]
    [MemberData(nameof(Unusable))]
    public void ACertificateThatInsistsIsHonoured(string which, TlsFault fault, TlsAlert alert, TlsCertificateStatus status)
    {
        TestCertificate insisting = TestOcsp.Server(TestOcsp.MustStaple);
        AssertRefused(insisting, TlsCertificateStatusMode.SoftFail, which, fault, alert, status);
        AssertAccepted(insisting, TlsCertificateStatusMode.SoftFail, "good", TlsCertificateStatus.Good);
        // Whoever asked for nothing cannot complain (RFC 7633 §4.2.3.1).
        AssertAccepted(insisting, TlsCertificateStatusMode.None, which, TlsCertificateStatus.None);
    }

    [Fact]
    public void SoftFailIsTheDefault() => Assert.Equal(TlsCertificateStatusMode.SoftFail, new TlsClientOptions().CertificateStatusMode);

    [Fact]
    public void AModeThatIsNoneIsRefused() =>
        Assert.Throws<ArgumentException>(() => new TlsClientContext(new TlsClientOptions { CertificateStatusMode = (TlsCertificateStatusMode)7 }));

    [Theory]
    [InlineData(SslProtocols.Tls13)]
    [InlineData(SslProtocols.Tls12)]
    public void NothingIsStapledForAClientThatDoesNotAsk(SslProtocols version)
    {
        (TlsClientContext client, TlsServerContext server) = Contexts(
            Good.Certificate, TlsCertificateStatusMode.None, TestOcsp.Make(Good), o => o.EnabledSslProtocols = version);
        using EnginePair pair = EnginePair.Connect(client, server);
        Assert.True(pair.Client.Info.StapledOcspResponse.IsEmpty);
        Assert.True(pair.Server.Info.StapledOcspResponse.IsEmpty);
    }

    // a resumed handshake has no certificate, and so nothing to staple to.
    [Theory]
    [InlineData(SslProtocols.Tls13)]
    [InlineData(SslProtocols.Tls12)]
    public void NothingIsStapledOnResumption(SslProtocols version)
    {
        (TlsClientContext client, TlsServerContext server) = Contexts(
            Good.Certificate, TlsCertificateStatusMode.HardFail, TestOcsp.Make(Good), o => o.EnabledSslProtocols = version);
        EnginePair.Connect(client, server).Dispose();
        using EnginePair pair = EnginePair.Connect(client, server);
        Assert.True(pair.Client.Info.Resumption.IsResumed);
        Assert.True(pair.Client.Info.StapledOcspResponse.IsEmpty);
        Assert.True(pair.Server.Info.StapledOcspResponse.IsEmpty);
        Assert.Equal(TlsCertificateStatus.None, pair.Client.Info.RemoteCertificateStatus);
    }

    // RFC 6066 §8: a server of TLS 1.2 that promised a response need not send one. R-39: a promise on resumption means nothing.
    [Fact]
    public void APromiseMayBeBroken()
    {
        (TlsClientContext client, TlsServerContext server) = Contexts(Good.Certificate, TlsCertificateStatusMode.SoftFail, null, o => o.EnabledSslProtocols = SslProtocols.Tls12);
        server.Settings.MessageRewriter = message => message[0] == (byte)HandshakeType.ServerHello ? Promise(message) : message;
        foreach (bool resumed in (bool[])[false, true])
        {
            using EnginePair pair = EnginePair.Connect(client, server);
            Assert.Equal(resumed, pair.Client.Info.Resumption.IsResumed);
            Assert.Equal(TlsCertificateStatus.None, pair.Client.Info.RemoteCertificateStatus);
        }
    }

    [Fact]
    public void AResponseThatWasNotPromisedIsUnexpected()
    {
        (TlsClientContext client, TlsServerContext server) = Contexts(Good.Certificate, TlsCertificateStatusMode.SoftFail, null, o => o.EnabledSslProtocols = SslProtocols.Tls12);
        server.Settings.MessageRewriter = message => message[0] == (byte)HandshakeType.Certificate ? [.. message, .. Status] : message;
        AssertFails(client, server, TlsFault.UnexpectedMessage, TlsAlert.UnexpectedMessage);
    }

    //
    [Fact]
    public void AResponseOnResumptionIsUnexpected()
    {
        (TlsClientContext client, TlsServerContext server) = Contexts(Good.Certificate, TlsCertificateStatusMode.SoftFail, null, o => o.EnabledSslProtocols = SslProtocols.Tls12);
        EnginePair.Connect(client, server).Dispose();
        server.Settings.MessageRewriter = message => message[0] == (byte)HandshakeType.ServerHello ? [.. Promise(message), .. Status] : message;
        AssertFails(client, server, TlsFault.UnexpectedMessage, TlsAlert.UnexpectedMessage);
    }

    [Fact]
    public void AResponseThatWasNotAskedForIsUnsolicited()
    {
        (TlsClientContext client, TlsServerContext server) = Contexts(Good.Certificate, TlsCertificateStatusMode.None, null, o => o.EnabledSslProtocols = SslProtocols.Tls12);
        server.Settings.MessageRewriter = message => message[0] == (byte)HandshakeType.ServerHello ? Promise(message) : message;
        AssertFails(client, server, TlsFault.UnsolicitedExtension, TlsAlert.UnsupportedExtension);
    }

    [Fact]
    public void AnExpiredResponseIsNotSent()
    {
        var clock = new FakeTimeProvider(TimeProvider.System.GetUtcNow());
        TlsCertificate certificate = TlsCertificate.FromPem(Good.Certificate.ChainPem, Good.Certificate.KeyPem);
        certificate.Staple(TestOcsp.Make(Good), timeProvider: clock);
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts(o => o.AllowTlsResume = false, o => o.ServerCertificates = [certificate]);
        using (EnginePair pair = EnginePair.Connect(client, server))
        {
            Assert.Equal(TlsCertificateStatus.Good, pair.Client.Info.RemoteCertificateStatus);
        }
        clock.SetUtcNow(certificate.Stapler!.NextUpdate!.Value + TimeSpan.FromSeconds(1));
        using (EnginePair pair = EnginePair.Connect(client, server))
        {
            Assert.True(pair.Server.Info.StapledOcspResponse.IsEmpty);
        }
    }

    [Fact]
    public void ItsLengthHasALimitOnTheWire()
    {
        AssertAccepted(Good.Certificate, TlsCertificateStatusMode.HardFail, TestOcsp.MakeOfLength(Good, OcspResponse.MaxLength), TlsCertificateStatus.Good);
        (TlsClientContext client, TlsServerContext server) = Contexts(Good.Certificate, TlsCertificateStatusMode.SoftFail, TestOcsp.MakeOfLength(Good, OcspResponse.MaxLength + 1));
        AssertFails(client, server, TlsFault.CertificateStatusMalformed, TlsAlert.BadCertificateStatusResponse);
    }

    [Fact]
    public void TheCallbackHearsOfItAndHasTheLastWord()
    {
        SslPolicyErrors seen = SslPolicyErrors.None;
        (TlsClientContext client, TlsServerContext server) = Contexts(Good.Certificate, TlsCertificateStatusMode.SoftFail, Make(Good.Certificate, "revoked"), o =>
            o.RemoteCertificateValidationCallback = (_, _, _, errors) =>
            {
                seen = errors;
                return true;
            });
        using EnginePair pair = EnginePair.Connect(client, server);
        Assert.Equal(SslPolicyErrors.RemoteCertificateChainErrors, seen);
        Assert.Equal(TlsCertificateStatus.Revoked, pair.Client.Info.RemoteCertificateStatus);
    }

    // Museum B4: what a later check refused is not kept.
    [Fact]
    public void ASessionOfARefusedServerIsNotKept()
    {
        (TlsClientContext client, TlsServerContext server) = Contexts(Good.Certificate, TlsCertificateStatusMode.HardFail, Make(Good.Certificate, "expired"));
        AssertFails(client, server, TlsFault.CertificateStatusOutdated, TlsAlert.BadCertificateStatusResponse);
        Assert.Equal(0, client.SessionCache.Count);
    }

    // Museum rule 4: what changes the verdict is part of what a session belongs to.
    [Fact]
    public void ASessionOfAMildClientIsNotResumedByAStrictOne()
    {
        var cache = new MemoryClientSessionCache();
        (TlsClientContext soft, TlsServerContext server) = Contexts(Good.Certificate, TlsCertificateStatusMode.SoftFail, default, o => o.SessionCache = cache);
        EnginePair.Connect(soft, server).Dispose();
        TlsSession session = Assert.IsType<TlsSession>(TakeSession(soft, server));
        (TlsClientContext hard, _) = Contexts(Good.Certificate, TlsCertificateStatusMode.HardFail, default, o =>
        {
            o.SessionCache = cache;
            o.Resume = session;
        });
        AssertFails(hard, server, TlsFault.CertificateStatusMissing, TlsAlert.BadCertificateStatusResponse);

        static TlsSession? TakeSession(TlsClientContext client, TlsServerContext server)
        {
            using EnginePair pair = EnginePair.Connect(client, server);
            Assert.True(pair.Client.Info.Resumption.IsResumed);
            return pair.Client.Session;
        }
    }

    // where a response was required, the session does not outlive it.
    [Theory]
    [InlineData(TlsCertificateStatusMode.HardFail, 2)]
    [InlineData(TlsCertificateStatusMode.SoftFail, 24 * 7)]
    public void ASessionLivesNoLongerThanAResponseThatWasRequired(TlsCertificateStatusMode mode, int hours)
    {
        OcspSpec spec = Good with { NextUpdate = TimeSpan.FromHours(2) };
        (TlsClientContext client, TlsServerContext server) = Contexts(Good.Certificate, mode, TestOcsp.Make(spec));
        using EnginePair pair = EnginePair.Connect(client, server);
        Assert.InRange(pair.Client.Session!.AuthenticationDeadline - TimeProvider.System.GetUtcNow(), TimeSpan.FromHours(hours - 1), TimeSpan.FromHours(hours));
    }

    /// <summary>A CertificateStatus message.</summary>
    private static readonly byte[] Status = [(byte)HandshakeType.CertificateStatus, 0, 0, 5, 1, 0, 0, 1, 7];

    /// <summary>A ServerHello of TLS 1.2 with an empty status_request at its end.</summary>
    private static byte[] Promise(byte[] hello)
    {
        byte[] longer = [.. hello, 0, 5, 0, 0];
        BinaryPrimitives.WriteUInt16BigEndian(longer.AsSpan(2), (ushort)(longer.Length - HandshakeMessage.HeaderSize));
        int extensions = HandshakeMessage.HeaderSize + 2 + 32 + 1 + hello[38] + 2 + 1;
        BinaryPrimitives.WriteUInt16BigEndian(longer.AsSpan(extensions), (ushort)(longer.Length - extensions - 2));
        return longer;
    }

    private static void AssertRefused(
        TestCertificate certificate, TlsCertificateStatusMode mode, string which, TlsFault fault, TlsAlert alert, TlsCertificateStatus status)
    {
        foreach (SslProtocols version in Versions)
        {
            (TlsClientContext client, TlsServerContext server) = Contexts(certificate, mode, Make(certificate, which), o => o.EnabledSslProtocols = version);
            Assert.Equal(status, AssertFails(client, server, fault, alert).RemoteCertificateStatus);
        }
    }

    private static void AssertAccepted(TestCertificate certificate, TlsCertificateStatusMode mode, string which, TlsCertificateStatus status) =>
        AssertAccepted(certificate, mode, Make(certificate, which), status);

    private static void AssertAccepted(TestCertificate certificate, TlsCertificateStatusMode mode, byte[] response, TlsCertificateStatus status)
    {
        foreach (SslProtocols version in Versions)
        {
            (TlsClientContext client, TlsServerContext server) = Contexts(certificate, mode, response, o => o.EnabledSslProtocols = version);
            using EnginePair pair = EnginePair.Connect(client, server);
            Assert.Equal(status, pair.Client.Info.RemoteCertificateStatus);
        }
    }

    /// <summary>The client names the fault, and the server hears the alert.</summary>
    private static TlsConnectionInfo AssertFails(TlsClientContext client, TlsServerContext server, TlsFault fault, TlsAlert alert)
    {
        using var pair = new EnginePair(client, server);
        pair.Client.Start();
        TlsAlertException thrown = Assert.ThrowsAny<TlsAlertException>(pair.Run);
        Assert.Equal((fault, alert, false), (thrown.Fault, thrown.Alert, thrown.SentByPeer));
        thrown = Assert.ThrowsAny<TlsAlertException>(pair.Run);
        Assert.Equal((TlsFault.PeerAlert, alert, true), (thrown.Fault, thrown.Alert, thrown.SentByPeer));
        return pair.Client.Info;
    }

    private static byte[] Make(TestCertificate certificate, string which)
    {
        OcspSpec spec = new() { Certificate = certificate };
        return which switch
        {
            "good" => TestOcsp.Make(spec),
            "revoked" => TestOcsp.Make(spec with { Status = 1 }),
            "unknown" => TestOcsp.Make(spec with { Status = 2 }),
            "wrong responder" => TestOcsp.Make(spec with { Signer = TestPki.OtherRoot }),
            "wrong serial" => TestOcsp.Make(spec with { Serial = [1, 2, 3] }),
            "malformed" => "no response"u8.ToArray(),
            "try later" => TestOcsp.Make(spec with { Error = 3 }),
            "expired" => TestOcsp.Make(spec with { NextUpdate = TimeSpan.FromHours(-1) }),
            "not yet valid" => TestOcsp.Make(spec with { ThisUpdate = TimeSpan.FromHours(1) }),
            "missing" => [],
            _ => throw new ArgumentOutOfRangeException(nameof(which), which, null),
        };
    }

    private static (TlsClientContext Client, TlsServerContext Server) Contexts(
        TestCertificate certificate, TlsCertificateStatusMode mode, byte[]? response, Action<TlsClientOptions>? configure = null)
    {
        TlsCertificate own = TlsCertificate.FromPem(certificate.ChainPem, certificate.KeyPem);
        if (response is { Length: > 0 })
        {
            own.StapleAsIs(response);
        }
        return HandshakeTests.Contexts(
            o =>
            {
                o.CertificateStatusMode = mode;
                configure?.Invoke(o);
            },
            o => o.ServerCertificates = [own]);
    }
}

using System.Net;
using Microsoft.Extensions.Time.Testing;
using Org.BouncyCastle.Ocsp;
using Segno.Certificates;
using Segno.Certificates.Stapling;

namespace Segno.Tests.Certificates;

/// <summary>What a server staples, from where, and when it looks for more.</summary>
public sealed class OcspStaplerTests : IDisposable
{
    private const string Url = "http://ocsp.example.test/here";

    private readonly FakeTimeProvider _clock = new(TimeProvider.System.GetUtcNow());
    private readonly TestCertificate _leaf = TestOcsp.Server(TestOcsp.Responder(Url));
    private readonly TlsCertificate _certificate;
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("segno-test-");
    private readonly Responder _responder = new();

    public OcspStaplerTests()
    {
        _certificate = TlsCertificate.FromPem(_leaf.ChainPem, _leaf.KeyPem);
    }

    private OcspSpec Good => new() { Certificate = _leaf, Now = _clock.GetUtcNow(), ThisUpdate = TimeSpan.Zero, NextUpdate = TimeSpan.FromDays(4) };

    private string File => Path.Combine(_directory.FullName, "leaf.ocsp");

    public void Dispose()
    {
        _certificate.Dispose();
        _responder.Dispose();
        _directory.Delete(recursive: true);
    }

    [Fact]
    public void AGivenResponseIsStapledWhileItIsCurrent()
    {
        byte[] response = TestOcsp.Make(Good);
        OcspStapler stapler = _certificate.Staple(response, timeProvider: _clock);
        Assert.Same(stapler, _certificate.Stapler);
        Assert.Equal(TlsCertificateStatus.Good, stapler.Status);
        Assert.Null(stapler.LastFailure);
        AssertStapled(response);

        DateTimeOffset end = stapler.NextUpdate!.Value;
        _clock.SetUtcNow(end);
        AssertStapled(response);
        _clock.SetUtcNow(end.AddSeconds(1));
        AssertNothing();
    }

    public static TheoryData<string, TlsFault> NotStapled => new()
    {
        { "revoked", TlsFault.CertificateRevoked },
        { "unknown", TlsFault.CertificateStatusUnknown },
        { "expired", TlsFault.CertificateStatusOutdated },
        { "wrong serial", TlsFault.CertificateStatusMismatch },
        { "wrong responder", TlsFault.CertificateStatusUntrusted },
        { "try later", TlsFault.CertificateStatusMissing },
        { "garbage", TlsFault.CertificateStatusMalformed },
    };

    [Theory]
    [MemberData(nameof(NotStapled))]
    public void WhatIsNotGoodIsNotStapled(string which, TlsFault fault)
    {
        byte[] response = which switch
        {
            "revoked" => TestOcsp.Make(Good with { Status = 1 }),
            "unknown" => TestOcsp.Make(Good with { Status = 2 }),
            "expired" => TestOcsp.Make(Good with { ThisUpdate = TimeSpan.FromDays(-3), NextUpdate = TimeSpan.FromDays(-2) }),
            "wrong serial" => TestOcsp.Make(Good with { Serial = [7] }),
            "wrong responder" => TestOcsp.Make(Good with { Signer = TestPki.OtherRoot }),
            "try later" => TestOcsp.Make(Good with { Error = 3 }),
            _ => [1, 2, 3],
        };
        Assert.Contains("cannot be stapled", Assert.Throws<ArgumentException>(() => _certificate.Staple(response, timeProvider: _clock)).Message, StringComparison.Ordinal);
        Assert.Null(_certificate.Stapler);

        System.IO.File.WriteAllBytes(File, response);
        OcspStapler stapler = _certificate.StapleFromFile(File, timeProvider: _clock);
        Assert.Equal(fault, Assert.IsType<TlsException>(stapler.LastFailure).Fault);
        Assert.Null(stapler.NextUpdate);
        AssertNothing();
    }

    [Fact]
    public void AFileIsReadAtOnceAndEveryMinute()
    {
        byte[] first = TestOcsp.Make(Good);
        System.IO.File.WriteAllBytes(File, first);
        OcspStapler stapler = _certificate.StapleFromFile(File, timeProvider: _clock);
        AssertStapled(first);

        byte[] second = TestOcsp.Make(Good with { NextUpdate = TimeSpan.FromDays(5) });
        System.IO.File.WriteAllBytes(File, second);
        _clock.Advance(TimeSpan.FromSeconds(59));
        AssertStapled(first);
        _clock.Advance(TimeSpan.FromSeconds(1));
        AssertStapled(second);

        // It goes away, and the last good one is stapled on.
        System.IO.File.Delete(File);
        _clock.Advance(TimeSpan.FromMinutes(1));
        Assert.IsType<FileNotFoundException>(stapler.LastFailure);
        AssertStapled(second);

        // It comes back, and says that the certificate was revoked: nothing is stapled, however current the last good one is.
        System.IO.File.WriteAllBytes(File, TestOcsp.Make(Good with { Status = 1 }));
        _clock.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(TlsCertificateStatus.Revoked, stapler.Status);
        AssertNothing();
    }

    [Fact]
    public async Task AFileIsReadWhenAsked()
    {
        OcspStapler stapler = _certificate.StapleFromFile(File, timeProvider: _clock);
        Assert.IsType<FileNotFoundException>(stapler.LastFailure);
        byte[] response = TestOcsp.Make(Good);
        await System.IO.File.WriteAllBytesAsync(File, response, TestContext.Current.CancellationToken);
        await stapler.RefreshAsync(TestContext.Current.CancellationToken);
        Assert.Null(stapler.LastFailure);
        AssertStapled(response);
    }

    [Fact]
    public void AFileHasALimit()
    {
        System.IO.File.WriteAllBytes(File, TestOcsp.MakeOfLength(Good, OcspResponse.MaxLength));
        OcspStapler stapler = _certificate.StapleFromFile(File, timeProvider: _clock);
        Assert.Null(stapler.LastFailure);
        System.IO.File.WriteAllBytes(File, TestOcsp.MakeOfLength(Good, OcspResponse.MaxLength + 1));
        _clock.Advance(TimeSpan.FromMinutes(1));
        Assert.Contains("at most 16384", Assert.IsType<IOException>(stapler.LastFailure).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AResponderIsAskedAtOnceAndAfterHalfOfTheTime()
    {
        _responder.Answer = () => TestOcsp.Make(Good);
        _certificate.StapleFromResponder(_responder.Client, timeProvider: _clock);
        _clock.Advance(TimeSpan.Zero);
        Assert.Equal(1, _responder.Asked);
        Assert.Equal(new Uri(Url), _responder.Uri);
        Assert.Equal("application/ocsp-request", _responder.ContentType);
        Assert.True(new OcspReq(_responder.Request).GetRequestList()[0].GetCertID().SerialNumber.ToByteArray().AsSpan()
            .SequenceEqual(_leaf.Certificate.SerialNumberBytes.Span));
        byte[] first = _responder.Last!;
        AssertStapled(first);

        _clock.Advance(TimeSpan.FromDays(2) - TimeSpan.FromSeconds(2));
        Assert.Equal(1, _responder.Asked);
        _clock.Advance(TimeSpan.FromSeconds(3));
        Assert.Equal(2, _responder.Asked);
        Assert.NotEqual(first, _responder.Last);
        AssertStapled(_responder.Last!);
    }

    [Fact]
    public void FailuresDoubleTheWaitUpToAnHourAndTheOldResponseIsStapledMeanwhile()
    {
        _responder.Answer = () => TestOcsp.Make(Good);
        OcspStapler stapler = _certificate.StapleFromResponder(_responder.Client, timeProvider: _clock);
        _clock.Advance(TimeSpan.Zero);
        byte[] response = _responder.Last!;
        _responder.Answer = () => throw new HttpRequestException("down");
        _clock.Advance(TimeSpan.FromDays(2));
        Assert.Equal(2, _responder.Asked);
        Assert.Equal("down", Assert.IsType<HttpRequestException>(stapler.LastFailure).Message);
        AssertStapled(response);

        int asked = 2;
        foreach (int minutes in (int[])[1, 2, 4, 8, 16, 32, 60, 60])
        {
            _clock.Advance(TimeSpan.FromMinutes(minutes) - TimeSpan.FromSeconds(1));
            Assert.Equal(asked, _responder.Asked);
            _clock.Advance(TimeSpan.FromSeconds(1));
            Assert.Equal(++asked, _responder.Asked);
            AssertStapled(response);
        }

        // It recovers: all is as in the beginning.
        _responder.Answer = () => TestOcsp.Make(Good);
        _clock.Advance(TimeSpan.FromHours(1));
        Assert.Null(stapler.LastFailure);
        AssertStapled(_responder.Last!);
        asked = _responder.Asked;
        _clock.Advance(TimeSpan.FromDays(1));
        Assert.Equal(asked, _responder.Asked);
    }

    [Fact]
    public void AResponderWithNothingNewerIsAskedAgainAfterHalfOfWhatIsLeft()
    {
        byte[] response = TestOcsp.Make(Good);
        _responder.Answer = () => response;
        _certificate.StapleFromResponder(_responder.Client, timeProvider: _clock);
        _clock.Advance(TimeSpan.Zero);
        foreach (int hours in (int[])[48, 24, 12])
        {
            int asked = _responder.Asked;
            _clock.Advance(TimeSpan.FromHours(hours) - TimeSpan.FromMinutes(5));
            Assert.Equal(asked, _responder.Asked);
            _clock.Advance(TimeSpan.FromMinutes(6));
            Assert.Equal(asked + 1, _responder.Asked);
        }
    }

    [Theory]
    [InlineData(HttpStatusCode.InternalServerError)]
    [InlineData(HttpStatusCode.Redirect)]
    public void AnotherAnswerThanOkIsAFailure(HttpStatusCode code)
    {
        _responder.Answer = () => TestOcsp.Make(Good);
        _responder.Code = code;
        OcspStapler stapler = _certificate.StapleFromResponder(_responder.Client, timeProvider: _clock);
        _clock.Advance(TimeSpan.Zero);
        Assert.IsType<HttpRequestException>(stapler.LastFailure);
        AssertNothing();
    }

    [Fact]
    public void AnAnswerHasALimit()
    {
        _responder.Answer = () => TestOcsp.MakeOfLength(Good, OcspResponse.MaxLength);
        OcspStapler stapler = _certificate.StapleFromResponder(_responder.Client, timeProvider: _clock);
        _clock.Advance(TimeSpan.Zero);
        AssertStapled(_responder.Last!);
        _responder.Answer = () => TestOcsp.MakeOfLength(Good, OcspResponse.MaxLength + 1);
        _clock.Advance(TimeSpan.FromDays(2));
        Assert.Contains("more than 16384", Assert.IsType<IOException>(stapler.LastFailure).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AResponderThatHangsIsLeftAndNoHandshakeWaitsForIt()
    {
        var never = new TaskCompletionSource<HttpResponseMessage>();
        _responder.Hang = token =>
        {
            token.Register(() => never.TrySetCanceled(token));
            return never.Task;
        };
        OcspStapler stapler = _certificate.StapleFromResponder(_responder.Client, timeProvider: _clock);
        _clock.Advance(TimeSpan.Zero);
        AssertNothing();
        Assert.Null(stapler.LastFailure);
        _clock.Advance(TimeSpan.FromSeconds(15));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => never.Task);
        // Behind the attempt that is ending; this one fails at once.
        _responder.Hang = null;
        _responder.Answer = () => TestOcsp.Make(Good);
        await stapler.RefreshAsync(TestContext.Current.CancellationToken);
        AssertStapled(_responder.Last!);
    }

    [Fact]
    public async Task ATimeoutIsAFailureByName()
    {
        _responder.Hang = async token =>
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, token);
            return null!;
        };
        var source = new OcspResponder(new Uri(Url), [1], _responder.Client, _clock);
        Task<byte[]?> load = source.LoadAsync(TestContext.Current.CancellationToken).AsTask();
        _clock.Advance(TimeSpan.FromSeconds(15));
        Assert.Contains("did not answer within 15 s", (await Assert.ThrowsAsync<TimeoutException>(() => load)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AfterItsEndNothingIsStapledOrAsked()
    {
        _responder.Answer = () => TestOcsp.Make(Good);
        OcspStapler stapler = _certificate.StapleFromResponder(_responder.Client, timeProvider: _clock);
        _clock.Advance(TimeSpan.Zero);
        stapler.Dispose();
        Assert.Null(_certificate.Stapler);
        Assert.True(stapler.Current.IsEmpty);
        _clock.Advance(TimeSpan.FromDays(3));
        Assert.Equal(1, _responder.Asked);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => stapler.RefreshAsync(TestContext.Current.CancellationToken));
        stapler.Dispose();
    }

    [Fact]
    public void TheLastStaplerIsTheOne()
    {
        OcspStapler first = _certificate.Staple(TestOcsp.Make(Good), timeProvider: _clock);
        OcspStapler second = _certificate.Staple(TestOcsp.Make(Good), timeProvider: _clock);
        Assert.Same(second, _certificate.Stapler);
        Assert.True(first.Current.IsEmpty);
        first.Dispose();
        Assert.Same(second, _certificate.Stapler);
    }

    [Fact]
    public void ACertificateWithoutResponderSaysSo()
    {
        foreach (TestCertificate leaf in (TestCertificate[])[TestOcsp.Server(), TestOcsp.Server(TestOcsp.Responder("https://ocsp.example.test/", "ldap://x/"))])
        {
            using TlsCertificate certificate = TlsCertificate.FromPem(leaf.ChainPem, leaf.KeyPem);
            Assert.Contains("names no OCSP responder", Assert.Throws<ArgumentException>(() => certificate.StapleFromResponder()).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void TheIssuerIsNeededAndCanBeGiven()
    {
        using TlsCertificate bare = TlsCertificate.FromPem(_leaf.CertificatePem, _leaf.KeyPem);
        byte[] response = TestOcsp.Make(Good);
        Assert.Contains("give it as issuer", Assert.Throws<ArgumentException>(() => bare.Staple(response, timeProvider: _clock)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => bare.Staple(response, TestPki.OtherRoot.Certificate, _clock));
        Assert.Equal(TlsCertificateStatus.Good, bare.Staple(response, TestPki.Intermediate.Certificate, _clock).Status);
    }

    private void AssertStapled(byte[] response) => Assert.Equal(response, _certificate.OcspResponse.ToArray());

    private void AssertNothing() => Assert.True(_certificate.OcspResponse.IsEmpty);

    /// <summary>A responder in this process that answers at once.</summary>
    private sealed class Responder : HttpMessageHandler
    {
        public Responder()
        {
            Client = new HttpClient(this, disposeHandler: false);
        }

        public HttpClient Client { get; }

        public Func<byte[]> Answer { get; set; } = () => [];

        public Func<CancellationToken, Task<HttpResponseMessage>>? Hang { get; set; }

        public HttpStatusCode Code { get; set; } = HttpStatusCode.OK;

        public int Asked { get; private set; }

        public Uri? Uri { get; private set; }

        public string? ContentType { get; private set; }

        public byte[] Request { get; private set; } = [];

        public byte[]? Last { get; private set; }

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            Asked++;
            (Uri, ContentType) = (request.RequestUri, request.Content!.Headers.ContentType!.MediaType);
            using var body = new MemoryStream();
            request.Content.CopyTo(body, null, cancellationToken);
            Request = body.ToArray();
            if (Hang is { } hang)
            {
                return hang(cancellationToken);
            }
            Last = Answer();
            return Task.FromResult(new HttpResponseMessage(Code) { Content = new ByteArrayContent(Last) });
        }

        protected override void Dispose(bool disposing)
        {
            Client.Dispose();
            base.Dispose(disposing);
        }
    }
}

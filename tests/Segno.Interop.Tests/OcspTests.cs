using System.Diagnostics;
using System.Text.RegularExpressions;
using Segno.Interop.Tests.Ends;
using Segno.Interop.Tests.Matrix;
using Segno.Interop.Tests.Peers;
using Segno.Tests;

namespace Segno.Interop.Tests;

/// <summary>OCSP stapling with openssl: its client reads ours, ours judges its server's, and its responder's answers are fetched and stapled.</summary>
public sealed class OcspTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("-tls1_3", true)]
    [InlineData("-tls1_3", false)]
    [InlineData("-tls1_2", true)]
    [InlineData("-tls1_2", false)]
    public async Task Openssl_client_reads_what_we_staple(string version, bool stapled)
    {
        string openssl = Peer.Find("openssl");
        using Scratch scratch = Make.Scratch();
        TestCertificate leaf = TestOcsp.Server();
        using TlsCertificate certificate = TlsCertificate.FromPem(leaf.ChainPem, leaf.KeyPem);
        if (stapled)
        {
            certificate.Staple(TestOcsp.Make(new() { Certificate = leaf }));
        }
        await using SegnoServer server = new(new TlsServerOptions { ServerCertificates = [certificate] }, Exchange.FramedAsync);
        await using PeerProcess client = PeerProcess.Start(openssl,
            ["s_client", "-connect", OpenSslPeer.Address(server.Port), "-servername", "localhost", "-CAfile", scratch.Root(), "-status", "-nocommands", "-ign_eof", version]);
        await client.WriteAsync(Payload.Framed, Token);
        await client.ExitAsync(Token);
        TlsConnectionInfo info = (await server.NextAsync(Token)).Succeeded();
        Assert.Equal(stapled, !info.StapledOcspResponse.IsEmpty);
        if (stapled)
        {
            Assert.Contains("OCSP Response Status: successful (0x0)", client.Output, StringComparison.Ordinal);
            Assert.Contains("Cert Status: good", client.Output, StringComparison.Ordinal);
        }
        else
        {
            Assert.Contains("OCSP response: no response sent", client.Output, StringComparison.Ordinal);
        }
    }

    public static TheoryData<string, TlsFault?, int> Responses => new()
    {
        { "good", null, 0 },
        { "good by a delegate", null, 0 },
        { "revoked", TlsFault.CertificateRevoked, 44 },
        { "unknown", TlsFault.CertificateStatusUnknown, 113 },
        { "expired", TlsFault.CertificateStatusOutdated, 113 },
        { "wrong responder", TlsFault.CertificateStatusUntrusted, 113 },
        { "missing", TlsFault.CertificateStatusMissing, 113 },
    };

    [Theory]
    [MemberData(nameof(Responses))]
    public async Task Our_client_judges_what_openssl_staples(string which, TlsFault? fault, int alert)
    {
        await JudgesAsync("-tls1_3", which, fault, alert);
        await JudgesAsync("-tls1_2", which, fault, alert);
    }

    private static async Task JudgesAsync(string version, string which, TlsFault? fault, int alert)
    {
        string openssl = Peer.Find("openssl");
        using Scratch scratch = Make.Scratch();
        TestCertificate leaf = TestOcsp.Server(TestOcsp.MustStaple);
        OcspSpec spec = new() { Certificate = leaf };
        string file = scratch.File("leaf.ocsp");
        await File.WriteAllBytesAsync(file, TestOcsp.Make(which switch
        {
            "good by a delegate" => spec with { Signer = TestOcsp.Delegate(), ByKey = true },
            "revoked" => spec with { Status = 1 },
            "unknown" => spec with { Status = 2 },
            "expired" => spec with { NextUpdate = TimeSpan.FromHours(-1) },
            "wrong responder" => spec with { Signer = TestPki.OtherRoot },
            _ => spec,
        }), Token);
        await using PeerProcess server = OpenSslPeer.StartServer(scratch, leaf, [version, .. which == "missing" ? [] : (string[])["-status_file", file]]);
        int port = await OpenSslPeer.PortAsync(server, Token);
        await using TlsStream stream = new(await Loopback.ConnectAsync(port, Token));
        var context = new TlsClientContext(Make.Client());
        if (fault is null)
        {
            await stream.AuthenticateAsClientAsync(context, "localhost", port, Token);
            Assert.Equal(TlsCertificateStatus.Good, stream.ConnectionInfo.RemoteCertificateStatus);
            return;
        }
        TlsException refused = await Assert.ThrowsAnyAsync<TlsException>(() => stream.AuthenticateAsClientAsync(context, "localhost", port, Token));
        Assert.Equal(fault, refused.Fault);
        await server.WaitForAsync(new Regex($"SSL alert number {alert}\n"), Token);
    }

    [Theory]
    [InlineData("V", false)]
    [InlineData("V", true)]
    [InlineData("R", false)]
    public async Task What_openssl_answers_as_a_responder_is_fetched(string state, bool byDelegate)
    {
        string openssl = Peer.Find("openssl");
        using Scratch scratch = Make.Scratch();
        await using LoopbackHttp http = new();
        TestCertificate leaf = TestOcsp.Server(TestOcsp.Responder(http.Url("/ocsp")));
        // The index of `openssl ca`: state, end, revocation, serial number, file, subject.
        await File.WriteAllTextAsync(scratch.File("index.txt"),
            $"{state}\t491231235959Z\t{(state == "R" ? "250101000000Z" : "")}\t{leaf.Certificate.SerialNumber}\tunknown\t/CN=Segno test\n", Token);
        await File.WriteAllTextAsync(scratch.File("issuer.pem"), TestPki.Intermediate.CertificatePem, Token);
        (string signer, string key) = (byDelegate ? TestOcsp.Delegate() : TestPki.Intermediate).WritePem(scratch.Path, "responder");
        http.Answers["/ocsp"] = request =>
        {
            File.WriteAllBytes(scratch.File("request"), request);
            using Process answering = Process.Start(openssl,
                ["ocsp", "-index", scratch.File("index.txt"), "-CA", scratch.File("issuer.pem"), "-rsigner", signer, "-rkey", key,
                    "-nmin", "60", "-reqin", scratch.File("request"), "-respout", scratch.File("response")]);
            answering.WaitForExit();
            return File.ReadAllBytes(scratch.File("response"));
        };

        using TlsCertificate certificate = TlsCertificate.FromPem(leaf.ChainPem, leaf.KeyPem);
        OcspStapler stapler = certificate.StapleFromResponder();
        await stapler.RefreshAsync(Token);
        if (state == "R")
        {
            Assert.Equal(TlsCertificateStatus.Revoked, stapler.Status);
            Assert.Null(stapler.NextUpdate);
            return;
        }
        Assert.Null(stapler.LastFailure);
        Assert.Equal(TlsCertificateStatus.Good, stapler.Status);

        await using SegnoServer server = new(new TlsServerOptions { ServerCertificates = [certificate] }, (_, _) => Task.CompletedTask);
        TlsClientOptions options = Make.Client();
        options.CertificateStatusMode = TlsCertificateStatusMode.HardFail;
        await using TlsStream stream = new(await Loopback.ConnectAsync(server.Port, Token));
        await stream.AuthenticateAsClientAsync(new TlsClientContext(options), "localhost", server.Port, Token);
        Assert.Equal(TlsCertificateStatus.Good, stream.ConnectionInfo.RemoteCertificateStatus);
    }
}

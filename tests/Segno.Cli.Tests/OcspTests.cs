using System.Text.Json;
using Segno.Tests;

namespace Segno.Cli.Tests;

/// <summary><c>segno serve --ocsp</c>, and what <c>segno connect --ocsp</c> says of it.</summary>
public sealed class OcspTests : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("segno-test-");

    private string AuthorityPath => PathOf("ca.pem");

    public void Dispose() => _directory.Delete(recursive: true);

    [Fact]
    public async Task A_response_from_a_file_is_stapled_and_reported()
    {
        TestCertificate leaf = TestOcsp.Server();
        byte[] response = TestOcsp.Make(new() { Certificate = leaf });
        File.WriteAllBytes(PathOf("leaf.ocsp"), response);
        await using CliRun server = Serve(leaf, PathOf("leaf.ocsp"));

        CliRun text = await ConnectAsync(server, "--ocsp");
        CliRun json = await ConnectAsync(server, "--json");

        Assert.True(await text.Exit == 0, text.Error);
        Assert.Contains($"OCSP            good ({response.Length} bytes stapled)", text.Output);
        Assert.Equal("Good", JsonDocument.Parse(json.Output).RootElement.GetProperty("certificateStatus").GetString());
    }

    [Fact]
    public async Task Without_a_response_the_report_says_so()
    {
        await using CliRun server = Serve(TestOcsp.Server(), null);

        CliRun asked = await ConnectAsync(server, "--ocsp");
        CliRun silent = await ConnectAsync(server);

        Assert.Contains("OCSP            no response stapled", asked.Output);
        Assert.DoesNotContain("OCSP", silent.Output);
    }

    [Fact]
    public async Task Auto_asks_the_responder_that_the_certificate_names()
    {
        await using LoopbackHttp http = new();
        TestCertificate leaf = TestOcsp.Server(TestOcsp.Responder(http.Url("/ocsp")));
        http.Answers["/ocsp"] = _ => TestOcsp.Make(new() { Certificate = leaf });
        await using CliRun server = Serve(leaf, "auto");

        CliRun run = await ConnectAsync(server, "--ocsp");

        Assert.Contains("OCSP            good (", run.Output);
        Assert.Contains("/ocsp", http.Asked);
        Assert.Empty(server.Error);
    }

    [Fact]
    public async Task A_responder_that_is_down_is_a_warning()
    {
        await using LoopbackHttp http = new();
        await using CliRun server = Serve(TestOcsp.Server(TestOcsp.Responder(http.Url("/ocsp"))), "auto");

        CliRun run = await ConnectAsync(server, "--ocsp");

        Assert.Contains("OCSP            no response stapled", run.Output);
        Assert.Contains("no OCSP response to staple yet", server.Error);
    }

    [Fact]
    public async Task A_certificate_that_insists_is_refused_without_a_response()
    {
        await using CliRun server = Serve(TestOcsp.Server(TestOcsp.MustStaple), null);

        CliRun run = await ConnectAsync(server, "--ocsp");

        Assert.Equal(1, await run.Exit);
        Assert.Contains(nameof(TlsFault.CertificateStatusMissing), run.Error);
    }

    [Theory]
    [InlineData("missing")]
    [InlineData("revoked")]
    [InlineData("garbage")]
    public async Task A_file_that_cannot_be_stapled_ends_with_2(string which)
    {
        TestCertificate leaf = TestOcsp.Server();
        string path = PathOf("leaf.ocsp");
        if (which != "missing")
        {
            File.WriteAllBytes(path, which == "revoked" ? TestOcsp.Make(new() { Certificate = leaf, Status = 1 }) : [1]);
        }
        await using CliRun server = Serve(leaf, path);

        Assert.Equal(2, await server.Exit.WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken));
        Assert.Contains("cannot be stapled", server.Error);
    }

    [Fact]
    public async Task What_cannot_be_is_wrong_usage()
    {
        CliRun development = await CliRun.ToEndAsync(["serve", "--listen", "127.0.0.1:0", "--ocsp", "auto"]);
        Assert.Equal(2, await development.Exit);
        Assert.Contains("--ocsp needs --cert or --pfx", development.Error);

        await using CliRun noResponder = Serve(TestOcsp.Server(), "auto");
        Assert.Equal(2, await noResponder.Exit.WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken));
        Assert.Contains("names no OCSP responder", noResponder.Error);
    }

    private CliRun Serve(TestCertificate leaf, string? ocsp)
    {
        (string certificate, string key) = leaf.WritePem(_directory.FullName);
        File.WriteAllText(AuthorityPath, TestPki.Root.CertificatePem);
        return CliRun.Start(["serve", "--listen", "127.0.0.1:0", "--cert", certificate, "--key", key, "--no-self-test", .. ocsp is null ? [] : (string[])["--ocsp", ocsp]]);
    }

    private async Task<CliRun> ConnectAsync(CliRun server, params string[] more)
    {
        var url = new Uri(await server.LineAsync("https://"));
        return await CliRun.ToEndAsync(["connect", $"localhost:{url.Port}", "--ca", AuthorityPath, "--no-input", .. more]);
    }

    private string PathOf(string name) => Path.Combine(_directory.FullName, name);
}

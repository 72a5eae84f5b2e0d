using System.Net;
using System.Text.Json;
using Segno.Tests;

namespace Segno.Cli.Tests;

/// <summary>What may be negotiated, and who may connect, as both commands are told.</summary>
public sealed class ProtocolOptionsTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>TLS 1.2 by session ID where there are no tickets, else by ticket; the sessions known by an ID are those in the cache.</summary>
    [Theory]
    [InlineData("SessionId", "--no-tickets")]
    [InlineData("Ticket")]
    public async Task Tls12_resumes_and_the_totals_say_how(string mechanism, params string[] more)
    {
        await using Served served = await Served.StartAsync(["--tls", "1.2", .. more]);

        CliRun run = await served.ConnectAsync(["--reconnect", "5"]);
        JsonElement stats = await StatsAsync(served);
        using HttpClient client = served.Client();
        string page = await client.GetStringAsync("/", Cancel);

        Assert.True(await run.Exit == 0, run.Error);
        string[] lines = run.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Contains("  full     TLS 1.2  ", lines[0]);
        Assert.Equal(5, lines.Count(line => line.Contains("  resumed  TLS 1.2  ", StringComparison.Ordinal) && line.EndsWith($"  {mechanism}", StringComparison.Ordinal)));
        Assert.Equal(5, stats.GetProperty("resumedHandshakes").GetInt64());
        Assert.Equal(5, stats.GetProperty("resumedBy").GetProperty(mechanism).GetInt64());
        // One is of the client that asks for the totals: it takes no tickets, and so is given an ID.
        Assert.Equal(mechanism == "SessionId" ? 2 : 1, stats.GetProperty("cacheEntries").GetInt64());
        Assert.InRange(stats.GetProperty("cacheBytes").GetInt64(), 300, 10_000);
        Assert.Contains($"<code>{mechanism}</code> 5", page);
    }

    [Fact]
    public async Task The_cache_is_as_large_as_it_is_told()
    {
        await using Served served = await Served.StartAsync("--tls", "1.2", "--no-tickets", "--cache-sessions", "3");
        for (int i = 0; i < 5; i++)
        {
            Assert.Equal(0, await (await served.ConnectAsync(["--no-input"])).Exit);
        }
        Assert.Equal(3, (await StatsAsync(served)).GetProperty("cacheEntries").GetInt64());
    }

    /// <summary>The policy is there: a session older than it allows is declined, by name.</summary>
    [Theory]
    [InlineData("adaptive", "resumed")]
    [InlineData("adaptive:max-session-age=1ms,high-load=1", "full")]
    public async Task The_policy_decides(string policy, string expected)
    {
        await using Served served = await Served.StartAsync("--policy", policy);

        CliRun run = await served.ConnectAsync(["--no-input", "--reconnect", "1"]);

        Assert.True(await run.Exit == 0, run.Error);
        string[] lines = run.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Contains($"  {expected} ", lines[1]);
    }

    [Theory]
    [InlineData("5m", "5 min")]
    [InlineData("0", "none received")]
    public async Task Sessions_of_Tls12_last_as_long_as_told(string timeout, string said)
    {
        await using Served served = await Served.StartAsync("--session-lifetime", timeout);

        CliRun run = await served.ConnectAsync(["--tls", "1.2", "--no-input"]);

        Assert.True(await run.Exit == 0, run.Error);
        Assert.Contains(said, run.Output);
    }

    [Fact]
    public async Task Both_ends_negotiate_what_they_are_told()
    {
        await using Served served = await Served.StartAsync(
            "--groups", "P-384,x25519", "--suites", "TLS_AES_256_GCM_SHA384,ECDHE-ECDSA-CHACHA20-POLY1305", "--alpn", "http/1.1");

        CliRun run13 = await served.ConnectAsync(["--no-input", "--json", "--alpn", "h2,http/1.1"]);
        CliRun run12 = await served.ConnectAsync(["--no-input", "--json", "--tls", "1.2", "--groups", "secp384r1,secp256r1"]);
        CliRun none = await served.ConnectAsync(["--no-input", "--groups", "prime256v1"]);
        CliRun old = await served.ConnectAsync(["--no-input", "--suites", "TLS_AES_128_GCM_SHA256"]);

        JsonElement connection = Connection(run13);
        Assert.Equal(("TLS 1.3", "TLS_AES_256_GCM_SHA384", "http/1.1"), (Text(connection, "version"), Text(connection, "cipherSuite"), Text(connection, "applicationProtocol")));
        connection = Connection(run12);
        Assert.Equal(
            ("TLS 1.2", "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "P-384"), (Text(connection, "version"), Text(connection, "cipherSuite"), Text(connection, "group")));
        Assert.Equal(1, await none.Exit);
        Assert.Equal(1, await old.Exit);
    }

    [Theory]
    [InlineData("1.2", "--tls", "1.2")]
    [InlineData("1.3", "--tls", "1.3")]
    [InlineData("1.3", "--tls", "1.2,1.3")]
    [InlineData("1.3", "--tls", "1.3", "--tls", "1.2")]
    public async Task Versions_are_a_list_or_several_options(string expected, params string[] options)
    {
        await using Served served = await Served.StartAsync(options);

        CliRun run = await served.ConnectAsync(["--no-input"]);
        CliRun tls12 = await served.ConnectAsync(["--no-input", "--tls", "1.2"]);

        Assert.Contains($"TLS {expected}", run.Output);
        Assert.Equal(options is ["--tls", "1.3"] ? 1 : 0, await tls12.Exit);
    }

    [Theory]
    [InlineData("1.2")]
    [InlineData("1.3")]
    public async Task A_client_certificate_can_be_required(string version)
    {
        await using Served served = await RequiringAsync("--require-client-cert");
        (string certificate, string key) = TestPki.ClientEcdsa().WritePem(Directory.CreateDirectory(served.PathOf("client")).FullName);

        CliRun with = await served.ConnectAsync(["--tls", version, "--json", "--reconnect", "2", "--client-cert", certificate, "--client-key", key]);
        CliRun without = await served.ConnectAsync(["--tls", version, "--no-input", "--reconnect", "1"]);

        Assert.True(await with.Exit == 0, with.Error);
        JsonElement[] reports = [.. with.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement.GetProperty("connection"))];
        Assert.Equal([false, true, true], reports.Select(report => report.GetProperty("resumed").GetBoolean()));
        // Museum B6
        Assert.All(reports, report => Assert.True(report.GetProperty("mutuallyAuthenticated").GetBoolean()));
        Assert.DoesNotContain("resumed", without.Output);
        Assert.Equal(2, (await StatsAsync(served, TestPki.ClientEcdsa())).GetProperty("resumedHandshakes").GetInt64());
    }

    [Fact]
    public async Task With_an_authority_alone_a_client_certificate_is_optional_and_judged()
    {
        await using Served served = await RequiringAsync();
        (string certificate, string key) = TestPki.UntrustedClient.WritePem(Directory.CreateDirectory(served.PathOf("client")).FullName);

        CliRun without = await served.ConnectAsync(["--tls", "1.2", "--no-input", "--json"]);
        CliRun untrusted = await served.ConnectAsync(["--tls", "1.2", "--no-input", "--client-cert", certificate, "--client-key", key]);

        Assert.True(await without.Exit == 0, without.Error);
        Assert.False(Connection(without).GetProperty("mutuallyAuthenticated").GetBoolean());
        Assert.Equal(1, await untrusted.Exit);
    }

    [Fact]
    public async Task Where_client_certificates_are_required_there_is_no_self_test()
    {
        await using CliRun run = CliRun.Start(["serve", "--listen", "127.0.0.1:0", "--require-client-cert"]);

        await run.LineAsync("No self-test");

        Assert.Empty(run.Error);
    }

    [Fact]
    public async Task The_self_test_measures_whatever_is_negotiated()
    {
        await using CliRun run = CliRun.Start(["serve", "--listen", "127.0.0.1:0", "--tls", "1.2", "--no-tickets", "--alpn", "h2", "--groups", "P-384"]);

        await run.LineAsync("* of both ends");

        Assert.Contains("resumed", run.Output);
        Assert.Empty(run.Error);
    }

    private static async Task<Served> RequiringAsync(params string[] more)
    {
        string authority = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        await File.WriteAllTextAsync(authority, TestPki.Root.CertificatePem, Cancel);
        Served served = await Served.StartAsync(["--ca", authority, .. more]);
        File.Delete(authority);
        return served;
    }

    private static async Task<JsonElement> StatsAsync(Served served, TestCertificate? certificate = null)
    {
        using HttpClient client = served.Client(HttpVersion.Version11, certificate: certificate);
        return JsonDocument.Parse(await client.GetStringAsync("/api/stats", Cancel)).RootElement;
    }

    private static JsonElement Connection(CliRun run)
    {
        Assert.True(run.Exit.Result == 0, run.Error);
        return JsonDocument.Parse(run.Output).RootElement.GetProperty("connection");
    }

    private static string? Text(JsonElement element, string name) => element.GetProperty(name).GetString();
}

using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using Segno.Tests;

namespace Segno.Cli.Tests;

/// <summary><c>segno serve</c>, asked by the platform's own client.</summary>
public sealed class ServeTests
{
    private static readonly string[] ConnectionNames =
    [
        "version", "cipherSuite", "group", "applicationProtocol", "serverName", "mutuallyAuthenticated", "resumed", "mechanism", "outcome", "reason",
        "sessionAgeSeconds", "handshakeMicroseconds", "handshakeBytesIn", "handshakeBytesOut", "earlyData", "earlyDataReason", "earlyDataBytes",
    ];

    private static readonly string[] StatsNames =
    [
        "time", "fullHandshakes", "resumedHandshakes", "resumedBy", "declined", "declinedDetails", "earlyDataAccepted", "earlyDataRefused", "cacheEntries", "cacheBytes", "cache", "ticketKeys", "ticketKeyFailure",
    ];

    private static readonly string[] CacheNames =
        ["maxEntries", "maxBytes", "hits", "misses", "stored", "refused", "expired", "evictedForEntries", "evictedForBytes"];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("1.1", null)]
    [InlineData("2.0", "h2")]
    public async Task The_connection_is_told_as_json(string version, string? alpn)
    {
        await using Served served = await Served.StartAsync();
        using HttpClient client = served.Client(Version.Parse(version));

        JsonElement connection = JsonDocument.Parse(await client.GetStringAsync("/api/connection", Cancel)).RootElement;

        Assert.Equal(ConnectionNames, connection.EnumerateObject().Select(property => property.Name));
        Assert.Equal("TLS 1.3", connection.GetProperty("version").GetString());
        Assert.Equal("TLS_AES_128_GCM_SHA256", connection.GetProperty("cipherSuite").GetString());
        Assert.Equal(alpn, connection.GetProperty("applicationProtocol").GetString());
        Assert.Equal("localhost", connection.GetProperty("serverName").GetString());
        Assert.False(connection.GetProperty("resumed").GetBoolean());
        Assert.Equal(JsonValueKind.Null, connection.GetProperty("mechanism").ValueKind);
        Assert.Equal("NotOffered", connection.GetProperty("outcome").GetString());
        Assert.Equal(JsonValueKind.Null, connection.GetProperty("sessionAgeSeconds").ValueKind);
        Assert.True(connection.GetProperty("handshakeMicroseconds").GetInt64() > 0);
        Assert.True(connection.GetProperty("handshakeBytesIn").GetInt64() > 100);
        Assert.True(connection.GetProperty("handshakeBytesOut").GetInt64() > 500);
    }

    [Fact]
    public async Task The_totals_are_told_as_json()
    {
        DateTimeOffset started = TimeProvider.System.GetUtcNow();
        await using Served served = await Served.StartAsync();
        for (int i = 0; i < 3; i++)
        {
            using HttpClient client = served.Client();
            await client.GetStringAsync("/api/connection", Cancel);
        }
        using HttpClient last = served.Client();

        JsonElement stats = JsonDocument.Parse(await last.GetStringAsync("/api/stats", Cancel)).RootElement;

        Assert.Equal(StatsNames, stats.EnumerateObject().Select(property => property.Name));
        Assert.Equal(4, stats.GetProperty("fullHandshakes").GetInt64());
        Assert.Equal(0, stats.GetProperty("resumedHandshakes").GetInt64());
        Assert.All(stats.GetProperty("resumedBy").EnumerateObject(), entry => Assert.Equal(0, entry.Value.GetInt64()));
        Assert.Equal(["SessionId", "Ticket", "Psk", "ExternalPsk"], stats.GetProperty("resumedBy").EnumerateObject().Select(entry => entry.Name));
        Assert.Empty(stats.GetProperty("declined").EnumerateObject());
        Assert.Equal(0, stats.GetProperty("cacheEntries").GetInt64());
        Assert.Equal(CacheNames, stats.GetProperty("cache").EnumerateObject().Select(property => property.Name));
        Assert.Empty(stats.GetProperty("declinedDetails").EnumerateObject());
        JsonElement key = Assert.Single(stats.GetProperty("ticketKeys").EnumerateArray());
        Assert.Equal(["epoch", "name", "phase"], key.EnumerateObject().Select(property => property.Name));
        Assert.Equal("active", key.GetProperty("phase").GetString());
        Assert.Matches("^[0-9a-f]{32}$", key.GetProperty("name").GetString());
        Assert.Equal(JsonValueKind.Null, stats.GetProperty("ticketKeyFailure").ValueKind);
        Assert.InRange(stats.GetProperty("time").GetDateTimeOffset(), started, TimeProvider.System.GetUtcNow());
    }

    [Fact]
    public async Task The_platforms_own_client_resumes_and_the_page_says_so()
    {
        await using Served first = await Served.StartAsync();
        await using Served second = await Served.StartAsync();
        await AskAsync(first, "/");

        JsonElement resumed = JsonDocument.Parse(await AskAsync(first, "/api/connection")).RootElement;
        string page = await AskAsync(first, "/");
        JsonElement declined = JsonDocument.Parse(await AskAsync(second, "/api/connection")).RootElement;
        JsonElement stats = JsonDocument.Parse(await AskAsync(second, "/api/stats")).RootElement;

        Assert.True(resumed.GetProperty("resumed").GetBoolean());
        Assert.Equal("Psk", resumed.GetProperty("mechanism").GetString());
        Assert.Equal("Resumed", resumed.GetProperty("outcome").GetString());
        Assert.Equal(JsonValueKind.Null, resumed.GetProperty("reason").ValueKind);
        Assert.True(resumed.GetProperty("sessionAgeSeconds").GetDouble() >= 0);
        Assert.Contains("This connection was resumed.", page);
        Assert.False(declined.GetProperty("resumed").GetBoolean());
        Assert.Equal("Declined", declined.GetProperty("outcome").GetString());
        Assert.Equal("UnknownTicketKey", declined.GetProperty("reason").GetString());
        Assert.Equal(1, stats.GetProperty("declined").GetProperty("UnknownTicketKey").GetInt64());
    }

    [Theory]
    [InlineData("1.1")]
    [InlineData("2.0")]
    public async Task The_page_is_complete_in_itself(string version)
    {
        await using Served served = await Served.StartAsync();
        using HttpClient client = served.Client(Version.Parse(version));

        using HttpResponseMessage response = await client.GetAsync("/", Cancel);
        string page = await response.Content.ReadAsStringAsync(Cancel);

        Assert.Equal("text/html; charset=utf-8", response.Content.Headers.ContentType?.ToString());
        Assert.Contains("This connection began with a full handshake.", page);
        Assert.Contains("TLS_AES_128_GCM_SHA256", page);
        Assert.DoesNotContain("src=\"http", page);
        Assert.DoesNotContain("href=\"http", page);
        AssertAllowedByPolicy(response, page, "style");
        AssertAllowedByPolicy(response, page, "script");
        using HttpResponseMessage icon = await client.GetAsync("/favicon.ico", Cancel);
        Assert.Equal(HttpStatusCode.NoContent, icon.StatusCode);
    }

    [Theory]
    [InlineData("1.1")]
    [InlineData("2.0")]
    public async Task Ten_megabytes_go_both_ways(string version)
    {
        await using Served served = await Served.StartAsync();
        using HttpClient client = served.Client(Version.Parse(version));
        byte[] sent = RandomNumberGenerator.GetBytes(10_000_000);

        byte[] downloaded = await client.GetByteArrayAsync("/bytes/10000000", Cancel);
        using HttpResponseMessage echo = await client.PostAsync("/echo", new ByteArrayContent(sent), Cancel);
        byte[] received = await echo.Content.ReadAsByteArrayAsync(Cancel);

        Assert.Equal(10_000_000, downloaded.Length);
        Assert.True(sent.AsSpan().SequenceEqual(received));
    }

    [Theory]
    [InlineData("GET", "/nothing", HttpStatusCode.NotFound)]
    [InlineData("GET", "/bytes/-1", HttpStatusCode.NotFound)]
    [InlineData("GET", "/bytes/x", HttpStatusCode.NotFound)]
    [InlineData("GET", "/bytes/0", HttpStatusCode.OK)]
    [InlineData("HEAD", "/bytes/1000000000000", HttpStatusCode.OK)]
    [InlineData("HEAD", "/", HttpStatusCode.OK)]
    [InlineData("POST", "/", HttpStatusCode.MethodNotAllowed)]
    [InlineData("DELETE", "/api/stats", HttpStatusCode.MethodNotAllowed)]
    [InlineData("GET", "/again", HttpStatusCode.SeeOther)]
    public async Task Other_requests_are_answered_as_they_should(string method, string path, HttpStatusCode status)
    {
        await using Served served = await Served.StartAsync();
        using HttpClient client = served.Client();

        using HttpResponseMessage response = await client.SendAsync(new HttpRequestMessage(new HttpMethod(method), path), Cancel);

        Assert.Equal(status, response.StatusCode);
    }

    [Theory]
    [InlineData("1.1", "/again", 2)]
    [InlineData("2.0", "/again", 2)]
    [InlineData("1.1", "/again?times=3", 4)]
    [InlineData("1.1", "/again?times=9", 10)]
    [InlineData("1.1", "/again?times=10", 2)]
    [InlineData("1.1", "/again?times=x", 2)]
    public async Task Again_comes_back_on_another_connection(string version, string path, int connections)
    {
        await using Served served = await Served.StartAsync();
        using HttpClient client = served.Client(Version.Parse(version));

        string? next = path;
        while (next != "/")
        {
            using HttpResponseMessage response = await client.GetAsync(next, Cancel);
            next = response.Headers.Location?.OriginalString;
        }
        JsonElement stats = JsonDocument.Parse(await client.GetStringAsync("/api/stats", Cancel)).RootElement;

        Assert.Equal(connections, stats.GetProperty("fullHandshakes").GetInt64());
    }

    [Fact]
    public async Task The_development_certificate_can_be_trusted()
    {
        string path = Path.GetTempFileName();
        await using CliRun run = CliRun.Start(["serve", "--listen", "127.0.0.1:0", "--dev-ca-out", path, "--no-self-test"]);
        var url = new Uri(await run.LineAsync("https://127.0.0.1:"));
        var trust = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        trust.CustomTrustStore.Add(X509CertificateLoader.LoadCertificateFromFile(path));
        using HttpClient client = Served.ClientFor(url, trust);

        Assert.Contains("\"version\"", await client.GetStringAsync("/api/connection", Cancel));
        Assert.Contains("\"version\"", await client.GetStringAsync($"https://127.0.0.1:{url.Port}/api/connection", Cancel));
        File.Delete(path);
    }

    [Fact]
    public async Task The_self_test_shows_full_and_resumed_and_is_not_counted()
    {
        string path = Path.GetTempFileName();
        await using CliRun run = CliRun.Start(["serve", "--listen", "127.0.0.1:0", "--dev-ca-out", path]);
        var url = new Uri(await run.LineAsync("https://"));
        await run.LineAsync("* of both ends");

        Assert.Contains("full", run.Output);
        Assert.Contains("resumed", run.Output);
        Assert.Empty(run.Error);
        var trust = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        trust.CustomTrustStore.Add(X509CertificateLoader.LoadCertificateFromFile(path));
        using HttpClient client = Served.ClientFor(url, trust);
        JsonElement stats = JsonDocument.Parse(await client.GetStringAsync("/api/stats", Cancel)).RootElement;
        Assert.Equal(1, stats.GetProperty("fullHandshakes").GetInt64());
        Assert.Equal(0, stats.GetProperty("resumedHandshakes").GetInt64());
        Assert.Contains("What resumption gives on this machine", await client.GetStringAsync("/", Cancel));
        File.Delete(path);
    }

    [Fact]
    public async Task The_self_test_knows_a_server_without_tickets_and_a_certificate_of_any_name()
    {
        DirectoryInfo directory = Directory.CreateTempSubdirectory("segno-test-");
        (string certificate, string key) = TestPki.Rsa("example.test").WritePem(directory.FullName);
        await using CliRun run = CliRun.Start(["serve", "--listen", "127.0.0.1:0", "--no-tickets", "--cert", certificate, "--key", key]);

        await run.LineAsync("  No session was resumed");

        Assert.Empty(run.Error);
        directory.Delete(recursive: true);
    }

    [Fact]
    public async Task It_ends_cleanly_with_0()
    {
        await using Served served = await Served.StartAsync();
        using HttpClient client = served.Client(HttpVersion.Version20);
        await client.GetStringAsync("/", Cancel);

        Assert.Equal(0, await served.Run.StopAsync());
        Assert.Empty(served.Run.Error);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task The_key_log_is_private_and_said_aloud(bool byVariable)
    {
        string path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        Dictionary<string, string> variables = byVariable ? new() { ["SSLKEYLOGFILE"] = path } : [];
        await using CliRun run = CliRun.Start(
            ["serve", "--listen", "127.0.0.1:0", .. byVariable ? Array.Empty<string>() : ["--keylog", path]], variables: variables);
        await run.LineAsync("* of both ends");

        Assert.Contains("warning", run.Error);
        Assert.Contains(path, run.Error);
        string[] lines = File.ReadAllLines(path);
        Assert.Contains(lines, line => line.StartsWith("CLIENT_TRAFFIC_SECRET_0 ", StringComparison.Ordinal));
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
        }
        File.Delete(path);
    }

    /// <summary>On a connection of its own, with the sessions that the platform keeps per host for the whole process.</summary>
    private static async Task<string> AskAsync(Served served, string path)
    {
        using HttpClient client = served.Client(resume: true);
        return await client.GetStringAsync(path, Cancel);
    }

    private static void AssertAllowedByPolicy(HttpResponseMessage response, string page, string tag)
    {
        string begin = $"<{tag}>";
        int start = page.IndexOf(begin, StringComparison.Ordinal) + begin.Length;
        string content = page[start..page.IndexOf($"</{tag}>", StringComparison.Ordinal)];
        string digest = Convert.ToBase64String(SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(content)));
        Assert.Contains($"'sha256-{digest}'", response.Headers.GetValues("Content-Security-Policy").Single());
    }
}

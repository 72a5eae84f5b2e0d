using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Segno.Interop.Tests.Peers;
using Segno.Redis.Tests.Servers;
using Segno.Sessions;
using Segno.Tests;
using StackExchange.Redis;

namespace Segno.Redis.Tests;

/// <summary>HTTP in early data (RFC 8470) before <c>segno serve</c>, which remembers it in Redis: R-118…R-121.</summary>
public sealed partial class EarlyDataServeTests : IAsyncLifetime
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("segno-test-");
    private RedisProcess _redis = null!;
    private IConnectionMultiplexer _connection = null!;
    private PeerProcess? _serve;
    private int _port;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _redis = await RedisProcess.StartAsync();
        _connection = await _redis.ConnectAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (_serve is not null)
        {
            await _serve.DisposeAsync();
        }
        await _connection.DisposeAsync();
        await _redis.DisposeAsync();
        _directory.Delete(recursive: true);
    }

    // R-120, R-121
    [Theory]
    [InlineData("GET", true, "200", true)]
    [InlineData("POST", true, "425", false)]
    // R-119: a server that waits answers all of them, and none is early.
    [InlineData("GET", false, "200", false)]
    [InlineData("POST", false, "200", false)]
    public async Task An_early_request_is_served_or_waits_or_is_too_early(string method, bool atOnce, string status, bool isEarly)
    {
        await StartAsync(isFresh: false, atOnce);
        string answer = await AcceptedAsync(method == "GET" ? Get("/api/connection", goesOn: true) : Post("/echo", "body"));
        Assert.StartsWith($"HTTP/1.1 {status} ", answer, StringComparison.Ordinal);
        if (method == "GET")
        {
            JsonElement connection = Json(answer);
            Assert.Equal("Accepted", connection.GetProperty("earlyData").GetString());
            Assert.True(connection.GetProperty("earlyDataBytes").GetInt64() > 0);
            Assert.Equal(isEarly, connection.TryGetProperty("mayBeReplay", out JsonElement early) && early.GetBoolean());
        }
        else
        {
            Assert.Equal(status == "200", answer.EndsWith("\r\n\r\nbody", StringComparison.Ordinal));
        }
        JsonElement stats = Json(await AskAsync(Client(), Get("/api/stats")));
        Assert.Equal(1, stats.GetProperty("earlyDataAccepted").GetInt64());
        Assert.Contains("id=\"early-accepted\">1<", await AskAsync(Client(), Get("/")), StringComparison.Ordinal);
    }

    // R-113: the page says why not.
    [Fact]
    public async Task Behind_an_empty_Redis_early_requests_take_a_round_trip_and_the_reason_is_told()
    {
        await StartAsync(isFresh: true, atOnce: true);
        await Eventually.BecomesAsync(
            async () =>
            {
                TlsClientContext client = Client();
                await AskAsync(client, Get("/"));
                (EarlyDataOutcome outcome, string answer) = await AskEarlyAsync(client, Get("/api/connection", goesOn: true));
                Assert.Equal(EarlyDataStatus.Rejected, outcome.Status);
                JsonElement connection = Json(answer);
                Assert.True(connection.GetProperty("resumed").GetBoolean());
                Assert.False(connection.TryGetProperty("mayBeReplay", out _));
                return connection.GetProperty("earlyDataReason").GetString() == "FreshStart";
            },
            "Redis has said that it may have forgotten something");
        JsonElement stats = Json(await AskAsync(Client(), Get("/api/stats")));
        Assert.Equal(0, stats.GetProperty("earlyDataAccepted").GetInt64());
        Assert.True(stats.GetProperty("earlyDataRefused").GetProperty("FreshStart").GetInt64() >= 1);
        Assert.Contains("<code>FreshStart</code>", await AskAsync(Client(), Get("/")), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Openssl_asks_early_and_is_answered()
    {
        string openssl = Peer.Find("openssl");
        await StartAsync(isFresh: false, atOnce: true);
        string session = PathOf("session");
        string request = PathOf("request");
        await File.WriteAllBytesAsync(request, Get("/api/connection"), Token);
        await Eventually.BecomesAsync(
            async () =>
            {
                await using (PeerProcess first = StartOpenSsl(openssl, "-sess_out", session))
                {
                    await first.WriteAsync("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", Token);
                    await first.ExitAsync(Token);
                }
                await using PeerProcess second = StartOpenSsl(openssl, "-sess_in", session, "-early_data", request);
                Match word = await second.WaitForAsync(EarlyWord(), Token);
                if (word.Groups[1].Value != "accepted")
                {
                    return false;
                }
                await second.ExitAsync(Token);
                Assert.Contains("HTTP/1.1 200 ", second.Printed, StringComparison.Ordinal);
                Assert.Contains("\"mayBeReplay\":true", second.Printed, StringComparison.Ordinal);
                return true;
            },
            "early data of OpenSSL's is accepted");
    }

    private async Task StartAsync(bool isFresh, bool atOnce)
    {
        if (!isFresh)
        {
            // As if it had been used for long.
            string info = (await _connection.GetDatabase().ExecuteAsync("INFO", "server")).ToString();
            await _connection.GetDatabase().StringSetAsync("{segno:early-data:7265646973}:run", Regex.Match(info, "run_id:([0-9a-f]+)").Groups[1].Value);
        }
        (string certificate, string key) = TestPki.Ecdsa().WritePem(_directory.FullName);
        await File.WriteAllTextAsync(PathOf("root.pem"), TestPki.Root.CertificatePem, Token);
        _serve = PeerProcess.StartSegno(
        [
            "serve", "--listen", "127.0.0.1:0", "--no-self-test", "--cert", certificate, "--key", key, "--alpn", "http/1.1", "--early-data",
            "--replay-guard", string.Create(CultureInfo.InvariantCulture, $"redis:127.0.0.1:{_redis.Port}"), .. (string[])(atOnce ? ["--early-data-at-once"] : []),
        ]);
        _port = int.Parse((await _serve.WaitForAsync(Address(), Token)).Groups[1].Value, CultureInfo.InvariantCulture);
    }

    /// <summary>The answer to a request that was accepted early. A guard that takes its time refuses, which is right, and not what is asked here.</summary>
    private async Task<string> AcceptedAsync(byte[] request)
    {
        string answer = "";
        await Eventually.BecomesAsync(
            async () =>
            {
                TlsClientContext client = Client();
                await AskAsync(client, Get("/"));
                (EarlyDataOutcome outcome, answer) = await AskEarlyAsync(client, request);
                return outcome.IsAccepted;
            },
            "early data is accepted");
        return answer;
    }

    private async Task<(EarlyDataOutcome Outcome, string Answer)> AskEarlyAsync(TlsClientContext client, byte[] request)
    {
        await using var stream = new TlsStream(await Loopback.ConnectAsync(_port, Token));
        EarlyDataOutcome outcome = await stream.EarlyData.AuthenticateAsClientAsync(client, request, "localhost", 443, resend: true, Token);
        return (outcome, await ReadAnswerAsync(stream));
    }

    private async Task<string> AskAsync(TlsClientContext client, byte[] request)
    {
        await using var stream = new TlsStream(await Loopback.ConnectAsync(_port, Token));
        await stream.AuthenticateAsClientAsync(client, "localhost", 443, Token);
        await stream.WriteAsync(request, Token);
        return await ReadAllAsync(stream);
    }

    private static async Task<string> ReadAllAsync(TlsStream stream)
    {
        using var reader = new StreamReader(stream, Encoding.UTF8);
        return await reader.ReadToEndAsync(Token);
    }

    /// <summary>One answer, on a connection that goes on: as long as it says, or to the last chunk.</summary>
    private static async Task<string> ReadAnswerAsync(TlsStream stream)
    {
        string answer = "";
        byte[] some = new byte[4096];
        while (true)
        {
            int end = answer.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4;
            Match length = Regex.Match(answer, "\r\nContent-Length: (\\d+)\r\n");
            if (end >= 4 && (length.Success ? answer.Length - end == int.Parse(length.Groups[1].Value, CultureInfo.InvariantCulture) : answer.EndsWith("\r\n0\r\n\r\n", StringComparison.Ordinal)))
            {
                return answer;
            }
            int count = await stream.ReadAsync(some, Token);
            Assert.True(count > 0, answer);
            answer += Encoding.UTF8.GetString(some, 0, count);
        }
    }

    private static TlsClientContext Client() => new(new TlsClientOptions { CertificateChainPolicy = TestPki.TrustRoot(), ApplicationProtocols = [System.Net.Security.SslApplicationProtocol.Http11] });

    private static byte[] Get(string path, bool goesOn = false) => Encoding.ASCII.GetBytes($"GET {path} HTTP/1.1\r\nHost: localhost\r\n{(goesOn ? "" : "Connection: close\r\n")}\r\n");

    private static byte[] Post(string path, string body)
        => Encoding.ASCII.GetBytes($"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {body.Length}\r\n\r\n{body}");

    private static JsonElement Json(string answer)
    {
        Assert.StartsWith("HTTP/1.1 200 ", answer, StringComparison.Ordinal);
        int from = answer.IndexOf('{', StringComparison.Ordinal);
        return JsonDocument.Parse(answer[from..(answer.LastIndexOf('}') + 1)]).RootElement;
    }

    private PeerProcess StartOpenSsl(string openssl, params string[] more) => PeerProcess.Start(
        openssl,
        [
            "s_client", "-connect", string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{_port}"), "-servername", "localhost", "-CAfile", PathOf("root.pem"),
            "-verify_return_error", "-nocommands", "-ign_eof", "-tls1_3", "-alpn", "http/1.1", .. more,
        ]);

    private string PathOf(string name) => Path.Combine(_directory.FullName, name);

    [GeneratedRegex(@"^https://127\.0\.0\.1:(\d+)", RegexOptions.Multiline)]
    private static partial Regex Address();

    [GeneratedRegex("Early data was (accepted|rejected)")]
    private static partial Regex EarlyWord();
}

using System.Text.Json;

namespace Segno.Cli.Tests;

/// <summary>What <c>segno serve</c> is told about sessions, tickets and keys, and what it tells of them.</summary>
public sealed class ServeSessionsTests : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("segno-test-");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _directory.Delete(recursive: true);

    [Theory]
    [InlineData("0", 0)]
    [InlineData("1", 1)]
    [InlineData("8", 8)]
    public async Task As_many_tickets_follow_a_full_handshake_as_told(string tickets, int received)
    {
        await using Served served = await Served.StartAsync("--tickets", tickets);

        CliRun run = await served.ConnectAsync(["--no-input", "--json"]);

        Assert.True(await run.Exit == 0, run.Error);
        JsonElement session = JsonDocument.Parse(run.Output).RootElement.GetProperty("session");
        Assert.Equal(received, session.ValueKind == JsonValueKind.Null ? 0 : session.GetProperty("received").GetInt32());
    }

    [Fact]
    public async Task The_cache_is_bounded_by_number_and_tells_what_it_did()
    {
        await using Served served = await Served.StartAsync("--tls", "1.2", "--tickets", "0", "--cache-sessions", "3", "--cache-bytes", "64KiB");
        for (int i = 0; i < 5; i++)
        {
            Assert.Equal(0, await (await served.ConnectAsync(["--no-input", "--reconnect", "1"])).Exit);
        }

        JsonElement stats = await StatsAsync(served);

        JsonElement cache = stats.GetProperty("cache");
        Assert.Equal(3, stats.GetProperty("cacheEntries").GetInt64());
        Assert.Equal(3, cache.GetProperty("maxEntries").GetInt64());
        Assert.Equal(65536, cache.GetProperty("maxBytes").GetInt64());
        Assert.Equal(5, cache.GetProperty("hits").GetInt64());
        // One more is of the client that asks.
        Assert.Equal(6, cache.GetProperty("stored").GetInt64());
        Assert.Equal(3, cache.GetProperty("evictedForEntries").GetInt64());
        Assert.Equal(0, cache.GetProperty("evictedForBytes").GetInt64());
    }

    [Fact]
    public async Task The_cache_is_bounded_by_bytes()
    {
        await using Served served = await Served.StartAsync("--tls", "1.2", "--tickets", "0", "--cache-bytes", "16KiB");

        // A handshake each; so many do not fit.
        for (int i = 0; i < 150; i++)
        {
            using HttpClient client = served.Client();
            await client.GetStringAsync("/api/connection", Cancel);
        }
        JsonElement stats = await StatsAsync(served);

        Assert.InRange(stats.GetProperty("cacheBytes").GetInt64(), 1, 16384);
        Assert.Equal(151, stats.GetProperty("cache").GetProperty("stored").GetInt64());
        Assert.True(stats.GetProperty("cache").GetProperty("evictedForBytes").GetInt64() > 0, stats.ToString());
        Assert.Equal(0, stats.GetProperty("cache").GetProperty("evictedForEntries").GetInt64());
    }

    /// <summary>The same keys, and all the same no session of the other's: another group's is out of scope, another tenant's ticket does not even open. The page and the totals say so.</summary>
    [Theory]
    [InlineData("ScopeMismatch", "Group", "--group", "other")]
    [InlineData("UnknownTicketKey", null, "--tenant", "other")]
    [InlineData(null, null, "--group", "segno serve")]
    public async Task Group_and_tenant_keep_sessions_apart(string? reason, string? part, string option, string value)
    {
        string keys = Path.Combine(_directory.FullName, "ticket.keys");
        Assert.Equal(0, await (await CliRun.ToEndAsync(["keys", "new", keys])).Exit);
        await using Served one = await Served.StartAsync("--ticket-keys", keys);
        await using Served two = await Served.StartAsync("--ticket-keys", keys, option, value);
        string session = Path.Combine(_directory.FullName, "session");
        Assert.Equal(0, await (await one.ConnectAsync(["--no-input", "--sess-out", session])).Exit);

        CliRun run = await two.ConnectAsync(["--no-input", "--sess-in", session, "--json"]);

        Assert.True(await run.Exit == 0, run.Error);
        Assert.Equal(reason is null, JsonDocument.Parse(run.Output).RootElement.GetProperty("connection").GetProperty("resumed").GetBoolean());
        JsonElement stats = await StatsAsync(two);
        JsonElement details = stats.GetProperty("declinedDetails");
        using HttpClient client = two.Client();
        string page = await client.GetStringAsync("/", Cancel);
        Assert.Equal(reason is null ? [] : [reason], stats.GetProperty("declined").EnumerateObject().Select(entry => entry.Name));
        if (part is null)
        {
            Assert.Empty(details.EnumerateObject());
            Assert.DoesNotContain("ScopeMismatch", page);
        }
        else
        {
            Assert.Equal(1, details.GetProperty("ScopeMismatch").GetProperty(part).GetInt64());
            Assert.Contains($"<li><code>ScopeMismatch ({part})</code> 1</li>", page);
        }
    }

    /// <summary>What is told of keys is what everybody can see in tickets; a file that is refused changes nothing, and is told.</summary>
    [Fact]
    public async Task Ticket_keys_are_told_by_number_and_phase_and_a_refused_file_is_told()
    {
        string keys = Path.Combine(_directory.FullName, "ticket.keys");
        await CliRun.ToEndAsync(["keys", "new", keys]);
        await CliRun.ToEndAsync(["keys", "rotate", keys]);
        string[] secrets = [.. File.ReadAllLines(keys).Where(line => line.StartsWith("key ", StringComparison.Ordinal)).Select(line => line.Split(' ')[^1])];
        Assert.Equal(2, secrets.Length);
        await using Served served = await Served.StartAsync("--ticket-keys", keys, "--ticket-key-poll", "1s");

        JsonElement stats = await StatsAsync(served);
        Assert.Equal(["1 pre-published", "0 active"], KeysOf(stats));
        Assert.Equal(JsonValueKind.Null, stats.GetProperty("ticketKeyFailure").ValueKind);
        using HttpClient client = served.Client();
        string page = await client.GetStringAsync("/", Cancel);
        Assert.Contains("<th scope=\"row\">1</th><td>pre-published</td>", page);
        Assert.All(secrets, secret => Assert.DoesNotContain(secret, stats.ToString() + page));

        await File.WriteAllTextAsync(keys, "segno-ticket-keys 1\n", Cancel);
        for (int i = 0; i < 400 && stats.GetProperty("ticketKeyFailure").ValueKind == JsonValueKind.Null; i++)
        {
            await Task.Delay(50, Cancel);
            stats = await StatsAsync(served);
        }

        Assert.Contains("cut off", stats.GetProperty("ticketKeyFailure").GetString());
        Assert.Equal(["1 pre-published", "0 active"], KeysOf(stats));
        Assert.Contains("cut off", await client.GetStringAsync("/", Cancel));
    }

    /// <summary>No ticket is promised for longer than its key is there.</summary>
    [Theory]
    [InlineData("2h", null, 7200)]
    [InlineData("2h", "30m", 1800)]
    [InlineData("2d", null, 86400)]
    public async Task Tickets_under_derived_keys_live_for_a_period_at_most(string period, string? lifetime, int seconds)
    {
        string root = Path.Combine(_directory.FullName, "root");
        await CliRun.ToEndAsync(["keys", "new", "--derived", root]);
        await using Served served = await Served.StartAsync(
            ["--ticket-keys", $"derived:{root}", "--ticket-key-period", period, .. lifetime is null ? Array.Empty<string>() : ["--ticket-lifetime", lifetime]]);

        CliRun run = await served.ConnectAsync(["--no-input", "--json"]);

        Assert.Equal(seconds, JsonDocument.Parse(run.Output).RootElement.GetProperty("session").GetProperty("lifetimeSeconds").GetInt64());
    }

    private static IEnumerable<string> KeysOf(JsonElement stats)
        => stats.GetProperty("ticketKeys").EnumerateArray().Select(key => $"{key.GetProperty("epoch").GetInt64()} {key.GetProperty("phase").GetString()}");

    private static async Task<JsonElement> StatsAsync(Served served)
    {
        using HttpClient client = served.Client();
        return JsonDocument.Parse(await client.GetStringAsync("/api/stats", Cancel)).RootElement;
    }
}

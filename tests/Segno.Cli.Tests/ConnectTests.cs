using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Segno.Tests;

namespace Segno.Cli.Tests;

/// <summary><c>segno connect</c> against <c>segno serve</c>.</summary>
public sealed class ConnectTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_report_tells_what_one_wants_to_know()
    {
        await using Served served = await Served.StartAsync();

        CliRun run = await served.ConnectAsync(["--no-input", "--alpn", "h2,http/1.1"]);

        Assert.True(await run.Exit == 0, run.Error);
        Assert.Contains("TLS 1.3", run.Output);
        Assert.Contains("TLS_AES_128_GCM_SHA256", run.Output);
        Assert.Contains("h2", run.Output);
        Assert.Contains("Verification    ok: verified against", run.Output);
        Assert.Contains("CN=localhost", run.Output);
        Assert.Contains("issued by CN=Segno test intermediate", run.Output);
        Assert.Contains("Session         ", run.Output);
        Assert.DoesNotContain("none received", run.Output);
        Assert.Empty(run.Error);
    }

    [Fact]
    public async Task The_report_as_json_is_one_object()
    {
        await using Served served = await Served.StartAsync();

        CliRun run = await served.ConnectAsync(["--no-input", "--json"]);

        Assert.True(await run.Exit == 0, run.Error);
        JsonElement report = JsonDocument.Parse(run.Output).RootElement;
        Assert.Equal(1, report.GetProperty("number").GetInt32());
        Assert.Equal(served.Target, report.GetProperty("peer").GetString());
        Assert.Equal("TLS 1.3", report.GetProperty("connection").GetProperty("version").GetString());
        Assert.True(report.GetProperty("verified").GetBoolean());
        Assert.Equal(2, report.GetProperty("certificates").GetArrayLength());
        Assert.Equal(86400, report.GetProperty("session").GetProperty("lifetimeSeconds").GetInt64());
    }

    [Fact]
    public async Task Reconnections_are_resumed_and_the_server_says_so_too()
    {
        await using Served served = await Served.StartAsync();

        CliRun run = await served.ConnectAsync(["--reconnect", "5"]);

        Assert.True(await run.Exit == 0, run.Error);
        string[] lines = run.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(6, lines.Length);
        Assert.StartsWith("  1  full ", lines[0]);
        Assert.All(lines[1..], line => Assert.Contains("  resumed  ", line));
        using HttpClient client = served.Client();
        JsonElement stats = JsonDocument.Parse(await client.GetStringAsync("/api/stats", Cancel)).RootElement;
        Assert.Equal(5, stats.GetProperty("resumedHandshakes").GetInt64());
    }

    [Fact]
    public async Task Reconnections_as_json_are_a_line_each()
    {
        await using Served served = await Served.StartAsync();

        CliRun run = await served.ConnectAsync(["--reconnect", "2", "--json"]);

        JsonElement[] reports = [.. run.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement)];
        Assert.Equal([false, true, true], reports.Select(report => report.GetProperty("connection").GetProperty("resumed").GetBoolean()));
        Assert.Equal([1, 2, 3], reports.Select(report => report.GetProperty("number").GetInt32()));
    }

    [Fact]
    public async Task Without_tickets_every_connection_is_full()
    {
        await using Served served = await Served.StartAsync("--no-tickets");

        CliRun run = await served.ConnectAsync(["--reconnect", "1"]);

        Assert.True(await run.Exit == 0, run.Error);
        Assert.DoesNotContain("resumed", run.Output);
        Assert.Equal(2, run.Output.Split("NoSessionYet").Length - 1);
    }

    [Fact]
    public async Task A_session_is_carried_by_a_file_from_one_run_to_the_next()
    {
        await using Served served = await Served.StartAsync("--ticket-lifetime", "2h");
        string file = served.PathOf("session");

        CliRun first = await served.ConnectAsync(["--no-input", "--sess-out", file]);
        CliRun second = await served.ConnectAsync(["--no-input", "--sess-in", file, "--sess-out", file]);
        CliRun third = await served.ConnectAsync(["--reconnect", "1", "--sess-in", file]);

        Assert.True(await first.Exit == 0, first.Error);
        Assert.Contains("2 h", first.Output);
        Assert.Contains("Handshake       full", first.Output);
        Assert.Contains("Handshake       resumed (Psk)", second.Output);
        Assert.Contains("carried on by resumption", second.Output);
        Assert.Equal(2, third.Output.Split("resumed").Length - 1);
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
        }
    }

    [Fact]
    public async Task A_file_with_other_rights_becomes_private()
    {
        await using Served served = await Served.StartAsync();
        string file = served.PathOf("session");
        File.WriteAllText(file, "old");

        CliRun run = await served.ConnectAsync(["--no-input", "--sess-out", file]);

        Assert.True(await run.Exit == 0, run.Error);
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
        }
        Assert.Equal(["ca.pem", "leaf.crt.pem", "leaf.key.pem", "session"], Directory.GetFiles(Path.GetDirectoryName(file)!).Select(Path.GetFileName).Order());
    }

    [Fact]
    public async Task No_session_to_write_ends_with_1()
    {
        await using Served served = await Served.StartAsync("--no-tickets");
        string file = served.PathOf("session");

        CliRun run = await served.ConnectAsync(["--no-input", "--sess-out", file]);

        Assert.Equal(1, await run.Exit);
        Assert.Contains("gave no session", run.Error);
        Assert.False(File.Exists(file));
    }

    [Fact]
    public async Task Standard_input_and_output_are_binary_clean()
    {
        await using Served served = await Served.StartAsync();
        byte[] body = RandomNumberGenerator.GetBytes(1_000_000);
        var request = new MemoryStream();
        request.Write(Encoding.ASCII.GetBytes($"POST /echo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {body.Length}\r\n\r\n"));
        request.Write(body);
        request.Position = 0;

        CliRun run = await served.ConnectAsync([], request);

        Assert.True(await run.Exit == 0, run.Error);
        Assert.StartsWith("HTTP/1.1 200 OK", Encoding.ASCII.GetString(run.RawOutput.AsSpan(0, 15)));
        Assert.True(run.RawOutput.AsSpan(run.RawOutput.Length - body.Length).SequenceEqual(body));
        Assert.Empty(run.Output);
        Assert.Contains("TLS 1.3", run.Error);
        Assert.Contains("Session         ", run.Error);
    }

    [Fact]
    public async Task A_silent_peer_is_left_after_the_end_of_the_input()
    {
        await using Served served = await Served.StartAsync();

        CliRun run = await served.ConnectAsync(["--linger", "200ms"], new MemoryStream("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"u8.ToArray()));

        Assert.True(await run.Exit == 0, run.Error);
        Assert.StartsWith("HTTP/1.1 200 OK", Encoding.ASCII.GetString(run.RawOutput));
    }

    [Fact]
    public async Task An_untrusted_server_ends_with_1_and_advice()
    {
        await using Served served = await Served.StartAsync();

        CliRun run = await CliRun.ToEndAsync(["connect", served.Target, "--no-input"]);

        Assert.Equal(1, await run.Exit);
        Assert.Contains(nameof(TlsFault.CertificateUntrusted), run.Error);
        Assert.Contains("--ca FILE", run.Error);
        Assert.Empty(run.Output);
    }

    [Fact]
    public async Task A_wrong_name_ends_with_1()
    {
        await using Served served = await Served.StartAsync();

        CliRun run = await served.ConnectAsync(["--no-input", "--server-name", "example.test"]);

        Assert.Equal(1, await run.Exit);
        Assert.Contains(nameof(TlsFault.CertificateNameMismatch), run.Error);
    }

    [Fact]
    public async Task Insecure_accepts_it_and_says_what_is_wrong()
    {
        await using Served served = await Served.StartAsync();

        CliRun run = await CliRun.ToEndAsync(["connect", served.Target, "--insecure", "--server-name", "example.test", "--no-input"]);

        Assert.True(await run.Exit == 0, run.Error);
        Assert.Contains("warning: --insecure", run.Error);
        Assert.Contains("FAILED", run.Output);
        Assert.Contains("the name does not fit", run.Output);
        Assert.Contains("the chain does not hold", run.Output);
    }

    [Fact]
    public async Task Resumption_can_be_required_and_a_ticket_used_again()
    {
        await using Served served = await Served.StartAsync();
        await using Served stranger = await Served.StartAsync("--no-tickets");
        string file = served.PathOf("session");
        await served.ConnectAsync(["--no-input", "--sess-out", file]);

        CliRun reused = await served.ConnectAsync(["--reconnect", "2", "--sess-in", file, "--allow-ticket-reuse", "--require-resumption"]);
        CliRun reconnected = await served.ConnectAsync(["--reconnect", "1", "--require-resumption"]);
        CliRun declined = await stranger.ConnectAsync(["--no-input", "--sess-in", file, "--require-resumption"]);
        CliRun nothing = await stranger.ConnectAsync(["--reconnect", "1", "--require-resumption", "--tls", "1.3"]);

        Assert.True(await reused.Exit == 0, reused.Error);
        Assert.Equal(3, reused.Output.Split("resumed").Length - 1);
        Assert.True(await reconnected.Exit == 0, reconnected.Error);
        Assert.Equal(1, await declined.Exit);
        Assert.Contains("ResumptionRequiredButDeclined", declined.Error);
        Assert.Equal(1, await nothing.Exit);
        Assert.Contains("NoSessionToResume", nothing.Error);
    }

    [Fact]
    public async Task A_session_that_nobody_verified_is_not_resumed_where_somebody_does()
    {
        await using Served served = await Served.StartAsync();
        string file = served.PathOf("session");
        await CliRun.ToEndAsync(["connect", served.Target, "--insecure", "--no-input", "--sess-out", file]);

        CliRun run = await served.ConnectAsync(["--no-input", "--sess-in", file]);

        Assert.True(await run.Exit == 0, run.Error);
        Assert.Contains("Handshake       full", run.Output);
        Assert.Contains("ok: verified against", run.Output);
    }
}

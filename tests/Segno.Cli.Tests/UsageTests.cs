using System.Net;
using System.Net.Sockets;
using Segno.Tests;

namespace Segno.Cli.Tests;

/// <summary>Help, wrong usage, unusable files: what is said, where, and with which exit code.</summary>
public sealed class UsageTests : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("segno-test-");

    [Theory]
    [InlineData("segno serve", "--help")]
    [InlineData("segno serve --dev-ca-out ca.pem", "serve", "--help")]
    [InlineData("segno connect example.com --reconnect 5", "connect", "--help")]
    [InlineData("segno connect example.com --reconnect 5", "connect", "-h")]
    public async Task Help_has_examples_and_exit_codes(string example, params string[] arguments)
    {
        CliRun run = await CliRun.ToEndAsync(arguments);

        Assert.Equal(0, await run.Exit);
        Assert.Contains("Examples:", run.Output);
        Assert.Contains(example, run.Output);
        Assert.Contains("Exit codes: 0", run.Output);
        Assert.Empty(run.Error);
    }

    [Fact]
    public async Task The_version_is_told()
    {
        CliRun run = await CliRun.ToEndAsync(["--version"]);

        Assert.Equal(0, await run.Exit);
        Assert.Matches(@"^\d+\.\d+\.\d+", run.Output);
    }

    [Theory]
    [InlineData("which command")]
    [InlineData("bogus", "bogus")]
    [InlineData("--bogus", "serve", "--bogus")]
    [InlineData("no address to listen on", "serve", "--listen", "8443")]
    [InlineData("no duration", "serve", "--ticket-lifetime", "tomorrow")]
    [InlineData("--ticket-lifetime: 8.00:00:00", "serve", "--ticket-lifetime", "8d")]
    [InlineData("--session-timeout: 1.00:00:01", "serve", "--session-timeout", "24h1s")]
    [InlineData("--session-timeout: 'soon' is no duration", "serve", "--session-timeout", "soon")]
    [InlineData("--session-cache-size: '0' is no number", "serve", "--session-cache-size", "0")]
    [InlineData("--policy: 'clever' is no policy; say adaptive", "serve", "--policy", "clever")]
    [InlineData("--policy: 'age=1h' says nothing; say NAME=VALUE, with names of: high-load", "serve", "--policy", "adaptive:age=1h")]
    [InlineData("--policy: 'pool-rate' says nothing", "serve", "--policy", "adaptive:flood-rate=600,pool-rate")]
    [InlineData("--policy: 'flood-rate=often' says nothing", "serve", "--policy", "adaptive:flood-rate=often")]
    [InlineData("--policy: PoolTickets: 9 is not between 1 and 8", "serve", "--policy", "adaptive:pool-tickets=9")]
    [InlineData("say 1.2, 1.3", "serve", "--tls", "1.1")]
    [InlineData("'1.1' is no version", "connect", "localhost:1", "--tls", "1.3,1.1")]
    [InlineData("'P-521' is no group", "serve", "--groups", "x25519,P-521")]
    [InlineData("say some of x25519", "connect", "localhost:1", "--groups", "")]
    [InlineData("'TLS_RSA_WITH_AES_128_GCM_SHA256' is no suite", "serve", "--suites", "TLS_RSA_WITH_AES_128_GCM_SHA256")]
    [InlineData("ECDHE-RSA-AES128-GCM-SHA256", "connect", "localhost:1", "--suites", "ECDHE-RSA-AES128-SHA")]
    [InlineData("--suites: --tls has Tls12", "serve", "--tls", "1.2", "--suites", "TLS_AES_128_GCM_SHA256")]
    [InlineData("--suites: --tls has Tls13", "connect", "localhost:1", "--tls", "1.3", "--suites", "ECDHE-RSA-AES128-GCM-SHA256")]
    [InlineData("speaks h2 and http/1.1", "serve", "--alpn", "h2,spdy")]
    [InlineData("missing.pem", "serve", "--ca", "missing.pem")]
    [InlineData("missing.txt", "serve", "--pfx", "a.pfx", "--pfx-password-file", "missing.txt")]
    [InlineData("--pfx-password-file needs --pfx", "serve", "--pfx-password-file", "x")]
    [InlineData("--pfx-password and --pfx-password-file exclude", "serve", "--pfx", "a.pfx", "--pfx-password", "x", "--pfx-password-file", "x")]
    [InlineData("--key needs --cert", "serve", "--key", "key.pem")]
    [InlineData("--pfx-password needs --pfx", "serve", "--pfx-password", "x")]
    [InlineData("exclude each other", "serve", "--cert", "a", "--pfx", "b")]
    [InlineData("--dev-ca-out", "serve", "--cert", "a", "--dev-ca-out", "b")]
    [InlineData("missing.pem", "serve", "--cert", "missing.pem")]
    [InlineData("missing.pfx", "serve", "--pfx", "missing.pfx")]
    [InlineData("missing/dir/keys", "serve", "--listen", "127.0.0.1:0", "--keylog", "missing/dir/keys")]
    [InlineData("missing/dir/ca", "serve", "--listen", "127.0.0.1:0", "--dev-ca-out", "missing/dir/ca")]
    [InlineData("HOST", "connect")]
    [InlineData("no host", "connect", "exa mple")]
    [InlineData("no host", "connect", "example.com:0")]
    [InlineData("no number", "connect", "localhost:1", "--reconnect", "0")]
    [InlineData("no number", "connect", "localhost:1", "--reconnect", "many")]
    [InlineData("no protocol", "connect", "localhost:1", "--alpn", "h2,")]
    [InlineData("--client-key needs", "connect", "localhost:1", "--client-key", "key.pem")]
    [InlineData("--allow-ticket-reuse needs", "connect", "localhost:1", "--allow-ticket-reuse")]
    [InlineData("--require-resumption needs", "connect", "localhost:1", "--require-resumption")]
    [InlineData("missing.pem", "connect", "localhost:1", "--ca", "missing.pem")]
    [InlineData("missing.pem", "connect", "localhost:1", "--client-cert", "missing.pem")]
    [InlineData("missing.session", "connect", "localhost:1", "--sess-in", "missing.session")]
    [InlineData("no duration", "connect", "localhost:1", "--timeout", "soon")]
    public async Task Wrong_usage_is_named_and_ends_with_2(string complaint, params string[] arguments)
    {
        CliRun run = await CliRun.ToEndAsync(arguments);

        Assert.Equal(2, await run.Exit);
        Assert.Contains(complaint, run.Error);
        Assert.StartsWith("segno: ", run.Error);
        Assert.DoesNotContain("   at ", run.Error);
        Assert.Empty(run.Output);
    }

    [Fact]
    public async Task Files_that_are_not_what_they_should_be_are_named()
    {
        string nonsense = Write("nonsense.pem", "This is no certificate.");
        string certificate = Write("cert.pem", TestPki.Ecdsa().ChainPem);
        string otherKey = Write("other.pem", TestPki.Rsa().KeyPem);
        string[][] all =
        [
            ["serve", "--cert", nonsense],
            ["serve", "--cert", certificate],
            ["serve", "--cert", certificate, "--key", otherKey],
            ["serve", "--pfx", nonsense],
            ["serve", "--ca", nonsense],
            ["connect", "localhost:1", "--ca", nonsense],
            ["connect", "localhost:1", "--client-cert", certificate],
            ["connect", "localhost:1", "--sess-in", nonsense],
        ];
        foreach (string[] arguments in all)
        {
            CliRun run = await CliRun.ToEndAsync(arguments);

            Assert.True(await run.Exit == 2, string.Join(' ', arguments) + "\n" + run.Error);
            Assert.Contains(_directory.Name, run.Error);
            Assert.DoesNotContain("   at ", run.Error);
        }
    }

    [Fact]
    public async Task A_wrong_password_is_wrong_usage()
    {
        string pfx = Path.Combine(_directory.FullName, "chain.pfx");
        File.WriteAllBytes(pfx, TestPki.Ecdsa().ToPfx("right"));

        CliRun run = await CliRun.ToEndAsync(["serve", "--pfx", pfx, "--pfx-password", "wrong"]);

        Assert.Equal(2, await run.Exit);
        Assert.Contains("chain.pfx", run.Error);
    }

    /// <summary>What stands on a command line is in the list of processes.</summary>
    [Theory]
    [InlineData("option")]
    [InlineData("file")]
    [InlineData("environment")]
    [InlineData("asked")]
    public async Task The_password_need_not_be_on_the_command_line(string from)
    {
        string pfx = Path.Combine(_directory.FullName, "chain.pfx");
        File.WriteAllBytes(pfx, TestPki.Ecdsa().ToPfx("right"));
        string[] more = from switch
        {
            "option" => ["--pfx-password", "right"],
            "file" => ["--pfx-password-file", Write("password", "right\nnot this\n")],
            _ => [],
        };
        List<string> asked = [];

        await using CliRun run = CliRun.Start(
            ["serve", "--listen", "127.0.0.1:0", "--no-self-test", "--pfx", pfx, .. more],
            variables: from == "environment" ? new Dictionary<string, string> { ["SEGNO_PFX_PASSWORD"] = "right" } : null,
            askSecret: question =>
            {
                asked.Add(question);
                return "right";
            });
        await run.LineAsync("https://");

        Assert.Equal(from == "option", run.Error.Contains("shows the password to everybody", StringComparison.Ordinal));
        Assert.Equal(from == "asked" ? 1 : 0, asked.Count);
    }

    [Fact]
    public async Task Without_anybody_to_ask_the_ways_to_give_a_password_are_told()
    {
        string pfx = Path.Combine(_directory.FullName, "chain.pfx");
        File.WriteAllBytes(pfx, TestPki.Ecdsa().ToPfx("right"));

        CliRun run = await CliRun.ToEndAsync(["serve", "--pfx", pfx]);

        Assert.Equal(2, await run.Exit);
        Assert.Contains("--pfx-password-file", run.Error);
        Assert.Contains("SEGNO_PFX_PASSWORD", run.Error);
    }

    [Fact]
    public async Task A_wrong_answer_is_wrong_usage()
    {
        string pfx = Path.Combine(_directory.FullName, "chain.pfx");
        File.WriteAllBytes(pfx, TestPki.Ecdsa().ToPfx("right"));

        await using CliRun run = CliRun.Start(["serve", "--pfx", pfx], askSecret: _ => "wrong");

        Assert.Equal(2, await run.Exit);
        Assert.Contains("chain.pfx", run.Error);
    }

    [Fact]
    public async Task A_port_in_use_ends_with_1()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();

        CliRun run = await CliRun.ToEndAsync(["serve", "--listen", $"127.0.0.1:{((IPEndPoint)taken.LocalEndpoint).Port}"]);

        Assert.Equal(1, await run.Exit);
        Assert.Contains("in use", run.Error);
        Assert.Empty(run.Output);
    }

    [Fact]
    public async Task Nobody_listening_ends_with_1()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        int port = ((IPEndPoint)listener.LocalEndpoint).Port;
        listener.Stop();

        CliRun run = await CliRun.ToEndAsync(["connect", $"127.0.0.1:{port}", "--no-input"]);

        Assert.Equal(1, await run.Exit);
        Assert.Contains($"127.0.0.1:{port}", run.Error);
    }

    [Fact]
    public async Task A_server_that_says_nothing_ends_with_1_after_the_timeout()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();

        CliRun run = await CliRun.ToEndAsync(["connect", listener.LocalEndpoint.ToString()!, "--timeout", "300ms", "--no-input"]);

        Assert.Equal(1, await run.Exit);
    }

    public void Dispose() => _directory.Delete(recursive: true);

    private string Write(string name, string content)
    {
        string path = Path.Combine(_directory.FullName, name);
        File.WriteAllText(path, content);
        return path;
    }
}

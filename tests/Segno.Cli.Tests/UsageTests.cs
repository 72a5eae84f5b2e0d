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
    [InlineData("segno keys rotate ticket.keys --lead 1h", "keys", "--help")]
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
    [InlineData("--policy: 'clever' is no policy; say adaptive", "serve", "--policy", "clever")]
    [InlineData("--policy: 'age=1h' says nothing; say NAME=VALUE, with names of: high-load", "serve", "--policy", "adaptive:age=1h")]
    [InlineData("--policy: 'pool-rate' says nothing", "serve", "--policy", "adaptive:flood-rate=600,pool-rate")]
    [InlineData("--policy: 'flood-rate=often' says nothing", "serve", "--policy", "adaptive:flood-rate=often")]
    [InlineData("--policy: PoolTickets: 9 is not between 1 and 8", "serve", "--policy", "adaptive:pool-tickets=9")]
    [InlineData("--session-lifetime: 1.00:00:01", "serve", "--session-lifetime", "24h1s")]
    [InlineData("--session-lifetime: 'soon' is no duration", "serve", "--session-lifetime", "soon")]
    [InlineData("--cache-sessions: '0' is no number", "serve", "--cache-sessions", "0")]
    [InlineData("--cache-sessions: 100000001 is not between 1 and 100000000", "serve", "--cache-sessions", "100000001")]
    [InlineData("--cache-bytes: 16383 is not between 16384 and", "serve", "--cache-bytes", "16383")]
    [InlineData("--cache-bytes: 69793218560 is not between", "serve", "--cache-bytes", "65GiB")]
    [InlineData("--cache-bytes: '8MB' is no size", "serve", "--cache-bytes", "8MB")]
    [InlineData("--tickets: '9' is no number from 0 to 8", "serve", "--tickets", "9")]
    [InlineData("--no-tickets and --tickets exclude", "serve", "--tickets", "1", "--no-tickets")]
    [InlineData("--group: '' is no name", "serve", "--group", "")]
    [InlineData("--tenant: '' is no name", "serve", "--tenant", "")]
    [InlineData("--ticket-key-period: 00:00:59 is not between", "serve", "--ticket-keys", "derived:x", "--ticket-key-period", "59s")]
    [InlineData("--ticket-key-period: 7.00:00:01 is not between", "serve", "--ticket-keys", "derived:x", "--ticket-key-period", "7d1s")]
    [InlineData("--ticket-key-period is of whole seconds", "serve", "--ticket-keys", "derived:x", "--ticket-key-period", "61s500ms")]
    [InlineData("one --ticket-key-period at most", "serve", "--ticket-keys", "derived:x", "--ticket-key-period", "1h", "--ticket-lifetime", "1h1s")]
    [InlineData("--ticket-key-poll: 00:00:00.9990000 is not between", "serve", "--ticket-keys", "x", "--ticket-key-poll", "999ms")]
    [InlineData("--ticket-key-poll: 01:00:01 is not between", "serve", "--ticket-keys", "x", "--ticket-key-poll", "1h1s")]
    [InlineData("--ticket-key-poll needs --ticket-keys FILE", "serve", "--ticket-keys", "env:X", "--ticket-key-poll", "1s")]
    [InlineData("--ticket-key-poll needs --ticket-keys FILE", "serve", "--ticket-key-poll", "1s")]
    [InlineData("Try 'segno keys rotate --help'", "keys", "rotate")]
    [InlineData("Try 'segno keys --help'", "keys")]
    [InlineData("--lead: 30.00:00:01 is not between", "keys", "rotate", "x", "--lead", "30d1s")]
    [InlineData("--ticket-lifetime: 00:00:00 is not between", "keys", "rotate", "x", "--ticket-lifetime", "0")]
    [InlineData("--ticket-lifetime: 7.00:00:01 is not between", "keys", "show", "x", "--ticket-lifetime", "7d1s")]
    [InlineData("'first' is no number of a key", "keys", "revoke", "x", "first")]
    [InlineData("'-1' is no number of a key", "keys", "revoke", "x", "--", "-1")]
    [InlineData("missing/dir/keys", "keys", "new", "missing/dir/keys")]
    [InlineData("missing/dir/root", "keys", "new", "--derived", "missing/dir/root")]
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
    [InlineData("--psk-identity needs --psk-file", "serve", "--psk-identity", "a")]
    [InlineData("--psk-file needs --psk-identity", "connect", "localhost:1", "--psk-file", "x")]
    [InlineData("--psk needs --psk-identity", "connect", "localhost:1", "--psk", "00")]
    [InlineData("--psk-import needs --psk-identity", "connect", "localhost:1", "--psk-import")]
    [InlineData("--psk and --psk-file exclude", "connect", "localhost:1", "--psk-identity", "a", "--psk", "00", "--psk-file", "x")]
    [InlineData("missing.hex", "serve", "--psk-identity", "a", "--psk-file", "missing.hex")]
    [InlineData("--psk: the secret is not in hexadecimal", "serve", "--psk-identity", "a", "--psk", "password")]
    [InlineData("at least 128 bits", "connect", "localhost:1", "--psk-identity", "a", "--psk", "000102030405060708090a0b0c0d0e")]
    [InlineData("--psk-identity and --require-client-cert exclude", "serve", "--psk-identity", "a", "--psk", "00", "--require-client-cert")]
    [InlineData("external PSKs need TLS 1.3", "connect", "localhost:1", "--tls", "1.2", "--psk-identity", "a", "--psk", "000102030405060708090a0b0c0d0e0f")]
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

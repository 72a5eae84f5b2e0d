using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using Segno.Sessions;

namespace Segno.Cli.Tests;

/// <summary><c>segno session</c> and <c>segno connect --sess-in</c>: sessions of clients in files.</summary>
public sealed class SessionTests : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("segno-test-");

    public SessionTests()
    {
        FileStoreKey.CreateFile(PathOf("key"));
        File.WriteAllText(PathOf("passphrase"), "correct horse battery staple\n");
    }

    public void Dispose() => _directory.Delete(recursive: true);

    [Theory]
    [InlineData("1.2", "--to-key", "key", "--sess-key")]
    [InlineData("1.3", "--to-key", "key", "--sess-key")]
    [InlineData("1.3", "--to-passphrase-file", "passphrase", "--sess-passphrase-file")]
    public async Task A_session_goes_to_openssl_and_back_and_is_resumed(string version, string protect, string secret, string open)
    {
        await using CliRun server = Serve();
        int port = await PortAsync(server);
        (string bare, string pem, string der, string own) = (PathOf("bare"), PathOf("pem"), PathOf("der"), PathOf("own"));
        await ConnectAsync(port, version, "--sess-out", bare);

        CliRun convert = await OkAsync("convert", bare, pem, "--to", "pem");
        Assert.Contains("warning: ", convert.Error);
        Assert.Contains("secret in the clear", convert.Error);
        Assert.StartsWith("-----BEGIN SSL SESSION PARAMETERS-----\n", File.ReadAllText(pem));
        // A connection with --insecure verified nobody, and that is what OpenSSL's format is told.
        string[] host = ["--host", $"localhost:{port}", "--insecure"];
        await OkAsync(["convert", pem, der, "--to", "der", .. host]);
        Assert.Equal(0x30, File.ReadAllBytes(der)[0]);
        CliRun back = await OkAsync(["convert", der, own, .. host, protect, PathOf(secret)]);
        Assert.Equal("", back.Error);
        Assert.Equal("SgnS", Encoding.ASCII.GetString(File.ReadAllBytes(own), 0, 4));
        AssertPrivate(pem, der, own);

        CliRun resumed = await ConnectAsync(port, version, "--sess-in", own, open, PathOf(secret), "--require-resumption");
        Assert.Contains("Handshake       resumed", resumed.Output);
    }

    [Theory]
    [InlineData("1.2")]
    [InlineData("1.3")]
    public async Task Show_says_what_each_format_holds_and_no_secret(string version)
    {
        await using CliRun server = Serve();
        int port = await PortAsync(server);
        await ConnectAsync(port, version, "--sess-out", PathOf("bare"));
        await OkAsync("convert", PathOf("bare"), PathOf("own"), "--to-key", PathOf("key"));
        await OkAsync("convert", PathOf("bare"), PathOf("pem"), "--to", "pem");
        await OkAsync("convert", PathOf("bare"), PathOf("der"), "--to", "der");

        string shown = (await OkAsync("show", PathOf("bare"))).Output;
        Assert.Matches($@"^Target +localhost:{port}$", Lines(shown, "Target"));
        Assert.Matches(@"^Server name +localhost$", Lines(shown, "Server name"));
        Assert.Matches($@"^Protocol +TLS {Regex.Escape(version)}$", Lines(shown, "Protocol"));
        Assert.Matches(@"^Cipher suite +TLS_\w+$", Lines(shown, "Cipher suite"));
        Assert.Matches(@"^Secret bound +yes", Lines(shown, "Secret bound"));
        Assert.Matches(@"^Peer +CN=", Lines(shown, "Peer"));
        Assert.Matches(@"^Resumptions +0$", Lines(shown, "Resumptions"));
        Assert.Matches(@"^Expires +\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$", Lines(shown, "Expires"));
        Assert.Equal(shown, (await OkAsync("show", PathOf("own"), "--key", PathOf("key"))).Output);

        string pem = (await OkAsync("show", PathOf("pem"))).Output;
        Assert.Equal(pem, (await OkAsync("show", PathOf("der"))).Output);
        Assert.Contains("unknown: OpenSSL's format does not say", Lines(pem, "Target"));
        foreach (string name in (string[])["Server name", "Protocol", "Cipher suite", "Secret bound", "Peer", "Early data"])
        {
            Assert.Equal(Lines(shown, name), Lines(pem, name));
        }
    }

    [Theory]
    [InlineData("1.2", true)]
    [InlineData("1.3", false)]
    public async Task A_session_is_exported_from_a_directory_and_resumed(string version, bool stays)
    {
        await using CliRun server = Serve("--tickets", "1");
        int port = await PortAsync(server);
        (string sessions, string own) = (PathOf("sessions"), PathOf("own"));
        string[] key = ["--key", PathOf("key")];
        await ConnectAsync(port, version, "--session-cache", sessions, "--session-cache-key", PathOf("key"));
        Assert.Contains($"localhost:{port}", (await OkAsync(["show", sessions, .. key])).Output);

        // What cannot be written costs no session.
        File.WriteAllText(own, "");
        await FailAsync(2, "--force", ["export", sessions, $"localhost:{port}", own, .. key]);
        Assert.Equal("", File.ReadAllText(own));
        await FailAsync(1, "no session for localhost:1", ["export", sessions, "localhost:1", own, "--force", .. key]);
        await FailAsync(1, $"no session for example.com:{port}", ["export", sessions, $"example.com:{port}", own, "--force", .. key]);

        await OkAsync(["export", sessions, $"localhost:{port}", own, "--force", .. key]);
        AssertPrivate(own);
        Assert.Equal(stays, (await OkAsync(["show", sessions, .. key])).Output.Length > 0);
        await ConnectAsync(port, version, "--sess-in", own, "--sess-key", PathOf("key"), "--require-resumption");
    }

    [Fact]
    public async Task What_cannot_be_done_is_said()
    {
        await using CliRun server = Serve();
        int port = await PortAsync(server);
        (string bare, string pem, string own, string none) = (PathOf("bare"), PathOf("pem"), PathOf("own"), PathOf("none"));
        await ConnectAsync(port, "1.3", "--sess-out", bare);
        await OkAsync("convert", bare, pem, "--to", "pem");
        await OkAsync("convert", bare, own, "--to-key", PathOf("key"));
        File.WriteAllText(PathOf("text"), "no session");
        File.WriteAllBytes(PathOf("other"), RandomNumberGenerator.GetBytes(32));
        byte[] altered = File.ReadAllBytes(own);
        altered[^1] ^= 1;
        File.WriteAllBytes(PathOf("altered"), altered);

        await FailAsync(2, "cannot be read", "show", none);
        await FailAsync(2, "text: ", "show", PathOf("text"));
        await FailAsync(2, "is encrypted: --key FILE", "show", own);
        await FailAsync(2, "own: ", "show", own, "--key", PathOf("other"));
        await FailAsync(2, "own: ", "show", own, "--passphrase-file", PathOf("passphrase"));
        await FailAsync(2, "altered: ", "show", PathOf("altered"), "--key", PathOf("key"));
        await FailAsync(2, "exclude each other", "show", own, "--key", PathOf("key"), "--passphrase-file", PathOf("passphrase"));
        await FailAsync(2, "there are no sessions", "export", none, "localhost", PathOf("out"), "--key", PathOf("key"));
        await FailAsync(2, "shall be encrypted", "convert", bare, none);
        await FailAsync(2, "encrypts nothing", "convert", bare, none, "--to", "pem", "--to-key", PathOf("key"));
        await FailAsync(2, "'text' not recognized", "convert", bare, none, "--to", "text");
        await FailAsync(2, "pem: ", "convert", pem, none, "--to-key", PathOf("key"), "--host", "example.com", "--insecure");
        Assert.False(File.Exists(none));

        Assert.Contains("segno session convert", (await ConnectAsync(2, port, "--sess-in", pem)).Error);
        Assert.Contains("--sess-key FILE", (await ConnectAsync(2, port, "--sess-in", own)).Error);
        Assert.Contains("needs --sess-in", (await ConnectAsync(2, port, "--sess-key", PathOf("key"))).Error);
        Assert.Contains("exclude each other", (await ConnectAsync(2, port, "--sess-in", own, "--sess-key", PathOf("key"), "--sess-passphrase-file", PathOf("passphrase"))).Error);
    }

    /// <summary>A session whose server nobody verified is for connect --insecure alone.</summary>
    [Fact]
    public async Task A_session_that_was_converted_as_insecure_is_not_offered_by_who_verifies()
    {
        await using CliRun server = Serve();
        int port = await PortAsync(server);
        await ConnectAsync(port, "1.3", "--sess-out", PathOf("bare"));
        await OkAsync("convert", PathOf("bare"), PathOf("pem"), "--to", "pem");
        await OkAsync("convert", PathOf("pem"), PathOf("own"), "--host", $"localhost:{port}", "--insecure", "--to-key", PathOf("key"));

        CliRun run = await CliRun.ToEndAsync(
            ["connect", $"localhost:{port}", "--no-input", "--sess-in", PathOf("own"), "--sess-key", PathOf("key"), "--require-resumption"]);
        Assert.Equal(1, await run.Exit);
        Assert.Contains("ScopeMismatch", run.Error);
    }

    private static CliRun Serve(params string[] more) => CliRun.Start(["serve", "--listen", "127.0.0.1:0", "--no-self-test", .. more]);

    private static async Task<int> PortAsync(CliRun server) => new Uri(await server.LineAsync("https://")).Port;

    private static async Task<CliRun> ConnectAsync(int port, string version, params string[] more) => await ConnectAsync(0, port, ["--tls", version, .. more]);

    private static async Task<CliRun> ConnectAsync(int exit, int port, params string[] more)
    {
        CliRun run = await CliRun.ToEndAsync(["connect", $"localhost:{port}", "--insecure", "--no-input", .. more]);
        Assert.True(await run.Exit == exit, run.Output + run.Error);
        return run;
    }

    private static async Task<CliRun> OkAsync(params string[] arguments)
    {
        CliRun run = await CliRun.ToEndAsync(["session", .. arguments]);
        Assert.True(await run.Exit == 0, run.Error);
        return run;
    }

    private static async Task FailAsync(int exit, string message, params string[] arguments)
    {
        CliRun run = await CliRun.ToEndAsync(["session", .. arguments]);
        Assert.True(await run.Exit == exit, run.Output + run.Error);
        Assert.Contains(message, run.Error);
    }

    private static string Lines(string shown, string name) => string.Join('\n', shown.Split('\n').Where(line => line.StartsWith(name, StringComparison.Ordinal)));

    private static void AssertPrivate(params string[] paths)
    {
        if (!OperatingSystem.IsWindows())
        {
            foreach (string path in paths)
            {
                Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
            }
        }
    }

    private string PathOf(string name) => Path.Combine(_directory.FullName, name);
}

using System.Security.Cryptography;

namespace Segno.Cli.Tests;

/// <summary><c>segno keys</c> and <c>segno serve --ticket-keys</c>.</summary>
public sealed class KeysTests : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("segno-test-");

    private string KeyPath => PathOf("ticket.keys");

    public void Dispose() => _directory.Delete(recursive: true);

    [Fact]
    public async Task A_file_of_keys_is_made_shown_rotated_and_revoked()
    {
        CliRun made = await RunAsync("new", KeyPath);
        Assert.True(await made.Exit == 0, made.Error);
        Assert.Matches(@"^     0  active         \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ  [0-9a-f]{32}\n$", made.Output);
        Assert.Equal(made.Output, (await RunAsync("show", KeyPath)).Output);
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(KeyPath));
        }

        CliRun rotated = await RunAsync("rotate", KeyPath, "--lead", "30m");
        Assert.Matches(@"^     1  pre-published  .*\n     0  active  ", rotated.Output);

        CliRun revoked = await RunAsync("revoke", KeyPath, "0");
        Assert.Matches(@"^     1  active  .*\n     0  destroyed  ", revoked.Output);
        string secret = File.ReadAllLines(KeyPath)[1].Split(' ')[^1];
        Assert.Equal(32, Convert.FromBase64String(secret).Length);
        Assert.DoesNotContain(secret, revoked.Output);
    }

    [Fact]
    public async Task What_cannot_be_done_is_said()
    {
        await RunAsync("new", KeyPath);
        await RunAsync("rotate", KeyPath, "--lead", "1h");
        byte[] before = File.ReadAllBytes(KeyPath);
        File.WriteAllBytes(PathOf("nginx"), RandomNumberGenerator.GetBytes(80));
        File.WriteAllText(PathOf("text"), "correct horse battery staple");

        await AssertUsageAsync("is there already", "new", KeyPath);
        await AssertUsageAsync("cannot be read", "show", PathOf("none"));
        await AssertUsageAsync("cannot be used", "show", PathOf("text"));
        await AssertUsageAsync("no key with number 7", "revoke", KeyPath, "7");
        await AssertUsageAsync("cannot before it", "rotate", KeyPath, "--lead", "30m");
        await AssertUsageAsync("Segno's own format", "rotate", PathOf("nginx"));
        Assert.Equal(before, File.ReadAllBytes(KeyPath));
        Assert.Contains("active", (await RunAsync("show", PathOf("nginx"))).Output);
        Assert.Equal(0, await (await RunAsync("new", KeyPath, "--force")).Exit);
        Assert.NotEqual(before, File.ReadAllBytes(KeyPath));
    }

    [Theory]
    [InlineData("file")]
    [InlineData("env")]
    [InlineData("derived")]
    [InlineData("none")]
    public async Task Servers_with_the_same_keys_resume_each_others_sessions(string source)
    {
        string root = PathOf("root");
        await RunAsync("new", KeyPath);
        await RunAsync("new", root, "--derived");
        string[] arguments = source switch
        {
            "file" => ["--ticket-keys", KeyPath],
            "env" => ["--ticket-keys", "env:KEYS"],
            "derived" => ["--ticket-keys", $"derived:{root}", "--ticket-key-period", "2d"],
            _ => [],
        };
        var variables = new Dictionary<string, string> { ["KEYS"] = File.ReadAllText(KeyPath) };
        await using CliRun one = Serve(variables, arguments);
        await using CliRun two = Serve(variables, arguments);
        string session = PathOf("session");

        CliRun first = await ConnectAsync(one, "--sess-out", session);
        Assert.True(await first.Exit == 0, first.Error);
        CliRun second = await ConnectAsync(two, "--sess-in", session);
        Assert.True(await second.Exit == 0, second.Error);
        Assert.Equal(source != "none", second.Output.Contains("Handshake       resumed (Psk)", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("no variable NONE", "--ticket-keys", "env:NONE")]
    [InlineData("$KEYS cannot be used", "--ticket-keys", "env:KEYS")]
    [InlineData("cannot be read", "--ticket-keys", "none.keys")]
    [InlineData("a passphrase is none", "--ticket-keys", "derived:TEXT")]
    [InlineData("needs --ticket-keys derived", "--ticket-key-period", "1h")]
    public async Task Keys_that_are_none_end_the_server(string message, params string[] arguments)
    {
        File.WriteAllText(PathOf("text"), "correct horse battery staple!\n");
        await using CliRun run = Serve(new() { ["KEYS"] = "" }, [.. arguments.Select(argument => argument.Replace("TEXT", PathOf("text"), StringComparison.Ordinal))]);
        Assert.Equal(2, await run.Exit.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken));
        Assert.Contains(message, run.Error);
    }

    private static CliRun Serve(Dictionary<string, string> variables, string[] arguments)
        => CliRun.Start(["serve", "--listen", "127.0.0.1:0", "--no-self-test", .. arguments], variables: variables);

    private static async Task<CliRun> ConnectAsync(CliRun server, params string[] more)
        => await CliRun.ToEndAsync(["connect", $"localhost:{new Uri(await server.LineAsync("https://")).Port}", "--insecure", "--no-input", .. more]);

    private static Task<CliRun> RunAsync(params string[] arguments) => CliRun.ToEndAsync(["keys", .. arguments]);

    private static async Task AssertUsageAsync(string message, params string[] arguments)
    {
        CliRun run = await RunAsync(arguments);
        Assert.Equal(2, await run.Exit);
        Assert.Contains(message, run.Error);
    }

    private string PathOf(string name) => Path.Combine(_directory.FullName, name);
}

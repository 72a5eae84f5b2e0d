using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Text;
using Segno.Sessions;
using Segno.Tests;

namespace Segno.Cli.Tests;

/// <summary>Sessions outlive the process: in a file store, or handed to the next server.</summary>
public sealed class RestartTests : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("segno-test-");
    private readonly string _certificate;
    private readonly string _certificateKey;

    public RestartTests()
    {
        (_certificate, _certificateKey) = TestPki.Ecdsa().WritePem(_directory.FullName);
        File.WriteAllText(PathOf("ca.pem"), TestPki.Root.CertificatePem);
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _directory.Delete(recursive: true);

    /// <summary>Session IDs of TLS 1.2 and stateful tickets of TLS 1.3, and no other server's key.</summary>
    [Theory]
    [InlineData("1.2", "--tickets", "0")]
    [InlineData("1.3", "--ticket-mode", "stateful")]
    public async Task A_file_store_resumes_after_a_restart(string version, string option, string value)
    {
        Assert.Equal(0, await (await CliRun.ToEndAsync(["keys", "new", PathOf("ticket.keys")])).Exit);
        string[] arguments =
        [
            .. ServeArguments(0), "--ticket-keys", PathOf("ticket.keys"), "--store", $"file:{PathOf("store")}", "--store-key-file", PathOf("store.key"), option, value,
        ];
        await using (CliRun first = CliRun.Start(arguments, time: new Timeless()))
        {
            await ConnectAsync(await first.LineAsync("https://"), version, "--sess-out", PathOf("session"));
            Assert.Contains("made the key", first.Error);
        }

        await using CliRun second = CliRun.Start(arguments, time: new Timeless());
        await ConnectAsync(await second.LineAsync("https://"), version, "--sess-in", PathOf("session"), "--require-resumption");
        Assert.DoesNotContain("made the key", second.Error);

        File.Delete(PathOf("store.key"));
        CliRun third = await CliRun.ToEndAsync(arguments);
        Assert.Equal(2, await third.Exit);
        Assert.Contains("was made with it", third.Error);
        Assert.False(File.Exists(PathOf("store.key")));
    }

    [Theory]
    [InlineData("--store file: names no directory", "--store", "file:")]
    [InlineData("needs --ticket-keys that outlive this process", "--store", "file:store", "--store-key-file", "key")]
    [InlineData("--store file:… and --store-key-file need each other", "--store", "file:store", "--ticket-keys", "keys")]
    [InlineData("--store file:… and --store-key-file need each other", "--store-key-file", "key")]
    [InlineData("1000001 is more than 1000000", "--store", "file:store", "--store-key-file", "key", "--ticket-keys", "keys", "--cache-sessions", "1000001")]
    [InlineData("--state and --state-key-file need each other", "--state", "state")]
    [InlineData("--state and --state-key-file need each other", "--state-key-file", "key")]
    [InlineData("--state is for sessions in memory", "--state", "state", "--state-key-file", "key", "--store", "file:store", "--store-key-file", "key", "--ticket-keys", "keys")]
    [InlineData("'sometimes' not recognized", "--ticket-mode", "sometimes")]
    public async Task Wrong_usage_of_serve_is_named_and_ends_with_2(string complaint, params string[] arguments)
    {
        CliRun run = await CliRun.ToEndAsync([.. ServeArguments(0), .. arguments]);
        Assert.Equal(2, await run.Exit);
        Assert.Contains(complaint, run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_session_cache_is_resumed_by_the_next_process_with_the_same_key()
    {
        await using CliRun server = CliRun.Start(ServeArguments(0));
        string url = await server.LineAsync("https://");
        string[] cache = ["--session-cache", PathOf("sessions"), "--session-cache-key", PathOf("session.key")];

        CliRun first = await ConnectAsync(url, "1.3", cache);
        Assert.Contains("made the key", first.Error);
        await ConnectAsync(url, "1.3", [.. cache, "--require-resumption"]);

        File.Delete(PathOf("session.key"));
        Assert.Contains("was made with it", (await ConnectAsync(url, 2, cache)).Error);
        Assert.Contains("nobody to ask", (await ConnectAsync(url, 2, cache[..2])).Error);
        Assert.Contains("needs --session-cache", (await ConnectAsync(url, 2, cache[2..])).Error);
    }

    [Fact]
    public async Task A_session_cache_opens_with_its_passphrase_alone()
    {
        await using CliRun server = CliRun.Start(ServeArguments(0));
        string url = await server.LineAsync("https://");
        string[] cache = ["--session-cache", PathOf("sessions"), "--session-cache-passphrase-file", PathOf("passphrase")];
        File.WriteAllText(PathOf("passphrase"), "correct horse battery staple\n");

        // There is nothing to resume yet, and so --require-resumption fails.
        await ConnectAsync(url, 1, [.. cache, "--require-resumption"]);
        await ConnectAsync(url, "1.3", cache);
        await ConnectAsync(url, "1.3", [.. cache, "--require-resumption"]);

        File.WriteAllText(PathOf("passphrase"), "another horse battery staple\n");
        Assert.Contains("another passphrase", (await ConnectAsync(url, 2, cache)).Error);
        File.WriteAllText(PathOf("passphrase"), "too short\n");
        Assert.Contains("12 characters", (await ConnectAsync(url, 2, cache)).Error);
        Assert.Contains("exclude each other", (await ConnectAsync(url, 2, [.. cache, "--session-cache-key", PathOf("key")])).Error);
    }

    /// <summary>
    /// Two processes, one after the other, on one port, while other clients go on connecting. Stateless: 1.2 and 1.3 tickets. Stateful: 1.2
    /// session IDs and 1.3 tickets that refer to the store. The server says who resumed.
    /// </summary>
    [Theory]
    [InlineData("stateless")]
    [InlineData("stateful")]
    public async Task A_warm_restart_under_load_keeps_the_sessions(string mode)
    {
        const int Clients = 200;
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no signals.");
        int port = FreePort();
        string[] arguments = [.. ServeArguments(port), "--ticket-mode", mode, "--state", PathOf("state"), "--state-key-file", PathOf("state.key")];
        Client[] clients = [.. Enumerable.Range(0, Clients).Select(i => new Client(port, i % 2 == 0 ? SslProtocols.Tls12 : SslProtocols.Tls13))];
        using var load = new CancellationTokenSource();
        Process server = await StartAsync(arguments);
        try
        {
            Task<int>[] loads = [LoadAsync(port, load.Token), LoadAsync(port, load.Token)];
            foreach (Client client in clients)
            {
                Assert.False(await client.GetAsync(Cancel));
            }

            await CliProcess.SignalAsync(server, "TERM");
            Assert.Equal(0, server.ExitCode);
            Assert.Contains("segno: left", await server.StandardError.ReadToEndAsync(Cancel));
            Assert.True(File.Exists(PathOf("state")));
            server.Dispose();
            server = await StartAsync(arguments);

            Assert.False(File.Exists(PathOf("state")));
            int resumed = 0;
            foreach (Client client in clients)
            {
                resumed += await client.GetAsync(Cancel) ? 1 : 0;
            }
            await load.CancelAsync();
            Assert.True((await Task.WhenAll(loads)).Sum() > 0);
            Assert.True(resumed > 0.99 * Clients, $"{resumed} of {Clients}");
        }
        finally
        {
            CliProcess.End(server);
            server.Dispose();
        }
    }

    /// <summary>What the test above sees where nothing is handed over.</summary>
    [Fact]
    public async Task A_cold_restart_keeps_none()
    {
        int port = FreePort();
        var client = new Client(port, SslProtocols.Tls13);
        await using (CliRun first = CliRun.Start(ServeArguments(port)))
        {
            await first.LineAsync("https://");
            Assert.False(await client.GetAsync(Cancel));
            Assert.True(await client.GetAsync(Cancel));
        }
        await using CliRun second = CliRun.Start(ServeArguments(port));
        await second.LineAsync("https://");
        Assert.False(await client.GetAsync(Cancel));
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private static async Task<Process> StartAsync(string[] arguments)
    {
        Process server = CliProcess.Start(arguments);
        string? url = await server.StandardOutput.ReadLineAsync(Cancel);
        Assert.True(url?.StartsWith("https://", StringComparison.Ordinal), url ?? await server.StandardError.ReadToEndAsync(Cancel));
        return server;
    }

    /// <summary>New clients, one after the other. Between the two servers there is nobody to connect to.</summary>
    private static async Task<int> LoadAsync(int port, CancellationToken end)
    {
        int served = 0;
        while (!end.IsCancellationRequested)
        {
            var client = new Client(port, SslProtocols.Tls13);
            try
            {
                await client.GetAsync(end);
                served++;
            }
            catch (Exception exception) when (exception is IOException or SocketException or OperationCanceledException)
            {
                await Task.Yield();
            }
        }
        return served;
    }

    private string[] ServeArguments(int port)
        => ["serve", "--listen", string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{port}"), "--cert", _certificate, "--key", _certificateKey, "--no-self-test"];

    private string PathOf(string name) => Path.Combine(_directory.FullName, name);

    private async Task<CliRun> ConnectAsync(string url, string version, params string[] more) => await ConnectAsync(url, 0, ["--tls", version, .. more]);

    private async Task<CliRun> ConnectAsync(string url, int exitCode, params string[] more)
    {
        CliRun run = await CliRun.ToEndAsync(["connect", $"localhost:{new Uri(url).Port}", "--ca", PathOf("ca.pem"), "--no-input", .. more]);
        Assert.True(await run.Exit == exitCode, run.Output + run.Error);
        return run;
    }

    /// <summary>No time is ever up, so that a store on a busy machine has as long as it takes.</summary>
    private sealed class Timeless : TimeProvider
    {
        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
            => base.CreateTimer(callback, state, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>A client with sessions of its own.</summary>
    private sealed class Client
    {
        private readonly int _port;
        private readonly TlsClientContext _context;

        public Client(int port, SslProtocols version)
        {
            _port = port;
            _context = new TlsClientContext(new TlsClientOptions
            {
                TargetHost = "localhost",
                TargetPort = port,
                EnabledSslProtocols = version,
                CertificateChainPolicy = TestPki.TrustRoot(),
                SessionCache = new MemoryClientSessionCache(),
            });
        }

        /// <summary>Connects, asks how the connection came to be, and ends it in order.</summary>
        /// <returns>Whether the server says that it was resumed.</returns>
        public async Task<bool> GetAsync(CancellationToken cancellationToken)
        {
            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            await socket.ConnectAsync(IPAddress.Loopback, _port, cancellationToken);
            await using var tls = new TlsStream(new NetworkStream(socket));
            await tls.AuthenticateAsClientAsync(_context, cancellationToken: cancellationToken);
            await tls.WriteAsync("GET /api/connection HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"u8.ToArray(), cancellationToken);
            using var answer = new MemoryStream();
            await tls.CopyToAsync(answer, cancellationToken);
            string text = Encoding.UTF8.GetString(answer.ToArray());
            bool resumed = text.Contains("\"resumed\": true", StringComparison.Ordinal) || text.Contains("\"resumed\":true", StringComparison.Ordinal);
            return resumed || text.Contains("\"resumed\"", StringComparison.Ordinal) ? resumed : throw new IOException($"No answer: {text}");
        }
    }
}

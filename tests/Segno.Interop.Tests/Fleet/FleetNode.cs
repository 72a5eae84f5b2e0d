using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Segno.Interop.Tests.Ends;
using Segno.Interop.Tests.Peers;
using Segno.Sessions;

namespace Segno.Interop.Tests.Fleet;

/// <summary><c>segno serve</c> as one of several processes, asked for what it says of itself.</summary>
internal sealed partial class FleetNode : IAsyncDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Retry = TimeSpan.FromMilliseconds(50);

    // Asks without a session, so that asking changes nothing but the number of full handshakes.
    private readonly TlsClientContext _asking;

    private FleetNode(PeerProcess process, int port)
    {
        Process = process;
        Port = port;
        TlsClientOptions options = Make.Client();
        options.AllowTlsResume = false;
        _asking = new TlsClientContext(options);
    }

    public PeerProcess Process { get; }

    public int Port { get; }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public static async Task<FleetNode> StartAsync(IReadOnlyDictionary<string, string>? environment, params string[] more)
    {
        PeerProcess process = PeerProcess.StartSegno(environment, ["serve", "--listen", "127.0.0.1:0", "--no-self-test", .. more]);
        try
        {
            Match match = await process.WaitForAsync(UrlPattern(), Token);
            return new FleetNode(process, int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture));
        }
        catch
        {
            await process.DisposeAsync();
            throw;
        }
    }

    /// <summary>One request on a connection of its own; reads to the end, so what the server sent behind its handshake has arrived.</summary>
    public async Task<(TlsConnectionInfo Info, TlsSession? Session, JsonElement Answer)> AskAsync(TlsClientContext context, string path)
    {
        // The same port for all: to a client they are one server.
        const int CommonPort = 443;
        await using TlsStream stream = new(await Loopback.ConnectAsync(Port, Token));
        await stream.AuthenticateAsClientAsync(context, "localhost", CommonPort, Token);
        await stream.WriteAsync(Encoding.ASCII.GetBytes($"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"), Token);
        using MemoryStream answer = new();
        await stream.CopyToAsync(answer, Token);
        string text = Encoding.UTF8.GetString(answer.GetBuffer(), 0, (int)answer.Length);
        Assert.StartsWith("HTTP/1.1 200", text, StringComparison.Ordinal);
        return (stream.ConnectionInfo, stream.Session, JsonDocument.Parse(text[text.IndexOf('{', StringComparison.Ordinal)..(text.LastIndexOf('}') + 1)]).RootElement);
    }

    public async Task<Stats> StatsAsync() => Stats.Of((await AskAsync(_asking, "/api/stats")).Answer);

    /// <summary>Waits until the server says of itself what it is to say.</summary>
    public async Task<Stats> UntilAsync(Func<Stats, bool> condition, string what)
    {
        long start = Stopwatch.GetTimestamp();
        while (true)
        {
            Stats stats = await StatsAsync();
            if (condition(stats))
            {
                return stats;
            }
            Assert.True(Stopwatch.GetElapsedTime(start) < Limit, $"not in time: {what}. {stats.Json}");
            await Task.Delay(Retry, Token);
        }
    }

    /// <summary>Ends it as an operator does, which is also when libfaketime puts away what it had.</summary>
    public async Task StopAsync()
    {
        await using PeerProcess kill = PeerProcess.Start(Peer.Find("kill"), ["-TERM", Process.Id.ToString(CultureInfo.InvariantCulture)]);
        await kill.ExitAsync(Token);
        Assert.Equal(0, await Process.ExitAsync(Token));
    }

    public async ValueTask DisposeAsync()
    {
        try
        {
            if (!Process.HasEnded)
            {
                await StopAsync();
            }
        }
        finally
        {
            await Process.DisposeAsync();
        }
    }

    [GeneratedRegex(@"https://127\.0\.0\.1:(\d+)")]
    private static partial Regex UrlPattern();
}

/// <summary>What <c>/api/stats</c> says.</summary>
internal sealed record Stats(JsonElement Json, long Resumed, IReadOnlyDictionary<string, long> Declined, IReadOnlyDictionary<string, string> Phases, IReadOnlyDictionary<long, string> Epochs)
{
    /// <summary>The name of the active key.</summary>
    public string? Active => Phases.FirstOrDefault(key => key.Value == "active").Key;

    /// <summary>The number of the active key.</summary>
    public long ActiveEpoch => Epochs.First(key => key.Value == Active).Key;

    public static Stats Of(JsonElement json)
    {
        JsonElement[] keys = [.. json.GetProperty("ticketKeys").EnumerateArray()];
        return new Stats(
            json.Clone(),
            json.GetProperty("resumedHandshakes").GetInt64(),
            json.GetProperty("declined").EnumerateObject().ToDictionary(reason => reason.Name, reason => reason.Value.GetInt64()),
            keys.ToDictionary(key => key.GetProperty("name").GetString()!, key => key.GetProperty("phase").GetString()!),
            keys.ToDictionary(key => key.GetProperty("epoch").GetInt64(), key => key.GetProperty("name").GetString()!));
    }

    public string PhaseOf(long epoch) => Epochs.TryGetValue(epoch, out string? name) ? Phases[name] : "unknown";
}

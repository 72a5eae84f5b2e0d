using System.Globalization;
using System.Runtime.InteropServices;
using Segno.Interop.Tests.Peers;
using StackExchange.Redis;

namespace Segno.Redis.Tests.Servers;

/// <summary>A redis-server on a port of its own, without persistence. It can be frozen, killed and started again.</summary>
internal sealed partial class RedisProcess : IAsyncDisposable
{
    private const int SigKill = 9;
    private const int SigContinue = 18;
    private const int SigStop = 19;

    private readonly string[] _arguments;
    private PeerProcess _process = null!;

    private RedisProcess(string[] arguments) => _arguments = arguments;

    public int Port { get; } = Loopback.FreePort();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public static ConfigurationOptions Configuration(int port) => new()
    {
        EndPoints = { { "127.0.0.1", port } },
        AbortOnConnectFail = false,
        AllowAdmin = true,
        ConnectTimeout = 1000,
        AsyncTimeout = 1000,
        SyncTimeout = 1000,
        HeartbeatInterval = TimeSpan.FromMilliseconds(100),
        ReconnectRetryPolicy = new LinearRetry(50),
    };

    public static async Task<RedisProcess> StartAsync(params string[] arguments)
    {
        var server = new RedisProcess(arguments);
        await server.StartAgainAsync();
        return server;
    }

    public async Task StartAgainAsync()
    {
        _process = PeerProcess.Start(
            Peer.Find("redis-server"), ["--bind", "127.0.0.1", "--port", Port.ToString(CultureInfo.InvariantCulture), "--save", "", "--appendonly", "no", .. _arguments]);
        await Loopback.WaitUntilListeningAsync(Port, _process, Token);
    }

    public async Task<IConnectionMultiplexer> ConnectAsync() => await ConnectionMultiplexer.ConnectAsync(Configuration(Port));

    public void Freeze() => Assert.Equal(0, Kill(_process.Id, SigStop));

    public void Thaw() => Assert.Equal(0, Kill(_process.Id, SigContinue));

    public async Task KillAsync()
    {
        Assert.Equal(0, Kill(_process.Id, SigKill));
        await _process.ExitAsync(Token);
    }

    public ValueTask DisposeAsync() => _process.DisposeAsync();

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int process, int signal);
}

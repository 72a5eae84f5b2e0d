using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Time.Testing;
using Segno.Interop.Tests.Peers;
using Segno.Redis.Tests.Servers;
using Segno.Sessions;
using Segno.Tests;
using StackExchange.Redis;

namespace Segno.Redis.Tests;

/// <summary>
/// OpenSSL's client sends early data to servers that share Redis, somebody on the way records its first flight, and sends it again wherever he likes: R-111…R-114, E1, E9.
/// </summary>
public sealed partial class EarlyDataReplayTests : IAsyncLifetime
{
    private const string Data = "early data of openssl";
    private const string ExternalPsk = "000102030405060708090a0b0c0d0e0f";

    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("segno-test-");
    // No time runs out while a busy machine takes its own: it goes on where a test says so.
    private readonly FakeTimeProvider _time = new(TimeProvider.System.GetUtcNow());
    private readonly TicketKeyRing _keys = new();
    private readonly string _openssl = Peer.Find("openssl");
    private RedisProcess _redis = null!;
    private IConnectionMultiplexer _connection = null!;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _redis = await RedisProcess.StartAsync();
        _connection = await _redis.ConnectAsync();
        await File.WriteAllTextAsync(PathOf("root.pem"), TestPki.Root.CertificatePem, Token);
        await File.WriteAllTextAsync(PathOf("early"), Data, Token);
    }

    public async ValueTask DisposeAsync()
    {
        await _connection.DisposeAsync();
        await _redis.DisposeAsync();
        _keys.Dispose();
        _directory.Delete(recursive: true);
    }

    [Fact]
    [Trait("Museum", "E1")]
    public async Task AFlightIsAcceptedOnceInTheWholeZone()
    {
        using TlsServerContext one = await ReadyNodeAsync();
        using TlsServerContext other = Node(SharedGuard());
        byte[] flight = await AcceptedAsync(one);
        for (int i = 0; i < 3; i++)
        {
            await RefusesAsync(one, flight, EarlyDataReason.ReplaySeen);
            await RefusesAsync(other, flight, EarlyDataReason.ReplaySeen);
        }
        // A server that starts anew asks those that remember.
        using TlsServerContext restarted = Node(SharedGuard());
        await RefusesAsync(restarted, flight, EarlyDataReason.ReplaySeen);
    }

    // E1: of all at once, at two nodes.
    [Fact]
    [Trait("Museum", "E1")]
    public async Task OfManyReplaysAtOnceOneIsAccepted()
    {
        TlsServerContext[] nodes = [await ReadyNodeAsync(), Node(SharedGuard())];
        byte[] flight = await RecordedAsync(nodes[0]);
        (EarlyDataOutcome Outcome, string Read, TlsFault? Fault)[] ends = await Task.WhenAll(Enumerable.Range(0, 16).Select(i => ReplayAsync(nodes[i % 2], flight)));
        Assert.Equal(Data, Assert.Single(ends, end => end.Outcome.IsAccepted).Read);
        Assert.Equal(15, ends.Count(end => end.Outcome == new EarlyDataOutcome(EarlyDataStatus.Rejected, EarlyDataReason.ReplaySeen)));
        Assert.All(nodes, node => node.Dispose());
    }

    //
    [Fact]
    public async Task AfterARestartOfRedisNothingIsAcceptedThatMayHaveBeen()
    {
        using TlsServerContext node = await ReadyNodeAsync();
        byte[] flight = await AcceptedAsync(node);
        await _redis.KillAsync();
        await Eventually.BecomesAsync(() => !_connection.IsConnected, "the connection is lost");
        await RefusesAsync(node, flight, EarlyDataReason.ReplayGuardUnavailable);
        await _redis.StartAgainAsync();
        await Eventually.BecomesAsync(() => _connection.IsConnected, "the connection is back");
        await Eventually.BecomesAsync(
            async () =>
            {
                EarlyDataReason reason = (await ReplayAsync(node, flight)).Outcome.Reason;
                Assert.True(reason is EarlyDataReason.ReplayGuardUnavailable or EarlyDataReason.FreshStart, $"{reason}");
                return reason == EarlyDataReason.FreshStart;
            },
            "the guard knows that this is another Redis");
        await RefusesAsync(node, flight, EarlyDataReason.FreshStart);
    }

    // a guard in memory, of the same zone and of one of its own.
    [Theory]
    [InlineData("zone", EarlyDataReason.FreshStart)]
    [InlineData("", EarlyDataReason.ZoneMismatch)]
    public async Task AfterARestartAGuardInMemoryRefuses(string zone, EarlyDataReason reason)
    {
        MemoryReplayGuard Guard() => new(zone: System.Text.Encoding.ASCII.GetBytes(zone), timeProvider: _time);
        using TlsServerContext node = Node(Guard());
        _time.Advance(TimeSpan.FromSeconds(11));
        byte[] flight = await AcceptedAsync(node);
        await RefusesAsync(node, flight, EarlyDataReason.ReplaySeen);
        using TlsServerContext restarted = Node(Guard());
        await RefusesAsync(restarted, flight, reason);
    }

    // R-112, E9: what was not verified ends the handshake, and uses up nothing.
    [Fact]
    [Trait("Museum", "E9")]
    public async Task AForgedBinderEndsTheHandshakeAndBurnsNothing()
    {
        using TlsServerContext node = await ReadyNodeAsync();
        byte[] flight = await RecordedAsync(node);
        int end = HelloLength(flight);
        // The binders are the last of the hello.
        for (int at = 1; at <= 32; at++)
        {
            byte[] forged = [.. flight];
            forged[end - at] ^= 1;
            (EarlyDataOutcome outcome, string read, TlsFault? fault) = await ReplayAsync(node, forged);
            Assert.Equal(TlsFault.PskBinderInvalid, fault);
            Assert.False(outcome.IsAccepted);
            Assert.Empty(read);
        }
        (EarlyDataOutcome accepted, string data, _) = await ReplayAsync(node, flight);
        Assert.True(accepted.IsAccepted);
        Assert.Equal(Data, data);
        await RefusesAsync(node, flight, EarlyDataReason.ReplaySeen);
    }

    // R-112, E9: the binder of an identity that was not chosen is not looked at, so it names nothing.
    [Fact]
    [Trait("Museum", "E9")]
    public async Task BindersThatAreNotVerifiedMakeNoNewFlight()
    {
        using TlsServerContext node = await ReadyNodeAsync();
        byte[] flight = await AcceptedAsync(node, "-psk", ExternalPsk, "-psk_identity", "somebody");
        int end = HelloLength(flight);
        for (int at = 1; at <= 32; at += 7)
        {
            byte[] varied = [.. flight];
            varied[end - at] ^= 1;
            await RefusesAsync(node, varied, EarlyDataReason.ReplaySeen);
        }
        // Those before it are of the session.
        byte[] forged = [.. flight];
        forged[end - 34] ^= 1;
        Assert.Equal(TlsFault.PskBinderInvalid, (await ReplayAsync(node, forged)).Fault);
    }

    // the client never notices but by the round trip.
    [Fact]
    public async Task WithTheGuardDownTheHandshakeGoesOnWithoutEarlyData()
    {
        using TlsServerContext node = await ReadyNodeAsync();
        await FullHandshakeAsync(node);
        _redis.Freeze();
        (EarlyDataOutcome outcome, string read, string said) = await OfferAsync(node);
        _redis.Thaw();
        Assert.Equal(new EarlyDataOutcome(EarlyDataStatus.Rejected, EarlyDataReason.ReplayGuardUnavailable), outcome);
        Assert.Equal("late\n", read);
        Assert.Contains("Early data was rejected", said, StringComparison.Ordinal);
        Assert.Matches(Reused(), said);
    }

    private TlsServerContext Node(IReplayGuard guard) => new(new TlsServerOptions
    {
        ServerCertificates = [TestPki.Ecdsa().Tls],
        TicketKeys = _keys,
        Group = "fleet",
        MaxEarlyDataSize = 1000,
        DeliverEarlyDataAtOnce = true,
        ReplayGuard = guard,
        TimeProvider = _time,
    });

    private RedisReplayGuard SharedGuard() => new(_connection, new RedisReplayGuardOptions { TimeProvider = _time });

    /// <summary>A node whose Redis has been there for longer than a flight can be replayed.</summary>
    private async Task<TlsServerContext> ReadyNodeAsync()
    {
        RedisReplayGuard guard = SharedGuard();
        var claim = new EarlyDataClaim(new byte[32], _time.GetUtcNow(), _time.GetUtcNow());
        Assert.Equal(ReplayVerdict.FreshStart, await guard.ClaimAsync(claim, Token));
        Assert.True(await _connection.GetDatabase().KeyDeleteAsync("{segno:early-data:7265646973}:pause"));
        return Node(guard);
    }

    /// <summary>What the client sent early and the node has accepted.</summary>
    private async Task<byte[]> AcceptedAsync(TlsServerContext node, params string[] more)
    {
        await FullHandshakeAsync(node);
        byte[] flight = [];
        (EarlyDataOutcome outcome, string read, string said) = await OfferAsync(node, recorded => flight = recorded, more);
        Assert.Equal(new EarlyDataOutcome(EarlyDataStatus.Accepted, EarlyDataReason.None), outcome);
        Assert.Equal(Data + "late\n", read);
        Assert.Contains("Early data was accepted", said, StringComparison.Ordinal);
        return flight;
    }

    /// <summary>What the client sent early and no server has seen.</summary>
    private async Task<byte[]> RecordedAsync(TlsServerContext node)
    {
        await FullHandshakeAsync(node);
        using var recorder = new FlightRecorder(0, holdBack: true, Token);
        await using PeerProcess client = StartClient(recorder.Port, "-sess_in", PathOf("session"), "-early_data", PathOf("early"));
        return await recorder.FlightAsync(Token);
    }

    private async Task FullHandshakeAsync(TlsServerContext node)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        await using PeerProcess client = StartClient(((IPEndPoint)listener.LocalEndpoint).Port, "-sess_out", PathOf("session"));
        await using TlsStream stream = await AcceptAsync(listener);
        await stream.AuthenticateAsServerAsync(node, Token);
        await client.WaitForAsync(Ticket(), Token);
    }

    private async Task<(EarlyDataOutcome Outcome, string Read, string Said)> OfferAsync(TlsServerContext node, Action<byte[]>? record = null, params string[] more)
    {
        _time.SetUtcNow(Later(TimeProvider.System.GetUtcNow(), _time.GetUtcNow()));
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var recorder = new FlightRecorder(((IPEndPoint)listener.LocalEndpoint).Port, holdBack: false, Token);
        await using PeerProcess client = StartClient(recorder.Port, ["-sess_in", PathOf("session"), "-early_data", PathOf("early"), .. more]);
        await using TlsStream stream = await AcceptAsync(listener);
        await stream.AuthenticateAsServerAsync(node, Token);
        EarlyDataOutcome outcome = stream.EarlyData.Outcome;
        await client.WriteAsync("late\n", Token);
        using var reader = new StreamReader(stream);
        string read = "";
        char[] some = new char[100];
        while (!read.EndsWith("late\n", StringComparison.Ordinal))
        {
            int count = await reader.ReadAsync(some, Token);
            Assert.True(count > 0, client.Tail);
            read += new string(some, 0, count);
        }
        Assert.False(stream.EarlyData.MayBeReplay);
        record?.Invoke(await recorder.FlightAsync(Token));
        await client.WaitForAsync(EarlyWord(), Token);
        return (outcome, read, client.Output);
    }

    private static DateTimeOffset Later(DateTimeOffset one, DateTimeOffset other) => one > other ? one : other;

    /// <summary>Sends a flight, and no more.</summary>
    private static async Task<(EarlyDataOutcome Outcome, string Read, TlsFault? Fault)> ReplayAsync(TlsServerContext node, byte[] flight)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        await using NetworkStream attacker = await Loopback.ConnectAsync(((IPEndPoint)listener.LocalEndpoint).Port, Token);
        await using TlsStream stream = await AcceptAsync(listener);
        await attacker.WriteAsync(flight, Token);
        attacker.Socket.Shutdown(SocketShutdown.Send);
        string read = "";
        TlsFault? fault = null;
        try
        {
            await stream.AuthenticateAsServerAsync(node, Token);
            Assert.True(stream.EarlyData.MayBeReplay);
            byte[] data = new byte[Data.Length];
            await stream.ReadExactlyAsync(data, Token);
            read = System.Text.Encoding.ASCII.GetString(data);
        }
        catch (TlsException exception)
        {
            fault = exception.Fault;
        }
        return (stream.EarlyData.Outcome, read, fault);
    }

    private static async Task RefusesAsync(TlsServerContext node, byte[] flight, EarlyDataReason reason)
    {
        (EarlyDataOutcome outcome, string read, TlsFault? fault) = await ReplayAsync(node, flight);
        Assert.Equal(new EarlyDataOutcome(EarlyDataStatus.Rejected, reason), outcome);
        Assert.Empty(read);
        // It went on, and had nobody to go on with.
        Assert.Equal(TlsFault.ClosedDuringHandshake, fault);
    }

    private static async Task<TlsStream> AcceptAsync(TcpListener listener)
        => new(new NetworkStream(await listener.AcceptSocketAsync(Token).AsTask().WaitAsync(PeerProcess.Limit, Token), ownsSocket: true));

    private static int HelloLength(byte[] flight) => 5 + BinaryPrimitives.ReadUInt16BigEndian(flight.AsSpan(3));

    private PeerProcess StartClient(int port, params string[] more) => PeerProcess.Start(
        _openssl,
        [
            "s_client", "-connect", string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{port}"), "-servername", "localhost", "-CAfile", PathOf("root.pem"),
            "-verify_return_error", "-nocommands", "-tls1_3", .. more,
        ]);

    private string PathOf(string name) => Path.Combine(_directory.FullName, name);

    [GeneratedRegex("Resumption PSK: [0-9A-F]{32}")]
    private static partial Regex Ticket();

    [GeneratedRegex("Early data was (accepted|rejected)")]
    private static partial Regex EarlyWord();

    [GeneratedRegex("(?m)^Reused, TLSv1\\.3")]
    private static partial Regex Reused();
}

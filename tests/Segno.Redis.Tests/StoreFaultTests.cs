using System.Security.Cryptography;
using Microsoft.Extensions.Time.Testing;
using Segno.Redis.Tests.Servers;
using Segno.Sessions;
using StackExchange.Redis;

namespace Segno.Redis.Tests;

/// <summary>
/// Threat model §4.4: whatever a store does, no handshake fails and no session is resumed that is not this client's. With memory in
/// front of it and without; connections are real.
/// </summary>
[Collection(GarnetForAll.Name)]
public sealed class StoreFaultTests : IDisposable
{
    // Long enough that a busy machine is no fault of the store's.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly GarnetHost _garnet;
    private readonly string _prefix = $"fault-{Guid.NewGuid()}:";
    private readonly FaultyStore _faulty;
    // Memory's own: it forgets when a test says so, and nobody else notices.
    private readonly FakeTimeProvider _memoryClock = new(TimeProvider.System.GetUtcNow());
    private readonly MemorySessionStore _memory;
    private readonly LayeredSessionStore _store;
    private readonly TicketKeyRing _keys = new();
    private readonly TlsServerContext _server;
    private readonly TlsClientContext _client = TlsPair.Client();

    public StoreFaultTests(GarnetHost garnet)
    {
        _garnet = garnet;
        _memory = new MemorySessionStore(maxLifetime: TimeSpan.FromSeconds(1), timeProvider: _memoryClock);
        _faulty = new FaultyStore(new RedisSessionStore(garnet.Connection, _prefix));
        _store = new LayeredSessionStore(_faulty, new LayeredSessionStoreOptions { Budget = Patience, Memory = _memory, FailuresBeforePause = 1000 });
        _server = TlsPair.Server(_store, _keys);
    }

    private IDatabase Database => _garnet.Connection.GetDatabase();

    public void Dispose()
    {
        _server.Dispose();
        _store.Dispose();
        _memory.Dispose();
        _keys.Dispose();
    }

    [Fact]
    public async Task AGoodStoreResumes()
    {
        await MakeSessionAsync();
        Assert.True((await TlsPair.ConnectAsync(_client, _server)).IsResumed);
    }

    [Fact]
    public async Task AStoreThatThrowsCostsAFullHandshake()
    {
        await MakeSessionAsync();
        _faulty.Before = _ => ValueTask.FromException(new InvalidOperationException("broken"));
        await DeclinesAsync(ResumptionReason.StoreUnavailable);
    }

    [Fact]
    public async Task AStoreThatHangsCostsAFullHandshake()
    {
        await MakeSessionAsync();
        using var impatient = new LayeredSessionStore(_faulty, new LayeredSessionStoreOptions { Budget = TimeSpan.FromMilliseconds(20), FailuresBeforePause = 1000 });
        _faulty.Before = _ => new ValueTask(Task.Delay(Timeout.Infinite, CancellationToken.None));
        using TlsServerContext other = TlsPair.Server(impatient, _keys);
        ResumptionOutcome outcome = await TlsPair.ConnectAsync(_client, other);
        Assert.Equal((ResumptionStatus.Declined, ResumptionReason.StoreTimeout), (outcome.Status, outcome.Reason));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(100)]
    [InlineData(16 * 1024)]
    [InlineData(1024 * 1024)]
    public async Task AStoreThatReturnsGarbageCostsAFullHandshake(int length)
    {
        await MakeSessionAsync();
        _faulty.Reads = _ => RandomNumberGenerator.GetBytes(length);
        // More than a session can have is refused while it is read.
        await DeclinesAsync(length > 64 * 1024 ? ResumptionReason.StoreUnavailable : ResumptionReason.SessionNotFound);
        _faulty.Reads = static value => value;
        Assert.True((await TlsPair.ConnectAsync(_client, _server)).IsResumed);
    }

    /// <summary>A bit in each sixteenth byte; each time with a session of its own, because a client gives up one that is declined.</summary>
    [Fact]
    public async Task AnEntryThatWasChangedIsNotResumed()
    {
        await MakeSessionAsync();
        int length = ((byte[])(await Database.StringGetAsync(Assert.Single(Names())))!).Length;
        for (int i = 0; i < length; i += 16)
        {
            TlsClientContext client = TlsPair.Client();
            await TlsPair.ConnectAsync(client, _server);
            ForgetMemory();
            int at = i;
            _faulty.Reads = value =>
            {
                value![at] ^= 1;
                return value;
            };
            ResumptionOutcome outcome = await TlsPair.ConnectAsync(client, _server);
            Assert.Equal(ResumptionStatus.Declined, outcome.Status);
            _faulty.Reads = static value => value;
        }
    }

    /// <summary>Another session's entry in the place of this one's; also one that was there before.</summary>
    [Fact]
    public async Task AnotherEntryInItsPlaceIsNotResumed()
    {
        await MakeSessionAsync();
        byte[] mine = (byte[])(await Database.StringGetAsync(Assert.Single(Names())))!;
        TlsClientContext other = TlsPair.Client();
        await TlsPair.ConnectAsync(other, _server);
        _faulty.Reads = _ => mine;
        ForgetMemory();
        ResumptionOutcome outcome = await TlsPair.ConnectAsync(other, _server);
        Assert.Equal((ResumptionStatus.Declined, ResumptionReason.SessionNotFound), (outcome.Status, outcome.Reason));
        Assert.True((await TlsPair.ConnectAsync(_client, _server)).IsResumed);
    }

    [Fact]
    public async Task AnotherTenantsEntryIsNotResumed()
    {
        using TlsServerContext tenant = TlsPair.Server(_store, _keys, tenant: "other");
        await TlsPair.ConnectAsync(_client, tenant);
        ResumptionOutcome outcome = await TlsPair.ConnectAsync(_client, _server);
        Assert.Equal((ResumptionStatus.Declined, ResumptionReason.UnknownTicketKey), (outcome.Status, outcome.Reason));
    }

    /// <summary>Redis keeps it for a year; the session says when it is over.</summary>
    [Fact]
    public async Task ALifetimeThatWasEditedProlongsNothing()
    {
        var clock = new FakeTimeProvider(TimeProvider.System.GetUtcNow());
        using TlsServerContext server = Server(clock);
        await TlsPair.ConnectAsync(_client, server);
        foreach (RedisKey name in Names())
        {
            await Database.KeyExpireAsync(name, TimeSpan.FromDays(365));
        }
        ForgetMemory();
        Assert.True((await TlsPair.ConnectAsync(_client, server)).IsResumed);
        ForgetMemory();
        clock.Advance(TimeSpan.FromHours(1) + TimeSpan.FromSeconds(1));
        ResumptionOutcome outcome = await TlsPair.ConnectAsync(_client, server);
        Assert.Equal((ResumptionStatus.Declined, ResumptionReason.SessionExpired), (outcome.Status, outcome.Reason));
    }

    private TlsServerContext Server(TimeProvider clock) => new(new TlsServerOptions
    {
        ServerCertificates = [Segno.Tests.TestPki.Ecdsa().Tls],
        EnabledSslProtocols = System.Security.Authentication.SslProtocols.Tls12,
        TicketCount = 0,
        SessionStore = _store,
        TicketKeys = _keys,
        Group = "fleet",
        TimeProvider = clock,
    });

    private async Task MakeSessionAsync()
    {
        Assert.Equal(ResumptionStatus.NotOffered, (await TlsPair.ConnectAsync(_client, _server)).Status);
        ForgetMemory();
    }

    private async Task DeclinesAsync(ResumptionReason reason)
    {
        ResumptionOutcome outcome = await TlsPair.ConnectAsync(_client, _server);
        Assert.Equal((ResumptionStatus.Declined, reason), (outcome.Status, outcome.Reason));
        ForgetMemory();
    }

    private RedisKey[] Names() => [.. _garnet.Connection.GetServers()[0].Keys(pattern: _prefix + "*")];

    /// <summary>What memory has is not asked of the store.</summary>
    private void ForgetMemory() => _memoryClock.Advance(TimeSpan.FromSeconds(3));
}

using System.Security.Cryptography;
using Microsoft.Extensions.Time.Testing;
using Segno.Redis.Tests.Servers;
using Segno.Sessions;
using StackExchange.Redis;

namespace Segno.Redis.Tests;

/// <summary>Two servers share revocations through Garnet.</summary>
[Collection(GarnetForAll.Name)]
public sealed class RedisRevocationListTests : IDisposable
{
    private readonly GarnetHost _garnet;
    private readonly FakeTimeProvider _time = new(TimeProvider.System.GetUtcNow());
    private readonly string _prefix = $"revocations-{Guid.NewGuid()}";
    private readonly byte[] _certificate = RandomNumberGenerator.GetBytes(32);
    private readonly RedisRevocationList _one;
    private readonly RedisRevocationList _other;

    public RedisRevocationListTests(GarnetHost garnet)
    {
        _garnet = garnet;
        _one = Server();
        _other = Server();
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private DateTimeOffset Now => _time.GetUtcNow();

    public void Dispose()
    {
        _one.Dispose();
        _other.Dispose();
    }

    [Fact]
    public async Task WhatOneRevokesTheOtherKnows()
    {
        Assert.True(await _other.PollAsync(Token));
        await _one.RevokeCertificateAsync(_certificate, Now, Token);
        await _one.RevokeTenantAsync("shop", Now, Token);
        await _one.RevokeTenantAsync(null, Now, Token);
        Assert.Equal(3, _one.List.Count);
        // By the message: no clock moves.
        await Eventually.BecomesAsync(() => _other.List.Count == 3, "the other server knows all three");
        RedisRevocationList late = Server();
        Assert.True(await late.PollAsync(Token));
        Assert.Equal(3, late.List.Count);
        late.Dispose();
    }

    [Fact]
    public async Task WhereTheMessageIsLostTheNextLookFindsIt()
    {
        Assert.True(await _other.PollAsync(Token));
        await _garnet.Connection.GetDatabase().SortedSetAddAsync(_prefix, "tenant:shop", Now.ToUnixTimeMilliseconds());
        _time.Advance(TimeSpan.FromSeconds(10));
        await Eventually.BecomesAsync(() => _other.List.Count == 1, "the look has found it");
    }

    /// <summary>A tenant's sessions are resumed, revoked, and resumed again when they are new: over real connections.</summary>
    [Fact]
    public async Task ARevokedTenantsSessionsAreDeclined()
    {
        using var server = new TlsServerContext(new TlsServerOptions
        {
            ServerCertificates = [Segno.Tests.TestPki.Ecdsa().Tls],
            Revocations = _other,
            Tenant = "shop",
        });
        TlsClientContext client = TlsPair.Client(Kind.Tls13);
        await TlsPair.ConnectAsync(client, server);
        Assert.True((await TlsPair.ConnectAsync(client, server)).IsResumed);
        await _one.RevokeTenantAsync("shop", TimeProvider.System.GetUtcNow() + TimeSpan.FromMilliseconds(1), Token);
        Assert.True(await _other.PollAsync(Token));
        ResumptionOutcome outcome = await TlsPair.ConnectAsync(client, server);
        Assert.Equal((ResumptionStatus.Declined, ResumptionReason.Revoked), (outcome.Status, outcome.Reason));
    }

    /// <summary>Of several times the latest counts, in Redis as in memory, in whatever order they come.</summary>
    [Fact]
    public async Task AnEarlierTimeDoesNotTakeTheLatersPlace()
    {
        await _one.RevokeTenantAsync("shop", Now, Token);
        await _other.RevokeTenantAsync("shop", Now - TimeSpan.FromHours(1), Token);
        Assert.Equal(Now.ToUnixTimeMilliseconds(), await Score("tenant:shop"));
        await _other.RevokeTenantAsync("shop", Now + TimeSpan.FromHours(1), Token);
        Assert.Equal((Now + TimeSpan.FromHours(1)).ToUnixTimeMilliseconds(), await Score("tenant:shop"));
    }

    [Fact]
    public async Task WhatNoSessionCanBeThatOldForIsForgotten()
    {
        await _one.RevokeTenantAsync("shop", Now, Token);
        Assert.True(await _other.PollAsync(Token));
        _time.Advance(TimeSpan.FromDays(7));
        Assert.True(await _other.PollAsync(Token));
        Assert.Equal(1, _other.List.Count);
        _time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.True(await _other.PollAsync(Token));
        Assert.Equal(0, _other.List.Count);
        Assert.Null(await Score("tenant:shop"));
    }

    [Fact]
    public async Task WhatRedisLosesServersStillKnow()
    {
        await _one.RevokeCertificateAsync(_certificate, Now, Token);
        await _garnet.Connection.GetDatabase().KeyDeleteAsync(_prefix);
        Assert.True(await _one.PollAsync(Token));
        Assert.Equal(1, _one.List.Count);
    }

    [Theory]
    [InlineData("nonsense")]
    [InlineData("certificate:")]
    [InlineData("certificate:00")]
    [InlineData("certificate:zz112233445566778899aabbccddeeff00112233445566778899aabbccddeeff")]
    public async Task WhatIsNoRevocationIsNobodys(string entry)
    {
        await _garnet.Connection.GetDatabase().SortedSetAddAsync(_prefix, entry, Now.ToUnixTimeMilliseconds());
        await _garnet.Connection.GetDatabase().SortedSetAddAsync(_prefix, "tenant:shop", 1e300);
        Assert.True(await _one.PollAsync(Token));
        Assert.Equal(0, _one.List.Count);
    }

    /// <summary>Here it counts all the same; and the caller hears that the others do not know.</summary>
    [Fact]
    public async Task WithoutRedisItCountsHereAndIsSaid()
    {
        await using ConnectionMultiplexer nowhere = await ConnectionMultiplexer.ConnectAsync(RedisProcess.Configuration(Interop.Tests.Peers.Loopback.FreePort()));
        using var alone = new RedisRevocationList(nowhere, _prefix);
        await Assert.ThrowsAnyAsync<RedisException>(() => alone.RevokeCertificateAsync(_certificate, Now, Token));
        Assert.Equal(1, alone.List.Count);
        Assert.False(await alone.PollAsync(Token));
        Assert.IsType<RedisException>(alone.LastFailure, exactMatch: false);
    }

    [Fact]
    public async Task ArgumentsAreChecked()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new RedisRevocationList(_garnet.Connection, pollInterval: TimeSpan.FromSeconds(1) - TimeSpan.FromTicks(1)));
        Assert.Throws<ArgumentOutOfRangeException>(() => new RedisRevocationList(_garnet.Connection, pollInterval: TimeSpan.FromHours(1) + TimeSpan.FromTicks(1)));
        Assert.Throws<ArgumentOutOfRangeException>(() => new RedisRevocationList(_garnet.Connection, lifetime: TimeSpan.Zero));
        Assert.Throws<ArgumentOutOfRangeException>(() => new RedisRevocationList(_garnet.Connection, lifetime: TimeSpan.FromDays(366) + TimeSpan.FromTicks(1)));
        Assert.Throws<ArgumentException>(() => new RedisRevocationList(_garnet.Connection, ""));
        await Assert.ThrowsAsync<ArgumentException>(() => _one.RevokeCertificateAsync(_certificate.AsMemory(1), Now, Token));
    }

    private async Task<double?> Score(string entry) => await _garnet.Connection.GetDatabase().SortedSetScoreAsync(_prefix, entry);

    private RedisRevocationList Server() => new(_garnet.Connection, _prefix, timeProvider: _time);
}

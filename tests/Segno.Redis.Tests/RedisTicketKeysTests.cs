using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Time.Testing;
using Segno.Redis.Tests.Servers;
using Segno.Sessions;
using StackExchange.Redis;

namespace Segno.Redis.Tests;

/// <summary>A fleet whose clocks agree and move when a test says so; Redis is Garnet. Keys are judged by what the rings say and by real handshakes.</summary>
[Collection(GarnetForAll.Name)]
public sealed class RedisTicketKeysTests : IDisposable
{
    private static readonly TimeSpan Poll = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Lead = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan Day = TimeSpan.FromHours(24);

    private readonly GarnetHost _garnet;
    private readonly FakeTimeProvider _time = new(TimeProvider.System.GetUtcNow());
    private readonly string _prefix = $"keys-{Guid.NewGuid()}";
    private readonly byte[] _kek = RandomNumberGenerator.GetBytes(32);
    private readonly List<RedisTicketKeys> _nodes = [];

    public RedisTicketKeysTests(GarnetHost garnet) => _garnet = garnet;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private IDatabase Database => _garnet.Connection.GetDatabase();

    private RedisKey Keys => $"{{{_prefix}}}:keys";

    private RedisKey Lease => $"{{{_prefix}}}:lease";

    public void Dispose() => _nodes.ForEach(node => node.Dispose());

    [Fact]
    public async Task ThreeNodesHaveTheSameKeyAndOneLeader()
    {
        RedisTicketKeys[] fleet = await FleetAsync(3);
        Assert.Single(fleet, node => node.IsLeader);
        Assert.All(fleet, node => Assert.Equal(["0 Active"], Show(node)));
        Assert.Single(fleet.Select(node => node.Ring.Keys[0].Name).Distinct());
        Assert.All(fleet, node => Assert.Equal((1, null), (node.Number, node.LastFailure)));
        Assert.Equal(3, fleet.Select(node => node.NodeName).Distinct().Count());
    }

    /// <summary>Published five minutes ahead, active on all at the same time, retiring, destroyed; and no ticket of one node is lost at another.</summary>
    [Fact]
    public async Task AKeyIsPublishedBeforeItIsUsed()
    {
        RedisTicketKeys[] fleet = await FleetAsync(3);
        _time.Advance(Day - Lead - TimeSpan.FromSeconds(1));
        await PollAsync(fleet);
        Assert.All(fleet, node => Assert.Equal(["0 Active"], Show(node)));
        _time.Advance(TimeSpan.FromSeconds(1));
        await PollAsync(fleet);
        await PollAsync(fleet);
        Assert.All(fleet, node => Assert.Equal(["1 PrePublished", "0 Active"], Show(node)));
        _time.Advance(Lead);
        Assert.All(fleet, node => Assert.Equal(["1 Active", "0 Retiring"], Show(node)));
        _time.Advance(Day - Lead);
        await PollAsync(fleet);
        await PollAsync(fleet);
        Assert.All(fleet, node => Assert.Equal(["2 PrePublished", "1 Active", "0 Retiring"], Show(node)));
        _time.Advance(Lead + TimeSpan.FromMinutes(2));
        Assert.All(fleet, node => Assert.Equal(["2 Active", "1 Retiring", "0 Destroyed"], Show(node)));
    }

    [Fact]
    public async Task TicketsOfOneNodeAreResumedAtTheOthers()
    {
        RedisTicketKeys[] fleet = await FleetAsync(3);
        TlsServerContext[] servers = [.. fleet.Select(node => TlsPair.Server(null, node.Ring, Kind.Tls13))];
        TlsClientContext client = TlsPair.Client(Kind.Tls13);
        Assert.False((await TlsPair.ConnectAsync(client, servers[0])).IsResumed);
        for (int i = 0; i < 6; i++)
        {
            Assert.True((await TlsPair.ConnectAsync(client, servers[i % 3])).IsResumed);
        }
        await fleet[0].RevokeBeforeAsync(1, Token);
        await PollAsync(fleet);
        ResumptionOutcome outcome = await TlsPair.ConnectAsync(client, servers[1]);
        Assert.Equal((ResumptionStatus.Declined, ResumptionReason.Revoked), (outcome.Status, outcome.Reason));
        Assert.True((await TlsPair.ConnectAsync(client, servers[2])).IsResumed);
        Array.ForEach(servers, server => server.Dispose());
    }

    [Fact]
    public async Task AnotherNodeLeadsWhenTheLeaderIsGone()
    {
        RedisTicketKeys[] fleet = await FleetAsync(3);
        RedisTicketKeys leader = Assert.Single(fleet, node => node.IsLeader);
        RedisTicketKeys[] rest = [.. fleet.Where(node => node != leader)];
        // What the time of its lease does when the leader dies without a word.
        await Database.KeyDeleteAsync(Lease);
        _time.Advance(Day - Lead);
        await PollAsync(rest);
        await PollAsync(rest);
        Assert.Single(rest, node => node.IsLeader);
        Assert.All(rest, node => Assert.Equal(["1 PrePublished", "0 Active"], Show(node)));
    }

    [Fact]
    public async Task TheLeaseHasATime()
    {
        await FleetAsync(1);
        Assert.InRange((await Database.KeyTimeToLiveAsync(Lease))!.Value, TimeSpan.FromTicks(1), 3 * Poll);
    }

    [Fact]
    public async Task ALeaderThatStopsGivesTheLeaseBack()
    {
        RedisTicketKeys[] fleet = await FleetAsync(2);
        Assert.Single(fleet, node => node.IsLeader).Dispose();
        await Eventually.BecomesAsync(async () => !await Database.KeyExistsAsync(Lease), "the lease is given back");
        RedisTicketKeys other = fleet.First(node => !node.IsLeader || node.Ring.Keys[0].Phase == TicketKeyPhase.Active);
        Assert.True(await other.PollAsync(Token));
        Assert.True(other.IsLeader);
    }

    /// <summary>Two that both believe to lead write one after the other, and neither takes the other's back.</summary>
    [Fact]
    public async Task TwoLeadersDoNoHarm()
    {
        RedisTicketKeys[] fleet = await FleetAsync(2);
        for (int i = 0; i < 4; i++)
        {
            await Task.WhenAll(fleet.Select(node => node.RotateAsync(Token)));
        }
        await PollAsync(fleet);
        Assert.All(fleet, node => Assert.Equal(9, node.Number));
        Assert.Equal(Show(fleet[0]), Show(fleet[1]));
        Assert.Equal(9, Show(fleet[0]).Length);
    }

    [Fact]
    public async Task WhoComesLateHasAllKeysThatLive()
    {
        RedisTicketKeys[] fleet = await FleetAsync(1);
        _time.Advance(Day - Lead);
        await PollAsync(fleet);
        _time.Advance(Lead);
        RedisTicketKeys late = Node();
        Assert.True(await late.PollAsync(Token));
        Assert.Equal(["1 Active", "0 Retiring"], Show(late));
        Assert.False(late.IsLeader);
    }

    /// <summary>A node that lives and does not have the new key puts its time off; one that is not heard of does not.</summary>
    [Fact]
    public async Task AKeyWaitsForTheNodesThatLive()
    {
        RedisTicketKeys[] fleet = await FleetAsync(2);
        RedisTicketKeys leader = Assert.Single(fleet, node => node.IsLeader);
        RedisTicketKeys slow = Assert.Single(fleet, node => !node.IsLeader);
        _time.Advance(Day - Lead);
        Assert.True(await leader.PollAsync(Token));
        Assert.Equal(["1 PrePublished", "0 Active"], Show(leader));
        // It is heard of, and of the number before: its look came just before the leader wrote.
        RedisValue published = await Database.StringGetAsync(Keys);
        _time.Advance(Lead - (2 * Poll));
        await Say(slow, leader.Number - 1);
        Assert.True(await leader.PollAsync(Token));
        Assert.NotEqual(published, await Database.StringGetAsync(Keys));
        _time.Advance(2 * Poll);
        Assert.Equal(["1 PrePublished", "0 Active"], Show(leader));
        Assert.True(await slow.PollAsync(Token));
        _time.Advance(Lead - (2 * Poll));
        await PollAsync(fleet);
        Assert.Equal(["1 Active", "0 Retiring"], Show(leader));
        Assert.Equal(["1 Active", "0 Retiring"], Show(slow));
    }

    /// <summary>The timer alone: nobody calls anything.</summary>
    [Fact]
    public async Task ALookIsTakenWithoutBeingAsked()
    {
        RedisTicketKeys node = Node(isManual: false);
        await Eventually.BecomesAsync(() => Show(node) is ["0 Active"], "the first look has made a key");
        await Database.KeyDeleteAsync(Keys);
        await Eventually.BecomesAsync(
            () =>
            {
                // Again and again: the first time may find the node not waiting yet.
                _time.Advance(Poll);
                return Database.KeyExistsAsync(Keys);
            },
            "the next one has put it back");
    }

    [Fact]
    public async Task AKeyDoesNotWaitForANodeThatIsGone()
    {
        RedisTicketKeys[] fleet = await FleetAsync(2);
        RedisTicketKeys leader = Assert.Single(fleet, node => node.IsLeader);
        _time.Advance(Day - Lead);
        Assert.True(await leader.PollAsync(Token));
        _time.Advance(Lead - (2 * Poll));
        Assert.True(await leader.PollAsync(Token));
        _time.Advance(2 * Poll);
        Assert.Equal(["1 Active", "0 Retiring"], Show(leader));
    }

    /// <summary>Who may write in Redis cannot make the fleet wait: what is no confirmation of this fleet counts for nothing.</summary>
    [Fact]
    public async Task AForgedNodeIsNotWaitedFor()
    {
        RedisTicketKeys[] fleet = await FleetAsync(1);
        await Database.HashSetAsync($"{{{_prefix}}}:nodes", "mallory", RandomNumberGenerator.GetBytes(45));
        _time.Advance(Day - Lead);
        await PollAsync(fleet);
        _time.Advance(Lead - (2 * Poll));
        await PollAsync(fleet);
        _time.Advance(2 * Poll);
        Assert.Equal(["1 Active", "0 Retiring"], Show(fleet[0]));
        Assert.False(await Database.HashExistsAsync($"{{{_prefix}}}:nodes", "mallory"));
    }

    [Fact]
    public async Task RevocationReachesAllAndReplacesTheActiveKey()
    {
        RedisTicketKeys[] fleet = await FleetAsync(3);
        await fleet[1].RevokeAsync(0, Token);
        await PollAsync(fleet);
        Assert.All(fleet, node => Assert.Equal(["1 Active", "0 Destroyed"], Show(node)));
        await Assert.ThrowsAsync<ArgumentException>(() => fleet[0].RevokeAsync(0, Token));
    }

    /// <summary>Told by Redis, not found by the next look: no clock moves here.</summary>
    [Fact]
    public async Task ARevocationIsHeardOfAtOnce()
    {
        RedisTicketKeys[] fleet = await FleetAsync(2, isManual: false);
        await fleet[0].RevokeAsync(0, Token);
        await Eventually.BecomesAsync(() => Show(fleet[1]) is ["1 Active", "0 Destroyed"], "the other node has heard of it");
    }

    /// <summary>Redis was restored from a backup, or somebody puts back what was there: who has seen more puts that back.</summary>
    [Fact]
    public async Task AnOlderStateIsRefusedAndReplaced()
    {
        RedisTicketKeys[] fleet = await FleetAsync(2);
        RedisValue old = await Database.StringGetAsync(Keys);
        await fleet[0].RevokeAsync(0, Token);
        await PollAsync(fleet);
        RedisValue current = await Database.StringGetAsync(Keys);

        await Database.StringSetAsync(Keys, old);
        await PollAsync(fleet);
        Assert.Equal(current, await Database.StringGetAsync(Keys));
        Assert.All(fleet, node => Assert.Equal(["1 Active", "0 Destroyed"], Show(node)));
    }

    [Fact]
    public async Task KeysThatRedisLostComeBack()
    {
        RedisTicketKeys[] fleet = await FleetAsync(2);
        RedisValue current = await Database.StringGetAsync(Keys);
        await Database.KeyDeleteAsync([Keys, Lease, $"{{{_prefix}}}:nodes"]);
        await PollAsync(fleet);
        Assert.Equal(current, await Database.StringGetAsync(Keys));
        Assert.All(fleet, node => Assert.Equal(["0 Active"], Show(node)));
    }

    [Fact]
    public async Task GarbageChangesNothingAndIsReplaced()
    {
        RedisTicketKeys[] fleet = await FleetAsync(2);
        RedisTicketKeys other = Assert.Single(fleet, node => !node.IsLeader);
        RedisValue current = await Database.StringGetAsync(Keys);
        await Database.StringSetAsync(Keys, RandomNumberGenerator.GetBytes(100));
        Assert.False(await other.PollAsync(Token));
        Assert.IsType<TicketKeyException>(other.LastFailure);
        Assert.Equal(["0 Active"], Show(other));
        await PollAsync(fleet.Where(node => node.IsLeader));
        Assert.Equal(current, await Database.StringGetAsync(Keys));
        Assert.True(await other.PollAsync(Token));
        Assert.Null(other.LastFailure);
    }

    /// <summary>Every bit counts: of the version, the nonce, the content, the tag.</summary>
    [Fact]
    public async Task AChangedBitIsRefused()
    {
        await FleetAsync(1);
        byte[] current = (byte[])(await Database.StringGetAsync(Keys))!;
        RedisTicketKeys fresh = Node();
        for (int i = 0; i < current.Length; i += 11)
        {
            byte[] bad = [.. current];
            bad[i] ^= 0x10;
            await Database.StringSetAsync(Keys, bad);
            Assert.False(await fresh.PollAsync(Token));
            Assert.IsType<TicketKeyException>(fresh.LastFailure);
            Assert.Empty(fresh.Ring.Keys);
        }
        await Database.StringSetAsync(Keys, current);
        Assert.True(await fresh.PollAsync(Token));
    }

    [Fact]
    public async Task ANodeWithAnotherKeyEncryptionKeyHasNoKeysAndBreaksNothing()
    {
        RedisTicketKeys[] fleet = await FleetAsync(1);
        RedisTicketKeys stranger = Node(kek: RandomNumberGenerator.GetBytes(32));
        Assert.False(await stranger.PollAsync(Token));
        await Assert.ThrowsAsync<TicketKeyException>(() => stranger.RotateAsync(Token));
        Assert.Empty(stranger.Ring.Keys);
        await PollAsync(fleet);
        Assert.Equal(["0 Active"], Show(fleet[0]));
    }

    /// <summary>Redis sees no key, nor the text that one stands in.</summary>
    [Fact]
    public async Task RedisSeesNoKey()
    {
        RedisTicketKeys[] fleet = await FleetAsync(1);
        string seen = Encoding.Latin1.GetString((byte[])(await Database.StringGetAsync(Keys))!);
        Assert.DoesNotContain("segno-ticket-keys", seen, StringComparison.Ordinal);
        Assert.DoesNotContain(fleet[0].Ring.Keys[0].Name, seen, StringComparison.Ordinal);
    }

    [Fact]
    public async Task TheKeyEncryptionKeyCanBeReplaced()
    {
        byte[] next = RandomNumberGenerator.GetBytes(32);
        RedisTicketKeys before = Node(previous: next);
        Assert.True(await before.PollAsync(Token));
        RedisTicketKeys changed = Node(kek: next, previous: _kek);
        Assert.True(await changed.PollAsync(Token));
        Assert.Equal(Show(before), Show(changed));
        await changed.RotateAsync(Token);
        Assert.True(await before.PollAsync(Token));
        RedisTicketKeys after = Node(kek: next);
        Assert.True(await after.PollAsync(Token));
        Assert.All([before, changed, after], node => Assert.Equal(["1 PrePublished", "0 Active"], Show(node)));
    }

    /// <summary>Cut off, a node goes on with what it has: two rotation intervals of sealing, a lifetime more of opening, then no tickets.</summary>
    [Fact]
    public async Task WithoutRedisTheKeysGoOnUntilTheirTimeIsOver()
    {
        RedisTicketKeys[] fleet = await FleetAsync(1);
        await Database.StringSetAsync(Keys, "taken away");
        RedisTicketKeys alone = fleet[0];
        await Database.StringSetAsync(Lease, "somebody else");
        _time.Advance((2 * Day) - TimeSpan.FromSeconds(1));
        Assert.Equal(["0 Active"], Show(alone));
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(["0 Retiring"], Show(alone));
        using TlsServerContext server = TlsPair.Server(null, alone.Ring, Kind.Tls13);
        TlsClientContext client = TlsPair.Client(Kind.Tls13);
        await TlsPair.ConnectAsync(client, server);
        Assert.Equal(ResumptionStatus.NotOffered, (await TlsPair.ConnectAsync(client, server)).Status);
        _time.Advance(Day + TimeSpan.FromSeconds(61));
        Assert.Equal(["0 Destroyed"], Show(alone));
    }

    [Fact]
    public async Task ANodeThatNeverReachedRedisHasNoTickets()
    {
        await using ConnectionMultiplexer nowhere = await ConnectionMultiplexer.ConnectAsync(RedisProcess.Configuration(Interop.Tests.Peers.Loopback.FreePort()));
        using var keys = new RedisTicketKeys(nowhere, _kek, Options());
        Assert.False(await keys.PollAsync(Token));
        Assert.IsType<RedisException>(keys.LastFailure, exactMatch: false);
        Assert.Empty(keys.Ring.Keys);
        await Assert.ThrowsAnyAsync<RedisException>(() => keys.RevokeAsync(0, Token));
        using TlsServerContext server = TlsPair.Server(null, keys.Ring, Kind.Tls13);
        TlsClientContext client = TlsPair.Client(Kind.Tls13);
        await TlsPair.ConnectAsync(client, server);
        Assert.Equal(ResumptionStatus.NotOffered, (await TlsPair.ConnectAsync(client, server)).Status);
    }

    [Fact]
    public void ArgumentsAreChecked()
    {
        Assert.Equal(TicketKeyProblem.TooShort, Assert.Throws<TicketKeyException>(() => Make(_kek[..31])).Problem);
        Assert.Throws<ArgumentException>(() => Make([.. _kek, 1]));
        Assert.Equal(TicketKeyProblem.Weak, Assert.Throws<TicketKeyException>(() => Make(new byte[32])).Problem);
        Assert.Equal(TicketKeyProblem.Weak, Assert.Throws<TicketKeyException>(() => Make("a passphrase of exactly 32 bytes"u8.ToArray())).Problem);
        Refused(new RedisTicketKeysOptions { PollInterval = TimeSpan.FromSeconds(1) - TimeSpan.FromTicks(1) });
        Refused(new RedisTicketKeysOptions { PollInterval = TimeSpan.FromHours(1) + TimeSpan.FromTicks(1), Lead = TimeSpan.FromHours(3) });
        Refused(new RedisTicketKeysOptions { RotationInterval = TimeSpan.FromMinutes(1) - TimeSpan.FromTicks(1), Lead = TimeSpan.FromSeconds(20) });
        Refused(new RedisTicketKeysOptions { RotationInterval = TimeSpan.FromDays(7) + TimeSpan.FromTicks(1) });
        Refused(new RedisTicketKeysOptions { Lead = (2 * Poll) - TimeSpan.FromTicks(1) });
        Refused(new RedisTicketKeysOptions { Lead = (Day / 2) + TimeSpan.FromTicks(1) });
        Refused(new RedisTicketKeysOptions { TicketLifetime = TimeSpan.FromDays(7) + TimeSpan.FromTicks(1) });
        Refused(new RedisTicketKeysOptions { Database = -1 });
        Assert.Throws<ArgumentException>(() => Make(_kek, new RedisTicketKeysOptions { NodeName = new string('n', 65) }));
        Assert.Throws<ArgumentException>(() => Make(_kek, new RedisTicketKeysOptions { Prefix = "" }));

        void Refused(RedisTicketKeysOptions options) => Assert.Throws<ArgumentOutOfRangeException>(() => Make(_kek, options));

        RedisTicketKeys Make(byte[] kek, RedisTicketKeysOptions? options = null) => new(_garnet.Connection, kek, options ?? Options());
    }

    private RedisTicketKeysOptions Options(byte[]? previous = null, bool isManual = true) => new()
    {
        Prefix = _prefix,
        PollInterval = Poll,
        Lead = Lead,
        RotationInterval = Day,
        TicketLifetime = Day,
        OtherKeyEncryptionKey = previous,
        TimeProvider = _time,
        IsManual = isManual,
    };

    private RedisTicketKeys Node(byte[]? kek = null, byte[]? previous = null, bool isManual = true)
    {
        var node = new RedisTicketKeys(_garnet.Connection, kek ?? _kek, Options(previous, isManual));
        _nodes.Add(node);
        return node;
    }

    private async Task<RedisTicketKeys[]> FleetAsync(int count, bool isManual = true)
    {
        RedisTicketKeys[] fleet = [.. Enumerable.Range(0, count).Select(_ => Node(isManual: isManual))];
        await PollAsync(fleet);
        await PollAsync(fleet);
        return fleet;
    }

    private static async Task PollAsync(IEnumerable<RedisTicketKeys> fleet)
    {
        foreach (RedisTicketKeys node in fleet)
        {
            Assert.True(await node.PollAsync(Token), $"{node.LastFailure}");
        }
    }

    private static string[] Show(RedisTicketKeys node) => [.. node.Ring.Keys.Select(key => $"{key.Epoch} {key.Phase}")];

    /// <summary>What a node would say that has taken a number.</summary>
    private async Task Say(RedisTicketKeys node, long number)
    {
        byte[] content = new byte[16];
        System.Buffers.Binary.BinaryPrimitives.WriteInt64BigEndian(content, number);
        System.Buffers.Binary.BinaryPrimitives.WriteInt64BigEndian(content.AsSpan(8), _time.GetUtcNow().ToUnixTimeMilliseconds());
        using var encryption = new KeyEncryption([_kek], _prefix);
        await Database.HashSetAsync($"{{{_prefix}}}:nodes", node.NodeName, encryption.Seal("confirmation", node.NodeName, content));
    }
}

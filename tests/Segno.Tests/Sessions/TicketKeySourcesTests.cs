using System.Security.Cryptography;
using Microsoft.Extensions.Time.Testing;
using Segno.Cryptography;
using Segno.Sessions;
using Segno.Sessions.Tickets;

namespace Segno.Tests.Sessions;

/// <summary>Keys that a fleet has in common: from files, from the caller, derived.</summary>
public sealed class TicketKeySourcesTests : IDisposable
{
    private static readonly TimeSpan Hour = TimeSpan.FromHours(1);
    private static readonly TimeSpan Day = TimeSpan.FromDays(1);
    private static readonly TimeSpan Poll = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Skew = TimeSpan.FromSeconds(30);

    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("segno-test-");
    private readonly FakeTimeProvider _time = new(SessionDraft.Now);
    private readonly byte[] _root = RandomNumberGenerator.GetBytes(32);

    private string KeyPath => PathOf("ticket.keys");

    public void Dispose() => _directory.Delete(recursive: true);

    [Fact]
    [Trait("Museum", "C11")]
    public void AFleetWithDerivedKeysLosesNoTicketAndKeepsNone()
    {
        TestClock[] clocks = [new(), new(), new()];
        clocks[0].Wall -= Skew;
        clocks[2].Wall += Skew;
        TicketKeyRing[] rings = [.. clocks.Select(clock => TicketKeyRing.Derive(_root, Hour, timeProvider: clock))];
        TicketSealer[] fleet = [.. rings.Select(ring => new TicketSealer(ring, CryptoProvider.Default))];
        TlsSession session = new SessionDraft().Session();
        var tickets = new List<(byte[] Ticket, TimeSpan At)>();
        var epochs = new HashSet<long>();
        for (TimeSpan now = TimeSpan.Zero; now <= 6 * Hour; now += TimeSpan.FromSeconds(15 * 13))
        {
            foreach ((TicketSealer node, TicketKeyRing ring) in fleet.Zip(rings))
            {
                epochs.Add(ring.Active!.Epoch);
                tickets.Add((node.Seal(session)!, now));
            }
            foreach ((byte[] ticket, TimeSpan at) in tickets)
            {
                foreach (TicketSealer node in fleet)
                {
                    bool opened = node.Open(ticket, out ResumptionReason reason) is not null;
                    // A ticket that is over by two periods and the tolerance was sealed under a key that is gone.
                    bool? expected = now - at <= Hour ? true : now - at > (2 * Hour) + TimeSpan.FromMinutes(2) ? false : null;
                    Assert.True(expected is null || expected == opened, $"{now} {at} {reason}");
                    Assert.True(opened || reason == ResumptionReason.RetiredTicketKey);
                }
            }
            tickets.RemoveAll(ticket => now - ticket.At > 3 * Hour);
            Array.ForEach(clocks, clock => clock.Advance(TimeSpan.FromSeconds(15 * 13)));
        }
        Assert.True(epochs.Count > 5);
        Array.ForEach(rings, ring => ring.Dispose());
    }

    [Fact]
    public void ADerivedRingHoldsTheKeyBeforeAndTheKeyAfter()
    {
        using TicketKeyRing ring = TicketKeyRing.Derive(_root, Hour, timeProvider: new TestClock());
        long current = SessionDraft.Now.ToUnixTimeSeconds() / 3600;
        Assert.Equal(
            [(current + 1, TicketKeyPhase.PrePublished), (current, TicketKeyPhase.Active), (current - 1, TicketKeyPhase.Retiring)],
            ring.Keys.Select(key => (key.Epoch, key.Phase)));
        Assert.True(ring.RequiresForwardSecrecy);
        Assert.Throws<InvalidOperationException>(ring.Rotate);
    }

    /// <summary>Museum C11: the wall clock goes a day ahead and back. No key that is gone comes back, no ticket of the fleet is lost.</summary>
    [Theory]
    [Trait("Museum", "C11")]
    [InlineData(-24)]
    [InlineData(24)]
    [InlineData(24 * 40)]
    public void ADerivedRingNeverGoesBack(int hours)
    {
        var clock = new TestClock();
        using TicketKeyRing ring = TicketKeyRing.Derive(_root, Day, timeProvider: clock);
        TicketKeyInfo[] before = [.. ring.Keys];
        clock.Wall += TimeSpan.FromHours(hours);
        long there = ring.Active!.Epoch;
        Assert.Equal(before[1].Epoch + Math.Max(0, hours / 24), there);
        clock.Wall -= TimeSpan.FromHours(hours);
        Assert.Equal(there, ring.Active!.Epoch);
        ring.Find(UInt128.Parse(before[1].Name, System.Globalization.NumberStyles.HexNumber, null), out ResumptionReason reason);
        Assert.Equal(hours > 24 ? ResumptionReason.RetiredTicketKey : ResumptionReason.None, reason);
        // The fleet's next key is the one that this ring is at.
        clock.Wall = SessionDraft.Now + Day;
        using TicketKeyRing other = TicketKeyRing.Derive(_root, Day, timeProvider: clock);
        Assert.Equal(hours > 24, other.Active!.Name != ring.Active.Name);
    }

    [Fact]
    public void RootAndPeriodMakeTheKey()
    {
        var clock = new TestClock();
        string Name(byte[] root, TimeSpan period)
        {
            using TicketKeyRing ring = TicketKeyRing.Derive(root, period, timeProvider: clock);
            return ring.Keys[1].Name;
        }
        Assert.Equal(Name(_root, Hour), Name([.. _root], Hour));
        Assert.NotEqual(Name(_root, Hour), Name([.. _root, 1], Hour));
        Assert.NotEqual(Name(_root, Hour), Name(_root, Hour * 2));
    }

    [Theory]
    [InlineData(59, 59, false)]
    [InlineData(60, 60, true)]
    [InlineData(60, 61, false)]
    [InlineData(60.5, 60, false)]
    [InlineData(7 * 86400, 7 * 86400, true)]
    [InlineData((7 * 86400) + 1, 7 * 86400, false)]
    public void ADerivedRingsTimesHaveLimits(double period, double lifetime, bool good)
    {
        Exception? thrown = Record.Exception(() => TicketKeyRing.Derive(_root, TimeSpan.FromSeconds(period), TimeSpan.FromSeconds(lifetime), timeProvider: new TestClock()).Dispose());
        Assert.Equal(good, thrown is null);
        Assert.True(thrown is null or ArgumentOutOfRangeException);
    }

    [Theory]
    [InlineData("2025-12-31T23:59:59Z", 60, false)]
    [InlineData("2026-01-01T00:00:00Z", 60, true)]
    [InlineData("2050-01-01T00:00:00Z", 60, false)]
    [InlineData("2050-01-01T00:00:00Z", 3600, true)]
    public void AClockThatIsFarOffIsRefused(string now, int period, bool good)
    {
        var clock = new TestClock { Wall = DateTimeOffset.Parse(now, System.Globalization.CultureInfo.InvariantCulture) };
        Assert.Equal(good, Record.Exception(() => TicketKeyRing.Derive(_root, TimeSpan.FromSeconds(period), timeProvider: clock).Dispose()) is not ArgumentException);
    }

    [Fact]
    public void AClockThatRunsAwayCostsTheTicketsAndNothingElse()
    {
        var clock = new TestClock();
        using TicketKeyRing ring = TicketKeyRing.Derive(_root, TimeSpan.FromMinutes(1), timeProvider: clock);
        clock.Wall += TimeSpan.FromDays(365 * 20);
        Assert.Null(ring.Active);
        Assert.IsType<InvalidOperationException>(ring.LastFailure);
    }

    [Fact]
    public void ATicketOfAServerFarAheadIsDeclinedByName()
    {
        var clock = new TestClock { Wall = new DateTimeOffset(2026, 3, 1, 12, 0, 0, TimeSpan.Zero) };
        using TicketKeyRing ring = TicketKeyRing.Derive(_root, Hour, timeProvider: clock);
        var ahead = new TestClock { Wall = clock.Wall + Hour };
        using TicketKeyRing other = TicketKeyRing.Derive(_root, Hour, timeProvider: ahead);
        byte[] ticket = new TicketSealer(other, CryptoProvider.Default).Seal(new SessionDraft().Session())!;
        var sealer = new TicketSealer(ring, CryptoProvider.Default);

        clock.Advance(Hour - TimeSpan.FromSeconds(60) - TimeSpan.FromTicks(1));
        Assert.Null(sealer.Open(ticket, out ResumptionReason reason));
        Assert.Equal(ResumptionReason.TicketKeyNotYetActive, reason);
        clock.Advance(TimeSpan.FromTicks(1));
        Assert.NotNull(sealer.Open(ticket, out _));
    }

    /// <summary>Whatever the order and the time at which a fleet gets the file: within the lead, no ticket is lost.</summary>
    [Theory]
    [InlineData(0, 1, 2)]
    [InlineData(2, 1, 0)]
    [InlineData(1, 2, 0)]
    public void AFilePushedInAnyOrderLosesNoTicket(params int[] order)
    {
        using var keys = TicketKeyFile.Create(_time.GetUtcNow());
        string[] paths = [PathOf("0"), PathOf("1"), PathOf("2")];
        Array.ForEach(paths, path => File.WriteAllBytes(path, keys.Write()));
        TicketKeyRing[] rings = [.. paths.Select(path => TicketKeyRing.FromFile(path, Hour, Poll, _time))];
        TicketSealer[] fleet = [.. rings.Select(ring => new TicketSealer(ring, CryptoProvider.Default))];
        TlsSession session = new SessionDraft().Session();
        var tickets = new List<(byte[] Ticket, DateTimeOffset At)>();
        for (int round = 0; round < 5; round++)
        {
            keys.Rotate(_time.GetUtcNow(), _time.GetUtcNow() + TimeSpan.FromMinutes(10), Hour);
            for (int minute = 0; minute < 60; minute++, _time.Advance(TimeSpan.FromMinutes(1)))
            {
                if (minute is 1 or 4 or 8)
                {
                    File.WriteAllBytes(paths[order[minute / 4]], keys.Write());
                }
                tickets.AddRange(fleet.Select(node => (node.Seal(session)!, _time.GetUtcNow())));
                tickets.RemoveAll(ticket => _time.GetUtcNow() - ticket.At > Hour);
                Assert.All(tickets, ticket => Assert.All(fleet, node => Assert.NotNull(node.Open(ticket.Ticket, out _))));
            }
            Assert.Equal([round + 1L, round + 1L, round + 1L], rings.Select(ring => ring.Active!.Epoch));
        }
        Assert.All(rings, ring => Assert.Null(ring.LastFailure));
        Array.ForEach(rings, ring => ring.Dispose());
    }

    /// <summary>A key goes through its four phases by the file's times, and is wiped at the end.</summary>
    [Fact]
    [Trait("Museum", "C4")]
    public void AKeyOfAFileGoesThroughItsPhases()
    {
        DateTimeOffset start = _time.GetUtcNow();
        using var keys = TicketKeyFile.Create(start);
        keys.Rotate(start, start + Hour, Hour);
        keys.Rotate(start, start + (2 * Hour), Hour);
        File.WriteAllBytes(KeyPath, keys.Write());
        using TicketKeyRing ring = TicketKeyRing.FromFile(KeyPath, Hour, timeProvider: _time);
        var changes = new List<(long Epoch, TicketKeyPhase Phase, TicketKeyChangeReason Reason)>();
        ring.KeyChanged += (_, change) => changes.Add((change.Key.Epoch, change.Key.Phase, change.Reason));

        UInt128 name = NameOf(ring.Keys[1]);
        Assert.Equal(TicketKeyPhase.PrePublished, PhaseOf(ring, 1));
        _time.Advance(Hour);
        Assert.Equal(TicketKeyPhase.Active, PhaseOf(ring, 1));
        TicketKey key = ring.Active!;
        _time.Advance(Hour);
        Assert.Equal(TicketKeyPhase.Retiring, PhaseOf(ring, 1));
        _time.Advance(Hour + TimeSpan.FromSeconds(60));
        Assert.NotNull(ring.Find(name, out _));
        _time.Advance(TimeSpan.FromTicks(1));
        Assert.Null(ring.Find(name, out ResumptionReason reason));
        Assert.Equal(ResumptionReason.RetiredTicketKey, reason);
        Assert.True(key.IsDestroyed);
        Assert.Equal(
            [
                (0, TicketKeyPhase.Retiring, TicketKeyChangeReason.Scheduled), (1, TicketKeyPhase.Active, TicketKeyChangeReason.Scheduled),
                (1, TicketKeyPhase.Retiring, TicketKeyChangeReason.Scheduled), (2, TicketKeyPhase.Active, TicketKeyChangeReason.Scheduled),
                (0, TicketKeyPhase.Destroyed, TicketKeyChangeReason.Scheduled), (1, TicketKeyPhase.Destroyed, TicketKeyChangeReason.Scheduled),
            ],
            changes);
    }

    [Theory]
    [Trait("Museum", "C11")]
    [InlineData(-1)]
    [InlineData(-1000)]
    public void SettingTheClockBackBringsNoKeyOfAFileBack(int days)
    {
        var clock = new TestClock();
        using var keys = TicketKeyFile.Create(clock.Wall);
        keys.Rotate(clock.Wall, clock.Wall + Hour, Hour);
        using TicketKeyRing ring = TicketKeyRing.From(keys, Hour, clock);
        UInt128 first = ring.Active!.Name;
        clock.Advance(3 * Hour);
        Assert.Equal(1, ring.Active!.Epoch);
        clock.Wall += days * Day;
        Assert.Equal(1, ring.Active!.Epoch);
        Assert.Null(ring.Find(first, out ResumptionReason reason));
        Assert.Equal(ResumptionReason.RetiredTicketKey, reason);
    }

    [Fact]
    public void WhereNoKeyIsActiveYetThereAreNoTickets()
    {
        using var keys = TicketKeyFile.Create(_time.GetUtcNow() + Hour);
        using TicketKeyRing ring = TicketKeyRing.From(keys, timeProvider: _time);
        var sealer = new TicketSealer(ring, CryptoProvider.Default);
        Assert.Null(sealer.Seal(new SessionDraft().Session()));
        _time.Advance(Hour);
        Assert.NotNull(sealer.Seal(new SessionDraft().Session()));
    }

    [Fact]
    public void AFileThatIsRefusedLeavesTheKeysAsTheyWere()
    {
        using var keys = TicketKeyFile.Create(_time.GetUtcNow());
        byte[] first = keys.Write();
        File.WriteAllBytes(KeyPath, first);
        using TicketKeyRing ring = TicketKeyRing.FromFile(KeyPath, Day, Poll, _time);
        TicketKey active = ring.Active!;

        File.WriteAllBytes(KeyPath, first[..^5]);
        Assert.Equal(TicketKeyProblem.Malformed, Assert.IsType<TicketKeyException>(FailureAfterPoll()).Problem);
        Assert.Same(active, ring.Active);

        File.Delete(KeyPath);
        Assert.IsType<FileNotFoundException>(FailureAfterPoll());
        Assert.Same(active, ring.Active);

        File.WriteAllBytes(KeyPath, first);
        Assert.Null(FailureAfterPoll());

        keys.Rotate(_time.GetUtcNow(), _time.GetUtcNow() + Hour, Day);
        File.WriteAllBytes(KeyPath, keys.Write());
        Assert.Null(FailureAfterPoll());
        Assert.Equal(2, ring.Keys.Count);

        // Older than what is in use.
        File.WriteAllBytes(KeyPath, first);
        Assert.Equal(TicketKeyProblem.RolledBack, Assert.IsType<TicketKeyException>(FailureAfterPoll()).Problem);
        Assert.Equal(2, ring.Keys.Count);

        using var other = TicketKeyFile.Create(_time.GetUtcNow());
        other.Rotate(_time.GetUtcNow(), _time.GetUtcNow() + Hour, Day);
        File.WriteAllBytes(KeyPath, other.Write());
        Assert.Equal(TicketKeyProblem.EpochReused, Assert.IsType<TicketKeyException>(FailureAfterPoll()).Problem);
        Assert.Same(active, ring.Active);

        Exception? FailureAfterPoll()
        {
            _time.Advance(Poll);
            return ring.LastFailure;
        }
    }

    [Fact]
    public void AtTheStartAFileThatIsNoneIsAnException()
    {
        Assert.Throws<FileNotFoundException>(() => TicketKeyRing.FromFile(KeyPath));
        File.WriteAllBytes(KeyPath, new byte[48]);
        Assert.Throws<TicketKeyException>(() => TicketKeyRing.FromFile(KeyPath));
        Assert.Throws<ArgumentOutOfRangeException>(() => TicketKeyRing.FromFiles([]));
    }

    [Theory]
    [InlineData(0.9, false)]
    [InlineData(1, true)]
    [InlineData(3600, true)]
    [InlineData(3600.1, false)]
    public void ThePollIntervalHasLimits(double seconds, bool good)
    {
        File.WriteAllBytes(KeyPath, RandomNumberGenerator.GetBytes(80));
        Exception? thrown = Record.Exception(() => TicketKeyRing.FromFile(KeyPath, pollInterval: TimeSpan.FromSeconds(seconds), timeProvider: _time).Dispose());
        Assert.Equal(good, thrown is null);
        Assert.True(thrown is null or ArgumentOutOfRangeException);
    }

    [Fact]
    public void AKeyThatIsTakenOutOfTheFileIsDestroyedAtOnceAndForGood()
    {
        byte[][] lines = [.. Enumerable.Range(0, 4).Select(_ => Line())];
        File.WriteAllBytes(KeyPath, [.. lines[0], .. lines[1], .. lines[2]]);
        using TicketKeyRing ring = TicketKeyRing.FromFile(KeyPath, Day, Poll, _time);
        var changes = new List<TicketKeyChangedEventArgs>();
        ring.KeyChanged += (_, change) => changes.Add(change);
        UInt128 oldest = NameOf(ring.Keys[^1]);

        File.WriteAllBytes(KeyPath, [.. lines[1], .. lines[2], .. lines[3]]);
        _time.Advance(Poll);
        Assert.Equal([3L, 2L, 1L], ring.Keys.Where(key => key.Phase != TicketKeyPhase.Destroyed).Select(key => key.Epoch));
        Assert.Equal(2, ring.Active!.Epoch);
        Assert.Contains(changes, change => change is { Key: { Epoch: 0, Phase: TicketKeyPhase.Destroyed }, Reason: TicketKeyChangeReason.Removed });

        File.WriteAllBytes(KeyPath, [.. lines[0], .. lines[1], .. lines[2], .. lines[3]]);
        _time.Advance(Poll);
        Assert.Null(ring.LastFailure);
        Assert.Null(ring.Find(oldest, out ResumptionReason reason));
        Assert.Equal(ResumptionReason.RetiredTicketKey, reason);

        File.WriteAllBytes(KeyPath, [.. lines[0], .. lines[1], .. lines[2]]);
        _time.Advance(Poll);
        Assert.Equal(TicketKeyProblem.RolledBack, Assert.IsType<TicketKeyException>(ring.LastFailure).Problem);
        Assert.Equal(2, ring.Active!.Epoch);
    }

    [Fact]
    public void TheFirstOfNginxsFilesIsActive()
    {
        File.WriteAllBytes(PathOf("new"), RandomNumberGenerator.GetBytes(80));
        File.WriteAllBytes(PathOf("old"), RandomNumberGenerator.GetBytes(48));
        using TicketKeyRing old = TicketKeyRing.FromFile(PathOf("old"), timeProvider: _time);
        using TicketKeyRing both = TicketKeyRing.FromFiles([PathOf("new"), PathOf("old")], timeProvider: _time);
        byte[] ticket = new TicketSealer(old, CryptoProvider.Default).Seal(new SessionDraft().Session())!;

        var sealer = new TicketSealer(both, CryptoProvider.Default);
        Assert.NotNull(sealer.Open(ticket, out _));
        Assert.True(sealer.IsUnderRetiringKey(ticket));
        File.WriteAllBytes(PathOf("new"), RandomNumberGenerator.GetBytes(81));
        Assert.Throws<TicketKeyException>(() => TicketKeyRing.FromFiles([PathOf("new"), PathOf("old")]));
    }

    /// <summary>As Kubernetes mounts a secret: a link to a folder behind a link that is replaced as one.</summary>
    [Fact]
    public void AMountedSecretIsReadAnewWhenItsLinkIsReplaced()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Links need rights there.");
        using var keys = TicketKeyFile.Create(_time.GetUtcNow());
        Publish("..1");
        File.CreateSymbolicLink(KeyPath, Path.Combine("..data", "ticket.keys"));
        using TicketKeyRing ring = TicketKeyRing.FromFile(KeyPath, Day, Poll, _time);
        Assert.Single(ring.Keys);

        keys.Rotate(_time.GetUtcNow(), _time.GetUtcNow() + Hour, Day);
        Publish("..2");
        _time.Advance(Poll);
        Assert.Equal(2, ring.Keys.Count);
        Assert.Null(ring.LastFailure);

        void Publish(string name)
        {
            Directory.CreateDirectory(PathOf(name));
            File.WriteAllBytes(Path.Combine(PathOf(name), "ticket.keys"), keys.Write());
            if (Directory.Exists(PathOf("..data")))
            {
                Directory.Delete(PathOf("..data"));
            }
            Directory.CreateSymbolicLink(PathOf("..data"), name);
        }
    }

    [Fact]
    public void AKeyRevokedInTheFileIsRevokedInTheFleet()
    {
        using var keys = TicketKeyFile.Create(_time.GetUtcNow());
        File.WriteAllBytes(KeyPath, keys.Write());
        using TicketKeyRing ring = TicketKeyRing.FromFile(KeyPath, Day, Poll, _time);
        var sealer = new TicketSealer(ring, CryptoProvider.Default);
        byte[] ticket = sealer.Seal(new SessionDraft().Session())!;
        TicketKey key = ring.Active!;

        keys.Revoke(_time.GetUtcNow(), 0);
        File.WriteAllBytes(KeyPath, keys.Write());
        _time.Advance(Poll);
        Assert.Null(sealer.Open(ticket, out ResumptionReason reason));
        Assert.Equal(ResumptionReason.Revoked, reason);
        Assert.True(key.IsDestroyed);
        Assert.Equal(1, ring.Active!.Epoch);
        // A server that starts later never had the key, and knows why.
        using TicketKeyRing late = TicketKeyRing.FromFile(KeyPath, Day, Poll, _time);
        Assert.Null(late.Find(key.Name, out reason));
        Assert.Equal(ResumptionReason.Revoked, reason);
    }

    [Fact]
    public void RevokingInARingReachesItsTicketsAtOnce()
    {
        using var ring = new TicketKeyRing(timeProvider: _time);
        var sealer = new TicketSealer(ring, CryptoProvider.Default);
        var changes = new List<(long Epoch, TicketKeyPhase Phase, TicketKeyChangeReason Reason)>();
        ring.KeyChanged += (_, change) => changes.Add((change.Key.Epoch, change.Key.Phase, change.Reason));
        ring.KeyChanged += (_, _) => throw new InvalidOperationException("A log that fails costs nothing.");
        byte[] ticket = sealer.Seal(new SessionDraft().Session())!;
        string name = ring.Keys[0].Name;

        Assert.False(ring.Revoke(new string('0', 32)));
        Assert.False(ring.Revoke("no name"));
        Assert.True(ring.Revoke(name));
        Assert.False(ring.Revoke(name));
        Assert.Null(sealer.Open(ticket, out ResumptionReason reason));
        Assert.Equal(ResumptionReason.Revoked, reason);
        Assert.Equal([(1, TicketKeyPhase.Active, TicketKeyChangeReason.Added), (0, TicketKeyPhase.Destroyed, TicketKeyChangeReason.Revoked)], changes);

        ring.Rotate();
        Assert.True(ring.RevokeBefore(2));
        Assert.Equal([(2L, TicketKeyPhase.Active), (1L, TicketKeyPhase.Destroyed), (0L, TicketKeyPhase.Destroyed)], ring.Keys.Select(key => (key.Epoch, key.Phase)));
        Assert.False(ring.RevokeBefore(2));
    }

    [Fact]
    public void DisposingWipesAndSaysSo()
    {
        TicketKeyRing ring = TicketKeyRing.Derive(_root, Hour, timeProvider: new TestClock());
        var changes = new List<TicketKeyChangedEventArgs>();
        ring.KeyChanged += (_, change) => changes.Add(change);
        TicketKey key = ring.Active!;
        ring.Dispose();
        ring.Dispose();
        Assert.True(key.IsDestroyed);
        Assert.Equal(3, changes.Count);
        Assert.All(changes, change => Assert.Equal((TicketKeyPhase.Destroyed, TicketKeyChangeReason.Disposed), (change.Key.Phase, change.Reason)));
    }

    private static byte[] Line() => System.Text.Encoding.ASCII.GetBytes(Convert.ToBase64String(RandomNumberGenerator.GetBytes(80)) + "\n");

    private static UInt128 NameOf(TicketKeyInfo key) => UInt128.Parse(key.Name, System.Globalization.NumberStyles.HexNumber, System.Globalization.CultureInfo.InvariantCulture);

    private static TicketKeyPhase PhaseOf(TicketKeyRing ring, long epoch) => ring.Keys.Single(key => key.Epoch == epoch).Phase;

    private string PathOf(string name) => Path.Combine(_directory.FullName, name);
}

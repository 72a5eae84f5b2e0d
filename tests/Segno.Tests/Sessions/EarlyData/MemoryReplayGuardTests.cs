using Segno.Sessions;

namespace Segno.Tests.Sessions.EarlyData;

/// <summary>R-111…R-113; E1, E9.</summary>
public sealed class MemoryReplayGuardTests
{
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Tick = TimeSpan.FromTicks(1);

    private readonly TestClock _clock = new();

    public static TheoryData<double> Kinds => [0, 0.001];

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task OfTheSameFlightTheFirstIsTheFirst(double falseAlarms)
    {
        MemoryReplayGuard guard = Guard(falseAlarms: falseAlarms);
        Assert.Equal(ReplayVerdict.First, await Claim(guard, 1));
        Assert.Equal(ReplayVerdict.Seen, await Claim(guard, 1));
        Assert.Equal(ReplayVerdict.First, await Claim(guard, 2));
        Assert.Equal(ReplayVerdict.Seen, await Claim(guard, 1));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task OfSixtyFourAtOnceExactlyOneIsTheFirst(double falseAlarms)
    {
        MemoryReplayGuard guard = Guard(falseAlarms: falseAlarms);
        using var start = new ManualResetEventSlim();
        Task<ReplayVerdict>[] racers = [.. Enumerable.Range(0, 64).Select(_ => Task.Run(async () =>
        {
            start.Wait();
            return await Claim(guard, 7);
        }))];
        start.Set();
        ReplayVerdict[] verdicts = await Task.WhenAll(racers);
        Assert.Single(verdicts, ReplayVerdict.First);
        Assert.Equal(63, verdicts.Count(verdict => verdict == ReplayVerdict.Seen));
    }

    /// <summary>To the last moment at which a server could accept it again, however many generations begin in between.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task AFlightIsRememberedAsLongAsItCanBeReplayed(double falseAlarms)
    {
        MemoryReplayGuard guard = Guard(falseAlarms: falseAlarms);
        for (byte flight = 0; flight < 40; flight++)
        {
            DateTimeOffset last = _clock.Wall + (2 * Window);
            Assert.Equal(ReplayVerdict.First, await Claim(guard, flight, last));
            foreach (int step in (int[])[1, 6, 13])
            {
                _clock.Advance(TimeSpan.FromSeconds(step));
                await Claim(guard, (byte)(100 + step));
                Assert.Equal(ReplayVerdict.Seen, await Claim(guard, flight, last));
            }
            Assert.Equal(last, _clock.Wall);
            _clock.Advance(Tick);
            Assert.Equal(ReplayVerdict.Unknown, await Claim(guard, flight, last));
        }
    }

    [Theory]
    [InlineData(0, ReplayVerdict.First)]
    [InlineData(1, ReplayVerdict.Unknown)]
    public async Task AFlightThatCouldBeReplayedForLongerThanItIsRememberedIsNotCleared(int ticks, ReplayVerdict expected)
        => Assert.Equal(expected, await Claim(Guard(), 1, _clock.Wall + (2 * Window) + TimeSpan.FromTicks(ticks)));

    /// <summary>R-113: it may have been accepted before the guard was there.</summary>
    [Theory]
    [InlineData(0, ReplayVerdict.First)]
    [InlineData(-1, ReplayVerdict.FreshStart)]
    public async Task WhatMayHaveComeBeforeTheGuardIsNotCleared(int ticks, ReplayVerdict expected)
    {
        DateTimeOffset start = _clock.Wall;
        MemoryReplayGuard guard = Guard();
        _clock.Advance(TimeSpan.FromSeconds(3));
        Assert.Equal(expected, await guard.ClaimAsync(new EarlyDataClaim(Key(1), start + TimeSpan.FromTicks(ticks), start + Window), TestContext.Current.CancellationToken));
    }

    /// <summary>A full generation opens nothing: it refuses, until it is the older one and then gone.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task WhatHasNoRoomIsNotCleared(double falseAlarms)
    {
        MemoryReplayGuard guard = Guard(capacity: 3, falseAlarms: falseAlarms);
        DateTimeOffset last = _clock.Wall + (2 * Window);
        for (byte flight = 1; flight <= 3; flight++)
        {
            Assert.Equal(ReplayVerdict.First, await Claim(guard, flight, last));
        }
        Assert.Equal(ReplayVerdict.Unknown, await Claim(guard, 4, last));
        Assert.Equal(ReplayVerdict.Seen, await Claim(guard, 1, last));
        _clock.Advance(2 * Window);
        Assert.Equal(ReplayVerdict.Unknown, await Claim(guard, 4));
        _clock.Advance(Tick);
        Assert.Equal(ReplayVerdict.First, await Claim(guard, 4));
    }

    /// <summary>C11: a replay is not let in by turning the hands.</summary>
    [Fact]
    public async Task AClockThatIsSetBackForgetsNothing()
    {
        MemoryReplayGuard guard = Guard();
        DateTimeOffset last = _clock.Wall + (2 * Window);
        Assert.Equal(ReplayVerdict.First, await Claim(guard, 1, last));
        _clock.Advance(TimeSpan.FromMinutes(5));
        Assert.Equal(ReplayVerdict.First, await Claim(guard, 2));
        _clock.Wall -= TimeSpan.FromMinutes(5);
        Assert.Equal(ReplayVerdict.Unknown, await Claim(guard, 1, last));
    }

    [Theory]
    [InlineData(31, ReplayVerdict.Unknown)]
    [InlineData(32, ReplayVerdict.First)]
    [InlineData(64, ReplayVerdict.First)]
    [InlineData(65, ReplayVerdict.Unknown)]
    public async Task AKeyHasThirtyTwoToSixtyFourBytes(int length, ReplayVerdict expected)
        => Assert.Equal(expected, await Guard().ClaimAsync(new EarlyDataClaim(new byte[length], _clock.Wall, _clock.Wall), TestContext.Current.CancellationToken));

    [Fact]
    public void EachGuardHasAZoneOfItsOwnUnlessToldOtherwise()
    {
        Assert.NotEqual(Guard().Zone.ToArray(), Guard().Zone.ToArray());
        Assert.Equal(16, Guard().Zone.Length);
        Assert.Equal("eu-1"u8.ToArray(), new MemoryReplayGuard(zone: "eu-1"u8).Zone.ToArray());
    }

    /// <summary>No false alarm where it is exact; where it is not, about as many as were allowed, and no replay missed.</summary>
    [Fact]
    public async Task FalseAlarmsAreAsRareAsSaid()
    {
        const int Capacity = 10_000;
        const double Allowed = 0.01;
        MemoryReplayGuard guard = Guard(Capacity, Allowed);
        int first = 0;
        for (int flight = 0; flight < Capacity; flight++)
        {
            first += await Claim(guard, flight) == ReplayVerdict.First ? 1 : 0;
        }
        // On the way to its capacity fewer than when it is full.
        Assert.InRange(first, (int)(Capacity * (1 - Allowed)), Capacity);
        for (int flight = 0; flight < Capacity; flight++)
        {
            Assert.Equal(ReplayVerdict.Seen, await Claim(guard, flight));
        }
        int alarms = 0;
        for (int flight = Capacity; flight < 2 * Capacity; flight++)
        {
            alarms += await Claim(guard, flight) == ReplayVerdict.Seen ? 1 : 0;
        }
        Assert.InRange(alarms, 1, (int)(Capacity * Allowed * 2));
    }

    [Fact]
    public void BadArgumentsAreNamed()
    {
        Assert.Equal("capacity", Assert.Throws<ArgumentOutOfRangeException>(() => new MemoryReplayGuard(0)).ParamName);
        Assert.Equal("capacity", Assert.Throws<ArgumentOutOfRangeException>(() => new MemoryReplayGuard(100_000_001)).ParamName);
        Assert.Equal("window", Assert.Throws<ArgumentOutOfRangeException>(() => new MemoryReplayGuard(window: TimeSpan.Zero)).ParamName);
        Assert.Equal("window", Assert.Throws<ArgumentOutOfRangeException>(() => new MemoryReplayGuard(window: TimeSpan.FromSeconds(60) + Tick)).ParamName);
        Assert.Equal("falseAlarms", Assert.Throws<ArgumentOutOfRangeException>(() => new MemoryReplayGuard(falseAlarms: 0.11)).ParamName);
        Assert.Equal("falseAlarms", Assert.Throws<ArgumentOutOfRangeException>(() => new MemoryReplayGuard(falseAlarms: double.NaN)).ParamName);
        Assert.Equal("zone", Assert.Throws<ArgumentException>(() => new MemoryReplayGuard(zone: new byte[33])).ParamName);
        Assert.Equal(32, new MemoryReplayGuard(window: TimeSpan.FromSeconds(60), zone: new byte[32]).Zone.Length);
    }

    private static byte[] Key(int flight)
    {
        byte[] key = new byte[32];
        BitConverter.TryWriteBytes(key, flight);
        return key;
    }

    private MemoryReplayGuard Guard(int capacity = 100_000, double falseAlarms = 0) => new(capacity, Window, falseAlarms, timeProvider: _clock);

    private ValueTask<ReplayVerdict> Claim(MemoryReplayGuard guard, int flight, DateTimeOffset? last = null)
        => guard.ClaimAsync(new EarlyDataClaim(Key(flight), _clock.Wall, last ?? _clock.Wall + Window), TestContext.Current.CancellationToken);
}

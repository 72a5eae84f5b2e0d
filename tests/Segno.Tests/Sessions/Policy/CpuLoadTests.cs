using Segno.Sessions;

namespace Segno.Tests.Sessions.Policy;

public sealed class CpuLoadTests
{
    private readonly TestClock _clock = new();
    private TimeSpan _used = TimeSpan.FromHours(1);
    private int _asked;

    [Fact]
    public void TheShareOfAllProcessorsIsMeasured()
    {
        CpuLoad load = Load(processors: 4);
        Assert.Equal(0, load.Value);
        // Half of four processors for a while.
        for (int i = 0; i < 10; i++)
        {
            Use(CpuLoad.Interval, 2);
            _ = load.Value;
        }
        Assert.Equal(0.5, load.Value, 3);
        Use(CpuLoad.Interval, 0);
        Assert.Equal(0.25, load.Value, 3);
    }

    [Theory]
    [InlineData(-1, 0)]
    [InlineData(0, 1)]
    public void ItIsMeasuredNoMoreOftenThanTheInterval(long tick, int measured)
    {
        CpuLoad load = Load(processors: 1);
        _asked = 0;
        Use(CpuLoad.Interval + TimeSpan.FromTicks(tick), 1);
        _ = load.Value;
        _ = load.Value;
        Assert.Equal(measured, _asked);
    }

    [Fact]
    public void WhatWasBeforeALongSilenceDoesNotCount()
    {
        CpuLoad load = Load(processors: 1);
        Use(CpuLoad.Interval, 1);
        Assert.Equal(0.5, load.Value, 3);
        Use(TimeSpan.FromMinutes(10), 0);
        Assert.Equal(0, load.Value);
    }

    [Fact]
    public void ItStaysWithinItsRange()
    {
        CpuLoad load = Load(processors: 1);
        Use(TimeSpan.FromSeconds(10), 7);
        Assert.Equal(1, load.Value);
        Use(TimeSpan.FromSeconds(10), -7);
        Assert.Equal(0, load.Value);
    }

    /// <summary>The real one: of a process that works, it says so.</summary>
    [Fact]
    public void AProcessThatWorksHasALoad()
    {
        var load = new CpuLoad(_clock);
        TimeSpan before = Environment.CpuUsage.TotalTime;
        while (Environment.CpuUsage.TotalTime - before < TimeSpan.FromMilliseconds(20))
        {
            Thread.SpinWait(1000);
        }
        _clock.Advance(CpuLoad.Interval);
        Assert.InRange(load.Value, 0.0001, 1);
    }

    private CpuLoad Load(int processors) => new(
        _clock,
        () =>
        {
            _asked++;
            return _used;
        },
        processors);

    private void Use(TimeSpan time, double processors)
    {
        _clock.Advance(time);
        _used += time * processors;
    }
}

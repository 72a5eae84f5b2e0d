using Segno.Sessions;

namespace Segno.Tests.Sessions.Policy;

public sealed class VisitRatesTests
{
    private readonly TestClock _clock = new();

    [Fact]
    public void ASteadyVisitorHasItsRate()
    {
        var rates = new VisitRates(16, _clock);
        double rate = 0;
        for (int i = 0; i < 1200; i++)
        {
            rate = rates.Count(7).PerMinute;
            _clock.Advance(TimeSpan.FromSeconds(1));
        }
        Assert.InRange(rate, 59, 61);
        Assert.Equal(0, rates.RateOf(8));
    }

    [Fact]
    public void TheRateFallsToHalfInAMinute()
    {
        var rates = new VisitRates(16, _clock);
        double first = 0;
        for (int i = 0; i < 100; i++)
        {
            first = rates.Count(7).PerMinute;
        }
        Assert.Equal(100 * Math.Log(2), first, 6);
        _clock.Advance(VisitRates.HalfLife);
        Assert.Equal(first / 2, rates.RateOf(7), 6);
        Assert.Equal(first / 2, rates.RateOf(7), 6);
    }

    [Fact]
    public void TheIntervalIsThatSinceTheLastVisit()
    {
        var rates = new VisitRates(16, _clock);
        Assert.Null(rates.Count(7).Since);
        _clock.Advance(TimeSpan.FromSeconds(90));
        Assert.Equal(90, rates.Count(7).Since!.Value.TotalSeconds, 3);
        Assert.Equal(0, rates.Count(7).Since!.Value.TotalSeconds, 3);
        Assert.Null(rates.Count(8).Since);
    }

    /// <summary>At the limit everybody is remembered; one more, and the one who comes least is not.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void TheLeastBusyMakesRoom(int more)
    {
        var rates = new VisitRates(VisitRates.Ways, _clock);
        for (ulong visitor = 1; visitor <= VisitRates.Ways; visitor++)
        {
            for (ulong i = 0; i < visitor; i++)
            {
                rates.Count(visitor);
            }
        }
        for (int i = 0; i < more; i++)
        {
            rates.Count(1000);
        }
        Assert.Equal(more == 0, rates.RateOf(1) > 0);
        Assert.All(Enumerable.Range(2, VisitRates.Ways - 1), visitor => Assert.True(rates.RateOf((ulong)visitor) > 0));
    }

    /// <summary>A flood of others, each new, does not make it forget who comes often.</summary>
    [Fact]
    public void AFloodDisplacesItself()
    {
        var rates = new VisitRates(PolicyGate.MaxNetworks, _clock);
        for (int i = 0; i < 60; i++)
        {
            rates.Count(123_456_789);
        }
        double before = rates.RateOf(123_456_789);
        for (ulong visitor = 1; visitor <= 20 * PolicyGate.MaxNetworks; visitor++)
        {
            rates.Count(unchecked(visitor * 0x9e3779b97f4a7c15));
        }
        Assert.Equal(before, rates.RateOf(123_456_789));
    }

    [Fact]
    public void AClockThatStandsStillOrGoesBackDoesNotCountTwice()
    {
        var rates = new VisitRates(16, _clock);
        rates.Count(7);
        _clock.StepMonotonic(TimeSpan.FromMinutes(-5));
        (double rate, TimeSpan? since) = rates.Count(7);
        Assert.Equal(2 * Math.Log(2), rate, 6);
        Assert.Equal(TimeSpan.Zero, since);
    }

    /// <summary>Nobody's visit is lost or counted twice, whoever comes at the same time.</summary>
    [Fact]
    public async Task VisitsAtTheSameTimeAreAllCounted()
    {
        var rates = new VisitRates(64, _clock);
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() =>
        {
            for (int i = 0; i < 10_000; i++)
            {
                rates.Count(1 + (ulong)(i % 8));
            }
        })));
        Assert.All(Enumerable.Range(1, 8), visitor => Assert.Equal(5000 * Math.Log(2), rates.RateOf((ulong)visitor), 3));
    }
}

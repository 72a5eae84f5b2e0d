using Segno.Sessions;

namespace Segno.Tests.Sessions.Policy;

/// <summary>A verdict has no words for more than is allowed.</summary>
public sealed class ResumptionVerdictTests
{
    [Theory]
    [InlineData(-1, 0)]
    [InlineData(0, 0)]
    [InlineData(8, 8)]
    [InlineData(9, 8)]
    [InlineData(int.MinValue, 0)]
    [InlineData(int.MaxValue, 8)]
    public void TicketsAreKeptWithinZeroAndEight(int given, int kept)
    {
        Assert.Equal(kept, new ResumptionVerdict { MinTickets = given }.MinTickets);
        Assert.Equal(kept, new ResumptionVerdict { MaxTickets = given }.MaxTickets);
    }

    [Theory]
    [InlineData(-1, 0)]
    [InlineData(999, 0)]
    [InlineData(1000, 1)]
    [InlineData(1999, 1)]
    [InlineData(2000, 2)]
    public void ALifetimeIsWholeSecondsAndNotNegative(int milliseconds, int seconds)
        => Assert.Equal(TimeSpan.FromSeconds(seconds), new ResumptionVerdict { MaxLifetime = TimeSpan.FromMilliseconds(milliseconds) }.MaxLifetime);

    [Fact]
    public void TheLongestLifetimeIsNoOverflow()
    {
        Assert.Equal(TimeSpan.FromHours(1), new ResumptionVerdict { MaxLifetime = TimeSpan.MaxValue }.Lifetime(TimeSpan.FromHours(1)));
        Assert.Equal(TimeSpan.Zero, new ResumptionVerdict { MaxLifetime = TimeSpan.MinValue }.Lifetime(TimeSpan.FromHours(1)));
    }

    [Theory]
    [InlineData("", false)]
    [InlineData("a", true)]
    [InlineData("a rule", true)]
    [InlineData("a\nrule", false)]
    [InlineData("r\u00e8gle", false)]
    public void ARuleHasAPrintableName(string name, bool good) => AssertName(name, good);

    [Theory]
    [InlineData(64, true)]
    [InlineData(65, false)]
    public void ARulesNameIsNotLong(int length, bool good) => AssertName(new string('a', length), good);

    [Fact]
    public void ADeclinedSessionHasARule()
    {
        Assert.Throws<ArgumentNullException>(() => ResumptionVerdict.Decline(null!));
        Assert.Throws<ArgumentNullException>(() => ResumptionVerdict.ShedLoad(null!));
        Assert.Equal((ResumptionReason.DeclinedByPolicy, true, "a"), (ResumptionVerdict.Decline("a").Reason, ResumptionVerdict.Decline("a").IsDeclined, ResumptionVerdict.Decline("a").Rule));
        Assert.Equal(ResumptionReason.LoadShed, ResumptionVerdict.ShedLoad("a").Reason);
        Assert.False(default(ResumptionVerdict).IsDeclined);
    }

    [Theory]
    [InlineData(null, null, 2, 4, 2)]
    [InlineData(3, null, 2, 4, 3)]
    [InlineData(4, null, 2, 4, 4)]
    [InlineData(5, null, 2, 4, 4)]
    [InlineData(1, null, 2, 4, 2)]
    [InlineData(null, 1, 2, 4, 1)]
    [InlineData(null, 0, 2, 4, 0)]
    [InlineData(null, 3, 2, 4, 2)]
    [InlineData(3, 1, 2, 4, 1)]
    [InlineData(4, null, 0, 0, 0)]
    public void FewerOrMoreTicketsWithinTheCap(int? min, int? max, int granted, int cap, int tickets)
        => Assert.Equal(tickets, new ResumptionVerdict { MinTickets = min, MaxTickets = max }.Tickets(granted, cap));

    [Fact]
    public void WithoutALifetimeThereAreNoTickets()
    {
        Assert.Equal(0, new ResumptionVerdict { MinTickets = 4, MaxLifetime = TimeSpan.Zero }.Tickets(2, 4));
        Assert.Equal(4, new ResumptionVerdict { MinTickets = 4, MaxLifetime = TimeSpan.FromSeconds(1) }.Tickets(2, 4));
    }

    /// <summary>Whatever a policy says, there is never more than without it.</summary>
    [Fact]
    public void NoVerdictWidens()
    {
        var random = new Random(17);
        for (int i = 0; i < 10_000; i++)
        {
            ResumptionVerdict verdict = RandomVerdicts.Next(random);
            int granted = random.Next(9);
            int cap = random.Next(granted, 9);
            var allowed = TimeSpan.FromSeconds(random.Next(1_000_000));
            Assert.InRange(verdict.Tickets(granted, cap), 0, cap);
            Assert.InRange(verdict.Lifetime(allowed), TimeSpan.Zero, allowed);
        }
    }

    private static void AssertName(string name, bool good)
    {
        if (good)
        {
            Assert.Equal(name, ResumptionVerdict.Decline(name).Rule);
            Assert.Equal(name, new ResumptionVerdict { Rule = name }.Rule);
            return;
        }
        Assert.Throws<ArgumentException>(() => ResumptionVerdict.Decline(name));
        Assert.Throws<ArgumentException>(() => ResumptionVerdict.ShedLoad(name));
        Assert.Throws<ArgumentException>(() => new ResumptionVerdict { Rule = name });
    }
}

internal static class RandomVerdicts
{
    /// <summary>Any verdict that there can be, those that mean nothing included.</summary>
    public static ResumptionVerdict Next(Random random)
    {
        ResumptionVerdict verdict = random.Next(8) switch
        {
            0 => ResumptionVerdict.Decline("declined"),
            1 => ResumptionVerdict.ShedLoad("shed"),
            _ => default,
        };
        return verdict with
        {
            MinTickets = Count(random),
            MaxTickets = Count(random),
            MaxLifetime = random.Next(3) switch
            {
                0 => null,
                1 => TimeSpan.FromSeconds(random.NextInt64(-10, 2 * 24 * 3600)),
                _ => new TimeSpan(random.NextInt64(long.MinValue, long.MaxValue)),
            },
            RequireStateful = random.Next(4) == 0,
            RefuseEarlyData = random.Next(2) == 0,
        };
    }

    private static int? Count(Random random) => random.Next(3) switch
    {
        0 => null,
        1 => random.Next(-1, 10),
        _ => random.Next(int.MinValue, int.MaxValue),
    };
}

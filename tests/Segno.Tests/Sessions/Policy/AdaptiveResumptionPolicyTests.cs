using Segno.Sessions;

namespace Segno.Tests.Sessions.Policy;

/// <summary>Each rule at its limit and one beyond it, and what keeps it from applying.</summary>
public sealed class AdaptiveResumptionPolicyTests
{
    private static readonly AdaptiveResumptionOptions Numbers = new();

    private static readonly ResumptionContext Resumption = new()
    {
        Stage = ResumptionStage.Resumption,
        Mechanism = ResumptionMechanism.Psk,
        SessionAge = TimeSpan.FromHours(1),
        AuthenticationAge = TimeSpan.FromHours(1),
        ResumptionCount = 1,
    };

    private static readonly ResumptionContext Full = new() { Stage = ResumptionStage.FullHandshake };

    private readonly AdaptiveResumptionPolicy _policy = new();

    [Fact]
    public void NobodyInParticularIsLeftAsHeIs()
    {
        Assert.Equal(default, _policy.Decide(Resumption));
        Assert.Equal(default, _policy.Decide(Full with { Mechanism = ResumptionMechanism.Psk, Reason = ResumptionReason.UnknownTicketKey }));
        Assert.Equal(default, _policy.Decide(new ResumptionContext { Stage = ResumptionStage.Lookup }));
    }

    [Theory]
    [InlineData(0, null)]
    [InlineData(1, AdaptiveResumptionPolicy.OldSession)]
    public void AnOldSessionIsDeclined(long ticks, string? rule)
    {
        ResumptionContext context = Resumption with { SessionAge = Numbers.MaxSessionAge + TimeSpan.FromTicks(ticks) };
        AssertDeclined(rule, ResumptionReason.DeclinedByPolicy, context);
        // What costs the server a handshake it does when it has the time.
        AssertDeclined(rule, ResumptionReason.DeclinedByPolicy, context with { Load = Math.BitDecrement(Numbers.HighLoad) });
        AssertDeclined(null, ResumptionReason.None, context with { Load = Numbers.HighLoad });
    }

    [Theory]
    [InlineData(0, true)]
    [InlineData(1, false)]
    public void WhoHasComeBackOnceGetsMoreTickets(int resumptions, bool returning) => Assert.Equal(
        returning ? new ResumptionVerdict { Rule = AdaptiveResumptionPolicy.Returning, MinTickets = Numbers.ReturningTickets } : default,
        _policy.Decide(Resumption with { ResumptionCount = resumptions }));

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void APoolGetsMoreTicketsStill(bool often)
    {
        ResumptionContext context = Resumption with
        {
            CertificateRate = often ? Numbers.PoolRate : Math.BitDecrement(Numbers.PoolRate),
            ResumptionCount = 0,
        };
        ResumptionVerdict verdict = _policy.Decide(context);
        Assert.Equal(often ? AdaptiveResumptionPolicy.Pool : AdaptiveResumptionPolicy.Returning, verdict.Rule);
        Assert.Equal(often ? Numbers.PoolTickets : Numbers.ReturningTickets, verdict.MinTickets);
        // An old session is one all the same.
        AssertDeclined(AdaptiveResumptionPolicy.OldSession, ResumptionReason.DeclinedByPolicy, context with { SessionAge = TimeSpan.FromDays(2) });
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void AFloodGetsNothingToResume(bool beyond)
    {
        ResumptionContext context = Full with
        {
            Mechanism = ResumptionMechanism.SessionId,
            Reason = ResumptionReason.SessionNotFound,
            NetworkRate = beyond ? Math.BitIncrement(Numbers.FloodRate) : Numbers.FloodRate,
            TotalRate = 2 * Numbers.FloodRate,
        };
        ResumptionVerdict flood = beyond ? new ResumptionVerdict { Rule = AdaptiveResumptionPolicy.Flood, MaxLifetime = TimeSpan.Zero } : default;
        Assert.Equal(flood, _policy.Decide(context));
        Assert.Equal(flood, _policy.Decide(context with { Load = 1 }));
        Assert.Equal(beyond ? AdaptiveResumptionPolicy.Flood : AdaptiveResumptionPolicy.NewVisitor, _policy.Decide(context with { Mechanism = ResumptionMechanism.None }).Rule);
        // Who resumes costs less than who does not.
        Assert.Equal(default, _policy.Decide(Resumption with { NetworkRate = context.NetworkRate, TotalRate = context.TotalRate }));
    }

    /// <summary>Behind a proxy that does not tell who its clients are, all come from one network.</summary>
    [Theory]
    [InlineData(0.95, true)]
    [InlineData(0.951, false)]
    [InlineData(1, false)]
    public void TheOnlyNetworkIsNoFlood(double share, bool flood)
    {
        ResumptionContext context = Full with { Mechanism = ResumptionMechanism.Psk, NetworkRate = share * 10_000, TotalRate = 10_000 };
        Assert.Equal(flood ? AdaptiveResumptionPolicy.Flood : null, _policy.Decide(context).Rule);
    }

    [Theory]
    [InlineData(false, true, null)]
    [InlineData(true, false, null)]
    [InlineData(true, true, AdaptiveResumptionPolicy.FloodLookup)]
    public void AFloodIsKeptFromTheStoreOfABusyServer(bool flood, bool busy, string? rule) => AssertDeclined(
        rule,
        ResumptionReason.LoadShed,
        new ResumptionContext
        {
            Stage = ResumptionStage.Lookup,
            Mechanism = ResumptionMechanism.SessionId,
            NetworkRate = flood ? Math.BitIncrement(Numbers.FloodRate) : Numbers.FloodRate,
            TotalRate = 3 * Numbers.FloodRate,
            Load = busy ? Numbers.HighLoad : Math.BitDecrement(Numbers.HighLoad),
        });

    [Fact]
    public void ANewVisitorGetsLessUnlessTheServerIsBusy()
    {
        var verdict = new ResumptionVerdict { Rule = AdaptiveResumptionPolicy.NewVisitor, MaxTickets = Numbers.NewVisitorTickets, MaxLifetime = Numbers.NewVisitorLifetime };
        Assert.Equal(verdict, _policy.Decide(Full));
        Assert.Equal(verdict, _policy.Decide(Full with { Load = Math.BitDecrement(Numbers.HighLoad) }));
        Assert.Equal(default, _policy.Decide(Full with { Load = Numbers.HighLoad }));
    }

    [Fact]
    public void ItsNumbersAreItsOwn()
    {
        var options = new AdaptiveResumptionOptions { MaxSessionAge = TimeSpan.FromMinutes(1) };
        var policy = new AdaptiveResumptionPolicy(options);
        options.MaxSessionAge = TimeSpan.FromDays(7);
        Assert.True(policy.Decide(Resumption).IsDeclined);
        var without = new AdaptiveResumptionPolicy(new AdaptiveResumptionOptions { FloodRate = double.PositiveInfinity });
        Assert.Equal(default, without.Decide(Full with { Mechanism = ResumptionMechanism.Psk, NetworkRate = 1e9, TotalRate = 2e9 }));
    }

    public static TheoryData<string, object, bool> Numbered => new()
    {
        { nameof(AdaptiveResumptionOptions.HighLoad), 0d, true },
        { nameof(AdaptiveResumptionOptions.HighLoad), 1d, true },
        { nameof(AdaptiveResumptionOptions.HighLoad), -double.Epsilon, false },
        { nameof(AdaptiveResumptionOptions.HighLoad), Math.BitIncrement(1), false },
        { nameof(AdaptiveResumptionOptions.HighLoad), double.NaN, false },
        { nameof(AdaptiveResumptionOptions.SoleNetworkShare), 0d, true },
        { nameof(AdaptiveResumptionOptions.SoleNetworkShare), Math.BitIncrement(1), false },
        { nameof(AdaptiveResumptionOptions.FloodRate), double.Epsilon, true },
        { nameof(AdaptiveResumptionOptions.FloodRate), 0d, false },
        { nameof(AdaptiveResumptionOptions.FloodRate), double.NaN, false },
        { nameof(AdaptiveResumptionOptions.PoolRate), double.Epsilon, true },
        { nameof(AdaptiveResumptionOptions.PoolRate), 0d, false },
        { nameof(AdaptiveResumptionOptions.MaxSessionAge), TimeSpan.FromTicks(1), true },
        { nameof(AdaptiveResumptionOptions.MaxSessionAge), TimeSpan.Zero, false },
        { nameof(AdaptiveResumptionOptions.NewVisitorLifetime), TimeSpan.FromSeconds(1), true },
        { nameof(AdaptiveResumptionOptions.NewVisitorLifetime), TimeSpan.FromMilliseconds(999), false },
        { nameof(AdaptiveResumptionOptions.NewVisitorTickets), 1, true },
        { nameof(AdaptiveResumptionOptions.NewVisitorTickets), 0, false },
        { nameof(AdaptiveResumptionOptions.ReturningTickets), 8, true },
        { nameof(AdaptiveResumptionOptions.ReturningTickets), 9, false },
        { nameof(AdaptiveResumptionOptions.PoolTickets), 8, true },
        { nameof(AdaptiveResumptionOptions.PoolTickets), 9, false },
    };

    [Theory]
    [MemberData(nameof(Numbered))]
    public void ANumberOutOfItsRangeIsRefusedByName(string name, object value, bool good)
    {
        var options = new AdaptiveResumptionOptions();
        typeof(AdaptiveResumptionOptions).GetProperty(name)!.SetValue(options, value);
        if (good)
        {
            Assert.NotNull(new AdaptiveResumptionPolicy(options));
            return;
        }
        Assert.StartsWith(name + ": ", Assert.Throws<ArgumentException>(() => new AdaptiveResumptionPolicy(options)).Message, StringComparison.Ordinal);
    }

    private void AssertDeclined(string? rule, ResumptionReason reason, in ResumptionContext context)
    {
        ResumptionVerdict verdict = _policy.Decide(context);
        Assert.Equal((rule is null ? ResumptionReason.None : reason, rule), (verdict.Reason, verdict.Rule));
    }
}

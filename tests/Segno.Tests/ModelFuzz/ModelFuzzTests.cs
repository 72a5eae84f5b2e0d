using System.Globalization;

namespace Segno.Tests.ModelFuzz;

/// <summary>
/// Whatever a peer says, in whatever order: nothing is resumed out of its scope, nothing comes out unverified, early data is accepted
/// once, every refusal has its name and its alert, and nothing is left behind.
/// </summary>
public sealed class ModelFuzzTests
{
    private const int Seed = 1;

    [Fact]
    public void WhateverAPeerSaysTheRulesHold()
    {
        var run = new FuzzRun(Seed, 20_000);
        run.Run(threads: 2);
        Assert.True(run.Failure is null, run.Report());
        Assert.Equal(20_000, run.Played);
        // What is never reached shows nothing.
        Assert.All(
            (string[])
            [
                "server: resumed by Psk, completed", "server: resumed by Psk, completed with early data", "server: retried, resumed by Psk, completed",
                "server: resumed by ExternalPsk, left", "server: full (None), completed", "server: full (ScopeMismatch), left", "server: TLS 1.2, resumed, completed", "server: TLS 1.2, full, completed",
                "server: replayed", "server: refused: PskBinderInvalid", "server: refused: TooMuchEarlyData", "server: refused: FinishedVerificationFailed",
                "server: refused: TooManyKeyUpdates", "server: refused: RecordAuthenticationFailed", "client: TLS 1.3, resumed, completed", "client: TLS 1.2, resumed, completed",
                "client: TLS 1.3, full, completed", "client: TLS 1.2, full, completed", "client: refused: FinishedVerificationFailed",
                "client: refused: RecordAuthenticationFailed", "client: refused: PskIdentityOutOfRange",
            ],
            ending => Assert.Contains(run.Endings.Keys, known => known == ending));
    }

    /// <summary>The sabotage: each mistake is found, and says how to find it again.</summary>
    [Theory]
    [InlineData(PlantedRule.ScopeForgotten)]
    [InlineData(PlantedRule.NameForgotten)]
    [InlineData(PlantedRule.TicketNotConsumed)]
    [InlineData(PlantedRule.ReplayForgotten)]
    [InlineData(PlantedRule.ExpiryForgotten)]
    [InlineData(PlantedRule.KeyLeaked)]
    public void AWrongRuleIsFound(PlantedRule planted)
    {
        var run = new FuzzRun(Seed, 20_000, planted: planted);
        run.Run(threads: 2);
        Assert.Contains($"eng/fuzz --seed {Seed} --world ", run.Failure, StringComparison.Ordinal);
    }

    /// <summary>What <c>eng/fuzz</c> runs; its environment says how much. Among all other tests it is little.</summary>
    [Fact]
    public void AsLongAsOneLikes()
    {
        int seed = (int)Setting("SEGNO_FUZZ_SEED", Seed);
        long minutes = Setting("SEGNO_FUZZ_MINUTES", 0);
        long sequences = Setting("SEGNO_FUZZ_SEQUENCES", minutes > 0 ? long.MaxValue : 1_000);
        var planted = (PlantedRule)Setting("SEGNO_FUZZ_PLANTED", (long)PlantedRule.None);
        var run = new FuzzRun(seed, sequences, minutes > 0 ? TimeSpan.FromMinutes(minutes) : null, Setting("SEGNO_FUZZ_WORLD", 0), planted);
        run.Run(Environment.ProcessorCount);
        Console.WriteLine(run.Report());
        Assert.Null(run.Failure);
        Assert.True(run.Played > 0);
    }

    private static long Setting(string name, long otherwise)
        => Environment.GetEnvironmentVariable(name) is { Length: > 0 } text ? long.Parse(text, CultureInfo.InvariantCulture) : otherwise;
}

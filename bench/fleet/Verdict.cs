using System.Globalization;

namespace Segno.Bench.Fleet;

/// <summary>What a rehearsal shows of the fleet that it should not.</summary>
/// <param name="mechanism">How sessions come back.</param>
/// <param name="settings">How hard it was tried.</param>
/// <param name="budget">The 99th percentile that a step may have.</param>
internal sealed class Verdict(Mechanism mechanism, Settings settings, TimeSpan budget)
{
    private const double Enough = 0.99;

    // The breaker's pause and the lifetime of what was absent are 1 s each, and a connection to Redis takes its time to come back.
    private static readonly TimeSpan Reconnect = TimeSpan.FromSeconds(2);

    // Nobody but a store can be away, slow, or have lost something. That of the last second may be slow at any time, on two cores.
    private static readonly string[] Slow = ["StoreTimeout"];
    private static readonly string[] Away = ["StoreTimeout", "StoreUnavailable", "SessionNotFound"];

    private bool NeedsStore => mechanism is Mechanism.Id or Mechanism.Stateful;

    /// <summary>How long a fleet takes to be as before: Redis comes back, and each client comes by and gets its session anew.</summary>
    public TimeSpan Grace => Reconnect + TimeSpan.FromSeconds((double)settings.Clients / settings.Rate);

    /// <summary>One line for each thing that is not as it should be; none: the rehearsal was passed.</summary>
    public IEnumerable<string> Of(IEnumerable<Step> steps, IReadOnlyCollection<Sample> samples)
        => steps.SelectMany(step => Of(step, [.. samples.Where(sample => sample.At >= step.From && sample.At < step.To)]));

    private IEnumerable<string> Of(Step step, IReadOnlyList<Sample> samples)
    {
        foreach (IGrouping<string?, Sample> failure in samples.Where(sample => sample.Failure is not null).GroupBy(sample => sample.Failure))
        {
            yield return Line(step, $"{failure.Count()} failed: {failure.Key}");
        }
        if (step.Expectation == Expectation.Nothing)
        {
            yield break;
        }
        double slowest = Report.Percentile(samples, 0.99);
        if (!(slowest <= budget.TotalMilliseconds))
        {
            yield return Line(step, $"the 99th percentile is {slowest:f0} ms, over the budget of {budget.TotalMilliseconds:f0} ms");
        }
        string[] expected = !NeedsStore ? [] : step.Expectation == Expectation.Resumption ? Slow : Away;
        foreach (IGrouping<string, Sample> reason in Report.Declined(samples).Where(reason => !expected.Contains(reason.Key)))
        {
            yield return Line(step, $"{reason.Count()} declined as '{reason.Key}'");
        }
        // Without a store nothing is ever lost, whatever happens to Redis.
        if (!NeedsStore || step.Expectation != Expectation.Service)
        {
            TimeSpan from = NeedsStore && step.Expectation == Expectation.Recovery ? step.From + Grace : step.From;
            Sample[] asked = [.. samples.Where(sample => sample.At >= from && sample.Failure is null)];
            double share = (double)asked.Count(sample => sample.Resumed) / asked.Length;
            if (!(share >= Enough))
            {
                yield return Line(step, $"{100 * share:f2} % of {asked.Length} were resumed from {(from - step.From).TotalSeconds:f1} s on, and not 99 %");
            }
        }
    }

    private static string Line(Step step, FormattableString text) => step.Name + ": " + text.ToString(CultureInfo.InvariantCulture);
}

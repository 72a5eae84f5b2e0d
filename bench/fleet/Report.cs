using System.Globalization;
using System.Text;

namespace Segno.Bench.Fleet;

/// <summary>What the client counted, as a table and as a graph.</summary>
internal static class Report
{
    private const int Width = 960;
    private const int Height = 320;
    private const int Left = 48;
    private const int Bottom = 40;

    public static string Table(IReadOnlyList<Step> steps, IReadOnlyCollection<Sample> samples)
    {
        var text = new StringBuilder();
        text.AppendLine("| step | seconds | connections | failed | offered a session | resumed of these | p50 ms | p99 ms | declined |");
        text.AppendLine("|---|---|---|---|---|---|---|---|---|");
        foreach (Step step in steps)
        {
            Line(text, step.Name, step.To - step.From, [.. samples.Where(sample => sample.At >= step.From && sample.At < step.To)]);
        }
        Line(text, "**all after the warm-up**", steps[^1].To - steps[1].From, [.. samples.Where(sample => sample.At >= steps[1].From)]);
        return text.ToString();
    }

    /// <summary>Second by second: the share that was resumed, and the 99th percentile of the handshake.</summary>
    public static string Graph(IReadOnlyList<Step> steps, IReadOnlyCollection<Sample> samples)
    {
        int seconds = (int)Math.Ceiling(steps[^1].To.TotalSeconds);
        ILookup<int, Sample> bySecond = samples.ToLookup(sample => (int)sample.At.TotalSeconds);
        double[] resumed = [.. Enumerable.Range(0, seconds).Select(second => Share(bySecond[second]))];
        double[] slowest = [.. Enumerable.Range(0, seconds).Select(second => Percentile(bySecond[second], 0.99))];
        double most = Math.Max(20, slowest.Max());
        var svg = new StringBuilder();
        svg.AppendLine(Inv($"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {Width} {Height}\" font-family=\"sans-serif\" font-size=\"11\">"));
        svg.AppendLine(Inv($"<rect width=\"{Width}\" height=\"{Height}\" fill=\"white\"/>"));
        for (int i = 0; i < steps.Count; i++)
        {
            double x = X(steps[i].From.TotalSeconds);
            svg.AppendLine(Inv($"<line x1=\"{x:f1}\" y1=\"10\" x2=\"{x:f1}\" y2=\"{Height - Bottom}\" stroke=\"#ccc\"/>"));
            svg.AppendLine(Inv($"<text transform=\"translate({x + 11:f1},{Height - Bottom - 6}) rotate(-90)\" fill=\"#888\">{steps[i].Name}</text>"));
        }
        svg.AppendLine(Line(resumed, 1, "#0a7f3f"));
        svg.AppendLine(Line(slowest, most, "#c2410c"));
        svg.AppendLine(Inv($"<text x=\"4\" y=\"16\" fill=\"#0a7f3f\">100 %</text><text x=\"4\" y=\"{Height - Bottom}\" fill=\"#0a7f3f\">0</text>"));
        svg.AppendLine(Inv($"<text x=\"{Width - 4}\" y=\"16\" text-anchor=\"end\" fill=\"#c2410c\">{most:f0} ms</text>"));
        svg.AppendLine(Inv($"<text x=\"{Left}\" y=\"{Height - 14}\"><tspan fill=\"#0a7f3f\">resumed, of the connections that offered a session</tspan>  <tspan fill=\"#c2410c\">99th percentile of the handshake</tspan>  0 to {seconds} s</text>"));
        svg.AppendLine("</svg>");
        return svg.ToString();

        double X(double second) => Left + ((Width - Left - 8) * second / seconds);

        string Line(double[] values, double top, string colour)
        {
            IEnumerable<string> points = values.Select((value, second) => (value, second)).Where(point => !double.IsNaN(point.value))
                .Select(point => Inv($"{X(point.second + 0.5):f1},{Height - Bottom - ((Height - Bottom - 10) * point.value / top):f1}"));
            return Inv($"<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\" points=\"{string.Join(' ', points)}\"/>");
        }
    }

    private static void Line(StringBuilder text, string name, TimeSpan length, IReadOnlyList<Sample> samples)
    {
        IEnumerable<string> declined = Declined(samples).OrderByDescending(group => group.Count()).Select(group => Inv($"{group.Key} {group.Count()}"));
        int offered = samples.Count(sample => sample.Offered);
        text.AppendLine(Inv(
            $"| {name} | {length.TotalSeconds:f0} | {samples.Count} | {samples.Count(sample => sample.Failure is not null)} | {offered} | {100 * Share(samples):f2} % | {Percentile(samples, 0.5):f1} | {Percentile(samples, 0.99):f1} | {string.Join(", ", declined)} |"));
    }

    /// <summary>The sessions that were not resumed, by the server's reason.</summary>
    public static IEnumerable<IGrouping<string, Sample>> Declined(IEnumerable<Sample> samples)
        => samples.Where(sample => sample is { Offered: true, Resumed: false, Failure: null }).GroupBy(sample => sample.Reason);

    private static double Share(IEnumerable<Sample> samples)
    {
        Sample[] offered = [.. samples.Where(sample => sample.Offered)];
        return offered.Length == 0 ? double.NaN : (double)offered.Count(sample => sample.Resumed) / offered.Length;
    }

    /// <summary>Of the handshakes, in milliseconds.</summary>
    public static double Percentile(IEnumerable<Sample> samples, double share)
    {
        double[] sorted = [.. samples.Where(sample => sample.Failure is null).Select(sample => sample.Handshake.TotalMilliseconds).Order()];
        return sorted.Length == 0 ? double.NaN : sorted[(int)(share * (sorted.Length - 1))];
    }

    private static string Inv(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}

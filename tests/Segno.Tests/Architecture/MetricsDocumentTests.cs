using System.Diagnostics.Metrics;
using System.Reflection;
using System.Text.RegularExpressions;
using Segno.Diagnostics;
using Segno.Tests.Diagnostics;

namespace Segno.Tests.Architecture;

/// <summary>docs/metrics.md has the instruments and the tags that there are, and no others.</summary>
public sealed partial class MetricsDocumentTests
{
    private static readonly string[] Lines = File.ReadAllLines(Path.Combine(SourceTree.Root, "docs", "metrics.md"));

    [Fact]
    public void TheDocumentHasEveryInstrumentWithItsKindAndUnit()
    {
        using var meters = new TestMeters();
        using var seen = new Measurements(meters);
        TlsMetrics.For(meters);

        Assert.Equal(
            seen.Instruments.Select(instrument => $"{instrument.Name} {Kind(instrument)} {instrument.Unit}").Order(StringComparer.Ordinal),
            Lines.Select(line => Instrument().Match(line)).Where(match => match.Success)
                .Select(match => $"{match.Groups[1]} {match.Groups[2]} {match.Groups[3]}").Order(StringComparer.Ordinal));
    }

    [Fact]
    public void TheDocumentHasEveryTag() => Assert.Equal(
        typeof(TlsMetrics).GetFields(BindingFlags.Public | BindingFlags.Static).Where(field => field.IsLiteral && field.Name != nameof(TlsMetrics.MeterName))
            .Select(field => (string)field.GetRawConstantValue()!).Order(StringComparer.Ordinal),
        Lines.Select(line => Tag().Match(line)).Where(match => match.Success).Select(match => match.Groups[1].Value).Order(StringComparer.Ordinal));

    private static string Kind(Instrument instrument) => instrument switch
    {
        Counter<long> or ObservableCounter<long> => "counter",
        ObservableUpDownCounter<long> => "up-down counter",
        Histogram<double> => "histogram",
        _ => instrument.GetType().Name,
    };

    [GeneratedRegex(@"^\| `(segno\.[\w.]+)` \| (counter|up-down counter|histogram) \| `([^`]+)` \|")]
    private static partial Regex Instrument();

    [GeneratedRegex(@"^\| `(\w+\.[\w.]+)` \| (?!counter|up-down counter|histogram)")]
    private static partial Regex Tag();
}

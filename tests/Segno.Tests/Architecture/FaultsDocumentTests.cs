using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Segno.Alerts;

namespace Segno.Tests.Architecture;

/// <summary>docs/faults.md is made of TlsFault and FaultAlerts.</summary>
public sealed partial class FaultsDocumentTests
{
    private const string Head = """
        # The faults

        Why a connection failed: `TlsException.Fault`. Each has one alert, which goes to the peer before the connection ends; – where
        nothing may or need be sent. The peer sees the alert alone, the application sees the fault.

        This file is made of the comments of `TlsFault` and of the table `FaultAlerts`. `FaultsDocumentTests` compares it with them;
        when they differ, the test writes what it should be to `artifacts/docs/faults.md`.

        """;

    [Fact]
    public void TheDocumentHasEveryFaultWithItsMeaningAndAlert()
    {
        string expected = Document();
        string actual = File.ReadAllText(Path.Combine(SourceTree.Root, "docs", "faults.md")).ReplaceLineEndings("\n");
        if (expected != actual)
        {
            string copy = Path.Combine(SourceTree.Root, "artifacts", "docs", "faults.md");
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.WriteAllText(copy, expected);
        }
        Assert.Equal(expected, actual);
    }

    private static string Document()
    {
        string source = File.ReadAllText(Path.Combine(SourceTree.Root, "src", "Segno", "Faults", "TlsFault.cs"));
        StringBuilder text = new(Head.ReplaceLineEndings("\n"));
        HashSet<TlsFault> seen = [TlsFault.None];
        foreach (Match line in Line().Matches(source))
        {
            if (line.Groups["section"].Success)
            {
                text.Append(CultureInfo.InvariantCulture, $"\n## {line.Groups["section"].Value.Trim()}\n\n| fault | value | alert | meaning |\n|---|---|---|---|\n");
                continue;
            }
            TlsFault fault = Enum.Parse<TlsFault>(line.Groups["name"].Value);
            if (seen.Add(fault))
            {
                string alert = FaultAlerts.For(fault) is { } sent ? $"{sent} ({(byte)sent})" : "–";
                text.Append(CultureInfo.InvariantCulture, $"| {fault} | {(int)fault} | {alert} | {line.Groups["meaning"].Value.Replace("<c>", "`").Replace("</c>", "`")} |\n");
            }
        }
        Assert.Equal(Enum.GetValues<TlsFault>().Length, seen.Count);
        return text.ToString();
    }

    [GeneratedRegex(@"^    // (?<section>.+)$|^    /// <summary>(?<meaning>.+)</summary>\r?\n    (?<name>\w+) = \d+,", RegexOptions.Multiline)]
    private static partial Regex Line();
}

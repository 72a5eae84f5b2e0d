using System.Text.RegularExpressions;

namespace Segno.Tests.Architecture;

/// <summary>The C# of README.md is that of samples/Readme, which compiles.</summary>
public sealed partial class ReadmeTests
{
    [Fact]
    public void EveryExampleIsCompiled()
    {
        string readme = File.ReadAllText(Path.Combine(SourceTree.Root, "README.md")).ReplaceLineEndings("\n");
        List<string> compiled = [];
        foreach ((string path, string text) in SourceTree.CSharpFiles("samples/Readme"))
        {
            string source = text.ReplaceLineEndings("\n");
            compiled.AddRange(path == "Program.cs" ? [source] : Marked().Matches(source).Select(match => Unindented(match.Groups["code"].Value)));
        }
        string[] shown = [.. Example().Matches(readme).Select(match => match.Groups["code"].Value)];
        Assert.NotEmpty(shown);
        Assert.Equal(compiled.Order(StringComparer.Ordinal), shown.Order(StringComparer.Ordinal));
    }

    private static string Unindented(string code)
    {
        string[] lines = code.Split('\n');
        int indent = lines.Where(line => line.Length > 0).Min(line => line.Length - line.TrimStart().Length);
        return string.Join('\n', lines.Select(line => line.Length == 0 ? line : line[indent..]));
    }

    [GeneratedRegex("^```csharp\n(?<code>.*?)^```$", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Example();

    [GeneratedRegex("^ *// README\n(?<code>.*?)^ *// end$", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Marked();
}

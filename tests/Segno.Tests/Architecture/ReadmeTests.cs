using System.Text.RegularExpressions;

namespace Segno.Tests.Architecture;

/// <summary>The C# of README.md and of docs/client-sessions.md is that of samples/Readme, which compiles.</summary>
public sealed partial class ReadmeTests
{
    [Theory]
    [InlineData("README.md", "README")]
    [InlineData("docs/client-sessions.md", "docs/client-sessions.md")]
    public void EveryExampleIsCompiled(string document, string mark)
    {
        string page = File.ReadAllText(Path.Combine(SourceTree.Root, document)).ReplaceLineEndings("\n");
        List<string> compiled = [];
        foreach ((string path, string text) in SourceTree.CSharpFiles("samples/Readme"))
        {
            string source = text.ReplaceLineEndings("\n");
            compiled.AddRange(path == "Program.cs"
                ? document == "README.md" ? [source] : []
                : Marked().Matches(source).Where(match => match.Groups["mark"].Value == mark).Select(match => Unindented(match.Groups["code"].Value)));
        }
        string[] shown = [.. Example().Matches(page).Select(match => match.Groups["code"].Value)];
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

    [GeneratedRegex("^ *// (?<mark>README|docs/client-sessions.md)\n(?<code>.*?)^ *// end$", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Marked();
}

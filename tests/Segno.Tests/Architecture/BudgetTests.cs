using System.Text.RegularExpressions;
using Segno.Buffers;
using Xunit;

namespace Segno.Tests.Architecture;

/// <summary>Limits on size and on where things may be, so that the library stays one that can be read.</summary>
public sealed partial class BudgetTests
{
    private static readonly Type[] Public = typeof(PublicData).Assembly.GetExportedTypes();

    [Fact]
    public void PublicTypesAreInTwoNamespaces() =>
        Assert.DoesNotContain(Public, type => type.Namespace is not ("Segno" or "Segno.Sessions"));

    [Fact]
    public void AtMostSixtyPublicTypesInSegno() => Assert.InRange(Public.Count(type => type.Namespace == "Segno"), 1, 60);

    [Fact]
    public void NoFileIsTooLong() => Assert.Empty(
        from file in SourceTree.CSharpFiles("src")
        let lines = file.Text.Count(character => character == '\n')
        where lines > (StateFile().IsMatch(file.Path) ? 900 : 600)
        select $"{file.Path} has {lines} lines");

    [Fact]
    public void OnlyIOTheStoresAndTheStaplerAwait() => Assert.DoesNotContain(
        new CodeMap(typeof(PublicData).Assembly, "/src/Segno/").FilesThatAwait(), file => !MayAwait(file));

    [Fact]
    public void AnAwaitIsFoundInTheSample() => Assert.Equal(
        ["Elsewhere/Stray.cs"], new CodeMap(typeof(BudgetTests).Assembly, "/Architecture/Samples/").FilesThatAwait());

    // The stapler asks OCSP responders over HTTP, in the background: no handshake waits for it.
    private static bool MayAwait(string file) =>
        new[] { "IO/", "Sessions/Stores/", "Certificates/Stapling/" }.Any(folder => file.StartsWith(folder, StringComparison.Ordinal));

    // The state classes of one side and version are one story, and stay in one file.
    [GeneratedRegex("^Segno/Handshake/.*(Client|Server)1[23]")]
    private static partial Regex StateFile();
}

using System.Reflection;
using System.Text.RegularExpressions;
using Xunit;

namespace Segno.Tests.Architecture;

/// <summary>The museum's catalogue: each exhibit has a test, and a wrong rule in eng/sabotage.txt that its test must catch.</summary>
public sealed partial class MuseumTests
{
    /// <summary>The exhibits of what is built.</summary>
    private static readonly string[] Exhibits =
    [
        .. Room('A', 1, 16), "A18", .. Room('B', 1, 11), .. Room('C', 1, 12), .. Room('D', 1, 10), .. Room('D', 14, 16), .. Room('F', 1, 5),
        .. Room('G', 1, 6), .. Room('H', 1, 3), "I1", "I4", "I6", "I7", "J2", "L1", "M1",
    ];

    /// <summary>Those without a wrong rule, because there is none to make. The list may only get shorter.</summary>
    private static readonly Dictionary<string, string> WithoutSabotage = new()
    {
        ["A16"] = "A fault of the runtime: its test asks for a version that has the mend, and no source of this library could be wrong.",
    };

    [Fact]
    public void EveryExhibitHasATest()
    {
        HashSet<string> carried = [.. typeof(MuseumTests).Assembly.GetTypes().SelectMany(type => type.GetMethods()).Where(IsTest).SelectMany(Carried)];
        Assert.Empty(Exhibits.Except(carried));
    }

    [Fact]
    public void EveryTestedExhibitHasAWrongRule()
        => Assert.Equal(Exhibits.Order(StringComparer.Ordinal), WrongRules().Select(rule => rule.Exhibit).Distinct().Concat(WithoutSabotage.Keys).Order(StringComparer.Ordinal));

    /// <summary>What eng/sabotage is to change stands in the sources, once, and its filters find tests.</summary>
    [Fact]
    public void EveryWrongRuleStillApplies()
    {
        string[] methods = [.. typeof(MuseumTests).Assembly.GetTypes().SelectMany(type => type.GetMethods().Where(IsTest).Select(method => $"{type.Name}.{method.Name}"))];
        Assert.All(WrongRules(), rule =>
        {
            Assert.Equal(2, File.ReadAllText(Path.Combine(SourceTree.Root, rule.File)).Split(rule.Text).Length);
            Assert.NotEqual(rule.Text, rule.Wrong);
            Assert.NotEqual("", rule.Why);
            Assert.All(rule.Filters, filter => Assert.Contains(methods, method => Matches(method, filter)));
        });
    }

    private static bool Matches(string method, string filter)
        => filter.EndsWith('*') ? method.StartsWith(filter[..^1], StringComparison.Ordinal) : method == filter;

    private static bool IsTest(MethodInfo method) => method.IsDefined(typeof(FactAttribute), inherit: true);

    private static IEnumerable<string> Carried(MethodInfo method)
        => method.GetCustomAttributes<TraitAttribute>().Concat(method.DeclaringType!.GetCustomAttributes<TraitAttribute>())
            .Where(trait => trait.Name == "Museum").Select(trait => trait.Value)
            .Concat(ExhibitInName().Match(method.Name) is { Success: true } match ? [match.Groups[1].Value] : []);

    private static IEnumerable<string> Room(char room, int first, int last) => Enumerable.Range(first, last - first + 1).Select(number => $"{room}{number}");

    private static List<WrongRule> WrongRules()
    {
        List<WrongRule> rules = [];
        foreach (string line in File.ReadLines(Path.Combine(SourceTree.Root, "eng/sabotage.txt")).Where(line => line.Length > 0 && line[0] != '#'))
        {
            WrongRule? last = rules.LastOrDefault();
            string rest = line[Math.Min(2, line.Length)..];
            switch (line[..Math.Min(2, line.Length)])
            {
                case ": ":
                    rules[^1] = last! with { Why = rest };
                    break;
                case "- ":
                    rules[^1] = last! with { Text = last.Text.Length == 0 ? rest : $"{last.Text}\n{rest}" };
                    break;
                case "+ ":
                    rules[^1] = last! with { Wrong = last.Wrong.Length == 0 ? rest : $"{last.Wrong}\n{rest}" };
                    break;
                default:
                    string[] parts = line.Split(' ');
                    rules.Add(new WrongRule(parts[0], parts[1], parts[2..], "", "", ""));
                    break;
            }
        }
        return rules;
    }

    [GeneratedRegex("^([A-M][0-9]+)_")]
    private static partial Regex ExhibitInName();

    private sealed record WrongRule(string Exhibit, string File, string[] Filters, string Why, string Text, string Wrong);
}

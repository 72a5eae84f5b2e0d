using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;

namespace Segno.Tests.Architecture;

/// <summary>The tests that docs/requirements.md names assert something, themselves or by what they call in this assembly.</summary>
public sealed partial class RequirementTests
{
    private static readonly Dictionary<string, List<MethodInfo>> s_tests = typeof(RequirementTests).Assembly.GetTypes()
        .SelectMany(type => type.GetMethods()).Where(method => method.IsDefined(typeof(FactAttribute), inherit: true))
        .GroupBy(method => $"{method.DeclaringType!.Name}.{method.Name}").ToDictionary(group => group.Key, group => group.ToList());

    [Fact]
    public void EveryTestOfARequirementAsserts()
    {
        MethodInfo[] named = [.. Named().SelectMany(Tests)];
        Assert.True(named.Length > 100);
        Assert.Empty(named.Where(test => !Asserts(test)).Select(test => $"{test.DeclaringType!.Name}.{test.Name}"));
    }

    /// <summary>Each names tests that there are; those of other suites are not here to be looked at.</summary>
    [Fact]
    public void EveryTestOfARequirementIsATest()
        => Assert.All(Named().Where(IsOfThisSuite), name => Assert.NotEmpty(Tests(name)));

    [Fact]
    public void OneWithoutAnAssertionIsSeen()
    {
        Assert.False(Asserts(((Action)Nothing).Method));
        Assert.True(Asserts(((Action)Indirect).Method));
    }

    private static void Nothing() => Indirectly([]).Clear();

    private static void Indirect() => new List<int> { 1 }.ForEach(one => Assert.Equal(1, one));

    private static List<int> Indirectly(List<int> list) => list;

    private static bool Asserts(MethodInfo test)
    {
        HashSet<MethodBase> seen = [];
        Queue<MethodBase> left = new([test]);
        while (left.TryDequeue(out MethodBase? method))
        {
            if (!seen.Add(method))
            {
                continue;
            }
            // What an async or iterating method does stands in its state machine.
            if (method.GetCustomAttribute<StateMachineAttribute>() is { } machine)
            {
                left.Enqueue(machine.StateMachineType.GetMethod("MoveNext", BindingFlags.Instance | BindingFlags.NonPublic)!);
            }
            foreach (MemberInfo member in CodeMap.TouchedBy(method))
            {
                if (member is MethodBase && member.DeclaringType == typeof(Assert))
                {
                    return true;
                }
                if (member is MethodBase called && called.Module == test.Module)
                {
                    left.Enqueue(called);
                }
            }
        }
        return false;
    }

    private static bool IsOfThisSuite(string name)
        => SourceTree.CSharpFiles("tests/Segno.Tests").Any(file => Path.GetFileName(file.Path).Split('.')[0] == name.Split('.')[0]);

    /// <summary>A method, or all of a class.</summary>
    private static List<MethodInfo> Tests(string name)
        => name.EndsWith(".*", StringComparison.Ordinal)
            ? [.. s_tests.Where(pair => pair.Key.StartsWith(name[..^1], StringComparison.Ordinal)).SelectMany(pair => pair.Value)]
            : s_tests.GetValueOrDefault(name, []);

    private static HashSet<string> Named()
        => [.. TestName().Matches(File.ReadAllText(Path.Combine(SourceTree.Root, "docs/requirements.md"))).Select(match => match.Value)];

    [GeneratedRegex(@"\b[A-Z][A-Za-z0-9]*\.([A-Z][A-Za-z0-9_]*|\*)(?=, [A-Z][A-Za-z0-9]*\.|, [A-Z]\w+\.\*| \|$)", RegexOptions.Multiline)]
    private static partial Regex TestName();
}

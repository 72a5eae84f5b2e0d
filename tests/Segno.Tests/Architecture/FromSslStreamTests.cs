using System.Net.Security;
using System.Reflection;
using System.Text.RegularExpressions;
using Xunit;

namespace Segno.Tests.Architecture;

/// <summary>docs/from-sslstream.md has a row for everything the framework has, and names nothing that is not there.</summary>
public sealed partial class FromSslStreamTests
{
    private const BindingFlags Members = BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly | BindingFlags.Public | BindingFlags.NonPublic;

    [Theory]
    [InlineData(typeof(SslServerAuthenticationOptions), typeof(TlsServerOptions), "### `SslServerAuthenticationOptions`")]
    [InlineData(typeof(SslClientAuthenticationOptions), typeof(TlsClientOptions), "### `SslClientAuthenticationOptions`")]
    [InlineData(typeof(SslStream), typeof(TlsStream), "## The stream")]
    public void TheTableIsWhatTheFrameworkHas(Type theirs, Type ours, string heading)
    {
        (string Theirs, string Ours)[] rows = [.. Rows(heading)];
        Assert.Equal(Names(theirs), rows.Select(row => row.Theirs));
        HashSet<string> here = [.. ours.GetMembers().Select(member => member.Name)];
        foreach ((string member, string cell) in rows)
        {
            MatchCollection named = Code().Matches(cell);
            Assert.True(named.Count > 0 || cell is "–" or "taken, without effect", $"{member}: {cell}");
            if (!cell.StartsWith("refused", StringComparison.Ordinal))
            {
                Assert.All(named, name => Assert.Contains(name.Groups[1].Value, here));
            }
        }
    }

    /// <summary>A member of the same name must not be denied.</summary>
    [Fact]
    public void WhatTheStreamHasTheTableHas()
    {
        HashSet<string> here = [.. typeof(TlsStream).GetMembers().Select(member => member.Name)];
        Assert.DoesNotContain(Rows("## The stream"), row => row.Ours == "–" && here.Contains(row.Theirs));
    }

    private static IEnumerable<string> Names(Type type) => type.GetMembers(Members)
        .Where(member => member is PropertyInfo { GetMethod: { } getter } ? IsSeen(getter) : member is MethodInfo { IsSpecialName: false } method && IsSeen(method))
        .Select(member => member.Name)
        .Where(name => name != nameof(Finalize))
        .Distinct()
        .Order(StringComparer.Ordinal);

    private static bool IsSeen(MethodBase method) => method.IsPublic || method.IsFamily || method.IsFamilyOrAssembly;

    private static IEnumerable<(string Theirs, string Ours)> Rows(string heading)
    {
        string[] lines = File.ReadAllLines(Path.Combine(SourceTree.Root, "docs", "from-sslstream.md"));
        return lines.SkipWhile(line => line != heading).Skip(1).TakeWhile(line => !line.StartsWith('#'))
            .Select(line => Row().Match(line)).Where(match => match.Success)
            .Select(match => (match.Groups[1].Value, match.Groups[2].Value));
    }

    [GeneratedRegex(@"^\| `(\w+)` \| (.+?) \| .*\|$")]
    private static partial Regex Row();

    [GeneratedRegex(@"`(\w+)[.\w]*`")]
    private static partial Regex Code();
}

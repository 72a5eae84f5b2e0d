using System.Reflection;

namespace Segno.Tests.Architecture;

/// <summary>A line of one of the BannedSymbols files, reduced to what metadata can answer: a type, or a member by name.</summary>
internal sealed record BannedSymbol(char Kind, string Type, string? Member)
{
    internal static IReadOnlyList<BannedSymbol> ReadAll() =>
    [
        .. new[] { "src/BannedSymbols.txt", "src/BannedSymbols.Library.txt", "src/Segno/BannedSymbols.txt" }
            .SelectMany(file => File.ReadLines(Path.Combine(SourceTree.Root, file)))
            .Where(line => line.Length > 0 && !line.StartsWith("//", StringComparison.Ordinal))
            .Select(Parse).Distinct(),
    ];

    internal bool Matches(MemberInfo target)
    {
        string? type = (target as Type ?? target.DeclaringType)?.FullName;
        return type == Type && (Member is null || target.Name == (Kind == 'P' ? "get_" + Member : Member));
    }

    /// <summary>T:Namespace.Type;why · P:Namespace.Type.Member;why · M:Namespace.Type.Member``1(parameters);why</summary>
    private static BannedSymbol Parse(string line)
    {
        string name = line[2..line.IndexOf(';', StringComparison.Ordinal)].Split('(', '`')[0];
        int dot = name.LastIndexOf('.');
        return line[0] == 'T' ? new('T', name, null) : new(line[0], name[..dot], name[(dot + 1)..]);
    }
}

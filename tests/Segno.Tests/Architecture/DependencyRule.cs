using System.Text.RegularExpressions;

namespace Segno.Tests.Architecture;

/// <summary>
/// Which folder of src/Segno may name which:
/// Faults ← Buffers, Cryptography ← Records, Alerts, Certificates, Sessions ← Handshake ← Diagnostics ← Connections ← IO.
/// A folder may name what lies on a lower floor, and nothing on its own: Sessions never names a record, Records never a
/// handshake type. The folder decides, not the namespace, because public types of every folder share the namespace Segno.
/// </summary>
internal static partial class DependencyRule
{
    private static readonly string[][] Floors =
    [
        ["Faults"],
        ["Buffers", "Cryptography"],
        ["Records", "Alerts", "Certificates", "Sessions"],
        ["Handshake"],
        ["Diagnostics"], // told by connections what happened; a handshake does not know that anybody counts
        ["Connections"],
        ["IO"],
    ];

    /// <summary>Beside the floors: the highest floor a folder may name, and the lowest floor that may name it.</summary>
    private static readonly Dictionary<string, (int Names, int NamedFrom)> Beside = new()
    {
        ["Options"] = (Names: 5, NamedFrom: 1), // the words users write; their callbacks are handed the connection
    };

    internal sealed record Violation(string File, string Named, string Why);

    internal static bool Allows(string from, string to)
    {
        int fromFloor = FloorOf(from), toFloor = FloorOf(to);
        return from == to || (fromFloor, toFloor) switch
        {
            ( >= 0, >= 0) => toFloor < fromFloor,
            ( >= 0, _) => Beside.TryGetValue(to, out var target) && fromFloor >= target.NamedFrom,
            (_, >= 0) => Beside.TryGetValue(from, out var source) && toFloor <= source.Names,
            _ => false,
        };
    }

    /// <summary>What the compiled code names, found in the assembly and its PDB.</summary>
    internal static IReadOnlyList<Violation> Check(CodeMap code)
    {
        var strays = code.Types.Select(type => code.FileOf(type)!).Distinct().Where(file => !IsKnown(FolderOf(file)))
            .Select(file => new Violation(file, "", "lies in a folder the dependency rule does not know"));
        var namings =
            from use in code.Uses()
            let type = use.Target as Type ?? use.Target.DeclaringType
            where type is not null && code.FileOf(type) is not null
            let target = code.FileOf(type)!
            where IsKnown(FolderOf(use.File)) && IsKnown(FolderOf(target)) && !Allows(FolderOf(use.File), FolderOf(target))
            select new Violation(use.File, type.FullName!, $"{FolderOf(use.File)} may not name {FolderOf(target)}");
        return [.. strays.Concat(namings).Distinct()];
    }

    /// <summary>What the text of a file names by namespace; it sees the constants that the compiler folds away.</summary>
    internal static IReadOnlyList<Violation> Check(string file, string text) =>
    [
        .. NamespaceNames().Matches(text).Select(match => match.Groups[1].Value).Distinct()
            .Where(named => IsKnown(named) && !Allows(FolderOf(file), named))
            .Select(named => new Violation(file, "Segno." + named, $"{FolderOf(file)} may not name {named}")),
    ];

    private static bool IsKnown(string folder) => FloorOf(folder) >= 0 || Beside.ContainsKey(folder);

    private static int FloorOf(string folder) => Array.FindIndex(Floors, floor => floor.Contains(folder));

    private static string FolderOf(string file) => file.Contains('/', StringComparison.Ordinal) ? file[..file.IndexOf('/', StringComparison.Ordinal)] : "";

    [GeneratedRegex(@"^(?!\s*//).*\bSegno\.([A-Z]\w*)", RegexOptions.Multiline)]
    private static partial Regex NamespaceNames();
}

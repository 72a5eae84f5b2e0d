namespace Segno.Tests.Architecture;

/// <summary>The sources as they lie in the repository.</summary>
internal static class SourceTree
{
    internal static string Root { get; } = FindRoot();

    /// <summary>Every C# file under a folder of the repository, by its path within that folder, with '/' on every platform.</summary>
    internal static IEnumerable<(string Path, string Text)> CSharpFiles(string folder)
    {
        string top = Path.Combine(Root, folder);
        foreach (string file in Directory.EnumerateFiles(top, "*.cs", SearchOption.AllDirectories))
        {
            string path = Path.GetRelativePath(top, file).Replace('\\', '/');
            if (!path.Split('/').Any(part => part is "bin" or "obj"))
            {
                yield return (path, File.ReadAllText(file));
            }
        }
    }

    private static string FindRoot()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Segno.slnx")))
            {
                return folder.FullName;
            }
        }

        throw new InvalidOperationException("Segno.slnx is in none of the folders above " + AppContext.BaseDirectory);
    }
}

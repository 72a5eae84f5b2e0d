using System.Reflection;

namespace Segno.Interop.Tests.Peers;

/// <summary>Finds the programs that the tests talk to.</summary>
internal static class Peer
{
    /// <summary>Whether a missing peer fails a test instead of skipping it.</summary>
    public static bool IsRequired => Environment.GetEnvironmentVariable("SEGNO_REQUIRE_PEERS") == "1";

    /// <summary>The path of a program, or the end of the test.</summary>
    public static string Find(string program)
    {
        string? path = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
            .Where(directory => directory.Length > 0)
            .Select(directory => Path.Combine(directory, program))
            .FirstOrDefault(File.Exists);
        if (path is null)
        {
            Missing($"{program} is not on PATH");
        }
        return path;
    }

    /// <summary>Skips the test, or fails it where peers are required.</summary>
    [System.Diagnostics.CodeAnalysis.DoesNotReturn]
    public static void Missing(string reason)
    {
        if (IsRequired)
        {
            Assert.Fail($"{reason}, and SEGNO_REQUIRE_PEERS=1");
        }
        Assert.Skip(reason);
        throw new InvalidOperationException(reason);
    }

    /// <summary>The root of the repository that this was built from.</summary>
    public static string Repository { get; } = Metadata("Repository");

    public static string Configuration { get; } = Metadata("Configuration");

    /// <summary>Our own command line, as built beside these tests.</summary>
    public static string Segno
    {
        get
        {
            string path = Path.Combine(Repository, "src", "Segno.Cli", "bin", Configuration, "net10.0", "Segno.Cli.dll");
            Assert.True(File.Exists(path), $"{path} was not built");
            return path;
        }
    }

    private static string Metadata(string key) => typeof(Peer).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().First(attribute => attribute.Key == key).Value!;
}

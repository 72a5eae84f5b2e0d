using Segno.Sessions;

namespace Segno.Tests.Sessions.Stores;

/// <summary>A directory for a file store, and a key; both go with the test.</summary>
internal sealed class FileStoreFixture : IDisposable
{
    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("segno-file-store-");

    public FileStoreFixture()
    {
        StorePath = Path.Combine(_root.FullName, "store");
    }

    public string StorePath { get; }

    public string HeaderPath => Path.Combine(StorePath, SessionDirectory.HeaderName);

    public FileStoreKey Key { get; } = FileStoreKey.FromBytes(KeyBytes(1));

    public TestClock Clock { get; } = new();

    /// <summary>The files of entries, wherever they lie.</summary>
    public string[] Entries => [.. Directory.GetFiles(StorePath, "*", SearchOption.AllDirectories).Where(path => path != HeaderPath && !path.EndsWith(".tmp", StringComparison.Ordinal))];

    public string[] Leftovers => Directory.GetFileSystemEntries(StorePath, "*.tmp");

    public static byte[] KeyBytes(int seed) => [.. Enumerable.Range(0, 32).Select(i => (byte)(((i * i * 37) + (i * seed * 11) + seed) % 256))];

    public string In(string name) => Path.Combine(_root.FullName, name);

    public FileSessionStore Store(int maxEntries = 1000, long maxBytes = 1 << 24) => new(StorePath, Key, maxEntries, maxBytes, timeProvider: Clock);

    public FileClientSessionCache Cache(int maxKeys = 256, int maxSessionsPerKey = 4, long maxBytes = FileClientSessionCache.DefaultMaxBytes)
        => new(StorePath, Key, maxKeys, maxSessionsPerKey, maxBytes, Clock);

    public void Dispose()
    {
        Key.Dispose();
        _root.Delete(recursive: true);
    }
}

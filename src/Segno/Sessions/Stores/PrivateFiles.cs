namespace Segno.Sessions;

/// <summary>Files and directories for their owner alone: modes 0600 and 0700 where there are modes, what the directory hands down elsewhere.</summary>
internal static class PrivateFiles
{
    private const UnixFileMode FileMode0600 = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode DirectoryMode = FileMode0600 | UnixFileMode.UserExecute;

    public static void CreateDirectory(string path)
    {
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(path);
        }
        else
        {
            Directory.CreateDirectory(path, DirectoryMode);
        }
    }

    /// <summary>Refuses what others than the owner have any right to, as ssh does with its keys.</summary>
    /// <exception cref="FileStoreException">So it is.</exception>
    public static void RequirePrivate(string path)
    {
        if (!OperatingSystem.IsWindows() && (File.GetUnixFileMode(path) & ~DirectoryMode) is not UnixFileMode.None and var others)
        {
            throw new FileStoreException(
                FileStoreProblem.Permissions, $"{path} is not its owner's alone ({others}): chmod {(Directory.Exists(path) ? "700" : "600")}.");
        }
    }

    /// <summary>A new file to write to.</summary>
    public static FileStream Create(string path)
    {
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, Share = FileShare.ReadWrite | FileShare.Delete, BufferSize = 0 };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = FileMode0600;
        }
        return new FileStream(path, options);
    }

    /// <summary>Writes a file that must not be there yet, and waits until it is on the disk.</summary>
    public static void WriteNew(string path, ReadOnlySpan<byte> content)
    {
        using FileStream file = Create(path);
        file.Write(content);
        file.Flush(flushToDisk: true);
    }

    /// <summary>Reads a file.</summary>
    /// <returns>At most one byte more than <paramref name="maxLength"/>, so that what is too long is seen to be; <see langword="null"/> where there is none.</returns>
    public static byte[]? Read(string path, int maxLength)
    {
        // An exception costs more than the question.
        if (!File.Exists(path))
        {
            return null;
        }
        try
        {
            using var file = new FileStream(path, new FileStreamOptions { Share = FileShare.ReadWrite | FileShare.Delete, BufferSize = 0 });
            byte[] content = new byte[Math.Min(file.Length, maxLength + 1)];
            int read = file.ReadAtLeast(content, content.Length, throwOnEndOfStream: false);
            return read == content.Length ? content : content[..read];
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }
}

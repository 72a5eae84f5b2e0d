using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.IO.Enumeration;
using System.Security.Cryptography;
using System.Text;
using Segno.Buffers;
using Segno.Cryptography;

namespace Segno.Sessions;

/// <summary>
/// A directory with a file for each entry, which any number of processes use at once without a lock: a file is written beside its
/// place and renamed into it, and taken by renaming it away, which exactly one can do. Thread-safe.
/// </summary>
/// <remarks>
/// <code>
/// DIRECTORY/segno-store                      the Header of FileStoreKeys
/// DIRECTORY/[POOL/]NAME                      a Sealed of FileStoreKeys; its place is "[POOL/]NAME"
/// DIRECTORY/SECONDS-RANDOM.tmp               being written or being removed, since so many seconds after 1970
///
/// struct {
///     uint64 expires_at;                     /* milliseconds since 1970 */
///     uint64 source;
///     opaque value[..];
/// } Content;
/// </code>
/// A file's time of modification is that of its expiry, so that a sweep need not open it. Nobody relies on it for more than that.
/// </remarks>
internal sealed class SessionDirectory : IDisposable
{
    public const string HeaderName = "segno-store";

    /// <summary>The longest value. A session has at most 64 KiB.</summary>
    public const int MaxValueLength = SessionLimits.MaxEncoded + 4096;

    /// <summary>What a file takes on the disk is a multiple of it.</summary>
    public const int BlockLength = 4096;

    private const int ContentHeaderLength = 2 * sizeof(ulong);
    private const int MaxFileLength = ContentHeaderLength + MaxValueLength + FileStoreKeys.Overhead;
    private const string Temporary = ".tmp";
    private const int TemporaryLength = 16 + 1 + 16 + 4;

    /// <summary>Nobody writes a file for longer: it was left behind.</summary>
    public static readonly TimeSpan TemporaryLifetime = TimeSpan.FromMinutes(1);

    private static readonly SearchValues<char> NameCharacters = SearchValues.Create("0123456789abcdef-");

    private readonly CryptoProvider _crypto = CryptoProvider.Default;
    private readonly FileStoreKeys _keys;

    /// <summary>Opens a directory, and makes it where there is none.</summary>
    /// <exception cref="FileStoreException">It is none of ours, or the key is not its key.</exception>
    /// <exception cref="IOException">It cannot be read or written.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be read or written.</exception>
    /// <exception cref="CryptographicException">Cryptography failed.</exception>
    public SessionDirectory(string path, FileStoreKind kind, FileStoreKey key, TimeProvider time)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(key);
        FullPath = Path.GetFullPath(path);
        Time = time;
        if (File.Exists(FullPath))
        {
            throw new FileStoreException(FileStoreProblem.Malformed, $"{FullPath} is a file, and not the directory of a file store.");
        }
        PrivateFiles.CreateDirectory(FullPath);
        PrivateFiles.RequirePrivate(FullPath);
        _keys = OpenHeader(kind, key);
    }

    public string FullPath { get; }

    public TimeProvider Time { get; }

    public static bool IsName(ReadOnlySpan<char> name, int length)
        => name.Length == length && name.IndexOfAnyExcept(NameCharacters) < 0;

    /// <summary>The name of something, as 32 hexadecimal digits.</summary>
    public string NameOf(ReadOnlySpan<byte> what)
    {
        Span<byte> name = stackalloc byte[16];
        _keys.WriteName(what, name);
        return Convert.ToHexStringLower(name);
    }

    /// <summary>What a value of a length takes on the disk.</summary>
    public static long SizeOf(int valueLength)
        => (ContentHeaderLength + valueLength + FileStoreKeys.Overhead + BlockLength - 1) / BlockLength * BlockLength;

    public bool Exists(string place) => File.Exists(PathOf(place));

    public string PathOf(string place) => Path.Combine(FullPath, place);

    /// <summary>Keeps a value, in place of the one that is there. Whoever reads sees the one or the other.</summary>
    /// <returns>Whether it is kept: not where it is too long, or its pool is gone.</returns>
    /// <exception cref="IOException">It cannot be written.</exception>
    public bool Write(string place, ReadOnlySpan<byte> value, DateTimeOffset expiresAt, ulong source = 0)
    {
        if (value.Length > MaxValueLength)
        {
            return false;
        }
        using var buffer = new FlightBuffer();
        buffer.Reserve(SaltedAead.RandomLength);
        var writer = new TlsWriter(buffer);
        writer.UInt64((ulong)Math.Max(0, expiresAt.ToUnixTimeMilliseconds()));
        writer.UInt64(source);
        writer.Bytes(value);
        byte[] sealedContent = _keys.Seal(buffer.Span, Encoding.ASCII.GetBytes(place));
        string temporary = NewTemporary();
        try
        {
            using (FileStream file = PrivateFiles.Create(temporary))
            {
                file.Write(sealedContent);
                File.SetLastWriteTimeUtc(file.SafeFileHandle, expiresAt.UtcDateTime);
            }
            File.Move(temporary, PathOf(place), overwrite: true);
            return true;
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            // The pool was removed, or this thread slept for longer than a file may be written.
            TryDelete(temporary);
            return false;
        }
        catch
        {
            TryDelete(temporary);
            throw;
        }
    }

    /// <summary>Reads a value, and changes nothing.</summary>
    /// <param name="place">Where it lies.</param>
    /// <param name="entry">The entry, which the caller disposes; <see langword="null"/> where there is none that opens.</param>
    /// <returns>Whether there is one.</returns>
    public bool TryRead(string place, [NotNullWhen(true)] out DirectoryEntry? entry) => TryRead(PathOf(place), place, out entry);

    /// <summary>Takes an entry away and reads it. Of all who try, in whatever process, exactly one gets it.</summary>
    /// <param name="place">Where it lies.</param>
    /// <param name="entry">The entry, which the caller disposes; <see langword="null"/> where there is none, or somebody else took it.</param>
    /// <returns>Whether this call took it.</returns>
    public bool TryTake(string place, [NotNullWhen(true)] out DirectoryEntry? entry)
    {
        entry = null;
        if (TryMoveAway(place) is not { } taken)
        {
            return false;
        }
        try
        {
            return TryRead(taken, place, out entry);
        }
        finally
        {
            TryDelete(taken);
        }
    }

    /// <summary>Removes a file or a whole pool at once.</summary>
    /// <returns>Whether this call did.</returns>
    public bool Remove(string place)
    {
        if (TryMoveAway(place) is not { } taken)
        {
            return false;
        }
        TryDelete(taken);
        return true;
    }

    /// <summary>What lies in the directory, or in one of its pools: names, what they take, and when they are over. What comes or goes meanwhile may be there or not.</summary>
    public IReadOnlyList<DirectoryFile> List(string pool, int nameLength)
    {
        try
        {
            return [.. new FileSystemEnumerable<DirectoryFile>(
                PathOf(pool),
                static (ref FileSystemEntry file) => new DirectoryFile(
                    file.FileName.ToString(),
                    (file.Length + BlockLength - 1) / BlockLength * BlockLength,
                    file.LastWriteTimeUtc),
                new EnumerationOptions { AttributesToSkip = FileAttributes.None })
            {
                ShouldIncludePredicate = (ref FileSystemEntry file) => IsName(file.FileName, nameLength),
            }];
        }
        catch (DirectoryNotFoundException)
        {
            return [];
        }
    }

    /// <summary>Removes what was left behind by whoever died while writing or removing.</summary>
    public void RemoveLeftovers()
    {
        long now = Time.GetUtcNow().ToUnixTimeSeconds();
        foreach (string path in Directory.EnumerateFileSystemEntries(FullPath, "*" + Temporary))
        {
            string name = Path.GetFileName(path);
            if (IsTemporary(name)
                && long.TryParse(name.AsSpan(0, 16), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out long since)
                // A clock that was set back makes no file young for ever.
                && Math.Abs((double)now - since) > TemporaryLifetime.TotalSeconds)
            {
                TryDelete(path);
            }
        }
    }

    public void Dispose() => _keys.Dispose();

    private static bool IsTemporary(string name)
        => name.Length == TemporaryLength && name.EndsWith(Temporary, StringComparison.Ordinal) && IsName(name.AsSpan(0, TemporaryLength - Temporary.Length), TemporaryLength - Temporary.Length);

    private static void TryDelete(string path)
    {
        try
        {
            if (Directory.Exists(path))
            {
                Directory.Delete(path, recursive: true);
            }
            else
            {
                File.Delete(path);
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // The next sweep finds it.
        }
    }

    private bool TryRead(string path, string place, [NotNullWhen(true)] out DirectoryEntry? entry)
    {
        entry = null;
        byte[]? file = PrivateFiles.Read(path, MaxFileLength);
        if (file is null || file.Length > MaxFileLength)
        {
            return false;
        }
        var content = new FlightBuffer();
        if (!_keys.TryOpen(file, Encoding.ASCII.GetBytes(place), content) || content.Length < ContentHeaderLength)
        {
            content.Dispose();
            return false;
        }
        var reader = new TlsReader(content.Span);
        var expiresAt = DateTimeOffset.FromUnixTimeMilliseconds((long)Math.Min(reader.UInt64(), (ulong)SessionLimits.MaxTime));
        ulong source = reader.UInt64();
        content.Consume(ContentHeaderLength);
        entry = new DirectoryEntry(content, expiresAt, source);
        return true;
    }

    private string? TryMoveAway(string place)
    {
        string path = PathOf(place);
        string taken = NewTemporary();
        try
        {
            if (Directory.Exists(path))
            {
                Directory.Move(path, taken);
                return taken;
            }
            if (!File.Exists(path))
            {
                return null;
            }
            // With `overwrite` this is rename(2); without it, two could succeed.
            File.Move(path, taken, overwrite: true);
            return taken;
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    private string NewTemporary()
    {
        Span<byte> random = stackalloc byte[8];
        _crypto.FillRandom(random);
        return PathOf(string.Create(CultureInfo.InvariantCulture, $"{Time.GetUtcNow().ToUnixTimeSeconds():x16}-{Convert.ToHexStringLower(random)}{Temporary}"));
    }

    private FileStoreKeys OpenHeader(FileStoreKind kind, FileStoreKey key)
    {
        string path = PathOf(HeaderName);
        while (true)
        {
            if (PrivateFiles.Read(path, FileStoreKeys.HeaderLength) is { } header)
            {
                PrivateFiles.RequirePrivate(path);
                return FileStoreKeys.Open(_crypto, kind, key, header, path);
            }
            if (Directory.EnumerateFileSystemEntries(FullPath).Select(Path.GetFileName).FirstOrDefault(name => name != HeaderName && !IsTemporary(name!)) is { } stranger)
            {
                throw new FileStoreException(FileStoreProblem.Malformed, $"{FullPath} is no file store, and no empty directory: there is {stranger}.");
            }
            byte[] created = new byte[FileStoreKeys.HeaderLength];
            FileStoreKeys keys = FileStoreKeys.Create(_crypto, kind, key, created);
            string temporary = NewTemporary();
            try
            {
                // The one file without which the others are nothing: so it is on the disk before it is in its place.
                PrivateFiles.WriteNew(temporary, created);
                File.Move(temporary, path, overwrite: false);
                return keys;
            }
            catch (IOException) when (File.Exists(path))
            {
                // Another process was faster: its header it is.
                keys.Dispose();
                TryDelete(temporary);
            }
        }
    }
}

/// <summary>What was read from a file. Disposing it wipes it.</summary>
internal sealed class DirectoryEntry(FlightBuffer value, DateTimeOffset expiresAt, ulong source) : IDisposable
{
    public ReadOnlySpan<byte> Value => value.Span;

    public DateTimeOffset ExpiresAt => expiresAt;

    public ulong Source => source;

    public void Dispose() => value.Dispose();
}

/// <summary>A file, by what its directory says of it.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Length">What it takes on the disk.</param>
/// <param name="ExpiresAt">Its time of modification: of an entry, when it is over; of a pool, when it was used last.</param>
internal readonly record struct DirectoryFile(string Name, long Length, DateTimeOffset ExpiresAt);

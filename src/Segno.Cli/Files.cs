using System.Buffers;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Segno.Sessions;

namespace Segno.Cli;

/// <summary>Files that the user names: what goes wrong with one is said with its name.</summary>
internal static class Files
{
    public static TlsCertificate LoadPem(string certificatePath, string? keyPath)
        => Load(certificatePath, () => TlsCertificate.FromPemFile(certificatePath, keyPath));

    public static TlsCertificate LoadPfx(string path, string? password)
        => Load(path, () => TlsCertificate.FromPfxFile(path, password));

    /// <summary>Trust in the certificates of a PEM file, and in nobody else.</summary>
    public static X509ChainPolicy TrustOnly(string path) => Load(path, () =>
    {
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.CustomTrustStore.ImportFromPemFile(path);
        return policy.CustomTrustStore.Count > 0 ? policy : throw new ArgumentException("There is no PEM certificate in it.");
    });

    public static string ReadFirstLine(string path) => Load(path, () => File.ReadLines(path).FirstOrDefault() ?? "");

    public static TicketKeyFile LoadTicketKeys(string path) => Load(path, () =>
    {
        byte[] content = File.ReadAllBytes(path);
        try
        {
            return TicketKeyFile.Parse(content);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(content);
        }
    });

    /// <summary>Ticket keys that are read again when the file has changed.</summary>
    public static TicketKeyRing WatchTicketKeys(string path, TimeSpan? ticketLifetime, TimeSpan? pollInterval, TimeProvider time)
        => Load(path, () => TicketKeyRing.FromFile(path, ticketLifetime, pollInterval, time));

    /// <summary>Ticket keys that are derived from a file's bytes, or from what its Base64 stands for.</summary>
    public static TicketKeyRing DeriveTicketKeys(string path, TimeSpan? period, TimeSpan? ticketLifetime, TimeProvider time) => Load(path, () =>
    {
        byte[] root = ReadKey(path);
        try
        {
            return TicketKeyRing.Derive(root, period, ticketLifetime, timeProvider: time);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(root);
        }
    });

    /// <summary>A key of random bytes, as they are or in Base64. The caller wipes it.</summary>
    public static byte[] LoadKey(string path) => Load(path, () => ReadKey(path));

    public static byte[] Read(string path) => Load(path, () => File.ReadAllBytes(path));

    /// <summary>Writes a file that only its owner may read, all of it or nothing: also where a file with other rights stood before.</summary>
    public static void WritePrivate(string path, ReadOnlySpan<byte> content)
    {
        string temporary = $"{path}.{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(6))}.tmp";
        try
        {
            using (var file = new FileStream(temporary, PrivateFile(FileMode.CreateNew)))
            {
                file.Write(content);
            }
            File.Move(temporary, path, overwrite: true);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            if (File.Exists(temporary))
            {
                File.Delete(temporary);
            }
            throw CliException.Usage($"{path}: cannot be written: {exception.Message}", exception);
        }
    }

    public static void WritePublic(string path, string content)
    {
        try
        {
            File.WriteAllText(path, content);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw CliException.Usage($"{path}: cannot be written: {exception.Message}", exception);
        }
    }

    public static FileStreamOptions PrivateFile(FileMode mode)
    {
        var options = new FileStreamOptions { Mode = mode, Access = FileAccess.Write, Share = FileShare.ReadWrite };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }
        return options;
    }

    /// <summary>The key of a store in files, which is made where store and key are new: a key that is missing is another one than the store was made with.</summary>
    public static FileStoreKey LoadOrMakeStoreKey(string path, string store, CliEnvironment environment) => Load(path, () =>
    {
        if (!File.Exists(path))
        {
            if (File.Exists(store) || (Directory.Exists(store) && Directory.EnumerateFileSystemEntries(store).Any()))
            {
                throw new FileNotFoundException($"it is not there, and {store} was made with it. Without it nothing in there opens: bring it back, or remove {store}.", path);
            }
            FileStoreKey.CreateFile(path);
            environment.Error.WriteLine($"segno: made the key {path}");
        }
        return FileStoreKey.FromFile(path);
    });

    /// <summary>Loads something, and says in the words of the command line what is wrong with it.</summary>
    /// <exception cref="CliException">It cannot be read or used.</exception>
    public static T Load<T>(string path, Func<T> load)
    {
        try
        {
            return load();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw CliException.Usage($"{path}: cannot be read: {exception.Message}", exception);
        }
        catch (Exception exception) when (exception is ArgumentException or CryptographicException or NotSupportedException)
        {
            throw CliException.Usage($"{path}: cannot be used: {exception.Message}", exception);
        }
    }

    private static byte[] ReadKey(string path)
    {
        byte[] content = File.ReadAllBytes(path);
        if (!Array.TrueForAll(content, value => value is < 0x7f and >= 0x20 or (byte)'\r' or (byte)'\n'))
        {
            return content;
        }
        try
        {
            return FromBase64(content);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(content);
        }
    }

    private static byte[] FromBase64(ReadOnlySpan<byte> text)
    {
        text = text.Trim("\r\n "u8);
        byte[] decoded = new byte[Base64.GetMaxDecodedFromUtf8Length(text.Length)];
        bool good = Base64.DecodeFromUtf8(text, decoded, out int consumed, out int written) == OperationStatus.Done && consumed == text.Length;
        byte[] root = decoded[..written];
        CryptographicOperations.ZeroMemory(decoded);
        return good ? root : throw new ArgumentException("A key is at least 32 random bytes, as they are or in Base64; a passphrase is none. Make one with 'segno keys new --derived'.");
    }
}

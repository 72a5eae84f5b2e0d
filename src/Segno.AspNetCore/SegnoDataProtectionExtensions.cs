using System.Security.Cryptography;
using Microsoft.AspNetCore.DataProtection;
using Segno.Sessions;

namespace Segno.AspNetCore;

/// <summary>Keys of file stores under the application's Data Protection.</summary>
public static class SegnoDataProtectionExtensions
{
    private const string Purpose = "Segno.FileStoreKey";
    private const int KeyLength = 32;
    private const int MaxFileLength = 64 * 1024;

    /// <summary>
    /// The key of a <see cref="FileSessionStore"/> or <see cref="FileClientSessionCache"/>, which lies in a file, protected by Data Protection. A
    /// new one is made where there is none, with mode 0600.
    /// </summary>
    /// <param name="provider">The provider. Whoever shares its keys and the file has the key.</param>
    /// <param name="path">The file. Not one of <see cref="FileStoreKey.CreateFile"/>, which is not protected.</param>
    /// <returns>The key, which the caller disposes.</returns>
    /// <exception cref="CryptographicException">The file was protected by other keys, or is no such file.</exception>
    /// <exception cref="IOException">It cannot be read or written.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be read or written.</exception>
    public static FileStoreKey GetFileStoreKey(this IDataProtectionProvider provider, string path)
    {
        ArgumentNullException.ThrowIfNull(provider);
        ArgumentException.ThrowIfNullOrEmpty(path);
        IDataProtector protector = provider.CreateProtector(Purpose);
        if (!File.Exists(path))
        {
            Create(protector, path);
        }
        if (new FileInfo(path).Length > MaxFileLength)
        {
            throw new CryptographicException($"{path} is too long for a protected key.");
        }
        byte[] key = protector.Unprotect(File.ReadAllBytes(path));
        try
        {
            return FileStoreKey.FromBytes(key);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(key);
        }
    }

    private static void Create(IDataProtector protector, string path)
    {
        byte[] key = RandomNumberGenerator.GetBytes(KeyLength);
        // Beside its place, and moved into it: nobody finds half a key. Of several that do so at once, the first one's stays.
        string temporary = $"{path}.{Guid.NewGuid():n}.tmp";
        try
        {
            var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
            if (!OperatingSystem.IsWindows())
            {
                options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            }
            using (var file = new FileStream(temporary, options))
            {
                file.Write(protector.Protect(key));
                file.Flush(flushToDisk: true);
            }
            File.Move(temporary, path);
        }
        catch (IOException) when (File.Exists(path))
        {
            // Somebody was faster.
        }
        finally
        {
            CryptographicOperations.ZeroMemory(key);
            File.Delete(temporary);
        }
    }
}

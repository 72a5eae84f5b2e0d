using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

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
            File.Delete(temporary);
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

    private static T Load<T>(string path, Func<T> load)
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
}

using System.Security.Cryptography;
using Microsoft.AspNetCore.DataProtection;
using Segno.Sessions;

namespace Segno.AspNetCore.Tests;

/// <summary>The key of a file store under Data Protection.</summary>
public sealed class DataProtectionTests : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("segno-test-");
    private readonly EphemeralDataProtectionProvider _provider = new();

    private string KeyPath => Path.Combine(_directory.FullName, "store.key");

    private string StorePath => Path.Combine(_directory.FullName, "store");

    public void Dispose() => _directory.Delete(recursive: true);

    [Fact]
    public void A_store_opens_again_with_the_key_and_no_one_elses()
    {
        using (FileStoreKey key = _provider.GetFileStoreKey(KeyPath))
        {
            new FileSessionStore(StorePath, key).Dispose();
        }
        byte[] content = File.ReadAllBytes(KeyPath);
        using (FileStoreKey key = _provider.GetFileStoreKey(KeyPath))
        {
            new FileSessionStore(StorePath, key).Dispose();
        }
        Assert.Equal(content, File.ReadAllBytes(KeyPath));
        Assert.Equal([KeyPath], Directory.GetFiles(_directory.FullName));

        using FileStoreKey other = _provider.GetFileStoreKey(KeyPath + "2");
        Assert.Equal(FileStoreProblem.WrongKey, Assert.Throws<FileStoreException>(() => new FileSessionStore(StorePath, other)).Problem);
    }

    [Fact]
    public void The_file_is_its_owners_alone_and_opens_under_no_other_keys()
    {
        _provider.GetFileStoreKey(KeyPath).Dispose();
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(KeyPath));
        }
        Assert.ThrowsAny<CryptographicException>(() => new EphemeralDataProtectionProvider().GetFileStoreKey(KeyPath));
    }

    [Fact]
    public void An_unprotected_key_is_refused()
    {
        FileStoreKey.CreateFile(KeyPath);
        Assert.ThrowsAny<CryptographicException>(() => _provider.GetFileStoreKey(KeyPath));
    }

    [Theory]
    [InlineData(65536, "")]
    [InlineData(65537, "too long")]
    public void The_length_of_the_file_is_bounded(int length, string complaint)
    {
        File.WriteAllBytes(KeyPath, new byte[length]);
        Assert.Contains(complaint, Assert.ThrowsAny<CryptographicException>(() => _provider.GetFileStoreKey(KeyPath)).Message, StringComparison.Ordinal);
    }
}

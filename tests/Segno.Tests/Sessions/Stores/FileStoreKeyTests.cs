using System.Buffers.Binary;
using Segno.Sessions;

namespace Segno.Tests.Sessions.Stores;

public sealed class FileStoreKeyTests : IDisposable
{
    private readonly FileStoreFixture _files = new();

    public void Dispose() => _files.Dispose();

    [Fact]
    public void AnotherKeyOpensNothing()
    {
        _files.Store().Dispose();
        using FileStoreKey other = FileStoreKey.FromBytes(FileStoreFixture.KeyBytes(2));

        Assert.Equal(FileStoreProblem.WrongKey, Problem(() => new FileSessionStore(_files.StorePath, other)));
        _files.Store().Dispose();
    }

    [Fact]
    public void AStoreOfAnotherKindIsRefused()
    {
        _files.Store().Dispose();

        Assert.Equal(FileStoreProblem.OtherKind, Problem(() => _files.Cache()));
    }

    [Fact]
    public void ADirectoryOfOtherThingsIsRefused()
    {
        Directory.CreateDirectory(_files.StorePath);
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(_files.StorePath, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
        File.WriteAllText(Path.Combine(_files.StorePath, "letter.txt"), "dear");

        Assert.Equal(FileStoreProblem.Malformed, Problem(() => _files.Store()));
        Assert.Equal("dear", File.ReadAllText(Path.Combine(_files.StorePath, "letter.txt")));
    }

    [Fact]
    public void AFileIsNoStore()
    {
        File.WriteAllText(_files.StorePath, "");

        Assert.Equal(FileStoreProblem.Malformed, Problem(() => _files.Store()));
    }

    /// <summary>K1, K2: every bit of the header has a meaning, and no change of it opens the store.</summary>
    [Fact]
    [Trait("Museum", "K1")]
    [Trait("Museum", "K2")]
    public void AFlippedBitOfTheHeaderIsRefused()
    {
        _files.Store().Dispose();
        byte[] good = File.ReadAllBytes(_files.HeaderPath);
        Assert.Equal(FileStoreKeys.HeaderLength, good.Length);
        for (int bit = 0; bit < 8 * good.Length; bit++)
        {
            byte[] bad = [.. good];
            bad[bit / 8] ^= (byte)(1 << (bit % 8));
            File.WriteAllBytes(_files.HeaderPath, bad);
            FileStoreProblem expected = (bit / 8) switch
            {
                < 16 => FileStoreProblem.Malformed,
                16 => FileStoreProblem.UnknownVersion,
                17 => FileStoreProblem.OtherKind,
                _ => FileStoreProblem.WrongKey,
            };
            Assert.Equal(expected, Problem(() => _files.Store()));
        }
        File.WriteAllBytes(_files.HeaderPath, good[..^1]);
        Assert.Equal(FileStoreProblem.Malformed, Problem(() => _files.Store()));
        File.WriteAllBytes(_files.HeaderPath, [.. good, 0]);
        Assert.Equal(FileStoreProblem.Malformed, Problem(() => _files.Store()));
        File.WriteAllBytes(_files.HeaderPath, []);
        Assert.Equal(FileStoreProblem.Malformed, Problem(() => _files.Store()));
        File.WriteAllBytes(_files.HeaderPath, good);
        _files.Store().Dispose();
    }

    [Fact]
    public void APassphraseOpensWhatItMade()
    {
        using FileStoreKey passphrase = FileStoreKey.FromPassphrase("correct horse battery");
        using FileStoreKey other = FileStoreKey.FromPassphrase("correct horse batteri");
        new FileSessionStore(_files.StorePath, passphrase).Dispose();
        new FileSessionStore(_files.StorePath, passphrase).Dispose();

        Assert.Equal(FileStoreProblem.WrongKey, Problem(() => new FileSessionStore(_files.StorePath, other)));
        Assert.Equal(FileStoreProblem.WrongKey, Problem(() => _files.Store()));
    }

    /// <summary>Who can write a header makes no process take all memory.</summary>
    [Theory]
    [InlineData((8 * 1024) - 1, 1, 1)]
    [InlineData((512 * 1024) + 1, 1, 1)]
    [InlineData(64 * 1024, 0, 4)]
    [InlineData(64 * 1024, 17, 4)]
    [InlineData(64 * 1024, 3, 0)]
    [InlineData(64 * 1024, 3, 17)]
    public void AnArgon2OutOfBoundsIsRefused(int memory, byte passes, byte lanes)
    {
        using FileStoreKey passphrase = FileStoreKey.FromPassphrase("correct horse battery");
        byte[] header = new byte[FileStoreKeys.HeaderLength];
        "segno file store"u8.CopyTo(header);
        header[16] = FileStoreKeys.Version;
        header[17] = (byte)FileStoreKind.ServerSessions;
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(18), memory);
        (header[22], header[23]) = (passes, lanes);
        _files.Store().Dispose();
        File.WriteAllBytes(_files.HeaderPath, header);

        Assert.Equal(FileStoreProblem.Malformed, Problem(() => new FileSessionStore(_files.StorePath, passphrase)));
        Assert.False(new Argon2Cost(memory, passes, lanes).IsAcceptable);
        Assert.True(Argon2Cost.Default.IsAcceptable);
        Assert.True(new Argon2Cost(8 * 1024, 1, 1).IsAcceptable);
        Assert.True(new Argon2Cost(512 * 1024, 16, 16).IsAcceptable);
    }

    [Fact]
    public void APassphraseHasTwelveCharacters()
    {
        FileStoreKey.FromPassphrase(new string('x', 12)).Dispose();
        Assert.Throws<ArgumentException>(() => FileStoreKey.FromPassphrase(new string('x', 11)));
    }

    [Fact]
    public void AKeyIs32RandomBytes()
    {
        Assert.Throws<ArgumentException>(() => FileStoreKey.FromBytes(FileStoreFixture.KeyBytes(1).AsSpan(0, 31)));
        Assert.Throws<ArgumentException>(() => FileStoreKey.FromBytes(new byte[32]));
        FileStoreKey.FromBytes(FileStoreFixture.KeyBytes(1)).Dispose();
    }

    [Fact]
    public void AFileOfAKeyIsMadeOnceAndReadAgain()
    {
        string path = _files.In("key");
        FileStoreKey.CreateFile(path);
        Assert.Throws<IOException>(() => FileStoreKey.CreateFile(path));
        using FileStoreKey key = FileStoreKey.FromFile(path);
        using FileStoreKey again = FileStoreKey.FromFile(path);
        new FileSessionStore(_files.StorePath, key).Dispose();
        new FileSessionStore(_files.StorePath, again).Dispose();
        Assert.Throws<FileNotFoundException>(() => FileStoreKey.FromFile(_files.In("nothing")));
    }

    /// <summary>As ssh: what others may read is refused.</summary>
    [Theory]
    [InlineData(UnixFileMode.GroupRead)]
    [InlineData(UnixFileMode.GroupWrite)]
    [InlineData(UnixFileMode.OtherRead)]
    [InlineData(UnixFileMode.OtherExecute)]
    public void WhatOthersMayReadIsRefused(UnixFileMode others)
    {
        if (OperatingSystem.IsWindows())
        {
            Assert.Skip("There are no modes.");
            return;
        }
        string path = _files.In("key");
        FileStoreKey.CreateFile(path);
        _files.Store().Dispose();
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(_files.HeaderPath));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(_files.StorePath));

        File.SetUnixFileMode(path, UnixFileMode.UserRead | others);
        Assert.Equal(FileStoreProblem.Permissions, Problem(() => FileStoreKey.FromFile(path)));
        File.SetUnixFileMode(_files.HeaderPath, UnixFileMode.UserRead | others);
        Assert.Equal(FileStoreProblem.Permissions, Problem(() => _files.Store()));
        File.SetUnixFileMode(_files.HeaderPath, UnixFileMode.UserRead);
        File.SetUnixFileMode(_files.StorePath, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | others);
        Assert.Equal(FileStoreProblem.Permissions, Problem(() => _files.Store()));
    }

    [Fact]
    public void ADisposedKeyOpensNothing()
    {
        FileStoreKey key = FileStoreKey.FromBytes(FileStoreFixture.KeyBytes(1));
        key.Dispose();

        Assert.Throws<ObjectDisposedException>(() => new FileSessionStore(_files.StorePath, key));
    }

    private static FileStoreProblem Problem(Func<object> open) => Assert.Throws<FileStoreException>(open).Problem;
}

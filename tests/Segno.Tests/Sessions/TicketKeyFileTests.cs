using System.Security.Cryptography;
using System.Text;
using Segno.Sessions;
using Segno.Sessions.Tickets;

namespace Segno.Tests.Sessions;

public sealed class TicketKeyFileTests
{
    private static readonly TimeSpan Day = TimeSpan.FromDays(1);
    private static readonly DateTimeOffset Now = SessionDraft.Now;
    private const string Nist = "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4";

    [Fact]
    public void WhatItWritesItReads()
    {
        using var file = TicketKeyFile.Create(Now);
        file.Rotate(Now, Now + Day, Day);
        file.Rotate(Now, Now + (2 * Day), Day);
        file.Revoke(Now, 1);
        byte[] written = file.Write();
        using var read = TicketKeyFile.Parse(written);

        Assert.Equal(written, read.Write());
        Assert.Equal(file.KeysAt(Now, Day), read.KeysAt(Now, Day));
        Assert.Equal([(2L, TicketKeyPhase.PrePublished), (0L, TicketKeyPhase.Active), (1L, TicketKeyPhase.Destroyed)], read.KeysAt(Now, Day).Select(key => (key.Epoch, key.Phase)));
        Assert.Equal([Now, Now + (2 * Day)], read.ActiveFrom.Values);
    }

    [Fact]
    public void CommentsEmptyLinesAndWindowsLineEndsMeanNothing()
    {
        string text = $"segno-ticket-keys 1\r\n# made by hand\r\n\r\nkey 7 2026-03-01T12:00:00Z {Random64(32)}\r\nend\r\n";
        using var file = TicketKeyFile.Parse(Encoding.ASCII.GetBytes(text));
        Assert.Equal(7, Assert.Single(file.KeysAt(Now, Day)).Epoch);
    }

    [Theory]
    [InlineData("segno-ticket-keys 2\nkey 0 2026-03-01T12:00:00Z K\nend", TicketKeyProblem.Malformed)]
    [InlineData("segno-ticket-keys 1\nkey 0 2026-03-01T12:00:00Z K\n", TicketKeyProblem.Malformed)]
    [InlineData("segno-ticket-keys 1\nkey 0 2026-03-01T12:00:00Z K\nend\nkey 1 2026-03-02T12:00:00Z L\n", TicketKeyProblem.Malformed)]
    [InlineData("segno-ticket-keys 1\nkey 0 2026-03-01 K\nend", TicketKeyProblem.Malformed)]
    [InlineData("segno-ticket-keys 1\nkey -1 2026-03-01T12:00:00Z K\nend", TicketKeyProblem.Malformed)]
    [InlineData("segno-ticket-keys 1\nkey 9007199254740993 2026-03-01T12:00:00Z K\nend", TicketKeyProblem.Malformed)]
    [InlineData("segno-ticket-keys 1\nkey 0 2026-03-01T12:00:00Z *\nend", TicketKeyProblem.Malformed)]
    [InlineData("segno-ticket-keys 1\nkey 0 K\nend", TicketKeyProblem.Malformed)]
    [InlineData("segno-ticket-keys 1\nlock 0 2026-03-01T12:00:00Z K\nend", TicketKeyProblem.Malformed)]
    [InlineData("segno-ticket-keys 1\nword\nend", TicketKeyProblem.Malformed)]
    [InlineData("segno-ticket-keys 1\nrevoked 0 abc\nend", TicketKeyProblem.Malformed)]
    [InlineData("segno-ticket-keys 1\nkey 1 2026-03-01T12:00:00Z K\nkey 0 2026-03-02T12:00:00Z L\nend", TicketKeyProblem.Malformed)]
    [InlineData("segno-ticket-keys 1\nkey 1 2026-03-01T12:00:00Z K\nkey 2 2026-03-01T12:00:00Z L\nend", TicketKeyProblem.Malformed)]
    [InlineData("segno-ticket-keys 1\nkey 1 2026-03-01T12:00:00Z K\nkey 1 2026-03-02T12:00:00Z L\nend", TicketKeyProblem.Malformed)]
    [InlineData("segno-ticket-keys 1\nkey 1 2026-03-01T12:00:00Z K\nkey 2 2026-03-02T12:00:00Z K\nend", TicketKeyProblem.Duplicate)]
    [InlineData("segno-ticket-keys 1\nkey 1 2026-03-01T12:00:00Z K\nrevoked 1 00112233445566778899aabbccddeeff\nend", TicketKeyProblem.EpochReused)]
    [InlineData("segno-ticket-keys 1\nend", TicketKeyProblem.Empty)]
    [InlineData("", TicketKeyProblem.Empty)]
    [InlineData("# nothing", TicketKeyProblem.Empty)]
    [InlineData("some words", TicketKeyProblem.Malformed)]
    public void WhatIsNoFileOfKeysIsRefusedByName(string text, TicketKeyProblem problem)
    {
        // K and L stand for good keys.
        string[] words = [.. text.Split(' ')];
        string k = Random64(32), l = Random64(32);
        string content = string.Join(' ', words.Select(word => word.StartsWith("K\n", StringComparison.Ordinal) || word == "K" ? k + word[1..]
            : word.StartsWith("L\n", StringComparison.Ordinal) || word == "L" ? l + word[1..] : word));
        TicketKeyException thrown = Assert.Throws<TicketKeyException>(() => TicketKeyFile.Parse(Encoding.ASCII.GetBytes(content)));
        Assert.Equal(problem, thrown.Problem);
        Assert.DoesNotContain(k, thrown.Message);
    }

    [Theory]
    [Trait("Museum", "C2")]
    [InlineData("0000000000000000000000000000000000000000000000000000000000000000", TicketKeyProblem.Weak)]
    [InlineData("ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", TicketKeyProblem.Weak)]
    [InlineData("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", TicketKeyProblem.Weak)]
    [InlineData("1f1e1d1c1b1a191817161514131211100f0e0d0c0b0a09080706050403020100", TicketKeyProblem.Weak)]
    [InlineData("a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f90", TicketKeyProblem.Weak)]
    [InlineData("636f727265637420686f7273652062617474657279207374617063616c6c6564", TicketKeyProblem.Weak)]
    [InlineData(Nist, TicketKeyProblem.KnownKey)]
    [InlineData("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", TicketKeyProblem.KnownKey)]
    [InlineData("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914df", TicketKeyProblem.TooShort)]
    public void AKeyThatNoGeneratorMadeIsRefused(string key, TicketKeyProblem problem)
    {
        byte[] bytes = Convert.FromHexString(key);
        string text = $"segno-ticket-keys 1\nkey 0 2026-03-01T12:00:00Z {Convert.ToBase64String(bytes)}\nend\n";
        Assert.Equal(problem, Assert.Throws<TicketKeyException>(() => TicketKeyFile.Parse(Encoding.ASCII.GetBytes(text))).Problem);
        Assert.Equal(problem, Assert.Throws<TicketKeyException>(() => TicketKeyRing.Derive(bytes)).Problem);
        if (bytes.Length == 32)
        {
            Assert.Equal(problem, Assert.Throws<TicketKeyException>(() => TicketKeyFile.Parse([.. RandomNumberGenerator.GetBytes(16), .. bytes])).Problem);
        }
        // One bit less of a pattern is a key: the check is no guess at entropy.
        KeyMaterial.Check([.. RandomNumberGenerator.GetBytes(1), .. Convert.FromHexString(Nist)], "It");
    }

    [Theory]
    [Trait("Museum", "C2")]
    [InlineData(16)]
    [InlineData(32)]
    public void HalfAPatternIsNoKeyOfNginx(int zerosAt)
    {
        byte[] key = RandomNumberGenerator.GetBytes(48);
        key.AsSpan(zerosAt, 16).Clear();
        Assert.Equal(TicketKeyProblem.Weak, Assert.Throws<TicketKeyException>(() => TicketKeyFile.Parse(key)).Problem);
    }

    [Theory]
    [InlineData(47, false)]
    [InlineData(48, true)]
    [InlineData(49, false)]
    [InlineData(79, false)]
    [InlineData(80, true)]
    [InlineData(81, false)]
    public void AKeyOfNginxHas48Or80Bytes(int length, bool good)
    {
        byte[] key = RandomNumberGenerator.GetBytes(length);
        key[0] = 0xff;
        if (good)
        {
            using var file = TicketKeyFile.Parse(key);
            Assert.Equal(TicketKeyPhase.Active, Assert.Single(file.KeysAt(Now, Day)).Phase);
        }
        else
        {
            Assert.Throws<TicketKeyException>(() => TicketKeyFile.Parse(key));
        }
        string line = Convert.ToBase64String(key) + "\n";
        Assert.Equal(good, Record.Exception(() => TicketKeyFile.Parse(Encoding.ASCII.GetBytes(line)).Dispose()) is null);
    }

    [Fact]
    public void NginxAndHaproxyHaveTheSameKeyForTheSameBytes()
    {
        byte[] key = RandomNumberGenerator.GetBytes(80);
        using var nginx = TicketKeyFile.Parse(key);
        using var haproxy = TicketKeyFile.Parse(Encoding.ASCII.GetBytes(Convert.ToBase64String(key)));
        Assert.Equal(nginx.KeysAt(Now, Day), haproxy.KeysAt(Now, Day));
    }

    [Fact]
    public void TheLastButOneOfHaproxyIsActiveTheLastIsPrePublished()
    {
        byte[] text = Encoding.ASCII.GetBytes(string.Join('\n', Enumerable.Range(0, 4).Select(_ => Random64(48))));
        using var file = TicketKeyFile.Parse(text);
        Assert.Equal(
            [(3L, TicketKeyPhase.PrePublished), (2L, TicketKeyPhase.Active), (1L, TicketKeyPhase.Retiring), (0L, TicketKeyPhase.Retiring)],
            file.KeysAt(Now, Day).Select(key => (key.Epoch, key.Phase)));
        Assert.Empty(file.ActiveFrom);
        Assert.Throws<InvalidOperationException>(() => file.Rotate(Now, Now, Day));
        Assert.Throws<InvalidOperationException>(() => file.Revoke(Now, 0));
        Assert.Throws<InvalidOperationException>(file.Write);
    }

    [Theory]
    [InlineData(64, true)]
    [InlineData(65, false)]
    public void AFileHasAtMost64Keys(int count, bool good)
    {
        byte[] text = Encoding.ASCII.GetBytes(string.Join('\n', Enumerable.Range(0, count).Select(_ => Random64(48))));
        if (good)
        {
            using var file = TicketKeyFile.Parse(text);
            Assert.Equal(count, file.KeysAt(Now, Day).Count);
            return;
        }
        Assert.Equal(TicketKeyProblem.TooMany, Assert.Throws<TicketKeyException>(() => TicketKeyFile.Parse(text)).Problem);
    }

    [Fact]
    public void AFileHasAtMost64KiB()
    {
        using var file = TicketKeyFile.Create(Now);
        byte[] text = file.Write();
        byte[] most = [.. text, .. Enumerable.Repeat((byte)'\n', TicketKeyFile.MaxLength - text.Length)];
        TicketKeyFile.Parse(most).Dispose();
        Assert.Throws<TicketKeyException>(() => TicketKeyFile.Parse([.. most, (byte)'\n']));
    }

    [Fact]
    public void RotatingDropsWhatNoTicketNeeds()
    {
        using var file = TicketKeyFile.Create(Now);
        file.Rotate(Now, Now + Day, Day);
        DateTimeOffset lastUse = Now + Day + Day + TimeSpan.FromSeconds(60);
        file.Rotate(lastUse, Now + (3 * Day), Day);
        Assert.Equal([0L, 1L, 2L], file.ActiveFrom.Keys.Order());
        file.Rotate(lastUse + TimeSpan.FromTicks(1), Now + (4 * Day), Day);
        Assert.Equal([1L, 2L, 3L], file.ActiveFrom.Keys.Order());
    }

    [Fact]
    public void AKeyIsNotActiveBeforeThoseBeforeIt()
    {
        using var file = TicketKeyFile.Create(Now);
        Assert.Throws<ArgumentException>(() => file.Rotate(Now, Now, Day));
        file.Rotate(Now, Now + TimeSpan.FromSeconds(1), Day);
        Assert.Equal(2, file.ActiveFrom.Count);
    }

    [Fact]
    public void TheSixtyFifthKeyIsRefused()
    {
        using var file = TicketKeyFile.Create(Now);
        for (int i = 1; i < TicketKeyFile.MaxKeys; i++)
        {
            file.Rotate(Now, Now + (i * Day), Day);
        }
        Assert.Throws<ArgumentException>(() => file.Rotate(Now, Now + (100 * Day), Day));
    }

    [Fact]
    public void RevokingTheActiveKeyMakesTheNextOneActive()
    {
        using var file = TicketKeyFile.Create(Now);
        file.Rotate(Now, Now + Day, Day);
        file.Revoke(Now, 0);
        Assert.Equal([(1L, TicketKeyPhase.Active), (0L, TicketKeyPhase.Destroyed)], file.KeysAt(Now, Day).Select(key => (key.Epoch, key.Phase)));
        file.Revoke(Now, 1);
        Assert.Equal((2L, TicketKeyPhase.Active), file.KeysAt(Now, Day).Select(key => (key.Epoch, key.Phase)).First());
        Assert.Throws<ArgumentException>(() => file.Revoke(Now, 1));
    }

    private static string Random64(int length) => Convert.ToBase64String(RandomNumberGenerator.GetBytes(length));
}

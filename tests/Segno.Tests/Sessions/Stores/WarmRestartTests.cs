using Segno.Cryptography;
using Segno.Sessions;
using Segno.Sessions.Tickets;

namespace Segno.Tests.Sessions.Stores;

/// <summary>Sessions in memory and ticket keys go from one process to the next, and nowhere else.</summary>
public sealed class WarmRestartTests : IDisposable
{
    private readonly FileStoreFixture _files = new();
    private readonly TestClock _clock = new();
    private readonly MemorySessionStore _before;
    private readonly MemorySessionStore _after;
    private readonly TicketKeyRing _keysBefore;
    private readonly TicketKeyRing _keysAfter;

    public WarmRestartTests()
    {
        _before = new MemorySessionStore(timeProvider: _clock);
        _after = new MemorySessionStore(timeProvider: _clock);
        _keysBefore = new TicketKeyRing(timeProvider: _clock);
        _keysAfter = new TicketKeyRing(timeProvider: _clock);
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private string Path => _files.In("state");

    public void Dispose()
    {
        _before.Dispose();
        _after.Dispose();
        _keysBefore.Dispose();
        _keysAfter.Dispose();
        _files.Dispose();
    }

    [Theory]
    [InlineData(null)]
    [InlineData("tenant")]
    public async Task A_session_is_found_by_its_ID_and_is_the_same(string? tenant)
    {
        TlsSession[] sessions = [SessionDraft.Tls12().Session(), new SessionDraft().Session(), WithItsId(out byte[] ownId)];
        using StoredSessions old = Sessions(_before, tenant);
        byte[][] ids = [old.CreateId()!, old.CreateId()!, ownId];
        for (int i = 0; i < sessions.Length; i++)
        {
            Assert.True(await old.StoreAsync(sessions[i], ids[i], null, Token));
        }

        Assert.Equal(new WarmRestartResult(3, 0, true), WarmRestart.Save(Path, _files.Key, _before, timeProvider: _clock));
        Assert.Equal(new WarmRestartResult(3, 0, true), WarmRestart.Take(Path, _files.Key, _after, timeProvider: _clock));

        using StoredSessions now = Sessions(_after, tenant);
        using StoredSessions others = Sessions(_after, "other");
        for (int i = 0; i < sessions.Length; i++)
        {
            Assert.Equal(sessions[i].Export(), (await now.FindAsync(ids[i], Token)).Session!.Export());
            Assert.Null((await others.FindAsync(ids[i], Token)).Session);
        }
        Assert.Equal(ResumptionReason.None, await now.ConsumeAsync(ids[1], Token));
        Assert.Equal(ResumptionReason.SessionConsumed, await now.ConsumeAsync(ids[1], Token));
    }

    /// <summary>Many, so that there are several parts, and records that go over the end of a slab.</summary>
    [Fact]
    public async Task All_sessions_of_all_parts_come_and_those_whose_time_is_over_do_not()
    {
        using StoredSessions old = Sessions(_before, null);
        List<byte[]> ids = [];
        for (int i = 0; i < 2000; i++)
        {
            ids.Add(old.CreateId()!);
            Assert.True(await old.StoreAsync(SessionDraft.Tls12().Session(), ids[i], null, Token));
        }
        byte[] removed = ids[7];
        await old.RemoveAsync(removed, Token);
        Assert.Equal(1999, WarmRestart.Save(Path, _files.Key, _before, timeProvider: _clock).Sessions);
        Assert.Equal(1999, WarmRestart.Take(Path, _files.Key, _after, timeProvider: _clock)!.Value.Sessions);
        using StoredSessions now = Sessions(_after, null);
        foreach (byte[] id in ids)
        {
            Assert.Equal(id != removed, (await now.FindAsync(id, Token)).Session is not null);
        }

        _clock.Advance(TimeSpan.FromDays(2));
        Assert.Equal(0, WarmRestart.Save(Path, _files.Key, _after, timeProvider: _clock).Sessions);
    }

    [Fact]
    public void Ticket_keys_open_tickets_for_as_long_as_they_would_have_and_seal_none()
    {
        TicketKey key = _keysBefore.Active!;
        Assert.Equal(1, WarmRestart.Save(Path, _files.Key, _before, _keysBefore, _clock).TicketKeys);
        _clock.Advance(TimeSpan.FromHours(1));

        Assert.Equal(1, WarmRestart.Take(Path, _files.Key, _after, _keysAfter, _clock)!.Value.TicketKeys);

        TicketKeyInfo taken = Assert.Single(_keysAfter.Keys, info => info.Name == TicketKeyRing.Info(key, default).Name);
        Assert.Equal(TicketKeyPhase.Retiring, taken.Phase);
        Assert.NotEqual(key.Name, _keysAfter.Active!.Name);
        Assert.True(_keysAfter.Active.Epoch > key.Epoch);
        Assert.Equal(Secret(key), Secret(_keysAfter.Find(key.Name, out _)!));
        _clock.Advance(TimeSpan.FromHours(22));
        Assert.NotNull(_keysAfter.Find(key.Name, out _));
        _clock.Advance(TimeSpan.FromHours(1) + TimeSpan.FromSeconds(1));
        Assert.Null(_keysAfter.Find(key.Name, out ResumptionReason reason));
        Assert.Equal(ResumptionReason.RetiredTicketKey, reason);
    }

    [Fact]
    public void A_revoked_key_and_keys_from_elsewhere_are_not_handed_over()
    {
        UInt128 revoked = _keysBefore.Active!.Name;
        Assert.True(_keysBefore.RevokeBefore(1));
        WarmRestart.Save(Path, _files.Key, _before, _keysBefore, _clock);
        WarmRestart.Take(Path, _files.Key, _after, _keysAfter, _clock);
        Assert.Null(_keysAfter.Find(revoked, out ResumptionReason reason));
        Assert.Equal(ResumptionReason.UnknownTicketKey, reason);

        using TicketKeyFile file = TicketKeyFile.Create(_clock.GetUtcNow());
        using TicketKeyRing shared = TicketKeyRing.From(file, timeProvider: _clock);
        Assert.Equal(0, WarmRestart.Save(Path, _files.Key, _before, shared, _clock).TicketKeys);
        WarmRestart.Save(Path, _files.Key, _before, _keysBefore, _clock);
        Assert.Equal(0, WarmRestart.Take(Path, _files.Key, _after, shared, _clock)!.Value.TicketKeys);
    }

    [Fact]
    public void It_is_taken_once_and_with_its_key_alone()
    {
        WarmRestart.Save(Path, _files.Key, _before, timeProvider: _clock);
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Path));
        }
        using FileStoreKey other = FileStoreKey.FromBytes(FileStoreFixture.KeyBytes(2));

        FileStoreException refused = Assert.Throws<FileStoreException>(() => WarmRestart.Take(Path, other, _after, timeProvider: _clock));

        Assert.Equal(FileStoreProblem.WrongKey, refused.Problem);
        Assert.NotNull(WarmRestart.Take(Path, _files.Key, _after, timeProvider: _clock));
        Assert.Null(WarmRestart.Take(Path, _files.Key, _after, timeProvider: _clock));
        Assert.Empty(Directory.GetFiles(System.IO.Path.GetDirectoryName(Path)!));
    }

    [Fact]
    public async Task A_store_that_is_in_use_takes_nothing_and_the_file_stays()
    {
        WarmRestart.Save(Path, _files.Key, _before, timeProvider: _clock);
        using StoredSessions sessions = Sessions(_after, null);
        Assert.True(await sessions.StoreAsync(SessionDraft.Tls12().Session(), sessions.CreateId()!, null, Token));

        Assert.Throws<InvalidOperationException>(() => WarmRestart.Take(Path, _files.Key, _after, timeProvider: _clock));

        Assert.True(File.Exists(Path));
    }

    /// <summary>K1, K3: whatever byte is changed, wherever it is cut off: it is refused, or said to be incomplete, and no session is another one.</summary>
    [Fact]
    public async Task Damage_is_seen_wherever_it_is()
    {
        using StoredSessions old = Sessions(_before, null);
        byte[] id = old.CreateId()!;
        TlsSession session = SessionDraft.Tls12().Session();
        Assert.True(await old.StoreAsync(session, id, null, Token));
        WarmRestart.Save(Path, _files.Key, _before, _keysBefore, _clock);
        byte[] good = File.ReadAllBytes(Path);
        File.Delete(Path);
        int refused = 0;
        int incomplete = 0;
        for (int i = 0; i < good.Length; i++)
        {
            byte[] flipped = [.. good];
            flipped[i] ^= (byte)(1 << (i % 8));
            await TryAsync(flipped);
            await TryAsync(good[..i]);
        }
        Assert.True(refused > 2 * 80 && incomplete > good.Length, $"{refused} {incomplete}");

        async Task TryAsync(byte[] bad)
        {
            using (FileStream file = PrivateFiles.Create(Path))
            {
                file.Write(bad);
            }
            using var store = new MemorySessionStore(timeProvider: _clock);
            try
            {
                Assert.False(WarmRestart.Take(Path, _files.Key, store, timeProvider: _clock)!.Value.IsComplete);
                incomplete++;
            }
            catch (FileStoreException)
            {
                refused++;
                File.Delete(Path);
            }
            using StoredSessions now = Sessions(store, null);
            Assert.True((await now.FindAsync(id, Token)).Session is not { } found || found.Export().SequenceEqual(session.Export()));
        }
    }

    private static TlsSession WithItsId(out byte[] id)
    {
        SessionDraft draft = SessionDraft.Tls12();
        draft.SessionId = id = [.. Enumerable.Range(1, StoredSessions.IdLength).Select(i => (byte)i)];
        return draft.Session();
    }

    private static byte[] Secret(TicketKey key)
    {
        byte[] secret = new byte[TicketKey.SecretLength];
        Assert.True(key.TryCopy(secret, new byte[TicketKey.SecretLength]));
        return secret;
    }

    private StoredSessions Sessions(MemorySessionStore store, string? tenant)
        => StoredSessions.Create(store, _keysBefore, CryptoProvider.Default, _clock, tenant);
}

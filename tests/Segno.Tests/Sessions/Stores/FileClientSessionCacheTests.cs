using System.Net.Security;
using System.Text;
using Segno.Sessions;

namespace Segno.Tests.Sessions.Stores;

public sealed class FileClientSessionCacheTests : IDisposable
{
    private static readonly DateTimeOffset Now = SessionDraft.Now;

    private readonly FileStoreFixture _files = new();

    public void Dispose() => _files.Dispose();

    /// <summary>R-83, J1: once, whichever process asks.</summary>
    [Fact]
    [Trait("Museum", "J1")]
    public void ATls13SessionIsTakenOnceByOneOfTwo()
    {
        using FileClientSessionCache cache = _files.Cache();
        using FileClientSessionCache other = _files.Cache();
        Assert.Equal(ResumptionReason.NoSessionYet, Miss(cache));
        TlsSession session = Session();
        cache.Add(Key(), session);

        Assert.Equal(1, other.Count);
        Assert.Equal(session.Export(), Take(other).Export());
        Assert.Equal(ResumptionReason.PoolEmpty, Miss(cache));
        Assert.Equal(0, cache.Count);
        Assert.Empty(_files.Leftovers);
        Assert.Null(cache.LastFailure);
    }

    /// <summary>R-83: what was read to be shown is not offered beside what is kept.</summary>
    [Fact]
    public void WhatIsReadStaysAndIsNotOffered()
    {
        using FileClientSessionCache cache = _files.Cache();
        TlsSession session = Session();
        cache.Add(Key(), session);

        TlsSession read = Assert.Single(cache.ReadAll());
        Assert.Equal(session.Export(), read.Export());
        Assert.False(read.TryOffer());
        Assert.Equal(1, cache.Count);
        Assert.True(Take(cache).TryOffer());
        Assert.Empty(cache.ReadAll());
    }

    /// <summary>R-83, J1: what is taken by its host is taken as any other.</summary>
    [Fact]
    public void ASessionIsTakenByItsHostAndPort()
    {
        using FileClientSessionCache cache = _files.Cache();
        TlsSession session = Session();
        cache.Add(Key(), session);
        (string host, int port) = (Key().Host, session.TargetPort);

        Assert.False(cache.TryTakeFor("other." + host, port, Now, out _));
        Assert.False(cache.TryTakeFor(host, port + 1, Now, out _));
        Assert.Throws<ArgumentOutOfRangeException>(() => cache.TryTakeFor(host, 65536, Now, out _));
        Assert.True(cache.TryTakeFor(host.ToUpperInvariant(), port, Now, out TlsSession? taken));
        Assert.Equal(session.Export(), taken.Export());
        Assert.False(cache.TryTakeFor(host, port, Now, out _));
        Assert.Equal(ResumptionReason.PoolEmpty, Miss(cache));

        cache.Add(Key(), session);
        Assert.False(cache.TryTakeFor(host, port, session.ExpiresAt.AddMilliseconds(1), out _));
        Assert.Null(cache.LastFailure);
    }

    [Fact]
    public void ATls12SessionStays()
    {
        using FileClientSessionCache cache = _files.Cache();
        SessionDraft draft = SessionDraft.Tls12();
        draft.IsServer = false;
        TlsSession session = draft.Session();
        cache.Add(Key(), session);

        Assert.Equal(session.Export(), Take(cache).Export());
        TlsSession taken = Take(cache);
        cache.PutBack(Key(), taken);
        Assert.Equal(1, cache.Count);
    }

    [Fact]
    public void TheNewestComesFirstAndPastTheLimitTheOldestGoes()
    {
        using FileClientSessionCache cache = _files.Cache(maxSessionsPerKey: 3);
        TlsSession[] sessions = [.. Enumerable.Range(0, 4).Select(i => Session(Now.AddMinutes(i - 10)))];
        for (int i = 0; i < 3; i++)
        {
            cache.Add(Key(), sessions[i]);
        }
        Assert.Equal(3, cache.Count);
        cache.Add(Key(), sessions[3]);

        Assert.Equal(3, cache.Count);
        Assert.Equal(sessions[3].LineageId, Take(cache).LineageId);
        Assert.Equal(sessions[2].LineageId, Take(cache).LineageId);
        Assert.Equal(sessions[1].LineageId, Take(cache).LineageId);
        Assert.Equal(ResumptionReason.PoolEmpty, Miss(cache));
    }

    [Fact]
    public void ASessionOfTls13ComesBeforeANewerOneOfTls12()
    {
        using FileClientSessionCache cache = _files.Cache();
        SessionDraft draft = SessionDraft.Tls12();
        (draft.IsServer, draft.IssuedAt) = (false, Now);
        cache.Add(Key(), draft.Session());
        cache.Add(Key(), Session());

        Assert.Equal(System.Security.Authentication.SslProtocols.Tls13, Take(cache).ProtocolVersion);
        Assert.Equal(System.Security.Authentication.SslProtocols.Tls12, Take(cache).ProtocolVersion);
    }

    [Fact]
    public void PastTheLimitOfKeysTheOneUsedLongestAgoGoes()
    {
        using FileClientSessionCache cache = _files.Cache(maxKeys: 2);
        cache.Add(Key("a"), Session());
        _files.Clock.Advance(TimeSpan.FromSeconds(1));
        cache.Add(Key("b"), Session());
        _files.Clock.Advance(TimeSpan.FromSeconds(1));
        cache.Add(Key("a"), Session());
        _files.Clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(3, cache.Count);
        cache.Add(Key("c"), Session());

        Assert.Equal(ResumptionReason.NoSessionYet, Miss(cache, Key("b")));
        Assert.Equal(3, cache.Count);
    }

    [Fact]
    public void TheBytesAreBounded()
    {
        using FileClientSessionCache cache = _files.Cache(maxBytes: 1 << 20);
        for (int i = 0; i < 60; i++)
        {
            _files.Clock.Advance(TimeSpan.FromSeconds(1));
            SessionDraft draft = SessionDraft.Client();
            draft.Ticket = new byte[30_000];
            cache.Add(Key($"h{i}"), draft.Session());
            Assert.InRange(_files.Entries.Sum(path => new FileInfo(path).Length), 1, cache.MaxBytes);
        }
        Assert.Equal(ResumptionReason.NoSessionYet, Miss(cache, Key("h0")));
        Assert.NotNull(Take(cache, Key("h59")));
    }

    [Fact]
    public void WhatIsOverIsDropped()
    {
        using FileClientSessionCache cache = _files.Cache();
        TlsSession session = Session();
        cache.Add(Key(), session);

        Assert.False(cache.TryTake(Key(), session.ExpiresAt.AddMilliseconds(1), out _, out ResumptionReason reason));
        Assert.Equal(ResumptionReason.SessionExpired, reason);
        Assert.Equal(0, cache.Count);
    }

    [Fact]
    public void WhatWasNotSentComesBackOnce()
    {
        using FileClientSessionCache cache = _files.Cache();
        cache.Add(Key(), Session());
        TlsSession taken = Take(cache);
        cache.PutBack(Key("other"), taken);
        Assert.Equal(0, cache.Count);
        cache.PutBack(Key(), taken);
        cache.PutBack(Key(), taken);
        Assert.Equal(1, cache.Count);
        cache.PutBack(Key(), Session());
        Assert.Equal(1, cache.Count);
    }

    /// <summary>B4: after a verdict against the peer nothing comes back, not even when another process pronounced it.</summary>
    [Theory]
    [InlineData("remove")]
    [InlineData("clear")]
    [InlineData("clear for")]
    [InlineData("other process")]
    [Trait("Museum", "B4")]
    public void WhatWasOutWhenItsKeyWasForgottenStaysOut(string how)
    {
        using FileClientSessionCache cache = _files.Cache();
        using FileClientSessionCache other = _files.Cache();
        cache.Add(Key(), Session());
        TlsSession taken = Take(cache);
        switch (how)
        {
            case "remove":
                cache.Remove(Key());
                break;
            case "clear":
                cache.Clear();
                break;
            case "clear for":
                cache.ClearFor("HOST");
                break;
            default:
                other.Remove(Key());
                break;
        }
        cache.PutBack(Key(), taken);
        Assert.Equal(ResumptionReason.NoSessionYet, Miss(cache));
        Assert.Empty(_files.Leftovers);
    }

    [Fact]
    public void RemoveAndClearForgetWhatTheyNameAndNothingElse()
    {
        using FileClientSessionCache cache = _files.Cache();
        foreach (string host in new[] { "a", "b", "c" })
        {
            cache.Add(Key(host), Session());
            cache.Add(Key(host, port: 8443), Session());
        }
        cache.Remove(Key("a"));
        Assert.Equal(5, cache.Count);
        cache.ClearFor("B");
        Assert.Equal(3, cache.Count);
        cache.ClearFor("nobody");
        cache.Remove(Key("nobody"));
        Assert.Equal(3, cache.Count);
        cache.Clear();
        Assert.Equal(0, cache.Count);
        Assert.Equal(ResumptionReason.NoSessionYet, Miss(cache, Key("c")));
    }

    [Fact]
    public void SessionsOfOneFullHandshakeGoTogether()
    {
        using FileClientSessionCache cache = _files.Cache();
        SessionDraft draft = SessionDraft.Client();
        draft.Lineage = draft.Session().Lineage;
        cache.Add(Key(), draft.Session());
        cache.Add(Key(), draft.Session());
        cache.Add(Key(), Session());

        cache.Remove(Key(), Guid.NewGuid());
        Assert.Equal(3, cache.Count);
        cache.Remove(Key(), draft.Lineage.Id);
        Assert.Equal(1, cache.Count);
    }

    /// <summary>All that a key says tells it from others.</summary>
    [Fact]
    public void AnotherKeyIsAnotherPool()
    {
        using FileClientSessionCache cache = _files.Cache();
        cache.Add(Key(), Session());
        ClientSessionKey[] others =
        [
            Key("other"), Key(port: 444), new("host", 443, null, [SslApplicationProtocol.Http2], new byte[] { 1 }), new("host", 443, "host", [], new byte[] { 1 }),
            new("host", 443, "host", [SslApplicationProtocol.Http2], new byte[] { 2 }), new("host", 443, "", [SslApplicationProtocol.Http2], new byte[] { 1 }),
        ];
        Assert.All(others, key => Assert.Equal(ResumptionReason.NoSessionYet, Miss(cache, key)));
        Assert.NotNull(Take(cache, Key("HOST")));
    }

    [Fact]
    [Trait("Museum", "H1")]
    public async Task SixtyFourRacersTakeEachSessionOnce()
    {
        FileClientSessionCache[] caches = [.. Enumerable.Range(0, 4).Select(_ => _files.Cache(maxSessionsPerKey: 16))];
        for (int i = 0; i < 16; i++)
        {
            caches[0].Add(Key(), Session());
        }
        using var start = new Barrier(64);
        Task<TlsSession?>[] racers = [.. Enumerable.Range(0, 64).Select(racer => Task.Factory.StartNew(
            () =>
            {
                start.SignalAndWait(TestContext.Current.CancellationToken);
                caches[racer % 4].TryTake(Key(), Now, out TlsSession? session, out _);
                return session;
            },
            TestContext.Current.CancellationToken,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default))];
        Guid[] taken = [.. (await Task.WhenAll(racers)).OfType<TlsSession>().Select(session => session.LineageId)];
        Assert.Equal(16, taken.Length);
        Assert.Equal(16, taken.Distinct().Count());
        Array.ForEach(caches, cache => cache.Dispose());
    }

    /// <summary>K1: every bit of an entry, one after the other.</summary>
    [Fact]
    [Trait("Museum", "K1")]
    public void AFlippedBitIsDeclined()
    {
        using FileClientSessionCache cache = _files.Cache();
        cache.Add(Key(), Session());
        string path = Assert.Single(_files.Entries);
        byte[] good = File.ReadAllBytes(path);
        for (int bit = 0; bit < 8 * good.Length; bit++)
        {
            byte[] bad = [.. good];
            bad[bit / 8] ^= (byte)(1 << (bit % 8));
            File.WriteAllBytes(path, bad);
            Assert.Equal(ResumptionReason.PoolEmpty, Miss(cache));
        }
        File.WriteAllBytes(path, good);
        Assert.NotNull(Take(cache));
        Assert.Null(cache.LastFailure);
    }

    [Fact]
    public void NothingShowsInTheFiles()
    {
        using FileClientSessionCache cache = _files.Cache();
        SessionDraft draft = SessionDraft.Client();
        draft.ServerName = "planted.example";
        cache.Add(Key("planted.example"), draft.Session());
        string content = Encoding.Latin1.GetString(File.ReadAllBytes(Assert.Single(_files.Entries)));
        Assert.DoesNotContain("planted", content, StringComparison.Ordinal);
        Assert.DoesNotContain(Encoding.Latin1.GetString(draft.Secret), content, StringComparison.Ordinal);
        Assert.DoesNotContain(Directory.GetFileSystemEntries(_files.StorePath), path => path.Contains("planted", StringComparison.Ordinal));
    }

    /// <summary>A cache never throws into a handshake: without its directory it has no sessions, and says why.</summary>
    [Fact]
    public void WithoutItsDirectoryItHasNoSessions()
    {
        using FileClientSessionCache cache = _files.Cache();
        Directory.Delete(_files.StorePath, recursive: true);
        File.WriteAllText(_files.StorePath, "a file in its place");

        cache.Add(Key(), Session());
        Assert.Equal(ResumptionReason.NoSessionYet, Miss(cache));
        Assert.Equal(0, cache.Count);
        cache.Clear();
        Assert.NotNull(cache.LastFailure);
    }

    [Fact]
    public void AServersSessionIsRefused()
    {
        using FileClientSessionCache cache = _files.Cache();
        Assert.Throws<ArgumentException>(() => cache.Add(Key(), new SessionDraft().Session()));
    }

    [Theory]
    [InlineData(0, 4, 1 << 20)]
    [InlineData(4097, 4, 1 << 20)]
    [InlineData(256, 0, 1 << 20)]
    [InlineData(256, 17, 1 << 20)]
    [InlineData(256, 4, (1 << 20) - 1)]
    [InlineData(256, 4, (1 << 30) + 1)]
    public void LimitsHaveLimits(int keys, int sessions, long bytes) => Assert.Throws<ArgumentOutOfRangeException>(() => _files.Cache(keys, sessions, bytes));

    private static ClientSessionKey Key(string host = "host", int port = 443) => new(host, port, host, [SslApplicationProtocol.Http2], new byte[] { 1 });

    private static TlsSession Session(DateTimeOffset? issuedAt = null)
    {
        SessionDraft draft = SessionDraft.Client();
        draft.IssuedAt = issuedAt ?? draft.IssuedAt;
        return draft.Session();
    }

    private static TlsSession Take(FileClientSessionCache cache, ClientSessionKey? key = null)
    {
        Assert.True(cache.TryTake(key ?? Key(), Now, out TlsSession? session, out ResumptionReason reason));
        Assert.Equal(ResumptionReason.None, reason);
        return session;
    }

    private static ResumptionReason Miss(FileClientSessionCache cache, ClientSessionKey? key = null)
    {
        Assert.False(cache.TryTake(key ?? Key(), Now, out TlsSession? session, out ResumptionReason reason));
        Assert.Null(session);
        return reason;
    }
}

using System.Net.Security;
using Segno.Sessions;

namespace Segno.Tests.Sessions;

public sealed class MemoryClientSessionCacheTests
{
    private static readonly DateTimeOffset Now = SessionDraft.Now;

    [Fact]
    public void AnUnknownPeerHasNoSessionYet()
    {
        var cache = new MemoryClientSessionCache();

        Assert.Equal(ResumptionReason.NoSessionYet, Miss(cache, Key()));
        Assert.Equal(0, cache.Count);
    }

    [Fact]
    [Trait("Museum", "J1")]
    public void ATls13SessionIsTakenOnce()
    {
        var cache = new MemoryClientSessionCache();
        TlsSession session = Session();
        cache.Add(Key(), session);

        Assert.True(cache.TryTake(Key(), Now, out TlsSession? taken, out ResumptionReason reason));
        Assert.Same(session, taken);
        Assert.Equal(ResumptionReason.None, reason);
        Assert.Equal(0, cache.Count);
        Assert.Equal(ResumptionReason.PoolEmpty, Miss(cache, Key()));
    }

    [Fact]
    public void ATls12SessionStays()
    {
        var cache = new MemoryClientSessionCache();
        SessionDraft draft = SessionDraft.Tls12();
        draft.IsServer = false;
        TlsSession session = draft.Session();
        cache.Add(Key(), session);

        Assert.Same(session, Take(cache));
        Assert.Same(session, Take(cache));
        cache.PutBack(Key(), session);
        Assert.Equal(1, cache.Count);
    }

    [Fact]
    public void TheNewestComesFirst()
    {
        var cache = new MemoryClientSessionCache();
        TlsSession[] sessions = [Session(), Session(), Session()];
        foreach (TlsSession session in sessions)
        {
            cache.Add(Key(), session);
        }

        Assert.Same(sessions[2], Take(cache));
        Assert.Same(sessions[1], Take(cache));
        Assert.Same(sessions[0], Take(cache));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    [InlineData(16)]
    public void PastTheLimitOfSessionsTheOldestGoes(int limit)
    {
        var cache = new MemoryClientSessionCache(maxSessionsPerKey: limit);
        TlsSession[] sessions = [.. Enumerable.Range(0, limit + 1).Select(_ => Session())];
        for (int i = 0; i < limit; i++)
        {
            cache.Add(Key(), sessions[i]);
        }
        Assert.Equal(limit, cache.Count);
        cache.Add(Key(), sessions[limit]);

        Assert.Equal(limit, cache.Count);
        for (int i = limit; i > 0; i--)
        {
            Assert.Same(sessions[i], Take(cache));
        }
        Assert.Equal(ResumptionReason.PoolEmpty, Miss(cache, Key()));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(256)]
    [Trait("Museum", "I4")]
    public void PastTheLimitOfKeysTheOneUsedLongestAgoGoes(int limit)
    {
        var cache = new MemoryClientSessionCache(maxKeys: limit);
        for (int i = 0; i < limit; i++)
        {
            cache.Add(Key($"h{i}"), Session());
            cache.Add(Key($"h{i}"), Session());
        }
        Assert.Equal(2 * limit, cache.Count);
        // h0 is used once more; the next in line is h1.
        Assert.True(cache.TryTake(Key("h0"), Now, out _, out _));
        cache.Add(Key("new"), Session());

        Assert.Equal((2 * limit) - 2, cache.Count - (limit == 1 ? 1 : 0));
        Assert.Equal(limit == 1 ? ResumptionReason.NoSessionYet : ResumptionReason.None, Reason(cache, Key("h0")));
        if (limit > 1)
        {
            Assert.Equal(ResumptionReason.NoSessionYet, Reason(cache, Key("h1")));
            Assert.Equal(ResumptionReason.None, Reason(cache, Key("h2")));
        }
        Assert.Equal(ResumptionReason.None, Reason(cache, Key("new")));
    }

    [Fact]
    [Trait("Museum", "I4")]
    public void AHundredThousandNamesDoNotMakeItGrow()
    {
        var cache = new MemoryClientSessionCache();
        TlsSession session = Session();
        for (int i = 0; i < 100_000; i++)
        {
            cache.Add(Key($"h{i}"), session);
        }
        Assert.Equal(MemoryClientSessionCache.DefaultMaxKeys, cache.Count);
    }

    [Fact]
    public void TheDefaultsAre256Times4()
    {
        var cache = new MemoryClientSessionCache();

        Assert.Equal((256, 4), (cache.MaxKeys, cache.MaxSessionsPerKey));
    }

    [Theory]
    [InlineData(0, 4)]
    [InlineData(65537, 4)]
    [InlineData(256, 0)]
    [InlineData(256, 17)]
    public void LimitsHaveLimits(int keys, int sessions) => Assert.Throws<ArgumentOutOfRangeException>(() => new MemoryClientSessionCache(keys, sessions));

    [Fact]
    public void WhatIsOverIsDropped()
    {
        var cache = new MemoryClientSessionCache();
        TlsSession brief = new SessionDraft { IsServer = false, IssuedAt = Now, Lifetime = TimeSpan.FromHours(1) }.Session();
        cache.Add(Key(), Session());
        cache.Add(Key(), brief);
        cache.Add(Key("b"), brief);
        cache.Add(Key("c"), brief);

        Assert.True(cache.TryTake(Key("c"), brief.ExpiresAt, out _, out _));
        DateTimeOffset later = brief.ExpiresAt.AddMilliseconds(1);
        Assert.True(cache.TryTake(Key(), later, out TlsSession? session, out _));
        Assert.NotSame(brief, session);
        Assert.False(cache.TryTake(Key("b"), later, out _, out ResumptionReason reason));
        Assert.Equal(ResumptionReason.SessionExpired, reason);
        Assert.Equal(0, cache.Count);
        Assert.False(cache.TryTake(Key("b"), later, out _, out reason));
        Assert.Equal(ResumptionReason.PoolEmpty, reason);
    }

    [Fact]
    public void WhatWasNotSentComesBackOnce()
    {
        var cache = new MemoryClientSessionCache();
        TlsSession older = Session();
        TlsSession newer = new SessionDraft { IsServer = false, IssuedAt = Now }.Session();
        cache.Add(Key(), older);
        Assert.Same(older, Take(cache));
        cache.Add(Key(), newer);
        cache.PutBack(Key(), older);
        cache.PutBack(Key(), older);

        Assert.Equal(2, cache.Count);
        Assert.Same(newer, Take(cache));
        Assert.Same(older, Take(cache));
    }

    [Fact]
    public void WhatComesBackToAFullPoolDoesNotDisplaceANewerOne()
    {
        var cache = new MemoryClientSessionCache(maxSessionsPerKey: 1);
        TlsSession older = Session();
        TlsSession newer = new SessionDraft { IsServer = false, IssuedAt = Now }.Session();
        cache.Add(Key(), older);
        Take(cache);
        cache.Add(Key(), newer);
        cache.PutBack(Key(), older);

        Assert.Equal(1, cache.Count);
        Assert.Same(newer, Take(cache));
    }

    [Fact]
    public void ALeaseIsGivenBackOnce()
    {
        var cache = new MemoryClientSessionCache(maxSessionsPerKey: 1);
        TlsSession first = Session();
        cache.Add(Key(), first);
        Take(cache);
        cache.PutBack(Key(), first);
        cache.Add(Key(), Session());
        Take(cache);
        cache.PutBack(Key(), first);

        Assert.Equal(0, cache.Count);
    }

    /// <summary>Museum B4: after a verdict against the peer nothing of it comes back, not even what was out at the time.</summary>
    [Theory]
    [InlineData("remove")]
    [InlineData("clear")]
    [InlineData("clear for")]
    [Trait("Museum", "B4")]
    public void WhatWasOutWhenItsKeyWasForgottenStaysOut(string how)
    {
        var cache = new MemoryClientSessionCache();
        TlsSession session = Session();
        cache.Add(Key(), session);
        Take(cache);
        switch (how)
        {
            case "remove":
                cache.Remove(Key());
                break;
            case "clear":
                cache.Clear();
                break;
            default:
                cache.ClearFor("host");
                break;
        }
        cache.PutBack(Key(), session);
        Assert.Equal(ResumptionReason.NoSessionYet, Miss(cache, Key()));

        cache.Add(Key(), Session());
        cache.PutBack(Key(), session);
        Assert.Equal(1, cache.Count);
    }

    [Fact]
    public void OnlyWhatWasTakenComesBackAndOnlyToItsPlace()
    {
        var cache = new MemoryClientSessionCache();
        TlsSession session = Session();
        cache.Add(Key("a"), session);
        cache.Add(Key("b"), Session());
        cache.PutBack(Key("b"), Session());
        Assert.Equal(2, cache.Count);

        Assert.True(cache.TryTake(Key("a"), Now, out _, out _));
        cache.PutBack(Key("b"), session);
        Assert.Equal(1, cache.Count);
        Assert.Equal(ResumptionReason.PoolEmpty, Miss(cache, Key("a")));
    }

    [Fact]
    [Trait("Museum", "H2")]
    public void ASessionAddedTwiceIsThereOnce()
    {
        var cache = new MemoryClientSessionCache();
        TlsSession session = Session();
        cache.Add(Key(), session);
        cache.Add(Key(), session);

        Assert.Equal(1, cache.Count);
        Take(cache);
        Assert.Equal(ResumptionReason.PoolEmpty, Miss(cache, Key()));
    }

    [Fact]
    public void RemoveAndClearForgetWhatTheyNameAndNothingElse()
    {
        var cache = new MemoryClientSessionCache();
        foreach (string host in new[] { "a", "b", "c" })
        {
            cache.Add(Key(host), Session());
            cache.Add(Key(host, port: 8443), Session());
        }

        cache.Remove(Key("a"));
        Assert.Equal(5, cache.Count);
        Assert.Equal(ResumptionReason.NoSessionYet, Miss(cache, Key("a")));
        cache.ClearFor("B");
        Assert.Equal(3, cache.Count);
        Assert.Equal(ResumptionReason.NoSessionYet, Miss(cache, Key("b", port: 8443)));
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
        var cache = new MemoryClientSessionCache();
        SessionDraft draft = SessionDraft.Client();
        draft.Lineage = draft.Session().Lineage;
        TlsSession[] siblings = [draft.Session(), draft.Session()];
        TlsSession stranger = Session();
        foreach (TlsSession session in (TlsSession[])[siblings[0], stranger, siblings[1]])
        {
            cache.Add(Key(), session);
            cache.Add(Key("other"), session);
        }

        Assert.Equal(siblings[0].LineageId, siblings[1].LineageId);
        cache.Remove(Key(), Guid.NewGuid());
        cache.Remove(Key("nobody"), siblings[0].LineageId);
        Assert.Equal(6, cache.Count);
        cache.Remove(Key(), siblings[0].LineageId);
        Assert.Equal(4, cache.Count);
        Assert.Same(stranger, Take(cache));
        Assert.Equal(ResumptionReason.PoolEmpty, Miss(cache, Key()));
    }

    [Fact]
    public void AServersSessionIsRefused()
        => Assert.Throws<ArgumentException>(() => new MemoryClientSessionCache().Add(Key(), new SessionDraft().Session()));

    [Fact]
    [Trait("Museum", "H1")]
    public void SixtyFourRacersTakeEachSessionOnce()
    {
        var cache = new MemoryClientSessionCache(maxSessionsPerKey: 16);
        for (int round = 0; round < 20; round++)
        {
            TlsSession[] sessions = [.. Enumerable.Range(0, 16).Select(_ => Session())];
            foreach (TlsSession session in sessions)
            {
                cache.Add(Key(), session);
            }
            var taken = new System.Collections.Concurrent.ConcurrentBag<TlsSession>();
            Parallel.For(0, 64, new ParallelOptions { MaxDegreeOfParallelism = 64 }, _ =>
            {
                if (cache.TryTake(Key(), Now, out TlsSession? session, out ResumptionReason _))
                {
                    taken.Add(session);
                }
            });
            Assert.Equal(16, taken.Count);
            Assert.Equal(16, taken.Distinct().Count());
        }
    }

    [Fact]
    [Trait("Museum", "H1")]
    public void TheCountHoldsWhateverManyThreadsDo()
    {
        var cache = new MemoryClientSessionCache(maxKeys: 8, maxSessionsPerKey: 2);
        TlsSession[] sessions = [.. Enumerable.Range(0, 64).Select(_ => Session())];
        Parallel.For(0, 20_000, i =>
        {
            ClientSessionKey key = Key($"h{i % 11}");
            switch (i % 7)
            {
                case 0 or 1 or 2:
                    cache.Add(key, sessions[i % sessions.Length]);
                    break;
                case 3 or 4:
                    if (cache.TryTake(key, Now, out TlsSession? session, out _) && i % 2 == 0)
                    {
                        cache.PutBack(key, session);
                    }
                    break;
                case 5:
                    cache.Remove(key);
                    break;
                default:
                    cache.ClearFor($"h{i % 5}");
                    break;
            }
        });

        Assert.InRange(cache.Count, 0, 16);
        int left = 0;
        for (int i = 0; i < 11; i++)
        {
            while (cache.TryTake(Key($"h{i}"), Now, out _, out _))
            {
                left++;
            }
        }
        Assert.InRange(left, 0, 16);
        Assert.Equal(0, cache.Count);
    }

    /// <summary>Museum rule 4 and B1–B9: each part of the key keeps sessions apart.</summary>
    [Theory]
    [InlineData("host")]
    [InlineData("port")]
    [InlineData("server name")]
    [InlineData("no server name")]
    [InlineData("protocols")]
    [InlineData("order of protocols")]
    [InlineData("scope")]
    [Trait("Museum", "B9")]
    public void EveryPartOfTheKeyCounts(string part)
    {
        SslApplicationProtocol[] offer = [SslApplicationProtocol.Http2, SslApplicationProtocol.Http11];
        var key = new ClientSessionKey("host", 443, "host", offer, [1, 2]);
        ClientSessionKey other = part switch
        {
            "host" => new ClientSessionKey("host2", 443, "host", offer, [1, 2]),
            "port" => new ClientSessionKey("host", 444, "host", offer, [1, 2]),
            "server name" => new ClientSessionKey("host", 443, "name", offer, [1, 2]),
            "no server name" => new ClientSessionKey("host", 443, null, offer, [1, 2]),
            "protocols" => new ClientSessionKey("host", 443, "host", [SslApplicationProtocol.Http2], [1, 2]),
            "order of protocols" => new ClientSessionKey("host", 443, "host", [.. offer.Reverse()], [1, 2]),
            _ => new ClientSessionKey("host", 443, "host", offer, [1, 3]),
        };
        var cache = new MemoryClientSessionCache();
        cache.Add(key, Session());

        Assert.NotEqual(key, other);
        Assert.False(key.Equals((object)other));
        Assert.Equal(ResumptionReason.NoSessionYet, Miss(cache, other));
        Assert.Equal(ResumptionReason.None, Reason(cache, key));
    }

    [Fact]
    public void KeysAreEqualByValueAndWithoutRegardToCase()
    {
        var a = new ClientSessionKey("Host", 443, "Name", [SslApplicationProtocol.Http2], [1]);
        var b = new ClientSessionKey("hOST", 443, "nAME", [SslApplicationProtocol.Http2], [1]);

        Assert.Equal(a, b);
        Assert.Equal(a.GetHashCode(), b.GetHashCode());
        Assert.Equal(("host", "name", 1, 1), (a.Host, a.ServerName, a.ApplicationProtocols.Count, a.ScopeDigest.Length));
        Assert.Equal("host:443 (name)", a.ToString());
        Assert.False(a.Equals(null));
        Assert.False(a.Equals("host"));
    }

    [Fact]
    public void AKeyKeepsItsOwnCopies()
    {
        SslApplicationProtocol[] offer = [SslApplicationProtocol.Http2];
        byte[] digest = [1];
        var key = new ClientSessionKey("host", 443, null, offer, digest);
        offer[0] = SslApplicationProtocol.Http11;
        digest[0] = 2;

        Assert.Equal(new ClientSessionKey("host", 443, null, [SslApplicationProtocol.Http2], [1]), key);
        Assert.Equal(SslApplicationProtocol.Http2, key.ApplicationProtocols[0]);
    }

    [Fact]
    public void AKeyIsChecked()
    {
        Assert.Throws<ArgumentException>(() => new ClientSessionKey("", 443, null, [], [1]));
        Assert.Throws<ArgumentException>(() => new ClientSessionKey("host", 443, null, [], []));
        Assert.Throws<ArgumentOutOfRangeException>(() => new ClientSessionKey("host", -1, null, [], [1]));
        Assert.Throws<ArgumentOutOfRangeException>(() => new ClientSessionKey("host", 65536, null, [], [1]));
        Assert.Equal(65535, new ClientSessionKey("host", 65535, null, [], [1]).Port);
        Assert.Equal(0, new ClientSessionKey("host", 0, null, [], [1]).Port);
    }

    private static ClientSessionKey Key(string host = "host", int port = 443) => new(host, port, host, [SslApplicationProtocol.Http2], [1, 2, 3]);

    private static TlsSession Session() => SessionDraft.Client().Session();

    private static TlsSession Take(MemoryClientSessionCache cache)
    {
        Assert.True(cache.TryTake(Key(), Now, out TlsSession? session, out _));
        return session;
    }

    private static ResumptionReason Miss(MemoryClientSessionCache cache, ClientSessionKey key)
    {
        Assert.False(cache.TryTake(key, Now, out TlsSession? session, out ResumptionReason reason));
        Assert.Null(session);
        return reason;
    }

    private static ResumptionReason Reason(MemoryClientSessionCache cache, ClientSessionKey key)
    {
        cache.TryTake(key, Now, out _, out ResumptionReason reason);
        return reason;
    }
}

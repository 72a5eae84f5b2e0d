using System.Security.Cryptography;
using Segno.Cryptography;
using Segno.Sessions;

namespace Segno.Tests.Sessions.Stores;

/// <summary>Sessions as the difference to what they have in common with others.</summary>
public sealed class CompactSessionTests
{
    private static readonly byte[] Id = RandomNumberGenerator.GetBytes(32);

    public static TheoryData<string> Usual => [.. Drafts.Keys.Where(name => !name.StartsWith('!'))];

    public static TheoryData<string> Unusual => [.. Drafts.Keys.Where(name => name.StartsWith('!'))];

    private static Dictionary<string, Func<SessionDraft>> Drafts { get; } = new()
    {
        ["1.2"] = SessionDraft.Tls12,
        ["1.3"] = () => new SessionDraft(),
        ["1.3, SHA-384"] = () => Change(new SessionDraft(), draft => (draft.Hash, draft.Secret) = (HashKind.Sha384, [.. Enumerable.Repeat((byte)7, 47), 8])),
        ["its ID"] = () => Change(SessionDraft.Tls12(), draft => draft.SessionId = Id),
        ["another lifetime"] = () => Change(SessionDraft.Tls12(), draft => draft.Lifetime = TimeSpan.FromMilliseconds(1)),
        ["the longest lifetime"] = () => Change(SessionDraft.Tls12(), draft => draft.Lifetime = TimeSpan.FromDays(6.5)),
        ["another deadline"] = () => Change(SessionDraft.Tls12(), draft => draft.MaximumAge = TimeSpan.FromHours(3)),
        ["a deadline that cuts"] = () => Change(SessionDraft.Tls12(), draft => draft.MaximumAge = TimeSpan.FromHours(2)),
        ["no deadline"] = () => Change(SessionDraft.Tls12(), draft => draft.MaximumAge = TimeSpan.MaxValue),
        ["authenticated before"] = () => Change(SessionDraft.Tls12(), draft => draft.AuthenticatedAt = SessionDraft.Now.AddHours(-5)),
        ["authenticated after"] = () => Change(SessionDraft.Tls12(), draft => draft.AuthenticatedAt = SessionDraft.Now.AddHours(2)),
        ["resumed before"] = () => Change(SessionDraft.Tls12(), draft => draft.Lineage = draft.Session().Lineage.Next().Next()),
        ["issued early"] = () => Change(SessionDraft.Tls12(), draft => draft.IssuedAt = SessionDraft.Now.AddDays(-3)),
        ["issued in 1970"] = () => Change(SessionDraft.Tls12(), draft => draft.IssuedAt = DateTimeOffset.UnixEpoch),
        ["no name"] = () => Change(SessionDraft.Tls12(), draft => draft.ServerName = null),
        ["no protocol"] = () => Change(SessionDraft.Tls12(), draft => draft.ApplicationProtocol = default),
        ["a zone"] = () => Change(new SessionDraft(), draft => draft.Zone = [1, 2, 3]),
        ["! another ID"] = () => Change(SessionDraft.Tls12(), draft => draft.SessionId = [1, 2, 3]),
        ["! a certificate"] = () => Change(SessionDraft.Tls12(), draft => draft.PeerCertificates = [new byte[900]]),
        ["! a certificate's end"] = () => Change(SessionDraft.Tls12(), draft => draft.PeerNotAfter = SessionDraft.Now.AddDays(1)),
        ["! application data"] = () => Change(SessionDraft.Tls12(), draft => draft.ApplicationData = [1]),
        ["! a client's"] = SessionDraft.Client,
    };

    /// <summary>Whatever a session has that the template has not, it comes back with it.</summary>
    [Theory]
    [MemberData(nameof(Usual))]
    public void WhatIsEncodedDecodesToTheSame(string name)
    {
        TlsSession session = Drafts[name]().Session();
        // The template of another session: nothing but what the two have in common comes from it.
        foreach (SessionTemplate template in new[] { new SessionTemplate(session), TemplateOfAnother(Drafts[name]()) })
        {
            byte[] room = new byte[CompactSession.MaxLength];
            int length = CompactSession.Encode(session, Id, template, room);

            Assert.InRange(length, 50, 120);
            Assert.True(CompactSession.TryDecode(room.AsSpan(0, length), Id, template, out TlsSession? decoded));
            Assert.Equal(session.Export(), decoded.Export());
        }
    }

    [Theory]
    [MemberData(nameof(Unusual))]
    public void WhatIsUnusualIsNotEncoded(string name)
    {
        TlsSession session = Drafts[name]().Session();
        Assert.Equal(0, CompactSession.Encode(session, Id, new SessionTemplate(session), new byte[CompactSession.MaxLength]));
    }

    /// <summary>Usual or not, sessions are stored and found the same.</summary>
    [Fact]
    public async Task AllAreStoredAndFound()
    {
        var clock = new TestClock { Wall = DateTimeOffset.UnixEpoch };
        using var store = new MemorySessionStore(timeProvider: clock);
        using var sessions = new MemoryStoredSessions(store, CryptoProvider.Default, "tenant");
        foreach ((string name, Func<SessionDraft> draft) in Drafts)
        {
            TlsSession session = draft().Session();
            bool isServers = session.IsServer;
            Assert.Equal(isServers, await sessions.StoreAsync(session, Id, null, TestContext.Current.CancellationToken));
            LocatedSession found = await sessions.FindAsync(Id, TestContext.Current.CancellationToken);
            Assert.Equal(name.StartsWith('!') || !isServers ? 0 : 1, store.Templates.Count);
            if (isServers)
            {
                Assert.Equal(session.Export(), found.Session!.Export());
            }
            await sessions.RemoveAsync(Id, TestContext.Current.CancellationToken);
            Assert.Equal((0, 0L), (store.Templates.Count, store.GetStatistics().Bytes));
        }
    }

    /// <summary>The goal: at least 8,000 TLS 1.2 sessions without client certificate in a mebibyte.</summary>
    [Fact]
    public async Task EightThousandSessionsFitIntoAMebibyte()
    {
        var clock = new TestClock();
        using var store = new MemorySessionStore(1_000_000, 1 << 20, timeProvider: clock);
        using var sessions = new MemoryStoredSessions(store, CryptoProvider.Default, null);
        for (int i = 0; i < 10_000; i++)
        {
            SessionDraft draft = SessionDraft.Tls12();
            draft.IssuedAt = draft.AuthenticatedAt = SessionDraft.Now.AddMilliseconds(i * 17);
            draft.SessionId = RandomNumberGenerator.GetBytes(32);
            draft.ServerName = i % 2 == 0 ? "www.example.org" : "a-name-that-is-longer-than-most.example.net";
            Assert.True(await sessions.StoreAsync(draft.Session(), draft.SessionId, null, TestContext.Current.CancellationToken));
        }
        SessionStoreStatistics statistics = store.GetStatistics();
        Assert.True(statistics.EvictedForBytes > 0);
        Assert.InRange(statistics.Entries, 8000, 9000);
        Assert.InRange(statistics.Bytes, 0, 1 << 20);
    }

    /// <summary>Bound to key, template, tenant and process: what one sealed no other opens.</summary>
    [Fact]
    public void WhatIsSealedOpensNowhereElse()
    {
        TlsSession session = SessionDraft.Tls12().Session();
        var templates = new SessionTemplates(10_000);
        SessionTemplate template = templates.Acquire(session)!;
        templates.Release(template.Number);
        SessionTemplate successor = templates.Acquire(session)!;
        Assert.Equal(template.Number, successor.Number);
        var keys = new StoreKeys(CryptoProvider.Default);
        var sealer = new MemorySealer(keys, CryptoProvider.Default);
        byte[] key = RandomNumberGenerator.GetBytes(16);
        byte[] room = new byte[MemorySealer.MaxLength];
        byte[] value = room[..sealer.Seal(session, Id, key, template, room)];

        Assert.Equal(session.Export(), sealer.Open(value, Id, key, template)!.Export());
        Assert.Null(sealer.Open(value, Id, RandomNumberGenerator.GetBytes(16), template));
        Assert.Null(sealer.Open(value, Id, key, successor));
        Assert.Null(new MemorySealer(new StoreKeys(CryptoProvider.Default), CryptoProvider.Default).Open(value, Id, key, template));
        Assert.Null(sealer.Open(value.AsSpan(..^1), Id, key, template));
        Assert.Null(sealer.Open(value.AsSpan(..22), Id, key, template));
        Assert.Null(sealer.Open([], Id, key, template));
        Assert.Null(sealer.Open(new byte[1000], Id, key, template));

        byte[] again = room[..sealer.Seal(session, Id, key, template, room)];
        Assert.NotEqual(value, again);
        keys.Destroy();
        Assert.Null(sealer.Open(value, Id, key, template));
        Assert.Equal(0, sealer.Seal(session, Id, key, template, room));
    }

    [Fact]
    public void ATemplateLivesAsLongAsItsEntries()
    {
        var templates = new SessionTemplates(10_000);
        TlsSession session = SessionDraft.Tls12().Session();
        SessionTemplate first = templates.Acquire(session)!;
        Assert.Same(first, templates.Acquire(SessionDraft.Tls12().Session()));
        Assert.Same(first, templates[first.Number]);
        Assert.InRange(templates.Bytes, 400, 1000);

        templates.Release(first.Number);
        Assert.Equal(1, templates.Count);
        templates.Release(first.Number);
        Assert.Equal((0, 0L), (templates.Count, templates.Bytes));
        Assert.Null(templates[first.Number]);
        templates.Release(0);
        Assert.NotSame(first, templates.Acquire(session));
    }

    /// <summary>Names come from clients: as many as fit have templates, one more has none, until another goes.</summary>
    [Fact]
    public void TheirBytesAreBounded()
    {
        long one = new SessionTemplate(Named(0)).Cost;
        var templates = new SessionTemplates(40 * one);
        SessionTemplate?[] all = [.. Enumerable.Range(0, 40).Select(i => templates.Acquire(Named(i)))];
        Assert.All(all, Assert.NotNull);
        Assert.Null(templates.Acquire(Named(40)));
        Assert.Equal(40 * one, templates.Bytes);
        Assert.Equal(40, all.Select(template => template!.Number).Distinct().Count());

        templates.Release(all[7]!.Number);
        Assert.Equal(all[7]!.Number, templates.Acquire(Named(40))!.Number);

        static TlsSession Named(int number)
        {
            SessionDraft draft = SessionDraft.Tls12();
            draft.ServerName = $"{number:d8}.example.org";
            return draft.Session();
        }
    }

    [Fact]
    public async Task TemplatesSurviveAnyNumberOfThreads()
    {
        var templates = new SessionTemplates(1_000_000);
        TlsSession[] sessions = [.. Enumerable.Range(0, 3).Select(i =>
        {
            SessionDraft draft = SessionDraft.Tls12();
            draft.ServerName = $"{i}.example.org";
            return draft.Session();
        })];
        await Task.WhenAll(Enumerable.Range(0, 4).Select(seed => Task.Run(() =>
        {
            for (int i = 0; i < 20_000; i++)
            {
                TlsSession session = sessions[(i + seed) % 3];
                SessionTemplate? template = templates.Acquire(session);
                Assert.Equal(session.ServerName, template!.ServerName);
                Assert.Same(template, templates[template.Number]);
                templates.Release(template.Number);
            }
        })));
        Assert.Equal((0, 0L), (templates.Count, templates.Bytes));
    }

    private static SessionDraft Change(SessionDraft draft, Action<SessionDraft> change)
    {
        change(draft);
        return draft;
    }

    private static SessionTemplate TemplateOfAnother(SessionDraft draft)
    {
        draft.Lineage = null;
        draft.IssuedAt = SessionDraft.Now.AddMinutes(-90);
        draft.AuthenticatedAt = SessionDraft.Now.AddMinutes(-91);
        draft.Lifetime = TimeSpan.FromMinutes(77);
        draft.MaximumAge = TimeSpan.FromDays(6);
        draft.SessionId = [];
        return new SessionTemplate(draft.Session());
    }
}

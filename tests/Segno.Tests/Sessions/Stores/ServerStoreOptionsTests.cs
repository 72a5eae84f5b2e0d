using Segno.Sessions;

namespace Segno.Tests.Sessions.Stores;

/// <summary>What a server's options make of session IDs.</summary>
public sealed class ServerStoreOptionsTests
{
    private readonly byte[] _id = [1, 2, 3, 4];

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task AContextHasAStoreOfItsOwnAndDisposesIt()
    {
        var context = new TlsServerContext(Options());
        ServerSessions sessions = context.Settings.Sessions;
        MemorySessionStore store = context.Settings.OwnedSessionStore!;
        Assert.Equal((MemorySessionStore.DefaultMaxEntries, MemorySessionStore.DefaultMaxBytes), (store.MaxEntries, store.MaxBytes));

        Assert.True(await sessions.StoreAsync(SessionDraft.Tls12().Session(), _id, Token));
        Assert.NotNull((await sessions.LocateAsync(ResumptionMechanism.SessionId, _id, Token)).Session);
        sessions.MarkUsed(_id);
        Assert.Equal(ResumptionReason.None, await sessions.ConsumeAsync(_id, Token));
        Assert.True(await sessions.StoreAsync(SessionDraft.Tls12().Session(), _id, Token));
        await sessions.RemoveAsync(_id, Token);
        Assert.Equal(0, store.Count);
        Assert.True(await sessions.StoreAsync(SessionDraft.Tls12().Session(), _id, Token));

        context.Dispose();
        Assert.Equal(0, store.Count);
        Assert.False(await sessions.StoreAsync(SessionDraft.Tls12().Session(), _id, Token));
    }

    [Fact]
    public async Task AStoreThatWasGivenStaysItsOwners()
    {
        using var store = new MemorySessionStore(timeProvider: new TestClock());
        TlsServerOptions options = Options();
        options.SessionStore = store;
        var context = new TlsServerContext(options);
        Assert.Null(context.Settings.OwnedSessionStore);
        Assert.True(await context.Settings.Sessions.StoreAsync(SessionDraft.Tls12().Session(), _id, Token));

        context.Dispose();
        Assert.Equal(1, store.Count);
        using var another = new TlsServerContext(options);
        LocatedSession located = await another.Settings.Sessions.LocateAsync(ResumptionMechanism.SessionId, _id, Token);
        Assert.Equal((null, ResumptionReason.SessionNotFound), (located.Session, located.Reason));
    }

    /// <summary>Museum A11: where resumption is disabled, nothing is stored and nothing looked for.</summary>
    [Fact]
    [Trait("Museum", "A11")]
    public async Task WithoutResumptionThereIsNoStore()
    {
        var store = new StoreDouble { Before = _ => throw new InvalidOperationException("Nobody may ask.") };
        TlsServerOptions options = Options();
        options.SessionStore = store;
        options.AllowTlsResume = false;
        using var context = new TlsServerContext(options);
        ServerSessions sessions = context.Settings.Sessions;

        Assert.Null(context.Settings.StoredSessions);
        Assert.False(await sessions.StoreAsync(SessionDraft.Tls12().Session(), _id, Token));
        Assert.Equal(ResumptionReason.ResumptionDisabled, (await sessions.LocateAsync(ResumptionMechanism.SessionId, _id, Token)).Reason);
        Assert.Equal(ResumptionReason.ResumptionDisabled, await sessions.ConsumeAsync(_id, Token));
        await sessions.RemoveAsync(_id, Token);
        sessions.MarkUsed(_id);
        Assert.Empty(store.Entries);
    }

    [Fact]
    public void TheLifetimeIsZeroTo24Hours()
    {
        using (var context = new TlsServerContext(Options()))
        {
            Assert.Equal(TimeSpan.FromHours(1), context.Settings.Tls12SessionLifetime);
        }
        using (var context = new TlsServerContext(Options(TimeSpan.FromHours(24))))
        {
            Assert.NotNull(context.Settings.StoredSessions);
        }
        using (var context = new TlsServerContext(Options(TimeSpan.Zero)))
        {
            Assert.Null(context.Settings.StoredSessions);
        }
        Assert.Throws<ArgumentException>(() => new TlsServerContext(Options(TimeSpan.FromHours(24) + TimeSpan.FromTicks(1))));
        Assert.Throws<ArgumentException>(() => new TlsServerContext(Options(TimeSpan.FromTicks(-1))));
    }

    private static TlsServerOptions Options(TimeSpan? lifetime = null)
    {
        var options = new TlsServerOptions
        {
            CertificateSelector = static (_, _) => ValueTask.FromResult<TlsCertificate?>(null),
            TimeProvider = new TestClock(),
        };
        if (lifetime is { } given)
        {
            options.Tls12SessionLifetime = given;
        }
        return options;
    }
}

using System.Net;
using System.Net.Sockets;
using Segno.Sessions;
using Segno.Tests.Connections;

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
        Assert.Same(store, context.SessionStore);
        Assert.Equal((MemorySessionStore.DefaultMaxEntries, MemorySessionStore.DefaultMaxBytes), (store.MaxEntries, store.MaxBytes));

        Assert.True(await sessions.StoreAsync(SessionDraft.Tls12().Session(), _id, cancellationToken: Token));
        Assert.NotNull((await sessions.LocateAsync(ResumptionMechanism.SessionId, _id, cancellationToken: Token)).Session);
        sessions.MarkUsed(_id);
        Assert.Equal(ResumptionReason.None, await sessions.ConsumeAsync(_id, cancellationToken: Token));
        Assert.True(await sessions.StoreAsync(SessionDraft.Tls12().Session(), _id, cancellationToken: Token));
        await sessions.RemoveAsync(_id, cancellationToken: Token);
        Assert.Equal(0, store.Count);
        Assert.True(await sessions.StoreAsync(SessionDraft.Tls12().Session(), _id, cancellationToken: Token));

        context.Dispose();
        Assert.Equal(0, store.Count);
        Assert.False(await sessions.StoreAsync(SessionDraft.Tls12().Session(), _id, cancellationToken: Token));
    }

    [Fact]
    public async Task AStoreThatWasGivenStaysItsOwners()
    {
        using var store = new MemorySessionStore(timeProvider: new TestClock());
        TlsServerOptions options = Options();
        options.SessionStore = store;
        options.Group = "test";
        var context = new TlsServerContext(options);
        Assert.Null(context.Settings.OwnedSessionStore);
        Assert.Same(store, context.SessionStore);
        Assert.True(await context.Settings.Sessions.StoreAsync(SessionDraft.Tls12().Session(), _id, cancellationToken: Token));

        context.Dispose();
        Assert.Equal(1, store.Count);
        using var another = new TlsServerContext(options);
        LocatedSession located = await another.Settings.Sessions.LocateAsync(ResumptionMechanism.SessionId, _id, cancellationToken: Token);
        // Who has the store has its sessions; whether they are good here is for the scope to say.
        Assert.NotNull(located.Session);
        Assert.False(await context.Settings.Sessions.StoreAsync(SessionDraft.Tls12().Session(), _id, cancellationToken: Token));
    }

    /// <summary>Museum A11: where resumption is disabled, nothing is stored and nothing looked for.</summary>
    [Fact]
    [Trait("Museum", "A11")]
    public async Task WithoutResumptionThereIsNoStore()
    {
        var store = new StoreDouble { Before = _ => throw new InvalidOperationException("Nobody may ask.") };
        TlsServerOptions options = Options();
        options.SessionStore = store;
        options.Group = "test";
        options.AllowTlsResume = false;
        using var context = new TlsServerContext(options);
        ServerSessions sessions = context.Settings.Sessions;

        Assert.Null(context.Settings.StoredSessions);
        Assert.Null(context.SessionStore);
        Assert.False(await sessions.StoreAsync(SessionDraft.Tls12().Session(), _id, cancellationToken: Token));
        Assert.Equal(ResumptionReason.ResumptionDisabled, (await sessions.LocateAsync(ResumptionMechanism.SessionId, _id, cancellationToken: Token)).Reason);
        Assert.Equal(ResumptionReason.ResumptionDisabled, await sessions.ConsumeAsync(_id, cancellationToken: Token));
        await sessions.RemoveAsync(_id, cancellationToken: Token);
        sessions.MarkUsed(_id);
        Assert.Empty(store.Entries);
    }

    /// <summary>What a transport says about where its peer is comes to the store as a number for its network prefix; nothing said is 0.</summary>
    [Fact]
    public void TheStoreIsToldWhereASessionComesFrom()
    {
        var store = new StoreDouble();
        (TlsClientContext client, TlsServerContext server) = Tls12HandshakeTests.Contexts(
            ResumptionMechanism.SessionId, o => o.AllowTlsResume = false, o => (o.SessionStore, o.Group) = (store, "test"));
        using (server)
        {
            foreach (string? address in new[] { "192.0.2.1", "192.0.2.77", "198.51.100.1", null })
            {
                using var pair = new EnginePair(client, server);
                pair.Server.RemoteEndPoint = address is null ? null : new IPEndPoint(IPAddress.Parse(address), 443);
                pair.Handshake();
            }
        }
        ulong[] sources = [.. store.Described.Select(entry => entry.Source)];
        Assert.Equal(4, sources.Length);
        Assert.Equal(sources[0], sources[1]);
        Assert.NotEqual(0UL, sources[0]);
        Assert.NotEqual(sources[0], sources[2]);
        Assert.Equal(0UL, sources[3]);
    }

    [Fact]
    public async Task AStreamKnowsItsSocketsPeer()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var socket = new TcpClient(AddressFamily.InterNetwork);
        await socket.ConnectAsync((IPEndPoint)listener.LocalEndpoint, Token);
        await using var overSocket = new TlsStream(socket.GetStream());
        await using var overNothing = new TlsStream(new MemoryStream());

        Assert.Equal(listener.LocalEndpoint, overSocket.RemoteEndPoint);
        using var gone = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await gone.ConnectAsync(listener.LocalEndpoint, Token);
        await using var overGone = new TlsStream(new NetworkStream(gone));
        gone.Dispose();
        Assert.Null(overGone.RemoteEndPoint);
        Assert.Null(overNothing.RemoteEndPoint);
        overSocket.RemoteEndPoint = overNothing.RemoteEndPoint = new IPEndPoint(IPAddress.IPv6Loopback, 1);
        Assert.Equal(new IPEndPoint(IPAddress.IPv6Loopback, 1), overSocket.RemoteEndPoint);
        Assert.Equal(new IPEndPoint(IPAddress.IPv6Loopback, 1), overNothing.RemoteEndPoint);
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

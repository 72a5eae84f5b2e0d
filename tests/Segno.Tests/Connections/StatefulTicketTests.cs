using System.Collections.Concurrent;
using Microsoft.Extensions.Time.Testing;
using Segno.Cryptography;
using Segno.Sessions;
using Segno.Sessions.Tickets;
using Segno.Tests.Museum;
using Segno.Tests.Sessions.Stores;

namespace Segno.Tests.Connections;

/// <summary>Tickets of TLS 1.3 that refer to a store: each for one use, and nothing left behind.</summary>
public sealed class StatefulTicketTests
{
    private const int Racers = 64;

    private static readonly ResumptionOutcome Resumed = ResumptionOutcome.Resumed(ResumptionMechanism.Psk);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    //
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void ATicketIsSpentByItsUseAndReplaced(bool inMemory)
    {
        var foreign = new StoreDouble();
        (TlsClientContext client, TlsServerContext server) = Contexts(TlsTicketMode.Stateful, inMemory ? null : foreign);
        TlsSession session = Exhibits.Session(client, server);
        Assert.True(StatefulTicket.TryRead(session.Ticket, out ReadOnlyMemory<byte> id));
        Assert.Equal(2, Stored());
        using (EnginePair pair = Resume(session, server))
        {
            Assert.Equal(Resumed, pair.Server.Info.Resumption);
            Assert.True(pair.Server.Info.IsTicketStateful);
            // Forward secrecy: what the first connection left is gone, what this one left is another.
            Assert.False(pair.Client.Session!.Ticket.Span.SequenceEqual(session.Ticket.Span));
        }
        Assert.Equal(2, Stored());
        Assert.Null(Located(server, id).Session);
        using EnginePair again = Resume(session, server);
        Assert.Equal(ResumptionOutcome.Declined(ResumptionMechanism.Psk, ResumptionReason.SessionNotFound), again.Server.Info.Resumption);
        Assert.False(again.Server.Info.IsTicketStateful);

        int Stored() => inMemory ? server.Settings.OwnedSessionStore!.Count : foreign.Entries.Count;
    }

    /// <summary>The binder first: who has seen a ticket, and has not its secret, takes nothing from its owner.</summary>
    [Fact]
    public void AWrongBinderConsumesNothing()
    {
        (TlsClientContext client, TlsServerContext server) = Contexts(TlsTicketMode.Stateful, null);
        TlsSession session = Exhibits.Session(client, server);
        using (var script = new ScriptedClient(server))
        {
            Assert.ThrowsAny<TlsException>(() => script.SendHello13([session], binders =>
            {
                binders[0][0] ^= 1;
                return binders;
            }));
        }
        using EnginePair pair = Resume(session, server);
        Assert.Equal(Resumed, pair.Server.Info.Resumption);
    }

    /// <summary>A HelloRetryRequest consumes nothing either: only the second hello does.</summary>
    [Fact]
    public void ARetriedHelloIsResumedOnce()
    {
        (TlsClientContext client, TlsServerContext server) = Contexts(TlsTicketMode.Stateful, null, o => o.SupportedGroups = [TlsNamedGroup.P256]);
        TlsSession session = Exhibits.Session(client, server);
        using EnginePair pair = Resume(session, server, o => (o.SupportedGroups, o.KeyShareGroups) = ([TlsNamedGroup.X25519, TlsNamedGroup.P256], [TlsNamedGroup.X25519]));
        Assert.True(pair.Server.Info.HelloRetried);
        Assert.Equal(Resumed, pair.Server.Info.Resumption);
    }

    /// <summary>All have looked the session up before the first takes it: one is resumed, the others get a full handshake on the same connection.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task OfSixtyFourRacersOneIsResumed(bool inMemory)
    {
        (TlsClientContext client, TlsServerContext server) = Contexts(TlsTicketMode.Stateful, inMemory ? null : new StoreDouble());
        TlsSession session = Exhibits.Session(client, server);
        server.Settings.Sessions = new Gathered(server.Settings);
        var outcomes = new ConcurrentBag<ResumptionOutcome>();
        await Task.WhenAll(Enumerable.Range(0, Racers).Select(_ => Task.Factory.StartNew(
            () =>
            {
                using EnginePair pair = Resume(session, server);
                Assert.Equal(pair.Server.Info.Resumption.IsResumed, pair.Client.Info.Resumption.IsResumed);
                outcomes.Add(pair.Server.Info.Resumption);
            },
            Token, TaskCreationOptions.LongRunning, TaskScheduler.Default)));
        Assert.Equal(1, outcomes.Count(outcome => outcome == Resumed));
        Assert.Equal(Racers - 1, outcomes.Count(outcome => outcome == ResumptionOutcome.Declined(ResumptionMechanism.Psk, ResumptionReason.SessionConsumed)));
    }

    [Fact]
    public void AStoreThatFailsWhenConsumingDeclines()
    {
        var store = new StoreDouble();
        (TlsClientContext client, TlsServerContext server) = Contexts(TlsTicketMode.Stateful, store);
        TlsSession session = Exhibits.Session(client, server);
        store.Consumes = _ => throw new IOException("down");
        using EnginePair pair = Resume(session, server);
        Assert.Equal(ResumptionOutcome.Declined(ResumptionMechanism.Psk, ResumptionReason.StoreUnavailable), pair.Server.Info.Resumption);
    }

    [Theory]
    [InlineData(TlsTicketMode.Stateful, false)]
    [InlineData(TlsTicketMode.Automatic, true)]
    public void WhatTheStoreDoesNotTakeHasNoTicketOrAStatelessOne(TlsTicketMode mode, bool hasTicket)
    {
        var store = new StoreDouble { Before = _ => throw new IOException("down") };
        (TlsClientContext client, TlsServerContext server) = Contexts(mode, store);
        using EnginePair pair = EnginePair.Connect(client, server);
        Assert.Equal(hasTicket, pair.Client.Session is not null);
        if (pair.Client.Session is { } session)
        {
            Assert.False(StatefulTicket.TryRead(session.Ticket, out _));
            Assert.Equal(Resumed, Exhibits.Redeem(server, session));
        }
    }

    //
    [Fact]
    public void AFatalAlertTakesTheSessionsBack()
    {
        (TlsClientContext client, TlsServerContext server) = Contexts(TlsTicketMode.Stateful, null);
        using EnginePair pair = EnginePair.Connect(client, server);
        Assert.Equal(2, server.Settings.OwnedSessionStore!.Count);
        pair.Server.Abort(TlsFault.CertificateRejectedByApplication);
        Assert.Equal(0, server.Settings.OwnedSessionStore.Count);
    }

    [Fact]
    public async Task TicketsOnDemandAndAfterTheVerdictWaitForTheStore()
    {
        var store = new StoreDouble { Before = static async _ => await Task.Yield() };
        (TlsClientContext client, TlsServerContext server) = Contexts(TlsTicketMode.Stateful, store, o => o.DeferSessions = true);
        using EnginePair pair = EnginePair.Connect(client, server);
        Assert.Empty(store.Entries);
        Assert.True(await pair.Server.CommitSessionAsync(Token));
        Assert.Equal(3, await pair.Server.IssueTicketsAsync(3, Token));
        pair.Run();
        Assert.Equal(5, store.Entries.Count);
        Assert.Equal(4, client.SessionCache.Count);
    }

    /// <summary>The same store and keys, the same group: one node's tickets are good at the other.</summary>
    [Theory]
    [InlineData("g", null, ResumptionReason.None)]
    [InlineData("other", null, ResumptionReason.ScopeMismatch)]
    [InlineData("g", "tenant", ResumptionReason.UnknownTicketKey)]
    public void NodesThatShareStoreAndKeysShareSessions(string group, string? tenant, ResumptionReason expected)
    {
        var store = new StoreDouble();
        using var ring = new TicketKeyRing();
        (TlsClientContext client, TlsServerContext one) = Contexts(TlsTicketMode.Stateful, store, o => o.TicketKeys = ring);
        TlsServerContext other = Contexts(TlsTicketMode.Stateful, store, o => (o.TicketKeys, o.Group, o.Tenant) = (ring, group, tenant)).Server;
        TlsSession session = Exhibits.Session(client, one);
        Assert.Equal(expected, Exhibits.Redeem(other, session).Reason);
    }

    [Fact]
    public void RotationKeepsStoredSessionsAndRevocationReachesThem()
    {
        using var ring = new TicketKeyRing();
        (TlsClientContext client, TlsServerContext server) = Contexts(TlsTicketMode.Stateful, new StoreDouble(), o => o.TicketKeys = ring);
        TlsSession session = Exhibits.Session(client, server);
        ring.Rotate();
        using EnginePair pair = Resume(session, server);
        Assert.Equal(Resumed, pair.Server.Info.Resumption);
        Assert.True(ring.RevokeBefore(long.MaxValue));
        Assert.Equal(ResumptionReason.Revoked, Exhibits.Redeem(server, pair.Client.Session!).Reason);
    }

    /// <summary>Museum J4, C2: nobody sees from key names that two tenants are on one server.</summary>
    [Fact]
    [Trait("Museum", "J4")]
    public void TenantsHaveKeyNamesOfTheirOwn()
    {
        using var ring = new TicketKeyRing();
        TicketKey key = ring.Active!;
        TicketKey a = key.ForTenant(CryptoProvider.Default, "a")!;
        TicketKey b = key.ForTenant(CryptoProvider.Default, "b")!;
        Assert.Same(key, key.ForTenant(CryptoProvider.Default, null));
        Assert.Same(a, key.ForTenant(CryptoProvider.Default, "a"));
        Assert.Equal(3, new[] { key.Name, a.Name, b.Name }.Distinct().Count());
        Assert.Null(ring.Find(a.Name, out ResumptionReason reason, "b"));
        Assert.Equal(ResumptionReason.UnknownTicketKey, reason);
        Assert.Same(a, ring.Find(a.Name, out _, "a"));
        ring.Dispose();
        Assert.True(a.IsDestroyed && b.IsDestroyed);
        Assert.Null(ring.Find(a.Name, out reason, "a"));
        Assert.Equal(ResumptionReason.RetiredTicketKey, reason);
    }

    /// <summary>Museum A11: with resumption off no ticket is sent, none stored and none taken.</summary>
    [Fact]
    [Trait("Museum", "A11")]
    public void WithoutResumptionThereAreNone()
    {
        var store = new StoreDouble();
        using var ring = new TicketKeyRing();
        (TlsClientContext client, TlsServerContext on) = Contexts(TlsTicketMode.Stateful, store, o => o.TicketKeys = ring);
        TlsSession session = Exhibits.Session(client, on);
        int stored = store.Entries.Count;
        TlsServerContext off = Contexts(TlsTicketMode.Stateful, store, o => (o.TicketKeys, o.AllowTlsResume) = (ring, false)).Server;
        using EnginePair pair = Resume(session, off);
        Assert.Equal(ResumptionReason.ResumptionDisabled, pair.Server.Info.Resumption.Reason);
        Assert.Null(pair.Client.Session);
        Assert.Equal(stored, store.Entries.Count);
    }

    /// <summary>No session lives longer than the keys open it.</summary>
    [Fact]
    public void LifetimesEndWithTheKeys()
    {
        using var ring = new TicketKeyRing(ticketLifetime: TimeSpan.FromMinutes(30));
        TlsServerContext server = Contexts(TlsTicketMode.Stateful, null, o => o.TicketKeys = ring).Server;
        Assert.Equal((TimeSpan.FromMinutes(30), TimeSpan.FromMinutes(30)), (server.Settings.TicketLifetime, server.Settings.Tls12SessionLifetime));
        Assert.Throws<ArgumentException>(() => Contexts((TlsTicketMode)3, null));
    }

    private static (TlsClientContext Client, TlsServerContext Server) Contexts(
        TlsTicketMode mode, ISessionStore? store, Action<TlsServerOptions>? configure = null)
        => Exhibits.Contexts(SessionKind.StatelessPsk, null, o =>
        {
            // A clock that stands still: no store is too slow on a busy machine.
            (o.TicketMode, o.SessionStore, o.Group, o.TimeProvider) = (mode, store, "g", new FakeTimeProvider(TimeProvider.System.GetUtcNow()));
            configure?.Invoke(o);
        });

    /// <summary>A client that has nothing but the session.</summary>
    private static EnginePair Resume(TlsSession session, TlsServerContext server, Action<TlsClientOptions>? configure = null)
        => EnginePair.Connect(
            Exhibits.Contexts(SessionKind.StatelessPsk, o =>
            {
                // Whoever comes twice with it is whom the server has to stop.
                (o.Resume, o.AllowTicketReuse) = (session, true);
                configure?.Invoke(o);
            }).Client,
            server);

    private static LocatedSession Located(TlsServerContext server, ReadOnlyMemory<byte> id)
    {
        Task<LocatedSession> located = server.Settings.Sessions.LocateAsync(ResumptionMechanism.Psk, StatefulTicket.Write(id.Span), Token).AsTask();
        return located.WaitAsync(Token).GetAwaiter().GetResult();
    }

    /// <summary>Lets nobody go on until all have found the session.</summary>
    private sealed class Gathered(ServerSettings settings) : ServerSessions(settings.TicketKeys, settings.StoredSessions, settings.Crypto)
    {
        private readonly TaskCompletionSource _all = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int _missing = Racers;

        public override async ValueTask<LocatedSession> LocateAsync(
            ResumptionMechanism mechanism, ReadOnlyMemory<byte> identity, CancellationToken cancellationToken = default)
        {
            LocatedSession found = await base.LocateAsync(mechanism, identity, cancellationToken);
            if (Interlocked.Decrement(ref _missing) == 0)
            {
                _all.SetResult();
            }
            await _all.Task.WaitAsync(cancellationToken);
            return found;
        }
    }
}

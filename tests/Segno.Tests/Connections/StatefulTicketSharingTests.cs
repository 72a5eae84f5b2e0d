using System.Security.Authentication;
using Microsoft.Extensions.Time.Testing;
using Segno.Sessions;
using Segno.Sessions.Tickets;
using Segno.Tests.Museum;
using Segno.Tests.Sessions.Stores;

namespace Segno.Tests.Connections;

/// <summary>Stored sessions over the wire: handles of the other version, stores that hang or lie, and servers that share.</summary>
public sealed class StatefulTicketSharingTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    // psk_ke: without a key exchange as with one.
    [Fact]
    public void WithPskAloneATicketIsGoodForOneUseToo()
    {
        (TlsClientContext client, TlsServerContext server) = Contexts(null, o => o.AllowPskWithoutKeyExchange = true, o => o.AllowPskWithoutKeyExchange = true);
        TlsSession session = Exhibits.Session(client, server);
        (TlsClientContext again, _) = Contexts(null, null, o => (o.Resume, o.AllowPskWithoutKeyExchange) = (session, true));
        using (EnginePair first = EnginePair.Connect(again, server))
        {
            Assert.Equal(ResumptionOutcome.Resumed(ResumptionMechanism.Psk), first.Server.Info.Resumption);
            Assert.Equal(0, (int?)first.Server.Info.Group ?? 0);
        }
        Assert.Equal(Declined(ResumptionReason.SessionNotFound), Exhibits.Redeem(server, session));
    }

    /// <summary>The store has one session under the handle, and the version is not the one it is asked for.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void AHandleOfTheOtherVersionResumesNothing(bool inMemory)
    {
        (TlsClientContext client, TlsServerContext server) = Contexts(
            inMemory ? null : new StoreDouble(), o => o.EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13);
        TlsSession session13 = Exhibits.Session(client, server);
        Assert.True(StatefulTicket.TryRead(session13.Ticket, out ReadOnlyMemory<byte> handle));
        using (var script = new ScriptedClient(server) { SessionId = handle.ToArray() })
        {
            script.SendHello12();
            Assert.False(script.Engine.Info.Resumption.IsResumed);
            Assert.NotEqual(ResumptionReason.None, script.Engine.Info.Resumption.Reason);
            // A full handshake, and not an abbreviated one.
            script.ReceiveHello12();
            script.Receive(Segno.Handshake.HandshakeType.Certificate);
        }
        (TlsClientContext client12, _) = Contexts(null, null, o => o.EnabledSslProtocols = SslProtocols.Tls12);
        TlsSession session12 = Exhibits.Session(client12, server);
        Assert.Equal(32, session12.SessionId.Length);
        TlsSession asTicket = Exhibits.Copy(session13, session13.Scope, session13.ServerName, StatefulTicket.Write(session12.SessionId.Span));
        using (var script = new ScriptedClient(server))
        {
            script.SendHello13([asTicket]);
            Assert.False(script.Engine.Info.Resumption.IsResumed);
            Assert.NotEqual(ResumptionReason.None, script.Engine.Info.Resumption.Reason);
        }
        // Both are as good as before.
        Assert.True(Exhibits.Redeem(server, session12).IsResumed);
        Assert.Equal(ResumptionOutcome.Resumed(ResumptionMechanism.Psk), Redeem(server, session13));
    }

    /// <summary>Who says that a session was there when it was not lets nobody in twice who was not let in once: it is sealed to its handle, and the binder is checked before.</summary>
    [Fact]
    public void AStoreThatLiesWhenConsumingDeclines()
    {
        var store = new StoreDouble();
        (TlsClientContext client, TlsServerContext server) = Contexts(store);
        TlsSession session = Exhibits.Session(client, server);
        store.Consumes = _ => false;
        Assert.Equal(Declined(ResumptionReason.SessionConsumed), Redeem(server, session));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void AStoreThatLiesWhenFindingDeclines(bool another)
    {
        var store = new StoreDouble();
        (TlsClientContext client, TlsServerContext server) = Contexts(store);
        TlsSession session = Exhibits.Session(client, server);
        Exhibits.Session(Contexts(null).Client, server);
        byte[][] values = [.. store.Entries.Values];
        // The value of another entry, or one that is nothing.
        store.Returns = honest => another ? Array.Find(values, value => !value.SequenceEqual(honest!)) : new byte[honest!.Length];
        Assert.Equal(Declined(ResumptionReason.SessionNotFound), Redeem(server, session));
        store.Returns = honest => honest;
        Assert.Equal(ResumptionOutcome.Resumed(ResumptionMechanism.Psk), Redeem(server, session));
    }

    /// <summary>A store that hangs costs its budget: when consuming a full handshake, when setting a ticket.</summary>
    [Theory]
    [InlineData("get", ResumptionReason.StoreTimeout)]
    [InlineData("consume", ResumptionReason.StoreTimeout)]
    [InlineData("set", ResumptionReason.None)]
    public async Task AStoreThatHangsCostsItsBudget(string call, ResumptionReason expected)
    {
        var time = new FakeTimeProvider(TimeProvider.System.GetUtcNow());
        var store = new StoreDouble();
        (TlsClientContext client, TlsServerContext server) = Contexts(store, o => o.TimeProvider = time);
        TlsSession session = Exhibits.Session(client, server);
        int calls = 0;
        int hanging = call switch { "get" => 1, "consume" => 2, _ => 3 };
        var hangs = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        store.Before = token =>
        {
            if (Interlocked.Increment(ref calls) != hanging)
            {
                return ValueTask.CompletedTask;
            }
            hangs.SetResult();
            return new ValueTask(Task.Delay(Timeout.Infinite, token));
        };
        Task<ResumptionOutcome> redeemed = Task.Factory.StartNew(
            () =>
            {
                using EnginePair pair = Resume(session, server);
                return pair.Server.Info.Resumption;
            },
            Token, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        await hangs.Task.WaitAsync(Token);
        Assert.False(redeemed.IsCompleted);
        time.Advance(StoredSessions.Budget);
        Assert.Equal(
            expected == ResumptionReason.None ? ResumptionOutcome.Resumed(ResumptionMechanism.Psk) : Declined(expected), await redeemed.WaitAsync(Token));
    }

    /// <summary>A foreign store's sessions end with the key they are sealed under, as tickets do.</summary>
    [Fact]
    public void WhenItsKeyIsDestroyedAStoredSessionIsGone()
    {
        var time = new FakeTimeProvider(TimeProvider.System.GetUtcNow());
        using var ring = new TicketKeyRing(ticketLifetime: TimeSpan.FromHours(1), timeProvider: time);
        (TlsClientContext client, TlsServerContext server) = Contexts(new StoreDouble(), o => (o.TicketKeys, o.TimeProvider) = (ring, time));
        TlsSession session = Exhibits.Session(client, server);
        TicketKey key = ring.Active!;
        ring.Rotate();
        time.Advance(TimeSpan.FromHours(1) + TimeSpan.FromTicks(1));
        ring.Rotate();
        Assert.True(key.IsDestroyed);
        Assert.Equal(Declined(ResumptionReason.RetiredTicketKey), Exhibits.Redeem(server, session));
    }

    /// <summary>Two contexts, one memory store: the group and the tenant say whether a session is good at the other. What it was refused for there it is not spent by.</summary>
    [Theory]
    [InlineData("g", null, ResumptionReason.None)]
    [InlineData("other", null, ResumptionReason.ScopeMismatch)]
    [InlineData("g", "tenant", ResumptionReason.SessionNotFound)]
    public void ContextsShareAMemoryStore(string group, string? tenant, ResumptionReason expected)
    {
        using var store = new MemorySessionStore();
        (TlsClientContext client, TlsServerContext one) = Contexts(store);
        TlsServerContext other = Contexts(store, o => (o.Group, o.Tenant) = (group, tenant)).Server;
        TlsSession session = Exhibits.Session(client, one);
        Assert.Equal(expected, Redeem(other, session).Reason);
        Assert.Equal(expected == ResumptionReason.None ? ResumptionReason.SessionNotFound : ResumptionReason.None, Redeem(one, session).Reason);
    }

    /// <summary>The IDs of TLS 1.2, with the keys of one ring and somebody else's store, and not without either.</summary>
    [Theory]
    [InlineData(true, true, ResumptionReason.None)]
    [InlineData(false, true, ResumptionReason.SessionNotFound)]
    [InlineData(true, false, ResumptionReason.UnknownTicketKey)]
    public void NodesShareSessionIds(bool sameStore, bool sameKeys, ResumptionReason expected)
    {
        var store = new StoreDouble();
        using var ring = new TicketKeyRing();
        using var another = new TicketKeyRing();
        (TlsClientContext client, TlsServerContext one) = Exhibits.Contexts(SessionKind.SessionId, null, o => Share(o, store, ring));
        TlsServerContext other = Exhibits.Contexts(
            SessionKind.SessionId, null, o => Share(o, sameStore ? store : new StoreDouble(), sameKeys ? ring : another)).Server;
        TlsSession session = Exhibits.Session(client, one);
        ResumptionOutcome outcome = Exhibits.Redeem(other, session);
        Assert.Equal((expected, expected == ResumptionReason.None), (outcome.Reason, outcome.IsResumed));

        static void Share(TlsServerOptions options, ISessionStore store, TicketKeyRing ring)
            => (options.SessionStore, options.TicketKeys, options.Group, options.TimeProvider) = (store, ring, "g", new FakeTimeProvider(TimeProvider.System.GetUtcNow()));
    }

    /// <summary>A ticket of TLS 1.2 is always a session; where tickets shall be none, there are IDs.</summary>
    [Theory]
    [InlineData(TlsTicketMode.Stateful, false)]
    [InlineData(TlsTicketMode.Stateless, true)]
    public void StatefulModeGivesTls12IdsOnly(TlsTicketMode mode, bool hasTicket)
    {
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(SessionKind.Ticket, null, o => o.TicketMode = mode);
        TlsSession session = Exhibits.Session(client, server);
        Assert.Equal(hasTicket, !session.Ticket.IsEmpty);
        Assert.Equal(hasTicket, session.SessionId.IsEmpty);
        using EnginePair pair = Resume(session, server);
        Assert.Equal(ResumptionOutcome.Resumed(hasTicket ? ResumptionMechanism.Ticket : ResumptionMechanism.SessionId), pair.Server.Info.Resumption);
    }

    /// <summary>Museum A11, in every mechanism: with resumption off no session is sent, none kept, and none of before is taken.</summary>
    [Theory]
    [MemberData(nameof(Exhibits.All), MemberType = typeof(Exhibits))]
    [Trait("Museum", "A11")]
    public void WithResumptionOffThereIsNone(SessionKind kind)
    {
        var store = new StoreDouble();
        using var ring = new TicketKeyRing();
        (TlsClientContext client, TlsServerContext on) = Exhibits.Contexts(kind, null, Share);
        TlsSession session = Exhibits.Session(client, on);
        int stored = store.Entries.Count;
        Assert.Equal(kind.IsStored(), stored > 0);
        TlsServerContext off = Exhibits.Contexts(kind, null, o =>
        {
            Share(o);
            o.AllowTlsResume = false;
        }).Server;
        store.Before = _ => throw new InvalidOperationException("Nobody may ask.");
        using (EnginePair pair = Resume(session, off))
        {
            Assert.Equal(ResumptionOutcome.Declined(kind.ToMechanism(), ResumptionReason.ResumptionDisabled), pair.Server.Info.Resumption);
            Assert.Null(pair.Client.Session);
        }
        Assert.Equal(stored, store.Entries.Count);
        store.Before = _ => ValueTask.CompletedTask;
        Assert.Equal(ResumptionOutcome.Resumed(kind.ToMechanism()), Redeem(on, session));

        void Share(TlsServerOptions options)
            => (options.SessionStore, options.TicketKeys, options.Group, options.TimeProvider) = (store, ring, "g", new FakeTimeProvider(TimeProvider.System.GetUtcNow()));
    }

    private static ResumptionOutcome Declined(ResumptionReason reason) => ResumptionOutcome.Declined(ResumptionMechanism.Psk, reason);

    private static (TlsClientContext Client, TlsServerContext Server) Contexts(
        ISessionStore? store, Action<TlsServerOptions>? configure = null, Action<TlsClientOptions>? configureClient = null)
        => Exhibits.Contexts(SessionKind.StatefulPsk, configureClient, o =>
        {
            // A clock that stands still: no store is too slow on a busy machine.
            (o.SessionStore, o.Group, o.TimeProvider) = (store, "g", new FakeTimeProvider(TimeProvider.System.GetUtcNow()));
            configure?.Invoke(o);
        });

    private static EnginePair Resume(TlsSession session, TlsServerContext server)
        => EnginePair.Connect(Exhibits.Contexts(SessionKind.StatefulPsk, o => o.Resume = session).Client, server);

    /// <summary>Over the wire: by a client that has nothing but the session, and may offer it again.</summary>
    private static ResumptionOutcome Redeem(TlsServerContext server, TlsSession session)
    {
        TlsSession again = Exhibits.Copy(session, session.Scope, session.ServerName, session.Ticket.ToArray());
        using EnginePair pair = Resume(again, server);
        return pair.Server.Info.Resumption;
    }
}

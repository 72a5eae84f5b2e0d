using System.Buffers;
using System.Security.Authentication;
using Segno.Handshake.Extensions;
using Segno.Sessions;
using Segno.Tests.Museum;
using Segno.Tests.Sessions;

namespace Segno.Tests.Connections;

/// <summary>Sessions in a client's hands: which one is offered, to whom, how often, and what becomes of one that must be resumed.</summary>
public sealed class ClientSessionTests
{
    public static TheoryData<ResumptionMechanism> Mechanisms => Exhibits.Mechanisms;

    public static TheoryData<ResumptionMechanism, string, string> Hosts => new()
    {
        { ResumptionMechanism.Psk, "127.0.0.1", "127.0.0.2" },
        { ResumptionMechanism.Ticket, "127.0.0.1", "127.0.0.2" },
        { ResumptionMechanism.SessionId, "127.0.0.1", "127.0.0.2" },
        { ResumptionMechanism.Psk, "::1", "127.0.0.1" },
        { ResumptionMechanism.Psk, "localhost", "127.0.0.1" },
        { ResumptionMechanism.Psk, "127.0.0.1", "localhost" },
        { ResumptionMechanism.Psk, "localhost", "other.example" },
    };

    //
    // The known bug: an address is no server name, so that one address was as good as another.
    [Theory]
    [MemberData(nameof(Hosts))]
    [Trait("Museum", "B5")]
    public void ASessionOfOneHostIsNotOfferedToAnother(ResumptionMechanism mechanism, string host, string other)
    {
        TlsCertificate certificate = TestPki.Ecdsa("localhost", "other.example", "127.0.0.1", "127.0.0.2", "::1").Tls;
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(mechanism, null, o => o.ServerCertificates = [certificate]);
        TlsSession session = Exhibits.Session(client, server, host);
        Assert.Equal((host, 443), (session.TargetHost, session.TargetPort));
        TlsSession imported = TlsSession.Import(session.Export());
        Assert.Equal((host, 443), (imported.TargetHost, imported.TargetPort));
        foreach (TlsSession resume in (TlsSession[])[session, imported])
        {
            (TlsClientContext told, _) = Exhibits.Contexts(mechanism, o => (o.Resume, o.AllowTicketReuse) = (resume, true));
            using (EnginePair pair = EnginePair.Connect(told, server, other))
            {
                Assert.Equal((ResumptionStatus.NotOffered, ResumptionReason.ServerNameMismatch), (pair.Client.Info.Resumption.Status, pair.Client.Info.Resumption.Reason));
                Assert.Equal(ResumptionStatus.NotOffered, pair.Server.Info.Resumption.Status);
            }
            using EnginePair same = EnginePair.Connect(told, server, host);
            Assert.True(same.Server.Info.Resumption.IsResumed);
        }
        // From the cache, too, each host has its own.
        using EnginePair cached = EnginePair.Connect(client, server, other);
        Assert.Equal(ResumptionReason.NoSessionYet, cached.Client.Info.Resumption.Reason);
        using EnginePair again = EnginePair.Connect(client, server, host);
        Assert.True(again.Client.Info.Resumption.IsResumed);
    }

    [Fact]
    public void AnAddressIsTheSameHoweverItIsWritten()
    {
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(
            SessionKind.StatelessPsk, null, o => o.ServerCertificates = [TestPki.Ecdsa("::1").Tls]);
        TlsSession session = Exhibits.Session(client, server, "::1");
        (TlsClientContext told, _) = Exhibits.Contexts(SessionKind.StatelessPsk, o => o.Resume = session);
        using EnginePair pair = EnginePair.Connect(told, server, "0:0:0:0:0:0:0:1");
        Assert.True(pair.Client.Info.Resumption.IsResumed);
    }

    [Fact]
    public void APortIsNoHost()
    {
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(SessionKind.StatelessPsk);
        TlsSession session = Exhibits.Session(client, server);
        // FTPS: the data connection goes to another port of the same server.
        (TlsClientContext told, _) = Exhibits.Contexts(SessionKind.StatelessPsk, o => o.Resume = session);
        using var connection = new TlsConnection(told, "localhost", 50_000);
        connection.Start();
        Assert.True(HelloOffers(connection, session));
        // The cache keeps the two apart.
        using var cached = new TlsConnection(client, "localhost", 50_000);
        cached.Start();
        Assert.False(HelloOffers(cached, session));
    }

    // R-83, J1
    [Theory]
    [MemberData(nameof(Mechanisms))]
    [Trait("Museum", "J1")]
    public void ATls13SessionInHandIsOfferedOnceATls12SessionAnyNumberOfTimes(ResumptionMechanism mechanism)
    {
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(mechanism);
        TlsSession session = Exhibits.Session(client, server);
        (TlsClientContext first, _) = Exhibits.Contexts(mechanism, o => o.Resume = session);
        (TlsClientContext second, _) = Exhibits.Contexts(mechanism, o => o.Resume = session.WithApplicationData([1]));
        EnginePair.Connect(first, server).Dispose();
        bool isTls13 = mechanism == ResumptionMechanism.Psk;
        foreach (TlsClientContext context in (TlsClientContext[])[first, second])
        {
            using EnginePair pair = EnginePair.Connect(context, server);
            Assert.Equal(isTls13 ? ResumptionReason.SessionConsumed : ResumptionReason.None, pair.Client.Info.Resumption.Reason);
            Assert.Equal(!isTls13, pair.Server.Info.Resumption.IsResumed);
        }
        (TlsClientContext knowingly, _) = Exhibits.Contexts(mechanism, o => (o.Resume, o.AllowTicketReuse) = (session, true));
        for (int i = 0; i < 3; i++)
        {
            using EnginePair pair = EnginePair.Connect(knowingly, server);
            Assert.True(pair.Server.Info.Resumption.IsResumed);
        }
    }

    [Fact]
    [Trait("Museum", "J1")]
    public void WhatWasTakenInHandIsNotOfferedAgainByTheCacheNorTheOtherWayRound()
    {
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(SessionKind.StatelessPsk, null, o => o.TicketCount = 1);
        TlsSession session = Exhibits.Session(client, server);
        Assert.Equal(1, client.SessionCache.Count);
        (TlsClientContext told, _) = Exhibits.Contexts(SessionKind.StatelessPsk, o => o.Resume = session);
        EnginePair.Connect(told, server).Dispose();
        using EnginePair pair = EnginePair.Connect(client, server);
        Assert.Equal(ResumptionReason.SessionConsumed, pair.Client.Info.Resumption.Reason);
    }

    [Fact]
    public void OfManyWhoHaveOneTls13SessionOneOffersIt()
    {
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(SessionKind.StatelessPsk);
        TlsSession session = Exhibits.Session(client, server);
        (TlsClientContext told, _) = Exhibits.Contexts(SessionKind.StatelessPsk, o => o.Resume = session);
        int offered = 0;
        Parallel.For(0, 64, _ =>
        {
            using var connection = new TlsConnection(told, "localhost", 443);
            connection.Start();
            if (HelloOffers(connection, session))
            {
                Interlocked.Increment(ref offered);
            }
        });
        Assert.Equal(1, offered);
    }

    [Theory]
    [InlineData("disposed")]
    [InlineData("aborted")]
    [InlineData("sent")]
    public void ASessionWhoseHelloNeverWentOutMayBeOfferedAgain(string end)
    {
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(SessionKind.StatelessPsk, null, o => o.TicketCount = 2);
        Exhibits.Session(client, server);
        Assert.Equal(2, client.SessionCache.Count);
        var connection = new TlsConnection(client, "localhost", 443);
        connection.Start();
        Assert.Equal(1, client.SessionCache.Count);
        var output = new ArrayBufferWriter<byte>();
        if (end == "aborted")
        {
            connection.Abort(TlsFault.Canceled);
        }
        else if (end == "sent")
        {
            connection.Flush(output);
        }
        if (end == "aborted")
        {
            // Neither the hello nor an alert that nobody would understand.
            connection.Flush(output);
            Assert.Equal(0, output.WrittenCount);
            Assert.Equal(TlsWants.None, connection.Wants);
        }
        connection.Dispose();
        Assert.Equal(end == "sent" ? 1 : 2, client.SessionCache.Count);
        // And it is good for resumption.
        for (int i = client.SessionCache.Count; i > 0; i--)
        {
            using EnginePair pair = EnginePair.Connect(client, server);
            Assert.True(pair.Server.Info.Resumption.IsResumed);
        }
    }

    [Fact]
    public void ASessionInHandWhoseHelloNeverWentOutMayBeOfferedAgain()
    {
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(SessionKind.StatelessPsk);
        TlsSession session = Exhibits.Session(client, server);
        (TlsClientContext told, _) = Exhibits.Contexts(SessionKind.StatelessPsk, o => o.Resume = session);
        for (int i = 0; i < 2; i++)
        {
            using var unsent = new TlsConnection(told, "localhost", 443);
            unsent.Start();
        }
        using EnginePair pair = EnginePair.Connect(told, server);
        Assert.True(pair.Server.Info.Resumption.IsResumed);
    }

    [Fact]
    public void WhatTheCacheWasToldToForgetDoesNotComeBack()
    {
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(SessionKind.StatelessPsk, null, o => o.TicketCount = 1);
        Exhibits.Session(client, server);
        var connection = new TlsConnection(client, "localhost", 443);
        connection.Start();
        client.SessionCache.ClearFor("LOCALHOST");
        connection.Dispose();
        Assert.Equal(0, client.SessionCache.Count);
        using EnginePair pair = EnginePair.Connect(client, server);
        Assert.Equal(ResumptionReason.NoSessionYet, pair.Client.Info.Resumption.Reason);
    }

    [Fact]
    public void Tls13ComesBeforeTls12AndOneThatFitsBeforeNone()
    {
        var cache = new MemoryClientSessionCache();
        (TlsClientContext client, TlsServerContext server13) = Exhibits.Contexts(SessionKind.StatelessPsk, o => o.SessionCache = cache, o => (o.TicketCount, o.TicketCountOnResumption) = (1, 0));
        TlsServerContext server12 = Exhibits.Contexts(SessionKind.Ticket).Server;
        Exhibits.Session(client, server13);
        (TlsClientContext only12, _) = Exhibits.Contexts(
            SessionKind.StatelessPsk, o => (o.SessionCache, o.EnabledSslProtocols) = (cache, SslProtocols.Tls12));
        // Of the two that are there now, that of TLS 1.2 is the newer one.
        Exhibits.Session(only12, server12);
        Assert.Equal(2, cache.Count);
        // Who cannot use the first gets the second, and leaves the first where it is.
        using (EnginePair pair = EnginePair.Connect(only12, server12))
        {
            Assert.Equal(ResumptionMechanism.Ticket, pair.Server.Info.Resumption.Mechanism);
            Assert.True(pair.Server.Info.Resumption.IsResumed);
        }
        using (EnginePair pair = EnginePair.Connect(client, server13))
        {
            Assert.Equal(ResumptionMechanism.Psk, pair.Server.Info.Resumption.Mechanism);
            Assert.True(pair.Server.Info.Resumption.IsResumed);
        }
        // That one is used: now it is the turn of the other.
        using (EnginePair pair = EnginePair.Connect(client, server12))
        {
            Assert.Equal(ResumptionMechanism.Ticket, pair.Server.Info.Resumption.Mechanism);
        }
    }

    [Fact]
    public void ACacheThatNeverRunsDryDoesNotKeepAHandshakeBusy()
    {
        var endless = new EndlessCache();
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(SessionKind.StatelessPsk, o => o.SessionCache = endless);
        using EnginePair pair = EnginePair.Connect(client, server);
        Assert.Equal(ResumptionStatus.NotOffered, pair.Client.Info.Resumption.Status);
        Assert.Equal((16, 16), (endless.Taken, endless.Returned));
    }

    [Theory]
    [MemberData(nameof(Mechanisms))]
    public void RequireResumptionFailsAtTheServerHello(ResumptionMechanism mechanism)
    {
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(mechanism);
        TlsServerContext stranger = Exhibits.Contexts(mechanism).Server;
        TlsSession session = Exhibits.Session(client, server);
        (TlsClientContext strict, _) = Exhibits.Contexts(mechanism, o => (o.Resume, o.AllowTicketReuse, o.RequireResumption) = (session, true, true));
        using (EnginePair pair = EnginePair.Connect(strict, server))
        {
            Assert.True(pair.Server.Info.Resumption.IsResumed);
        }
        using var declined = new EnginePair(strict, stranger);
        declined.Client.Start();
        TlsException failure = Assert.ThrowsAny<TlsException>(declined.Run);
        Assert.Equal(TlsFault.ResumptionRequiredButDeclined, failure.Fault);
        Assert.Contains(nameof(ResumptionReason.DeclinedByServer), failure.Message, StringComparison.Ordinal);
        Assert.Equal(TlsAlert.HandshakeFailure, Assert.IsType<TlsAlertException>(failure).Alert);
        Assert.Null(declined.Client.Info.RemoteCertificate);
        // The server hears of it.
        TlsAlertException heard = Assert.IsType<TlsAlertException>(Assert.ThrowsAny<TlsException>(declined.Run));
        Assert.Equal((TlsAlert.HandshakeFailure, true), (heard.Alert, heard.SentByPeer));
    }

    [Theory]
    [InlineData(ResumptionReason.NoSessionYet)]
    [InlineData(ResumptionReason.PoolEmpty)]
    [InlineData(ResumptionReason.SessionConsumed)]
    [InlineData(ResumptionReason.ScopeMismatch)]
    public void RequireResumptionWithNothingToOfferSendsNothing(ResumptionReason why)
    {
        var cache = new MemoryClientSessionCache();
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(
            SessionKind.StatelessPsk, o => o.SessionCache = cache, o => (o.TicketCount, o.TicketCountOnResumption) = (1, 0));
        (TlsClientContext strict, _) = Exhibits.Contexts(SessionKind.StatelessPsk, o =>
        {
            o.RequireResumption = true;
            o.SessionCache = cache;
            if (why is ResumptionReason.SessionConsumed or ResumptionReason.ScopeMismatch)
            {
                o.Resume = Exhibits.Session(client, server);
                o.Tenant = why == ResumptionReason.ScopeMismatch ? "other" : null;
            }
        });
        if (why == ResumptionReason.PoolEmpty)
        {
            Exhibits.Session(client, server);
        }
        if (why is ResumptionReason.PoolEmpty or ResumptionReason.SessionConsumed)
        {
            EnginePair.Connect(strict, server).Dispose();
        }
        using var connection = new TlsConnection(strict, "localhost", 443);
        TlsException failure = Assert.ThrowsAny<TlsException>(() => connection.Start());
        Assert.Equal(TlsFault.NoSessionToResume, failure.Fault);
        Assert.Contains(why.ToString(), failure.Message, StringComparison.Ordinal);
        var output = new ArrayBufferWriter<byte>();
        connection.Flush(output);
        Assert.Equal(0, output.WrittenCount);
    }

    [Fact]
    public void OptionsThatContradictAreRefused()
    {
        Assert.Contains(
            "RequireResumption",
            Assert.Throws<ArgumentException>(() => new TlsClientContext(new TlsClientOptions { RequireResumption = true, AllowTlsResume = false })).Message,
            StringComparison.Ordinal);
        TlsSession servers = new SessionDraft().Session();
        Assert.Contains("Resume", Assert.Throws<ArgumentException>(() => new TlsClientContext(new TlsClientOptions { Resume = servers })).Message, StringComparison.Ordinal);
    }

    /// <summary>What a server of FTPS asks: is this data connection of the client of that control connection?</summary>
    [Theory]
    [MemberData(nameof(Mechanisms))]
    public void AServerSeesFromWhichSessionAConnectionDescends(ResumptionMechanism mechanism)
    {
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(mechanism);
        using EnginePair control = EnginePair.Connect(client, server);
        using EnginePair stranger = EnginePair.Connect(Exhibits.Contexts(mechanism).Client, server);
        (TlsClientContext told, _) = Exhibits.Contexts(mechanism, o => o.Resume = control.Client.Session);
        using EnginePair data = EnginePair.Connect(told, server);
        Assert.True(data.Server.Info.Resumption.IsResumed);
        Assert.NotNull(control.Server.Info.LineageId);
        Assert.Equal(control.Server.Info.LineageId, data.Server.Info.LineageId);
        Assert.NotEqual(control.Server.Info.LineageId, stranger.Server.Info.LineageId);
        Assert.Equal(control.Client.Info.LineageId, data.Client.Info.LineageId);
        Assert.NotEqual(control.Client.Info.LineageId, control.Server.Info.LineageId);
    }

    [Theory]
    [MemberData(nameof(Mechanisms))]
    public async Task AServersBytesComeBackWithItsSessions(ResumptionMechanism mechanism)
    {
        // Tickets of TLS 1.2 go out within the handshake: there is no later moment.
        bool deferred = mechanism != ResumptionMechanism.Ticket;
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(mechanism, null, o =>
        {
            o.DeferSessions = deferred;
            o.CertificateSelector = (hello, _) =>
            {
                ((TlsConnection)hello.Sender!).SessionApplicationData = "user 7"u8.ToArray();
                return ValueTask.FromResult<TlsCertificate?>(TestPki.Ecdsa("localhost").Tls);
            };
        });
        using EnginePair full = EnginePair.Connect(client, server);
        byte[] expected = "user 7"u8.ToArray();
        if (deferred)
        {
            Assert.Throws<ArgumentException>(() => full.Server.SessionApplicationData = new byte[4097]);
            full.Server.SessionApplicationData = expected = TestBytes(4096);
            Assert.True(await full.Server.CommitSessionAsync(TestContext.Current.CancellationToken));
            full.Run();
        }
        // Two resumptions deep: carried on without being set.
        for (int i = 0; i < 2; i++)
        {
            using EnginePair resumed = EnginePair.Connect(client, server);
            Assert.True(resumed.Server.Info.Resumption.IsResumed);
            Assert.Equal(expected, resumed.Server.SessionApplicationData.ToArray());
            if (deferred && mechanism == ResumptionMechanism.Psk)
            {
                Assert.True(await resumed.Server.CommitSessionAsync(TestContext.Current.CancellationToken));
                resumed.Run();
            }
        }
        // They are the server's alone.
        Assert.True(full.Client.SessionApplicationData.IsEmpty);
        Assert.True(full.Client.Session!.ApplicationData.IsEmpty);
        Assert.Throws<InvalidOperationException>(() => full.Client.SessionApplicationData = new byte[1]);
    }

    [Fact]
    public void AClientsBytesGoWhereItsSessionGoes()
    {
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(SessionKind.StatelessPsk);
        TlsSession session = Exhibits.Session(client, server);
        byte[] most = TestBytes(4096);
        TlsSession marked = session.WithApplicationData(most);
        Assert.Throws<ArgumentException>(() => session.WithApplicationData(new byte[4097]));
        Assert.True(session.ApplicationData.IsEmpty);
        Assert.Equal(most, marked.ApplicationData.ToArray());
        Assert.Equal(session.Export(), marked.WithApplicationData([]).Export());
        TlsSession imported = TlsSession.Import(marked.Export());
        Assert.Equal(most, imported.ApplicationData.ToArray());
        (TlsClientContext told, _) = Exhibits.Contexts(SessionKind.StatelessPsk, o => o.Resume = imported);
        using EnginePair pair = EnginePair.Connect(told, server);
        Assert.True(pair.Server.Info.Resumption.IsResumed);
        Assert.True(pair.Server.SessionApplicationData.IsEmpty);
    }

    private static byte[] TestBytes(int length) => [.. Enumerable.Range(0, length).Select(i => (byte)(i % 251))];

    /// <summary>Sends the hello to nobody, and looks for the session's ticket in it.</summary>
    private static bool HelloOffers(TlsConnection connection, TlsSession session)
    {
        var output = new ArrayBufferWriter<byte>();
        connection.Flush(output);
        return output.WrittenSpan.IndexOf(session.Ticket.Span) >= 0;
    }

    /// <summary>Hands out sessions of another tenant without end.</summary>
    private sealed class EndlessCache : IClientSessionCache
    {
        public int Taken { get; private set; }

        public int Returned { get; private set; }

        public int Count => int.MaxValue;

        public void Add(ClientSessionKey key, TlsSession session)
        {
        }

        public bool TryTake(
            ClientSessionKey key, DateTimeOffset now, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out TlsSession? session, out ResumptionReason reason)
        {
            Taken++;
            session = SessionDraft.Client().Session();
            reason = ResumptionReason.None;
            return true;
        }

        public void PutBack(ClientSessionKey key, TlsSession session) => Returned++;

        public void Remove(ClientSessionKey key)
        {
        }

        public void Remove(ClientSessionKey key, Guid lineageId)
        {
        }

        public void Clear()
        {
        }

        public void ClearFor(string host)
        {
        }
    }
}

using Segno.Sessions;
using Segno.Tests.IO;
using Segno.Tests.Museum;
using Segno.Tests.Sessions.Stores;

namespace Segno.Tests.Connections;

/// <summary>Sessions that wait for the application's verdict (museum A12), and tickets on demand.</summary>
public sealed class CommitTests
{
    public static TheoryData<SessionKind> Kinds => Exhibits.All;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(Kinds))]
    [Trait("Museum", "A12")]
    public void A12_WithoutTheVerdictThereIsNothingToResume(SessionKind kind)
    {
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(kind, null, o => o.DeferSessions = true);
        using (EnginePair pair = EnginePair.Connect(client, server))
        {
            pair.Send(pair.Client, "login"u8);
            pair.Run();
            Assert.Equal(0, server.Settings.OwnedSessionStore!.Count);
            // TLS 1.2: an ID that means nothing yet, and no ticket, which would.
            Assert.Equal(kind.IsTls13(), pair.Client.Session is null);
            Assert.True(pair.Client.Session?.Ticket.IsEmpty ?? true);
        }
        // Dropped in the middle of the login.
        using EnginePair again = EnginePair.Connect(client, server);
        Assert.False(again.Client.Info.Resumption.IsResumed);
        Assert.False(again.Server.Info.Resumption.IsResumed);
    }

    /// <summary>The sabotage of the test above: who does not defer has a session at once.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public void A12_WhoDoesNotDeferHasASessionAtOnce(SessionKind kind)
    {
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(kind);
        using (EnginePair pair = EnginePair.Connect(client, server))
        {
            Assert.False(Commit(pair));
        }
        Exhibits.AssertUnharmed(client, server, resumed: true);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void TheVerdictMakesTheSessionUsableOnce(SessionKind kind)
    {
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(kind, null, o => o.DeferSessions = true);
        using (EnginePair pair = EnginePair.Connect(client, server))
        {
            Assert.True(Commit(pair));
            Assert.Equal(kind.IsTls13() ? 2 : 1, client.SessionCache.Count);
            Assert.False(Commit(pair));
            Assert.Equal(kind.IsTls13() ? 2 : 1, client.SessionCache.Count);
        }
        using (EnginePair pair = EnginePair.Connect(client, server))
        {
            Assert.True(pair.Server.Info.Resumption.IsResumed);
            // The next ticket waits for the verdict on this connection; an ID stays as it is.
            Assert.Null(pair.Client.Session);
            Assert.Equal(kind.IsTls13(), Commit(pair));
            Assert.Equal(kind.IsTls13(), pair.Client.Session is not null);
        }
        Exhibits.AssertUnharmed(client, server, resumed: true);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task ARefusedClientCannotBeCommitted(SessionKind kind)
    {
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(kind, null, o => o.DeferSessions = true);
        using EnginePair pair = EnginePair.Connect(client, server);
        pair.Server.Abort(TlsFault.CertificateRejectedByApplication);
        await Assert.ThrowsAsync<TlsException>(async () => await pair.Server.CommitSessionAsync(Token));
        Assert.Throws<TlsException>(() => Issue(pair.Server, 1));
        Assert.Equal(0, server.Settings.OwnedSessionStore!.Count);
    }

    //
    [Fact]
    public void AFatalAlertTakesACommittedSessionBack()
    {
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(SessionKind.SessionId, null, o => o.DeferSessions = true);
        using EnginePair pair = EnginePair.Connect(client, server);
        Assert.True(Commit(pair));
        Assert.Equal(1, server.Settings.OwnedSessionStore!.Count);
        pair.Server.Abort(TlsFault.CertificateRejectedByApplication);
        Assert.Equal(0, server.Settings.OwnedSessionStore.Count);
    }

    [Fact]
    public async Task AStoreThatFailsCostsTheSessionAndNoMore()
    {
        var store = new StoreDouble { Before = _ => throw new InvalidOperationException("down") };
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(
            SessionKind.SessionId, null, o => (o.DeferSessions, o.SessionStore, o.Group) = (true, store, "g"));
        using EnginePair pair = EnginePair.Connect(client, server);
        Assert.False(await pair.Server.CommitSessionAsync(Token));
        pair.Send(pair.Server, "fine"u8);
        pair.Run();
        Assert.Equal("fine"u8.ToArray(), pair.AtClient);
    }

    [Fact]
    public void TicketsOnDemandUpToSixteenEachForOneConnection()
    {
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(SessionKind.StatelessPsk);
        var sessions = new List<TlsSession>();
        using (EnginePair pair = EnginePair.Connect(client, server))
        {
            sessions.Add(pair.Client.Session!);
            pair.Client.SessionReceived += (_, session) => sessions.Add(session);
            int[] issued = [Issue(pair.Server, 1), Issue(pair.Server, 8), Issue(pair.Server, 8), Issue(pair.Server, 8)];
            Assert.Equal([1, 8, 5, 0], issued);
            pair.Run();
        }
        Assert.Equal(15, sessions.Count);
        Assert.Equal(15, sessions.Select(session => Convert.ToHexString(session.Ticket.Span)).Distinct().Count());
        Assert.Equal(15, sessions.Select(session => Convert.ToHexString(Sessions.SessionDraft.SecretOf(session))).Distinct().Count());
        Assert.Single(sessions.Select(session => session.LineageId).Distinct());
        Assert.All(sessions, session => Assert.Equal(ResumptionOutcome.Resumed(ResumptionMechanism.Psk), Exhibits.Redeem(server, session)));
    }

    [Theory]
    [InlineData("resumption off")]
    [InlineData("client without resumption")]
    [InlineData("no lifetime")]
    [InlineData("TLS 1.2")]
    public void NoTicketsOnDemandWhereThereAreNone(string why)
    {
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(
            why == "TLS 1.2" ? ResumptionMechanism.Ticket : ResumptionMechanism.Psk,
            o => o.AllowTlsResume = why != "client without resumption",
            o =>
            {
                o.AllowTlsResume = why != "resumption off";
                o.TicketLifetime = why == "no lifetime" ? TimeSpan.Zero : o.TicketLifetime;
                o.DeferSessions = why == "resumption off";
            });
        using EnginePair pair = EnginePair.Connect(client, server);
        Assert.False(Commit(pair));
        Assert.Equal(0, Issue(pair.Server, 1));
        Assert.Equal(TlsWants.None, pair.Server.Wants & TlsWants.Write);
    }

    [Fact]
    public void TicketsOnDemandWhereNoneFollowTheHandshake()
    {
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(SessionKind.StatelessPsk, null, o => o.TicketCount = 0);
        using (EnginePair pair = EnginePair.Connect(client, server))
        {
            Assert.Null(pair.Client.Session);
            Assert.Equal(1, Issue(pair.Server, 1));
            Assert.Equal(TlsWants.Write, pair.Server.Wants & TlsWants.Write);
            pair.Run();
        }
        Exhibits.AssertUnharmed(client, server, resumed: true);
    }

    [Fact]
    public async Task MisuseIsRefused()
    {
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(SessionKind.StatelessPsk, null, o => o.DeferSessions = true);
        using var pair = new EnginePair(client, server);
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await pair.Server.CommitSessionAsync(Token));
        Assert.Throws<InvalidOperationException>(() => Issue(pair.Server, 1));
        pair.Handshake();
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await pair.Client.CommitSessionAsync(Token));
        Assert.Throws<InvalidOperationException>(() => Issue(pair.Client, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => Issue(pair.Server, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => Issue(pair.Server, 9));
        Assert.Contains(nameof(TlsConnection.CommitSessionAsync), Assert.Throws<InvalidOperationException>(() => Issue(pair.Server, 8)).Message, StringComparison.Ordinal);
        Assert.True(Commit(pair));
        Assert.Equal(8, Issue(pair.Server, 8));
        pair.Server.Close();
        Assert.Throws<InvalidOperationException>(() => Issue(pair.Server, 1));
    }

    [Fact]
    public async Task AStreamCommitsAndIssues()
    {
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(SessionKind.StatelessPsk, null, o => o.DeferSessions = true);
        await using (TlsStreams streams = await TlsStreams.ConnectAsync(client, server))
        {
            Assert.True(await streams.Server.CommitSessionAsync(Token));
            Assert.Equal(1, await streams.Server.IssueTicketsAsync(1, Token));
            await streams.Server.WriteAsync(new byte[1], Token);
            await TlsStreams.ReadExactlyAsync(streams.Client, 1);
            Assert.Equal(3, client.SessionCache.Count);
        }
        await using TlsStreams again = await TlsStreams.ConnectAsync(client, server);
        Assert.True(again.Server.Resumption.IsResumed);
    }

    [Fact]
    public async Task APipeCommitsAndIssues()
    {
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(SessionKind.SessionId, null, o => o.DeferSessions = true);
        await using TlsPipes pipes = TlsPipes.Create();
        await Task.WhenAll(
            pipes.Server.AuthenticateAsServerAsync(server, Token), pipes.Client.AuthenticateAsClientAsync(client, "localhost", Token));
        Assert.Equal(0, server.Settings.OwnedSessionStore!.Count);
        Assert.True(await pipes.Server.CommitSessionAsync(Token));
        Assert.Equal(1, server.Settings.OwnedSessionStore.Count);
        Assert.Equal(0, await pipes.Server.IssueTicketsAsync(1, Token));
    }

    private static int Issue(TlsConnection connection, int count)
    {
        Task<int> issued = connection.IssueTicketsAsync(count, Token).AsTask();
        Assert.True(issued.IsCompletedSuccessfully);
        return issued.GetAwaiter().GetResult();
    }

    private static bool Commit(EnginePair pair)
    {
        Task<bool> committed = pair.Server.CommitSessionAsync(Token).AsTask();
        Assert.True(committed.IsCompletedSuccessfully);
        pair.Run();
        return committed.GetAwaiter().GetResult();
    }
}

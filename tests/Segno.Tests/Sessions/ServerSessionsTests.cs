using System.Security.Cryptography;
using Segno.Cryptography;
using Segno.Sessions;

namespace Segno.Tests.Sessions;

public sealed class ServerSessionsTests : IDisposable
{
    private readonly TicketKeyRing _ring = new();
    private readonly ServerSessions _sessions;

    public ServerSessionsTests() => _sessions = new ServerSessions(_ring, null, CryptoProvider.Default);

    public void Dispose() => _ring.Dispose();

    [Theory]
    [InlineData(ResumptionMechanism.Psk)]
    [InlineData(ResumptionMechanism.Ticket)]
    public async Task WhatItIssuesItLocatesAtOnce(ResumptionMechanism mechanism)
    {
        TlsSession session = new SessionDraft().Session();
        ValueTask<LocatedSession> pending = _sessions.LocateAsync(mechanism, _sessions.IssueTicket(session), TestContext.Current.CancellationToken);

        Assert.True(pending.IsCompletedSuccessfully);
        LocatedSession located = await pending;
        Assert.Equal((mechanism, ResumptionReason.None), (located.Mechanism, located.Reason));
        Assert.Equal(session.Export(), located.Session!.Export());
    }

    [Fact]
    public void LocatingChangesNothing()
    {
        byte[] ticket = _sessions.IssueTicket(new SessionDraft().Session())!;
        string keys = string.Join(',', _ring.Keys);

        Assert.NotNull(Locate(_sessions, ResumptionMechanism.Psk, ticket).Session);
        Assert.NotNull(Locate(_sessions, ResumptionMechanism.Psk, ticket).Session);
        Assert.Equal(keys, string.Join(',', _ring.Keys));
    }

    [Fact]
    public void WhatItDidNotIssueItDoesNotLocate()
    {
        Assert.Equal(ResumptionReason.TicketMalformed, Locate(_sessions, ResumptionMechanism.Psk, []).Reason);
        byte[] forged = RandomNumberGenerator.GetBytes(200);
        forged[0] = 1;
        Assert.Equal(ResumptionReason.UnknownTicketKey, Locate(_sessions, ResumptionMechanism.Ticket, forged).Reason);
        Assert.Equal(ResumptionReason.SessionNotFound, Locate(_sessions, ResumptionMechanism.SessionId, forged[..32]).Reason);
        Assert.Equal(ResumptionReason.SessionNotFound, Locate(_sessions, ResumptionMechanism.ExternalPsk, forged).Reason);
        Assert.Null(Locate(_sessions, ResumptionMechanism.Ticket, forged).Session);
    }

    /// <summary>Museum A11: where resumption is disabled, no ticket is issued and none is even opened.</summary>
    [Fact]
    [Trait("Museum", "A11")]
    public void DisabledItNeitherIssuesNorLooks()
    {
        byte[] good = _sessions.IssueTicket(new SessionDraft().Session())!;
        var disabled = new ServerSessions(null, null, CryptoProvider.Default);

        Assert.Null(disabled.IssueTicket(new SessionDraft().Session()));
        foreach (byte[] ticket in new[] { good, [], RandomNumberGenerator.GetBytes(200) })
        {
            LocatedSession located = Locate(disabled, ResumptionMechanism.Psk, ticket);
            Assert.Equal((null, ResumptionReason.ResumptionDisabled), (located.Session, located.Reason));
        }
    }

    private static LocatedSession Locate(ServerSessions sessions, ResumptionMechanism mechanism, byte[] identity)
    {
        ValueTask<LocatedSession> located = sessions.LocateAsync(mechanism, identity);
        return located.IsCompleted ? located.Result : throw new InvalidOperationException("A ticket needs no waiting.");
    }
}

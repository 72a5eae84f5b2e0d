using Segno.Sessions;
using Segno.Tests.Connections;
using Segno.Tests.Museum;
using Segno.Tests.Sessions.Stores;

namespace Segno.Tests.Sessions;

/// <summary>Contexts share sessions where they say so, and nowhere else (museum A6, A8).</summary>
public sealed class SharedSessionsTests
{
    public static TheoryData<SessionKind> Kinds => Exhibits.All;

    [Fact]
    public void WhoGivesKeysOrAStoreNamesAGroup()
    {
        using var keys = new TicketKeyRing();
        ArgumentException thrown = Assert.Throws<ArgumentException>(() => Server(o => o.TicketKeys = keys));
        Assert.StartsWith("Group: TicketKeys may be shared between contexts; set Group", thrown.Message, StringComparison.Ordinal);
        thrown = Assert.Throws<ArgumentException>(() => Server(o => o.SessionStore = new StoreDouble()));
        Assert.StartsWith("Group: SessionStore may be shared", thrown.Message, StringComparison.Ordinal);
        Server(o => (o.TicketKeys, o.SessionStore, o.Group) = (keys, new StoreDouble(), "g")).Dispose();
    }

    [Fact]
    public void AGroupHas1To255Characters()
    {
        Assert.Throws<ArgumentException>(() => Server(o => o.Group = ""));
        Server(o => o.Group = "g").Dispose();
        Server(o => o.Group = new string('g', 255)).Dispose();
        Assert.Throws<ArgumentException>(() => Server(o => o.Group = new string('g', 256)));
    }

    [Theory]
    [InlineData(SessionKind.Ticket)]
    [InlineData(SessionKind.StatelessPsk)]
    public void UnderTheSameKeysTheGroupDecides(SessionKind kind)
    {
        using var keys = new TicketKeyRing();
        (TlsClientContext client, TlsServerContext one) = Exhibits.Contexts(kind, null, o => (o.TicketKeys, o.Group) = (keys, "g"));
        TlsServerContext same = Exhibits.Contexts(kind, null, o => (o.TicketKeys, o.Group) = (keys, "g")).Server;
        TlsServerContext other = Exhibits.Contexts(kind, null, o => (o.TicketKeys, o.Group) = (keys, "G")).Server;
        TlsSession session = Exhibits.Session(client, one);
        Assert.Equal(ResumptionOutcome.Resumed(kind.ToMechanism()), Exhibits.Redeem(same, session));
        Assert.Equal(ResumptionOutcome.Declined(kind.ToMechanism(), ResumptionReason.ScopeMismatch, nameof(ScopeComponent.Group)), Exhibits.Redeem(other, session));
        Exhibits.AssertUnharmed(client, same, resumed: true);
    }

    /// <summary>Even two contexts of the very same options are strangers to each other while neither names a group.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public void WithoutAGroupAContextSharesWithNobody(SessionKind kind)
    {
        (TlsClientContext client, TlsServerContext one) = Exhibits.Contexts(kind);
        TlsServerContext two = Exhibits.Contexts(kind).Server;
        TlsSession session = Exhibits.Session(client, one);
        Assert.Equal(
            kind.IsStored() ? ResumptionReason.SessionNotFound : ResumptionReason.UnknownTicketKey,
            Exhibits.Redeem(two, session).Reason);
        Exhibits.ShareSessions(one, two);
        Assert.Equal(ResumptionOutcome.Declined(kind.ToMechanism(), ResumptionReason.ScopeMismatch, nameof(ScopeComponent.Group)), Exhibits.Redeem(two, session));
    }

    private static TlsServerContext Server(Action<TlsServerOptions> configure) => HandshakeTests.Contexts(null, configure).Server;
}

using Segno.Cryptography;
using Segno.Sessions;

namespace Segno.Tests.Sessions;

/// <summary>Museum A14, "forever sessions": no renewal extends what the full handshake set.</summary>
[Trait("Museum", "A14")]
public sealed class SessionLineageTests
{
    private static readonly DateTimeOffset Now = SessionDraft.Now;

    [Fact]
    public void NoNumberOfRenewalsExtendsTheDeadline()
    {
        var draft = new SessionDraft { AuthenticatedAt = Now, IssuedAt = Now, Lifetime = TimeSpan.FromHours(24), PeerCertificates = [new byte[] { 1 }] };
        TlsSession first = draft.Session();
        TlsSession session = first;
        int renewals = 0;
        // As a server does: each time shortly before the end, and as long as it can.
        while (true)
        {
            draft.IssuedAt = session.IssuedAt + (0.9 * draft.Lifetime);
            draft.Lineage = session.Lineage.Next();
            if (!TlsSession.TryCreate(draft.State(), draft.Secret, out TlsSession? next))
            {
                break;
            }
            session = next;
            renewals++;
            Assert.Equal(first.AuthenticationDeadline, session.AuthenticationDeadline);
            Assert.Equal(first.AuthenticatedAt, session.AuthenticatedAt);
            Assert.Equal(first.LineageId, session.LineageId);
            Assert.Equal(first.PeerCertificates.Count, session.PeerCertificates.Count);
            Assert.Equal(renewals, session.ResumptionCount);
            Assert.True(session.ExpiresAt <= Now.AddDays(7));
        }

        // 7 days hold seven steps of 21.6 hours.
        Assert.Equal(7, renewals);
    }

    [Fact]
    public void TheEarliestOfAllLimitsIsTheDeadline()
    {
        Assert.Equal(Now.AddDays(7), Deadline(7, null, null));
        Assert.Equal(Now.AddDays(3), Deadline(7, 3, null));
        Assert.Equal(Now.AddDays(2), Deadline(7, null, 2));
        Assert.Equal(Now.AddDays(2), Deadline(7, 3, 2));
        Assert.Equal(Now.AddDays(1), Deadline(1, 3, 2));

        static DateTimeOffset Deadline(int maximum, int? peer, int? own) => DateTimeOffset.FromUnixTimeMilliseconds(SessionLineage.Begin(
            Now, TimeSpan.FromDays(maximum), [], Now.AddDays(peer ?? 0) is var p && peer is null ? null : p, own is null ? null : Now.AddDays(own.Value), CryptoProvider.Default).Deadline);
    }

    [Fact]
    public void TheLongestAgeEndsWithTheCalendar()
        => Assert.Equal(
            DateTimeOffset.MaxValue.ToUnixTimeMilliseconds(),
            SessionLineage.Begin(Now, TimeSpan.MaxValue, [], null, null, CryptoProvider.Default).Deadline);

    [Fact]
    public void ANegativeAgeIsRefused()
        => Assert.Throws<ArgumentOutOfRangeException>(() => SessionLineage.Begin(Now, TimeSpan.FromTicks(-1), [], null, null, CryptoProvider.Default));

    [Fact]
    public void EachFullHandshakeBeginsItsOwn()
        => Assert.NotEqual(
            SessionLineage.Begin(Now, TimeSpan.FromDays(1), [], null, null, CryptoProvider.Default).Id,
            SessionLineage.Begin(Now, TimeSpan.FromDays(1), [], null, null, CryptoProvider.Default).Id);

    [Fact]
    public void TheCountStopsAtItsEnd()
    {
        var lineage = SessionLineage.Restore(Guid.NewGuid(), 0, 1, uint.MaxValue - 1, [], null);

        Assert.Equal(uint.MaxValue, lineage.Next().ResumptionCount);
        Assert.Equal(uint.MaxValue, lineage.Next().Next().ResumptionCount);
    }
}

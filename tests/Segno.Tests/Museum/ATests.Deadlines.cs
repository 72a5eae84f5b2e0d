using System.Security.Cryptography;
using Segno.Sessions;
using Segno.Tests.Connections;
using Segno.Tests.Sessions;

namespace Segno.Tests.Museum;

/// <summary>Room A, A14: sessions that are renewed for ever. Whoever resumes lives on the authentication of the full handshake, and that ends.</summary>
public sealed partial class ATests
{
    //
    [Theory]
    [MemberData(nameof(Mechanisms))]
    public void A14_RenewalDoesNotMoveTheDeadline(SessionKind kind)
    {
        TimeSpan lifetime = TimeSpan.FromHours(10);
        TimeSpan maximum = TimeSpan.FromHours(48);
        var clock = new TestClock { Wall = DateTimeOffset.UtcNow };
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(kind, o => o.TimeProvider = clock, o =>
        {
            o.TimeProvider = clock;
            (o.TicketLifetime, o.Tls12SessionLifetime, o.AuthenticationLifetime) = (lifetime, lifetime, maximum);
            o.TicketCountOnResumption = 2;
        });
        DateTimeOffset authenticated = clock.Wall;
        List<TlsSession> sessions = Connect(resumed: false);
        if (kind == SessionKind.SessionId)
        {
            // An ID is not renewed: what was resumed at nine tenths of its life is over at eighteen.
            clock.Advance(lifetime * 0.9);
            Assert.Empty(Connect(resumed: true));
            clock.Advance(lifetime * 0.9);
            Assert.Equal(ResumptionOutcome.Declined(kind.ToMechanism(), ResumptionReason.SessionExpired), Exhibits.Redeem(server, sessions[0]));
            return;
        }
        for (int i = 0; i < 5; i++)
        {
            clock.Advance(lifetime * 0.9);
            sessions = Connect(resumed: true);
        }
        clock.Advance(authenticated + maximum - clock.Wall);
        Assert.Equal(ResumptionOutcome.Resumed(kind.ToMechanism()), Exhibits.Redeem(server, sessions[0]));
        clock.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal(ResumptionOutcome.Declined(kind.ToMechanism(), ResumptionReason.AuthDeadlinePassed), Exhibits.Redeem(server, sessions[^1]));
        // And the real client, which was told by the lifetime of its last ticket, begins anew, with all the time there is.
        Assert.NotEmpty(Connect(resumed: false));
        authenticated = clock.Wall;
        clock.Advance(lifetime * 0.9);
        Assert.NotEmpty(Connect(resumed: true));

        List<TlsSession> Connect(bool resumed)
        {
            List<TlsSession> received = [];
            using var pair = new EnginePair(client, server);
            pair.Client.SessionReceived += (_, session) => received.Add(session);
            pair.Handshake();
            Assert.Equal((resumed, resumed), (pair.Client.Info.Resumption.IsResumed, pair.Server.Info.Resumption.IsResumed));
            if (resumed)
            {
                Assert.Equal(authenticated.ToUnixTimeMilliseconds(), pair.Server.Info.AuthenticatedAt.ToUnixTimeMilliseconds());
            }
            return received;
        }
    }

    // A session is good for as long as its client's certificate is, and no longer, fresh as its ticket may be.
    [Theory]
    [MemberData(nameof(Mechanisms))]
    public void A14_NoSessionOutlivesTheClientsCertificate(SessionKind kind)
    {
        TestCertificate shown = TestPki.Make(new()
        {
            CommonName = "client",
            ExtendedKeyUsage = TestPki.ClientAuthentication,
            Issuer = TestPki.Intermediate,
            NotAfter = TimeSpan.FromHours(12),
        });
        var clock = new TestClock { Wall = DateTimeOffset.UtcNow };
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(
            kind,
            o => (o.TimeProvider, o.ClientCertificate) = (clock, shown.Tls),
            o =>
            {
                VirtualHosts.Require(o, TestPki.Root);
                (o.TimeProvider, o.Tls12SessionLifetime, o.AuthenticationLifetime) = (clock, TimeSpan.FromHours(24), TimeSpan.FromDays(7));
            });
        List<TlsSession> sessions = [];
        using (var pair = new EnginePair(client, server))
        {
            pair.Client.SessionReceived += (_, session) => sessions.Add(session);
            pair.Handshake();
        }
        clock.Advance(shown.Certificate.NotAfter.ToUniversalTime() - clock.Wall.UtcDateTime - TimeSpan.FromSeconds(2));
        Assert.Equal(ResumptionOutcome.Resumed(kind.ToMechanism()), Exhibits.Redeem(server, sessions[0]));
        clock.Advance(TimeSpan.FromSeconds(4));
        ResumptionOutcome outcome = Exhibits.Redeem(server, sessions[^1]);
        Assert.Equal(ResumptionStatus.Declined, outcome.Status);
        // What lies in a store is over with its entry.
        Assert.Contains(outcome.Reason, new[] { ResumptionReason.ClientCertificateExpired, ResumptionReason.SessionExpired });
    }

    // Once a certificate is on the list, no session of it is worth anything, renewed ones included; who comes again later is a new client.
    [Theory]
    [MemberData(nameof(Mechanisms))]
    public void A14_ARevocationReachesRenewedSessions(SessionKind kind)
    {
        var clock = new TestClock { Wall = DateTimeOffset.UtcNow };
        var revocations = new RevocationList();
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(
            kind,
            o => (o.TimeProvider, o.ClientCertificate) = (clock, TestPki.ClientEcdsa().Tls),
            o =>
            {
                VirtualHosts.Require(o, TestPki.Root);
                (o.TimeProvider, o.Revocations) = (clock, revocations);
            });
        Exhibits.AssertUnharmed(client, server, resumed: false);
        clock.Advance(TimeSpan.FromMinutes(40));
        Exhibits.AssertUnharmed(client, server, resumed: true);
        revocations.RevokeCertificate(SHA256.HashData(TestPki.ClientEcdsa().Certificate.RawData), clock.Wall);
        clock.Advance(TimeSpan.FromMinutes(1));
        using (EnginePair pair = EnginePair.Connect(client, server))
        {
            Assert.Equal(ResumptionOutcome.Declined(kind.ToMechanism(), ResumptionReason.Revoked), pair.Server.Info.Resumption);
        }
        Exhibits.AssertUnharmed(client, server, resumed: true);
    }
}

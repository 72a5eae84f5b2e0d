using System.Net;
using Segno.Cryptography;
using Segno.Sessions;

namespace Segno.Tests.Sessions.Policy;

/// <summary>What a policy is told, and what is kept of clients for it.</summary>
public sealed class PolicyGateTests
{
    private readonly TestClock _clock = new();
    private readonly PolicyDouble _policy = new();

    [Theory]
    [InlineData("192.0.2.1", "192.0.2.254", true)]
    [InlineData("192.0.2.1", "192.0.3.1", false)]
    [InlineData("192.0.2.1", "::ffff:192.0.2.7", true)]
    [InlineData("2001:db8:1::1", "2001:db8:1:ffff::1", true)]
    [InlineData("2001:db8:1::1", "2001:db8:2::1", false)]
    [InlineData("192.0.2.0", "c000:200::", false)]
    public void ClientsAreCountedByNetwork(string first, string second, bool same)
    {
        using PolicyGate gate = Gate();
        ResumptionContext one = gate.Visit(IPAddress.Parse(first), null);
        _clock.Advance(TimeSpan.FromSeconds(10));
        ResumptionContext two = gate.Visit(IPAddress.Parse(second), null);
        Assert.Equal(same, one.ClientNetwork == two.ClientNetwork);
        Assert.Equal<double?>(same ? 10 : null, two.ReturnInterval is { } since ? Math.Round(since.TotalSeconds, 3) : null);
        Assert.Equal(same, two.NetworkRate > 1);
        // Both are clients of the server.
        Assert.True(two.TotalRate > 1);
    }

    [Fact]
    public void AClientWhoseAddressIsNotKnownIsNobody()
    {
        using PolicyGate gate = Gate();
        for (int i = 0; i < 2; i++)
        {
            ResumptionContext visit = gate.Visit(null, "a.example");
            Assert.Equal((0UL, 0d, null, "a.example"), (visit.ClientNetwork, visit.NetworkRate, visit.ReturnInterval, visit.ServerName));
        }
        Assert.True(gate.Visit(null, null).TotalRate > 2);
    }

    /// <summary>The numbers of one context tell nothing to who knows those of another, and nothing once it is gone.</summary>
    [Fact]
    public void TheNumbersAreKeyed()
    {
        var address = IPAddress.Parse("192.0.2.1");
        using PolicyGate gate = Gate();
        using PolicyGate other = Gate();
        Assert.NotEqual(gate.Visit(address, null).ClientNetwork, other.Visit(address, null).ClientNetwork);
        gate.Dispose();
        Assert.Equal((0UL, 0d), (gate.Visit(address, null).ClientNetwork, gate.Visit(address, null).NetworkRate));
    }

    [Theory]
    [InlineData(double.NaN, 0)]
    [InlineData(double.NegativeInfinity, 0)]
    [InlineData(-0.1, 0)]
    [InlineData(0.5, 0.5)]
    [InlineData(1.1, 1)]
    [InlineData(double.PositiveInfinity, 1)]
    public void TheLoadIsBroughtIntoItsRange(double probed, double told)
    {
        using PolicyGate gate = Gate(() => probed);
        Assert.Equal(told, gate.Visit(null, null).Load);
    }

    [Fact]
    public void AProbeThatThrowsKnowsNothing()
    {
        using PolicyGate gate = Gate(() => throw new InvalidOperationException("no probe"));
        Assert.Equal(0, gate.Visit(null, null).Load);
    }

    [Fact]
    public void WhatASessionAdds()
    {
        byte[] certificate = [1, 2, 3];
        TlsSession session = new SessionDraft { PeerCertificates = [certificate], IssuedAt = SessionDraft.Now.AddMinutes(-10), AuthenticatedAt = SessionDraft.Now.AddHours(-1) }.Session();
        using PolicyGate gate = Gate();
        gate.Completed(certificate);
        gate.Completed(certificate);
        ResumptionContext context = gate.WithSession(gate.Visit(null, "a.example"), session, Offer(SessionDraft.Now));
        Assert.Equal(ResumptionStage.Resumption, context.Stage);
        Assert.Equal((ResumptionMechanism.Psk, session.ProtocolVersion, "a.example"), (context.Mechanism, context.ProtocolVersion, context.ServerName));
        Assert.Equal((TimeSpan.FromMinutes(10), TimeSpan.FromHours(1), 0L), (context.SessionAge!.Value, context.AuthenticationAge!.Value, context.ResumptionCount));
        Assert.Equal(System.Security.Cryptography.SHA256.HashData(certificate), context.CertificateFingerprint.ToArray());
        Assert.Equal(2 * Math.Log(2), context.CertificateRate, 6);

        // Clocks that differ make no negative age.
        Assert.Equal(TimeSpan.Zero, gate.WithSession(default, session, Offer(SessionDraft.Now.AddHours(-2))).SessionAge);
        context = gate.WithSession(default, new SessionDraft().Session(), Offer(SessionDraft.Now));
        Assert.Equal((0d, true), (context.CertificateRate, context.CertificateFingerprint.IsEmpty));
    }

    [Fact]
    public void EachVerdictHasItsEffect()
    {
        using PolicyGate gate = Gate();
        AssertEffect(PolicyEffect.Unchanged, default);
        AssertEffect(PolicyEffect.Unchanged, new ResumptionVerdict { Rule = "nothing" });
        AssertEffect(PolicyEffect.Narrowed, new ResumptionVerdict { MaxTickets = 1 });
        AssertEffect(PolicyEffect.Narrowed, new ResumptionVerdict { RequireStateful = true });
        AssertEffect(PolicyEffect.Declined, ResumptionVerdict.Decline("a"));
        AssertEffect(PolicyEffect.LoadShed, ResumptionVerdict.ShedLoad("a"));
        _policy.Answer = _ => throw new InvalidOperationException("broken");
        Assert.Equal(ResumptionVerdict.Decline("failed"), gate.Decide(default, out PolicyEffect effect));
        Assert.Equal(PolicyEffect.Failed, effect);

        void AssertEffect(PolicyEffect expected, ResumptionVerdict verdict)
        {
            _policy.Answer = _ => verdict;
            Assert.Equal(verdict, gate.Decide(default, out PolicyEffect seen));
            Assert.Equal(expected, seen);
        }
    }

    private static ResumptionOffer Offer(DateTimeOffset now) => new()
    {
        Mechanism = ResumptionMechanism.Psk,
        ProtocolVersion = System.Security.Authentication.SslProtocols.Tls13,
        CipherSuite = default,
        Hash = HashKind.Sha256,
        Scope = new SessionDraft().Session().Scope,
        ServerName = null,
        Now = now,
    };

    private PolicyGate Gate(Func<double>? load = null) => new(_policy, load ?? (() => 0.25), CryptoProvider.Default, _clock);
}

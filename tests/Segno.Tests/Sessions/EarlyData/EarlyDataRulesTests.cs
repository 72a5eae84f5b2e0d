using System.Net.Security;
using Segno.Sessions;

namespace Segno.Tests.Sessions.EarlyData;

/// <summary>The rules of early data, each alone and in their order (RFC 9846 §4.3.10, §8).</summary>
public sealed class EarlyDataRulesTests
{
    private static readonly byte[] s_zone = [1, 2, 3];

    public static TheoryData<EarlyDataReason> Rules =>
    [
        EarlyDataReason.NotAllowedBySession, EarlyDataReason.NotFirstIdentity, EarlyDataReason.CipherMismatch, EarlyDataReason.AlpnMismatch,
        EarlyDataReason.ZoneMismatch, EarlyDataReason.AgeSkew,
    ];

    [Fact]
    public void WhatBreaksNoRuleIsForTheGuardToJudge() => Assert.Equal(EarlyDataReason.None, Judge());

    //
    [Theory]
    [MemberData(nameof(Rules))]
    [Trait("Museum", "E8")]
    public void EachRuleIsEnough(EarlyDataReason rule) => Assert.Equal(rule, Judge(rule));

    [Theory]
    [MemberData(nameof(Rules))]
    public void TheFirstRuleBrokenGivesTheReason(EarlyDataReason first)
    {
        EarlyDataReason[] rules = [.. Rules.Select(row => row.Data).SkipWhile(rule => rule != first)];
        Assert.Equal(first, Judge(rules));
    }

    // n and n + 1 ms, early and late.
    [Theory]
    [InlineData(10_000, EarlyDataReason.None)]
    [InlineData(10_001, EarlyDataReason.AgeSkew)]
    [InlineData(-10_000, EarlyDataReason.None)]
    [InlineData(-10_001, EarlyDataReason.AgeSkew)]
    public void TheWindowHolds(int skew, EarlyDataReason expected)
    {
        TlsSession session = Session();
        EarlyDataOffer offer = Offer(session, skew);
        Assert.Equal(expected, EarlyDataRules.Judge(session, offer));
    }

    // whoever could accept the flight, did so between these.
    [Fact]
    public void TheClaimSpansWhenTheFlightCanBeAccepted()
    {
        TlsSession session = Session();
        byte[] binder = new byte[32];
        EarlyDataClaim claim = EarlyDataRules.Claim(binder, session, Offer(session, 3000));
        DateTimeOffset arrival = SessionDraft.Now.AddSeconds(3);
        Assert.Equal((arrival.AddSeconds(-10), arrival.AddSeconds(10)), (claim.NotBefore, claim.NotAfter));
        Assert.True(claim.Key.Span.SequenceEqual(binder));
    }

    private static TlsSession Session(bool allows = true) => new SessionDraft { Zone = s_zone, MaxEarlyDataSize = allows ? 1000u : 0 }.Session();

    private static EarlyDataOffer Offer(TlsSession session, int skew, params EarlyDataReason[] broken) => new()
    {
        IdentityIndex = broken.Contains(EarlyDataReason.NotFirstIdentity) ? 1 : 0,
        CipherSuite = broken.Contains(EarlyDataReason.CipherMismatch) ? TlsCipherSuite.TLS_CHACHA20_POLY1305_SHA256 : session.CipherSuite,
        ApplicationProtocol = broken.Contains(EarlyDataReason.AlpnMismatch) ? SslApplicationProtocol.Http11 : session.ApplicationProtocol,
        Zone = broken.Contains(EarlyDataReason.ZoneMismatch) ? new byte[] { 1, 2, 4 } : s_zone,
        ObfuscatedAge = unchecked((uint)((SessionDraft.Now - session.IssuedAt).TotalMilliseconds + skew) + session.AgeAdd),
        Now = SessionDraft.Now,
        Window = TimeSpan.FromSeconds(10),
    };

    private static EarlyDataReason Judge(params EarlyDataReason[] broken)
    {
        TlsSession session = Session(!broken.Contains(EarlyDataReason.NotAllowedBySession));
        EarlyDataOffer offer = Offer(session, broken.Contains(EarlyDataReason.AgeSkew) ? 10_001 : 0, broken);
        return EarlyDataRules.Judge(session, offer);
    }
}

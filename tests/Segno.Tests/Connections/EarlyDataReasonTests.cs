using System.Net.Security;
using Segno.Sessions;
using Segno.Tests.Sessions;
using Segno.Tests.Sessions.EarlyData;
using Segno.Tests.Sessions.Policy;

namespace Segno.Tests.Connections;

/// <summary>Every reason why there is no early data, produced over the wire. A reason that nobody produces fails here.</summary>
public sealed class EarlyDataReasonTests : IDisposable
{
    private const int Limit = 1000;

    private readonly TestClock _clock = new() { TimersFire = false, Wall = TimeProvider.System.GetUtcNow() };
    private readonly TicketKeyRing _keys;
    private readonly Dictionary<EarlyDataReason, Func<(EarlyDataOutcome Server, EarlyDataOutcome Client)>> _produced;

    public EarlyDataReasonTests()
    {
        _keys = new TicketKeyRing(timeProvider: _clock);
        _produced = new()
        {
            [EarlyDataReason.None] = () => Offer(),
            [EarlyDataReason.Disabled] = () => Offer(then: o => (o.MaxEarlyDataSize, o.ReplayGuard) = (0, null)),
            [EarlyDataReason.NoSession] = () => Offer(prepare: false),
            [EarlyDataReason.NotAllowedBySession] = () => Offer(o => (o.MaxEarlyDataSize, o.ReplayGuard) = (0, null), o => o.MaxEarlyDataSize = 1),
            [EarlyDataReason.TooLarge] = () => Offer(size: Limit + 1),
            [EarlyDataReason.SessionNotResumed] = () => Offer(then: o => o.TicketKeys = null),
            [EarlyDataReason.NotFirstIdentity] = NotFirst,
            [EarlyDataReason.HelloRetry] = () => Offer(then: o => o.SupportedGroups = [TlsNamedGroup.P384]),
            [EarlyDataReason.CipherMismatch] = () => Offer(
                o => o.CipherSuites = [TlsCipherSuite.TLS_AES_128_GCM_SHA256], o => o.CipherSuites = [TlsCipherSuite.TLS_CHACHA20_POLY1305_SHA256]),
            [EarlyDataReason.AlpnMismatch] = () => Offer(
                o => o.ApplicationProtocols = [SslApplicationProtocol.Http2], o => o.ApplicationProtocols = [SslApplicationProtocol.Http11]),
            [EarlyDataReason.ZoneMismatch] = () => Offer(then: o => o.ReplayGuard = new MemoryReplayGuard(timeProvider: _clock)),
            [EarlyDataReason.AgeSkew] = () => Offer(meanwhile: () => _clock.Advance(TimeSpan.FromSeconds(11))),
            [EarlyDataReason.FreshStart] = FreshStart,
            [EarlyDataReason.ReplaySeen] = () => Guarded(_ => new(ReplayVerdict.Seen)),
            [EarlyDataReason.ReplayGuardUnavailable] = () => Guarded(_ => throw new InvalidOperationException("down")),
            [EarlyDataReason.DeclinedByPolicy] = () => Offer(
                then: o => o.ResumptionPolicy = new PolicyDouble { Answer = _ => new ResumptionVerdict { RefuseEarlyData = true } }),
            // What a client hears of all that only the server knows.
            [EarlyDataReason.DeclinedByServer] = () => Guarded(_ => new(ReplayVerdict.Seen)),
        };
    }

    public static TheoryData<EarlyDataReason> Reasons => [.. Enum.GetValues<EarlyDataReason>()];

    [Theory]
    [MemberData(nameof(Reasons))]
    public void EveryReasonIsProduced(EarlyDataReason reason)
    {
        (EarlyDataOutcome server, EarlyDataOutcome client) = _produced[reason]();
        if (reason == EarlyDataReason.None)
        {
            Assert.Equal((EarlyDataOutcome.Accepted, EarlyDataOutcome.Accepted), (server, client));
            return;
        }
        Assert.False(server.IsAccepted || client.IsAccepted);
        // The one that refused knows why.
        Assert.Contains(reason, (EarlyDataReason[])[server.Reason, client.Reason]);
        Assert.Equal(client.Status, server.Status);
    }

    // A guard that does not answer, or lies in a way that can be seen, is one that is not there (fail closed).
    [Fact]
    public void AGuardThatHangsCostsTheEarlyDataAlone()
    {
        _clock.TimersFire = true;
        AssertUnavailable(new ReplayGuardDouble(_ => new(new TaskCompletionSource<ReplayVerdict>().Task)));
    }

    [Fact]
    public void AGuardThatFailsLaterCostsTheEarlyDataAlone()
        => AssertUnavailable(new ReplayGuardDouble(async _ =>
        {
            await Task.Yield();
            throw new InvalidOperationException("down");
        }));

    [Theory]
    [InlineData(ReplayVerdict.Unknown)]
    [InlineData((ReplayVerdict)99)]
    public void WhatIsNoVerdictIsNoConsent(ReplayVerdict verdict) => AssertUnavailable(new ReplayGuardDouble(_ => new(verdict)));

    // R-112, E9: what names a flight is the binder that was verified.
    [Fact]
    [Trait("Museum", "E9")]
    public void AGuardIsAskedOnceAndOfTheVerifiedBinderAlone()
    {
        var claims = new List<EarlyDataClaim>();
        var guard = new ReplayGuardDouble(claim =>
        {
            claims.Add(claim);
            return new(ReplayVerdict.First);
        });
        Assert.True(Offer(o => o.ReplayGuard = guard).Server.IsAccepted);
        Assert.Equal(32, Assert.Single(claims).Key.Length);
        Assert.InRange(_clock.Wall, claims[0].NotBefore, claims[0].NotAfter);
        // A binder that is wrong ends the handshake before.
        (TlsClientContext client, TlsServerContext server) = Contexts(o => o.ReplayGuard = guard);
        EnginePair.Connect(client, server).Dispose();
        using var pair = new EnginePair(client, server);
        EarlyDataTests.StartEarly(pair, [1]);
        List<byte[]> records = [.. WireRecords.Split([.. pair.ToServer])];
        records[0][^1] ^= 1;
        pair.ToServer.Clear();
        pair.ToServer.AddRange(records.SelectMany(record => record));
        Assert.Equal(TlsFault.PskBinderInvalid, Assert.ThrowsAny<TlsException>(pair.RunServer).Fault);
        Assert.Single(claims);
    }

    public void Dispose() => _keys.Dispose();

    private void AssertUnavailable(ReplayGuardDouble guard)
    {
        (EarlyDataOutcome server, _) = Offer(o => o.ReplayGuard = guard);
        Assert.Equal(EarlyDataOutcome.Rejected(EarlyDataReason.ReplayGuardUnavailable), server);
    }

    private (TlsClientContext Client, TlsServerContext Server) Contexts(Action<TlsServerOptions>? configure)
        => HandshakeTests.Contexts(
            o =>
            {
                o.TimeProvider = _clock;
                o.ApplicationProtocols = [SslApplicationProtocol.Http2, SslApplicationProtocol.Http11];
            },
            o =>
            {
                o.TimeProvider = _clock;
                (o.TicketKeys, o.Group) = (_keys, "fleet");
                o.MaxEarlyDataSize = Limit;
                o.ReplayGuard = new MemoryReplayGuard(timeProvider: _clock);
                configure?.Invoke(o);
            });

    private (EarlyDataOutcome Server, EarlyDataOutcome Client) Guarded(Func<EarlyDataClaim, ValueTask<ReplayVerdict>> claim)
        => Offer(o => o.ReplayGuard = new ReplayGuardDouble(claim));

    /// <summary>A session of one server, then early data to another, or to the same where nothing is said of it.</summary>
    private (EarlyDataOutcome Server, EarlyDataOutcome Client) Offer(
        Action<TlsServerOptions>? first = null, Action<TlsServerOptions>? then = null, bool prepare = true, int size = 5, Action? meanwhile = null)
    {
        (TlsClientContext client, TlsServerContext server) = Contexts(first);
        TlsServerContext second = then is null ? server : Contexts(o =>
        {
            first?.Invoke(o);
            o.ReplayGuard ??= new MemoryReplayGuard(timeProvider: _clock);
            then(o);
        }).Server;
        _clock.Advance(TimeSpan.FromSeconds(21));
        if (prepare)
        {
            EnginePair.Connect(client, server).Dispose();
        }
        using var pair = new EnginePair(client, second);
        pair.Client.Start(size);
        if (pair.Client.EarlyDataLimit > 0)
        {
            var output = new System.Buffers.ArrayBufferWriter<byte>();
            pair.Client.SendEarlyData(new byte[size], output);
            pair.ToServer.AddRange(output.WrittenSpan.ToArray());
        }
        meanwhile?.Invoke();
        pair.Run();
        Assert.True(pair.Client.IsHandshakeCompleted && pair.Server.IsHandshakeCompleted);
        Assert.Equal(pair.Server.Info.EarlyData.IsAccepted ? size : 0, pair.AtServer.Count);
        return (pair.Server.Info.EarlyData, pair.Client.Info.EarlyData);
    }

    /// <summary>The identity before the one that is chosen is none of ours.</summary>
    private (EarlyDataOutcome Server, EarlyDataOutcome Client) NotFirst()
    {
        (TlsClientContext client, TlsServerContext server) = Contexts(null);
        using EnginePair pair = EnginePair.Connect(client, server);
        using var script = new ScriptedClient(server);
        TlsSession session = pair.Client.Session!;
        var stranger = new SessionDraft { IsServer = false, Ticket = new byte[64] }.Session();
        script.SendHello13([stranger, session], null, [.. script.Extensions13, ScriptedPeer.Extension(Segno.Handshake.Extensions.ExtensionType.EarlyData)]);
        script.ReceiveHello();
        return (script.Engine.Info.EarlyData, script.Engine.Info.EarlyData);
    }

    /// <summary>A guard of the zone that is younger than the flight.</summary>
    private (EarlyDataOutcome Server, EarlyDataOutcome Client) FreshStart()
    {
        byte[] zone = [1, 2, 3];
        return Offer(
            o => o.ReplayGuard = new MemoryReplayGuard(zone: zone, timeProvider: _clock),
            // Begins to remember when it is asked first.
            o => o.ReplayGuard = new LazyGuard(zone, () => new MemoryReplayGuard(zone: zone, timeProvider: _clock)));
    }

    private sealed class LazyGuard(byte[] zone, Func<MemoryReplayGuard> start) : IReplayGuard
    {
        private readonly Lazy<MemoryReplayGuard> _guard = new(start);

        public ReadOnlyMemory<byte> Zone => zone;

        public ValueTask<ReplayVerdict> ClaimAsync(EarlyDataClaim claim, CancellationToken cancellationToken = default) => _guard.Value.ClaimAsync(claim, cancellationToken);
    }
}

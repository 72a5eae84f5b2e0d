using System.Diagnostics.Metrics;
using System.Security.Authentication;
using Segno.Diagnostics;
using Segno.Sessions;
using Segno.Tests.Connections;
using Segno.Tests.Sessions;

namespace Segno.Tests.Diagnostics;

/// <summary>What the meter counts, and what it costs.</summary>
public sealed class TlsMetricsTests : IDisposable
{
    private const string Handshakes = "segno.handshakes";
    private const string Failures = "segno.handshake.failures";
    private const string Duration = "segno.handshake.duration";

    private readonly TestMeters _meters = new();
    private readonly Measurements _seen;

    public TlsMetricsTests() => _seen = new Measurements(_meters);

    [Theory]
    [InlineData(SslProtocols.Tls13, 2, ResumptionMechanism.Psk)]
    [InlineData(SslProtocols.Tls12, 1, ResumptionMechanism.Ticket)]
    [InlineData(SslProtocols.Tls12, 0, ResumptionMechanism.SessionId)]
    public void FullAndResumedHandshakesAreCountedOnceOnEachSide(SslProtocols version, int tickets, ResumptionMechanism mechanism)
    {
        string number = version == SslProtocols.Tls13 ? "1.3" : "1.2";
        (TlsClientContext client, TlsServerContext server) = Contexts(version, tickets);

        EnginePair.Connect(client, server).Dispose();

        Assert.Equal(
            [
                $"1 segno.resumption.reason=NoSessionYet segno.resumption.status=NotOffered segno.role=client tls.protocol.version={number}",
                $"1 segno.resumption.status=NotOffered segno.role=server tls.protocol.version={number}",
            ],
            _seen.Take(Handshakes).Order(StringComparer.Ordinal));
        Assert.Equal(2, _seen.Take(Duration).Count);

        using (EnginePair pair = EnginePair.Connect(client, server))
        {
            string tags = $"segno.resumption.mechanism={mechanism} segno.resumption.status=Resumed segno.role={{0}} tls.protocol.version={number}";
            Assert.Equal(["1 " + tags.Replace("{0}", "client"), "1 " + tags.Replace("{0}", "server")], _seen.Take(Handshakes).Order(StringComparer.Ordinal));
            Assert.Equal([tags.Replace("{0}", "client"), tags.Replace("{0}", "server")], _seen.TakeTags(Duration).Order(StringComparer.Ordinal));
            Assert.Contains($"{pair.Server.Info.HandshakeBytesIn} network.io.direction=receive segno.role=server tls.protocol.version={number}", _seen.Take("segno.handshake.io"));
        }
        Assert.Empty(_seen.Take(Failures));
    }

    [Fact]
    public void ADeclinedSessionIsCountedWithItsReason()
    {
        (TlsClientContext client, TlsServerContext first) = Contexts();
        TlsServerContext second = Contexts().Server;
        EnginePair.Connect(client, first).Dispose();
        _seen.Take(Handshakes);

        EnginePair.Connect(client, second).Dispose();

        Assert.Equal(
            [
                "1 segno.resumption.mechanism=Psk segno.resumption.reason=DeclinedByServer segno.resumption.status=Declined segno.role=client tls.protocol.version=1.3",
                "1 segno.resumption.mechanism=Psk segno.resumption.reason=UnknownTicketKey segno.resumption.status=Declined segno.role=server tls.protocol.version=1.3",
            ],
            _seen.Take(Handshakes).Order(StringComparer.Ordinal));
        Assert.Contains("1 segno.resumption.mechanism=Psk segno.resumption.reason=UnknownTicketKey segno.ticket.stateful=false", _seen.Take("segno.tickets.declined"));
    }

    [Fact]
    public void AFailedHandshakeIsCountedOnceOnEachSideWithWhoSentTheAlert()
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts(
            o => (o.MeterFactory, o.RemoteCertificateValidationCallback) = (_meters, (_, _, _, _) => false),
            o => o.MeterFactory = _meters);
        using var pair = new EnginePair(client, server);

        TlsException here = Assert.ThrowsAny<TlsException>(pair.Handshake);
        var there = Assert.IsType<TlsAlertException>(Assert.ThrowsAny<TlsException>(pair.Run));
        pair.Dispose();

        Assert.Equal(
            [
                $"1 error.type={there.Fault} segno.alert={there.Alert} segno.alert.sender=peer segno.role=server tls.protocol.version=1.3",
                $"1 error.type={here.Fault} segno.alert={there.Alert} segno.alert.sender=local segno.role=client tls.protocol.version=1.3",
            ],
            _seen.Take(Failures).OrderBy(line => line.Contains("client", StringComparison.Ordinal)));
        Assert.Equal(2, _seen.TakeTags(Duration).Count(tags => tags.StartsWith("error.type=", StringComparison.Ordinal)));
        Assert.Empty(_seen.Take(Handshakes));
    }

    [Fact]
    public void AHandshakeThatIsGivenUpIsAFailureAndAConnectionWithoutOneIsNothing()
    {
        (TlsClientContext client, TlsServerContext server) = Contexts();
        using (var pair = new EnginePair(client, server))
        {
            pair.Client.Start();
        }
        Assert.Equal(["1 error.type=Canceled segno.role=client"], _seen.Take(Failures));
    }

    [Fact]
    public void AFaultAfterTheHandshakeIsNoFailedHandshake()
    {
        (TlsClientContext client, TlsServerContext server) = Contexts();
        using EnginePair pair = EnginePair.Connect(client, server);
        Assert.ThrowsAny<TlsException>(pair.Server.ReceiveEnd);
        Assert.Empty(_seen.Take(Failures));
    }

    [Fact]
    public void TicketsAreCountedWhereTheyAreSentAndOpened()
    {
        (TlsClientContext client, TlsServerContext server) = Contexts();
        EnginePair.Connect(client, server).Dispose();
        Assert.Equal(["1 segno.resumption.mechanism=Psk segno.ticket.stateful=false", "1 segno.resumption.mechanism=Psk segno.ticket.stateful=false"], _seen.Take("segno.tickets.issued"));
        EnginePair.Connect(client, server).Dispose();
        Assert.Equal(["1 segno.resumption.mechanism=Psk segno.ticket.stateful=false"], _seen.Take("segno.tickets.issued"));
        Assert.Equal(["1 segno.resumption.mechanism=Psk segno.ticket.stateful=false"], _seen.Take("segno.tickets.opened"));
        Assert.Empty(_seen.Take("segno.tickets.declined"));
    }

    [Fact]
    public void TheStoreIsObservedAndItsLookupsAreCounted()
    {
        (TlsClientContext client, TlsServerContext server) = Contexts(SslProtocols.Tls12, tickets: 0);
        EnginePair.Connect(client, server).Dispose();
        Assert.Equal(["1 "], _seen.Observe("segno.session_store.entries"));
        Assert.NotEqual("0 ", Assert.Single(_seen.Observe("segno.session_store.bytes")));

        EnginePair.Connect(client, server).Dispose();
        Assert.Equal(["1 segno.session_store.found=true"], _seen.Take("segno.session_store.lookups"));

        EnginePair.Connect(client, Contexts(SslProtocols.Tls12, tickets: 0).Server).Dispose();
        Assert.Equal(["1 segno.resumption.reason=SessionNotFound segno.session_store.found=false"], _seen.Take("segno.session_store.lookups"));
    }

    [Fact]
    public void EvictionsAreObservedByCause()
    {
        using var store = new MemorySessionStore(maxEntries: 1);
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts(
            o => (o.EnabledSslProtocols, o.AllowTlsResume) = (SslProtocols.Tls12, false),
            o => (o.MeterFactory, o.TicketCount, o.SessionStore, o.Group) = (_meters, 0, store, "test"));
        for (int i = 0; i < 3; i++)
        {
            EnginePair.Connect(client, server).Dispose();
        }
        Assert.Equal(
            ["2 segno.session_store.cause=entries", "0 segno.session_store.cause=bytes", "0 segno.session_store.cause=share"],
            _seen.Observe("segno.session_store.evictions"));
    }

    [Fact]
    public void KeysAreObservedByPhaseAndOnceHoweverManyServersShareThem()
    {
        var clock = new TestClock();
        using var keys = new TicketKeyRing(TimeSpan.FromHours(2), TimeSpan.FromHours(1), clock);
        using TlsServerContext one = HandshakeTests.Contexts(null, o => (o.MeterFactory, o.TicketKeys, o.Group) = (_meters, keys, "test")).Server;
        using TlsServerContext two = HandshakeTests.Contexts(null, o => (o.MeterFactory, o.TicketKeys, o.Group) = (_meters, keys, "test")).Server;
        AssertKeys(active: 1, retiring: 0);
        AssertEvents(active: 1, retiring: 0, destroyed: 0);

        keys.Rotate();
        AssertKeys(active: 1, retiring: 1);
        AssertEvents(active: 2, retiring: 1, destroyed: 0);

        clock.Advance(TimeSpan.FromHours(1) + TimeSpan.FromTicks(1));
        AssertKeys(active: 1, retiring: 0);
        AssertEvents(active: 2, retiring: 1, destroyed: 1);

        keys.Dispose();
        AssertKeys(active: 0, retiring: 0);
        AssertEvents(active: 2, retiring: 1, destroyed: 2);
    }

    /// <summary>A factory gives one meter: the instruments are made once, or what is observed would be reported twice.</summary>
    [Fact]
    public void AFactoryHasItsInstrumentsOnce()
    {
        _ = (Contexts(), Contexts());
        Assert.NotEmpty(_seen.Instruments);
        Assert.Equal(_seen.Instruments.Count, _seen.Instruments.Select(instrument => instrument.Name).Distinct().Count());
        Assert.Same(TlsMetrics.For(null), TlsMetrics.For(null));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void CountingAllocatesNothing(bool isListenedTo)
    {
        using var meters = new TestMeters();
        using var listener = new MeterListener();
        if (isListenedTo)
        {
            listener.InstrumentPublished = (instrument, self) =>
            {
                if (ReferenceEquals(instrument.Meter.Scope, meters))
                {
                    self.EnableMeasurementEvents(instrument);
                }
            };
            listener.SetMeasurementEventCallback<long>(static (_, _, _, _) => { });
            listener.SetMeasurementEventCallback<double>(static (_, _, _, _) => { });
        }
        listener.Start();
        TlsMetrics metrics = TlsMetrics.For(meters);
        (TlsClientContext client, TlsServerContext server) = Contexts();
        EnginePair.Connect(client, server).Dispose();
        using EnginePair pair = EnginePair.Connect(client, server);
        TlsConnectionInfo info = pair.Server.Info;
        var failure = new TlsAlertException(TlsFault.NoCommonCipherSuite, TlsAlert.HandshakeFailure, sentByPeer: false);
        var located = new LocatedSession(null, ResumptionMechanism.SessionId, ResumptionReason.SessionNotFound);
        var opened = new LocatedSession(null, ResumptionMechanism.Psk, ResumptionReason.UnknownTicketKey);

        Count();
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 100; i++)
        {
            Count();
        }
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);

        void Count()
        {
            metrics.HandshakeCompleted(info);
            metrics.HandshakeFailed(info, failure, TimeSpan.FromMilliseconds(1));
            metrics.TicketIssued(ResumptionMechanism.Psk, isStateful: false);
            metrics.Located(located);
            metrics.Located(opened);
        }
    }

    /// <summary>A peer can send any alert, and must not be able to make as many time series.</summary>
    [Fact]
    public void AnAlertThatHasNoNameIsOneOfTheOthers()
    {
        TlsMetrics.For(_meters).HandshakeFailed(Info(), new TlsAlertException(TlsFault.PeerAlert, (TlsAlert)201, sentByPeer: true), null);
        Assert.Contains(" segno.alert=_OTHER ", Assert.Single(_seen.Take(Failures)));

        static TlsConnectionInfo Info()
        {
            using var connection = new TlsConnection(HandshakeTests.Contexts().Server);
            return connection.Info;
        }
    }

    public void Dispose()
    {
        _seen.Dispose();
        _meters.Dispose();
    }

    private (TlsClientContext Client, TlsServerContext Server) Contexts(SslProtocols version = SslProtocols.Tls13, int tickets = 2)
        => HandshakeTests.Contexts(
            o => (o.MeterFactory, o.EnabledSslProtocols) = (_meters, version),
            o => (o.MeterFactory, o.EnabledSslProtocols, o.TicketCount) = (_meters, version, tickets));

    private void AssertKeys(int active, int retiring) => Assert.Equal(
        [$"0 {Phase("PrePublished")}", $"{active} {Phase("Active")}", $"{retiring} {Phase("Retiring")}"], _seen.Observe("segno.ticket_keys"));

    private void AssertEvents(int active, int retiring, int destroyed) => Assert.Equal(
        [$"0 {Phase("PrePublished")}", $"{active} {Phase("Active")}", $"{retiring} {Phase("Retiring")}", $"{destroyed} {Phase("Destroyed")}"],
        _seen.Observe("segno.ticket_key.events"));

    private static string Phase(string name) => $"segno.ticket_key.phase={name}";
}

using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Runtime.CompilerServices;
using System.Security.Authentication;
using Segno.Sessions;

namespace Segno.Diagnostics;

/// <summary>
/// The instruments of the meter "Segno"; docs/metrics.md describes each. One set for the process, and one for each
/// <see cref="IMeterFactory"/>. Thread-safe.
/// </summary>
/// <remarks>
/// Where nobody listens, a handshake costs a look at each instrument and no memory. Tags have values of enumerations alone: no
/// server names, addresses or identities, whose number a peer could drive up.
/// </remarks>
internal sealed class TlsMetrics
{
    public const string MeterName = "Segno";

    // Names of OpenTelemetry's semantic conventions, where it has one.
    public const string ErrorType = "error.type";
    public const string Direction = "network.io.direction";
    public const string Version = "tls.protocol.version";
    public const string Role = "segno.role";
    public const string Status = "segno.resumption.status";
    public const string Mechanism = "segno.resumption.mechanism";
    public const string Reason = "segno.resumption.reason";
    public const string Stateful = "segno.ticket.stateful";
    public const string Alert = "segno.alert";
    public const string AlertSender = "segno.alert.sender";
    public const string Found = "segno.session_store.found";
    public const string Cause = "segno.session_store.cause";
    public const string Tier = "segno.session_store.tier";
    public const string Circuit = "segno.session_store.circuit";
    public const string Phase = "segno.ticket_key.phase";
    public const string Stage = "segno.policy.stage";
    public const string Verdict = "segno.policy.verdict";

    private static readonly InstrumentAdvice<double> HandshakeTimes = new()
    {
        HistogramBucketBoundaries = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    };

    private static readonly Lock Gate = new();
    private static readonly ConditionalWeakTable<IMeterFactory, TlsMetrics> ByFactory = [];
    private static readonly TlsMetrics Process = new(new Meter(MeterName));

    private readonly Counter<long> _handshakes;
    private readonly Counter<long> _failures;
    private readonly Histogram<double> _duration;
    private readonly Counter<long> _io;
    private readonly Counter<long> _issued;
    private readonly Counter<long> _opened;
    private readonly Counter<long> _declined;
    private readonly Counter<long> _lookups;
    private readonly Counter<long> _verdicts;

    // Weak: what a context leaves behind is observed no more.
    private readonly ConditionalWeakTable<TicketKeyRing, object> _rings = [];
    private readonly ConditionalWeakTable<MemorySessionStore, object> _stores = [];
    private readonly ConditionalWeakTable<LayeredSessionStore, object> _layered = [];

    private TlsMetrics(Meter meter)
    {
        _handshakes = meter.CreateCounter<long>("segno.handshakes", "{handshake}", "Handshakes that were completed.");
        _failures = meter.CreateCounter<long>("segno.handshake.failures", "{handshake}", "Handshakes that failed.");
        _duration = meter.CreateHistogram("segno.handshake.duration", "s", "How long handshakes took, from the first byte.", tags: null, HandshakeTimes);
        _io = meter.CreateCounter<long>("segno.handshake.io", "By", "Bytes of completed handshakes, record headers included.");
        _issued = meter.CreateCounter<long>("segno.tickets.issued", "{ticket}", "Tickets that servers sent.");
        _opened = meter.CreateCounter<long>("segno.tickets.opened", "{ticket}", "Tickets that gave a session.");
        _declined = meter.CreateCounter<long>("segno.tickets.declined", "{ticket}", "Tickets that gave no session.");
        _lookups = meter.CreateCounter<long>("segno.session_store.lookups", "{lookup}", "Session IDs that were looked up.");
        _verdicts = meter.CreateCounter<long>("segno.policy.verdicts", "{verdict}", "Verdicts of resumption policies.");
        meter.CreateObservableUpDownCounter("segno.session_store.entries", () => Sum(store => store.Entries), "{session}", "Sessions in memory stores.");
        meter.CreateObservableUpDownCounter("segno.session_store.bytes", () => Sum(store => store.Bytes), "By", "Bytes that sessions in memory stores take.");
        meter.CreateObservableCounter("segno.session_store.evictions", Evictions, "{session}", "Sessions that memory stores did not keep to the end, or at all.");
        meter.CreateObservableCounter("segno.session_store.tier.lookups", TierLookups, "{lookup}", "Session IDs that were looked up in layered stores, by tier.");
        meter.CreateObservableCounter("segno.session_store.calls.failed", FailedCalls, "{call}", "Calls that the store under a layered one did not answer, or did not get.");
        meter.CreateObservableUpDownCounter("segno.session_store.circuits", Circuits, "{store}", "Layered stores, by whether the store under them is asked.");
        meter.CreateObservableUpDownCounter("segno.ticket_keys", Keys, "{key}", "Ticket keys in each phase.");
        meter.CreateObservableCounter("segno.ticket_key.events", KeyEvents, "{event}", "Ticket keys that entered a phase.");
    }

    /// <param name="factory">Where the meter is to be made; <see langword="null"/>: the one of the process.</param>
    public static TlsMetrics For(IMeterFactory? factory)
    {
        if (factory is null)
        {
            return Process;
        }
        lock (Gate)
        {
            // A factory gives the same meter each time, and a meter would keep observable instruments twice.
            return ByFactory.GetValue(factory, static owner => new TlsMetrics(owner.Create(MeterName)));
        }
    }

    /// <summary>Takes what a server holds into the instruments that are observed, for as long as it lives. What is shared is counted once.</summary>
    public void Observe(TicketKeyRing? ring, ISessionStore? store)
    {
        if (ring is not null)
        {
            _rings.TryAdd(ring, ring);
        }
        if (store is LayeredSessionStore layered)
        {
            _layered.TryAdd(layered, layered);
            store = layered.Memory;
        }
        if (store is MemorySessionStore memory)
        {
            _stores.TryAdd(memory, memory);
        }
    }

    public void HandshakeCompleted(TlsConnectionInfo info)
    {
        if (!_handshakes.Enabled && !_duration.Enabled && !_io.Enabled)
        {
            return;
        }
        TagList tags = Tags(info);
        if (_io.Enabled)
        {
            AddIo(tags, "receive", info.HandshakeBytesIn);
            AddIo(tags, "transmit", info.HandshakeBytesOut);
        }
        tags.Add(Status, Enum.GetName(info.Resumption.Status));
        AddMechanism(ref tags, info.Resumption.Mechanism);
        _duration.Record(info.HandshakeDuration.TotalSeconds, tags);
        AddReason(ref tags, info.Resumption.Reason);
        _handshakes.Add(1, tags);
    }

    /// <param name="info">What was known by then.</param>
    /// <param name="failure">Why.</param>
    /// <param name="duration">Since the first byte; <see langword="null"/> where there was none.</param>
    public void HandshakeFailed(TlsConnectionInfo info, TlsException failure, TimeSpan? duration)
    {
        if (!_failures.Enabled && !_duration.Enabled)
        {
            return;
        }
        TagList tags = Tags(info);
        tags.Add(ErrorType, Enum.GetName(failure.Fault));
        if (duration is { } time)
        {
            _duration.Record(time.TotalSeconds, tags);
        }
        if (failure is TlsAlertException alert)
        {
            // A peer may send any of 256.
            tags.Add(Alert, Enum.GetName(alert.Alert) ?? "_OTHER");
            tags.Add(AlertSender, alert.SentByPeer ? "peer" : "local");
        }
        _failures.Add(1, tags);
    }

    public void TicketIssued(ResumptionMechanism mechanism, bool isStateful)
    {
        if (_issued.Enabled)
        {
            _issued.Add(1, TicketTags(mechanism, isStateful));
        }
    }

    /// <summary>A server's policy was asked.</summary>
    public void PolicyAsked(ResumptionStage stage, PolicyEffect effect)
    {
        if (_verdicts.Enabled)
        {
            _verdicts.Add(
                1,
                new KeyValuePair<string, object?>(Stage, Enum.GetName(stage)),
                new KeyValuePair<string, object?>(Verdict, Enum.GetName(effect)));
        }
    }

    /// <summary>A server looked for the session that a client offers, by whatever mechanism.</summary>
    public void Located(in LocatedSession located)
    {
        bool found = located.Session is not null;
        if (located.Mechanism == ResumptionMechanism.SessionId)
        {
            if (_lookups.Enabled)
            {
                var result = new TagList { { Found, found ? "true" : "false" } };
                AddReason(ref result, located.Reason);
                _lookups.Add(1, result);
            }
            return;
        }
        Counter<long> counter = found ? _opened : _declined;
        if (counter.Enabled)
        {
            TagList tags = TicketTags(located.Mechanism, !located.SingleUseId.IsEmpty);
            AddReason(ref tags, located.Reason);
            counter.Add(1, tags);
        }
    }

    private static TagList Tags(TlsConnectionInfo info)
    {
        var tags = new TagList { { Role, info.IsServer ? "server" : "client" } };
        string? version = info.ProtocolVersion switch
        {
            SslProtocols.Tls12 => "1.2",
            SslProtocols.Tls13 => "1.3",
            _ => null,
        };
        if (version is not null)
        {
            tags.Add(Version, version);
        }
        return tags;
    }

    private static TagList TicketTags(ResumptionMechanism mechanism, bool isStateful)
        => new() { { Mechanism, Enum.GetName(mechanism) }, { Stateful, isStateful ? "true" : "false" } };

    private static void AddMechanism(ref TagList tags, ResumptionMechanism mechanism)
    {
        if (mechanism != ResumptionMechanism.None)
        {
            tags.Add(Mechanism, Enum.GetName(mechanism));
        }
    }

    private static void AddReason(ref TagList tags, ResumptionReason reason)
    {
        if (reason != ResumptionReason.None)
        {
            tags.Add(Reason, Enum.GetName(reason));
        }
    }

    private void AddIo(TagList tags, string direction, long bytes)
    {
        tags.Add(Direction, direction);
        _io.Add(bytes, tags);
    }

    private long Sum(Func<SessionStoreStatistics, long> value) => _stores.Sum(store => value(store.Key.GetStatistics()));

    private IEnumerable<Measurement<long>> Evictions() =>
    [
        Caused("entries", Sum(store => store.EvictedForEntries)),
        Caused("bytes", Sum(store => store.EvictedForBytes)),
        Caused("share", Sum(store => store.Refused)),
    ];

    private IEnumerable<Measurement<long>> TierLookups()
    {
        LayeredStoreStatistics[] stores = [.. _layered.Select(store => store.Key.GetStatistics())];
        return
        [
            Lookup("memory", "true", stores.Sum(store => store.MemoryHits)),
            Lookup("memory", "false", stores.Sum(store => store.AbsentHits)),
            Lookup("store", "true", stores.Sum(store => store.StoreHits)),
            Lookup("store", "false", stores.Sum(store => store.StoreMisses)),
        ];
    }

    private static Measurement<long> Lookup(string tier, string found, long count)
        => new(count, new KeyValuePair<string, object?>(Tier, tier), new KeyValuePair<string, object?>(Found, found));

    private IEnumerable<Measurement<long>> FailedCalls()
    {
        LayeredStoreStatistics[] stores = [.. _layered.Select(store => store.Key.GetStatistics())];
        return
        [
            Caused("timeout", stores.Sum(store => store.Timeouts)),
            Caused("failure", stores.Sum(store => store.Failures)),
            Caused("refused", stores.Sum(store => store.Refused)),
        ];
    }

    private IEnumerable<Measurement<long>> Circuits()
    {
        ILookup<StoreCircuit, LayeredSessionStore> stores = _layered.Select(store => store.Key).ToLookup(store => store.GetStatistics().Circuit);
        return Enum.GetValues<StoreCircuit>().Select(state => new Measurement<long>(
            stores[state].Count(), new KeyValuePair<string, object?>(Circuit, Enum.GetName(state))));
    }

    private static Measurement<long> Caused(string cause, long count) => new(count, new KeyValuePair<string, object?>(Cause, cause));

    private IEnumerable<Measurement<long>> Keys()
    {
        long[] counts = new long[(int)TicketKeyPhase.Destroyed];
        foreach (TicketKeyInfo key in _rings.SelectMany(ring => ring.Key.Keys).Where(key => key.Phase != TicketKeyPhase.Destroyed))
        {
            counts[(int)key.Phase]++;
        }
        return ByPhase(counts);
    }

    private IEnumerable<Measurement<long>> KeyEvents()
        => ByPhase([.. Enum.GetValues<TicketKeyPhase>().Select(phase => _rings.Sum(ring => ring.Key.Entered(phase)))]);

    private static IEnumerable<Measurement<long>> ByPhase(long[] counts)
        => counts.Select((count, phase) => new Measurement<long>(count, new KeyValuePair<string, object?>(Phase, Enum.GetName((TicketKeyPhase)phase))));
}

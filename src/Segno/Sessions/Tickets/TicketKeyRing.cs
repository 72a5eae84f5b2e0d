using System.Globalization;
using System.Runtime.CompilerServices;
using Segno.Cryptography;
using Segno.Sessions.Tickets;

namespace Segno.Sessions;

/// <summary>
/// The keys that a server seals its session tickets with (RFC 5077 §4, RFC 9325 §3.4): random ones of its own, or ones that a fleet
/// shares by files (<see cref="FromFile(string, TimeSpan?, TimeSpan?, TimeProvider?)"/>) or derives
/// (<see cref="Derive(ReadOnlySpan{byte}, TimeSpan?, TimeSpan?, bool, TimeProvider?)"/>). Thread-safe; the handshakes' path takes no lock.
/// </summary>
/// <remarks>
/// <para>Servers that shall resume each other's sessions within one process share a ring, and a group in their options.</para>
/// <para>A key is pre-published, active, retiring, destroyed, and never goes back, whatever clocks and files do. A key that is
/// replaced opens its tickets for as long as these can live, and is then wiped. Where no key is active, there are no tickets.</para>
/// <para>Random keys change on use, by the provider's monotonic clock. Shared ones change by the wall clock, which those who share
/// them have in common; up to 60 s apart, their clocks lose no ticket.</para>
/// <para>Whoever gets hold of a key can impersonate the server towards clients that resume with its tickets, read what TLS 1.2
/// connections under them carried, and learn the client certificates in them.</para>
/// </remarks>
public sealed class TicketKeyRing : IDisposable
{
    // of one purpose, replaced, and destroyed when the last ticket is over.
    /// <summary>How many keys that are not destroyed a ring holds; past that the oldest is destroyed.</summary>
    internal const int MaxKeys = 64;

    /// <summary>How many destroyed keys are remembered by name.</summary>
    internal const int MaxRemembered = 64;

    private static readonly TimeSpan ShortestInterval = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan DefaultPollInterval = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Day = TimeSpan.FromHours(24);

    private readonly Lock _gate = new();
    private readonly ITicketKeySource _source;
    private readonly long[] _entered = new long[(int)TicketKeyPhase.Destroyed + 1];
    private volatile TicketKeySet _keys = TicketKeySet.Empty;
    private bool _disposed;

    /// <summary>Makes a ring of random keys that never leave it, and its first key, which is active at once.</summary>
    /// <param name="rotationInterval">How long a key is active: 1 minute to 7 days. Default 24 hours.</param>
    /// <param name="ticketLifetime">How long a key opens tickets after that; the longest life of a ticket. More than 0 and at most 7 days,
    /// and at most 32 intervals. Default 24 hours.</param>
    /// <param name="timeProvider">The clock. Default <see cref="TimeProvider.System"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">A time is out of range.</exception>
    public TicketKeyRing(TimeSpan? rotationInterval = null, TimeSpan? ticketLifetime = null, TimeProvider? timeProvider = null)
        : this(rotationInterval, ticketLifetime, timeProvider, CryptoProvider.Default)
    {
    }

    internal TicketKeyRing(TimeSpan? rotationInterval, TimeSpan? ticketLifetime, TimeProvider? timeProvider, CryptoProvider crypto)
        : this(new RandomTicketKeys(Interval(rotationInterval), Lifetime(ticketLifetime, Interval(rotationInterval) * 32), timeProvider ?? TimeProvider.System, crypto), ticketLifetime ?? Day)
    {
    }

    private TicketKeyRing(ITicketKeySource source, TimeSpan ticketLifetime)
    {
        _source = source;
        TicketLifetime = ticketLifetime;
        Current();
        source.Watch(Replan);
    }

    /// <summary>A key is new, or in another phase: for audit logs. Raised outside of locks, on the thread that noticed, which may be a
    /// handshake's: be quick. Exceptions are swallowed. Events of one key come in order unless two threads notice at once.</summary>
    public event EventHandler<TicketKeyChangedEventArgs>? KeyChanged;

    /// <summary>How long a key is active; <see cref="Timeout.InfiniteTimeSpan"/> for keys from files: these say so themselves.</summary>
    public TimeSpan RotationInterval => _source.RotationInterval;

    /// <summary>How long a key opens tickets after it was replaced: no ticket should live longer.</summary>
    public TimeSpan TicketLifetime { get; }

    /// <summary>
    /// Whether only sessions may be resumed whose traffic stays secret when the keys become known: no tickets of TLS 1.2, and no
    /// psk_ke. So it is with <see cref="Derive(ReadOnlySpan{byte}, TimeSpan?, TimeSpan?, bool, TimeProvider?)"/> unless opted out.
    /// </summary>
    public bool RequiresForwardSecrecy { get; private init; }

    /// <summary>Why the last attempt to read the files brought no keys, so that those before stay in use; <see langword="null"/> where it did.</summary>
    public Exception? LastFailure => _source.LastFailure;

    /// <summary>The keys as they are now, newest first, and the last of those that were destroyed. A copy.</summary>
    public IReadOnlyList<TicketKeyInfo> Keys
    {
        get
        {
            TicketKeySet keys = Current();
            return [.. keys.Live.Select(held => Info(held.Key, held.Phase)), .. keys.Destroyed.Select(key => Info(key, TicketKeyPhase.Destroyed))];
        }
    }

    /// <summary>The key that seals, or <see langword="null"/>: then there are no tickets.</summary>
    internal TicketKey? Active => Current().Active;

    /// <summary>Keys from a file, in any format of <see cref="TicketKeyFile"/>, which is read again when it has changed.</summary>
    /// <param name="path">The file. Links are followed at each look, as Kubernetes needs it for secrets that it mounts.</param>
    /// <param name="ticketLifetime">How long a key opens tickets after it was replaced. More than 0 and at most 7 days. Default 24 hours.</param>
    /// <param name="pollInterval">How often to look: 1 second to 1 hour. Default 30 seconds.</param>
    /// <param name="timeProvider">The clock. Default <see cref="TimeProvider.System"/>.</param>
    /// <exception cref="TicketKeyException">The keys are refused. Later, keys that are refused leave those before in use, see <see cref="LastFailure"/>.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be read.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A time is out of range.</exception>
    public static TicketKeyRing FromFile(string path, TimeSpan? ticketLifetime = null, TimeSpan? pollInterval = null, TimeProvider? timeProvider = null)
        => FromFiles([path], ticketLifetime, pollInterval, timeProvider);

    /// <summary>The same for several files of nginx's, each with one key: the first is active, the others open tickets.</summary>
    /// <inheritdoc cref="FromFile(string, TimeSpan?, TimeSpan?, TimeProvider?)"/>
    /// <param name="paths">The files, in the order of the directives ssl_session_ticket_key.</param>
    /// <param name="ticketLifetime">How long a key opens tickets after it was replaced. More than 0 and at most 7 days. Default 24 hours.</param>
    /// <param name="pollInterval">How often to look: 1 second to 1 hour. Default 30 seconds.</param>
    /// <param name="timeProvider">The clock. Default <see cref="TimeProvider.System"/>.</param>
    public static TicketKeyRing FromFiles(IReadOnlyList<string> paths, TimeSpan? ticketLifetime = null, TimeSpan? pollInterval = null, TimeProvider? timeProvider = null)
    {
        ArgumentOutOfRangeException.ThrowIfZero(paths.Count, nameof(paths));
        TimeSpan lifetime = Lifetime(ticketLifetime, SessionLimits.MaxLifetime);
        TimeSpan poll = pollInterval ?? DefaultPollInterval;
        ArgumentOutOfRangeException.ThrowIfLessThan(poll, TimeSpan.FromSeconds(1), nameof(pollInterval));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(poll, TimeSpan.FromHours(1), nameof(pollInterval));
        return new TicketKeyRing(
            new PublishedTicketKeys(new TicketKeyFileReader([.. paths]), poll, lifetime, timeProvider ?? TimeProvider.System, CryptoProvider.Default), lifetime);
    }

    /// <summary>Keys that the caller has, say from an environment variable. They stay what they are.</summary>
    /// <param name="keys">The keys; copied.</param>
    /// <param name="ticketLifetime">How long a key opens tickets after it was replaced. More than 0 and at most 7 days. Default 24 hours.</param>
    /// <param name="timeProvider">The clock. Default <see cref="TimeProvider.System"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">A time is out of range.</exception>
    public static TicketKeyRing From(TicketKeyFile keys, TimeSpan? ticketLifetime = null, TimeProvider? timeProvider = null)
    {
        TimeSpan lifetime = Lifetime(ticketLifetime, SessionLimits.MaxLifetime);
        return new TicketKeyRing(new PublishedTicketKeys(keys, lifetime, timeProvider ?? TimeProvider.System, CryptoProvider.Default), lifetime);
    }

    /// <summary>
    /// Keys that the caller brings as they change, by <see cref="Update"/>: out of a vault, a database, a message. None at first, and so no
    /// tickets. <c>Segno.Redis</c> is made like this.
    /// </summary>
    /// <param name="ticketLifetime">How long a key opens tickets after it was replaced. More than 0 and at most 7 days. Default 24 hours.</param>
    /// <param name="timeProvider">The clock. Default <see cref="TimeProvider.System"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">A time is out of range.</exception>
    public static TicketKeyRing FromUpdates(TimeSpan? ticketLifetime = null, TimeProvider? timeProvider = null)
    {
        TimeSpan lifetime = Lifetime(ticketLifetime, SessionLimits.MaxLifetime);
        return new TicketKeyRing(new PublishedTicketKeys(lifetime, timeProvider ?? TimeProvider.System, CryptoProvider.Default), lifetime);
    }

    /// <summary>
    /// Keys that all servers with the same root and about the same time derive alike, one per period: nothing is distributed but the
    /// root. Who has the root can compute every later key, so for as long as it exists somewhere nothing under these keys is forward
    /// secret but what a key exchange of its own protects: see <see cref="RequiresForwardSecrecy"/>.
    /// </summary>
    /// <param name="root">At least 32 bytes from a random generator, never a passphrase. The caller wipes it.</param>
    /// <param name="period">How long a key is active, the same for all servers: whole seconds, 1 minute to 7 days. Default 24 hours.</param>
    /// <param name="ticketLifetime">How long a key opens tickets after that: more than 0, at most a period, which is the default.</param>
    /// <param name="allowWithoutForwardSecrecy">Whether TLS 1.2 tickets and psk_ke are allowed, although who has the root can read such connections. Default <see langword="false"/>.</param>
    /// <param name="timeProvider">The clock. Default <see cref="TimeProvider.System"/>.</param>
    /// <exception cref="TicketKeyException">The root is refused.</exception>
    /// <exception cref="ArgumentException">The clock says a time before 2026, or far after it.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A time is out of range.</exception>
    public static TicketKeyRing Derive(
        ReadOnlySpan<byte> root, TimeSpan? period = null, TimeSpan? ticketLifetime = null, bool allowWithoutForwardSecrecy = false, TimeProvider? timeProvider = null)
        => Derive(root, period, ticketLifetime, allowWithoutForwardSecrecy, timeProvider, CryptoProvider.Default);

    internal static TicketKeyRing Derive(
        ReadOnlySpan<byte> root, TimeSpan? period, TimeSpan? ticketLifetime, bool allowWithoutForwardSecrecy, TimeProvider? timeProvider, CryptoProvider crypto)
    {
        TimeSpan interval = Interval(period);
        if (interval.Ticks % TimeSpan.TicksPerSecond != 0)
        {
            throw new ArgumentOutOfRangeException(nameof(period), period, "The period is not of whole seconds.");
        }
        TimeSpan lifetime = Lifetime(ticketLifetime ?? interval, interval);
        return new TicketKeyRing(new DerivedTicketKeys(root, interval, lifetime, timeProvider ?? TimeProvider.System, crypto), lifetime)
        {
            RequiresForwardSecrecy = !allowWithoutForwardSecrecy,
        };
    }

    /// <summary>Brings the keys as they shall be from now on. A key that is not among them is destroyed; one that was destroyed does not come back.</summary>
    /// <param name="keys">The keys, in Segno's own format, which has numbers and times; copied. Publish a key long enough before its time that all servers have it by then.</param>
    /// <param name="sealsUntil">From when on the newest of them seals no more, unless there is another update: a server that is cut off then goes
    /// on without tickets. It opens them for the ticket lifetime longer. Default: never.</param>
    /// <exception cref="TicketKeyException">They are refused, and those before stay in use: they are older (<see cref="TicketKeyProblem.RolledBack"/>), or give a number to another key.</exception>
    /// <exception cref="ArgumentException">They are of another format.</exception>
    /// <exception cref="InvalidOperationException">The ring is not made by <see cref="FromUpdates"/>.</exception>
    /// <exception cref="ObjectDisposedException">The ring is disposed.</exception>
    public void Update(TicketKeyFile keys, DateTimeOffset? sealsUntil = null)
    {
        ArgumentNullException.ThrowIfNull(keys);
        if (_source is not PublishedTicketKeys { CanUpdate: true } published)
        {
            throw new InvalidOperationException("Only a ring made by TicketKeyRing.FromUpdates takes keys later.");
        }
        if (!keys.HasTimes)
        {
            throw new ArgumentException("These keys have no numbers and no times: bring them in Segno's own format.", nameof(keys));
        }
        ObjectDisposedException.ThrowIf(_disposed, this);
        published.Update(keys, sealsUntil ?? DateTimeOffset.MaxValue);
    }

    /// <summary>Replaces the active key now: it opens its tickets until they have expired, and seals no more.</summary>
    /// <exception cref="InvalidOperationException">The keys come from elsewhere and are changed there, for all who have them.</exception>
    /// <exception cref="ObjectDisposedException">The ring is disposed.</exception>
    public void Rotate()
    {
        if (!_source.CanRotate)
        {
            throw new InvalidOperationException("These keys are shared: they are changed where they come from, for all who have them.");
        }
        Change(Replace);
    }

    /// <summary>Revokes a key in this ring: it is wiped, and its tickets are declined as <see cref="ResumptionReason.Revoked"/>. An active one
    /// is replaced if it is of this ring's own; otherwise there are no tickets until the next one's time.</summary>
    /// <param name="name">The key's name, as <see cref="TicketKeyInfo.Name"/> has it.</param>
    /// <returns>Whether the ring had the key, and it was not destroyed.</returns>
    /// <exception cref="ObjectDisposedException">The ring is disposed.</exception>
    public bool Revoke(string name)
        => UInt128.TryParse(name, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out UInt128 value) && Revoke(key => key.Name == value);

    /// <summary>Revokes all keys that are older than a number.</summary>
    /// <param name="epoch">The first number that remains good, as <see cref="TicketKeyInfo.Epoch"/> has it.</param>
    /// <returns>Whether the ring had such a key, and it was not destroyed.</returns>
    /// <exception cref="ObjectDisposedException">The ring is disposed.</exception>
    public bool RevokeBefore(long epoch) => Revoke(key => key.Epoch < epoch);

    /// <summary>Wipes all keys. Servers that still use the ring go on without tickets.</summary>
    public void Dispose()
    {
        List<(TicketKey Key, TicketKeyPhase Phase, TicketKeyChangeReason Reason)> changes;
        lock (_gate)
        {
            if (_disposed)
            {
                return;
            }
            _disposed = true;
            TicketKeySet keys = _keys;
            List<TicketKey> destroyed = [.. keys.Live.Select(held => held.Key)];
            _keys = new TicketKeySet(null, [], Remember(keys, destroyed), TimeSpan.MaxValue);
            destroyed.ForEach(key => key.Destroy());
            changes = [.. destroyed.Select(key => (key, TicketKeyPhase.Destroyed, TicketKeyChangeReason.Disposed))];
        }
        _source.Dispose();
        Tell(changes);
    }

    /// <summary>
    /// The key of a ticket, or why there is none: <see cref="ResumptionReason.UnknownTicketKey"/>,
    /// <see cref="ResumptionReason.RetiredTicketKey"/>, <see cref="ResumptionReason.Revoked"/> or, where whoever sealed it is ahead by more than
    /// clocks may differ, <see cref="ResumptionReason.TicketKeyNotYetActive"/>.
    /// </summary>
    /// <param name="name">The key's name.</param>
    /// <param name="reason">Why there is none.</param>
    /// <param name="tenant">Whose key it is, see <see cref="TicketKey.ForTenant"/>.</param>
    /// <param name="crypto">The provider; <see langword="null"/>: that of the process.</param>
    internal TicketKey? Find(UInt128 name, out ResumptionReason reason, string? tenant = null, CryptoProvider? crypto = null)
    {
        crypto ??= CryptoProvider.Default;
        TicketKeySet keys = Current();
        foreach (HeldTicketKey held in keys.Live)
        {
            TicketKey? key = held.Key.ForTenant(crypto, tenant);
            if (key?.Name == name)
            {
                bool isAhead = held.Phase == TicketKeyPhase.PrePublished && held.Plan.ActiveFrom != TimeSpan.MaxValue
                    && held.Plan.ActiveFrom - _source.Now > ResumptionRules.DefaultClockTolerance;
                reason = isAhead ? ResumptionReason.TicketKeyNotYetActive : ResumptionReason.None;
                return isAhead ? null : key;
            }
        }
        reason = keys.FindDestroyed(name, tenant, crypto) switch
        {
            null => ResumptionReason.UnknownTicketKey,
            { IsRevoked: true } => ResumptionReason.Revoked,
            _ => ResumptionReason.RetiredTicketKey,
        };
        return null;
    }

    /// <summary>The keys that are not destroyed and how much longer each opens tickets, if it seals no more from now on. None where they
    /// come from elsewhere: from there the next process has them, too.</summary>
    internal IReadOnlyList<(TicketKey Key, TimeSpan OpensFor)> HandOver()
    {
        if (!_source.CanRotate)
        {
            return [];
        }
        TicketKeySet keys = Current();
        TimeSpan now = _source.Now;
        return [.. keys.Live.Select(held => (held.Key, held.Plan.OpensUntil - now < TicketLifetime ? held.Plan.OpensUntil - now : TicketLifetime))];
    }

    /// <summary>Takes over the keys of the process before: they open tickets for as long as is said, and seal none. The own key is replaced, so that
    /// numbers go on from theirs.</summary>
    /// <returns>Whether this ring takes any: not one whose keys come from elsewhere.</returns>
    /// <exception cref="ObjectDisposedException">The ring is disposed.</exception>
    internal bool Adopt(IReadOnlyList<(TicketKey Key, TimeSpan OpensFor)> keys)
    {
        if (_source is not RandomTicketKeys random)
        {
            return false;
        }
        Change(now =>
        {
            random.Adopt([.. keys.Select(key => new TicketKeyPlan(key.Key, TimeSpan.MinValue, now, now + key.OpensFor))]);
            return Replace(now);
        });
        return true;
    }

    /// <summary>How many keys have come into a phase since the ring was made.</summary>
    internal long Entered(TicketKeyPhase phase)
    {
        Current();
        return Interlocked.Read(ref _entered[(int)phase]);
    }

    internal static TicketKeyInfo Info(TicketKey key, TicketKeyPhase phase)
        => new(key.Name.ToString("x32", CultureInfo.InvariantCulture), key.Epoch, phase);

    private static TimeSpan Interval(TimeSpan? given, [CallerArgumentExpression(nameof(given))] string? name = null)
    {
        TimeSpan interval = given ?? Day;
        ArgumentOutOfRangeException.ThrowIfLessThan(interval, ShortestInterval, name);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(interval, SessionLimits.MaxLifetime, name);
        return interval;
    }

    private static TimeSpan Lifetime(TimeSpan? ticketLifetime, TimeSpan most)
    {
        TimeSpan lifetime = ticketLifetime ?? Day;
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(lifetime, TimeSpan.Zero, nameof(ticketLifetime));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(lifetime, SessionLimits.MaxLifetime, nameof(ticketLifetime));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(lifetime, most, nameof(ticketLifetime));
        return lifetime;
    }

    private static TicketKey[] Remember(TicketKeySet keys, List<TicketKey> destroyed) => [.. destroyed.Concat(keys.Destroyed).Take(MaxRemembered)];

    private TicketKeySet Current()
    {
        TicketKeySet keys = _keys;
        TimeSpan now = _source.Now;
        if (now < keys.ChangesAt)
        {
            return keys;
        }
        List<(TicketKey, TicketKeyPhase, TicketKeyChangeReason)> changes = [];
        lock (_gate)
        {
            if (now >= _keys.ChangesAt && !_disposed)
            {
                Advance(now, TicketKeyChangeReason.Scheduled, changes);
            }
            keys = _keys;
        }
        Tell(changes);
        return keys;
    }

    /// <summary>The source has another plan.</summary>
    private void Replan()
    {
        List<(TicketKey, TicketKeyPhase, TicketKeyChangeReason)> changes = [];
        lock (_gate)
        {
            if (!_disposed)
            {
                Advance(_source.Now, TicketKeyChangeReason.Scheduled, changes);
            }
        }
        Tell(changes);
    }

    private bool Revoke(Func<TicketKey, bool> which)
    {
        bool any = false;
        Change(_ =>
        {
            foreach (HeldTicketKey held in _keys.Live.Where(held => which(held.Key)))
            {
                any = true;
                held.Key.Revoke();
            }
            return TicketKeyChangeReason.Scheduled;
        });
        return any;
    }

    /// <summary>Plans the end of the active key. Under the lock.</summary>
    private TicketKeyChangeReason Replace(TimeSpan now)
    {
        HeldTicketKey[] held = [.. _keys.Live];
        int active = Array.FindIndex(held, key => key.Phase == TicketKeyPhase.Active);
        if (active >= 0)
        {
            // It sealed nothing after its time, however late this is noticed.
            TicketKeyPlan plan = held[active].Plan;
            TimeSpan until = now < plan.ActiveUntil ? now : plan.ActiveUntil;
            held[active] = held[active] with { Plan = plan with { ActiveUntil = until, OpensUntil = until + TicketLifetime } };
        }
        _keys = _keys with { Live = held };
        return TicketKeyChangeReason.Rotated;
    }

    private void Change(Func<TimeSpan, TicketKeyChangeReason> change)
    {
        List<(TicketKey, TicketKeyPhase, TicketKeyChangeReason)> changes = [];
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            TimeSpan now = _source.Now;
            Advance(now, change(now), changes);
        }
        Tell(changes);
    }

    /// <summary>Brings every key into the phase that it is due. Under the lock.</summary>
    private void Advance(TimeSpan now, TicketKeyChangeReason cause, List<(TicketKey Key, TicketKeyPhase Phase, TicketKeyChangeReason Reason)> changes)
    {
        TicketKeySet before = _keys;
        var live = new List<HeldTicketKey>();
        var destroyed = new List<TicketKey>();
        foreach (TicketKeyPlan plan in _source.Plan(now, before))
        {
            int index = Array.FindIndex(before.Live, held => held.Key.Name == plan.Key.Name);
            if (index >= 0 && plan.Key.IsRevoked)
            {
                before.Live[index].Key.Revoke();
                continue;
            }
            TicketKeyPhase due = plan.PhaseAt(now);
            if (index >= 0 && before.Live[index].Phase > due)
            {
                due = before.Live[index].Phase;
            }
            if (due != TicketKeyPhase.Destroyed)
            {
                live.Add(new HeldTicketKey(plan, due));
            }
            else if (index < 0 && before.FindDestroyed(plan.Key.Name) is null)
            {
                // Over before it came: only its name is kept, for the reason.
                destroyed.Add(plan.Key);
            }
            if (index < 0 ? due != TicketKeyPhase.Destroyed : due != TicketKeyPhase.Destroyed && due != before.Live[index].Phase)
            {
                changes.Add((plan.Key, due, index < 0 ? TicketKeyChangeReason.Added : cause));
            }
        }
        live.Sort((a, b) => b.Key.Epoch.CompareTo(a.Key.Epoch));
        var displaced = new HashSet<TicketKey>();
        while (live.Count > MaxKeys)
        {
            displaced.Add(live[^1].Key);
            live.RemoveAt(live.Count - 1);
        }
        foreach (HeldTicketKey held in before.Live.Where(held => !live.Exists(key => key.Key == held.Key)))
        {
            bool isOver = now > held.Plan.OpensUntil;
            destroyed.Add(held.Key);
            changes.Add((held.Key, TicketKeyPhase.Destroyed,
                held.Key.IsRevoked ? TicketKeyChangeReason.Revoked
                : displaced.Contains(held.Key) ? TicketKeyChangeReason.Displaced
                : isOver ? TicketKeyChangeReason.Scheduled
                : TicketKeyChangeReason.Removed));
        }
        // At most one seals: the newest.
        int active = live.FindIndex(held => held.Phase == TicketKeyPhase.Active);
        for (int i = active + 1; active >= 0 && i < live.Count; i++)
        {
            live[i] = live[i].Phase == TicketKeyPhase.Active ? live[i] with { Phase = TicketKeyPhase.Retiring } : live[i];
        }
        TimeSpan changesAt = active < 0 && _source.RetriesWithoutKey ? TimeSpan.MinValue
            : live.Count == 0 ? TimeSpan.MaxValue
            : live.Min(held => held.ChangesAt);
        // The new set first: who reads it no longer finds the keys that are wiped next.
        _keys = new TicketKeySet(active < 0 ? null : live[active].Key, [.. live], Remember(before, destroyed), changesAt);
        destroyed.ForEach(key => key.Destroy());
    }

    private void Tell(List<(TicketKey Key, TicketKeyPhase Phase, TicketKeyChangeReason Reason)> changes)
    {
        foreach ((_, TicketKeyPhase phase, _) in changes)
        {
            Interlocked.Increment(ref _entered[(int)phase]);
        }
        if (KeyChanged is not { } handlers)
        {
            return;
        }
        foreach ((TicketKey key, TicketKeyPhase phase, TicketKeyChangeReason reason) in changes)
        {
            try
            {
                handlers(this, new TicketKeyChangedEventArgs(Info(key, phase), reason));
            }
            catch (Exception)
            {
                // A log that fails costs no handshake.
            }
        }
    }
}

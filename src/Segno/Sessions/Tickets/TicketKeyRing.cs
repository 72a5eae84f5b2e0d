using System.Globalization;
using System.Security.Cryptography;
using Segno.Cryptography;
using Segno.Sessions.Tickets;

namespace Segno.Sessions;

/// <summary>
/// The keys that a server seals its session tickets with (RFC 5077 §4, RFC 9325 §3.4). This ring makes its own: random, never
/// leaving the process, replaced at regular intervals. Thread-safe; the handshakes' path takes no lock.
/// </summary>
/// <remarks>
/// <para>Servers that shall resume each other's sessions within one process share a ring, and a group in their options.</para>
/// <para>Keys change on use: no timer runs. A key that is replaced opens its tickets for as long as these can live, and is then
/// wiped. Time is measured by the provider's monotonic clock, so setting the wall clock neither retires a key early nor brings one
/// back. Where no key can be made, there is none, and no tickets either, until the next attempt succeeds.</para>
/// <para>Whoever gets hold of a key can impersonate the server towards clients that resume with its tickets, read what TLS 1.2
/// connections under them carried, and learn the client certificates in them.</para>
/// </remarks>
public sealed class TicketKeyRing : IDisposable
{
    // of one purpose, replaced, and destroyed when the last ticket is over.
    /// <summary>How many keys, active and retiring, a ring holds; past that the oldest is destroyed.</summary>
    internal const int MaxKeys = 64;

    /// <summary>How many destroyed keys are remembered by name.</summary>
    internal const int MaxRemembered = 64;

    private static readonly TimeSpan ShortestInterval = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Tick = TimeSpan.FromTicks(1);

    private readonly Lock _gate = new();
    private readonly TimeProvider _time;
    private readonly CryptoProvider _crypto;
    private readonly long _start;
    private readonly long[] _entered = new long[(int)TicketKeyPhase.Destroyed + 1];
    private volatile KeySet _keys = KeySet.Empty;
    private long _nextEpoch;
    private bool _disposed;

    /// <summary>Makes a ring and its first key, which is active at once.</summary>
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
    {
        RotationInterval = rotationInterval ?? TimeSpan.FromHours(24);
        TicketLifetime = ticketLifetime ?? TimeSpan.FromHours(24);
        ArgumentOutOfRangeException.ThrowIfLessThan(RotationInterval, ShortestInterval, nameof(rotationInterval));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(RotationInterval, SessionLimits.MaxLifetime, nameof(rotationInterval));
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(TicketLifetime, TimeSpan.Zero, nameof(ticketLifetime));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(TicketLifetime, SessionLimits.MaxLifetime, nameof(ticketLifetime));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(TicketLifetime, RotationInterval * 32, nameof(ticketLifetime));
        _time = timeProvider ?? TimeProvider.System;
        _crypto = crypto;
        _start = _time.GetTimestamp();
        Current();
    }

    /// <summary>How long a key is active.</summary>
    public TimeSpan RotationInterval { get; }

    /// <summary>How long a key opens tickets after it was replaced: no ticket should live longer.</summary>
    public TimeSpan TicketLifetime { get; }

    /// <summary>The keys as they are now, newest first, and the last of those that were destroyed. A copy.</summary>
    public IReadOnlyList<TicketKeyInfo> Keys
    {
        get
        {
            KeySet keys = Current();
            var infos = new List<TicketKeyInfo>(keys.Live.Length + keys.Destroyed.Length);
            foreach (Entry entry in keys.Live)
            {
                infos.Add(Info(entry.Key, entry.Phase));
            }
            foreach (TicketKey key in keys.Destroyed)
            {
                infos.Add(Info(key, TicketKeyPhase.Destroyed));
            }
            return infos;
        }
    }

    /// <summary>The key that seals, or <see langword="null"/>: then there are no tickets.</summary>
    internal TicketKey? Active => Current().Active;

    /// <summary>How many keys have come into a phase since the ring was made.</summary>
    internal long Entered(TicketKeyPhase phase)
    {
        Current();
        return Volatile.Read(ref _entered[(int)phase]);
    }

    /// <summary>Replaces the active key now: it opens its tickets until they have expired, and seals no more.</summary>
    /// <exception cref="ObjectDisposedException">The ring is disposed.</exception>
    public void Rotate()
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            Advance(Elapsed(), retireActive: true);
        }
    }

    /// <summary>Wipes all keys. Servers that still use the ring go on without tickets.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _disposed = true;
            KeySet keys = _keys;
            _keys = new KeySet(null, [], Remember(keys, [.. keys.Live.Select(entry => entry.Key)]), TimeSpan.MaxValue);
            _entered[(int)TicketKeyPhase.Destroyed] += keys.Live.Length;
            foreach (Entry entry in keys.Live)
            {
                entry.Key.Destroy();
            }
        }
    }

    /// <summary>The key of a ticket, or why there is none: <see cref="ResumptionReason.UnknownTicketKey"/> or <see cref="ResumptionReason.RetiredTicketKey"/>.</summary>
    internal TicketKey? Find(UInt128 name, out ResumptionReason reason)
    {
        KeySet keys = Current();
        foreach (Entry entry in keys.Live)
        {
            if (entry.Key.Name == name)
            {
                reason = ResumptionReason.None;
                return entry.Key;
            }
        }
        reason = ResumptionReason.UnknownTicketKey;
        foreach (TicketKey key in keys.Destroyed)
        {
            if (key.Name == name)
            {
                reason = ResumptionReason.RetiredTicketKey;
            }
        }
        return null;
    }

    private static TicketKeyInfo Info(TicketKey key, TicketKeyPhase phase)
        => new(key.Name.ToString("x32", CultureInfo.InvariantCulture), key.Epoch, phase);

    private static TicketKey[] Remember(KeySet keys, List<TicketKey> destroyed) => [.. destroyed.Concat(keys.Destroyed).Take(MaxRemembered)];

    private TimeSpan Elapsed() => _time.GetElapsedTime(_start);

    private KeySet Current()
    {
        KeySet keys = _keys;
        TimeSpan now = Elapsed();
        if (now < keys.ChangesAt)
        {
            return keys;
        }
        lock (_gate)
        {
            if (now >= _keys.ChangesAt)
            {
                Advance(now, retireActive: false);
            }
            return _keys;
        }
    }

    /// <summary>Brings every key into the phase that it is due. Under the lock.</summary>
    private void Advance(TimeSpan now, bool retireActive)
    {
        var live = new List<Entry>();
        var destroyed = new List<TicketKey>();
        TicketKey? active = null;
        foreach (Entry entry in _keys.Live)
        {
            Entry due = entry;
            if (entry.Phase == TicketKeyPhase.Active && (retireActive || now >= entry.Until))
            {
                // It sealed nothing after its time, however late this is noticed.
                TimeSpan retiredAt = now < entry.Until ? now : entry.Until;
                due = new Entry(entry.Key, TicketKeyPhase.Retiring, retiredAt + TicketLifetime);
                _entered[(int)TicketKeyPhase.Retiring]++;
            }
            if (due.Phase == TicketKeyPhase.Retiring && now > due.Until)
            {
                destroyed.Add(due.Key);
                continue;
            }
            active = due.Phase == TicketKeyPhase.Active ? due.Key : active;
            live.Add(due);
        }
        if (active is null && CreateKey() is { } created)
        {
            active = created;
            live.Insert(0, new Entry(created, TicketKeyPhase.Active, now + RotationInterval));
            _entered[(int)TicketKeyPhase.Active]++;
        }
        while (live.Count > MaxKeys)
        {
            destroyed.Insert(0, live[^1].Key);
            live.RemoveAt(live.Count - 1);
        }
        _entered[(int)TicketKeyPhase.Destroyed] += destroyed.Count;
        // The new set first: who reads it no longer finds the keys that are wiped next.
        _keys = new KeySet(active, [.. live], Remember(_keys, destroyed), active is null ? TimeSpan.Zero : live.Min(ChangesAt));
        foreach (TicketKey key in destroyed)
        {
            key.Destroy();
        }

        static TimeSpan ChangesAt(Entry entry) => entry.Phase == TicketKeyPhase.Active ? entry.Until : entry.Until + Tick;
    }

    private TicketKey? CreateKey()
    {
        Span<byte> material = stackalloc byte[TicketKey.SecretLength + TicketKey.NameLength];
        try
        {
            _crypto.FillRandom(material);
            ReadOnlySpan<byte> name = material[TicketKey.SecretLength..];
            UInt128 value = TicketKey.ReadName(name);
            // A generator that repeats itself must not bring a key back.
            bool seen = _keys.Live.Any(entry => entry.Key.Name == value) || _keys.Destroyed.Any(key => key.Name == value);
            TicketKey? key = seen ? null : TicketKey.Create(_crypto, _nextEpoch, material[..TicketKey.SecretLength], name);
            _nextEpoch += key is null ? 0 : 1;
            return key;
        }
        catch (CryptographicException)
        {
            return null;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(material);
        }
    }

    /// <summary>A key and its phase. Active until it is to be replaced; retiring until the last moment at which it opens tickets.</summary>
    private readonly record struct Entry(TicketKey Key, TicketKeyPhase Phase, TimeSpan Until);

    /// <summary>The keys until one of them is due for another phase (times count from the ring's start). Immutable, and read without a lock.</summary>
    private sealed record KeySet(TicketKey? Active, Entry[] Live, TicketKey[] Destroyed, TimeSpan ChangesAt)
    {
        public static KeySet Empty { get; } = new(null, [], [], TimeSpan.Zero);
    }
}

using System.Buffers.Binary;
using System.Security.Cryptography;
using Segno.Cryptography;
using Segno.Sessions.Tickets;

namespace Segno.Sessions;

/// <summary>Remembers first flights in this process. Exact, or with rare false alarms in far less memory; never a replay missed. Thread-safe.</summary>
/// <remarks>
/// <para>Two generations of records: a flight is noted in the younger and looked for in both. A generation lasts as long as a flight
/// can be replayed, so that no record goes too early. Where the younger is full, early data is refused until it has aged: what an attacker fills costs
/// others a round trip, and opens nothing.</para>
/// <para>A wall clock that is set back stands still for the guard; the engine refuses what then seems to come from the future.</para>
/// </remarks>
public sealed class MemoryReplayGuard : IReplayGuard
{
    /// <summary>How many flights a generation holds where nothing else is said: 262,144.</summary>
    public const int DefaultCapacity = 1 << 18;

    /// <summary>How long the zone may be.</summary>
    internal const int MaxZoneLength = SessionLimits.MaxZone;

    private const int RandomZoneLength = 16;
    private const int MinClaimKey = 32;
    private const int MaxClaimKey = 64;

    private readonly Lock _lock = new();
    private readonly ForwardClock _clock;
    private readonly TimeSpan _start;
    private readonly TimeSpan _span;
    private readonly byte[] _key = RandomNumberGenerator.GetBytes(32);
    private readonly byte[] _zone;
    private IReplayRecords _younger;
    private IReplayRecords _older;
    private TimeSpan _youngerSince;

    /// <summary>Makes an empty guard: it refuses what may have come before it.</summary>
    /// <param name="capacity">How many flights a generation holds, 1 to 100,000,000. Default 262,144. A flight takes about 40 bytes where exact.</param>
    /// <param name="window">The largest <see cref="TlsServerOptions.EarlyDataWindow"/> of the servers that use it, more than 0, at most 60 s. Default 10 s. A flight is remembered for two to four times as long.</param>
    /// <param name="falseAlarms">The share of fresh flights that may be taken for replays when a generation is full, 0 to 0.1; with 0 (default) each flight is kept, else a Bloom filter: at 0.001, 2 bytes a flight.</param>
    /// <param name="zone">The zone, 1 to 32 bytes. Default: 16 random bytes, so that sessions of other processes, and of this one before it was started again, have their early data refused at once.</param>
    /// <param name="timeProvider">The clock. Default <see cref="TimeProvider.System"/>.</param>
    /// <exception cref="ArgumentException">An argument is out of its range.</exception>
    public MemoryReplayGuard(
        int capacity = DefaultCapacity, TimeSpan? window = null, double falseAlarms = 0, ReadOnlySpan<byte> zone = default, TimeProvider? timeProvider = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(capacity, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(capacity, 100_000_000);
        TimeSpan length = window ?? EarlyDataRules.DefaultWindow;
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(length, TimeSpan.Zero, nameof(window));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, EarlyDataRules.MaxWindow, nameof(window));
        if (falseAlarms is not (>= 0 and <= 0.1))
        {
            throw new ArgumentOutOfRangeException(nameof(falseAlarms), falseAlarms, "The share of false alarms is 0 to 0.1.");
        }
        if (zone.Length > MaxZoneLength)
        {
            throw new ArgumentException($"A zone has at most {MaxZoneLength} bytes, not {zone.Length}.", nameof(zone));
        }
        _zone = zone.IsEmpty ? RandomNumberGenerator.GetBytes(RandomZoneLength) : zone.ToArray();
        _clock = new ForwardClock(timeProvider ?? TimeProvider.System);
        _start = _youngerSince = _clock.Now;
        // From the first to the last moment at which it is accepted, two windows pass.
        _span = 2 * length;
        _younger = Make();
        _older = Make();

        IReplayRecords Make() => falseAlarms == 0 ? new ExactReplayRecords(capacity) : new BloomReplayRecords(capacity, falseAlarms);
    }

    /// <inheritdoc/>
    public ReadOnlyMemory<byte> Zone => _zone;

    /// <inheritdoc/>
    public ValueTask<ReplayVerdict> ClaimAsync(EarlyDataClaim claim, CancellationToken cancellationToken = default) => new(Claim(claim));

    private ReplayVerdict Claim(in EarlyDataClaim claim)
    {
        if (claim.Key.Length is < MinClaimKey or > MaxClaimKey)
        {
            return ReplayVerdict.Unknown;
        }
        if (SinceEpoch(claim.NotBefore) < _start)
        {
            //
            return ReplayVerdict.FreshStart;
        }
        // Under a key of our own: nobody chooses where their record goes.
        Span<byte> hash = stackalloc byte[HashKind.Sha256.Length()];
        HMACSHA256.HashData(_key, claim.Key.Span, hash);
        UInt128 record = BinaryPrimitives.ReadUInt128LittleEndian(hash);
        lock (_lock)
        {
            TimeSpan now = _clock.Now;
            Rotate(now);
            TimeSpan last = SinceEpoch(claim.NotAfter);
            if (last < now || last > now + _span)
            {
                // Not to be accepted any more, or to be remembered for longer than we do.
                return ReplayVerdict.Unknown;
            }
            if (_younger.Contains(record) || _older.Contains(record))
            {
                return ReplayVerdict.Seen;
            }
            return _younger.TryAdd(record) ? ReplayVerdict.First : ReplayVerdict.Unknown;
        }
    }

    private void Rotate(TimeSpan now)
    {
        TimeSpan age = now - _youngerSince;
        if (age <= _span)
        {
            return;
        }
        (_younger, _older) = (_older, _younger);
        _younger.Clear();
        if (age > 2 * _span)
        {
            _older.Clear();
        }
        _youngerSince = now;
    }

    private static TimeSpan SinceEpoch(DateTimeOffset time) => time - DateTimeOffset.UnixEpoch;
}

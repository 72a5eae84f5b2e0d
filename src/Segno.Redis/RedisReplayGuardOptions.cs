using System.Text;
using Segno.Sessions;

namespace Segno.Redis;

/// <summary>How a <see cref="RedisReplayGuard"/> remembers. The same on all servers of a zone, but for the clock. Immutable.</summary>
public sealed record RedisReplayGuardOptions
{
    private const int MaxZoneLength = 32;

    private static readonly TimeSpan MaxWindow = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan MaxClockDifference = TimeSpan.FromSeconds(60);

    /// <summary>What the keys in Redis begin with: 1 to 256 bytes of UTF-8. Default <see cref="RedisReplayGuard.DefaultPrefix"/>. Fleets that share a Redis take different ones.</summary>
    public string Prefix { get; init; } = RedisReplayGuard.DefaultPrefix;

    /// <summary>The zone (<see cref="IReplayGuard.Zone"/>): what the servers that share this Redis for early data are called, 1 to 32 bytes of UTF-8. Default <c>redis</c>. A fleet that has one
    /// Redis for each region takes another zone for each.</summary>
    public string Zone { get; init; } = "redis";

    /// <summary>The largest <see cref="TlsServerOptions.EarlyDataWindow"/> of the servers of the zone, more than 0, at most 60 s. Default 10 s.</summary>
    public TimeSpan Window { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>By how much two of the servers' clocks may differ, 0 to 60 s. Default 5 s. Marks are kept for that much longer.</summary>
    public TimeSpan ClockDifference { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How often it is looked whether Redis evicts, 1 second to 1 hour. Default 1 minute.</summary>
    public TimeSpan PolicyInterval { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>The number of the database, 0 or more; a cluster has only 0. Default <see langword="null"/>: that of the connection.</summary>
    public int? Database { get; init; }

    /// <summary>The clock. Default <see cref="TimeProvider.System"/>.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    internal void Check()
    {
        RedisNames.Check(Prefix);
        if (Prefix.AsSpan().ContainsAny('{', '}'))
        {
            throw new ArgumentException("The prefix of a replay guard has no braces: it is part of a hash tag.", nameof(Prefix));
        }
        ArgumentException.ThrowIfNullOrEmpty(Zone);
        if (Encoding.UTF8.GetByteCount(Zone) > MaxZoneLength)
        {
            throw new ArgumentException($"A zone has at most {MaxZoneLength} bytes.", nameof(Zone));
        }
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(Window, TimeSpan.Zero, nameof(Window));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(Window, MaxWindow, nameof(Window));
        ArgumentOutOfRangeException.ThrowIfLessThan(ClockDifference, TimeSpan.Zero, nameof(ClockDifference));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(ClockDifference, MaxClockDifference, nameof(ClockDifference));
        ArgumentOutOfRangeException.ThrowIfLessThan(PolicyInterval, TimeSpan.FromSeconds(1), nameof(PolicyInterval));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(PolicyInterval, TimeSpan.FromHours(1), nameof(PolicyInterval));
        ArgumentOutOfRangeException.ThrowIfNegative(Database ?? 0, nameof(Database));
        ArgumentNullException.ThrowIfNull(TimeProvider);
    }
}

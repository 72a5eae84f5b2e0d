namespace Segno.Redis;

/// <summary>How a fleet shares ticket keys (<see cref="RedisTicketKeys"/>). The same on all servers.</summary>
public sealed class RedisTicketKeysOptions
{
    /// <summary>What the names in Redis begin with: 1 to 256 bytes of UTF-8. Default <c>segno:ticket-keys</c>. Fleets that share a Redis take different ones.</summary>
    public string Prefix { get; init; } = "segno:ticket-keys";

    /// <summary>The number of the database, 0 or more; a cluster has only 0. Default <see langword="null"/>: that of the connection.</summary>
    public int? Database { get; init; }

    /// <summary>How often a server looks for other keys: 1 second to 1 hour. Default 10 s. A revocation is heard of at once where Redis can tell, and after this time at the latest.</summary>
    public TimeSpan PollInterval { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a key is active: 1 minute to 7 days, and at least twice <see cref="Lead"/>. Default 24 hours.</summary>
    public TimeSpan RotationInterval { get; init; } = TimeSpan.FromHours(24);

    /// <summary>How long a key is published before it is active: at least twice <see cref="PollInterval"/>. Default 5 minutes. Add the clocks' difference.</summary>
    public TimeSpan Lead { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>How long a key opens tickets after it was replaced. More than 0 and at most 7 days. Default 24 hours.</summary>
    public TimeSpan TicketLifetime { get; init; } = TimeSpan.FromHours(24);

    /// <summary>
    /// Another key-encryption key, under which nothing is sealed and everything opened: for replacing it, the new one while some servers still have
    /// the old, then the old one until the next rotation. Default: none. Copied.
    /// </summary>
    public ReadOnlyMemory<byte> OtherKeyEncryptionKey { get; init; }

    /// <summary>What this server is called among the others: at most 64 characters. Default <see langword="null"/>: a random name.</summary>
    public string? NodeName { get; init; }

    /// <summary>The clock. Default <see cref="TimeProvider.System"/>.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    /// <summary>Whether nothing happens but what <see cref="RedisTicketKeys.PollAsync"/> is called for.</summary>
    internal bool IsManual { get; init; }

    internal void Check()
    {
        RedisNames.Check(Prefix);
        ArgumentOutOfRangeException.ThrowIfNegative(Database ?? 0, nameof(Database));
        InRange(PollInterval, TimeSpan.FromSeconds(1), TimeSpan.FromHours(1), nameof(PollInterval));
        InRange(RotationInterval, TimeSpan.FromMinutes(1), TimeSpan.FromDays(7), nameof(RotationInterval));
        // Threat model §4.3: no server seals with a key that another may not have yet.
        InRange(Lead, 2 * PollInterval, RotationInterval / 2, nameof(Lead));
        if (NodeName is { Length: 0 or > 64 })
        {
            throw new ArgumentException("A node's name has 1 to 64 characters.", nameof(NodeName));
        }
        ArgumentNullException.ThrowIfNull(TimeProvider);
    }

    private static void InRange(TimeSpan value, TimeSpan least, TimeSpan most, string name)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(value, least, name);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(value, most, name);
    }
}

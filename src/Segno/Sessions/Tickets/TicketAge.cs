namespace Segno.Sessions.Tickets;

/// <summary>The age of a ticket as it goes over the wire: milliseconds plus ticket_age_add, modulo 2^32 (RFC 9846 §4.3.11.1; R-62).</summary>
internal static class TicketAge
{
    /// <summary>Client: obfuscated_ticket_age for a session now. A clock that went backwards gives age 0.</summary>
    public static uint Obfuscate(TlsSession session, DateTimeOffset now)
        => Obfuscate(Math.Max(0, now.ToUnixTimeMilliseconds() - session.IssuedAt.ToUnixTimeMilliseconds()), session.AgeAdd);

    public static uint Obfuscate(long ageMilliseconds, uint ageAdd) => unchecked((uint)ageMilliseconds + ageAdd);

    /// <summary>Server: the age that the client tells. Up to 49.7 days; an age beyond wraps.</summary>
    public static TimeSpan Recover(uint obfuscatedAge, uint ageAdd) => TimeSpan.FromMilliseconds(unchecked(obfuscatedAge - ageAdd));

    /// <summary>Server: by how much the age that the client tells exceeds the one that this side sees (RFC 9846 §8.3).</summary>
    public static TimeSpan Skew(uint obfuscatedAge, TlsSession session, DateTimeOffset now)
        => Recover(obfuscatedAge, session.AgeAdd) - TimeSpan.FromMilliseconds(now.ToUnixTimeMilliseconds() - session.IssuedAt.ToUnixTimeMilliseconds());
}

namespace Segno.Sessions;

/// <summary>The phases of a ticket key's life. A key only ever moves forward.</summary>
public enum TicketKeyPhase
{
    /// <summary>Known, and good for opening tickets of servers that are ahead; no ticket is sealed with it yet.</summary>
    PrePublished,
    /// <summary>Seals and opens tickets. At most one key of a ring is active.</summary>
    Active,
    /// <summary>Opens tickets that were sealed with it; seals none.</summary>
    Retiring,
    /// <summary>Wiped. Its tickets cost a full handshake. It never returns.</summary>
    Destroyed,
}

/// <summary>What may be known of a ticket key.</summary>
/// <param name="Name">The 16 bytes that name the key in its tickets, in hexadecimal: 32 lower-case characters. Visible on the wire.</param>
/// <param name="Epoch">The key's number in its ring: 0 for the first, and never used twice.</param>
/// <param name="Phase">The phase it is in.</param>
public readonly record struct TicketKeyInfo(string Name, long Epoch, TicketKeyPhase Phase);

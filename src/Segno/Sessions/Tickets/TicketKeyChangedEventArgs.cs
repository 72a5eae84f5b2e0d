namespace Segno.Sessions;

/// <summary>Why a ticket key changed its phase.</summary>
public enum TicketKeyChangeReason
{
    /// <summary>Its time had come.</summary>
    Scheduled,
    /// <summary>It came from the ring's source: made, derived or read.</summary>
    Added,
    /// <summary><see cref="TicketKeyRing.Rotate"/> was called.</summary>
    Rotated,
    /// <summary>The file no longer has it.</summary>
    Removed,
    /// <summary>It was revoked.</summary>
    Revoked,
    /// <summary>There were more than 64 keys, and it was the oldest.</summary>
    Displaced,
    /// <summary>The ring was disposed.</summary>
    Disposed,
}

/// <summary>A ticket key is new or entered another phase. Fit for an audit log: it names the key and holds nothing secret.</summary>
/// <param name="key">The key, with the phase that it is in now.</param>
/// <param name="reason">Why.</param>
public sealed class TicketKeyChangedEventArgs(TicketKeyInfo key, TicketKeyChangeReason reason) : EventArgs
{
    /// <summary>The key, with the phase that it is in now.</summary>
    public TicketKeyInfo Key { get; } = key;

    /// <summary>Why.</summary>
    public TicketKeyChangeReason Reason { get; } = reason;
}

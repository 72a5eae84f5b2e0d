namespace Segno.Sessions.Tickets;

/// <summary>A ticket that holds no session: it says where the store has it (RFC 9846 §4.7.1). Good for one use.</summary>
/// <remarks>
/// <code>
/// struct {
///     uint8  version = 2;      /* 1 is a sealed session, see TicketSealer */
///     opaque session_id[32];   /* see StoredSessions */
/// } StatefulTicket;
/// </code>
/// Whoever has it can do nothing with it: the session's secret stays with the server, and a binder proves that the client has it, too.
/// </remarks>
internal static class StatefulTicket
{
    private const byte Version = 2;

    public static byte[] Write(ReadOnlySpan<byte> sessionId) => [Version, .. sessionId];

    /// <returns>Whether it is one, whatever its ID is.</returns>
    public static bool TryRead(ReadOnlyMemory<byte> ticket, out ReadOnlyMemory<byte> sessionId)
    {
        bool isStateful = ticket.Length == 1 + SessionLimits.MaxSessionId && ticket.Span[0] == Version;
        sessionId = isStateful ? ticket[1..] : default;
        return isStateful;
    }
}

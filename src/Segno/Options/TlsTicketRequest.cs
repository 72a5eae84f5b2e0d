namespace Segno;

/// <summary>How many tickets a client would like to get (RFC 9149 §3). A wish: servers that do not know it send what they always send, others as many or fewer.</summary>
/// <param name="OnFullHandshake">After a full handshake, 0 to 255: as many as connections will be opened at a time.</param>
/// <param name="OnResumption">After a resumed handshake, 0 to 255: mostly 1, for the ticket that was spent.</param>
public readonly record struct TlsTicketRequest(byte OnFullHandshake, byte OnResumption);

using System.Net.Security;
using Segno.Buffers;
using Segno.Sessions.Tickets;

namespace Segno.Sessions;

/// <summary>Early data that is offered, as a server sees it that has accepted the session it comes under.</summary>
internal readonly struct EarlyDataOffer
{
    /// <summary>Which of the identities offered was chosen.</summary>
    public required int IdentityIndex { get; init; }

    /// <summary>The suite that this handshake has chosen.</summary>
    public required TlsCipherSuite CipherSuite { get; init; }

    /// <summary>The application protocol that this handshake has chosen.</summary>
    public required SslApplicationProtocol ApplicationProtocol { get; init; }

    /// <summary>The zone of the replay guard.</summary>
    public required ReadOnlyMemory<byte> Zone { get; init; }

    /// <summary>The obfuscated_ticket_age of the identity.</summary>
    public required uint ObfuscatedAge { get; init; }

    public required DateTimeOffset Now { get; init; }

    /// <summary>By how much the ages may differ.</summary>
    public required TimeSpan Window { get; init; }
}

/// <summary>When a server may take early data (RFC 9846 §4.3.10, §8). Pure; the replay guard is asked last.</summary>
internal static class EarlyDataRules
{
    /// <summary>How much early data a session allows where nothing else is said: what fits into the first flight of a TCP connection, and a record or so.</summary>
    public const int RecommendedSize = 14_336;

    /// <summary>More is an upload, not a request.</summary>
    public const int MaxSize = 256 * 1024;

    /// <summary>By how much the age that a client tells may differ from what the server sees (RFC 9846 §8.3).</summary>
    public static readonly TimeSpan DefaultWindow = TimeSpan.FromSeconds(10);

    /// <summary>Beyond what clocks and networks need, a window makes only replays easier.</summary>
    public static readonly TimeSpan MaxWindow = TimeSpan.FromSeconds(60);

    /// <summary>Judges early data under a session that is resumed. The first rule that fails gives the reason (R-103, R-104, R-114; E8).</summary>
    /// <returns><see cref="EarlyDataReason.None"/>: the replay guard decides.</returns>
    public static EarlyDataReason Judge(TlsSession session, in EarlyDataOffer offer)
    {
        if (session.MaxEarlyDataSize == 0)
        {
            return EarlyDataReason.NotAllowedBySession;
        }
        if (offer.IdentityIndex != 0)
        {
            return EarlyDataReason.NotFirstIdentity;
        }
        if (session.CipherSuite != offer.CipherSuite)
        {
            return EarlyDataReason.CipherMismatch;
        }
        if (session.ApplicationProtocol != offer.ApplicationProtocol)
        {
            return EarlyDataReason.AlpnMismatch;
        }
        if (!PublicData.Equal(session.Zone.Span, offer.Zone.Span))
        {
            return EarlyDataReason.ZoneMismatch;
        }
        return TicketAge.Skew(offer.ObfuscatedAge, session, offer.Now).Duration() > offer.Window ? EarlyDataReason.AgeSkew : EarlyDataReason.None;
    }

    /// <summary>What the replay guard is asked: the same hello can be accepted only around the moment at which its ticket has the age it tells.</summary>
    /// <param name="binder">The binder, which was verified (R-112, E9).</param>
    /// <param name="session">The session.</param>
    /// <param name="offer">The offer, judged.</param>
    public static EarlyDataClaim Claim(ReadOnlyMemory<byte> binder, TlsSession session, in EarlyDataOffer offer)
    {
        DateTimeOffset arrival = session.IssuedAt + TicketAge.Recover(offer.ObfuscatedAge, session.AgeAdd);
        return new EarlyDataClaim(binder, arrival - offer.Window, arrival + offer.Window);
    }
}

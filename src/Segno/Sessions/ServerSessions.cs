using Segno.Cryptography;
using Segno.Sessions.Tickets;

namespace Segno.Sessions;

/// <summary>What was found for an offer: a session that is still to be judged, or why there is none.</summary>
internal readonly record struct LocatedSession(TlsSession? Session, ResumptionMechanism Mechanism, ResumptionReason Reason);

/// <summary>
/// The server's end of the pipeline Locate → Judge → Prove → Consume → Commit: finds the sessions that clients offer and issues
/// new ones. One per context; thread-safe.
/// </summary>
/// <param name="ticketKeys">The ticket keys; <see langword="null"/> where resumption is disabled: nothing offered is then even looked at.</param>
/// <param name="crypto">The provider.</param>
internal class ServerSessions(TicketKeyRing? ticketKeys, CryptoProvider crypto)
{
    private readonly TicketSealer? _tickets = ticketKeys is null ? null : new TicketSealer(ticketKeys, crypto);

    /// <summary>
    /// Locate: opens a ticket (<see cref="ResumptionMechanism.Ticket"/>, <see cref="ResumptionMechanism.Psk"/>) or looks up a session
    /// ID. Changes nothing, whatever is offered: the peer has proved nothing yet. Completes at once for tickets; a store may pause.
    /// </summary>
    public virtual ValueTask<LocatedSession> LocateAsync(ResumptionMechanism mechanism, ReadOnlyMemory<byte> identity, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return new ValueTask<LocatedSession>(Locate(mechanism, identity.Span));
    }

    /// <summary>Seals a session into a ticket. Called when the handshake is complete, and every verdict in.</summary>
    /// <returns>The ticket; <see langword="null"/> where there shall or can be none.</returns>
    public byte[]? IssueTicket(TlsSession session) => _tickets?.Seal(session);

    private LocatedSession Locate(ResumptionMechanism mechanism, ReadOnlySpan<byte> identity)
    {
        if (_tickets is null)
        {
            return new LocatedSession(null, mechanism, ResumptionReason.ResumptionDisabled);
        }
        if (mechanism is not (ResumptionMechanism.Ticket or ResumptionMechanism.Psk))
        {
            return new LocatedSession(null, mechanism, ResumptionReason.SessionNotFound);
        }
        TlsSession? session = _tickets.Open(identity, out ResumptionReason reason);
        return new LocatedSession(session, mechanism, reason);
    }
}

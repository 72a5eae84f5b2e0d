using System.Net;
using System.Security.Authentication;
using Segno.Cryptography;
using Segno.Sessions.Tickets;

namespace Segno.Sessions;

/// <summary>What was found for an offer: a session that is still to be judged, or why there is none.</summary>
internal readonly record struct LocatedSession(TlsSession? Session, ResumptionMechanism Mechanism, ResumptionReason Reason)
{
    /// <summary>Whether the key of its ticket is being retired, so that the client should get a new ticket.</summary>
    public bool IsDueForRenewal { get; init; }

    /// <summary>Stateful ticket: under which ID the store has, or would have, the session, for one use; empty for any other offer.</summary>
    public ReadOnlyMemory<byte> SingleUseId { get; init; }

    /// <summary>The rule of the policy by which there is none.</summary>
    public string? Rule { get; init; }
}

/// <summary>
/// The server's end of the pipeline Locate → Judge → Prove → Consume → Commit: finds the sessions that clients offer and issues
/// new ones. One per context; thread-safe.
/// </summary>
/// <param name="ticketKeys">The ticket keys; <see langword="null"/> where resumption is disabled: no ticket is then even looked at.</param>
/// <param name="stored">The sessions that clients know by an ID or a stateful ticket; <see langword="null"/> where there are none.</param>
/// <param name="crypto">The provider.</param>
/// <param name="revocations">Whose sessions are revoked; <see langword="null"/>: nobody's.</param>
/// <param name="tenant">The tenant of the context.</param>
internal class ServerSessions(
    TicketKeyRing? ticketKeys, StoredSessions? stored, CryptoProvider crypto, IRevocationList? revocations = null, string? tenant = null)
{
    private readonly TicketSealer? _tickets = ticketKeys is null ? null : new TicketSealer(ticketKeys, crypto, tenant);

    /// <summary>
    /// Locate: opens a ticket (<see cref="ResumptionMechanism.Ticket"/>, <see cref="ResumptionMechanism.Psk"/>) or looks up a session
    /// ID. Changes nothing, whatever is offered: the peer has proved nothing yet. Completes at once for tickets and for a
    /// store in memory; another store may pause. A store that fails gives a reason, never an exception.
    /// </summary>
    public virtual ValueTask<LocatedSession> LocateAsync(ResumptionMechanism mechanism, ReadOnlyMemory<byte> identity, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (stored is not null && mechanism == ResumptionMechanism.SessionId)
        {
            return stored.FindAsync(identity, cancellationToken);
        }
        if (stored is not null && mechanism == ResumptionMechanism.Psk && StatefulTicket.TryRead(identity, out ReadOnlyMemory<byte> sessionId))
        {
            return stored.FindTicketAsync(sessionId, cancellationToken);
        }
        return new ValueTask<LocatedSession>(Locate(mechanism, identity));
    }

    /// <summary>Whether a lookup may make the handshake wait: in a store that is not in memory.</summary>
    public bool MayWait(ResumptionMechanism mechanism, ReadOnlyMemory<byte> identity)
        => stored is { IsInMemory: false }
            && (mechanism == ResumptionMechanism.SessionId ? !identity.IsEmpty : mechanism == ResumptionMechanism.Psk && StatefulTicket.TryRead(identity, out _));

    /// <summary>Judge: <see cref="ResumptionRules.Judge"/>, and whether the session was revoked since it was made, be it stored or in a ticket.</summary>
    public ResumptionOutcome Judge(TlsSession session, in ResumptionOffer offer)
    {
        ResumptionOutcome outcome = ResumptionRules.Judge(session, offer);
        return outcome.IsResumed && IsRevoked(session) ? ResumptionOutcome.Declined(offer.Mechanism, ResumptionReason.Revoked) : outcome;
    }

    /// <summary>Makes tickets of TLS 1.3 for a client. Called when the handshake is complete, and every verdict in.</summary>
    /// <param name="sessions">A session for each.</param>
    /// <param name="mode">What kind of tickets.</param>
    /// <param name="address">Where the client is; <see langword="null"/> where that is not known.</param>
    /// <param name="cancellationToken">Ends the wait for a store.</param>
    /// <returns>A ticket for each session, or <see langword="null"/> in its place where there can be none.</returns>
    public virtual ValueTask<byte[]?[]> IssueTicketsAsync(
        TlsSession[] sessions, TlsTicketMode mode, IPAddress? address = null, CancellationToken cancellationToken = default)
    {
        Func<TlsSession, byte[]?>? seal = mode == TlsTicketMode.Stateful ? null : IssueTicket;
        return stored is null || mode == TlsTicketMode.Stateless
            ? new ValueTask<byte[]?[]>(Array.ConvertAll(sessions, session => seal?.Invoke(session)))
            : stored.IssueAsync(sessions, address, seal, cancellationToken);
    }

    /// <summary>Makes the ID of a TLS 1.2 session that is to be stored; <see langword="null"/> where none could be.</summary>
    public byte[]? CreateSessionId() => stored?.CreateId();

    /// <summary>Seals a session into a stateless ticket. Called when the handshake is complete, and every verdict in.</summary>
    /// <returns>The ticket; <see langword="null"/> where there shall or can be none.</returns>
    public byte[]? IssueTicket(TlsSession session)
        => ticketKeys is { RequiresForwardSecrecy: true } && session.ProtocolVersion == SslProtocols.Tls12 ? null : _tickets?.Seal(session);

    /// <summary>Commit: keeps a session under its ID. Called when the handshake is complete, and every verdict in.</summary>
    /// <param name="session">The session.</param>
    /// <param name="sessionId">Its ID.</param>
    /// <param name="address">Where its client is, so that no network prefix takes all the room; <see langword="null"/> where that is not known.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>Whether it is kept: not where sessions are not stored, nor by a store that fails.</returns>
    public ValueTask<bool> StoreAsync(
        TlsSession session, ReadOnlyMemory<byte> sessionId, IPAddress? address = null, CancellationToken cancellationToken = default)
        => stored?.StoreAsync(session, sessionId, address, cancellationToken) ?? new ValueTask<bool>(false);

    /// <summary>Consume: takes a session that may be used once. Atomic: of all who try, exactly one gets <see cref="ResumptionReason.None"/>.</summary>
    public ValueTask<ResumptionReason> ConsumeAsync(ReadOnlyMemory<byte> sessionId, CancellationToken cancellationToken = default)
        => stored?.ConsumeAsync(sessionId, cancellationToken) ?? new ValueTask<ResumptionReason>(ResumptionReason.ResumptionDisabled);

    /// <summary>Forgets the session of an ID: after a fatal alert (RFC 5246 §7.2.2), or when the application refuses the peer.</summary>
    public ValueTask RemoveAsync(ReadOnlyMemory<byte> sessionId, CancellationToken cancellationToken = default)
        => stored?.RemoveAsync(sessionId, cancellationToken) ?? ValueTask.CompletedTask;

    /// <summary>Says that the session of an ID was resumed, when its peer's Finished has proved possession: only now does it count as used .</summary>
    public void MarkUsed(ReadOnlySpan<byte> sessionId) => stored?.MarkUsed(sessionId);

    /// <summary>A list that fails revokes: what is lost is a full handshake.</summary>
    private bool IsRevoked(TlsSession session)
    {
        try
        {
            return revocations?.IsRevoked(RevocationQuery.Of(session, tenant)) == true;
        }
        catch (Exception)
        {
            return true;
        }
    }

    private LocatedSession Locate(ResumptionMechanism mechanism, ReadOnlyMemory<byte> identity)
    {
        if (_tickets is null)
        {
            return new LocatedSession(null, mechanism, ResumptionReason.ResumptionDisabled);
        }
        if (mechanism is not (ResumptionMechanism.Ticket or ResumptionMechanism.Psk))
        {
            return new LocatedSession(null, mechanism, ResumptionReason.SessionNotFound);
        }
        if (mechanism == ResumptionMechanism.Ticket && ticketKeys!.RequiresForwardSecrecy)
        {
            return new LocatedSession(null, mechanism, ResumptionReason.ResumptionDisabled);
        }
        if (mechanism == ResumptionMechanism.Psk && StatefulTicket.TryRead(identity, out ReadOnlyMemory<byte> sessionId))
        {
            return new LocatedSession(null, mechanism, ResumptionReason.SessionNotFound) { SingleUseId = sessionId };
        }
        TlsSession? session = _tickets.Open(identity.Span, out ResumptionReason reason);
        return new LocatedSession(session, mechanism, reason) { IsDueForRenewal = session is not null && _tickets.IsUnderRetiringKey(identity.Span) };
    }
}

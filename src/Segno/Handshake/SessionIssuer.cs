using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using Segno.Buffers;
using Segno.Cryptography;
using Segno.Handshake.Extensions;
using Segno.Sessions;
using Segno.Sessions.Tickets;

namespace Segno.Handshake;

/// <summary>Server: gives the client of one connection sessions to resume, when the handshake and every verdict on it is in. Belongs to the write half.</summary>
internal abstract class SessionIssuer(ServerHandshake server, SessionLineage lineage)
{
    protected ServerHandshake Server { get; } = server;

    protected SessionLineage Lineage { get; } = lineage;

    /// <summary>Whether sessions may be given: from the start, or since the application said so (A12).</summary>
    public bool IsCommitted { get; private set; } = !server.Settings.DeferSessions;

    /// <summary>The application's verdict is in: gives the sessions that waited for it.</summary>
    /// <returns>Whether there is one now that can be resumed.</returns>
    public ValueTask<bool> CommitAsync(CancellationToken cancellationToken)
    {
        if (IsCommitted)
        {
            return new ValueTask<bool>(false);
        }
        IsCommitted = true;
        return GiveAsync(cancellationToken);
    }

    /// <summary>Sends tickets.</summary>
    /// <returns>How many: fewer than asked for where the connection may have no more, there is no key to seal them with, or no store keeps the sessions.</returns>
    public virtual ValueTask<int> IssueAsync(int count, CancellationToken cancellationToken) => new(0);

    protected abstract ValueTask<bool> GiveAsync(CancellationToken cancellationToken);
}

/// <summary>TLS 1.3: tickets, as many as were granted after the handshake, and more when the application asks (RFC 9846 §4.7.1).</summary>
internal sealed class SessionIssuer13(ServerHandshake server, SessionLineage lineage) : SessionIssuer(server, lineage)
{
    /// <summary>As many as a client of ours takes.</summary>
    public const int MaxTickets = Connected13.MaxTickets;

    // Made, and not sent yet.
    private readonly List<(TlsSession Session, byte Nonce)> _made = [];
    private int _nonces;
    private int _sent;

    public override ValueTask<int> IssueAsync(int count, CancellationToken cancellationToken)
        => MakeAsync(count, cancellationToken).Then(Send);

    /// <summary>Makes tickets, for which a store may have to be waited for. Nothing is sent yet.</summary>
    /// <returns>What <see cref="Send(byte[][])"/> takes.</returns>
    public ValueTask<byte[]?[]> MakeAsync(int count, CancellationToken cancellationToken)
    {
        _made.Clear();
        int end = Math.Min(count, Math.Min(MaxTickets - _sent, byte.MaxValue - _nonces));
        while (_made.Count < end && TryMake(out TlsSession? session))
        {
            _made.Add((session, (byte)_nonces++));
        }
        return _made.Count == 0
            ? new ValueTask<byte[]?[]>([])
            : Server.Settings.Sessions.IssueTicketsAsync(
                [.. _made.Select(made => made.Session)], Server.Policy.TicketMode(Server.Settings.TicketMode), Server.Link.RemoteAddress, cancellationToken);
    }

    /// <summary>Sends the tickets that could be made.</summary>
    /// <returns>How many.</returns>
    public int Send(byte[]?[] tickets)
    {
        int before = _sent;
        for (int i = 0; i < tickets.Length && Server.Link.MaySend; i++)
        {
            if (tickets[i] is { } ticket)
            {
                Send(_made[i].Session, _made[i].Nonce, ticket);
                _sent++;
            }
        }
        return _sent - before;
    }

    protected override ValueTask<bool> GiveAsync(CancellationToken cancellationToken)
        => IssueAsync(Server.TicketCount, cancellationToken).Then(static count => count > 0);

    /// <summary>A session that cannot be, because its authentication is about to end, is none.</summary>
    private bool TryMake([NotNullWhen(true)] out TlsSession? session)
    {
        HandshakeLink link = Server.Link;
        Span<byte> ageAdd = stackalloc byte[4];
        Span<byte> psk = stackalloc byte[HashKinds.MaxLength];
        psk = psk[..Server.Suite!.Hash.Length()];
        try
        {
            link.Crypto.FillRandom(ageAdd);
            link.Keys!.ResumptionPsk([(byte)_nonces], psk);
            return link.TryCreateSession(
                Lineage, Server.Policy.Lifetime(Server.Settings.TicketLifetime), psk, Handles(BitConverter.ToUInt32(ageAdd)), out session);
        }
        catch (CryptographicException)
        {
            // L1: there is no ticket, and the connection stands.
            session = null;
            return false;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(psk);
        }
    }

    private void Send(TlsSession session, byte nonce, byte[] ticket)
    {
        HandshakeLink link = Server.Link;
        TlsWriter writer = link.Begin(HandshakeType.NewSessionTicket, out int start);
        writer.UInt32((uint)session.TicketLifetime.TotalSeconds);
        writer.UInt32(session.AgeAdd);
        writer.Vector8([nonce]);
        writer.Vector16(ticket);
        TlsWriter.OpenVector extensions = writer.Open(2);
        if (session.MaxEarlyDataSize > 0)
        {
            writer.UInt16((int)ExtensionType.EarlyData);
            writer.UInt16(sizeof(uint));
            writer.UInt32(session.MaxEarlyDataSize);
        }
        writer.Close(extensions);
        link.End(start, toTranscript: false);
        bool isStateful = StatefulTicket.TryRead(ticket, out ReadOnlyMemory<byte> sessionId);
        if (isStateful)
        {
            // From here on a fatal alert removes it.
            link.StoredSessionIds.Add(sessionId);
        }
        link.TicketIssued(ResumptionMechanism.Psk, isStateful);
    }

    private SessionHandles Handles(uint ageAdd) => Server.Settings.Replays is { } guard && !Server.Policy.RefusesEarlyData
        ? new SessionHandles { AgeAdd = ageAdd, MaxEarlyDataSize = (uint)Server.Settings.MaxEarlyDataSize, Zone = guard.Zone }
        : new SessionHandles { AgeAdd = ageAdd };
}

/// <summary>TLS 1.2: the session ID that the client has had since the ServerHello, and that nothing is known under before the application's verdict.</summary>
internal sealed class SessionIssuer12(Server12 server, SessionLineage lineage) : SessionIssuer(server.Common, lineage)
{
    protected override ValueTask<bool> GiveAsync(CancellationToken cancellationToken)
    {
        if (!server.TryCreateSession(Lineage, server.SessionId, out TlsSession? session))
        {
            return new ValueTask<bool>(false);
        }
        // From here on a fatal alert removes it.
        server.Link.StoredSessionIds.Add(server.SessionId);
        return Server.Settings.Sessions.StoreAsync(session, server.SessionId, server.Link.RemoteAddress, cancellationToken);
    }
}

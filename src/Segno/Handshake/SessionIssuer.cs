using System.Security.Cryptography;
using Segno.Buffers;
using Segno.Cryptography;
using Segno.Handshake.Extensions;
using Segno.Sessions;

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
    /// <returns>How many: fewer than asked for where the connection may have no more, or there is no key to seal them with.</returns>
    public virtual int Issue(int count) => 0;

    protected abstract ValueTask<bool> GiveAsync(CancellationToken cancellationToken);
}

/// <summary>TLS 1.3: tickets, as many as were granted after the handshake, and more when the application asks (RFC 9846 §4.7.1).</summary>
internal sealed class SessionIssuer13(ServerHandshake server, SessionLineage lineage) : SessionIssuer(server, lineage)
{
    /// <summary>As many as a client of ours takes.</summary>
    public const int MaxTickets = Connected13.MaxTickets;

    private int _sent;

    public override int Issue(int count)
    {
        int before = _sent;
        int end = Math.Min(MaxTickets, _sent + count);
        while (_sent < end && TrySend())
        {
            _sent++;
        }
        return _sent - before;
    }

    protected override ValueTask<bool> GiveAsync(CancellationToken cancellationToken) => new(Issue(Server.TicketCount) > 0);

    private bool TrySend()
    {
        HandshakeLink link = Server.Link;
        Span<byte> random = stackalloc byte[4];
        link.Crypto.FillRandom(random);
        uint ageAdd = BitConverter.ToUInt32(random);
        Span<byte> nonce = [(byte)_sent];
        Span<byte> psk = stackalloc byte[HashKinds.MaxLength];
        psk = psk[..Server.Suite!.Hash.Length()];
        link.Keys!.ResumptionPsk(nonce, psk);
        // A session that cannot be (its authentication is about to end) or a ticket that cannot be sealed: then there is none.
        bool possible = link.TryCreateSession(Lineage, Server.Settings.TicketLifetime, psk, Handles(ageAdd), out TlsSession? session);
        CryptographicOperations.ZeroMemory(psk);
        if (!possible || Server.Settings.Sessions.IssueTicket(session!) is not { } ticket)
        {
            return false;
        }
        TlsWriter writer = link.Begin(HandshakeType.NewSessionTicket, out int start);
        writer.UInt32((uint)session!.TicketLifetime.TotalSeconds);
        writer.UInt32(ageAdd);
        writer.Vector8(nonce);
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
        link.TicketIssued(ResumptionMechanism.Psk);
        return true;
    }

    private SessionHandles Handles(uint ageAdd) => Server.Settings.Replays is { } guard
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
        server.Link.StoredSessionId = server.SessionId;
        return Server.Settings.Sessions.StoreAsync(session, server.SessionId, server.Link.RemoteAddress, cancellationToken);
    }
}

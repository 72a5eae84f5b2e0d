using Segno.Buffers;
using Segno.Cryptography;
using Segno.Handshake.Extensions;
using Segno.Sessions;

namespace Segno.Handshake;

/// <summary>After the handshake (RFC 9846 §4.7): KeyUpdate, and for clients NewSessionTicket.</summary>
internal sealed class Connected13 : HandshakeState
{
    public const int MaxKeyUpdates = 32;
    public const int MaxTickets = 16;

    private readonly HandshakeLink _link;
    private readonly SessionLineage? _lineage;
    private int _tickets;
    private int _keyUpdates;

    /// <summary>Completes the handshake.</summary>
    /// <param name="link">The link.</param>
    /// <param name="lineage">A client's authentication of the server; <see langword="null"/> on servers and where sessions are not kept.</param>
    /// <param name="finished">The proof that it may be completed.</param>
    public Connected13(HandshakeLink link, SessionLineage? lineage, FinishedVerified finished)
    {
        _link = link;
        _lineage = lineage;
        link.Complete(finished);
    }

    public override bool IsConnected => true;

    /// <summary>Application data came: KeyUpdates may start anew.</summary>
    public override void ApplicationDataReceived() => _keyUpdates = 0;

    public override HandshakeState Receive(HandshakeMessage message)
    {
        switch (message.Type)
        {
            case HandshakeType.KeyUpdate:
                ReceiveKeyUpdate(message);
                return this;
            case HandshakeType.NewSessionTicket when !_link.Info.IsServer:
                ReceiveTicket(message);
                return this;
            case HandshakeType.CertificateRequest when !_link.Info.IsServer:
                //
                throw new TlsException(TlsFault.PostHandshakeAuthenticationNotOffered);
            case HandshakeType.ClientHello when _link.Info.IsServer:
                throw new TlsException(TlsFault.RenegotiationRefused);
            default:
                throw Unexpected(message);
        }
    }

    /// <summary>R-140; in its record nothing stands behind it, and what follows is under the next key .</summary>
    private void ReceiveKeyUpdate(HandshakeMessage message)
    {
        var reader = new TlsReader(message.Body);
        byte request = reader.UInt8();
        reader.End();
        if (request > 1)
        {
            throw new TlsException(TlsFault.KeyUpdateRequestInvalid);
        }
        if (++_keyUpdates > MaxKeyUpdates)
        {
            throw new TlsException(TlsFault.TooManyKeyUpdates);
        }
        _link.UpdateReadKey();
        if (request == 1)
        {
            _link.RequestKeyUpdate();
        }
    }

    /// <remarks><code>
    /// struct {
    ///     uint32 ticket_lifetime;
    ///     uint32 ticket_age_add;
    ///     opaque ticket_nonce&lt;0..255&gt;;
    ///     opaque ticket&lt;1..2^16-1&gt;;
    ///     Extension extensions&lt;0..2^16-1&gt;;
    /// } NewSessionTicket;
    /// </code></remarks>
    private void ReceiveTicket(HandshakeMessage message)
    {
        var reader = new TlsReader(message.Body);
        uint lifetime = reader.UInt32();
        uint ageAdd = reader.UInt32();
        ReadOnlySpan<byte> nonce = reader.Vector8();
        ReadOnlySpan<byte> ticket = reader.Vector16();
        ExtensionBlock extensions = ExtensionBlock.Read(reader.Vector16(), ExtensionPlace.NewSessionTicket, offered: null);
        reader.End();
        if (ticket.IsEmpty)
        {
            // D14, R-67
            throw new TlsException(TlsFault.EmptyTicket);
        }
        uint maxEarlyData = 0;
        if (extensions.TryGet(ExtensionType.EarlyData, out TlsReader earlyData))
        {
            maxEarlyData = earlyData.UInt32();
            earlyData.End();
        }
        if (_lineage is not null && _link.Settings.AllowResume && lifetime == 0)
        {
            _link.ZeroLifetimeReceived();
        }
        // What a peer sends beyond reason is not kept; RFC 9846 has no limit to refuse it by.
        if (_lineage is null || !_link.Settings.AllowResume || lifetime == 0 || ticket.Length > SessionLimits.MaxClientTicket || ++_tickets > MaxTickets)
        {
            return;
        }
        Span<byte> psk = stackalloc byte[HashKinds.MaxLength];
        psk = psk[.._link.Keys!.Suite.Hash.Length()];
        //
        _link.Keys.ResumptionPsk(nonce, psk);
        TimeSpan bounded = TimeSpan.FromSeconds(Math.Min(lifetime, SessionLimits.MaxLifetime.TotalSeconds));
        if (_link.TryCreateSession(_lineage, bounded, psk, new SessionHandles { Ticket = ticket.ToArray(), AgeAdd = ageAdd, MaxEarlyDataSize = maxEarlyData }, out TlsSession? session))
        {
            _link.SessionReceived(session);
        }
        System.Security.Cryptography.CryptographicOperations.ZeroMemory(psk);
    }
}

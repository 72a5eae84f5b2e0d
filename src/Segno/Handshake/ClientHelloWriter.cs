using Segno.Buffers;
using Segno.Cryptography;
using Segno.Handshake.Extensions;
using Segno.Handshake.Messages;
using Segno.Sessions.Tickets;

namespace Segno.Handshake;

/// <summary>Writes the first ClientHello and, after a HelloRetryRequest, the second, which differs only where it may (RFC 9846 §4.2.2; R-73). A session that is offered changes nothing but what offers it .</summary>
internal sealed class ClientHelloWriter : IDisposable
{
    private const byte PskKe = 0;
    private const byte PskDheKe = 1;

    private readonly ClientHandshake _client;
    private readonly List<KeyExchange> _shares = [];
    private readonly byte[] _random = new byte[ClientHello.RandomLength];
    private readonly byte[] _randomSessionId;
    private byte[]? _rewrittenSessionId;
    private readonly byte[] _grease = new byte[6];
    private bool _greaseShare;

    public ClientHelloWriter(ClientHandshake client)
    {
        _client = client;
        Span<byte> random = stackalloc byte[ClientHello.RandomLength + ClientHello.MaxSessionId + 6];
        client.Link.Crypto.FillRandom(random);
        random[..ClientHello.RandomLength].CopyTo(_random);
        _randomSessionId = random.Slice(ClientHello.RandomLength, ClientHello.MaxSessionId).ToArray();
        random[^6..].CopyTo(_grease);
        _greaseShare = client.Settings.SendGrease;
        client.Link.ClientRandom = _random;
        client.Link.Info.ServerName = client.ServerName;
        try
        {
            foreach (TlsNamedGroup group in client.Settings.AllowsTls13 ? client.Settings.KeyShareGroups(client.Offered) : [])
            {
                // of this connection alone.
                _shares.Add(client.Link.Crypto.StartKeyExchange(group));
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>
    /// That of the TLS 1.2 session that is offered, or a random one: for compatibility mode (RFC 9846 §E.4), or for the server to
    /// echo when it accepts a ticket of TLS 1.2 (RFC 5077 §3.4).
    /// </summary>
    public byte[] SessionId => _rewrittenSessionId ?? _client.Offered12 switch
    {
        { Ticket.IsEmpty: true } session => session.SessionId.ToArray(),
        null when !_client.Settings.AllowsTls13 => [],
        _ => _randomSessionId,
    };

    public byte[]? Cookie { get; set; }

    /// <summary>The suite of the HelloRetryRequest, once there was one.</summary>
    public CipherSuiteInfo? RetrySuite { get; set; }

    /// <summary>The PSKs that were offered, in the order of the hello.</summary>
    public OfferedPsk[] Psks { get; private set; } = [];

    /// <summary>The extensions that were sent: all that a server may answer.</summary>
    public HashSet<ExtensionType> Offered { get; } = [];

    public bool HasShare(TlsNamedGroup group) => Share(group) is not null;

    public KeyExchange? Share(TlsNamedGroup group) => _shares.Find(share => share.Group == group);

    /// <summary>HelloRetryRequest: one share, of the group the server wants.</summary>
    public void UseGroup(TlsNamedGroup group)
    {
        Dispose();
        _shares.Add(_client.Link.Crypto.StartKeyExchange(group));
        _greaseShare = false;
    }

    public void Write()
    {
        ClientSettings settings = _client.Settings;
        TlsWriter writer = _client.Link.Begin(HandshakeType.ClientHello, out int start);
        writer.UInt16(0x0303);
        writer.Bytes(_random);
        writer.Vector8(SessionId);
        TlsWriter.OpenVector suites = writer.Open(2);
        WriteGrease(writer, 0);
        foreach (CipherSuiteInfo suite in settings.CipherSuites13.Concat(settings.CipherSuites12))
        {
            writer.UInt16((int)suite.Suite);
        }
        // no TLS_FALLBACK_SCSV, as there is no second attempt with less. R-157: nor anything older than TLS 1.2 had.
        writer.Close(suites);
        writer.Vector8([0]);

        TlsWriter.OpenVector extensions = writer.Open(2);
        Offered.Clear();
        if (settings.SendGrease)
        {
            writer.UInt16(Grease(1));
            writer.UInt16(0);
        }
        WriteServerName(writer);
        if (settings.AllowCertificates && settings.CertificateStatusMode != TlsCertificateStatusMode.None)
        {
            TlsWriter.OpenVector status = Open(writer, ExtensionType.StatusRequest);
            CertificateStatus.WriteRequest(writer);
            writer.Close(status);
        }
        WriteLists(writer);
        WriteRecordLimits(writer);
        WriteTls12(writer);
        if (settings.AllowsTls13)
        {
            WriteKeyShares(writer);
            WriteOffers13(writer);
        }
        if (Cookie is { } cookie)
        {
            TlsWriter.OpenVector extension = Open(writer, ExtensionType.Cookie);
            writer.Vector16(cookie);
            writer.Close(extension);
        }
        if (settings.SendGrease)
        {
            // Another value than the first one, and not empty.
            int grease = Grease(2);
            writer.UInt16(grease == Grease(1) ? grease ^ 0x1010 : grease);
            writer.Vector16([0]);
        }
        int bindersLength = 0;
        Psks = settings.AllowsTls13 ? _client.Psks : [];
        if (settings.AllowsTls13 && (settings.AllowResume || Psks.Length > 0))
        {
            if (_client.OffersEarlyData)
            {
                writer.Close(Open(writer, ExtensionType.EarlyData));
            }
            TlsWriter.OpenVector modes = Open(writer, ExtensionType.PskKeyExchangeModes);
            writer.Vector8(settings.AllowPskWithoutKeyExchange ? [PskDheKe, PskKe] : [PskDheKe]);
            writer.Close(modes);
            if (Psks.Length > 0)
            {
                bindersLength = WritePsks(writer);
            }
        }
        writer.Close(extensions);
        if (bindersLength > 0)
        {
            _client.Link.End(start, toTranscript: false);
            WriteBinders(start, bindersLength);
        }
        ReadOnlySpan<byte> sent = _client.Link.End(start);
        if (settings.MessageRewriter is not null)
        {
            // The server answers what was sent.
            var rewritten = ClientHello.Read(new HandshakeMessage(sent));
            _rewrittenSessionId = rewritten.SessionId;
            Offered.UnionWith(rewritten.Extensions.Types);
        }
    }

    /// <summary>Compatibility mode (RFC 9846 §E.4): whoever sends a session ID sends change_cipher_spec.</summary>
    public void SendChangeCipherSpec()
    {
        if (SessionId.Length > 0)
        {
            _client.Link.SendChangeCipherSpec();
        }
    }

    public void Dispose()
    {
        foreach (KeyExchange share in _shares)
        {
            share.Dispose();
        }
        _shares.Clear();
    }

    private void WriteServerName(TlsWriter writer)
    {
        if (_client.ServerName is not { } name)
        {
            return;
        }
        TlsWriter.OpenVector extension = Open(writer, ExtensionType.ServerName);
        TlsWriter.OpenVector list = writer.Open(2);
        writer.UInt8(0);
        writer.Vector16(System.Text.Encoding.ASCII.GetBytes(name));
        writer.Close(list);
        writer.Close(extension);
    }

    private void WriteLists(TlsWriter writer)
    {
        ClientSettings settings = _client.Settings;
        TlsWriter.OpenVector extension = Open(writer, ExtensionType.SupportedGroups);
        TlsWriter.OpenVector list = writer.Open(2);
        WriteGrease(writer, 3);
        foreach (TlsNamedGroup group in settings.AllowsTls13 ? settings.Groups : settings.Groups12)
        {
            writer.UInt16((int)group);
        }
        writer.Close(list);
        writer.Close(extension);

        if (settings.AllowCertificates)
        {
            extension = Open(writer, ExtensionType.SignatureAlgorithms);
            list = writer.Open(2);
            foreach (TlsSignatureScheme scheme in settings.SignatureSchemes)
            {
                writer.UInt16((int)scheme);
            }
            writer.Close(list);
            writer.Close(extension);
        }

        if (settings.ApplicationProtocols.Length > 0)
        {
            extension = Open(writer, ExtensionType.ApplicationLayerProtocolNegotiation);
            list = writer.Open(2);
            foreach (System.Net.Security.SslApplicationProtocol protocol in settings.ApplicationProtocols)
            {
                writer.Vector8(protocol.Protocol.Span);
            }
            writer.Close(list);
            writer.Close(extension);
        }

        if (settings.AllowsTls13)
        {
            extension = Open(writer, ExtensionType.SupportedVersions);
            list = writer.Open(1);
            WriteGrease(writer, 4);
            writer.UInt16(0x0304);
            if (settings.AllowsTls12)
            {
                writer.UInt16(0x0303);
            }
            writer.Close(list);
            writer.Close(extension);
        }
    }

    /// <summary>What only TLS 1.2 looks at.</summary>
    private void WriteTls12(TlsWriter writer)
    {
        if (!_client.Settings.AllowsTls12)
        {
            return;
        }
        //
        writer.Close(Open(writer, ExtensionType.ExtendedMasterSecret));
        TlsWriter.OpenVector extension = Open(writer, ExtensionType.RenegotiationInfo);
        writer.Vector8([]);
        writer.Close(extension);
        extension = Open(writer, ExtensionType.EcPointFormats);
        writer.Vector8([0]);
        writer.Close(extension);
        if (_client.Settings.AllowResume)
        {
            extension = Open(writer, ExtensionType.SessionTicket);
            writer.Bytes(_client.Offered12 is { } session ? session.Ticket.Span : []);
            writer.Close(extension);
        }
    }

    private void WriteRecordLimits(TlsWriter writer)
    {
        TlsWriter.OpenVector extension = Open(writer, ExtensionType.RecordSizeLimit);
        writer.UInt16(RecordLimits.Offer(_client.Settings));
        writer.Close(extension);
        if (_client.Settings.MaxFragmentLength is { } length)
        {
            extension = Open(writer, ExtensionType.MaxFragmentLength);
            writer.UInt8(RecordLimits.FragmentCode(length));
            writer.Close(extension);
        }
    }

    /// <summary>What a client may offer in TLS 1.3 and may leave out.</summary>
    private void WriteOffers13(TlsWriter writer)
    {
        ClientSettings settings = _client.Settings;
        if (settings.AllowCertificates && settings.CompressCertificates)
        {
            TlsWriter.OpenVector extension = Open(writer, ExtensionType.CompressCertificate);
            CompressedCertificate.WriteOffer(writer);
            writer.Close(extension);
        }
        if (settings.AllowCertificates && settings.ServerCertificateAuthorities.Length > 0)
        {
            TlsWriter.OpenVector extension = Open(writer, ExtensionType.CertificateAuthorities);
            CertificateAuthorities.Write(writer, settings.ServerCertificateAuthorities);
            writer.Close(extension);
        }
        // of the settings alone, so that a second hello says the same.
        if (settings.TicketRequest is { } request && settings.AllowResume)
        {
            TlsWriter.OpenVector extension = Open(writer, ExtensionType.TicketRequest);
            TicketRequest.Write(writer, request);
            writer.Close(extension);
        }
    }

    private void WriteKeyShares(TlsWriter writer)
    {
        TlsWriter.OpenVector extension = Open(writer, ExtensionType.KeyShare);
        TlsWriter.OpenVector list = writer.Open(2);
        if (_greaseShare)
        {
            WriteGrease(writer, 3);
            writer.Vector16([0]);
        }
        foreach (KeyExchange share in _shares)
        {
            writer.UInt16((int)share.Group);
            writer.UInt16(share.ShareLength);
            share.WriteShare(writer.Reserve(share.ShareLength));
        }
        writer.Close(list);
        writer.Close(extension);
    }

    /// <returns>The length of the binders list at the end of the message.</returns>
    private int WritePsks(TlsWriter writer)
    {
        TlsWriter.OpenVector extension = Open(writer, ExtensionType.PreSharedKey);
        TlsWriter.OpenVector list = writer.Open(2);
        foreach (OfferedPsk psk in Psks)
        {
            writer.Vector16(psk.Identity.Span);
            // an external PSK has no age.
            writer.UInt32(psk.Session is { } session ? TicketAge.Obfuscate(session, _client.Link.Now) : 0);
        }
        writer.Close(list);
        int start = writer.Position;
        list = writer.Open(2);
        foreach (OfferedPsk psk in Psks)
        {
            writer.UInt8(psk.Hash.Length());
            writer.Reserve(psk.Hash.Length()).Clear();
        }
        writer.Close(list);
        writer.Close(extension);
        return writer.Position - start;
    }

    /// <summary>Each over all hellos so far, up to the binders .</summary>
    private void WriteBinders(int start, int bindersLength)
    {
        Span<byte> message = _client.Link.Unfinished(start);
        Span<byte> binders = message[^bindersLength..][2..];
        foreach (OfferedPsk psk in Psks)
        {
            psk.WriteBinder(_client.Link, message[..^bindersLength], binders.Slice(1, psk.Hash.Length()));
            binders = binders[(1 + psk.Hash.Length())..];
        }
    }

    private TlsWriter.OpenVector Open(TlsWriter writer, ExtensionType type)
    {
        Offered.Add(type);
        writer.UInt16((int)type);
        return writer.Open(2);
    }

    private void WriteGrease(TlsWriter writer, int index)
    {
        if (_client.Settings.SendGrease)
        {
            writer.UInt16(Grease(index));
        }
    }

    /// <summary>A reserved value 0x?A?A (RFC 8701 §2).</summary>
    private int Grease(int index)
    {
        int value = (_grease[index] & 0xf0) | 0x0a;
        return (value << 8) | value;
    }
}

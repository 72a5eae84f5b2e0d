using System.Diagnostics.CodeAnalysis;
using System.Security.Authentication;
using System.Security.Cryptography;
using Segno.Buffers;
using Segno.Certificates;
using Segno.Cryptography;
using Segno.Handshake.Extensions;
using Segno.Handshake.Messages;
using Segno.Records;
using Segno.Sessions;

namespace Segno.Handshake;

/// <summary>What the states of a TLS 1.2 server share (RFC 5246 §7.3), beside what all server states do.</summary>
internal sealed class Server12(ServerHandshake common)
{
    public ServerHandshake Common { get; } = common;

    public HandshakeLink Link => Common.Link;

    /// <summary>Whether a NewSessionTicket is announced, and so must come .</summary>
    public bool TicketPromised { get; set; }

    /// <summary>The ID of the session that is to be kept in the store; empty: none is.</summary>
    public byte[] SessionId { get; set; } = [];

    public void LogMainSecret() => Link.Log("CLIENT_RANDOM", Link.Keys12!.MainSecret);

    /// <summary>The ticket that was announced; where there can be none, an empty one, which says so (RFC 5077 §3.3; C9).</summary>
    public void SendTicket(SessionLineage lineage)
    {
        byte[]? ticket = TryCreateSession(lineage, [], out TlsSession? session) ? Common.Settings.Sessions.IssueTicket(session) : null;
        if (ticket is not null)
        {
            Link.TicketIssued(ResumptionMechanism.Ticket);
        }
        NewSessionTicket12.Write(Link, ticket is null ? 0 : (uint)session!.TicketLifetime.TotalSeconds, ticket ?? []);
    }

    public bool TryCreateSession(SessionLineage lineage, byte[] sessionId, [NotNullWhen(true)] out TlsSession? session)
        => Link.TryCreateSession(lineage, Common.Policy.Lifetime(Common.Settings.Tls12SessionLifetime), Link.Keys12!.MainSecret, new SessionHandles { SessionId = sessionId }, out session);
}

/// <summary>From a ClientHello to the server's flight: session, suite, certificate.</summary>
internal sealed class ServerNegotiation12
{
    private readonly Server12 _server;
    private readonly ServerHandshake _common;
    private readonly HandshakeLink _link;
    private readonly ClientHello _hello;
    private readonly bool _extendedMasterSecret;
    private readonly bool _hasPointFormats;
    private readonly ReadOnlyMemory<byte>? _ticket;

    public ServerNegotiation12(ServerHandshake common, ClientHello hello)
    {
        _common = common;
        _link = common.Link;
        _hello = hello;
        _server = new Server12(common);
        if (!hello.CompressionMethods.Contains((byte)0))
        {
            throw new TlsException(TlsFault.CompressionMethodInvalid);
        }
        CheckRenegotiationInfo();
        _extendedMasterSecret = hello.Extensions.TryGet(ExtensionType.ExtendedMasterSecret, out TlsReader empty);
        empty.End();
        _hasPointFormats = PointFormats.Check(hello.Extensions);
        _ticket = hello.Extensions.Find(ExtensionType.SessionTicket);
    }

    private ServerSettings Settings => _common.Settings;

    /// <summary>Whether sessions of this connection are kept: without extended main secret none is .</summary>
    private bool MayKeepSession => Settings.AllowResume && _extendedMasterSecret && _common.Policy.Lifetime(Settings.Tls12SessionLifetime) > TimeSpan.Zero;

    /// <summary>A ticket cannot be taken back, so there is none where the application's verdict is yet to come (A12), or where state shall be here alone: only an ID.</summary>
    private bool MayIssueTicket => MayKeepSession && !Settings.DeferSessions && _common.Policy.TicketMode(Settings.TicketMode) != TlsTicketMode.Stateful;

    /// <summary>R-19: with a ticket, the session ID is nothing but something to be echoed.</summary>
    private ResumptionMechanism Mechanism => this switch
    {
        { _ticket.Length: > 0 } => ResumptionMechanism.Ticket,
        { _hello.SessionId.Length: > 0 } => ResumptionMechanism.SessionId,
        _ => ResumptionMechanism.None,
    };

    public HandshakeState Run()
    {
        if (Mechanism == ResumptionMechanism.None)
        {
            return Full(ResumptionOutcome.NotOffered);
        }
        if (!Settings.AllowResume)
        {
            return Full(ResumptionOutcome.Declined(Mechanism, ResumptionReason.ResumptionDisabled));
        }
        ReadOnlyMemory<byte> identity = Mechanism == ResumptionMechanism.Ticket ? _ticket!.Value : _hello.SessionId;
        return Pause.For(() => _common.Policy.LocateAsync(Mechanism, identity), Located);
    }

    private HandshakeState Located(LocatedSession located)
    {
        _link.Located(located);
        if (located.Session is not { } session)
        {
            // whatever is wrong with it, there is a full handshake and no alert.
            // A client of TLS 1.3 sends a random ID for compatibility's sake (RFC 9846 §E.4): that is no offer.
            bool isOffer = Mechanism == ResumptionMechanism.Ticket || !_hello.Offers(SslProtocols.Tls13);
            return Full(isOffer ? ResumptionOutcome.Declined(Mechanism, located.Reason, located.Rule) : ResumptionOutcome.NotOffered);
        }
        // only the session's own suite will do.
        CipherSuiteInfo? suite = Array.Find(Settings.CipherSuites12, info => info.Suite == session.CipherSuite && _hello.CipherSuites.Contains((ushort)info.Suite));
        ResumptionOutcome outcome = _common.Policy.Judge(session, new ResumptionOffer
        {
            Mechanism = Mechanism,
            ProtocolVersion = SslProtocols.Tls12,
            CipherSuite = suite?.Suite ?? default,
            Hash = suite?.Hash ?? default,
            Scope = Settings.Scope,
            ServerName = _common.ServerName,
            Now = _link.Now,
            ClientCertificateRequired = Settings.ClientCertificateMode == TlsClientCertificateMode.Required,
            ResumedPeer = Settings.ResumedPeer,
        });
        if (!outcome.IsResumed)
        {
            return Full(outcome);
        }
        if (!_extendedMasterSecret)
        {
            // all sessions we keep have it.
            throw new TlsException(TlsFault.ExtendedMasterSecretMissing);
        }
        _link.CheckEndOfRecord();
        _link.Info.Resumption = outcome;
        // Before our flight: where the client's certificate is refused, it may show another in a full handshake.
        return StoredPeer.Verify(
            _link, session, null,
            client => Resume(session, suite!, located.IsDueForRenewal, client),
            () => Full(ResumptionOutcome.Declined(Mechanism, ResumptionReason.ClientCertificateRejected)));
    }

    private ExpectChangeCipherSpec12 Resume(TlsSession session, CipherSuiteInfo suite, bool isDue, PeerVerified client)
    {
        _common.Suite = suite;
        _common.ReportResumed(session);
        SessionLineage lineage = session.Lineage.Next();
        // the old ticket stays good; a new one is worth its bytes only when the old one is half used up, or its key on the way out.
        _server.TicketPromised = Mechanism == ResumptionMechanism.Ticket && MayIssueTicket && _common.Policy.Tickets(Settings.TicketCountOnResumption) > 0
            && (isDue || _link.Now - session.IssuedAt > session.TicketLifetime / 2);
        _common.ChooseApplicationProtocol(_hello);
        byte[] random = SendHello(_hello.SessionId, keepMessages: false);
        _link.Info.Group = session.Group;
        _link.Keys12!.Resume(session);
        _server.LogMainSecret();
        if (_server.TicketPromised)
        {
            _server.SendTicket(lineage);
        }
        (RecordProtection read, RecordProtection write) = _link.MakeProtections12();
        _link.SendChangeCipherSpec();
        _link.SetWriteProtection(write);
        Finished12.Write(_link);
        return new ExpectChangeCipherSpec12(_link, read, new ExpectClientFinished12(_server, client, null, Mechanism == ResumptionMechanism.SessionId ? _hello.SessionId : []));
    }

    private HandshakeState Full(ResumptionOutcome outcome)
    {
        _link.Info.Resumption = outcome;
        // RFC 5246 §7.4.1.4.1: who sends none accepts SHA-1 alone, which we do not sign with.
        if (_hello.UInt16List(ExtensionType.SignatureAlgorithms) is not { } schemes)
        {
            throw new TlsException(TlsFault.NoCommonSignatureScheme);
        }
        return Pause.For(() => _common.SelectCertificate(_hello), certificate => UseCertificate(certificate, schemes));
    }

    private HandshakeState UseCertificate(TlsCertificate? selected, ushort[] schemes)
    {
        ushort[]? groups = _hello.UInt16List(ExtensionType.SupportedGroups);
        // RFC 8422 §4: who names no groups leaves the choice to us.
        TlsNamedGroup group = Array.Find(Settings.Groups12, ours => groups is null || groups.Contains((ushort)ours));
        if (group == default)
        {
            throw new TlsException(TlsFault.NoCommonGroup);
        }
        TlsCertificate[] candidates = [.. _common.Candidates(selected, _hello, schemes)];
        bool suiteInCommon = false;
        foreach (CipherSuiteInfo suite in SuitesInCommon())
        {
            suiteInCommon = true;
            foreach (TlsCertificate candidate in candidates)
            {
                // RFC 8422 §5.1.1: the groups bound the certificate's curve, too.
                bool fits = suite.Fits(candidate.Signer.Kind)
                    && (groups is null || NamedGroups.CurveOf(candidate.Signer.Kind) is not { } curve || groups.Contains((ushort)curve));
                if (fits && candidate.ChooseScheme(schemes, Settings.SigningSchemes, SslProtocols.Tls12) is { } scheme)
                {
                    _common.Suite = suite;
                    _common.Certificate = candidate;
                    _common.Scheme = scheme;
                    return SendFlight(group);
                }
            }
        }
        bool kindInCommon = suiteInCommon && SuitesInCommon().Any(suite => candidates.Any(candidate => suite.Fits(candidate.Signer.Kind)));
        throw new TlsException(
            candidates.Length == 0 ? TlsFault.NoSuitableCertificate
            : kindInCommon ? TlsFault.NoCommonSignatureScheme
            : TlsFault.NoCommonCipherSuite);
    }

    private IEnumerable<CipherSuiteInfo> SuitesInCommon()
    {
        CipherSuiteInfo[] ours = Settings.CipherSuites12;
        return Settings.PreferServerCipherSuites
            ? ours.Where(suite => _hello.CipherSuites.Contains((ushort)suite.Suite))
            : _hello.CipherSuites.Select(theirs => Array.Find(ours, suite => (ushort)suite.Suite == theirs)).OfType<CipherSuiteInfo>();
    }

    private HandshakeState SendFlight(TlsNamedGroup group)
    {
        _link.CheckEndOfRecord();
        bool request = Settings.ClientCertificateMode != TlsClientCertificateMode.None;
        _common.Policy.BeginFull(SslProtocols.Tls12);
        // not unasked.
        _server.TicketPromised = MayIssueTicket && _ticket is not null && _common.Policy.Tickets(Settings.TicketCount) > 0 && !Settings.RequiresForwardSecrecy;
        if (MayKeepSession && !_server.TicketPromised)
        {
            // it says nothing. R-11: nor is it the one that was offered.
            _server.SessionId = Settings.Sessions.CreateSessionId() ?? [];
        }
        _common.ChooseApplicationProtocol(_hello);
        ReadOnlyMemory<byte> ocspResponse = _common.ChooseOcspResponse(_hello);
        byte[] random = SendHello(_server.SessionId, keepMessages: request);
        CertificateMessage12.Write(_link, _common.Certificate);
        if (!ocspResponse.IsEmpty)
        {
            CertificateStatus.Write(_link, ocspResponse.Span);
        }
        _link.Info.LocalCertificate = _common.Certificate!.Certificate;
        KeyExchange share = _link.Own(_link.Crypto.StartKeyExchange(group));
        ServerKeyExchange.Write(_link, share, random, _common.Certificate.Signer, _common.Scheme);
        if (request)
        {
            CertificateRequest12.Write(_link, Settings);
        }
        _link.Begin(HandshakeType.ServerHelloDone, out int start);
        _link.End(start);
        _link.Info.AuthenticatedAt = _link.Now;
        return request ? new ExpectClientCertificate12(_server, share) : new ExpectClientKeyExchange12(_server, share, null);
    }

    /// <returns>The server's random.</returns>
    private byte[] SendHello(ReadOnlySpan<byte> sessionId, bool keepMessages)
    {
        byte[] random = new byte[ClientHello.RandomLength];
        _link.Crypto.FillRandom(random);
        if (Settings.AllowsTls13)
        {
            // a client that could have had TLS 1.3 will notice.
            ServerHello.MarkDowngrade(random);
        }
        _link.Transcript.Append(_hello.Raw);
        _link.Negotiated12(_common.Suite!, random, keepMessages);
        _link.Info.ExtendedMasterSecret = _extendedMasterSecret;
        TlsWriter writer = _link.Begin(HandshakeType.ServerHello, out int start);
        ServerHello.WriteStart(writer, random, sessionId, (ushort)_common.Suite!.Suite);
        TlsWriter.OpenVector extensions = writer.Open(2);
        if (_common.ServerName is not null && _common.Resumed is null)
        {
            // nothing about the name or the certificate when resuming.
            WriteEmpty(writer, ExtensionType.ServerName);
        }
        // the client said by extension or by suite that it knows the extension.
        if (_hello.Extensions.Has(ExtensionType.RenegotiationInfo) || _hello.CipherSuites.Contains(ClientHello.EmptyRenegotiationInfoScsv))
        {
            writer.UInt16((int)ExtensionType.RenegotiationInfo);
            TlsWriter.OpenVector extension = writer.Open(2);
            writer.Vector8([]);
            writer.Close(extension);
        }
        if (_extendedMasterSecret)
        {
            //
            WriteEmpty(writer, ExtensionType.ExtendedMasterSecret);
        }
        if (!_link.Info.StapledOcspResponse.IsEmpty)
        {
            WriteEmpty(writer, ExtensionType.StatusRequest);
        }
        if (_server.TicketPromised)
        {
            WriteEmpty(writer, ExtensionType.SessionTicket);
        }
        if (_hasPointFormats && _common.Resumed is null)
        {
            writer.UInt16((int)ExtensionType.EcPointFormats);
            TlsWriter.OpenVector extension = writer.Open(2);
            writer.Vector8([0]);
            writer.Close(extension);
        }
        _common.WriteApplicationProtocol(writer);
        RecordLimits.Answer(_link, _hello, isTls13: false, writer);
        writer.Close(extensions);
        _link.End(start);
        return random;
    }

    private static void WriteEmpty(TlsWriter writer, ExtensionType type)
    {
        writer.UInt16((int)type);
        writer.UInt16(0);
    }

    /// <summary>R-33: in a first handshake it is empty.</summary>
    private void CheckRenegotiationInfo()
    {
        if (!_hello.Extensions.TryGet(ExtensionType.RenegotiationInfo, out TlsReader data))
        {
            return;
        }
        if (!data.Vector8().IsEmpty)
        {
            throw new TlsException(TlsFault.RenegotiationInfoInvalid, "not empty");
        }
        data.End();
    }
}

internal sealed class ExpectClientCertificate12(Server12 server, KeyExchange share) : HandshakeState
{
    public override HandshakeState Receive(HandshakeMessage message)
    {
        Expect(message, HandshakeType.Certificate);
        ServerHandshake common = server.Common;
        List<ReadOnlyMemory<byte>> chain = CertificateMessage12.Read(message);
        if (chain.Count == 0)
        {
            // Refused here, before the client goes on, where one is required.
            PeerVerified.WithoutCertificate(common.Settings.ClientCertificateMode);
        }
        server.Link.Transcript.Append(message.Raw);
        return new ExpectClientKeyExchange12(server, share, chain.Count == 0 ? null : server.Link.Own(PeerCertificate.Read(chain, server.Link.Crypto)));
    }
}

internal sealed class ExpectClientKeyExchange12(Server12 server, KeyExchange share, PeerCertificate? client) : HandshakeState
{
    public override HandshakeState Receive(HandshakeMessage message)
    {
        Expect(message, HandshakeType.ClientKeyExchange);
        HandshakeLink link = server.Link;
        byte[] point = ServerKeyExchange.ReadClient(message);
        link.Transcript.Append(message.Raw);
        Span<byte> premaster = stackalloc byte[NamedGroups.MaxSecretLength];
        Span<byte> hash = stackalloc byte[HashKinds.MaxLength];
        try
        {
            int length = Agree(point, premaster);
            link.Keys12!.Derive(premaster[..length], link.Info.ExtendedMasterSecret ? link.Transcript.Current(hash) : []);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(premaster);
            share.Dispose();
        }
        server.LogMainSecret();
        (RecordProtection read, RecordProtection write) = link.MakeProtections12();
        if (client is not null)
        {
            return new ExpectClientCertificateVerify12(server, client, peer => ExpectFinished(peer, read, write));
        }
        link.Transcript.ForgetMessages();
        return ExpectFinished(PeerVerified.WithoutCertificate(server.Common.Settings.ClientCertificateMode), read, write);
    }

    /// <summary>Only what fails here is the client's fault: what we derive from it is ours (F5).</summary>
    private int Agree(ReadOnlySpan<byte> point, Span<byte> premaster)
    {
        try
        {
            return share.Agree(point, premaster);
        }
        catch (CryptographicException e)
        {
            throw new TlsException(TlsFault.KeyShareInvalid, null, e);
        }
    }

    private ExpectChangeCipherSpec12 ExpectFinished(PeerVerified peer, RecordProtection read, RecordProtection write)
        => new(server.Link, read, new ExpectClientFinished12(server, peer, write, []));
}

internal sealed class ExpectClientCertificateVerify12(
    Server12 server, PeerCertificate client, Func<PeerVerified, HandshakeState> next) : HandshakeState
{
    public override HandshakeState Receive(HandshakeMessage message)
    {
        Expect(message, HandshakeType.CertificateVerify);
        PossessionVerified possession = CertificateVerify12.Verify(server.Link, message, client, server.Common.Settings.SignatureSchemes);
        client.Dispose();
        server.Link.Transcript.ForgetMessages();
        return Pause.ForWork(
            () => server.Common.Settings.Validator.Run(client, null, server.Link.Sender),
            verdict => next(PeerVerified.ByCertificate(possession, verdict)));
    }
}

/// <summary>Waits for the client's Finished. In a full handshake ours follows, under <paramref name="write"/>; only then a session is kept .</summary>
internal sealed class ExpectClientFinished12(Server12 server, PeerVerified client, RecordProtection? write, byte[] resumedId) : HandshakeState
{
    public override HandshakeState Receive(HandshakeMessage message)
    {
        Expect(message, HandshakeType.Finished);
        HandshakeLink link = server.Link;
        link.CheckEndOfRecord();
        FinishedVerified finished = Finished12.Verify(link, message, client);
        if (write is null)
        {
            // only now has the client proved that the session is its own.
            server.Common.Settings.Sessions.MarkUsed(resumedId);
            link.StoredSessionIds.Add(resumedId);
            return new Connected12(link, finished);
        }
        SessionLineage lineage = server.Common.BeginLineage(client);
        if (server.TicketPromised)
        {
            server.SendTicket(lineage);
        }
        if (server.SessionId.Length > 0 && server.Common.Settings.DeferSessions)
        {
            link.Issuer = new SessionIssuer12(server, lineage);
            return SendFinished(finished, write, kept: false);
        }
        return server.SessionId.Length > 0 && server.TryCreateSession(lineage, server.SessionId, out TlsSession? session)
            ? Pause.For(() => server.Common.Settings.Sessions.StoreAsync(session, server.SessionId, link.RemoteAddress, link.Aborted), kept => SendFinished(finished, write, kept))
            : SendFinished(finished, write, kept: false);
    }

    private Connected12 SendFinished(FinishedVerified finished, RecordProtection protection, bool kept)
    {
        HandshakeLink link = server.Link;
        if (kept)
        {
            link.StoredSessionIds.Add(server.SessionId);
        }
        link.SendChangeCipherSpec();
        link.SetWriteProtection(protection);
        Finished12.Write(link);
        return new Connected12(link, finished);
    }
}

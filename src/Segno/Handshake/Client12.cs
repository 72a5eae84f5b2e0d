using System.Security.Cryptography;
using Segno.Buffers;
using Segno.Certificates;
using Segno.Cryptography;
using Segno.Handshake.Extensions;
using Segno.Handshake.Messages;
using Segno.Records;
using Segno.Sessions;

namespace Segno.Handshake;

/// <summary>What the states of a TLS 1.2 client share (RFC 5246 §7.3), beside what all client states do.</summary>
internal sealed class Client12
{
    private Client12(ClientHandshake common, byte[] serverRandom, byte[] sessionId)
    {
        Common = common;
        ServerRandom = serverRandom;
        SessionId = sessionId;
    }

    public ClientHandshake Common { get; }

    public HandshakeLink Link => Common.Link;

    public byte[] ServerRandom { get; }

    /// <summary>The session ID that the server gave; empty: none.</summary>
    public byte[] SessionId { get; }

    /// <summary>Whether a NewSessionTicket comes before the server's change_cipher_spec .</summary>
    public bool TicketComes { get; private set; }

    /// <summary>Whether a CertificateStatus may follow the server's certificate (RFC 6066 §8).</summary>
    public bool StatusMayCome { get; private set; }

    public (uint LifetimeHint, byte[] Ticket) NewTicket { get; set; }

    /// <summary>From the ServerHello on.</summary>
    public static HandshakeState Begin(ClientHandshake common, ClientHelloWriter sent, ServerHello hello, HandshakeMessage message)
    {
        if (hello.CompressionMethod != 0)
        {
            throw new TlsException(TlsFault.CompressionMethodInvalid);
        }
        CipherSuiteInfo suite = Array.Find(common.Settings.CipherSuites12, info => (ushort)info.Suite == hello.CipherSuite)
            ?? throw new TlsException(TlsFault.CipherSuiteNotOffered);
        var client = new Client12(common, hello.Random, hello.SessionIdEcho);
        TlsSession? resumed = client.ResumedSession(sent, suite);
        client.Link.Negotiated12(suite, hello.Random, keepMessages: resumed is null && common.HasCertificate);
        client.Link.Transcript.Append(message.Raw);
        client.ReadExtensions(hello.Extensions, resumed);
        sent.Dispose();
        if (resumed is null)
        {
            // whatever was offered.
            common.ReportFullHandshake();
            return new ExpectServerCertificate12(client);
        }
        common.ReportResumed(resumed);
        return StoredPeer.Verify(client.Link, resumed, common.TargetHost, peer => client.Resume(resumed, peer));
    }

    private HandshakeState Resume(TlsSession session, PeerVerified server)
    {
        Link.Info.Group = session.Group;
        Link.Keys12!.Resume(session);
        LogMainSecret();
        (RecordProtection write, RecordProtection read) = Link.MakeProtections12();
        return ExpectTicketOrChange(read, new ExpectServerFinished12(this, server, session.Lineage.Next(), write));
    }

    /// <summary>What comes before the server's Finished: its ticket, if it announced one, then change_cipher_spec.</summary>
    public HandshakeState ExpectTicketOrChange(RecordProtection read, ExpectServerFinished12 finished)
    {
        var change = new ExpectChangeCipherSpec12(Link, read, finished);
        return TicketComes ? new ExpectServerTicket12(this, change) : change;
    }

    public void LogMainSecret() => Link.Log("CLIENT_RANDOM", Link.Keys12!.MainSecret);

    /// <summary>Both Finished messages are in: the session, if there is one, becomes usable .</summary>
    public Connected12 Complete(SessionLineage lineage, FinishedVerified finished)
    {
        var connected = new Connected12(Link, finished);
        bool isNew = NewTicket.Ticket is { Length: > 0 } || (Common.Resumed is null && SessionId.Length > 0);
        // a session whose secret is not bound to its handshake is not kept.
        if (isNew && Link.Info.ExtendedMasterSecret && Common.Settings.AllowResume && NewTicket.Ticket is not { Length: > SessionLimits.MaxClientTicket })
        {
            // With a ticket the ID says nothing (RFC 5077 §3.4).
            var handles = NewTicket.Ticket is { Length: > 0 } ticket ? new SessionHandles { Ticket = ticket } : new SessionHandles { SessionId = SessionId };
            if (Link.TryCreateSession(lineage, Lifetime(), Link.Keys12!.MainSecret, handles, out TlsSession? session))
            {
                Link.SessionReceived(session);
            }
        }
        return connected;
    }

    /// <summary>R-08: at most a day; the hint of a ticket may shorten it, and a hint of zero says nothing (RFC 5077 §3.3).</summary>
    private TimeSpan Lifetime() => NewTicket.LifetimeHint is > 0 and var hint && hint < SessionLimits.MaxLifetime12.TotalSeconds
        ? TimeSpan.FromSeconds(hint)
        : SessionLimits.MaxLifetime12;

    /// <summary>The offered session, where the server accepts it: it echoes the session ID of the hello (RFC 5246 §7.4.1.3, RFC 5077 §3.4).</summary>
    private TlsSession? ResumedSession(ClientHelloWriter sent, CipherSuiteInfo suite)
    {
        if (SessionId.Length == 0 || !PublicData.Equal(SessionId, sent.SessionId))
        {
            return null;
        }
        // an echo means resumption, and there is nothing to resume.
        TlsSession session = Common.Offered12 ?? throw new TlsException(TlsFault.SessionIdEchoedWithoutSession);
        // R-01, D9
        return session.CipherSuite == suite.Suite ? session : throw new TlsException(TlsFault.ResumedCipherSuiteChanged);
    }

    private void ReadExtensions(ExtensionBlock extensions, TlsSession? resumed)
    {
        // who does not know secure renegotiation may be renegotiated by somebody in between.
        if (!extensions.TryGet(ExtensionType.RenegotiationInfo, out TlsReader renegotiation))
        {
            throw new TlsException(TlsFault.RenegotiationInfoInvalid, "the server has none");
        }
        if (!renegotiation.Vector8().IsEmpty)
        {
            throw new TlsException(TlsFault.RenegotiationInfoInvalid, "not empty");
        }
        renegotiation.End();
        Link.Info.ExtendedMasterSecret = ReadEmpty(extensions, ExtensionType.ExtendedMasterSecret);
        if (resumed is not null && !Link.Info.ExtendedMasterSecret)
        {
            //
            throw new TlsException(TlsFault.ExtendedMasterSecretMissing);
        }
        TicketComes = ReadEmpty(extensions, ExtensionType.SessionTicket);
        StatusMayCome = ReadEmpty(extensions, ExtensionType.StatusRequest);
        ReadEmpty(extensions, ExtensionType.ServerName);
        PointFormats.Check(extensions);
        Common.ReadApplicationProtocol(extensions);
        RecordLimits.Accept(Link, Common.Settings, extensions, isTls13: false);
    }

    private static bool ReadEmpty(ExtensionBlock extensions, ExtensionType type)
    {
        bool found = extensions.TryGet(type, out TlsReader data);
        data.End();
        return found;
    }
}

internal sealed class ExpectServerCertificate12(Client12 client) : HandshakeState
{
    public override HandshakeState Receive(HandshakeMessage message)
    {
        Expect(message, HandshakeType.Certificate);
        ClientHandshake common = client.Common;
        List<ReadOnlyMemory<byte>> chain = CertificateMessage12.Read(message);
        if (chain.Count == 0)
        {
            throw new TlsException(TlsFault.EmptyCertificateList);
        }
        PeerCertificate server = client.Link.Own(PeerCertificate.Read(chain, client.Link.Crypto));
        if (!client.Link.Keys12!.Suite.Fits(server.Verifier.Kind))
        {
            throw new TlsException(TlsFault.CertificateKindMismatch);
        }
        if (NamedGroups.CurveOf(server.Verifier.Kind) is { } curve && !common.Settings.Groups12.Contains(curve))
        {
            throw new TlsException(TlsFault.CertificateCurveNotOffered, curve.ToString());
        }
        client.Link.Transcript.Append(message.Raw);
        return client.StatusMayCome ? new ExpectCertificateStatus12(client, server) : new ExpectServerKeyExchange12(client, server);
    }
}

/// <summary>A server that answered status_request may send an OCSP response, and need not (RFC 6066 §8).</summary>
internal sealed class ExpectCertificateStatus12(Client12 client, PeerCertificate server) : HandshakeState
{
    public override HandshakeState Receive(HandshakeMessage message)
    {
        var next = new ExpectServerKeyExchange12(client, server);
        if (message.Type != HandshakeType.CertificateStatus)
        {
            return next.Receive(message);
        }
        server.OcspResponse = client.Link.Info.StapledOcspResponse = CertificateStatus.Read(message);
        client.Link.Transcript.Append(message.Raw);
        return next;
    }
}

internal sealed class ExpectServerKeyExchange12(Client12 client, PeerCertificate server) : HandshakeState
{
    public override HandshakeState Receive(HandshakeMessage message)
    {
        Expect(message, HandshakeType.ServerKeyExchange);
        ClientHandshake common = client.Common;
        (TlsNamedGroup group, byte[] point, PossessionVerified possession) = ServerKeyExchange.Verify(
            client.Link, message, client.ServerRandom, server, common.Settings);
        server.Dispose();
        return Pause.ForWork(
            () => common.Settings.Validator.Run(server, common.TargetHost, client.Link.Sender),
            verdict => new ExpectCertificateRequestOrDone12(client, common.Verified(possession, verdict), group, point, mayRequest: true));
    }
}

internal sealed class ExpectCertificateRequestOrDone12(
    Client12 client, PeerVerified server, TlsNamedGroup group, byte[] serverPoint, bool mayRequest) : HandshakeState
{
    public override HandshakeState Receive(HandshakeMessage message)
    {
        if (message.Type == HandshakeType.CertificateRequest && mayRequest)
        {
            client.Common.CertificateRequest = CertificateRequest12.Read(message);
            client.Link.Transcript.Append(message.Raw);
            return new ExpectCertificateRequestOrDone12(client, server, group, serverPoint, mayRequest: false);
        }
        Expect(message, HandshakeType.ServerHelloDone);
        if (!message.Body.IsEmpty)
        {
            throw new TlsException(TlsFault.TrailingMessageData);
        }
        client.Link.Transcript.Append(message.Raw);
        client.Link.CheckEndOfRecord();
        return client.Common.CertificateRequest is { } request
            ? Pause.For(() => client.Common.SelectCertificate(request, server), certificate => SendFlight(certificate))
            : SendFlight(null);
    }

    private HandshakeState SendFlight(TlsCertificate? certificate)
    {
        HandshakeLink link = client.Link;
        TlsSignatureScheme scheme = default;
        if (client.Common.CertificateRequest is not null)
        {
            scheme = client.Common.UseCertificate(certificate, System.Security.Authentication.SslProtocols.Tls12);
            CertificateMessage12.Write(link, certificate);
        }
        SendKeyExchange();
        if (certificate is not null)
        {
            CertificateVerify12.Write(link, certificate.Signer, scheme);
        }
        link.Transcript.ForgetMessages();
        (RecordProtection write, RecordProtection read) = link.MakeProtections12();
        link.SendChangeCipherSpec();
        link.SetWriteProtection(write);
        Finished12.Write(link);
        return client.ExpectTicketOrChange(read, new ExpectServerFinished12(client, server, client.Common.BeginLineage(server), null));
    }

    private void SendKeyExchange()
    {
        HandshakeLink link = client.Link;
        Span<byte> share = stackalloc byte[NamedGroups.MaxShareLength];
        Span<byte> premaster = stackalloc byte[NamedGroups.MaxSecretLength];
        Span<byte> hash = stackalloc byte[HashKinds.MaxLength];
        try
        {
            (int shareLength, int secretLength) = Agree(share, premaster);
            ServerKeyExchange.WriteClient(link, share[..shareLength]);
            link.Keys12!.Derive(premaster[..secretLength], link.Info.ExtendedMasterSecret ? link.Transcript.Current(hash) : []);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(premaster);
        }
        client.LogMainSecret();
    }

    /// <summary>Only what fails here is the server's fault: what we derive from it is ours (F5).</summary>
    private (int Share, int Secret) Agree(Span<byte> share, Span<byte> premaster)
    {
        try
        {
            return client.Link.Crypto.AnswerKeyExchange(group, serverPoint, share, premaster);
        }
        catch (CryptographicException e)
        {
            throw new TlsException(TlsFault.KeyShareInvalid, null, e);
        }
    }
}

internal sealed class ExpectServerTicket12(Client12 client, ExpectChangeCipherSpec12 next) : HandshakeState
{
    public override HandshakeState Receive(HandshakeMessage message)
    {
        Expect(message, HandshakeType.NewSessionTicket);
        client.NewTicket = NewSessionTicket12.Read(message);
        client.Link.Transcript.Append(message.Raw);
        return next;
    }
}

/// <summary>Waits for the server's Finished. In a resumed handshake ours follows, under <paramref name="write"/>.</summary>
internal sealed class ExpectServerFinished12(Client12 client, PeerVerified server, SessionLineage lineage, RecordProtection? write) : HandshakeState
{
    public override HandshakeState Receive(HandshakeMessage message)
    {
        Expect(message, HandshakeType.Finished);
        HandshakeLink link = client.Link;
        link.CheckEndOfRecord();
        FinishedVerified finished = Finished12.Verify(link, message, server);
        if (write is not null)
        {
            link.SendChangeCipherSpec();
            link.SetWriteProtection(write);
            Finished12.Write(link);
        }
        return client.Complete(lineage, finished);
    }
}

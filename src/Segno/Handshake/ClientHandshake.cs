using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using Segno.Buffers;
using Segno.Certificates;
using Segno.Cryptography;
using Segno.Handshake.Extensions;
using Segno.Sessions;

namespace Segno.Handshake;

/// <summary>What a client's states share: what was offered, and what became of it.</summary>
internal sealed class ClientHandshake
{
    /// <summary>As many sessions as a cache has for one key at most: one that hands out more is not to be trusted to end.</summary>
    private const int MaxTaken = 16;

    private bool _helloSent;

    public ClientHandshake(HandshakeLink link, ClientSettings settings, string? targetHost, int targetPort)
    {
        Link = link;
        if (!string.IsNullOrEmpty(targetHost))
        {
            ReferenceName name = ServerNames.Normalize(targetHost);
            ServerName = name.SniName;
            link.Target = (name.Canonical, targetPort);
        }
        Settings = settings;
        TargetHost = targetHost;
        TargetPort = targetPort;
        ExternalPsks = settings.ExternalPsks;
    }

    public HandshakeLink Link { get; }

    public ClientSettings Settings { get; }

    public string? TargetHost { get; }

    public int TargetPort { get; }

    /// <summary>The name for SNI; <see langword="null"/> for IP addresses.</summary>
    public string? ServerName { get; }

    /// <summary>The session that is offered, while it is.</summary>
    public TlsSession? Offered { get; set; }

    /// <summary>The same, where it is one of TLS 1.3.</summary>
    public TlsSession? Offered13 => Offered is { ProtocolVersion: SslProtocols.Tls13 } session ? session : null;

    /// <summary>The same, where it is one of TLS 1.2.</summary>
    public TlsSession? Offered12 => Offered is { ProtocolVersion: SslProtocols.Tls12 } session ? session : null;

    /// <summary>The external PSKs that are offered, while they are.</summary>
    public ExternalPskKey[] ExternalPsks { get; set; }

    /// <summary>The external PSK that the server took.</summary>
    public ExternalPskKey? ExternalPsk { get; set; }

    /// <summary>What the hello offers, in this order: the session first, which costs the server no look-up.</summary>
    public OfferedPsk[] Psks => [.. Offered13 is { } session ? new[] { new OfferedPsk(session) } : [], .. ExternalPsks.Select(psk => new OfferedPsk(psk))];

    /// <summary>Whether early data is offered, and not refused yet.</summary>
    public bool OffersEarlyData { get; set; }

    /// <summary>The session that is resumed, once the server said so.</summary>
    public TlsSession? Resumed { get; set; }

    /// <summary>Why no session is offered.</summary>
    public ResumptionOutcome NotOffered { get; set; }

    /// <summary>The server's request for a certificate, with the schemes it accepts.</summary>
    public TlsCertificateRequestInfo? CertificateRequest { get; set; }

    /// <summary>Whether a server that asks for a certificate may get one.</summary>
    public bool HasCertificate => Settings.ClientCertificate is not null || Settings.ClientCertificateSelector is not null;

    /// <summary>How a certificate of ours may be compressed.</summary>
    public ushort[] CertificateCompressions { get; set; } = [];

    public ClientSessionKey? SessionKey()
        => TargetHost is { Length: > 0 } host
            ? new ClientSessionKey(host, TargetPort, ServerName, Settings.ApplicationProtocols, Settings.ScopeDigest)
            : null;

    /// <summary>Looks for a session to offer, and judges it as a server would.</summary>
    /// <exception cref="TlsException">There is none, and resumption is required.</exception>
    public void ChooseSession()
    {
        if (!Settings.AllowResume)
        {
            NotOffered = ResumptionOutcome.None(ResumptionReason.ResumptionDisabled);
        }
        else if (Settings.Resume is { } session)
        {
            TryOffer(session, allowReuse: Settings.AllowTicketReuse);
        }
        else if (SessionKey() is { } key)
        {
            ChooseFromCache(key);
        }
        else
        {
            NotOffered = ResumptionOutcome.None(ResumptionReason.NoSessionYet);
        }
        if (Offered is null && Settings.RequireResumption)
        {
            throw new TlsException(TlsFault.NoSessionToResume, NotOffered.Reason.ToString());
        }
    }

    /// <summary>Whether early data can be offered under the session that is (RFC 9846 §4.3.10; ).</summary>
    public void ChooseEarlyData(int size)
    {
        if (size == 0)
        {
            return;
        }
        EarlyDataReason reason = Offered13 is not { } session ? EarlyDataReason.NoSession
            : session.MaxEarlyDataSize == 0 ? EarlyDataReason.NotAllowedBySession
            : session.MaxEarlyDataSize < size ? EarlyDataReason.TooLarge
            : !Array.Exists(Settings.CipherSuites13, suite => suite.Suite == session.CipherSuite) ? EarlyDataReason.CipherMismatch
            // A server would have to choose what this hello does not offer (E8).
            : session.ApplicationProtocol.Protocol.Length > 0 && !Settings.ApplicationProtocols.Contains(session.ApplicationProtocol) ? EarlyDataReason.AlpnMismatch
            : EarlyDataReason.None;
        OffersEarlyData = reason == EarlyDataReason.None;
        Link.Info.EarlyData = EarlyDataOutcome.NotOffered(reason);
    }

    /// <summary>Our hello is out: early data may follow it, in records of the session's suite.</summary>
    public void OpenEarlyData(ClientHelloWriter hello)
    {
        TlsSession session = Offered13!;
        CipherSuiteInfo suite = Array.Find(Settings.CipherSuites13, suite => suite.Suite == session.CipherSuite)!;
        Span<byte> hash = stackalloc byte[HashKinds.MaxLength];
        Span<byte> psk = stackalloc byte[HashKinds.MaxLength];
        psk = psk[..session.CopySecret(psk)];
        Link.EarlyKeys = new KeySchedule(Link.Crypto, suite);
        Link.EarlyKeys.Start(psk);
        CryptographicOperations.ZeroMemory(psk);
        Link.EarlyKeys.EnterEarly(Link.Transcript.CurrentWith(suite.Hash, [], hash));
        Link.LogEarlySecrets(Link.EarlyKeys);
        hello.SendChangeCipherSpec();
        Link.SetWriteSecret(suite, Link.EarlyKeys.ClientEarlySecret);
        Link.OpenEarlyData(session.MaxEarlyDataSize);
        // Until the server says otherwise.
        Link.Info.EarlyData = EarlyDataOutcome.Rejected(EarlyDataReason.DeclinedByServer);
    }

    /// <summary>The server has answered, or as good as.</summary>
    public void CloseEarlyData(EarlyDataOutcome outcome)
    {
        OffersEarlyData = outcome.IsAccepted;
        Link.Info.EarlyData = outcome;
        Link.CloseEarlyData();
        Link.EarlyKeys?.Dispose();
        Link.EarlyKeys = null;
    }

    /// <summary>The hello went out: the session that it offers is used.</summary>
    public void HelloSent() => _helloSent = true;

    /// <summary>The connection ended. A session that nobody saw, because the hello never went out, may be offered by another.</summary>
    public void Ended()
    {
        if (_helloSent || Offered is not { } session)
        {
            return;
        }
        Offered = null;
        session.TakeBack();
        if (Settings.Resume is null && SessionKey() is { } key)
        {
            Callback.Call(() => Settings.SessionCache.PutBack(key, session));
        }
    }

    /// <summary>The server makes a full handshake, or the offer did not come about.</summary>
    /// <exception cref="TlsException">Resumption is required, or it should have taken an external PSK.</exception>
    public void ReportFullHandshake()
    {
        Link.Info.Resumption = Offered is { } offered ? ResumptionOutcome.Declined(MechanismOf(offered), ResumptionReason.DeclinedByServer)
            : ExternalPsks.Length > 0 ? ResumptionOutcome.Declined(ResumptionMechanism.ExternalPsk, ResumptionReason.DeclinedByServer)
            : NotOffered;
        if (Settings.RequireResumption)
        {
            throw new TlsException(TlsFault.ResumptionRequiredButDeclined, Link.Info.Resumption.Reason.ToString());
        }
        if (!Settings.AllowCertificates)
        {
            throw new TlsException(TlsFault.ExternalPskNotSelected);
        }
    }

    /// <summary>The server's choice (RFC 7301 §3.2), of this connection whatever the session had.</summary>
    public void ReadApplicationProtocol(ExtensionBlock extensions)
    {
        if (!extensions.TryGet(ExtensionType.ApplicationLayerProtocolNegotiation, out TlsReader data))
        {
            return;
        }
        TlsReader list = data.Within(data.Vector16(2));
        data.End();
        var protocol = new SslApplicationProtocol(list.Vector8(1).ToArray());
        list.End();
        if (!Settings.ApplicationProtocols.Contains(protocol))
        {
            throw new TlsException(TlsFault.ApplicationProtocolNotOffered);
        }
        Link.Info.ApplicationProtocol = protocol;
    }

    /// <summary>The server's certificate was examined.</summary>
    /// <exception cref="TlsException">It was refused.</exception>
    public PeerVerified Verified(PossessionVerified possession, ChainVerdict verdict)
    {
        Link.Info.RemoteCertificateStatus = verdict.Status;
        return PeerVerified.ByCertificate(possession, verdict);
    }

    /// <summary>The server has proved who it is: the lineage of its sessions begins.</summary>
    public SessionLineage BeginLineage(PeerVerified peer)
    {
        if (Offered is { } declined && SessionKey() is { } key)
        {
            // what the server has forgotten of one ticket it has forgotten of its siblings. Not before it has proved who it is.
            Callback.Call(() => Settings.SessionCache.Remove(key, declined.LineageId));
        }
        Link.Info.AuthenticatedAt = Link.Now;
        SessionLineage lineage = SessionLineage.Begin(
            Link.Info.AuthenticatedAt, SessionLimits.MaxLifetime, peer.Chain, peer.NotAfter, null, Link.Crypto, peer.ExternalPsk);
        Link.Info.LineageId = lineage.Id;
        return lineage;
    }

    public ValueTask<TlsCertificate?> SelectCertificate(TlsCertificateRequestInfo request, PeerVerified server)
    {
        if (Settings.ClientCertificateSelector is not { } selector)
        {
            return new ValueTask<TlsCertificate?>(Settings.ClientCertificate);
        }
        request.Sender = Link.Sender;
        request.TargetHost = TargetHost;
        request.ServerCertificate = server.Certificate?.Leaf;
        return selector(request, Link.Aborted);
    }

    /// <summary>Takes the certificate for the server's request.</summary>
    /// <returns>The scheme to sign with; without meaning where there is no certificate.</returns>
    public TlsSignatureScheme UseCertificate(TlsCertificate? certificate, SslProtocols version)
    {
        Link.Info.RemoteSignatureSchemes = CertificateRequest!.SignatureSchemes;
        if (certificate is null)
        {
            return default;
        }
        ushort[] schemes = [.. CertificateRequest.SignatureSchemes.Select(scheme => (ushort)scheme)];
        Link.Info.LocalCertificate = certificate.Certificate;
        Link.Info.IsMutuallyAuthenticated = true;
        return certificate.ChooseScheme(schemes, Settings.SigningSchemes, version) ?? throw new TlsException(TlsFault.NoCommonSignatureScheme);
    }

    public void ReportResumed(TlsSession session)
    {
        Resumed = session;
        Link.Info.Resumption = ResumptionOutcome.Resumed(MechanismOf(session));
        Link.Info.SessionAge = Link.Now - session.IssuedAt;
        Link.Info.AuthenticatedAt = session.AuthenticatedAt;
        Link.Info.LineageId = session.LineageId;
        Link.Info.ResumptionCount = session.ResumptionCount + 1;
        Link.Info.IsMutuallyAuthenticated = session.IsMutuallyAuthenticated;
    }

    /// <summary>The first that fits. What does not goes back: a context that shares the cache may have another rule.</summary>
    private void ChooseFromCache(ClientSessionKey key)
    {
        List<TlsSession> unfit = [];
        (TlsSession? session, ResumptionReason reason) = Take(key);
        for (; session is not null; (session, reason) = Take(key))
        {
            if (TryOffer(session, allowReuse: false))
            {
                break;
            }
            unfit.Add(session);
            if (session.ProtocolVersion == SslProtocols.Tls12 || unfit.Count == MaxTaken)
            {
                // A session of TLS 1.2 stays in the cache and would come again.
                break;
            }
        }
        if (unfit.Count == 0 && Offered is null)
        {
            NotOffered = ResumptionOutcome.None(reason);
        }
        unfit.ForEach(other => Callback.Call(() => Settings.SessionCache.PutBack(key, other)));
    }

    private (TlsSession? Session, ResumptionReason Reason) Take(ClientSessionKey key) => Callback.Call(
        () => Settings.SessionCache.TryTake(key, Link.Now, out TlsSession? session, out ResumptionReason reason) ? (session, reason) : (null, reason));

    private bool TryOffer(TlsSession session, bool allowReuse)
    {
        ResumptionOutcome verdict = Judge(session);
        if (verdict.IsResumed && !session.TryOffer() && !allowReuse)
        {
            // R-83, J1: somebody was given it beside the cache, or a second time.
            verdict = ResumptionOutcome.Declined(verdict.Mechanism, ResumptionReason.SessionConsumed);
        }
        if (verdict.IsResumed)
        {
            Offered = session;
        }
        else if (NotOffered.Reason == ResumptionReason.None)
        {
            // That of the best one.
            NotOffered = ResumptionOutcome.None(verdict.Reason, verdict.Detail);
        }
        return verdict.IsResumed;
    }

    private ResumptionOutcome Judge(TlsSession session) => Misfit(session) is { } misfit
        ? ResumptionOutcome.Declined(MechanismOf(session), misfit)
        : ResumptionRules.Judge(session, new ResumptionOffer
        {
            Mechanism = MechanismOf(session),
            ProtocolVersion = session.ProtocolVersion,
            CipherSuite = session.CipherSuite,
            Hash = session.Hash,
            Scope = Settings.Scope,
            ServerName = ServerName,
            Now = Link.Now,
            ResumedPeer = Settings.ResumedPeer,
        });

    private static ResumptionMechanism MechanismOf(TlsSession session) => session switch
    {
        { ProtocolVersion: SslProtocols.Tls13 } => ResumptionMechanism.Psk,
        { Ticket.IsEmpty: false } => ResumptionMechanism.Ticket,
        _ => ResumptionMechanism.SessionId,
    };

    /// <summary>Why this hello cannot offer the session at all; <see langword="null"/> where it can.</summary>
    private ResumptionReason? Misfit(TlsSession session)
    {
        bool isTls13 = session.ProtocolVersion == SslProtocols.Tls13;
        if (isTls13 ? !Settings.AllowsTls13 : !Settings.AllowsTls12)
        {
            return ResumptionReason.ProtocolVersionMismatch;
        }
        if (session.Ticket.IsEmpty && (isTls13 || session.SessionId.IsEmpty))
        {
            return ResumptionReason.TicketMalformed;
        }
        //
        bool hasSuite = isTls13
            ? Array.Exists(Settings.CipherSuites13, suite => suite.Hash == session.Hash)
            : Array.Exists(Settings.CipherSuites12, suite => suite.Suite == session.CipherSuite);
        if (!hasSuite)
        {
            return ResumptionReason.CipherSuiteMismatch;
        }
        // B5, R-69: an address is no server name, and yet another host.
        return string.Equals(session.TargetHost, Link.Target.Host, StringComparison.Ordinal) ? null : ResumptionReason.ServerNameMismatch;
    }
}

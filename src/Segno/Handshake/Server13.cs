using System.Security.Authentication;
using System.Security.Cryptography;
using Segno.Buffers;
using Segno.Certificates;
using Segno.Cryptography;
using Segno.Handshake.Extensions;
using Segno.Handshake.Messages;
using Segno.Sessions;
using Segno.Sessions.Tickets;

namespace Segno.Handshake;

/// <summary>From a ClientHello to the server's flight: suite, group, session, certificate, in this order.</summary>
internal sealed class ServerNegotiation(ServerHandshake server, ClientHello hello, TlsNamedGroup? retriedGroup)
{
    /// <summary>More tickets than this are not opened.</summary>
    private const int MaxTicketsTried = 2;

    private const byte PskKe = 0;
    private const byte PskDheKe = 1;

    private readonly HandshakeLink _link = server.Link;
    private TlsNamedGroup _group;
    private ReadOnlyMemory<byte> _peerShare;
    private int _pskIndex = -1;
    private bool _useKeyExchange = true;
    private bool _acceptsEarlyData;

    public HandshakeState Run()
    {
        CipherSuiteInfo suite = ChooseSuite();
        if (server.Suite is { } earlier && earlier != suite)
        {
            throw new TlsException(TlsFault.SecondClientHelloDiffers);
        }
        server.Suite = suite;
        hello.ReadPreSharedKeys();
        byte[]? modes = hello.PskModes();
        if (hello.Identities.Count > 0 && modes is null)
        {
            throw new TlsException(TlsFault.PskKeyExchangeModesMissing);
        }
        bool pskOnly = server.Settings.AllowPskWithoutKeyExchange && modes?.Contains(PskKe) == true;
        bool usable = pskOnly || modes?.Contains(PskDheKe) == true;
        server.MayIssueTickets = usable && server.Settings.AllowResume && server.Settings.TicketLifetime > TimeSpan.Zero;
        ushort[]? groups = hello.UInt16List(ExtensionType.SupportedGroups);
        List<(TlsNamedGroup Group, ReadOnlyMemory<byte> Share)>? shares = hello.KeyShares();
        if (groups is null != shares is null)
        {
            //
            throw new TlsException(TlsFault.MissingExtension, groups is null ? nameof(ExtensionType.SupportedGroups) : nameof(ExtensionType.KeyShare));
        }
        if (shares is { } given && groups is { } listed && given.Exists(share => !listed.Contains((ushort)share.Group)))
        {
            throw new TlsException(TlsFault.KeyShareNotInSupportedGroups);
        }
        return Locate(0, usable, pskOnly, found => Agree(found, groups, shares, pskOnly));
    }

    private CipherSuiteInfo ChooseSuite()
    {
        CipherSuiteInfo[] ours = server.Settings.CipherSuites13;
        if (server.Settings.PreferServerCipherSuites)
        {
            return Array.Find(ours, suite => hello.CipherSuites.Contains((ushort)suite.Suite)) ?? throw new TlsException(TlsFault.NoCommonCipherSuite);
        }
        foreach (ushort theirs in hello.CipherSuites)
        {
            if (Array.Find(ours, suite => (ushort)suite.Suite == theirs) is { } common)
            {
                return common;
            }
        }
        throw new TlsException(TlsFault.NoCommonCipherSuite);
    }

    /// <summary>Locate and judge: the first identity that is a good session of ours. Nothing is changed by it.</summary>
    private HandshakeState Locate(int index, bool modesUsable, bool pskOnly, Func<TlsSession?, HandshakeState> next)
    {
        if (index == 0 && hello.Identities.Count > 0)
        {
            if (!server.Settings.AllowResume || !modesUsable)
            {
                _link.Info.Resumption = ResumptionOutcome.Declined(
                    ResumptionMechanism.Psk, modesUsable ? ResumptionReason.ResumptionDisabled : ResumptionReason.NoUsablePskMode);
                return next(null);
            }
        }
        if (index >= Math.Min(hello.Identities.Count, MaxTicketsTried))
        {
            return next(null);
        }
        return Pause.For(
            () => server.Settings.Sessions.LocateAsync(ResumptionMechanism.Psk, hello.Identities[index].Identity, _link.Aborted),
            located =>
            {
                _link.Located(located);
                ResumptionOutcome outcome = located.Session is { } session
                    ? Judge(session)
                    : ResumptionOutcome.Declined(ResumptionMechanism.Psk, located.Reason);
                _link.Info.Resumption = outcome;
                if (!outcome.IsResumed)
                {
                    return Locate(index + 1, modesUsable, pskOnly, next);
                }
                _pskIndex = index;
                return next(located.Session);
            });
    }

    private ResumptionOutcome Judge(TlsSession session) => server.Settings.Sessions.Judge(session, new ResumptionOffer
    {
        Mechanism = ResumptionMechanism.Psk,
        ProtocolVersion = SslProtocols.Tls13,
        CipherSuite = server.Suite!.Suite,
        Hash = server.Suite.Hash,
        Scope = server.Settings.Scope,
        ServerName = server.ServerName,
        Now = _link.Now,
        ClientCertificateRequired = server.Settings.ClientCertificateMode == TlsClientCertificateMode.Required,
        ResumedPeer = server.Settings.ResumedPeer,
    });

    private HandshakeState Agree(
        TlsSession? session, ushort[]? groups, List<(TlsNamedGroup Group, ReadOnlyMemory<byte> Share)>? shares, bool pskOnly)
    {
        server.Resumed = session;
        _useKeyExchange = !(session is not null && pskOnly);
        if (session is not null)
        {
            Prove(session);
        }
        if (_useKeyExchange)
        {
            if (groups is null || shares is null)
            {
                throw new TlsException(TlsFault.MissingExtension, nameof(ExtensionType.KeyShare));
            }
            if (!ChooseGroup(groups, shares))
            {
                return Retry();
            }
        }
        server.ChooseApplicationProtocol(hello);
        if (session is not null)
        {
            return JudgeEarlyData(session);
        }
        RejectEarlyData(EarlyDataReason.SessionNotResumed);
        if (hello.UInt16List(ExtensionType.SignatureAlgorithms) is not { } schemes)
        {
            //
            throw new TlsException(TlsFault.MissingExtension, nameof(ExtensionType.SignatureAlgorithms));
        }
        return Pause.For(() => server.SelectCertificate(hello), certificate => UseCertificate(certificate, schemes));
    }

    /// <summary>Prove: the binder shows that the client has the session's secret (RFC 9846 §4.3.11.2; D5, D6, R-74).</summary>
    private void Prove(TlsSession session)
    {
        Span<byte> hash = stackalloc byte[HashKinds.MaxLength];
        Span<byte> psk = stackalloc byte[HashKinds.MaxLength];
        Span<byte> binder = stackalloc byte[HashKinds.MaxLength];
        binder = binder[..session.Hash.Length()];
        ReadOnlySpan<byte> transcript = _link.Transcript.CurrentWith(session.Hash, hello.Raw.AsSpan(0, hello.BindersOffset), hash);
        psk = psk[..session.CopySecret(psk)];
        KeySchedule.ComputeBinder(_link.Crypto, session.Hash, psk, external: false, transcript, binder);
        CryptographicOperations.ZeroMemory(psk);
        if (!CryptographicOperations.FixedTimeEquals(binder, hello.Binders[_pskIndex]))
        {
            throw new TlsException(TlsFault.PskBinderInvalid);
        }
    }

    /// <summary>Early data under the session that is resumed: taken where every rule allows it, and the replay guard has not seen it .</summary>
    private HandshakeState JudgeEarlyData(TlsSession session)
    {
        if (!hello.Extensions.Has(ExtensionType.EarlyData))
        {
            return SendFlight();
        }
        if (server.Settings.Replays is not { } guard)
        {
            RejectEarlyData(EarlyDataReason.Disabled);
            return SendFlight();
        }
        var offer = new EarlyDataOffer
        {
            IdentityIndex = _pskIndex,
            CipherSuite = server.Suite!.Suite,
            ApplicationProtocol = _link.Info.ApplicationProtocol,
            Zone = guard.Zone,
            ObfuscatedAge = hello.Identities[_pskIndex].ObfuscatedAge,
            Now = _link.Now,
            Window = server.Settings.EarlyDataWindow,
        };
        EarlyDataReason reason = EarlyDataRules.Judge(session, offer);
        if (reason != EarlyDataReason.None)
        {
            RejectEarlyData(reason);
            return SendFlight();
        }
        EarlyDataClaim claim = EarlyDataRules.Claim(hello.Binders[_pskIndex], session, offer);
        return Pause.For(
            () => guard.ClaimAsync(claim, _link.Aborted),
            verdict =>
            {
                if (verdict == EarlyDataReason.None)
                {
                    _acceptsEarlyData = true;
                    _link.Info.EarlyData = EarlyDataOutcome.Accepted;
                }
                else
                {
                    RejectEarlyData(verdict);
                }
                return SendFlight();
            });
    }

    /// <summary>The client's early data is not read, if there is any; why, is only for us to know.</summary>
    private void RejectEarlyData(EarlyDataReason reason)
    {
        if (hello.Extensions.Has(ExtensionType.EarlyData))
        {
            _link.Info.EarlyData = EarlyDataOutcome.Rejected(server.Settings.Replays is null ? EarlyDataReason.Disabled : reason);
        }
    }

    /// <returns>Whether the client sent a share for the group; if not, it must be asked for one.</returns>
    private bool ChooseGroup(ushort[] groups, List<(TlsNamedGroup Group, ReadOnlyMemory<byte> Share)> shares)
    {
        if (retriedGroup is { } wanted)
        {
            if (shares.Count != 1 || shares[0].Group != wanted)
            {
                throw new TlsException(TlsFault.RetriedKeyShareWrong);
            }
            (_group, _peerShare) = shares[0];
            return true;
        }
        foreach (TlsNamedGroup ours in server.Settings.Groups)
        {
            if (!groups.Contains((ushort)ours))
            {
                continue;
            }
            // Preferences decide, not what the client guessed that we prefer (RFC 9846 §4.3.8).
            _group = ours;
            int index = shares.FindIndex(share => share.Group == ours);
            _peerShare = index >= 0 ? shares[index].Share : default;
            return index >= 0;
        }
        throw new TlsException(TlsFault.NoCommonGroup);
    }

    private ExpectClientHello Retry()
    {
        _link.CheckEndOfRecord();
        _link.Info.HelloRetried = true;
        _link.Transcript.Append(hello.Raw);
        _link.Transcript.ReplaceByMessageHash(server.Suite!.Hash);
        TlsWriter writer = _link.Begin(HandshakeType.ServerHello, out int start);
        ServerHello.WriteStart(writer, [], hello.SessionId, (ushort)server.Suite.Suite);
        TlsWriter.OpenVector extensions = writer.Open(2);
        WriteVersion(writer);
        writer.UInt16((int)ExtensionType.KeyShare);
        writer.UInt16(2);
        writer.UInt16((int)_group);
        writer.Close(extensions);
        _link.End(start);
        if (hello.SessionId.Length > 0)
        {
            _link.SendChangeCipherSpec();
        }
        if (hello.Extensions.Has(ExtensionType.EarlyData))
        {
            RejectEarlyData(EarlyDataReason.HelloRetry);
            _link.SkipEarlyData();
        }
        return new ExpectClientHello(server, hello, _group);
    }

    private HandshakeState UseCertificate(TlsCertificate? selected, ushort[] schemes)
    {
        TlsCertificate[] candidates = [.. server.Candidates(selected, hello, schemes)];
        foreach (TlsCertificate candidate in candidates)
        {
            if (candidate.ChooseScheme(schemes, server.Settings.SigningSchemes, SslProtocols.Tls13) is { } scheme)
            {
                server.Certificate = candidate;
                server.Scheme = scheme;
                return SendFlight();
            }
        }
        throw new TlsException(candidates.Length == 0 ? TlsFault.NoSuitableCertificate : TlsFault.NoCommonSignatureScheme);
    }

    private HandshakeState SendFlight()
    {
        _link.CheckEndOfRecord();
        SendServerHello();
        _link.SetWriteSecret(server.Suite!, _link.Keys!.ServerHandshakeSecret);
        _link.SetReadSecret(server.Suite!, _acceptsEarlyData ? _link.Keys.ClientEarlySecret : _link.Keys.ClientHandshakeSecret);
        if (hello.Extensions.Has(ExtensionType.EarlyData) && !_acceptsEarlyData)
        {
            //
            _link.SkipEarlyData();
        }
        SendEncryptedExtensions();
        bool request = server.Resumed is null && server.Settings.ClientCertificateMode != TlsClientCertificateMode.None;
        if (server.Resumed is null)
        {
            if (request)
            {
                SendCertificateRequest();
            }
            ushort[] compressions = server.Settings.CompressCertificates ? CompressedCertificate.ReadOffer(hello.Extensions) : [];
            CertificateMessage.Write(_link, server.Certificate, compressions, server.ChooseOcspResponse(hello));
            CertificateVerify.Write(_link, server.Certificate!.Signer, server.Scheme, isServer: true);
            _link.Info.LocalCertificate = server.Certificate.Certificate;
        }
        Finished.Write(_link, _link.Keys.ServerHandshakeSecret);
        Span<byte> hash = stackalloc byte[HashKinds.MaxLength];
        _link.Keys.EnterMain(_link.Transcript.Current(hash));
        _link.LogApplicationSecrets();
        _link.SetWriteSecret(server.Suite!, _link.Keys.ServerApplicationSecret);
        if (server.Resumed is { } session)
        {
            server.ReportResumed(session);
            _link.Info.TicketAgeSkew = TicketAge.Skew(hello.Identities[_pskIndex].ObfuscatedAge, session, _link.Now);
            // Behind our flight, so that who looks on does not learn what became of a client's certificate.
            return StoredPeer.Verify(_link, session, null, peer => AwaitClient(session, peer));
        }
        _link.Info.AuthenticatedAt = _link.Now;
        return request
            ? new ExpectClientCertificate(server)
            : new ExpectClientFinished(server, null, PeerVerified.WithoutCertificate(server.Settings.ClientCertificateMode));
    }

    private HandshakeState AwaitClient(TlsSession session, PeerVerified peer)
    {
        var finished = new ExpectClientFinished(server, session.Lineage.Next(), peer);
        if (!_acceptsEarlyData)
        {
            return finished;
        }
        _link.ShowPeer(peer);
        // our flight is out, whatever the client still has to say.
        _link.OpenEarlyData(session.MaxEarlyDataSize);
        return new ExpectEndOfEarlyData(server, finished);
    }

    private void SendServerHello()
    {
        Span<byte> share = stackalloc byte[NamedGroups.MaxShareLength];
        Span<byte> shared = stackalloc byte[NamedGroups.MaxSecretLength];
        Span<byte> psk = stackalloc byte[HashKinds.MaxLength];
        Span<byte> random = stackalloc byte[ClientHello.RandomLength];
        Span<byte> hash = stackalloc byte[HashKinds.MaxLength];
        (int Share, int Secret) lengths = (0, 0);
        if (_useKeyExchange)
        {
            try
            {
                lengths = _link.Crypto.AnswerKeyExchange(_group, _peerShare.Span, share, shared);
            }
            catch (CryptographicException e)
            {
                throw new TlsException(TlsFault.KeyShareInvalid, null, e);
            }
            _link.Info.Group = _group;
        }
        _link.Crypto.FillRandom(random);
        _link.Transcript.Append(hello.Raw);
        _link.Negotiated(server.Suite!);
        try
        {
            psk = psk[..(server.Resumed?.CopySecret(psk) ?? 0)];
            _link.Keys!.Start(psk);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(psk);
        }
        if (_acceptsEarlyData)
        {
            _link.Keys.EnterEarly(_link.Transcript.Current(hash));
            _link.LogEarlySecrets(_link.Keys);
        }
        TlsWriter writer = _link.Begin(HandshakeType.ServerHello, out int start);
        ServerHello.WriteStart(writer, random, hello.SessionId, (ushort)server.Suite!.Suite);
        // In the order of RFC 8448's traces.
        TlsWriter.OpenVector extensions = writer.Open(2);
        if (server.Resumed is not null)
        {
            writer.UInt16((int)ExtensionType.PreSharedKey);
            writer.UInt16(2);
            writer.UInt16(_pskIndex);
        }
        if (_useKeyExchange)
        {
            writer.UInt16((int)ExtensionType.KeyShare);
            TlsWriter.OpenVector entry = writer.Open(2);
            writer.UInt16((int)_group);
            writer.Vector16(share[..lengths.Share]);
            writer.Close(entry);
        }
        WriteVersion(writer);
        writer.Close(extensions);
        _link.End(start);
        if (hello.SessionId.Length > 0)
        {
            _link.SendChangeCipherSpec();
        }
        try
        {
            _link.Keys.EnterHandshake(shared[..lengths.Secret], _link.Transcript.Current(hash));
        }
        finally
        {
            CryptographicOperations.ZeroMemory(shared);
        }
        _link.LogHandshakeSecrets();
    }

    private void SendEncryptedExtensions()
    {
        TlsWriter writer = _link.Begin(HandshakeType.EncryptedExtensions, out int start);
        TlsWriter.OpenVector extensions = writer.Open(2);
        if (server.ServerName is not null && server.Resumed is null)
        {
            writer.UInt16((int)ExtensionType.ServerName);
            writer.UInt16(0);
        }
        server.WriteApplicationProtocol(writer);
        RecordLimits.Answer(_link, hello, isTls13: true, writer);
        AnswerTicketRequest(writer);
        if (_acceptsEarlyData)
        {
            writer.UInt16((int)ExtensionType.EarlyData);
            writer.UInt16(0);
        }
        writer.Close(extensions);
        _link.End(start);
    }

    private void AnswerTicketRequest(TlsWriter writer)
    {
        ServerSettings settings = server.Settings;
        TlsTicketRequest? request = TicketRequest.Read(hello.Extensions);
        server.TicketCount = !server.MayIssueTickets ? 0
            : server.Resumed is null ? TicketRequest.Grant(settings.TicketCount, request?.OnFullHandshake)
            : TicketRequest.Grant(settings.TicketCountOnResumption, request?.OnResumption);
        if (request is not null)
        {
            TicketRequest.WriteHint(writer, server.TicketCount);
        }
    }

    private void SendCertificateRequest()
    {
        TlsWriter writer = _link.Begin(HandshakeType.CertificateRequest, out int start);
        writer.Vector8([]);
        TlsWriter.OpenVector extensions = writer.Open(2);
        writer.UInt16((int)ExtensionType.SignatureAlgorithms);
        TlsWriter.OpenVector extension = writer.Open(2);
        TlsWriter.OpenVector list = writer.Open(2);
        foreach (TlsSignatureScheme scheme in server.Settings.SignatureSchemes)
        {
            writer.UInt16((int)scheme);
        }
        writer.Close(list);
        writer.Close(extension);
        if (server.Settings.CompressCertificates)
        {
            writer.UInt16((int)ExtensionType.CompressCertificate);
            extension = writer.Open(2);
            CompressedCertificate.WriteOffer(writer);
            writer.Close(extension);
        }
        if (server.Settings.ClientCertificateAuthorities.Length > 0)
        {
            writer.UInt16((int)ExtensionType.CertificateAuthorities);
            extension = writer.Open(2);
            CertificateAuthorities.Write(writer, server.Settings.ClientCertificateAuthorities);
            writer.Close(extension);
        }
        writer.Close(extensions);
        _link.End(start);
    }

    private static void WriteVersion(TlsWriter writer)
    {
        writer.UInt16((int)ExtensionType.SupportedVersions);
        writer.UInt16(2);
        writer.UInt16(0x0304);
    }
}

internal sealed class ExpectClientCertificate(ServerHandshake server) : HandshakeState
{
    private static readonly HashSet<ExtensionType> NothingOffered = [];

    public override HandshakeState Receive(HandshakeMessage message)
    {
        List<ReadOnlyMemory<byte>> chain = CertificateMessage.Read(message, server.Settings, NothingOffered, out _);
        if (chain.Count == 0)
        {
            var peer = PeerVerified.WithoutCertificate(server.Settings.ClientCertificateMode);
            server.Link.Transcript.Append(message.Raw);
            return new ExpectClientFinished(server, null, peer);
        }
        PeerCertificate client = PeerCertificate.Read(chain, server.Link.Crypto);
        server.Link.Transcript.Append(message.Raw);
        return new ExpectClientCertificateVerify(server, client);
    }
}

internal sealed class ExpectClientCertificateVerify(ServerHandshake server, PeerCertificate client) : HandshakeState
{
    public override HandshakeState Receive(HandshakeMessage message)
    {
        Expect(message, HandshakeType.CertificateVerify);
        PossessionVerified possession = CertificateVerify.Verify(server.Link, message, client, server.Settings.SignatureSchemes, isServer: false);
        client.Dispose();
        return Pause.ForWork(
            () => server.Settings.Validator.Run(client, null, server.Link.Sender),
            verdict => new ExpectClientFinished(server, null, PeerVerified.ByCertificate(possession, verdict)));
    }
}

/// <summary>Early data was accepted: it flows until its end is said (RFC 9846 §4.6; R-108).</summary>
internal sealed class ExpectEndOfEarlyData(ServerHandshake server, ExpectClientFinished next) : HandshakeState
{
    public override HandshakeState Receive(HandshakeMessage message)
    {
        Expect(message, HandshakeType.EndOfEarlyData);
        new TlsReader(message.Body).End();
        server.Link.Transcript.Append(message.Raw);
        // Reading on under another key checks that nothing stands behind it (G2, E3).
        server.Link.SetReadSecret(server.Suite!, server.Link.Keys!.ClientHandshakeSecret);
        server.Link.CloseEarlyData();
        return next;
    }
}

/// <summary>Waits for the client's Finished; then tickets may go out, unless the application has yet to say so.</summary>
internal sealed class ExpectClientFinished(ServerHandshake server, SessionLineage? resumedLineage, PeerVerified peer) : HandshakeState
{
    public override HandshakeState Receive(HandshakeMessage message)
    {
        Expect(message, HandshakeType.Finished);
        HandshakeLink link = server.Link;
        FinishedVerified finished = Finished.Verify(link, message, link.Keys!.ClientHandshakeSecret, peer);
        link.SetReadSecret(server.Suite!, link.Keys.ClientApplicationSecret);
        Span<byte> hash = stackalloc byte[HashKinds.MaxLength];
        link.Keys.Finish(link.Transcript.Current(hash));
        var connected = new Connected13(link, null, finished);
        if (server.MayIssueTickets)
        {
            link.Issuer = new SessionIssuer13(server, resumedLineage ?? server.BeginLineage(peer));
            if (link.Issuer.IsCommitted)
            {
                link.Issuer.Issue(server.TicketCount);
            }
        }
        return connected;
    }
}

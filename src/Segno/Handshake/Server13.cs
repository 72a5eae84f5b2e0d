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

/// <summary>From a ClientHello to the server's flight: suite, session or external PSK, group, certificate, in this order.</summary>
internal sealed class ServerNegotiation(ServerHandshake server, ClientHello hello, TlsNamedGroup? retriedGroup)
{
    /// <summary>More tickets than this are not opened.</summary>
    private const int MaxTicketsTried = 2;

    private const byte PskKe = 0;
    private const byte PskDheKe = 1;

    private readonly HandshakeLink _link = server.Link;
    private TlsNamedGroup _group;
    private ReadOnlyMemory<byte> _peerShare;
    private OfferedPsk? _psk;
    private int _pskIndex = -1;
    private ReadOnlyMemory<byte> _singleUseId;
    private bool _useKeyExchange = true;
    private KeyExchangeAnswer? _answer;
    private readonly HashSet<int> _tickets = [];
    private bool _hasTicket;
    private bool _acceptsEarlyData;

    public HandshakeState Run()
    {
        // After a HelloRetryRequest it is chosen, and the second hello offers the same ones.
        server.Suite ??= ChooseSuite() ?? throw new TlsException(TlsFault.NoCommonCipherSuite);
        hello.ReadPreSharedKeys();
        byte[]? modes = hello.PskModes();
        if (hello.Identities.Count > 0 && modes is null)
        {
            //
            throw new TlsException(TlsFault.PskKeyExchangeModesMissing);
        }
        //
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
        return Select(0, usable, groups, shares, pskOnly);
    }

    /// <summary>Sessions first, then external PSKs, then the certificate.</summary>
    private HandshakeState Select(
        int from, bool modesUsable, ushort[]? groups, List<(TlsNamedGroup Group, ReadOnlyMemory<byte> Share)>? shares, bool pskOnly)
        => Locate(from, modesUsable, pskOnly, session => session is null && modesUsable
            ? ExternalPsks().Select((key, index) => Agree(UseExternal(key, index), groups, shares, pskOnly))
            : Agree(session is null ? null : new OfferedPsk(session), groups, shares, pskOnly));

    /// <param name="hash">The hash that it shall have, if one is given.</param>
    private CipherSuiteInfo? ChooseSuite(HashKind? hash = null)
    {
        CipherSuiteInfo[] ours = hash is null ? server.Settings.CipherSuites13 : Array.FindAll(server.Settings.CipherSuites13, suite => suite.Hash == hash);
        if (server.Settings.PreferServerCipherSuites)
        {
            return Array.Find(ours, suite => hello.CipherSuites.Contains((ushort)suite.Suite));
        }
        foreach (ushort theirs in hello.CipherSuites)
        {
            if (Array.Find(ours, suite => (ushort)suite.Suite == theirs) is { } common)
            {
                return common;
            }
        }
        return null;
    }

    /// <summary>An external PSK has a say in the suite (RFC 9846 §4.3.11), until a HelloRetryRequest has named it.</summary>
    private ExternalPskSelection ExternalPsks()
        => new(server, hello, _tickets, hash => server.Suite!.Hash == hash ? server.Suite : retriedGroup is null ? ChooseSuite(hash) : null);

    private OfferedPsk? UseExternal(ExternalPskKey? key, int index)
    {
        if (key is null)
        {
            if (server.Settings.ExternalPskSelector is not null && hello.Identities.Count > 0 && !_hasTicket)
            {
                _link.Info.Resumption = ResumptionOutcome.Declined(ResumptionMechanism.ExternalPsk, ResumptionReason.ExternalPskUnknown);
            }
            return null;
        }
        if (key.Hash != server.Suite!.Hash)
        {
            server.Suite = ChooseSuite(key.Hash);
        }
        _pskIndex = index;
        _singleUseId = default;
        _link.Info.Resumption = ResumptionOutcome.Resumed(ResumptionMechanism.ExternalPsk);
        return new OfferedPsk(key);
    }

    /// <summary>Locate and judge: the first identity that is a good session of ours; others are passed over. Nothing is changed by it.</summary>
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
            () => server.Policy.LocateAsync(ResumptionMechanism.Psk, hello.Identities[index].Identity),
            located =>
            {
                // An identity that has not even the form of a ticket may be that of an external PSK.
                bool isTicket = located.Reason != ResumptionReason.TicketMalformed || server.Settings.ExternalPskSelector is null;
                _hasTicket |= isTicket;
                if (isTicket)
                {
                    _link.Located(located);
                }
                if (located.Session is not null)
                {
                    _tickets.Add(index);
                }
                ResumptionOutcome outcome = located.Session is { } session
                    ? Judge(session)
                    : ResumptionOutcome.Declined(ResumptionMechanism.Psk, located.Reason, located.Rule);
                _link.Info.Resumption = outcome;
                if (!outcome.IsResumed)
                {
                    return Locate(index + 1, modesUsable, pskOnly, next);
                }
                return located.Session!.Lineage.ExternalPsk is { } origin
                    ? ExternalPsks().Confirm(origin, isKnown => isKnown ? Take() : Forget())
                    : Take();

                HandshakeState Take()
                {
                    _pskIndex = index;
                    _singleUseId = located.SingleUseId;
                    return next(located.Session);
                }

                HandshakeState Forget()
                {
                    _link.Info.Resumption = ResumptionOutcome.Declined(ResumptionMechanism.Psk, ResumptionReason.ExternalPskUnknown);
                    return Locate(index + 1, modesUsable, pskOnly, next);
                }
            });
    }

    private ResumptionOutcome Judge(TlsSession session) => server.Policy.Judge(session, new ResumptionOffer
    {
        Mechanism = ResumptionMechanism.Psk,
        ProtocolVersion = SslProtocols.Tls13,
        CipherSuite = server.Suite!.Suite,
        Hash = server.Suite.Hash,
        Scope = server.Settings.Scope,
        ServerName = server.ServerName,
        Now = _link.Now,
        ClientCertificateRequired = server.Settings.ClientCertificateMode == TlsClientCertificateMode.Required
            && !(session.Lineage.ExternalPsk is not null && server.Settings.AllowPskInsteadOfClientCertificate),
        ResumedPeer = server.Settings.ResumedPeer,
    });

    private HandshakeState Agree(
        OfferedPsk? psk, ushort[]? groups, List<(TlsNamedGroup Group, ReadOnlyMemory<byte> Share)>? shares, bool pskOnly)
    {
        _psk = psk;
        server.Resumed = psk?.Session;
        server.ExternalPsk = psk?.External;
        _useKeyExchange = !(psk is not null && pskOnly);
        if (psk is not null)
        {
            Prove(psk, hello.Binders[_pskIndex]);
        }
        else if (server.Settings.IsPskOnly)
        {
            RefuseUnknown();
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
        if (psk?.External is { } external)
        {
            RejectEarlyData(EarlyDataReason.SessionNotResumed);
            return SendFlight(PeerVerified.ByExternalPsk(external));
        }
        if (psk?.Session is { } session)
        {
            // Before our flight: where the client's certificate is refused, it may show another in a full handshake.
            return StoredPeer.Verify(
                _link,
                session,
                null,
                peer => _singleUseId.IsEmpty
                    ? JudgeEarlyData(session, peer)
                    : Consume(() => JudgeEarlyData(session, peer), () => Select(_pskIndex + 1, modesUsable: true, groups, shares, pskOnly)),
                () =>
                {
                    _link.Info.Resumption = ResumptionOutcome.Declined(ResumptionMechanism.Psk, ResumptionReason.ClientCertificateRejected);
                    _singleUseId = default;
                    return Agree(null, groups, shares, pskOnly);
                });
        }
        RejectEarlyData(EarlyDataReason.SessionNotResumed);
        if (hello.UInt16List(ExtensionType.SignatureAlgorithms) is not { } schemes)
        {
            //
            throw new TlsException(TlsFault.MissingExtension, nameof(ExtensionType.SignatureAlgorithms));
        }
        return Pause.For(() => server.SelectCertificate(hello), certificate => UseCertificate(certificate, schemes));
    }

    /// <summary>Prove: the binder shows that the client has the PSK (RFC 9846 §4.3.11.2; D5, D6, R-55); only of the one that is taken .</summary>
    private void Prove(OfferedPsk psk, ReadOnlyMemory<byte> binder)
    {
        Span<byte> expected = stackalloc byte[HashKinds.MaxLength];
        expected = expected[..psk.Hash.Length()];
        psk.WriteBinder(_link, hello.Raw.AsSpan(0, hello.BindersOffset), expected);
        if (!CryptographicOperations.FixedTimeEquals(expected, binder.Span))
        {
            throw new TlsException(TlsFault.PskBinderInvalid);
        }
    }

    /// <summary>
    /// Consume: takes the session of a stateful ticket out of the store. Only now: the client has proved that it is its own, and no
    /// second hello is to come. Our part of the key exchange is done while the store thinks.
    /// </summary>
    /// <param name="consumed">What comes where it is ours.</param>
    /// <param name="declined">What comes where somebody else took it, or the store does not say: it is never resumed twice.</param>
    private HandshakeState Consume(Func<HandshakeState> consumed, Func<HandshakeState> declined)
    {
        ValueTask<ResumptionReason> consuming = server.Settings.Sessions.ConsumeAsync(_singleUseId, _link.Aborted);
        if (!consuming.IsCompleted && _useKeyExchange)
        {
            _answer ??= _link.Own(new KeyExchangeAnswer(AnswerKeyExchange));
        }
        return Pause.For(
            () => consuming,
            reason =>
            {
                if (reason == ResumptionReason.None)
                {
                    return consumed();
                }
                _link.Info.Resumption = ResumptionOutcome.Declined(ResumptionMechanism.Psk, reason);
                return declined();
            });
    }

    /// <summary>
    /// No PSK of the hello is known, and there is no certificate. Whoever tries identities learns nothing: the alert is that of a
    /// wrong binder, and comes after the same work (RFC 9846 appendix F.6).
    /// </summary>
    private void RefuseUnknown()
    {
        if (hello.Identities.Count == 0 || _link.Info.Resumption.Reason == ResumptionReason.NoUsablePskMode)
        {
            throw new TlsException(TlsFault.NoSuitableCertificate);
        }
        Span<byte> secret = stackalloc byte[HashKinds.MaxLength];
        _link.Crypto.FillRandom(secret);
        Span<byte> binder = stackalloc byte[HashKinds.MaxLength];
        new OfferedPsk(new ExternalPskKey(new TlsPskIdentity(hello.Identities[0].Identity), server.Suite!.Hash, PskKind.External, secret))
            .WriteBinder(_link, hello.Raw.AsSpan(0, hello.BindersOffset), binder[..server.Suite.Hash.Length()]);
        throw new TlsException(TlsFault.ExternalPskUnknown);
    }

    /// <summary>Early data under the session that is resumed: taken where every rule allows it, and the replay guard has not seen it .</summary>
    private HandshakeState JudgeEarlyData(TlsSession session, PeerVerified peer)
    {
        if (!hello.Extensions.Has(ExtensionType.EarlyData))
        {
            return SendFlight(peer);
        }
        if (server.Settings.Replays is not { } guard)
        {
            RejectEarlyData(EarlyDataReason.Disabled);
            return SendFlight(peer);
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
        EarlyDataReason reason = server.Policy.RefusesEarlyData ? EarlyDataReason.DeclinedByPolicy : EarlyDataRules.Judge(session, offer);
        if (reason != EarlyDataReason.None)
        {
            RejectEarlyData(reason);
            return SendFlight(peer);
        }
        EarlyDataClaim claim = EarlyDataRules.Claim(hello.Binders[_pskIndex].ToArray(), session, offer);
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
                return SendFlight(peer);
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
                return SendFlight(null);
            }
        }
        throw new TlsException(candidates.Length == 0 ? TlsFault.NoSuitableCertificate : TlsFault.NoCommonSignatureScheme);
    }

    /// <param name="pskPeer">The client of the session that is resumed, or of the external PSK; <see langword="null"/> in a full handshake.</param>
    private HandshakeState SendFlight(PeerVerified? pskPeer)
    {
        _link.CheckEndOfRecord();
        if (server.Resumed is null)
        {
            server.Policy.BeginFull(SslProtocols.Tls13);
        }
        SendServerHello();
        _link.SetWriteSecret(server.Suite!, _link.Keys!.ServerHandshakeSecret);
        _link.SetReadSecret(server.Suite!, _acceptsEarlyData ? _link.Keys.ClientEarlySecret : _link.Keys.ClientHandshakeSecret);
        if (hello.Extensions.Has(ExtensionType.EarlyData) && !_acceptsEarlyData)
        {
            //
            _link.SkipEarlyData();
        }
        SendEncryptedExtensions();
        bool request = _psk is null && server.Settings.ClientCertificateMode != TlsClientCertificateMode.None;
        if (_psk is null)
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
            _link.Info.IsTicketStateful = !_singleUseId.IsEmpty;
            _link.Info.TicketAgeSkew = TicketAge.Skew(hello.Identities[_pskIndex].ObfuscatedAge, session, _link.Now);
            return AwaitClient(session, pskPeer ?? throw new InvalidOperationException("Nobody looked at the session's client."));
        }
        _link.Info.AuthenticatedAt = _link.Now;
        if (server.ExternalPsk is not null)
        {
            return new ExpectClientFinished(server, null, pskPeer ?? throw new InvalidOperationException("Nobody looked at the PSK's client."));
        }
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
        Span<byte> psk = stackalloc byte[OfferedPsk.MaxSecretLength];
        Span<byte> random = stackalloc byte[ClientHello.RandomLength];
        Span<byte> hash = stackalloc byte[HashKinds.MaxLength];
        (int Share, int Secret) lengths = (0, 0);
        if (_useKeyExchange)
        {
            lengths = _answer?.Take(share, shared) ?? AnswerKeyExchange(share, shared);
            _link.Info.Group = _group;
        }
        _link.Crypto.FillRandom(random);
        _link.Transcript.Append(hello.Raw);
        _link.Negotiated(server.Suite!);
        try
        {
            psk = psk[..(_psk?.CopySecret(psk) ?? 0)];
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
        if (_psk is not null)
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

    private (int Share, int Secret) AnswerKeyExchange(Span<byte> share, Span<byte> secret)
    {
        try
        {
            return _link.Crypto.AnswerKeyExchange(_group, _peerShare.Span, share, secret);
        }
        catch (CryptographicException e)
        {
            throw new TlsException(TlsFault.KeyShareInvalid, null, e);
        }
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
            : server.Resumed is null ? server.Policy.Tickets(settings.TicketCount, request?.OnFullHandshake)
            : server.Policy.Tickets(settings.TicketCountOnResumption, request?.OnResumption);
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

/// <summary>Our share and what both come to, from when they are made until they are used; wiped then, or with the connection.</summary>
internal sealed class KeyExchangeAnswer : IDisposable
{
    private readonly byte[] _share = new byte[NamedGroups.MaxShareLength];
    private readonly PinnedSecret _secret = new(NamedGroups.MaxSecretLength);
    private readonly (int Share, int Secret) _lengths;

    public KeyExchangeAnswer(Maker make) => _lengths = make(_share, _secret.Material);

    public delegate (int Share, int Secret) Maker(Span<byte> share, Span<byte> secret);

    public (int Share, int Secret) Take(Span<byte> share, Span<byte> secret)
    {
        _share.AsSpan(0, _lengths.Share).CopyTo(share);
        _secret.TryCopy(secret[.._lengths.Secret]);
        Dispose();
        return _lengths;
    }

    public void Dispose() => _secret.Destroy();
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
        PeerCertificate client = server.Link.Own(PeerCertificate.Read(chain, server.Link.Crypto));
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

/// <summary>Early data was accepted: it flows until its end is said (RFC 9846 §4.6; R-108), and nothing else comes, no KeyUpdate either .</summary>
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

/// <summary>Waits for the client's Finished; then tickets may go out, once the store has their sessions, and unless the application has yet to say so.</summary>
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
        if (!server.MayIssueTickets)
        {
            return new Connected13(link, null, finished);
        }
        var issuer = new SessionIssuer13(server, resumedLineage ?? server.BeginLineage(peer));
        link.Issuer = issuer;
        return Pause.For(
            () => issuer.MakeAsync(issuer.IsCommitted ? server.TicketCount : 0, link.Aborted),
            tickets =>
            {
                var connected = new Connected13(link, null, finished);
                issuer.Send(tickets);
                return connected;
            });
    }
}

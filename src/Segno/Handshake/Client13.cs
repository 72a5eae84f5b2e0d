using System.Security.Authentication;
using System.Security.Cryptography;
using Segno.Buffers;
using Segno.Certificates;
using Segno.Cryptography;
using Segno.Handshake.Extensions;
using Segno.Handshake.Messages;
using Segno.Sessions;

namespace Segno.Handshake;

/// <summary>Waits for ServerHello or HelloRetryRequest, with the hello that it answers.</summary>
internal sealed class ExpectServerHello : HandshakeState
{
    private readonly ClientHandshake _client;
    private readonly ClientHelloWriter _hello;

    private ExpectServerHello(ClientHandshake client, ClientHelloWriter hello)
    {
        _client = client;
        _hello = hello;
    }

    /// <summary>Sends the first ClientHello.</summary>
    public static HandshakeState Start(ClientHandshake client, int earlyDataSize)
    {
        client.ChooseSession();
        client.ChooseEarlyData(earlyDataSize);
        ClientHelloWriter hello = client.Link.Own(new ClientHelloWriter(client));
        hello.Write();
        if (client.OffersEarlyData)
        {
            client.OpenEarlyData(hello);
        }
        return new ExpectServerHello(client, hello);
    }

    public override HandshakeState Receive(HandshakeMessage message)
    {
        Expect(message, HandshakeType.ServerHello);
        ServerHello hello = ServerHello.Read(message, _hello.Offered, afterRetry: _hello.RetrySuite is not null);
        _client.Link.Info.ProtocolVersion = ChooseVersion(hello);
        if (_client.Link.Info.ProtocolVersion == SslProtocols.Tls12)
        {
            if (_client.OffersEarlyData)
            {
                // the server that gave the ticket knew better.
                throw new TlsException(TlsFault.EarlyDataVersionChanged);
            }
            return Client12.Begin(_client, _hello, hello, message);
        }
        if (!PublicData.Equal(hello.SessionIdEcho, _hello.SessionId))
        {
            //
            throw new TlsException(TlsFault.SessionIdNotEchoed);
        }
        if (hello.CompressionMethod != 0)
        {
            throw new TlsException(TlsFault.CompressionMethodInvalid);
        }
        CipherSuiteInfo suite = Array.Find(_client.Settings.CipherSuites13, info => (ushort)info.Suite == hello.CipherSuite)
            ?? throw new TlsException(TlsFault.CipherSuiteNotOffered);
        if (_hello.RetrySuite is { } retried && retried != suite)
        {
            //
            throw new TlsException(TlsFault.CipherSuiteChangedAfterRetry);
        }
        return hello.IsRetry ? Retry(hello, suite, message) : Agree(hello, suite, message);
    }

    private SslProtocols ChooseVersion(ServerHello hello)
    {
        ushort version = hello.SelectedVersion();
        if (_hello.RetrySuite is not null && version != 0x0304)
        {
            // D1: whoever asked for another hello has chosen TLS 1.3.
            throw new TlsException(TlsFault.VersionChangedAfterRetry);
        }
        if (version == 0)
        {
            return ChooseLegacyVersion(hello);
        }
        if (version != 0x0304 || !_client.Settings.AllowsTls13)
        {
            throw new TlsException(TlsFault.VersionNotOffered, $"{version:x4}");
        }
        if (hello.LegacyVersion != 0x0303)
        {
            throw new TlsException(TlsFault.LegacyVersionInvalid);
        }
        return SslProtocols.Tls13;
    }

    private SslProtocols ChooseLegacyVersion(ServerHello hello)
    {
        if (hello.IsRetry)
        {
            throw new TlsException(TlsFault.MissingExtension, nameof(ExtensionType.SupportedVersions));
        }
        if (_client.Settings.AllowsTls13 && hello.HasDowngradeSentinel)
        {
            // on a resumed handshake, too.
            throw new TlsException(TlsFault.DowngradeDetected);
        }
        return hello.LegacyVersion == 0x0303 && _client.Settings.AllowsTls12
            ? SslProtocols.Tls12
            : throw new TlsException(TlsFault.NoCommonVersion);
    }

    /// <summary>One HelloRetryRequest, for something new that we offered (D8, R-77).</summary>
    private ExpectServerHello Retry(ServerHello hello, CipherSuiteInfo suite, HandshakeMessage message)
    {
        _client.Link.CheckEndOfRecord();
        if (_hello.RetrySuite is not null)
        {
            throw new TlsException(TlsFault.SecondHelloRetry);
        }
        bool changes = false;
        if (hello.Extensions.TryGet(ExtensionType.KeyShare, out TlsReader share))
        {
            var group = (TlsNamedGroup)share.UInt16();
            share.End();
            if (!_client.Settings.Groups.Contains(group))
            {
                throw new TlsException(TlsFault.GroupNotOffered);
            }
            if (_hello.HasShare(group))
            {
                throw new TlsException(TlsFault.HelloRetryGroupHadShare);
            }
            _hello.UseGroup(group);
            changes = true;
        }
        if (hello.Extensions.TryGet(ExtensionType.Cookie, out TlsReader cookie))
        {
            _hello.Cookie = cookie.Vector16(1).ToArray();
            cookie.End();
            changes = true;
        }
        if (!changes)
        {
            throw new TlsException(TlsFault.HelloRetryWithoutChange);
        }
        _hello.RetrySuite = suite;
        _client.Link.Info.HelloRetried = true;
        if (_client.OffersEarlyData)
        {
            //
            _client.CloseEarlyData(EarlyDataOutcome.Rejected(EarlyDataReason.HelloRetry));
            _client.Link.ClearWriteProtection();
        }
        if (_client.Offered13 is { } session && session.Hash != suite.Hash)
        {
            // A PSK of another hash cannot be selected any more (RFC 9846 §4.2.2).
            _client.Offered = null;
            _client.NotOffered = ResumptionOutcome.None(ResumptionReason.CipherSuiteMismatch);
            if (_client.Settings.RequireResumption)
            {
                _client.ReportFullHandshake();
            }
        }
        _client.ExternalPsks = Array.FindAll(_client.ExternalPsks, psk => psk.Hash == suite.Hash);
        if (_client.Psks.Length == 0 && !_client.Settings.AllowCertificates)
        {
            throw new TlsException(TlsFault.ExternalPskNotSelected);
        }
        _client.Link.Transcript.ReplaceByMessageHash(suite.Hash);
        _client.Link.Transcript.Append(message.Raw);
        _hello.SendChangeCipherSpec();
        _hello.Write();
        return this;
    }

    private ExpectEncryptedExtensions Agree(ServerHello hello, CipherSuiteInfo suite, HandshakeMessage message)
    {
        HandshakeLink link = _client.Link;
        OfferedPsk? selected = SelectPsk(hello, suite);
        link.Negotiated(suite);
        link.Transcript.Append(message.Raw);

        Span<byte> psk = stackalloc byte[OfferedPsk.MaxSecretLength];
        Span<byte> shared = stackalloc byte[NamedGroups.MaxSecretLength];
        Span<byte> hash = stackalloc byte[HashKinds.MaxLength];
        try
        {
            psk = psk[..(selected?.CopySecret(psk) ?? 0)];
            shared = shared[..Agree(hello, shared, hasPsk: selected is not null)];
            link.Keys!.Start(psk);
            link.Keys.EnterHandshake(shared, link.Transcript.Current(hash));
        }
        finally
        {
            CryptographicOperations.ZeroMemory(psk);
            CryptographicOperations.ZeroMemory(shared);
        }
        _hello.Dispose();
        link.LogHandshakeSecrets();
        link.SetReadSecret(suite, link.Keys.ServerHandshakeSecret);
        // From here on our alerts are protected, too.
        _hello.SendChangeCipherSpec();
        if (_client.OffersEarlyData && _client.Resumed is null)
        {
            _client.CloseEarlyData(EarlyDataOutcome.Rejected(EarlyDataReason.SessionNotResumed));
        }
        if (!_client.OffersEarlyData)
        {
            link.SetWriteSecret(suite, link.Keys.ClientHandshakeSecret);
        }
        return new ExpectEncryptedExtensions(_client, _hello.Offered);
    }

    /// <summary>R-60, of all PSKs in the hello.</summary>
    private OfferedPsk? SelectPsk(ServerHello hello, CipherSuiteInfo suite)
    {
        if (!hello.Extensions.TryGet(ExtensionType.PreSharedKey, out TlsReader data))
        {
            _client.ReportFullHandshake();
            return null;
        }
        ushort index = data.UInt16();
        data.End();
        if (index >= _hello.Psks.Length)
        {
            throw new TlsException(TlsFault.PskIdentityOutOfRange);
        }
        OfferedPsk selected = _hello.Psks[index];
        if (selected.Hash != suite.Hash)
        {
            throw new TlsException(TlsFault.PskHashMismatch);
        }
        if (selected.Session is { } session)
        {
            _client.ReportResumed(session);
        }
        else
        {
            _client.ExternalPsk = selected.External;
            _client.Link.Info.Resumption = ResumptionOutcome.Resumed(ResumptionMechanism.ExternalPsk);
        }
        return selected;
    }

    private int Agree(ServerHello hello, Span<byte> shared, bool hasPsk)
    {
        if (!hello.Extensions.TryGet(ExtensionType.KeyShare, out TlsReader data))
        {
            if (!hasPsk || !_client.Settings.AllowPskWithoutKeyExchange)
            {
                // D3, D4
                throw new TlsException(hasPsk ? TlsFault.PskWithoutKeyShare : TlsFault.MissingExtension, nameof(ExtensionType.KeyShare));
            }
            return 0;
        }
        var group = (TlsNamedGroup)data.UInt16();
        ReadOnlySpan<byte> share = data.Vector16(1);
        data.End();
        KeyExchange exchange = _hello.Share(group) ?? throw new TlsException(TlsFault.GroupNotOffered);
        _client.Link.Info.Group = group;
        try
        {
            return exchange.Agree(share, shared);
        }
        catch (CryptographicException e)
        {
            throw new TlsException(TlsFault.KeyShareInvalid, null, e);
        }
    }
}

internal sealed class ExpectEncryptedExtensions(ClientHandshake client, IReadOnlySet<ExtensionType> offered) : HandshakeState
{
    public override HandshakeState Receive(HandshakeMessage message)
    {
        Expect(message, HandshakeType.EncryptedExtensions);
        var reader = new TlsReader(message.Body);
        ExtensionBlock extensions = ExtensionBlock.Read(reader.Vector16(), ExtensionPlace.EncryptedExtensions, offered);
        reader.End();
        if (extensions.TryGet(ExtensionType.ServerName, out TlsReader name))
        {
            name.End();
        }
        if (extensions.TryGet(ExtensionType.SupportedGroups, out TlsReader groups))
        {
            ClientHello.ReadUInt16s(ref groups, 2);
            groups.End();
        }
        client.ReadApplicationProtocol(extensions);
        RecordLimits.Accept(client.Link, client.Settings, extensions, isTls13: true);
        client.Link.Info.ExpectedTicketCount = TicketRequest.ReadHint(extensions);
        client.Link.Transcript.Append(message.Raw);
        AnswerToEarlyData(extensions);
        if (client.Resumed is { } session)
        {
            return StoredPeer.Verify(client.Link, session, client.TargetHost, peer => new ExpectServerFinished(client, session.Lineage.Next(), peer));
        }
        if (client.ExternalPsk is { } psk)
        {
            var peer = PeerVerified.ByExternalPsk(psk);
            return new ExpectServerFinished(client, client.BeginLineage(peer), peer);
        }
        // D15: no PSK, so nothing leads to Finished but a certificate and its proof.
        return new ExpectCertificateOrRequest(client, offered, mayRequest: true);
    }

    /// <summary>RFC 9846 §4.3.10: accepted is what was sent under this session, in its suite, for its protocol (R-103, E8).</summary>
    private void AnswerToEarlyData(ExtensionBlock extensions)
    {
        HandshakeLink link = client.Link;
        if (!extensions.TryGet(ExtensionType.EarlyData, out TlsReader data))
        {
            if (client.OffersEarlyData)
            {
                client.CloseEarlyData(EarlyDataOutcome.Rejected(EarlyDataReason.DeclinedByServer));
                link.SetWriteSecret(link.Keys!.Suite, link.Keys.ClientHandshakeSecret);
            }
            return;
        }
        data.End();
        if (!client.OffersEarlyData)
        {
            if (client.ExternalPsk is not null && link.Info.EarlyData.Reason == EarlyDataReason.SessionNotResumed)
            {
                //
                throw new TlsException(TlsFault.EarlyDataPskChanged);
            }
            // Offered, and refused already: by a HelloRetryRequest, or without the session.
            throw new TlsException(TlsFault.UnsolicitedExtension, nameof(ExtensionType.EarlyData));
        }
        TlsSession session = client.Resumed!;
        if (session.CipherSuite != link.Keys!.Suite.Suite)
        {
            throw new TlsException(TlsFault.EarlyDataCipherSuiteChanged);
        }
        if (session.ApplicationProtocol != link.Info.ApplicationProtocol)
        {
            throw new TlsException(TlsFault.EarlyDataApplicationProtocolChanged);
        }
        link.Info.EarlyData = EarlyDataOutcome.Accepted;
    }
}

internal sealed class ExpectCertificateOrRequest(ClientHandshake client, IReadOnlySet<ExtensionType> offered, bool mayRequest) : HandshakeState
{
    public override HandshakeState Receive(HandshakeMessage message)
    {
        if (message.Type == HandshakeType.CertificateRequest && mayRequest)
        {
            client.CertificateRequest = ReadRequest(client, message);
            client.Link.Transcript.Append(message.Raw);
            return new ExpectCertificateOrRequest(client, offered, mayRequest: false);
        }
        List<ReadOnlyMemory<byte>> chain = CertificateMessage.Read(message, client.Settings, offered, out ReadOnlyMemory<byte> ocspResponse);
        if (chain.Count == 0)
        {
            throw new TlsException(TlsFault.EmptyCertificateList);
        }
        PeerCertificate server = client.Link.Own(PeerCertificate.Read(chain, client.Link.Crypto));
        server.OcspResponse = client.Link.Info.StapledOcspResponse = ocspResponse;
        client.Link.Transcript.Append(message.Raw);
        return new ExpectServerCertificateVerify(client, server);
    }

    /// <remarks><code>
    /// struct {
    ///     opaque certificate_request_context&lt;0..2^8-1&gt;;
    ///     Extension extensions&lt;0..2^16-1&gt;;
    /// } CertificateRequest;
    /// </code></remarks>
    private static TlsCertificateRequestInfo ReadRequest(ClientHandshake client, HandshakeMessage message)
    {
        var reader = new TlsReader(message.Body);
        if (!reader.Vector8().IsEmpty)
        {
            throw new TlsException(TlsFault.CertificateRequestContextInvalid);
        }
        ExtensionBlock extensions = ExtensionBlock.Read(reader.Vector16(), ExtensionPlace.CertificateRequest, offered: null);
        reader.End();
        if (!extensions.TryGet(ExtensionType.SignatureAlgorithms, out TlsReader data))
        {
            throw new TlsException(TlsFault.MissingExtension, nameof(ExtensionType.SignatureAlgorithms));
        }
        ushort[] schemes = ClientHello.ReadUInt16s(ref data, 2);
        data.End();
        client.CertificateCompressions = CompressedCertificate.ReadOffer(extensions);
        return new TlsCertificateRequestInfo
        {
            SignatureSchemes = [.. schemes.Select(scheme => (TlsSignatureScheme)scheme)],
            Authorities = CertificateAuthorities.Read(extensions),
        };
    }
}

internal sealed class ExpectServerCertificateVerify(ClientHandshake client, PeerCertificate server) : HandshakeState
{
    public override HandshakeState Receive(HandshakeMessage message)
    {
        Expect(message, HandshakeType.CertificateVerify);
        PossessionVerified possession = CertificateVerify.Verify(client.Link, message, server, client.Settings.SignatureSchemes, isServer: true);
        server.Dispose();
        return Pause.ForWork(() => client.Settings.Validator.Run(server, client.TargetHost, client.Link.Sender), verdict => Verified(possession, verdict));
    }

    private ExpectServerFinished Verified(PossessionVerified possession, ChainVerdict verdict)
    {
        PeerVerified peer = client.Verified(possession, verdict);
        return new ExpectServerFinished(client, client.BeginLineage(peer), peer);
    }
}

internal sealed class ExpectServerFinished(ClientHandshake client, SessionLineage lineage, PeerVerified peer) : HandshakeState
{
    public override HandshakeState Receive(HandshakeMessage message)
    {
        if ((client.Resumed is not null || client.ExternalPsk is not null) && message.Type is HandshakeType.Certificate or HandshakeType.CompressedCertificate or HandshakeType.CertificateRequest or HandshakeType.CertificateVerify)
        {
            // D16, R-81
            throw new TlsException(TlsFault.CertificateInResumedHandshake);
        }
        Expect(message, HandshakeType.Finished);
        HandshakeLink link = client.Link;
        FinishedVerified finished = Finished.Verify(link, message, link.Keys!.ServerHandshakeSecret, peer);
        Span<byte> hash = stackalloc byte[HashKinds.MaxLength];
        link.Keys.EnterMain(link.Transcript.Current(hash));
        link.LogApplicationSecrets();
        link.SetReadSecret(link.Keys.Suite, link.Keys.ServerApplicationSecret);
        return client.CertificateRequest is { } request
            ? Pause.For(() => client.SelectCertificate(request, finished.Peer), certificate => SendCertificate(finished, certificate))
            : Finish(finished);
    }

    private Connected13 SendCertificate(FinishedVerified finished, TlsCertificate? certificate)
    {
        TlsSignatureScheme scheme = client.UseCertificate(certificate, SslProtocols.Tls13);
        CertificateMessage.Write(client.Link, certificate, client.Settings.CompressCertificates ? client.CertificateCompressions : []);
        if (certificate is not null)
        {
            CertificateVerify.Write(client.Link, certificate.Signer, scheme, isServer: false);
        }
        return Finish(finished);
    }

    private Connected13 Finish(FinishedVerified finished)
    {
        HandshakeLink link = client.Link;
        if (client.OffersEarlyData)
        {
            //
            client.CloseEarlyData(EarlyDataOutcome.Accepted);
            link.Begin(HandshakeType.EndOfEarlyData, out int start);
            link.End(start);
            link.SetWriteSecret(link.Keys!.Suite, link.Keys.ClientHandshakeSecret);
        }
        Finished.Write(link, link.Keys!.ClientHandshakeSecret);
        link.SetWriteSecret(link.Keys.Suite, link.Keys.ClientApplicationSecret);
        Span<byte> hash = stackalloc byte[HashKinds.MaxLength];
        link.Keys.Finish(link.Transcript.Current(hash));
        return new Connected13(link, lineage, finished);
    }
}

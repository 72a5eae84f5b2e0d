using System.Net.Security;
using System.Security.Cryptography;
using Segno.Buffers;
using Segno.Certificates;
using Segno.Cryptography;
using Segno.Handshake.Extensions;
using Segno.Handshake.Messages;
using Segno.Sessions;

namespace Segno.Handshake;

/// <summary>What a client's states share: what was offered, and what became of it.</summary>
internal sealed class ClientHandshake
{
    public ClientHandshake(HandshakeLink link, ClientSettings settings, string? targetHost, int targetPort)
    {
        ServerName = string.IsNullOrEmpty(targetHost) ? null : ServerNames.Normalize(targetHost).SniName;
        Link = link;
        Settings = settings;
        TargetHost = targetHost;
        TargetPort = targetPort;
    }

    public HandshakeLink Link { get; }

    public ClientSettings Settings { get; }

    public string? TargetHost { get; }

    public int TargetPort { get; }

    /// <summary>The name for SNI; <see langword="null"/> for IP addresses.</summary>
    public string? ServerName { get; }

    /// <summary>The session that is offered, while it is.</summary>
    public TlsSession? Offered { get; set; }

    /// <summary>The session that is resumed, once the server said so.</summary>
    public TlsSession? Resumed { get; set; }

    /// <summary>Why no session is offered.</summary>
    public ResumptionReason NotOfferedReason { get; set; }

    /// <summary>The server's request for a certificate, with the schemes it accepts.</summary>
    public TlsCertificateRequestInfo? CertificateRequest { get; set; }

    public ClientSessionKey? SessionKey()
        => TargetHost is { Length: > 0 } host
            ? new ClientSessionKey(host, TargetPort, ServerName, Settings.ApplicationProtocols, Settings.ScopeDigest)
            : null;

    /// <summary>Looks for a session to offer, and judges it as a server would.</summary>
    public void ChooseSession()
    {
        if (!Settings.AllowResume)
        {
            NotOfferedReason = ResumptionReason.ResumptionDisabled;
            return;
        }
        TlsSession? session = Settings.Resume;
        ResumptionReason reason = ResumptionReason.NoSessionYet;
        if (session is null && SessionKey() is { } key)
        {
            Settings.SessionCache.TryTake(key, Link.Now, out session, out reason);
        }
        if (session is null)
        {
            NotOfferedReason = reason;
            return;
        }
        bool hasSuite = Array.Exists(Settings.CipherSuites, suite => suite.Hash == session.Hash);
        ResumptionOutcome verdict = hasSuite
            ? ResumptionRules.Judge(session, new ResumptionOffer
            {
                Mechanism = ResumptionMechanism.Psk,
                ProtocolVersion = System.Security.Authentication.SslProtocols.Tls13,
                CipherSuite = session.CipherSuite,
                Hash = session.Hash,
                Scope = Settings.Scope,
                ServerName = ServerName,
                Now = Link.Now,
            })
            : ResumptionOutcome.Declined(ResumptionMechanism.Psk, ResumptionReason.CipherSuiteMismatch);
        if (verdict.IsResumed && !session.Ticket.IsEmpty)
        {
            Offered = session;
        }
        else
        {
            NotOfferedReason = verdict.IsResumed ? ResumptionReason.TicketMalformed : verdict.Reason;
        }
    }
}

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
    public static HandshakeState Start(ClientHandshake client)
    {
        // The writer first: it says which server name the session must be for.
        var hello = new ClientHelloWriter(client);
        client.ChooseSession();
        hello.Write();
        return new ExpectServerHello(client, hello);
    }

    public override HandshakeState Receive(HandshakeMessage message)
    {
        Expect(message, HandshakeType.ServerHello);
        ServerHello hello = ServerHello.Read(message, _hello.Offered);
        CheckVersion(hello);
        if (!PublicData.Equal(hello.SessionIdEcho, _hello.SessionId))
        {
            throw new TlsException(TlsFault.SessionIdNotEchoed);
        }
        if (hello.CompressionMethod != 0)
        {
            throw new TlsException(TlsFault.CompressionMethodInvalid);
        }
        CipherSuiteInfo suite = Array.Find(_client.Settings.CipherSuites, info => (ushort)info.Suite == hello.CipherSuite)
            ?? throw new TlsException(TlsFault.CipherSuiteNotOffered);
        if (_hello.RetrySuite is { } retried && retried != suite)
        {
            throw new TlsException(TlsFault.CipherSuiteChangedAfterRetry);
        }
        return hello.IsRetry ? Retry(hello, suite, message) : Agree(hello, suite, message);
    }

    private void CheckVersion(ServerHello hello)
    {
        ushort version = hello.SelectedVersion();
        if (_hello.RetrySuite is not null && version != 0x0304)
        {
            throw new TlsException(TlsFault.VersionChangedAfterRetry);
        }
        if (version == 0 && hello.HasDowngradeSentinel)
        {
            throw new TlsException(TlsFault.DowngradeDetected);
        }
        if (version == 0)
        {
            throw new TlsException(hello.IsRetry ? TlsFault.MissingExtension : TlsFault.NoCommonVersion);
        }
        if (version != 0x0304)
        {
            throw new TlsException(TlsFault.VersionNotOffered);
        }
        if (hello.LegacyVersion != 0x0303)
        {
            throw new TlsException(TlsFault.LegacyVersionInvalid);
        }
    }

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
                throw new TlsException(TlsFault.HelloRetryWithoutChange);
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
        if (_client.Offered is { } session && session.Hash != suite.Hash)
        {
            // A PSK of another hash cannot be selected any more (RFC 9846 §4.2.2).
            _client.Offered = null;
            _client.NotOfferedReason = ResumptionReason.CipherSuiteMismatch;
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
        SelectPsk(hello, suite);
        link.Negotiated(suite);
        link.Transcript.Append(message.Raw);

        Span<byte> psk = stackalloc byte[HashKinds.MaxLength];
        Span<byte> shared = stackalloc byte[128];
        Span<byte> hash = stackalloc byte[HashKinds.MaxLength];
        try
        {
            psk = psk[..(_client.Resumed?.CopySecret(psk) ?? 0)];
            shared = shared[..Agree(hello, shared)];
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
        link.SetWriteSecret(suite, link.Keys.ClientHandshakeSecret);
        return new ExpectEncryptedExtensions(_client, _hello.Offered);
    }

    private void SelectPsk(ServerHello hello, CipherSuiteInfo suite)
    {
        TlsSession? offered = _client.Offered;
        if (!hello.Extensions.TryGet(ExtensionType.PreSharedKey, out TlsReader data))
        {
            _client.Link.Info.Resumption = offered is null
                ? ResumptionOutcome.None(_client.NotOfferedReason)
                : ResumptionOutcome.Declined(ResumptionMechanism.Psk, ResumptionReason.DeclinedByServer);
            return;
        }
        ushort index = data.UInt16();
        data.End();
        if (offered is null || index != 0)
        {
            throw new TlsException(TlsFault.PskIdentityOutOfRange);
        }
        if (offered.Hash != suite.Hash)
        {
            throw new TlsException(TlsFault.PskHashMismatch);
        }
        _client.Resumed = offered;
        _client.Link.Info.Resumption = ResumptionOutcome.Resumed(ResumptionMechanism.Psk);
        _client.Link.Info.SessionAge = _client.Link.Now - offered.IssuedAt;
        _client.Link.Info.AuthenticatedAt = offered.AuthenticatedAt;
    }

    private int Agree(ServerHello hello, Span<byte> shared)
    {
        if (!hello.Extensions.TryGet(ExtensionType.KeyShare, out TlsReader data))
        {
            if (_client.Resumed is null || !_client.Settings.AllowPskWithoutKeyExchange)
            {
                throw new TlsException(_client.Resumed is null ? TlsFault.MissingExtension : TlsFault.PskWithoutKeyShare);
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
        if (extensions.TryGet(ExtensionType.ApplicationLayerProtocolNegotiation, out TlsReader data))
        {
            var list = new TlsReader(data.Vector16(2), TlsFault.ExtensionMalformed);
            data.End();
            var protocol = new SslApplicationProtocol(list.Vector8(1).ToArray());
            list.End();
            if (!client.Settings.ApplicationProtocols.Contains(protocol))
            {
                throw new TlsException(TlsFault.ApplicationProtocolNotOffered);
            }
            client.Link.Info.ApplicationProtocol = protocol;
        }
        client.Link.Transcript.Append(message.Raw);
        if (client.Resumed is { } session)
        {
            return new ExpectServerFinished(client, session.Lineage.Next(), PeerVerified.BySession(session));
        }
        return new ExpectCertificateOrRequest(client, offered, mayRequest: true);
    }
}

internal sealed class ExpectCertificateOrRequest(ClientHandshake client, IReadOnlySet<ExtensionType> offered, bool mayRequest) : HandshakeState
{
    public override HandshakeState Receive(HandshakeMessage message)
    {
        if (message.Type == HandshakeType.CertificateRequest && mayRequest)
        {
            client.CertificateRequest = ReadRequest(message);
            client.Link.Transcript.Append(message.Raw);
            return new ExpectCertificateOrRequest(client, offered, mayRequest: false);
        }
        Expect(message, HandshakeType.Certificate);
        List<ReadOnlyMemory<byte>> chain = CertificateMessage.Read(message, offered);
        if (chain.Count == 0)
        {
            throw new TlsException(TlsFault.MessageMalformed, "the server's certificate list is empty");
        }
        PeerCertificate server = PeerCertificate.Read(chain, client.Link.Crypto);
        client.Link.Transcript.Append(message.Raw);
        return new ExpectServerCertificateVerify(client, server);
    }

    /// <remarks><code>
    /// struct {
    ///     opaque certificate_request_context&lt;0..2^8-1&gt;;
    ///     Extension extensions&lt;0..2^16-1&gt;;
    /// } CertificateRequest;
    /// </code></remarks>
    private static TlsCertificateRequestInfo ReadRequest(HandshakeMessage message)
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
        List<ReadOnlyMemory<byte>> authorities = [];
        if (extensions.TryGet(ExtensionType.CertificateAuthorities, out TlsReader names))
        {
            var list = new TlsReader(names.Vector16(3), TlsFault.ExtensionMalformed);
            names.End();
            while (!list.IsEmpty)
            {
                authorities.Add(list.Vector16(1).ToArray());
            }
        }
        return new TlsCertificateRequestInfo
        {
            SignatureSchemes = [.. schemes.Select(scheme => (TlsSignatureScheme)scheme)],
            Authorities = authorities,
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
        var peer = PeerVerified.ByCertificate(possession, verdict);
        DateTimeOffset now = client.Link.Now;
        client.Link.Info.AuthenticatedAt = now;
        var lineage = SessionLineage.Begin(
            now, SessionLimits.MaxLifetime, peer.Chain, server.Leaf.NotAfter.ToUniversalTime(), null, client.Link.Crypto);
        return new ExpectServerFinished(client, lineage, peer);
    }
}

internal sealed class ExpectServerFinished(ClientHandshake client, SessionLineage lineage, PeerVerified peer) : HandshakeState
{
    public override HandshakeState Receive(HandshakeMessage message)
    {
        if (client.Resumed is not null && message.Type is HandshakeType.Certificate or HandshakeType.CertificateRequest or HandshakeType.CertificateVerify)
        {
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
            ? Pause.For(() => SelectCertificate(request), certificate => SendCertificate(finished, certificate))
            : Finish(finished);
    }

    private ValueTask<TlsCertificate?> SelectCertificate(TlsCertificateRequestInfo request)
        => client.Settings.ClientCertificateSelector is { } selector
            ? selector(request, client.Link.Aborted)
            : new ValueTask<TlsCertificate?>(client.Settings.ClientCertificate);

    private Connected13 SendCertificate(FinishedVerified finished, TlsCertificate? certificate)
    {
        ushort[] schemes = [.. client.CertificateRequest!.SignatureSchemes.Select(scheme => (ushort)scheme)];
        client.Link.Info.RemoteSignatureSchemes = client.CertificateRequest.SignatureSchemes;
        TlsSignatureScheme? scheme = certificate is null ? null : certificate.ChooseScheme(schemes, client.Settings.SigningSchemes, System.Security.Authentication.SslProtocols.Tls13);
        if (certificate is not null && scheme is null)
        {
            throw new TlsException(TlsFault.NoCommonSignatureScheme);
        }
        CertificateMessage.Write(client.Link, certificate);
        if (certificate is not null)
        {
            client.Link.Info.LocalCertificate = certificate.Certificate;
            CertificateVerify.Write(client.Link, certificate.Signer, scheme!.Value, isServer: false);
        }
        return Finish(finished);
    }

    private Connected13 Finish(FinishedVerified finished)
    {
        HandshakeLink link = client.Link;
        Finished.Write(link, link.Keys!.ClientHandshakeSecret);
        link.SetWriteSecret(link.Keys.Suite, link.Keys.ClientApplicationSecret);
        Span<byte> hash = stackalloc byte[HashKinds.MaxLength];
        link.Keys.Finish(link.Transcript.Current(hash));
        return new Connected13(link, lineage, finished);
    }
}

using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Segno.Sessions;

namespace Segno.BogoShim;

/// <summary>Turns the runner's flags into the library's options and contexts.</summary>
internal sealed class ShimContexts : IDisposable
{
    private static readonly TimeSpan EarlyDataWindow = TimeSpan.FromSeconds(60);

    private static readonly TlsNamedGroup[] Groups = [TlsNamedGroup.X25519, TlsNamedGroup.P256, TlsNamedGroup.P384];

    private readonly Dictionary<string, TlsServerContext> _servers = [];

    // Of the connection under way: a context outlives it, so its callbacks look here.
    private ShimOptions _options = new();
    private ShimOptions _retry = new();
    private TlsConnection? _client;
    private ShimObservations _observed = new();
    private ShimCredentials _credentials = new(new ShimOptions());

    // The same callbacks on every connection: a session is resumed only under those it was made under.
    private readonly RemoteCertificateValidationCallback _validate;
    private readonly Func<TlsCertificateRequestInfo, CancellationToken, ValueTask<TlsCertificate?>> _selectClientCertificate;
    private readonly ShimClock _clock;

    /// <summary>Where servers keep the sessions that clients know by an ID.</summary>
    private readonly MemorySessionStore _store;

    /// <summary>The application's own ticket keys, for <c>-use-ticket-callback</c>.</summary>
    private readonly TicketKeyRing _ticketKeys;

    /// <summary>Keys and group of the contexts that resume each other's sessions.</summary>
    private readonly Dictionary<string, (TicketKeyRing Keys, string Group)> _sessions = [];

    private readonly MemoryReplayGuard _replays;

    public ShimContexts(ShimClock clock)
    {
        _clock = clock;
        _store = new MemorySessionStore(timeProvider: clock);
        _ticketKeys = new TicketKeyRing(timeProvider: clock);
        // It does not know what was before it; the runner does not wait until that no longer matters.
        _replays = new MemoryReplayGuard(window: EarlyDataWindow, timeProvider: clock);
        clock.Advance(2 * EarlyDataWindow);
        _validate = (_, _, _, _) => Validate();
        _selectClientCertificate = (request, _) => Answer(SelectClientCertificate(request));
    }

    /// <summary>The engine for one connection.</summary>
    /// <param name="options">The flags that hold for it.</param>
    /// <param name="retry">Client: the flags that hold for the rest of it once its early data is refused.</param>
    /// <param name="session">Client: the session to offer, or <see langword="null"/>.</param>
    /// <param name="observed">Where the callbacks note what they saw.</param>
    public TlsConnection Connect(ShimOptions options, ShimOptions retry, TlsSession? session, ShimObservations observed)
    {
        _options = options;
        _retry = retry;
        _client = null;
        _observed = observed;
        observed.StoredSessions = () => _store.Count;
        _credentials = new ShimCredentials(options);
        if (!options.IsServer)
        {
            var client = new TlsConnection(new TlsClientContext(Client(options, session)));
            _client = client;
            client.SessionReceived += (_, _) => observed.Sessions++;
            return client;
        }

        if (!_servers.TryGetValue(options.ContextKey, out TlsServerContext? context))
        {
            context = new TlsServerContext(Server(options));
            _servers.Add(options.ContextKey, context);
        }
        else if (options.RenewTicket)
        {
            // A ticket under a key that is replaced is good, and due for renewal.
            _ticketKeys.Rotate();
        }

        return new TlsConnection(options.LooksAtHello || _credentials.ChooseByHello ? LookingAtHello(options, context) : context);
    }

    public void Dispose()
    {
        foreach (TlsServerContext context in _servers.Values)
        {
            context.Dispose();
        }

        foreach ((TicketKeyRing keys, _) in _sessions.Values)
        {
            keys.Dispose();
        }

        _ticketKeys.Dispose();
        _store.Dispose();
    }

    private TlsClientOptions Client(ShimOptions options, TlsSession? session)
    {
        var client = new TlsClientOptions
        {
            TargetHost = options.HostName.Length > 0 ? options.HostName : null,
            Resume = session,
            // BoringSSL's client does not count how often it offers a ticket.
            AllowTicketReuse = true,
            ApplicationProtocols = options.AdvertiseAlpn.Length > 0 ? ReadAlpn(options.AdvertiseAlpn) : null,
            // BoringSSL's client does not ask unless it is told to.
            CertificateStatusMode = options.EnableOcspStapling ? TlsCertificateStatusMode.SoftFail : TlsCertificateStatusMode.None,
            AllowTlsResume = !options.NoTicket,
            ClientCertificateSelector = _selectClientCertificate,
        };
        if (options.NoKeyShares)
        {
            client.KeyShareGroups = [];
        }
        else if (options.KeyShares.Count > 0)
        {
            client.KeyShareGroups = ToGroups(options.KeyShares);
        }
        else if (options.ExpectHelloRetry && options.Groups.Count == 0)
        {
            // With a session we would guess its group, and there would be nothing to ask again for.
            client.KeyShareGroups = [TlsNamedGroup.X25519];
        }

        SetCommon(client, options);
        return client;
    }

    private TlsServerOptions Server(ShimOptions options)
    {
        if (options.EnableGrease)
        {
            throw new UnimplementedException("GREASE sent by a server");
        }

        if (!_sessions.TryGetValue(options.SessionsKey, out (TicketKeyRing Keys, string Group) sessions))
        {
            sessions = (new TicketKeyRing(timeProvider: _clock), Guid.NewGuid().ToString());
            _sessions.Add(options.SessionsKey, sessions);
        }

        var server = new TlsServerOptions
        {
            ServerCertificates = [.. _credentials.All],
            ClientCertificateMode =
                options.RequireClientCertificate ? TlsClientCertificateMode.Required
                : options.VerifyPeer ? TlsClientCertificateMode.Optional
                : TlsClientCertificateMode.None,
            ClientCertificateAuthorities = options.ClientCaList is "" or "<NULL>" or "<EMPTY>" ? null : ReadNames(options.ClientCaList),
            SessionStore = _store,
            Group = sessions.Group,
            TicketKeys = options.UseTicketKeys ? _ticketKeys : sessions.Keys,
            PreferServerCipherSuites = options.ServerPreference,
            ApplicationProtocols =
                options.RejectAlpn ? [new SslApplicationProtocol("nobody offers this")]
                : options.SelectAlpn.Length > 0 && !options.DeclineAlpn ? [new SslApplicationProtocol(options.SelectAlpn)]
                : null,
        };
        if (options.EnableEarlyData)
        {
            // As much as BoringSSL allows, and the skew that it bears with.
            server.MaxEarlyDataSize = 14_336;
            server.ReplayGuard = _replays;
            server.EarlyDataWindow = EarlyDataWindow;
        }

        if (options.SkipTicket)
        {
            // Without a key there is no ticket: what the callback says by declining.
            _ticketKeys.Dispose();
        }

        if (options.NoTicket)
        {
            // None issued, none accepted; sessions by ID stay.
            (server.TicketCount, server.TicketCountOnResumption) = (0, 0);
            server.TicketKeys = NoKeys();
        }

        if (options.OneByteAtATime && _credentials.All.Count == 1)
        {
            TlsCertificate only = _credentials.All[0];
            server.CertificateSelector = (_, _) => Answer<TlsCertificate?>(only);
        }

        if (options.FailOcspCallback)
        {
            server.CertificateSelector = (_, _) => throw Refuse("OCSP_CB_ERROR", new InvalidOperationException("-fail-ocsp-callback"));
        }

        if (options.FailCertificateCallback)
        {
            server.CertificateSelector = (_, _) => throw FailCertificateCallback();
        }

        SetCommon(server, options);
        return server;
    }

    private static TicketKeyRing NoKeys()
    {
        var ring = new TicketKeyRing();
        ring.Dispose();
        return ring;
    }

    /// <summary>A context that lets the application look at the hello, and goes on with the one for this connection.</summary>
    private TlsServerContext LookingAtHello(ShimOptions options, TlsServerContext context)
    {
        var looking = new TlsServerOptions { ContextSelector = (hello, _) => Answer(Look(hello, context)), AllowTlsResume = false };
        SetCommon(looking, options);
        return new TlsServerContext(looking);
    }

    private TlsServerContext? Look(TlsClientHelloInfo hello, TlsServerContext context)
    {
        _observed.OfferedProtocols = hello.ApplicationProtocols;
        if (_options.FailEarlyCallback)
        {
            _observed.Refusal = "CONNECTION_REJECTED";
            throw new TlsAlertException(TlsFault.RefusedByApplication, TlsAlert.HandshakeFailure, sentByPeer: false);
        }

        if (_options is { UseDdosCallback: true, FailDdosCallback: true })
        {
            _observed.Refusal = "CONNECTION_REJECTED";
            throw new InvalidOperationException("-fail-ddos-callback");
        }

        if (_options.SelectEmptyAlpn)
        {
            _observed.Refusal = "INVALID_ALPN_PROTOCOL";
            TlsServerOptions empty = Server(_options);
            empty.ApplicationProtocols = [default];
            return new TlsServerContext(empty); // must throw
        }

        if (_credentials.ChooseByHello)
        {
            TlsServerOptions chosen = Server(_options);
            ShimCredentials.Loaded credential = _credentials.Choose(hello);
            chosen.ServerCertificates = [credential.Certificate];
            chosen.SigningSchemes = credential.SigningSchemes;
            return new TlsServerContext(chosen);
        }

        return context;
    }

    private void SetCommon(TlsOptions library, ShimOptions options)
    {
        library.EnabledSslProtocols = Versions(options);
        library.TimeProvider = _clock;
        library.HandshakeTimeout = Timeout.InfiniteTimeSpan;
        if (options.Groups.Count > 0)
        {
            library.SupportedGroups = ToGroups(options.Groups);
        }

        if (options.VerifySchemes.Count > 0)
        {
            library.SignatureSchemes = ToSchemes(options.VerifySchemes);
        }

        if (options.LastResort.SigningSchemes.Count > 0)
        {
            library.SigningSchemes = ToSchemes(options.LastResort.SigningSchemes);
        }

        if (options.MaxSendFragment > 0)
        {
            library.MaxSendFragment = options.MaxSendFragment;
        }

        if (options.ReverifyOnResume)
        {
            library.ResumedPeer = ResumedPeer.Reverify;
        }

        if (options.MaxCertificateList > 0)
        {
            library.MaxCertificateMessageLength = options.MaxCertificateList;
        }

        if (options.ExportTrafficSecrets)
        {
            library.KeyLog = line => _observed.Log(line);
        }

        // Whether a chain is good is the runner's to say, by -verify-fail; so no roots, least of all the system's, which take long to load.
        library.CertificateChainPolicy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
            DisableCertificateDownloads = true,
        };
        library.ValidationPolicyName = "bogo";

        library.RemoteCertificateValidationCallback = _validate;
    }

    private bool Validate()
    {
        ShimOptions options = !_options.IsServer && _client?.Info.EarlyData.Status == EarlyDataStatus.Rejected ? _retry : _options;
        // BoringSSL's client that was not told to verify its peer asks the callback and goes on whatever it says.
        bool insist = options.IsServer || options.VerifyPeer;
        _observed.Verifications++;
        _observed.VerificationFailed = options.VerifyFail;
        if (options.FailOcspCallback)
        {
            throw Refuse("OCSP_CB_ERROR", new TlsAlertException(TlsFault.CertificateRejectedByApplication, TlsAlert.BadCertificateStatusResponse, sentByPeer: false));
        }

        if (options.VerifyFail && insist && !options.UseCustomVerifyCallback)
        {
            // What BoringSSL's older callback style has for "the application refused": it may be any alert.
            throw new TlsAlertException(TlsFault.CertificateRejectedByApplication, TlsAlert.HandshakeFailure, sentByPeer: false);
        }

        return !options.VerifyFail || !insist;
    }

    /// <summary>A callback's answer: with <c>-async</c> one that is not there at once, so that the handshake pauses for it.</summary>
    private async ValueTask<T> Answer<T>(T answer)
    {
        if (_options.OneByteAtATime)
        {
            await Task.Delay(1).ConfigureAwait(false);
        }

        return answer;
    }

    private TlsCertificate? SelectClientCertificate(TlsCertificateRequestInfo request)
    {
        _observed.PeerSchemes = request.SignatureSchemes;
        _observed.ClientAuthorities = request.Authorities;
        if (_options.FailCertificateCallback)
        {
            throw FailCertificateCallback();
        }

        return _credentials.Choose(request, out string? refusal)
            ?? (refusal is null ? null : throw Refuse(refusal, new TlsException(TlsFault.NoSuitableCertificate)));
    }

    private InvalidOperationException FailCertificateCallback() => Refuse("CERT_CB_ERROR", new InvalidOperationException("-fail-cert-callback"));

    private T Refuse<T>(string reason, T exception)
    {
        _observed.Refusal = reason;
        return exception;
    }

    /// <summary>The versions left over.</summary>
    private static SslProtocols Versions(ShimOptions options)
    {
        SslProtocols versions = (options.NoTls12 || !InRange(0x0303) ? SslProtocols.None : SslProtocols.Tls12)
            | (options.NoTls13 || !InRange(0x0304) ? SslProtocols.None : SslProtocols.Tls13);
        // None would stand for all.
        return versions != SslProtocols.None ? versions : throw new UnimplementedException("no version");

        bool InRange(int version) => version >= options.MinVersion && (options.MaxVersion == 0 || version <= options.MaxVersion);
    }

    private static TlsNamedGroup[] ToGroups(List<ushort> codePoints) => [.. codePoints.Select(codePoint =>
        Groups.Contains((TlsNamedGroup)codePoint) ? (TlsNamedGroup)codePoint : throw new UnimplementedException($"group {codePoint}"))];

    /// <summary>The schemes we have: SHA-1 and MD5 are refused whoever asks, and so never chosen before another.</summary>
    public static TlsSignatureScheme[] ToSchemes(List<ushort> codePoints)
    {
        TlsSignatureScheme[] schemes = [.. codePoints.Select(codePoint => (TlsSignatureScheme)codePoint).Where(Enum.IsDefined)];
        return schemes.Length > 0 ? schemes : throw new UnimplementedException($"signature schemes {string.Join(' ', codePoints)}");
    }

    /// <summary>A list in wire form: each protocol behind its length.</summary>
    public static List<SslApplicationProtocol> ReadAlpn(string wire)
    {
        List<SslApplicationProtocol> protocols = [];
        byte[] bytes = Encoding.Latin1.GetBytes(wire);
        for (int i = 0; i < bytes.Length; i += 1 + bytes[i])
        {
            if (bytes[i] == 0 || i + 1 + bytes[i] > bytes.Length)
            {
                throw new UnimplementedException("a malformed ALPN list");
            }

            protocols.Add(new SslApplicationProtocol(bytes.AsSpan(i + 1, bytes[i]).ToArray()));
        }

        return protocols;
    }

    /// <summary>Distinguished names: DER in hexadecimal, between commas.</summary>
    public static List<ReadOnlyMemory<byte>> ReadNames(string list) =>
        list is "<NULL>" or "<EMPTY>" ? [] : [.. list.Split(',').Select(name => new ReadOnlyMemory<byte>(Convert.FromHexString(name)))];
}

using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Segno.Sessions;

namespace Segno.BogoShim;

/// <summary>Turns the runner's flags into the library's options and contexts.</summary>
internal sealed class ShimContexts
{
    private static readonly TlsNamedGroup[] Groups = [TlsNamedGroup.X25519, TlsNamedGroup.P256, TlsNamedGroup.P384];

    private readonly Dictionary<string, TlsServerContext> _servers = [];

    // Of the connection under way: a context outlives it, so its callbacks look here.
    private ShimOptions _options = new();
    private ShimObservations _observed = new();
    private TlsCertificate? _clientCertificate;

    // The same callbacks on every connection: a session is resumed only under those it was made under.
    private readonly RemoteCertificateValidationCallback _validate;
    private readonly Func<TlsCertificateRequestInfo, CancellationToken, ValueTask<TlsCertificate?>> _selectClientCertificate;
    private readonly ShimClock _clock;

    public ShimContexts(ShimClock clock)
    {
        _clock = clock;
        _validate = (_, _, _, _) => Validate();
        _selectClientCertificate = (request, _) => Answer(SelectClientCertificate(request));
    }

    /// <summary>The engine for one connection.</summary>
    /// <param name="options">The flags that hold for it.</param>
    /// <param name="session">Client: the session to offer, or <see langword="null"/>.</param>
    /// <param name="observed">Where the callbacks note what they saw.</param>
    public TlsConnection Connect(ShimOptions options, TlsSession? session, ShimObservations observed)
    {
        _options = options;
        _observed = observed;
        if (!options.IsServer)
        {
            return new TlsConnection(new TlsClientContext(Client(options, session)));
        }

        if (!_servers.TryGetValue(options.ContextKey, out TlsServerContext? context))
        {
            context = new TlsServerContext(Server(options));
            if (options.UseEarlyCallback)
            {
                // Everything is chosen by what the hello says; there is but one choice.
                TlsServerContext chosen = context;
                context = new TlsServerContext(new TlsServerOptions { ContextSelector = (_, _) => Answer<TlsServerContext?>(chosen) });
            }

            _servers.Add(options.ContextKey, context);
        }

        return new TlsConnection(context);
    }

    private TlsClientOptions Client(ShimOptions options, TlsSession? session)
    {
        var client = new TlsClientOptions
        {
            TargetHost = options.HostName.Length > 0 ? options.HostName : null,
            Resume = session,
            ApplicationProtocols = options.AdvertiseAlpn.Length > 0 ? ReadAlpn(options.AdvertiseAlpn) : null,
            // BoringSSL's client does not ask unless it is told to.
            CertificateStatusMode = TlsCertificateStatusMode.None,
        };
        if (options.NoKeyShares)
        {
            client.KeyShareGroups = [];
        }
        else if (options.KeyShares.Count > 0)
        {
            client.KeyShareGroups = ToGroups(options.KeyShares);
        }

        _clientCertificate = LoadCertificate(options);
        client.ClientCertificateSelector = _selectClientCertificate;
        SetCommon(client, options);
        return client;
    }

    private TlsServerOptions Server(ShimOptions options)
    {
        if (options.EnableGrease)
        {
            throw new UnimplementedException("GREASE sent by a server");
        }

        TlsCertificate? certificate = LoadCertificate(options);
        var server = new TlsServerOptions
        {
            ServerCertificates = certificate is null ? [] : [certificate],
            ClientCertificateMode =
                options.RequireClientCertificate ? TlsClientCertificateMode.Required
                : options.VerifyPeer ? TlsClientCertificateMode.Optional
                : TlsClientCertificateMode.None,
            ClientCertificateAuthorities = options.ClientCaList is "" or "<NULL>" or "<EMPTY>" ? null : ReadNames(options.ClientCaList),
            AllowTlsResume = !options.NoTicket,
            PreferServerCipherSuites = options.ServerPreference,
            ApplicationProtocols =
                options.RejectAlpn ? [new SslApplicationProtocol("nobody offers this")]
                : options.SelectAlpn.Length > 0 && !options.DeclineAlpn ? [new SslApplicationProtocol(options.SelectAlpn)]
                : null,
        };
        if (options.OneByteAtATime)
        {
            server.CertificateSelector = (_, _) => Answer(certificate);
        }

        if (options.FailCertificateCallback)
        {
            server.CertificateSelector = (_, _) => throw new InvalidOperationException("-fail-cert-callback");
        }

        SetCommon(server, options);
        return server;
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

        if (options.SigningSchemes.Count > 0)
        {
            library.SigningSchemes = ToSchemes(options.SigningSchemes);
        }

        if (options.MaxSendFragment > 0)
        {
            library.MaxSendFragment = options.MaxSendFragment;
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
        // BoringSSL's client that was not told to verify its peer asks the callback and goes on whatever it says.
        bool insist = _options.IsServer || _options.VerifyPeer;
        _observed.Verifications++;
        _observed.VerificationFailed = _options.VerifyFail;
        return !_options.VerifyFail || !insist;
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
        return _options.FailCertificateCallback ? throw new InvalidOperationException("-fail-cert-callback") : _clientCertificate;
    }

    /// <summary>The versions left over; one that needs TLS 1.2 alone is not built yet.</summary>
    private static SslProtocols Versions(ShimOptions options)
    {
        const int Tls13 = 0x0304;
        if (options.NoTls13 || (options.MaxVersion != 0 && options.MaxVersion < Tls13))
        {
            throw new UnimplementedException("TLS 1.2");
        }

        return SslProtocols.Tls13;
    }

    private static TlsCertificate? LoadCertificate(ShimOptions options)
    {
        if (options.CertificateFile.Length == 0)
        {
            return null;
        }

        try
        {
            return TlsCertificate.FromPemFile(options.CertificateFile, options.KeyFile.Length > 0 ? options.KeyFile : null);
        }
        catch (ArgumentException exception)
        {
            throw new UnimplementedException($"the certificate: {exception.Message}");
        }
    }

    private static TlsNamedGroup[] ToGroups(List<ushort> codePoints) => [.. codePoints.Select(codePoint =>
        Groups.Contains((TlsNamedGroup)codePoint) ? (TlsNamedGroup)codePoint : throw new UnimplementedException($"group {codePoint}"))];

    private static TlsSignatureScheme[] ToSchemes(List<ushort> codePoints) => [.. codePoints.Select(codePoint =>
        Enum.IsDefined((TlsSignatureScheme)codePoint) ? (TlsSignatureScheme)codePoint : throw new UnimplementedException($"signature scheme {codePoint}"))];

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

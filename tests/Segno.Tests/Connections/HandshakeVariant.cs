using System.Security.Authentication;
using Segno.Handshake;
using Segno.Tests.Sessions;
using Segno.Tests.Sessions.EarlyData;

namespace Segno.Tests.Connections;

/// <summary>The ways a handshake can go.</summary>
public enum HandshakeVariant
{
    Full,
    FullWithRetry,
    Resumed,
    ResumedWithRetry,
    ResumedWithoutKeyExchange,
    ClientAuthentication,
    ClientWithoutCertificate,
    CompressedCertificates,
    ExternalPsk,
    Tls12Full,
    Tls12FullWithTicket,
    Tls12ResumedBySessionId,
    Tls12ResumedByTicket,
    Tls12ResumedWithNewTicket,
    Tls12ClientAuthentication,
    Tls12ClientWithoutCertificate,
    Tls12Stapled,
}

/// <summary>A client's and a server's context for a variant. Every connection through them goes the variant's way.</summary>
internal sealed class VariantContexts : IDisposable
{
    private static readonly HandshakeVariant[] Resumptions =
    [
        HandshakeVariant.Resumed, HandshakeVariant.ResumedWithRetry, HandshakeVariant.ResumedWithoutKeyExchange,
        HandshakeVariant.Tls12ResumedBySessionId, HandshakeVariant.Tls12ResumedByTicket, HandshakeVariant.Tls12ResumedWithNewTicket,
    ];

    private static readonly Lazy<TlsCertificate> Stapled = new(() =>
    {
        TestCertificate leaf = TestPki.Ed25519("localhost");
        var certificate = TlsCertificate.FromPem(leaf.ChainPem, leaf.KeyPem);
        certificate.StapleAsIs(TestOcsp.Make(new() { Certificate = leaf }));
        return certificate;
    });

    private readonly HandshakeVariant _variant;
    private readonly TestClock _clock = new() { Wall = TimeProvider.System.GetUtcNow() };

    public VariantContexts(HandshakeVariant variant, int fragment = 16384)
    {
        _variant = variant;
        bool retry = variant is HandshakeVariant.FullWithRetry or HandshakeVariant.ResumedWithRetry;
        bool authentication = IsClientAuthenticated(variant);
        bool keyExchange = variant != HandshakeVariant.ResumedWithoutKeyExchange;
        (Client, Server) = HandshakeTests.Contexts(
            options =>
            {
                options.TimeProvider = _clock;
                options.CompressCertificates = variant == HandshakeVariant.CompressedCertificates;
                options.EnabledSslProtocols = IsTls12(variant) ? SslProtocols.Tls12 : SslProtocols.Tls13;
                options.AllowTlsResume = IsResumed || variant == HandshakeVariant.Tls12FullWithTicket;
                options.AllowPskWithoutKeyExchange = !keyExchange;
                options.KeyShareGroups = retry ? [TlsNamedGroup.P384] : null;
                options.ExternalPsks = variant == HandshakeVariant.ExternalPsk ? [ExternalPskTests.Plain] : null;
                options.ClientCertificate = authentication ? TestPki.ClientEd25519().Tls : null;
                options.MaxSendFragment = fragment;
            },
            options =>
            {
                // Signatures of one length: every handshake of a variant has messages of the same lengths.
                options.ServerCertificates = [variant == HandshakeVariant.Tls12Stapled ? Stapled.Value : TestPki.Ed25519("localhost").Tls];
                options.TimeProvider = _clock;
                options.CompressCertificates = variant == HandshakeVariant.CompressedCertificates;
                options.SupportedGroups = [TlsNamedGroup.X25519];
                // Without tickets a server of TLS 1.2 gives session IDs.
                options.TicketCount = variant == HandshakeVariant.Tls12ResumedBySessionId ? 0 : 2;
                options.AllowPskWithoutKeyExchange = !keyExchange;
                // The client wants no session, but cannot say so beside a PSK.
                options.AllowTlsResume = variant != HandshakeVariant.ExternalPsk;
                if (variant == HandshakeVariant.Resumed)
                {
                    options.MaxEarlyDataSize = 1;
                    options.ReplayGuard = new ReplayGuardDouble(_ => new(Segno.Sessions.ReplayVerdict.First));
                }
                options.ExternalPskSelector = variant == HandshakeVariant.ExternalPsk ? ExternalPskTests.Knows(ExternalPskTests.Plain) : null;
                options.ClientCertificateMode = variant switch
                {
                    _ when authentication => TlsClientCertificateMode.Required,
                    HandshakeVariant.ClientWithoutCertificate or HandshakeVariant.Tls12ClientWithoutCertificate => TlsClientCertificateMode.Optional,
                    _ => TlsClientCertificateMode.None,
                };
                options.CertificateChainPolicy = TestPki.TrustRoot();
                options.MaxSendFragment = fragment;
                options.KeyLog = line => Secrets[line.Split(' ')[0]] = Convert.FromHexString(line.Split(' ')[2]);
            });
    }

    public static TheoryData<HandshakeVariant> All => [.. Enum.GetValues<HandshakeVariant>()];

    public static TheoryData<HandshakeVariant> OfTls13 => [.. Enum.GetValues<HandshakeVariant>().Where(variant => !IsTls12(variant))];

    public TlsClientContext Client { get; }

    public TlsServerContext Server { get; }

    /// <summary>The server's key log of the newest connection: label → secret.</summary>
    public Dictionary<string, byte[]> Secrets { get; } = [];

    public bool IsResumed => Resumptions.Contains(_variant);

    public static bool IsTls12(HandshakeVariant variant) => variant >= HandshakeVariant.Tls12Full;

    private static bool IsClientAuthenticated(HandshakeVariant variant) => variant
        is HandshakeVariant.ClientAuthentication or HandshakeVariant.Tls12ClientAuthentication or HandshakeVariant.CompressedCertificates;

    /// <summary>Makes the next connection go the variant's way: what is to be resumed must have been before.</summary>
    public void Prepare()
    {
        bool isRenewed = _variant == HandshakeVariant.Tls12ResumedWithNewTicket;
        if (isRenewed || _variant == HandshakeVariant.Tls12FullWithTicket)
        {
            Client.SessionCache.Clear();
        }
        if (IsResumed && Client.SessionCache.Count == 0)
        {
            EnginePair.Connect(Client, Server).Dispose();
        }
        if (isRenewed)
        {
            // A ticket of TLS 1.2 is renewed when more than half of its hour is over.
            _clock.Advance(TimeSpan.FromMinutes(31));
        }
    }

    /// <summary>Whether a connection went the variant's way.</summary>
    public void AssertVariant(EnginePair pair)
    {
        Assert.Equal(IsTls12(_variant) ? SslProtocols.Tls12 : SslProtocols.Tls13, pair.Server.Info.ProtocolVersion);
        bool isPsk = _variant == HandshakeVariant.ExternalPsk;
        Assert.Equal(isPsk, pair.Server.Info.Resumption.Mechanism == Segno.Sessions.ResumptionMechanism.ExternalPsk);
        Assert.Equal(IsResumed || isPsk, pair.Server.Info.Resumption.IsResumed);
        Assert.Equal(IsResumed || isPsk, pair.Client.Info.Resumption.IsResumed);
        Assert.Equal(_variant is HandshakeVariant.FullWithRetry or HandshakeVariant.ResumedWithRetry, pair.Client.Info.HelloRetried);
        Assert.Equal(_variant == HandshakeVariant.ResumedWithoutKeyExchange, pair.Server.Info.Group is null);
        Assert.Equal(IsClientAuthenticated(_variant), pair.Server.Info.RemoteCertificate is not null);
    }

    /// <summary>The handshake messages of one connection in the order in which each side made them.</summary>
    public (List<byte[]> FromClient, List<byte[]> FromServer) Record()
    {
        Prepare();
        (List<byte[]> FromClient, List<byte[]> FromServer) messages = Listen();
        using EnginePair pair = EnginePair.Connect(Client, Server);
        AssertVariant(pair);
        Rewrite(null, null);
        return messages;
    }

    /// <summary>Lists that fill with the handshake messages of the connections to come.</summary>
    public (List<byte[]> FromClient, List<byte[]> FromServer) Listen()
    {
        List<byte[]> fromClient = [];
        List<byte[]> fromServer = [];
        Rewrite(message => Add(fromClient, message), message => Add(fromServer, message));
        return (fromClient, fromServer);
    }

    /// <summary>What client and server make of their own messages before they send them.</summary>
    public void Rewrite(Func<byte[], byte[]>? client, Func<byte[], byte[]>? server)
    {
        Client.Settings.MessageRewriter = client;
        Server.Settings.MessageRewriter = server;
    }

    public void Dispose() => Server.Dispose();

    /// <summary>Whether two hellos differ in their binder alone.</summary>
    private static bool IsSameHello(byte[] first, byte[] second)
        => first[0] == (byte)HandshakeType.ClientHello && first.Length == second.Length && first.AsSpan(..^32).SequenceEqual(second.AsSpan(..^32));

    private static byte[] Add(List<byte[]> messages, byte[] message)
    {
        // A hello with a PSK passes by twice: first without its binder.
        if (messages.LastOrDefault() is { } last && IsSameHello(last, message))
        {
            messages.RemoveAt(messages.Count - 1);
        }
        messages.Add(message);
        return message;
    }
}

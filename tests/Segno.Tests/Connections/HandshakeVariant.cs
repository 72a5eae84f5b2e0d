using Segno.Handshake;

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
}

/// <summary>A client's and a server's context for a variant. Every connection through them goes the variant's way.</summary>
internal sealed class VariantContexts : IDisposable
{
    private readonly HandshakeVariant _variant;

    public VariantContexts(HandshakeVariant variant, int fragment = 16384)
    {
        _variant = variant;
        bool retry = variant is HandshakeVariant.FullWithRetry or HandshakeVariant.ResumedWithRetry;
        bool keyExchange = variant != HandshakeVariant.ResumedWithoutKeyExchange;
        (Client, Server) = HandshakeTests.Contexts(
            options =>
            {
                options.AllowTlsResume = IsResumed;
                options.AllowPskWithoutKeyExchange = !keyExchange;
                options.KeyShareGroups = retry ? [TlsNamedGroup.P384] : null;
                options.ClientCertificate = variant == HandshakeVariant.ClientAuthentication ? TestPki.ClientEd25519().Tls : null;
                options.MaxSendFragment = fragment;
            },
            options =>
            {
                // Signatures of one length: every handshake of a variant has messages of the same lengths.
                options.ServerCertificates = [TestPki.Ed25519("localhost").Tls];
                options.SupportedGroups = [TlsNamedGroup.X25519];
                options.AllowPskWithoutKeyExchange = !keyExchange;
                options.ClientCertificateMode = variant switch
                {
                    HandshakeVariant.ClientAuthentication => TlsClientCertificateMode.Required,
                    HandshakeVariant.ClientWithoutCertificate => TlsClientCertificateMode.Optional,
                    _ => TlsClientCertificateMode.None,
                };
                options.CertificateChainPolicy = TestPki.TrustRoot();
                options.MaxSendFragment = fragment;
            });
    }

    public static TheoryData<HandshakeVariant> All => [.. Enum.GetValues<HandshakeVariant>()];

    public TlsClientContext Client { get; }

    public TlsServerContext Server { get; }

    public bool IsResumed => _variant is HandshakeVariant.Resumed or HandshakeVariant.ResumedWithRetry or HandshakeVariant.ResumedWithoutKeyExchange;

    /// <summary>Makes the next connection go the variant's way: what is to be resumed must have been before.</summary>
    public void Prepare()
    {
        if (IsResumed && Client.SessionCache.Count == 0)
        {
            EnginePair.Connect(Client, Server).Dispose();
        }
    }

    /// <summary>Whether a connection went the variant's way.</summary>
    public void AssertVariant(EnginePair pair)
    {
        Assert.Equal(IsResumed, pair.Server.Info.Resumption.IsResumed);
        Assert.Equal(IsResumed, pair.Client.Info.Resumption.IsResumed);
        Assert.Equal(_variant is HandshakeVariant.FullWithRetry or HandshakeVariant.ResumedWithRetry, pair.Client.Info.HelloRetried);
        Assert.Equal(_variant == HandshakeVariant.ResumedWithoutKeyExchange, pair.Server.Info.Group is null);
        Assert.Equal(_variant == HandshakeVariant.ClientAuthentication, pair.Server.Info.RemoteCertificate is not null);
    }

    /// <summary>The handshake messages of one connection in the order in which each side made them.</summary>
    public (List<byte[]> FromClient, List<byte[]> FromServer) Record()
    {
        Prepare();
        List<byte[]> fromClient = [];
        List<byte[]> fromServer = [];
        Client.Settings.MessageRewriter = message => Add(fromClient, message);
        Server.Settings.MessageRewriter = message => Add(fromServer, message);
        using (EnginePair pair = EnginePair.Connect(Client, Server))
        {
            AssertVariant(pair);
        }
        Client.Settings.MessageRewriter = null;
        Server.Settings.MessageRewriter = null;
        return (fromClient, fromServer);
    }

    public void Dispose() => Server.Dispose();

    private static byte[] Add(List<byte[]> messages, byte[] message)
    {
        // A hello with a PSK passes by twice: first without its binder.
        if (messages.LastOrDefault() is [(byte)HandshakeType.ClientHello, ..] last && last.Length == message.Length && last.AsSpan(..^32).SequenceEqual(message.AsSpan(..^32)))
        {
            messages.RemoveAt(messages.Count - 1);
        }
        messages.Add(message);
        return message;
    }
}

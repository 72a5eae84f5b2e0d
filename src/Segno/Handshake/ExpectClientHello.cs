using System.Runtime.InteropServices;
using System.Security.Authentication;
using Segno.Buffers;
using Segno.Handshake.Extensions;
using Segno.Handshake.Messages;

namespace Segno.Handshake;

/// <summary>Waits for a ClientHello: the first, or after a HelloRetryRequest the second.</summary>
internal sealed class ExpectClientHello : HandshakeState
{
    private static readonly HashSet<ExtensionType> MayChange =
        [ExtensionType.KeyShare, ExtensionType.EarlyData, ExtensionType.Cookie, ExtensionType.PreSharedKey, ExtensionType.Padding];

    private readonly ServerHandshake _server;
    private readonly ClientHello? _first;
    private readonly TlsNamedGroup _retriedGroup;

    public ExpectClientHello(ServerHandshake server)
    {
        _server = server;
    }

    public ExpectClientHello(ServerHandshake server, ClientHello first, TlsNamedGroup retriedGroup)
    {
        _server = server;
        _first = first;
        _retriedGroup = retriedGroup;
    }

    public override HandshakeState Receive(HandshakeMessage message)
    {
        Expect(message, HandshakeType.ClientHello);
        ClientHello hello = ClientHello.Read(message);
        string? name = hello.ServerName();
        if (_first is { } first)
        {
            if (!hello.Offers(SslProtocols.Tls13))
            {
                // D1: after a HelloRetryRequest the version is chosen.
                throw new TlsException(TlsFault.VersionChangedAfterRetry);
            }
            CheckTls13(hello);
            CheckSecond(first, hello);
            return new ServerNegotiation(_server, hello, _retriedGroup).Run();
        }
        _server.ServerName = name;
        _server.Link.ClientRandom = hello.Random;
        _server.Link.Info.ServerName = name;
        _server.Link.Info.RemoteSignatureSchemes = [.. (hello.UInt16List(ExtensionType.SignatureAlgorithms) ?? []).Select(scheme => (TlsSignatureScheme)scheme)];
        // The virtual host comes first: everything else, resumption included, is decided by its rules.
        return _server.Settings.ContextSelector is { } selector
            ? Pause.For(() => selector((hello.ToInfo(name, _server.Link.Sender), _server.Link.Aborted)), settings => UseSettings(settings, hello))
            : Negotiate(hello);
    }

    /// <summary>The highest version that both have (RFC 9846 §4.3.1, RFC 5246 §E.1).</summary>
    private HandshakeState Negotiate(ClientHello hello)
    {
        ServerSettings settings = _server.Settings;
        if (settings.AllowsTls13 && hello.Offers(SslProtocols.Tls13))
        {
            CheckTls13(hello);
            return new ServerNegotiation(_server, hello, null).Run();
        }
        bool offersTls12 = hello.Offers(SslProtocols.Tls12);
        if ((settings.AllowsTls13 || !offersTls12) && hello.CipherSuites.Contains(ClientHello.FallbackScsv))
        {
            // it could have had more.
            throw new TlsException(TlsFault.InappropriateFallback);
        }
        return settings.AllowsTls12 && offersTls12
            ? new ServerNegotiation12(_server, hello).Run()
            : throw new TlsException(TlsFault.NoCommonVersion);
    }

    //
    private static void CheckTls13(ClientHello hello)
    {
        if (hello.LegacyVersion != 0x0303)
        {
            throw new TlsException(TlsFault.LegacyVersionInvalid);
        }
        if (hello.CompressionMethods is not [0])
        {
            throw new TlsException(TlsFault.CompressionMethodInvalid);
        }
    }

    private HandshakeState UseSettings(ServerSettings? settings, ClientHello hello)
    {
        //
        _server.Settings = settings ?? throw new TlsException(TlsFault.UnrecognizedServerName);
        _server.Link.UseSettings(settings);
        return Negotiate(hello);
    }

    /// <summary>RFC 9846 §4.2.2: only a few things may change between the two hellos (D7).</summary>
    private void CheckSecond(ClientHello first, ClientHello second)
    {
        if (second.Extensions.Has(ExtensionType.EarlyData))
        {
            throw new TlsException(TlsFault.EarlyDataNotAllowed);
        }
        bool same = PublicData.Equal(first.Random, second.Random)
            && PublicData.Equal(first.SessionId, second.SessionId)
            && PublicData.Equal(MemoryMarshal.AsBytes<ushort>(first.CipherSuites), MemoryMarshal.AsBytes<ushort>(second.CipherSuites));
        foreach (ExtensionType type in first.Extensions.Types.Union(second.Extensions.Types).Except(MayChange))
        {
            same &= first.Extensions.Find(type) is { } before
                && second.Extensions.Find(type) is { } after
                && PublicData.Equal(before.Span, after.Span);
        }
        if (!same)
        {
            throw new TlsException(TlsFault.SecondClientHelloDiffers);
        }
        if (second.Extensions.Has(ExtensionType.PreSharedKey) && !first.Extensions.Has(ExtensionType.PreSharedKey))
        {
            throw new TlsException(TlsFault.PskChangedAfterRetry);
        }
        if ((_server.Resumed is not null || _server.ExternalPsk is not null) && !second.Extensions.Has(ExtensionType.PreSharedKey))
        {
            // D5: only PSKs that do not fit the suite may go, and the one we took fits.
            throw new TlsException(TlsFault.PskChangedAfterRetry);
        }
    }
}

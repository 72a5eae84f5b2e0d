using System.Security.Authentication;
using Segno.Buffers;
using Segno.Certificates;
using Segno.Cryptography;

namespace Segno.Handshake.Messages;

/// <summary>ServerKeyExchange and ClientKeyExchange of the ECDHE suites of TLS 1.2 (RFC 8422 §5.4, §5.7).</summary>
/// <remarks><code>
/// struct {
///     ECCurveType curve_type = named_curve(3);
///     NamedCurve namedcurve;
///     opaque point&lt;1..2^8-1&gt;;
/// } ServerECDHParams;
/// struct {
///     ServerECDHParams params;
///     SignatureAndHashAlgorithm algorithm;
///     opaque signature&lt;0..2^16-1&gt;;         /* over client_random + server_random + params */
/// } ServerKeyExchange;
/// struct {
///     opaque point&lt;1..2^8-1&gt;;
/// } ClientKeyExchange;
/// </code></remarks>
internal static class ServerKeyExchange
{
    private const byte NamedCurve = 3;

    /// <summary>Reads and verifies the message.</summary>
    /// <returns>The server's public value and its group.</returns>
    public static (TlsNamedGroup Group, byte[] Point, PossessionVerified Possession) Verify(
        HandshakeLink link, HandshakeMessage message, ReadOnlySpan<byte> serverRandom, PeerCertificate server, TlsSettings settings)
    {
        var reader = new TlsReader(message.Body);
        byte curveType = reader.UInt8();
        if (curveType != NamedCurve)
        {
            throw new TlsException(TlsFault.GroupNotOffered, "explicit curve parameters");
        }
        var group = (TlsNamedGroup)reader.UInt16();
        byte[] point = reader.Vector8(1).ToArray();
        ReadOnlySpan<byte> parameters = message.Body[..^reader.Remaining];
        var scheme = (TlsSignatureScheme)reader.UInt16();
        ReadOnlySpan<byte> signature = reader.Vector16();
        reader.End();
        if (!settings.Groups12.Contains(group))
        {
            throw new TlsException(TlsFault.GroupNotOffered);
        }
        if (!settings.SignatureSchemes.Contains(scheme) || !SchemeChoice.FitsKey(scheme, server.Verifier.Kind, server.Verifier.KeySize, SslProtocols.Tls12))
        {
            throw new TlsException(TlsFault.SignatureSchemeNotOffered, scheme.ToString());
        }
        using var content = new FlightBuffer();
        WriteSigned(content, link.ClientRandom, serverRandom, parameters);
        var possession = PossessionVerified.Check12(server, scheme, content.Span, signature);
        link.Info.RemoteSignatureScheme = scheme;
        link.Info.Group = group;
        link.Transcript.Append(message.Raw);
        return (group, point, possession);
    }

    public static void Write(HandshakeLink link, KeyExchange share, ReadOnlySpan<byte> serverRandom, Signer signer, TlsSignatureScheme scheme)
    {
        TlsWriter writer = link.Begin(HandshakeType.ServerKeyExchange, out int start);
        int parametersStart = writer.Position;
        writer.UInt8(NamedCurve);
        writer.UInt16((int)share.Group);
        writer.UInt8(share.ShareLength);
        share.WriteShare(writer.Reserve(share.ShareLength));
        using var content = new FlightBuffer();
        WriteSigned(content, link.ClientRandom, serverRandom, writer.Written[parametersStart..]);
        byte[] signature = new byte[signer.MaxSignatureLength];
        int length = signer.SignTls12(scheme, content.Span, signature);
        writer.UInt16((int)scheme);
        writer.Vector16(signature.AsSpan(0, length));
        link.End(start);
        link.Info.LocalSignatureScheme = scheme;
        link.Info.Group = share.Group;
    }

    /// <summary>The client's public value.</summary>
    public static byte[] ReadClient(HandshakeMessage message)
    {
        var reader = new TlsReader(message.Body);
        byte[] point = reader.Vector8(1).ToArray();
        reader.End();
        return point;
    }

    public static void WriteClient(HandshakeLink link, ReadOnlySpan<byte> point)
    {
        TlsWriter writer = link.Begin(HandshakeType.ClientKeyExchange, out int start);
        writer.Vector8(point);
        link.End(start);
    }

    private static void WriteSigned(FlightBuffer content, ReadOnlySpan<byte> clientRandom, ReadOnlySpan<byte> serverRandom, ReadOnlySpan<byte> parameters)
    {
        content.Append(clientRandom);
        content.Append(serverRandom);
        content.Append(parameters);
    }
}

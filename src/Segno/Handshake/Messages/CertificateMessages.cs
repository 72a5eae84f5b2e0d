using System.Security.Authentication;
using Segno.Buffers;
using Segno.Certificates;
using Segno.Cryptography;
using Segno.Handshake.Extensions;

namespace Segno.Handshake.Messages;

/// <summary>Certificate (RFC 9846 §4.5.1).</summary>
/// <remarks><code>
/// struct {
///     opaque cert_data&lt;1..2^24-1&gt;;
///     Extension extensions&lt;0..2^16-1&gt;;
/// } CertificateEntry;
/// struct {
///     opaque certificate_request_context&lt;0..2^8-1&gt;;
///     CertificateEntry certificate_list&lt;0..2^24-1&gt;;
/// } Certificate;
/// </code></remarks>
internal static class CertificateMessage
{
    /// <summary>Reads a Certificate or, where that was offered, a CompressedCertificate.</summary>
    /// <param name="message">The message.</param>
    /// <param name="settings">Bounds what a compressed one may decompress to, and says whether there may be one.</param>
    /// <param name="offered">The extensions that the entries may have.</param>
    /// <param name="ocspResponse">The OCSP response stapled to the leaf; empty: none. Those of other certificates are not looked at.</param>
    public static List<ReadOnlyMemory<byte>> Read(
        HandshakeMessage message, TlsSettings settings, IReadOnlySet<ExtensionType> offered, out ReadOnlyMemory<byte> ocspResponse)
    {
        ocspResponse = default;
        var reader = new TlsReader(message.Type switch
        {
            HandshakeType.Certificate => message.Body,
            HandshakeType.CompressedCertificate when settings.CompressCertificates => CompressedCertificate.Open(message.Body, settings.MaxCertificateMessageLength),
            _ => throw new TlsException(TlsFault.UnexpectedMessage, message.Type.ToString()),
        });
        if (!reader.Vector8().IsEmpty)
        {
            throw new TlsException(TlsFault.CertificateRequestContextInvalid);
        }
        var list = new TlsReader(reader.Vector24());
        reader.End();
        List<ReadOnlyMemory<byte>> chain = [];
        while (!list.IsEmpty)
        {
            chain.Add(list.Vector24(1).ToArray());
            ExtensionBlock extensions = ExtensionBlock.Read(list.Vector16(), ExtensionPlace.Certificate, offered);
            if (chain.Count == 1 && extensions.TryGet(ExtensionType.StatusRequest, out TlsReader status))
            {
                ocspResponse = CertificateStatus.ReadBody(ref status);
            }
        }
        return chain;
    }

    /// <summary>Writes the message, compressed where the peer takes that and it is shorter for it.</summary>
    /// <param name="link">The link.</param>
    /// <param name="certificate">The chain; <see langword="null"/>: none.</param>
    /// <param name="compressions">The peer's compress_certificate; empty: not compressed.</param>
    /// <param name="ocspResponse">The OCSP response to staple to the leaf; empty: none.</param>
    public static void Write(HandshakeLink link, TlsCertificate? certificate, ushort[] compressions, ReadOnlyMemory<byte> ocspResponse = default)
    {
        using var body = new FlightBuffer();
        WriteBody(new TlsWriter(body), certificate, ocspResponse);
        if (certificate is not null && CertificateCompression.Choose(compressions) is { } algorithm
            && certificate.CompressedBodies.Get(algorithm, body.Span) is { } compressed && compressed.Length < body.Length)
        {
            CompressedCertificate.Write(link, algorithm, body.Length, compressed);
            return;
        }
        link.Begin(HandshakeType.Certificate, out int start).Bytes(body.Span);
        link.End(start);
    }

    private static void WriteBody(TlsWriter writer, TlsCertificate? certificate, ReadOnlyMemory<byte> ocspResponse)
    {
        writer.Vector8([]);
        TlsWriter.OpenVector list = writer.Open(3);
        foreach (ReadOnlyMemory<byte> entry in certificate?.Chain ?? [])
        {
            writer.Vector24(entry.Span);
            TlsWriter.OpenVector extensions = writer.Open(2);
            if (!ocspResponse.IsEmpty)
            {
                writer.UInt16((int)ExtensionType.StatusRequest);
                TlsWriter.OpenVector status = writer.Open(2);
                CertificateStatus.WriteBody(writer, ocspResponse.Span);
                writer.Close(status);
                ocspResponse = default;
            }
            writer.Close(extensions);
        }
        writer.Close(list);
    }
}

/// <summary>CertificateVerify (RFC 9846 §4.5.2).</summary>
/// <remarks><code>
/// struct {
///     SignatureScheme algorithm;
///     opaque signature&lt;0..2^16-1&gt;;
/// } CertificateVerify;
/// </code></remarks>
internal static class CertificateVerify
{
    private const int PadLength = 64;

    public static void Write(HandshakeLink link, Signer signer, TlsSignatureScheme scheme, bool isServer)
    {
        Span<byte> content = stackalloc byte[PadLength + 64 + HashKinds.MaxLength];
        content = Content(link, isServer, content);
        Span<byte> signature = stackalloc byte[1024];
        int length = signer.Sign(scheme, content, signature);
        TlsWriter writer = link.Begin(HandshakeType.CertificateVerify, out int start);
        writer.UInt16((int)scheme);
        writer.Vector16(signature[..length]);
        link.End(start);
        link.Info.LocalSignatureScheme = scheme;
    }

    public static PossessionVerified Verify(HandshakeLink link, HandshakeMessage message, PeerCertificate peer, TlsSignatureScheme[] accepted, bool isServer)
    {
        var reader = new TlsReader(message.Body);
        var scheme = (TlsSignatureScheme)reader.UInt16();
        ReadOnlySpan<byte> signature = reader.Vector16();
        reader.End();
        if (!accepted.Contains(scheme) || !SchemeChoice.FitsKey(scheme, peer.Verifier.Kind, peer.Verifier.KeySize, SslProtocols.Tls13))
        {
            throw new TlsException(TlsFault.SignatureSchemeNotOffered, scheme.ToString());
        }
        Span<byte> content = stackalloc byte[PadLength + 64 + HashKinds.MaxLength];
        PossessionVerified verified = PossessionVerified.Check(peer, scheme, Content(link, isServer, content), signature);
        link.Info.RemoteSignatureScheme = scheme;
        link.Transcript.Append(message.Raw);
        return verified;
    }

    private static Span<byte> Content(HandshakeLink link, bool isServer, Span<byte> buffer)
    {
        buffer[..PadLength].Fill(0x20);
        ReadOnlySpan<byte> label = isServer ? "TLS 1.3, server CertificateVerify\0"u8 : "TLS 1.3, client CertificateVerify\0"u8;
        label.CopyTo(buffer[PadLength..]);
        int length = PadLength + label.Length;
        length += link.Transcript.Current(buffer[length..]).Length;
        return buffer[..length];
    }
}

/// <summary>Finished (RFC 9846 §4.5.3).</summary>
internal static class Finished
{
    public static void Write(HandshakeLink link, ReadOnlySpan<byte> baseKey)
    {
        Span<byte> hash = stackalloc byte[HashKinds.MaxLength];
        ReadOnlySpan<byte> transcript = link.Transcript.Current(hash);
        TlsWriter writer = link.Begin(HandshakeType.Finished, out int start);
        link.Keys!.FinishedMac(baseKey, transcript, writer.Reserve(transcript.Length));
        link.End(start);
    }

    public static FinishedVerified Verify(HandshakeLink link, HandshakeMessage message, ReadOnlySpan<byte> baseKey, PeerVerified peer)
    {
        Span<byte> hash = stackalloc byte[HashKinds.MaxLength];
        Span<byte> expected = stackalloc byte[HashKinds.MaxLength];
        ReadOnlySpan<byte> transcript = link.Transcript.Current(hash);
        expected = expected[..transcript.Length];
        link.Keys!.FinishedMac(baseKey, transcript, expected);
        FinishedVerified verified = FinishedVerified.Check(peer, message, expected);
        link.Transcript.Append(message.Raw);
        return verified;
    }
}

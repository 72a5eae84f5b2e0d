using System.Security.Authentication;
using Segno.Buffers;
using Segno.Certificates;
using Segno.Cryptography;

namespace Segno.Handshake.Messages;

/// <summary>Certificate of TLS 1.2 (RFC 5246 §7.4.2, §7.4.6).</summary>
/// <remarks><code>
/// opaque ASN.1Cert&lt;1..2^24-1&gt;;
/// struct {
///     ASN.1Cert certificate_list&lt;0..2^24-1&gt;;
/// } Certificate;
/// </code></remarks>
internal static class CertificateMessage12
{
    public static List<ReadOnlyMemory<byte>> Read(HandshakeMessage message)
    {
        var reader = new TlsReader(message.Body);
        var list = new TlsReader(reader.Vector24());
        reader.End();
        List<ReadOnlyMemory<byte>> chain = [];
        while (!list.IsEmpty)
        {
            chain.Add(list.Vector24(1).ToArray());
        }
        return chain;
    }

    public static void Write(HandshakeLink link, TlsCertificate? certificate)
    {
        TlsWriter writer = link.Begin(HandshakeType.Certificate, out int start);
        TlsWriter.OpenVector list = writer.Open(3);
        foreach (ReadOnlyMemory<byte> entry in certificate?.Chain ?? [])
        {
            writer.Vector24(entry.Span);
        }
        writer.Close(list);
        link.End(start);
    }
}

/// <summary>CertificateRequest of TLS 1.2 (RFC 5246 §7.4.4).</summary>
/// <remarks><code>
/// struct {
///     ClientCertificateType certificate_types&lt;1..2^8-1&gt;;              /* rsa_sign(1), ecdsa_sign(64) */
///     SignatureAndHashAlgorithm supported_signature_algorithms&lt;2..2^16-2&gt;;
///     DistinguishedName certificate_authorities&lt;0..2^16-1&gt;;
/// } CertificateRequest;
/// opaque DistinguishedName&lt;1..2^16-1&gt;;
/// </code></remarks>
internal static class CertificateRequest12
{
    private const byte RsaSign = 1;
    private const byte EcdsaSign = 64;

    public static TlsCertificateRequestInfo Read(HandshakeMessage message)
    {
        var reader = new TlsReader(message.Body);
        reader.Vector8(1);
        ushort[] schemes = ClientHello.ReadUInt16s(ref reader, 2);
        var names = new TlsReader(reader.Vector16());
        reader.End();
        List<ReadOnlyMemory<byte>> authorities = [];
        while (!names.IsEmpty)
        {
            authorities.Add(names.Vector16(1).ToArray());
        }
        return new TlsCertificateRequestInfo
        {
            SignatureSchemes = [.. schemes.Select(scheme => (TlsSignatureScheme)scheme)],
            Authorities = authorities,
        };
    }

    public static void Write(HandshakeLink link, ServerSettings settings)
    {
        TlsWriter writer = link.Begin(HandshakeType.CertificateRequest, out int start);
        writer.Vector8([EcdsaSign, RsaSign]);
        TlsWriter.OpenVector list = writer.Open(2);
        foreach (TlsSignatureScheme scheme in settings.SignatureSchemes)
        {
            writer.UInt16((int)scheme);
        }
        writer.Close(list);
        list = writer.Open(2);
        foreach (ReadOnlyMemory<byte> name in settings.ClientCertificateAuthorities)
        {
            writer.Vector16(name.Span);
        }
        writer.Close(list);
        link.End(start);
    }
}

/// <summary>CertificateVerify of TLS 1.2 (RFC 5246 §7.4.8): over the messages themselves, hashed as the scheme says.</summary>
internal static class CertificateVerify12
{
    public static void Write(HandshakeLink link, Signer signer, TlsSignatureScheme scheme)
    {
        byte[] signature = new byte[signer.MaxSignatureLength];
        int length = signer.SignTls12(scheme, link.Transcript.Messages, signature);
        TlsWriter writer = link.Begin(HandshakeType.CertificateVerify, out int start);
        writer.UInt16((int)scheme);
        writer.Vector16(signature.AsSpan(0, length));
        link.End(start);
        link.Info.LocalSignatureScheme = scheme;
    }

    public static PossessionVerified Verify(HandshakeLink link, HandshakeMessage message, PeerCertificate client, TlsSignatureScheme[] accepted)
    {
        var reader = new TlsReader(message.Body);
        var scheme = (TlsSignatureScheme)reader.UInt16();
        ReadOnlySpan<byte> signature = reader.Vector16();
        reader.End();
        if (!accepted.Contains(scheme) || !SchemeChoice.FitsKey(scheme, client.Verifier.Kind, client.Verifier.KeySize, SslProtocols.Tls12))
        {
            throw new TlsException(TlsFault.SignatureSchemeNotOffered, scheme.ToString());
        }
        var possession = PossessionVerified.Check12(client, scheme, link.Transcript.Messages, signature);
        link.Info.RemoteSignatureScheme = scheme;
        link.Transcript.Append(message.Raw);
        return possession;
    }
}

/// <summary>Finished of TLS 1.2 (RFC 5246 §7.4.9).</summary>
internal static class Finished12
{
    public static void Write(HandshakeLink link)
    {
        Span<byte> hash = stackalloc byte[HashKinds.MaxLength];
        ReadOnlySpan<byte> transcript = link.Transcript.Current(hash);
        TlsWriter writer = link.Begin(HandshakeType.Finished, out int start);
        link.Keys12!.VerifyData(link.Info.IsServer, transcript, writer.Reserve(KeySchedule12.VerifyDataLength));
        link.End(start);
    }

    public static FinishedVerified Verify(HandshakeLink link, HandshakeMessage message, PeerVerified peer)
    {
        Span<byte> hash = stackalloc byte[HashKinds.MaxLength];
        Span<byte> expected = stackalloc byte[KeySchedule12.VerifyDataLength];
        link.Keys12!.VerifyData(!link.Info.IsServer, link.Transcript.Current(hash), expected);
        var finished = FinishedVerified.Check(peer, message, expected);
        link.Transcript.Append(message.Raw);
        return finished;
    }
}

/// <summary>NewSessionTicket of TLS 1.2 (RFC 5077 §3.3).</summary>
/// <remarks><code>
/// struct {
///     uint32 ticket_lifetime_hint;
///     opaque ticket&lt;0..2^16-1&gt;;
/// } NewSessionTicket;
/// </code></remarks>
internal static class NewSessionTicket12
{
    public static (uint LifetimeHint, byte[] Ticket) Read(HandshakeMessage message)
    {
        var reader = new TlsReader(message.Body);
        uint lifetimeHint = reader.UInt32();
        byte[] ticket = reader.Vector16().ToArray();
        reader.End();
        return (lifetimeHint, ticket);
    }

    public static void Write(HandshakeLink link, uint lifetimeHint, ReadOnlySpan<byte> ticket)
    {
        TlsWriter writer = link.Begin(HandshakeType.NewSessionTicket, out int start);
        writer.UInt32(lifetimeHint);
        writer.Vector16(ticket);
        link.End(start);
    }
}

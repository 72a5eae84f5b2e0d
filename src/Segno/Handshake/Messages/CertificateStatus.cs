using Segno.Buffers;
using Segno.Certificates;
using Segno.Handshake.Extensions;

namespace Segno.Handshake.Messages;

/// <summary>
/// CertificateStatus (RFC 6066 §8): the body of the leaf's status_request extension in TLS 1.3 (RFC 9846 §4.5.1.1), and a
/// message of its own behind Certificate in TLS 1.2. A server may always leave it out, even where it promised it.
/// </summary>
/// <remarks><code>
/// struct {
///     CertificateStatusType status_type = ocsp(1);
///     opaque OCSPResponse&lt;1..2^24-1&gt;;
/// } CertificateStatus;
/// </code></remarks>
internal static class CertificateStatus
{
    private const byte Ocsp = 1;

    /// <summary>The message of TLS 1.2. Only in a full handshake, and only where ServerHello had status_request .</summary>
    public static ReadOnlyMemory<byte> Read(HandshakeMessage message)
    {
        var reader = new TlsReader(message.Body);
        return ReadBody(ref reader);
    }

    /// <summary>The message of TLS 1.2; a server sends it only where its ServerHello has an empty status_request.</summary>
    public static void Write(HandshakeLink link, ReadOnlySpan<byte> ocspResponse)
    {
        TlsWriter writer = link.Begin(HandshakeType.CertificateStatus, out int start);
        WriteBody(writer, ocspResponse);
        link.End(start);
    }

    /// <summary>A client's request: no responder is preferred, and there are no extensions.</summary>
    /// <remarks><code>
    /// struct {
    ///     CertificateStatusType status_type = ocsp(1);
    ///     ResponderID responder_id_list&lt;0..2^16-1&gt;;
    ///     Extensions request_extensions&lt;0..2^16-1&gt;;
    /// } CertificateStatusRequest;
    /// </code></remarks>
    public static void WriteRequest(TlsWriter writer)
    {
        writer.UInt8(Ocsp);
        writer.Vector16([]);
        writer.Vector16([]);
    }

    /// <summary>Whether a client asks for an OCSP response. Which responders it prefers does not matter: a server has one response or none.</summary>
    public static bool IsRequested(ExtensionBlock extensions)
    {
        if (!extensions.TryGet(ExtensionType.StatusRequest, out TlsReader request))
        {
            return false;
        }
        if (request.UInt8() != Ocsp)
        {
            // A kind of status that is not known has a form that is not known either.
            return false;
        }
        request.Vector16();
        request.Vector16();
        request.End();
        return true;
    }

    public static ReadOnlyMemory<byte> ReadBody(ref TlsReader reader)
    {
        if (reader.UInt8() != Ocsp)
        {
            throw new TlsException(TlsFault.MessageMalformed, "the certificate status is of a kind that was not asked for.");
        }
        ReadOnlySpan<byte> response = reader.Vector24(1);
        reader.End();
        if (response.Length > OcspResponse.MaxLength)
        {
            throw new TlsException(TlsFault.CertificateStatusMalformed, $"The OCSP response has {response.Length} bytes; {OcspResponse.MaxLength} is the limit.");
        }
        return response.ToArray();
    }

    public static void WriteBody(TlsWriter writer, ReadOnlySpan<byte> ocspResponse)
    {
        writer.UInt8(Ocsp);
        writer.Vector24(ocspResponse);
    }
}

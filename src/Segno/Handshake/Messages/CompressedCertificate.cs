using Segno.Buffers;
using Segno.Certificates;
using Segno.Handshake.Extensions;

namespace Segno.Handshake.Messages;

/// <summary>CompressedCertificate and the extension that offers it (RFC 8879 §3, §4). TLS 1.3 only.</summary>
/// <remarks><code>
/// struct {
///     CertificateCompressionAlgorithm algorithms&lt;2..2^8-2&gt;;
/// } CertificateCompressionAlgorithms;
/// struct {
///     CertificateCompressionAlgorithm algorithm;
///     uint24 uncompressed_length;
///     opaque compressed_certificate_message&lt;1..2^24-1&gt;;
/// } CompressedCertificate;
/// </code></remarks>
internal static class CompressedCertificate
{
    /// <summary>The data of compress_certificate: all that this side can decompress.</summary>
    public static void WriteOffer(TlsWriter writer)
    {
        TlsWriter.OpenVector list = writer.Open(1);
        foreach (CompressionAlgorithm algorithm in CertificateCompression.Supported)
        {
            writer.UInt16((int)algorithm);
        }
        writer.Close(list);
    }

    /// <summary>The algorithms that the peer offers in its ClientHello or CertificateRequest; empty where it does not.</summary>
    public static ushort[] ReadOffer(ExtensionBlock extensions)
    {
        if (!extensions.TryGet(ExtensionType.CompressCertificate, out TlsReader data))
        {
            return [];
        }
        var list = new TlsReader(data.Vector8(2, 254), TlsFault.ExtensionMalformed);
        data.End();
        ushort[] algorithms = new ushort[(list.Remaining + 1) / 2];
        for (int i = 0; i < algorithms.Length; i++)
        {
            algorithms[i] = list.UInt16();
        }
        return algorithms;
    }

    public static void Write(HandshakeLink link, CompressionAlgorithm algorithm, int bodyLength, ReadOnlySpan<byte> compressed)
    {
        TlsWriter writer = link.Begin(HandshakeType.CompressedCertificate, out int start);
        writer.UInt16((int)algorithm);
        writer.UInt24(bodyLength);
        writer.Vector24(compressed);
        link.End(start);
    }

    /// <summary>The body of the Certificate message inside. Its length is checked before memory is taken (R-152, museum I5).</summary>
    public static byte[] Open(ReadOnlySpan<byte> message, int maxLength)
    {
        var reader = new TlsReader(message);
        var algorithm = (CompressionAlgorithm)reader.UInt16();
        int length = reader.UInt24();
        ReadOnlySpan<byte> compressed = reader.Vector24(1);
        reader.End();
        if (!CertificateCompression.Supported.Contains(algorithm))
        {
            throw new TlsException(TlsFault.CertificateCompressionNotOffered, algorithm.ToString());
        }
        if (length > maxLength)
        {
            throw new TlsException(TlsFault.CompressedCertificateInvalid, $"{length} bytes when decompressed are too many");
        }
        return CertificateCompression.Decompress(algorithm, compressed, length);
    }
}

using System.IO.Compression;
using Segno.Buffers;

namespace Segno.Certificates;

/// <summary>CertificateCompressionAlgorithm (RFC 8879 §7.3).</summary>
internal enum CompressionAlgorithm : ushort
{
    Zlib = 1,
    Brotli = 2,
}

/// <summary>Compresses and, within bounds, decompresses the body of a Certificate message (RFC 8879 §4).</summary>
internal static class CertificateCompression
{
    private const int BrotliQuality = 11;
    private const int BrotliWindow = 22;

    /// <summary>What this side can do, the better first.</summary>
    public static readonly CompressionAlgorithm[] Supported = [CompressionAlgorithm.Brotli, CompressionAlgorithm.Zlib];

    /// <summary>The algorithm to use; <see langword="null"/>: none in common.</summary>
    public static CompressionAlgorithm? Choose(ushort[] offered)
    {
        foreach (CompressionAlgorithm ours in Supported)
        {
            if (offered.Contains((ushort)ours))
            {
                return ours;
            }
        }
        return null;
    }

    public static byte[] Compress(CompressionAlgorithm algorithm, ReadOnlySpan<byte> body)
    {
        if (algorithm == CompressionAlgorithm.Brotli)
        {
            byte[] compressed = new byte[BrotliEncoder.GetMaxCompressedLength(body.Length)];
            return BrotliEncoder.TryCompress(body, compressed, out int length, BrotliQuality, BrotliWindow)
                ? compressed[..length]
                : throw new InvalidOperationException("The certificates cannot be compressed.");
        }
        using var output = new MemoryStream();
        using (var zlib = new ZLibStream(output, CompressionLevel.SmallestSize, leaveOpen: true))
        {
            zlib.Write(body);
        }
        return output.ToArray();
    }

    /// <summary>Decompresses into memory of exactly the length that the peer states, which the caller has found within its limit: more never comes into being.</summary>
    /// <exception cref="TlsException">It is no compressed data, or not of that length.</exception>
    public static byte[] Decompress(CompressionAlgorithm algorithm, ReadOnlySpan<byte> compressed, int length)
    {
        byte[] body = new byte[length];
        bool whole = algorithm == CompressionAlgorithm.Brotli ? DecompressBrotli(compressed, body) : DecompressZlib(compressed, body);
        return whole ? body : throw new TlsException(TlsFault.CompressedCertificateInvalid, $"it does not give {length} bytes");
    }

    private static bool DecompressBrotli(ReadOnlySpan<byte> compressed, Span<byte> body)
    {
        using var decoder = new BrotliDecoder();
        return decoder.Decompress(compressed, body, out int consumed, out int written) == System.Buffers.OperationStatus.Done
            && consumed == compressed.Length && written == body.Length;
    }

    private static bool DecompressZlib(ReadOnlySpan<byte> compressed, Span<byte> body)
    {
        using var input = new MemoryStream(compressed.ToArray());
        using var zlib = new ZLibStream(input, CompressionMode.Decompress);
        try
        {
            return zlib.ReadAtLeast(body, body.Length, throwOnEndOfStream: false) == body.Length && zlib.ReadByte() < 0;
        }
        catch (InvalidDataException)
        {
            return false;
        }
    }
}

/// <summary>
/// The compressed forms of one certificate's messages, made once each: compressing costs more than signing. Thread-safe.
/// </summary>
internal sealed class CompressedBodies
{
    // One certificate has few bodies at a time: per algorithm one without and one with a stapled OCSP response.
    private const int MaxEntries = 4;

    private readonly Lock _gate = new();
    private readonly Queue<(CompressionAlgorithm Algorithm, byte[] Body, byte[] Compressed)> _entries = new(MaxEntries);

    /// <summary>How often it had to compress.</summary>
    public int Compressions { get; private set; }

    public byte[] Get(CompressionAlgorithm algorithm, ReadOnlySpan<byte> body)
    {
        lock (_gate)
        {
            foreach ((CompressionAlgorithm kind, byte[] known, byte[] compressed) in _entries)
            {
                if (kind == algorithm && PublicData.Equal(known, body))
                {
                    return compressed;
                }
            }
            if (_entries.Count == MaxEntries)
            {
                _entries.Dequeue();
            }
            Compressions++;
            byte[] made = CertificateCompression.Compress(algorithm, body);
            _entries.Enqueue((algorithm, body.ToArray(), made));
            return made;
        }
    }
}

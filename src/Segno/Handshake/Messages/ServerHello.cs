using Segno.Buffers;
using Segno.Handshake.Extensions;

namespace Segno.Handshake.Messages;

/// <summary>ServerHello and HelloRetryRequest (RFC 9846 §4.2.3, §4.2.4).</summary>
/// <remarks><code>
/// struct {
///     ProtocolVersion legacy_version = 0x0303;
///     Random random;
///     opaque legacy_session_id_echo&lt;0..32&gt;;
///     CipherSuite cipher_suite;
///     uint8 legacy_compression_method = 0;
///     Extension extensions&lt;6..2^16-1&gt;;
/// } ServerHello;
/// </code></remarks>
internal sealed class ServerHello
{
    private static readonly byte[] RetryRandom = Convert.FromHexString("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c");

    public ushort LegacyVersion { get; private init; }

    public required byte[] Random { get; init; }

    public required byte[] SessionIdEcho { get; init; }

    public ushort CipherSuite { get; private init; }

    public byte CompressionMethod { get; private init; }

    public required ExtensionBlock Extensions { get; init; }

    public bool IsRetry => PublicData.Equal(Random, RetryRandom);

    /// <summary>Whether the server marked the hello as a downgrade (RFC 9846 §4.2.3).</summary>
    public bool HasDowngradeSentinel => PublicData.Equal(Random.AsSpan(24, 7), "DOWNGRD"u8) && Random[31] is 0 or 1;

    /// <summary>Reads either of them.</summary>
    /// <param name="message">The message.</param>
    /// <param name="offered">The extensions that were offered.</param>
    /// <param name="afterRetry">Whether a HelloRetryRequest chose TLS 1.3 before.</param>
    public static ServerHello Read(HandshakeMessage message, IReadOnlySet<ExtensionType> offered, bool afterRetry)
    {
        var reader = new TlsReader(message.Body);
        ushort version = reader.UInt16();
        byte[] random = reader.Bytes(ClientHello.RandomLength).ToArray();
        byte[] sessionId = reader.Vector8(0, ClientHello.MaxSessionId).ToArray();
        ushort suite = reader.UInt16();
        byte compression = reader.UInt8();
        ReadOnlySpan<byte> extensions = reader.IsEmpty ? default : reader.Vector16();
        reader.End();
        bool isRetry = PublicData.Equal(random, RetryRandom);
        if (isRetry)
        {
            // A cookie is the one thing that a HelloRetryRequest may bring unasked.
            offered = new HashSet<ExtensionType>(offered) { ExtensionType.Cookie };
        }
        ExtensionPlace hello13 = isRetry ? ExtensionPlace.HelloRetryRequest : ExtensionPlace.ServerHello;
        ExtensionBlock block = ExtensionBlock.Read(extensions, hello13 | ExtensionPlace.ServerHello12, offered);
        bool hasVersion = block.TryGet(ExtensionType.SupportedVersions, out TlsReader selected);
        if (!hasVersion || selected.Rest is not [3, < 4])
        {
            // Without supported_versions it is a hello of TLS 1.2, where all answers stand; an older version in it is refused as such (RFC 9846 §4.3.1).
            block.CheckPlace(isRetry || afterRetry || hasVersion ? hello13 : ExtensionPlace.ServerHello12);
        }
        return new ServerHello
        {
            LegacyVersion = version,
            Random = random,
            SessionIdEcho = sessionId,
            CipherSuite = suite,
            CompressionMethod = compression,
            Extensions = block,
        };
    }

    /// <summary>Marks the random of a server that could have spoken TLS 1.3 (RFC 9846 §4.2.3).</summary>
    public static void MarkDowngrade(Span<byte> random) => "DOWNGRD\u0001"u8.CopyTo(random[24..]);

    /// <summary>Writes all up to the extensions, which the caller opens next.</summary>
    /// <param name="writer">The writer.</param>
    /// <param name="random">The random; empty for a HelloRetryRequest.</param>
    /// <param name="sessionId">The client's legacy_session_id.</param>
    /// <param name="suite">The suite.</param>
    public static void WriteStart(TlsWriter writer, ReadOnlySpan<byte> random, ReadOnlySpan<byte> sessionId, ushort suite)
    {
        writer.UInt16(0x0303);
        writer.Bytes(random.IsEmpty ? RetryRandom : random);
        writer.Vector8(sessionId);
        writer.UInt16(suite);
        writer.UInt8(0);
    }

    /// <summary>The selected version, or 0 where the extension is missing.</summary>
    public ushort SelectedVersion()
    {
        if (!Extensions.TryGet(ExtensionType.SupportedVersions, out TlsReader data))
        {
            return 0;
        }
        ushort version = data.UInt16();
        data.End();
        return version;
    }
}

namespace Segno.Handshake;

internal enum HandshakeType : byte
{
    HelloRequest = 0,
    ClientHello = 1,
    ServerHello = 2,
    NewSessionTicket = 4,
    EndOfEarlyData = 5,
    EncryptedExtensions = 8,
    Certificate = 11,
    ServerKeyExchange = 12,
    CertificateRequest = 13,
    ServerHelloDone = 14,
    CertificateVerify = 15,
    ClientKeyExchange = 16,
    Finished = 20,
    CertificateStatus = 22,
    KeyUpdate = 24,
    CompressedCertificate = 25,
    MessageHash = 254,
}

/// <summary>One whole handshake message (RFC 9846 §4).</summary>
/// <remarks><code>
/// struct {
///     HandshakeType msg_type;
///     uint24 length;
///     opaque body[length];
/// } Handshake;
/// </code></remarks>
internal readonly ref struct HandshakeMessage(ReadOnlySpan<byte> raw)
{
    public const int HeaderSize = 4;

    /// <summary>Header and body.</summary>
    public ReadOnlySpan<byte> Raw { get; } = raw;

    public HandshakeType Type => (HandshakeType)Raw[0];

    public ReadOnlySpan<byte> Body => Raw[HeaderSize..];
}

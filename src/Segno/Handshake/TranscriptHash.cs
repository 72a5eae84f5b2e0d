using Segno.Buffers;
using Segno.Cryptography;

namespace Segno.Handshake;

/// <summary>The hash over all handshake messages (RFC 9846 §4.1). Messages before the choice of the hash are kept as they are.</summary>
internal sealed class TranscriptHash(CryptoProvider crypto) : IDisposable
{
    private readonly FlightBuffer _early = new();
    private TranscriptHasher? _hasher;
    private bool _keepsMessages = true;

    /// <summary>The messages themselves, as long as they are kept: what CertificateVerify of TLS 1.2 signs.</summary>
    public ReadOnlySpan<byte> Messages => _keepsMessages ? _early.Span : throw new InvalidOperationException("The messages are not kept.");

    public void Append(ReadOnlySpan<byte> message)
    {
        _hasher?.Append(message);
        if (_keepsMessages)
        {
            _early.Append(message);
        }
    }

    /// <summary>The hash is known.</summary>
    /// <param name="hash">The hash.</param>
    /// <param name="keepMessages">Whether the messages are still needed as they are, until <see cref="ForgetMessages"/>.</param>
    public void Start(HashKind hash, bool keepMessages = false)
    {
        if (_hasher is not null)
        {
            return;
        }
        _hasher = crypto.CreateHasher(hash);
        _hasher.Append(_early.Span);
        if (!keepMessages)
        {
            ForgetMessages();
        }
    }

    public void ForgetMessages()
    {
        _keepsMessages = false;
        _early.Release();
    }

    /// <summary>HelloRetryRequest: the first ClientHello is replaced by its hash (RFC 9846 §4.1).</summary>
    public void ReplaceByMessageHash(HashKind hash)
    {
        Span<byte> message = stackalloc byte[HandshakeMessage.HeaderSize + HashKinds.MaxLength];
        int length = hash.Length();
        message[0] = (byte)HandshakeType.MessageHash;
        message[1] = message[2] = 0;
        message[3] = (byte)length;
        crypto.Hash(hash, _early.Span, message.Slice(HandshakeMessage.HeaderSize, length));
        _early.Clear();
        _early.Append(message[..(HandshakeMessage.HeaderSize + length)]);
        Start(hash);
    }

    /// <returns>The hash so far.</returns>
    public ReadOnlySpan<byte> Current(Span<byte> destination) => destination[.._hasher!.Current(destination)];

    /// <summary>The hash so far and of something behind it, which stays out of the transcript (binders, RFC 9846 §4.3.11.2).</summary>
    public ReadOnlySpan<byte> CurrentWith(HashKind hash, ReadOnlySpan<byte> more, Span<byte> destination)
    {
        using TranscriptHasher fork = _hasher?.Fork() ?? crypto.CreateHasher(hash);
        if (fork.Kind != hash)
        {
            throw new InvalidOperationException("The transcript has another hash.");
        }
        if (_keepsMessages && _hasher is null)
        {
            fork.Append(_early.Span);
        }
        fork.Append(more);
        return destination[..fork.Current(destination)];
    }

    public void Dispose()
    {
        _early.Dispose();
        _hasher?.Dispose();
        _hasher = null;
    }
}

using Segno.Buffers;
using Segno.Cryptography;

namespace Segno.Handshake;

/// <summary>The hash over all handshake messages (RFC 9846 §4.1). Messages before the choice of the hash are kept as they are.</summary>
internal sealed class TranscriptHash(CryptoProvider crypto) : IDisposable
{
    private readonly FlightBuffer _early = new();
    private TranscriptHasher? _hasher;

    public void Append(ReadOnlySpan<byte> message)
    {
        if (_hasher is { } hasher)
        {
            hasher.Append(message);
        }
        else
        {
            _early.Append(message);
        }
    }

    public void Start(HashKind hash)
    {
        if (_hasher is not null)
        {
            return;
        }
        _hasher = crypto.CreateHasher(hash);
        _hasher.Append(_early.Span);
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
        fork.Append(_early.Span);
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

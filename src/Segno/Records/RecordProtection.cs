using System.Buffers.Binary;
using System.Security.Cryptography;
using Segno.Cryptography;

namespace Segno.Records;

/// <summary>TLS 1.3 record protection in one direction: one traffic secret, its key, its sequence numbers (RFC 9846 §5.2, §5.3, §7.3).</summary>
internal sealed class RecordProtection : IDisposable
{
    /// <summary>2^24.5 records, beyond which AES-GCM loses its margin (RFC 9846 §5.5).</summary>
    public const long AesGcmRecordLimit = 23_726_566;

    /// <summary>The content type byte and the tag.</summary>
    public const int Overhead = 1 + Aead.TagLength;

    private readonly CryptoProvider _crypto;
    private readonly CipherSuiteInfo _suite;
    private readonly byte[] _secret;
    private readonly byte[] _iv = GC.AllocateUninitializedArray<byte>(Aead.NonceLength, pinned: true);
    private Aead _aead;
    private long _sequence;

    public RecordProtection(CryptoProvider crypto, CipherSuiteInfo suite, ReadOnlySpan<byte> secret)
    {
        _crypto = crypto;
        _suite = suite;
        _secret = GC.AllocateUninitializedArray<byte>(secret.Length, pinned: true);
        secret.CopyTo(_secret);
        _aead = MakeKeys();
        RecordLimit = suite.Aead == AeadKind.ChaCha20Poly1305 ? long.MaxValue - 1 : AesGcmRecordLimit;
    }

    /// <summary>How many records one key may protect.</summary>
    public long RecordLimit { get; set; }

    /// <summary>Whether the key must be updated before another record is sealed.</summary>
    public bool IsWornOut => _sequence >= RecordLimit;

    public ReadOnlySpan<byte> Secret => _secret;

    /// <summary>Replaces the traffic secret by its successor (RFC 9846 §7.2).</summary>
    public void Update()
    {
        Span<byte> next = stackalloc byte[HashKinds.MaxLength];
        next = next[.._secret.Length];
        HkdfLabel.Expand(_crypto, _suite.Hash, _secret, "traffic upd"u8, [], next);
        next.CopyTo(_secret);
        CryptographicOperations.ZeroMemory(next);
        _aead.Dispose();
        _aead = MakeKeys();
        _sequence = 0;
    }

    /// <summary>Writes one whole record.</summary>
    /// <returns>Its length, header included.</returns>
    public int Seal(ContentType type, ReadOnlySpan<byte> content, int padding, Span<byte> record)
    {
        int length = content.Length + padding + Overhead;
        RecordHeader.Write(record, ContentType.ApplicationData, 0x0303, length);
        Span<byte> nonce = stackalloc byte[Aead.NonceLength];
        NextNonce(nonce);
        Span<byte> tail = stackalloc byte[1];
        tail[0] = (byte)type;
        if (padding > 0)
        {
            // Rare enough for its own buffer: type ‖ zeros behind the content.
            tail = new byte[1 + padding];
            tail[0] = (byte)type;
        }
        _aead.Seal(nonce, content, tail, record[..RecordHeader.Size], record.Slice(RecordHeader.Size, length));
        return RecordHeader.Size + length;
    }

    /// <summary>Opens a record into <paramref name="plaintext"/>, which must hold its length less the tag.</summary>
    /// <param name="record">The whole record, header included.</param>
    /// <param name="plaintext">Receives content, type and padding.</param>
    /// <param name="type">The content type.</param>
    /// <param name="length">The length of the content alone.</param>
    /// <returns><see langword="false"/> where the record does not authenticate; nothing has changed then.</returns>
    public bool TryOpen(ReadOnlySpan<byte> record, Span<byte> plaintext, out ContentType type, out int length)
    {
        type = ContentType.Invalid;
        length = 0;
        ReadOnlySpan<byte> sealedData = record[RecordHeader.Size..];
        if (sealedData.Length < Aead.TagLength)
        {
            return false;
        }
        Span<byte> inner = plaintext[..(sealedData.Length - Aead.TagLength)];
        Span<byte> nonce = stackalloc byte[Aead.NonceLength];
        NextNonce(nonce);
        if (!_aead.TryOpen(nonce, sealedData, record[..RecordHeader.Size], inner))
        {
            _sequence--;
            return false;
        }
        if (inner.Length > RecordHeader.MaxPlaintext + 1)
        {
            throw new TlsException(TlsFault.RecordTooLong);
        }
        int last = inner.LastIndexOfAnyExcept((byte)0);
        if (last < 0)
        {
            throw new TlsException(TlsFault.RecordWithoutContentType);
        }
        type = (ContentType)inner[last];
        length = last;
        return true;
    }

    public void Dispose()
    {
        CryptographicOperations.ZeroMemory(_secret);
        CryptographicOperations.ZeroMemory(_iv);
        _aead.Dispose();
    }

    private Aead MakeKeys()
    {
        Span<byte> key = stackalloc byte[32];
        key = key[.._suite.Aead.KeyLength()];
        HkdfLabel.Expand(_crypto, _suite.Hash, _secret, "key"u8, [], key);
        HkdfLabel.Expand(_crypto, _suite.Hash, _secret, "iv"u8, [], _iv);
        try
        {
            return _crypto.CreateAead(_suite.Aead, key);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(key);
        }
    }

    private void NextNonce(Span<byte> nonce)
    {
        if (_sequence == long.MaxValue)
        {
            throw new TlsException(TlsFault.SequenceNumberExhausted);
        }
        _iv.CopyTo(nonce);
        Span<byte> low = nonce[4..];
        BinaryPrimitives.WriteInt64BigEndian(low, BinaryPrimitives.ReadInt64BigEndian(low) ^ _sequence++);
    }
}

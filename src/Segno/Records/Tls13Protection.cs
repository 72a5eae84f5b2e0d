using System.Security.Cryptography;
using Segno.Cryptography;

namespace Segno.Records;

/// <summary>TLS 1.3 record protection in one direction: a traffic secret, its key, its sequence numbers (RFC 9846 §5.2, §5.3, §7.3).</summary>
internal sealed class Tls13Protection : RecordProtection
{
    private readonly CryptoProvider _crypto;
    private readonly int _secretLength;
    private byte[]? _secretAndIv = Memory.Rent();
    private Aead _aead;

    public Tls13Protection(CryptoProvider crypto, CipherSuiteInfo suite, ReadOnlySpan<byte> secret)
        : base(suite)
    {
        _crypto = crypto;
        _secretLength = secret.Length;
        secret.CopyTo(Secret);
        _aead = MakeKeys();
    }

    /// <summary>The content type byte and the tag.</summary>
    public override int Overhead => 1 + Aead.TagLength;

    public override bool CanPad => true;

    private Span<byte> Secret => Own.AsSpan(0, _secretLength);

    private Span<byte> Iv => Own.AsSpan(HashKinds.MaxLength, Aead.NonceLength);

    private byte[] Own => _secretAndIv ?? throw new ObjectDisposedException(nameof(Tls13Protection));

    /// <summary>All that is protected is application data from the outside.</summary>
    public override bool Protects(ContentType type) => type == ContentType.ApplicationData;

    public override int OpenedLength(int recordLength) => recordLength - RecordHeader.Size - Aead.TagLength;

    /// <summary>Replaces the traffic secret by its successor (RFC 9846 §7.2).</summary>
    public override void Update()
    {
        Span<byte> next = stackalloc byte[HashKinds.MaxLength];
        next = next[.._secretLength];
        HkdfLabel.Expand(_crypto, Suite.Hash, Secret, "traffic upd"u8, [], next);
        next.CopyTo(Secret);
        CryptographicOperations.ZeroMemory(next);
        Aead aead = MakeKeys();
        _aead.Dispose();
        _aead = aead;
        Sequence = 0;
    }

    public override bool TryOpen(ReadOnlySpan<byte> record, Span<byte> plaintext, out ContentType type, out int length)
    {
        type = ContentType.Invalid;
        length = 0;
        int innerLength = OpenedLength(record.Length);
        if (innerLength < 0)
        {
            return false;
        }
        Span<byte> inner = plaintext[..innerLength];
        Span<byte> nonce = stackalloc byte[Aead.NonceLength];
        XorNonce(Iv, NextSequence(), nonce);
        if (!_aead.TryOpen(nonce, record[RecordHeader.Size..], record[..RecordHeader.Size], inner))
        {
            Sequence--;
            return false;
        }
        // padding counts (RFC 9846 §5.4).
        if (inner.Length > MaxPlaintext + 1)
        {
            throw new TlsException(TlsFault.PlaintextTooLong);
        }
        int last = inner.LastIndexOfAnyExcept((byte)0);
        if (last < 0)
        {
            // G5, R-138
            throw new TlsException(TlsFault.RecordWithoutContentType);
        }
        type = (ContentType)inner[last];
        length = last;
        return true;
    }

    public override void Dispose()
    {
        Memory.Return(ref _secretAndIv);
        _aead.Dispose();
    }

    protected override int Seal(long sequence, ContentType type, ReadOnlySpan<byte> content, int padding, Span<byte> record)
    {
        int length = content.Length + padding + Overhead;
        RecordHeader.Write(record, ContentType.ApplicationData, 0x0303, length);
        Span<byte> nonce = stackalloc byte[Aead.NonceLength];
        XorNonce(Iv, sequence, nonce);
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

    private Aead MakeKeys()
    {
        Span<byte> key = stackalloc byte[32];
        key = key[..Suite.Aead.KeyLength()];
        HkdfLabel.Expand(_crypto, Suite.Hash, Secret, "key"u8, [], key);
        HkdfLabel.Expand(_crypto, Suite.Hash, Secret, "iv"u8, [], Iv);
        try
        {
            return _crypto.CreateAead(Suite.Aead, key);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(key);
        }
    }
}

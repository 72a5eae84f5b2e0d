using System.Buffers.Binary;
using Segno.Cryptography;

namespace Segno.Records;

/// <summary>TLS 1.2 record protection in one direction, for AEAD suites (RFC 5246 §6.2.3.3): one key for the whole connection.</summary>
/// <remarks><code>
/// struct {
///     opaque nonce_explicit[0 or 8];       /* AES-GCM: the sequence number (RFC 5288 §3); ChaCha20-Poly1305: none (RFC 7905 §2) */
///     aead-ciphered struct {
///         opaque content[TLSCompressed.length];
///     };
/// } GenericAEADCipher;
/// additional_data = seq_num + TLSCompressed.type + TLSCompressed.version + TLSCompressed.length;
/// </code></remarks>
internal sealed class Tls12Protection : RecordProtection
{
    private const int ExplicitNonceLength = 8;
    private const int AdditionalDataLength = 13;

    private readonly Aead _aead;
    private readonly int _ivLength;
    private byte[]? _iv = Memory.Rent();
    private readonly int _explicitLength;

    /// <summary>Takes a key and its implicit IV, as they stand in the key block (RFC 5246 §6.3).</summary>
    public Tls12Protection(CryptoProvider crypto, CipherSuiteInfo suite, ReadOnlySpan<byte> key, ReadOnlySpan<byte> iv)
        : base(suite)
    {
        _aead = crypto.CreateAead(suite.Aead, key);
        _ivLength = iv.Length;
        iv.CopyTo(Iv);
        _explicitLength = Aead.NonceLength - iv.Length > 0 ? ExplicitNonceLength : 0;
    }

    public override int Overhead => _explicitLength + Aead.TagLength;

    public override bool CanPad => false;

    private Span<byte> Iv => (_iv ?? throw new ObjectDisposedException(nameof(Tls12Protection))).AsSpan(0, _ivLength);

    /// <summary>The implicit part of the nonce: 4 bytes for AES-GCM (RFC 5288 §3), all 12 for ChaCha20-Poly1305 (RFC 7905 §2).</summary>
    public static int IvLength(AeadKind aead) => aead == AeadKind.ChaCha20Poly1305 ? Aead.NonceLength : Aead.NonceLength - ExplicitNonceLength;

    /// <summary>All but change_cipher_spec, which cannot come again: keys never change.</summary>
    public override bool Protects(ContentType type) => type != ContentType.ChangeCipherSpec;

    public override int OpenedLength(int recordLength) => recordLength - RecordHeader.Size - Overhead;

    /// <exception cref="TlsException">Always: TLS 1.2 has new keys only by renegotiation, which is refused.</exception>
    public override void Update() => throw new TlsException(TlsFault.SequenceNumberExhausted, "TLS 1.2 cannot update its keys");

    public override bool TryOpen(ReadOnlySpan<byte> record, Span<byte> plaintext, out ContentType type, out int length)
    {
        type = (ContentType)record[0];
        length = OpenedLength(record.Length);
        if (length < 0)
        {
            return false;
        }
        if (length > MaxPlaintext)
        {
            throw new TlsException(TlsFault.PlaintextTooLong);
        }
        Span<byte> nonce = stackalloc byte[Aead.NonceLength];
        Span<byte> additionalData = stackalloc byte[AdditionalDataLength];
        long sequence = NextSequence();
        MakeNonce(sequence, record.Slice(RecordHeader.Size, _explicitLength), nonce);
        MakeAdditionalData(sequence, type, length, additionalData);
        if (_aead.TryOpen(nonce, record[(RecordHeader.Size + _explicitLength)..], additionalData, plaintext[..length]))
        {
            return true;
        }
        Sequence--;
        return false;
    }

    public override void Dispose()
    {
        Memory.Return(ref _iv);
        _aead.Dispose();
    }

    protected override int Seal(long sequence, ContentType type, ReadOnlySpan<byte> content, int padding, Span<byte> record)
    {
        int length = content.Length + Overhead;
        RecordHeader.Write(record, type, 0x0303, length);
        Span<byte> nonce = stackalloc byte[Aead.NonceLength];
        Span<byte> additionalData = stackalloc byte[AdditionalDataLength];
        // the explicit part counts, so no nonce comes twice.
        Span<byte> explicitNonce = record.Slice(RecordHeader.Size, _explicitLength);
        if (!explicitNonce.IsEmpty)
        {
            BinaryPrimitives.WriteInt64BigEndian(explicitNonce, sequence);
        }
        MakeNonce(sequence, explicitNonce, nonce);
        MakeAdditionalData(sequence, type, content.Length, additionalData);
        _aead.Seal(nonce, content, additionalData, record.Slice(RecordHeader.Size + _explicitLength, content.Length + Aead.TagLength));
        return RecordHeader.Size + length;
    }

    private void MakeNonce(long sequence, ReadOnlySpan<byte> explicitNonce, Span<byte> nonce)
    {
        if (explicitNonce.IsEmpty)
        {
            XorNonce(Iv, sequence, nonce);
            return;
        }
        Iv.CopyTo(nonce);
        explicitNonce.CopyTo(nonce[_ivLength..]);
    }

    private static void MakeAdditionalData(long sequence, ContentType type, int length, Span<byte> additionalData)
    {
        BinaryPrimitives.WriteInt64BigEndian(additionalData, sequence);
        RecordHeader.Write(additionalData[sizeof(long)..], type, 0x0303, length);
    }
}

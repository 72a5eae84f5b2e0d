using System.Buffers.Binary;
using Segno.Cryptography;

namespace Segno.Records;

/// <summary>Record protection in one direction: one key, its sequence numbers, and what one version makes of a record.</summary>
internal abstract class RecordProtection : IDisposable
{
    /// <summary>Memory for the traffic secret and the IV of one direction.</summary>
    protected static readonly PinnedPool Memory = new(HashKinds.MaxLength + Aead.NonceLength, maxPooled: 1024);

    /// <summary>2^24.5 records, beyond which AES-GCM loses its margin (RFC 9846 §5.5, RFC 9325 §4.4; R-139).</summary>
    public const long AesGcmRecordLimit = 23_726_566;

    protected RecordProtection(CipherSuiteInfo suite)
    {
        Suite = suite;
        RecordLimit = suite.Aead == AeadKind.ChaCha20Poly1305 ? long.MaxValue - 1 : AesGcmRecordLimit;
    }

    /// <summary>How many records one key may protect.</summary>
    public long RecordLimit { get; set; }

    /// <summary>How long the content of a record that is opened may be; in TLS 1.3 its type byte comes on top.</summary>
    public int MaxPlaintext { get; set; } = RecordHeader.MaxPlaintext;

    /// <summary>Whether no other record should be sealed under this key.</summary>
    public bool IsWornOut => Sequence >= RecordLimit;

    /// <summary>What a record is longer than its content, the header apart.</summary>
    public abstract int Overhead { get; }

    /// <summary>Whether a record may be padded.</summary>
    public abstract bool CanPad { get; }

    protected CipherSuiteInfo Suite { get; }

    /// <summary>How many records were protected under the key, and the number of the next one (RFC 9846 §5.3, RFC 5246 §6.1).</summary>
    protected long Sequence { get; set; }

    /// <summary>Whether a record of this type is one that the protection covers.</summary>
    public abstract bool Protects(ContentType type);

    /// <summary>How much room a record of this length (header included) needs when it is opened; negative where it is too short to be one.</summary>
    public abstract int OpenedLength(int recordLength);

    /// <summary>Goes on with the next key.</summary>
    public abstract void Update();

    /// <summary>Writes one whole record. One that cannot be sealed leaves nothing behind, and its number to the next, which may be the alert.</summary>
    /// <returns>Its length, header included.</returns>
    public int Seal(ContentType type, ReadOnlySpan<byte> content, int padding, Span<byte> record)
    {
        long sequence = NextSequence();
        try
        {
            return Seal(sequence, type, content, padding, record);
        }
        catch
        {
            Sequence--;
            record.Clear();
            throw;
        }
    }

    /// <summary>Opens a record into <paramref name="plaintext"/>, which must hold <see cref="OpenedLength"/>.</summary>
    /// <param name="record">The whole record, header included.</param>
    /// <param name="plaintext">Receives the content, and behind it what else was protected.</param>
    /// <param name="type">The content type.</param>
    /// <param name="length">The length of the content alone.</param>
    /// <returns><see langword="false"/> where the record does not authenticate; nothing has changed then.</returns>
    public abstract bool TryOpen(ReadOnlySpan<byte> record, Span<byte> plaintext, out ContentType type, out int length);

    public abstract void Dispose();

    protected abstract int Seal(long sequence, ContentType type, ReadOnlySpan<byte> content, int padding, Span<byte> record);

    /// <summary>The number of the record at hand; it is used up with that, and none comes twice .</summary>
    protected long NextSequence()
        => Sequence == long.MaxValue ? throw new TlsException(TlsFault.SequenceNumberExhausted) : Sequence++;

    /// <summary>The static IV, with the sequence number in its last eight bytes (RFC 9846 §5.3, RFC 7905 §2).</summary>
    protected static void XorNonce(ReadOnlySpan<byte> iv, long sequence, Span<byte> nonce)
    {
        iv.CopyTo(nonce);
        Span<byte> low = nonce[(Aead.NonceLength - sizeof(long))..];
        BinaryPrimitives.WriteInt64BigEndian(low, BinaryPrimitives.ReadInt64BigEndian(low) ^ sequence);
    }
}

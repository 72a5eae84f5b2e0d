using System.Security.Cryptography;
using Segno.Cryptography;
using Segno.Sessions;

namespace Segno.Handshake;

/// <summary>The key schedule of RFC 9846 §7.1: early → handshake → main secret, and what is derived at each stage. In one block, wiped at the end.</summary>
internal sealed class KeySchedule : IDisposable
{
    private const int SlotCount = 9;

    private readonly CryptoProvider _crypto;
    private readonly int _length;
    private readonly SecretBlock _block = SecretBlock.Rent();
    private readonly SecretSlot _slots;

    public KeySchedule(CryptoProvider crypto, CipherSuiteInfo suite)
    {
        _crypto = crypto;
        Suite = suite;
        _length = suite.Hash.Length();
        _slots = _block.Take(SlotCount * _length);
    }

    public CipherSuiteInfo Suite { get; }

    public ReadOnlySpan<byte> ClientHandshakeSecret => Slot(1);

    public ReadOnlySpan<byte> ServerHandshakeSecret => Slot(2);

    public ReadOnlySpan<byte> ClientApplicationSecret => Slot(3);

    public ReadOnlySpan<byte> ServerApplicationSecret => Slot(4);

    public ReadOnlySpan<byte> ExporterSecret => Slot(5);

    public ReadOnlySpan<byte> ResumptionSecret => Slot(6);

    public ReadOnlySpan<byte> ClientEarlySecret => Slot(7);

    public ReadOnlySpan<byte> EarlyExporterSecret => Slot(8);

    private Span<byte> Stage => Slot(0);

    /// <summary>The binder of a PSK over a truncated ClientHello (RFC 9846 §4.3.11.2; imported PSKs: RFC 9258 §5.2; D13).</summary>
    public static void ComputeBinder(
        CryptoProvider crypto, HashKind hash, ReadOnlySpan<byte> psk, PskKind kind, ReadOnlySpan<byte> transcriptHash, Span<byte> binder)
    {
        Span<byte> early = stackalloc byte[HashKinds.MaxLength];
        Span<byte> key = stackalloc byte[HashKinds.MaxLength];
        early = early[..hash.Length()];
        key = key[..hash.Length()];
        try
        {
            crypto.HkdfExtract(hash, [], psk, early);
            ReadOnlySpan<byte> label = kind switch
            {
                PskKind.Resumption => "res binder"u8,
                PskKind.External => "ext binder"u8,
                _ => "imp binder"u8,
            };
            DeriveSecret(crypto, hash, early, label, [], key);
            FinishedMac(crypto, hash, key, transcriptHash, binder);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(early);
            CryptographicOperations.ZeroMemory(key);
        }
    }

    /// <summary>verify_data of Finished (RFC 9846 §4.5.3).</summary>
    public void FinishedMac(ReadOnlySpan<byte> baseKey, ReadOnlySpan<byte> transcriptHash, Span<byte> mac)
        => FinishedMac(_crypto, Suite.Hash, baseKey, transcriptHash, mac);

    /// <summary>Early secret from the PSK, or from zeros where there is none.</summary>
    public void Start(ReadOnlySpan<byte> psk)
    {
        Span<byte> zeros = stackalloc byte[HashKinds.MaxLength];
        zeros.Clear();
        _crypto.HkdfExtract(Suite.Hash, [], psk.IsEmpty ? zeros[.._length] : psk, Stage);
    }

    /// <summary>What protects early data, over the ClientHello alone.</summary>
    public void EnterEarly(ReadOnlySpan<byte> helloHash)
    {
        DeriveSecret(Stage, "c e traffic"u8, helloHash, Slot(7));
        DeriveSecret(Stage, "e exp master"u8, helloHash, Slot(8));
    }

    /// <summary>Handshake secret; the shared secret is empty with psk_ke.</summary>
    public void EnterHandshake(ReadOnlySpan<byte> sharedSecret, ReadOnlySpan<byte> helloHash)
    {
        Advance(sharedSecret);
        DeriveSecret(Stage, "c hs traffic"u8, helloHash, Slot(1));
        DeriveSecret(Stage, "s hs traffic"u8, helloHash, Slot(2));
    }

    /// <summary>Main secret, over everything up to the server's Finished.</summary>
    public void EnterMain(ReadOnlySpan<byte> serverFinishedHash)
    {
        Advance([]);
        DeriveSecret(Stage, "c ap traffic"u8, serverFinishedHash, Slot(3));
        DeriveSecret(Stage, "s ap traffic"u8, serverFinishedHash, Slot(4));
        DeriveSecret(Stage, "exp master"u8, serverFinishedHash, Slot(5));
    }

    /// <summary>The last step: what tickets are made from. All that is no longer needed is wiped.</summary>
    public void Finish(ReadOnlySpan<byte> clientFinishedHash)
    {
        DeriveSecret(Stage, "res master"u8, clientFinishedHash, Slot(6));
        CryptographicOperations.ZeroMemory(_slots.Span[..(5 * _length)]);
    }

    /// <summary>The PSK of a ticket (RFC 9846 §4.7.1).</summary>
    public void ResumptionPsk(ReadOnlySpan<byte> nonce, Span<byte> psk)
        => HkdfLabel.Expand(_crypto, Suite.Hash, ResumptionSecret, "resumption"u8, nonce, psk);

    /// <summary>Exporter (RFC 9846 §7.5).</summary>
    public void Export(ReadOnlySpan<byte> label, ReadOnlySpan<byte> context, Span<byte> output) => Export(ExporterSecret, label, context, output);

    /// <summary>The same from the early secrets: nobody has proved anything yet, and a replay gives the same (RFC 9846 §F.5.1; R-117).</summary>
    public void ExportEarly(ReadOnlySpan<byte> label, ReadOnlySpan<byte> context, Span<byte> output) => Export(EarlyExporterSecret, label, context, output);

    public void Dispose() => _block.Dispose();

    private void Export(ReadOnlySpan<byte> exporterSecret, ReadOnlySpan<byte> label, ReadOnlySpan<byte> context, Span<byte> output)
    {
        Span<byte> secret = stackalloc byte[HashKinds.MaxLength];
        Span<byte> hash = stackalloc byte[HashKinds.MaxLength];
        secret = secret[.._length];
        hash = hash[.._length];
        DeriveSecret(_crypto, Suite.Hash, exporterSecret, label, [], secret);
        _crypto.Hash(Suite.Hash, context, hash);
        HkdfLabel.Expand(_crypto, Suite.Hash, secret, "exporter"u8, hash, output);
        CryptographicOperations.ZeroMemory(secret);
    }

    private static void FinishedMac(CryptoProvider crypto, HashKind hash, ReadOnlySpan<byte> baseKey, ReadOnlySpan<byte> transcriptHash, Span<byte> mac)
    {
        Span<byte> key = stackalloc byte[HashKinds.MaxLength];
        key = key[..hash.Length()];
        HkdfLabel.Expand(crypto, hash, baseKey, "finished"u8, [], key);
        crypto.Hmac(hash, key, transcriptHash, mac);
        CryptographicOperations.ZeroMemory(key);
    }

    /// <summary>Derive-Secret over an already hashed transcript; an empty hash stands for no messages.</summary>
    private static void DeriveSecret(
        CryptoProvider crypto, HashKind hash, ReadOnlySpan<byte> secret, ReadOnlySpan<byte> label, ReadOnlySpan<byte> transcriptHash, Span<byte> output)
    {
        Span<byte> empty = stackalloc byte[HashKinds.MaxLength];
        empty = empty[..hash.Length()];
        if (transcriptHash.IsEmpty)
        {
            crypto.Hash(hash, [], empty);
        }
        HkdfLabel.Expand(crypto, hash, secret, label, transcriptHash.IsEmpty ? empty : transcriptHash, output);
    }

    private void DeriveSecret(ReadOnlySpan<byte> secret, ReadOnlySpan<byte> label, ReadOnlySpan<byte> transcriptHash, Span<byte> output)
        => DeriveSecret(_crypto, Suite.Hash, secret, label, transcriptHash, output);

    private void Advance(ReadOnlySpan<byte> input)
    {
        Span<byte> derived = stackalloc byte[HashKinds.MaxLength];
        Span<byte> zeros = stackalloc byte[HashKinds.MaxLength];
        derived = derived[.._length];
        zeros.Clear();
        DeriveSecret(Stage, "derived"u8, [], derived);
        _crypto.HkdfExtract(Suite.Hash, derived, input.IsEmpty ? zeros[.._length] : input, Stage);
        CryptographicOperations.ZeroMemory(derived);
    }

    private Span<byte> Slot(int index) => _slots.Span.Slice(index * _length, _length);
}

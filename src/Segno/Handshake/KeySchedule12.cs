using System.Security.Cryptography;
using System.Text;
using Segno.Buffers;
using Segno.Cryptography;
using Segno.Handshake.Messages;
using Segno.Records;
using Segno.Sessions;

namespace Segno.Handshake;

/// <summary>The keys of one TLS 1.2 connection (RFC 5246 §6.3, §8.1, RFC 7627): the main secret, and all that is derived from it. Wiped at the end.</summary>
internal sealed class KeySchedule12 : IDisposable
{
    public const int VerifyDataLength = 12;

    private const int MaxContext = ushort.MaxValue;

    private readonly CryptoProvider _crypto;
    private readonly byte[] _clientRandom;
    private readonly byte[] _serverRandom;
    private readonly SecretBlock _block = SecretBlock.Rent();
    private readonly SecretSlot _main;

    public KeySchedule12(CryptoProvider crypto, CipherSuiteInfo suite, byte[] clientRandom, byte[] serverRandom)
    {
        _crypto = crypto;
        _clientRandom = clientRandom;
        _serverRandom = serverRandom;
        Suite = suite;
        _main = _block.Take(SessionLimits.MainSecret12Length);
    }

    public CipherSuiteInfo Suite { get; }

    /// <summary>The main secret (RFC 5246 calls it master secret).</summary>
    public ReadOnlySpan<byte> MainSecret => _main.Span;

    /// <summary>The main secret of a full handshake.</summary>
    /// <param name="premaster">The shared secret of the key exchange.</param>
    /// <param name="sessionHash">The hash over all messages to ClientKeyExchange (RFC 7627 §4); empty where the peer has no extended_master_secret.</param>
    public void Derive(ReadOnlySpan<byte> premaster, ReadOnlySpan<byte> sessionHash)
    {
        if (!sessionHash.IsEmpty)
        {
            Tls12Prf.Expand(_crypto, Suite.Hash, premaster, "extended master secret"u8, sessionHash, _main.Span);
            return;
        }
        Span<byte> seed = stackalloc byte[2 * ClientHello.RandomLength];
        Randoms(_clientRandom, _serverRandom, seed);
        Tls12Prf.Expand(_crypto, Suite.Hash, premaster, "master secret"u8, seed, _main.Span);
    }

    /// <summary>The main secret of the session that is resumed.</summary>
    public void Resume(TlsSession session) => session.CopySecret(_main.Span);

    /// <summary>The keys of both directions (RFC 5246 §6.3).</summary>
    public (RecordProtection Client, RecordProtection Server) MakeProtections()
    {
        int keyLength = Suite.Aead.KeyLength();
        int ivLength = Tls12Protection.IvLength(Suite.Aead);
        Span<byte> seed = stackalloc byte[2 * ClientHello.RandomLength];
        Randoms(_serverRandom, _clientRandom, seed);
        Span<byte> keys = stackalloc byte[2 * (32 + 12)];
        keys = keys[..(2 * (keyLength + ivLength))];
        try
        {
            Tls12Prf.Expand(_crypto, Suite.Hash, MainSecret, "key expansion"u8, seed, keys);
            ReadOnlySpan<byte> ivs = keys[(2 * keyLength)..];
            var client = new Tls12Protection(_crypto, Suite, keys[..keyLength], ivs[..ivLength]);
            try
            {
                return (client, new Tls12Protection(_crypto, Suite, keys.Slice(keyLength, keyLength), ivs[ivLength..]));
            }
            catch
            {
                client.Dispose();
                throw;
            }
        }
        finally
        {
            CryptographicOperations.ZeroMemory(keys);
        }
    }

    /// <summary>verify_data of Finished (RFC 5246 §7.4.9).</summary>
    public void VerifyData(bool ofServer, ReadOnlySpan<byte> transcriptHash, Span<byte> verifyData)
        => Tls12Prf.Expand(_crypto, Suite.Hash, MainSecret, ofServer ? "server finished"u8 : "client finished"u8, transcriptHash, verifyData[..VerifyDataLength]);

    /// <summary>Keying material (RFC 5705 §4). No context is not the same as an empty one.</summary>
    public void Export(string label, bool hasContext, ReadOnlySpan<byte> context, Span<byte> output)
    {
        if (context.Length > MaxContext)
        {
            throw new ArgumentException($"The context is longer than {MaxContext} bytes.", nameof(context));
        }
        using var buffer = new FlightBuffer();
        var seed = new TlsWriter(buffer);
        seed.Bytes(_clientRandom);
        seed.Bytes(_serverRandom);
        if (hasContext)
        {
            seed.Vector16(context);
        }
        Tls12Prf.Expand(_crypto, Suite.Hash, MainSecret, Encoding.ASCII.GetBytes(label), buffer.Span, output);
    }

    public void Dispose() => _block.Dispose();

    private static void Randoms(ReadOnlySpan<byte> first, ReadOnlySpan<byte> second, Span<byte> seed)
    {
        first.CopyTo(seed);
        second.CopyTo(seed[first.Length..]);
    }
}

using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Segno.Buffers;
using Segno.Cryptography;

namespace Segno.Sessions;

/// <summary>A session as bytes that may lie anywhere: sealed under a key, or under one that is derived from a passphrase.</summary>
/// <remarks>
/// <code>
/// enum { key(1), passphrase(2), (255) } Protection;
/// struct {
///     opaque     magic[4] = "SgnS";
///     uint8      format_version = 1;
///     Protection protection;
///     uint32     iterations;        /* passphrase: of PBKDF2 with HMAC-SHA-256, 600,000 to 5,000,000; key: 0 */
///     opaque     salt[32];
///     opaque     sealed[..];        /* AES-256-GCM (Session); its tag at the end; AAD: all before */
/// } ProtectedSession;
/// </code>
/// PBKDF2 and not Argon2id: it is in the framework and its FIPS modules, while the Argon2 at hand is managed code that needs a large
/// buffer in memory nobody wipes. What that costs, a longer passphrase pays for: docs/client-sessions.md.
/// </remarks>
internal static class SessionEnvelope
{
    public const int KeyLength = SaltedAead.SecretLength;
    public const int MinPassphrase = 12;
    public const int MaxPassphrase = 1024;
    public const int MinIterations = 600_000;
    public const int MaxIterations = 5_000_000;
    public const int HeaderLength = 4 + 1 + 1 + 4 + SaltedAead.SaltLength;

    private const byte FormatVersion = 1;
    private const byte ByKey = 1;
    private const byte ByPassphrase = 2;

    private static ReadOnlySpan<byte> Magic => "SgnS"u8;

    private static ReadOnlySpan<byte> Label => "segno exported session"u8;

    public static byte[] Seal(TlsSession session, ReadOnlySpan<byte> key) => Seal(session, CheckKey(key), 0);

    public static byte[] Seal(TlsSession session, string passphrase) => Seal(session, Bytes(passphrase), MinIterations);

    public static TlsSession Open(ReadOnlySpan<byte> exported, ReadOnlySpan<byte> key) => Open(exported, CheckKey(key), ByKey);

    public static TlsSession Open(ReadOnlySpan<byte> exported, string passphrase) => Open(exported, Bytes(passphrase), ByPassphrase);

    private static byte[] Seal(TlsSession session, byte[] keyOrPassphrase, int iterations)
    {
        CryptoProvider crypto = CryptoProvider.Default;
        using var buffer = new FlightBuffer();
        Span<byte> random = stackalloc byte[SaltedAead.RandomLength];
        try
        {
            if (!SessionCodec.TryEncode(session, buffer))
            {
                throw TlsSession.TooLong();
            }
            byte[] exported = new byte[HeaderLength + buffer.Length + Aead.TagLength];
            Span<byte> header = exported.AsSpan(0, HeaderLength);
            Magic.CopyTo(header);
            header[4] = FormatVersion;
            header[5] = iterations == 0 ? ByKey : ByPassphrase;
            BinaryPrimitives.WriteInt32BigEndian(header[6..], iterations);
            // Hedged, as the salts of tickets are: a generator that repeats itself repeats a salt only for the same content.
            crypto.FillRandom(random);
            SaltedAead.WriteSalt(crypto, random, buffer.Span, header[^SaltedAead.SaltLength..]);
            Span<byte> nonce = stackalloc byte[Aead.NonceLength];
            using Aead aead = Derive(crypto, keyOrPassphrase, iterations, header, nonce);
            aead.Seal(nonce, buffer.Span, header, exported.AsSpan(HeaderLength));
            return exported;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(keyOrPassphrase);
            CryptographicOperations.ZeroMemory(random);
        }
    }

    private static TlsSession Open(ReadOnlySpan<byte> exported, byte[] keyOrPassphrase, byte protection)
    {
        CryptoProvider crypto = CryptoProvider.Default;
        using var buffer = new FlightBuffer();
        try
        {
            int iterations = ReadHeader(exported, protection);
            ReadOnlySpan<byte> header = exported[..HeaderLength];
            Span<byte> nonce = stackalloc byte[Aead.NonceLength];
            using Aead aead = Derive(crypto, keyOrPassphrase, iterations, header, nonce);
            Span<byte> encoded = buffer.Reserve(exported.Length - HeaderLength - Aead.TagLength);
            return aead.TryOpen(nonce, exported[HeaderLength..], header, encoded)
                ? TlsSession.Import(encoded)
                : throw new SessionImportException(
                    SessionImportProblem.WrongKeyOrAltered, "The session does not open: the key or the passphrase is another one, or the bytes have changed.");
        }
        finally
        {
            CryptographicOperations.ZeroMemory(keyOrPassphrase);
        }
    }

    /// <returns>The iterations of the derivation; 0 under a key.</returns>
    private static int ReadHeader(ReadOnlySpan<byte> exported, byte protection)
    {
        if (!exported.StartsWith(Magic))
        {
            throw new SessionImportException(SessionImportProblem.Malformed, "The bytes are not a protected session.");
        }
        if (exported.Length <= HeaderLength + Aead.TagLength || exported.Length > HeaderLength + SessionLimits.MaxEncoded + Aead.TagLength)
        {
            throw new SessionImportException(SessionImportProblem.Malformed, "The protected session is cut off, or longer than one can be.");
        }
        if (exported[4] != FormatVersion)
        {
            throw new SessionImportException(SessionImportProblem.FormatVersion, "The session is protected in another version of the format.");
        }
        if (exported[5] != protection)
        {
            throw new SessionImportException(SessionImportProblem.OtherProtection, exported[5] switch
            {
                ByKey => "The session is protected by a key, not by a passphrase.",
                ByPassphrase => "The session is protected by a passphrase, not by a key.",
                _ => "The session is protected in a way that is not known here.",
            });
        }
        uint iterations = BinaryPrimitives.ReadUInt32BigEndian(exported[6..]);
        // Whoever wrote the file must not choose how long we calculate, nor how little.
        bool inBounds = protection == ByKey ? iterations == 0 : iterations is >= MinIterations and <= MaxIterations;
        return inBounds
            ? (int)iterations
            : throw new SessionImportException(SessionImportProblem.Parameters, $"{iterations} iterations are out of bounds.");
    }

    private static Aead Derive(CryptoProvider crypto, byte[] keyOrPassphrase, int iterations, ReadOnlySpan<byte> header, Span<byte> nonce)
    {
        ReadOnlySpan<byte> salt = header[^SaltedAead.SaltLength..];
        Span<byte> secret = stackalloc byte[KeyLength];
        try
        {
            if (iterations == 0)
            {
                keyOrPassphrase.CopyTo(secret);
            }
            else
            {
                Rfc2898DeriveBytes.Pbkdf2(keyOrPassphrase, salt, secret, iterations, HashAlgorithmName.SHA256);
            }
            return SaltedAead.Derive(crypto, secret, salt, Label, header[..^SaltedAead.SaltLength], nonce);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(secret);
        }
    }

    private static byte[] CheckKey(ReadOnlySpan<byte> key)
    {
        if (key.Length != KeyLength || WeakSecret.IsWeak(key))
        {
            throw new ArgumentException($"A key has {KeyLength} random bytes: take RandomNumberGenerator.GetBytes({KeyLength}), and keep them.", nameof(key));
        }
        return key.ToArray();
    }

    private static byte[] Bytes(string passphrase)
    {
        ArgumentNullException.ThrowIfNull(passphrase);
        return passphrase.Length is >= MinPassphrase and <= MaxPassphrase
            ? Encoding.UTF8.GetBytes(passphrase)
            : throw new ArgumentException($"A passphrase has {MinPassphrase} to {MaxPassphrase} characters: take several words.", nameof(passphrase));
    }
}

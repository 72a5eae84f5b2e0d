using System.Buffers.Binary;
using System.Security.Cryptography;
using Segno.Buffers;
using Segno.Cryptography;

namespace Segno.Sessions;

/// <summary>What a file store is of. No kind is ever taken for another.</summary>
internal enum FileStoreKind : byte
{
    ServerSessions = 1,
    ClientSessions = 2,
    ServerState = 3,
}

/// <summary>The header of a file store, and the keys that follow from it and from a <see cref="FileStoreKey"/>. Thread-safe.</summary>
/// <remarks>
/// <code>
/// struct {
///     opaque magic[16] = "segno file store";
///     uint8  version = 1;
///     uint8  kind;                    /* 1 a server's sessions, 2 a client's, 3 a server's state */
///     uint32 argon2_memory;           /* KiB; these three are 0 where the key is no passphrase */
///     uint8  argon2_passes;
///     uint8  argon2_lanes;
///     opaque salt[32];                /* random: two stores under one key have no key in common */
///     opaque check[32];               /* HMAC(check key, all that stands before) */
/// } Header;                           /* 88 bytes */
///
/// root                    = HKDF-Extract(salt, key), or Argon2id(passphrase, salt)
/// secret ‖ salt key       = HKDF-Expand(root, "segno file seal", 64)
/// name key                = HKDF-Expand(root, "segno file name", 32)
/// check key               = HKDF-Expand(root, "segno file check", 32)
///
/// struct {
///     uint8  version = 1;
///     opaque salt[32];
///     opaque sealed[..];              /* AES-256-GCM, with its tag */
/// } Sealed;
///
/// key ‖ nonce             = SaltedAead(secret, salt, "segno file" ‖ version)
/// associated data         = version ‖ salt ‖ where it lies
/// </code>
/// </remarks>
internal sealed class FileStoreKeys : IDisposable
{
    public const int HeaderLength = SignedLength + CheckLength;
    public const byte Version = 1;

    /// <summary>What sealing adds.</summary>
    public const int Overhead = HeadLength + SaltedAead.SaltLength + Aead.TagLength;

    private const int MagicLength = 16;
    private const int VersionOffset = MagicLength;
    private const int KindOffset = VersionOffset + 1;
    private const int CostOffset = KindOffset + 1;
    private const int SaltOffset = CostOffset + 6;
    private const int SaltLength = 32;
    private const int SignedLength = SaltOffset + SaltLength;
    private const int CheckLength = 32;
    private const int HeadLength = 1;

    private readonly CryptoProvider _crypto;
    private readonly PinnedSecret _sealing = new(2 * SaltedAead.SecretLength);
    private readonly PinnedSecret _names = new(SaltedAead.SecretLength);

    private FileStoreKeys(CryptoProvider crypto, ReadOnlySpan<byte> root)
    {
        _crypto = crypto;
        crypto.HkdfExpand(HashKind.Sha256, root, "segno file seal"u8, _sealing.Material);
        crypto.HkdfExpand(HashKind.Sha256, root, "segno file name"u8, _names.Material);
    }

    private static ReadOnlySpan<byte> Magic => "segno file store"u8;

    private static ReadOnlySpan<byte> Label => "segno file"u8;

    /// <summary>Makes the header of a new store, and its keys.</summary>
    /// <exception cref="CryptographicException">Cryptography failed.</exception>
    public static FileStoreKeys Create(CryptoProvider crypto, FileStoreKind kind, FileStoreKey key, Span<byte> header)
    {
        Argon2Cost cost = key.IsPassphrase ? Argon2Cost.Default : Argon2Cost.None;
        Magic.CopyTo(header);
        header[VersionOffset] = Version;
        header[KindOffset] = (byte)kind;
        BinaryPrimitives.WriteUInt32BigEndian(header[CostOffset..], (uint)cost.MemoryKiB);
        header[CostOffset + 4] = (byte)cost.Passes;
        header[CostOffset + 5] = (byte)cost.Lanes;
        crypto.FillRandom(header.Slice(SaltOffset, SaltLength));
        return Derive(crypto, key, cost, header[..SignedLength], header.Slice(SignedLength, CheckLength));
    }

    /// <summary>Reads a header, which may be anything.</summary>
    /// <exception cref="FileStoreException">It is none, of another kind or version, or of another key.</exception>
    /// <exception cref="CryptographicException">Cryptography failed.</exception>
    public static FileStoreKeys Open(CryptoProvider crypto, FileStoreKind kind, FileStoreKey key, ReadOnlySpan<byte> header, string path)
    {
        if (header.Length < KindOffset || !PublicData.Equal(header[..MagicLength], Magic))
        {
            throw new FileStoreException(FileStoreProblem.Malformed, $"{path} is no file store.");
        }
        if (header[VersionOffset] != Version)
        {
            throw new FileStoreException(FileStoreProblem.UnknownVersion, $"{path} has version {header[VersionOffset]} of the format; known is {Version}.");
        }
        if (header.Length != HeaderLength)
        {
            throw new FileStoreException(FileStoreProblem.Malformed, $"{path} is cut off, or too long.");
        }
        if (header[KindOffset] != (byte)kind)
        {
            throw new FileStoreException(FileStoreProblem.OtherKind, $"{path} is of another kind: {(FileStoreKind)header[KindOffset]}, and not {kind}.");
        }
        uint memory = BinaryPrimitives.ReadUInt32BigEndian(header[CostOffset..]);
        var cost = new Argon2Cost((int)Math.Min(memory, int.MaxValue), header[CostOffset + 4], header[CostOffset + 5]);
        if (key.IsPassphrase == (cost == Argon2Cost.None))
        {
            throw new FileStoreException(
                FileStoreProblem.WrongKey, $"{path} was made with {(key.IsPassphrase ? "a key, and not with a passphrase" : "a passphrase, and not with a key")}.");
        }
        if (key.IsPassphrase && !cost.IsAcceptable)
        {
            throw new FileStoreException(FileStoreProblem.Malformed, $"{path} asks for an Argon2 that is too cheap or too expensive: {cost}.");
        }
        Span<byte> check = stackalloc byte[CheckLength];
        FileStoreKeys keys = Derive(crypto, key, cost, header[..SignedLength], check);
        if (CryptographicOperations.FixedTimeEquals(check, header[SignedLength..]))
        {
            return keys;
        }
        keys.Dispose();
        throw new FileStoreException(FileStoreProblem.WrongKey, $"{path} was made with another {(key.IsPassphrase ? "passphrase" : "key")}.");
    }

    /// <summary>Writes the name of something (up to 32 bytes): HMAC, so that it says nothing but that it is the same.</summary>
    /// <exception cref="ObjectDisposedException">The keys are destroyed.</exception>
    /// <exception cref="CryptographicException">Cryptography failed.</exception>
    public void WriteName(ReadOnlySpan<byte> what, Span<byte> name)
    {
        Span<byte> key = stackalloc byte[SaltedAead.SecretLength];
        Span<byte> mac = stackalloc byte[32];
        try
        {
            ObjectDisposedException.ThrowIf(!_names.TryCopy(key), this);
            _crypto.Hmac(HashKind.Sha256, key, what, mac);
            mac[..name.Length].CopyTo(name);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(key);
        }
    }

    /// <summary>Seals what a buffer holds after its first <see cref="SaltedAead.RandomLength"/> bytes, which are filled with randomness.</summary>
    /// <param name="randomAndContent">The content, with that room before it; the caller wipes it.</param>
    /// <param name="place">Where it will lie: elsewhere it does not open.</param>
    /// <exception cref="ObjectDisposedException">The keys are destroyed.</exception>
    /// <exception cref="CryptographicException">Cryptography failed.</exception>
    public byte[] Seal(Span<byte> randomAndContent, ReadOnlySpan<byte> place)
    {
        Span<byte> secret = stackalloc byte[SaltedAead.SecretLength];
        Span<byte> saltKey = stackalloc byte[SaltedAead.SecretLength];
        try
        {
            ObjectDisposedException.ThrowIf(!_sealing.TryCopy(secret, saltKey), this);
            byte[] result = new byte[randomAndContent.Length - SaltedAead.RandomLength + Overhead];
            result[0] = Version;
            _crypto.FillRandom(randomAndContent[..SaltedAead.RandomLength]);
            SaltedAead.Seal(_crypto, secret, saltKey, Label, randomAndContent, HeadLength, place, result);
            return result;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(secret);
            CryptographicOperations.ZeroMemory(saltKey);
        }
    }

    /// <summary>Opens what may be anything.</summary>
    /// <param name="sealedContent">The bytes.</param>
    /// <param name="place">Where they lay.</param>
    /// <param name="content">Receives the content, which is appended.</param>
    /// <returns><see langword="false"/>, with nothing appended, where they are of another version, changed, from elsewhere, or anything else.</returns>
    /// <exception cref="ObjectDisposedException">The keys are destroyed.</exception>
    /// <exception cref="CryptographicException">Cryptography failed.</exception>
    public bool TryOpen(ReadOnlySpan<byte> sealedContent, ReadOnlySpan<byte> place, FlightBuffer content)
    {
        // K1, K2: whatever it is, it is declined.
        if (sealedContent.Length < Overhead || sealedContent[0] != Version)
        {
            return false;
        }
        Span<byte> secret = stackalloc byte[SaltedAead.SecretLength];
        Span<byte> saltKey = stackalloc byte[SaltedAead.SecretLength];
        int start = content.Length;
        try
        {
            ObjectDisposedException.ThrowIf(!_sealing.TryCopy(secret, saltKey), this);
            Span<byte> opened = content.Reserve(sealedContent.Length - Overhead);
            if (SaltedAead.TryOpen(_crypto, secret, Label, sealedContent, HeadLength, place, opened))
            {
                return true;
            }
            content.Truncate(start);
            return false;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(secret);
            CryptographicOperations.ZeroMemory(saltKey);
        }
    }

    public void Dispose()
    {
        _sealing.Destroy();
        _names.Destroy();
    }

    private static FileStoreKeys Derive(CryptoProvider crypto, FileStoreKey key, Argon2Cost cost, ReadOnlySpan<byte> signed, Span<byte> check)
    {
        Span<byte> root = stackalloc byte[32];
        Span<byte> checkKey = stackalloc byte[32];
        try
        {
            key.DeriveRoot(crypto, cost, signed[SaltOffset..], root);
            crypto.HkdfExpand(HashKind.Sha256, root, "segno file check"u8, checkKey);
            crypto.Hmac(HashKind.Sha256, checkKey, signed, check);
            return new FileStoreKeys(crypto, root);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(root);
            CryptographicOperations.ZeroMemory(checkKey);
        }
    }
}

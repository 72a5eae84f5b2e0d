using System.Buffers;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Org.BouncyCastle.Crypto.Generators;
using Org.BouncyCastle.Crypto.Parameters;
using Segno.Cryptography;
using Segno.Sessions.Tickets;

namespace Segno.Sessions;

/// <summary>
/// What a file store is encrypted with: random bytes, of a file or of the caller's, or a passphrase. It opens any number of stores, each
/// of which derives keys of its own from it, and may be disposed when they are open. Thread-safe.
/// </summary>
/// <remarks>Whoever has it and the files can resume the sessions in them, and read what TLS 1.2 connections of theirs carried.</remarks>
public sealed class FileStoreKey : IDisposable
{
    /// <summary>The shortest passphrase, in characters.</summary>
    internal const int MinPassphrase = 12;

    /// <summary>The longest file of a key.</summary>
    internal const int MaxFileLength = 4096;

    private const int GeneratedLength = 32;

    private readonly PinnedSecret _secret;

    private FileStoreKey(ReadOnlySpan<byte> secret, bool isPassphrase)
    {
        _secret = new PinnedSecret(secret.Length);
        secret.CopyTo(_secret.Material);
        IsPassphrase = isPassphrase;
    }

    internal bool IsPassphrase { get; }

    /// <summary>A key that the caller has.</summary>
    /// <param name="key">At least 32 bytes from a random generator, never a passphrase. The caller wipes it.</param>
    /// <exception cref="ArgumentException">It is too short, or not random.</exception>
    public static FileStoreKey FromBytes(ReadOnlySpan<byte> key) => FromBytes(key, "The key");

    /// <summary>A key in a file: at least 32 random bytes, as they are or in Base64.</summary>
    /// <param name="path">The file. Where there are modes, it must be readable by its owner alone.</param>
    /// <exception cref="ArgumentException">What is in it is too short, or not random.</exception>
    /// <exception cref="FileStoreException">Others may read it.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be read.</exception>
    public static FileStoreKey FromFile(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        PrivateFiles.RequirePrivate(path);
        byte[] content = PrivateFiles.Read(path, MaxFileLength) ?? throw new FileNotFoundException($"{path} is not there.", path);
        byte[]? decoded = null;
        try
        {
            if (KeyMaterial.IsText(content))
            {
                decoded = FromBase64(content, path);
            }
            return FromBytes(decoded ?? content, path);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(content);
            CryptographicOperations.ZeroMemory(decoded);
        }
    }

    /// <summary>Makes a file with 32 random bytes in Base64, for <see cref="FromFile"/>. Its owner alone may read it.</summary>
    /// <param name="path">The file, which must not be there yet.</param>
    /// <exception cref="IOException">It is there already, or cannot be written.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be written.</exception>
    public static void CreateFile(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        Span<byte> key = stackalloc byte[GeneratedLength];
        byte[] text = new byte[Base64.GetMaxEncodedToUtf8Length(GeneratedLength) + 1];
        try
        {
            CryptoProvider.Default.FillRandom(key);
            KeyMaterial.Check(key, "What the random generator gave");
            Base64.EncodeToUtf8(key, text, out _, out _);
            text[^1] = (byte)'\n';
            PrivateFiles.WriteNew(path, text);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(key);
            CryptographicOperations.ZeroMemory(text);
        }
    }

    /// <summary>
    /// A passphrase, which becomes a key by Argon2id with 64 MiB, three passes and four lanes (RFC 9106 §4): opening a store takes
    /// about half a second. For people; programs are better served by a file.
    /// </summary>
    /// <param name="passphrase">At least 12 characters. The caller wipes it.</param>
    /// <exception cref="ArgumentException">It is too short.</exception>
    public static FileStoreKey FromPassphrase(ReadOnlySpan<char> passphrase)
    {
        if (passphrase.Length < MinPassphrase)
        {
            throw new ArgumentException($"A passphrase has at least {MinPassphrase} characters.", nameof(passphrase));
        }
        byte[] bytes = new byte[Encoding.UTF8.GetByteCount(passphrase)];
        try
        {
            Encoding.UTF8.GetBytes(passphrase, bytes);
            return new FileStoreKey(bytes, isPassphrase: true);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(bytes);
        }
    }

    /// <summary>Wipes it. Stores that it has opened stay open.</summary>
    public void Dispose() => _secret.Destroy();

    /// <summary>Writes the 32 bytes that a store's keys are derived from: HKDF-Extract(salt, key), or Argon2id of the passphrase.</summary>
    /// <exception cref="ObjectDisposedException">It is disposed.</exception>
    /// <exception cref="CryptographicException">Cryptography failed.</exception>
    internal void DeriveRoot(CryptoProvider crypto, Argon2Cost cost, ReadOnlySpan<byte> salt, Span<byte> root)
    {
        byte[] secret = GC.AllocateArray<byte>(_secret.Length, pinned: true);
        byte[] derived = GC.AllocateArray<byte>(root.Length, pinned: true);
        try
        {
            ObjectDisposedException.ThrowIf(!_secret.TryCopy(secret), this);
            if (IsPassphrase)
            {
                var argon2 = new Argon2BytesGenerator();
                argon2.Init(new Argon2Parameters.Builder(Argon2Parameters.Argon2id)
                    .WithVersion(Argon2Parameters.Version13)
                    .WithSalt(salt.ToArray())
                    .WithMemoryAsKB(cost.MemoryKiB)
                    .WithIterations(cost.Passes)
                    .WithParallelism(cost.Lanes)
                    .Build());
                argon2.GenerateBytes(secret, derived);
                derived.CopyTo(root);
            }
            else
            {
                crypto.HkdfExtract(HashKind.Sha256, salt, secret, root);
            }
        }
        finally
        {
            CryptographicOperations.ZeroMemory(secret);
            CryptographicOperations.ZeroMemory(derived);
        }
    }

    private static FileStoreKey FromBytes(ReadOnlySpan<byte> key, string what)
    {
        try
        {
            KeyMaterial.Check(key, what);
        }
        catch (TicketKeyException exception)
        {
            throw new ArgumentException(exception.Message, nameof(key), exception);
        }
        return new FileStoreKey(key, isPassphrase: false);
    }

    private static byte[] FromBase64(ReadOnlySpan<byte> text, string path)
    {
        text = text.Trim("\r\n\t "u8);
        byte[] decoded = new byte[Base64.GetMaxDecodedFromUtf8Length(text.Length)];
        if (Base64.DecodeFromUtf8(text, decoded, out int consumed, out int written) != OperationStatus.Done || consumed != text.Length)
        {
            throw new ArgumentException($"{path}: a key is at least 32 random bytes, as they are or in Base64.", nameof(path));
        }
        byte[] key = decoded[..written];
        CryptographicOperations.ZeroMemory(decoded);
        return key;
    }
}

/// <summary>What Argon2id (RFC 9106) costs. Read from a file, so bounded: nobody who can write it makes a process take all memory.</summary>
internal readonly record struct Argon2Cost(int MemoryKiB, int Passes, int Lanes)
{
    /// <summary>RFC 9106 §4: the second recommended option.</summary>
    public static Argon2Cost Default { get; } = new(64 * 1024, 3, 4);

    /// <summary>No passphrase.</summary>
    public static Argon2Cost None { get; }

    public bool IsAcceptable => MemoryKiB is >= 8 * 1024 and <= 512 * 1024 && Passes is >= 1 and <= 16 && Lanes is >= 1 and <= 16;
}

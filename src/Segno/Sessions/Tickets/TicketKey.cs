using System.Buffers.Binary;
using System.Security.Cryptography;
using Segno.Cryptography;

namespace Segno.Sessions.Tickets;

/// <summary>A session ticket encryption key: 32 secret bytes and the 16 bytes that name it in tickets. Thread-safe.</summary>
internal sealed class TicketKey
{
    public const int SecretLength = 32;
    public const int NameLength = 16;

    // secret ‖ salt key
    private readonly PinnedSecret _material = new(2 * SecretLength);

    private TicketKey(long epoch, UInt128 name)
    {
        Epoch = epoch;
        Name = name;
    }

    public long Epoch { get; }

    public UInt128 Name { get; }

    public bool IsDestroyed => _material.IsDestroyed;

    /// <summary>Whether it was destroyed because it was revoked.</summary>
    public bool IsRevoked { get; private set; }

    /// <summary>Makes a key, or none from material that is no key: a wrong length, or bytes that are all the same.</summary>
    public static TicketKey? Create(CryptoProvider crypto, long epoch, ReadOnlySpan<byte> secret, ReadOnlySpan<byte> name)
    {
        if (secret.Length != SecretLength || name.Length != NameLength || WeakSecret.IsWeak(secret))
        {
            return null;
        }
        var key = new TicketKey(epoch, ReadName(name));
        try
        {
            secret.CopyTo(key._material.Material);
            DeriveSaltKey(crypto, secret, name, key._material.Material[SecretLength..]);
            return key;
        }
        catch (CryptographicException)
        {
            key.Destroy();
            return null;
        }
    }

    /// <summary>
    /// Makes a key from material of any length that is known to be good: secret(32) = HKDF-Expand(HKDF-Extract("segno ticket key",
    /// material), "secret"), name(16) = the same with "name". Who has the same material has the same key and calls it the same.
    /// </summary>
    /// <exception cref="CryptographicException">Cryptography failed.</exception>
    public static TicketKey Derive(CryptoProvider crypto, long epoch, ReadOnlySpan<byte> material)
    {
        Span<byte> pseudoRandomKey = stackalloc byte[HashKind.Sha256.Length()];
        Span<byte> secret = stackalloc byte[SecretLength];
        Span<byte> name = stackalloc byte[NameLength];
        try
        {
            crypto.HkdfExtract(HashKind.Sha256, "segno ticket key"u8, material, pseudoRandomKey);
            crypto.HkdfExpand(HashKind.Sha256, pseudoRandomKey, "secret"u8, secret);
            crypto.HkdfExpand(HashKind.Sha256, pseudoRandomKey, "name"u8, name);
            return Create(crypto, epoch, secret, name) ?? throw new CryptographicException("No ticket key could be derived.");
        }
        finally
        {
            CryptographicOperations.ZeroMemory(pseudoRandomKey);
            CryptographicOperations.ZeroMemory(secret);
        }
    }

    /// <summary>What is left of a key that was revoked before it got here: its name.</summary>
    public static TicketKey Revoked(long epoch, UInt128 name)
    {
        var key = new TicketKey(epoch, name);
        key.Revoke();
        return key;
    }

    public static UInt128 ReadName(ReadOnlySpan<byte> name) => BinaryPrimitives.ReadUInt128BigEndian(name);

    public void WriteName(Span<byte> destination) => BinaryPrimitives.WriteUInt128BigEndian(destination, Name);

    /// <summary>Copies the secret and the salt key (32 bytes each), which the caller wipes; <see langword="false"/>, with nothing copied, when the key is destroyed.</summary>
    public bool TryCopy(Span<byte> secret, Span<byte> saltKey) => _material.TryCopy(secret, saltKey);

    public void Destroy() => _material.Destroy();

    public void Revoke()
    {
        IsRevoked = true;
        Destroy();
    }

    private static void DeriveSaltKey(CryptoProvider crypto, ReadOnlySpan<byte> secret, ReadOnlySpan<byte> name, Span<byte> saltKey)
    {
        Span<byte> pseudoRandomKey = stackalloc byte[HashKinds.MaxLength];
        pseudoRandomKey = pseudoRandomKey[..HashKind.Sha256.Length()];
        try
        {
            crypto.HkdfExtract(HashKind.Sha256, name, secret, pseudoRandomKey);
            crypto.HkdfExpand(HashKind.Sha256, pseudoRandomKey, "segno ticket salt"u8, saltKey);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(pseudoRandomKey);
        }
    }
}

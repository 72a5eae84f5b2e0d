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

    public static UInt128 ReadName(ReadOnlySpan<byte> name) => BinaryPrimitives.ReadUInt128BigEndian(name);

    public void WriteName(Span<byte> destination) => BinaryPrimitives.WriteUInt128BigEndian(destination, Name);

    /// <summary>Copies the secret and the salt key (32 bytes each), which the caller wipes; <see langword="false"/>, with nothing copied, when the key is destroyed.</summary>
    public bool TryCopy(Span<byte> secret, Span<byte> saltKey) => _material.TryCopy(secret, saltKey);

    public void Destroy() => _material.Destroy();

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

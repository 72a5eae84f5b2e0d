using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using Segno.Cryptography;

namespace Segno.Sessions.Tickets;

/// <summary>A session ticket encryption key: 32 secret bytes and the 16 bytes that name it in tickets. Thread-safe.</summary>
internal sealed class TicketKey : IStoreKey
{
    public const int SecretLength = 32;
    public const int NameLength = 16;

    // secret ‖ salt key
    private readonly PinnedSecret _material = new(2 * SecretLength);
    private readonly PinnedSecret _index = new(SecretLength);

    // As many as contexts name in this process. They outlive the key, so that what was theirs is known as retired.
    private readonly ConcurrentDictionary<string, TicketKey> _ofTenants = new(StringComparer.Ordinal);

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
            DeriveOthers(crypto, secret, name, key._material.Material[SecretLength..], key._index.Material);
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

    public bool TryCopyIndexKey(Span<byte> indexKey) => _index.TryCopy(indexKey);

    /// <summary>
    /// This key as a tenant has it, with a name of its own: who sees tickets of two tenants does not see that one server makes both
    /// (J4, C2), and what is sealed for the one opens for no other. Derived like any key, from
    /// HKDF-Expand(HKDF-Extract("segno tenant ticket key", secret), SHA-256(tenant)), and destroyed with this one.
    /// </summary>
    /// <param name="crypto">The provider.</param>
    /// <param name="tenant">The tenant; <see langword="null"/>: none, which has the key as it is.</param>
    /// <returns>The key; <see langword="null"/> where it was destroyed before the tenant ever had it, or cryptography fails.</returns>
    public TicketKey? ForTenant(CryptoProvider crypto, string? tenant)
    {
        if (tenant is null)
        {
            return this;
        }
        if (_ofTenants.TryGetValue(tenant, out TicketKey? known))
        {
            return known;
        }
        if (DeriveForTenant(crypto, tenant) is not { } derived)
        {
            return null;
        }
        TicketKey held = _ofTenants.GetOrAdd(tenant, derived);
        if (held != derived || IsDestroyed)
        {
            derived.Destroy();
        }
        return held;
    }

    public void Destroy()
    {
        _material.Destroy();
        _index.Destroy();
        foreach (TicketKey ofTenant in _ofTenants.Values)
        {
            ofTenant.Destroy();
        }
    }

    public void Revoke()
    {
        IsRevoked = true;
        Destroy();
    }

    private TicketKey? DeriveForTenant(CryptoProvider crypto, string tenant)
    {
        Span<byte> secret = stackalloc byte[SecretLength];
        Span<byte> pseudoRandomKey = stackalloc byte[HashKind.Sha256.Length()];
        Span<byte> digest = stackalloc byte[HashKind.Sha256.Length()];
        try
        {
            if (!_material.TryCopy(secret))
            {
                return null;
            }
            crypto.Hash(HashKind.Sha256, Encoding.UTF8.GetBytes(tenant), digest);
            crypto.HkdfExtract(HashKind.Sha256, "segno tenant ticket key"u8, secret, pseudoRandomKey);
            crypto.HkdfExpand(HashKind.Sha256, pseudoRandomKey, digest, secret);
            return Derive(crypto, Epoch, secret);
        }
        catch (CryptographicException)
        {
            return null;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(secret);
            CryptographicOperations.ZeroMemory(pseudoRandomKey);
        }
    }

    /// <summary>The keys that go with the secret: for salts, and for what stores know sessions by.</summary>
    private static void DeriveOthers(CryptoProvider crypto, ReadOnlySpan<byte> secret, ReadOnlySpan<byte> name, Span<byte> saltKey, Span<byte> indexKey)
    {
        Span<byte> pseudoRandomKey = stackalloc byte[HashKinds.MaxLength];
        pseudoRandomKey = pseudoRandomKey[..HashKind.Sha256.Length()];
        try
        {
            crypto.HkdfExtract(HashKind.Sha256, name, secret, pseudoRandomKey);
            crypto.HkdfExpand(HashKind.Sha256, pseudoRandomKey, "segno ticket salt"u8, saltKey);
            crypto.HkdfExpand(HashKind.Sha256, pseudoRandomKey, "segno store index"u8, indexKey);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(pseudoRandomKey);
        }
    }
}

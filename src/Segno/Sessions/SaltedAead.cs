using System.Security.Cryptography;
using Segno.Cryptography;

namespace Segno.Sessions;

/// <summary>
/// One AES-256-GCM key and nonce for each thing that is sealed, derived from a long-lived secret and a salt: no limit on how many
/// are sealed under one secret.
/// </summary>
internal static class SaltedAead
{
    public const int SaltLength = 32;
    public const int SecretLength = 32;

    /// <summary>How much randomness goes into a salt.</summary>
    public const int RandomLength = 32;

    private const int MaxInfo = 64;

    /// <summary>
    /// Writes HMAC(salt key, random ‖ what will be sealed). Hedged: a random generator that repeats itself (a cloned machine)
    /// repeats a salt only for one and the same content.
    /// </summary>
    public static void WriteSalt(CryptoProvider crypto, ReadOnlySpan<byte> saltKey, ReadOnlySpan<byte> randomAndState, Span<byte> salt)
        => crypto.Hmac(HashKind.Sha256, saltKey, randomAndState, salt);

    /// <summary>key(32) ‖ nonce(12) = HKDF-Expand(HKDF-Extract(salt, secret), label ‖ context).</summary>
    public static Aead Derive(
        CryptoProvider crypto, ReadOnlySpan<byte> secret, ReadOnlySpan<byte> salt, ReadOnlySpan<byte> label, ReadOnlySpan<byte> context, Span<byte> nonce)
    {
        const int KeyLength = 32;
        Span<byte> info = stackalloc byte[MaxInfo];
        info = info[..(label.Length + context.Length)];
        label.CopyTo(info);
        context.CopyTo(info[label.Length..]);
        Span<byte> pseudoRandomKey = stackalloc byte[32];
        Span<byte> keyAndNonce = stackalloc byte[KeyLength + Aead.NonceLength];
        try
        {
            crypto.HkdfExtract(HashKind.Sha256, salt, secret, pseudoRandomKey);
            crypto.HkdfExpand(HashKind.Sha256, pseudoRandomKey, info, keyAndNonce);
            keyAndNonce[KeyLength..].CopyTo(nonce);
            return crypto.CreateAead(AeadKind.Aes256Gcm, keyAndNonce[..KeyLength]);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(pseudoRandomKey);
            CryptographicOperations.ZeroMemory(keyAndNonce);
        }
    }
}

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
    private const int MaxAssociated = 256;

    /// <summary>
    /// Writes HMAC(salt key, random ‖ what will be sealed). Hedged: a random generator that repeats itself (a cloned machine)
    /// repeats a salt only for one and the same content.
    /// </summary>
    public static void WriteSalt(CryptoProvider crypto, ReadOnlySpan<byte> saltKey, ReadOnlySpan<byte> randomAndState, Span<byte> salt)
        => crypto.Hmac(HashKind.Sha256, saltKey, randomAndState, salt);

    /// <summary>Seals what stands behind the randomness of a buffer: head ‖ salt ‖ AES-256-GCM, bound to head, salt and more.</summary>
    /// <param name="crypto">The provider.</param>
    /// <param name="secret">The secret, 32 bytes.</param>
    /// <param name="saltKey">The salt key, 32 bytes.</param>
    /// <param name="label">What is sealed: no two purposes share keys.</param>
    /// <param name="randomAndContent"><see cref="RandomLength"/> random bytes, and the content.</param>
    /// <param name="headLength">How long the head is, which stands in <paramref name="result"/> already.</param>
    /// <param name="more">What else it is bound to.</param>
    /// <param name="result">Receives the rest.</param>
    public static void Seal(
        CryptoProvider crypto, ReadOnlySpan<byte> secret, ReadOnlySpan<byte> saltKey, ReadOnlySpan<byte> label, ReadOnlySpan<byte> randomAndContent,
        int headLength, ReadOnlySpan<byte> more, Span<byte> result)
    {
        Span<byte> header = result[..(headLength + SaltLength)];
        WriteSalt(crypto, saltKey, randomAndContent, header[headLength..]);
        Span<byte> nonce = stackalloc byte[Aead.NonceLength];
        using Aead aead = Derive(crypto, secret, header[headLength..], label, header[..headLength], nonce);
        aead.Seal(nonce, randomAndContent[RandomLength..], Associated(header, more, stackalloc byte[MaxAssociated]), result[header.Length..]);
    }

    /// <summary>Opens what <see cref="Seal"/> made.</summary>
    /// <returns><see langword="false"/> where it was changed, or bound to something else.</returns>
    public static bool TryOpen(
        CryptoProvider crypto, ReadOnlySpan<byte> secret, ReadOnlySpan<byte> label, ReadOnlySpan<byte> sealedContent, int headLength, ReadOnlySpan<byte> more, Span<byte> content)
    {
        ReadOnlySpan<byte> header = sealedContent[..(headLength + SaltLength)];
        Span<byte> nonce = stackalloc byte[Aead.NonceLength];
        using Aead aead = Derive(crypto, secret, header[headLength..], label, header[..headLength], nonce);
        return aead.TryOpen(nonce, sealedContent[header.Length..], Associated(header, more, stackalloc byte[MaxAssociated]), content);
    }

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

    private static ReadOnlySpan<byte> Associated(ReadOnlySpan<byte> header, ReadOnlySpan<byte> more, Span<byte> associated)
    {
        header.CopyTo(associated);
        more.CopyTo(associated[header.Length..]);
        return associated[..(header.Length + more.Length)];
    }
}

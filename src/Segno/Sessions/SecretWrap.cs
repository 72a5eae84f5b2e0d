using System.Buffers.Binary;
using System.Security.Cryptography;
using Segno.Cryptography;

namespace Segno.Sessions;

/// <summary>
/// Keeps the secrets of sessions sealed while nobody needs them: AES-256-GCM under a random key that lives as long as the
/// process. A dump of the managed heap then shows secrets only while a handshake works with them. Thread-safe.
/// </summary>
/// <remarks>wrapped = counter(8) ‖ ciphertext ‖ tag(16). The counter is the nonce: the key is this process's own, so it never repeats.</remarks>
internal static class SecretWrap
{
    public const int Overhead = sizeof(ulong) + Aead.TagLength;

    private static readonly byte[] Key = CreateKey();
    private static ulong _wrapped;

    // The key never changes, so each thread sets it up once.
    [ThreadStatic]
    private static Aead? _aead;

    private static Aead Sealer => _aead ??= CryptoProvider.Default.CreateAead(AeadKind.Aes256Gcm, Key);

    public static byte[] Wrap(ReadOnlySpan<byte> secret)
    {
        byte[] wrapped = new byte[Overhead + secret.Length];
        Span<byte> counter = wrapped.AsSpan(0, sizeof(ulong));
        BinaryPrimitives.WriteUInt64BigEndian(counter, Interlocked.Increment(ref _wrapped));
        Span<byte> nonce = stackalloc byte[Aead.NonceLength];
        FillNonce(nonce, counter);
        Sealer.Seal(nonce, secret, [], wrapped.AsSpan(sizeof(ulong)));
        return wrapped;
    }

    /// <returns>The length of the secret.</returns>
    /// <exception cref="CryptographicException">The bytes were changed in memory.</exception>
    public static int Unwrap(ReadOnlySpan<byte> wrapped, Span<byte> secret)
    {
        int length = wrapped.Length - Overhead;
        Span<byte> nonce = stackalloc byte[Aead.NonceLength];
        FillNonce(nonce, wrapped[..sizeof(ulong)]);
        return Sealer.TryOpen(nonce, wrapped[sizeof(ulong)..], [], secret[..length])
            ? length
            : throw new CryptographicException("A session's secret was changed in memory.");
    }

    private static void FillNonce(Span<byte> nonce, ReadOnlySpan<byte> counter)
    {
        nonce.Clear();
        counter.CopyTo(nonce[(Aead.NonceLength - sizeof(ulong))..]);
    }

    private static byte[] CreateKey()
    {
        // Pinned before it is filled, so that the collector leaves no copies behind.
        byte[] key = GC.AllocateArray<byte>(AeadKind.Aes256Gcm.KeyLength(), pinned: true);
        CryptoProvider.Default.FillRandom(key);
        return WeakSecret.IsWeak(key) ? throw new CryptographicException("The system's random generator gave no randomness.") : key;
    }
}

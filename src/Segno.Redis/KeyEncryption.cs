using System.Security.Cryptography;
using System.Text;
using Segno.Sessions;

namespace Segno.Redis;

/// <summary>
/// Seals what servers tell each other through Redis, so that it can neither read nor invent it. Under the key-encryption key, for one
/// prefix, purpose and name: nothing passes for anything else.
/// </summary>
/// <remarks>
/// <code>
/// struct {
///     uint8  version = 1;
///     opaque nonce[12];                /* random: a few messages a minute are far from 2^32 */
///     opaque sealed[..];               /* AES-256-GCM, with the tag */
/// } Message;
/// </code>
/// The key is HKDF-Expand(HKDF-Extract("segno redis", key-encryption key), prefix); the associated data: version, purpose, 0, name.
/// </remarks>
internal sealed class KeyEncryption : IDisposable
{
    public const int KeyLength = 32;

    /// <summary>The longest message: a file of ticket keys has 64 KiB at most.</summary>
    public const int MaxLength = 96 * 1024;

    private const byte Version = 1;
    private const int NonceLength = 12;
    private const int TagLength = 16;
    private const int HeaderLength = 1 + NonceLength;

    private readonly AesGcm[] _keys;

    /// <param name="keys">The first seals; all open.</param>
    /// <param name="prefix">What names in Redis begin with.</param>
    /// <exception cref="TicketKeyException">A key is refused.</exception>
    public KeyEncryption(IReadOnlyList<ReadOnlyMemory<byte>> keys, string prefix)
    {
        foreach (ReadOnlyMemory<byte> key in keys)
        {
            TicketKeyException.ThrowIfWeak(key.Span, "The key-encryption key");
            if (key.Length != KeyLength)
            {
                throw new ArgumentException($"The key-encryption key has {KeyLength} bytes, not {key.Length}.", nameof(keys));
            }
        }
        _keys = [.. keys.Select(key => Derive(key.Span, prefix))];
    }

    public byte[] Seal(string purpose, string name, ReadOnlySpan<byte> content)
    {
        byte[] message = new byte[HeaderLength + content.Length + TagLength];
        message[0] = Version;
        Span<byte> nonce = message.AsSpan(1, NonceLength);
        RandomNumberGenerator.Fill(nonce);
        _keys[0].Encrypt(nonce, content, message.AsSpan(HeaderLength, content.Length), message.AsSpan(HeaderLength + content.Length), AssociatedData(purpose, name));
        return message;
    }

    /// <returns>The content, which the caller wipes; <see langword="null"/> where the message is not what a server of this fleet sealed for this.</returns>
    public byte[]? Open(string purpose, string name, ReadOnlySpan<byte> message)
    {
        if (message.Length is < HeaderLength + TagLength or > MaxLength || message[0] != Version)
        {
            return null;
        }
        byte[] content = new byte[message.Length - HeaderLength - TagLength];
        byte[] associated = AssociatedData(purpose, name);
        foreach (AesGcm key in _keys)
        {
            try
            {
                key.Decrypt(message.Slice(1, NonceLength), message[HeaderLength..^TagLength], message[^TagLength..], content, associated);
                return content;
            }
            catch (AuthenticationTagMismatchException)
            {
                // The next.
            }
        }
        return null;
    }

    public void Dispose() => Array.ForEach(_keys, key => key.Dispose());

    private static byte[] AssociatedData(string purpose, string name) => [Version, .. Encoding.UTF8.GetBytes(purpose), 0, .. Encoding.UTF8.GetBytes(name)];

    private static AesGcm Derive(ReadOnlySpan<byte> key, string prefix)
    {
        Span<byte> derived = stackalloc byte[KeyLength];
        try
        {
            HKDF.DeriveKey(HashAlgorithmName.SHA256, key, derived, "segno redis"u8, Encoding.UTF8.GetBytes(prefix));
            return new AesGcm(derived, TagLength);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(derived);
        }
    }
}

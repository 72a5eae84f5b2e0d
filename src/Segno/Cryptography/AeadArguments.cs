namespace Segno.Cryptography;

/// <summary>What every AEAD asks of its arguments.</summary>
internal static class AeadArguments
{
    public static void CheckKey(AeadKind aead, ReadOnlySpan<byte> key)
    {
        if (key.Length != aead.KeyLength())
        {
            throw new ArgumentException($"A key of {aead} has {aead.KeyLength()} bytes.", nameof(key));
        }
    }

    public static void CheckSeal(ReadOnlySpan<byte> nonce, int length, Span<byte> destination)
    {
        CheckNonce(nonce);
        if (destination.Length - Aead.TagLength < length)
        {
            throw new ArgumentException("The destination is too short for the ciphertext and its tag.", nameof(destination));
        }
    }

    public static void CheckOpen(ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> sealedData, Span<byte> destination)
    {
        CheckNonce(nonce);
        if (destination.Length < sealedData.Length - Aead.TagLength)
        {
            throw new ArgumentException("The destination is too short for the plaintext.", nameof(destination));
        }
    }

    private static void CheckNonce(ReadOnlySpan<byte> nonce)
    {
        if (nonce.Length != Aead.NonceLength)
        {
            throw new ArgumentException($"A nonce has {Aead.NonceLength} bytes.", nameof(nonce));
        }
    }
}

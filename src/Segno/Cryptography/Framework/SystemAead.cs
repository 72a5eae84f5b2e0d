using System.Security.Cryptography;

namespace Segno.Cryptography;

/// <summary>What AesGcm and ChaCha20Poly1305 share: they are alike, but have no common base.</summary>
internal abstract class SystemAead : Aead
{
    private bool _disposed;

    public sealed override void Seal(ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> plaintext, ReadOnlySpan<byte> associatedData, Span<byte> destination)
    {
        AeadArguments.CheckSeal(nonce, plaintext.Length, destination);
        ObjectDisposedException.ThrowIf(_disposed, this);
        CryptoCounters.Current.Seals++;
        Encrypt(nonce, plaintext, destination[..plaintext.Length], destination.Slice(plaintext.Length, TagLength), associatedData);
    }

    public sealed override void Seal(ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> first, ReadOnlySpan<byte> second, ReadOnlySpan<byte> associatedData, Span<byte> destination)
    {
        int length = first.Length + second.Length;
        AeadArguments.CheckSeal(nonce, length, destination);
        ObjectDisposedException.ThrowIf(_disposed, this);
        CryptoCounters.Current.Seals++;

        // The framework seals one span. The two are joined where the ciphertext will replace them, so nothing is left to wipe.
        Span<byte> joined = destination[..length];
        bool done = false;
        try
        {
            first.CopyTo(joined);
            second.CopyTo(joined[first.Length..]);
            Encrypt(nonce, joined, joined, destination.Slice(length, TagLength), associatedData);
            done = true;
        }
        finally
        {
            if (!done)
            {
                CryptographicOperations.ZeroMemory(joined);
            }
        }
    }

    public sealed override bool TryOpen(ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> sealedData, ReadOnlySpan<byte> associatedData, Span<byte> destination)
    {
        AeadArguments.CheckOpen(nonce, sealedData, destination);
        ObjectDisposedException.ThrowIf(_disposed, this);
        CryptoCounters.Current.Opens++;
        int length = sealedData.Length - TagLength;
        if (length < 0)
        {
            return false;
        }

        Span<byte> plaintext = destination[..length];
        bool opened = false;
        try
        {
            Decrypt(nonce, sealedData[..length], sealedData[length..], plaintext, associatedData);
            opened = true;
        }
        catch (AuthenticationTagMismatchException)
        {
            // False, below.
        }
        finally
        {
            if (!opened)
            {
                CryptographicOperations.ZeroMemory(plaintext);
            }
        }

        return opened;
    }

    public sealed override void Dispose()
    {
        _disposed = true;
        Free();
    }

    protected abstract void Encrypt(ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> plaintext, Span<byte> ciphertext, Span<byte> tag, ReadOnlySpan<byte> associatedData);

    protected abstract void Decrypt(ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> ciphertext, ReadOnlySpan<byte> tag, Span<byte> plaintext, ReadOnlySpan<byte> associatedData);

    protected abstract void Free();
}

internal sealed class SystemAesGcm(ReadOnlySpan<byte> key) : SystemAead
{
    private readonly AesGcm _aead = new(key, TagLength);

    protected override void Encrypt(ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> plaintext, Span<byte> ciphertext, Span<byte> tag, ReadOnlySpan<byte> associatedData) =>
        _aead.Encrypt(nonce, plaintext, ciphertext, tag, associatedData);

    protected override void Decrypt(ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> ciphertext, ReadOnlySpan<byte> tag, Span<byte> plaintext, ReadOnlySpan<byte> associatedData) =>
        _aead.Decrypt(nonce, ciphertext, tag, plaintext, associatedData);

    protected override void Free() => _aead.Dispose();
}

internal sealed class SystemChaCha(ReadOnlySpan<byte> key) : SystemAead
{
    private readonly ChaCha20Poly1305 _aead = new(key);

    protected override void Encrypt(ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> plaintext, Span<byte> ciphertext, Span<byte> tag, ReadOnlySpan<byte> associatedData) =>
        _aead.Encrypt(nonce, plaintext, ciphertext, tag, associatedData);

    protected override void Decrypt(ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> ciphertext, ReadOnlySpan<byte> tag, Span<byte> plaintext, ReadOnlySpan<byte> associatedData) =>
        _aead.Decrypt(nonce, ciphertext, tag, plaintext, associatedData);

    protected override void Free() => _aead.Dispose();
}

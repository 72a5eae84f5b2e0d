using System.Security.Cryptography;

namespace Segno.Cryptography;

/// <summary>An EVP_CIPHER_CTX keyed once; each record only sets its nonce.</summary>
internal sealed unsafe class LibcryptoAead : Aead
{
    private const int GetTag = 0x10; // EVP_CTRL_AEAD_GET_TAG
    private const int SetTag = 0x11; // EVP_CTRL_AEAD_SET_TAG

    private nint _context;

    public LibcryptoAead(nint cipher, ReadOnlySpan<byte> key)
    {
        _context = Native.EVP_CIPHER_CTX_new();
        fixed (byte* k = key)
        {
            if (_context == 0 || Native.EVP_CipherInit_ex2(_context, cipher, k, null, 1, null) != 1)
            {
                throw Native.Failure("Cannot set up a cipher");
            }
        }
    }

    ~LibcryptoAead() => Free();

    private nint Context
    {
        get
        {
            ObjectDisposedException.ThrowIf(_context == 0, this);
            return _context;
        }
    }

    public override void Seal(ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> plaintext, ReadOnlySpan<byte> associatedData, Span<byte> destination) =>
        Seal(nonce, plaintext, default, associatedData, destination);

    public override void Seal(ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> first, ReadOnlySpan<byte> second, ReadOnlySpan<byte> associatedData, Span<byte> destination)
    {
        AeadArguments.CheckSeal(nonce, first.Length + second.Length, destination);
        nint context = Context;
        CryptoCounters.Current.Seals++;
        int length = first.Length + second.Length;
        bool ok;
        int written;
        fixed (byte* n = nonce, f = first, s = second, a = associatedData, d = destination)
        {
            ok = Native.EVP_CipherInit_ex2(context, 0, null, n, 1, null) == 1
                && (associatedData.IsEmpty || Native.EVP_EncryptUpdate(context, null, &written, a, associatedData.Length) == 1)
                && (first.IsEmpty || (Native.EVP_EncryptUpdate(context, d, &written, f, first.Length) == 1 && written == first.Length))
                && (second.IsEmpty || (Native.EVP_EncryptUpdate(context, d + first.Length, &written, s, second.Length) == 1 && written == second.Length))
                && Native.EVP_EncryptFinal_ex(context, d + length, &written) == 1
                && Native.EVP_CIPHER_CTX_ctrl(context, GetTag, TagLength, d + length) == 1;
        }

        GC.KeepAlive(this);
        if (!ok)
        {
            CryptographicOperations.ZeroMemory(destination[..(length + TagLength)]);
            throw Native.Failure("Cannot seal");
        }
    }

    public override bool TryOpen(ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> sealedData, ReadOnlySpan<byte> associatedData, Span<byte> destination)
    {
        AeadArguments.CheckOpen(nonce, sealedData, destination);
        nint context = Context;
        CryptoCounters.Current.Opens++;
        int length = sealedData.Length - TagLength;
        if (length < 0)
        {
            return false;
        }

        bool ok;
        bool authentic;
        int written;
        fixed (byte* n = nonce, s = sealedData, a = associatedData, d = destination)
        {
            ok = Native.EVP_CipherInit_ex2(context, 0, null, n, 0, null) == 1
                && Native.EVP_CIPHER_CTX_ctrl(context, SetTag, TagLength, s + length) == 1
                && (associatedData.IsEmpty || Native.EVP_DecryptUpdate(context, null, &written, a, associatedData.Length) == 1)
                && (length == 0 || (Native.EVP_DecryptUpdate(context, d, &written, s, length) == 1 && written == length));
            byte none;
            authentic = ok && Native.EVP_DecryptFinal_ex(context, &none, &written) == 1;
        }

        GC.KeepAlive(this);
        if (authentic)
        {
            return true;
        }

        CryptographicOperations.ZeroMemory(destination[..length]);
        if (!ok)
        {
            throw Native.Failure("Cannot open");
        }

        Native.ERR_clear_error();
        return false;
    }

    public override void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        nint context = Interlocked.Exchange(ref _context, 0);
        if (context != 0)
        {
            Native.EVP_CIPHER_CTX_free(context);
        }
    }
}

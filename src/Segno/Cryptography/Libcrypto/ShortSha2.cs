using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Segno.Cryptography;

/// <summary>SHA-2 and HMAC (RFC 2104) over little data, as the key schedules have it by the dozen: libcrypto's SHA-2 on a state of the stack, without EVP.</summary>
/// <remarks>
/// The calls do not tell the garbage collector, which has to wait for them: <see cref="MaxLength"/> keeps each below some microseconds.
/// Not where OpenSSL is bound to its FIPS provider, which only EVP reaches.
/// </remarks>
internal static unsafe class ShortSha2
{
    /// <summary>Longer inputs go through EVP.</summary>
    private const int MaxLength = 1024;

    private const byte InnerPad = 0x36;
    private const byte OuterPad = 0x5c;
    private const int MaxBlockLength = 128;

    /// <summary>Whether an input of this length is one for this class.</summary>
    public static bool Takes(int length) => length <= MaxLength && Native.HasPlainSha2;

    public static void Hash(HashKind hash, ReadOnlySpan<byte> data, Span<byte> destination)
    {
        Unsafe.SkipInit(out Sha2State state);
        bool ok = Begin(hash, &state) && Update(hash, &state, data) && Finish(hash, &state, destination);
        Check(ok);
    }

    /// <summary>HMAC over three parts as if they were one.</summary>
    public static void Hmac(HashKind hash, ReadOnlySpan<byte> key, ReadOnlySpan<byte> first, ReadOnlySpan<byte> second, ReadOnlySpan<byte> third, Span<byte> destination)
    {
        Unsafe.SkipInit(out Sha2State state);
        Span<byte> pad = stackalloc byte[MaxBlockLength];
        Span<byte> inner = stackalloc byte[HashKinds.MaxLength];
        pad = pad[..(hash == HashKind.Sha256 ? 64 : MaxBlockLength)];
        inner = inner[..hash.Length()];
        bool ok = true;
        try
        {
            pad.Clear();
            if (key.Length <= pad.Length)
            {
                key.CopyTo(pad);
            }
            else
            {
                ok = Begin(hash, &state) && Update(hash, &state, key) && Finish(hash, &state, pad[..inner.Length]);
            }

            Xor(pad, InnerPad);
            ok = ok && Begin(hash, &state) && Update(hash, &state, pad) && Update(hash, &state, first) && Update(hash, &state, second) && Update(hash, &state, third)
                && Finish(hash, &state, inner);
            Xor(pad, InnerPad ^ OuterPad);
            ok = ok && Begin(hash, &state) && Update(hash, &state, pad) && Update(hash, &state, inner) && Finish(hash, &state, destination);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(pad);
            CryptographicOperations.ZeroMemory(inner);
            CryptographicOperations.ZeroMemory(new Span<byte>(&state, sizeof(Sha2State)));
        }

        Check(ok);
    }

    private static bool Begin(HashKind hash, Sha2State* state) => 1 == hash switch
    {
        HashKind.Sha256 => Native.SHA256_Init(state),
        HashKind.Sha384 => Native.SHA384_Init(state),
        _ => Native.SHA512_Init(state),
    };

    private static bool Update(HashKind hash, Sha2State* state, ReadOnlySpan<byte> data)
    {
        if (data.IsEmpty)
        {
            return true;
        }

        fixed (byte* d = data)
        {
            // SHA-384 is SHA-512 from another start, and shorter at the end.
            return 1 == (hash == HashKind.Sha256 ? Native.SHA256_Update(state, d, (nuint)data.Length) : Native.SHA512_Update(state, d, (nuint)data.Length));
        }
    }

    private static bool Finish(HashKind hash, Sha2State* state, Span<byte> destination)
    {
        fixed (byte* d = destination)
        {
            return 1 == (hash == HashKind.Sha256 ? Native.SHA256_Final(d, state) : Native.SHA512_Final(d, state));
        }
    }

    private static void Xor(Span<byte> block, byte value)
    {
        Span<ulong> words = MemoryMarshal.Cast<byte, ulong>(block);
        ulong mask = value * 0x0101_0101_0101_0101UL;
        for (int i = 0; i < words.Length; i++)
        {
            words[i] ^= mask;
        }
    }

    private static void Check(bool ok)
    {
        if (!ok)
        {
            throw Native.Failure("Cannot hash");
        }
    }
}

/// <summary>SHA256_CTX (112 bytes) or SHA512_CTX (216 bytes).</summary>
[InlineArray(216 / sizeof(ulong))]
internal struct Sha2State
{
    private ulong _word;
}

using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Segno.Cryptography;

/// <summary>SHA-2 over little data, as the key schedules have it by the dozen: libcrypto's SHA-2 on a state of the stack, without EVP.</summary>
/// <remarks>
/// The calls do not tell the garbage collector, which has to wait for them: <see cref="MaxLength"/> keeps each below some microseconds.
/// Not where OpenSSL is bound to its FIPS provider, which only EVP reaches.
/// </remarks>
internal unsafe struct ShortSha2 : IRunningHash
{
    /// <summary>Longer inputs go through EVP.</summary>
    private const int MaxLength = 1024;

    private readonly HashKind _hash;
    private Sha2State _state;

    private ShortSha2(HashKind hash)
    {
        _hash = hash;
        Unsafe.SkipInit(out _state);
    }

    /// <summary>Whether an input of this length is one for this class.</summary>
    public static bool Takes(int length) => length <= MaxLength && Native.HasPlainSha2;

    public static void Hash(HashKind hash, ReadOnlySpan<byte> data, Span<byte> destination)
    {
        var run = new ShortSha2(hash);
        Check(run.Begin() && run.Update(data) && run.Finish(destination));
    }

    public static void Hmac(HashKind hash, ReadOnlySpan<byte> key, ReadOnlySpan<byte> first, ReadOnlySpan<byte> second, ReadOnlySpan<byte> third, Span<byte> destination)
    {
        var run = new ShortSha2(hash);
        // What the key left in the state is gone: a hash that ends begins anew.
        Check(run.Begin() && HmacOf.Compute(ref run, hash, key, first, second, third, destination));
    }

    public bool Update(ReadOnlySpan<byte> data)
    {
        if (data.IsEmpty)
        {
            return true;
        }

        fixed (Sha2State* state = &_state)
        fixed (byte* d = data)
        {
            // SHA-384 is SHA-512 from another start, and shorter at the end.
            return 1 == (_hash == HashKind.Sha256 ? Native.SHA256_Update(state, d, (nuint)data.Length) : Native.SHA512_Update(state, d, (nuint)data.Length));
        }
    }

    public bool Finish(Span<byte> destination)
    {
        bool ok;
        fixed (Sha2State* state = &_state)
        fixed (byte* d = destination)
        {
            ok = 1 == (_hash == HashKind.Sha256 ? Native.SHA256_Final(d, state) : Native.SHA512_Final(d, state));
        }

        CryptographicOperations.ZeroMemory(MemoryMarshal.AsBytes((Span<ulong>)_state));
        return ok && Begin();
    }

    private static void Check(bool ok)
    {
        if (!ok)
        {
            throw Native.Failure("Cannot hash");
        }
    }

    private bool Begin()
    {
        fixed (Sha2State* state = &_state)
        {
            return 1 == _hash switch
            {
                HashKind.Sha256 => Native.SHA256_Init(state),
                HashKind.Sha384 => Native.SHA384_Init(state),
                _ => Native.SHA512_Init(state),
            };
        }
    }
}

/// <summary>SHA256_CTX (112 bytes) or SHA512_CTX (216 bytes).</summary>
[InlineArray(216 / sizeof(ulong))]
internal struct Sha2State
{
    private ulong _word;
}

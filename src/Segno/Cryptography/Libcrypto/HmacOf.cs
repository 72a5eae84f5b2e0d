using System.Security.Cryptography;

namespace Segno.Cryptography;

/// <summary>A hash that has begun, and begins anew at each end.</summary>
internal interface IRunningHash
{
    bool Update(ReadOnlySpan<byte> data);

    bool Finish(Span<byte> destination);
}

/// <summary>HMAC as RFC 2104 writes it, of whichever way there is to a hash.</summary>
internal static class HmacOf
{
    private const int MaxBlockLength = 128;
    private const byte InnerPad = 0x36;
    private const byte OuterPad = 0x5c;

    /// <summary>HMAC over three parts as if they were one.</summary>
    /// <returns>Whether each step of the hash went well.</returns>
    public static bool Compute<THash>(
        ref THash run, HashKind hash, ReadOnlySpan<byte> key, ReadOnlySpan<byte> first, ReadOnlySpan<byte> second, ReadOnlySpan<byte> third, Span<byte> destination)
        where THash : struct, IRunningHash
    {
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
                ok = run.Update(key) && run.Finish(pad[..inner.Length]);
            }

            Xor(pad, InnerPad);
            ok = ok && run.Update(pad) && run.Update(first) && run.Update(second) && run.Update(third) && run.Finish(inner);
            Xor(pad, InnerPad ^ OuterPad);
            return ok && run.Update(pad) && run.Update(inner) && run.Finish(destination);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(pad);
            CryptographicOperations.ZeroMemory(inner);
        }
    }

    private static void Xor(Span<byte> block, byte value)
    {
        for (int i = 0; i < block.Length; i++)
        {
            block[i] ^= value;
        }
    }
}

using System.Security.Cryptography;
using Segno.Buffers;
using Segno.Cryptography;

namespace Segno.Handshake;

/// <summary>The PRF of TLS 1.2 (RFC 5246 §5): P_hash over label ‖ seed, with the hash of the suite.</summary>
internal static class Tls12Prf
{
    private const int ResultLimit = 256;

    /// <param name="crypto">The provider.</param>
    /// <param name="hash">The suite's hash.</param>
    /// <param name="secret">The secret.</param>
    /// <param name="label">The label, ASCII.</param>
    /// <param name="seed">The seed.</param>
    /// <param name="output">Filled; may be the very bytes of the secret.</param>
    public static void Expand(
        CryptoProvider crypto, HashKind hash, ReadOnlySpan<byte> secret, ReadOnlySpan<byte> label, ReadOnlySpan<byte> seed, Span<byte> output)
    {
        // A(i) ‖ label ‖ seed in one piece: the MAC of the whole is output, of the first part A(i + 1).
        int length = hash.Length();
        using var buffer = new FlightBuffer();
        Span<byte> input = buffer.Reserve(length + label.Length + seed.Length);
        label.CopyTo(input[length..]);
        seed.CopyTo(input[(length + label.Length)..]);
        Span<byte> a = input[..length];
        Span<byte> block = stackalloc byte[HashKinds.MaxLength];
        block = block[..length];
        Span<byte> result = output.Length <= ResultLimit ? stackalloc byte[ResultLimit] : new byte[output.Length];
        try
        {
            crypto.Hmac(hash, secret, input[length..], a);
            for (int done = 0; done < output.Length; done += length)
            {
                crypto.Hmac(hash, secret, input, block);
                block[..Math.Min(length, output.Length - done)].CopyTo(result[done..]);
                crypto.Hmac(hash, secret, a, block);
                block.CopyTo(a);
            }
            result[..output.Length].CopyTo(output);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(block);
            CryptographicOperations.ZeroMemory(result);
        }
    }

}

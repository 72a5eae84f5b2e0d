using System.Security.Cryptography;

namespace Segno.Cryptography;

/// <summary>
/// X25519MLKEM768 (RFC 10024): ML-KEM-768 and X25519 side by side, in shares and in the secret the former first. Safe as long
/// as one of the two is.
/// </summary>
internal sealed class HybridKeyExchange : KeyExchange
{
    public const int ClientShareLength = MlKem768.EncapsulationKeyLength + X25519Length;
    public const int ServerShareLength = MlKem768.CiphertextLength + X25519Length;

    private const int X25519Length = 32;

    private readonly MlKem768Key _key;
    private readonly KeyExchange _x25519;

    /// <summary>Takes over the exchange, which is X25519.</summary>
    public HybridKeyExchange(MlKem768 kem, KeyExchange x25519)
    {
        _x25519 = x25519;
        _key = kem.CreateKey();
    }

    public override TlsNamedGroup Group => TlsNamedGroup.X25519MLKem768;

    public override int ShareLength => ClientShareLength;

    /// <summary>The server's half: encapsulates to the client's key instead of making one of its own.</summary>
    /// <param name="kem">ML-KEM.</param>
    /// <param name="x25519">The server's X25519 exchange; the caller disposes of it.</param>
    /// <param name="peerShare">The client's share.</param>
    /// <param name="share">Receives ours.</param>
    /// <param name="secret">Receives the secret; on failure it is wiped.</param>
    public static (int Share, int Secret) Answer(MlKem768 kem, KeyExchange x25519, ReadOnlySpan<byte> peerShare, Span<byte> share, Span<byte> secret)
    {
        share = share[..ServerShareLength];
        secret = secret[..TlsNamedGroup.X25519MLKem768.SecretLength()];
        int split = Math.Min(MlKem768.EncapsulationKeyLength, peerShare.Length);
        try
        {
            // Counts, and refuses a share of a wrong length: only if this part is 32 bytes long, the other has its length, too.
            x25519.Agree(peerShare[split..], secret[MlKem768.SecretLength..]);
            kem.Encapsulate(peerShare[..split], share[..MlKem768.CiphertextLength], secret[..MlKem768.SecretLength]);
            x25519.WriteShare(share[MlKem768.CiphertextLength..]);
            return (share.Length, secret.Length);
        }
        catch
        {
            CryptographicOperations.ZeroMemory(secret);
            throw;
        }
    }

    public override void WriteShare(Span<byte> destination)
    {
        _key.WriteEncapsulationKey(destination[..MlKem768.EncapsulationKeyLength]);
        _x25519.WriteShare(destination[MlKem768.EncapsulationKeyLength..]);
    }

    public override int Agree(ReadOnlySpan<byte> peerShare, Span<byte> secret)
    {
        secret = secret[..Group.SecretLength()];
        int split = Math.Min(MlKem768.CiphertextLength, peerShare.Length);
        try
        {
            // As in Answer; the second use and the use after disposal are refused here as well.
            _x25519.Agree(peerShare[split..], secret[MlKem768.SecretLength..]);
            _key.Decapsulate(peerShare[..split], secret[..MlKem768.SecretLength]);
            return secret.Length;
        }
        catch
        {
            CryptographicOperations.ZeroMemory(secret);
            throw;
        }
    }

    public override void Dispose()
    {
        _key.Dispose();
        _x25519.Dispose();
    }
}

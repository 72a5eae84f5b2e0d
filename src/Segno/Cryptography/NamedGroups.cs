using System.Security.Cryptography;

namespace Segno.Cryptography;

/// <summary>What is fixed about the groups of a key exchange.</summary>
internal static class NamedGroups
{
    public const int MaxShareLength = HybridKeyExchange.ClientShareLength;
    public const int MaxSecretLength = 64;

    private const byte UncompressedPoint = 4;

    /// <summary>Whether TLS 1.2 has the group: the hybrids belong to TLS 1.3.</summary>
    public static bool IsForTls12(this TlsNamedGroup group) => group is TlsNamedGroup.X25519 or TlsNamedGroup.P256 or TlsNamedGroup.P384;

    /// <summary>The curve of an EC key, <see langword="null"/> for other keys.</summary>
    public static TlsNamedGroup? CurveOf(KeyKind kind) => kind switch
    {
        KeyKind.EcP256 => TlsNamedGroup.P256,
        KeyKind.EcP384 => TlsNamedGroup.P384,
        KeyKind.EcP521 => TlsNamedGroup.P521,
        _ => null,
    };

    /// <summary>The length of a share; of X25519MLKEM768, whose two sides differ, of the client's.</summary>
    public static int ShareLength(this TlsNamedGroup group) => group switch
    {
        TlsNamedGroup.X25519 => 32,
        TlsNamedGroup.P256 => 65,
        TlsNamedGroup.P384 => 97,
        TlsNamedGroup.X25519MLKem768 => HybridKeyExchange.ClientShareLength,
        _ => throw Unsupported(group),
    };

    public static int SecretLength(this TlsNamedGroup group) => group switch
    {
        TlsNamedGroup.X25519 => 32,
        TlsNamedGroup.P256 => 32,
        TlsNamedGroup.P384 => 48,
        TlsNamedGroup.X25519MLKem768 => 64,
        _ => throw Unsupported(group),
    };

    /// <summary>Refuses a share of X25519 or an elliptic curve that is not of the group's one encoding. Whether a point is on its curve is left to the provider.</summary>
    public static void CheckShare(TlsNamedGroup group, ReadOnlySpan<byte> share)
    {
        CheckLength(share, group.ShareLength());
        if (group != TlsNamedGroup.X25519 && share[0] != UncompressedPoint)
        {
            throw new CryptographicException($"A key share of {group} must be an uncompressed point.");
        }
    }

    public static void CheckLength(ReadOnlySpan<byte> share, int length)
    {
        if (share.Length != length)
        {
            throw new CryptographicException($"A key share has {length} bytes here, not {share.Length}.");
        }
    }

    /// <summary>Refuses the all-zero result of X25519 (RFC 7748 §6.1, RFC 9846 §7.4.2), which a share of small order brings about.</summary>
    public static void CheckX25519Secret(ReadOnlySpan<byte> secret)
    {
        ReadOnlySpan<byte> zero = stackalloc byte[32];
        if (CryptographicOperations.FixedTimeEquals(secret, zero))
        {
            throw new CryptographicException("The X25519 key share is of small order.");
        }
    }

    public static NotSupportedException Unsupported(TlsNamedGroup group) => new($"The group {group} is not supported.");
}

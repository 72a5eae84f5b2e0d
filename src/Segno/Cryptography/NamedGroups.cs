using System.Security.Cryptography;

namespace Segno.Cryptography;

/// <summary>What is fixed about the groups of a key exchange.</summary>
internal static class NamedGroups
{
    public const int MaxShareLength = 97;
    public const int MaxSecretLength = 48;

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

    public static int ShareLength(this TlsNamedGroup group) => group switch
    {
        TlsNamedGroup.X25519 => 32,
        TlsNamedGroup.P256 => 65,
        TlsNamedGroup.P384 => 97,
        _ => throw Unsupported(group),
    };

    public static int SecretLength(this TlsNamedGroup group) => group switch
    {
        TlsNamedGroup.X25519 => 32,
        TlsNamedGroup.P256 => 32,
        TlsNamedGroup.P384 => 48,
        _ => throw Unsupported(group),
    };

    /// <summary>Refuses a share that is not of the group's one encoding. Whether a point is on its curve is left to the provider.</summary>
    public static void CheckShare(TlsNamedGroup group, ReadOnlySpan<byte> share)
    {
        if (share.Length != group.ShareLength())
        {
            throw new CryptographicException($"A key share of {group} has {group.ShareLength()} bytes, not {share.Length}.");
        }

        if (group != TlsNamedGroup.X25519 && share[0] != UncompressedPoint)
        {
            throw new CryptographicException($"A key share of {group} must be an uncompressed point.");
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

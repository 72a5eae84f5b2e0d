using System.Formats.Asn1;
using System.Numerics;
using System.Security.Cryptography;

namespace Segno.Cryptography;

/// <summary>The sizes of RSA keys that are accepted, in bits.</summary>
internal static class RsaLimits
{
    public const int MaxBits = 8192;
    public const int MinSigningBits = 2048;
    public const int MinVerifyingBits = 1024;
    public const int MaxExponentBits = 64;
}

/// <summary>A SubjectPublicKeyInfo (RFC 5280 §4.1.2.7) taken apart, without copying it.</summary>
internal readonly ref struct PublicKeyInfo
{
    public KeyKind Kind { get; private init; }

    /// <summary>Key size in bits.</summary>
    public int KeySize { get; private init; }

    /// <summary>RSA: the modulus, big-endian, without leading zeros.</summary>
    public ReadOnlySpan<byte> Modulus { get; private init; }

    /// <summary>RSA: the public exponent, big-endian, without leading zeros.</summary>
    public ReadOnlySpan<byte> Exponent { get; private init; }

    /// <summary>EC: the uncompressed point. Ed25519: the 32 bytes of the key.</summary>
    public ReadOnlySpan<byte> Point { get; private init; }

    /// <summary>id-RSASSA-PSS: the only hash that the key allows, or <see langword="null"/> where it allows any.</summary>
    public HashKind? PssHash { get; private init; }

    /// <exception cref="PublicKeyException">The encoding is malformed, or the key of a kind or size that is not supported.</exception>
    public static PublicKeyInfo Read(ReadOnlySpan<byte> spki)
    {
        try
        {
            ReadOnlySpan<byte> body = Der.Sequence(ref spki);
            Der.End(spki);
            AlgorithmInfo algorithm = AlgorithmInfo.Read(Der.Sequence(ref body));
            ReadOnlySpan<byte> key = Der.BitString(ref body);
            Der.End(body);
            return algorithm.Kind switch
            {
                KeyKind.Rsa or KeyKind.RsaPss => ReadRsa(algorithm, key),
                KeyKind.Ed25519 => ReadRaw(algorithm, key, 32),
                _ => ReadPoint(algorithm, key),
            };
        }
        catch (AsnContentException e)
        {
            throw new PublicKeyException("The public key is malformed.", e);
        }
        catch (CryptographicException e)
        {
            throw new PublicKeyException(e.Message, e);
        }
    }

    private static PublicKeyInfo ReadRsa(AlgorithmInfo algorithm, ReadOnlySpan<byte> key)
    {
        ReadOnlySpan<byte> body = Der.Sequence(ref key);
        Der.End(key);
        ReadOnlySpan<byte> modulus = Der.Unsigned(ref body);
        ReadOnlySpan<byte> exponent = Der.Unsigned(ref body);
        Der.End(body);
        int bits = Der.BitLength(modulus);
        Der.CheckRsa(bits, RsaLimits.MinVerifyingBits);
        if ((modulus[^1] & 1) == 0 || exponent.IsEmpty || (exponent[^1] & 1) == 0 || Der.BitLength(exponent) is < 2 or > RsaLimits.MaxExponentBits)
        {
            throw new CryptographicException("The RSA public key has an invalid modulus or exponent.");
        }

        return new() { Kind = algorithm.Kind, KeySize = bits, PssHash = algorithm.PssHash, Modulus = modulus, Exponent = exponent };
    }

    private static PublicKeyInfo ReadPoint(AlgorithmInfo algorithm, ReadOnlySpan<byte> key)
    {
        int size = AlgorithmInfo.CurveBits(algorithm.Kind);
        int coordinate = (size + 7) / 8;
        if (key.Length != 1 + (2 * coordinate) || key[0] != 4)
        {
            throw new CryptographicException("The EC public key is not an uncompressed point of its curve.");
        }

        return new() { Kind = algorithm.Kind, KeySize = size, Point = key };
    }

    private static PublicKeyInfo ReadRaw(AlgorithmInfo algorithm, ReadOnlySpan<byte> key, int length)
    {
        if (key.Length != length)
        {
            throw new CryptographicException($"The public key has {key.Length} bytes instead of {length}.");
        }

        return new() { Kind = algorithm.Kind, KeySize = length * 8, Point = key };
    }
}

/// <summary>A public key cannot be used, which is the fault of whoever has it: not of the cryptography that was to use it.</summary>
internal sealed class PublicKeyException(string message, Exception inner) : CryptographicException(message, inner);

/// <summary>A PKCS#8 PrivateKeyInfo (RFC 5958) taken apart as far as the providers need, without copying it.</summary>
internal readonly ref struct PrivateKeyInfo
{
    public KeyKind Kind { get; private init; }

    /// <summary>Key size in bits.</summary>
    public int KeySize { get; private init; }

    /// <summary>RSA: the RSAPrivateKey structure. EC: the ECPrivateKey structure. Ed25519: the 32 bytes of the key.</summary>
    public ReadOnlySpan<byte> Key { get; private init; }

    /// <summary>id-RSASSA-PSS: the only hash that the key allows, or <see langword="null"/> where it allows any.</summary>
    public HashKind? PssHash { get; private init; }

    /// <summary><see cref="CryptographicException"/> where the encoding is malformed, or the key of a kind or size that is not supported.</summary>
    public static PrivateKeyInfo Read(ReadOnlySpan<byte> pkcs8)
    {
        try
        {
            ReadOnlySpan<byte> body = Der.Sequence(ref pkcs8);
            Der.End(pkcs8);
            if (Der.SmallInteger(ref body) is not (0 or 1))
            {
                throw new CryptographicException("The private key is of an unknown PKCS#8 version.");
            }

            // Attributes and a public key may follow; neither is used.
            AlgorithmInfo algorithm = AlgorithmInfo.Read(Der.Sequence(ref body));
            ReadOnlySpan<byte> key = Der.OctetString(ref body);
            return algorithm.Kind switch
            {
                KeyKind.Rsa or KeyKind.RsaPss => ReadRsa(algorithm, key),
                KeyKind.Ed25519 => ReadEd25519(key),
                _ => new() { Kind = algorithm.Kind, KeySize = AlgorithmInfo.CurveBits(algorithm.Kind), Key = key },
            };
        }
        catch (AsnContentException e)
        {
            throw new CryptographicException("The private key is malformed.", e);
        }
    }

    private static PrivateKeyInfo ReadRsa(AlgorithmInfo algorithm, ReadOnlySpan<byte> key)
    {
        ReadOnlySpan<byte> rest = key;
        ReadOnlySpan<byte> body = Der.Sequence(ref rest);
        Der.End(rest);
        if (Der.SmallInteger(ref body) != 0)
        {
            throw new CryptographicException("RSA private keys of more than two primes are not supported.");
        }

        int bits = Der.BitLength(Der.Unsigned(ref body));
        Der.CheckRsa(bits, RsaLimits.MinSigningBits);
        return new() { Kind = algorithm.Kind, KeySize = bits, PssHash = algorithm.PssHash, Key = key };
    }

    private static PrivateKeyInfo ReadEd25519(ReadOnlySpan<byte> key)
    {
        ReadOnlySpan<byte> seed = Der.OctetString(ref key);
        Der.End(key);
        if (seed.Length != 32)
        {
            throw new CryptographicException($"The Ed25519 private key has {seed.Length} bytes instead of 32.");
        }

        return new() { Kind = KeyKind.Ed25519, KeySize = 256, Key = seed };
    }
}

/// <summary>An AlgorithmIdentifier of a key.</summary>
internal readonly struct AlgorithmInfo
{
    private const string RsaEncryption = "1.2.840.113549.1.1.1";
    private const string RsaPss = "1.2.840.113549.1.1.10";
    private const string Mgf1 = "1.2.840.113549.1.1.8";
    private const string EcPublicKey = "1.2.840.10045.2.1";
    private const string Ed25519 = "1.3.101.112";

    public KeyKind Kind { get; private init; }

    public HashKind? PssHash { get; private init; }

    public static AlgorithmInfo Read(ReadOnlySpan<byte> body)
    {
        string algorithm = Der.ObjectIdentifier(ref body);
        switch (algorithm)
        {
            case RsaEncryption:
                Der.NullOrEnd(body);
                return new() { Kind = KeyKind.Rsa };
            case RsaPss:
                return new() { Kind = KeyKind.RsaPss, PssHash = body.IsEmpty ? null : ReadPssHash(body) };
            case EcPublicKey:
                string curve = Der.ObjectIdentifier(ref body);
                Der.End(body);
                return new() { Kind = Curve(curve) };
            case Ed25519:
                Der.End(body);
                return new() { Kind = KeyKind.Ed25519 };
            default:
                throw new CryptographicException($"Keys of the algorithm {algorithm} are not supported.");
        }
    }

    public static int CurveBits(KeyKind kind) => kind switch
    {
        KeyKind.EcP256 => 256,
        KeyKind.EcP384 => 384,
        _ => 521,
    };

    private static KeyKind Curve(string curve) => curve switch
    {
        "1.2.840.10045.3.1.7" => KeyKind.EcP256,
        "1.3.132.0.34" => KeyKind.EcP384,
        "1.3.132.0.35" => KeyKind.EcP521,
        _ => throw new CryptographicException($"The elliptic curve {curve} is not supported."),
    };

    private static HashKind Hash(ReadOnlySpan<byte> body)
    {
        string hash = Der.ObjectIdentifier(ref body);
        Der.NullOrEnd(body);
        return hash switch
        {
            "2.16.840.1.101.3.4.2.1" => HashKind.Sha256,
            "2.16.840.1.101.3.4.2.2" => HashKind.Sha384,
            "2.16.840.1.101.3.4.2.3" => HashKind.Sha512,
            _ => throw UnsupportedPss(),
        };
    }

    /// <summary>
    /// RSASSA-PSS-params (RFC 4055 §3.1) of a key: hash and MGF1 hash must be the same, and the salt, whose least length
    /// this is, no longer than the hash, for TLS knows nothing else. The defaults are SHA-1 and so not supported.
    /// </summary>
    private static HashKind ReadPssHash(ReadOnlySpan<byte> parameters)
    {
        ReadOnlySpan<byte> body = Der.Sequence(ref parameters);
        Der.End(parameters);
        ReadOnlySpan<byte> field = Der.Explicit(ref body, 0);
        HashKind hash = Hash(Der.Sequence(ref field));
        Der.End(field);

        field = Der.Explicit(ref body, 1);
        ReadOnlySpan<byte> mask = Der.Sequence(ref field);
        Der.End(field);
        if (Der.ObjectIdentifier(ref mask) != Mgf1 || Hash(Der.Sequence(ref mask)) != hash || !mask.IsEmpty)
        {
            throw UnsupportedPss();
        }

        int saltLength = 20;
        if (Der.HasExplicit(body, 2))
        {
            field = Der.Explicit(ref body, 2);
            saltLength = Der.SmallInteger(ref field);
            Der.End(field);
        }

        if (Der.HasExplicit(body, 3))
        {
            field = Der.Explicit(ref body, 3);
            if (Der.SmallInteger(ref field) != 1)
            {
                throw UnsupportedPss();
            }

            Der.End(field);
        }

        Der.End(body);
        return saltLength >= 0 && saltLength <= hash.Length() ? hash : throw UnsupportedPss();
    }

    private static CryptographicException UnsupportedPss() => new("The RSASSA-PSS key is restricted to parameters that TLS does not use.");
}

/// <summary>DER, read off the front of a span.</summary>
internal static class Der
{
    public static ReadOnlySpan<byte> Sequence(scoped ref ReadOnlySpan<byte> source) => Content(ref source, Asn1Tag.Sequence);

    public static bool HasExplicit(ReadOnlySpan<byte> source, int number) =>
        !source.IsEmpty && Asn1Tag.Decode(source, out _) == new Asn1Tag(TagClass.ContextSpecific, number, isConstructed: true);

    public static ReadOnlySpan<byte> Explicit(scoped ref ReadOnlySpan<byte> source, int number) =>
        Content(ref source, new Asn1Tag(TagClass.ContextSpecific, number, isConstructed: true));

    public static ReadOnlySpan<byte> BitString(scoped ref ReadOnlySpan<byte> source)
    {
        if (!AsnDecoder.TryReadPrimitiveBitString(source, AsnEncodingRules.DER, out int unused, out ReadOnlySpan<byte> value, out int consumed) || unused != 0)
        {
            throw new AsnContentException();
        }

        source = source[consumed..];
        return value;
    }

    public static ReadOnlySpan<byte> OctetString(scoped ref ReadOnlySpan<byte> source)
    {
        if (!AsnDecoder.TryReadPrimitiveOctetString(source, AsnEncodingRules.DER, out ReadOnlySpan<byte> value, out int consumed))
        {
            throw new AsnContentException();
        }

        source = source[consumed..];
        return value;
    }

    public static string ObjectIdentifier(scoped ref ReadOnlySpan<byte> source)
    {
        string value = AsnDecoder.ReadObjectIdentifier(source, AsnEncodingRules.DER, out int consumed);
        source = source[consumed..];
        return value;
    }

    /// <summary>A non-negative integer, big-endian, without leading zeros.</summary>
    public static ReadOnlySpan<byte> Unsigned(scoped ref ReadOnlySpan<byte> source)
    {
        ReadOnlySpan<byte> value = AsnDecoder.ReadIntegerBytes(source, AsnEncodingRules.DER, out int consumed);
        source = source[consumed..];
        return (value[0] & 0x80) == 0 ? value.TrimStart((byte)0) : throw new AsnContentException();
    }

    public static int SmallInteger(scoped ref ReadOnlySpan<byte> source)
    {
        if (!AsnDecoder.TryReadInt32(source, AsnEncodingRules.DER, out int value, out int consumed))
        {
            throw new AsnContentException();
        }

        source = source[consumed..];
        return value;
    }

    public static void NullOrEnd(ReadOnlySpan<byte> source)
    {
        if (!source.IsEmpty)
        {
            AsnDecoder.ReadNull(source, AsnEncodingRules.DER, out int consumed);
            End(source[consumed..]);
        }
    }

    public static void End(ReadOnlySpan<byte> source)
    {
        if (!source.IsEmpty)
        {
            throw new AsnContentException();
        }
    }

    /// <summary>The bits of an integer without leading zero bytes.</summary>
    public static int BitLength(ReadOnlySpan<byte> unsigned) =>
        unsigned.IsEmpty ? 0 : (unsigned.Length * 8) - (BitOperations.LeadingZeroCount(unsigned[0]) - 24);

    public static void CheckRsa(int bits, int minimum)
    {
        if (bits < minimum || bits > RsaLimits.MaxBits)
        {
            throw new CryptographicException($"RSA keys here have {minimum} to {RsaLimits.MaxBits} bits; this one has {bits}.");
        }
    }

    private static ReadOnlySpan<byte> Content(scoped ref ReadOnlySpan<byte> source, Asn1Tag tag)
    {
        if (source.IsEmpty || Asn1Tag.Decode(source, out _) != tag)
        {
            throw new AsnContentException();
        }

        AsnDecoder.ReadEncodedValue(source, AsnEncodingRules.DER, out int offset, out int length, out int consumed);
        ReadOnlySpan<byte> content = source.Slice(offset, length);
        source = source[consumed..];
        return content;
    }
}

using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Segno.Cryptography;

/// <summary>Making, reading and agreeing with EVP_PKEYs. What is returned is the caller's to free.</summary>
internal static unsafe class EvpKeys
{
    private const int KeyParameters = 0x84; // EVP_PKEY_KEY_PARAMETERS
    private const int PublicKey = 0x86; // EVP_PKEY_PUBLIC_KEY

    // A key of parameters only, from which others of its curve are made: building the group by name costs more than a key pair.
    private static readonly Lazy<nint> P256 = new(() => Curve(KeyKind.EcP256));
    private static readonly Lazy<nint> P384 = new(() => Curve(KeyKind.EcP384));
    private static readonly Lazy<nint> P521 = new(() => Curve(KeyKind.EcP521));

    public static nint Generate(TlsNamedGroup group)
    {
        if (group == TlsNamedGroup.X25519)
        {
            // RFC 7748 §6.1: any 32 random bytes are a private key. From the operating system, not from OpenSSL's generator.
            Span<byte> seed = stackalloc byte[32];
            try
            {
                SystemRandom.Fill(seed);
                return ReadX25519Private(seed);
            }
            finally
            {
                CryptographicOperations.ZeroMemory(seed);
            }
        }

        nint context = Native.EVP_PKEY_CTX_new_from_pkey(0, Template(Kind(group)), null);
        nint key = 0;
        bool ok = context != 0 && Native.EVP_PKEY_keygen_init(context) == 1 && Native.EVP_PKEY_generate(context, &key) == 1;
        Native.EVP_PKEY_CTX_free(context);
        return Owned(ok ? key : 0, "Cannot make a key pair");
    }

    public static nint ReadX25519Private(ReadOnlySpan<byte> privateKey)
    {
        fixed (byte* k = privateKey)
        {
            return Owned(Native.EVP_PKEY_new_raw_private_key_ex(0, Native.Utf8(Native.Names.X25519), null, k, (nuint)privateKey.Length), "Cannot make a key pair");
        }
    }

    /// <summary>Generates from the seed; importing a key with that seed would cost three times as much for a check of its own making.</summary>
    public static nint GenerateMlKem768(ReadOnlySpan<byte> seed)
    {
        nint context = Native.EVP_PKEY_CTX_new_from_name(0, Native.Utf8(Native.Names.MlKem768), null);
        nint key = 0;
        bool ok;
        fixed (byte* s = seed)
        {
            OsslParam* parameters = stackalloc OsslParam[2];
            parameters[0] = new OsslParam("seed\0"u8, OsslParam.OctetString, s, seed.Length);
            parameters[1] = default;
            ok = context != 0
                && Native.EVP_PKEY_keygen_init(context) == 1
                && Native.EVP_PKEY_CTX_set_params(context, parameters) == 1
                && Native.EVP_PKEY_generate(context, &key) == 1;
        }

        Native.EVP_PKEY_CTX_free(context);
        return Owned(ok ? key : 0, "Cannot make a key pair");
    }

    public static nint ReadMlKem768(ReadOnlySpan<byte> encapsulationKey) => ReadRaw(Native.Utf8(Native.Names.MlKem768), encapsulationKey);

    /// <summary>Writes a public key of an algorithm whose keys have one raw form, of exactly the destination's length.</summary>
    public static void WriteRaw(nint key, Span<byte> destination)
    {
        nuint length = (nuint)destination.Length;
        fixed (byte* d = destination)
        {
            if (Native.EVP_PKEY_get_raw_public_key(key, d, &length) != 1 || (int)length != destination.Length)
            {
                throw Native.Failure("Cannot write a public key");
            }
        }
    }

    /// <summary>The peer's key of a share that <see cref="NamedGroups.CheckShare"/> has passed.</summary>
    private static nint ReadShare(TlsNamedGroup group, ReadOnlySpan<byte> share)
    {
        return group == TlsNamedGroup.X25519 ? ReadRaw(Native.Utf8(Native.Names.X25519), share) : ReadPoint(Kind(group), share);
    }

    public static void WriteShare(TlsNamedGroup group, nint key, Span<byte> destination)
    {
        destination = destination[..group.ShareLength()];
        if (group == TlsNamedGroup.X25519)
        {
            WriteRaw(key, destination);
            return;
        }

        nuint length = (nuint)destination.Length;
        fixed (byte* d = destination)
        {
            if (Native.EVP_PKEY_get_octet_string_param(key, Native.Utf8("encoded-pub-key\0"u8), d, length, &length) != 1 || (int)length != destination.Length)
            {
                throw Native.Failure("Cannot write a key share");
            }
        }
    }

    /// <summary>The shared secret of our key and the peer's share; on failure the destination is wiped.</summary>
    public static int Agree(TlsNamedGroup group, nint key, ReadOnlySpan<byte> peerShare, Span<byte> secret)
    {
        NamedGroups.CheckShare(group, peerShare);
        secret = secret[..group.SecretLength()];
        nint peer = ReadShare(group, peerShare);
        nint context = Native.EVP_PKEY_CTX_new_from_pkey(0, key, null);
        nuint length = (nuint)secret.Length;
        bool ok;
        fixed (byte* s = secret)
        {
            // No further validation of the peer's key: it was checked to be on its curve, and these curves have cofactor 1.
            ok = context != 0
                && Native.EVP_PKEY_derive_init(context) == 1
                && Native.EVP_PKEY_derive_set_peer_ex(context, peer, 0) == 1
                && Native.EVP_PKEY_derive(context, s, &length) == 1
                && (int)length == secret.Length;
        }

        Native.EVP_PKEY_CTX_free(context);
        Native.EVP_PKEY_free(peer);
        if (!ok)
        {
            CryptographicOperations.ZeroMemory(secret);
            throw Native.Failure("The key share is invalid");
        }

        if (group == TlsNamedGroup.X25519)
        {
            NamedGroups.CheckX25519Secret(secret);
        }

        return secret.Length;
    }

    public static nint ReadPublic(in PublicKeyInfo info) => info.Kind switch
    {
        KeyKind.Rsa or KeyKind.RsaPss => ReadRsa(info.Modulus, info.Exponent),
        KeyKind.Ed25519 => ReadRaw(Native.Utf8(Native.Names.Ed25519), info.Point),
        _ => ReadPoint(info.Kind, info.Point),
    };

    public static nint ReadPrivate(ReadOnlySpan<byte> pkcs8)
    {
        fixed (byte* p = pkcs8)
        {
            byte* position = p;
            nint encoding = Native.d2i_PKCS8_PRIV_KEY_INFO(0, &position, new CLong(pkcs8.Length));
            if (encoding == 0)
            {
                throw Native.Failure("The private key is malformed");
            }

            nint key = Native.EVP_PKCS82PKEY(encoding);
            Native.PKCS8_PRIV_KEY_INFO_free(encoding); // wipes its copy
            return Owned(key, "The private key is malformed");
        }
    }

    private static nint ReadRaw(byte* algorithm, ReadOnlySpan<byte> bytes)
    {
        fixed (byte* b = bytes)
        {
            return Owned(Native.EVP_PKEY_new_raw_public_key_ex(0, algorithm, null, b, (nuint)bytes.Length), "The public key is invalid");
        }
    }

    // Decoding the point checks that its coordinates are in range and that it is on the curve.
    private static nint ReadPoint(KeyKind kind, ReadOnlySpan<byte> point)
    {
        nint key = Native.EVP_PKEY_new();
        fixed (byte* p = point)
        {
            if (key != 0
                && Native.EVP_PKEY_copy_parameters(key, Template(kind)) == 1
                && Native.EVP_PKEY_set1_encoded_public_key(key, p, (nuint)point.Length) == 1)
            {
                return key;
            }
        }

        Native.EVP_PKEY_free(key);
        throw Native.Failure("The point is not on its curve");
    }

    private static nint ReadRsa(ReadOnlySpan<byte> modulus, ReadOnlySpan<byte> exponent)
    {
        // OSSL_PARAM integers are in the machine's byte order.
        Span<byte> n = stackalloc byte[RsaLimits.MaxBits / 8];
        Span<byte> e = stackalloc byte[RsaLimits.MaxExponentBits / 8];
        n = n[..modulus.Length];
        e = e[..exponent.Length];
        modulus.CopyTo(n);
        exponent.CopyTo(e);
        if (BitConverter.IsLittleEndian)
        {
            n.Reverse();
            e.Reverse();
        }

        fixed (byte* np = n, ep = e)
        {
            OsslParam* parameters = stackalloc OsslParam[3];
            parameters[0] = new OsslParam("n\0"u8, OsslParam.UnsignedInteger, np, n.Length);
            parameters[1] = new OsslParam("e\0"u8, OsslParam.UnsignedInteger, ep, e.Length);
            parameters[2] = default;
            return FromData(Native.Utf8(Native.Names.Rsa), PublicKey, parameters);
        }
    }

    private static nint Curve(KeyKind kind)
    {
        ReadOnlySpan<byte> name = kind switch
        {
            KeyKind.EcP256 => Native.Names.P256,
            KeyKind.EcP384 => Native.Names.P384,
            _ => Native.Names.P521,
        };
        OsslParam* parameters = stackalloc OsslParam[2];
        parameters[0] = new OsslParam("group\0"u8, OsslParam.Utf8String, Native.Utf8(name), name.Length - 1);
        parameters[1] = default;
        return FromData(Native.Utf8(Native.Names.Ec), KeyParameters, parameters);
    }

    private static nint FromData(byte* algorithm, int selection, OsslParam* parameters)
    {
        nint context = Native.EVP_PKEY_CTX_new_from_name(0, algorithm, null);
        nint key = 0;
        bool ok = context != 0
            && Native.EVP_PKEY_fromdata_init(context) == 1
            && Native.EVP_PKEY_fromdata(context, &key, selection, parameters) == 1;
        Native.EVP_PKEY_CTX_free(context);
        return Owned(ok ? key : 0, "The key is invalid");
    }

    private static nint Template(KeyKind kind) => kind switch
    {
        KeyKind.EcP256 => P256.Value,
        KeyKind.EcP384 => P384.Value,
        _ => P521.Value,
    };

    private static KeyKind Kind(TlsNamedGroup group) => group switch
    {
        TlsNamedGroup.P256 => KeyKind.EcP256,
        TlsNamedGroup.P384 => KeyKind.EcP384,
        _ => throw NamedGroups.Unsupported(group),
    };

    private static nint Owned(nint key, string failure) => key != 0 ? key : throw Native.Failure(failure);
}

/// <summary>An EVP_PKEY that several threads use: freed when the last of them is done.</summary>
internal sealed unsafe class EvpKeyHandle : SafeHandle
{
    public EvpKeyHandle(nint key)
        : base(0, ownsHandle: true) => SetHandle(key);

    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle()
    {
        Native.EVP_PKEY_free(handle);
        return true;
    }
}

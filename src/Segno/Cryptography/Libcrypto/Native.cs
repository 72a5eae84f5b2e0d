using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Segno.Cryptography;

/// <summary>
/// The functions of the libcrypto that the runtime itself loaded: found once, called through pointers. Names are OpenSSL's own.
/// </summary>
/// <remarks>
/// OpenSSL 3.x only, by its soname: a development symlink or an unversioned macOS dylib may be anything. On Linux the version
/// must be the one the runtime reports, for two libcryptos in one process must not be.
/// </remarks>
internal static unsafe class Native
{
    public static readonly delegate* unmanaged<CULong> OpenSSL_version_num;
    public static readonly delegate* unmanaged<CULong> ERR_peek_last_error;
    public static readonly delegate* unmanaged<void> ERR_clear_error;
    public static readonly delegate* unmanaged<CULong, byte*> ERR_reason_error_string;

    public static readonly delegate* unmanaged<nint, byte*, byte*, nint> EVP_MD_fetch;
    public static readonly delegate* unmanaged<nint> EVP_MD_CTX_new;
    public static readonly delegate* unmanaged<nint, void> EVP_MD_CTX_free;
    public static readonly delegate* unmanaged<nint, nint, int> EVP_MD_CTX_copy_ex;
    public static readonly delegate* unmanaged<nint, nint, OsslParam*, int> EVP_DigestInit_ex2;
    public static readonly delegate* unmanaged<nint, byte*, nuint, int> EVP_DigestUpdate;
    public static readonly delegate* unmanaged<nint, byte*, uint*, int> EVP_DigestFinal_ex;

    public static readonly delegate* unmanaged<nint, nint> EVP_MD_get0_provider;
    public static readonly delegate* unmanaged<nint, byte*> OSSL_PROVIDER_get0_name;

    // Without EVP; only where HasPlainSha2 says so, and only for short inputs.
    public static readonly delegate* unmanaged[SuppressGCTransition]<Sha2State*, int> SHA256_Init;
    public static readonly delegate* unmanaged[SuppressGCTransition]<Sha2State*, byte*, nuint, int> SHA256_Update;
    public static readonly delegate* unmanaged[SuppressGCTransition]<byte*, Sha2State*, int> SHA256_Final;
    public static readonly delegate* unmanaged[SuppressGCTransition]<Sha2State*, int> SHA384_Init;
    public static readonly delegate* unmanaged[SuppressGCTransition]<Sha2State*, int> SHA512_Init;
    public static readonly delegate* unmanaged[SuppressGCTransition]<Sha2State*, byte*, nuint, int> SHA512_Update;
    public static readonly delegate* unmanaged[SuppressGCTransition]<byte*, Sha2State*, int> SHA512_Final;

    public static readonly delegate* unmanaged<nint, byte*, byte*, nint> EVP_CIPHER_fetch;
    public static readonly delegate* unmanaged<nint> EVP_CIPHER_CTX_new;
    public static readonly delegate* unmanaged<nint, void> EVP_CIPHER_CTX_free;
    public static readonly delegate* unmanaged<nint, int, int, void*, int> EVP_CIPHER_CTX_ctrl;
    public static readonly delegate* unmanaged<nint, nint, byte*, byte*, int, OsslParam*, int> EVP_CipherInit_ex2;
    public static readonly delegate* unmanaged<nint, byte*, int*, byte*, int, int> EVP_EncryptUpdate;
    public static readonly delegate* unmanaged<nint, byte*, int*, int> EVP_EncryptFinal_ex;
    public static readonly delegate* unmanaged<nint, byte*, int*, byte*, int, int> EVP_DecryptUpdate;
    public static readonly delegate* unmanaged<nint, byte*, int*, int> EVP_DecryptFinal_ex;

    public static readonly delegate* unmanaged<nint, byte*, byte*, nint> EVP_PKEY_CTX_new_from_name;
    public static readonly delegate* unmanaged<nint, nint, byte*, nint> EVP_PKEY_CTX_new_from_pkey;
    public static readonly delegate* unmanaged<nint, void> EVP_PKEY_CTX_free;
    public static readonly delegate* unmanaged<nint, int> EVP_PKEY_keygen_init;
    public static readonly delegate* unmanaged<nint, nint*, int> EVP_PKEY_generate;
    public static readonly delegate* unmanaged<nint, OsslParam*, int> EVP_PKEY_CTX_set_params;
    public static readonly delegate* unmanaged<nint, int> EVP_PKEY_fromdata_init;
    public static readonly delegate* unmanaged<nint, nint*, int, OsslParam*, int> EVP_PKEY_fromdata;
    public static readonly delegate* unmanaged<nint> EVP_PKEY_new;
    public static readonly delegate* unmanaged<nint, void> EVP_PKEY_free;
    public static readonly delegate* unmanaged<nint, nint, int> EVP_PKEY_copy_parameters;
    public static readonly delegate* unmanaged<nint, byte*, nuint, int> EVP_PKEY_set1_encoded_public_key;
    public static readonly delegate* unmanaged<nint, byte*, byte*, nuint, nuint*, int> EVP_PKEY_get_octet_string_param;
    public static readonly delegate* unmanaged<nint, byte*, byte*, byte*, nuint, nint> EVP_PKEY_new_raw_private_key_ex;
    public static readonly delegate* unmanaged<nint, byte*, byte*, byte*, nuint, nint> EVP_PKEY_new_raw_public_key_ex;
    public static readonly delegate* unmanaged<nint, byte*, nuint*, int> EVP_PKEY_get_raw_public_key;
    public static readonly delegate* unmanaged<nint, int> EVP_PKEY_derive_init;
    public static readonly delegate* unmanaged<nint, nint, int, int> EVP_PKEY_derive_set_peer_ex;
    public static readonly delegate* unmanaged<nint, byte*, nuint*, int> EVP_PKEY_derive;

    public static readonly delegate* unmanaged<nint, OsslParam*, int> EVP_PKEY_encapsulate_init;
    public static readonly delegate* unmanaged<nint, byte*, nuint*, byte*, nuint*, int> EVP_PKEY_encapsulate;
    public static readonly delegate* unmanaged<nint, OsslParam*, int> EVP_PKEY_decapsulate_init;
    public static readonly delegate* unmanaged<nint, byte*, nuint*, byte*, nuint, int> EVP_PKEY_decapsulate;

    public static readonly delegate* unmanaged<nint, byte**, CLong, nint> d2i_PKCS8_PRIV_KEY_INFO;
    public static readonly delegate* unmanaged<nint, void> PKCS8_PRIV_KEY_INFO_free;
    public static readonly delegate* unmanaged<nint, nint> EVP_PKCS82PKEY;
    public static readonly delegate* unmanaged<nint, nint*, byte*, nint, byte*, nint, OsslParam*, int> EVP_DigestSignInit_ex;
    public static readonly delegate* unmanaged<nint, byte*, nuint*, byte*, nuint, int> EVP_DigestSign;
    public static readonly delegate* unmanaged<nint, nint*, byte*, nint, byte*, nint, OsslParam*, int> EVP_DigestVerifyInit_ex;
    public static readonly delegate* unmanaged<nint, byte*, nuint, byte*, nuint, int> EVP_DigestVerify;
    public static readonly delegate* unmanaged<nint, int, int> EVP_PKEY_CTX_set_rsa_padding;
    public static readonly delegate* unmanaged<nint, int, int> EVP_PKEY_CTX_set_rsa_pss_saltlen;

    // Fetched once: a fetch by name costs more than hashing a record.
    public static readonly nint Sha256;
    public static readonly nint Sha384;
    public static readonly nint Sha512;
    public static readonly nint Aes128Gcm;
    public static readonly nint Aes256Gcm;
    public static readonly nint ChaCha20Poly1305;

    /// <summary>
    /// Whether SHA-2 can be called without EVP: where EVP itself would take OpenSSL's own (no FIPS module, no other provider), and the
    /// build has not left out what is deprecated.
    /// </summary>
    public static readonly bool HasPlainSha2;

    /// <summary>Whether there is X25519: not where FIPS is on.</summary>
    public static readonly bool HasX25519;

    /// <summary>Whether there is ML-KEM-768: from OpenSSL 3.5 on.</summary>
    public static readonly bool HasMlKem768;

    /// <summary>Why libcrypto cannot be used here; <see langword="null"/> where it can.</summary>
    public static readonly string? Unusable;

#pragma warning disable CA1810 // one failure decides for all fields, so one constructor initialises them
    static Native()
    {
        try
        {
            nint library = Load();
            OpenSSL_version_num = (delegate* unmanaged<CULong>)Find(library, "OpenSSL_version_num");
            CheckVersion(OpenSSL_version_num().Value);

            ERR_peek_last_error = (delegate* unmanaged<CULong>)Find(library, "ERR_peek_last_error");
            ERR_clear_error = (delegate* unmanaged<void>)Find(library, "ERR_clear_error");
            ERR_reason_error_string = (delegate* unmanaged<CULong, byte*>)Find(library, "ERR_reason_error_string");

            EVP_MD_fetch = (delegate* unmanaged<nint, byte*, byte*, nint>)Find(library, "EVP_MD_fetch");
            EVP_MD_CTX_new = (delegate* unmanaged<nint>)Find(library, "EVP_MD_CTX_new");
            EVP_MD_CTX_free = (delegate* unmanaged<nint, void>)Find(library, "EVP_MD_CTX_free");
            EVP_MD_CTX_copy_ex = (delegate* unmanaged<nint, nint, int>)Find(library, "EVP_MD_CTX_copy_ex");
            EVP_DigestInit_ex2 = (delegate* unmanaged<nint, nint, OsslParam*, int>)Find(library, "EVP_DigestInit_ex2");
            EVP_DigestUpdate = (delegate* unmanaged<nint, byte*, nuint, int>)Find(library, "EVP_DigestUpdate");
            EVP_DigestFinal_ex = (delegate* unmanaged<nint, byte*, uint*, int>)Find(library, "EVP_DigestFinal_ex");

            EVP_MD_get0_provider = (delegate* unmanaged<nint, nint>)Find(library, "EVP_MD_get0_provider");
            OSSL_PROVIDER_get0_name = (delegate* unmanaged<nint, byte*>)Find(library, "OSSL_PROVIDER_get0_name");

            EVP_CIPHER_fetch = (delegate* unmanaged<nint, byte*, byte*, nint>)Find(library, "EVP_CIPHER_fetch");
            EVP_CIPHER_CTX_new = (delegate* unmanaged<nint>)Find(library, "EVP_CIPHER_CTX_new");
            EVP_CIPHER_CTX_free = (delegate* unmanaged<nint, void>)Find(library, "EVP_CIPHER_CTX_free");
            EVP_CIPHER_CTX_ctrl = (delegate* unmanaged<nint, int, int, void*, int>)Find(library, "EVP_CIPHER_CTX_ctrl");
            EVP_CipherInit_ex2 = (delegate* unmanaged<nint, nint, byte*, byte*, int, OsslParam*, int>)Find(library, "EVP_CipherInit_ex2");
            EVP_EncryptUpdate = (delegate* unmanaged<nint, byte*, int*, byte*, int, int>)Find(library, "EVP_EncryptUpdate");
            EVP_EncryptFinal_ex = (delegate* unmanaged<nint, byte*, int*, int>)Find(library, "EVP_EncryptFinal_ex");
            EVP_DecryptUpdate = (delegate* unmanaged<nint, byte*, int*, byte*, int, int>)Find(library, "EVP_DecryptUpdate");
            EVP_DecryptFinal_ex = (delegate* unmanaged<nint, byte*, int*, int>)Find(library, "EVP_DecryptFinal_ex");

            EVP_PKEY_CTX_new_from_name = (delegate* unmanaged<nint, byte*, byte*, nint>)Find(library, "EVP_PKEY_CTX_new_from_name");
            EVP_PKEY_CTX_new_from_pkey = (delegate* unmanaged<nint, nint, byte*, nint>)Find(library, "EVP_PKEY_CTX_new_from_pkey");
            EVP_PKEY_CTX_free = (delegate* unmanaged<nint, void>)Find(library, "EVP_PKEY_CTX_free");
            EVP_PKEY_keygen_init = (delegate* unmanaged<nint, int>)Find(library, "EVP_PKEY_keygen_init");
            EVP_PKEY_generate = (delegate* unmanaged<nint, nint*, int>)Find(library, "EVP_PKEY_generate");
            EVP_PKEY_CTX_set_params = (delegate* unmanaged<nint, OsslParam*, int>)Find(library, "EVP_PKEY_CTX_set_params");
            EVP_PKEY_fromdata_init = (delegate* unmanaged<nint, int>)Find(library, "EVP_PKEY_fromdata_init");
            EVP_PKEY_fromdata = (delegate* unmanaged<nint, nint*, int, OsslParam*, int>)Find(library, "EVP_PKEY_fromdata");
            EVP_PKEY_new = (delegate* unmanaged<nint>)Find(library, "EVP_PKEY_new");
            EVP_PKEY_free = (delegate* unmanaged<nint, void>)Find(library, "EVP_PKEY_free");
            EVP_PKEY_copy_parameters = (delegate* unmanaged<nint, nint, int>)Find(library, "EVP_PKEY_copy_parameters");
            EVP_PKEY_set1_encoded_public_key = (delegate* unmanaged<nint, byte*, nuint, int>)Find(library, "EVP_PKEY_set1_encoded_public_key");
            EVP_PKEY_get_octet_string_param = (delegate* unmanaged<nint, byte*, byte*, nuint, nuint*, int>)Find(library, "EVP_PKEY_get_octet_string_param");
            EVP_PKEY_new_raw_private_key_ex = (delegate* unmanaged<nint, byte*, byte*, byte*, nuint, nint>)Find(library, "EVP_PKEY_new_raw_private_key_ex");
            EVP_PKEY_new_raw_public_key_ex = (delegate* unmanaged<nint, byte*, byte*, byte*, nuint, nint>)Find(library, "EVP_PKEY_new_raw_public_key_ex");
            EVP_PKEY_get_raw_public_key = (delegate* unmanaged<nint, byte*, nuint*, int>)Find(library, "EVP_PKEY_get_raw_public_key");
            EVP_PKEY_derive_init = (delegate* unmanaged<nint, int>)Find(library, "EVP_PKEY_derive_init");
            EVP_PKEY_derive_set_peer_ex = (delegate* unmanaged<nint, nint, int, int>)Find(library, "EVP_PKEY_derive_set_peer_ex");
            EVP_PKEY_derive = (delegate* unmanaged<nint, byte*, nuint*, int>)Find(library, "EVP_PKEY_derive");

            EVP_PKEY_encapsulate_init = (delegate* unmanaged<nint, OsslParam*, int>)Find(library, "EVP_PKEY_encapsulate_init");
            EVP_PKEY_encapsulate = (delegate* unmanaged<nint, byte*, nuint*, byte*, nuint*, int>)Find(library, "EVP_PKEY_encapsulate");
            EVP_PKEY_decapsulate_init = (delegate* unmanaged<nint, OsslParam*, int>)Find(library, "EVP_PKEY_decapsulate_init");
            EVP_PKEY_decapsulate = (delegate* unmanaged<nint, byte*, nuint*, byte*, nuint, int>)Find(library, "EVP_PKEY_decapsulate");

            d2i_PKCS8_PRIV_KEY_INFO = (delegate* unmanaged<nint, byte**, CLong, nint>)Find(library, "d2i_PKCS8_PRIV_KEY_INFO");
            PKCS8_PRIV_KEY_INFO_free = (delegate* unmanaged<nint, void>)Find(library, "PKCS8_PRIV_KEY_INFO_free");
            EVP_PKCS82PKEY = (delegate* unmanaged<nint, nint>)Find(library, "EVP_PKCS82PKEY");
            EVP_DigestSignInit_ex = (delegate* unmanaged<nint, nint*, byte*, nint, byte*, nint, OsslParam*, int>)Find(library, "EVP_DigestSignInit_ex");
            EVP_DigestSign = (delegate* unmanaged<nint, byte*, nuint*, byte*, nuint, int>)Find(library, "EVP_DigestSign");
            EVP_DigestVerifyInit_ex = (delegate* unmanaged<nint, nint*, byte*, nint, byte*, nint, OsslParam*, int>)Find(library, "EVP_DigestVerifyInit_ex");
            EVP_DigestVerify = (delegate* unmanaged<nint, byte*, nuint, byte*, nuint, int>)Find(library, "EVP_DigestVerify");
            EVP_PKEY_CTX_set_rsa_padding = (delegate* unmanaged<nint, int, int>)Find(library, "EVP_PKEY_CTX_set_rsa_padding");
            EVP_PKEY_CTX_set_rsa_pss_saltlen = (delegate* unmanaged<nint, int, int>)Find(library, "EVP_PKEY_CTX_set_rsa_pss_saltlen");

            Sha256 = Required(EVP_MD_fetch(0, Utf8(Names.Sha256), null), "SHA-256");
            Sha384 = Required(EVP_MD_fetch(0, Utf8(Names.Sha384), null), "SHA-384");
            Sha512 = Required(EVP_MD_fetch(0, Utf8(Names.Sha512), null), "SHA-512");
            nint[] plain = [.. PlainSha2.Select(symbol => NativeLibrary.TryGetExport(library, symbol, out nint address) ? address : 0)];
            HasPlainSha2 = !plain.Contains(0) && IsOpenSslsOwn(Sha256);
            SHA256_Init = (delegate* unmanaged[SuppressGCTransition]<Sha2State*, int>)plain[0];
            SHA256_Update = (delegate* unmanaged[SuppressGCTransition]<Sha2State*, byte*, nuint, int>)plain[1];
            SHA256_Final = (delegate* unmanaged[SuppressGCTransition]<byte*, Sha2State*, int>)plain[2];
            SHA384_Init = (delegate* unmanaged[SuppressGCTransition]<Sha2State*, int>)plain[3];
            SHA512_Init = (delegate* unmanaged[SuppressGCTransition]<Sha2State*, int>)plain[4];
            SHA512_Update = (delegate* unmanaged[SuppressGCTransition]<Sha2State*, byte*, nuint, int>)plain[5];
            SHA512_Final = (delegate* unmanaged[SuppressGCTransition]<byte*, Sha2State*, int>)plain[6];
            Aes128Gcm = Required(EVP_CIPHER_fetch(0, Utf8("AES-128-GCM\0"u8), null), "AES-128-GCM");
            Aes256Gcm = Required(EVP_CIPHER_fetch(0, Utf8("AES-256-GCM\0"u8), null), "AES-256-GCM");
            ChaCha20Poly1305 = EVP_CIPHER_fetch(0, Utf8("ChaCha20-Poly1305\0"u8), null); // absent where FIPS is on
            HasX25519 = HasKeys(Names.X25519);
            HasMlKem768 = HasKeys(Names.MlKem768);
            ERR_clear_error();
        }
        catch (PlatformNotSupportedException e)
        {
            Unusable = e.Message;
        }
    }
#pragma warning restore CA1810

    /// <summary>The address of a UTF-8 literal, which never moves. The literal ends in \0.</summary>
    public static byte* Utf8(ReadOnlySpan<byte> literal) => (byte*)System.Runtime.CompilerServices.Unsafe.AsPointer(ref MemoryMarshal.GetReference(literal));

    /// <summary>The exception for a call that failed, with OpenSSL's reason; leaves the thread's error queue empty.</summary>
    public static CryptographicException Failure(string what)
    {
        byte* reason = ERR_reason_error_string(ERR_peek_last_error());
        string text = Marshal.PtrToStringUTF8((nint)reason) ?? "no reason given";
        ERR_clear_error();
        return new CryptographicException($"{what}: {text}");
    }

    private static nint Load()
    {
        // Makes the runtime load and initialise its libcrypto first, so that what is opened below is the same one.
        if (OperatingSystem.IsLinux())
        {
            RuntimeVersion();
        }

        string[] names =
            OperatingSystem.IsMacOS() ? ["libcrypto.3.dylib"]
            : OperatingSystem.IsWindows() ? ["libcrypto-3-x64.dll", "libcrypto-3-arm64.dll"]
            : ["libcrypto.so.3"];
        foreach (string name in names)
        {
            if (NativeLibrary.TryLoad(name, out nint library))
            {
                return library;
            }
        }

        throw new PlatformNotSupportedException($"Cannot load {string.Join(" or ", names)}: the libcrypto provider needs OpenSSL 3.");
    }

    private static void CheckVersion(nuint version)
    {
        if (version >> 28 != 3)
        {
            throw new PlatformNotSupportedException($"The libcrypto provider needs OpenSSL 3; found is version 0x{version:x8}.");
        }

        if (OperatingSystem.IsLinux() && (nuint)RuntimeVersion() != version)
        {
            throw new PlatformNotSupportedException($"The runtime uses another libcrypto (version 0x{RuntimeVersion():x8}) than the one that would be loaded (0x{version:x8}).");
        }
    }

    [System.Runtime.Versioning.SupportedOSPlatform("linux")]
    private static long RuntimeVersion()
    {
        try
        {
            return SafeEvpPKeyHandle.OpenSslVersion;
        }
        catch (Exception e) when (e is PlatformNotSupportedException or TypeInitializationException or DllNotFoundException or EntryPointNotFoundException)
        {
            throw new PlatformNotSupportedException("The runtime itself has no OpenSSL.", e);
        }
    }

    private static nint Find(nint library, string symbol) =>
        NativeLibrary.TryGetExport(library, symbol, out nint address)
            ? address
            : throw new PlatformNotSupportedException($"This libcrypto has no {symbol}.");

    private static string[] PlainSha2 => ["SHA256_Init", "SHA256_Update", "SHA256_Final", "SHA384_Init", "SHA512_Init", "SHA512_Update", "SHA512_Final"];

    private static bool IsOpenSslsOwn(nint digest)
        => Marshal.PtrToStringUTF8((nint)OSSL_PROVIDER_get0_name(EVP_MD_get0_provider(digest))) == "default";

    private static bool HasKeys(ReadOnlySpan<byte> algorithm)
    {
        nint context = EVP_PKEY_CTX_new_from_name(0, Utf8(algorithm), null);
        EVP_PKEY_CTX_free(context);
        return context != 0;
    }

    private static nint Required(nint algorithm, string name) =>
        algorithm != 0 ? algorithm : throw new PlatformNotSupportedException($"This libcrypto offers no {name}.");

    /// <summary>OpenSSL's names, each ending in \0.</summary>
    public static class Names
    {
        public static ReadOnlySpan<byte> Sha256 => "SHA256\0"u8;
        public static ReadOnlySpan<byte> Sha384 => "SHA384\0"u8;
        public static ReadOnlySpan<byte> Sha512 => "SHA512\0"u8;
        public static ReadOnlySpan<byte> X25519 => "X25519\0"u8;
        public static ReadOnlySpan<byte> MlKem768 => "ML-KEM-768\0"u8;
        public static ReadOnlySpan<byte> Ed25519 => "ED25519\0"u8;
        public static ReadOnlySpan<byte> Ec => "EC\0"u8;
        public static ReadOnlySpan<byte> Rsa => "RSA\0"u8;
        public static ReadOnlySpan<byte> P256 => "prime256v1\0"u8;
        public static ReadOnlySpan<byte> P384 => "secp384r1\0"u8;
        public static ReadOnlySpan<byte> P521 => "secp521r1\0"u8;
    }
}

/// <summary>OSSL_PARAM.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct OsslParam
{
    public const uint UnsignedInteger = 2;
    public const uint Utf8String = 4;
    public const uint OctetString = 5;

    public byte* Key;
    public uint DataType;
    public void* Data;
    public nuint DataSize;
    public nuint ReturnSize;

    public OsslParam(ReadOnlySpan<byte> literalKey, uint dataType, void* data, int dataSize)
    {
        Key = Native.Utf8(literalKey);
        DataType = dataType;
        Data = data;
        DataSize = (nuint)dataSize;
        ReturnSize = nuint.MaxValue; // OSSL_PARAM_UNMODIFIED
    }
}

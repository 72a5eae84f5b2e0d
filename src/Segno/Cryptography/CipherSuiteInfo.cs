using System.Net.Security;

namespace Segno.Cryptography;

/// <summary>By what kind of certificate the server of a suite proves itself.</summary>
internal enum SuiteAuthentication : byte
{
    /// <summary>TLS 1.3: the suite does not say.</summary>
    Any,
    /// <summary>ECDSA, or Ed25519 (RFC 8422 §5.10).</summary>
    Ecdsa,
    Rsa,
}

/// <summary>What a cipher suite is made of.</summary>
internal sealed record CipherSuiteInfo(TlsCipherSuite Suite, AeadKind Aead, HashKind Hash, SuiteAuthentication Authentication = SuiteAuthentication.Any)
{
    private static readonly CipherSuiteInfo[] Tls13 =
    [
        new(TlsCipherSuite.TLS_AES_128_GCM_SHA256, AeadKind.Aes128Gcm, HashKind.Sha256),
        new(TlsCipherSuite.TLS_AES_256_GCM_SHA384, AeadKind.Aes256Gcm, HashKind.Sha384),
        new(TlsCipherSuite.TLS_CHACHA20_POLY1305_SHA256, AeadKind.ChaCha20Poly1305, HashKind.Sha256),
    ];

    // ECDHE and AEAD alone: forward secrecy, and no padding oracle (docs/stances.md).
    private static readonly CipherSuiteInfo[] Tls12 =
    [
        new(TlsCipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, AeadKind.Aes128Gcm, HashKind.Sha256, SuiteAuthentication.Ecdsa),
        new(TlsCipherSuite.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, AeadKind.Aes128Gcm, HashKind.Sha256, SuiteAuthentication.Rsa),
        new(TlsCipherSuite.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, AeadKind.Aes256Gcm, HashKind.Sha384, SuiteAuthentication.Ecdsa),
        new(TlsCipherSuite.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, AeadKind.Aes256Gcm, HashKind.Sha384, SuiteAuthentication.Rsa),
        new(TlsCipherSuite.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, AeadKind.ChaCha20Poly1305, HashKind.Sha256, SuiteAuthentication.Ecdsa),
        new(TlsCipherSuite.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, AeadKind.ChaCha20Poly1305, HashKind.Sha256, SuiteAuthentication.Rsa),
    ];

    /// <summary>The TLS 1.3 suites in the default order.</summary>
    public static ReadOnlySpan<CipherSuiteInfo> AllTls13 => Tls13;

    /// <summary>The TLS 1.2 suites in the default order.</summary>
    public static ReadOnlySpan<CipherSuiteInfo> AllTls12 => Tls12;

    /// <summary>Whether it is a suite of TLS 1.2.</summary>
    public bool IsTls12 => Authentication != SuiteAuthentication.Any;

    /// <summary>Whether a server with such a key can use the suite.</summary>
    public bool Fits(KeyKind kind) => Authentication switch
    {
        SuiteAuthentication.Rsa => kind is KeyKind.Rsa or KeyKind.RsaPss,
        SuiteAuthentication.Ecdsa => kind is not (KeyKind.Rsa or KeyKind.RsaPss),
        _ => true,
    };

    public static CipherSuiteInfo? Find(TlsCipherSuite suite)
        => Array.Find(Tls13, info => info.Suite == suite) ?? Array.Find(Tls12, info => info.Suite == suite);
}

using System.Net.Security;

namespace Segno.Cryptography;

/// <summary>What a cipher suite is made of.</summary>
internal sealed record CipherSuiteInfo(TlsCipherSuite Suite, AeadKind Aead, HashKind Hash)
{
    private static readonly CipherSuiteInfo[] Tls13 =
    [
        new(TlsCipherSuite.TLS_AES_128_GCM_SHA256, AeadKind.Aes128Gcm, HashKind.Sha256),
        new(TlsCipherSuite.TLS_AES_256_GCM_SHA384, AeadKind.Aes256Gcm, HashKind.Sha384),
        new(TlsCipherSuite.TLS_CHACHA20_POLY1305_SHA256, AeadKind.ChaCha20Poly1305, HashKind.Sha256),
    ];

    /// <summary>The TLS 1.3 suites in the default order.</summary>
    public static ReadOnlySpan<CipherSuiteInfo> AllTls13 => Tls13;

    public static CipherSuiteInfo? FindTls13(TlsCipherSuite suite)
    {
        foreach (CipherSuiteInfo info in Tls13)
        {
            if (info.Suite == suite)
            {
                return info;
            }
        }
        return null;
    }
}

using System.Security.Cryptography;

namespace Segno.Cryptography;

internal enum HashKind : byte
{
    Sha256,
    Sha384,
    Sha512,
}

internal enum AeadKind : byte
{
    Aes128Gcm,
    Aes256Gcm,
    ChaCha20Poly1305,
}

/// <summary>
/// The one seam between the protocol and its primitives. Coarse on purpose: a provider hands out objects that own native
/// handles, and every object counts what it does in <see cref="CryptoCounters"/>, so that tests can assert exact costs.
/// Providers are thread-safe; the objects they hand out are not.
/// </summary>
internal abstract class CryptoProvider
{
    /// <summary>The provider chosen for this process: libcrypto where the runtime has loaded a usable one, else the framework.</summary>
    /// <remarks>AppContext data "Segno.CryptoProvider" = "libcrypto" or "system" decides otherwise; naming one that cannot run throws.</remarks>
    public static CryptoProvider Default => CryptoProviders.Default;

    public abstract string Name { get; }

    public abstract bool Supports(AeadKind aead);

    public abstract bool Supports(TlsNamedGroup group);

    /// <summary>Random bytes from the operating system, per call: a cloned virtual machine must not repeat them.</summary>
    public abstract void FillRandom(Span<byte> destination);

    public abstract void Hash(HashKind hash, ReadOnlySpan<byte> data, Span<byte> destination);

    public abstract TranscriptHasher CreateHasher(HashKind hash);

    public abstract void Hmac(HashKind hash, ReadOnlySpan<byte> key, ReadOnlySpan<byte> data, Span<byte> destination);

    /// <summary>HKDF-Extract (RFC 5869 §2.2).</summary>
    public abstract void HkdfExtract(HashKind hash, ReadOnlySpan<byte> salt, ReadOnlySpan<byte> inputKeyMaterial, Span<byte> pseudoRandomKey);

    /// <summary>HKDF-Expand (RFC 5869 §2.3). The output may overlap neither the key nor the info.</summary>
    public abstract void HkdfExpand(HashKind hash, ReadOnlySpan<byte> pseudoRandomKey, ReadOnlySpan<byte> info, Span<byte> output);

    public abstract Aead CreateAead(AeadKind aead, ReadOnlySpan<byte> key);

    /// <summary>Makes an ephemeral key pair for the side that speaks first.</summary>
    public abstract KeyExchange StartKeyExchange(TlsNamedGroup group);

    /// <summary>
    /// Answers a peer's key share: writes our share and the shared secret.
    /// Throws <see cref="CryptographicException"/> where the peer's share is not a valid one for the group.
    /// </summary>
    /// <returns>The lengths of the share and of the secret.</returns>
    public abstract (int Share, int Secret) AnswerKeyExchange(TlsNamedGroup group, ReadOnlySpan<byte> peerShare, Span<byte> share, Span<byte> secret);

    /// <summary>A signer over a PKCS#8 private key (RSA, EC P-256/P-384/P-521, Ed25519).</summary>
    public abstract Signer CreateSigner(ReadOnlySpan<byte> pkcs8);

    /// <summary>
    /// A signer over a key that may be unable to leave its holder (a smart card, an HSM, a key store). A key that can be exported
    /// is copied; one that cannot is used where it is, one signature at a time, and stays the caller's to dispose.
    /// </summary>
    public abstract Signer CreateSigner(AsymmetricAlgorithm key);

    /// <summary>A verifier over a SubjectPublicKeyInfo; <see cref="PublicKeyException"/> where it is malformed or of an unsupported kind.</summary>
    public abstract Verifier CreateVerifier(ReadOnlySpan<byte> subjectPublicKeyInfo);
}

/// <summary>A running hash that can be read at any point without ending it.</summary>
internal abstract class TranscriptHasher : IDisposable
{
    public abstract HashKind Kind { get; }

    public abstract void Append(ReadOnlySpan<byte> data);

    /// <summary>The hash of what was appended so far; more can be appended afterwards.</summary>
    /// <returns>The length of the hash.</returns>
    public abstract int Current(Span<byte> destination);

    public abstract TranscriptHasher Fork();

    public abstract void Dispose();
}

/// <summary>An AEAD under one key. Nonces are 12 bytes, tags 16.</summary>
internal abstract class Aead : IDisposable
{
    public const int TagLength = 16;
    public const int NonceLength = 12;

    /// <summary>Writes ciphertext ‖ tag to <paramref name="destination"/>, which may be the very buffer of the plaintext (same start) or apart from it.</summary>
    public abstract void Seal(ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> plaintext, ReadOnlySpan<byte> associatedData, Span<byte> destination);

    /// <summary>Seals the two spans as if they were one: what a TLS 1.3 record's content and its type byte need.</summary>
    public abstract void Seal(ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> first, ReadOnlySpan<byte> second, ReadOnlySpan<byte> associatedData, Span<byte> destination);

    /// <summary>Opens ciphertext ‖ tag. On failure the destination is wiped and <see langword="false"/> returned.</summary>
    public abstract bool TryOpen(ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> sealedData, ReadOnlySpan<byte> associatedData, Span<byte> destination);

    public abstract void Dispose();
}

/// <summary>The initiator's half of an ephemeral key exchange. Used once.</summary>
internal abstract class KeyExchange : IDisposable
{
    public abstract TlsNamedGroup Group { get; }

    public abstract int ShareLength { get; }

    public abstract void WriteShare(Span<byte> destination);

    /// <summary>The shared secret; <see cref="CryptographicException"/> where the peer's share is invalid (wrong length, not on the curve, all-zero result).</summary>
    /// <returns>The length of the secret.</returns>
    public abstract int Agree(ReadOnlySpan<byte> peerShare, Span<byte> secret);

    public abstract void Dispose();
}

internal enum KeyKind : byte
{
    Rsa,
    RsaPss,
    EcP256,
    EcP384,
    EcP521,
    Ed25519,
}

internal abstract class Signer : IDisposable
{
    public abstract KeyKind Kind { get; }

    /// <summary>Key size in bits.</summary>
    public abstract int KeySize { get; }

    public abstract int MaxSignatureLength { get; }

    /// <summary>
    /// Thread-safe. The destination holds at least <see cref="MaxSignatureLength"/> bytes. <see cref="CryptographicException"/>
    /// where the scheme does not fit the key.
    /// </summary>
    /// <returns>The length of the signature (ECDSA: DER).</returns>
    public abstract int Sign(TlsSignatureScheme scheme, ReadOnlySpan<byte> data, Span<byte> destination);

    /// <summary>As <see cref="Sign"/>, reading the scheme as TLS 1.2 does: there an ECDSA scheme names a hash but no curve (RFC 5246 §7.4.1.4.1).</summary>
    public abstract int SignTls12(TlsSignatureScheme scheme, ReadOnlySpan<byte> data, Span<byte> destination);

    public abstract void Dispose();
}

internal abstract class Verifier : IDisposable
{
    public abstract KeyKind Kind { get; }

    /// <summary>Key size in bits.</summary>
    public abstract int KeySize { get; }

    /// <summary>Thread-safe. False also where the scheme does not fit the key.</summary>
    public abstract bool Verify(TlsSignatureScheme scheme, ReadOnlySpan<byte> data, ReadOnlySpan<byte> signature);

    /// <summary>As <see cref="Verify"/>, reading the scheme as TLS 1.2 does: there an ECDSA scheme names a hash but no curve (RFC 5246 §7.4.1.4.1).</summary>
    public abstract bool VerifyTls12(TlsSignatureScheme scheme, ReadOnlySpan<byte> data, ReadOnlySpan<byte> signature);

    public abstract void Dispose();
}

using System.Security.Cryptography;
using Segno.Cryptography;

namespace Segno.Sessions;

/// <summary>Where a PSK comes from: what its binder is labelled with, so that none passes for one of another kind (RFC 9846 §7.1, RFC 9258 §5.2; D13).</summary>
internal enum PskKind : byte
{
    /// <summary>A NewSessionTicket.</summary>
    Resumption,
    /// <summary>Provisioned, and used as it is.</summary>
    External,
    /// <summary>Provisioned, and imported.</summary>
    Imported,
}

/// <summary>
/// Which external PSK the peers of a session authenticated each other by: its identity, and a digest under its secret, so that
/// another secret under the same identity is seen to be another. Immutable.
/// </summary>
internal sealed class ExternalPskOrigin(ReadOnlyMemory<byte> identity, ReadOnlyMemory<byte> digest)
{
    public const int DigestLength = 32;

    public TlsPskIdentity Identity { get; } = new(identity);

    public ReadOnlyMemory<byte> Digest { get; } = digest;
}

/// <summary>An external PSK as it goes over the wire: one identity, one secret, one hash. Immutable.</summary>
internal sealed class ExternalPskKey
{
    private readonly byte[] _wrappedSecret;

    public ExternalPskKey(TlsPskIdentity identity, HashKind hash, PskKind kind, ReadOnlySpan<byte> secret)
    {
        Identity = identity;
        Hash = hash;
        Kind = kind;
        _wrappedSecret = SecretWrap.Wrap(secret);
        byte[] digest = new byte[ExternalPskOrigin.DigestLength];
        CryptoProvider.Default.Hmac(HashKind.Sha256, secret, [.. "segno external psk"u8, .. identity.Value.Span], digest);
        Origin = new ExternalPskOrigin(identity.Value, digest);
    }

    public TlsPskIdentity Identity { get; }

    /// <summary>The hash of the suites that it is for.</summary>
    public HashKind Hash { get; }

    public PskKind Kind { get; }

    public ExternalPskOrigin Origin { get; }

    /// <summary>The imported PSK for an identity (RFC 9258 §5.1).</summary>
    /// <param name="identity">The identity.</param>
    /// <param name="secret">The external PSK.</param>
    /// <param name="hash">The hash of the external PSK, whatever that of the suites is.</param>
    public static ExternalPskKey Import(TlsPskIdentity identity, ReadOnlySpan<byte> secret, HashKind hash)
    {
        CryptoProvider crypto = CryptoProvider.Default;
        HashKind target = identity.Target!.Value;
        Span<byte> extracted = stackalloc byte[HashKinds.MaxLength];
        Span<byte> imported = stackalloc byte[HashKinds.MaxLength];
        Span<byte> identityHash = stackalloc byte[HashKinds.MaxLength];
        extracted = extracted[..hash.Length()];
        identityHash = identityHash[..hash.Length()];
        imported = imported[..target.Length()];
        try
        {
            crypto.HkdfExtract(hash, [], secret, extracted);
            crypto.Hash(hash, identity.Value.Span, identityHash);
            HkdfLabel.Expand(crypto, hash, extracted, "derived psk"u8, identityHash, imported);
            return new ExternalPskKey(identity, target, PskKind.Imported, imported);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(extracted);
            CryptographicOperations.ZeroMemory(imported);
        }
    }

    /// <summary>Whether a session of that origin rests on this very PSK.</summary>
    public bool IsOriginOf(ExternalPskOrigin origin) => CryptographicOperations.FixedTimeEquals(Origin.Digest.Span, origin.Digest.Span);

    /// <summary>Writes the secret, which the caller wipes.</summary>
    /// <returns>Its length, at most <see cref="TlsExternalPsk.MaxSecretLength"/>.</returns>
    public int CopySecret(Span<byte> destination) => SecretWrap.Unwrap(_wrappedSecret, destination);
}

using System.Security.Cryptography;
using Segno.Buffers;
using Segno.Cryptography;

namespace Segno.Sessions;

/// <summary>
/// A secret that a client and a server were given by other means than TLS, and authenticate each other by: TLS 1.3, RFC 9846 §2.2,
/// RFC 9257. Immutable and thread-safe; its secret is not readable through this type, and is kept sealed under a key of this process.
/// </summary>
/// <remarks>
/// <para>One PSK belongs to one client and one server (RFC 9257 §6). Where both ends of a pair are client as well as server, or more
/// than two know the secret, a hello can be sent back to who made it, or on to another, and is answered there (the Selfie attack):
/// <see cref="ImportForRoles"/> tells the roles apart.</para>
/// <para>The secret must be random. Whoever sees one handshake can try passwords on its binder for as long as they like, so a
/// password is none, however it is hashed.</para>
/// <para>The identity goes over the wire in the clear and is the same each time: it must not say what an onlooker should not know, and
/// lets connections be linked.</para>
/// </remarks>
public sealed class TlsExternalPsk
{
    internal const int MinSecretLength = 16;
    internal const int MaxSecretLength = 512;
    internal const int MaxRoleLength = 255;

    private readonly byte[] _secretDigest;

    private TlsExternalPsk(ExternalPskKey[] keys, ReadOnlySpan<byte> secret)
    {
        Keys = keys;
        _secretDigest = Digest(secret);
    }

    /// <summary>Makes a PSK that is used as it is. Prefer <see cref="Import"/> where the other end can do that too (RFC 9257 §6).</summary>
    /// <param name="identity">By what the other end knows it: 1 to 65535 bytes, copied. Text is the caller's to encode.</param>
    /// <param name="secret">The secret, 16 to 512 random bytes, copied; the caller wipes its own. Never one that also serves TLS 1.2 or another protocol (RFC 9846 appendix F.7).</param>
    /// <param name="hashAlgorithm">The one hash that it is used with, SHA-256 or SHA-384: it is offered for cipher suites of that hash. Default: SHA-256 (RFC 9846 §4.3.11).</param>
    /// <exception cref="ArgumentException">The identity is empty or too long, or has the form of an imported one; the secret has fewer than 128 bits, is too long, or all its bytes are the same; the hash is another.</exception>
    public TlsExternalPsk(ReadOnlySpan<byte> identity, ReadOnlySpan<byte> secret, HashAlgorithmName hashAlgorithm = default)
    {
        CheckIdentity(identity, nameof(identity));
        CheckSecret(secret);
        var parsed = new TlsPskIdentity(identity.ToArray());
        if (parsed.IsImported)
        {
            // the two kinds never have the same identity.
            throw new ArgumentException("The identity has the form of an imported one (RFC 9258 §5.1); use Import.", nameof(identity));
        }
        Keys = [new ExternalPskKey(parsed, HashOf(hashAlgorithm), PskKind.External, secret)];
        _secretDigest = Digest(secret);
    }

    /// <summary>By what it was known before it was imported, or is used.</summary>
    public ReadOnlyMemory<byte> Identity => Keys[0].Identity.ExternalIdentity;

    /// <summary>The context it was imported with; empty without one.</summary>
    public ReadOnlyMemory<byte> Context => Keys[0].Identity.Context;

    /// <summary>Whether it is an imported one: only an end that has imported it the same way can use it.</summary>
    public bool IsImported => Keys[0].Kind == PskKind.Imported;

    /// <summary>What goes over the wire of it: one, or of an imported PSK one for each hash that cipher suites have.</summary>
    internal ExternalPskKey[] Keys { get; }

    /// <summary>
    /// Imports a PSK into TLS 1.3 (RFC 9258): from the secret another one is derived for each hash that cipher suites have, bound to the
    /// identity, the context, TLS 1.3 and the hash.
    /// </summary>
    /// <param name="externalIdentity">By what the other end knows it: 1 byte or more, copied.</param>
    /// <param name="secret">The secret, 16 to 512 random bytes, for the importer alone; the caller wipes its own.</param>
    /// <param name="context">How the secret came about and whom it is for, the same at both ends, and visible to all; with the externalIdentity at most 65527 bytes. See <see cref="ImportForRoles"/>.</param>
    /// <param name="hashAlgorithm">The hash that it is imported with, the same at both ends, whatever the cipher suites are: SHA-256 or SHA-384. Default: SHA-256.</param>
    /// <returns>The PSK.</returns>
    /// <exception cref="ArgumentException">The identity is empty or with the context too long; the secret has fewer than 128 bits, is too long, or all its bytes are the same; the hash is another.</exception>
    public static TlsExternalPsk Import(
        ReadOnlySpan<byte> externalIdentity, ReadOnlySpan<byte> secret, ReadOnlySpan<byte> context = default, HashAlgorithmName hashAlgorithm = default)
    {
        CheckIdentity(externalIdentity, nameof(externalIdentity));
        CheckSecret(secret);
        HashKind hash = HashOf(hashAlgorithm);
        return new TlsExternalPsk(
        [
            ExternalPskKey.Import(TlsPskIdentity.Import(externalIdentity, context, HashKind.Sha256), secret, hash),
            ExternalPskKey.Import(TlsPskIdentity.Import(externalIdentity, context, HashKind.Sha384), secret, hash),
        ],
        secret);
    }

    /// <summary>As <see cref="Import"/>, for nodes that are client as well as server, or that share one secret: the context names who is which (RFC 9258 appendix A), so that a hello is good at the one node it is meant for.</summary>
    /// <param name="externalIdentity">By what the other end knows it.</param>
    /// <param name="secret">The secret, 16 to 512 random bytes.</param>
    /// <param name="client">The name of the client, 1 to 255 bytes that all nodes know it by.</param>
    /// <param name="server">The name of the server, likewise, and another than the client's.</param>
    /// <param name="hashAlgorithm">The hash that it is imported with. Default: SHA-256.</param>
    /// <returns>The PSK.</returns>
    /// <exception cref="ArgumentException">As for <see cref="Import"/>; or a name is empty, too long, or that of both.</exception>
    public static TlsExternalPsk ImportForRoles(
        ReadOnlySpan<byte> externalIdentity, ReadOnlySpan<byte> secret, ReadOnlySpan<byte> client, ReadOnlySpan<byte> server, HashAlgorithmName hashAlgorithm = default)
    {
        CheckRole(client, nameof(client));
        CheckRole(server, nameof(server));
        if (PublicData.Equal(client, server))
        {
            // D11
            throw new ArgumentException("The client and the server have the same name, so a hello could be sent back to who made it.", nameof(server));
        }
        using var buffer = new FlightBuffer();
        var writer = new TlsWriter(buffer);
        writer.Vector8(client);
        writer.Vector8(server);
        return Import(externalIdentity, secret, buffer.Span, hashAlgorithm);
    }

    /// <summary>What of it has this very identity: opaque bytes, all of them (R-90, D12).</summary>
    internal ExternalPskKey? Find(TlsPskIdentity identity) => Array.Find(Keys, key => PublicData.Equal(key.Identity.Value.Span, identity.Value.Span));

    /// <summary>Whether both were made from the same secret, whatever they are for.</summary>
    internal bool HasSecretOf(TlsExternalPsk other) => CryptographicOperations.FixedTimeEquals(_secretDigest, other._secretDigest);

    private static byte[] Digest(ReadOnlySpan<byte> secret)
    {
        byte[] digest = new byte[HashKind.Sha256.Length()];
        CryptoProvider.Default.Hmac(HashKind.Sha256, secret, "segno external psk secret"u8, digest);
        return digest;
    }

    private static void CheckIdentity(ReadOnlySpan<byte> identity, string parameter)
    {
        if (identity.Length is 0 or > TlsPskIdentity.MaxLength)
        {
            throw new ArgumentException($"The identity has {identity.Length} bytes, and not 1 to {TlsPskIdentity.MaxLength}.", parameter);
        }
    }

    //
    private static void CheckSecret(ReadOnlySpan<byte> secret)
    {
        if (secret.Length is < MinSecretLength or > MaxSecretLength)
        {
            throw new ArgumentException($"The secret has {secret.Length} bytes, and not {MinSecretLength} to {MaxSecretLength} (RFC 9257 §6: at least 128 bits).", nameof(secret));
        }
        if (WeakSecret.IsWeak(secret))
        {
            throw new ArgumentException("All bytes of the secret are the same; it must be random (RFC 9257 §6).", nameof(secret));
        }
    }

    private static void CheckRole(ReadOnlySpan<byte> name, string parameter)
    {
        if (name.Length is 0 or > MaxRoleLength)
        {
            throw new ArgumentException($"The name has {name.Length} bytes, and not 1 to {MaxRoleLength}.", parameter);
        }
    }

    //
    private static HashKind HashOf(HashAlgorithmName hashAlgorithm)
        => hashAlgorithm == default || hashAlgorithm == HashAlgorithmName.SHA256 ? HashKind.Sha256
            : hashAlgorithm == HashAlgorithmName.SHA384 ? HashKind.Sha384
            : throw new ArgumentException($"{hashAlgorithm.Name} is neither SHA-256 nor SHA-384, the hashes that cipher suites have.", nameof(hashAlgorithm));
}

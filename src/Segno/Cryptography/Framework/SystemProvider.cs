using System.Security.Cryptography;

namespace Segno.Cryptography;

/// <summary>The primitives of System.Security.Cryptography; X25519 and Ed25519, which it lacks, and ML-KEM where the platform has none, from BouncyCastle.</summary>
internal sealed class SystemProvider : CryptoProvider
{
    public const string ProviderName = "system";

    public override string Name => ProviderName;

    public override bool Supports(AeadKind aead) => aead switch
    {
        AeadKind.Aes128Gcm or AeadKind.Aes256Gcm => AesGcm.IsSupported,
        AeadKind.ChaCha20Poly1305 => System.Security.Cryptography.ChaCha20Poly1305.IsSupported,
        _ => false,
    };

    public override bool Supports(TlsNamedGroup group) => group
        is TlsNamedGroup.X25519 or TlsNamedGroup.P256 or TlsNamedGroup.P384 or TlsNamedGroup.X25519MLKem768;

    public override void FillRandom(Span<byte> destination)
    {
        CryptoCounters.Current.RandomCalls++;
        SystemRandom.Fill(destination);
    }

    public override void Hash(HashKind hash, ReadOnlySpan<byte> data, Span<byte> destination)
    {
        destination = destination[..hash.Length()];
        CryptoCounters.Current.Hashes++;
        CryptographicOperations.HashData(hash.FrameworkName(), data, destination);
    }

    public override TranscriptHasher CreateHasher(HashKind hash) => new SystemHasher(hash);

    public override void Hmac(HashKind hash, ReadOnlySpan<byte> key, ReadOnlySpan<byte> data, Span<byte> destination)
    {
        destination = destination[..hash.Length()];
        CryptoCounters.Current.Hmacs++;
        CryptographicOperations.HmacData(hash.FrameworkName(), key, data, destination);
    }

    public override void HkdfExtract(HashKind hash, ReadOnlySpan<byte> salt, ReadOnlySpan<byte> inputKeyMaterial, Span<byte> pseudoRandomKey)
    {
        pseudoRandomKey = pseudoRandomKey[..hash.Length()];
        CryptoCounters.Current.Hmacs++;
        HKDF.Extract(hash.FrameworkName(), inputKeyMaterial, salt, pseudoRandomKey);
    }

    public override void HkdfExpand(HashKind hash, ReadOnlySpan<byte> pseudoRandomKey, ReadOnlySpan<byte> info, Span<byte> output)
    {
        CryptoCounters.Current.Hmacs += HkdfArguments.CheckExpand(hash, pseudoRandomKey, info, output);
        if (!output.IsEmpty)
        {
            HKDF.Expand(hash.FrameworkName(), pseudoRandomKey, output, info);
        }
    }

    public override Aead CreateAead(AeadKind aead, ReadOnlySpan<byte> key)
    {
        AeadArguments.CheckKey(aead, key);
        if (!Supports(aead))
        {
            throw new NotSupportedException($"This system offers no {aead}.");
        }

        CryptoCounters.Current.AeadKeys++;
        return aead == AeadKind.ChaCha20Poly1305 ? new SystemChaCha(key) : new SystemAesGcm(key);
    }

    public override KeyExchange StartKeyExchange(TlsNamedGroup group)
    {
        if (!Supports(group))
        {
            throw NamedGroups.Unsupported(group);
        }

        CryptoCounters.Current.KeyPairs++;
        return group switch
        {
            TlsNamedGroup.X25519 => new X25519KeyExchange(),
            TlsNamedGroup.X25519MLKem768 => new HybridKeyExchange(MlKem768.System, new X25519KeyExchange()),
            _ => new SystemKeyExchange(group),
        };
    }

    public override (int Share, int Secret) AnswerKeyExchange(TlsNamedGroup group, ReadOnlySpan<byte> peerShare, Span<byte> share, Span<byte> secret)
    {
        if (group == TlsNamedGroup.X25519MLKem768)
        {
            using KeyExchange x25519 = StartKeyExchange(TlsNamedGroup.X25519);
            return HybridKeyExchange.Answer(MlKem768.System, x25519, peerShare, share, secret);
        }

        using KeyExchange exchange = StartKeyExchange(group);
        exchange.WriteShare(share);
        return (exchange.ShareLength, exchange.Agree(peerShare, secret));
    }

    public override Signer CreateSigner(ReadOnlySpan<byte> pkcs8) =>
        PrivateKeyInfo.Read(pkcs8).Kind == KeyKind.Ed25519 ? new Ed25519Signer(pkcs8) : new SystemSigner(pkcs8);

    public override Signer CreateSigner(AsymmetricAlgorithm key)
    {
        if (!ExportedKey.TryExport(key, out ExportedKey exported))
        {
            return new SystemSigner(key);
        }

        using (exported)
        {
            return CreateSigner(exported.Pkcs8);
        }
    }

    public override Verifier CreateVerifier(ReadOnlySpan<byte> subjectPublicKeyInfo) =>
        PublicKeyInfo.Read(subjectPublicKeyInfo).Kind == KeyKind.Ed25519 ? new Ed25519Verifier(subjectPublicKeyInfo) : new SystemVerifier(subjectPublicKeyInfo);
}

internal static class FrameworkNames
{
    public static HashAlgorithmName FrameworkName(this HashKind hash) => hash switch
    {
        HashKind.Sha256 => HashAlgorithmName.SHA256,
        HashKind.Sha384 => HashAlgorithmName.SHA384,
        _ => HashAlgorithmName.SHA512,
    };
}

internal sealed class SystemHasher : TranscriptHasher
{
    private readonly IncrementalHash _hash;
    private bool _disposed;

    public SystemHasher(HashKind hash)
        : this(hash, IncrementalHash.CreateHash(hash.FrameworkName()))
    {
    }

    private SystemHasher(HashKind kind, IncrementalHash hash)
    {
        Kind = kind;
        _hash = hash;
    }

    public override HashKind Kind { get; }

    public override void Append(ReadOnlySpan<byte> data)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        _hash.AppendData(data);
    }

    public override int Current(Span<byte> destination)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        Span<byte> hash = destination[..Kind.Length()];
        CryptoCounters.Current.Hashes++;
        return _hash.GetCurrentHash(hash);
    }

    public override TranscriptHasher Fork()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return new SystemHasher(Kind, _hash.Clone());
    }

    public override void Dispose()
    {
        _disposed = true;
        _hash.Dispose();
    }
}

using System.Security.Cryptography;

namespace Segno.Cryptography;

/// <summary>The primitives of the libcrypto that the runtime itself uses, called directly.</summary>
internal sealed class LibcryptoProvider : CryptoProvider
{
    public const string ProviderName = "libcrypto";

    private static readonly MlKem768 MlKem = Native.HasMlKem768 ? new LibcryptoMlKem768() : MlKem768.System;

    public LibcryptoProvider()
    {
        if (Native.Unusable is { } reason)
        {
            throw new PlatformNotSupportedException($"The crypto provider \"{ProviderName}\" cannot run here. {reason}");
        }
    }

    /// <summary>Whether this provider is the one to use where nothing else is asked for. Never on Windows, where libcrypto is not the system's.</summary>
    public static bool IsDefaultHere => !OperatingSystem.IsWindows() && Native.Unusable is null;

    public override string Name => ProviderName;

    public override bool Supports(AeadKind aead) => Cipher(aead) != 0;

    public override bool Supports(TlsNamedGroup group) => group switch
    {
        TlsNamedGroup.X25519 or TlsNamedGroup.X25519MLKem768 => Native.HasX25519,
        TlsNamedGroup.P256 or TlsNamedGroup.P384 => true,
        _ => false,
    };

    public override void FillRandom(Span<byte> destination)
    {
        CryptoCounters.Current.RandomCalls++;
        SystemRandom.Fill(destination);
    }

    public override void Hash(HashKind hash, ReadOnlySpan<byte> data, Span<byte> destination)
    {
        destination = destination[..hash.Length()];
        CryptoCounters.Current.Hashes++;
        LibcryptoDigest.Current.Hash(hash, data, destination);
    }

    public override TranscriptHasher CreateHasher(HashKind hash) => new LibcryptoHasher(hash);

    public override void Hmac(HashKind hash, ReadOnlySpan<byte> key, ReadOnlySpan<byte> data, Span<byte> destination)
    {
        destination = destination[..hash.Length()];
        CryptoCounters.Current.Hmacs++;
        LibcryptoDigest.Current.Hmac(hash, key, data, default, default, destination);
    }

    public override void HkdfExtract(HashKind hash, ReadOnlySpan<byte> salt, ReadOnlySpan<byte> inputKeyMaterial, Span<byte> pseudoRandomKey)
    {
        // An absent salt is HashLen zeros, and HMAC pads every short key with zeros: the empty one needs no special case.
        pseudoRandomKey = pseudoRandomKey[..hash.Length()];
        CryptoCounters.Current.Hmacs++;
        LibcryptoDigest.Current.Hmac(hash, salt, inputKeyMaterial, default, default, pseudoRandomKey);
    }

    public override void HkdfExpand(HashKind hash, ReadOnlySpan<byte> pseudoRandomKey, ReadOnlySpan<byte> info, Span<byte> output)
    {
        int blocks = HkdfArguments.CheckExpand(hash, pseudoRandomKey, info, output);
        CryptoCounters.Current.Hmacs += blocks;
        LibcryptoDigest digest = LibcryptoDigest.Current;
        Span<byte> block = stackalloc byte[HashKinds.MaxLength];
        block = block[..hash.Length()];
        scoped ReadOnlySpan<byte> previous = default;
        try
        {
            // T(n) = HMAC(PRK, T(n-1) ‖ info ‖ n)
            for (int n = 1; n <= blocks; n++)
            {
                digest.Hmac(hash, pseudoRandomKey, previous, info, [(byte)n], block);
                int length = Math.Min(block.Length, output.Length);
                block[..length].CopyTo(output);
                output = output[length..];
                previous = block;
            }
        }
        finally
        {
            CryptographicOperations.ZeroMemory(block);
        }
    }

    public override Aead CreateAead(AeadKind aead, ReadOnlySpan<byte> key)
    {
        AeadArguments.CheckKey(aead, key);
        nint cipher = Cipher(aead);
        if (cipher == 0)
        {
            throw new NotSupportedException($"This libcrypto offers no {aead}.");
        }

        CryptoCounters.Current.AeadKeys++;
        return new LibcryptoAead(cipher, key);
    }

    public override KeyExchange StartKeyExchange(TlsNamedGroup group)
    {
        if (!Supports(group))
        {
            throw NamedGroups.Unsupported(group);
        }

        CryptoCounters.Current.KeyPairs++;
        return group == TlsNamedGroup.X25519MLKem768
            ? new HybridKeyExchange(MlKem, new LibcryptoKeyExchange(TlsNamedGroup.X25519))
            : new LibcryptoKeyExchange(group);
    }

    public override (int Share, int Secret) AnswerKeyExchange(TlsNamedGroup group, ReadOnlySpan<byte> peerShare, Span<byte> share, Span<byte> secret)
    {
        if (group == TlsNamedGroup.X25519MLKem768)
        {
            using KeyExchange x25519 = StartKeyExchange(TlsNamedGroup.X25519);
            return HybridKeyExchange.Answer(MlKem, x25519, peerShare, share, secret);
        }

        using KeyExchange exchange = StartKeyExchange(group);
        exchange.WriteShare(share);
        return (exchange.ShareLength, exchange.Agree(peerShare, secret));
    }

    public override Signer CreateSigner(ReadOnlySpan<byte> pkcs8) => new LibcryptoSigner(pkcs8);

    public override Signer CreateSigner(AsymmetricAlgorithm key)
    {
        if (!ExportedKey.TryExport(key, out ExportedKey exported))
        {
            return new SystemSigner(key);
        }

        using (exported)
        {
            return new LibcryptoSigner(exported.Pkcs8);
        }
    }

    public override Verifier CreateVerifier(ReadOnlySpan<byte> subjectPublicKeyInfo) => new LibcryptoVerifier(subjectPublicKeyInfo);

    private static nint Cipher(AeadKind aead) => aead switch
    {
        AeadKind.Aes128Gcm => Native.Aes128Gcm,
        AeadKind.Aes256Gcm => Native.Aes256Gcm,
        AeadKind.ChaCha20Poly1305 => Native.ChaCha20Poly1305,
        _ => 0,
    };
}

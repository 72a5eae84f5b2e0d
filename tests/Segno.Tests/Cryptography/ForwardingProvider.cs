using System.Security.Cryptography;
using Segno.Cryptography;

namespace Segno.Tests.Cryptography;

/// <summary>A provider that lets another one do the work: what tests override is all that differs.</summary>
internal abstract class ForwardingProvider(CryptoProvider inner) : CryptoProvider
{
    public override string Name => inner.Name;

    public override bool Supports(AeadKind aead) => inner.Supports(aead);

    public override bool Supports(TlsNamedGroup group) => inner.Supports(group);

    public override void FillRandom(Span<byte> destination)
    {
        Call(nameof(FillRandom));
        inner.FillRandom(destination);
    }

    public override void Hash(HashKind hash, ReadOnlySpan<byte> data, Span<byte> destination)
    {
        Call(nameof(Hash));
        inner.Hash(hash, data, destination);
    }

    public override TranscriptHasher CreateHasher(HashKind hash)
    {
        Call(nameof(CreateHasher));
        return inner.CreateHasher(hash);
    }

    public override void Hmac(HashKind hash, ReadOnlySpan<byte> key, ReadOnlySpan<byte> data, Span<byte> destination)
    {
        Call(nameof(Hmac));
        inner.Hmac(hash, key, data, destination);
    }

    public override void HkdfExtract(HashKind hash, ReadOnlySpan<byte> salt, ReadOnlySpan<byte> inputKeyMaterial, Span<byte> pseudoRandomKey)
    {
        Call(nameof(HkdfExtract));
        inner.HkdfExtract(hash, salt, inputKeyMaterial, pseudoRandomKey);
    }

    public override void HkdfExpand(HashKind hash, ReadOnlySpan<byte> pseudoRandomKey, ReadOnlySpan<byte> info, Span<byte> output)
    {
        Call(nameof(HkdfExpand));
        inner.HkdfExpand(hash, pseudoRandomKey, info, output);
    }

    public override Aead CreateAead(AeadKind aead, ReadOnlySpan<byte> key)
    {
        Call(nameof(CreateAead));
        return inner.CreateAead(aead, key);
    }

    public override KeyExchange StartKeyExchange(TlsNamedGroup group)
    {
        Call(nameof(StartKeyExchange));
        return inner.StartKeyExchange(group);
    }

    public override (int Share, int Secret) AnswerKeyExchange(TlsNamedGroup group, ReadOnlySpan<byte> peerShare, Span<byte> share, Span<byte> secret)
    {
        Call(nameof(AnswerKeyExchange));
        return inner.AnswerKeyExchange(group, peerShare, share, secret);
    }

    public override Signer CreateSigner(ReadOnlySpan<byte> pkcs8)
    {
        Call(nameof(CreateSigner));
        return inner.CreateSigner(pkcs8);
    }

    public override Signer CreateSigner(AsymmetricAlgorithm key)
    {
        Call(nameof(CreateSigner));
        return inner.CreateSigner(key);
    }

    public override Verifier CreateVerifier(ReadOnlySpan<byte> subjectPublicKeyInfo)
    {
        Call(nameof(CreateVerifier));
        return inner.CreateVerifier(subjectPublicKeyInfo);
    }

    /// <summary>Comes before each call, with its name; may throw.</summary>
    protected virtual void Call(string name)
    {
    }
}

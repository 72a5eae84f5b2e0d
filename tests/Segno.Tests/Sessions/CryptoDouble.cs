using System.Security.Cryptography;
using Segno.Cryptography;

namespace Segno.Tests.Sessions;

/// <summary>The provider of this process, with two things that tests decide: what is random, and which call fails.</summary>
internal sealed class CryptoDouble : CryptoProvider
{
    private readonly CryptoProvider _real = Default;

    /// <summary>Fills random bytes in the system's stead.</summary>
    public Action<Span<byte>>? Random { get; set; }

    /// <summary>The call that throws, counted from 0; -1: none.</summary>
    public int FailingCall { get; set; } = -1;

    public int Calls { get; private set; }

    public override string Name => "double";

    public void Restart(int failingCall)
    {
        Calls = 0;
        FailingCall = failingCall;
    }

    public override bool Supports(AeadKind aead) => _real.Supports(aead);

    public override bool Supports(TlsNamedGroup group) => _real.Supports(group);

    public override void FillRandom(Span<byte> destination)
    {
        Count();
        if (Random is { } random)
        {
            random(destination);
        }
        else
        {
            _real.FillRandom(destination);
        }
    }

    public override void Hash(HashKind hash, ReadOnlySpan<byte> data, Span<byte> destination)
    {
        Count();
        _real.Hash(hash, data, destination);
    }

    public override TranscriptHasher CreateHasher(HashKind hash)
    {
        Count();
        return _real.CreateHasher(hash);
    }

    public override void Hmac(HashKind hash, ReadOnlySpan<byte> key, ReadOnlySpan<byte> data, Span<byte> destination)
    {
        Count();
        _real.Hmac(hash, key, data, destination);
    }

    public override void HkdfExtract(HashKind hash, ReadOnlySpan<byte> salt, ReadOnlySpan<byte> inputKeyMaterial, Span<byte> pseudoRandomKey)
    {
        Count();
        _real.HkdfExtract(hash, salt, inputKeyMaterial, pseudoRandomKey);
    }

    public override void HkdfExpand(HashKind hash, ReadOnlySpan<byte> pseudoRandomKey, ReadOnlySpan<byte> info, Span<byte> output)
    {
        Count();
        _real.HkdfExpand(hash, pseudoRandomKey, info, output);
    }

    public override Aead CreateAead(AeadKind aead, ReadOnlySpan<byte> key)
    {
        Count();
        return _real.CreateAead(aead, key);
    }

    public override KeyExchange StartKeyExchange(TlsNamedGroup group) => _real.StartKeyExchange(group);

    public override (int Share, int Secret) AnswerKeyExchange(TlsNamedGroup group, ReadOnlySpan<byte> peerShare, Span<byte> share, Span<byte> secret)
        => _real.AnswerKeyExchange(group, peerShare, share, secret);

    public override Signer CreateSigner(ReadOnlySpan<byte> pkcs8) => _real.CreateSigner(pkcs8);

    public override Signer CreateSigner(AsymmetricAlgorithm key) => _real.CreateSigner(key);

    public override Verifier CreateVerifier(ReadOnlySpan<byte> subjectPublicKeyInfo) => _real.CreateVerifier(subjectPublicKeyInfo);

    private void Count()
    {
        if (Calls++ == FailingCall)
        {
            throw new CryptographicException("This call fails on purpose.");
        }
    }
}

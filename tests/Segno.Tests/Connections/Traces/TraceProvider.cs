using System.Security.Cryptography;
using Segno.Cryptography;
using Segno.Tests.Cryptography;

namespace Segno.Tests.Connections.Traces;

/// <summary>The provider of this process, with the keys, randoms and signatures of one side of a trace.</summary>
internal sealed class TraceProvider(Trace.Pockets pockets) : ForwardingProvider(Default)
{
    private readonly Queue<(TlsNamedGroup Group, byte[] Key, byte[] Share)> _keys = new(pockets.Keys);
    private readonly Queue<byte[]> _random = new();

    /// <summary>The next random bytes; after them come real ones.</summary>
    public void NextRandom(params byte[][] parts) => _random.Enqueue([.. parts.SelectMany(part => part)]);

    public override void FillRandom(Span<byte> destination)
    {
        if (!_random.TryDequeue(out byte[]? next))
        {
            base.FillRandom(destination);
            return;
        }
        Assert.Equal(next.Length, destination.Length);
        next.CopyTo(destination);
    }

    public override KeyExchange StartKeyExchange(TlsNamedGroup group)
    {
        (TlsNamedGroup expected, byte[] key, byte[] share) = _keys.Dequeue();
        Assert.Equal(expected, group);
        return group != TlsNamedGroup.X25519 ? new P256(key, share)
            : Name == LibcryptoProvider.ProviderName ? new LibcryptoKeyExchange(key) : new X25519KeyExchange(key);
    }

    public override (int Share, int Secret) AnswerKeyExchange(TlsNamedGroup group, ReadOnlySpan<byte> peerShare, Span<byte> share, Span<byte> secret)
    {
        using KeyExchange exchange = StartKeyExchange(group);
        exchange.WriteShare(share);
        return (exchange.ShareLength, exchange.Agree(peerShare, secret));
    }

    /// <summary>A signer that signs once, with the trace's signature: it must be one over what is to be signed.</summary>
    public Signer Signer(byte[] signature, ReadOnlyMemory<byte> publicKeyInfo) => new Recorded(signature, CreateVerifier(publicKeyInfo.Span));

    private sealed class Recorded(byte[] signature, Verifier verifier) : Signer
    {
        public override KeyKind Kind => verifier.Kind;

        public override int KeySize => verifier.KeySize;

        public override int MaxSignatureLength => signature.Length;

        public override int Sign(TlsSignatureScheme scheme, ReadOnlySpan<byte> data, Span<byte> destination)
        {
            Assert.True(verifier.Verify(scheme, data, signature));
            signature.CopyTo(destination);
            return signature.Length;
        }

        public override int SignTls12(TlsSignatureScheme scheme, ReadOnlySpan<byte> data, Span<byte> destination) => throw new NotSupportedException();

        public override void Dispose() => verifier.Dispose();
    }

    /// <summary>P-256 with a given key.</summary>
    private sealed class P256(byte[] key, byte[] share) : KeyExchange
    {
        private readonly ECDiffieHellman _key = ECDiffieHellman.Create(Parameters(key, share));

        public override TlsNamedGroup Group => TlsNamedGroup.P256;

        public override int ShareLength => share.Length;

        public override void WriteShare(Span<byte> destination) => share.CopyTo(destination);

        public override int Agree(ReadOnlySpan<byte> peerShare, Span<byte> secret)
        {
            using ECDiffieHellman peer = ECDiffieHellman.Create(Parameters(null, peerShare.ToArray()));
            byte[] agreed = _key.DeriveRawSecretAgreement(peer.PublicKey);
            agreed.CopyTo(secret);
            return agreed.Length;
        }

        public override void Dispose() => _key.Dispose();

        private static ECParameters Parameters(byte[]? key, byte[] share) => new()
        {
            Curve = ECCurve.NamedCurves.nistP256,
            D = key,
            Q = new ECPoint { X = share[1..33], Y = share[33..65] },
        };
    }
}

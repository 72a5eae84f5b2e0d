using Segno.Cryptography;
using Segno.Tests.Cryptography;

namespace Segno.Tests.Handshake;

/// <summary>Counts what holds keys and is not disposed.</summary>
internal sealed class CountingProvider() : ForwardingProvider(CryptoProvider.Default)
{
    private readonly HashSet<object> _alive = new(ReferenceEqualityComparer.Instance);

    public int Alive => _alive.Count;

    public int Made { get; private set; }

    public override Aead CreateAead(AeadKind aead, ReadOnlySpan<byte> key) => Add(new CountedAead(base.CreateAead(aead, key), _alive));

    public override KeyExchange StartKeyExchange(TlsNamedGroup group) => Add(new CountedExchange(base.StartKeyExchange(group), _alive));

    private T Add<T>(T made)
        where T : class
    {
        Made++;
        _alive.Add(made);
        return made;
    }
}

file sealed class CountedAead(Aead inner, HashSet<object> alive) : Aead
{
    public override void Seal(ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> plaintext, ReadOnlySpan<byte> associatedData, Span<byte> destination)
        => inner.Seal(nonce, plaintext, associatedData, destination);

    public override void Seal(ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> first, ReadOnlySpan<byte> second, ReadOnlySpan<byte> associatedData, Span<byte> destination)
        => inner.Seal(nonce, first, second, associatedData, destination);

    public override bool TryOpen(ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> sealedData, ReadOnlySpan<byte> associatedData, Span<byte> destination)
        => inner.TryOpen(nonce, sealedData, associatedData, destination);

    public override void Dispose()
    {
        alive.Remove(this);
        inner.Dispose();
    }
}

file sealed class CountedExchange(KeyExchange inner, HashSet<object> alive) : KeyExchange
{
    public override TlsNamedGroup Group => inner.Group;

    public override int ShareLength => inner.ShareLength;

    public override void WriteShare(Span<byte> destination) => inner.WriteShare(destination);

    public override int Agree(ReadOnlySpan<byte> peerShare, Span<byte> secret) => inner.Agree(peerShare, secret);

    public override void Dispose()
    {
        alive.Remove(this);
        inner.Dispose();
    }
}

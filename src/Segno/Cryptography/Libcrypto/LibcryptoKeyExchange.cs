namespace Segno.Cryptography;

internal sealed unsafe class LibcryptoKeyExchange : KeyExchange
{
    private nint _key;
    private bool _used;

    public LibcryptoKeyExchange(TlsNamedGroup group)
    {
        Group = group;
        _key = EvpKeys.Generate(group);
    }

    /// <summary>X25519 with a given private key, for known-answer tests.</summary>
    internal LibcryptoKeyExchange(ReadOnlySpan<byte> privateKey)
    {
        Group = TlsNamedGroup.X25519;
        _key = EvpKeys.ReadX25519Private(privateKey);
    }

    ~LibcryptoKeyExchange() => Free();

    public override TlsNamedGroup Group { get; }

    public override int ShareLength => Group.ShareLength();

    public override void WriteShare(Span<byte> destination)
    {
        ObjectDisposedException.ThrowIf(_key == 0, this);
        EvpKeys.WriteShare(Group, _key, destination);
        GC.KeepAlive(this);
    }

    public override int Agree(ReadOnlySpan<byte> peerShare, Span<byte> secret)
    {
        ObjectDisposedException.ThrowIf(_key == 0, this);
        if (_used)
        {
            throw new InvalidOperationException("A key exchange is used once.");
        }

        CryptoCounters.Current.KeyAgreements++;
        _used = true;
        int length = EvpKeys.Agree(Group, _key, peerShare, secret);
        GC.KeepAlive(this);
        return length;
    }

    public override void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        nint key = Interlocked.Exchange(ref _key, 0);
        if (key != 0)
        {
            Native.EVP_PKEY_free(key);
        }
    }
}

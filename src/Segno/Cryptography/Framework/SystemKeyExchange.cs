using System.Security.Cryptography;
using BouncyCastleX25519 = Org.BouncyCastle.Math.EC.Rfc7748.X25519;

namespace Segno.Cryptography;

/// <summary>ECDH on a NIST curve.</summary>
internal sealed class SystemKeyExchange : KeyExchange
{
    private readonly ECDiffieHellman _key;
    private bool _used;
    private bool _disposed;

    public SystemKeyExchange(TlsNamedGroup group)
    {
        Group = group;
        _key = ECDiffieHellman.Create(Curve(group));
    }

    public override TlsNamedGroup Group { get; }

    public override int ShareLength => Group.ShareLength();

    public override void WriteShare(Span<byte> destination)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ECParameters parameters = _key.ExportParameters(includePrivateParameters: false);
        destination = destination[..ShareLength];
        destination[0] = 4;
        parameters.Q.X.CopyTo(destination[1..]);
        parameters.Q.Y.CopyTo(destination[(1 + parameters.Q.X!.Length)..]);
    }

    public override int Agree(ReadOnlySpan<byte> peerShare, Span<byte> secret)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (_used)
        {
            throw new InvalidOperationException("A key exchange is used once.");
        }

        CryptoCounters.Current.KeyAgreements++;
        _used = true;
        NamedGroups.CheckShare(Group, peerShare);
        secret = secret[..Group.SecretLength()];

        // Importing checks that the point is on its curve.
        int coordinate = (peerShare.Length - 1) / 2;
        ECParameters parameters = new()
        {
            Curve = Curve(Group),
            Q = new ECPoint { X = peerShare.Slice(1, coordinate).ToArray(), Y = peerShare[(1 + coordinate)..].ToArray() },
        };
        using ECDiffieHellman peer = ECDiffieHellman.Create(parameters);
        using ECDiffieHellmanPublicKey peerKey = peer.PublicKey;
        byte[] agreed = _key.DeriveRawSecretAgreement(peerKey);
        try
        {
            // X9.63 and TLS alike: the x-coordinate at the curve's full length.
            agreed.AsSpan().CopyTo(secret[(secret.Length - agreed.Length)..]);
            secret[..(secret.Length - agreed.Length)].Clear();
            return secret.Length;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(agreed);
        }
    }

    public override void Dispose()
    {
        _disposed = true;
        _key.Dispose();
    }

    private static ECCurve Curve(TlsNamedGroup group) => group switch
    {
        TlsNamedGroup.P256 => ECCurve.NamedCurves.nistP256,
        TlsNamedGroup.P384 => ECCurve.NamedCurves.nistP384,
        _ => throw NamedGroups.Unsupported(group),
    };
}

/// <summary>X25519 by BouncyCastle.</summary>
internal sealed class X25519KeyExchange : KeyExchange
{
    private readonly byte[] _key = GC.AllocateUninitializedArray<byte>(32, pinned: true);
    private bool _used;
    private bool _disposed;

    // RFC 7748 §6.1: any 32 random bytes are a private key.
    public X25519KeyExchange() => SystemRandom.Fill(_key);

    /// <summary>For known-answer tests.</summary>
    internal X25519KeyExchange(ReadOnlySpan<byte> privateKey) => privateKey.CopyTo(_key);

    ~X25519KeyExchange() => CryptographicOperations.ZeroMemory(_key);

    public override TlsNamedGroup Group => TlsNamedGroup.X25519;

    public override int ShareLength => 32;

    public override void WriteShare(Span<byte> destination)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        BouncyCastleX25519.GeneratePublicKey(_key, destination[..ShareLength]);
    }

    public override int Agree(ReadOnlySpan<byte> peerShare, Span<byte> secret)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (_used)
        {
            throw new InvalidOperationException("A key exchange is used once.");
        }

        CryptoCounters.Current.KeyAgreements++;
        _used = true;
        NamedGroups.CheckShare(Group, peerShare);
        secret = secret[..Group.SecretLength()];
        BouncyCastleX25519.ScalarMult(_key, peerShare, secret);
        NamedGroups.CheckX25519Secret(secret);
        return secret.Length;
    }

    public override void Dispose()
    {
        _disposed = true;
        CryptographicOperations.ZeroMemory(_key);
        GC.SuppressFinalize(this);
    }
}

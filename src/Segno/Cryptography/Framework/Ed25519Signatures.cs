using System.Security.Cryptography;
using Ed25519 = Org.BouncyCastle.Math.EC.Rfc8032.Ed25519;

namespace Segno.Cryptography;

/// <summary>Ed25519 by BouncyCastle.</summary>
internal sealed class Ed25519Signer : Signer
{
    private readonly byte[] _key = GC.AllocateUninitializedArray<byte>(32, pinned: true);
    private readonly byte[] _publicKey = new byte[32];
    private readonly ReaderWriterLockSlim _use = new();
    private bool _disposed;

    public Ed25519Signer(ReadOnlySpan<byte> pkcs8)
    {
        PrivateKeyInfo.Read(pkcs8).Key.CopyTo(_key);
        Ed25519.GeneratePublicKey(_key, _publicKey);
    }

    ~Ed25519Signer() => CryptographicOperations.ZeroMemory(_key);

    public override KeyKind Kind => KeyKind.Ed25519;

    public override int KeySize => 256;

    public override int MaxSignatureLength => SignatureSchemes.MaxSignatureLength(Kind, KeySize);

    public override int Sign(TlsSignatureScheme scheme, ReadOnlySpan<byte> data, Span<byte> destination)
    {
        SignatureArguments.CheckSign(this, scheme, pssHash: null, destination, anyCurve: false);

        // A key wiped in the middle of a signature would sign with half a key, which gives the key away.
        _use.EnterReadLock();
        try
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            CryptoCounters.Current.Signatures++;
            // Spans all: with an array in the second place the overload would be Ed25519ctx, and that array its context.
            Ed25519.Sign(_key.AsSpan(), _publicKey.AsSpan(), data, destination[..MaxSignatureLength]);
            return MaxSignatureLength;
        }
        finally
        {
            _use.ExitReadLock();
        }
    }

    public override int SignTls12(TlsSignatureScheme scheme, ReadOnlySpan<byte> data, Span<byte> destination) => Sign(scheme, data, destination);

    public override void Dispose()
    {
        _use.EnterWriteLock();
        try
        {
            _disposed = true;
            CryptographicOperations.ZeroMemory(_key);
        }
        finally
        {
            _use.ExitWriteLock();
        }

        GC.SuppressFinalize(this);
    }
}

/// <summary>Ed25519 by BouncyCastle.</summary>
internal sealed class Ed25519Verifier : Verifier
{
    private readonly byte[] _key;
    private bool _disposed;

    public Ed25519Verifier(ReadOnlySpan<byte> subjectPublicKeyInfo) => _key = PublicKeyInfo.Read(subjectPublicKeyInfo).Point.ToArray();

    public override KeyKind Kind => KeyKind.Ed25519;

    public override int KeySize => 256;

    public override bool Verify(TlsSignatureScheme scheme, ReadOnlySpan<byte> data, ReadOnlySpan<byte> signature)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (scheme != TlsSignatureScheme.Ed25519)
        {
            return false;
        }

        CryptoCounters.Current.Verifications++;
        return signature.Length == 64 && Ed25519.Verify(signature, _key, data);
    }

    public override bool VerifyTls12(TlsSignatureScheme scheme, ReadOnlySpan<byte> data, ReadOnlySpan<byte> signature) => Verify(scheme, data, signature);

    public override void Dispose() => _disposed = true;
}

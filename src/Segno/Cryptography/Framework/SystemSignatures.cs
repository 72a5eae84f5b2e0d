using System.Collections.Concurrent;
using System.Security.Cryptography;

namespace Segno.Cryptography;

/// <summary>RSA and ECDSA signatures by the framework.</summary>
/// <remarks>
/// The framework does not promise that its keys may be used by several threads at once. Of a key that is ours, each
/// concurrent signature gets its own copy; one that cannot be copied signs under a lock.
/// </remarks>
internal sealed class SystemSigner : Signer
{
    private readonly AsymmetricAlgorithm _key;
    private readonly HashKind? _pssHash;
    private readonly bool _isOurs;
    private readonly ConcurrentBag<AsymmetricAlgorithm> _copies = [];
    private readonly Lock _lock = new();
    private bool _disposed;

    public SystemSigner(ReadOnlySpan<byte> pkcs8)
    {
        PrivateKeyInfo info = PrivateKeyInfo.Read(pkcs8);
        Kind = info.Kind;
        KeySize = info.KeySize;
        _pssHash = info.PssHash;
        _isOurs = true;
        _key = Import(info, pkcs8);
    }

    /// <summary>A key that stays in its holder. It stays the caller's to dispose, too.</summary>
    public SystemSigner(AsymmetricAlgorithm key)
    {
        if (key is not (RSA or ECDsa))
        {
            throw new CryptographicException($"Keys of the type {key.GetType()} are not supported.");
        }

        PublicKeyInfo info = PublicKeyInfo.Read(key.ExportSubjectPublicKeyInfo());
        if (key is RSA)
        {
            Der.CheckRsa(info.KeySize, RsaLimits.MinSigningBits);
        }

        Kind = info.Kind;
        KeySize = info.KeySize;
        _pssHash = info.PssHash;
        _key = key;
    }

    public override KeyKind Kind { get; }

    public override int KeySize { get; }

    public override int MaxSignatureLength => SignatureSchemes.MaxSignatureLength(Kind, KeySize);

    public override int Sign(TlsSignatureScheme scheme, ReadOnlySpan<byte> data, Span<byte> destination) =>
        Sign(scheme, data, destination, anyCurve: false);

    public override int SignTls12(TlsSignatureScheme scheme, ReadOnlySpan<byte> data, Span<byte> destination) =>
        Sign(scheme, data, destination, anyCurve: true);

    public override void Dispose()
    {
        lock (_lock)
        {
            _disposed = true;
            if (!_isOurs)
            {
                return;
            }

            while (_copies.TryTake(out AsymmetricAlgorithm? copy))
            {
                copy.Dispose();
            }

            _key.Dispose();
        }
    }

    private static AsymmetricAlgorithm Import(in PrivateKeyInfo info, ReadOnlySpan<byte> pkcs8)
    {
        if (info.Kind is KeyKind.Rsa or KeyKind.RsaPss)
        {
            // The framework knows no id-RSASSA-PSS; the key inside is the same.
            RSA rsa = RSA.Create();
            rsa.ImportRSAPrivateKey(info.Key, out _);
            return rsa;
        }

        ECDsa ecdsa = ECDsa.Create();
        ecdsa.ImportPkcs8PrivateKey(pkcs8, out _);
        return ecdsa;
    }

    private static int Sign(AsymmetricAlgorithm key, TlsSignatureScheme scheme, ReadOnlySpan<byte> data, Span<byte> destination)
    {
        HashAlgorithmName hash = scheme.Hash()!.Value.FrameworkName();
        int length;
        bool signed = key is RSA rsa
            ? rsa.TrySignData(data, destination, hash, scheme.IsPss() ? RSASignaturePadding.Pss : RSASignaturePadding.Pkcs1, out length)
            : ((ECDsa)key).TrySignData(data, destination, hash, DSASignatureFormat.Rfc3279DerSequence, out length);
        return signed ? length : throw new CryptographicException("Cannot sign: the signature is longer than its key allows.");
    }

    private int Sign(TlsSignatureScheme scheme, ReadOnlySpan<byte> data, Span<byte> destination, bool anyCurve)
    {
        SignatureArguments.CheckSign(this, scheme, _pssHash, destination, anyCurve);
        if (!_isOurs)
        {
            lock (_lock)
            {
                ObjectDisposedException.ThrowIf(_disposed, this);
                CryptoCounters.Current.Signatures++;
                return Sign(_key, scheme, data, destination);
            }
        }

        AsymmetricAlgorithm copy = TakeCopy();
        try
        {
            CryptoCounters.Current.Signatures++;
            return Sign(copy, scheme, data, destination);
        }
        finally
        {
            ReturnCopy(copy);
        }
    }

    private AsymmetricAlgorithm TakeCopy()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (_copies.TryTake(out AsymmetricAlgorithm? copy))
        {
            return copy;
        }

        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (!ExportedKey.TryExport(_key, out ExportedKey exported))
            {
                throw new CryptographicException("Cannot copy the private key.");
            }

            using (exported)
            {
                return Import(PrivateKeyInfo.Read(exported.Pkcs8), exported.Pkcs8);
            }
        }
    }

    private void ReturnCopy(AsymmetricAlgorithm copy)
    {
        lock (_lock)
        {
            if (!_disposed)
            {
                _copies.Add(copy);
                return;
            }
        }

        copy.Dispose();
    }
}

/// <summary>RSA and ECDSA verification by the framework, under a lock: a verifier serves one connection.</summary>
internal sealed class SystemVerifier : Verifier
{
    private readonly AsymmetricAlgorithm _key;
    private readonly HashKind? _pssHash;
    private readonly Lock _lock = new();
    private bool _disposed;

    public SystemVerifier(ReadOnlySpan<byte> subjectPublicKeyInfo)
    {
        PublicKeyInfo info = PublicKeyInfo.Read(subjectPublicKeyInfo);
        Kind = info.Kind;
        KeySize = info.KeySize;
        _pssHash = info.PssHash;
        try
        {
            _key = info.Kind is KeyKind.Rsa or KeyKind.RsaPss
                ? RSA.Create(new RSAParameters { Modulus = info.Modulus.ToArray(), Exponent = info.Exponent.ToArray() })
                : ReadPoint(subjectPublicKeyInfo);
        }
        catch (CryptographicException e)
        {
            // A point beside its curve, mostly.
            throw new PublicKeyException(e.Message, e);
        }
    }

    public override KeyKind Kind { get; }

    public override int KeySize { get; }

    public override bool Verify(TlsSignatureScheme scheme, ReadOnlySpan<byte> data, ReadOnlySpan<byte> signature) =>
        Verify(scheme, data, signature, anyCurve: false);

    public override bool VerifyTls12(TlsSignatureScheme scheme, ReadOnlySpan<byte> data, ReadOnlySpan<byte> signature) =>
        Verify(scheme, data, signature, anyCurve: true);

    public override void Dispose()
    {
        lock (_lock)
        {
            _disposed = true;
            _key.Dispose();
        }
    }

    private static ECDsa ReadPoint(ReadOnlySpan<byte> subjectPublicKeyInfo)
    {
        var key = ECDsa.Create();
        try
        {
            key.ImportSubjectPublicKeyInfo(subjectPublicKeyInfo, out _);
            return key;
        }
        catch
        {
            key.Dispose();
            throw;
        }
    }

    private bool Verify(TlsSignatureScheme scheme, ReadOnlySpan<byte> data, ReadOnlySpan<byte> signature, bool anyCurve)
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (!SignatureSchemes.Fits(scheme, Kind, KeySize, _pssHash, anyCurve))
            {
                return false;
            }

            CryptoCounters.Current.Verifications++;
            HashAlgorithmName hash = scheme.Hash()!.Value.FrameworkName();
            return _key is RSA rsa
                ? rsa.VerifyData(data, signature, hash, scheme.IsPss() ? RSASignaturePadding.Pss : RSASignaturePadding.Pkcs1)
                : ((ECDsa)_key).VerifyData(data, signature, hash, DSASignatureFormat.Rfc3279DerSequence);
        }
    }
}

using System.Security.Cryptography;

namespace Segno.Cryptography;

internal sealed unsafe class LibcryptoSigner : Signer
{
    private readonly EvpKeyHandle _key;
    private readonly HashKind? _pssHash;

    public LibcryptoSigner(ReadOnlySpan<byte> pkcs8)
    {
        PrivateKeyInfo info = PrivateKeyInfo.Read(pkcs8);
        Kind = info.Kind;
        KeySize = info.KeySize;
        _pssHash = info.PssHash;
        _key = new EvpKeyHandle(EvpKeys.ReadPrivate(pkcs8));
    }

    public override KeyKind Kind { get; }

    public override int KeySize { get; }

    public override int MaxSignatureLength => SignatureSchemes.MaxSignatureLength(Kind, KeySize);

    public override int Sign(TlsSignatureScheme scheme, ReadOnlySpan<byte> data, Span<byte> destination) =>
        Sign(scheme, data, destination, anyCurve: false);

    public override int SignTls12(TlsSignatureScheme scheme, ReadOnlySpan<byte> data, Span<byte> destination) =>
        Sign(scheme, data, destination, anyCurve: true);

    public override void Dispose() => _key.Dispose();

    private int Sign(TlsSignatureScheme scheme, ReadOnlySpan<byte> data, Span<byte> destination, bool anyCurve)
    {
        SignatureArguments.CheckSign(this, scheme, _pssHash, destination, anyCurve);
        bool held = false;
        nint context = 0;
        try
        {
            _key.DangerousAddRef(ref held);
            CryptoCounters.Current.Signatures++;
            context = LibcryptoDigest.NewContext();
            nuint length = (nuint)destination.Length;
            nint parameters = 0;
            bool ok;
            fixed (byte* m = data, d = destination)
            {
                ok = Native.EVP_DigestSignInit_ex(context, &parameters, SignatureParameters.HashName(scheme), 0, null, _key.DangerousGetHandle(), null) == 1
                    && SignatureParameters.Set(scheme, parameters)
                    && Native.EVP_DigestSign(context, d, &length, m, (nuint)data.Length) == 1;
            }

            return ok ? (int)length : throw Native.Failure("Cannot sign");
        }
        finally
        {
            Native.EVP_MD_CTX_free(context);
            if (held)
            {
                _key.DangerousRelease();
            }
        }
    }
}

internal sealed unsafe class LibcryptoVerifier : Verifier
{
    private readonly EvpKeyHandle _key;
    private readonly HashKind? _pssHash;

    public LibcryptoVerifier(ReadOnlySpan<byte> subjectPublicKeyInfo)
    {
        PublicKeyInfo info = PublicKeyInfo.Read(subjectPublicKeyInfo);
        Kind = info.Kind;
        KeySize = info.KeySize;
        _pssHash = info.PssHash;
        try
        {
            _key = new EvpKeyHandle(EvpKeys.ReadPublic(info));
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

    public override void Dispose() => _key.Dispose();

    private bool Verify(TlsSignatureScheme scheme, ReadOnlySpan<byte> data, ReadOnlySpan<byte> signature, bool anyCurve)
    {
        bool held = false;
        nint context = 0;
        try
        {
            _key.DangerousAddRef(ref held);
            if (!SignatureSchemes.Fits(scheme, Kind, KeySize, _pssHash, anyCurve))
            {
                return false;
            }

            CryptoCounters.Current.Verifications++;
            context = LibcryptoDigest.NewContext();
            nint parameters = 0;
            fixed (byte* m = data, s = signature)
            {
                if (Native.EVP_DigestVerifyInit_ex(context, &parameters, SignatureParameters.HashName(scheme), 0, null, _key.DangerousGetHandle(), null) != 1
                    || !SignatureParameters.Set(scheme, parameters))
                {
                    throw Native.Failure("Cannot verify");
                }

                bool valid = Native.EVP_DigestVerify(context, s, (nuint)signature.Length, m, (nuint)data.Length) == 1;
                if (!valid)
                {
                    Native.ERR_clear_error();
                }

                return valid;
            }
        }
        finally
        {
            Native.EVP_MD_CTX_free(context);
            if (held)
            {
                _key.DangerousRelease();
            }
        }
    }
}

/// <summary>What a scheme is to EVP.</summary>
internal static unsafe class SignatureParameters
{
    private const int PssPadding = 6; // RSA_PKCS1_PSS_PADDING; PKCS#1 v1.5 is the default
    private const int SaltOfHashLength = -1; // RSA_PSS_SALTLEN_DIGEST

    public static byte* HashName(TlsSignatureScheme scheme) => scheme.Hash() switch
    {
        null => null,
        HashKind.Sha256 => Native.Utf8(Native.Names.Sha256),
        HashKind.Sha384 => Native.Utf8(Native.Names.Sha384),
        _ => Native.Utf8(Native.Names.Sha512),
    };

    // The hash of MGF1 is that of the signature unless it is set.
    public static bool Set(TlsSignatureScheme scheme, nint parameters) =>
        !scheme.IsPss()
        || (Native.EVP_PKEY_CTX_set_rsa_padding(parameters, PssPadding) == 1
            && Native.EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, SaltOfHashLength) == 1);
}

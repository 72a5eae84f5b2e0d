namespace Segno.Cryptography;

/// <summary>What every signer asks of its arguments.</summary>
internal static class SignatureArguments
{
    public static void CheckSign(Signer signer, TlsSignatureScheme scheme, HashKind? pssHash, Span<byte> destination, bool anyCurve)
    {
        if (!SignatureSchemes.Fits(scheme, signer.Kind, signer.KeySize, pssHash, anyCurve))
        {
            throw SignatureSchemes.Misfit(scheme, signer.Kind, signer.KeySize);
        }

        if (destination.Length < signer.MaxSignatureLength)
        {
            throw new ArgumentException($"The destination is too short; a signature of this key may have {signer.MaxSignatureLength} bytes.", nameof(destination));
        }
    }
}

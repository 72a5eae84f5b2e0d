using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Segno.Cryptography;

namespace Segno.Certificates;

/// <summary>A chain and its key out of PEM texts (RFC 7468), with errors that say what to do.</summary>
internal static class CertificatePem
{
    public static TlsCertificate Load(string certificatePem, string keyPem)
    {
        List<ReadOnlyMemory<byte>> chain = ReadChain(certificatePem);
        X509Certificate2? leaf = null;
        Signer? signer = null;
        try
        {
            leaf = LoadCertificate(chain[0], 1);
            for (int i = 1; i < chain.Count; i++)
            {
                LoadCertificate(chain[i], i + 1).Dispose();
            }

            signer = CreateSigner(keyPem, chain[0]);
            if (!Fits(signer, chain[0]))
            {
                throw Misfit(signer, chain);
            }
            TlsCertificate result = TlsCertificate.Create(leaf, chain, signer);
            (leaf, signer) = (null, null);
            return result;
        }
        finally
        {
            leaf?.Dispose();
            signer?.Dispose();
        }
    }

    private static List<ReadOnlyMemory<byte>> ReadChain(string certificatePem)
    {
        List<ReadOnlyMemory<byte>> chain = [];
        ReadOnlySpan<char> rest = certificatePem;
        while (PemEncoding.TryFind(rest, out PemFields fields))
        {
            if (rest[fields.Label].ToString() is "CERTIFICATE" or "X509 CERTIFICATE")
            {
                chain.Add(Convert.FromBase64String(rest[fields.Base64Data].ToString()));
            }
            rest = rest[fields.Location.End..];
        }
        return chain.Count > 0
            ? chain
            : throw new ArgumentException(
                "There is no certificate in the PEM text: it needs a block that starts with \"-----BEGIN CERTIFICATE-----\".", nameof(certificatePem));
    }

    private static X509Certificate2 LoadCertificate(ReadOnlyMemory<byte> der, int position)
    {
        try
        {
            return CertificateDer.Load(der.Span);
        }
        catch (CryptographicException e)
        {
            throw new ArgumentException($"Certificate {position} of the PEM text is malformed. Export the chain again.", e);
        }
    }

    private static Signer CreateSigner(string keyPem, ReadOnlyMemory<byte> leaf)
    {
        byte[] pkcs8 = PrivateKeyPem.Read(keyPem, leaf);
        try
        {
            return CryptoProvider.Default.CreateSigner(pkcs8);
        }
        catch (CryptographicException e)
        {
            throw new ArgumentException(
                $"The private key cannot be used: {e.Message} Use RSA with at least 2048 bits, EC on P-256, P-384 or P-521, or Ed25519.", nameof(keyPem), e);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(pkcs8);
        }
    }

    private static ArgumentException Misfit(Signer signer, List<ReadOnlyMemory<byte>> chain)
    {
        int other = chain.FindIndex(1, certificate => Fits(signer, certificate));
        return new ArgumentException(other > 0
            ? $"The private key belongs to certificate {other + 1} of the PEM text. Put that certificate first, and its issuers after it."
            : "The private key does not belong to the first certificate of the PEM text. Give the key that the certificate was requested with.");
    }

    /// <summary>Whether a signature by the key verifies under the certificate: the one proof that works for keys of every kind and holder.</summary>
    private static bool Fits(Signer signer, ReadOnlyMemory<byte> certificate)
    {
        try
        {
            ReadOnlySpan<byte> publicKeyInfo = CertificateDer.PublicKeyInfo(certificate).Span;
            using Verifier verifier = CryptoProvider.Default.CreateVerifier(publicKeyInfo);
            if (verifier.Kind != signer.Kind || verifier.KeySize != signer.KeySize)
            {
                return false;
            }
            TlsSignatureScheme scheme = ProofScheme(signer.Kind, PublicKeyInfo.Read(publicKeyInfo).PssHash);
            ReadOnlySpan<byte> data = "Does this key belong to this certificate?"u8;
            byte[] signature = new byte[signer.MaxSignatureLength];
            int length = signer.Sign(scheme, data, signature);
            return verifier.Verify(scheme, data, signature.AsSpan(0, length));
        }
        catch (CryptographicException)
        {
            return false;
        }
    }

    private static TlsSignatureScheme ProofScheme(KeyKind kind, HashKind? pssHash) => kind switch
    {
        KeyKind.EcP256 => TlsSignatureScheme.EcdsaP256Sha256,
        KeyKind.EcP384 => TlsSignatureScheme.EcdsaP384Sha384,
        KeyKind.EcP521 => TlsSignatureScheme.EcdsaP521Sha512,
        KeyKind.Ed25519 => TlsSignatureScheme.Ed25519,
        KeyKind.RsaPss => pssHash switch
        {
            HashKind.Sha384 => TlsSignatureScheme.RsaPssPssSha384,
            HashKind.Sha512 => TlsSignatureScheme.RsaPssPssSha512,
            _ => TlsSignatureScheme.RsaPssPssSha256,
        },
        _ => TlsSignatureScheme.RsaPssRsaeSha256,
    };
}

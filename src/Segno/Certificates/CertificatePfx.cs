using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Segno.Buffers;
using Segno.Cryptography;

namespace Segno.Certificates;

/// <summary>A chain and its key out of PKCS#12.</summary>
internal static class CertificatePfx
{
    public static TlsCertificate Load(ReadOnlySpan<byte> data, string? password)
    {
        X509Certificate2Collection all = Open(data, password);
        X509Certificate2? leaf = null;
        try
        {
            X509Certificate2[] withKey = [.. all.Where(certificate => certificate.HasPrivateKey)];
            if (withKey.Length != 1)
            {
                throw new ArgumentException(
                    $"The PFX has {withKey.Length} certificates with a private key; it needs exactly one. Export the certificate again, together with its key.", nameof(data));
            }
            leaf = withKey[0];
            TlsCertificate result = Create(leaf, ChainAbove(leaf, all));
            all.Remove(leaf);
            return result;
        }
        finally
        {
            foreach (X509Certificate2 certificate in all)
            {
                certificate.Dispose();
            }
        }
    }

    private static TlsCertificate Create(X509Certificate2 leaf, X509Certificate2Collection above)
    {
        // Not disposed: a signer that cannot copy the key signs with this very one.
        AsymmetricAlgorithm key = (AsymmetricAlgorithm?)leaf.GetECDsaPrivateKey() ?? leaf.GetRSAPrivateKey()
            ?? throw new ArgumentException("The private key in the PFX is of an unsupported kind: use RSA or EC, or give other keys as PEM.");
        return TlsCertificate.Create(leaf, above, CryptoProvider.Default.CreateSigner(key), ownsLeaf: true);
    }

    private static X509Certificate2Collection Open(ReadOnlySpan<byte> data, string? password)
    {
        // Keys stay in memory, where the signer copies them; macOS alone cannot do that and puts them in a temporary keychain.
        X509KeyStorageFlags storage = X509KeyStorageFlags.Exportable
            | (OperatingSystem.IsMacOS() ? X509KeyStorageFlags.DefaultKeySet : X509KeyStorageFlags.EphemeralKeySet);
        try
        {
            return X509CertificateLoader.LoadPkcs12Collection(data, password, storage);
        }
        catch (CryptographicException e)
        {
            throw new ArgumentException("The PFX cannot be opened: the password is wrong, or it is not PKCS#12.", nameof(data), e);
        }
    }

    /// <summary>A PFX has its certificates in any order: follow the issuers' names, and leave the root out.</summary>
    private static X509Certificate2Collection ChainAbove(X509Certificate2 leaf, X509Certificate2Collection all)
    {
        X509Certificate2Collection chain = [];
        X509Certificate2? next = leaf;
        while (!IsSelfIssued(next))
        {
            X509Certificate2 current = next;
            next = all.FirstOrDefault(candidate => SameName(candidate.SubjectName, current.IssuerName) && candidate != leaf && !chain.Contains(candidate));
            if (next is null || IsSelfIssued(next))
            {
                break;
            }
            chain.Add(next);
        }
        return chain;
    }

    private static bool IsSelfIssued(X509Certificate2 certificate) => SameName(certificate.SubjectName, certificate.IssuerName);

    private static bool SameName(X500DistinguishedName a, X500DistinguishedName b) => PublicData.Equal(a.RawData, b.RawData);
}

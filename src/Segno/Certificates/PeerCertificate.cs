using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Segno.Cryptography;

namespace Segno.Certificates;

/// <summary>
/// The chain a peer showed, with its leaf parsed and its key ready to verify with. What is wrong here is wrong whatever the
/// application thinks of the chain, so that no callback is asked.
/// </summary>
internal sealed class PeerCertificate : IDisposable
{
    private PeerCertificate(X509Certificate2 leaf, Verifier verifier, IReadOnlyList<ReadOnlyMemory<byte>> chain)
    {
        Leaf = leaf;
        Verifier = verifier;
        Chain = chain;
    }

    /// <summary>The leaf. It outlives this object: the connection's info shows it.</summary>
    public X509Certificate2 Leaf { get; }

    /// <summary>Verifies with the key of the leaf. Disposed with this object.</summary>
    public Verifier Verifier { get; }

    /// <summary>The chain in DER as it came, leaf first.</summary>
    public IReadOnlyList<ReadOnlyMemory<byte>> Chain { get; }

    /// <summary>Whether the chain is a session's, and not of this handshake.</summary>
    public bool IsOfSession { get; private set; }

    /// <summary>The OCSP response stapled to the leaf, as it came; empty: none.</summary>
    public ReadOnlyMemory<byte> OcspResponse { get; set; }

    /// <summary>Parses the chain of a Certificate message. The bytes are kept, not copied.</summary>
    /// <param name="chain">The certificates in DER, leaf first; at least one.</param>
    /// <param name="provider">Makes the verifier.</param>
    /// <exception cref="TlsException">A certificate is malformed, the leaf's key is not supported or not for signing.</exception>
    public static PeerCertificate Read(IReadOnlyList<ReadOnlyMemory<byte>> chain, CryptoProvider provider)
    {
        foreach (ReadOnlyMemory<byte> certificate in chain)
        {
            if (!CertificateDer.IsFramed(certificate.Span))
            {
                throw new TlsException(TlsFault.CertificateMalformed, "A certificate of the chain is not one DER sequence.");
            }
        }

        X509Certificate2? leaf = null;
        try
        {
            leaf = CertificateDer.Load(chain[0].Span);
            CheckKeyUsage(leaf);
            var peer = new PeerCertificate(leaf, CreateVerifier(chain[0], provider), chain);
            leaf = null;
            return peer;
        }
        catch (CryptographicException e)
        {
            throw new TlsException(TlsFault.CertificateMalformed, e.Message, e);
        }
        finally
        {
            leaf?.Dispose();
        }
    }

    /// <summary>Parses the chain that a session holds, so that it can be examined again. Nobody signs with its key this time.</summary>
    /// <param name="chain">The session's certificates; at least one.</param>
    /// <param name="provider">Says whether it still has the kind of key.</param>
    /// <exception cref="TlsException">As for <see cref="Read"/>.</exception>
    public static PeerCertificate OfSession(IReadOnlyList<ReadOnlyMemory<byte>> chain, CryptoProvider provider)
    {
        PeerCertificate peer = Read(chain, provider);
        peer.IsOfSession = true;
        peer.Dispose();
        return peer;
    }

    /// <summary>Gives the verifier back, and leaves <see cref="Leaf"/> alone.</summary>
    public void Dispose() => Verifier.Dispose();

    private static Verifier CreateVerifier(ReadOnlyMemory<byte> leaf, CryptoProvider provider)
    {
        ReadOnlyMemory<byte> publicKeyInfo = CertificateDer.PublicKeyInfo(leaf);
        try
        {
            return provider.CreateVerifier(publicKeyInfo.Span);
        }
        catch (PublicKeyException e)
        {
            throw new TlsException(TlsFault.CertificateKeyUnsupported, e.Message, e);
        }
        catch (CryptographicException e)
        {
            // L1: ours, and not the certificate's.
            throw new TlsException(TlsFault.CryptographyFailed, null, e);
        }
    }

    // RFC 9846 §4.5.1.2: where there is a key usage, it must have digitalSignature, since the key signs the handshake.
    private static void CheckKeyUsage(X509Certificate2 leaf)
    {
        foreach (X509Extension extension in leaf.Extensions)
        {
            if (extension is X509KeyUsageExtension usage && !usage.KeyUsages.HasFlag(X509KeyUsageFlags.DigitalSignature))
            {
                throw new TlsException(TlsFault.CertificateKeyUsageMissing, $"The key usage is {usage.KeyUsages}.");
            }
        }
    }
}

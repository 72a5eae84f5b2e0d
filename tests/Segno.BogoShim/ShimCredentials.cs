using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Segno.BogoShim;

/// <summary>The credentials of one side, most preferred first, and the application's choice where the library leaves it to it.</summary>
internal sealed class ShimCredentials
{
    private readonly List<Loaded> _all = [];

    public ShimCredentials(ShimOptions options)
    {
        foreach (ShimCredential credential in options.Credentials.Append(options.LastResort))
        {
            if (credential.CertificateFile.Length > 0)
            {
                TlsCertificate certificate = Load(credential);
                if (options.OcspResponse.Length > 0 && !options.DeclineOcspCallback)
                {
                    certificate.StapleAsIs(Convert.FromBase64String(options.OcspResponse));
                }

                _all.Add(new Loaded(certificate, credential));
            }
        }

        ChooseByHello = options.IsServer && options.Credentials.Exists(credential => credential.SigningSchemes.Count > 0);
        if (options.IsServer && options.Credentials.Exists(credential => credential.MustMatchIssuer))
        {
            throw new UnimplementedException("a server's choice by the authorities in the hello");
        }
    }

    public IReadOnlyList<TlsCertificate> All => [.. _all.Select(loaded => loaded.Certificate)];

    /// <summary>Whether credentials have signature schemes of their own: then a server has a context for each.</summary>
    public bool ChooseByHello { get; }

    /// <summary>Server: the first that can sign for the client; the last one where none can.</summary>
    public Loaded Choose(TlsClientHelloInfo hello) => _all.Find(loaded => loaded.CanSign(hello.SignatureSchemes)) ?? _all[^1];

    /// <summary>Client: the first that fits the server's request.</summary>
    /// <param name="request">The request.</param>
    /// <param name="refusal">Why none fits, where a credential may only be used if it does.</param>
    public TlsCertificate? Choose(TlsCertificateRequestInfo request, out string? refusal)
    {
        refusal = null;
        if (_all.Count == 0)
        {
            return null;
        }

        if (_all.Count == 1 && !_all[0].MustMatchIssuer)
        {
            return _all[0].Certificate; // whether it can sign, the library says
        }

        foreach (Loaded loaded in _all)
        {
            if (loaded.MustMatchIssuer && !loaded.HasIssuer(request.Authorities))
            {
                refusal = "NO_MATCHING_ISSUER";
            }
            else if (!loaded.CanSign(request.SignatureSchemes))
            {
                refusal = "NO_COMMON_SIGNATURE_ALGORITHMS";
            }
            else
            {
                refusal = null;
                return loaded.Certificate;
            }
        }

        return null;
    }

    private static TlsCertificate Load(ShimCredential credential)
    {
        try
        {
            return TlsCertificate.FromPemFile(credential.CertificateFile, credential.KeyFile.Length > 0 ? credential.KeyFile : null);
        }
        catch (ArgumentException exception)
        {
            throw new UnimplementedException($"the certificate: {exception.Message}");
        }
    }

    /// <summary>A credential with its certificate loaded.</summary>
    internal sealed class Loaded(TlsCertificate certificate, ShimCredential credential)
    {
        public TlsCertificate Certificate => certificate;

        public bool MustMatchIssuer => credential.MustMatchIssuer;

        public TlsSignatureScheme[]? SigningSchemes { get; } =
            credential.SigningSchemes.Count > 0 ? ShimContexts.ToSchemes(credential.SigningSchemes) : null;

        public bool CanSign(IReadOnlyList<TlsSignatureScheme> peer) =>
            peer.Any(scheme => (SigningSchemes?.Contains(scheme) ?? true) && Fits(scheme));

        public bool HasIssuer(IReadOnlyList<ReadOnlyMemory<byte>> authorities)
        {
            X509Certificate2Collection chain = [.. certificate.Chain.Select(der => X509CertificateLoader.LoadCertificate(der.Span))];
            return chain.Any(link => authorities.Any(name => link.IssuerName.RawData.AsSpan().SequenceEqual(name.Span)));
        }

        /// <summary>Whether TLS 1.3 lets the key sign with the scheme.</summary>
        private bool Fits(TlsSignatureScheme scheme)
        {
            using RSA? rsa = certificate.Certificate.GetRSAPublicKey();
            using ECDsa? ecdsa = certificate.Certificate.GetECDsaPublicKey();
            return scheme switch
            {
                TlsSignatureScheme.RsaPssRsaeSha256 or TlsSignatureScheme.RsaPssRsaeSha384 or TlsSignatureScheme.RsaPssRsaeSha512 => rsa is not null,
                TlsSignatureScheme.EcdsaP256Sha256 => ecdsa?.KeySize == 256,
                TlsSignatureScheme.EcdsaP384Sha384 => ecdsa?.KeySize == 384,
                TlsSignatureScheme.EcdsaP521Sha512 => ecdsa?.KeySize == 521,
                TlsSignatureScheme.Ed25519 => rsa is null && ecdsa is null,
                _ => false,
            };
        }
    }
}

using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Segno.Cli.Serving;

/// <summary>A certificate for this machine alone, made at every start: an authority of its own, whose key is forgotten as soon as it has signed.</summary>
internal static class DevelopmentCertificate
{
    private static readonly TimeSpan Validity = TimeSpan.FromDays(30);

    /// <summary>Allowed difference between this clock and a client's.</summary>
    private static readonly TimeSpan ClockSkew = TimeSpan.FromHours(1);

    /// <param name="time">The clock.</param>
    /// <param name="address">The address to listen on, which the certificate names beside localhost, 127.0.0.1 and ::1.</param>
    public static (TlsCertificate Certificate, X509Certificate2 Authority) Create(TimeProvider time, IPAddress address)
    {
        DateTimeOffset from = time.GetUtcNow() - ClockSkew;
        DateTimeOffset to = time.GetUtcNow() + Validity;
        using var authorityKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using X509Certificate2 authority = AuthorityRequest(authorityKey).CreateSelfSigned(from, to);

        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        CertificateRequest request = LeafRequest(key, address);
        request.CertificateExtensions.Add(X509AuthorityKeyIdentifierExtension.CreateFromCertificate(authority, includeKeyIdentifier: true, includeIssuerAndSerial: false));
        using X509Certificate2 leaf = request.Create(authority, from, to, RandomNumberGenerator.GetBytes(16));
        using X509Certificate2 leafWithKey = leaf.CopyWithPrivateKey(key);
        return (TlsCertificate.Create(leafWithKey), X509CertificateLoader.LoadCertificate(authority.RawDataMemory.Span));
    }

    private static CertificateRequest AuthorityRequest(ECDsa key)
    {
        // The name tells one start's authority from another's in a list of trusted ones.
        string name = $"CN=Segno development CA {Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(4))}";
        var request = new CertificateRequest(name, key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, true, 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, critical: true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        return request;
    }

    private static CertificateRequest LeafRequest(ECDsa key, IPAddress address)
    {
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        HashSet<IPAddress> addresses = [IPAddress.Loopback, IPAddress.IPv6Loopback, address];
        addresses.ExceptWith([IPAddress.Any, IPAddress.IPv6Any]);
        foreach (IPAddress named in addresses)
        {
            names.AddIpAddress(named);
        }
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, critical: true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.1")], critical: false));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        return request;
    }
}

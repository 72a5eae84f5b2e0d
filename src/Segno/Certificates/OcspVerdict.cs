using System.Formats.Asn1;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Segno.Buffers;
using Segno.Cryptography;

namespace Segno.Certificates;

/// <summary>What an OCSP response is worth for a certificate at a moment (RFC 6960 §3.2).</summary>
/// <param name="Status">What it says, or why it says nothing.</param>
/// <param name="Fault"><see cref="TlsFault.None"/> for a good certificate; else what a peer that insists calls it.</param>
/// <param name="Detail">In words, where there is more to say.</param>
/// <param name="ThisUpdate">From when it is known to be so; default where nobody could be believed.</param>
/// <param name="NextUpdate">Until when; default likewise.</param>
internal sealed record OcspVerdict(
    TlsCertificateStatus Status, TlsFault Fault, string? Detail = null, DateTimeOffset ThisUpdate = default, DateTimeOffset NextUpdate = default)
{
    /// <summary>How far the responder's clock and ours may be apart.</summary>
    public static readonly TimeSpan ClockSkew = TimeSpan.FromMinutes(5);

    private const string OcspSigning = "1.3.6.1.5.5.7.3.9";

    /// <summary>Judges a response.</summary>
    /// <param name="response">The response in DER.</param>
    /// <param name="certificate">The certificate in question.</param>
    /// <param name="issuer">Its issuer, which is believed.</param>
    /// <param name="now">The moment.</param>
    /// <param name="crypto">Verifies and hashes.</param>
    public static OcspVerdict Judge(
        ReadOnlyMemory<byte> response, X509Certificate2 certificate, X509Certificate2 issuer, DateTimeOffset now, CryptoProvider crypto)
    {
        try
        {
            OcspResponse read = OcspResponse.Read(response);
            if (read.Error is { } error)
            {
                return new OcspVerdict(TlsCertificateStatus.None, TlsFault.CertificateStatusMissing, $"The OCSP responder could not answer (status {error}).");
            }
            if (FindSignerFault(read, issuer, now, crypto) is { } untrusted)
            {
                return new OcspVerdict(TlsCertificateStatus.Invalid, TlsFault.CertificateStatusUntrusted, untrusted);
            }
            return read.Responses.Find(single => OcspCertificateId.Matches(single, certificate, issuer, crypto)) is { } found
                ? Judge(found, now)
                : new OcspVerdict(TlsCertificateStatus.Invalid, TlsFault.CertificateStatusMismatch, "The OCSP response is about another certificate.");
        }
        catch (TlsException e)
        {
            return new OcspVerdict(TlsCertificateStatus.Invalid, e.Fault, e.Message);
        }
        catch (Exception e) when (e is AsnContentException or CryptographicException)
        {
            return new OcspVerdict(TlsCertificateStatus.Invalid, TlsFault.CertificateStatusMalformed, e.Message);
        }
    }

    private static OcspVerdict Judge(OcspSingleResponse single, DateTimeOffset now)
    {
        OcspVerdict verdict = new(single.Status, TlsFault.None, null, single.ThisUpdate, single.NextUpdate);
        // Nothing makes a revoked certificate good again but a newer answer, so that an old one still counts.
        if (single.Status == TlsCertificateStatus.Revoked)
        {
            return verdict with { Fault = TlsFault.CertificateRevoked, Detail = "The OCSP response says revoked." };
        }
        if (now < single.ThisUpdate - ClockSkew || now > single.NextUpdate + ClockSkew)
        {
            return verdict with
            {
                Status = TlsCertificateStatus.Outdated,
                Fault = TlsFault.CertificateStatusOutdated,
                Detail = $"The OCSP response is for {single.ThisUpdate:u} to {single.NextUpdate:u}.",
            };
        }
        return single.Status == TlsCertificateStatus.Good ? verdict : verdict with { Fault = TlsFault.CertificateStatusUnknown };
    }

    /// <summary>RFC 6960 §4.2.2.2: the issuer signs, or somebody whom it certified itself to do so.</summary>
    /// <returns>Why the signer is not to be believed; <see langword="null"/> where it is.</returns>
    private static string? FindSignerFault(OcspResponse response, X509Certificate2 issuer, DateTimeOffset now, CryptoProvider crypto)
    {
        if (IsResponder(issuer, response))
        {
            return IsSignedBy(issuer, response, crypto) ? null : "The signature of the OCSP response does not verify.";
        }
        foreach (ReadOnlyMemory<byte> der in response.Certificates)
        {
            using X509Certificate2 candidate = CertificateDer.Load(der.Span);
            if (IsResponder(candidate, response))
            {
                return FindDelegationFault(candidate, issuer, now, crypto)
                    ?? (IsSignedBy(candidate, response, crypto) ? null : "The signature of the OCSP response does not verify.");
            }
        }
        return "The OCSP response is signed neither by the certificate's issuer nor with a certificate that it brings along.";
    }

    /// <summary>Whether the issuer made this certificate for a responder. Its own revocation is not looked at: who asks about that, asks for ever.</summary>
    private static string? FindDelegationFault(X509Certificate2 responder, X509Certificate2 issuer, DateTimeOffset now, CryptoProvider crypto)
    {
        if (!PublicData.Equal(responder.IssuerName.RawData, issuer.SubjectName.RawData) || !CertificateDer.IsSignedBy(responder.RawDataMemory, issuer, crypto))
        {
            return "The OCSP responder's certificate is not from the certificate's issuer.";
        }
        if (now < responder.NotBefore.ToUniversalTime() || now > responder.NotAfter.ToUniversalTime())
        {
            return $"The OCSP responder's certificate is valid from {responder.NotBefore.ToUniversalTime():u} to {responder.NotAfter.ToUniversalTime():u}.";
        }
        bool mayAnswer = false;
        foreach (X509Extension extension in responder.Extensions)
        {
            if (extension is X509KeyUsageExtension usage && !usage.KeyUsages.HasFlag(X509KeyUsageFlags.DigitalSignature))
            {
                return "The OCSP responder's certificate is not for signatures.";
            }
            if (extension is X509EnhancedKeyUsageExtension extended)
            {
                foreach (Oid oid in extended.EnhancedKeyUsages)
                {
                    mayAnswer |= oid.Value == OcspSigning;
                }
            }
        }
        return mayAnswer ? null : "The OCSP responder's certificate is not for OCSP signing.";
    }

    private static bool IsResponder(X509Certificate2 certificate, OcspResponse response) => response.ResponderName is { } name
        ? PublicData.Equal(certificate.SubjectName.RawData, name.Span)
        : OcspCertificateId.IsKeyOf(certificate, response.ResponderKeyHash!.Value.Span);

    private static bool IsSignedBy(X509Certificate2 signer, OcspResponse response, CryptoProvider crypto) => DerSignature.Verify(
        CertificateDer.PublicKeyInfo(signer.RawDataMemory).Span, response.SignatureAlgorithm, response.SignedData.Span, response.Signature.Span, crypto);
}

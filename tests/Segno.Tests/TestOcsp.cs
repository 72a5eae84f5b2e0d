using System.Formats.Asn1;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Segno.Tests;

/// <summary>What an OCSP response shall be like. The defaults make one that says good, signed by the certificate's issuer, for a week around now.</summary>
public sealed record OcspSpec
{
    /// <summary>The certificate in question.</summary>
    public required TestCertificate Certificate { get; init; }

    /// <summary>0 good, 1 revoked, 2 unknown.</summary>
    public int Status { get; init; }

    /// <summary>Relative to <see cref="Now"/>.</summary>
    public TimeSpan ThisUpdate { get; init; } = TimeSpan.FromDays(-1);

    /// <summary>Relative to <see cref="Now"/>; <see langword="null"/>: there is no such field.</summary>
    public TimeSpan? NextUpdate { get; init; } = TimeSpan.FromDays(6);

    public DateTimeOffset Now { get; init; } = TimeProvider.System.GetUtcNow();

    /// <summary>Who signs; <see langword="null"/>: the certificate's issuer.</summary>
    public TestCertificate? Signer { get; init; }

    /// <summary>Whether the signer is named by its key's hash instead of by its name.</summary>
    public bool ByKey { get; init; }

    /// <summary>Whether the certificate is named by SHA-256 instead of by SHA-1.</summary>
    public bool Sha256Id { get; init; }

    /// <summary>Instead of the certificate's own.</summary>
    public byte[]? Serial { get; init; }

    /// <summary>The certificates that come along; <see langword="null"/>: the signer's, where that is not the issuer.</summary>
    public IReadOnlyList<TestCertificate>? Attached { get; init; }

    /// <summary>The responder's error instead of an answer (RFC 6960 §4.2.1), such as 3: tryLater.</summary>
    public int? Error { get; init; }

    /// <summary>So many bytes in an extension of the response, to make it long.</summary>
    public int Padding { get; init; }
}

/// <summary>OCSP responses of the tests (RFC 6960), and what certificates say about them.</summary>
public static class TestOcsp
{
    public const string OcspSigning = "1.3.6.1.5.5.7.3.9";

    /// <summary>The TLS feature extension with status_request (RFC 7633): never shown without a response.</summary>
    public static X509Extension MustStaple => TlsFeature(5);

    /// <summary>A server certificate for localhost with further extensions. Not cached.</summary>
    public static TestCertificate Server(params X509Extension[] extensions) => TestPki.Make(new() { Names = ["localhost", "127.0.0.1"], Extensions = extensions });

    public static X509Extension TlsFeature(params int[] features)
    {
        var writer = new AsnWriter(AsnEncodingRules.DER);
        using (writer.PushSequence())
        {
            foreach (int feature in features)
            {
                writer.WriteInteger(feature);
            }
        }
        return new X509Extension("1.3.6.1.5.5.7.1.24", writer.Encode(), critical: false);
    }

    /// <summary>Where a responder for the certificate is.</summary>
    public static X509Extension Responder(params string[] uris) => new X509AuthorityInformationAccessExtension(ocspUris: uris, caIssuersUris: null);

    /// <summary>A certificate that lets answer for an issuer.</summary>
    public static TestCertificate Delegate(Func<CertificateSpec, CertificateSpec>? change = null)
    {
        var spec = new CertificateSpec { CommonName = "Segno OCSP responder", ExtendedKeyUsage = OcspSigning };
        return TestPki.Make(change is null ? spec : change(spec));
    }

    public static byte[] Make(OcspSpec spec)
    {
        if (spec.Error is { } error)
        {
            return Wrap(error, null);
        }
        TestCertificate issuer = spec.Certificate.Issuer!;
        TestCertificate signer = spec.Signer ?? issuer;
        byte[] data = Data(spec, issuer, signer);
        var writer = new AsnWriter(AsnEncodingRules.DER);
        using (writer.PushSequence())
        {
            writer.WriteEncodedValue(data);
            writer.WriteEncodedValue(signer.Key.Generator.GetSignatureAlgorithmIdentifier(signer.Key.SigningHash));
            writer.WriteBitString(signer.Key.Generator.SignData(data, signer.Key.SigningHash));
            IReadOnlyList<TestCertificate> attached = spec.Attached ?? (signer == issuer ? [] : [signer]);
            if (attached.Count > 0)
            {
                using (writer.PushSequence(Explicit(0)))
                using (writer.PushSequence())
                {
                    foreach (TestCertificate certificate in attached)
                    {
                        writer.WriteEncodedValue(certificate.Der);
                    }
                }
            }
        }
        return Wrap(0, writer.Encode());
    }

    /// <summary>A good response of exactly so many bytes.</summary>
    public static byte[] MakeOfLength(OcspSpec spec, int length)
    {
        // ECDSA signatures differ in length by a byte or two: until it fits.
        int padding = length / 2;
        byte[] made;
        do
        {
            made = Make(spec with { Padding = padding });
            padding += length - made.Length;
        }
        while (made.Length != length);
        return made;
    }

    private static byte[] Data(OcspSpec spec, TestCertificate issuer, TestCertificate signer)
    {
        var writer = new AsnWriter(AsnEncodingRules.DER);
        using (writer.PushSequence())
        {
            using (writer.PushSequence(Explicit(spec.ByKey ? 2 : 1)))
            {
                if (spec.ByKey)
                {
                    writer.WriteOctetString(Sha1(signer.Certificate.GetPublicKey()));
                }
                else
                {
                    writer.WriteEncodedValue(signer.Certificate.SubjectName.RawData);
                }
            }
            writer.WriteGeneralizedTime(spec.Now, omitFractionalSeconds: true);
            using (writer.PushSequence())
            {
                WriteSingle(writer, spec, issuer);
            }
            if (spec.Padding > 0)
            {
                using (writer.PushSequence(Explicit(1)))
                using (writer.PushSequence())
                using (writer.PushSequence())
                {
                    writer.WriteObjectIdentifier("1.3.6.1.5.5.7.48.1.2");
                    writer.WriteOctetString(new byte[spec.Padding]);
                }
            }
        }
        return writer.Encode();
    }

    private static void WriteSingle(AsnWriter writer, OcspSpec spec, TestCertificate issuer)
    {
        using (writer.PushSequence())
        {
            using (writer.PushSequence())
            {
                using (writer.PushSequence())
                {
                    writer.WriteObjectIdentifier(spec.Sha256Id ? "2.16.840.1.101.3.4.2.1" : "1.3.14.3.2.26");
                    writer.WriteNull();
                }
                Func<byte[], byte[]> hash = spec.Sha256Id ? SHA256.HashData : Sha1;
                writer.WriteOctetString(hash(issuer.Certificate.SubjectName.RawData));
                writer.WriteOctetString(hash(issuer.Certificate.GetPublicKey()));
                writer.WriteInteger(spec.Serial ?? spec.Certificate.Certificate.SerialNumberBytes.Span);
            }
            switch (spec.Status)
            {
                case 1:
                    using (writer.PushSequence(new Asn1Tag(TagClass.ContextSpecific, 1)))
                    {
                        writer.WriteGeneralizedTime(spec.Now + spec.ThisUpdate, omitFractionalSeconds: true);
                    }
                    break;
                default:
                    writer.WriteNull(new Asn1Tag(TagClass.ContextSpecific, spec.Status));
                    break;
            }
            writer.WriteGeneralizedTime(spec.Now + spec.ThisUpdate, omitFractionalSeconds: true);
            if (spec.NextUpdate is { } nextUpdate)
            {
                using (writer.PushSequence(Explicit(0)))
                {
                    writer.WriteGeneralizedTime(spec.Now + nextUpdate, omitFractionalSeconds: true);
                }
            }
        }
    }

    private static byte[] Wrap(int status, byte[]? basic)
    {
        var writer = new AsnWriter(AsnEncodingRules.DER);
        using (writer.PushSequence())
        {
            writer.WriteEncodedValue([0x0a, 1, (byte)status]);
            if (basic is not null)
            {
                using (writer.PushSequence(Explicit(0)))
                using (writer.PushSequence())
                {
                    writer.WriteObjectIdentifier("1.3.6.1.5.5.7.48.1.1");
                    writer.WriteOctetString(basic);
                }
            }
        }
        return writer.Encode();
    }

#pragma warning disable CA5350 // What the protocol names certificates by.
    private static byte[] Sha1(byte[] data) => SHA1.HashData(data);
#pragma warning restore CA5350

    private static Asn1Tag Explicit(int number) => new(TagClass.ContextSpecific, number, isConstructed: true);
}

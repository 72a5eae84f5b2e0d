using System.Collections.Concurrent;
using System.Formats.Asn1;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Segno.Tests;

/// <summary>What a certificate shall be like. The defaults make a good server certificate.</summary>
public sealed record CertificateSpec
{
    /// <summary>Subject alternative names: IP literals become iPAddress, everything else dNSName as it stands. Empty: no such extension.</summary>
    public IReadOnlyList<string> Names { get; init; } = [];

    public string CommonName { get; init; } = "Segno test";

    public TestKeyKind Key { get; init; }

    public int RsaBits { get; init; } = 2048;

    /// <summary>This very key, instead of a new one of the kind <see cref="Key"/>.</summary>
    public TestKey? ExistingKey { get; init; }

    /// <summary>Default <see cref="TestPki.Intermediate"/>.</summary>
    public TestCertificate? Issuer { get; init; }

    public bool SelfSigned { get; init; }

    /// <summary>Its issuer, whose key must be an EC one, signs it with SHA-1.</summary>
    public bool SignedWithSha1 { get; init; }

    /// <summary>From when, relative to now.</summary>
    public TimeSpan NotBefore { get; init; } = TimeSpan.FromDays(-1);

    /// <summary>Until when, relative to now.</summary>
    public TimeSpan NotAfter { get; init; } = TimeSpan.FromDays(365);

    /// <summary>Extended key usage; <see langword="null"/>: no such extension.</summary>
    public string? ExtendedKeyUsage { get; init; } = TestPki.ServerAuthentication;

    /// <summary>Key usage; <see langword="null"/>: no such extension.</summary>
    public X509KeyUsageFlags? KeyUsage { get; init; } = X509KeyUsageFlags.DigitalSignature;

    /// <summary>Basic constraints; <see langword="null"/>: no such extension.</summary>
    public bool? IsCa { get; init; } = false;

    public int? PathLength { get; init; }

    /// <summary>A name constraint: the only DNS subtree permitted below this CA.</summary>
    public string? PermittedDns { get; init; }

    /// <summary>A name constraint: the DNS subtree excluded below this CA.</summary>
    public string? ExcludedDns { get; init; }

    /// <summary>Further extensions, as they stand.</summary>
    public IReadOnlyList<X509Extension> Extensions { get; init; } = [];
}

/// <summary>
/// The certificates of the tests: made once per run, P-256 unless said otherwise, issued by <see cref="Intermediate"/>
/// under <see cref="Root"/>. <see cref="TrustRoot"/> is the policy that trusts them.
/// </summary>
public static class TestPki
{
    public const string ServerAuthentication = "1.3.6.1.5.5.7.3.1";
    public const string ClientAuthentication = "1.3.6.1.5.5.7.3.2";
    public const string CodeSigning = "1.3.6.1.5.5.7.3.3";

    private static readonly ConcurrentDictionary<string, Lazy<TestCertificate>> s_cache = new();

    private static readonly CertificateSpec s_authority = new()
    {
        IsCa = true,
        ExtendedKeyUsage = null,
        KeyUsage = X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign,
        NotBefore = TimeSpan.FromDays(-700),
        NotAfter = TimeSpan.FromDays(3650),
    };

    /// <summary>The root that <see cref="TrustRoot"/> trusts.</summary>
    public static TestCertificate Root => Cached("root", () => Authority("Segno test root") with { SelfSigned = true });

    /// <summary>Issues everything that does not say otherwise.</summary>
    public static TestCertificate Intermediate => Cached("intermediate", () => Authority("Segno test intermediate", Root));

    /// <summary>A root that nobody trusts.</summary>
    public static TestCertificate OtherRoot => Cached("other root", () => Authority("Segno other root") with { SelfSigned = true });

    // Good server certificates. Without names: localhost, 127.0.0.1 and ::1.
    public static TestCertificate Ecdsa(params string[] names) => Server(TestKeyKind.P256, names);

    public static TestCertificate EcdsaP384(params string[] names) => Server(TestKeyKind.P384, names);

    public static TestCertificate EcdsaP521(params string[] names) => Server(TestKeyKind.P521, names);

    public static TestCertificate Rsa(params string[] names) => Server(TestKeyKind.Rsa, names);

    /// <summary>A key that says id-RSASSA-PSS in its certificate.</summary>
    public static TestCertificate RsaPss(params string[] names) => Server(TestKeyKind.RsaPss, names);

    public static TestCertificate Ed25519(params string[] names) => Server(TestKeyKind.Ed25519, names);

    public static TestCertificate Server(TestKeyKind kind, params string[] names)
    {
        string[] effective = names.Length == 0 ? ["localhost", "127.0.0.1", "::1"] : names;
        return Cached($"server {kind} {string.Join(' ', effective)}", () => new() { Key = kind, Names = effective, CommonName = Label(effective[0]) });
    }

    /// <summary>For *.example.test.</summary>
    public static TestCertificate Wildcard => Ecdsa("*.example.test");

    /// <summary>For bücher.example, in A-labels as certificates have it.</summary>
    public static TestCertificate Idn => Ecdsa("xn--bcher-kva.example");

    /// <summary>For 127.0.0.1 and ::1 by address only.</summary>
    public static TestCertificate IpOnly => Ecdsa("127.0.0.1", "::1");

    // Bad server certificates, all for localhost, 127.0.0.1 and ::1, each with a single thing wrong.
    public static TestCertificate Expired => Bad("expired", s => s with { NotBefore = TimeSpan.FromDays(-30), NotAfter = TimeSpan.FromDays(-1) });

    public static TestCertificate NotYetValid => Bad("not yet valid", s => s with { NotBefore = TimeSpan.FromDays(1) });

    /// <summary>Issued by <see cref="OtherRoot"/>.</summary>
    public static TestCertificate Untrusted => Bad("untrusted", s => s with { Issuer = OtherRoot });

    public static TestCertificate SelfSigned => Bad("self-signed", s => s with { SelfSigned = true, Issuer = null });

    /// <summary>Extended key usage: code signing only.</summary>
    public static TestCertificate WrongUsage => Bad("wrong usage", s => s with { ExtendedKeyUsage = CodeSigning });

    /// <summary>No extended key usage at all, which is any use: a good one.</summary>
    public static TestCertificate NoUsage => Bad("no usage", s => s with { ExtendedKeyUsage = null });

    /// <summary>Key usage: key encipherment only.</summary>
    public static TestCertificate NoDigitalSignature => Bad("no digital signature", s => s with { KeyUsage = X509KeyUsageFlags.KeyEncipherment });

    /// <summary>The common name is localhost, and there is no subject alternative name.</summary>
    public static TestCertificate NoNames => Bad("no names", s => s with { Names = [], CommonName = "localhost" });

    /// <summary>Issued by a certificate whose basic constraints say that it is no CA.</summary>
    public static TestCertificate IssuerNotCa => Bad("issuer not CA", s => s with
    {
        Issuer = Cached("not CA", () => Authority("Segno no CA", Root) with { IsCa = false }),
    });

    /// <summary>Issued by a certificate without basic constraints.</summary>
    public static TestCertificate IssuerWithoutBasicConstraints => Bad("issuer without basic constraints", s => s with
    {
        Issuer = Cached("no basic constraints", () => Authority("Segno no basic constraints", Root) with { IsCa = null }),
    });

    /// <summary>Issued by a CA whose key usage does not have keyCertSign.</summary>
    public static TestCertificate IssuerWithoutCertSign => Bad("issuer without keyCertSign", s => s with
    {
        Issuer = Cached("no keyCertSign", () => Authority("Segno no cert sign", Root) with { KeyUsage = X509KeyUsageFlags.DigitalSignature }),
    });

    /// <summary>Two CAs above it, of which the upper one allows none below.</summary>
    public static TestCertificate PathTooLong => Bad("path too long", s => s with
    {
        Issuer = Cached("one too many", () => Authority("Segno one too many",
            Cached("path length 0", () => Authority("Segno path length 0", Root) with { PathLength = 0 }))),
    });

    /// <summary>Issued by a CA that may issue for permitted.test only.</summary>
    public static TestCertificate NameNotPermitted => Bad("name not permitted", s => s with
    {
        Names = ["localhost"],
        Issuer = Cached("permits", () => Authority("Segno constrained", Root) with { PermittedDns = "permitted.test" }),
    });

    /// <summary>Issued by a CA that may not issue for localhost.</summary>
    public static TestCertificate NameExcluded => Bad("name excluded", s => s with
    {
        Names = ["localhost"],
        Issuer = Cached("excludes", () => Authority("Segno excluding", Root) with { ExcludedDns = "localhost" }),
    });

    /// <summary>The CA between it and the root has expired; it itself has not.</summary>
    public static TestCertificate ExpiredIntermediate => Bad("expired intermediate", s => s with
    {
        Issuer = Cached("expired CA", () => Authority("Segno expired CA", Root) with { NotAfter = TimeSpan.FromDays(-1) }),
    });

    /// <summary>The last byte of the issuer's signature is another one.</summary>
    public static TestCertificate BadSignature => s_cache.GetOrAdd("bad signature", _ => new(() =>
    {
        TestCertificate good = Make(Good("bad signature"));
        byte[] der = good.Der;
        der[^1] ^= 1;
        return new TestCertificate(X509CertificateLoader.LoadCertificate(der), good.Key, good.Issuer);
    })).Value;

    // Client certificates.
    public static TestCertificate ClientEcdsa(string name = "client") => Client(TestKeyKind.P256, name);

    public static TestCertificate ClientRsa(string name = "client") => Client(TestKeyKind.Rsa, name);

    public static TestCertificate ClientEd25519(string name = "client") => Client(TestKeyKind.Ed25519, name);

    public static TestCertificate Client(TestKeyKind kind, string name) =>
        Cached($"client {kind} {name}", () => new() { Key = kind, CommonName = name, ExtendedKeyUsage = ClientAuthentication });

    public static TestCertificate ExpiredClient => Cached("expired client", () => new()
    {
        CommonName = "client",
        ExtendedKeyUsage = ClientAuthentication,
        NotBefore = TimeSpan.FromDays(-30),
        NotAfter = TimeSpan.FromDays(-1),
    });

    public static TestCertificate UntrustedClient =>
        Cached("untrusted client", () => new() { CommonName = "client", ExtendedKeyUsage = ClientAuthentication, Issuer = OtherRoot });

    /// <summary>Trusts <see cref="Root"/> and nothing else; asks no network. A new object each time.</summary>
    public static X509ChainPolicy TrustRoot() => Trust(Root);

    /// <summary>Trusts one certificate and nothing else; asks no network.</summary>
    public static X509ChainPolicy Trust(TestCertificate root) => new()
    {
        TrustMode = X509ChainTrustMode.CustomRootTrust,
        CustomTrustStore = { root.Certificate },
        RevocationMode = X509RevocationMode.NoCheck,
        DisableCertificateDownloads = true,
    };

    /// <summary>Makes a certificate that no property here offers. Not cached.</summary>
    public static TestCertificate Make(CertificateSpec spec)
    {
        TestKey key = spec.ExistingKey ?? TestKey.Create(spec.Key, spec.RsaBits);
        TestCertificate? issuer = spec.SelfSigned ? null : spec.Issuer ?? Intermediate;
        PublicKey publicKey = PublicKey.CreateFromSubjectPublicKeyInfo(key.PublicKeyInfo, out _);
        var subject = new X500DistinguishedName("CN=" + spec.CommonName);
        var request = new CertificateRequest(subject, publicKey, (issuer?.Key ?? key).SigningHash);
        AddExtensions(request, spec, issuer);

        DateTimeOffset now = TimeProvider.System.GetUtcNow();
        X509SignatureGenerator generator = spec.SignedWithSha1 ? (issuer?.Key ?? key).Sha1Generator : (issuer?.Key ?? key).Generator;
        X509Certificate2 bare = request.Create(issuer?.Certificate.SubjectName ?? subject, generator,
            now + spec.NotBefore, now + spec.NotAfter, RandomNumberGenerator.GetBytes(8));
        return new TestCertificate(WithKey(bare, key), key, issuer);
    }

    private static X509Certificate2 WithKey(X509Certificate2 bare, TestKey key) => key.Kind switch
    {
        TestKeyKind.Rsa => bare.CopyWithPrivateKey((RSA)key.Algorithm!),
        TestKeyKind.P256 or TestKeyKind.P384 or TestKeyKind.P521 => bare.CopyWithPrivateKey((ECDsa)key.Algorithm!),
        _ => bare,
    };

    private static void AddExtensions(CertificateRequest request, CertificateSpec spec, TestCertificate? issuer)
    {
        if (spec.IsCa is { } isCa)
        {
            request.CertificateExtensions.Add(new X509BasicConstraintsExtension(isCa, isCa && spec.PathLength is not null, isCa ? spec.PathLength ?? 0 : 0, critical: true));
        }
        if (spec.KeyUsage is { } usage)
        {
            request.CertificateExtensions.Add(new X509KeyUsageExtension(usage, critical: true));
        }
        if (spec.ExtendedKeyUsage is { } extended)
        {
            request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(extended)], critical: false));
        }
        if (spec.Names.Count > 0)
        {
            request.CertificateExtensions.Add(AlternativeNames(spec.Names));
        }
        if (spec.PermittedDns is not null || spec.ExcludedDns is not null)
        {
            request.CertificateExtensions.Add(NameConstraints(spec.PermittedDns, spec.ExcludedDns));
        }
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        if (issuer is not null)
        {
            request.CertificateExtensions.Add(X509AuthorityKeyIdentifierExtension.CreateFromCertificate(issuer.Certificate, true, false));
        }
        foreach (X509Extension extension in spec.Extensions)
        {
            request.CertificateExtensions.Add(extension);
        }
    }

    // Written by hand: SubjectAlternativeNameBuilder is helpful with names, and tests want bad ones too.
    private static X509Extension AlternativeNames(IReadOnlyList<string> names)
    {
        var writer = new AsnWriter(AsnEncodingRules.DER);
        using (writer.PushSequence())
        {
            foreach (string name in names)
            {
                if (IPAddress.TryParse(name, out IPAddress? address))
                {
                    writer.WriteOctetString(address.GetAddressBytes(), new Asn1Tag(TagClass.ContextSpecific, 7));
                }
                else
                {
                    writer.WriteCharacterString(UniversalTagNumber.IA5String, name, new Asn1Tag(TagClass.ContextSpecific, 2));
                }
            }
        }
        return new X509Extension("2.5.29.17", writer.Encode(), critical: false);
    }

    private static X509Extension NameConstraints(string? permitted, string? excluded)
    {
        var writer = new AsnWriter(AsnEncodingRules.DER);
        using (writer.PushSequence())
        {
            WriteSubtree(writer, 0, permitted);
            WriteSubtree(writer, 1, excluded);
        }
        return new X509Extension("2.5.29.30", writer.Encode(), critical: true);
    }

    private static void WriteSubtree(AsnWriter writer, int tag, string? dns)
    {
        if (dns is not null)
        {
            using (writer.PushSequence(new Asn1Tag(TagClass.ContextSpecific, tag)))
            using (writer.PushSequence())
            {
                writer.WriteCharacterString(UniversalTagNumber.IA5String, dns, new Asn1Tag(TagClass.ContextSpecific, 2));
            }
        }
    }

    private static TestCertificate Cached(string key, Func<CertificateSpec> spec) =>
        s_cache.GetOrAdd(key, _ => new Lazy<TestCertificate>(() => Make(spec()))).Value;

    private static TestCertificate Bad(string what, Func<CertificateSpec, CertificateSpec> change) => Cached(what, () => change(Good(what)));

    private static CertificateSpec Good(string what) => new() { Names = ["localhost", "127.0.0.1", "::1"], CommonName = "Segno " + what };

    private static CertificateSpec Authority(string name, TestCertificate? issuer = null) => s_authority with { CommonName = name, Issuer = issuer };

    // Common names have at most 64 characters, and nobody looks at them.
    private static string Label(string name) => name.Length <= 64 && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-') ? name : "Segno test";
}

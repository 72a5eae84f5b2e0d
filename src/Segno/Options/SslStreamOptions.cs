using System.Net.Security;
using System.Runtime.CompilerServices;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Segno.Buffers;
using Segno.Certificates;
using Segno.Cryptography;

namespace Segno;

/// <summary>The options of the platform's stream in this library's words. docs/from-sslstream.md is the same as a table; a test holds both to what the framework has.</summary>
internal static class SslStreamOptions
{
    private const SslProtocols Versions = SslProtocols.Tls12 | SslProtocols.Tls13;

    public static TlsServerOptions Convert(SslServerAuthenticationOptions options)
    {
        if (options.AllowRenegotiation)
        {
            throw Refused(nameof(options.AllowRenegotiation), "there is no renegotiation. Leave it false; a client that wants new keys connects again");
        }
        Check(options.EncryptionPolicy);
        CheckTrust(options.ClientCertificateRequired ? options.ServerCertificateContext : null, options.CertificateChainPolicy, nameof(options.ServerCertificateContext));
        var result = new TlsServerOptions
        {
            AllowTlsResume = options.AllowTlsResume,
            ApplicationProtocols = Copy(options.ApplicationProtocols),
            CertificateChainPolicy = options.CertificateChainPolicy?.Clone(),
            CertificateRevocationCheckMode = options.CertificateRevocationCheckMode,
            CipherSuites = Suites(options.CipherSuitesPolicy),
            ClientCertificateMode = options.ClientCertificateRequired ? TlsClientCertificateMode.Required : TlsClientCertificateMode.None,
            EnabledSslProtocols = Check(options.EnabledSslProtocols),
            RemoteCertificateValidationCallback = options.RemoteCertificateValidationCallback,
        };
        RestrictPadding(result, options.AllowRsaPssPadding, options.AllowRsaPkcs1Padding);
        SetCertificate(result, options);
        return result;
    }

    public static TlsClientOptions Convert(SslClientAuthenticationOptions options)
    {
        // AllowRenegotiation only allows, and is the default: nothing is asked for that could be refused.
        Check(options.EncryptionPolicy);
        CheckTrust(options.ClientCertificateContext, options.CertificateChainPolicy, nameof(options.ClientCertificateContext));
        if (options.CertificateChainPolicy?.VerificationFlags.HasFlag(X509VerificationFlags.IgnoreInvalidName) == true)
        {
            throw Refused(
                nameof(options.CertificateChainPolicy),
                "its flag IgnoreInvalidName would let any server pass for any other. Remove the flag (AllFlags has it too), and accept other names in RemoteCertificateValidationCallback");
        }
        var result = new TlsClientOptions
        {
            AllowTlsResume = options.AllowTlsResume,
            ApplicationProtocols = Copy(options.ApplicationProtocols),
            CertificateChainPolicy = options.CertificateChainPolicy?.Clone(),
            CertificateRevocationCheckMode = options.CertificateRevocationCheckMode,
            CipherSuites = Suites(options.CipherSuitesPolicy),
            EnabledSslProtocols = Check(options.EnabledSslProtocols),
            RemoteCertificateValidationCallback = options.RemoteCertificateValidationCallback,
            TargetHost = string.IsNullOrEmpty(options.TargetHost) ? null : options.TargetHost,
        };
        RestrictPadding(result, options.AllowRsaPssPadding, options.AllowRsaPkcs1Padding);
        SetCertificate(result, options);
        return result;
    }

    private static void SetCertificate(TlsServerOptions result, SslServerAuthenticationOptions options)
    {
        if (options.ServerCertificateSelectionCallback is { } callback)
        {
            if (options.ServerCertificateContext is not null || options.ServerCertificate is not null)
            {
                throw Refused(
                    nameof(options.ServerCertificateSelectionCallback), "there is a certificate beside it, and which of them counts is not to be guessed. Set one of them");
            }
            var made = new MadeCertificates(nameof(options.ServerCertificateSelectionCallback));
            result.CertificateSelector = (hello, _) => new ValueTask<TlsCertificate?>(made.Of(callback(hello.Sender!, hello.ServerName ?? string.Empty)));
        }
        else if (options.ServerCertificateContext is { } context)
        {
            result.ServerCertificates = [TlsCertificate.Create(context)];
        }
        else if (options.ServerCertificate is { } certificate)
        {
            result.ServerCertificates = [Load(certificate, nameof(options.ServerCertificate))];
        }
        else
        {
            throw new ArgumentException("A server needs a certificate: set ServerCertificate, ServerCertificateContext or ServerCertificateSelectionCallback.", nameof(options));
        }
    }

    private static void SetCertificate(TlsClientOptions result, SslClientAuthenticationOptions options)
    {
        X509CertificateCollection? certificates = options.ClientCertificates is { Count: > 0 } some ? some : null;
        if (options.ClientCertificateContext is { } context)
        {
            if (certificates is not null || options.LocalCertificateSelectionCallback is not null)
            {
                throw Refused(
                    nameof(options.ClientCertificateContext), "ClientCertificates or LocalCertificateSelectionCallback is set beside it, and which counts is not to be guessed. Set one of them");
            }
            result.ClientCertificate = TlsCertificate.Create(context);
        }
        else if (options.LocalCertificateSelectionCallback is { } callback)
        {
            var made = new MadeCertificates(nameof(options.LocalCertificateSelectionCallback));
            X509CertificateCollection mayChoose = certificates is null ? [] : [.. certificates];
            result.ClientCertificateSelector = (request, _) => new ValueTask<TlsCertificate?>(
                made.Of(callback(request.Sender!, request.TargetHost ?? string.Empty, mayChoose, request.ServerCertificate, Names(request.Authorities))));
        }
        else if (certificates is { Count: 1 })
        {
            result.ClientCertificate = Load(certificates[0], nameof(options.ClientCertificates));
        }
        else if (certificates is not null)
        {
            TlsCertificate[] all = [.. certificates.Cast<X509Certificate>().Select(certificate => Load(certificate, nameof(options.ClientCertificates)))];
            result.ClientCertificateSelector = (request, _) => new ValueTask<TlsCertificate?>(
                Array.Find(all, certificate => IsIssuedByAny(certificate, request.Authorities)) ?? all[0]);
        }
    }

    private static SslProtocols Check(SslProtocols enabled) => (enabled & ~Versions) == 0 ? enabled : throw Refused(
        nameof(TlsOptions.EnabledSslProtocols), "there is nothing below TLS 1.2. Set Tls12, Tls13, both, or None for all that there is");

    private static void Check(EncryptionPolicy policy)
    {
        if (policy != EncryptionPolicy.RequireEncryption)
        {
            throw Refused(nameof(EncryptionPolicy), "there is no connection without encryption. Leave it RequireEncryption");
        }
    }

    /// <summary>A context may hold its own trust, which would count in place of the system's and cannot be seen: a policy has to say it.</summary>
    private static void CheckTrust(SslStreamCertificateContext? context, X509ChainPolicy? policy, string name)
    {
        if (context is not null && policy is null)
        {
            throw Refused(
                name, "it may hold an SslCertificateTrust, which cannot be read from it. Set CertificateChainPolicy as well: with CustomTrustStore, or for the system's authorities with a RevocationMode alone");
        }
    }

    private static List<SslApplicationProtocol>? Copy(List<SslApplicationProtocol>? protocols) => protocols is { Count: > 0 } ? [.. protocols] : null;

    /// <summary>A policy allows; what it allows and this library does not have is just not used.</summary>
    private static List<TlsCipherSuite>? Suites(CipherSuitesPolicy? policy)
    {
        if (policy is null)
        {
            return null;
        }
#pragma warning disable CA1416 // Where the platform has no such policies, none could be made.
        List<TlsCipherSuite> suites = [.. policy.AllowedCipherSuites.Where(suite => CipherSuiteInfo.Find(suite) is not null)];
#pragma warning restore CA1416
        return suites.Count > 0 ? suites : throw Refused(
            nameof(SslClientAuthenticationOptions.CipherSuitesPolicy), "it allows no suite with AEAD and ephemeral key exchange. Allow one, such as TLS_AES_128_GCM_SHA256");
    }

    private static void RestrictPadding(TlsOptions result, bool allowPss, bool allowPkcs1)
    {
        if (!allowPss || !allowPkcs1)
        {
            TlsSignatureScheme[] schemes = [.. SchemeChoice.Default.Where(scheme => scheme.IsPkcs1() ? allowPkcs1 : allowPss || !scheme.IsPss())];
            result.SignatureSchemes = schemes;
            result.SigningSchemes = schemes;
        }
    }

    private static TlsCertificate Load(X509Certificate certificate, string name)
    {
        if (certificate is not X509Certificate2 { HasPrivateKey: true } leaf)
        {
            throw Refused(name, "the certificate has no private key, and none is looked for in the stores of the platform. Give an X509Certificate2 that has it");
        }
        using var above = new ChainAbove(leaf);
        return TlsCertificate.Create(leaf, above.Certificates);
    }

    private static bool IsIssuedByAny(TlsCertificate certificate, IReadOnlyList<ReadOnlyMemory<byte>> authorities) => certificate.Chain.Any(der =>
    {
        using X509Certificate2 link = CertificateDer.Load(der.Span);
        return authorities.Any(authority => PublicData.Equal(authority.Span, link.IssuerName.RawData));
    });

    /// <summary>Distinguished names as the platform writes them; what is none is the peer's mistake, and left out.</summary>
    private static string[] Names(IReadOnlyList<ReadOnlyMemory<byte>> authorities)
        => [.. authorities.Select(authority => NameOf(authority.Span)).Where(name => name.Length > 0)];

    private static string NameOf(ReadOnlySpan<byte> authority)
    {
        try
        {
            return new X500DistinguishedName(authority).Name;
        }
        catch (CryptographicException)
        {
            return string.Empty;
        }
    }

    private static ArgumentException Refused(string property, string why) => new($"{property}: {why} (docs/from-sslstream.md).");

    /// <summary>What callbacks return, as this library takes it: made once for each certificate, for as long as it lives.</summary>
    private sealed class MadeCertificates(string property)
    {
        private readonly ConditionalWeakTable<X509Certificate, TlsCertificate> _made = [];

        public TlsCertificate? Of(X509Certificate? certificate)
            => certificate is null ? null : _made.GetValue(certificate, chosen => Load(chosen, property));
    }

    /// <summary>The intermediates that the platform's stores have for a certificate. Nothing is downloaded, nothing judged.</summary>
    private sealed class ChainAbove : IDisposable
    {
        private readonly X509Chain _chain = new();

        public ChainAbove(X509Certificate2 leaf)
        {
            _chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
            _chain.ChainPolicy.DisableCertificateDownloads = true;
            _chain.ChainPolicy.VerificationFlags = X509VerificationFlags.AllFlags;
            _chain.Build(leaf);
            foreach (X509ChainElement element in _chain.ChainElements.Skip(1))
            {
                if (!IsSelfIssued(element.Certificate))
                {
                    Certificates.Add(element.Certificate);
                }
            }
        }

        public X509Certificate2Collection Certificates { get; } = [];

        public void Dispose()
        {
            foreach (X509ChainElement element in _chain.ChainElements)
            {
                element.Certificate.Dispose();
            }
            _chain.Dispose();
        }

        private static bool IsSelfIssued(X509Certificate2 certificate) => PublicData.Equal(certificate.SubjectName.RawData, certificate.IssuerName.RawData);
    }
}

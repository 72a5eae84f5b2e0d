using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Segno.Cryptography;

namespace Segno.Certificates;

/// <summary>
/// Judges the chain of a peer as the options say: by the platform's <see cref="X509Chain"/>, by name (RFC 9525), by the
/// OCSP response that a server stapled, and last by the application's callback. Immutable and thread-safe; a context makes one.
/// </summary>
internal sealed class ChainValidator
{
    private const string ServerAuthentication = "1.3.6.1.5.5.7.3.1";
    private const string ClientAuthentication = "1.3.6.1.5.5.7.3.2";

    private readonly bool _peerIsServer;
    private readonly X509ChainPolicy _policy;
    private readonly TlsCertificateStatusMode _statusMode;
    private readonly TimeProvider _clock;
    private readonly RemoteCertificateValidationCallback? _callback;

    /// <summary>Takes over what the options say about the peer's certificate.</summary>
    /// <param name="options">Client options: the peer is a server. Server options: it is a client.</param>
    public ChainValidator(TlsOptions options)
    {
        _peerIsServer = options is TlsClientOptions;
        _statusMode = (options as TlsClientOptions)?.CertificateStatusMode ?? TlsCertificateStatusMode.None;
        _clock = options.TimeProvider;
        _callback = options.RemoteCertificateValidationCallback;
        _policy = options.CertificateChainPolicy?.Clone() ?? new X509ChainPolicy
        {
            RevocationMode = options.CertificateRevocationCheckMode,
            RevocationFlag = X509RevocationFlag.ExcludeRoot,
        };
        if (_policy.ApplicationPolicy.Count == 0)
        {
            _policy.ApplicationPolicy.Add(new Oid(_peerIsServer ? ServerAuthentication : ClientAuthentication));
        }
        if (!_peerIsServer)
        {
            // Anybody can show a client certificate: its URLs must not make this server fetch what they say.
            _policy.DisableCertificateDownloads = true;
        }
    }

    /// <summary>Builds the chain and judges it. Blocks: it may fetch certificates and revocation lists, as the policy says.</summary>
    /// <param name="peer">What the peer showed.</param>
    /// <param name="targetHost">The name the server shall have; looked at for servers only.</param>
    /// <param name="sender">The connection, for the callback.</param>
    public ChainVerdict Run(PeerCertificate peer, string? targetHost, object? sender)
    {
        X509ChainPolicy policy = _policy.Clone();
        if (policy.VerificationTimeIgnored)
        {
            policy.VerificationTime = _clock.GetUtcNow().UtcDateTime;
        }

        List<X509Certificate2> above = [];
        using X509Chain chain = new() { ChainPolicy = policy };
        try
        {
            foreach (ReadOnlyMemory<byte> certificate in peer.Chain.Skip(1))
            {
                above.Add(CertificateDer.Load(certificate.Span));
            }
            policy.ExtraStore.AddRange(above.ToArray());
            return Judge(peer, chain, chain.Build(peer.Leaf), targetHost, sender);
        }
        catch (CryptographicException e)
        {
            return new ChainVerdict(peer.Leaf, SslPolicyErrors.RemoteCertificateChainErrors, TlsFault.CertificateMalformed, e.Message, e);
        }
        finally
        {
            // As with SslStream, the chain and its certificates are the callback's only while it runs.
            foreach (X509ChainElement element in chain.ChainElements)
            {
                element.Certificate.Dispose();
            }
            above.ForEach(certificate => certificate.Dispose());
        }
    }

    private ChainVerdict Judge(PeerCertificate peer, X509Chain chain, bool isTrusted, string? targetHost, object? sender)
    {
        X509Certificate2 leaf = peer.Leaf;
        if (FindWeakSignature(chain) is { } weak)
        {
            return new ChainVerdict(leaf, SslPolicyErrors.RemoteCertificateChainErrors, TlsFault.CertificateSignatureInvalid, weak);
        }

        SslPolicyErrors errors = SslPolicyErrors.None;
        TlsFault fault = TlsFault.None;
        string? detail = null;
        if (!isTrusted)
        {
            errors = SslPolicyErrors.RemoteCertificateChainErrors;
            (fault, detail) = NameChainFault(chain);
        }
        if (_peerIsServer && FindNameMismatch(leaf, targetHost) is { } mismatch)
        {
            errors |= SslPolicyErrors.RemoteCertificateNameMismatch;
            fault = fault == TlsFault.None ? TlsFault.CertificateNameMismatch : fault;
            detail = detail is null ? mismatch : $"{detail} {mismatch}";
        }
        OcspVerdict status = JudgeStatus(peer, chain, out bool required);
        if (status.Fault != TlsFault.None)
        {
            // As with the platform's own revocation check, it is the chain that is wrong.
            errors |= SslPolicyErrors.RemoteCertificateChainErrors;
            fault = fault == TlsFault.None ? status.Fault : fault;
            detail = detail is null ? status.Detail : $"{detail} {status.Detail}";
        }
        var verdict = new ChainVerdict(leaf, errors, fault, detail) { Status = status.Status };
        if (required && status.Status == TlsCertificateStatus.Good)
        {
            verdict = verdict with { StatusNotAfter = status.NextUpdate };
        }
        return Ask(verdict, chain, sender);
    }

    /// <summary>RFC 6066 §8: the response that a client asked for must be satisfactory. What that is, <see cref="TlsCertificateStatusMode"/> says.</summary>
    private OcspVerdict JudgeStatus(PeerCertificate peer, X509Chain chain, out bool required)
    {
        // Nothing is stapled in a resumed handshake. What was required then bounds the session's lifetime.
        TlsCertificateStatusMode mode = peer.IsOfSession ? TlsCertificateStatusMode.None : _statusMode;
        required = mode == TlsCertificateStatusMode.HardFail
            || (mode != TlsCertificateStatusMode.None && CertificateDer.InsistsOnStatus(peer.Leaf));
        OcspVerdict verdict = new(TlsCertificateStatus.None, TlsFault.CertificateStatusMissing, "The server stapled no OCSP response.");
        if (mode != TlsCertificateStatusMode.None && !peer.OcspResponse.IsEmpty)
        {
            X509Certificate2 issuer = chain.ChainElements.Count > 1 ? chain.ChainElements[1].Certificate : peer.Leaf;
            verdict = OcspVerdict.Judge(peer.OcspResponse, peer.Leaf, issuer, chain.ChainPolicy.VerificationTime.ToUniversalTime(), CryptoProvider.Default);
        }
        bool isUsable = verdict.Status is not (TlsCertificateStatus.None or TlsCertificateStatus.Outdated);
        return isUsable || required ? verdict : verdict with { Fault = TlsFault.None };
    }

    private ChainVerdict Ask(ChainVerdict found, X509Chain chain, object? sender)
    {
        if (_callback is null)
        {
            return found;
        }
        try
        {
            if (_callback(sender!, found.Leaf, chain, found.Errors))
            {
                return found with { Fault = TlsFault.None };
            }
            return found.IsAccepted ? found with { Fault = TlsFault.CertificateRejectedByApplication } : found;
        }
        catch (Exception e) when (e is not TlsException)
        {
            return found with { Fault = TlsFault.CallbackFailed, Detail = "RemoteCertificateValidationCallback threw.", Cause = e };
        }
    }

    /// <summary>
    /// RFC 9846 §4.5.1.4: MD5 must not, SHA-1 should not be what a certificate is believed by, and the platform does not
    /// look. The last certificate is believed because it is known or not at all, so that its signature does not count.
    /// </summary>
    private static string? FindWeakSignature(X509Chain chain)
    {
        for (int i = 0; i < chain.ChainElements.Count - 1; i++)
        {
            if (WeakHash(chain.ChainElements[i].Certificate.SignatureAlgorithm.Value) is { } hash)
            {
                return $"A certificate of the chain is signed with {hash}.";
            }
        }
        return null;
    }

    private static string? WeakHash(string? signatureAlgorithm) => signatureAlgorithm switch
    {
        "1.2.840.113549.1.1.2" => "MD2",
        "1.2.840.113549.1.1.3" => "MD4",
        "1.2.840.113549.1.1.4" => "MD5",
        "1.2.840.113549.1.1.5" or "1.2.840.10045.4.1" or "1.2.840.10040.4.3" => "SHA-1",
        _ => null,
    };

    private static string? FindNameMismatch(X509Certificate2 leaf, string? targetHost)
    {
        if (string.IsNullOrEmpty(targetHost))
        {
            return "There is no target host to compare the certificate's names with.";
        }
        if (!ServerNames.TryNormalize(targetHost, out ReferenceName reference))
        {
            return "The target host is no host name.";
        }
        CertificateNames names = CertificateNames.Read(leaf);
        return names.Match(reference) ? null : $"The certificate is for {names.Describe()}, not for {reference.Canonical}.";
    }

    private static (TlsFault Fault, string Detail) NameChainFault(X509Chain chain)
    {
        X509ChainStatusFlags statuses = X509ChainStatusFlags.NoError;
        foreach (X509ChainStatus status in chain.ChainStatus)
        {
            statuses |= status.Status;
        }
        TlsFault fault = ChainFaults.Of(statuses, chain.ChainPolicy.VerificationFlags);
        if (fault == TlsFault.CertificateExpired && !IsAnyExpired(chain))
        {
            fault = TlsFault.CertificateNotYetValid;
        }
        return (fault, $"The chain has: {statuses}.");
    }

    // The platform has one status for too early and too late.
    private static bool IsAnyExpired(X509Chain chain)
    {
        DateTime now = chain.ChainPolicy.VerificationTime.ToUniversalTime();
        return chain.ChainElements.Any(element => element.Certificate.NotAfter.ToUniversalTime() < now);
    }
}

using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace Segno.Cli.Connecting;

/// <summary>Whom a client trusts, and what it found.</summary>
internal sealed class PeerVerification
{
    private readonly string? _authoritiesPath;
    private readonly bool _insecure;
    private readonly Lock _gate = new();
    private string? _objection;

    public PeerVerification(ConnectSettings settings)
    {
        _authoritiesPath = settings.AuthoritiesPath;
        _insecure = settings.Insecure;
    }

    /// <summary>Whether the peer's identity is proven, as far as was asked.</summary>
    public bool Verified
    {
        get
        {
            lock (_gate)
            {
                return _objection is null;
            }
        }
    }

    public void Configure(TlsClientOptions options)
    {
        if (_authoritiesPath is { } path)
        {
            options.CertificateChainPolicy = Files.TrustOnly(path);
        }
        if (_insecure)
        {
            options.RemoteCertificateValidationCallback = Accept;

            // A name of its own: a session that nobody verified is never resumed where somebody asks for verification.
            options.ValidationPolicyName = "segno connect --insecure";
        }
    }

    /// <summary>In one line. On a resumed connection nothing new was examined: what the session stands for is carried on.</summary>
    public string Describe(TlsConnectionInfo info)
    {
        if (info.ExternalPskIdentity is { } psk)
        {
            return $"ok: by the external PSK '{Encoding.UTF8.GetString(psk.ExternalIdentity.Span)}', last proved at {info.AuthenticatedAt:u}";
        }
        string anchors = _authoritiesPath ?? "the system's authorities";
        lock (_gate)
        {
            if (info.Resumption.IsResumed)
            {
                return _insecure
                    ? "not checked (--insecure); carried on from the session"
                    : $"ok: verified at {info.AuthenticatedAt:u} against {anchors}, carried on by resumption";
            }
            return _objection is { } objection ? $"FAILED, accepted because of --insecure: {objection}" : $"ok: verified against {anchors}";
        }
    }

    private bool Accept(object sender, X509Certificate? certificate, X509Chain? chain, SslPolicyErrors errors)
    {
        List<string> objections = [];
        if (errors.HasFlag(SslPolicyErrors.RemoteCertificateNotAvailable))
        {
            objections.Add("no certificate");
        }
        if (errors.HasFlag(SslPolicyErrors.RemoteCertificateNameMismatch))
        {
            objections.Add("the name does not fit");
        }
        if (errors.HasFlag(SslPolicyErrors.RemoteCertificateChainErrors))
        {
            X509ChainStatusFlags status = chain?.ChainStatus.Aggregate(X509ChainStatusFlags.NoError, (sum, one) => sum | one.Status) ?? X509ChainStatusFlags.NoError;
            objections.Add($"the chain does not hold ({status})");
        }
        lock (_gate)
        {
            _objection = objections.Count > 0 ? string.Join("; ", objections) : null;
        }
        return true;
    }
}

using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Segno.Certificates;
using Segno.Certificates.Stapling;
using Segno.Cryptography;

namespace Segno;

/// <summary>Keeps the OCSP response that a server staples to one certificate: loads it, checks it, renews it ahead of its end. Only a response that is good and current is stapled. Thread-safe.</summary>
/// <remarks>Made by <see cref="TlsCertificate.Staple"/>, <see cref="TlsCertificate.StapleFromFile"/> and <see cref="TlsCertificate.StapleFromResponder"/>. No handshake waits for it.</remarks>
public sealed class OcspStapler : IDisposable
{
    private readonly TlsCertificate _certificate;
    private readonly X509Certificate2 _issuer;
    private readonly IOcspSource _source;
    private readonly TimeProvider _clock;
    private readonly SemaphoreSlim _refreshing = new(1);
    private readonly CancellationTokenSource _disposed = new();
    private readonly ITimer _timer;
    private volatile Stapled? _stapled;
    private volatile Exception? _lastFailure;
    private volatile int _failures;
    private volatile int _status;

    private OcspStapler(TlsCertificate certificate, X509Certificate2 issuer, IOcspSource source, TimeProvider clock)
    {
        _certificate = certificate;
        _issuer = issuer;
        _source = source;
        _clock = clock;
        _timer = clock.CreateTimer(static state => _ = ((OcspStapler)state!).RefreshInBackgroundAsync(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>What the newest response said; <see cref="TlsCertificateStatus.None"/> before the first.</summary>
    public TlsCertificateStatus Status => (TlsCertificateStatus)_status;

    /// <summary>Until when the response that is stapled is current; <see langword="null"/>: none is.</summary>
    public DateTimeOffset? NextUpdate => _stapled?.NextUpdate;

    /// <summary>Why the last attempt brought no good response; <see langword="null"/> where it did.</summary>
    public Exception? LastFailure => _lastFailure;

    /// <summary>The response to send; empty where there is none that is current.</summary>
    internal ReadOnlyMemory<byte> Current => _stapled is { } stapled && _clock.GetUtcNow() <= stapled.NextUpdate ? stapled.Response : default;

    internal static OcspStapler FromResponse(TlsCertificate certificate, byte[] response, X509Certificate2? issuer, TimeProvider clock)
    {
        OcspStapler stapler = new(certificate, FindIssuer(certificate, issuer), new GivenResponse(), clock);
        stapler.Accept(response);
        return stapler;
    }

    internal static OcspStapler FromFile(TlsCertificate certificate, string path, X509Certificate2? issuer, TimeProvider clock)
    {
        OcspStapler stapler = new(certificate, FindIssuer(certificate, issuer), new OcspFile(path), clock);
        // A file is read at once, so that the first client gets it.
        _ = stapler.RefreshInBackgroundAsync();
        return stapler;
    }

    internal static OcspStapler FromResponder(TlsCertificate certificate, HttpClient? http, X509Certificate2? issuer, TimeProvider clock)
    {
        X509Certificate2 found = FindIssuer(certificate, issuer);
        var source = new OcspResponder(OcspResponder.FindUri(certificate.Certificate), OcspCertificateId.WriteRequest(certificate.Certificate, found), http, clock);
        OcspStapler stapler = new(certificate, found, source, clock);
        stapler._timer.Change(TimeSpan.Zero, Timeout.InfiniteTimeSpan);
        return stapler;
    }

    internal static OcspStapler Unchecked(TlsCertificate certificate, ReadOnlyMemory<byte> response) =>
        new(certificate, certificate.Certificate, new GivenResponse(), TimeProvider.System) { _stapled = new Stapled(response, DateTimeOffset.MaxValue) };

    /// <summary>Looks for a newer response now. A failure is no exception: <see cref="LastFailure"/> tells, and an older response is stapled on while it is current.</summary>
    /// <param name="cancellationToken">Ends the attempt.</param>
    /// <exception cref="OperationCanceledException">It was cancelled, or this object disposed.</exception>
    public async Task RefreshAsync(CancellationToken cancellationToken = default)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _disposed.Token);
        await _refreshing.WaitAsync(either.Token).ConfigureAwait(false);
        try
        {
            await LoadAsync(either.Token).ConfigureAwait(false);
        }
        finally
        {
            _refreshing.Release();
        }
    }

    /// <summary>Ends the renewal; nothing is stapled any more.</summary>
    public void Dispose()
    {
        _certificate.Unstaple(this);
        _timer.Dispose();
        _disposed.Cancel();
        _stapled = null;
    }

    private async Task RefreshInBackgroundAsync()
    {
        try
        {
            await RefreshAsync().ConfigureAwait(false);
        }
        catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
        {
            // Disposed: there is nothing more to renew.
        }
    }

    private async Task LoadAsync(CancellationToken cancellationToken)
    {
        try
        {
            if (await _source.LoadAsync(cancellationToken).ConfigureAwait(false) is { } response)
            {
                Accept(response);
            }
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            Fail(e);
        }
        TimeSpan wait = _source.NextLoad(_stapled, _failures, _clock.GetUtcNow());
        _timer.Change(wait, Timeout.InfiniteTimeSpan);
    }

    private void Accept(byte[] response)
    {
        OcspVerdict verdict = OcspVerdict.Judge(response, _certificate.Certificate, _issuer, _clock.GetUtcNow(), CryptoProvider.Default);
        _status = (int)verdict.Status;
        if (verdict.Status == TlsCertificateStatus.Good)
        {
            _stapled = new Stapled(response, verdict.NextUpdate) { ThisUpdate = verdict.ThisUpdate };
            _lastFailure = null;
            _failures = 0;
            return;
        }
        if (verdict.Status == TlsCertificateStatus.Revoked)
        {
            // What the authority said before is no longer true, however long it was meant to be.
            _stapled = null;
        }
        Fail(new TlsException(verdict.Fault, verdict.Detail));
    }

    private void Fail(Exception failure)
    {
        _lastFailure = failure;
        _failures = Math.Min(_failures + 1, 30);
    }

    private static X509Certificate2 FindIssuer(TlsCertificate certificate, X509Certificate2? given)
    {
        X509Certificate2 issuer = given
            ?? (certificate.Chain.Count > 1 ? X509CertificateLoader.LoadCertificate(certificate.Chain[1].Span) : certificate.Certificate);
        try
        {
            return CertificateDer.IsSignedBy(certificate.Chain[0], issuer, CryptoProvider.Default)
                ? issuer
                : throw new ArgumentException("The certificate's issuer, which OCSP responses are checked with, is not known: give it as issuer, or load the certificate with its chain.", nameof(certificate));
        }
        catch (CryptographicException e)
        {
            throw new ArgumentException($"The certificate's issuer cannot be used: {e.Message}", nameof(certificate), e);
        }
    }
}

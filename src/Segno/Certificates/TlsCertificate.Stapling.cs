using System.Security.Cryptography.X509Certificates;

namespace Segno;

public sealed partial class TlsCertificate
{
    private OcspStapler? _stapler;

    /// <summary>What staples OCSP responses to this certificate; <see langword="null"/>: nothing does.</summary>
    public OcspStapler? Stapler => Volatile.Read(ref _stapler);

    /// <summary>What to send to a client that asks; empty: nothing.</summary>
    internal ReadOnlyMemory<byte> OcspResponse => Stapler?.Current ?? default;

    /// <summary>Staples an OCSP response (RFC 6066 §8), for as long as it is current. Takes the place of what was stapled before.</summary>
    /// <param name="ocspResponse">The response in DER, at most 16384 bytes; copied.</param>
    /// <param name="issuer">The certificate's issuer. Default <see langword="null"/>: the second certificate of <see cref="Chain"/>.</param>
    /// <param name="timeProvider">The clock. Default <see cref="TimeProvider.System"/>.</param>
    /// <exception cref="ArgumentException">The response is not good, or the issuer is not known.</exception>
    public OcspStapler Staple(ReadOnlyMemory<byte> ocspResponse, X509Certificate2? issuer = null, TimeProvider? timeProvider = null)
    {
        OcspStapler stapler = OcspStapler.FromResponse(this, ocspResponse.ToArray(), issuer, timeProvider ?? TimeProvider.System);
        if (stapler.Status != TlsCertificateStatus.Good)
        {
            stapler.Dispose();
            throw new ArgumentException($"The OCSP response cannot be stapled: {stapler.LastFailure!.Message} Ask the certificate's authority for a new one.", nameof(ocspResponse));
        }
        return Use(stapler);
    }

    /// <summary>Staples the OCSP response of a file, and each that takes its place: the file is read once a minute, and at every <see cref="OcspStapler.RefreshAsync"/>.</summary>
    /// <remarks>Takes the place of what was stapled before. A file that is missing or not good is no error: <see cref="OcspStapler.LastFailure"/> tells, and nothing is stapled until it is.</remarks>
    /// <param name="path">Path of the response in DER.</param>
    /// <param name="issuer">The certificate's issuer. Default <see langword="null"/>: the second certificate of <see cref="Chain"/>.</param>
    /// <param name="timeProvider">The clock. Default <see cref="TimeProvider.System"/>.</param>
    /// <exception cref="ArgumentException">The issuer is not known.</exception>
    public OcspStapler StapleFromFile(string path, X509Certificate2? issuer = null, TimeProvider? timeProvider = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return Use(OcspStapler.FromFile(this, path, issuer, timeProvider ?? TimeProvider.System));
    }

    /// <summary>Staples the OCSP responses of the responder that the certificate names (RFC 6960 §3.1), fetched in the background: a new one after half of the time that the old one is good for, and after failures at intervals that double from 1 minute to 1 hour.</summary>
    /// <remarks>Takes the place of what was stapled before. No handshake waits for it; until the first response is there, nothing is stapled: await <see cref="OcspStapler.RefreshAsync"/> to have it at the start.</remarks>
    /// <param name="httpClient">Asks the responder; stays the caller's. Default <see langword="null"/>: one that follows no redirection.</param>
    /// <param name="issuer">The certificate's issuer. Default <see langword="null"/>: the second certificate of <see cref="Chain"/>.</param>
    /// <param name="timeProvider">The clock. Default <see cref="TimeProvider.System"/>.</param>
    /// <exception cref="ArgumentException">The certificate names no responder with an http URL, or the issuer is not known.</exception>
    public OcspStapler StapleFromResponder(HttpClient? httpClient = null, X509Certificate2? issuer = null, TimeProvider? timeProvider = null) =>
        Use(OcspStapler.FromResponder(this, httpClient, issuer, timeProvider ?? TimeProvider.System));

    /// <summary>For tests: a response as it is, good or not.</summary>
    internal void StapleAsIs(ReadOnlyMemory<byte> ocspResponse) => Use(OcspStapler.Unchecked(this, ocspResponse));

    /// <summary>For the stapler that is disposed.</summary>
    internal void Unstaple(OcspStapler stapler) => Interlocked.CompareExchange(ref _stapler, null, stapler);

    private OcspStapler Use(OcspStapler stapler)
    {
        Interlocked.Exchange(ref _stapler, stapler)?.Dispose();
        return stapler;
    }
}

using System.Globalization;
using System.Runtime.Intrinsics.X86;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Segno.Sessions;

namespace Segno.BogoShim;

/// <summary>A connection that went on without a fault, but not as the runner expects.</summary>
internal sealed class ShimFailedException(string message) : Exception(message);

/// <summary>Compares what the library says of a connection with the runner's <c>-expect-</c> flags.</summary>
internal static class Expectations
{
    public static void CheckHandshake(ShimOptions options, TlsConnection tls, ShimObservations observed, bool isResumption)
    {
        TlsConnectionInfo info = tls.Info;
        Check(info.Resumption.IsResumed == (isResumption && !options.ExpectSessionMiss), $"resumption: {info.Resumption}");
        int version = info.ProtocolVersion switch
        {
            SslProtocols.Tls13 => 0x0304,
            SslProtocols.Tls12 => 0x0303,
            _ => 0,
        };
        Equal(options.ExpectVersion, version, "version");
        Equal(options.ExpectGroup, (int)(info.Group ?? 0), "group");
        Equal(options.ExpectCipher, (int)info.CipherSuite, "cipher suite");
        Equal(Aes.IsSupported ? options.ExpectCipherWithAes : options.ExpectCipherWithoutAes, (int)info.CipherSuite, "cipher suite");
        Check(!options.ExpectHelloRetry || info.HelloRetried, "no HelloRetryRequest");
        Check(!options.ExpectNoHelloRetry || !info.HelloRetried, "a HelloRetryRequest");
        Check(!options.ExpectExtendedMainSecret || version == 0x0304 || info.ExtendedMasterSecret, "no extended main secret");
        if (!isResumption)
        {
            Check(!options.ExpectSessionId || observed.StoredSessions() > 0, "no session in the store");
            Check(!options.ExpectNoSessionId || observed.StoredSessions() == 0, "a session in the store");
        }

        if (isResumption && options.ExpectTicketAgeSkew != 0)
        {
            Check((int?)info.TicketAgeSkew?.TotalSeconds == options.ExpectTicketAgeSkew, $"ticket age skew {info.TicketAgeSkew}");
        }

        CheckPeer(options, info, observed);
        CheckNames(options, info, observed);
    }

    public static void CheckEarlyData(ShimOptions options, TlsConnectionInfo info)
    {
        Check(!options.ExpectAcceptEarlyData || info.EarlyData.IsAccepted, $"early data: {info.EarlyData}");
        Check(!options.ExpectRejectEarlyData || !info.EarlyData.IsAccepted, $"early data: {info.EarlyData}");
        Check(!options.ExpectNoOfferEarlyData || info.EarlyData.Status == EarlyDataStatus.NotOffered, $"early data: {info.EarlyData}");
        if (options.ExpectEarlyDataReason.Length > 0)
        {
            Check(ReasonOf(options, info) == options.ExpectEarlyDataReason, $"early data: {info.EarlyData}");
        }
    }

    /// <summary>In BoringSSL's words.</summary>
    private static string ReasonOf(ShimOptions options, TlsConnectionInfo info) => info.EarlyData switch
    {
        { Status: EarlyDataStatus.Accepted } => "accept",
        { Reason: EarlyDataReason.HelloRetry } when !options.IsServer || info.Resumption.IsResumed => "hello_retry_request",
        { Reason: EarlyDataReason.AlpnMismatch } => "alpn_mismatch",
        { Reason: EarlyDataReason.AgeSkew } => "ticket_age_skew",
        { Reason: EarlyDataReason.SessionNotResumed } => "session_not_resumed",
        { Reason: EarlyDataReason.DeclinedByServer } => "peer_declined",
        { Reason: EarlyDataReason.NotAllowedBySession } => "unsupported_for_session",
        _ when !options.EnableEarlyData => "disabled",
        // Of offers that were not made, BoringSSL says why a connection could not have had one.
        _ when info.ProtocolVersion != SslProtocols.Tls13 => "protocol_version",
        { Reason: EarlyDataReason.NoSession } => "no_session_offered",
        _ when !info.Resumption.IsResumed => info.Resumption.Status == ResumptionStatus.NotOffered ? "no_session_offered" : "session_not_resumed",
        _ when options.IsServer => "peer_declined",
        { Reason: var reason } => reason.ToString(),
    };

    private static void CheckPeer(ShimOptions options, TlsConnectionInfo info, ShimObservations observed)
    {
        if (!info.Resumption.IsResumed)
        {
            // BoringSSL remembers it with the session; for us it is of the handshake that had the signature.
            Equal(options.ExpectPeerSignatureScheme, (int)(info.RemoteSignatureScheme ?? 0), "peer's signature scheme");
        }

        if (options.ExpectPeerVerifySchemes.Count > 0)
        {
            IReadOnlyList<TlsSignatureScheme> schemes = options.IsServer ? info.RemoteSignatureSchemes : observed.PeerSchemes ?? [];
            Check(options.ExpectPeerVerifySchemes.SequenceEqual(schemes.Select(scheme => (ushort)scheme)), $"peer accepts {string.Join(' ', schemes)}");
        }

        if (!options.IsServer || options.RequireClientCertificate)
        {
            Check(info.RemoteCertificate is not null && info.RemoteCertificates.Count > 0, "no peer certificate");
        }

        if (options.ExpectPeerCertificateFile.Length > 0)
        {
            Check(
                CertificateBytes(options.ExpectPeerCertificateFile).SequenceEqual(info.RemoteCertificates.Select(der => der.ToArray()), ByteArrayComparer.Instance),
                "another peer certificate");
        }

        bool examined = info.RemoteCertificates.Count > 0 && (!info.Resumption.IsResumed || options.ReverifyOnResume);
        Check(observed.Verifications == (examined ? 1 : 0), $"{observed.Verifications} verifications");
        if (options.ExpectVerifyResult)
        {
            Check(!examined || observed.VerificationFailed == options.VerifyFail, "wrong verification result");
        }

        if (options.ExpectOcspResponse.Length > 0)
        {
            // Like the scheme: BoringSSL remembers it with the session.
            byte[] expected = info.Resumption.IsResumed ? [] : Convert.FromBase64String(options.ExpectOcspResponse);
            Check(info.StapledOcspResponse.Span.SequenceEqual(expected), "another OCSP response");
        }

        if (options.ExpectSelectedCredential is { } selected)
        {
            ShimCredential expected = selected < 0 ? options.LastResort : options.Credentials[selected];
            using X509Certificate2 certificate = X509CertificateLoader.LoadCertificate(CertificateBytes(expected.CertificateFile)[0]);
            Check(info.LocalCertificate?.RawData.AsSpan().SequenceEqual(certificate.RawData) == true, "another certificate of ours");
        }

        if (options.ExpectClientCaList.Length > 0)
        {
            Check(
                ShimContexts.ReadNames(options.ExpectClientCaList).Select(name => name.ToArray())
                    .SequenceEqual((observed.ClientAuthorities ?? []).Select(name => name.ToArray()), ByteArrayComparer.Instance),
                "other client authorities");
        }
    }

    private static void CheckNames(ShimOptions options, TlsConnectionInfo info, ShimObservations observed)
    {
        if (options.ExpectAdvertisedAlpn.Length > 0)
        {
            Check(
                ShimContexts.ReadAlpn(options.ExpectAdvertisedAlpn).SequenceEqual(observed.OfferedProtocols ?? []),
                $"offered protocols {string.Join(' ', observed.OfferedProtocols ?? [])}");
        }

        if (options.ExpectServerName.Length > 0)
        {
            Check(info.ServerName == options.ExpectServerName, $"server name {info.ServerName}");
        }

        string expected = options.IsServer ? options.SelectAlpn : options.ExpectAlpn;
        string actual = Encoding.Latin1.GetString(info.ApplicationProtocol.Protocol.Span);
        Check(actual == expected, $"application protocol '{actual}'");
    }

    /// <summary>What a client can say only at the end: in TLS 1.3, tickets follow the handshake.</summary>
    public static void CheckSession(ShimOptions options, TlsConnection tls, ShimObservations observed)
    {
        // TLS 1.3 renews the ticket on every connection, TLS 1.2 if the server finds it due.
        bool expected = !options.ExpectNoSession && (tls.Info.ProtocolVersion == SslProtocols.Tls13
            ? !options.ShimShutsDown
            : !tls.Info.Resumption.IsResumed || options.ExpectTicketRenewal);
        Check(expected == observed.Sessions > 0, expected ? "no session" : "a session");
        Check(expected == tls.Session is not null, expected ? "no session kept" : "a session kept");
        Check(tls.Session is null || tls.Session.MaxEarlyDataSize > 0 == options.ExpectTicketSupportsEarlyData, $"early data: {tls.Session?.MaxEarlyDataSize}");
    }

    private static byte[][] CertificateBytes(string pemFile)
    {
        X509Certificate2Collection certificates = [];
        certificates.ImportFromPemFile(pemFile);
        return [.. certificates.Select(certificate => certificate.RawData)];
    }

    private static void Equal(int expected, int actual, string what) =>
        Check(expected == 0 || expected == actual, string.Create(CultureInfo.InvariantCulture, $"{what} {actual:x4} instead of {expected:x4}"));

    private static void Check(bool holds, string otherwise)
    {
        if (!holds)
        {
            throw new ShimFailedException($"not as expected: {otherwise}");
        }
    }

    private sealed class ByteArrayComparer : IEqualityComparer<byte[]>
    {
        public static ByteArrayComparer Instance { get; } = new();

        public bool Equals(byte[]? x, byte[]? y) => x.AsSpan().SequenceEqual(y);

        public int GetHashCode(byte[] obj) => obj.Length;
    }
}

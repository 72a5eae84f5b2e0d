using System.Security.Authentication;
using Segno.Sessions;

namespace Segno.BogoShim;

/// <summary>What the runner calls our faults: it looks for BoringSSL's reason in our stderr.</summary>
/// <remarks>
/// One reason for each fault. Where BoringSSL divides more finely than we do, the role, the version or what the exception is
/// about decides which; where we do, several faults share a reason.
/// </remarks>
/// <param name="tls">The connection that failed.</param>
/// <param name="offered">Client: the session that it offered.</param>
internal sealed class FaultNames(TlsConnection tls, TlsSession? offered)
{
    private SslProtocols Version => tls.Info.ProtocolVersion;

    /// <summary>BoringSSL's reason for what went wrong, between colons.</summary>
    public string For(TlsException exception) =>
        exception is TlsAlertException { SentByPeer: true } alert
            ? $":{ForPeerAlert(alert.Alert)}:"
            : $":{For(exception.Fault, About(exception))}:";

    /// <summary>What the message tells behind the fault's name.</summary>
    private static string About(TlsException exception)
    {
        string name = $"{exception.Fault}: ";
        return exception.Message.StartsWith(name, StringComparison.Ordinal) ? exception.Message[name.Length..] : "";
    }

    private static string ForPeerAlert(TlsAlert alert) => alert switch
    {
        TlsAlert.UnexpectedMessage => "SSLV3_ALERT_UNEXPECTED_MESSAGE",
        TlsAlert.BadRecordMac => "SSLV3_ALERT_BAD_RECORD_MAC",
        TlsAlert.RecordOverflow => "TLSV1_ALERT_RECORD_OVERFLOW",
        (TlsAlert)30 => "SSLV3_ALERT_DECOMPRESSION_FAILURE",
        TlsAlert.HandshakeFailure => "SSLV3_ALERT_HANDSHAKE_FAILURE",
        TlsAlert.BadCertificate => "SSLV3_ALERT_BAD_CERTIFICATE",
        TlsAlert.UnsupportedCertificate => "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE",
        TlsAlert.CertificateRevoked => "SSLV3_ALERT_CERTIFICATE_REVOKED",
        TlsAlert.CertificateExpired => "SSLV3_ALERT_CERTIFICATE_EXPIRED",
        TlsAlert.CertificateUnknown => "SSLV3_ALERT_CERTIFICATE_UNKNOWN",
        TlsAlert.IllegalParameter => "SSLV3_ALERT_ILLEGAL_PARAMETER",
        TlsAlert.UnknownCa => "TLSV1_ALERT_UNKNOWN_CA",
        TlsAlert.AccessDenied => "TLSV1_ALERT_ACCESS_DENIED",
        TlsAlert.DecodeError => "TLSV1_ALERT_DECODE_ERROR",
        TlsAlert.DecryptError => "TLSV1_ALERT_DECRYPT_ERROR",
        TlsAlert.ProtocolVersion => "TLSV1_ALERT_PROTOCOL_VERSION",
        TlsAlert.InsufficientSecurity => "TLSV1_ALERT_INSUFFICIENT_SECURITY",
        TlsAlert.InternalError => "TLSV1_ALERT_INTERNAL_ERROR",
        TlsAlert.InappropriateFallback => "TLSV1_ALERT_INAPPROPRIATE_FALLBACK",
        TlsAlert.UserCanceled => "TLSV1_ALERT_USER_CANCELLED",
        TlsAlert.NoRenegotiation => "TLSV1_ALERT_NO_RENEGOTIATION",
        TlsAlert.UnsupportedExtension => "TLSV1_ALERT_UNSUPPORTED_EXTENSION",
        TlsAlert.UnrecognizedName => "TLSV1_ALERT_UNRECOGNIZED_NAME",
        TlsAlert.BadCertificateStatusResponse => "TLSV1_ALERT_BAD_CERTIFICATE_STATUS_RESPONSE",
        TlsAlert.UnknownPskIdentity => "TLSV1_ALERT_UNKNOWN_PSK_IDENTITY",
        TlsAlert.CertificateRequired => "TLSV1_ALERT_CERTIFICATE_REQUIRED",
        TlsAlert.NoApplicationProtocol => "TLSV1_ALERT_NO_APPLICATION_PROTOCOL",
        _ => $"PEER_ALERT_{(int)alert}",
    };

    private string For(TlsFault fault, string about) => (fault, about) switch
    {
        (TlsFault.PlainHttpReceived, "CONN") => "HTTPS_PROXY_REQUEST",
        // Behind the first message BoringSSL no longer asks what else a record could have been.
        (TlsFault.UnexpectedApplicationData, _) => Version == SslProtocols.None && !tls.Info.HelloRetried ? "APPLICATION_DATA_INSTEAD_OF_HANDSHAKE" : "UNEXPECTED_RECORD",
        (TlsFault.ChangeCipherSpecMalformed, _) => Version == SslProtocols.Tls12 ? "BAD_CHANGE_CIPHER_SPEC" : "UNEXPECTED_RECORD",
        (TlsFault.UnprotectedRecord, _) => Version == SslProtocols.Tls12 ? "UNEXPECTED_RECORD" : "INVALID_OUTER_RECORD_TYPE",
        (TlsFault.InterleavedHandshakeMessage, _) => "UNEXPECTED_RECORD",

        (TlsFault.ExtensionMalformed, "ApplicationLayerProtocolNegotiation") => "PARSE_TLSEXT",
        (TlsFault.ExtensionMalformed, "PreSharedKey" or "SignatureAlgorithms" or "Cookie" or "KeyShare") => "DECODE_ERROR",
        (TlsFault.MissingExtension, "KeyShare") => "MISSING_KEY_SHARE",
        (TlsFault.MissingExtension, "SupportedGroups") => "NO_SHARED_GROUP",
        (TlsFault.MissingExtension, "SignatureAlgorithms") => tls.IsServer ? "NO_COMMON_SIGNATURE_ALGORITHMS" : "DECODE_ERROR",
        (TlsFault.MisplacedExtension, "ExtendedMasterSecret" or "SessionTicket" or "EcPointFormats" or "RenegotiationInfo") => "ERROR_PARSING_EXTENSION",
        // A hello of TLS 1.2 has no supported_versions.
        (TlsFault.VersionNotOffered, "0303") => "UNEXPECTED_EXTENSION",
        (TlsFault.LegacyVersionInvalid, _) => tls.Info.HelloRetried ? "DECODE_ERROR" : "UNSUPPORTED_PROTOCOL",
        (TlsFault.CompressionMethodInvalid, _) =>
            tls.IsServer ? "INVALID_COMPRESSION_LIST" : Version == SslProtocols.Tls12 ? "UNSUPPORTED_COMPRESSION_ALGORITHM" : "DECODE_ERROR",
        (TlsFault.EmptyCertificateList, _) => Version == SslProtocols.Tls12 ? "DECODE_ERROR" : "PEER_DID_NOT_RETURN_A_CERTIFICATE",

        // We look at what came in the wrong version's place before BoringSSL asks for the session's version.
        (TlsFault.UnsolicitedExtension, "PreSharedKey") when offered is { ProtocolVersion: SslProtocols.Tls12 } => "OLD_SESSION_VERSION_NOT_RETURNED",
        (TlsFault.CipherSuiteNotOffered, _) when offered is { ProtocolVersion: SslProtocols.Tls13 } && Version == SslProtocols.Tls12 => "OLD_SESSION_VERSION_NOT_RETURNED",
        _ => For(fault),
    };

    private string For(TlsFault fault) => fault switch
    {
        TlsFault.NotTls => "WRONG_VERSION_NUMBER",
        TlsFault.PlainHttpReceived => "HTTP_REQUEST",
        TlsFault.RecordTooLong => "ENCRYPTED_LENGTH_TOO_LONG",
        TlsFault.PlaintextTooLong => "DATA_LENGTH_TOO_LONG",
        TlsFault.RecordAuthenticationFailed when tls.IsServer && tls.Info.EarlyData.IsAccepted => "BAD_DECRYPT",
        TlsFault.RecordAuthenticationFailed => "DECRYPTION_FAILED_OR_BAD_RECORD_MAC",
        TlsFault.UnexpectedRecordType => "UNEXPECTED_RECORD",
        TlsFault.RecordWithoutContentType => "DECRYPTION_FAILED_OR_BAD_RECORD_MAC",
        TlsFault.EmptyRecord => "UNEXPECTED_RECORD",
        TlsFault.TooManyEmptyRecords => "TOO_MANY_EMPTY_FRAGMENTS",
        TlsFault.UnexpectedChangeCipherSpec => "UNEXPECTED_RECORD",
        TlsFault.ChangeCipherSpecMissing => "UNEXPECTED_RECORD",
        TlsFault.TooManyChangeCipherSpecs => "TOO_MANY_EMPTY_FRAGMENTS",
        TlsFault.HandshakeDataAcrossKeyChange => "EXCESS_HANDSHAKE_DATA",
        TlsFault.WrongRecordVersion => "WRONG_VERSION_NUMBER",

        TlsFault.MessageMalformed => "DECODE_ERROR",
        TlsFault.ExtensionMalformed => "ERROR_PARSING_EXTENSION",
        TlsFault.MessageTooLong => "EXCESSIVE_MESSAGE_SIZE",
        TlsFault.DuplicateExtension => "DUPLICATE_EXTENSION",
        TlsFault.TrailingMessageData => "DECODE_ERROR",

        TlsFault.UnexpectedMessage => "UNEXPECTED_MESSAGE",
        TlsFault.NoCommonVersion => "UNSUPPORTED_PROTOCOL",
        TlsFault.VersionNotOffered => "UNSUPPORTED_PROTOCOL",
        TlsFault.NoCommonCipherSuite => "NO_SHARED_CIPHER",
        TlsFault.CipherSuiteNotOffered => "WRONG_CIPHER_RETURNED",
        TlsFault.CipherSuiteChangedAfterRetry => "WRONG_CIPHER_RETURNED",
        TlsFault.NoCommonGroup => "NO_SHARED_GROUP",
        TlsFault.GroupNotOffered => "WRONG_CURVE",
        TlsFault.NoCommonSignatureScheme => "NO_COMMON_SIGNATURE_ALGORITHMS",
        TlsFault.SignatureSchemeNotOffered => "WRONG_SIGNATURE_TYPE",
        TlsFault.KeyShareInvalid => "BAD_ECPOINT",
        TlsFault.DuplicateKeyShare => "DUPLICATE_KEY_SHARE",
        TlsFault.MissingExtension => "MISSING_EXTENSION",
        TlsFault.UnsolicitedExtension => "UNEXPECTED_EXTENSION",
        TlsFault.MisplacedExtension => "UNEXPECTED_EXTENSION",
        TlsFault.SessionIdNotEchoed => "SERVER_ECHOED_INVALID_SESSION_ID",
        TlsFault.HelloRetryWithoutChange => "EMPTY_HELLO_RETRY_REQUEST",
        TlsFault.HelloRetryGroupHadShare => "WRONG_CURVE",
        TlsFault.SecondHelloRetry => "UNEXPECTED_MESSAGE",
        TlsFault.SecondClientHelloDiffers => "INCONSISTENT_CLIENT_HELLO",
        TlsFault.RetriedKeyShareWrong => "WRONG_CURVE",
        TlsFault.DowngradeDetected => "TLS13_DOWNGRADE",
        TlsFault.FinishedVerificationFailed => "DIGEST_CHECK_FAILED",
        TlsFault.HandshakeSignatureInvalid => "BAD_SIGNATURE",
        TlsFault.NoCommonApplicationProtocol => "NO_APPLICATION_PROTOCOL",
        TlsFault.ApplicationProtocolNotOffered => "INVALID_ALPN_PROTOCOL",
        TlsFault.ServerNameInvalid => "ERROR_PARSING_EXTENSION",
        TlsFault.KeyUpdateRequestInvalid => "DECODE_ERROR",
        TlsFault.TooManyKeyUpdates => "TOO_MANY_KEY_UPDATES",
        TlsFault.HandshakeTooLong => "EXCESSIVE_MESSAGE_SIZE",
        TlsFault.CertificateRequestContextInvalid => "DECODE_ERROR",
        TlsFault.VersionChangedAfterRetry => "SECOND_SERVERHELLO_VERSION_MISMATCH",
        TlsFault.NoKeyExchangePossible => "MISSING_KEY_SHARE",
        TlsFault.RenegotiationRefused => "NO_RENEGOTIATION",
        TlsFault.PostHandshakeAuthenticationNotOffered => "UNEXPECTED_MESSAGE",
        TlsFault.RenegotiationInfoInvalid => "RENEGOTIATION_MISMATCH",
        TlsFault.InappropriateFallback => "INAPPROPRIATE_FALLBACK",
        TlsFault.CertificateKindMismatch => "WRONG_CERTIFICATE_TYPE",
        TlsFault.PointFormatsInvalid => "ERROR_PARSING_EXTENSION",
        TlsFault.CertificateCurveNotOffered => "BAD_ECC_CERT",

        TlsFault.PreSharedKeyExtensionMustBeLast => "PRE_SHARED_KEY_MUST_BE_LAST",
        TlsFault.PskKeyExchangeModesMissing => "MISSING_EXTENSION",
        TlsFault.PskBinderCountMismatch => "PSK_IDENTITY_BINDER_COUNT_MISMATCH",
        TlsFault.PskBinderInvalid => "DIGEST_CHECK_FAILED",
        TlsFault.PskIdentityOutOfRange or TlsFault.ExternalPskUnknown => "PSK_IDENTITY_NOT_FOUND",
        TlsFault.ExternalPskNotSelected => "MISSING_EXTENSION",
        TlsFault.PskHashMismatch => "OLD_SESSION_PRF_HASH_MISMATCH",
        TlsFault.PskWithoutKeyShare => "MISSING_KEY_SHARE",
        TlsFault.CertificateInResumedHandshake => "UNEXPECTED_MESSAGE",
        TlsFault.EmptyTicket => "DECODE_ERROR",
        TlsFault.EarlyDataNotAllowed => "UNEXPECTED_EXTENSION_ON_EARLY_DATA",
        TlsFault.TooMuchEarlyData => tls.Info.EarlyData.IsAccepted ? "TOO_MUCH_READ_EARLY_DATA" : "TOO_MUCH_SKIPPED_EARLY_DATA",
        TlsFault.EarlyDataVersionChanged => "WRONG_VERSION_ON_EARLY_DATA",
        TlsFault.EarlyDataPskChanged => "UNEXPECTED_EXTENSION_ON_EARLY_DATA",
        TlsFault.EarlyDataCipherSuiteChanged => "CIPHER_MISMATCH_ON_EARLY_DATA",
        TlsFault.EarlyDataApplicationProtocolChanged => "ALPN_MISMATCH_ON_EARLY_DATA",
        TlsFault.PskChangedAfterRetry => "INCONSISTENT_CLIENT_HELLO",
        TlsFault.SessionIdEchoedWithoutSession => "SERVER_ECHOED_INVALID_SESSION_ID",
        TlsFault.ResumedCipherSuiteChanged => "OLD_SESSION_CIPHER_NOT_RETURNED",
        TlsFault.ExtendedMasterSecretMissing => "RESUMED_EMS_SESSION_WITHOUT_EMS_EXTENSION",

        TlsFault.CertificateMalformed => "CANNOT_PARSE_LEAF_CERT",
        TlsFault.CertificateMissing => "PEER_DID_NOT_RETURN_A_CERTIFICATE",
        TlsFault.CertificateKeyUsageMissing => "KEY_USAGE_BIT_INCORRECT",
        TlsFault.CertificateKeyUnsupported => "WRONG_SIGNATURE_TYPE",
        TlsFault.NoSuitableCertificate => "NO_COMMON_SIGNATURE_ALGORITHMS",
        >= TlsFault.CertificateNameMismatch and <= TlsFault.CertificateChainInvalid => "CERTIFICATE_VERIFY_FAILED",

        TlsFault.TooManyWarningAlerts => "TOO_MANY_WARNING_ALERTS",
        TlsFault.AlertMalformed => "BAD_ALERT",
        TlsFault.AlertLevelInvalid => "UNKNOWN_ALERT_TYPE",

        TlsFault.RefusedByApplication => "CONNECTION_REJECTED",

        // The rest is nothing that BoringSSL has a reason for, or that a peer could bring about.
        _ => "NO_BORINGSSL_REASON",
    };
}

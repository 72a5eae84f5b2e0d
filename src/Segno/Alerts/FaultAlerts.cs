using System.Security.Authentication;

namespace Segno.Alerts;

/// <summary>The one table from faults to alerts (RFC 9846 §6; docs/faults.md; R-143).</summary>
internal static class FaultAlerts
{
    public const byte WarningLevel = 1;
    public const byte FatalLevel = 2;

    /// <summary>1 for closure alerts, 2 for what ends the connection by a fault (RFC 9846 §6).</summary>
    public static byte Level(TlsAlert alert) => alert is TlsAlert.CloseNotify or TlsAlert.UserCanceled ? WarningLevel : FatalLevel;

    /// <summary>The alert to send for a fault on a connection of this version; <see langword="null"/> where nothing may or need be sent.</summary>
    public static TlsAlert? For(TlsFault fault, SslProtocols version) => (version, fault) switch
    {
        // RFC 5246 §7.4.6 knows no certificate_required; RFC 5746 §4.2 answers with no_renegotiation.
        (SslProtocols.Tls12, TlsFault.CertificateMissing) => TlsAlert.HandshakeFailure,
        (SslProtocols.Tls12, TlsFault.RenegotiationRefused) => TlsAlert.NoRenegotiation,
        _ => For(fault),
    };

    /// <summary>The alert to send for a fault; <see langword="null"/> where nothing may or need be sent.</summary>
    public static TlsAlert? For(TlsFault fault) => fault switch
    {
        TlsFault.None or TlsFault.PeerAlert or TlsFault.Truncated or TlsFault.ClosedDuringHandshake
            or TlsFault.TransportFailed or TlsFault.IdleTimeout or TlsFault.NoSessionToResume => null,

        TlsFault.NotTls or TlsFault.PlainHttpReceived => TlsAlert.UnexpectedMessage,
        TlsFault.RecordTooLong or TlsFault.PlaintextTooLong => TlsAlert.RecordOverflow,
        TlsFault.RecordAuthenticationFailed => TlsAlert.BadRecordMac,
        TlsFault.UnexpectedRecordType or TlsFault.RecordWithoutContentType or TlsFault.EmptyRecord
            or TlsFault.TooManyEmptyRecords or TlsFault.UnexpectedChangeCipherSpec or TlsFault.UnexpectedApplicationData
            or TlsFault.InterleavedHandshakeMessage or TlsFault.HandshakeDataAcrossKeyChange
            or TlsFault.UnprotectedRecord or TlsFault.ChangeCipherSpecMalformed or TlsFault.TooManyChangeCipherSpecs
            or TlsFault.ChangeCipherSpecMissing => TlsAlert.UnexpectedMessage,
        TlsFault.SequenceNumberExhausted => TlsAlert.InternalError,
        TlsFault.WrongRecordVersion => TlsAlert.ProtocolVersion,

        TlsFault.MessageMalformed or TlsFault.ExtensionMalformed or TlsFault.TrailingMessageData
            or TlsFault.EmptyCertificateList => TlsAlert.DecodeError,
        TlsFault.MessageTooLong => TlsAlert.IllegalParameter,
        TlsFault.DuplicateExtension => TlsAlert.IllegalParameter,

        TlsFault.UnexpectedMessage or TlsFault.SecondHelloRetry or TlsFault.RenegotiationRefused
            or TlsFault.PostHandshakeAuthenticationNotOffered or TlsFault.TooManyKeyUpdates
            or TlsFault.HandshakeTooLong => TlsAlert.UnexpectedMessage,
        TlsFault.NoCommonVersion or TlsFault.LegacyVersionInvalid or TlsFault.EarlyDataVersionChanged => TlsAlert.ProtocolVersion,
        TlsFault.NoCommonCipherSuite or TlsFault.NoCommonGroup or TlsFault.NoCommonSignatureScheme
            or TlsFault.NoSuitableCertificate or TlsFault.RenegotiationInfoInvalid
            or TlsFault.ExtendedMasterSecretMissing => TlsAlert.HandshakeFailure,
        TlsFault.InappropriateFallback => TlsAlert.InappropriateFallback,
        TlsFault.VersionNotOffered or TlsFault.CipherSuiteNotOffered or TlsFault.CipherSuiteChangedAfterRetry or TlsFault.GroupNotOffered
            or TlsFault.SignatureSchemeNotOffered or TlsFault.KeyShareInvalid or TlsFault.DuplicateKeyShare
            or TlsFault.KeyShareNotInSupportedGroups or TlsFault.MisplacedExtension or TlsFault.CompressionMethodInvalid
            or TlsFault.SessionIdNotEchoed or TlsFault.HelloRetryWithoutChange or TlsFault.HelloRetryGroupHadShare or TlsFault.SecondClientHelloDiffers
            or TlsFault.RetriedKeyShareWrong or TlsFault.DowngradeDetected or TlsFault.ApplicationProtocolNotOffered
            or TlsFault.ServerNameInvalid or TlsFault.KeyUpdateRequestInvalid or TlsFault.CertificateRequestContextInvalid
            or TlsFault.VersionChangedAfterRetry or TlsFault.CookieInvalid or TlsFault.CertificateKindMismatch
            or TlsFault.PointFormatsInvalid or TlsFault.CertificateCurveNotOffered or TlsFault.SessionIdEchoedWithoutSession
            or TlsFault.ResumedCipherSuiteChanged or TlsFault.CertificateCompressionNotOffered
            or TlsFault.RecordSizeLimitInvalid or TlsFault.MaxFragmentLengthInvalid => TlsAlert.IllegalParameter,
        TlsFault.MissingExtension or TlsFault.NoKeyExchangePossible => TlsAlert.MissingExtension,
        TlsFault.UnsolicitedExtension => TlsAlert.UnsupportedExtension,
        TlsFault.FinishedVerificationFailed or TlsFault.HandshakeSignatureInvalid => TlsAlert.DecryptError,
        TlsFault.NoCommonApplicationProtocol => TlsAlert.NoApplicationProtocol,
        TlsFault.UnrecognizedServerName => TlsAlert.UnrecognizedName,

        TlsFault.PreSharedKeyExtensionMustBeLast or TlsFault.PskBinderCountMismatch or TlsFault.PskIdentityOutOfRange
            or TlsFault.PskHashMismatch or TlsFault.PskChangedAfterRetry or TlsFault.EarlyDataNotAllowed
            or TlsFault.EarlyDataPskChanged or TlsFault.EarlyDataCipherSuiteChanged or TlsFault.EarlyDataApplicationProtocolChanged => TlsAlert.IllegalParameter,
        TlsFault.PskKeyExchangeModesMissing or TlsFault.PskWithoutKeyShare => TlsAlert.MissingExtension,
        TlsFault.PskBinderInvalid or TlsFault.ExternalPskUnknown => TlsAlert.DecryptError,
        TlsFault.CertificateInResumedHandshake or TlsFault.TooManyTickets or TlsFault.TooMuchEarlyData => TlsAlert.UnexpectedMessage,
        TlsFault.EmptyTicket => TlsAlert.DecodeError,
        TlsFault.ResumptionRequiredButDeclined or TlsFault.ExternalPskNotSelected => TlsAlert.HandshakeFailure,

        TlsFault.CertificateMalformed or TlsFault.CertificateSignatureInvalid or TlsFault.CompressedCertificateInvalid => TlsAlert.BadCertificate,
        TlsFault.CertificateMissing => TlsAlert.CertificateRequired,
        TlsFault.CertificateNameMismatch or TlsFault.CertificateIssuerNotCa or TlsFault.CertificateNameConstraintViolated
            or TlsFault.CertificateRejectedByApplication or TlsFault.CertificateChainInvalid
            or TlsFault.CertificateRevocationUnknown => TlsAlert.CertificateUnknown,
        TlsFault.CertificateExpired or TlsFault.CertificateNotYetValid => TlsAlert.CertificateExpired,
        TlsFault.CertificateUntrusted => TlsAlert.UnknownCa,
        TlsFault.CertificateWrongUsage or TlsFault.CertificateKeyUsageMissing
            or TlsFault.CertificateKeyUnsupported => TlsAlert.UnsupportedCertificate,
        TlsFault.CertificateRevoked => TlsAlert.CertificateRevoked,
        TlsFault.CertificateStatusMissing or TlsFault.CertificateStatusMalformed or TlsFault.CertificateStatusUntrusted
            or TlsFault.CertificateStatusMismatch or TlsFault.CertificateStatusOutdated
            or TlsFault.CertificateStatusUnknown => TlsAlert.BadCertificateStatusResponse,

        TlsFault.TooManyWarningAlerts => TlsAlert.UnexpectedMessage,
        TlsFault.AlertMalformed => TlsAlert.DecodeError,
        TlsFault.AlertLevelInvalid => TlsAlert.IllegalParameter,
        TlsFault.UserCanceled => TlsAlert.CloseNotify,
        TlsFault.HandshakeTimeout or TlsFault.Canceled => TlsAlert.UserCanceled,
        TlsFault.RefusedByApplication => TlsAlert.AccessDenied,
        TlsFault.CallbackFailed or TlsFault.CryptographyFailed or TlsFault.InternalError => TlsAlert.InternalError,
        _ => throw new ArgumentOutOfRangeException(nameof(fault), fault, "The fault has no line in the table."),
    };
}

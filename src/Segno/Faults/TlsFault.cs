namespace Segno;

/// <summary>Why a connection failed. Each name is the sentence; <c>FaultAlerts</c> maps each to its alert (docs/faults.md).</summary>
/// <remarks>Values are stable. They are grouped by kind: 100 record layer, 200 parsing, 300 handshake, 400 sessions, 500 certificates, 600 alerts and closure, 700 this side.</remarks>
public enum TlsFault
{
    /// <summary>No fault.</summary>
    None = 0,

    // Record layer
    /// <summary>What arrived is not TLS.</summary>
    NotTls = 100,
    /// <summary>The peer speaks plain HTTP.</summary>
    PlainHttpReceived = 101,
    /// <summary>A record is longer on the wire than the limit (RFC 9846 §5.1, §5.2).</summary>
    RecordTooLong = 102,
    /// <summary>A record could not be opened (RFC 9846 §5.2).</summary>
    RecordAuthenticationFailed = 103,
    /// <summary>A record's type is not one that may come here.</summary>
    UnexpectedRecordType = 104,
    /// <summary>A protected record has no content type (RFC 9846 §5.4).</summary>
    RecordWithoutContentType = 105,
    /// <summary>A handshake or alert record is empty (RFC 9846 §5.1).</summary>
    EmptyRecord = 106,
    /// <summary>More consecutive empty records than the limit.</summary>
    TooManyEmptyRecords = 107,
    /// <summary>A change_cipher_spec record came at a wrong place (RFC 9846 §5).</summary>
    UnexpectedChangeCipherSpec = 108,
    /// <summary>Application data came before the handshake allowed it.</summary>
    UnexpectedApplicationData = 109,
    /// <summary>A handshake message is interleaved with records of another type (RFC 9846 §5.1).</summary>
    InterleavedHandshakeMessage = 110,
    /// <summary>Handshake data follows a message after which the keys change (RFC 9846 §5.1).</summary>
    HandshakeDataAcrossKeyChange = 111,
    /// <summary>The record sequence number is used up (RFC 9846 §5.3).</summary>
    SequenceNumberExhausted = 112,
    /// <summary>A plaintext record came where only protected ones may.</summary>
    UnprotectedRecord = 113,
    /// <summary>The record carries a version that is no version of TLS.</summary>
    WrongRecordVersion = 114,
    /// <summary>A change_cipher_spec record is not the single byte 1 (RFC 9846 §5).</summary>
    ChangeCipherSpecMalformed = 115,
    /// <summary>More change_cipher_spec records than the limit.</summary>
    TooManyChangeCipherSpecs = 116,
    /// <summary>Finished came where change_cipher_spec must come before it (RFC 5246 §7.1).</summary>
    ChangeCipherSpecMissing = 117,
    /// <summary>A record decrypts to more plaintext than the limit (RFC 9846 §5.2).</summary>
    PlaintextTooLong = 118,

    // Parsing
    /// <summary>A message ends too early, is too long, or has a field out of its syntax.</summary>
    MessageMalformed = 200,
    /// <summary>An extension could not be parsed.</summary>
    ExtensionMalformed = 201,
    /// <summary>A handshake message is longer than the limit.</summary>
    MessageTooLong = 202,
    /// <summary>The same extension stands twice in a message (RFC 9846 §4.3).</summary>
    DuplicateExtension = 203,
    /// <summary>Bytes follow the end of a message.</summary>
    TrailingMessageData = 204,

    // Handshake
    /// <summary>A handshake message came in a state where it is not allowed.</summary>
    UnexpectedMessage = 300,
    /// <summary>No protocol version in common (RFC 9846 §4.3.1).</summary>
    NoCommonVersion = 301,
    /// <summary>The server chose a version that was not offered.</summary>
    VersionNotOffered = 302,
    /// <summary>No cipher suite in common.</summary>
    NoCommonCipherSuite = 303,
    /// <summary>The server chose a cipher suite that was not offered.</summary>
    CipherSuiteNotOffered = 304,
    /// <summary>The cipher suite changed between HelloRetryRequest and ServerHello.</summary>
    CipherSuiteChangedAfterRetry = 305,
    /// <summary>No group in common.</summary>
    NoCommonGroup = 306,
    /// <summary>The server chose a group that was not offered.</summary>
    GroupNotOffered = 307,
    /// <summary>No signature scheme in common.</summary>
    NoCommonSignatureScheme = 308,
    /// <summary>The peer signed with a scheme that was not offered or does not fit its key.</summary>
    SignatureSchemeNotOffered = 309,
    /// <summary>A key share is not valid for its group.</summary>
    KeyShareInvalid = 310,
    /// <summary>Two key shares of the same group (RFC 9846 §4.3.8).</summary>
    DuplicateKeyShare = 311,
    /// <summary>A key share of a group that supported_groups does not list.</summary>
    KeyShareNotInSupportedGroups = 312,
    /// <summary>An extension that is needed here is missing.</summary>
    MissingExtension = 313,
    /// <summary>An extension that was not offered, or is not known, came in a response.</summary>
    UnsolicitedExtension = 314,
    /// <summary>A known extension in a message where it may not stand.</summary>
    MisplacedExtension = 315,
    /// <summary>compression_methods is not just null.</summary>
    CompressionMethodInvalid = 316,
    /// <summary>The server did not echo the legacy session id.</summary>
    SessionIdNotEchoed = 317,
    /// <summary>The HelloRetryRequest asks for no change.</summary>
    HelloRetryWithoutChange = 318,
    /// <summary>A second HelloRetryRequest.</summary>
    SecondHelloRetry = 319,
    /// <summary>The second ClientHello differs where it may not (RFC 9846 §4.2.2).</summary>
    SecondClientHelloDiffers = 320,
    /// <summary>The key share of the second ClientHello is not the one asked for.</summary>
    RetriedKeyShareWrong = 321,
    /// <summary>The server random carries the downgrade sentinel (RFC 9846 §4.2.3).</summary>
    DowngradeDetected = 322,
    /// <summary>Finished does not verify.</summary>
    FinishedVerificationFailed = 323,
    /// <summary>The signature of the handshake does not verify.</summary>
    HandshakeSignatureInvalid = 324,
    /// <summary>No application protocol in common (RFC 7301 §3.2).</summary>
    NoCommonApplicationProtocol = 325,
    /// <summary>The server chose an application protocol that was not offered.</summary>
    ApplicationProtocolNotOffered = 326,
    /// <summary>No server of that name.</summary>
    UnrecognizedServerName = 327,
    /// <summary>The server name is not one that may stand there.</summary>
    ServerNameInvalid = 328,
    /// <summary>The KeyUpdate request is neither 0 nor 1.</summary>
    KeyUpdateRequestInvalid = 329,
    /// <summary>More KeyUpdates without application data than the limit.</summary>
    TooManyKeyUpdates = 330,
    /// <summary>More bytes on the wire than a handshake may take.</summary>
    HandshakeTooLong = 331,
    /// <summary>The legacy version field of a TLS 1.3 hello is not 0x0303.</summary>
    LegacyVersionInvalid = 332,
    /// <summary>The certificate_request_context is not the one expected.</summary>
    CertificateRequestContextInvalid = 333,
    /// <summary>The server chose a version after HelloRetryRequest that is not TLS 1.3.</summary>
    VersionChangedAfterRetry = 334,
    /// <summary>The cookie is missing, empty or not ours.</summary>
    CookieInvalid = 335,
    /// <summary>A client hello offers no key share, no PSK and so no way to agree on keys.</summary>
    NoKeyExchangePossible = 336,
    /// <summary>The peer asked for renegotiation, which is refused (docs/stances.md).</summary>
    RenegotiationRefused = 337,
    /// <summary>The peer asked for post-handshake authentication, which was not offered.</summary>
    PostHandshakeAuthenticationNotOffered = 338,
    /// <summary>The peer has no renegotiation_info (RFC 5746 §3.4), or it is not empty in a first handshake.</summary>
    RenegotiationInfoInvalid = 339,
    /// <summary>The client fell back to a lower version than both sides have (RFC 7507 §3).</summary>
    InappropriateFallback = 340,
    /// <summary>The server's certificate is not of the kind that the cipher suite names.</summary>
    CertificateKindMismatch = 341,
    /// <summary>ec_point_formats lacks the uncompressed format (RFC 8422 §5.1.2).</summary>
    PointFormatsInvalid = 342,
    /// <summary>The certificate's curve is not among the groups that were offered (RFC 8422 §5.1.1).</summary>
    CertificateCurveNotOffered = 343,
    /// <summary>The HelloRetryRequest asks for a share of a group that had one (RFC 9846 §4.3.8).</summary>
    HelloRetryGroupHadShare = 344,

    /// <summary>A certificate is compressed in a way that was not offered (RFC 8879 §4).</summary>
    CertificateCompressionNotOffered = 350,
    /// <summary>record_size_limit is less than 64 or, from a server, more than the version allows or beside max_fragment_length (RFC 8449 §4, §5).</summary>
    RecordSizeLimitInvalid = 351,
    /// <summary>max_fragment_length is none of the lengths of RFC 6066 §4, or not the one offered.</summary>
    MaxFragmentLengthInvalid = 352,

    // Sessions
    /// <summary>pre_shared_key is not the last extension (RFC 9846 §4.3.11).</summary>
    PreSharedKeyExtensionMustBeLast = 400,
    /// <summary>pre_shared_key without psk_key_exchange_modes (RFC 9846 §4.3.9).</summary>
    PskKeyExchangeModesMissing = 401,
    /// <summary>The numbers of PSK identities and binders differ.</summary>
    PskBinderCountMismatch = 402,
    /// <summary>The binder does not verify.</summary>
    PskBinderInvalid = 403,
    /// <summary>The server selected a PSK identity that was not offered.</summary>
    PskIdentityOutOfRange = 404,
    /// <summary>The server's cipher suite does not have the hash of the selected PSK.</summary>
    PskHashMismatch = 405,
    /// <summary>The server resumed without the key exchange that was asked for.</summary>
    PskWithoutKeyShare = 406,
    /// <summary>A certificate message in a resumed handshake.</summary>
    CertificateInResumedHandshake = 407,
    /// <summary>An empty ticket in a TLS 1.3 NewSessionTicket.</summary>
    EmptyTicket = 408,
    /// <summary>More tickets than the limit.</summary>
    TooManyTickets = 409,
    /// <summary>Resumption was required and the server made a full handshake.</summary>
    ResumptionRequiredButDeclined = 410,
    /// <summary>early_data where it may not stand.</summary>
    EarlyDataNotAllowed = 411,
    /// <summary>More early data than the session allows, or more skipped than the limit.</summary>
    TooMuchEarlyData = 412,
    /// <summary>The PSK extension of the second ClientHello does not fit the first.</summary>
    PskChangedAfterRetry = 413,
    /// <summary>The server echoed a session ID that stands for no session (RFC 9846 §E.4, RFC 5246 §7.4.1.3).</summary>
    SessionIdEchoedWithoutSession = 414,
    /// <summary>The server resumes a session under another cipher suite (RFC 5246 §7.4.1.3).</summary>
    ResumedCipherSuiteChanged = 415,
    /// <summary>extended_master_secret is missing where a session has it (RFC 7627 §5.3).</summary>
    ExtendedMasterSecretMissing = 416,
    /// <summary>The server accepted early data under another cipher suite than it was protected with (RFC 9846 §4.3.10).</summary>
    EarlyDataCipherSuiteChanged = 417,
    /// <summary>The server accepted early data and chose another application protocol than it was made for (RFC 9846 §4.3.10).</summary>
    EarlyDataApplicationProtocolChanged = 418,
    /// <summary>The server knows no TLS 1.3, although a session of its own allowed early data (RFC 9846 §E.3).</summary>
    EarlyDataVersionChanged = 419,
    /// <summary>The server took none of the client's external PSKs, and may not prove itself by a certificate instead.</summary>
    ExternalPskNotSelected = 420,
    /// <summary>The server has no certificate, and no PSK that the client offers is known. To the client the same as a wrong binder (RFC 9846 appendix F.6).</summary>
    ExternalPskUnknown = 421,
    /// <summary>Resumption was required and there was no session to offer; the detail says why. Nothing was sent.</summary>
    NoSessionToResume = 422,
    /// <summary>The server accepted early data under another PSK than the first, which it was protected with (RFC 9846 §4.3.10).</summary>
    EarlyDataPskChanged = 423,

    // Certificates
    /// <summary>A certificate could not be parsed, or its key cannot be used.</summary>
    CertificateMalformed = 500,
    /// <summary>The peer sent no certificate where one is required.</summary>
    CertificateMissing = 501,
    /// <summary>No name of the certificate matches the expected one (RFC 9525).</summary>
    CertificateNameMismatch = 502,
    /// <summary>The certificate has expired.</summary>
    CertificateExpired = 503,
    /// <summary>The certificate is not yet valid.</summary>
    CertificateNotYetValid = 504,
    /// <summary>The chain does not end in a trusted root.</summary>
    CertificateUntrusted = 505,
    /// <summary>The certificate is not for this use (extended key usage).</summary>
    CertificateWrongUsage = 506,
    /// <summary>A signature in the chain does not verify.</summary>
    CertificateSignatureInvalid = 507,
    /// <summary>An issuer in the chain is not a CA.</summary>
    CertificateIssuerNotCa = 508,
    /// <summary>A name constraint of the chain is broken.</summary>
    CertificateNameConstraintViolated = 509,
    /// <summary>The certificate was revoked.</summary>
    CertificateRevoked = 510,
    /// <summary>The revocation status could not be found out.</summary>
    CertificateRevocationUnknown = 511,
    /// <summary>The application's callback refused the certificate.</summary>
    CertificateRejectedByApplication = 512,
    /// <summary>The chain has another problem.</summary>
    CertificateChainInvalid = 513,
    /// <summary>The key usage does not allow a digital signature.</summary>
    CertificateKeyUsageMissing = 514,
    /// <summary>A key is too small, too large or of an unsupported kind.</summary>
    CertificateKeyUnsupported = 515,
    /// <summary>No certificate of ours fits what the peer can use.</summary>
    NoSuitableCertificate = 516,
    /// <summary>There is no OCSP response where one is required: by the options, or by the certificate (must-staple, RFC 7633).</summary>
    CertificateStatusMissing = 517,
    /// <summary>The OCSP response does not parse, or is too long.</summary>
    CertificateStatusMalformed = 518,
    /// <summary>The OCSP response is not signed by the certificate's issuer or by whom that let answer (RFC 6960 §4.2.2.2).</summary>
    CertificateStatusUntrusted = 519,
    /// <summary>The OCSP response is about another certificate.</summary>
    CertificateStatusMismatch = 520,
    /// <summary>The time of the OCSP response is over, or has not begun.</summary>
    CertificateStatusOutdated = 521,
    /// <summary>The OCSP responder does not know the certificate.</summary>
    CertificateStatusUnknown = 522,
    /// <summary>The server's certificate list is empty (RFC 9846 §4.5.1.4).</summary>
    EmptyCertificateList = 524,

    /// <summary>A compressed certificate cannot be decompressed, or is longer than it says or than the limit (RFC 8879 §4).</summary>
    CompressedCertificateInvalid = 523,

    // Alerts and closure
    /// <summary>The peer sent a fatal alert.</summary>
    PeerAlert = 600,
    /// <summary>The peer closed the transport without close_notify: the data may be truncated (RFC 9846 §6.1).</summary>
    Truncated = 601,
    /// <summary>More warning alerts than the limit.</summary>
    TooManyWarningAlerts = 602,
    /// <summary>An alert record does not hold exactly one alert.</summary>
    AlertMalformed = 603,
    /// <summary>The peer closed the connection during the handshake.</summary>
    ClosedDuringHandshake = 604,
    /// <summary>The peer cancelled the handshake.</summary>
    UserCanceled = 605,
    /// <summary>An alert's level is neither warning nor fatal (RFC 9846 §6).</summary>
    AlertLevelInvalid = 606,

    // This side
    /// <summary>The handshake took longer than the limit.</summary>
    HandshakeTimeout = 700,
    /// <summary>Nothing came from the peer for longer than the limit.</summary>
    IdleTimeout = 701,
    /// <summary>A callback of the application failed.</summary>
    CallbackFailed = 702,
    /// <summary>A cryptographic operation failed on this side.</summary>
    CryptographyFailed = 703,
    /// <summary>The handshake was cancelled on this side.</summary>
    Canceled = 704,
    /// <summary>The transport failed.</summary>
    TransportFailed = 705,
    /// <summary>The application refused the connection.</summary>
    RefusedByApplication = 706,
    /// <summary>An error in this library.</summary>
    InternalError = 799,
}

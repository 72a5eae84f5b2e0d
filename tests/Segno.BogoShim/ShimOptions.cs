namespace Segno.BogoShim;

/// <summary>A certificate with its key, and when to use it.</summary>
internal sealed class ShimCredential
{
    public string CertificateFile { get; set; } = "";
    public string KeyFile { get; set; } = "";
    public List<ushort> SigningSchemes { get; } = [];
    public bool MustMatchIssuer { get; set; }

    public override string ToString() => string.Join(' ', [CertificateFile, KeyFile, MustMatchIssuer, .. SigningSchemes]);
}

/// <summary>What the runner's flags ask of one connection. There are three of these: first connection, later ones, and the second half of a client connection whose early data was refused.</summary>
internal sealed class ShimOptions
{
    // Where and as whom
    public int Port { get; set; }
    public ulong ShimId { get; set; }
    public bool Ipv6 { get; set; }
    public bool IsServer { get; set; }
    public int ResumeCount { get; set; }
    public bool IsHandshakerSupported { get; set; }

    // How to move bytes
    public bool OneByteAtATime { get; set; }
    public bool ExtraHandshake { get; set; }
    public bool SendAlert { get; set; }
    public bool ShimWritesFirst { get; set; }
    public string InitialWrite { get; set; } = "hello";
    public int InitialWriteRepeats { get; set; } = 1;
    public bool ReadWithUnfinishedWrite { get; set; }
    public bool ShimShutsDown { get; set; }
    public bool CheckCloseNotify { get; set; }
    public int ReadSize { get; set; } = 512;
    public int MaxSendFragment { get; set; }
    public bool KeyUpdateBeforeWrite { get; set; }
    public bool KeyUpdateBeforeRead { get; set; }
    public bool WriteDifferentRecordSizes { get; set; }

    // Exporters
    public int ExportKeyingMaterial { get; set; }
    public bool ExportTrafficSecrets { get; set; }
    public string ExportLabel { get; set; } = "";
    public string ExportContext { get; set; } = "";
    public bool UseExportContext { get; set; }
    public bool UseExporterBetweenReads { get; set; }

    // Versions, suites, groups
    public int MinVersion { get; set; }
    public int MaxVersion { get; set; }
    public bool NoTls13 { get; set; }
    public bool NoTls12 { get; set; }
    public int ExpectVersion { get; set; }
    public List<ushort> Groups { get; } = [];
    public List<ushort> KeyShares { get; } = [];
    public bool NoKeyShares { get; set; }
    public bool EnableGrease { get; set; }
    public bool ServerPreference { get; set; }
    public int ExpectGroup { get; set; }
    public int ExpectCipher { get; set; }
    public int ExpectCipherWithAes { get; set; }
    public int ExpectCipherWithoutAes { get; set; }
    public bool ExpectHelloRetry { get; set; }
    public bool ExpectNoHelloRetry { get; set; }

    // Certificates
    public List<ShimCredential> Credentials { get; } = [];
    public ShimCredential LastResort { get; } = new();
    public ShimCredential Newest => Credentials.Count > 0 ? Credentials[^1] : LastResort;
    public int? ExpectSelectedCredential { get; set; }
    public List<ushort> VerifySchemes { get; } = [];
    public int ExpectPeerSignatureScheme { get; set; }
    public List<ushort> ExpectPeerVerifySchemes { get; } = [];
    public bool RequireClientCertificate { get; set; }
    public bool VerifyPeer { get; set; }
    public bool VerifyFail { get; set; }
    public bool UseCustomVerifyCallback { get; set; }
    public bool ExpectVerifyResult { get; set; }
    public string ExpectPeerCertificateFile { get; set; } = "";
    public bool FailCertificateCallback { get; set; }
    public bool UseEarlyCallback { get; set; }
    public bool FailEarlyCallback { get; set; }
    public bool UseDdosCallback { get; set; }
    public bool FailDdosCallback { get; set; }
    public string ClientCaList { get; set; } = "";
    public string ExpectClientCaList { get; set; } = "";

    public bool ReverifyOnResume { get; set; }
    public int MaxCertificateList { get; set; }

    // OCSP
    public bool EnableOcspStapling { get; set; }
    public string OcspResponse { get; set; } = "";
    public string ExpectOcspResponse { get; set; } = "";
    public bool FailOcspCallback { get; set; }
    public bool DeclineOcspCallback { get; set; }

    // Application protocol and server name
    public string HostName { get; set; } = "";
    public string ExpectServerName { get; set; } = "";
    public string AdvertiseAlpn { get; set; } = "";
    public string ExpectAlpn { get; set; } = "";
    public string ExpectAdvertisedAlpn { get; set; } = "";
    public string SelectAlpn { get; set; } = "";
    public bool DeclineAlpn { get; set; }
    public bool RejectAlpn { get; set; }
    public bool SelectEmptyAlpn { get; set; }

    // Sessions
    public bool ExpectSessionId { get; set; }
    public bool ExpectNoSessionId { get; set; }
    public bool ExpectSessionMiss { get; set; }
    public bool NoTicket { get; set; }
    public bool ExpectNoSession { get; set; }
    public bool ExpectTicketRenewal { get; set; }
    public bool ExpectExtendedMainSecret { get; set; }
    public int ExpectTicketAgeSkew { get; set; }
    public bool UseTicketKeys { get; set; }
    public bool RenewTicket { get; set; }
    public bool SkipTicket { get; set; }
    public int ResumptionDelay { get; set; }

    // Early data
    public bool EnableEarlyData { get; set; }
    public bool ExpectTicketSupportsEarlyData { get; set; }
    public bool ExpectAcceptEarlyData { get; set; }
    public bool ExpectRejectEarlyData { get; set; }
    public bool ExpectNoOfferEarlyData { get; set; }
    public string ExpectEarlyDataReason { get; set; } = "";
    public int EarlyWriteAfterMessage { get; set; }

    /// <summary>Whether the application has something to say when the hello is there.</summary>
    public bool LooksAtHello => UseEarlyCallback || FailEarlyCallback || UseDdosCallback || SelectEmptyAlpn || ExpectAdvertisedAlpn.Length > 0;

    /// <summary>Equal for option sets that make the same context: they share one.</summary>
    public string ContextKey => $"{SessionsKey}|{SelectAlpn}|{EnableEarlyData}";

    /// <summary>Equal for option sets whose contexts resume each other's sessions. What differs in the flags is not always in the scope.</summary>
    public string SessionsKey => string.Join(
        '|',
        [
            OneByteAtATime, UseTicketKeys, NoTls12, NoTls13, MinVersion, MaxVersion, NoTicket, SkipTicket, MaxSendFragment, LastResort, FailCertificateCallback,
            RequireClientCertificate, VerifyPeer, ClientCaList, ServerPreference, DeclineAlpn, RejectAlpn,
            ReverifyOnResume, MaxCertificateList, OcspResponse, FailOcspCallback, DeclineOcspCallback,
            string.Join(',', Credentials), string.Join(',', Groups), string.Join(',', VerifySchemes),
        ]);
}

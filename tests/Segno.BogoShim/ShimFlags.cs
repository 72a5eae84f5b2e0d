using System.Globalization;

namespace Segno.BogoShim;

/// <summary>A flag this shim does not know, or a value it has no means for: the runner counts the test as unimplemented.</summary>
internal sealed class UnimplementedException(string what) : Exception(what);

/// <summary>The three option sets that a command line of the runner describes.</summary>
internal sealed class ShimArguments
{
    public ShimOptions Initial { get; } = new();

    public ShimOptions Resume { get; } = new();

    public ShimOptions Retry { get; } = new();
}

/// <summary>Reads the runner's flags.</summary>
/// <remarks>
/// A flag has one dash; its value, if it takes one, is the next argument, whatever that looks like.
/// <c>-on-initial-</c>, <c>-on-resume-</c> and <c>-on-retry-</c> set a flag in one option set only;
/// <c>-on-shim-</c> may stand before those and says nothing new; <c>-on-handshaker-</c> is for a helper process we do not have.
/// </remarks>
internal static class ShimFlags
{
    private sealed record Flag(bool TakesValue, Action<ShimOptions, string> Set);

    public static ShimArguments Parse(IReadOnlyList<string> arguments)
    {
        var parsed = new ShimArguments();
        for (int i = 0; i < arguments.Count; i++)
        {
            string argument = arguments[i];
            string name = argument;
            bool skipped = TakePrefix(ref name, "-on-handshaker");
            if (!skipped)
            {
                TakePrefix(ref name, "-on-shim");
            }

            ShimOptions[] sets =
                TakePrefix(ref name, "-on-initial") ? [parsed.Initial]
                : TakePrefix(ref name, "-on-resume") ? [parsed.Resume]
                : TakePrefix(ref name, "-on-retry") ? [parsed.Retry]
                : [parsed.Initial, parsed.Resume, parsed.Retry];

            if (!Known.TryGetValue(name, out Flag? flag))
            {
                throw new UnimplementedException($"flag {argument}");
            }

            string value = "";
            if (flag.TakesValue)
            {
                i++;
                value = i < arguments.Count ? arguments[i] : throw new ArgumentException($"{argument} needs a value");
            }

            if (!skipped)
            {
                foreach (ShimOptions set in sets)
                {
                    flag.Set(set, value);
                }
            }
        }

        return parsed;
    }

    private static bool TakePrefix(ref string name, string prefix)
    {
        if (!name.StartsWith(prefix + "-", StringComparison.Ordinal))
        {
            return false;
        }

        name = name[prefix.Length..];
        return true;
    }

    private static Flag Switch(Action<ShimOptions> set) => new(false, (options, _) => set(options));

    private static Flag Text(Action<ShimOptions, string> set) => new(true, set);

    private static Flag Number(Action<ShimOptions, int> set) =>
        new(true, (options, value) => set(options, int.Parse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture)));

    private static Flag CodePoint(Func<ShimOptions, List<ushort>> list) =>
        new(true, (options, value) => list(options).Add(ushort.Parse(value, NumberStyles.None, CultureInfo.InvariantCulture)));

    /// <summary>A flag that holds for this library whatever it is set to; the reason stands where it is used.</summary>
    private static Flag Nothing() => Switch(_ => { });

    private static Flag NothingWithValue() => Text((_, _) => { });

    private static readonly Dictionary<string, Flag> Known = new()
    {
        // Where and as whom
        ["-port"] = Number((o, v) => o.Port = v),
        ["-shim-id"] = Text((o, v) => o.ShimId = ulong.Parse(v, NumberStyles.None, CultureInfo.InvariantCulture)),
        ["-ipv6"] = Switch(o => o.Ipv6 = true),
        ["-server"] = Switch(o => o.IsServer = true),
        ["-resume-count"] = Number((o, v) => o.ResumeCount = v),
        ["-is-handshaker-supported"] = Switch(o => o.IsHandshakerSupported = true),

        // How to move bytes
        ["-async"] = Switch(o => o.OneByteAtATime = true),
        ["-implicit-handshake"] = Nothing(),
        ["-shim-writes-first"] = Switch(o => o.ShimWritesFirst = true),
        ["-shim-initial-write"] = Text((o, v) => o.InitialWrite = v),
        ["-repeat-shim-initial-write"] = Number((o, v) => o.InitialWriteRepeats = v),
        ["-read-with-unfinished-write"] = Switch(o => o.ReadWithUnfinishedWrite = true),
        ["-shim-shuts-down"] = Switch(o => o.ShimShutsDown = true),
        ["-check-close-notify"] = Switch(o => o.CheckCloseNotify = true),
        ["-read-size"] = Number((o, v) => o.ReadSize = v),
        ["-max-send-fragment"] = Number((o, v) => o.MaxSendFragment = v),
        ["-no-op-extra-handshake"] = Switch(o => o.ExtraHandshake = true),
        ["-send-alert"] = Switch(o => o.SendAlert = true),
        ["-key-update"] = Switch(o => o.KeyUpdateBeforeWrite = true),
        ["-key-update-before-read"] = Switch(o => o.KeyUpdateBeforeRead = true),
        ["-write-different-record-sizes"] = Switch(o => o.WriteDifferentRecordSizes = true),

        // Exporters
        ["-export-keying-material"] = Number((o, v) => o.ExportKeyingMaterial = v),
        ["-export-traffic-secrets"] = Switch(o => o.ExportTrafficSecrets = true),
        ["-export-label"] = Text((o, v) => o.ExportLabel = v),
        ["-export-context"] = Text((o, v) => o.ExportContext = v),
        ["-use-export-context"] = Switch(o => o.UseExportContext = true),
        ["-use-exporter-between-reads"] = Switch(o => o.UseExporterBetweenReads = true),

        // Versions, suites, groups. TLS 1.0 and 1.1 are never there.
        ["-no-tls1"] = Nothing(),
        ["-no-tls11"] = Nothing(),
        ["-no-tls12"] = Switch(o => o.NoTls12 = true),
        ["-no-tls13"] = Switch(o => o.NoTls13 = true),
        ["-min-version"] = Number((o, v) => o.MinVersion = v),
        ["-max-version"] = Number((o, v) => o.MaxVersion = v),
        ["-expect-version"] = Number((o, v) => o.ExpectVersion = v),
        ["-curves"] = CodePoint(o => o.Groups),
        ["-enable-grease"] = Switch(o => o.EnableGrease = true),
        ["-key-shares"] = CodePoint(o => o.KeyShares),
        ["-no-key-shares"] = Switch(o => o.NoKeyShares = true),
        ["-expect-curve-id"] = Number((o, v) => o.ExpectGroup = v),
        ["-expect-cipher"] = Number((o, v) => o.ExpectCipher = v),
        ["-expect-cipher-aes"] = Number((o, v) => o.ExpectCipherWithAes = v),
        ["-expect-cipher-no-aes"] = Number((o, v) => o.ExpectCipherWithoutAes = v),
        ["-server-preference"] = Switch(o => o.ServerPreference = true),
        ["-expect-hrr"] = Switch(o => o.ExpectHelloRetry = true),
        ["-expect-no-hrr"] = Switch(o => o.ExpectNoHelloRetry = true),

        // Certificates. The runner's roots are its own and BoringSSL's shim trusts any chain, so -trust-cert says nothing to us.
        // -use-old-client-cert-callback differs in BoringSSL's API only.
        // Behind -new-x509-credential, flags about a credential are for that one; before it, for the one of last resort.
        ["-new-x509-credential"] = Switch(o => o.Credentials.Add(new ShimCredential())),
        ["-cert-file"] = Text((o, v) => o.Newest.CertificateFile = v),
        ["-key-file"] = Text((o, v) => o.Newest.KeyFile = v),
        ["-trust-cert"] = NothingWithValue(),
        ["-signing-prefs"] = CodePoint(o => o.Newest.SigningSchemes),
        ["-must-match-issuer"] = Switch(o => o.Newest.MustMatchIssuer = true),
        ["-expect-selected-credential"] = Number((o, v) => o.ExpectSelectedCredential = v),
        ["-verify-prefs"] = CodePoint(o => o.VerifySchemes),
        ["-expect-peer-signature-algorithm"] = Number((o, v) => o.ExpectPeerSignatureScheme = v),
        ["-expect-peer-verify-pref"] = CodePoint(o => o.ExpectPeerVerifySchemes),
        ["-require-any-client-certificate"] = Switch(o => o.RequireClientCertificate = true),
        ["-verify-peer"] = Switch(o => o.VerifyPeer = true),
        ["-verify-fail"] = Switch(o => o.VerifyFail = true),
        ["-use-custom-verify-callback"] = Switch(o => o.UseCustomVerifyCallback = true),
        ["-use-old-client-cert-callback"] = Nothing(),
        ["-use-early-callback"] = Switch(o => o.UseEarlyCallback = true),
        ["-fail-early-callback"] = Switch(o => o.FailEarlyCallback = true),
        ["-install-ddos-callback"] = Switch(o => o.UseDdosCallback = true),
        ["-fail-ddos-callback"] = Switch(o => o.FailDdosCallback = true),
        ["-expect-verify-result"] = Switch(o => o.ExpectVerifyResult = true),
        ["-expect-peer-cert-file"] = Text((o, v) => o.ExpectPeerCertificateFile = v),
        ["-fail-cert-callback"] = Switch(o => o.FailCertificateCallback = true),
        ["-use-client-ca-list"] = Text((o, v) => o.ClientCaList = v),
        ["-expect-client-ca-list"] = Text((o, v) => o.ExpectClientCaList = v),
        ["-reverify-on-resume"] = Switch(o => o.ReverifyOnResume = true),
        ["-max-cert-list"] = Number((o, v) => o.MaxCertificateList = v),

        // OCSP. BoringSSL's clients and servers have callbacks of their own for it: ours see it in those for certificates.
        ["-enable-ocsp-stapling"] = Switch(o => o.EnableOcspStapling = true),
        ["-ocsp-response"] = Text((o, v) => o.OcspResponse = v),
        ["-expect-ocsp-response"] = Text((o, v) => o.ExpectOcspResponse = v),
        ["-use-ocsp-callback"] = Nothing(),
        ["-set-ocsp-in-callback"] = Nothing(),
        ["-fail-ocsp-callback"] = Switch(o => o.FailOcspCallback = true),
        ["-decline-ocsp-callback"] = Switch(o => o.DeclineOcspCallback = true),

        // Certificate transparency is not built: none is asked for, and there is none to send. Tests that want some are disabled.
        ["-enable-signed-cert-timestamps"] = Nothing(),
        ["-signed-cert-timestamps"] = NothingWithValue(),

        // Certificates are always compressed where the peer has brotli or zlib. The runner's own algorithms, which these flags name, cannot be added.
        ["-install-cert-compression-algs"] = Nothing(),
        ["-install-one-cert-compression-alg"] = NothingWithValue(),

        // Application protocol and server name
        ["-host-name"] = Text((o, v) => o.HostName = v),
        ["-expect-server-name"] = Text((o, v) => o.ExpectServerName = v),
        ["-advertise-alpn"] = Text((o, v) => o.AdvertiseAlpn = v),
        ["-expect-alpn"] = Text((o, v) => o.ExpectAlpn = v),
        ["-expect-advertised-alpn"] = Text((o, v) => o.ExpectAdvertisedAlpn = v),
        ["-select-alpn"] = Text((o, v) => o.SelectAlpn = v),
        ["-decline-alpn"] = Switch(o => o.DeclineAlpn = true),
        ["-reject-alpn"] = Switch(o => o.RejectAlpn = true),
        ["-select-empty-alpn"] = Switch(o => o.SelectEmptyAlpn = true),

        // Sessions
        ["-expect-session-id"] = Switch(o => o.ExpectSessionId = true),
        ["-expect-no-session-id"] = Switch(o => o.ExpectNoSessionId = true),
        ["-expect-session-miss"] = Switch(o => o.ExpectSessionMiss = true),
        ["-no-ticket"] = Switch(o => o.NoTicket = true),
        ["-expect-no-session"] = Switch(o => o.ExpectNoSession = true),
        ["-expect-ticket-renewal"] = Switch(o => o.ExpectTicketRenewal = true),
        ["-expect-extended-master-secret"] = Switch(o => o.ExpectExtendedMainSecret = true),
        ["-expect-ticket-age-skew"] = Number((o, v) => o.ExpectTicketAgeSkew = v),
        // BoringSSL's two ways to seal tickets by the application; ours is to give it the ring of keys.
        ["-use-ticket-callback"] = Switch(o => o.UseTicketKeys = true),
        ["-use-ticket-aead-callback"] = Switch(o => o.UseTicketKeys = true),
        ["-renew-ticket"] = Switch(o => o.RenewTicket = true),
        ["-skip-ticket"] = Switch(o => o.SkipTicket = true),
        ["-resumption-delay"] = Number((o, v) => o.ResumptionDelay = v),

        // Early data
        ["-enable-early-data"] = Switch(o => o.EnableEarlyData = true),
        ["-expect-ticket-supports-early-data"] = Switch(o => o.ExpectTicketSupportsEarlyData = true),
        ["-expect-accept-early-data"] = Switch(o => o.ExpectAcceptEarlyData = true),
        ["-expect-reject-early-data"] = Switch(o => o.ExpectRejectEarlyData = true),
        ["-expect-no-offer-early-data"] = Switch(o => o.ExpectNoOfferEarlyData = true),
        ["-expect-early-data-reason"] = Text((o, v) => o.ExpectEarlyDataReason = v),
        ["-early-write-after-message"] = Number((o, v) => o.EarlyWriteAfterMessage = v),
    };
}

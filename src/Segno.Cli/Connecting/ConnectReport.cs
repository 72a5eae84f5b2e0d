using System.Globalization;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using Segno.Cli.Json;
using Segno.Cli.Parsing;
using Segno.Sessions;

namespace Segno.Cli.Connecting;

/// <summary>Tells about connections: for people, or as JSON with one object per line.</summary>
internal sealed class ConnectReport(ConnectSettings settings, PeerVerification verification, TextWriter output)
{
    /// <summary>All there is to know about one connection.</summary>
    public void Write(Connected connection)
    {
        if (settings.Json)
        {
            WriteJson(connection);
            return;
        }
        ConnectionDocument facts = ConnectionDocument.Of(connection.Info);
        Fact("Connected", $"{settings.Target} ({connection.Address})");
        Fact("Version", facts.Version);
        Fact("Cipher suite", facts.CipherSuite);
        Fact("Group", facts.Group ?? "none: keys from the PSK alone");
        Fact("Server name", facts.ServerName ?? "none sent");
        Fact("ALPN", facts.ApplicationProtocol ?? "none");
        Fact("Handshake", string.Create(CultureInfo.InvariantCulture,
            $"{(IsByPsk(connection.Info) ? "by external PSK" : Kind(facts))}, {Milliseconds(facts)} ms, {facts.HandshakeBytesIn} bytes in, {facts.HandshakeBytesOut} bytes out"));
        Fact("Signed with", connection.Info.RemoteSignatureScheme?.ToString() ?? "nothing: no signature in this handshake");
        Fact("Verification", verification.Describe(connection.Info));
        if (settings.Ocsp)
        {
            Fact("OCSP", Status(connection.Info));
        }
        int depth = 0;
        foreach (CertificateDocument certificate in Certificates(connection.Info))
        {
            Fact($"Certificate {depth++}", certificate.Subject);
            Fact("", $"issued by {certificate.Issuer}");
            Fact("", $"valid {certificate.NotBefore:u} to {certificate.NotAfter:u}");
            Fact("", $"SHA-256 {certificate.Sha256}");
        }
        output.Flush();
    }

    /// <summary>One connection in one line.</summary>
    public void WriteLine(Connected connection)
    {
        if (settings.Json)
        {
            WriteJson(connection);
            return;
        }
        ConnectionDocument facts = ConnectionDocument.Of(connection.Info);
        string kind = IsByPsk(connection.Info) ? "PSK" : facts.Resumed ? "resumed" : "full";
        string bytes = string.Create(CultureInfo.InvariantCulture, $"{facts.HandshakeBytesIn,6} B in  {facts.HandshakeBytesOut,5} B out");
        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{connection.Number,3}  {kind,-7}  {facts.Version}  {facts.CipherSuite}  {facts.Group ?? "-",-6}  {Milliseconds(facts),8} ms  {bytes}  {Why(facts)}"));
        output.Flush();
    }

    /// <summary>The sessions that came with the connection, when no more are waited for.</summary>
    public void WriteSessions(Connected connection)
    {
        if (settings.Json)
        {
            return;
        }
        if (Session(connection) is not { } session)
        {
            Fact("Session", "none received");
        }
        else
        {
            Fact("Session", string.Create(CultureInfo.InvariantCulture,
                $"{session.Received} received; may be resumed for {Durations.Describe(TimeSpan.FromSeconds(session.LifetimeSeconds))}, until {session.ExpiresAt:u}"));
            Fact("", string.Create(CultureInfo.InvariantCulture,
                $"early data: {EarlyData(session)}; authenticated at {session.AuthenticatedAt:u}, resumed {session.ResumptionCount} times since"));
        }
        output.Flush();
    }

    private void WriteJson(Connected connection)
    {
        var document = new ConnectDocument
        {
            Number = connection.Number,
            Peer = settings.Target.ToString(),
            Address = connection.Address.ToString(),
            Connection = ConnectionDocument.Of(connection.Info),
            Verification = verification.Describe(connection.Info),
            CertificateStatus = connection.Info.RemoteCertificateStatus.ToString(),
            Verified = verification.Verified && !settings.Insecure,
            Certificates = Certificates(connection.Info),
            Session = Session(connection),
        };
        output.WriteLine(JsonSerializer.Serialize(document, CliJson.Readable.ConnectDocument));
        output.Flush();
    }

    private void Fact(string name, string value) => output.WriteLine($"{name,-15} {value}");

    private static string Status(TlsConnectionInfo info)
    {
        int length = info.StapledOcspResponse.Length;
        return info.RemoteCertificateStatus switch
        {
            TlsCertificateStatus.None when info.Resumption.IsResumed => "nothing is stapled to a resumed connection",
            TlsCertificateStatus.None when length == 0 => "no response stapled",
            TlsCertificateStatus.None => "the responder could not answer",
            TlsCertificateStatus status => string.Create(CultureInfo.InvariantCulture, $"{status.ToString().ToLowerInvariant()} ({length} bytes stapled)"),
        };
    }

    private static string EarlyData(SessionDocument session)
        => session.MaxEarlyDataSize > 0 ? string.Create(CultureInfo.InvariantCulture, $"up to {session.MaxEarlyDataSize} bytes") : "no";

    private static bool IsByPsk(TlsConnectionInfo info) => info.Resumption is { IsResumed: true, Mechanism: ResumptionMechanism.ExternalPsk };

    private static string Kind(ConnectionDocument facts) => facts.Resumed ? $"resumed ({facts.Mechanism})" : $"full ({Why(facts)})";

    private static string Why(ConnectionDocument facts) => (facts.Reason, facts.ReasonDetail) switch
    {
        (null, _) => facts.Mechanism ?? facts.Outcome,
        (var reason, null) => reason,
        var (reason, detail) => $"{reason}({detail})",
    };

    private static string Milliseconds(ConnectionDocument facts)
        => (facts.HandshakeMicroseconds / 1000.0).ToString("0.00", CultureInfo.InvariantCulture);

    private static SessionDocument? Session(Connected connection) => connection.Sessions.Newest is not { } session ? null : new SessionDocument(
        (long)(session.ExpiresAt - session.IssuedAt).TotalSeconds,
        session.ExpiresAt,
        session.AuthenticatedAt,
        session.AuthenticationDeadline,
        session.ResumptionCount,
        session.MaxEarlyDataSize,
        connection.Sessions.Count);

    private static List<CertificateDocument> Certificates(TlsConnectionInfo info)
    {
        List<CertificateDocument> certificates = [];
        foreach (ReadOnlyMemory<byte> der in info.RemoteCertificates)
        {
            using X509Certificate2 certificate = X509CertificateLoader.LoadCertificate(der.Span);
            certificates.Add(new CertificateDocument(
                certificate.Subject,
                certificate.Issuer,
                certificate.NotBefore.ToUniversalTime(),
                certificate.NotAfter.ToUniversalTime(),
                Convert.ToHexStringLower(SHA256.HashData(der.Span))));
        }
        return certificates;
    }
}

using System.CommandLine;
using System.Globalization;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Segno.Cli.Connecting;
using Segno.Cli.Json;
using Segno.Cli.Parsing;
using Segno.Sessions;

namespace Segno.Cli.Commands;

/// <summary><c>segno session</c>: shows a client's sessions in files, and carries them between Segno and OpenSSL.</summary>
internal sealed class SessionCommand : ExampleCommand
{
    private const string KeyOptions = "--key FILE or --passphrase-file FILE";
    private const string OutputOptions = "--to-key FILE or --to-passphrase-file FILE";

    private readonly CliEnvironment _environment;
    private readonly Option<string?> _key = FileOption("--key", "What the source is encrypted with: a file of 32 random bytes, as they are or in Base64.");
    private readonly Option<string?> _passphrase = FileOption("--passphrase-file", "The passphrase instead: the first line of a file.");
    private readonly Option<string?> _toKey = FileOption("--to-key", "What the result is encrypted with. Default: what the source is.");
    private readonly Option<string?> _toPassphrase = FileOption("--to-passphrase-file", "The passphrase instead, at least 12 characters: the first line of a file.");
    private readonly Option<bool> _force = new("--force") { Description = "Replace a file that is there." };

    private readonly Option<string> _to = new Option<string>("--to")
    {
        Description = "What is written: protected, Segno's own, encrypted; pem or der, OpenSSL's, with the secret in the clear.",
        HelpName = "FORMAT",
        DefaultValueFactory = _ => "protected",
    }.AcceptOnlyFromAmong("protected", "pem", "der");

    public SessionCommand(CliEnvironment environment)
        : base("session", "Show, convert and export the sessions of clients. No command shows a secret.",
            new("segno session show sessions --key session.key", "All sessions of a directory that connect --session-cache made."),
            new("segno session convert s.pem s --host example.com --to-key session.key", "A session of 'openssl s_client -sess_out', encrypted, for connect --sess-in."),
            new("segno session export sessions example.com s.pem --key session.key --to pem", "A session for 'openssl s_client -sess_in'."))
    {
        _environment = environment;
        Add(Show());
        Add(Convert());
        Add(Export());
    }

    private static Option<string?> FileOption(string name, string description) => new(name) { Description = description, HelpName = "FILE" };

    private Command Show()
    {
        var path = new Argument<string>("PATH") { Description = "A file with a session of Segno's or OpenSSL's, or a directory of sessions." };
        var command = new Command("show", "Show what is known of a session; no secrets.") { path, _key, _passphrase };
        command.SetAction(parsed =>
        {
            string source = parsed.GetValue(path)!;
            SessionProtection protection = Protection(parsed, _key, _passphrase, KeyOptions);
            if (!Directory.Exists(source))
            {
                ShowFile(source, protection);
                return ExitCodes.Ok;
            }
            using FileClientSessionCache cache = OpenCache(source, protection);
            string separator = "";
            foreach (TlsSession session in cache.ReadAll().OrderBy(session => session.TargetHost, StringComparer.Ordinal).ThenByDescending(session => session.IssuedAt))
            {
                _environment.Output.Write(separator);
                Report(session, TargetOf(session));
                separator = "\n";
            }
            ThrowIfFailed(source, cache);
            return ExitCodes.Ok;
        });
        return command;
    }

    private Command Convert()
    {
        var source = new Argument<string>("SOURCE") { Description = "A file with a session of Segno's or OpenSSL's." };
        Argument<string> result = ResultArgument();
        var host = new Option<HostAndPort?>("--host")
        {
            Description = "OpenSSL's: the server that the session was made with. Default: its server name, port 443.",
            HelpName = "HOST[:PORT]",
            CustomParser = OptionParsers.Target,
        };
        Option<string?> ca = FileOption("--ca", "OpenSSL's: the authorities that the server was verified against, as connect --ca says. Default: the system's.");
        var insecure = new Option<bool>("--insecure", "-k") { Description = "OpenSSL's: take a session whose server was not verified, for connect --insecure alone." };
        var command = new Command("convert", "Make a session of Segno's of one of OpenSSL's, and the other way round.") { source, result, _to, host, ca, insecure, _key, _passphrase, _toKey, _toPassphrase, _force };
        command.SetAction(parsed =>
        {
            string path = parsed.GetValue(source)!;
            SessionProtection protection = Protection(parsed, _key, _passphrase, KeyOptions);
            Output output = OutputOf(parsed, result, protection);
            byte[] content = Files.Read(path);
            TlsSession session;
            try
            {
                session = SessionFile.FormatOf(content) is SessionFileFormat.Pem or SessionFileFormat.Der
                    ? ImportOpenSsl(path, content, parsed.GetValue(host), parsed.GetValue(ca), parsed.GetValue(insecure))
                    : SessionFile.Read(path, protection);
            }
            finally
            {
                CryptographicOperations.ZeroMemory(content);
            }
            Write(session, output);
            return ExitCodes.Ok;
        });
        return command;
    }

    private Command Export()
    {
        var directory = new Argument<string>("DIRECTORY") { Description = "The sessions, as connect --session-cache keeps them." };
        var host = new Argument<HostAndPort?>("HOST[:PORT]") { Description = "The server. Port 443 where none is given.", CustomParser = OptionParsers.Target };
        Argument<string> result = ResultArgument();
        var command = new Command("export", "Take a session out of a directory. One of TLS 1.3 is then there no more: it is offered once.")
        {
            directory, host, result, _to, _key, _passphrase, _toKey, _toPassphrase, _force,
        };
        command.SetAction(parsed =>
        {
            string path = parsed.GetValue(directory)!;
            SessionProtection protection = Protection(parsed, _key, _passphrase, KeyOptions);
            Output output = OutputOf(parsed, result, protection);
            HostAndPort target = parsed.GetValue(host)!;
            using FileClientSessionCache cache = OpenCache(path, protection);
            if (!cache.TryTakeFor(target.Host, target.Port, _environment.Time.GetUtcNow(), out TlsSession? session))
            {
                ThrowIfFailed(path, cache);
                throw CliException.Failure($"{path}: there is no session for {target}.");
            }
            Write(session, output);
            return ExitCodes.Ok;
        });
        return command;
    }

    private static Argument<string> ResultArgument() => new("RESULT") { Description = "The file to write, for its owner alone (mode 0600)." };

    private static SessionProtection Protection(ParseResult parsed, Option<string?> key, Option<string?> passphrase, string options)
    {
        var protection = new SessionProtection(parsed.GetValue(key), parsed.GetValue(passphrase), options);
        return protection is { KeyPath: not null, PassphrasePath: not null } ? throw CliException.Usage($"{key.Name} and {passphrase.Name} exclude each other.") : protection;
    }

    /// <summary>Whatever can be refused about the result is refused before a session is taken for it.</summary>
    private Output OutputOf(ParseResult parsed, Argument<string> result, SessionProtection source)
    {
        string path = parsed.GetValue(result)!;
        if (File.Exists(path) && !parsed.GetValue(_force))
        {
            throw CliException.Usage($"{path} is there already; to replace it, say --force.");
        }
        string format = parsed.GetValue(_to)!;
        SessionProtection own = Protection(parsed, _toKey, _toPassphrase, OutputOptions);
        if (format != "protected" && own.IsGiven)
        {
            throw CliException.Usage($"--to {format} encrypts nothing: {OutputOptions} goes with --to protected.");
        }
        SessionProtection protection = own.IsGiven ? own : source;
        if (format == "protected" && !protection.IsGiven)
        {
            throw CliException.Usage($"{path} shall be encrypted: {OutputOptions} says with what.");
        }
        return new Output(path, format, protection);
    }

    private FileClientSessionCache OpenCache(string path, SessionProtection protection)
    {
        if (!Directory.Exists(path) || !Directory.EnumerateFileSystemEntries(path).Any())
        {
            throw CliException.Usage($"{path}: there are no sessions.");
        }
        return protection.IsGiven
            ? new SessionCacheSettings(path, protection.KeyPath, protection.PassphrasePath).Open(_environment)
            : throw CliException.Usage($"{path} is encrypted: {KeyOptions} says with what.");
    }

    private static void ThrowIfFailed(string path, FileClientSessionCache cache)
    {
        if (cache.LastFailure is { } failure)
        {
            throw CliException.Failure($"{path}: {failure.Message}", failure);
        }
    }

    private static TlsSession ImportOpenSsl(string path, byte[] content, HostAndPort? host, string? authorities, bool insecure)
    {
        host ??= SessionFile.OpenSslServerName(content) is { } name ? new HostAndPort(name, Endpoints.DefaultPort)
            : throw CliException.Usage($"{path} does not say which server it was made with: --host HOST[:PORT] does.");
        var options = new TlsClientOptions { TargetHost = host.Host, TargetPort = host.Port };
        new PeerVerification(new ConnectSettings { Target = host, AuthoritiesPath = authorities, Insecure = insecure }).Configure(options);
        return SessionFile.Refusals(path, () => Files.Load(path, () => new TlsClientContext(options).ImportOpenSsl(content, host.Host, host.Port, insecure)));
    }

    private void ShowFile(string path, SessionProtection protection)
    {
        byte[] content = Files.Read(path);
        try
        {
            if (SessionFile.FormatOf(content) is SessionFileFormat.Protected or SessionFileFormat.Bare)
            {
                TlsSession own = SessionFile.Read(path, protection);
                Report(own, TargetOf(own));
                return;
            }
            // What is shown is not offered: any host will do where the session names none.
            TlsSession session = ImportOpenSsl(path, content, new HostAndPort(SessionFile.OpenSslServerName(content) ?? "localhost", 0), null, insecure: true);
            Report(session, "unknown: OpenSSL's format does not say");
        }
        finally
        {
            CryptographicOperations.ZeroMemory(content);
        }
    }

    private void Write(TlsSession session, Output output)
    {
        byte[] content = output.Format switch
        {
            "pem" => Encoding.ASCII.GetBytes(OfAClient(session, output).ExportOpenSslPem()),
            "der" => OfAClient(session, output).ExportOpenSsl(),
            _ => output.Protection.Seal(session, output.Path),
        };
        SessionFile.Write(output.Path, content);
        if (output.Format != "protected")
        {
            _environment.Warn($"{output.Path} contains the session's secret in the clear: who reads it can resume the session.");
        }
    }

    private static TlsSession OfAClient(TlsSession session, Output output)
        => session.IsServer ? throw CliException.Usage($"{output.Path}: a server's session cannot be written in OpenSSL's format.") : session;

    private static string? TargetOf(TlsSession session) => session switch
    {
        { TargetHost: null } => null,
        { TargetPort: 0 } => session.TargetHost,
        _ => new HostAndPort(session.TargetHost, session.TargetPort).ToString(),
    };

    private void Report(TlsSession session, string? target)
    {
        DateTimeOffset now = _environment.Time.GetUtcNow();
        Line("Side", session.IsServer ? "server" : "client");
        Line("Target", target ?? "-");
        Line("Server name", session.ServerName ?? "-");
        Line("Protocol", Names.Version(session.ProtocolVersion));
        Line("Cipher suite", session.CipherSuite.ToString());
        Line("ALPN", Names.ApplicationProtocol(session.ApplicationProtocol) ?? "-");
        Line("Secret bound", session.ProtocolVersion == SslProtocols.Tls13 || session.ExtendedMasterSecret ? "yes (extended_master_secret, or TLS 1.3)" : "no (without extended_master_secret)");
        Line("Peer", SubjectOf(session));
        Line("Authenticated", Text(session.AuthenticatedAt));
        Line("Issued", Text(session.IssuedAt));
        Line("Expires", Text(session.ExpiresAt) + (session.ExpiresAt < now ? " (over)" : ""));
        Line("Resumptions", session.ResumptionCount.ToString(CultureInfo.InvariantCulture));
        Line("Early data", session.MaxEarlyDataSize == 0 ? "no" : string.Create(CultureInfo.InvariantCulture, $"up to {session.MaxEarlyDataSize} bytes"));
    }

    private void Line(string name, string value) => _environment.Output.WriteLine($"{name,-15} {value}");

    private static string Text(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    private static string SubjectOf(TlsSession session)
    {
        if (session.PeerCertificates is not [{ } leaf, ..])
        {
            return "no certificate";
        }
        using X509Certificate2 certificate = X509CertificateLoader.LoadCertificate(leaf.Span);
        return certificate.Subject.Length > 0 ? certificate.Subject : "a certificate without a subject";
    }

    private sealed record Output(string Path, string Format, SessionProtection Protection);
}

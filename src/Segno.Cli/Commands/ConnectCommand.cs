using System.CommandLine;
using Segno.Cli.Connecting;
using Segno.Cli.Parsing;

namespace Segno.Cli.Commands;

/// <summary><c>segno connect</c>: what a server negotiates, whether it is trusted, whether it resumes; and a conversation with it.</summary>
internal sealed class ConnectCommand : ExampleCommand
{
    /// <summary>How long the sessions of a connection are waited for.</summary>
    private static readonly TimeSpan SessionWait = TimeSpan.FromSeconds(1);

    private readonly CliEnvironment _environment;

    private readonly Argument<HostAndPort?> _target = new("HOST[:PORT]")
    {
        Description = "The server. Port 443 where none is given.",
        CustomParser = OptionParsers.Target,
    };

    private readonly Option<int?> _reconnect = new("--reconnect")
    {
        Description = "Connect, and then N times again with the sessions received: a line each.",
        HelpName = "N",
        CustomParser = OptionParsers.Count,
    };

    private readonly Option<string?> _sessOut = new("--sess-out") { Description = "Writes the newest session, secret included, to a file (mode 0600).", HelpName = "FILE" };

    private readonly Option<string?> _sessIn = new("--sess-in") { Description = "Offers the session of a file, as --sess-out or 'segno session' wrote it.", HelpName = "FILE" };

    private readonly Option<string?> _sessKey = new("--sess-key") { Description = "What the session of --sess-in is encrypted with: a file of 32 random bytes, as they are or in Base64.", HelpName = "FILE" };

    private readonly Option<string?> _sessPassphrase = new("--sess-passphrase-file") { Description = "The passphrase instead: the first line of a file.", HelpName = "FILE" };

    private readonly SessionCacheOptions _sessionCache = new();

    private readonly Option<bool> _requireResumption = new("--require-resumption") { Description = "Fail where the session of --sess-in or --session-cache, or at a reconnection the one received before, is not resumed." };

    private readonly Option<bool> _allowTicketReuse = new("--allow-ticket-reuse") { Description = "Offer the session of --sess-in on every connection, as FTPS does, and not on the first alone." };

    private readonly Option<string?> _ca = new("--ca") { Description = "Trusts the authorities of a PEM file instead of the system's.", HelpName = "FILE" };

    private readonly Option<bool> _insecure = new("--insecure", "-k") { Description = "Accepts any certificate, and says what is wrong with it." };

    private readonly Option<string?> _serverName = new("--server-name") { Description = "The name to ask for (SNI) and to expect. Default: HOST.", HelpName = "NAME" };

    private readonly ProtocolOptions _protocols = new("Application protocols to offer, most wanted first.");

    private readonly PskOptions _psk = new("Offer an external PSK of this identity, by which both ends authenticate each other: TLS 1.3, no certificate.");

    private readonly Option<bool> _ocsp = new("--ocsp") { Description = "Report what the OCSP response says that the server staples to its certificate." };

    private readonly Option<string?> _clientCert = new("--client-cert") { Description = "The client's certificate chain, PEM.", HelpName = "FILE" };

    private readonly Option<string?> _clientKey = new("--client-key") { Description = "Its private key, PEM. Default: in the file of --client-cert.", HelpName = "FILE" };

    private readonly Option<TimeSpan?> _timeout = new("--timeout")
    {
        Description = "For connection and handshake. Default 10s.",
        HelpName = "DURATION",
        CustomParser = OptionParsers.Duration,
    };

    private readonly Option<TimeSpan?> _linger = new("--linger")
    {
        Description = "How long, after the end of the input, a silent peer is waited for. Default 5s.",
        HelpName = "DURATION",
        CustomParser = OptionParsers.Duration,
    };

    private readonly Option<string?> _keyLog = new("--keylog")
    {
        Description = $"Appends the secrets of every connection, for Wireshark. Default: ${KeyLogFile.Variable}.",
        HelpName = "FILE",
    };

    private readonly Option<bool> _noInput = new("--no-input") { Description = "Do not talk: report, wait shortly for a session, close." };

    private readonly Option<bool> _json = new("--json") { Description = "The report as JSON, one object per connection and line." };

    public ConnectCommand(CliEnvironment environment)
        : base("connect", "Connect to a TLS server: what is negotiated, whether it is trusted, whether it resumes. Then talk to it.",
            new("segno connect example.com --no-input", "Version, suite, group, chain, verification, session."),
            new("segno connect example.com --reconnect 5", "Five reconnections: full or resumed, time, bytes, reason."),
            new("segno connect example.com --tls 1.2 --reconnect 5", "The same in TLS 1.2, by session ID or ticket as the server likes."),
            new("segno connect example.com --client-cert client.pem --client-key client-key.pem --no-input", "With a certificate of one's own."),
            new("segno connect localhost:8443 --psk-identity client1 --psk-file psk.hex --no-input", "By an external PSK, without certificates."),
            new("segno connect localhost:8443 --ca ca.pem --sess-out s --no-input; segno connect localhost:8443 --ca ca.pem --sess-in s --no-input", "A session carried from one process to the next."),
            new("segno connect example.com --session-cache sessions --session-cache-key session.key --no-input", "The same for all hosts: sessions in a directory, encrypted, shared by all who have the key."),
            new("printf 'GET / HTTP/1.1\\r\\nHost: example.com\\r\\nConnection: close\\r\\n\\r\\n' | segno connect example.com > answer", "Standard input and output, byte for byte."))
    {
        _environment = environment;
        Epilogue = """
            While talking, standard output carries the peer's bytes and nothing else; the report goes to standard error.
            With --no-input or --reconnect the report goes to standard output.
            """;
        Arguments.Add(_target);
        foreach (Option option in new Option[]
        {
            _reconnect, _sessOut, _sessIn, _sessKey, _sessPassphrase, _requireResumption, _allowTicketReuse, _ca, _insecure, _serverName, _ocsp, _clientCert, _clientKey, _timeout, _linger, _keyLog, _noInput, _json,
        }.Concat(_sessionCache.All).Concat(_protocols.All).Concat(_psk.All))
        {
            Options.Add(option);
        }
        SetAction((parsed, cancellationToken) => RunAsync(Read(parsed), cancellationToken));
    }

    private ConnectSettings Read(ParseResult parsed)
    {
        var settings = new ConnectSettings
        {
            Target = parsed.GetValue(_target)!,
            Reconnect = parsed.GetValue(_reconnect),
            SessionOutputPath = parsed.GetValue(_sessOut),
            SessionInputPath = parsed.GetValue(_sessIn),
            SessionProtection = new(parsed.GetValue(_sessKey), parsed.GetValue(_sessPassphrase), "--sess-key FILE or --sess-passphrase-file FILE"),
            SessionCache = _sessionCache.Read(parsed),
            RequireResumption = parsed.GetValue(_requireResumption),
            AllowTicketReuse = parsed.GetValue(_allowTicketReuse),
            AuthoritiesPath = parsed.GetValue(_ca),
            Insecure = parsed.GetValue(_insecure),
            ServerName = parsed.GetValue(_serverName),
            Ocsp = parsed.GetValue(_ocsp),
            Protocols = _protocols.Read(parsed),
            Psk = _psk.Read(parsed),
            ClientCertificatePath = parsed.GetValue(_clientCert),
            ClientKeyPath = parsed.GetValue(_clientKey),
            KeyLogPath = parsed.GetValue(_keyLog),
            NoInput = parsed.GetValue(_noInput),
            Json = parsed.GetValue(_json),
        };
        if (settings is { ClientKeyPath: not null, ClientCertificatePath: null })
        {
            throw CliException.Usage("--client-key needs --client-cert.");
        }
        if (settings.SessionProtection is { KeyPath: not null, PassphrasePath: not null })
        {
            throw CliException.Usage("--sess-key and --sess-passphrase-file exclude each other.");
        }
        if (settings is { SessionProtection.IsGiven: true, SessionInputPath: null })
        {
            throw CliException.Usage($"{(settings.SessionProtection.KeyPath is null ? "--sess-passphrase-file" : "--sess-key")} needs --sess-in.");
        }
        if (settings is { AllowTicketReuse: true, SessionInputPath: null })
        {
            throw CliException.Usage("--allow-ticket-reuse needs --sess-in.");
        }
        if (settings is { RequireResumption: true, SessionInputPath: null, SessionCache: null, Reconnect: null })
        {
            throw CliException.Usage("--require-resumption needs --sess-in, --session-cache or --reconnect: without them there is nothing to resume.");
        }
        return settings with
        {
            Timeout = parsed.GetValue(_timeout) ?? settings.Timeout,
            Linger = parsed.GetValue(_linger) ?? settings.Linger,
        };
    }

    private async Task<int> RunAsync(ConnectSettings settings, CancellationToken cancellationToken)
    {
        if (settings.Insecure)
        {
            _environment.Warn("--insecure: any certificate is accepted; this may be anybody.");
        }
        using var connector = new Connector(settings, _environment);
        var report = new ConnectReport(settings, connector.Verification, settings.Talks ? _environment.Error : _environment.Output);
        if (settings.Reconnect is { } times)
        {
            return await ReconnectAsync(settings, connector, report, times, cancellationToken).ConfigureAwait(false);
        }

        Connected connection = await connector.ConnectAsync(1, cancellationToken).ConfigureAwait(false);
        await using (connection.ConfigureAwait(false))
        {
            if (settings.NoInput)
            {
                await connection.Sessions.WaitAsync(connection.Stream, SessionWait, cancellationToken).ConfigureAwait(false);
                report.Write(connection);
            }
            else
            {
                report.Write(connection);
                await TalkAsync(settings, connection, cancellationToken).ConfigureAwait(false);
            }
            report.WriteSessions(connection);
        }
        return Keep(settings, connection.Sessions);
    }

    private async Task<int> ReconnectAsync(ConnectSettings settings, Connector connector, ConnectReport report, int times, CancellationToken cancellationToken)
    {
        SessionArrivals? last = null;
        for (int number = 1; number <= times + 1; number++)
        {
            Connected connection = await connector.ConnectAsync(number, cancellationToken).ConfigureAwait(false);
            await using (connection.ConfigureAwait(false))
            {
                await connection.Sessions.WaitAsync(connection.Stream, SessionWait, cancellationToken).ConfigureAwait(false);
                report.WriteLine(connection);
                last = connection.Sessions.Count > 0 ? connection.Sessions : last;
            }
        }
        return Keep(settings, last);
    }

    private async Task TalkAsync(ConnectSettings settings, Connected connection, CancellationToken cancellationToken)
    {
        Stream input = _environment.OpenInput();
        Stream output = _environment.OpenOutput();
        try
        {
            await new Conversation(connection.Stream, input, output, _environment.Time).RunAsync(settings.Linger, cancellationToken).ConfigureAwait(false);
        }
        catch (IOException exception)
        {
            throw CliException.Failure($"{settings.Target}: the connection broke: {exception.Message}", exception);
        }
    }

    private int Keep(ConnectSettings settings, SessionArrivals? sessions)
    {
        if (settings.SessionOutputPath is not { } path)
        {
            return ExitCodes.Ok;
        }
        if (sessions?.Newest is not { } session)
        {
            _environment.Error.WriteLine($"segno: the server gave no session; {path} is not written.");
            return ExitCodes.Failure;
        }
        SessionFile.Write(path, session);
        return ExitCodes.Ok;
    }
}

using System.CommandLine;
using System.Globalization;
using System.Net;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Security.Cryptography.X509Certificates;
using Segno.Cli.Parsing;
using Segno.Cli.Serving;
using Segno.Sessions;
using Spectre.Console;

namespace Segno.Cli.Commands;

/// <summary><c>segno serve</c>: a page over HTTPS that tells each visitor how the connection came to be.</summary>
internal sealed class ServeCommand : ExampleCommand
{
    private const int DefaultPort = 8443;
    private const string Automatic = "auto";

    // The library's own, checked here to say the option's name.
    private const int MaxCacheSessions = 100_000_000;
    private const int MaxFileSessions = 1_000_000;
    private const long MinCacheBytes = 16 * 1024;
    private const long MaxCacheBytes = 1L << 36;
    private static readonly TimeSpan MaxLifetime = TimeSpan.FromDays(7);
    private static readonly TimeSpan DefaultPeriod = TimeSpan.FromHours(24);

    private readonly CliEnvironment _environment;

    private readonly Option<IPEndPoint?> _listen = new("--listen")
    {
        Description = "Where to listen: 127.0.0.1:8443, [::1]:8443, *:8443. Port 0 picks a free one.",
        HelpName = "ADDRESS:PORT",
        CustomParser = OptionParsers.Listen,
        DefaultValueFactory = _ => new IPEndPoint(IPAddress.Loopback, DefaultPort),
    };

    private readonly Option<string?> _cert = new("--cert")
    {
        Description = "The certificate chain, PEM, leaf first. Without --cert or --pfx a development certificate is made.",
        HelpName = "FILE",
    };

    private readonly Option<string?> _key = new("--key") { Description = "The private key, PEM. Default: in the file of --cert.", HelpName = "FILE" };

    private readonly Option<string?> _pfx = new("--pfx") { Description = "Chain and private key, PKCS#12.", HelpName = "FILE" };

    private readonly Option<string?> _pfxPasswordFile = new("--pfx-password-file")
    {
        Description = $"The password of --pfx: the first line of a file. Default: ${PfxPassword.Variable}, or it is asked for.",
        HelpName = "FILE",
    };

    private readonly Option<string?> _pfxPassword = new("--pfx-password") { Description = "The same, where everybody on this machine can read it.", HelpName = "PASSWORD" };

    private readonly Option<string?> _ocsp = new("--ocsp")
    {
        Description = "Staples an OCSP response to the certificate: that of a file (DER, read again every minute), or auto: fetched from the responder that the certificate names, and renewed.",
        HelpName = "FILE|auto",
    };

    private readonly Option<string?> _devCaOut = new("--dev-ca-out")
    {
        Description = "Writes the authority of the development certificate (PEM), for clients to trust.",
        HelpName = "FILE",
    };

    private readonly Option<int?> _tickets = new("--tickets")
    {
        Description = "How many tickets follow a full handshake of TLS 1.3, 0 to 8; TLS 1.2 has one at most. Default 2; with 0 TLS 1.3 does not resume, TLS 1.2 by session ID.",
        HelpName = "N",
        CustomParser = OptionParsers.TicketCount,
    };

    private readonly Option<bool> _noTickets = new("--no-tickets") { Description = "The same as --tickets 0." };

    private readonly Option<TimeSpan?> _ticketLifetime = new("--ticket-lifetime")
    {
        Description = "How long a session of TLS 1.3 may be resumed, at most 7d. Default 24h, and no more than a period of derived keys; 0 issues no tickets.",
        HelpName = "DURATION",
        CustomParser = OptionParsers.Duration,
    };

    private readonly Option<string?> _ticketKeys = new("--ticket-keys")
    {
        Description = "Ticket keys shared with other servers: of a file (see segno keys; also nginx's and HAProxy's), read again when it changes; of an environment variable; derived from the root in a file; or made and shared through Redis.",
        HelpName = "FILE|env:NAME|derived:FILE|redis:HOST:PORT[,OPTION=…]",
    };

    private readonly Option<TimeSpan?> _ticketKeyPeriod = new("--ticket-key-period")
    {
        Description = "How long a ticket key is active that is derived or shared through Redis, the same on all servers: 1m to 7d, and no less than --ticket-lifetime. Default 24h.",
        HelpName = "DURATION",
        CustomParser = OptionParsers.Duration,
    };

    private readonly Option<TimeSpan?> _ticketKeyPoll = new("--ticket-key-poll")
    {
        Description = "How often a file of ticket keys is looked at: 1s to 1h. Default 30s.",
        HelpName = "DURATION",
        CustomParser = OptionParsers.Duration,
    };

    private readonly Option<string?> _group = new("--group")
    {
        Description = $"The name under which servers share sessions: those with the same ticket keys and the same group resume each other's. Default '{ServeSettings.DefaultGroup}'.",
        HelpName = "NAME",
        CustomParser = OptionParsers.Name,
    };

    private readonly Option<string?> _tenant = new("--tenant")
    {
        Description = "Whose sessions these are: they are resumed by servers for the same tenant alone. Default: nobody's.",
        HelpName = "NAME",
        CustomParser = OptionParsers.Name,
    };

    private readonly Option<string?> _ticketKeyEncryptionKey = new("--ticket-key-encryption-key")
    {
        Description = "The key that ticket keys are sealed under in Redis, the same on all servers: a file of 32 random bytes, as they are or in Base64 (segno keys new --derived).",
        HelpName = "FILE",
    };

    private readonly Option<string> _store = new("--store")
    {
        Description = "Where sessions are kept for clients that know them by an ID: memory; or, with memory in front, a directory, which outlives the process, or Redis: shared by all servers with the same ticket keys.",
        HelpName = "memory|file:DIRECTORY|redis:HOST:PORT[,OPTION=…]",
        DefaultValueFactory = _ => ServeSettings.MemoryStore,
    };

    private readonly Option<string?> _storeKeyFile = new("--store-key-file")
    {
        Description = "The key that --store file:… is encrypted with: a file of 32 random bytes, as they are or in Base64. Made, for its owner alone, where the directory is new.",
        HelpName = "FILE",
    };

    private readonly Option<string?> _state = new("--state")
    {
        Description = "Hands sessions in memory and ticket keys of its own to the next server: written when this one is ended, taken over and removed at the start.",
        HelpName = "FILE",
    };

    private readonly Option<string?> _stateKeyFile = new("--state-key-file")
    {
        Description = "The key that --state is encrypted with. Made, for its owner alone, where it is missing.",
        HelpName = "FILE",
    };

    private readonly Option<string?> _ticketMode = new("--ticket-mode")
    {
        Description = "What tickets of TLS 1.3 are: the session, sealed (stateless, the default); a reference to the store, for one use (stateful); the second where the store keeps it, else the first (automatic).",
        HelpName = "stateless|stateful|automatic",
    };

    private readonly Option<TimeSpan?> _sessionLifetime = new("--session-lifetime")
    {
        Description = "How long a session of TLS 1.2 may be resumed, at most 24h. Default 1h; 0 keeps none.",
        HelpName = "DURATION",
        CustomParser = OptionParsers.Duration,
    };

    private readonly Option<int?> _cacheSessions = new("--cache-sessions")
    {
        Description = "How many sessions are kept for clients that know them by an ID. Default 20000.",
        HelpName = "N",
        CustomParser = OptionParsers.Count,
    };

    private readonly Option<string?> _policy = new("--policy")
    {
        Description = $"Decides client by client what is resumed and what a client gets to resume with: adaptive, with numbers of your own as in adaptive:flood-rate=600,max-session-age=12h ({Policies.AllNumbers}). Default: none.",
        HelpName = "adaptive[:NAME=VALUE,…]",
    };

    private readonly Option<long?> _cacheBytes = new("--cache-bytes")
    {
        Description = "How many bytes they may take, everything included: 16KiB to 64GiB. Default 8MiB, or what --cache-sessions needs.",
        HelpName = "SIZE",
        CustomParser = OptionParsers.Bytes,
    };

    private readonly ProtocolOptions _protocols = new("Application protocols, most wanted first: h2, http/1.1 or both (default).");

    private readonly Option<string?> _ca = new("--ca")
    {
        Description = "Ask clients for a certificate, and trust those of the authorities in a PEM file.",
        HelpName = "FILE",
    };

    private readonly Option<bool> _requireClientCert = new("--require-client-cert")
    {
        Description = "Refuse clients without a certificate. Without --ca the system's authorities are trusted.",
    };

    private readonly PskOptions _psk = new("Take clients with the external PSK of this identity without certificates (TLS 1.3), beside all others.");

    private readonly EarlyDataOptions _earlyData = new();

    private readonly Option<string?> _keyLog = new("--keylog")
    {
        Description = $"Appends the secrets of every connection, for Wireshark. Default: ${KeyLogFile.Variable}.",
        HelpName = "FILE",
    };

    private readonly Option<bool> _noSelfTest = new("--no-self-test") { Description = "Do not measure handshakes at the start." };

    private readonly Option<bool> _verbose = new("--verbose", "-v") { Description = "Log failed handshakes with their reasons, on stderr." };

    public ServeCommand(CliEnvironment environment)
        : base("serve", "Serve a page over HTTPS that shows how each connection came to be.",
            new("segno serve", "On https://127.0.0.1:8443 with a development certificate."),
            new("segno serve --dev-ca-out ca.pem & curl --cacert ca.pem https://localhost:8443/api/connection", "Trusted by curl."),
            new("segno serve --tls 1.2 --tickets 0 --session-lifetime 10m --cache-sessions 1000 --cache-bytes 1MiB", "Resumption by session ID alone, bounded."),
            new("segno serve --ticket-keys ticket.keys", "Resumes sessions of all servers that have the same file."),
            new("segno serve --ticket-keys derived:ticket.root --ticket-key-period 12h --group shop", "The same without pushing anything: they derive their keys."),
            new("segno serve --policy adaptive:new-visitor-lifetime=1h", "Gives a client more or less to resume with, by how often it comes and how busy the server is."),
            new("segno serve --store redis:localhost:6379 --ticket-keys redis:localhost:6379 --ticket-key-encryption-key fleet.key", "A node of a fleet that shares sessions and ticket keys through Redis."),
            new("segno serve --store file:sessions --store-key-file store.key --ticket-keys ticket.keys", "Sessions outlive the process, however it ends."),
            new("segno serve --state segno.state --state-key-file state.key", "The next server takes over what this one has in memory when it is ended."),
            new("segno serve --ca clients.pem --require-client-cert", "For clients with a certificate."),
            new("segno serve --early-data --early-data-at-once", "Answers GET requests a round trip earlier; without --early-data-at-once all requests, when they are no replays."),
            new("segno serve --psk-identity client1 --psk-file psk.hex", "Also for a client with an external PSK."),
            new("segno serve --groups x25519,P-256 --suites TLS_AES_128_GCM_SHA256,ECDHE-ECDSA-AES128-GCM-SHA256", "With nothing else on offer."),
            new("segno serve --listen *:443 --cert chain.pem --key key.pem --ticket-lifetime 2h", "For others, with a certificate of yours."))
    {
        _environment = environment;
        _ticketMode.AcceptOnlyFromAmong([.. Enum.GetNames<TlsTicketMode>().Select(name => name.ToLowerInvariant())]);
        Epilogue = """
            It serves: /  /api/connection  /api/stats  /bytes/N (download)  /echo (POST)  /again (new connection)
            Ctrl-C or SIGTERM ends it.
            """;
        foreach (Option option in new Option[]
        {
            _listen, _cert, _key, _pfx, _pfxPasswordFile, _pfxPassword, _ocsp, _devCaOut, _tickets, _noTickets, _ticketLifetime, _ticketKeys, _ticketKeyPeriod, _ticketKeyPoll, _ticketKeyEncryptionKey, _ticketMode, _store, _storeKeyFile, _state, _stateKeyFile, _group, _tenant,
            _sessionLifetime, _cacheSessions, _cacheBytes, _policy,
            _ca, _requireClientCert, _keyLog, _noSelfTest, _verbose,
        }.Concat(_protocols.All).Concat(_earlyData.All).Concat(_psk.All))
        {
            Options.Add(option);
        }
        SetAction((parsed, cancellationToken) => RunAsync(Read(parsed), cancellationToken));
    }

    private ServeSettings Read(ParseResult parsed)
    {
        var settings = new ServeSettings
        {
            Listen = parsed.GetValue(_listen)!,
            CertificatePath = parsed.GetValue(_cert),
            KeyPath = parsed.GetValue(_key),
            PfxPath = parsed.GetValue(_pfx),
            PfxPassword = parsed.GetValue(_pfxPassword),
            PfxPasswordPath = parsed.GetValue(_pfxPasswordFile),
            Ocsp = parsed.GetValue(_ocsp),
            AuthorityOutputPath = parsed.GetValue(_devCaOut),
            Tickets = parsed.GetValue(_noTickets) ? 0 : parsed.GetValue(_tickets),
            TicketLifetime = parsed.GetValue(_ticketLifetime),
            TicketKeys = parsed.GetValue(_ticketKeys),
            TicketKeyPeriod = parsed.GetValue(_ticketKeyPeriod),
            TicketKeyPoll = parsed.GetValue(_ticketKeyPoll),
            Group = parsed.GetValue(_group) ?? ServeSettings.DefaultGroup,
            Tenant = parsed.GetValue(_tenant),
            SessionLifetime = parsed.GetValue(_sessionLifetime),
            CacheSessions = parsed.GetValue(_cacheSessions) ?? MemorySessionStore.DefaultMaxEntries,
            CacheBytes = parsed.GetValue(_cacheBytes),
            TicketKeyEncryptionKeyPath = parsed.GetValue(_ticketKeyEncryptionKey),
            TicketMode = Enum.TryParse(parsed.GetValue(_ticketMode), ignoreCase: true, out TlsTicketMode mode) ? mode : null,
            Store = parsed.GetValue(_store)!,
            StoreKeyPath = parsed.GetValue(_storeKeyFile),
            StatePath = parsed.GetValue(_state),
            StateKeyPath = parsed.GetValue(_stateKeyFile),
            Policy = parsed.GetValue(_policy),
            Protocols = _protocols.Read(parsed),
            Psk = _psk.Read(parsed),
            EarlyData = _earlyData.Read(parsed),
            AuthoritiesPath = parsed.GetValue(_ca),
            RequireClientCertificate = parsed.GetValue(_requireClientCert),
            KeyLogPath = parsed.GetValue(_keyLog),
            SelfTest = !parsed.GetValue(_noSelfTest),
            Verbose = parsed.GetValue(_verbose),
        };
        if (settings is { CertificatePath: not null, PfxPath: not null })
        {
            throw CliException.Usage("--cert and --pfx exclude each other.");
        }
        if (settings is { KeyPath: not null, CertificatePath: null })
        {
            throw CliException.Usage("--key needs --cert.");
        }
        if (settings.PfxPath is null && (settings.PfxPassword ?? settings.PfxPasswordPath) is not null)
        {
            throw CliException.Usage($"{(settings.PfxPassword is null ? "--pfx-password-file" : "--pfx-password")} needs --pfx.");
        }
        if (settings is { PfxPassword: not null, PfxPasswordPath: not null })
        {
            throw CliException.Usage("--pfx-password and --pfx-password-file exclude each other.");
        }
        if (settings.Protocols.ApplicationProtocols is { } protocols && Array.Exists(protocols, protocol => !ServeSettings.Spoken.Contains(protocol)))
        {
            throw CliException.Usage("--alpn: this server speaks h2 and http/1.1, and nothing else.");
        }
        if (parsed.GetValue(_noTickets) && parsed.GetValue(_tickets) is not null)
        {
            throw CliException.Usage("--no-tickets and --tickets exclude each other.");
        }
        if (settings is { Psk: not null, RequireClientCertificate: true })
        {
            throw CliException.Usage("--psk-identity and --require-client-cert exclude each other: a client with an external PSK shows no certificate.");
        }
        if (settings.TicketKeyPeriod is not null && settings.RedisTicketKeys is null && !settings.DerivesTicketKeys)
        {
            throw CliException.Usage("--ticket-key-period needs --ticket-keys derived:FILE or redis:….");
        }
        if (settings.RedisTicketKeys is null != settings.TicketKeyEncryptionKeyPath is null)
        {
            throw CliException.Usage("--ticket-keys redis:… and --ticket-key-encryption-key need each other.");
        }
        CheckStore(settings);
        if (settings.TicketKeyPoll is not null && !settings.WatchesTicketKeys)
        {
            throw CliException.Usage("--ticket-key-poll needs --ticket-keys FILE: nothing else changes.");
        }
        InRange(_ticketLifetime, settings.TicketLifetime, TimeSpan.Zero, MaxLifetime);
        InRange(_ticketKeyPeriod, settings.TicketKeyPeriod, TimeSpan.FromMinutes(1), MaxLifetime);
        InRange(_ticketKeyPoll, settings.TicketKeyPoll, TimeSpan.FromSeconds(1), TimeSpan.FromHours(1));
        InRange(_cacheSessions, settings.CacheSessions, 1, MaxCacheSessions);
        InRange(_cacheBytes, settings.CacheBytes, MinCacheBytes, MaxCacheBytes);
        if (settings.DerivesTicketKeys && settings.TicketLifetime > (settings.TicketKeyPeriod ?? DefaultPeriod))
        {
            throw CliException.Usage("--ticket-lifetime: under derived keys a ticket lives for one --ticket-key-period at most.");
        }
        if (settings.TicketKeyPeriod is { } period && period.Ticks % TimeSpan.TicksPerSecond != 0)
        {
            throw CliException.Usage("--ticket-key-period is of whole seconds.");
        }
        if (settings is { Ocsp: not null, CertificatePath: null, PfxPath: null })
        {
            throw CliException.Usage("--ocsp needs --cert or --pfx: nobody answers for a development certificate.");
        }
        if (settings.AuthorityOutputPath is not null && (settings.CertificatePath ?? settings.PfxPath) is not null)
        {
            throw CliException.Usage("--dev-ca-out is for the development certificate; with --cert or --pfx there is none.");
        }
        return settings;
    }

    private static void CheckStore(ServeSettings settings)
    {
        if (settings is { FileStore: null, RedisStore: null, Store: not ServeSettings.MemoryStore })
        {
            throw CliException.Usage($"--store {settings.Store}: that is neither memory nor file:DIRECTORY nor redis:HOST:PORT.");
        }
        if (settings.FileStore is "")
        {
            throw CliException.Usage("--store file: names no directory.");
        }
        if (settings is { RedisStore: not null, TicketKeys: null })
        {
            throw CliException.Usage("--store redis:… needs --ticket-keys: sessions in it are sealed under them, and nobody else could open them.");
        }
        if (settings is { FileStore: not null, TicketKeys: null })
        {
            throw CliException.Usage("--store file:… needs --ticket-keys that outlive this process: sessions in it are sealed under them, and after a restart nobody could open them. 'segno keys new FILE' makes some.");
        }
        if (settings.FileStore is null != settings.StoreKeyPath is null)
        {
            throw CliException.Usage("--store file:… and --store-key-file need each other.");
        }
        if (settings is { FileStore: not null, CacheSessions: > MaxFileSessions })
        {
            throw CliException.Usage($"--cache-sessions: {settings.CacheSessions} is more than {MaxFileSessions}, the most that --store file:… keeps.");
        }
        if (settings.StatePath is null != settings.StateKeyPath is null)
        {
            throw CliException.Usage("--state and --state-key-file need each other.");
        }
        if (settings.StatePath is not null && settings.Store != ServeSettings.MemoryStore)
        {
            throw CliException.Usage($"--state is for sessions in memory: those of --store {settings.Store} outlive the process where they are.");
        }
    }

    private async Task<int> RunAsync(ServeSettings settings, CancellationToken invocation)
    {
        // Before the address is printed: whoever reads it may end the server at once.
        using var end = CancellationTokenSource.CreateLinkedTokenSource(invocation);
        using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, End);
        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, End);
        CancellationToken cancellationToken = end.Token;

        void End(PosixSignalContext signal)
        {
            signal.Cancel = true;
            end.Cancel();
        }

        (TlsCertificate certificate, X509Certificate2? authority) = Certificate(settings);
        using OcspStapler? stapler = await StapleAsync(settings, certificate, cancellationToken).ConfigureAwait(false);
        using KeyLogFile? keyLog = KeyLogFile.Open(settings.KeyLogPath, _environment);
        using MemorySessionStore store = settings.MakeStore(_environment.Time);
        using TicketKeyRing ownKeys = settings.MakeTicketKeys(_environment);
        Sharing sharing = await Sharing.OpenAsync(settings, store, _environment, cancellationToken).ConfigureAwait(false);
        await using ConfiguredAsyncDisposable shared = sharing.ConfigureAwait(false);
        TicketKeyRing ticketKeys = sharing.TicketKeys ?? ownKeys;
        using TlsServerContext context = Context(settings, certificate, sharing.Store ?? store, ticketKeys, sharing.ReplayGuard, keyLog);
        ServerState? state = ServerState.Take(settings, store, ticketKeys, _environment);
        PageServer server;
        try
        {
            server = await PageServer.StartAsync(context, store, ticketKeys, _environment.Time, settings, cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            state?.GiveBack();
            throw;
        }
        await using (server.ConfigureAwait(false))
        {
            _environment.Output.WriteLine(Endpoints.Url(server.EndPoint));
            await _environment.Output.FlushAsync(CancellationToken.None).ConfigureAwait(false);
            try
            {
                if (settings.SelfTest && settings.RequireClientCertificate)
                {
                    _environment.Output.WriteLine("No self-test: it has no client certificate.");
                }
                else if (settings.SelfTest)
                {
                    await MeasureAsync(server, settings, certificate, authority, cancellationToken).ConfigureAwait(false);
                }
                await Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                // Ctrl-C or SIGTERM: the way it is meant to end.
            }
            await server.StopAsync().ConfigureAwait(false);
        }
        state?.Save();
        return ExitCodes.Ok;
    }

    private (TlsCertificate Certificate, X509Certificate2? Authority) Certificate(ServeSettings settings)
    {
        if (settings.CertificatePath is { } pem)
        {
            return (Files.LoadPem(pem, settings.KeyPath), null);
        }
        if (settings.PfxPath is { } pfx)
        {
            return (PfxPassword.Load(pfx, settings.PfxPassword, settings.PfxPasswordPath, _environment), null);
        }
        (TlsCertificate certificate, X509Certificate2 authority) = DevelopmentCertificate.Create(_environment.Time, settings.Listen.Address);
        if (settings.AuthorityOutputPath is { } path)
        {
            Files.WritePublic(path, authority.ExportCertificatePem() + "\n");
        }
        return (certificate, authority);
    }

    private async Task<OcspStapler?> StapleAsync(ServeSettings settings, TlsCertificate certificate, CancellationToken cancellationToken)
    {
        if (settings.Ocsp is not { } source)
        {
            return null;
        }
        OcspStapler stapler;
        try
        {
            stapler = source == Automatic
                ? certificate.StapleFromResponder(timeProvider: _environment.Time)
                : certificate.StapleFromFile(source, timeProvider: _environment.Time);
        }
        catch (ArgumentException exception)
        {
            throw CliException.Usage($"--ocsp {source}: {exception.Message}", exception);
        }
        if (source == Automatic)
        {
            await stapler.RefreshAsync(cancellationToken).ConfigureAwait(false);
        }
        if (stapler.LastFailure is { } failure)
        {
            // A responder may be back in a minute; a file that is no good was named by mistake.
            if (source != Automatic)
            {
                throw CliException.Usage($"{source}: cannot be stapled: {failure.Message}", failure);
            }
            _environment.Warn($"no OCSP response to staple yet: {failure.Message}");
        }
        return stapler;
    }

    private TlsServerContext Context(ServeSettings settings, TlsCertificate certificate, ISessionStore store, TicketKeyRing ticketKeys, IReplayGuard? replayGuard, KeyLogFile? keyLog)
    {
        var options = new TlsServerOptions
        {
            ServerCertificates = [certificate],
            SessionStore = store,
            TicketKeys = ticketKeys,
            ReplayGuard = replayGuard,
            KeyLog = keyLog is null ? null : keyLog.WriteLine,
            TimeProvider = _environment.Time,
        };
        if (settings.Psk?.Load(_environment) is { } psk)
        {
            options.ExternalPskSelector = (_, _) => ValueTask.FromResult<TlsExternalPsk?>(psk);
        }
        settings.Configure(options);
        try
        {
            return new TlsServerContext(options);
        }
        catch (ArgumentException exception)
        {
            throw CliException.Usage(exception);
        }
    }

    private async Task MeasureAsync(PageServer server, ServeSettings settings, TlsCertificate certificate, X509Certificate2? authority, CancellationToken cancellationToken)
    {
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        timeout.CancelAfter(TimeSpan.FromSeconds(15));
        try
        {
            server.SelfTest = await new SelfTest(server, certificate, authority, settings.ApplicationProtocols, _environment.Time).RunAsync(timeout.Token).ConfigureAwait(false);
            Show(server.SelfTest);
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested
            && exception is IOException or System.Net.Sockets.SocketException or CliException or OperationCanceledException)
        {
            _environment.Warn($"the self-test failed, the server goes on: {exception.Message}");
        }
    }

    private void Show(SelfTestResult result)
    {
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(_environment.Output) });
        Table table = new Table().Border(TableBorder.Rounded)
            .AddColumn("handshake")
            .AddColumn(new TableColumn("time").RightAligned())
            .AddColumn(new TableColumn("CPU*").RightAligned())
            .AddColumn(new TableColumn("bytes to server").RightAligned())
            .AddColumn(new TableColumn("to client").RightAligned());
        AddRow(table, "full", result.Full);
        if (result.Resumed is { } resumed)
        {
            AddRow(table, "resumed", resumed);
        }
        console.Write(table);
        int count = result.Full.Count + (result.Resumed?.Count ?? 0);
        _environment.Output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"* of both ends, for the whole connection. {count} connections to itself, over loopback."));
        if (result.Resumed is null)
        {
            _environment.Output.WriteLine("  No session was resumed: none is issued.");
        }
        _environment.Output.WriteLine("Ctrl-C ends the server.");
    }

    private static void AddRow(Table table, string name, HandshakeCost cost) => table.AddRow(
        name,
        string.Create(CultureInfo.InvariantCulture, $"{cost.Time.TotalMicroseconds:0} µs"),
        string.Create(CultureInfo.InvariantCulture, $"{cost.Cpu.TotalMicroseconds:0} µs"),
        cost.BytesToServer.ToString(CultureInfo.InvariantCulture),
        cost.BytesToClient.ToString(CultureInfo.InvariantCulture));
}

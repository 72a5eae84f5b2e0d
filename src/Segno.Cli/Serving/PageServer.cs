using System.Collections.Concurrent;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;
using Segno.AspNetCore;
using Segno.Cli.Json;
using Segno.Sessions;

namespace Segno.Cli.Serving;

/// <summary>Kestrel with Segno under it, serving <see cref="PageRoutes"/>.</summary>
internal sealed class PageServer : IAsyncDisposable
{
    /// <summary>How long open connections may go on after the end was asked for.</summary>
    private static readonly TimeSpan ShutdownTimeout = TimeSpan.FromSeconds(3);

    private readonly WebApplication _application;
    private readonly ConcurrentDictionary<EndPoint, bool> _uncounted = new();

    private readonly MemorySessionStore _store;
    private readonly TicketKeyRing _ticketKeys;
    private readonly TimeProvider _time;

    private PageServer(WebApplication application, MemorySessionStore store, TicketKeyRing ticketKeys, TimeProvider time, IPEndPoint listen)
    {
        _application = application;
        _store = store;
        _ticketKeys = ticketKeys;
        _time = time;
        EndPoint = listen;
    }

    private HandshakeTotals Totals { get; } = new();

    /// <summary>Where it listens: after the start with the real port.</summary>
    public IPEndPoint EndPoint { get; private set; }

    /// <summary>What the server measured of itself, once it has.</summary>
    public SelfTestResult? SelfTest { get; set; }

    /// <summary>Starts listening.</summary>
    /// <exception cref="CliException">The address is in use or cannot be had.</exception>
    public static async Task<PageServer> StartAsync(
        TlsServerContext context, MemorySessionStore store, TicketKeyRing ticketKeys, TimeProvider time, ServeSettings settings, CancellationToken cancellationToken)
    {
        IPEndPoint listen = settings.Listen;
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        PageServer? server = null;
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            Listen(kestrel, listen, endpoint =>
            {
                endpoint.UseSegno(context);
                endpoint.Use(next => connection =>
                {
                    server!.Count(connection);
                    return next(connection);
                });
            });
        });
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = ShutdownTimeout);

        // The command line ends the process; the host needs no signals of its own.
        builder.Services.AddSingleton<IHostLifetime, NoLifetime>();
        AddLogging(builder.Logging, settings.Verbose);

        WebApplication application = builder.Build();
        server = new PageServer(application, store, ticketKeys, time, listen);
        var routes = new PageRoutes(server);
        application.UseEarlyDataPolicy();
        application.Run(routes.ServeAsync);
        try
        {
            await application.StartAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (IOException exception)
        {
            await application.DisposeAsync().ConfigureAwait(false);
            string why = exception.InnerException is AddressInUseException ? "the address is in use" : (exception.InnerException ?? exception).Message;
            throw CliException.Failure($"cannot listen on {listen}: {why}", exception);
        }
        catch (System.Net.Sockets.SocketException exception)
        {
            await application.DisposeAsync().ConfigureAwait(false);
            throw CliException.Failure($"cannot listen on {listen}: {exception.Message}", exception);
        }
        server.EndPoint = new IPEndPoint(listen.Address, new Uri(application.Urls.First()).Port);
        return server;
    }

    /// <summary>The connection that comes from this address is the server's own and is not counted.</summary>
    public void DoNotCount(EndPoint client) => _uncounted[client] = true;

    public StatsDocument Snapshot() => StatsDocument.Of(Totals, _store, _ticketKeys, _time);

    public async Task StopAsync()
    {
        using var timeout = new CancellationTokenSource(ShutdownTimeout);
        await _application.StopAsync(timeout.Token).ConfigureAwait(false);
    }

    public ValueTask DisposeAsync() => _application.DisposeAsync();

    private void Count(ConnectionContext connection)
    {
        bool uncounted = connection.RemoteEndPoint is { } client && _uncounted.TryRemove(client, out _);
        if (!uncounted && connection.Features.Get<ITlsResumptionFeature>() is { } tls)
        {
            Totals.Count(tls.Resumption);
            Totals.Count(tls.ConnectionInfo.EarlyData);
        }
    }

    private static void Listen(KestrelServerOptions kestrel, IPEndPoint listen, Action<ListenOptions> configure)
    {
        if (listen.Address.Equals(IPAddress.IPv6Any))
        {
            kestrel.ListenAnyIP(listen.Port, configure);
        }
        else
        {
            kestrel.Listen(listen, configure);
        }
    }

    private static void AddLogging(ILoggingBuilder logging, bool verbose)
    {
        logging.SetMinimumLevel(LogLevel.Warning);
        if (verbose)
        {
            logging.AddFilter("Segno", LogLevel.Debug);
        }
        logging.AddSimpleConsole(console => console.SingleLine = true);
        logging.Services.Configure<ConsoleLoggerOptions>(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
    }

    private sealed class NoLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}

using System.Diagnostics.Metrics;
using System.Net.Security;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace Segno.AspNetCore;

/// <summary>Puts Segno in the place where <c>UseHttps</c> puts the platform's TLS.</summary>
public static class SegnoListenOptionsExtensions
{
    /// <summary>Serves this endpoint over TLS, as <see cref="SegnoServiceCollectionExtensions.AddSegno"/> says.</summary>
    /// <param name="listenOptions">The endpoint.</param>
    /// <returns><paramref name="listenOptions"/>.</returns>
    /// <remarks>A wrong option makes the start of the server fail, with an <see cref="ArgumentException"/>.</remarks>
    /// <exception cref="InvalidOperationException"><c>AddSegno</c> was not called.</exception>
    public static ListenOptions UseSegno(this ListenOptions listenOptions)
    {
        ArgumentNullException.ThrowIfNull(listenOptions);
        IServiceProvider services = listenOptions.ApplicationServices;
        if (services.GetService<IConfigureOptions<TlsServerOptions>>() is null)
        {
            throw new InvalidOperationException("UseSegno() needs services.AddSegno(options => …), or options of its own.");
        }
        return listenOptions.UseSegno(services.GetRequiredService<IOptions<TlsServerOptions>>().Value);
    }

    /// <summary>Serves this endpoint over TLS by a context that exists already. Endpoints with the same context resume each other's sessions.</summary>
    /// <param name="listenOptions">The endpoint.</param>
    /// <param name="context">The configuration. The caller keeps ownership. For HTTP/2 its application protocols must have <c>h2</c>.</param>
    /// <returns><paramref name="listenOptions"/>.</returns>
    public static ListenOptions UseSegno(this ListenOptions listenOptions, TlsServerContext context)
    {
        ArgumentNullException.ThrowIfNull(listenOptions);
        ArgumentNullException.ThrowIfNull(context);
        return Use(listenOptions, () => context);
    }

    /// <summary>Serves this endpoint over TLS.</summary>
    /// <param name="listenOptions">The endpoint.</param>
    /// <param name="options">The configuration, read when the server starts. Where it names no application protocols, those of <see cref="ListenOptions.Protocols"/> are offered: <c>h2</c>, <c>http/1.1</c>.</param>
    /// <returns><paramref name="listenOptions"/>.</returns>
    /// <remarks>A wrong option makes the start of the server fail, with an <see cref="ArgumentException"/>.</remarks>
    public static ListenOptions UseSegno(this ListenOptions listenOptions, TlsServerOptions options)
    {
        ArgumentNullException.ThrowIfNull(listenOptions);
        ArgumentNullException.ThrowIfNull(options);

        // One context, however often Kestrel builds the pipeline: ListenLocalhost does it for IPv4 and for IPv6.
        var context = new Lazy<TlsServerContext>(() => CreateContext(options, listenOptions));
        return Use(listenOptions, () => context.Value);
    }

    /// <summary>Serves this endpoint over TLS.</summary>
    /// <param name="listenOptions">The endpoint.</param>
    /// <param name="configure">Sets the options. Where it names no application protocols, those of <see cref="ListenOptions.Protocols"/> are offered: <c>h2</c>, <c>http/1.1</c>.</param>
    /// <returns><paramref name="listenOptions"/>.</returns>
    /// <remarks>A wrong option makes the start of the server fail, with an <see cref="ArgumentException"/>.</remarks>
    public static ListenOptions UseSegno(this ListenOptions listenOptions, Action<TlsServerOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(listenOptions);
        ArgumentNullException.ThrowIfNull(configure);
        var options = new TlsServerOptions();
        configure(options);
        return UseSegno(listenOptions, options);
    }

    private static ListenOptions Use(ListenOptions listenOptions, Func<TlsServerContext> context)
    {
        // HTTP/3 would need another stack under it; advertising it here would send browsers to the platform's.
        listenOptions.DisableAltSvcHeader = true;
        ILoggerFactory loggers = listenOptions.ApplicationServices?.GetService<ILoggerFactory>() ?? NullLoggerFactory.Instance;
        ILogger logger = loggers.CreateLogger<TlsConnectionMiddleware>();
        listenOptions.Use(next => new TlsConnectionMiddleware(next, context(), logger).OnConnectionAsync);
        SayHttps(listenOptions);
        return listenOptions;
    }

    /// <summary>
    /// Kestrel takes an endpoint for plain text unless its own TLS is on it, and says http in the addresses of the server, which nobody
    /// may change then. So there are others in their place once it has started; its line in the log is earlier.
    /// </summary>
    private static void SayHttps(ListenOptions listenOptions)
    {
        IServiceProvider? services = listenOptions.ApplicationServices;
        services?.GetService<IHostApplicationLifetime>()?.ApplicationStarted.Register(() =>
        {
            if (services.GetService<IServer>()?.Features is { } features && features.Get<IServerAddressesFeature>() is { } addresses)
            {
                features.Set<IServerAddressesFeature>(new HttpsAddresses(addresses, listenOptions.ToString()));
            }
        });
    }

    private static TlsServerContext CreateContext(TlsServerOptions options, ListenOptions listenOptions)
    {
        // A context keeps a copy: the caller gets the options back as they were.
        (IList<SslApplicationProtocol>? protocols, IMeterFactory? meters) = (options.ApplicationProtocols, options.MeterFactory);
        if (protocols is null && ApplicationProtocols(listenOptions.Protocols) is { Count: > 0 } offered)
        {
            options.ApplicationProtocols = offered;
        }
        options.MeterFactory ??= listenOptions.ApplicationServices?.GetService<IMeterFactory>();
        try
        {
            return new TlsServerContext(options);
        }
        finally
        {
            (options.ApplicationProtocols, options.MeterFactory) = (protocols, meters);
        }
    }

    private static List<SslApplicationProtocol> ApplicationProtocols(HttpProtocols protocols)
    {
        List<SslApplicationProtocol> offered = [];
        if (protocols.HasFlag(HttpProtocols.Http2))
        {
            offered.Add(SslApplicationProtocol.Http2);
        }
        if (protocols.HasFlag(HttpProtocols.Http1))
        {
            offered.Add(SslApplicationProtocol.Http11);
        }
        return offered;
    }
}

using Microsoft.Extensions.DependencyInjection;
using Segno.Sessions;

namespace Segno.AspNetCore;

/// <summary>Puts a server's TLS configuration into an application's services, for <see cref="SegnoListenOptionsExtensions.UseSegno(Microsoft.AspNetCore.Server.Kestrel.Core.ListenOptions)"/>.</summary>
public static class SegnoServiceCollectionExtensions
{
    /// <summary>
    /// Adds the options of <c>UseSegno()</c>. What they leave open comes from the services: <see cref="ISessionStore"/>, <see cref="TicketKeyRing"/>,
    /// <see cref="IReplayGuard"/> and <see cref="IRevocationList"/>, as Segno.Redis adds them. Servers that share these name the same <see cref="TlsServerOptions.Group"/>.
    /// </summary>
    /// <param name="services">The services.</param>
    /// <param name="configure">Sets the options. May be called several times; all of them count, in their order.</param>
    /// <returns><paramref name="services"/>.</returns>
    public static IServiceCollection AddSegno(this IServiceCollection services, Action<TlsServerOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(configure);
        services.AddOptions<TlsServerOptions>().Configure(configure).PostConfigure<IServiceProvider>(static (options, provider) =>
        {
            options.SessionStore ??= provider.GetService<ISessionStore>();
            options.TicketKeys ??= provider.GetService<TicketKeyRing>();
            options.ReplayGuard ??= provider.GetService<IReplayGuard>();
            options.Revocations ??= provider.GetService<IRevocationList>();
        });
        return services;
    }
}

using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Segno.Sessions;
using StackExchange.Redis;

namespace Segno.Redis;

/// <summary>
/// Puts what a fleet shares into an application's services. <c>AddSegno</c> of Segno.AspNetCore takes it from there; without ASP.NET Core, ask for
/// <see cref="ISessionStore"/>, <see cref="TicketKeyRing"/>, <see cref="IRevocationList"/> and <see cref="IReplayGuard"/>.
/// </summary>
/// <remarks>The connection is the application's <see cref="IConnectionMultiplexer"/>, or what the factory given returns.</remarks>
public static class SegnoRedisServiceCollectionExtensions
{
    /// <summary>Keeps sessions in Redis, with memory in front: <see cref="ISessionStore"/> is a <see cref="LayeredSessionStore"/> over a <see cref="RedisSessionStore"/>.</summary>
    /// <param name="services">The services.</param>
    /// <param name="prefix">What the keys in Redis begin with.</param>
    /// <param name="options">How to treat Redis: its time, its number of calls, its pause.</param>
    /// <param name="connection">The connection. Default: the <see cref="IConnectionMultiplexer"/> among the services.</param>
    /// <returns><paramref name="services"/>.</returns>
    public static IServiceCollection AddRedisSessions(
        this IServiceCollection services, string prefix = RedisSessionStore.DefaultPrefix, LayeredSessionStoreOptions? options = null, Func<IServiceProvider, IConnectionMultiplexer>? connection = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        services.TryAddSingleton(provider => new LayeredSessionStore(new RedisSessionStore(Connection(provider, connection), prefix), options));
        services.TryAddSingleton<ISessionStore>(provider => provider.GetRequiredService<LayeredSessionStore>());
        return services;
    }

    /// <summary>Shares ticket keys through Redis: <see cref="TicketKeyRing"/> is that of a <see cref="RedisTicketKeys"/>.</summary>
    /// <param name="services">The services.</param>
    /// <param name="keyEncryptionKey">Gets the key that all servers have and Redis does not: 32 random bytes. Asked for once.</param>
    /// <param name="options">How.</param>
    /// <param name="connection">The connection. Default: the <see cref="IConnectionMultiplexer"/> among the services.</param>
    /// <returns><paramref name="services"/>.</returns>
    public static IServiceCollection AddRedisTicketKeys(
        this IServiceCollection services, Func<IServiceProvider, ReadOnlyMemory<byte>> keyEncryptionKey, RedisTicketKeysOptions? options = null, Func<IServiceProvider, IConnectionMultiplexer>? connection = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(keyEncryptionKey);
        services.TryAddSingleton(provider => new RedisTicketKeys(Connection(provider, connection), keyEncryptionKey(provider), options));
        services.TryAddSingleton(provider => provider.GetRequiredService<RedisTicketKeys>().Ring);
        return services;
    }

    /// <summary>Shares revocations through Redis: <see cref="IRevocationList"/> is a <see cref="RedisRevocationList"/>.</summary>
    /// <param name="services">The services.</param>
    /// <param name="prefix">What the names in Redis begin with.</param>
    /// <param name="connection">The connection. Default: the <see cref="IConnectionMultiplexer"/> among the services.</param>
    /// <returns><paramref name="services"/>.</returns>
    public static IServiceCollection AddRedisRevocations(
        this IServiceCollection services, string prefix = "segno:revocations", Func<IServiceProvider, IConnectionMultiplexer>? connection = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        services.TryAddSingleton(provider => new RedisRevocationList(Connection(provider, connection), prefix));
        services.TryAddSingleton<IRevocationList>(provider => provider.GetRequiredService<RedisRevocationList>());
        return services;
    }

    /// <summary>Remembers early data in Redis: <see cref="IReplayGuard"/> is a <see cref="RedisReplayGuard"/>. Early data stays off until <see cref="TlsServerOptions.MaxEarlyDataSize"/> allows it.</summary>
    /// <param name="services">The services.</param>
    /// <param name="options">How.</param>
    /// <param name="connection">The connection, with <c>allowAdmin=true</c>. Default: the <see cref="IConnectionMultiplexer"/> among the services.</param>
    /// <returns><paramref name="services"/>.</returns>
    public static IServiceCollection AddRedisReplayGuard(
        this IServiceCollection services, RedisReplayGuardOptions? options = null, Func<IServiceProvider, IConnectionMultiplexer>? connection = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        services.TryAddSingleton(provider => new RedisReplayGuard(Connection(provider, connection), options));
        services.TryAddSingleton<IReplayGuard>(provider => provider.GetRequiredService<RedisReplayGuard>());
        return services;
    }

    private static IConnectionMultiplexer Connection(IServiceProvider services, Func<IServiceProvider, IConnectionMultiplexer>? connection)
        => connection?.Invoke(services) ?? services.GetRequiredService<IConnectionMultiplexer>();
}

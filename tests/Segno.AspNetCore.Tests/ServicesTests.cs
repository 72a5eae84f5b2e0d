using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Segno.Sessions;

namespace Segno.AspNetCore.Tests;

/// <summary><c>AddSegno</c> and <c>UseSegno()</c>: what the options leave open comes from the services.</summary>
public sealed class ServicesTests
{
    [Fact]
    public async Task What_is_shared_comes_from_the_services()
    {
        using var store = new MemorySessionStore();
        using var keys = new TicketKeyRing();
        var revocations = new RevocationList();
        TlsServerOptions? options = null;
        await using WebApplication site = Site(services =>
        {
            services.AddSingleton<ISessionStore>(store).AddSingleton(keys).AddSingleton<IRevocationList>(revocations);
            services.AddSegno(o => (o.ServerCertificates, o.Group) = (TestSite.GoodOptions().ServerCertificates, "fleet"));
            services.AddSegno(o => options = o);
        });
        await site.StartAsync(TestContext.Current.CancellationToken);

        Assert.Same(store, options!.SessionStore);
        Assert.Same(keys, options.TicketKeys);
        Assert.Same(revocations, options.Revocations);
        Assert.StartsWith("https://", Assert.Single(site.Urls));
    }

    [Fact]
    public async Task What_the_options_say_goes_first()
    {
        using var keys = new TicketKeyRing();
        using var own = new TicketKeyRing();
        TlsServerOptions? options = null;
        await using WebApplication site = Site(services => services.AddSingleton(keys).AddSegno(o =>
        {
            (o.ServerCertificates, o.Group, o.TicketKeys) = (TestSite.GoodOptions().ServerCertificates, "fleet", own);
            options = o;
        }));
        await site.StartAsync(TestContext.Current.CancellationToken);
        Assert.Same(own, options!.TicketKeys);
        Assert.Null(options.SessionStore);
    }

    /// <summary>Shared keys without a group are refused by name, at the start.</summary>
    [Fact]
    public async Task A_wrong_option_fails_the_start()
    {
        using var keys = new TicketKeyRing();
        await using WebApplication site = Site(services => services.AddSingleton(keys).AddSegno(o => o.ServerCertificates = TestSite.GoodOptions().ServerCertificates));
        ArgumentException refused = await Assert.ThrowsAsync<ArgumentException>(() => site.StartAsync(TestContext.Current.CancellationToken));
        Assert.Contains("Group", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Without_AddSegno_it_fails_and_says_so()
    {
        InvalidOperationException refused = Assert.Throws<InvalidOperationException>(() => Site(_ => { }));
        Assert.Contains("AddSegno", refused.Message, StringComparison.Ordinal);
    }

    private static WebApplication Site(Action<IServiceCollection> services)
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen => listen.UseSegno()));
        services(builder.Services);
        return builder.Build();
    }
}

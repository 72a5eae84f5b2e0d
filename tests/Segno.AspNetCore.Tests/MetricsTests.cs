using System.Diagnostics.Metrics;
using System.Net.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Segno.Tests.Diagnostics;

namespace Segno.AspNetCore.Tests;

/// <summary>The meter of the application's factory: each handshake under Kestrel is counted there, once.</summary>
public sealed class MetricsTests
{
    private const string Handshakes = "segno.handshakes";
    private const string Failures = "segno.handshake.failures";

    [Fact]
    public async Task Full_and_resumed_handshakes_are_counted_once()
    {
        await using TestSite site = await TestSite.StartAsync(ResumptionTests.Tell);
        using Measurements seen = Listen(site);
        TlsClientContext client = ResumptionTests.ClientContext();

        await ResumptionTests.AskAsync(site, client);
        Assert.Equal(["1 segno.resumption.status=NotOffered segno.role=server tls.protocol.version=1.3"], seen.Take(Handshakes));

        await ResumptionTests.AskAsync(site, client);
        Assert.Equal(["1 segno.resumption.mechanism=Psk segno.resumption.status=Resumed segno.role=server tls.protocol.version=1.3"], seen.Take(Handshakes));
        Assert.Equal(2, seen.Take("segno.handshake.duration").Count);
        Assert.Empty(seen.Take(Failures));
        Assert.Contains(site.Log, line => line.StartsWith("Debug Segno.AspNetCore.TlsConnectionMiddleware HandshakeCompleted", StringComparison.Ordinal)
            && line.Contains("resumption Resumed (Psk, None)", StringComparison.Ordinal));
        Assert.DoesNotContain(site.Log, line => line.Contains("Segno", StringComparison.Ordinal) && line.Contains("localhost", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_declined_session_is_counted_with_its_reason_at_the_site_that_declined()
    {
        await using TestSite first = await TestSite.StartAsync(ResumptionTests.Tell);
        await using TestSite second = await TestSite.StartAsync(ResumptionTests.Tell);
        using Measurements seen = Listen(second);
        TlsClientContext client = ResumptionTests.ClientContext();

        await ResumptionTests.AskAsync(first, client);
        Assert.Empty(seen.Take(Handshakes));
        await ResumptionTests.AskAsync(second, client);

        Assert.Equal(
            ["1 segno.resumption.mechanism=Psk segno.resumption.reason=UnknownTicketKey segno.resumption.status=Declined segno.role=server tls.protocol.version=1.3"],
            seen.Take(Handshakes));
    }

    [Fact]
    public async Task A_failed_handshake_is_counted_once()
    {
        await using TestSite site = await TestSite.StartAsync(ResumptionTests.Tell);
        using Measurements seen = Listen(site);
        using (Socket socket = await site.ConnectSocketAsync())
        {
            await socket.SendAsync(new byte[1000], TestContext.Current.CancellationToken);
            while (await socket.ReceiveAsync(new byte[100], TestContext.Current.CancellationToken) > 0)
            {
                // To the end, which comes after the alert.
            }
        }

        string failure = Assert.Single(seen.Take(Failures));
        Assert.StartsWith("1 error.type=NotTls segno.alert=", failure);
        Assert.EndsWith(" segno.alert.sender=local segno.role=server", failure);
        Assert.Equal(["error.type=NotTls segno.role=server"], seen.TakeTags("segno.handshake.duration"));
        Assert.Empty(seen.Take(Handshakes));
    }

    [Fact]
    public async Task The_options_are_given_back_as_they_were()
    {
        TlsServerOptions options = TestSite.GoodOptions();
        await using TestSite site = await TestSite.StartAsync(listen => listen.UseSegno(options), ResumptionTests.Tell);
        Assert.Null(options.MeterFactory);
        Assert.Null(options.ApplicationProtocols);
    }

    private static Measurements Listen(TestSite site) => new(site.Services.GetRequiredService<IMeterFactory>());
}

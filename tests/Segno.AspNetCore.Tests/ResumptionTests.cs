using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Http;
using Segno.Sessions;
using Segno.Tests;

namespace Segno.AspNetCore.Tests;

/// <summary>A client of ours against Kestrel with our server: sessions are resumed, and requests can see it.</summary>
public sealed class ResumptionTests
{
    [Fact]
    public async Task The_second_connection_is_resumed_and_the_request_sees_it()
    {
        await using TestSite site = await TestSite.StartAsync(Tell);
        TlsClientContext context = ClientContext();

        Assert.StartsWith("NotOffered None", await AskAsync(site, context));
        Assert.StartsWith("Resumed Psk", await AskAsync(site, context));
    }

    [Fact]
    public async Task Endpoints_with_one_context_share_sessions()
    {
        using var context = new TlsServerContext(TestSite.GoodOptions());
        await using TestSite first = await TestSite.StartAsync(listen => listen.UseSegno(context), Tell);
        await using TestSite second = await TestSite.StartAsync(listen => listen.UseSegno(context), Tell);
        TlsClientContext client = ClientContext();

        Assert.StartsWith("NotOffered", await AskAsync(first, client));
        Assert.StartsWith("Resumed", await AskAsync(second, client));
    }

    [Fact]
    public async Task Endpoints_with_contexts_of_their_own_decline_each_others_sessions()
    {
        await using TestSite first = await TestSite.StartAsync(Tell);
        await using TestSite second = await TestSite.StartAsync(Tell);
        TlsClientContext client = ClientContext();

        Assert.StartsWith("NotOffered", await AskAsync(first, client));
        Assert.StartsWith($"Declined Psk {nameof(ResumptionReason.UnknownTicketKey)}", await AskAsync(second, client));
    }

    [Fact]
    public async Task A_request_sees_how_far_back_its_session_goes()
    {
        var seen = new List<ITlsResumptionFeature>();
        await using TestSite site = await TestSite.StartAsync(http =>
        {
            seen.Add(http.Features.Get<ITlsResumptionFeature>()!);
            return Tell(http);
        });
        TlsClientContext context = ClientContext();

        for (int i = 0; i < 3; i++)
        {
            await AskAsync(site, context);
        }

        Assert.Equal([0, 1, 2], seen.Select(tls => tls.ResumptionCount));
        Assert.NotNull(seen[0].LineageId);
        Assert.Single(seen.Select(tls => tls.LineageId).Distinct());
        Assert.Null(seen[0].SessionAge);
        Assert.All(seen.Skip(1), tls => Assert.NotNull(tls.SessionAge));

        // A session has milliseconds.
        Assert.All(seen, tls => Assert.InRange(seen[0].AuthenticatedAt - tls.AuthenticatedAt, TimeSpan.Zero, TimeSpan.FromMilliseconds(1)));
        Assert.All(seen, tls => Assert.Equal(tls.ConnectionInfo.Resumption, tls.Resumption));
    }

    [Fact]
    public async Task The_client_certificate_is_there_on_a_resumed_connection_too()
    {
        TlsServerOptions options = TestSite.GoodOptions();
        options.ClientCertificateMode = TlsClientCertificateMode.Required;
        options.CertificateChainPolicy = TestPki.TrustRoot();
        await using TestSite site = await TestSite.StartAsync(listen => listen.UseSegno(options), Tell);
        TlsClientContext client = ClientContext(TestPki.ClientEcdsa().Tls);

        string full = await AskAsync(site, client);
        string resumed = await AskAsync(site, client);

        Assert.StartsWith("NotOffered", full);
        Assert.StartsWith("Resumed", resumed);
        Assert.EndsWith(TestPki.ClientEcdsa().Certificate.Thumbprint, full);
        Assert.EndsWith(TestPki.ClientEcdsa().Certificate.Thumbprint, resumed);
    }

    internal static Task Tell(HttpContext http)
    {
        ResumptionOutcome outcome = http.Features.Get<ITlsResumptionFeature>()!.Resumption;
        return http.Response.WriteAsync($"{outcome.Status} {outcome.Mechanism} {outcome.Reason} {http.Connection.ClientCertificate?.Thumbprint}");
    }

    internal static TlsClientContext ClientContext(TlsCertificate? certificate = null) => new(new TlsClientOptions
    {
        // No port: the two endpoints of a test are one peer.
        TargetHost = "localhost",
        ClientCertificate = certificate,
        CertificateChainPolicy = TestPki.TrustRoot(),
    });

    internal static async Task<string> AskAsync(TestSite site, TlsClientContext context)
    {
        using Socket socket = await site.ConnectSocketAsync();
        await using var stream = new TlsStream(new NetworkStream(socket));
        await stream.AuthenticateAsClientAsync(context, cancellationToken: TestContext.Current.CancellationToken);
        await stream.WriteAsync("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"u8.ToArray(), TestContext.Current.CancellationToken);
        using var reader = new StreamReader(stream, Encoding.ASCII);
        string answer = await reader.ReadToEndAsync(TestContext.Current.CancellationToken);
        string body = answer[(answer.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4)..];

        // Chunked: length, line, zero.
        return body.Split("\r\n") is [_, var line, ..] ? line : body;
    }
}

using System.Net;
using System.Net.Http.Headers;
using System.Security.Authentication;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Segno.Sessions;
using Segno.Tests;

namespace Segno.AspNetCore.Tests;

/// <summary>Requests of the platform's own client, over Segno, to handlers that know nothing of it.</summary>
public sealed class RequestTests
{
    public static TheoryData<string> Versions => ["1.1", "2.0"];

    [Theory]
    [MemberData(nameof(Versions))]
    public async Task A_request_is_answered_and_is_https(string version)
    {
        await using TestSite site = await TestSite.StartAsync(http => http.Response.WriteAsync($"{http.Request.Protocol} {http.Request.Scheme} {http.Request.IsHttps}"));
        using HttpClient client = site.Client(Version.Parse(version));

        string answer = await client.GetStringAsync("/", TestContext.Current.CancellationToken);

        Assert.Equal(version == "1.1" ? "HTTP/1.1 https True" : "HTTP/2 https True", answer);
    }

    [Fact]
    public async Task The_addresses_of_the_server_say_https()
    {
        await using TestSite site = await TestSite.StartAsync(_ => Task.CompletedTask);
        Assert.Equal([$"https://127.0.0.1:{site.EndPoint.Port}"], site.Urls);
    }

    [Fact]
    public async Task The_address_of_a_plain_endpoint_stays_http()
    {
        await using TestSite site = await TestSite.StartAsync(_ => { }, _ => Task.CompletedTask);
        Assert.Equal([$"http://127.0.0.1:{site.EndPoint.Port}"], site.Urls);
    }

    [Theory]
    [MemberData(nameof(Versions))]
    public async Task The_usual_features_tell_about_the_connection(string version)
    {
        IFeatureCollection? features = null;
        string? facts = null;
        await using TestSite site = await TestSite.StartAsync(http =>
        {
            features = http.Features;
            var handshake = http.Features.Get<ITlsHandshakeFeature>()!;
            var alpn = http.Features.Get<ITlsApplicationProtocolFeature>()!;
            facts = $"{handshake.Protocol} {handshake.NegotiatedCipherSuite} {handshake.HostName} {System.Text.Encoding.ASCII.GetString(alpn.ApplicationProtocol.Span)}";
            Assert.NotNull(http.Features.Get<ITlsConnectionFeature>());
            return Task.CompletedTask;
        });
        using HttpClient client = site.Client(Version.Parse(version));

        using HttpResponseMessage response = await client.GetAsync("/", TestContext.Current.CancellationToken);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.NotNull(features);
        Assert.Equal($"{SslProtocols.Tls13} TLS_AES_128_GCM_SHA256 localhost {(version == "1.1" ? "" : "h2")}", facts);
    }

    [Fact]
    public async Task Our_own_feature_tells_how_the_connection_came_to_be()
    {
        ResumptionOutcome? outcome = null;
        TlsConnectionInfo? info = null;
        await using TestSite site = await TestSite.StartAsync(http =>
        {
            var feature = http.Features.Get<ITlsResumptionFeature>()!;
            (outcome, info) = (feature.Resumption, feature.ConnectionInfo);
            return Task.CompletedTask;
        });
        using HttpClient client = site.Client();

        using HttpResponseMessage response = await client.GetAsync("/", TestContext.Current.CancellationToken);

        Assert.Equal(ResumptionStatus.NotOffered, outcome!.Value.Status);
        Assert.True(info!.IsServer);
        Assert.True(info.HandshakeBytesIn > 0 && info.HandshakeBytesOut > 0);
    }

    [Fact]
    public async Task A_client_certificate_is_visible()
    {
        string? seen = null;
        await using TestSite site = await TestSite.StartAsync(
            listen => listen.UseSegno(options =>
            {
                options.ServerCertificates = [TestPki.Ecdsa().Tls];
                options.ClientCertificateMode = TlsClientCertificateMode.Required;
                options.CertificateChainPolicy = TestPki.TrustRoot();
            }),
            async http =>
            {
                seen = (await http.Connection.GetClientCertificateAsync())?.Thumbprint;
                Assert.Equal(seen, http.Connection.ClientCertificate?.Thumbprint);
            });
        using HttpClient client = site.Client(clientCertificate: TestPki.ClientEcdsa());

        using HttpResponseMessage response = await client.GetAsync("/", TestContext.Current.CancellationToken);

        Assert.Equal(TestPki.ClientEcdsa().Certificate.Thumbprint, seen);
    }

    [Theory]
    [MemberData(nameof(Versions))]
    public async Task Ten_megabytes_come_back_as_they_were_sent(string version)
    {
        await using TestSite site = await TestSite.StartAsync(async http =>
        {
            http.Features.Get<IHttpMaxRequestBodySizeFeature>()!.MaxRequestBodySize = null;
            var body = new MemoryStream();
            await http.Request.Body.CopyToAsync(body, http.RequestAborted);
            await http.Response.Body.WriteAsync(body.ToArray(), http.RequestAborted);
        });
        using HttpClient client = site.Client(Version.Parse(version));
        byte[] sent = RandomNumberGenerator.GetBytes(10_000_000);

        using HttpResponseMessage response = await client.PostAsync("/", new ByteArrayContent(sent), TestContext.Current.CancellationToken);
        byte[] received = await response.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken);

        Assert.True(sent.AsSpan().SequenceEqual(received));
    }

    [Fact]
    public async Task An_upgraded_connection_talks_both_ways_at_once()
    {
        await using TestSite site = await TestSite.StartAsync(async http =>
        {
            Stream stream = await http.Features.Get<IHttpUpgradeFeature>()!.UpgradeAsync();
            await stream.CopyToAsync(stream, http.RequestAborted);
        });
        await using var client = await site.ConnectAsync();
        await client.WriteAsync("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"u8.ToArray(), TestContext.Current.CancellationToken);
        using var reader = new StreamReader(client, leaveOpen: true);
        Assert.Equal("HTTP/1.1 101 Switching Protocols", await reader.ReadLineAsync(TestContext.Current.CancellationToken));
        while (!string.IsNullOrEmpty(await reader.ReadLineAsync(TestContext.Current.CancellationToken)))
        {
        }

        for (int i = 0; i < 50; i++)
        {
            await client.WriteAsync(System.Text.Encoding.ASCII.GetBytes($"line {i}\n"), TestContext.Current.CancellationToken);
            Assert.Equal($"line {i}", await reader.ReadLineAsync(TestContext.Current.CancellationToken));
        }
    }

    [Fact]
    public async Task Many_requests_at_once_share_one_connection_of_http2()
    {
        await using TestSite site = await TestSite.StartAsync(async http =>
        {
            await Task.Delay(20, http.RequestAborted);
            await http.Response.WriteAsync(http.Connection.Id + http.Request.Path);
        });
        using HttpClient client = site.Client(HttpVersion.Version20);

        string[] answers = await Task.WhenAll(Enumerable.Range(0, 50).Select(i => client.GetStringAsync($"/{i}", TestContext.Current.CancellationToken)));

        Assert.Single(answers.Select(answer => answer.Split('/')[0]).Distinct());
        Assert.Equal(50, answers.Distinct().Count());
    }

    [Fact]
    public async Task Protocols_named_in_the_options_are_left_as_they_are()
    {
        TlsServerOptions options = TestSite.GoodOptions();
        options.ApplicationProtocols = [System.Net.Security.SslApplicationProtocol.Http11];
        await using TestSite site = await TestSite.StartAsync(listen => listen.UseSegno(options), http => http.Response.WriteAsync(http.Request.Protocol));
        await using var client = await site.ConnectAsync(TestSite.ClientOptions(
            System.Net.Security.SslApplicationProtocol.Http2, System.Net.Security.SslApplicationProtocol.Http11));

        Assert.Equal(System.Net.Security.SslApplicationProtocol.Http11, client.NegotiatedApplicationProtocol);
    }

    [Theory]
    [InlineData(HttpProtocols.Http1, "http/1.1")]
    [InlineData(HttpProtocols.Http2, "h2")]
    [InlineData(HttpProtocols.Http1AndHttp2, "h2")]
    public async Task The_endpoints_protocols_are_offered_where_the_options_name_none(HttpProtocols protocols, string expected)
    {
        TlsServerOptions options = TestSite.GoodOptions();
        await using TestSite site = await TestSite.StartAsync(
            listen =>
            {
                listen.UseSegno(options);
                listen.Protocols = protocols;
            },
            _ => Task.CompletedTask);
        await using var client = await site.ConnectAsync(TestSite.ClientOptions(
            System.Net.Security.SslApplicationProtocol.Http2, System.Net.Security.SslApplicationProtocol.Http11));

        Assert.Equal(expected, client.NegotiatedApplicationProtocol.ToString());
        Assert.Null(options.ApplicationProtocols);
    }
}

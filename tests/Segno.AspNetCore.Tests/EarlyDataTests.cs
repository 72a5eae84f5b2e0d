using System.Buffers;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Segno.Sessions;
using Segno.Tests;

namespace Segno.AspNetCore.Tests;

/// <summary>Requests in early data against Kestrel (RFC 8470; R-118, R-120, R-121).</summary>
public sealed class EarlyDataTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("GET", "200", "early 1")]
    [InlineData("OPTIONS", "200", "early 1")]
    [InlineData("POST", "425", "")]
    [InlineData("DELETE", "425", "")]
    [InlineData("PATCH", "425", "")]
    public async Task What_may_be_a_replay_is_served_where_it_does_no_harm(string method, string status, string body)
    {
        await using WebApplication site = await StartAsync(atOnce: true);
        TlsClientContext client = await PrepareAsync(site);

        // The first flight alone, as one replays it: the handshake never completes.
        string answer = await SendFirstFlightAsync(site, client, Request(method));

        Assert.StartsWith($"HTTP/1.1 {status} ", answer);
        Assert.EndsWith(body, answer);
    }

    [Fact]
    public async Task A_replay_reaches_no_handler()
    {
        await using WebApplication site = await StartAsync(atOnce: true);
        TlsClientContext client = await PrepareAsync(site);
        using var engine = new TlsConnection(client, "localhost");
        byte[] flight = FirstFlight(engine, Request("GET"));
        Assert.Contains("early", await ReadAnswerAsync(site, engine, flight));

        using Socket socket = await ConnectAsync(site);
        await socket.SendAsync(flight, Cancel);
        await using var stream = new NetworkStream(socket);
        socket.Shutdown(SocketShutdown.Send);
        // A flight and an alert: the server waits for a Finished that never comes.
        await stream.CopyToAsync(Stream.Null, Cancel);
        Assert.Equal(1, Served(site));
    }

    [Fact]
    public async Task Behind_the_handshake_nothing_is_early()
    {
        await using WebApplication site = await StartAsync(atOnce: false);
        TlsClientContext client = await PrepareAsync(site);
        using Socket socket = await ConnectAsync(site);
        await using var stream = new TlsStream(new NetworkStream(socket));
        EarlyDataOutcome outcome = await stream.EarlyData.AuthenticateAsClientAsync(client, Request("POST"), cancellationToken: Cancel);
        Assert.True(outcome.IsAccepted);
        string answer = await ReadAllAsync(stream);
        Assert.StartsWith("HTTP/1.1 200 ", answer);
        Assert.EndsWith("late ", answer);
    }

    [Theory]
    [InlineData("GET", "200", "late 1")]
    [InlineData("POST", "425", "")]
    public async Task What_a_proxy_says_was_early_is_early(string method, string status, string body)
    {
        await using WebApplication site = await StartAsync(atOnce: false);
        TlsClientContext client = await PrepareAsync(site);
        string answer = await AskAsync(site, client, Request(method, "Early-Data: x\r\nEarly-Data: 0\r\n"));
        Assert.StartsWith($"HTTP/1.1 {status} ", answer);
        Assert.EndsWith(body, answer);
    }

    private static byte[] Request(string method, string more = "")
        => Encoding.ASCII.GetBytes($"{method} / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n{more}\r\n");

    private static async Task<WebApplication> StartAsync(bool atOnce)
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.AddSegno(options =>
        {
            options.ServerCertificates = [TestPki.Ecdsa().Tls];
            options.MaxEarlyDataSize = 1000;
            options.DeliverEarlyDataAtOnce = atOnce;
        });
        builder.Services.AddSingleton<IReplayGuard>(new OldGuard());
        var requests = new Requests();
        builder.Services.AddSingleton(requests);
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen => listen.UseSegno()));
        WebApplication application = builder.Build();
        application.UseEarlyDataPolicy();
        application.Run(http =>
        {
            bool isEarly = http.Features.Get<ITlsEarlyDataFeature>()!.IsEarlyData;
            requests.Early += isEarly ? 1 : 0;
            string body = $"{(isEarly ? "early" : "late")} {http.Request.Headers["Early-Data"]}";
            http.Response.ContentLength = body.Length;
            return http.Response.WriteAsync(body);
        });
        await application.StartAsync(Cancel);
        return application;
    }

    private static int Served(WebApplication site) => site.Services.GetRequiredService<Requests>().Early;

    /// <summary>A client with a session of the site's.</summary>
    private static async Task<TlsClientContext> PrepareAsync(WebApplication site)
    {
        TlsClientContext client = ResumptionTests.ClientContext();
        Assert.StartsWith("HTTP/1.1 200 ", await AskAsync(site, client, Request("GET")));
        return client;
    }

    /// <summary>Asks behind the handshake.</summary>
    private static async Task<string> AskAsync(WebApplication site, TlsClientContext client, byte[] request)
    {
        using Socket socket = await ConnectAsync(site);
        await using var stream = new TlsStream(new NetworkStream(socket));
        await stream.AuthenticateAsClientAsync(client, cancellationToken: Cancel);
        await stream.WriteAsync(request, Cancel);
        return await ReadAllAsync(stream);
    }

    private static async Task<string> ReadAllAsync(Stream stream)
    {
        using var reader = new StreamReader(stream, Encoding.ASCII);
        return await reader.ReadToEndAsync(Cancel);
    }

    private static async Task<Socket> ConnectAsync(WebApplication site)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(IPAddress.Loopback, new Uri(site.Urls.First()).Port, Cancel);
        return socket;
    }

    private static byte[] FirstFlight(TlsConnection engine, byte[] request)
    {
        engine.Start(request.Length);
        var output = new ArrayBufferWriter<byte>();
        engine.SendEarlyData(request, output);
        return output.WrittenSpan.ToArray();
    }

    /// <summary>Sends the flight, and reads the answer without a Finished of its own having gone out.</summary>
    private static async Task<string> ReadAnswerAsync(WebApplication site, TlsConnection engine, byte[] flight)
    {
        using Socket socket = await ConnectAsync(site);
        await socket.SendAsync(flight, Cancel);
        byte[] input = new byte[64 * 1024];
        byte[] room = new byte[64 * 1024];
        int end = 0;
        string answer = string.Empty;
        // The body ends the answer, or the head where there is none.
        while (!answer.Contains("\r\n\r\n", StringComparison.Ordinal)
            || (answer.StartsWith("HTTP/1.1 200", StringComparison.Ordinal) && answer.EndsWith("\r\n\r\n", StringComparison.Ordinal)))
        {
            int count = await socket.ReceiveAsync(input.AsMemory(end), Cancel);
            Assert.NotEqual(0, count);
            end += count;
            TlsReceiveResult result;
            do
            {
                while (engine.Pending is { } pending)
                {
                    await pending.ExecuteAsync(Cancel);
                    engine.Resume();
                }
                result = engine.Receive(input.AsSpan(0, end), room);
                answer += Encoding.ASCII.GetString(room, 0, result.Written);
                input.AsSpan(result.Consumed, end - result.Consumed).CopyTo(input);
                end -= result.Consumed;
            }
            while (result.Consumed > 0 || engine.Pending is not null);
        }
        return answer;
    }

    private static async Task<string> SendFirstFlightAsync(WebApplication site, TlsClientContext client, byte[] request)
    {
        using var engine = new TlsConnection(client, "localhost");
        return await ReadAnswerAsync(site, engine, FirstFlight(engine, request));
    }

    private sealed class Requests
    {
        public int Early { get; set; }
    }

    /// <summary>A guard that was there before anything came.</summary>
    private sealed class OldGuard : IReplayGuard
    {
        private readonly ConcurrentDictionary<string, bool> _seen = new();

        public ReadOnlyMemory<byte> Zone { get; } = new byte[] { 1 };

        public ValueTask<ReplayVerdict> ClaimAsync(EarlyDataClaim claim, CancellationToken cancellationToken = default)
            => new(_seen.TryAdd(Convert.ToHexString(claim.Key.Span), true) ? ReplayVerdict.First : ReplayVerdict.Seen);
    }
}

using System.Collections.Concurrent;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Segno.Tests;

namespace Segno.AspNetCore.Tests;

/// <summary>A real Kestrel on a real port with Segno under it, and clients of the platform's own TLS to ask it.</summary>
public sealed class TestSite : IAsyncDisposable
{
    private readonly WebApplication _application;

    private TestSite(WebApplication application, ConcurrentQueue<string> log)
    {
        _application = application;
        Log = log;
        EndPoint = new IPEndPoint(IPAddress.Loopback, new Uri(application.Urls.First()).Port);
    }

    public IPEndPoint EndPoint { get; }

    /// <summary>Where the server says that it is.</summary>
    public ICollection<string> Urls => _application.Urls;

    public ConcurrentQueue<string> Log { get; }

    public IServiceProvider Services => _application.Services;

    /// <summary>Options that make a good server.</summary>
    public static TlsServerOptions GoodOptions() => new() { ServerCertificates = [TestPki.Ecdsa().Tls] };

    public static async Task<TestSite> StartAsync(Action<ListenOptions> listen, RequestDelegate answer)
    {
        var log = new ConcurrentQueue<string>();
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen));
        builder.Logging.SetMinimumLevel(LogLevel.Debug).Services.AddSingleton<ILoggerProvider>(new QueueLoggerProvider(log));
        WebApplication application = builder.Build();
        application.Run(answer);
        await application.StartAsync(TestContext.Current.CancellationToken);
        return new TestSite(application, log);
    }

    public static Task<TestSite> StartAsync(RequestDelegate answer) => StartAsync(listen => listen.UseSegno(GoodOptions()), answer);

    public HttpClient Client(Version? version = null, TestCertificate? clientCertificate = null) => new(Handler(clientCertificate))
    {
        BaseAddress = new Uri($"https://localhost:{EndPoint.Port}"),
        DefaultRequestVersion = version ?? HttpVersion.Version11,
        DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
        Timeout = TimeSpan.FromSeconds(20),
    };

    /// <summary>The bare platform client on its own socket.</summary>
    public async Task<SslStream> ConnectAsync(SslClientAuthenticationOptions? options = null)
    {
        Socket socket = await ConnectSocketAsync();
        var stream = new SslStream(new NetworkStream(socket, ownsSocket: true));
        try
        {
            await stream.AuthenticateAsClientAsync(options ?? ClientOptions(), TestContext.Current.CancellationToken);
        }
        catch
        {
            await stream.DisposeAsync();
            throw;
        }
        return stream;
    }

    public async Task<Socket> ConnectSocketAsync()
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(EndPoint, TestContext.Current.CancellationToken);
        return socket;
    }

    public static SslClientAuthenticationOptions ClientOptions(params SslApplicationProtocol[] protocols) => new()
    {
        TargetHost = "localhost",
        ApplicationProtocols = [.. protocols],
        CertificateChainPolicy = TestPki.TrustRoot(),
        AllowTlsResume = false,
    };

    public async ValueTask DisposeAsync()
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(2));
        await _application.StopAsync(patience.Token);
        await _application.DisposeAsync();
    }

    private static SocketsHttpHandler Handler(TestCertificate? clientCertificate)
    {
        var handler = new SocketsHttpHandler { SslOptions = { CertificateChainPolicy = TestPki.TrustRoot(), AllowTlsResume = false } };
        if (clientCertificate is not null)
        {
            handler.SslOptions.ClientCertificateContext = SslStreamCertificateContext.Create(
                clientCertificate.Certificate, clientCertificate.IntermediateCollection, offline: true);
        }
        return handler;
    }

    private sealed class QueueLoggerProvider(ConcurrentQueue<string> log) : ILoggerProvider
    {
        public ILogger CreateLogger(string categoryName) => new QueueLogger(categoryName, log);

        public void Dispose()
        {
        }
    }

    private sealed class QueueLogger(string category, ConcurrentQueue<string> log) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
            => log.Enqueue($"{logLevel} {category} {eventId.Name}: {formatter(state, exception)} {exception}");
    }
}

using System.Net;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Segno.Tests;

namespace Segno.Cli.Tests;

/// <summary>A <c>segno serve</c> of the test's own, with a certificate of the test's own authority.</summary>
internal sealed class Served : IAsyncDisposable
{
    private readonly DirectoryInfo _directory;

    private Served(CliRun run, string url, DirectoryInfo directory)
    {
        Run = run;
        Url = new Uri(url);
        _directory = directory;
    }

    public CliRun Run { get; }

    public Uri Url { get; }

    public string Target => $"localhost:{Url.Port}";

    public string AuthorityPath => PathOf("ca.pem");

    public static async Task<Served> StartAsync(params string[] more)
    {
        DirectoryInfo directory = Directory.CreateTempSubdirectory("segno-test-");
        (string certificate, string key) = TestPki.Ecdsa().WritePem(directory.FullName);
        File.WriteAllText(Path.Combine(directory.FullName, "ca.pem"), TestPki.Root.CertificatePem);
        CliRun run = CliRun.Start(["serve", "--listen", "127.0.0.1:0", "--cert", certificate, "--key", key, "--no-self-test", .. more]);
        return new Served(run, await run.LineAsync("https://"), directory);
    }

    public string PathOf(string name) => Path.Combine(_directory.FullName, name);

    public HttpClient Client(Version? version = null, bool resume = false, TestCertificate? certificate = null)
        => ClientFor(Url, TestPki.TrustRoot(), version, resume, certificate);

    public static HttpClient ClientFor(Uri url, X509ChainPolicy trust, Version? version = null, bool resume = false, TestCertificate? certificate = null)
        => new(new SocketsHttpHandler
        {
            SslOptions =
            {
                CertificateChainPolicy = trust,
                AllowTlsResume = resume,
                ClientCertificateContext = certificate is null ? null : SslStreamCertificateContext.Create(certificate.Certificate, certificate.IntermediateCollection, offline: true),
            },
            AllowAutoRedirect = false,
        })
        {
            BaseAddress = new Uri($"https://localhost:{url.Port}"),
            DefaultRequestVersion = version ?? HttpVersion.Version11,
            DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Timeout = TimeSpan.FromSeconds(30),
        };

    /// <summary><c>segno connect</c> to it, trusting its authority, to the end.</summary>
    public Task<CliRun> ConnectAsync(string[] more, Stream? input = null) => CliRun.ToEndAsync(["connect", Target, "--ca", AuthorityPath, .. more], input);

    public async ValueTask DisposeAsync()
    {
        await Run.DisposeAsync();
        _directory.Delete(recursive: true);
    }
}

using System.IO.Pipelines;
using System.Net;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Segno.Sessions;

namespace Segno.Bench.Sessions;

/// <summary>How many TLS 1.2 sessions fit into a mebibyte: full handshakes through the public API, until the store has been full for a while.</summary>
internal static class BytesPerSession
{
    public static async Task RunAsync(int handshakes)
    {
        const long MaxBytes = 1 << 20;
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=www.example.org", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("www.example.org");
        request.CertificateExtensions.Add(names.Build());
        DateTimeOffset now = TimeProvider.System.GetUtcNow();
        using X509Certificate2 certificate = request.CreateSelfSigned(now.AddDays(-1), now.AddDays(30));
        using TlsCertificate own = TlsCertificate.Create(certificate);
        using var store = new MemorySessionStore(1_000_000, MaxBytes);
        using var server = new TlsServerContext(new TlsServerOptions
        {
            ServerCertificates = [own],
            EnabledSslProtocols = SslProtocols.Tls12,
            ApplicationProtocols = [SslApplicationProtocol.Http2, SslApplicationProtocol.Http11],
            SessionStore = store,
            Group = "bench",
        });
        var client = new TlsClientContext(new TlsClientOptions
        {
            EnabledSslProtocols = SslProtocols.Tls12,
            AllowTlsResume = false,
            ApplicationProtocols = [SslApplicationProtocol.Http2],
            CertificateChainPolicy = new X509ChainPolicy
            {
                TrustMode = X509ChainTrustMode.CustomRootTrust,
                CustomTrustStore = { certificate },
                RevocationMode = X509RevocationMode.NoCheck,
            },
        });
        for (int i = 0; i < handshakes; i++)
        {
            var up = new Pipe();
            var down = new Pipe();
            await using var clientEnd = new TlsDuplexPipe(new Ends(down.Reader, up.Writer));
            await using var serverEnd = new TlsDuplexPipe(new Ends(up.Reader, down.Writer))
            {
                RemoteEndPoint = new IPEndPoint(new IPAddress([10, (byte)(i >> 16), (byte)((i >> 8) & 0xff), (byte)(i & 0xff)]), 443),
            };
            await Task.WhenAll(serverEnd.AuthenticateAsServerAsync(server), clientEnd.AuthenticateAsClientAsync(client, "www.example.org"));
        }
        SessionStoreStatistics statistics = store.GetStatistics();
        Console.WriteLine($"{handshakes:N0} full TLS 1.2 handshakes, a store of {MaxBytes:N0} bytes: {statistics.Entries:N0} sessions in it "
            + $"({(double)MaxBytes / statistics.Entries:F1} bytes each, all included), {statistics.EvictedForBytes:N0} evicted, {statistics.Refused:N0} refused.");
    }

    private sealed class Ends(PipeReader input, PipeWriter output) : IDuplexPipe
    {
        public PipeReader Input => input;

        public PipeWriter Output => output;
    }
}

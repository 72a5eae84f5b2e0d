using System.Net;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Segno.Sessions;

namespace Segno.Bench.Sessions;

/// <summary>How many TLS 1.2 sessions fit into a mebibyte: full handshakes through the public API, until the store has been full for a while.</summary>
internal static class BytesPerSession
{
    public static async Task RunAsync(int handshakes)
    {
        const long MaxBytes = 1 << 20;
        using X509Certificate2 certificate = InMemory.MakeCertificate();
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
            CertificateChainPolicy = InMemory.Trust(certificate),
        });
        for (int i = 0; i < handshakes; i++)
        {
            await InMemory.ConnectAsync(client, server, new IPAddress([10, (byte)(i >> 16), (byte)((i >> 8) & 0xff), (byte)(i & 0xff)]));
        }
        SessionStoreStatistics statistics = store.GetStatistics();
        Console.WriteLine($"{handshakes:N0} full TLS 1.2 handshakes, a store of {MaxBytes:N0} bytes: {statistics.Entries:N0} sessions in it "
            + $"({(double)MaxBytes / statistics.Entries:F1} bytes each, all included), {statistics.EvictedForBytes:N0} evicted, {statistics.Refused:N0} refused.");
    }
}

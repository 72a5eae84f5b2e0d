using System.IO.Pipelines;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Segno.Bench.Sessions;

/// <summary>Real handshakes, both ends in memory.</summary>
internal static class InMemory
{
    public const string Host = "www.example.org";

    public static X509Certificate2 MakeCertificate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={Host}", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName(Host);
        request.CertificateExtensions.Add(names.Build());
        DateTimeOffset now = TimeProvider.System.GetUtcNow();
        return request.CreateSelfSigned(now.AddDays(-1), now.AddDays(30));
    }

    public static X509ChainPolicy Trust(X509Certificate2 certificate) => new()
    {
        TrustMode = X509ChainTrustMode.CustomRootTrust,
        CustomTrustStore = { certificate },
        RevocationMode = X509RevocationMode.NoCheck,
    };

    /// <summary>Makes one connection, on which the client reads until its tickets are there.</summary>
    /// <returns>What the server knows of it.</returns>
    public static async Task<TlsConnectionInfo> ConnectAsync(TlsClientContext client, TlsServerContext server, IPAddress address)
    {
        var up = new Pipe();
        var down = new Pipe();
        await using var clientEnd = new TlsDuplexPipe(new Ends(down.Reader, up.Writer));
        await using var serverEnd = new TlsDuplexPipe(new Ends(up.Reader, down.Writer)) { RemoteEndPoint = new IPEndPoint(address, 443) };
        await Task.WhenAll(serverEnd.AuthenticateAsServerAsync(server), clientEnd.AuthenticateAsClientAsync(client, Host));
        await serverEnd.Output.WriteAsync(new byte[1]);
        await clientEnd.Input.ReadAsync();
        return serverEnd.ConnectionInfo;
    }

    private sealed class Ends(PipeReader input, PipeWriter output) : IDuplexPipe
    {
        public PipeReader Input => input;

        public PipeWriter Output => output;
    }
}

using System.Security.Authentication;
using Segno.Tests;

namespace Segno.Interop.Tests.Ends;

/// <summary>Options as the tests want them.</summary>
internal static class Make
{
    public static TestCertificate Certificate(string key) => key == "rsa" ? TestPki.Rsa() : TestPki.Ecdsa();

    public static TlsServerOptions Server(TestCertificate certificate, SslProtocols enabled = SslProtocols.None)
        => new() { ServerCertificates = [certificate.Tls], EnabledSslProtocols = enabled };

    public static TlsClientOptions Client(SslProtocols enabled = SslProtocols.None)
        => new() { TargetHost = "localhost", CertificateChainPolicy = TestPki.TrustRoot(), EnabledSslProtocols = enabled };

    /// <summary>A new directory that the test's end deletes.</summary>
    public static Scratch Scratch() => new();
}

internal sealed class Scratch : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("segno-interop-").FullName;

    /// <summary>Chain and key of a server as PEM files.</summary>
    public (string Chain, string Key) Pem(TestCertificate certificate) => certificate.WritePem(Path);

    /// <summary>The root that all tests trust as a PEM file.</summary>
    public string Root()
    {
        string path = File("root.pem");
        System.IO.File.WriteAllText(path, TestPki.Root.CertificatePem);
        return path;
    }

    public string File(string name) => System.IO.Path.Combine(Path, name);

    public void Dispose() => Directory.Delete(Path, recursive: true);
}

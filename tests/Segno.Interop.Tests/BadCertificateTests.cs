using System.Security.Cryptography.X509Certificates;
using System.Text.RegularExpressions;
using Segno.Interop.Tests.Ends;
using Segno.Interop.Tests.Matrix;
using Segno.Interop.Tests.Peers;
using Segno.Tests;

namespace Segno.Interop.Tests;

/// <summary>Certificates that a client must refuse, shown by openssl s_server: our fault by name, and the alert that the server reports.</summary>
public sealed class BadCertificateTests
{
    private static readonly Dictionary<string, (Func<TestCertificate> Certificate, string Host, TlsFault Fault, string Alert)> _cases = new()
    {
        ["wrong name"] = (() => TestPki.Ecdsa("elsewhere.test"), "localhost", TlsFault.CertificateNameMismatch, "certificate unknown"),
        ["expired"] = (() => TestPki.Expired, "localhost", TlsFault.CertificateExpired, "certificate expired"),
        ["untrusted"] = (() => TestPki.Untrusted, "localhost", TlsFault.CertificateUntrusted, "unknown ca"),
        ["wrong usage"] = (() => TestPki.WrongUsage, "localhost", TlsFault.CertificateWrongUsage, "unsupported certificate"),
        ["issuer not CA"] = (() => TestPki.IssuerNotCa, "localhost", TlsFault.CertificateIssuerNotCa, "certificate unknown"),
        ["name not permitted"] = (() => TestPki.NameNotPermitted, "localhost", TlsFault.CertificateNameConstraintViolated, "certificate unknown"),
        ["name excluded"] = (() => TestPki.NameExcluded, "localhost", TlsFault.CertificateNameConstraintViolated, "certificate unknown"),
    };

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public static TheoryData<string> Names => [.. _cases.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task A_client_refuses_by_name_and_the_server_hears_why(string name)
    {
        (Func<TestCertificate> certificate, string host, TlsFault fault, string alert) = _cases[name];
        using Scratch scratch = Make.Scratch();
        await using PeerProcess server = OpenSslPeer.StartServer(scratch, certificate(), "-tls1_3");
        int port = await OpenSslPeer.PortAsync(server, Token);
        await using TlsStream stream = new(await Loopback.ConnectAsync(port, Token));
        TlsException refused = await Assert.ThrowsAnyAsync<TlsException>(
            () => stream.AuthenticateAsClientAsync(new TlsClientContext(Make.Client()), host, port, Token));
        Assert.Equal(fault, refused.Fault);
        await server.WaitForAsync(new Regex($"alert {alert}"), Token);
    }
}

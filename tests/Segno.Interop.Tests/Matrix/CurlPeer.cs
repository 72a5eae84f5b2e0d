using System.Globalization;
using Segno.Interop.Tests.Ends;
using Segno.Interop.Tests.Peers;

namespace Segno.Interop.Tests.Matrix;

/// <summary>
/// curl: transfers in one run, each on a connection of its own. It says that it reuses a session when it offers one; that the
/// server took it shows in the handshake messages it prints: a resumed handshake has no Certificate.
/// </summary>
public sealed class CurlPeer : MatrixPeer
{
    private const string CertificateMessage = "TLS handshake, Certificate (11)";

    internal override async Task<bool[]> ConnectAsync(Cell cell, int port, CancellationToken cancellationToken)
    {
        string sent = Scratch.File("sent");
        string got = Scratch.File("got");
        await File.WriteAllBytesAsync(sent, Payload.Framed, cancellationToken);
        string[] transfer =
        [
            "--cacert", Root, "--resolve", $"localhost:{port}:127.0.0.1", "--no-progress-meter", "--fail", "-v", "--http1.1",
            "--tlsv" + cell.VersionNumber, "--tls-max", cell.VersionNumber, "-H", "Connection: close", "-H", "Expect:",
            "--data-binary", "@" + sent, "-o", got, string.Create(CultureInfo.InvariantCulture, $"https://localhost:{port}/"),
        ];
        string output = await RunAsync(Peer.Find("curl"), cell.Resumes ? [.. transfer, "--next", .. transfer] : transfer, default, cancellationToken);
        string[] connections = output.Split("* Connected to ")[1..];
        Assert.All(connections, connection => Assert.Contains("SSL connection using TLSv" + cell.VersionNumber, connection, StringComparison.Ordinal));
        Payload.AssertIn(await File.ReadAllTextAsync(got, cancellationToken));
        return [.. connections.Select(connection => !connection.Contains(CertificateMessage, StringComparison.Ordinal))];
    }

    internal override Task AnswerAsync(Cell cell, TlsStream stream, bool last, CancellationToken cancellationToken) => Exchange.HttpEchoAsync(stream, cancellationToken);
}

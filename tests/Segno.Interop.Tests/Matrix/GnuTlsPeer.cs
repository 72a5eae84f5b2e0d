using System.Globalization;
using System.Text.RegularExpressions;
using Segno.Interop.Tests.Ends;
using Segno.Interop.Tests.Peers;
using Segno.Tests;

namespace Segno.Interop.Tests.Matrix;

/// <summary>gnutls-cli and gnutls-serv.</summary>
public sealed partial class GnuTlsPeer : MatrixPeer
{
    private const string Again = "Connecting again- trying to resume previous session";

    /// <summary>gnutls-serv answers one request after the other, and takes one of a few lines.</summary>
    private const int Request = 12_000;

    /// <summary>gnutls-cli --resume connects, closes without data once it has a session, and connects again.</summary>
    internal override async Task<bool[]> ConnectAsync(Cell cell, int port, CancellationToken cancellationToken)
    {
        await using PeerProcess client = PeerProcess.Start(
            Peer.Find("gnutls-cli"),
            [
                "-p", port.ToString(CultureInfo.InvariantCulture), "--x509cafile", Root, "--sni-hostname", "localhost", "--verify-hostname", "localhost",
                "--priority", "NORMAL:-VERS-ALL:+VERS-TLS" + cell.VersionNumber, .. (string[])(cell.Resumes ? ["--resume", "--waitresumption"] : []), "127.0.0.1",
            ]);
        if (cell.Resumes)
        {
            await client.WaitForTextAsync(Again, 0, cancellationToken);
        }
        await client.WriteAsync(Payload.Framed, cancellationToken);
        Assert.True(await client.ExitAsync(cancellationToken) == 0, client.Tail);
        Payload.AssertIn(client.Printed);
        string[] connections = client.Output.Split(Again);
        return [.. connections.Select(said => said.Contains("*** This is a resumed session", StringComparison.Ordinal))];
    }

    internal override Task AnswerAsync(Cell cell, TlsStream stream, bool last, CancellationToken cancellationToken)
        => last ? Exchange.FramedInTurnAsync(stream, cancellationToken) : Exchange.DrainAsync(stream, cancellationToken);

    internal static PeerProcess StartServer(Scratch scratch, TestCertificate certificate, int port, params string[] more)
    {
        (string chain, string key) = scratch.Pem(certificate);
        return PeerProcess.Start(
            Peer.Find("gnutls-serv"),
            ["--echo", "-a", "-p", port.ToString(CultureInfo.InvariantCulture), "--x509certfile", chain, "--x509keyfile", key, .. more]);
    }

    private protected override async Task<PeerServer> StartServerAsync(Cell cell, CancellationToken cancellationToken)
    {
        int port = Loopback.FreePort();
        PeerProcess process = StartServer(Scratch, cell.Certificate, port, cell.Tickets ? [] : ["--noticket"]);
        await Loopback.WaitUntilListeningAsync(port, process, cancellationToken);
        return new EchoServer(process, port, ConnectionPattern(), Request);
    }

    [GeneratedRegex(@"\* Accepted connection from[^\n]*\n(?<resumed>\*\*\* This is a resumed session)?(.*?\n)*?- Options:", RegexOptions.CultureInvariant)]
    private static partial Regex ConnectionPattern();
}

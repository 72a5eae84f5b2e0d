using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Segno.Interop.Tests.Ends;
using Segno.Interop.Tests.Peers;
using Segno.Tests;

namespace Segno.Interop.Tests.Matrix;

/// <summary>openssl s_client and s_server.</summary>
public sealed partial class OpenSslPeer : MatrixPeer
{
    /// <summary>A client for each connection; the session is handed on in a file.</summary>
    internal override async Task<bool[]> ConnectAsync(Cell cell, int port, CancellationToken cancellationToken)
    {
        string session = Scratch.File("session.pem");
        List<bool> resumed = [];
        for (int number = 1; number <= cell.Connections; number++)
        {
            bool last = number == cell.Connections;
            await using PeerProcess client = PeerProcess.Start(Peer.Find("openssl"),
            [
                "s_client", "-connect", Address(port), "-servername", "localhost", "-verify_hostname", "localhost", "-verify_return_error",
                "-CAfile", Root, "-nocommands", "-ign_eof", cell.IsTls13 ? "-tls1_3" : "-tls1_2", "-sess_out", session,
                .. (string[])(number > 1 ? ["-sess_in", session] : []),
            ]);
            await client.WriteAsync(last ? Payload.Framed : Exchange.Hello, cancellationToken);
            await client.ExitAsync(cancellationToken);
            Match said = HandshakePattern().Match(client.Output);
            Assert.True(said.Success, client.Tail);
            Assert.Equal("TLSv" + cell.VersionNumber, said.Groups["version"].Value);
            Assert.Contains("Verify return code: 0 (ok)", client.Output, StringComparison.Ordinal);
            resumed.Add(said.Groups["resumed"].Success);
            if (last)
            {
                Payload.AssertIn(client.Printed);
            }
        }
        return [.. resumed];
    }

    /// <summary>Both directions at once: s_client can.</summary>
    internal override Task AnswerAsync(Cell cell, TlsStream stream, bool last, CancellationToken cancellationToken)
        => last ? Exchange.FramedAsync(stream, cancellationToken) : Exchange.HelloAsync(stream, cancellationToken);

    /// <summary>Starts s_server on a port of its own choice.</summary>
    internal static PeerProcess StartServer(Scratch scratch, TestCertificate certificate, params string[] more)
    {
        (string chain, string key) = scratch.Pem(certificate);
        return PeerProcess.Start(Peer.Find("openssl"), ["s_server", "-accept", "127.0.0.1:0", "-cert", chain, "-cert_chain", chain, "-key", key, .. more]);
    }

    internal static async Task<int> PortAsync(PeerProcess server, CancellationToken cancellationToken)
        => int.Parse((await server.WaitForAsync(AcceptPattern(), cancellationToken)).Groups[1].Value, CultureInfo.InvariantCulture);

    internal static string Address(int port) => string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{port}");

    private protected override async Task<PeerServer> StartServerAsync(Cell cell, CancellationToken cancellationToken)
    {
        PeerProcess process = StartServer(Scratch, cell.Certificate, cell.Tickets ? [] : ["-no_ticket"]);
        return new TerminalServer(process, await PortAsync(process, cancellationToken));
    }

    /// <summary>s_server sends what is typed and prints what comes.</summary>
    private sealed class TerminalServer(PeerProcess process, int port) : PeerServer
    {
        private int _from;

        public override int Port => port;

        public override void Expect(CancellationToken cancellationToken) => _from = process.Output.Length;

        public override async Task<bool> TalkAsync(TlsStream stream, bool last, CancellationToken cancellationToken)
        {
            if (last)
            {
                Task typing = process.WriteAsync(Payload.Framed, cancellationToken);
                await Exchange.FramedAsync(stream, cancellationToken);
                await typing;
                await process.WaitForTextAsync(Payload.End, _from, cancellationToken);
                string printed = process.Printed;
                Payload.AssertIn(printed, printed.LastIndexOf(Payload.Begin, StringComparison.Ordinal));
            }
            else
            {
                await process.WriteAsync(Exchange.Hello, cancellationToken);
                await Exchange.EchoedAsync(stream, Exchange.Hello, 0, cancellationToken);
                await process.WaitForTextAsync("hello\n", _from, cancellationToken);
            }
            return process.Output.IndexOf("\nReused session-id\n", _from, StringComparison.Ordinal) >= 0;
        }

        public override ValueTask DisposeAsync() => process.DisposeAsync();
    }

    [GeneratedRegex(@"\n(New|(?<resumed>Reused)), (?<version>TLSv1\.[23]), Cipher is ")]
    private static partial Regex HandshakePattern();

    [GeneratedRegex(@"ACCEPT .*:(\d+)\n")]
    private static partial Regex AcceptPattern();
}

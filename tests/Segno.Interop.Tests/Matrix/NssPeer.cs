using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Segno.Interop.Tests.Ends;
using Segno.Interop.Tests.Peers;
using Segno.Tests;

namespace Segno.Interop.Tests.Matrix;

/// <summary>
/// NSS's tstclnt and selfserv. Both print after each connection how often a session was found so far. selfserv takes requests of
/// up to 10 KB and has nothing that takes more; so it sends us ten megabytes, and gets a request from us.
/// </summary>
public sealed partial class NssPeer : MatrixPeer
{
    private string? _store;

    /// <summary>tstclnt connects as often as it is told, and sends the same file each time.</summary>
    internal override async Task<bool[]> ConnectAsync(Cell cell, int port, CancellationToken cancellationToken)
    {
        string request = Scratch.File("request");
        await File.WriteAllBytesAsync(request, Payload.Framed, cancellationToken);
        string output = await RunAsync(
            Peer.Find("tstclnt"),
            [
                "-4", "-h", "localhost", "-p", port.ToString(CultureInfo.InvariantCulture), "-d", await StoreAsync(cancellationToken), "-V", Versions(cell),
                "-u", "-A", request, "-L", cell.Connections.ToString(CultureInfo.InvariantCulture),
            ],
            default,
            cancellationToken);
        Payload.AssertIn(output, output.LastIndexOf(Payload.Begin, StringComparison.Ordinal));
        return [.. Hits(output)];
    }

    internal override Task AnswerAsync(Cell cell, TlsStream stream, bool last, CancellationToken cancellationToken)
        => Exchange.FramedInTurnAsync(stream, cancellationToken);

    private protected override async Task<PeerServer> StartServerAsync(Cell cell, CancellationToken cancellationToken)
    {
        int port = Loopback.FreePort();
        string page = Scratch.File("page");
        await File.WriteAllBytesAsync(page, Payload.Framed, cancellationToken);
        PeerProcess process = PeerProcess.Start(
            Peer.Find("selfserv"),
            [
                "-d", await StoreAsync(cancellationToken), cell.Key == TestKeyKind.Rsa ? "-n" : "-e", cell.Key.ToString(), "-p", port.ToString(CultureInfo.InvariantCulture),
                "-V", "tls1.2:tls1.3", "-w", "", "-v", "-t", "2", .. (string[])(cell.Tickets ? ["-u"] : []),
            ]);
        await Loopback.WaitUntilListeningAsync(port, process, cancellationToken);
        return new PageServer(process, port, page);
    }

    private static string Versions(Cell cell) => $"tls{cell.VersionNumber}:tls{cell.VersionNumber}";

    /// <summary>Of each connection that it tells of, whether the number of found sessions has grown.</summary>
    private static IEnumerable<bool> Hits(string output, int before = 0)
    {
        foreach (Match said in HitsPattern().Matches(output))
        {
            int hits = int.Parse(said.Groups[1].Value, CultureInfo.InvariantCulture);
            yield return hits > before;
            before = hits;
        }
    }

    /// <summary>A certificate store with the trusted root, and the servers' certificates and keys.</summary>
    private async Task<string> StoreAsync(CancellationToken cancellationToken)
    {
        if (_store is null)
        {
            string store = "sql:" + Directory.CreateDirectory(Scratch.File("nss")).FullName;
            await RunAsync(Peer.Find("certutil"), ["-N", "-d", store, "--empty-password"], default, cancellationToken);
            await RunAsync(Peer.Find("certutil"), ["-A", "-d", store, "-t", "C,,", "-n", "root", "-i", Root], default, cancellationToken);
            foreach (Cell cell in MatrixTable.All.DistinctBy(cell => cell.Key))
            {
                (string chain, string key) = Pem(cell);
                string file = Scratch.File(cell.Key + ".p12");
                await RunAsync(Peer.Find("openssl"), ["pkcs12", "-export", "-in", chain, "-inkey", key, "-name", cell.Key.ToString(), "-passout", "pass:", "-out", file], default, cancellationToken);
                await RunAsync(Peer.Find("pk12util"), ["-i", file, "-d", store, "-W", "", "-K", ""], default, cancellationToken);
            }
            _store = store;
        }
        return _store;
    }

    /// <summary>selfserv answers with the file that a request names.</summary>
    private sealed class PageServer(PeerProcess process, int port, string page) : PeerServer
    {
        private int _connections;

        public override int Port => port;

        public override void Expect(CancellationToken cancellationToken) => _connections++;

        public override async Task<bool> TalkAsync(TlsStream stream, bool last, CancellationToken cancellationToken)
        {
            await stream.WriteAsync(Encoding.Latin1.GetBytes($"GET {page} HTTP/1.0\r\n\r\n"), cancellationToken);
            using MemoryStream answer = new();
            await stream.CopyToAsync(answer, cancellationToken);
            await stream.ShutdownAsync();
            Payload.AssertIn(Encoding.Latin1.GetString(answer.ToArray()));
            for (int number = 1, at = 0; number <= _connections; number++)
            {
                at = await process.WaitForTextAsync("cache not reusable", at, cancellationToken);
            }
            return Hits(process.Output).ElementAt(_connections - 1);
        }

        public override ValueTask DisposeAsync() => process.DisposeAsync();
    }

    [GeneratedRegex(@"(\d+) cache hits; \d+ cache misses, \d+ cache not reusable")]
    private static partial Regex HitsPattern();
}

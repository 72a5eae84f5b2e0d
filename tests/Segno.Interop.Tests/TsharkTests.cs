using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Segno.Interop.Tests.Ends;
using Segno.Interop.Tests.Peers;
using Segno.Tests;

namespace Segno.Interop.Tests;

/// <summary>Segno talking to Segno, seen from outside: Wireshark's dissector, given the key log, reads every message.</summary>
public sealed partial class TsharkTests
{
    private const string Certificate = "11";
    private const string PreSharedKey = "41";

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Decrypts_a_full_and_a_resumed_connection_by_our_key_log()
    {
        string tshark = Peer.Find("tshark");
        using Scratch scratch = Make.Scratch();
        string capture = scratch.File("capture.pcapng");
        string keys = scratch.File("keys.log");
        TlsClientOptions options = Make.Client();
        // tshark of Debian 12 does not look into compressed certificates.
        options.CompressCertificates = false;
        options.KeyLog = line =>
        {
            lock (scratch)
            {
                File.AppendAllText(keys, line + "\n");
            }
        };
        await using SegnoServer server = new(Make.Server(TestPki.Ecdsa()), AnswerAsync);
        await using (PeerProcess capturing = PeerProcess.Start(tshark,
            ["-i", "lo", "-f", string.Create(CultureInfo.InvariantCulture, $"tcp port {server.Port}"), "-w", capture, "-P", "-l"]))
        {
            await WaitUntilCapturingAsync(capturing);
            TlsClientContext context = new(options);
            await AskAsync(context, server.Port, "full");
            await AskAsync(context, server.Port, "resumed");
            Assert.False((await server.NextAsync(Token)).Succeeded().Resumption.IsResumed);
            Assert.True((await server.NextAsync(Token)).Succeeded().Resumption.IsResumed);

            // The first connection ends in two such packets; the third is the second one's, and comes behind all its data.
            await capturing.WaitForAsync(SecondClosedPattern(), Token);
            await InterruptAsync(capturing);
        }

        string full = await DissectAsync(tshark, capture, keys, server.Port, 0);
        string resumed = await DissectAsync(tshark, capture, keys, server.Port, 1);
        Assert.Contains("GET /full HTTP/1.1", full, StringComparison.Ordinal);
        Assert.Contains("this was secret: full", full, StringComparison.Ordinal);
        Assert.Contains("GET /resumed HTTP/1.1", resumed, StringComparison.Ordinal);
        Assert.Contains("this was secret: resumed", resumed, StringComparison.Ordinal);

        string[] fullTypes = await FieldsAsync(tshark, capture, keys, server.Port, 0, "tls.handshake.type");
        string[] resumedTypes = await FieldsAsync(tshark, capture, keys, server.Port, 1, "tls.handshake.type");
        Assert.Contains(Certificate, fullTypes);
        Assert.DoesNotContain(Certificate, resumedTypes);
        Assert.Contains(PreSharedKey, await FieldsAsync(tshark, capture, keys, server.Port, 1, "tls.handshake.extension.type"));
        Assert.Empty(await FieldsAsync(tshark, capture, "/dev/null", server.Port, 0, "tls.handshake.certificate"));
    }

    private static async Task AnswerAsync(TlsStream stream, CancellationToken stop)
    {
        byte[] buffer = new byte[1024];
        int count = await stream.ReadAsync(buffer, stop);
        string name = Encoding.ASCII.GetString(buffer, 0, count).Split(' ')[1][1..];
        string body = $"this was secret: {name}";
        await stream.WriteAsync(Encoding.ASCII.GetBytes($"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {body.Length}\r\n\r\n{body}"), stop);
        await stream.ShutdownAsync();
        await Exchange.DrainAsync(stream, stop);
    }

    private static async Task AskAsync(TlsClientContext context, int port, string name)
    {
        await using TlsStream stream = new(await Loopback.ConnectAsync(port, Token));
        await stream.AuthenticateAsClientAsync(context, "localhost", port, Token);
        await stream.WriteAsync(Encoding.ASCII.GetBytes($"GET /{name} HTTP/1.1\r\nHost: localhost\r\n\r\n"), Token);
        await Exchange.DrainAsync(stream, Token);
        await stream.ShutdownAsync();
    }

    private static async Task WaitUntilCapturingAsync(PeerProcess capturing)
    {
        // "Capture started." comes once the device is open; without permission it says so and ends.
        Match match = await capturing.WaitForAsync(StartedPattern(), Token);
        if (match.Groups["no"].Success)
        {
            Peer.Missing($"tshark may not capture here ({match.Value.Trim()})");
        }
    }

    private static async Task InterruptAsync(PeerProcess process)
    {
        await using PeerProcess kill = PeerProcess.Start(Peer.Find("kill"), ["-INT", process.Id.ToString(CultureInfo.InvariantCulture)]);
        await kill.ExitAsync(Token);
        await process.ExitAsync(Token);
    }

    private static string[] Reading(string capture, string keys, int port)
        => ["-r", capture, "-o", $"tls.keylog_file:{keys}", "-d", string.Create(CultureInfo.InvariantCulture, $"tcp.port=={port},tls")];

    /// <summary>The decrypted bytes of one connection, as text.</summary>
    private static async Task<string> DissectAsync(string tshark, string capture, string keys, int port, int stream)
    {
        await using PeerProcess reading = PeerProcess.Start(tshark,
            [.. Reading(capture, keys, port), "-q", "-z", string.Create(CultureInfo.InvariantCulture, $"follow,tls,ascii,{stream}")]);
        Assert.True(await reading.ExitAsync(Token) == 0, reading.Tail);
        return reading.Output;
    }

    private static async Task<string[]> FieldsAsync(string tshark, string capture, string keys, int port, int stream, string field)
    {
        await using PeerProcess reading = PeerProcess.Start(tshark,
            [.. Reading(capture, keys, port), "-Y", string.Create(CultureInfo.InvariantCulture, $"tcp.stream == {stream}"), "-T", "fields", "-e", field]);
        Assert.True(await reading.ExitAsync(Token) == 0, reading.Tail);
        return [.. reading.Output.Split('\n').Where(line => !line.StartsWith("Running as", StringComparison.Ordinal)).SelectMany(line => line.Split(',')).Select(value => value.Trim()).Where(value => value.Length > 0)];
    }

    [GeneratedRegex(@"Capture started\.|(?<no>.*(permission|not permitted|no interface|couldn't).*)", RegexOptions.IgnoreCase)]
    private static partial Regex StartedPattern();

    [GeneratedRegex(@"(?:(?:FIN|RST)[\s\S]*?){3}")]
    private static partial Regex SecondClosedPattern();
}

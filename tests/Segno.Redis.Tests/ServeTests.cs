using System.Globalization;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using Segno.Interop.Tests.Peers;
using Segno.Redis.Tests.Servers;
using Segno.Sessions;
using Segno.Tests;

namespace Segno.Redis.Tests;

/// <summary>Three processes of <c>segno serve</c> that share ticket keys through Redis (Garnet): clients hop from one to the next.</summary>
[Collection(GarnetForAll.Name)]
public sealed partial class ServeTests(GarnetHost garnet) : IAsyncLifetime
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("segno-test-");
    private readonly List<(PeerProcess Process, int Port)> _nodes = [];

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        foreach ((PeerProcess process, _) in _nodes)
        {
            await process.DisposeAsync();
        }
        _directory.Delete(recursive: true);
        // The next test is another fleet, under another key.
        await garnet.Connection.GetDatabase().KeyDeleteAsync(["{segno:ticket-keys}:keys", "{segno:ticket-keys}:lease", "{segno:ticket-keys}:nodes"]);
    }

    [Theory]
    [InlineData(SslProtocols.Tls12)]
    [InlineData(SslProtocols.Tls13)]
    public async Task Clients_hop_between_nodes_and_are_resumed_each_time(SslProtocols version)
    {
        await StartFleetAsync(3, "--tls", version == SslProtocols.Tls12 ? "1.2" : "1.3");
        var client = new TlsClientContext(new TlsClientOptions { CertificateChainPolicy = TestPki.TrustRoot() });
        Assert.False((await AskAsync(client, 0)).IsResumed);
        for (int i = 0; i < 9; i++)
        {
            Assert.True((await AskAsync(client, i % 3)).IsResumed);
        }
    }

    /// <summary>A node that is new has the keys that the others use.</summary>
    [Fact]
    public async Task A_node_that_comes_later_resumes_what_the_others_issued()
    {
        await StartFleetAsync(1);
        var client = new TlsClientContext(new TlsClientOptions { CertificateChainPolicy = TestPki.TrustRoot() });
        Assert.False((await AskAsync(client, 0)).IsResumed);
        await StartFleetAsync(1);
        Assert.True((await AskAsync(client, 1)).IsResumed);
    }

    /// <summary>Without Redis it serves, says so, and makes full handshakes.</summary>
    [Fact]
    public async Task A_node_without_Redis_serves()
    {
        await StartNodeAsync(Loopback.FreePort());
        await _nodes[0].Process.WaitForAsync(Warning(), Token);
        var client = new TlsClientContext(new TlsClientOptions { CertificateChainPolicy = TestPki.TrustRoot() });
        Assert.False((await AskAsync(client, 0)).IsResumed);
        Assert.Equal(ResumptionStatus.NotOffered, (await AskAsync(client, 0)).Status);
    }

    private async Task StartFleetAsync(int count, params string[] more)
    {
        for (int i = 0; i < count; i++)
        {
            await StartNodeAsync(garnet.Port, more);
        }
    }

    private async Task StartNodeAsync(int redis, params string[] more)
    {
        string key = Path.Combine(_directory.FullName, "fleet.key");
        string certificate = Path.Combine(_directory.FullName, "server.pem");
        if (!File.Exists(key))
        {
            await File.WriteAllBytesAsync(key, RandomNumberGenerator.GetBytes(32), Token);
            await File.WriteAllTextAsync(certificate, TestPki.Ecdsa().ChainPem + TestPki.Ecdsa().KeyPem, Token);
        }
        string connection = string.Create(CultureInfo.InvariantCulture, $"redis:127.0.0.1:{redis},connectTimeout=1000,connectRetry=1");
        PeerProcess process = PeerProcess.StartSegno(
            ["serve", "--listen", "127.0.0.1:0", "--no-self-test", "--cert", certificate, "--store", connection, "--ticket-keys", connection, "--ticket-key-encryption-key", key, .. more]);
        _nodes.Add((process, 0));
        Match address = await process.WaitForAsync(Address(), Token);
        _nodes[^1] = (process, int.Parse(address.Groups[1].Value, CultureInfo.InvariantCulture));
    }

    private async Task<ResumptionOutcome> AskAsync(TlsClientContext client, int node)
    {
        using var tcp = new TcpClient();
        await tcp.ConnectAsync("127.0.0.1", _nodes[node].Port, Token);
        await using var stream = new TlsStream(tcp.GetStream());
        await stream.AuthenticateAsClientAsync(client, "localhost", 443, Token);
        await stream.WriteAsync("GET /api/connection HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"u8.ToArray(), Token);
        using var reader = new StreamReader(stream, Encoding.ASCII);
        string answer = await reader.ReadToEndAsync(Token);
        Assert.StartsWith("HTTP/1.1 200", answer, StringComparison.Ordinal);
        Assert.Contains($"\"resumed\":{(stream.Resumption.IsResumed ? "true" : "false")}", answer.Replace(" ", "", StringComparison.Ordinal), StringComparison.Ordinal);
        return stream.Resumption;
    }

    [GeneratedRegex(@"^https://127\.0\.0\.1:(\d+)", RegexOptions.Multiline)]
    private static partial Regex Address();

    [GeneratedRegex("no ticket keys from Redis yet")]
    private static partial Regex Warning();
}

using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;

namespace Segno.Bench.Fleet;

/// <summary>One <c>segno serve</c>, and what a load balancer asks it.</summary>
internal sealed class Node : IAsyncDisposable
{
    // A process that has just started compiles what it does first: a balancer gives it no clients before it has answered these.
    private const int Checks = 40;

    private readonly Child _process;
    private readonly HttpClient _http;

    private Node(Child process, Uri address, X509Certificate2 authority)
    {
        _process = process;
        Port = address.Port;
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.CustomTrustStore.Add(authority);
        _http = new HttpClient(new SocketsHttpHandler
        {
            SslOptions = new SslClientAuthenticationOptions { CertificateChainPolicy = policy },
            // Each request on a connection of its own.
            PooledConnectionLifetime = TimeSpan.Zero,
        })
        {
            BaseAddress = new UriBuilder(Uri.UriSchemeHttps, "localhost", Port).Uri,
        };
    }

    public int Port { get; }

    /// <summary>Starts one, and waits until it serves.</summary>
    public static async Task<Node> StartAsync(IEnumerable<string> arguments, X509Certificate2 authority)
    {
        var process = new Child("dotnet", arguments);
        var node = new Node(process, await process.AddressAsync(), authority);
        for (int i = 0; i < Checks; i++)
        {
            await node._http.GetStringAsync("/api/connection");
        }
        return node;
    }

    /// <summary>The number of the key that it seals tickets with; 0: it has none.</summary>
    public async Task<long> ActiveKeyAsync()
    {
        using JsonDocument stats = JsonDocument.Parse(await _http.GetStringAsync("/api/stats"));
        return stats.RootElement.GetProperty("ticketKeys").EnumerateArray()
            .Where(key => key.GetProperty("phase").GetString() == "active").Select(key => key.GetProperty("epoch").GetInt64()).FirstOrDefault();
    }

    public Task EndAsync() => _process.EndAsync(Signal.Terminate);

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await _process.DisposeAsync();
    }
}

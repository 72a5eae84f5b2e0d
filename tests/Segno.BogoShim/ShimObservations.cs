using System.Globalization;
using System.Net.Security;

namespace Segno.BogoShim;

/// <summary>What the library's callbacks saw on one connection.</summary>
internal sealed class ShimObservations
{
    private readonly Dictionary<string, byte[]> _secrets = [];

    /// <summary>How often the peer's certificate was put before us.</summary>
    public int Verifications { get; set; }

    /// <summary>Whether we found it wanting.</summary>
    public bool VerificationFailed { get; set; }

    /// <summary>The reason of BoringSSL's for a refusal that was not the library's but ours, its application's.</summary>
    public string? Refusal { get; set; }

    /// <summary>Server: the application protocols the client offered, if anybody looked.</summary>
    public IReadOnlyList<SslApplicationProtocol>? OfferedProtocols { get; set; }

    /// <summary>Client: how many sessions the server gave.</summary>
    public int Sessions { get; set; }

    /// <summary>Server: how many sessions are in the store.</summary>
    public Func<long> StoredSessions { get; set; } = () => 0;

    /// <summary>Client: the schemes in the server's request for a certificate.</summary>
    public IReadOnlyList<TlsSignatureScheme>? PeerSchemes { get; set; }

    /// <summary>Client: the authorities in the server's request for a certificate.</summary>
    public IReadOnlyList<ReadOnlyMemory<byte>>? ClientAuthorities { get; set; }

    /// <summary>Keeps a line of the key log: label, client random, secret.</summary>
    public void Log(string line)
    {
        string[] fields = line.Split(' ');
        _secrets[fields[0]] = Convert.FromHexString(fields[2]);
    }

    public byte[] Secret(string label) =>
        _secrets.TryGetValue(label, out byte[]? secret) ? secret : throw new ShimFailedException(string.Create(CultureInfo.InvariantCulture, $"no {label} in the key log"));
}

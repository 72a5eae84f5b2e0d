using System.Text.Json;
using System.Text.Json.Serialization;

namespace Segno.Bench.Peers;

/// <summary>One line of a worker: what one case cost in one round. The C driver writes the same names.</summary>
internal sealed record Sample
{
    public required string Peer { get; init; }

    public string? Version { get; init; }

    public string Case { get; init; } = "";

    // Handshakes
    public long Handshakes { get; init; }

    public long ResumedClient { get; init; }

    public long ResumedServer { get; init; }

    public long ClientCpuNs { get; init; }

    public long ServerCpuNs { get; init; }

    public long ProcessCpuNs { get; init; }

    public long ClientBytes { get; init; }

    public long ServerBytes { get; init; }

    public long? ClientAllocated { get; init; }

    public long? ServerAllocated { get; init; }

    // Bulk
    public long Bytes { get; init; }

    public long WireBytes { get; init; }

    public long SendCpuNs { get; init; }

    public long ReceiveCpuNs { get; init; }

    public long? SendAllocated { get; init; }

    public long? ReceiveAllocated { get; init; }

    public static JsonSerializerOptions Json { get; } = new(JsonSerializerDefaults.Web)
    {
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingDefault,
    };
}

/// <summary>The names of the cases, as the workers know them.</summary>
internal static class Cases
{
    public const string Tls12Full = "tls12-full";
    public const string Tls12Id = "tls12-id";
    public const string Tls12Ticket = "tls12-ticket";
    public const string Full = "tls13-full";
    public const string PskDhe = "tls13-psk-dhe";
    public const string BulkToServer = "bulk-to-server";
    public const string BulkToClient = "bulk-to-client";

    public static readonly string[] Handshakes = [Tls12Full, Tls12Id, Tls12Ticket, Full, PskDhe];
    public static readonly string[] Bulk = [BulkToServer, BulkToClient];
    public static readonly string[] All = [.. Handshakes, .. Bulk];

    public static bool IsResumed(string name) => name is Tls12Id or Tls12Ticket or PskDhe;

    public static bool IsTls12(string name) => name is Tls12Full or Tls12Id or Tls12Ticket;

    /// <summary>SslStream's server keeps no sessions, so it knows no session ID again.</summary>
    public static bool IsKnownTo(string peer, string name) => peer != "sslstream" || name != Tls12Id;
}

using Segno.Handshake;

namespace Segno.Tests.Connections;

/// <summary>Well-formed handshake messages, taken from recorded handshakes.</summary>
internal static class HandshakeCorpus
{
    private static readonly Lazy<List<byte[]>> s_all = new(Collect);

    /// <summary>All messages of one handshake of each variant, and those that are in none.</summary>
    public static List<byte[]> All => s_all.Value;

    /// <summary>One message of each kind, HelloRetryRequest apart from ServerHello.</summary>
    public static List<byte[]> OneOfEach => [.. All.DistinctBy(StateWalk.NameOf)];

    /// <summary>Whether a fault says what a peer did wrong.</summary>
    public static bool IsNamed(TlsFault fault)
        => fault is not (TlsFault.None or TlsFault.InternalError or TlsFault.CryptographyFailed or TlsFault.CallbackFailed or TlsFault.PeerAlert);

    private static List<byte[]> Collect()
    {
        List<byte[]> messages = [];
        foreach (HandshakeVariant variant in Enum.GetValues<HandshakeVariant>())
        {
            using var contexts = new VariantContexts(variant);
            (List<byte[]> fromClient, List<byte[]> fromServer) = contexts.Record();
            messages.AddRange(fromClient);
            messages.AddRange(fromServer);
        }
        foreach (HandshakeType type in (HandshakeType[])[HandshakeType.HelloRequest, HandshakeType.EndOfEarlyData, HandshakeType.MessageHash, (HandshakeType)99])
        {
            messages.Add([(byte)type, 0, 0, 0]);
        }
        messages.Add([(byte)HandshakeType.KeyUpdate, 0, 0, 1, 0]);
        messages.Add([(byte)HandshakeType.KeyUpdate, 0, 0, 1, 1]);
        return messages;
    }
}

using Segno.Buffers;

namespace Segno.Handshake.Extensions;

/// <summary>ticket_request (RFC 9149 §3): how many tickets a client would like, and how many the server means to send. TLS 1.3 only.</summary>
/// <remarks><code>
/// struct {
///     uint8 new_session_count;
///     uint8 resumption_count;
/// } ClientTicketRequest;
/// struct {
///     uint8 expected_count;
/// } ServerTicketRequestHint;
/// </code></remarks>
internal static class TicketRequest
{
    /// <summary>More are not granted: enough for every client we know, and no lever to make a server work.</summary>
    public const int MaxGranted = 4;

    public static void Write(TlsWriter writer, TlsTicketRequest request)
    {
        writer.UInt8(request.OnFullHandshake);
        writer.UInt8(request.OnResumption);
    }

    /// <summary>Server: the client's wish; <see langword="null"/>: it has none.</summary>
    public static TlsTicketRequest? Read(ExtensionBlock clientHello)
    {
        if (!clientHello.TryGet(ExtensionType.TicketRequest, out TlsReader data))
        {
            return null;
        }
        var request = new TlsTicketRequest(data.UInt8(), data.UInt8());
        data.End();
        return request;
    }

    /// <summary>How many tickets to send: what the client asks for, within bounds; where it does not ask, or none are sent at all, what is configured.</summary>
    public static int Grant(int configured, int? wanted) => configured > 0 && wanted is { } count ? Math.Min(count, MaxGranted) : configured;

    public static void WriteHint(TlsWriter writer, int count)
    {
        writer.UInt16((int)ExtensionType.TicketRequest);
        writer.UInt16(1);
        writer.UInt8(count);
    }

    /// <summary>Client: how many tickets the server means to send; <see langword="null"/>: it does not say.</summary>
    public static int? ReadHint(ExtensionBlock encryptedExtensions)
    {
        if (!encryptedExtensions.TryGet(ExtensionType.TicketRequest, out TlsReader data))
        {
            return null;
        }
        int count = data.UInt8();
        data.End();
        return count;
    }
}

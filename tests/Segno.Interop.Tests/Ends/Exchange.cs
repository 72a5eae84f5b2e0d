using System.Text;

namespace Segno.Interop.Tests.Ends;

/// <summary>Ten megabytes each way at once, and then both ends close.</summary>
internal static class Exchange
{
    /// <summary>Sends and receives the framed payload at the same time, then closes and waits for the other's end.</summary>
    public static async Task FramedAsync(TlsStream stream, CancellationToken cancellationToken)
    {
        Task sending = stream.WriteAsync(Payload.Framed, cancellationToken).AsTask();
        byte[] received = new byte[Payload.Framed.Length];
        await stream.ReadExactlyAsync(received, cancellationToken);
        await sending;
        Payload.AssertIn(Encoding.Latin1.GetString(received));
        await stream.ShutdownAsync();
        await DrainAsync(stream, cancellationToken);
    }

    /// <summary>First receives, then sends: gnutls-cli takes 40 s where both go at once.</summary>
    public static async Task FramedInTurnAsync(TlsStream stream, CancellationToken cancellationToken)
    {
        byte[] received = new byte[Payload.Framed.Length];
        await stream.ReadExactlyAsync(received, cancellationToken);
        Payload.AssertIn(Encoding.Latin1.GetString(received));
        await stream.WriteAsync(Payload.Framed, cancellationToken);
        await stream.ShutdownAsync();
        await DrainAsync(stream, cancellationToken);
    }

    /// <summary>At once, for any stream; without the close.</summary>
    public static async Task FramedAsync(Stream stream, CancellationToken cancellationToken)
    {
        Task sending = stream.WriteAsync(Payload.Framed, cancellationToken).AsTask();
        byte[] received = new byte[Payload.Framed.Length];
        await stream.ReadExactlyAsync(received, cancellationToken);
        await sending;
        Payload.AssertIn(Encoding.Latin1.GetString(received));
    }

    /// <summary>Reads to the end. Many programs end without close_notify once they have seen ours.</summary>
    public static async Task DrainAsync(Stream stream, CancellationToken cancellationToken)
    {
        byte[] rest = new byte[1024];
        try
        {
            while (await stream.ReadAsync(rest, cancellationToken) > 0)
            {
            }
        }
        catch (TlsException e) when (e.Fault is TlsFault.Truncated or TlsFault.TransportFailed)
        {
        }
        catch (IOException e) when (e is not TlsException)
        {
        }
    }
}

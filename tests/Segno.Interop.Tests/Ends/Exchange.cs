using System.Text;

namespace Segno.Interop.Tests.Ends;

/// <summary>Ten megabytes each way at once, and then both ends close.</summary>
internal static class Exchange
{
    /// <summary>What goes each way on a connection that only makes a session.</summary>
    public static readonly byte[] Hello = "hello\n"u8.ToArray();

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

    /// <summary>The server's part of a connection that only makes a session: a line comes, a line goes, and both ends close.</summary>
    public static async Task HelloAsync(TlsStream stream, CancellationToken cancellationToken)
    {
        byte[] received = new byte[Hello.Length];
        await stream.ReadExactlyAsync(received, cancellationToken);
        Assert.Equal(Hello, received);
        await stream.WriteAsync(Hello, cancellationToken);
        await stream.ShutdownAsync();
        await DrainAsync(stream, cancellationToken);
    }

    /// <summary>Sends to a peer that sends everything back; then both ends close.</summary>
    /// <param name="stream">Our end.</param>
    /// <param name="data">What to send.</param>
    /// <param name="piece">How much may be on its way at a time; 0: any number of bytes.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public static async Task EchoedAsync(TlsStream stream, ReadOnlyMemory<byte> data, int piece, CancellationToken cancellationToken)
    {
        byte[] received = new byte[data.Length];
        int length = piece == 0 ? data.Length : piece;
        for (int start = 0; start < data.Length; start += length)
        {
            length = Math.Min(length, data.Length - start);
            Task sending = stream.WriteAsync(data.Slice(start, length), cancellationToken).AsTask();
            await stream.ReadExactlyAsync(received.AsMemory(start, length), cancellationToken);
            await sending;
        }
        int same = data.Span.CommonPrefixLength(received);
        Assert.True(same == data.Length, $"only the first {same} bytes that came back are right");
        await stream.ShutdownAsync();
        await DrainAsync(stream, cancellationToken);
    }

    /// <summary>Answers one HTTP/1.1 request with its own body, the framed payload; then both ends close.</summary>
    public static async Task HttpEchoAsync(TlsStream stream, CancellationToken cancellationToken)
    {
        StringBuilder head = new();
        byte[] one = new byte[1];
        while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
        {
            await stream.ReadExactlyAsync(one, cancellationToken);
            head.Append((char)one[0]);
        }
        byte[] body = new byte[Payload.Framed.Length];
        await stream.ReadExactlyAsync(body, cancellationToken);
        Payload.AssertIn(Encoding.Latin1.GetString(body));
        await stream.WriteAsync(Encoding.Latin1.GetBytes($"HTTP/1.1 200 OK\r\nContent-Length: {body.Length}\r\nConnection: close\r\n\r\n"), cancellationToken);
        await stream.WriteAsync(body, cancellationToken);
        await stream.ShutdownAsync();
        await DrainAsync(stream, cancellationToken);
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

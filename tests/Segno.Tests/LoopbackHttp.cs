using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Segno.Tests;

/// <summary>HTTP on a loopback port, as much of it as revocation lists and OCSP need: an answer per path, one request per connection.</summary>
public sealed class LoopbackHttp : IAsyncDisposable
{
    private readonly Socket _listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _accepting;

    public LoopbackHttp()
    {
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _listener.Listen();
        Port = ((IPEndPoint)_listener.LocalEndPoint!).Port;
        _accepting = AcceptAsync();
    }

    public int Port { get; }

    /// <summary>Path to answer, given the body of the request; what is not here is 404.</summary>
    public ConcurrentDictionary<string, Func<byte[], byte[]>> Answers { get; } = new();

    /// <summary>The paths asked for, in order.</summary>
    public ConcurrentQueue<string> Asked { get; } = new();

    public string Url(string path) => string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{Port}{path}");

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Dispose();
        await _accepting;
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                using Socket socket = await _listener.AcceptAsync(_stop.Token);
                await using var stream = new NetworkStream(socket);
                await AnswerAsync(stream);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // Stopped.
        }
    }

    private async Task AnswerAsync(NetworkStream stream)
    {
        try
        {
            (string path, byte[] request) = await ReadRequestAsync(stream);
            Asked.Enqueue(path);
            byte[]? body = Answers.TryGetValue(path, out Func<byte[], byte[]>? answer) ? answer(request) : null;
            string head = string.Create(CultureInfo.InvariantCulture,
                $"HTTP/1.1 {(body is null ? "404 Not Found" : "200 OK")}\r\nContent-Length: {body?.Length ?? 0}\r\nConnection: close\r\n\r\n");
            await stream.WriteAsync((byte[])[.. Encoding.ASCII.GetBytes(head), .. body ?? []], _stop.Token);
        }
        catch (IOException)
        {
            // The client left; the next one is served.
        }
    }

    /// <summary>Reads head and body, so that closing the connection resets nothing.</summary>
    private async Task<(string Path, byte[] Body)> ReadRequestAsync(NetworkStream stream)
    {
        byte[] buffer = new byte[32 * 1024];
        int length = 0;
        while (true)
        {
            int read = await stream.ReadAsync(buffer.AsMemory(length), _stop.Token);
            length += read;
            string text = Encoding.Latin1.GetString(buffer, 0, length);
            int end = text.IndexOf("\r\n\r\n", StringComparison.Ordinal);
            if (read == 0 || (end >= 0 && length >= end + 4 + ContentLength(text[..end])))
            {
                return (text.Split(' ') is [_, var path, ..] ? path : "", buffer[Math.Min(length, end + 4)..length]);
            }
        }
    }

    private static int ContentLength(string head)
    {
        const string Name = "\r\nContent-Length:";
        int at = head.IndexOf(Name, StringComparison.OrdinalIgnoreCase);
        return at < 0 ? 0 : int.Parse(head[(at + Name.Length)..].Split("\r\n")[0], CultureInfo.InvariantCulture);
    }
}

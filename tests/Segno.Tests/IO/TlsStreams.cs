using Segno.Tests.Connections;

namespace Segno.Tests.IO;

/// <summary>A client's and a server's <see cref="TlsStream"/> on the two ends of a <see cref="DuplexPair"/>.</summary>
internal sealed class TlsStreams : IAsyncDisposable
{
    private TlsStreams(DuplexPair transport)
    {
        Transport = transport;
        Client = new TlsStream(transport.Client);
        Server = new TlsStream(transport.Server);
    }

    public DuplexPair Transport { get; }

    public TlsStream Client { get; }

    public TlsStream Server { get; }

    public static TlsStreams Create(DuplexModes? modes = null) => new(new DuplexPair(modes));

    public static async Task<TlsStreams> ConnectAsync(
        DuplexModes? modes = null, Action<TlsClientOptions>? client = null, Action<TlsServerOptions>? server = null)
    {
        (TlsClientContext clientContext, TlsServerContext serverContext) = HandshakeTests.Contexts(client, server);
        return await ConnectAsync(clientContext, serverContext, modes);
    }

    public static async Task<TlsStreams> ConnectAsync(TlsClientContext client, TlsServerContext server, DuplexModes? modes = null)
    {
        TlsStreams streams = Create(modes);
        await Task.WhenAll(
            streams.Server.AuthenticateAsServerAsync(server, Cancel),
            streams.Client.AuthenticateAsClientAsync(client, "localhost", Cancel));
        return streams;
    }

    /// <summary>The test's own end.</summary>
    public static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public static byte[] Data(int length, int seed = 1)
    {
        byte[] data = new byte[length];
        new Random(seed).NextBytes(data);
        return data;
    }

    public static async Task<byte[]> ReadExactlyAsync(Stream stream, int count)
    {
        byte[] data = new byte[count];
        await stream.ReadExactlyAsync(data, Cancel);
        return data;
    }

    public async ValueTask DisposeAsync()
    {
        // Bounded: tests leave streams in every state.
        await Client.DisposeAsync();
        await Server.DisposeAsync();
    }
}

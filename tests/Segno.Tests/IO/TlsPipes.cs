using System.Buffers;
using System.IO.Pipelines;
using Segno.Tests.Connections;

namespace Segno.Tests.IO;

/// <summary>A client's and a server's <see cref="TlsDuplexPipe"/> on the two ends of a <see cref="PipePair"/>.</summary>
internal sealed class TlsPipes : IAsyncDisposable
{
    private TlsPipes(PipePair transport)
    {
        Transport = transport;
        Client = new TlsDuplexPipe(transport.Client);
        Server = new TlsDuplexPipe(transport.Server);
    }

    public PipePair Transport { get; }

    public TlsDuplexPipe Client { get; }

    public TlsDuplexPipe Server { get; }

    public static TlsPipes Create(PipeOptions? options = null, int? seed = null) => new(new PipePair(options, seed));

    public static async Task<TlsPipes> ConnectAsync(PipeOptions? options = null, int? seed = null)
    {
        (TlsClientContext clientContext, TlsServerContext serverContext) = HandshakeTests.Contexts();
        TlsPipes pipes = Create(options, seed);
        await Task.WhenAll(
            pipes.Server.AuthenticateAsServerAsync(serverContext, TlsStreams.Cancel),
            pipes.Client.AuthenticateAsClientAsync(clientContext, "localhost", TlsStreams.Cancel));
        return pipes;
    }

    /// <summary>Small pieces of memory and small thresholds, so that records are spread and writers wait.</summary>
    public static PipeOptions Narrow(int pieces, int pause) => new(
        pool: new PiecesPool(pieces), minimumSegmentSize: pieces, pauseWriterThreshold: pause, resumeWriterThreshold: pause / 2, useSynchronizationContext: false);

    public static async Task<byte[]> ReadExactlyAsync(PipeReader reader, int count)
    {
        ReadResult result = await reader.ReadAtLeastAsync(count, TlsStreams.Cancel);
        Assert.True(result.Buffer.Length >= count);
        byte[] data = result.Buffer.Slice(0, count).ToArray();
        reader.AdvanceTo(result.Buffer.GetPosition(count));
        return data;
    }

    public async ValueTask DisposeAsync()
    {
        await Client.DisposeAsync();
        await Server.DisposeAsync();
    }

    private sealed class PiecesPool(int size) : MemoryPool<byte>
    {
        public override int MaxBufferSize => size;

        public override IMemoryOwner<byte> Rent(int minBufferSize = -1) => new Piece(new byte[size]);

        protected override void Dispose(bool disposing)
        {
        }

        private sealed class Piece(byte[] bytes) : IMemoryOwner<byte>
        {
            public Memory<byte> Memory => bytes;

            public void Dispose()
            {
            }
        }
    }
}

using System.Text.RegularExpressions;
using Segno.Interop.Tests.Ends;
using Segno.Interop.Tests.Peers;

namespace Segno.Interop.Tests.Matrix;

/// <summary>
/// A TLS made by others. Whether a connection was resumed is what it says, never what we say. Its servers are started when first
/// needed, serve all cells they can, and end with this.
/// </summary>
public abstract class MatrixPeer : IAsyncDisposable
{
    private readonly Dictionary<object, PeerServer> _servers = [];

    private protected MatrixPeer()
    {
        Root = Scratch.Root();
    }

    internal Scratch Scratch { get; } = Make.Scratch();

    /// <summary>The trusted root as a PEM file.</summary>
    internal string Root { get; }

    /// <summary>
    /// Connects to our server, once or twice as the cell wants. Ten megabytes go each way on the last connection, and the peer's
    /// half of them is checked here.
    /// </summary>
    /// <returns>Of each connection, whether the peer says that it was resumed.</returns>
    internal abstract Task<bool[]> ConnectAsync(Cell cell, int port, CancellationToken cancellationToken);

    /// <summary>Our server's part of a connection.</summary>
    internal virtual Task AnswerAsync(Cell cell, TlsStream stream, bool last, CancellationToken cancellationToken)
        => last ? Exchange.FramedInTurnAsync(stream, cancellationToken) : Exchange.HelloAsync(stream, cancellationToken);

    /// <summary>The peer's server for a cell.</summary>
    internal async Task<PeerServer> ServerAsync(Cell cell, CancellationToken cancellationToken)
    {
        object kind = ServerKind(cell);
        if (!_servers.TryGetValue(kind, out PeerServer? server))
        {
            _servers[kind] = server = await StartServerAsync(cell, cancellationToken);
        }
        return server;
    }

    public virtual async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        foreach (PeerServer server in _servers.Values)
        {
            await server.DisposeAsync();
        }
        Scratch.Dispose();
    }

    /// <summary>Cells of one kind share a server. By default the client chooses the version.</summary>
    private protected virtual object ServerKind(Cell cell) => (cell.Key, cell.Tickets);

    private protected virtual Task<PeerServer> StartServerAsync(Cell cell, CancellationToken cancellationToken)
        => throw new NotSupportedException($"{GetType().Name} has no server");

    /// <summary>Chain and key of the cell's server as PEM files.</summary>
    private protected (string Chain, string Key) Pem(Cell cell) => cell.Certificate.WritePem(Scratch.Path, cell.Key.ToString());

    /// <summary>Runs a program to its successful end, feeding it the input.</summary>
    private protected static async Task<string> RunAsync(
        string program, IEnumerable<string> arguments, ReadOnlyMemory<byte> input, CancellationToken cancellationToken, IReadOnlyDictionary<string, string>? environment = null)
    {
        await using PeerProcess process = PeerProcess.Start(program, arguments, environment);
        try
        {
            await process.WriteAsync(input, cancellationToken);
            process.CloseInput();
        }
        catch (IOException)
        {
            // It ended early; its exit code and its last words tell more.
        }
        Assert.True(await process.ExitAsync(cancellationToken) == 0, process.Tail);
        return process.Output;
    }
}

/// <summary>A peer's server that our client connects to.</summary>
internal abstract class PeerServer : IAsyncDisposable
{
    public abstract int Port { get; }

    /// <summary>Called before each connection.</summary>
    public abstract void Expect(CancellationToken cancellationToken);

    /// <summary>Our client's part of a connection: ten megabytes each way on the last. Closes it, too.</summary>
    /// <returns>Whether the peer says that it was resumed.</returns>
    public abstract Task<bool> TalkAsync(TlsStream stream, bool last, CancellationToken cancellationToken);

    public abstract ValueTask DisposeAsync();
}

/// <summary>A program that sends back what it gets, and says of each connection how it came to be.</summary>
/// <param name="process">The program, listening.</param>
/// <param name="port">Its port.</param>
/// <param name="said">What it says of a connection; the group "resumed" matches where it was resumed.</param>
/// <param name="piece">How many bytes it may be sent before it has sent back what came before; 0: any number.</param>
internal sealed class EchoServer(PeerProcess process, int port, Regex said, int piece = 0) : PeerServer
{
    private int _from;

    public override int Port => port;

    public override void Expect(CancellationToken cancellationToken) => _from = process.Output.Length;

    public override async Task<bool> TalkAsync(TlsStream stream, bool last, CancellationToken cancellationToken)
    {
        await Exchange.EchoedAsync(stream, last ? Payload.Bytes : Exchange.Hello, piece, cancellationToken);
        return (await process.WaitForAsync(said, cancellationToken, _from)).Groups["resumed"].Success;
    }

    public override ValueTask DisposeAsync() => process.DisposeAsync();
}

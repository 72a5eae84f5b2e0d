using Segno.Interop.Tests.Ends;
using Segno.Interop.Tests.Peers;

namespace Segno.Interop.Tests.Matrix;

/// <summary>Makes the connections of a cell with a peer, and checks them.</summary>
internal static class CellRun
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    /// <param name="peer">The other end.</param>
    /// <param name="cell">What to make.</param>
    /// <param name="group">The only key-exchange group that we allow; <see langword="null"/>: all.</param>
    public static Task RunAsync(MatrixPeer peer, Cell cell, TlsNamedGroup? group = null)
    {
        IList<TlsNamedGroup>? groups = group is { } only ? [only] : null;
        if (cell.Segno == Role.Server)
        {
            TlsServerOptions server = cell.ServerOptions();
            server.SupportedGroups = groups;
            return ServeAsync(peer, cell, server);
        }
        TlsClientOptions client = cell.ClientOptions();
        client.SupportedGroups = groups;
        return ConnectAsync(peer, cell, client);
    }

    private static async Task ServeAsync(MatrixPeer peer, Cell cell, TlsServerOptions options)
    {
        int accepted = 0;
        await using SegnoServer server = new(
            options, (stream, stop) => peer.AnswerAsync(cell, stream, last: Interlocked.Increment(ref accepted) == cell.Connections, stop));
        bool[] said = await peer.ConnectAsync(cell, server.Port, Token);
        List<TlsConnectionInfo> infos = [];
        while (infos.Count < cell.Connections)
        {
            infos.Add((await server.NextAsync(Token)).Succeeded());
        }
        cell.Check(said, infos);
    }

    private static async Task ConnectAsync(MatrixPeer peer, Cell cell, TlsClientOptions options)
    {
        PeerServer server = await peer.ServerAsync(cell, Token);
        TlsClientContext context = new(options);
        List<bool> said = [];
        List<TlsConnectionInfo> infos = [];
        while (infos.Count < cell.Connections)
        {
            server.Expect(Token);
            await using TlsStream stream = new(await Loopback.ConnectAsync(server.Port, Token));
            await stream.AuthenticateAsClientAsync(context, "localhost", server.Port, Token);
            said.Add(await server.TalkAsync(stream, last: infos.Count == cell.Connections - 1, Token));
            infos.Add(stream.ConnectionInfo);
        }
        cell.Check([.. said], infos);
    }
}

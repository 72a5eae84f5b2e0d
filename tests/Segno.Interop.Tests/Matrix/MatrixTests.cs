using System.Security.Authentication;
using Segno.Interop.Tests.Ends;
using Segno.Interop.Tests.Peers;
using Segno.Sessions;
using Segno.Tests;

namespace Segno.Interop.Tests.Matrix;

/// <summary>
/// Every peer × version × mechanism × certificate × end, ten megabytes each way. A class for each peer, so that two run at
/// the same time and cells share the peer's servers. What a peer cannot do is in <see cref="MatrixTable"/>.
/// </summary>
public abstract class MatrixTests<TPeer>(TPeer peer) : IClassFixture<TPeer>
    where TPeer : MatrixPeer
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [Cells]
    public Task Cell(Role segno, SslProtocols version, ResumptionMechanism mechanism, TestKeyKind key)
    {
        Cell cell = new(segno, version, mechanism, key);
        return segno == Role.Server ? ServeAsync(cell) : ConnectAsync(cell);
    }

    /// <summary>A cell that is listed as beyond the peer, and works, is listed wrongly.</summary>
    [Theory(SkipTestWithoutData = true)]
    [Cells(Impossible = true)]
    public async Task Listed_as_impossible(Role segno, SslProtocols version, ResumptionMechanism mechanism, TestKeyKind key)
        => await Assert.ThrowsAnyAsync<Exception>(() => Cell(segno, version, mechanism, key));

    private async Task ServeAsync(Cell cell)
    {
        await using SegnoServer server = new(cell.ServerOptions(), (stream, stop) => peer.AnswerAsync(cell, stream, !cell.Resumes || stream.Resumption.IsResumed, stop));
        bool[] said = await peer.ConnectAsync(cell, server.Port, Token);
        Assert.Equal(cell.Expected, said);
        for (int number = 1; number <= cell.Connections; number++)
        {
            cell.Check((await server.NextAsync(Token)).Succeeded(), last: number == cell.Connections);
        }
    }

    private async Task ConnectAsync(Cell cell)
    {
        PeerServer server = await peer.ServerAsync(cell, Token);
        TlsClientContext context = new(cell.ClientOptions());
        List<bool> said = [];
        for (int number = 1; number <= cell.Connections; number++)
        {
            bool last = number == cell.Connections;
            server.Expect(Token);
            await using TlsStream stream = new(await Loopback.ConnectAsync(server.Port, Token));
            await stream.AuthenticateAsClientAsync(context, "localhost", server.Port, Token);
            said.Add(await server.TalkAsync(stream, last, Token));
            cell.Check(stream.ConnectionInfo, last);
        }
        Assert.Equal(cell.Expected, said);
    }
}

public sealed class OpenSslMatrix(OpenSslPeer peer) : MatrixTests<OpenSslPeer>(peer);

public sealed class CurlMatrix(CurlPeer peer) : MatrixTests<CurlPeer>(peer);

public sealed class GnuTlsMatrix(GnuTlsPeer peer) : MatrixTests<GnuTlsPeer>(peer);

public sealed class SslStreamMatrix(SslStreamPeer peer) : MatrixTests<SslStreamPeer>(peer);

public sealed class BouncyCastleMatrix(BouncyCastlePeer peer) : MatrixTests<BouncyCastlePeer>(peer);

public sealed class JavaMatrix(JavaPeer peer) : MatrixTests<JavaPeer>(peer);

public sealed class NodeMatrix(NodePeer peer) : MatrixTests<NodePeer>(peer);

public sealed class Node24Matrix(Node24Peer peer) : MatrixTests<Node24Peer>(peer);

public sealed class PythonMatrix(PythonPeer peer) : MatrixTests<PythonPeer>(peer);

public sealed class NssMatrix(NssPeer peer) : MatrixTests<NssPeer>(peer);

public sealed class WolfSslMatrix(WolfSslPeer peer) : MatrixTests<WolfSslPeer>(peer);

public sealed class MbedTlsMatrix(MbedTlsPeer peer) : MatrixTests<MbedTlsPeer>(peer);

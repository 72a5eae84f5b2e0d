using System.Security.Authentication;
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
    [Theory]
    [Cells]
    public async Task Cell(Role segno, SslProtocols version, ResumptionMechanism mechanism, TestKeyKind key, bool works)
    {
        Cell cell = new(segno, version, mechanism, key);
        Func<Task> run = () => CellRun.RunAsync(peer, cell);
        if (works)
        {
            await run();
        }
        else
        {
            // What is listed as beyond the peer has to fail, and for the reason that is listed.
            Exception failure = await Assert.ThrowsAnyAsync<Exception>(run);
            Assert.Contains(MatrixTable.GapOf(typeof(TPeer), cell)!.Sign!, failure.Message, StringComparison.Ordinal);
        }
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

using Segno.Interop.Tests.Peers;

namespace Segno.Interop.Tests.Matrix;

/// <summary>What is listed as beyond a peer is about cells that there are, and each has one reason. That the listed cells still fail, where they can be tried, is seen in <see cref="MatrixTests{TPeer}"/>.</summary>
public sealed class MatrixTableTests
{
    [Fact]
    public void Every_peer_has_a_test_class()
    {
        Type[] tested = [.. typeof(MatrixTests<>).Assembly.GetTypes()
            .Select(type => type.BaseType)
            .Where(type => type is { IsGenericType: true } && type.GetGenericTypeDefinition() == typeof(MatrixTests<>))
            .Select(type => type!.GetGenericArguments()[0])];
        Assert.Equal(MatrixTable.Peers.Select(peer => peer.Name).Order(StringComparer.Ordinal), tested.Select(peer => peer.Name).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Every_listed_gap_is_about_cells_of_a_peer()
    {
        Assert.All(MatrixTable.Gaps, gap =>
        {
            Assert.Contains(gap.Peer, MatrixTable.Peers);
            Assert.Contains(MatrixTable.All, cell => gap.Covers(cell));
        });
    }

    [Fact]
    public void No_cell_has_two_reasons()
        => Assert.All(MatrixTable.Peers, peer => Assert.All(MatrixTable.All, cell => Assert.InRange(MatrixTable.Gaps.Count(gap => gap.Peer == peer && gap.Covers(cell)), 0, 1)));

    [Fact]
    public void The_documentation_tells_every_reason()
    {
        string told = File.ReadAllText(Path.Combine(Peer.Repository, "docs", "interop.md"));
        Assert.All(MatrixTable.Gaps, gap => Assert.Contains(gap.Reason, told, StringComparison.Ordinal));
    }

    /// <summary>The documentation's numbers of cells.</summary>
    [Theory]
    [InlineData(typeof(OpenSslPeer), 20)]
    [InlineData(typeof(CurlPeer), 8)]
    [InlineData(typeof(GnuTlsPeer), 20)]
    [InlineData(typeof(SslStreamPeer), 18)]
    [InlineData(typeof(BouncyCastlePeer), 12)]
    [InlineData(typeof(JavaPeer), 20)]
    [InlineData(typeof(NodePeer), 20)]
    [InlineData(typeof(Node24Peer), 20)]
    [InlineData(typeof(PythonPeer), 20)]
    [InlineData(typeof(NssPeer), 20)]
    [InlineData(typeof(WolfSslPeer), 20)]
    [InlineData(typeof(MbedTlsPeer), 12)]
    public void So_many_cells_work(Type peer, int count)
        => Assert.Equal(count, MatrixTable.All.Count(cell => MatrixTable.GapOf(peer, cell) is null));
}

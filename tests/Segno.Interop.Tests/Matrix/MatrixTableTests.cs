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
}

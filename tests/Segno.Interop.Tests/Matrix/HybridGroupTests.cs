using System.Security.Authentication;
using Org.BouncyCastle.Tls;
using Segno.Sessions;
using Segno.Tests;

namespace Segno.Interop.Tests.Matrix;

/// <summary>X25519MLKEM768 with those that have it. It is the only group that we allow: without it there is no connection.</summary>
public sealed class HybridGroupTests
{
    [Theory]
    [InlineData(Role.Server, ResumptionMechanism.None)]
    [InlineData(Role.Server, ResumptionMechanism.Psk)]
    [InlineData(Role.Client, ResumptionMechanism.None)]
    [InlineData(Role.Client, ResumptionMechanism.Psk)]
    public async Task Node_with_OpenSSL_35(Role segno, ResumptionMechanism mechanism)
    {
        await using Node24Peer peer = new();
        await CellRun.RunAsync(peer, new Cell(segno, SslProtocols.Tls13, mechanism, TestKeyKind.P256), TlsNamedGroup.X25519MLKem768);
    }

    [Theory]
    [InlineData(Role.Server)]
    [InlineData(Role.Client)]
    public async Task Bouncy_Castle(Role segno)
    {
        await using BouncyCastlePeer peer = new() { Groups = [NamedGroup.X25519MLKEM768] };
        await CellRun.RunAsync(peer, new Cell(segno, SslProtocols.Tls13, ResumptionMechanism.None, TestKeyKind.P256), TlsNamedGroup.X25519MLKem768);
    }

    /// <summary>The test's test: who does not have the group gets no connection.</summary>
    [Fact]
    public async Task Without_the_group_there_is_no_connection()
    {
        await using BouncyCastlePeer peer = new();
        Exception failure = await Assert.ThrowsAnyAsync<Exception>(() => CellRun.RunAsync(
            peer, new Cell(Role.Server, SslProtocols.Tls13, ResumptionMechanism.None, TestKeyKind.P256), TlsNamedGroup.X25519MLKem768));
        Assert.Contains("handshake_failure", failure.Message, StringComparison.Ordinal);
    }
}

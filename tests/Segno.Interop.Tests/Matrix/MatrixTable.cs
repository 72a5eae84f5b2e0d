using System.Security.Authentication;
using Segno.Sessions;
using Segno.Tests;

namespace Segno.Interop.Tests.Matrix;

/// <summary>Why a peer does not have some cells.</summary>
/// <param name="Peer">The peer.</param>
/// <param name="Covers">Which cells.</param>
/// <param name="Reason">Why not.</param>
/// <param name="CanBeTried">Whether the cell can be tried all the same, to see that it still fails.</param>
internal sealed record Gap(Type Peer, Func<Cell, bool> Covers, string Reason, bool CanBeTried = false);

/// <summary>The matrix: which cells there are, and which ones are beyond a peer.</summary>
internal static class MatrixTable
{
    private static readonly (SslProtocols Version, ResumptionMechanism Mechanism)[] _ways =
    [
        (SslProtocols.Tls12, ResumptionMechanism.None),
        (SslProtocols.Tls12, ResumptionMechanism.SessionId),
        (SslProtocols.Tls12, ResumptionMechanism.Ticket),
        (SslProtocols.Tls13, ResumptionMechanism.None),
        (SslProtocols.Tls13, ResumptionMechanism.Psk),
    ];

    public static IReadOnlyList<Type> Peers { get; } =
    [
        typeof(OpenSslPeer), typeof(CurlPeer), typeof(GnuTlsPeer), typeof(SslStreamPeer), typeof(BouncyCastlePeer), typeof(JavaPeer),
        typeof(NodePeer), typeof(Node24Peer), typeof(PythonPeer), typeof(NssPeer), typeof(WolfSslPeer), typeof(MbedTlsPeer),
    ];

    public static IReadOnlyList<Gap> Gaps { get; } =
    [
        new(typeof(CurlPeer), cell => cell.Segno == Role.Client, "curl is a client only"),
        new(typeof(SslStreamPeer), cell => cell is { Segno: Role.Client, Mechanism: ResumptionMechanism.SessionId },
            "its server gives tickets to every client that takes them, and has no option against it", CanBeTried: true),
        new(typeof(BouncyCastlePeer), cell => cell.Mechanism == ResumptionMechanism.Psk,
            "its client drops NewSessionTicket of TLS 1.3, its server sends none", CanBeTried: true),
        new(typeof(BouncyCastlePeer), cell => cell.Mechanism == ResumptionMechanism.Ticket,
            "its client does not offer the session ticket extension, its server cannot take a ticket back", CanBeTried: true),
        new(typeof(MbedTlsPeer), cell => cell.IsTls13, "Mbed TLS 2.28, Debian's, has no TLS 1.3", CanBeTried: true),
    ];

    /// <summary>Every cell that the protocol has: TLS 1.3 has one mechanism, the PSK (RFC 9846 §2.2).</summary>
    public static IReadOnlyList<Cell> All { get; } =
    [
        .. from way in _ways
           from segno in (Role[])[Role.Server, Role.Client]
           from key in (TestKeyKind[])[TestKeyKind.P256, TestKeyKind.Rsa]
           select new Cell(segno, way.Version, way.Mechanism, key),
    ];

    public static IEnumerable<Cell> Possible(Type peer) => All.Where(cell => !GapsOf(peer).Any(gap => gap.Covers(cell)));

    public static IEnumerable<Cell> ImpossibleToTry(Type peer) => All.Where(cell => GapsOf(peer).Any(gap => gap.CanBeTried && gap.Covers(cell)));

    public static IEnumerable<Gap> GapsOf(Type peer) => Gaps.Where(gap => gap.Peer == peer);
}

using System.Security.Authentication;
using Segno.Sessions;
using Segno.Tests;

namespace Segno.Interop.Tests.Matrix;

/// <summary>Why a peer does not have some cells.</summary>
/// <param name="Peer">The peer.</param>
/// <param name="Covers">Which cells.</param>
/// <param name="Reason">Why not.</param>
/// <param name="Sign">How a cell that is tried all the same ends: in the failure's words. <see langword="null"/>: it cannot be tried.</param>
internal sealed record Gap(Type Peer, Func<Cell, bool> Covers, string Reason, string? Sign = null);

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
        new(typeof(CurlPeer), cell => cell is { Segno: Role.Server, Mechanism: ResumptionMechanism.Ticket },
            "curl 7.88, Debian's, takes no tickets in TLS 1.2 (SSL_OP_NO_TICKET)", "Actual:   SessionId"),
        new(typeof(SslStreamPeer), cell => cell is { Segno: Role.Client, Mechanism: ResumptionMechanism.SessionId },
            "its server gives a ticket to every client that takes one, and has no option against it", "Actual:   Ticket"),
        new(typeof(BouncyCastlePeer), cell => cell.Mechanism == ResumptionMechanism.Psk,
            "its client drops the NewSessionTicket of TLS 1.3, its server sends none", "Actual:   [False, False]"),
        new(typeof(BouncyCastlePeer), cell => cell.Mechanism == ResumptionMechanism.Ticket,
            "its client does not offer the session ticket extension, its server cannot take a ticket back", "Actual:   SessionId"),
        new(typeof(MbedTlsPeer), cell => cell is { Segno: Role.Server, IsTls13: true }, "Mbed TLS 2.28, Debian's, has no TLS 1.3", "this Mbed TLS has no TLS 1.3"),
        new(typeof(MbedTlsPeer), cell => cell is { Segno: Role.Client, IsTls13: true }, "Mbed TLS 2.28, Debian's, has no TLS 1.3", "the peer sent HandshakeFailure"),
    ];

    /// <summary>Every cell that the protocol has: TLS 1.3 has one mechanism, the PSK (RFC 9846 §2.2).</summary>
    public static IReadOnlyList<Cell> All { get; } =
    [
        .. from way in _ways
           from segno in (Role[])[Role.Server, Role.Client]
           from key in (TestKeyKind[])[TestKeyKind.P256, TestKeyKind.Rsa]
           select new Cell(segno, way.Version, way.Mechanism, key),
    ];

    /// <summary>Why a cell is beyond a peer, or <see langword="null"/>.</summary>
    public static Gap? GapOf(Type peer, Cell cell) => Gaps.SingleOrDefault(gap => gap.Peer == peer && gap.Covers(cell));
}

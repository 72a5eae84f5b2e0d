using System.Runtime.CompilerServices;
using Segno.Handshake;
using Segno.Records;

namespace Segno.Tests.Connections;

/// <summary>What only tests look at.</summary>
internal static class ConnectionInsides
{
    /// <summary>Where the handshake stands.</summary>
    public static HandshakeState? State(this TlsConnection connection) => StateOf(connection);

    /// <summary>The write half, with which a connection can be made to say anything at any time.</summary>
    public static RecordWriter Writer(this TlsConnection connection) => WriterOf(connection);

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_state")]
    private static extern ref HandshakeState? StateOf(TlsConnection connection);

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_writer")]
    private static extern ref RecordWriter WriterOf(TlsConnection connection);
}

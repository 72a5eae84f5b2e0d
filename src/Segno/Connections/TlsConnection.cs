using System.Buffers;
using Segno.Sessions;

namespace Segno;

/// <summary>
/// The engine: one connection's protocol without any I/O. Give it what arrives (<see cref="Receive"/>), send what it has
/// (<see cref="Flush"/>, <see cref="Send"/>), look at <see cref="Wants"/> in between.
/// </summary>
/// <remarks>
/// One thread may receive while another sends; neither half may be used by two threads at once. During the handshake use
/// one thread. After any exception the connection is unusable but for <see cref="Flush"/>, which still hands out the alert.
/// </remarks>
public sealed class TlsConnection : IDisposable
{
    /// <summary>A client's connection.</summary>
    /// <param name="context">The configuration.</param>
    /// <param name="targetHost">Overrides the context's target host where not <see langword="null"/>.</param>
    /// <param name="targetPort">Overrides the context's target port where not 0.</param>
    public TlsConnection(TlsClientContext context, string? targetHost = null, int targetPort = 0)
    {
        throw new NotSupportedException();
    }

    /// <summary>A server's connection.</summary>
    /// <param name="context">The configuration.</param>
    public TlsConnection(TlsServerContext context)
    {
        throw new NotSupportedException();
    }

    /// <summary>Largest input that one record can need: an input buffer of this size always lets <see cref="Receive"/> go on.</summary>
    public const int MaxRecordLength = 5 + 16384 + 256;

    /// <summary>Whether this side is the server.</summary>
    public bool IsServer { get; }

    /// <summary>What is needed next.</summary>
    public TlsWants Wants { get; }

    /// <summary>What the handshake waits for, if <see cref="Wants"/> has <see cref="TlsWants.Resume"/>.</summary>
    public TlsPendingOperation? Pending { get; }

    /// <summary>Whether application data may be sent and received.</summary>
    public bool IsHandshakeCompleted { get; }

    /// <summary>Whether the peer has sent close_notify: no more data comes.</summary>
    public bool IsReceiveClosed { get; }

    /// <summary>Whether this side has sent, or queued, close_notify or a fatal alert.</summary>
    public bool IsSendClosed { get; }

    /// <summary>How the connection came to be.</summary>
    public TlsConnectionInfo Info { get; } = new();

    /// <summary>Client: the newest session that the server gave on this connection, or <see langword="null"/>. Server: <see langword="null"/>.</summary>
    public TlsSession? Session { get; }

    /// <summary>Client: called for every session the server gives, inside <see cref="Receive"/>.</summary>
    public event Action<TlsConnection, TlsSession>? SessionReceived;

    /// <summary>Client: starts the handshake. A server's connection needs no start.</summary>
    public void Start() => throw new NotSupportedException();

    /// <summary>Takes bytes from the peer: as many whole records as there are and as the room for application data allows.</summary>
    /// <param name="input">All bytes that arrived and were not consumed yet.</param>
    /// <param name="applicationData">Room for application data; may be empty during the handshake. Data that does not fit is kept and written by the next call (also one with empty input).</param>
    /// <exception cref="TlsException">The connection failed; call <see cref="Flush"/> to send the alert.</exception>
    public TlsReceiveResult Receive(ReadOnlySpan<byte> input, Span<byte> applicationData) => throw new NotSupportedException();

    /// <summary>The peer closed the transport. Throws where no close_notify came before.</summary>
    /// <exception cref="TlsException">The data may be truncated (RFC 9846 §6.1), or the handshake was not complete.</exception>
    public void ReceiveEnd() => throw new NotSupportedException();

    /// <summary>Writes all that waits to be sent: handshake flights, tickets, KeyUpdates, alerts.</summary>
    /// <param name="output">Where it goes.</param>
    public void Flush(IBufferWriter<byte> output) => throw new NotSupportedException();

    /// <summary>Seals application data into records, behind whatever waits to be sent.</summary>
    /// <param name="data">The data.</param>
    /// <param name="output">Where the records go.</param>
    /// <exception cref="InvalidOperationException">The handshake is not complete, or sending is closed.</exception>
    public void Send(ReadOnlySpan<byte> data, IBufferWriter<byte> output) => throw new NotSupportedException();

    /// <summary>Goes on after <see cref="Pending"/> is done.</summary>
    /// <exception cref="TlsException">The connection failed; call <see cref="Flush"/> to send the alert.</exception>
    public void Resume() => throw new NotSupportedException();

    /// <summary>Queues close_notify (RFC 9846 §6.1). Data may still be received.</summary>
    public void Close() => SessionReceived?.Invoke(this, null!);

    /// <summary>Fails the connection from this side: queues the alert of the fault and wipes its secrets.</summary>
    /// <param name="fault">Why.</param>
    public void Abort(TlsFault fault) => throw new NotSupportedException();

    /// <summary>Queues a KeyUpdate (RFC 9846 §4.7.3): the next record is sent under a new key.</summary>
    /// <param name="requestPeer">Whether the peer shall update its key as well.</param>
    public void UpdateKeys(bool requestPeer = false) => throw new NotSupportedException();

    /// <summary>Keying material for another protocol (RFC 9846 §7.5, RFC 5705).</summary>
    /// <param name="label">The label, ASCII.</param>
    /// <param name="context">The context; empty where there is none.</param>
    /// <param name="output">Filled with keying material.</param>
    /// <exception cref="InvalidOperationException">The handshake is not complete.</exception>
    public void ExportKeyingMaterial(string label, ReadOnlySpan<byte> context, Span<byte> output) => throw new NotSupportedException();

    /// <summary>Wipes the secrets and gives memory back. Sends nothing.</summary>
    public void Dispose()
    {
    }
}

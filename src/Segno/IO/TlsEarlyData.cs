using Segno.Sessions;

namespace Segno;

/// <summary>
/// Early data (0-RTT, RFC 9846 §2.3) of a <see cref="TlsStream"/>. It is kept apart from the stream's ordinary reads and writes because
/// it keeps less: <b>whoever can repeat a packet can send it again, and who gets the ticket key later can read it</b>. docs/early-data.md says what may be sent so.
/// </summary>
public sealed class TlsEarlyData
{
    private readonly TlsStream _stream;

    internal TlsEarlyData(TlsStream stream)
    {
        _stream = stream;
    }

    /// <summary>What became of it, and why. Final when the handshake is complete; default before.</summary>
    public EarlyDataOutcome Outcome => _stream.Connection?.Info.EarlyData ?? default;

    /// <summary>
    /// Server: whether what is read now may be a replay, because the client has proved nothing anew yet: only with
    /// <see cref="TlsServerOptions.DeliverEarlyDataAtOnce"/>, and until the handshake is complete. Once it is <see langword="false"/>, nothing that was read on this
    /// connection was a replay: a replay never completes its handshake.
    /// </summary>
    public bool MayBeReplay => _stream.Connection is { MayBeReplay: true };

    /// <summary>
    /// Client: authenticates, and sends data with the first flight where a session allows it: all of it or nothing. A server must be able to take it twice.
    /// </summary>
    /// <param name="context">How, with the sessions of earlier connections.</param>
    /// <param name="data">The data; what a session allows is in <see cref="TlsSession.MaxEarlyDataSize"/>.</param>
    /// <param name="targetHost">Overrides the context's target host where not <see langword="null"/>.</param>
    /// <param name="targetPort">Overrides the context's target port where not 0.</param>
    /// <param name="resend">Whether data that was not accepted is written again when the handshake is complete: then it is ordinary data. Only where the
    /// application protocol is the one it was made for, or it was not sent early at all. Default <see langword="false"/> (R-100): look at the result, and write it yourself.</param>
    /// <param name="cancellationToken">Ends the handshake; the stream is unusable then.</param>
    /// <returns>What became of it. Unless <see cref="EarlyDataOutcome.IsAccepted"/>, the server has seen none of it early.</returns>
    /// <exception cref="TlsException">The handshake failed. Whether the server took the data is then unknown.</exception>
    /// <exception cref="InvalidOperationException">Authentication was begun before.</exception>
    public async Task<EarlyDataOutcome> AuthenticateAsClientAsync(
        TlsClientContext context, ReadOnlyMemory<byte> data, string? targetHost = null, int targetPort = 0, bool resend = false, CancellationToken cancellationToken = default)
    {
        await _stream.AuthenticateAsync(_stream.ClientChannel(context, targetHost, targetPort), data, cancellationToken).ConfigureAwait(false);
        EarlyDataOutcome outcome = Outcome;
        if (resend && !outcome.IsAccepted && !data.IsEmpty
            && (outcome.Status == EarlyDataStatus.NotOffered || _stream.Connection!.EarlyDataProtocol == _stream.NegotiatedApplicationProtocol))
        {
            await _stream.WriteAsync(data, cancellationToken).ConfigureAwait(false);
        }
        return outcome;
    }

    /// <summary>
    /// Server with <see cref="TlsServerOptions.DeliverEarlyDataAtOnce"/>: waits until the handshake is complete, so that nothing that is or was read can be a replay. Early data
    /// that was not read yet is kept, and read next. Nothing may be reading meanwhile. Completes at once where the handshake is complete.
    /// </summary>
    /// <param name="cancellationToken">Ends the wait; the stream can be used as before.</param>
    /// <exception cref="TlsException">The handshake failed.</exception>
    public Task CompleteHandshakeAsync(CancellationToken cancellationToken = default) => _stream.UsableChannel.CompleteHandshakeAsync(cancellationToken);
}

using System.Buffers;
using System.Net;
using System.Security.Authentication;
using System.Security.Cryptography;
using Segno.Alerts;
using Segno.Buffers;
using Segno.Cryptography;
using Segno.Diagnostics;
using Segno.Handshake;
using Segno.Records;
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
public sealed partial class TlsConnection : IDisposable
{
    /// <summary>Largest input that one record can need: an input buffer of this size always lets <see cref="Receive"/> go on.</summary>
    public const int MaxRecordLength = RecordHeader.Size + RecordHeader.MaxCiphertext;

    private const int MaxHelloLength = 65536;
    private const int MaxMessageLength = 65536;

    // C10: a ticket alone may have 65535 bytes; what is too long to be kept is dropped, not refused.
    private const int MaxTicketMessageLength = MaxMessageLength + 1024;
    private const long MaxHandshakeBytes = 512 * 1024;
    private const int MaxEmptyRecords = 32;
    private const int MaxChangeCipherSpecs = 2;
    // Type and tag of a record of TLS 1.3: what is skipped is counted as what it holds, as far as that can be known.
    private const int SkippedOverhead = 1 + Aead.TagLength;
    private const int MaxSkippedEarlyData = 16384 - SkippedOverhead;
    private const int NoAlert = -1;

    private readonly ConnectionLink _link;
    private readonly TlsMetrics _metrics;
    private readonly RecordReader _reader = new();
    private readonly RecordWriter _writer;
    private readonly AlertReceiver _alerts = new();
    private readonly FlightBuffer _messages = new();
    private readonly FlightBuffer _plaintext = new();
    private readonly CancellationTokenSource _aborted = new();

    // Early data that waits to be read: bounded by what the session allows, so that the handshake can go on without a reader.
    private readonly FlightBuffer _earlyData = new();

    // Plaintext that waits for room: from this offset on in _plaintext.
    private int _waiting;
    private HandshakeState? _state;
    private TlsException? _failure;
    private Exception? _deferred;
    private long _started;
    private int _changeCipherSpecs;
    private int _emptyRecords;
    private bool _skipsEarlyData;
    private int _skippableEarlyData;
    private volatile bool _earlyDataOpen;
    private long _earlyDataLeft;

    // The message that a state is looking at stands at the start of _messages with this length; 0 where none is.
    private int _messageLength;

    // What the read half wants of the write half.
    private int _keyUpdateWanted;

    // Whether the peer was asked for a KeyUpdate that has not come yet.
    private int _keyUpdateAwaited;
    private int _alertWanted = NoAlert;
    private volatile bool _sendClosed;
    private volatile bool _receiveClosed;
    private volatile bool _completed;

    // Whether anything was handed out to be sent.
    private bool _heard;
    private bool _disposed;

    /// <summary>A client's connection.</summary>
    /// <param name="context">The configuration.</param>
    /// <param name="targetHost">Overrides the context's target host where not <see langword="null"/>.</param>
    /// <param name="targetPort">Overrides the context's target port where not 0.</param>
    /// <exception cref="ArgumentException">The target host is no host name and no IP address.</exception>
    public TlsConnection(TlsClientContext context, string? targetHost = null, int targetPort = 0)
    {
        ArgumentNullException.ThrowIfNull(context);
        _writer = new RecordWriter(context.Settings.MaxSendFragment, context.Settings.RecordPadding);
        _metrics = context.Metrics;
        _link = new ConnectionLink(this, context.Settings);
        _link.Client = new ClientHandshake(
            _link, context.Settings, targetHost ?? context.Settings.TargetHost, targetPort != 0 ? targetPort : context.Settings.TargetPort);
    }

    /// <summary>A server's connection.</summary>
    /// <param name="context">The configuration.</param>
    public TlsConnection(TlsServerContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        IsServer = true;
        _writer = new RecordWriter(context.Settings.MaxSendFragment, context.Settings.RecordPadding);
        _metrics = context.Metrics;
        _link = new ConnectionLink(this, context.Settings);
        _link.Info.IsServer = true;
        _state = new ExpectClientHello(new ServerHandshake(_link, context.Settings));
    }

    /// <summary>Client: called for every session that the server gives, inside <see cref="Receive"/>.</summary>
    public event Action<TlsConnection, TlsSession>? SessionReceived;

    /// <summary>Whether this side is the server.</summary>
    public bool IsServer { get; }

    /// <summary>
    /// The peer's address, as the transport knows it: set it before the first <see cref="Receive"/>. A server's session store counts
    /// by its network prefix, so that no prefix displaces everybody else's sessions. Default <see langword="null"/>: not known.
    /// </summary>
    public EndPoint? RemoteEndPoint { get; set; }

    /// <summary>What is needed next.</summary>
    public TlsWants Wants
    {
        get
        {
            TlsWants wants = _writer.HasOutput || Volatile.Read(ref _keyUpdateWanted) != 0 || Volatile.Read(ref _alertWanted) != NoAlert
                ? TlsWants.Write
                : TlsWants.None;
            if (_failure is not null)
            {
                return wants;
            }
            if (_state?.Pending is not null)
            {
                return wants | TlsWants.Resume;
            }
            return _receiveClosed ? wants : wants | TlsWants.Read;
        }
    }

    /// <summary>What the handshake waits for, if <see cref="Wants"/> has <see cref="TlsWants.Resume"/>.</summary>
    public TlsPendingOperation? Pending => _failure is null ? _state?.Pending : null;

    //
    /// <summary>Whether application data may be sent and received.</summary>
    public bool IsHandshakeCompleted => _completed;

    /// <summary>Whether the peer has sent close_notify: no more data comes.</summary>
    public bool IsReceiveClosed => _receiveClosed;

    /// <summary>Whether this side has sent, or queued, close_notify or a fatal alert.</summary>
    public bool IsSendClosed => _sendClosed;

    /// <summary>Whether application data that was received waits for the next <see cref="Receive"/>.</summary>
    public bool HasWaitingData => _waiting < _plaintext.Length || !_earlyData.IsEmpty;

    /// <summary>
    /// Server: whether early data was accepted and the handshake is not complete. What <see cref="Receive"/> writes until then may be a
    /// replay of what an earlier connection sent (RFC 9846 §8); what is sent goes to a client that has proved nothing anew.
    /// Client: whether early data can be sent.
    /// </summary>
    public bool IsEarlyDataOpen => _earlyDataOpen;

    /// <summary>Client: how many bytes of early data <see cref="SendEarlyData"/> still takes; 0 where there can be none. After <see cref="Start"/>.</summary>
    public int EarlyDataLimit => !IsServer && _earlyDataOpen && _failure is null ? (int)Math.Min(int.MaxValue, _earlyDataLeft) : 0;

    /// <summary>How the connection came to be.</summary>
    public TlsConnectionInfo Info => _link.Info;

    /// <summary>Client: the newest session that the server gave on this connection, or <see langword="null"/>. Server: <see langword="null"/>.</summary>
    public TlsSession? Session { get; private set; }

    /// <summary>
    /// Server: bytes of the application's own, 0 to 4096, that go into the sessions of this connection and come back with what resumes
    /// them. A resumed connection has those of its session here once it is judged, and carries them on unless they are set anew. Set them
    /// before a session goes out: in a callback of the handshake, which has this connection as its sender, or with
    /// <see cref="TlsServerOptions.DeferSessions"/> before <see cref="CommitSessionAsync"/>. Belongs to the sending half. Client: empty;
    /// see <see cref="TlsSession.WithApplicationData"/>.
    /// </summary>
    /// <exception cref="ArgumentException">More than 4096 bytes.</exception>
    /// <exception cref="InvalidOperationException">Set on a client's connection.</exception>
    public ReadOnlyMemory<byte> SessionApplicationData
    {
        get => _link.ApplicationData ?? default;
        set
        {
            if (!IsServer)
            {
                throw new InvalidOperationException("A client's sessions get their bytes by TlsSession.WithApplicationData.");
            }
            _link.ApplicationData = value.Length <= SessionLimits.MaxApplicationData
                ? value.ToArray()
                : throw new ArgumentException($"There are {value.Length} bytes, and at most {SessionLimits.MaxApplicationData} are kept with a session.", nameof(value));
        }
    }

    /// <summary>Client: starts the handshake. A server's connection needs no start.</summary>
    /// <param name="earlyDataSize">How many bytes of early data there are to send (<see cref="SendEarlyData"/>): it is offered where a session allows so many. Default 0: none.</param>
    /// <exception cref="InvalidOperationException">It is started already, or this is a server's connection.</exception>
    public void Start(int earlyDataSize = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(earlyDataSize);
        ThrowIfFailed();
        if (_state is not null)
        {
            throw new InvalidOperationException(IsServer ? "A server waits for its client; it is not started." : "The handshake is started already.");
        }
        Guarded(() =>
        {
            _started = Callback.Timestamp(_link.Settings.TimeProvider);
            _writer.UseVersion(0x0301);
            _state = ExpectServerHello.Start(_link.Client!, earlyDataSize);
        });
    }

    /// <summary>Takes bytes from the peer: as many whole records as there are and as the room for application data allows.</summary>
    /// <param name="input">All bytes that arrived and were not consumed yet.</param>
    /// <param name="applicationData">Room for application data; may be empty during the handshake. Data that does not fit is kept and written by the next call (also one with empty input).</param>
    /// <exception cref="TlsException">The connection failed; call <see cref="Flush"/> to send the alert.</exception>
    public TlsReceiveResult Receive(ReadOnlySpan<byte> input, Span<byte> applicationData)
    {
        ThrowIfFailed();
        if (_state is null)
        {
            throw new InvalidOperationException("Call Start first.");
        }
        int consumed = 0;
        int written = 0;
        try
        {
            if (_deferred is { } deferred)
            {
                throw deferred;
            }
            ReceiveRecords(input, applicationData, ref consumed, ref written);
        }
        catch (Exception e) when (written > 0)
        {
            // What came before the fault is good, and delivered however the bytes arrived; the next call tells.
            _deferred = e;
        }
        catch (Exception e)
        {
            throw Fail(e);
        }
        return new TlsReceiveResult(consumed, written);
    }

    /// <summary>The peer closed the transport. Throws where no close_notify came before.</summary>
    /// <exception cref="TlsException">The data may be truncated (RFC 9846 §6.1), or the handshake was not complete.</exception>
    public void ReceiveEnd()
    {
        ThrowIfFailed();
        if (!_receiveClosed)
        {
            throw Fail(new TlsException(_completed ? TlsFault.Truncated : TlsFault.ClosedDuringHandshake));
        }
    }

    /// <summary>Writes all that waits to be sent: handshake flights, tickets, KeyUpdates, alerts.</summary>
    /// <param name="output">Where it goes.</param>
    /// <exception cref="TlsException">The connection failed now, as something could not be sealed; call <see cref="Flush"/> again to send the alert. On a connection that failed before, an alert that cannot be sealed is left out.</exception>
    public void Flush(IBufferWriter<byte> output)
    {
        ArgumentNullException.ThrowIfNull(output);
        ObjectDisposedException.ThrowIf(_disposed, this);
        bool hasFailed = _failure is not null;
        try
        {
            if (Interlocked.Exchange(ref _keyUpdateWanted, 0) != 0 && !_sendClosed)
            {
                WriteKeyUpdate(requestPeer: false);
            }
            int alert = Interlocked.Exchange(ref _alertWanted, NoAlert);
            if (alert != NoAlert)
            {
                _writer.Alert((byte)(alert >> 8), unchecked((byte)alert));
            }
            _writer.SealMessages();
        }
        catch (Exception e) when (e is CryptographicException or TlsException)
        {
            TlsException failure = Fail(e, isSending: true);
            if (!hasFailed)
            {
                throw failure;
            }
        }
        _heard |= _writer.HasOutput;
        _writer.Flush(output);
        if (_heard)
        {
            _link.Client?.HelloSent();
        }
    }

    /// <summary>
    /// Client: seals early data (0-RTT, RFC 9846 §2.3) into records, behind the ClientHello. <b>Whoever can repeat a network packet can make
    /// a server take it twice, and it is not forward secret</b>: send only what does no harm then. Whether it was accepted says
    /// <see cref="TlsConnectionInfo.EarlyData"/> when the handshake is complete; where not, the server has seen none of it.
    /// </summary>
    /// <param name="data">The data: at most <see cref="EarlyDataLimit"/> bytes.</param>
    /// <param name="output">Where the records go.</param>
    /// <exception cref="InvalidOperationException">There is more than <see cref="EarlyDataLimit"/>.</exception>
    public void SendEarlyData(ReadOnlySpan<byte> data, IBufferWriter<byte> output)
    {
        ThrowIfFailed();
        if (data.Length > EarlyDataLimit)
        {
            throw new InvalidOperationException($"{EarlyDataLimit} bytes of early data can be sent, not {data.Length}.");
        }
        Flush(output);
        _earlyDataLeft -= data.Length;
        Info.EarlyDataSize += data.Length;
        while (!data.IsEmpty)
        {
            data = data[SealData(data, output)..];
        }
    }

    /// <summary>Seals application data into records, behind whatever waits to be sent.</summary>
    /// <param name="data">The data.</param>
    /// <param name="output">Where the records go.</param>
    /// <exception cref="InvalidOperationException">The handshake is not complete, and no early data was accepted; or sending is closed.</exception>
    /// <exception cref="TlsException">The connection failed; call <see cref="Flush"/> to send the alert. What was written to <paramref name="output"/> before is good.</exception>
    public void Send(ReadOnlySpan<byte> data, IBufferWriter<byte> output)
    {
        ThrowIfFailed();
        // Behind early data a server may answer at once (RFC 9846 §4.5.3).
        if (!_completed && !(IsServer && _earlyDataOpen))
        {
            throw new InvalidOperationException("The handshake is not complete.");
        }
        if (_sendClosed)
        {
            throw new InvalidOperationException("Sending is closed.");
        }
        Flush(output);
        while (!data.IsEmpty)
        {
            if (_writer.IsWornOut)
            {
                if (Info.ProtocolVersion == SslProtocols.Tls12)
                {
                    // R-139, RFC 9325 §4.4: without renegotiation there are no other keys, so the connection ends here.
                    throw Fail(new TlsException(TlsFault.SequenceNumberExhausted, "the key has protected as many records as it may"), isSending: true);
                }
                Guarded(() => WriteKeyUpdate(requestPeer: false), isSending: true);
                _writer.Flush(output);
            }
            data = data[SealData(data, output)..];
        }
    }

    /// <summary>Goes on after <see cref="Pending"/> is done.</summary>
    /// <exception cref="TlsException">The connection failed; call <see cref="Flush"/> to send the alert.</exception>
    public void Resume()
    {
        ThrowIfFailed();
        Guarded(() =>
        {
            _state = _state!.Resume();
            ProcessMessages();
        });
    }

    /// <summary>Queues close_notify (RFC 9846 §6.1). Data may still be received.</summary>
    public void Close()
    {
        if (_failure is null && !_sendClosed)
        {
            //
            _sendClosed = true;
            QueueAlert(FaultAlerts.WarningLevel, TlsAlert.CloseNotify);
        }
    }

    /// <summary>Fails the connection from this side: queues the alert of the fault and wipes its secrets.</summary>
    /// <param name="fault">Why.</param>
    /// <param name="alert">The alert to send; <see langword="null"/>: that of the fault.</param>
    public void Abort(TlsFault fault, TlsAlert? alert = null)
    {
        if (_failure is null)
        {
            Fail(alert is { } chosen ? new TlsAlertException(fault, chosen, sentByPeer: false) : new TlsException(fault));
        }
    }

    /// <summary>Queues a KeyUpdate (RFC 9846 §4.7.3): the next record is sent under a new key. Belongs to the sending half.</summary>
    /// <param name="requestPeer">Whether the peer shall update its key as well. Where it was asked before and has not answered yet, it is not asked again.</param>
    /// <exception cref="InvalidOperationException">The handshake is not complete, sending is closed, or the version is TLS 1.2, which has no KeyUpdate.</exception>
    public void UpdateKeys(bool requestPeer = false)
    {
        ThrowIfFailed();
        if (!_completed || _sendClosed)
        {
            throw new InvalidOperationException("Keys can be updated only while application data can be sent.");
        }
        if (Info.ProtocolVersion == SslProtocols.Tls12)
        {
            throw new InvalidOperationException("TLS 1.2 has no KeyUpdate.");
        }
        Guarded(() => WriteKeyUpdate(requestPeer), isSending: true);
    }

    /// <summary>
    /// Server with <see cref="TlsServerOptions.DeferSessions"/>: the application has accepted the client, so what it was given may be
    /// resumed from now on: the tickets of TLS 1.3 are queued, the session ID of TLS 1.2 is stored. Without it there is nothing to
    /// resume. Belongs to the sending half, which is taken until the task completes.
    /// </summary>
    /// <param name="cancellationToken">Ends the wait for a store.</param>
    /// <returns>Whether there is a session now that can be resumed: not where none shall or can be, and not when nothing waited, as on the second call.</returns>
    /// <exception cref="InvalidOperationException">The handshake is not complete, sending is closed, or this is a client's connection.</exception>
    public ValueTask<bool> CommitSessionAsync(CancellationToken cancellationToken = default)
    {
        SessionIssuer? issuer = UsableIssuer();
        ValueTask<bool> committed = default;
        Guarded(() => committed = issuer?.CommitAsync(cancellationToken) ?? default, isSending: true);
        return committed;
    }

    /// <summary>
    /// Server, TLS 1.3: queues more tickets (RFC 9846 §4.7.1), for a client that will open more connections. Belongs to the sending half,
    /// which is taken until the task completes: at once but for stateful tickets and a store that is waited for.
    /// </summary>
    /// <param name="count">How many, 1 to 8.</param>
    /// <param name="cancellationToken">Ends the wait for a store.</param>
    /// <returns>How many are queued: a connection has at most 16 in all; 0 where resumption is off, where the client could use none, and on TLS 1.2.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="count"/> is out of its range.</exception>
    /// <exception cref="InvalidOperationException">The handshake is not complete, sending is closed, sessions wait for <see cref="CommitSessionAsync"/>, or this is a client's connection.</exception>
    public ValueTask<int> IssueTicketsAsync(int count, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, ServerSettings.MaxTicketCount);
        SessionIssuer? issuer = UsableIssuer();
        if (issuer is { IsCommitted: false })
        {
            throw new InvalidOperationException("Sessions are deferred: call CommitSessionAsync first.");
        }
        ValueTask<int> issued = default;
        Guarded(() => issued = issuer?.IssueAsync(count, cancellationToken) ?? default, isSending: true);
        return issued;
    }

    /// <summary>Keying material for another protocol (RFC 9846 §7.5, RFC 5705), with a context.</summary>
    /// <param name="label">The label, ASCII.</param>
    /// <param name="context">The context, at most 65535 bytes on TLS 1.2, where an empty one is not the same as none; in TLS 1.3 it is.</param>
    /// <param name="output">Filled with keying material.</param>
    /// <exception cref="InvalidOperationException">The handshake is not complete, or is one of TLS 1.2 without extended main secret, whose keys are not bound to it (RFC 7627 §5.4).</exception>
    public void ExportKeyingMaterial(string label, ReadOnlySpan<byte> context, Span<byte> output) => Export(label, hasContext: true, context, output);

    /// <summary>Keying material for another protocol (RFC 9846 §7.5, RFC 5705), without a context.</summary>
    /// <param name="label">The label, ASCII.</param>
    /// <param name="output">Filled with keying material.</param>
    /// <exception cref="InvalidOperationException">The handshake is not complete, or is one of TLS 1.2 without extended main secret, whose keys are not bound to it (RFC 7627 §5.4).</exception>
    public void ExportKeyingMaterial(string label, Span<byte> output) => Export(label, hasContext: false, [], output);

    /// <summary>
    /// Keying material from the secrets of early data (RFC 9846 §7.5): the peer has proved nothing anew, and a replayed hello gives the same again.
    /// Key nothing with it that a server sends.
    /// </summary>
    /// <param name="label">The label, ASCII.</param>
    /// <param name="context">The context.</param>
    /// <param name="output">Filled with keying material.</param>
    /// <exception cref="InvalidOperationException">Early data is not open.</exception>
    public void ExportEarlyKeyingMaterial(string label, ReadOnlySpan<byte> context, Span<byte> output)
    {
        ArgumentNullException.ThrowIfNull(label);
        ThrowIfFailed();
        KeySchedule keys = _earlyDataOpen ? (IsServer ? _link.Keys : _link.EarlyKeys)! : throw new InvalidOperationException("Early data is not open.");
        keys.ExportEarly(System.Text.Encoding.ASCII.GetBytes(label), context, output);
    }

    /// <summary>What an authentication on top of this connection is to be bound to, without the prefix of its name. Both sides get the same bytes.</summary>
    /// <param name="kind">Which binding.</param>
    /// <returns>32 bytes (<see cref="TlsChannelBinding.Exporter"/>), or 32 to 64 (<see cref="TlsChannelBinding.ServerEndPoint"/>); <see langword="null"/> where
    /// there is no such binding: RFC 5929 defines none for Ed25519 certificates, and a server does not know any more with which
    /// certificate a session began that it has resumed.</returns>
    /// <exception cref="InvalidOperationException">The handshake is not complete, or is one of TLS 1.2 without extended main secret, for which there is no exporter binding (RFC 9266 §4.2).</exception>
    public byte[]? GetChannelBinding(TlsChannelBinding kind)
    {
        if (kind == TlsChannelBinding.Exporter)
        {
            byte[] binding = new byte[ChannelBindings.ExporterLength];
            ExportKeyingMaterial(ChannelBindings.ExporterLabel, [], binding);
            return binding;
        }
        ThrowIfFailed();
        if (!_completed)
        {
            throw new InvalidOperationException("The handshake is not complete.");
        }
        return (IsServer ? Info.LocalCertificate : Info.RemoteCertificate) is { } certificate ? ChannelBindings.ServerEndPoint(certificate) : null;
    }

    /// <summary>Wipes the secrets and gives memory back. Sends nothing.</summary>
    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }
        _disposed = true;
        if (_started != 0 && !_completed && _failure is null)
        {
            // Nobody goes on with it, and nobody said so.
            Try(() => CountFailure(new TlsException(TlsFault.Canceled)));
        }
        Try(() => _link.Client?.Ended());
        _aborted.Cancel();
        _aborted.Dispose();
        _reader.Dispose();
        _writer.Dispose();
        _messages.Dispose();
        _plaintext.Dispose();
        _earlyData.Dispose();
        _link.Dispose();
    }

    private void Export(string label, bool hasContext, ReadOnlySpan<byte> context, Span<byte> output)
    {
        ArgumentNullException.ThrowIfNull(label);
        ThrowIfFailed();
        // Behind early data a server has the secret already; its client has proved nothing with it yet.
        if (!_completed && !(IsServer && _earlyDataOpen))
        {
            throw new InvalidOperationException("The handshake is not complete.");
        }
        if (_link.Keys12 is not { } keys12)
        {
            _link.Keys!.Export(System.Text.Encoding.ASCII.GetBytes(label), context, output);
            return;
        }
        if (!Info.ExtendedMasterSecret)
        {
            // R-31, F3
            throw new InvalidOperationException("The peer has no extended_master_secret: keys of this connection are not bound to it (RFC 7627 §5.4).");
        }
        keys12.Export(label, hasContext, context, output);
    }

    /// <summary>How long ago it began.</summary>
    internal TimeSpan Elapsed => _started == 0 ? TimeSpan.Zero : _link.Settings.TimeProvider.GetElapsedTime(_started);

    /// <summary>Server: no handshake that is complete was replayed.</summary>
    internal bool MayBeReplay => IsServer && !IsHandshakeCompleted;

    /// <summary>Client: the application protocol that early data was offered for.</summary>
    internal System.Net.Security.SslApplicationProtocol EarlyDataProtocol => _link.Client?.Offered13?.ApplicationProtocol ?? default;

    /// <summary>Whether the chosen context hands early data out before the handshake is complete.</summary>
    internal bool DeliversEarlyDataAtOnce => _link.Settings is ServerSettings { DeliverEarlyDataAtOnce: true };

    private SessionIssuer? UsableIssuer()
    {
        ThrowIfFailed();
        if (!IsServer)
        {
            throw new InvalidOperationException("Only a server issues sessions.");
        }
        if (!_completed || _sendClosed)
        {
            throw new InvalidOperationException("Sessions are issued only while application data can be sent.");
        }
        return _link.Issuer;
    }

    /// <returns>How much of the data went into a record.</returns>
    private int SealData(ReadOnlySpan<byte> data, IBufferWriter<byte> output)
    {
        try
        {
            return _writer.Send(data, output);
        }
        catch (Exception e) when (e is CryptographicException or TlsException)
        {
            throw Fail(e, isSending: true);
        }
    }

    private void WriteKeyUpdate(bool requestPeer)
    {
        // no second request while the first is not answered.
        requestPeer = requestPeer && Interlocked.Exchange(ref _keyUpdateAwaited, 1) == 0;
        _writer.Messages.Append([(byte)HandshakeType.KeyUpdate, 0, 0, 1, requestPeer ? (byte)1 : (byte)0]);
        _writer.UpdateKey();
    }
}

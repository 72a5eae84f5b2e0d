#pragma warning disable RS0027 // The overloads are those of Stream.
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Segno.IO;
using Segno.Sessions;

namespace Segno;

/// <summary>TLS over a <see cref="Stream"/>, with the names that users of <c>SslStream</c> know.</summary>
/// <remarks>
/// <para>First authenticate, by one of the <c>AuthenticateAs…</c> methods or <see cref="ConnectAsync(string, int, TlsClientOptions?, CancellationToken)"/>;
/// then read and write. One thread may read while another writes; a second reader or a second writer at the same time gets a
/// <see cref="NotSupportedException"/>. Synchronous methods make only synchronous calls on the inner stream, asynchronous methods only
/// asynchronous ones.</para>
/// <para>A protocol error sends its alert and throws a <see cref="TlsException"/>; every later call throws the same fault, with the first exception
/// inside. What the inner stream throws comes out unchanged. After a failed or cancelled read the stream can be read again, for nothing
/// was lost. After a write that failed or was cancelled under way nothing can be written any more, since part of a record may be out.</para>
/// <para>At close_notify reads return 0. If the inner stream ends without it, they throw <see cref="TlsFault.Truncated"/>.</para>
/// </remarks>
public sealed partial class TlsStream : Stream
{
    private readonly Stream _inner;
    private readonly bool _leaveInnerStreamOpen;
    private readonly StreamTransport _transport;
    private TlsChannel? _channel;
    private IDisposable? _ownedContext;
    private string? _targetHost;
    private int _state;
    private int _disposed;

    /// <summary>Prepares TLS over a stream. Nothing is sent yet.</summary>
    /// <param name="innerStream">The transport: readable and writable.</param>
    /// <param name="leaveInnerStreamOpen">Whether disposing this stream leaves the inner one open. Default <see langword="false"/>.</param>
    /// <exception cref="ArgumentException">The stream cannot be read or cannot be written.</exception>
    public TlsStream(Stream innerStream, bool leaveInnerStreamOpen = false)
    {
        ArgumentNullException.ThrowIfNull(innerStream);
        if (!innerStream.CanRead || !innerStream.CanWrite)
        {
            throw new ArgumentException("The inner stream must be readable and writable.", nameof(innerStream));
        }
        _inner = innerStream;
        _leaveInnerStreamOpen = leaveInnerStreamOpen;
        _transport = new StreamTransport(innerStream);
    }

    /// <summary>
    /// The peer's address: set it before authentication where the inner stream is no <see cref="NetworkStream"/>, which knows it. A
    /// server's session store counts by its network prefix. <see langword="null"/>: not known.
    /// </summary>
    public EndPoint? RemoteEndPoint
    {
        get => field ?? PeerOfSocket();
        set;
    }

    /// <summary>Early data (0-RTT): off by default, and apart from all else because it can be replayed.</summary>
    public TlsEarlyData EarlyData => field ??= new TlsEarlyData(this);

    /// <summary>Whether the handshake is complete.</summary>
    public bool IsAuthenticated => _channel is { Connection.IsHandshakeCompleted: true } && Volatile.Read(ref _state) == Authenticated;

    /// <summary>Whether data is encrypted: always once authenticated.</summary>
    public bool IsEncrypted => IsAuthenticated;

    /// <summary>Whether data is protected against change: always once authenticated.</summary>
    public bool IsSigned => IsAuthenticated;

    /// <summary>Whether this side is the server. <see langword="false"/> before authentication.</summary>
    public bool IsServer => _channel?.Connection.IsServer ?? false;

    /// <summary>Whether both sides are authenticated by certificates, on a resumed connection by those of the full handshake it goes back to. <see langword="false"/> before authentication.</summary>
    public bool IsMutuallyAuthenticated => IsAuthenticated && ConnectionInfo.IsMutuallyAuthenticated;

    /// <summary>The protocol version; <see cref="SslProtocols.None"/> before authentication.</summary>
    public SslProtocols SslProtocol => IsAuthenticated ? ConnectionInfo.ProtocolVersion : SslProtocols.None;

    /// <summary>The cipher suite.</summary>
    /// <exception cref="InvalidOperationException">Not authenticated.</exception>
    public TlsCipherSuite NegotiatedCipherSuite => ConnectionInfo.CipherSuite;

    /// <summary>The application protocol (ALPN); default where none was negotiated.</summary>
    public SslApplicationProtocol NegotiatedApplicationProtocol => IsAuthenticated ? ConnectionInfo.ApplicationProtocol : default;

    /// <summary>Client: the host connected to. Server: the name the client asked for (SNI). Empty where there is none.</summary>
    public string TargetHostName => _targetHost ?? (IsAuthenticated ? ConnectionInfo.ServerName : null) ?? string.Empty;

    /// <summary>The peer's certificate, also on resumption; <see langword="null"/> where it showed none. Belongs to the stream: copy it to keep it.</summary>
    public X509Certificate2? RemoteCertificate => IsAuthenticated ? ConnectionInfo.RemoteCertificate : null;

    /// <summary>The certificate this side showed, or <see langword="null"/>; on resumption none is shown.</summary>
    public X509Certificate2? LocalCertificate => IsAuthenticated ? ConnectionInfo.LocalCertificate : null;

    /// <summary>How the connection came to be.</summary>
    /// <exception cref="InvalidOperationException">Not authenticated.</exception>
    public TlsConnectionInfo ConnectionInfo => Connected.Connection.Info;

    /// <summary>What happened to resumption, and why.</summary>
    /// <exception cref="InvalidOperationException">Not authenticated.</exception>
    public ResumptionOutcome Resumption => ConnectionInfo.Resumption;

    /// <summary>Client: the newest session that the server gave, or <see langword="null"/>. In TLS 1.3 it comes after the handshake: <see cref="WaitForSessionAsync"/>.</summary>
    public TlsSession? Session => _channel?.Connection.Session;

    /// <inheritdoc/>
    public override bool CanRead => IsOpen && _disposed == 0 && _inner.CanRead;

    /// <inheritdoc/>
    public override bool CanWrite => IsOpen && _disposed == 0 && _inner.CanWrite;

    /// <summary>Always <see langword="false"/>.</summary>
    public override bool CanSeek => false;

    /// <inheritdoc/>
    public override bool CanTimeout => _inner.CanTimeout;

    /// <summary>The inner stream's timeout for synchronous reads, in milliseconds.</summary>
    public override int ReadTimeout
    {
        get => _inner.ReadTimeout;
        set => _inner.ReadTimeout = value;
    }

    /// <summary>The inner stream's timeout for synchronous writes, in milliseconds.</summary>
    public override int WriteTimeout
    {
        get => _inner.WriteTimeout;
        set => _inner.WriteTimeout = value;
    }

    /// <summary>Not supported.</summary>
    /// <exception cref="NotSupportedException">Always.</exception>
    public override long Length => throw new NotSupportedException();

    /// <summary>Not supported.</summary>
    /// <exception cref="NotSupportedException">Always.</exception>
    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    internal TlsConnection? Connection => _channel?.Connection;

    internal TlsChannel UsableChannel => Usable();

    private TlsChannel Connected => IsOpen ? _channel! : throw NotAuthenticated();

    /// <summary>Whether data may flow: the handshake is complete, or early data was accepted and is to be had at once.</summary>
    private bool IsOpen => Volatile.Read(ref _state) == Authenticated && _channel is { Connection: { } connection } && (connection.IsHandshakeCompleted || connection.IsServer);

    /// <summary>Keying material for another protocol (RFC 9846 §7.5, RFC 5705).</summary>
    /// <param name="label">The label, ASCII.</param>
    /// <param name="context">The context; empty where there is none.</param>
    /// <param name="output">Filled with keying material.</param>
    /// <exception cref="InvalidOperationException">Not authenticated.</exception>
    public void ExportKeyingMaterial(string label, ReadOnlySpan<byte> context, Span<byte> output)
        => Usable().Connection.ExportKeyingMaterial(label, context, output);

    /// <summary>What an authentication on top of this connection is to be bound to; see <see cref="TlsConnection.GetChannelBinding"/>.</summary>
    /// <param name="kind">Which binding.</param>
    /// <returns>The binding, or <see langword="null"/> where there is none of that kind.</returns>
    /// <exception cref="InvalidOperationException">Not authenticated, or a connection of TLS 1.2 without extended main secret.</exception>
    public byte[]? GetChannelBinding(TlsChannelBinding kind) => Usable().Connection.GetChannelBinding(kind);

    /// <summary>Sends a KeyUpdate (RFC 9846 §4.7.3): what is written next is protected by a new key. Long connections do it by themselves before a key is worn out.</summary>
    /// <param name="requestPeer">Whether the peer shall update its key as well. Default <see langword="false"/>.</param>
    /// <param name="cancellationToken">Ends the wait; under way, it breaks the writing half.</param>
    /// <exception cref="InvalidOperationException">Not authenticated, or shut down.</exception>
    public Task UpdateKeysAsync(bool requestPeer = false, CancellationToken cancellationToken = default)
        => Usable().SendAsync(connection => connection.UpdateKeys(requestPeer), cancellationToken);

    /// <summary>Server with <see cref="TlsServerOptions.DeferSessions"/>: the application has accepted the client, so its session may be resumed from now on (<see cref="TlsConnection.CommitSessionAsync"/>).</summary>
    /// <param name="cancellationToken">Ends the wait; under way, it breaks the writing half.</param>
    /// <returns>Whether there is a session now that can be resumed.</returns>
    /// <exception cref="InvalidOperationException">Not authenticated, closed, or not a server.</exception>
    public Task<bool> CommitSessionAsync(CancellationToken cancellationToken = default) => Usable().CommitSessionAsync(cancellationToken);

    /// <summary>Server, TLS 1.3: sends more tickets, for a client that will open more connections (<see cref="TlsConnection.IssueTicketsAsync"/>).</summary>
    /// <param name="count">How many, 1 to 8.</param>
    /// <param name="cancellationToken">Ends the wait; under way, it breaks the writing half.</param>
    /// <returns>How many were sent: at most 16 on one connection.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="count"/> is out of its range.</exception>
    /// <exception cref="InvalidOperationException">Not authenticated, closed, not a server, or sessions wait for <see cref="CommitSessionAsync"/>.</exception>
    public Task<int> IssueTicketsAsync(int count, CancellationToken cancellationToken = default) => Usable().IssueTicketsAsync(count, cancellationToken);

    /// <summary>
    /// Client: waits until the server has given a session, which <see cref="Session"/> has then, or until it is clear that it gives none.
    /// TLS 1.3 servers send theirs after the handshake, mostly at once; TLS 1.2 servers in it. It reads from the transport, and so takes the
    /// place of a read: not while another one is in progress. Whoever reads anyway need not wait.
    /// </summary>
    /// <param name="timeout">How long to wait: not negative, or <see cref="Timeout.InfiniteTimeSpan"/>.</param>
    /// <param name="cancellationToken">Ends the wait; nothing is lost.</param>
    /// <returns>What came of it. Application data that came is kept for the next read.</returns>
    /// <exception cref="TlsException">The connection failed.</exception>
    /// <exception cref="InvalidOperationException">Not authenticated, or a server.</exception>
    /// <exception cref="NotSupportedException">A read is in progress.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="timeout"/> is negative.</exception>
    public Task<SessionWait> WaitForSessionAsync(TimeSpan timeout, CancellationToken cancellationToken = default)
        => Usable().WaitForSessionAsync(timeout, cancellationToken);

    /// <summary>Server: the application's own bytes in the sessions of this connection; see <see cref="TlsConnection.SessionApplicationData"/>.</summary>
    /// <exception cref="ArgumentException">More than 4096 bytes.</exception>
    /// <exception cref="InvalidOperationException">Not authenticated; or set on a client.</exception>
    public ReadOnlyMemory<byte> SessionApplicationData
    {
        get => Connected.Connection.SessionApplicationData;
        set => Connected.Connection.SessionApplicationData = value;
    }

    /// <summary>Sends close_notify: no more will be written (RFC 9846 §6.1). The peer's data can still be read, and should be, up to its end.</summary>
    /// <exception cref="InvalidOperationException">Not authenticated.</exception>
    public Task ShutdownAsync() => Usable().SendAsync(static connection => connection.Close(), CancellationToken.None);

    /// <summary>The same as <see cref="ShutdownAsync"/>, blocking the thread.</summary>
    /// <exception cref="InvalidOperationException">Not authenticated.</exception>
    public void Shutdown() => Usable().Send(static connection => connection.Close());

    /// <summary>Reads application data.</summary>
    /// <param name="buffer">Where it goes. Empty: waits until there is something to read, holding no memory meanwhile.</param>
    /// <param name="cancellationToken">Ends the wait; the stream can be read again.</param>
    /// <returns>How many bytes; 0 at the end of the data (and for an empty buffer).</returns>
    /// <exception cref="TlsException">The connection failed. <see cref="TlsFault.Truncated"/>: it ended without close_notify. <see cref="TlsFault.IdleTimeout"/>: nothing came in time.</exception>
    /// <exception cref="InvalidOperationException">Not authenticated.</exception>
    /// <exception cref="NotSupportedException">Another read is in progress.</exception>
    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        => Usable().ReadAsync(buffer, cancellationToken);

    /// <inheritdoc cref="ReadAsync(Memory{byte}, CancellationToken)"/>
    /// <param name="buffer">Where the data goes.</param>
    /// <param name="offset">Where in the buffer to begin.</param>
    /// <param name="count">The most bytes to read; 0 waits until there is something to read.</param>
    /// <param name="cancellationToken">Ends the wait; the stream can be read again.</param>
    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken)
    {
        ValidateBufferArguments(buffer, offset, count);
        return Usable().ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();
    }

    /// <summary>Reads application data, blocking the thread.</summary>
    /// <param name="buffer">Where it goes. Empty: waits until there is something to read.</param>
    /// <returns>How many bytes; 0 at the end of the data (and for an empty buffer).</returns>
    /// <exception cref="TlsException">The connection failed. <see cref="TlsFault.Truncated"/>: it ended without close_notify. <see cref="TlsFault.IdleTimeout"/>: nothing came in time.</exception>
    /// <exception cref="InvalidOperationException">Not authenticated.</exception>
    /// <exception cref="NotSupportedException">Another read is in progress.</exception>
    public override int Read(Span<byte> buffer) => Usable().Read(buffer);

    /// <inheritdoc cref="Read(Span{byte})"/>
    /// <param name="buffer">Where the data goes.</param>
    /// <param name="offset">Where in the buffer to begin.</param>
    /// <param name="count">The most bytes to read; 0 waits until there is something to read.</param>
    public override int Read(byte[] buffer, int offset, int count)
    {
        ValidateBufferArguments(buffer, offset, count);
        return Usable().Read(buffer.AsSpan(offset, count));
    }

    /// <inheritdoc/>
    public override int ReadByte()
    {
        byte value = 0;
        return Usable().Read(new Span<byte>(ref value)) == 0 ? -1 : value;
    }

    /// <summary>Seals data and sends it: in one write of the inner stream, or one for each four records of 16 KiB.</summary>
    /// <param name="buffer">The data.</param>
    /// <param name="cancellationToken">Ends the wait. If sending had begun, nothing can be written any more.</param>
    /// <exception cref="TlsException">The connection failed.</exception>
    /// <exception cref="InvalidOperationException">Not authenticated, or shut down.</exception>
    /// <exception cref="NotSupportedException">Another write is in progress.</exception>
    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        => Usable().WriteAsync(buffer, cancellationToken);

    /// <inheritdoc cref="WriteAsync(ReadOnlyMemory{byte}, CancellationToken)"/>
    /// <param name="buffer">Holds the data.</param>
    /// <param name="offset">Where in the buffer it begins.</param>
    /// <param name="count">How many bytes.</param>
    /// <param name="cancellationToken">Ends the wait. If sending had begun, nothing can be written any more.</param>
    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken)
    {
        ValidateBufferArguments(buffer, offset, count);
        return Usable().WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();
    }

    /// <summary>Seals data and sends it, blocking the thread.</summary>
    /// <param name="buffer">The data.</param>
    /// <exception cref="TlsException">The connection failed.</exception>
    /// <exception cref="InvalidOperationException">Not authenticated, or shut down.</exception>
    /// <exception cref="NotSupportedException">Another write is in progress.</exception>
    public override void Write(ReadOnlySpan<byte> buffer) => Usable().Write(buffer);

    /// <inheritdoc cref="Write(ReadOnlySpan{byte})"/>
    /// <param name="buffer">Holds the data.</param>
    /// <param name="offset">Where in the buffer it begins.</param>
    /// <param name="count">How many bytes.</param>
    public override void Write(byte[] buffer, int offset, int count)
    {
        ValidateBufferArguments(buffer, offset, count);
        Usable().Write(buffer.AsSpan(offset, count));
    }

    /// <inheritdoc/>
    public override void WriteByte(byte value) => Usable().Write(new ReadOnlySpan<byte>(in value));

    /// <summary>Flushes the inner stream. Data written here is sealed and handed to it already.</summary>
    /// <param name="cancellationToken">Ends the wait.</param>
    public override Task FlushAsync(CancellationToken cancellationToken) => Usable().SendAsync(null, cancellationToken);

    /// <summary>Flushes the inner stream. Data written here is sealed and handed to it already.</summary>
    public override void Flush() => Usable().Send(null);

    /// <inheritdoc/>
    public override IAsyncResult BeginRead(byte[] buffer, int offset, int count, AsyncCallback? callback, object? state)
        => TaskToAsyncResult.Begin(ReadAsync(buffer, offset, count, CancellationToken.None), callback, state);

    /// <inheritdoc/>
    public override int EndRead(IAsyncResult asyncResult) => TaskToAsyncResult.End<int>(asyncResult);

    /// <inheritdoc/>
    public override IAsyncResult BeginWrite(byte[] buffer, int offset, int count, AsyncCallback? callback, object? state)
        => TaskToAsyncResult.Begin(WriteAsync(buffer, offset, count, CancellationToken.None), callback, state);

    /// <inheritdoc/>
    public override void EndWrite(IAsyncResult asyncResult) => TaskToAsyncResult.End(asyncResult);

    /// <summary>Not supported.</summary>
    /// <param name="offset">Ignored.</param>
    /// <param name="origin">Ignored.</param>
    /// <exception cref="NotSupportedException">Always.</exception>
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    /// <summary>Not supported.</summary>
    /// <param name="value">Ignored.</param>
    /// <exception cref="NotSupportedException">Always.</exception>
    public override void SetLength(long value) => throw new NotSupportedException();

    /// <summary>Sends close_notify if the connection is healthy and nobody is writing (for a second at most, ignoring errors), then closes the inner stream unless it is to be left open.</summary>
    public override async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }
        if (_channel is { } channel)
        {
            await channel.SendCloseNotifyAsync().ConfigureAwait(false);
            channel.TakeLastTickets(synchronous: false);
            channel.Close();
        }
        _ownedContext?.Dispose();
        if (!_leaveInnerStreamOpen)
        {
            DiscardArrived();
            await _inner.DisposeAsync().ConfigureAwait(false);
        }
        await base.DisposeAsync().ConfigureAwait(false);
    }

    /// <inheritdoc cref="DisposeAsync"/>
    protected override void Dispose(bool disposing)
    {
        if (disposing && Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            if (_channel is { } channel)
            {
                channel.SendCloseNotify();
                channel.TakeLastTickets(synchronous: true);
                channel.Close();
            }
            _ownedContext?.Dispose();
            if (!_leaveInnerStreamOpen)
            {
                DiscardArrived();
                _inner.Dispose();
            }
        }
        base.Dispose(disposing);
    }

    private static InvalidOperationException NotAuthenticated() => new("Authenticate first: the handshake is not complete.");

    private TlsChannel Usable()
    {
        ObjectDisposedException.ThrowIf(_disposed != 0, this);
        TlsChannel channel = _channel ?? throw NotAuthenticated();
        if (Volatile.Read(ref _state) != Authenticated)
        {
            channel.ThrowIfUnusable();
            throw NotAuthenticated();
        }
        return channel;
    }

    /// <summary>A socket closed with unread bytes is reset, and then the peer may never see our alert or close_notify: what has arrived is read away.</summary>
    private void DiscardArrived()
    {
        if (_inner is not NetworkStream { Socket: { } socket })
        {
            return;
        }
        try
        {
            socket.Shutdown(SocketShutdown.Send);
            Span<byte> waste = stackalloc byte[1024];
            for (int rounds = 0; rounds < 64 && socket.Available > 0; rounds++)
            {
                _ = socket.Receive(waste);
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // It is gone already.
        }
    }
}

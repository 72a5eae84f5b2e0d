#pragma warning disable CA2022 // Where the count is not looked at, the exception is.
using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Time.Testing;
using Segno.Tests.Connections;
using static Segno.Tests.IO.TlsStreams;

namespace Segno.Tests.IO;

/// <summary>Faults, cancellation, timeouts, use by too many at once.</summary>
public class TlsStreamFaultTests
{
    [Fact]
    public async Task ATransportThatEndsWithoutCloseNotifyIsTruncated()
    {
        await using TlsStreams streams = await ConnectAsync();
        await streams.Server.WriteAsync("half"u8.ToArray(), Cancel);
        streams.Transport.Server.Output.End();
        Assert.Equal("half"u8.ToArray(), await ReadExactlyAsync(streams.Client, 4));
        TlsException first = await Assert.ThrowsAsync<TlsException>(async () => await streams.Client.ReadAsync(new byte[1], Cancel));
        Assert.Equal(TlsFault.Truncated, first.Fault);
        TlsException second = await Assert.ThrowsAsync<TlsException>(async () => await streams.Client.ReadAsync(new byte[1], Cancel));
        Assert.Equal(TlsFault.Truncated, second.Fault);
        Assert.Same(first, second.InnerException);
        Assert.Equal(TlsFault.Truncated, (await Assert.ThrowsAsync<TlsException>(async () => await streams.Client.WriteAsync(new byte[1], Cancel))).Fault);
    }

    [Fact]
    public async Task AClosedTransportDuringTheHandshakeIsSaid()
    {
        await using TlsStreams streams = Create();
        (_, TlsServerContext server) = HandshakeTests.Contexts();
        streams.Transport.Client.Dispose();
        TlsException e = await Assert.ThrowsAsync<TlsException>(() => streams.Server.AuthenticateAsServerAsync(server, Cancel));
        Assert.Equal(TlsFault.ClosedDuringHandshake, e.Fault);
        Assert.Equal(TlsFault.ClosedDuringHandshake, Assert.Throws<TlsException>(() => streams.Server.Read(new byte[1])).Fault);
    }

    [Fact]
    public async Task ABrokenRecordIsAnsweredByItsAlert()
    {
        await using TlsStreams streams = await ConnectAsync();
        streams.Transport.Server.Output.Tamper = static bytes => bytes[^1] ^= 1;
        await streams.Server.WriteAsync(Data(10), Cancel);
        TlsAlertException here = await Assert.ThrowsAsync<TlsAlertException>(async () => await streams.Client.ReadAsync(new byte[10], Cancel));
        Assert.Equal(TlsFault.RecordAuthenticationFailed, here.Fault);
        TlsAlertException there = await Assert.ThrowsAsync<TlsAlertException>(async () => await streams.Server.ReadAsync(new byte[10], Cancel));
        Assert.Equal((TlsFault.PeerAlert, TlsAlert.BadRecordMac, true), (there.Fault, there.Alert, there.SentByPeer));
        TlsAlertException again = await Assert.ThrowsAsync<TlsAlertException>(async () => await streams.Client.WriteAsync(Data(1), Cancel));
        Assert.Equal(TlsFault.RecordAuthenticationFailed, again.Fault);
        Assert.Same(here, again.InnerException);
    }

    [Fact]
    public async Task WhatCameBeforeAFaultIsDelivered()
    {
        await using TlsStreams streams = await ConnectAsync();
        await streams.Server.WriteAsync("good"u8.ToArray(), Cancel);
        streams.Transport.Server.Output.Tamper = static bytes => bytes[^1] ^= 1;
        await streams.Server.WriteAsync("bad"u8.ToArray(), Cancel);
        byte[] buffer = new byte[100];
        Assert.Equal(4, await streams.Client.ReadAsync(buffer, Cancel));
        Assert.Equal("good"u8.ToArray(), buffer[..4]);
        TlsException e = await Assert.ThrowsAnyAsync<TlsException>(async () => await streams.Client.ReadAsync(buffer, Cancel));
        Assert.Equal(TlsFault.RecordAuthenticationFailed, e.Fault);
    }

    [Fact]
    public async Task ARefusedCertificateIsToldToThePeer()
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts();
        await using TlsStreams streams = Create();
        Task serving = streams.Server.AuthenticateAsServerAsync(server, Cancel);
        TlsException here = await Assert.ThrowsAnyAsync<TlsException>(() => streams.Client.AuthenticateAsClientAsync(client, "elsewhere.test", Cancel));
        Assert.Equal(TlsFault.CertificateNameMismatch, here.Fault);
        TlsAlertException there = await Assert.ThrowsAsync<TlsAlertException>(() => serving);
        Assert.Equal((TlsFault.PeerAlert, TlsAlert.CertificateUnknown), (there.Fault, there.Alert));
        Assert.False(streams.Client.IsAuthenticated);
        Assert.Equal(TlsFault.CertificateNameMismatch, (await Assert.ThrowsAnyAsync<TlsException>(async () => await streams.Client.ReadAsync(new byte[1], Cancel))).Fault);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task PlainHttpIsAnsweredByAnAlert(bool byteByByte)
    {
        await using TlsStreams streams = Create(byteByByte ? DuplexModes.ByteByByte : null);
        (_, TlsServerContext server) = HandshakeTests.Contexts();
        await streams.Transport.Client.WriteAsync("GET / HTTP/1.1\r\n\r\n"u8.ToArray(), Cancel);
        TlsException e = await Assert.ThrowsAnyAsync<TlsException>(() => streams.Server.AuthenticateAsServerAsync(server, Cancel));
        Assert.Equal(TlsFault.PlainHttpReceived, e.Fault);
        byte[] alert = new byte[7];
        await streams.Transport.Client.ReadExactlyAsync(alert, Cancel);
        Assert.Equal([21, 3, 3, 0, 2, 2, (byte)TlsAlert.UnexpectedMessage], alert);
    }

    [Fact]
    public async Task ACancelledReadLosesNothing()
    {
        await using TlsStreams streams = await ConnectAsync();
        using var cancel = new CancellationTokenSource();
        Task<int> read = streams.Client.ReadAsync(new byte[5], cancel.Token).AsTask();
        Assert.False(read.IsCompleted);
        await cancel.CancelAsync();
        OperationCanceledException e = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => read);
        Assert.Equal(cancel.Token, e.CancellationToken);
        await streams.Server.WriteAsync("hello"u8.ToArray(), Cancel);
        Assert.Equal("hello"u8.ToArray(), await ReadExactlyAsync(streams.Client, 5));
    }

    [Fact]
    public async Task AReadCancelledWithinARecordLosesNothing()
    {
        await using TlsStreams streams = await ConnectAsync();
        streams.Transport.Server.Output.Withheld = 5000;
        await streams.Server.WriteAsync(Data(10_000), Cancel);
        for (int i = 0; i < 2; i++)
        {
            using var cancel = new CancellationTokenSource();
            Task<int> read = streams.Client.ReadAsync(new byte[10_000], cancel.Token).AsTask();
            Assert.False(read.IsCompleted);
            await cancel.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => read);
        }
        streams.Transport.Server.Output.Withheld = 0;
        Assert.Equal(Data(10_000), await ReadExactlyAsync(streams.Client, 10_000));
    }

    [Fact]
    public async Task AWriteCancelledUnderWayEndsWritingButNotReading()
    {
        await using TlsStreams streams = await ConnectAsync(new DuplexModes { Capacity = 5000 });
        using var cancel = new CancellationTokenSource();
        Task write = streams.Client.WriteAsync(Data(100_000), cancel.Token).AsTask();
        Assert.False(write.IsCompleted);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => write);
        TlsException e = await Assert.ThrowsAsync<TlsException>(async () => await streams.Client.WriteAsync(Data(1), Cancel));
        Assert.Equal(TlsFault.TransportFailed, e.Fault);
        await streams.Server.WriteAsync(Data(10), Cancel);
        Assert.Equal(Data(10), await ReadExactlyAsync(streams.Client, 10));
    }

    [Fact]
    public async Task AWriteCancelledBeforeItBeginsHarmsNothing()
    {
        await using TlsStreams streams = await ConnectAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await streams.Client.WriteAsync(Data(1), new CancellationToken(true)));
        await streams.Client.WriteAsync(Data(10), Cancel);
        Assert.Equal(Data(10), await ReadExactlyAsync(streams.Server, 10));
    }

    [Fact]
    public async Task ACancelledHandshakeTellsThePeer()
    {
        await using TlsStreams streams = Create();
        (TlsClientContext client, _) = HandshakeTests.Contexts();
        using var cancel = new CancellationTokenSource();
        Task handshake = streams.Client.AuthenticateAsClientAsync(client, "localhost", cancel.Token);
        Assert.False(handshake.IsCompleted);
        await cancel.CancelAsync();
        OperationCanceledException e = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => handshake);
        Assert.Equal(cancel.Token, e.CancellationToken);
        Assert.Equal(TlsAlert.UserCanceled, await LastAlertAsync(streams.Transport.Server));
        Assert.Equal(TlsFault.Canceled, (await Assert.ThrowsAsync<TlsException>(async () => await streams.Client.ReadAsync(new byte[1], Cancel))).Fault);
    }

    [Fact]
    public async Task AHandshakeHasItsTime()
    {
        var time = new FakeTimeProvider(DateTimeOffset.UtcNow);
        await using TlsStreams streams = Create();
        (TlsClientContext client, _) = HandshakeTests.Contexts(o => { o.TimeProvider = time; o.HandshakeTimeout = TimeSpan.FromSeconds(3); });
        Task handshake = streams.Client.AuthenticateAsClientAsync(client, "localhost", Cancel);
        time.Advance(TimeSpan.FromSeconds(2.9));
        Assert.False(handshake.IsCompleted);
        time.Advance(TimeSpan.FromSeconds(0.1));
        TlsException e = await Assert.ThrowsAnyAsync<TlsException>(() => handshake);
        Assert.Equal(TlsFault.HandshakeTimeout, e.Fault);
        Assert.NotNull(await LastAlertAsync(streams.Transport.Server));
    }

    [Fact]
    public async Task AHandshakeThatCannotSendItsAlertEndsAllTheSame()
    {
        var time = new FakeTimeProvider(DateTimeOffset.UtcNow);
        await using TlsStreams streams = Create(new DuplexModes { Capacity = 1 });
        (_, TlsServerContext server) = HandshakeTests.Contexts(null, o => o.TimeProvider = time);
        Task handshake = streams.Server.AuthenticateAsServerAsync(server, Cancel);
        await streams.Transport.Client.WriteAsync(new byte[1], Cancel);
        // The alert is stuck after its first byte, until the time for it is up.
        while (!handshake.IsCompleted)
        {
            time.Advance(TimeSpan.FromSeconds(1));
            await Task.WhenAny(handshake, Task.Delay(1, Cancel));
        }
        await Assert.ThrowsAnyAsync<TlsException>(() => handshake);
    }

    [Fact]
    public async Task AnIdleReadHasItsTime()
    {
        var time = new FakeTimeProvider(DateTimeOffset.UtcNow);
        await using TlsStreams streams = await ConnectAsync(client: o => { o.TimeProvider = time; o.IdleTimeout = TimeSpan.FromMinutes(1); });
        for (int i = 0; i < 3; i++)
        {
            // Each wait begins anew.
            Task<byte[]> read = ReadExactlyAsync(streams.Client, 5);
            time.Advance(TimeSpan.FromSeconds(59));
            Assert.False(read.IsCompleted);
            await streams.Server.WriteAsync("hello"u8.ToArray(), Cancel);
            await read;
        }
        using (var cancel = new CancellationTokenSource())
        {
            Task<int> cancelled = streams.Client.ReadAsync(new byte[1], cancel.Token).AsTask();
            await cancel.CancelAsync();
            Assert.Equal(cancel.Token, (await Assert.ThrowsAnyAsync<OperationCanceledException>(() => cancelled)).CancellationToken);
        }
        Task<int> idle = streams.Client.ReadAsync(new byte[1], Cancel).AsTask();
        time.Advance(TimeSpan.FromSeconds(60));
        Assert.Equal(TlsFault.IdleTimeout, (await Assert.ThrowsAsync<TlsException>(() => idle)).Fault);
        Assert.Equal(TlsFault.IdleTimeout, (await Assert.ThrowsAsync<TlsException>(async () => await streams.Client.WriteAsync(new byte[1], Cancel))).Fault);
    }

    [Fact]
    public async Task OneReaderAndOneWriterAtATime()
    {
        await using TlsStreams streams = await ConnectAsync(new DuplexModes { Capacity = 5000 });
        Task<byte[]> read = ReadExactlyAsync(streams.Client, 10);
        await Assert.ThrowsAsync<NotSupportedException>(async () => await streams.Client.ReadAsync(new byte[1], Cancel));
        Assert.Throws<NotSupportedException>(() => streams.Client.Read(new byte[1]));
        Task write = streams.Client.WriteAsync(Data(20_000), Cancel).AsTask();
        await Assert.ThrowsAsync<NotSupportedException>(async () => await streams.Client.WriteAsync(new byte[1], Cancel));
        Assert.Throws<NotSupportedException>(() => streams.Client.Write([1]));
        // Neither suffered from it.
        await streams.Server.WriteAsync(Data(10), Cancel);
        Assert.Equal(Data(10), await read);
        Assert.Equal(Data(20_000), await ReadExactlyAsync(streams.Server, 20_000));
        await write;
    }

    [Fact]
    public async Task DisposingWakesAReaderAndABlockedWriter()
    {
        await using TlsStreams streams = await ConnectAsync(new DuplexModes { Capacity = 5000 });
        Task<int> read = streams.Client.ReadAsync(new byte[1], Cancel).AsTask();
        Task write = streams.Client.WriteAsync(Data(20_000), Cancel).AsTask();
        Assert.False(write.IsCompleted);
        await streams.Client.DisposeAsync();
        await Assert.ThrowsAnyAsync<Exception>(() => read);
        await Assert.ThrowsAnyAsync<Exception>(() => write);
    }

    [Fact]
    public async Task DisposingDoesNotWaitForADeafPeer()
    {
        var time = new FakeTimeProvider(DateTimeOffset.UtcNow);
        await using TlsStreams streams = await ConnectAsync(
            new DuplexModes { Capacity = 2000 }, client: o => o.TimeProvider = time);
        // Fill the wire, so that close_notify does not fit.
        await streams.Client.WriteAsync(Data(2000 - 22), Cancel);
        Task disposing = streams.Client.DisposeAsync().AsTask();
        Assert.False(disposing.IsCompleted);
        time.Advance(TimeSpan.FromSeconds(1));
        await disposing;
        Assert.True(streams.Transport.Client.IsDisposed);
    }

    [Fact]
    public async Task DisposingEndsAHandshake()
    {
        await using TlsStreams streams = Create();
        (TlsClientContext client, _) = HandshakeTests.Contexts();
        Task handshake = streams.Client.AuthenticateAsClientAsync(client, "localhost", Cancel);
        await streams.Client.DisposeAsync();
        await Assert.ThrowsAnyAsync<Exception>(() => handshake);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => streams.Client.AuthenticateAsClientAsync(client, "localhost", Cancel));
    }

    [Fact]
    public async Task WhatTheTransportThrowsComesOutUnchanged()
    {
        await using TlsStreams streams = await ConnectAsync();
        streams.Transport.Server.Dispose();
        IOException e = await Assert.ThrowsAsync<IOException>(async () => await streams.Client.WriteAsync(Data(1), Cancel));
        TlsException again = await Assert.ThrowsAsync<TlsException>(async () => await streams.Client.WriteAsync(Data(1), Cancel));
        Assert.Equal(TlsFault.TransportFailed, again.Fault);
        Assert.Same(e, again.InnerException);
    }

    [Fact]
    public async Task TheAlertReachesAPeerWhoseBytesAreNotAllRead()
    {
        // A socket that is closed with unread bytes resets the connection, and the alert would be lost.
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, ((IPEndPoint)listener.LocalEndpoint).Port, Cancel);
        NetworkStream plain = client.GetStream();
        await plain.WriteAsync("GET / HTTP/1.1\r\n"u8.ToArray().Concat(new byte[40_000]).ToArray(), Cancel);
        (_, TlsServerContext server) = HandshakeTests.Contexts();
        await using (var accepted = new TlsStream(new NetworkStream(await listener.AcceptSocketAsync(Cancel), ownsSocket: true)))
        {
            await Assert.ThrowsAnyAsync<TlsException>(() => accepted.AuthenticateAsServerAsync(server, Cancel));
        }
        byte[] alert = new byte[7];
        await plain.ReadExactlyAsync(alert, Cancel);
        Assert.Equal(21, alert[0]);
        Assert.Equal(0, await plain.ReadAsync(alert, Cancel));
    }

    /// <summary>The description of the last plaintext alert on the wire.</summary>
    private static async Task<TlsAlert?> LastAlertAsync(DuplexStream stream)
    {
        byte[] bytes = new byte[stream.Input.Count];
        await stream.ReadExactlyAsync(bytes, Cancel);
        TlsAlert? alert = null;
        for (int i = 0; i < bytes.Length; i += 5 + (bytes[i + 3] << 8) + bytes[i + 4])
        {
            alert = bytes[i] == 21 ? (TlsAlert)bytes[i + 6] : alert;
        }
        return alert;
    }
}

using System.Net.Security;
using Microsoft.Extensions.Time.Testing;
using Segno.Sessions;
using Segno.Tests.Connections;
using static Segno.Tests.IO.TlsStreams;

namespace Segno.Tests.IO;

/// <summary>Early data through <see cref="TlsStream"/>: handed out after the handshake, or at once; and what a client does with what was refused.</summary>
public sealed class EarlyDataStreamTests
{
    private const int Limit = 14_336;

    private readonly FakeTimeProvider _clock = new(TimeProvider.System.GetUtcNow());

    [Theory]
    [InlineData(1, -1)]
    [InlineData(5, -1)]
    [InlineData(Limit, -1)]
    [InlineData(Limit, 0)]
    [InlineData(Limit, 3)]
    public async Task AfterTheHandshakeEarlyDataIsReadFirst(int length, int arrival)
    {
        (TlsClientContext client, TlsServerContext server) = await PrepareAsync();
        DuplexModes modes = arrival switch { < 0 => new(), 0 => DuplexModes.ByteByByte, _ => DuplexModes.Random(arrival) };
        await using TlsStreams streams = Create(modes);
        byte[] early = Data(length);
        Task accepting = streams.Server.AuthenticateAsServerAsync(server, Cancel);
        EarlyDataOutcome outcome = await streams.Client.EarlyData.AuthenticateAsClientAsync(client, early, "localhost", cancellationToken: Cancel);
        await accepting;
        Assert.Equal(EarlyDataOutcome.Accepted, outcome);
        Assert.Equal(EarlyDataOutcome.Accepted, streams.Server.EarlyData.Outcome);
        Assert.False(streams.Server.EarlyData.MayBeReplay);
        byte[] late = Data(4, seed: 2);
        await streams.Client.WriteAsync(late, Cancel);
        byte[] all = [.. early, .. late];
        Assert.Equal(all, await ReadExactlyAsync(streams.Server, all.Length));
    }

    // What may be a replay never shares a read with what is none.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task EarlyAndLateBytesNeverShareARead(bool atOnce)
    {
        (TlsClientContext client, TlsServerContext server) = await PrepareAsync(o => o.DeliverEarlyDataAtOnce = atOnce);
        await using TlsStreams streams = Create();
        Task accepting = streams.Server.AuthenticateAsServerAsync(server, Cancel);
        await Task.WhenAll(accepting, SendAsync());
        byte[] room = new byte[64];
        Assert.Equal(3, await streams.Server.ReadAsync(room.AsMemory(0, 3), Cancel));
        // There is room for more.
        Assert.Equal(2, await streams.Server.ReadAsync(room.AsMemory(3), Cancel));
        Assert.Equal(4, await streams.Server.ReadAsync(room.AsMemory(5), Cancel));
        Assert.False(streams.Server.EarlyData.MayBeReplay);
        Assert.Equal("earlylate"u8.ToArray(), room[..9]);

        async Task SendAsync()
        {
            Assert.True((await streams.Client.EarlyData.AuthenticateAsClientAsync(client, "early"u8.ToArray(), "localhost", cancellationToken: Cancel)).IsAccepted);
            await streams.Client.WriteAsync("late"u8.ToArray(), Cancel);
        }
    }

    // E1, E5: the first flight alone, as somebody has recorded it. Nothing completes its handshake, and it does not last.
    [Fact]
    [Trait("Museum", "E5")]
    public async Task AtOnceAServerCanTellAndTheHandshakesTimeGoesOn()
    {
        (TlsClientContext client, TlsServerContext server) = await PrepareAsync(o => o.DeliverEarlyDataAtOnce = true);
        await using TlsStreams streams = Create();
        byte[] flight = FirstFlight(client, "early"u8);
        Task accepting = streams.Server.AuthenticateAsServerAsync(server, Cancel);
        await streams.Transport.Client.WriteAsync(flight, Cancel);
        await accepting;
        Assert.True(streams.Server.EarlyData.MayBeReplay);
        Assert.Equal(EarlyDataOutcome.Accepted, streams.Server.EarlyData.Outcome);
        Assert.Equal("early"u8.ToArray(), await ReadExactlyAsync(streams.Server, 5));
        await streams.Server.WriteAsync("answer"u8.ToArray(), Cancel);
        Task completing = streams.Server.EarlyData.CompleteHandshakeAsync(Cancel);
        Assert.False(completing.IsCompleted);
        _clock.Advance(TimeSpan.FromSeconds(10));
        TlsException e = await Assert.ThrowsAnyAsync<TlsException>(() => completing);
        Assert.Equal(TlsFault.HandshakeTimeout, e.Fault);
        Assert.True(streams.Server.EarlyData.MayBeReplay);
    }

    [Fact]
    public async Task AReadBehindEarlyDataHasTheHandshakesTime()
    {
        (TlsClientContext client, TlsServerContext server) = await PrepareAsync(o => o.DeliverEarlyDataAtOnce = true);
        await using TlsStreams streams = Create();
        Task accepting = streams.Server.AuthenticateAsServerAsync(server, Cancel);
        await streams.Transport.Client.WriteAsync(FirstFlight(client, "early"u8), Cancel);
        await accepting;
        Assert.Equal("early"u8.ToArray(), await ReadExactlyAsync(streams.Server, 5));
        ValueTask<int> reading = streams.Server.ReadAsync(new byte[1], Cancel);
        Assert.False(reading.IsCompleted);
        _clock.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal(TlsFault.HandshakeTimeout, (await Assert.ThrowsAnyAsync<TlsException>(async () => await reading)).Fault);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task CompletingKeepsWhatIsNotReadYet(bool atOnce)
    {
        (TlsClientContext client, TlsServerContext server) = await PrepareAsync(o => o.DeliverEarlyDataAtOnce = atOnce);
        await using TlsStreams streams = Create();
        Task accepting = streams.Server.AuthenticateAsServerAsync(server, Cancel);
        Task<EarlyDataOutcome> asking = streams.Client.EarlyData.AuthenticateAsClientAsync(client, "early"u8.ToArray(), "localhost", cancellationToken: Cancel);
        await accepting;
        await streams.Server.EarlyData.CompleteHandshakeAsync(Cancel);
        Assert.False(streams.Server.EarlyData.MayBeReplay);
        Assert.True((await asking).IsAccepted);
        await streams.Client.WriteAsync("late"u8.ToArray(), Cancel);
        Assert.Equal("earlylate"u8.ToArray(), await ReadExactlyAsync(streams.Server, 9));
        // Again: nothing.
        await streams.Server.EarlyData.CompleteHandshakeAsync(Cancel);
    }

    [Fact]
    public async Task AWaitThatIsCancelledLosesNothing()
    {
        (TlsClientContext client, TlsServerContext server) = await PrepareAsync(o => o.DeliverEarlyDataAtOnce = true);
        await using TlsStreams streams = Create();
        Task accepting = streams.Server.AuthenticateAsServerAsync(server, Cancel);
        await streams.Transport.Client.WriteAsync(FirstFlight(client, "early"u8), Cancel);
        await accepting;
        using var cancel = new CancellationTokenSource();
        Task completing = streams.Server.EarlyData.CompleteHandshakeAsync(cancel.Token);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => completing);
        Assert.Equal("early"u8.ToArray(), await ReadExactlyAsync(streams.Server, 5));
    }

    // R-100, E2: nothing is sent again unasked, nor where it would be taken for something else.
    [Theory]
    [Trait("Museum", "E2")]
    [InlineData(false, false, false)]
    [InlineData(true, false, true)]
    [InlineData(true, true, false)]
    public async Task WhatWasRefusedIsSentAgainOnlyWhenAskedAndForTheSameProtocol(bool resend, bool otherProtocol, bool again)
    {
        using var keys = new TicketKeyRing(timeProvider: _clock);
        (TlsClientContext client, _) = await PrepareAsync(
            o => (o.TicketKeys, o.Group, o.ApplicationProtocols) = (keys, "fleet", [SslApplicationProtocol.Http2]));
        TlsServerContext other = Contexts(o => (o.TicketKeys, o.Group, o.ApplicationProtocols)
            = (keys, "fleet", [otherProtocol ? SslApplicationProtocol.Http11 : SslApplicationProtocol.Http2])).Server;
        await using TlsStreams streams = Create();
        Task accepting = streams.Server.AuthenticateAsServerAsync(other, Cancel);
        EarlyDataOutcome outcome = await streams.Client.EarlyData.AuthenticateAsClientAsync(
            client, "early"u8.ToArray(), "localhost", resend: resend, cancellationToken: Cancel);
        await accepting;
        Assert.Equal(EarlyDataStatus.Rejected, outcome.Status);
        Assert.Equal(otherProtocol ? EarlyDataReason.AlpnMismatch : EarlyDataReason.ZoneMismatch, streams.Server.EarlyData.Outcome.Reason);
        await streams.Client.WriteAsync("late"u8.ToArray(), Cancel);
        byte[] expected = again ? "earlylate"u8.ToArray() : "late"u8.ToArray();
        Assert.Equal(expected, await ReadExactlyAsync(streams.Server, expected.Length));
    }

    [Fact]
    public async Task WithoutASessionItIsOrdinaryDataWhenAsked()
    {
        (TlsClientContext client, TlsServerContext server) = Contexts(null);
        await using TlsStreams streams = Create();
        Task accepting = streams.Server.AuthenticateAsServerAsync(server, Cancel);
        EarlyDataOutcome outcome = await streams.Client.EarlyData.AuthenticateAsClientAsync(
            client, "early"u8.ToArray(), "localhost", resend: true, cancellationToken: Cancel);
        await accepting;
        Assert.Equal(EarlyDataOutcome.NotOffered(EarlyDataReason.NoSession), outcome);
        Assert.Equal("early"u8.ToArray(), await ReadExactlyAsync(streams.Server, 5));
    }

    private static byte[] FirstFlight(TlsClientContext client, ReadOnlySpan<byte> data)
    {
        using var engine = new TlsConnection(client, "localhost");
        engine.Start(data.Length);
        var output = new System.Buffers.ArrayBufferWriter<byte>();
        engine.SendEarlyData(data, output);
        return output.WrittenSpan.ToArray();
    }

    private (TlsClientContext Client, TlsServerContext Server) Contexts(Action<TlsServerOptions>? configure) => HandshakeTests.Contexts(
        o =>
        {
            o.TimeProvider = _clock;
            o.ApplicationProtocols = [SslApplicationProtocol.Http2, SslApplicationProtocol.Http11];
        },
        o =>
        {
            o.TimeProvider = _clock;
            o.MaxEarlyDataSize = Limit;
            o.ReplayGuard = new MemoryReplayGuard(timeProvider: _clock);
            configure?.Invoke(o);
        });

    /// <summary>A client with a session of the server, whose guard was there for longer than a flight can be replayed.</summary>
    private async Task<(TlsClientContext Client, TlsServerContext Server)> PrepareAsync(Action<TlsServerOptions>? configure = null)
    {
        (TlsClientContext client, TlsServerContext server) = Contexts(configure);
        _clock.Advance(TimeSpan.FromSeconds(21));
        await using TlsStreams streams = await ConnectAsync(client, server);
        Assert.Equal(SessionWait.Received, await streams.Client.WaitForSessionAsync(TimeSpan.FromSeconds(10), Cancel));
        return (client, server);
    }
}

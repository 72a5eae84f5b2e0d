using System.Buffers;
using System.IO.Pipelines;
using Microsoft.Extensions.Time.Testing;
using Segno.Tests.Connections;
using static Segno.Tests.IO.TlsPipes;
using static Segno.Tests.IO.TlsStreams;

namespace Segno.Tests.IO;

public class TlsDuplexPipeTests
{
    [Theory]
    [InlineData(1, 4096, null)]
    [InlineData(100, 1, 1)]
    [InlineData(16385, 7, 2)]
    [InlineData(70_000, 16, 3)]
    [InlineData(1 << 20, 4096, null)]
    [InlineData(1 << 20, 4096, 4)]
    [InlineData(1 << 20, 65536, 5)]
    public async Task EchoBothWaysHoweverItArrives(int length, int pieces, int? seed)
    {
        await using TlsPipes pipes = await TlsPipes.ConnectAsync(Narrow(pieces, pause: 30_000), seed);
        byte[] up = Data(length, 1);
        byte[] down = Data(length, 2);
        Task<byte[]> atServer = TlsPipes.ReadExactlyAsync(pipes.Server.Input, length);
        Task<byte[]> atClient = TlsPipes.ReadExactlyAsync(pipes.Client.Input, length);
        await Task.WhenAll(pipes.Client.Output.WriteAsync(up, Cancel).AsTask(), pipes.Server.Output.WriteAsync(down, Cancel).AsTask());
        Assert.Equal(up, await atServer);
        Assert.Equal(down, await atClient);
        Assert.True(pipes.Client.IsAuthenticated);
        Assert.Equal(pipes.Client.ConnectionInfo.CipherSuite, pipes.Server.ConnectionInfo.CipherSuite);
    }

    [Fact]
    public async Task StreamAndPipeUnderstandEachOther()
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts();
        var transport = new PipePair();
        await using var pipe = new TlsDuplexPipe(transport.Server);
        await using var stream = new TlsStream(new JoinedStream(transport.Client));
        await Task.WhenAll(pipe.AuthenticateAsServerAsync(server, Cancel), stream.AuthenticateAsClientAsync(client, "localhost", Cancel));
        Task write = stream.WriteAsync(Data(100_000), Cancel).AsTask();
        Assert.Equal(Data(100_000), await TlsPipes.ReadExactlyAsync(pipe.Input, 100_000));
        await write;
        await pipe.Output.WriteAsync(Data(500), Cancel);
        Assert.Equal(Data(500), await TlsStreams.ReadExactlyAsync(stream, 500));
        await stream.ShutdownAsync();
        Assert.True((await pipe.Input.ReadAsync(Cancel)).IsCompleted);
        await pipe.Output.CompleteAsync();
        Assert.Equal(0, await stream.ReadAsync(new byte[1], Cancel));
    }

    [Fact]
    public async Task WhatIsExaminedIsNotToldAgain()
    {
        await using TlsPipes pipes = await TlsPipes.ConnectAsync();
        PipeReader input = pipes.Client.Input;
        await pipes.Server.Output.WriteAsync("abc"u8.ToArray(), Cancel);
        ReadResult result = await input.ReadAsync(Cancel);
        Assert.Equal("abc"u8.ToArray(), result.Buffer.ToArray());
        input.AdvanceTo(result.Buffer.GetPosition(1), result.Buffer.End);

        ValueTask<ReadResult> next = input.ReadAsync(Cancel);
        Assert.False(next.IsCompleted);
        await pipes.Server.Output.WriteAsync("def"u8.ToArray(), Cancel);
        result = await next;
        Assert.Equal("bcdef"u8.ToArray(), result.Buffer.ToArray());

        input.AdvanceTo(result.Buffer.Start, result.Buffer.GetPosition(2));
        Assert.True(input.TryRead(out result));
        Assert.Equal("bcdef"u8.ToArray(), result.Buffer.ToArray());
        input.AdvanceTo(result.Buffer.End);
        Assert.False(input.TryRead(out _));
    }

    [Fact]
    public async Task DataIsKeptOverManySegments()
    {
        await using TlsPipes pipes = await TlsPipes.ConnectAsync();
        PipeReader input = pipes.Client.Input;
        byte[] data = Data(100_000);
        var random = new Random(1);
        int sent = 0;
        int taken = 0;
        while (taken < data.Length)
        {
            if (sent < data.Length)
            {
                int count = Math.Min(data.Length - sent, random.Next(1, 9000));
                await pipes.Server.Output.WriteAsync(data.AsMemory(sent, count), Cancel);
                sent += count;
            }
            ReadResult result = await input.ReadAsync(Cancel);
            Assert.Equal(data[taken..(taken + (int)result.Buffer.Length)], result.Buffer.ToArray());
            long consume = sent < data.Length ? random.NextInt64(0, result.Buffer.Length + 1) : result.Buffer.Length;
            input.AdvanceTo(result.Buffer.GetPosition(consume), result.Buffer.GetPosition(sent < data.Length ? result.Buffer.Length : consume));
            taken += (int)consume;
        }
        Assert.Equal(data.Length, taken);
    }

    [Fact]
    public async Task AReadIsCancelledBeforeAndWhilePending()
    {
        await using TlsPipes pipes = await TlsPipes.ConnectAsync();
        PipeReader input = pipes.Client.Input;
        for (int i = 0; i < 2; i++)
        {
            input.CancelPendingRead();
            ReadResult before = await input.ReadAsync(Cancel);
            Assert.True(before is { IsCanceled: true, IsCompleted: false, Buffer.IsEmpty: true });
            input.AdvanceTo(before.Buffer.End);

            ValueTask<ReadResult> pending = input.ReadAsync(Cancel);
            Assert.False(pending.IsCompleted);
            input.CancelPendingRead();
            ReadResult after = await pending;
            Assert.True(after.IsCanceled);
            input.AdvanceTo(after.Buffer.End);
        }
        using var cancel = new CancellationTokenSource();
        Task<ReadResult> byToken = input.ReadAsync(cancel.Token).AsTask();
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => byToken);

        await pipes.Server.Output.WriteAsync("abc"u8.ToArray(), Cancel);
        Assert.Equal("abc"u8.ToArray(), await TlsPipes.ReadExactlyAsync(input, 3));
    }

    [Fact]
    public async Task ReaderMisuseIsRefused()
    {
        await using TlsPipes pipes = await TlsPipes.ConnectAsync();
        PipeReader input = pipes.Client.Input;
        Assert.Throws<InvalidOperationException>(() => input.AdvanceTo(default));
        await pipes.Server.Output.WriteAsync("abc"u8.ToArray(), Cancel);
        ReadResult result = await input.ReadAsync(Cancel);
        Assert.Throws<InvalidOperationException>(() => input.TryRead(out _));
        Assert.Throws<InvalidOperationException>(() => input.AdvanceTo(result.Buffer.End, result.Buffer.Start));
        input.AdvanceTo(result.Buffer.End);
        ValueTask<ReadResult> pending = input.ReadAsync(Cancel);
        await Assert.ThrowsAsync<NotSupportedException>(async () => await input.ReadAsync(Cancel));
        await pipes.Server.Output.WriteAsync("d"u8.ToArray(), Cancel);
        input.AdvanceTo((await pending).Buffer.End);
        await input.CompleteAsync();
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await input.ReadAsync(Cancel));
    }

    [Fact]
    public async Task NothingWorksBeforeAuthentication()
    {
        await using TlsPipes pipes = TlsPipes.Create();
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await pipes.Client.Input.ReadAsync(Cancel));
        Assert.Throws<InvalidOperationException>(() => pipes.Client.Output.GetMemory());
        Assert.Throws<InvalidOperationException>(() => pipes.Client.ConnectionInfo);
    }

    [Fact]
    public async Task SmallWritesShareARecord()
    {
        await using TlsPipes pipes = await TlsPipes.ConnectAsync();
        PipeWriter output = pipes.Client.Output;
        Assert.True(output.CanGetUnflushedBytes);
        for (int i = 0; i < 100; i++)
        {
            "12345"u8.CopyTo(output.GetSpan(5));
            output.Advance(5);
        }
        Assert.Equal(500, output.UnflushedBytes);
        await output.FlushAsync(Cancel);
        Assert.Equal(0, output.UnflushedBytes);
        ReadResult wire = await pipes.Transport.Server.Input.ReadAsync(Cancel);
        Assert.Equal(500 + 22, wire.Buffer.Length);
        pipes.Transport.Server.Input.AdvanceTo(wire.Buffer.Start);
        byte[] received = await TlsPipes.ReadExactlyAsync(pipes.Server.Input, 500);
        Assert.Equal("12345"u8.ToArray(), received[^5..]);
    }

    [Fact]
    public async Task AnyMemoryMayBeAskedFor()
    {
        await using TlsPipes pipes = await TlsPipes.ConnectAsync();
        PipeWriter output = pipes.Client.Output;
        byte[] data = Data(200_000);
        int at = 0;
        foreach (int length in (int[])[1, 16383, 16384, 2, 50_000, 100_000, 0])
        {
            Memory<byte> memory = output.GetMemory(length);
            Assert.True(memory.Length >= Math.Max(1, length));
            data.AsMemory(at, length).CopyTo(memory);
            output.Advance(length);
            at += length;
        }
        Assert.Throws<ArgumentOutOfRangeException>(() => output.Advance(1 << 20));
        Task<byte[]> read = TlsPipes.ReadExactlyAsync(pipes.Server.Input, at);
        await output.FlushAsync(Cancel);
        Assert.Equal(data[..at], await read);
    }

    [Fact]
    public async Task AFlushWaitsForASlowReader()
    {
        await using TlsPipes pipes = await TlsPipes.ConnectAsync(Narrow(4096, pause: 10_000));
        Task<FlushResult> flush = pipes.Client.Output.WriteAsync(Data(50_000), Cancel).AsTask();
        Assert.False(flush.IsCompleted);
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await pipes.Client.Output.FlushAsync(Cancel));
        // Memory may be taken while a flush is pending.
        "next"u8.CopyTo(pipes.Client.Output.GetSpan(4));
        pipes.Client.Output.Advance(4);
        Assert.Equal(Data(50_000), await TlsPipes.ReadExactlyAsync(pipes.Server.Input, 50_000));
        Assert.False((await flush).IsCompleted);
        await pipes.Client.Output.FlushAsync(Cancel);
        Assert.Equal("next"u8.ToArray(), await TlsPipes.ReadExactlyAsync(pipes.Server.Input, 4));
    }

    [Fact]
    public async Task ACancelledFlushLosesNothing()
    {
        await using TlsPipes pipes = await TlsPipes.ConnectAsync(Narrow(4096, pause: 10_000));
        PipeWriter output = pipes.Client.Output;
        Task<FlushResult> flush = output.WriteAsync(Data(50_000, 1), Cancel).AsTask();
        output.CancelPendingFlush();
        Assert.True((await flush).IsCanceled);
        using var cancel = new CancellationTokenSource();
        flush = output.WriteAsync(Data(50_000, 2), cancel.Token).AsTask();
        Assert.False(flush.IsCompleted);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => flush);
        Assert.Equal(Data(50_000, 1), await TlsPipes.ReadExactlyAsync(pipes.Server.Input, 50_000));
        Assert.Equal(Data(50_000, 2), await TlsPipes.ReadExactlyAsync(pipes.Server.Input, 50_000));
        Assert.False((await output.FlushAsync(Cancel)).IsCanceled);
    }

    [Fact]
    public async Task KeyUpdatesArriveWhileTheWriterIsBlocked()
    {
        await using TlsPipes pipes = await TlsPipes.ConnectAsync(Narrow(4096, pause: 10_000));
        Task<FlushResult> flush = pipes.Client.Output.WriteAsync(Data(50_000), Cancel).AsTask();
        Assert.False(flush.IsCompleted);
        for (int i = 0; i < 10; i++)
        {
            await pipes.Server.UpdateKeysAsync(requestPeer: true, Cancel);
            await pipes.Server.Output.WriteAsync(Data(100, i), Cancel);
            Assert.Equal(Data(100, i), await TlsPipes.ReadExactlyAsync(pipes.Client.Input, 100));
        }
        Assert.False(flush.IsCompleted);
        Assert.Equal(Data(50_000), await TlsPipes.ReadExactlyAsync(pipes.Server.Input, 50_000));
        await flush;
        await pipes.Client.Output.WriteAsync(Data(10), Cancel);
        Assert.Equal(Data(10), await TlsPipes.ReadExactlyAsync(pipes.Server.Input, 10));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task CompletingTheOutputSendsWhatWasWrittenAndCloseNotify(bool synchronous)
    {
        await using TlsPipes pipes = await TlsPipes.ConnectAsync();
        PipeWriter output = pipes.Client.Output;
        "last"u8.CopyTo(output.GetSpan(4));
        output.Advance(4);
        if (synchronous)
        {
            output.Complete();
        }
        else
        {
            await output.CompleteAsync();
        }
        Assert.Throws<InvalidOperationException>(() => output.GetMemory());
        ReadResult result = await pipes.Server.Input.ReadAtLeastAsync(5, Cancel);
        Assert.Equal("last"u8.ToArray(), result.Buffer.ToArray());
        Assert.True(result.IsCompleted);
        pipes.Server.Input.AdvanceTo(result.Buffer.End);
        Assert.True(pipes.Server.Input.TryRead(out result) && result is { IsCompleted: true, Buffer.IsEmpty: true });

        // The other direction is still open.
        await pipes.Server.Output.WriteAsync("answer"u8.ToArray(), Cancel);
        Assert.Equal("answer"u8.ToArray(), await TlsPipes.ReadExactlyAsync(pipes.Client.Input, 6));
    }

    [Fact]
    public async Task CompletingTheOutputWithAnExceptionIsATruncation()
    {
        await using TlsPipes pipes = await TlsPipes.ConnectAsync();
        await pipes.Client.Output.CompleteAsync(new IOException("no more"));
        await pipes.Client.DisposeAsync();
        // Within one process the transport carries the exception itself.
        Assert.Equal("no more", (await Assert.ThrowsAsync<IOException>(async () => await pipes.Server.Input.ReadAsync(Cancel))).Message);
    }

    [Fact]
    public async Task ATransportThatEndsWithoutCloseNotifyIsTruncated()
    {
        await using TlsPipes pipes = await TlsPipes.ConnectAsync();
        await pipes.Transport.Server.Output.CompleteAsync();
        TlsException e = await Assert.ThrowsAsync<TlsException>(async () => await pipes.Client.Input.ReadAsync(Cancel));
        Assert.Equal(TlsFault.Truncated, e.Fault);
        Assert.Throws<TlsException>(() => pipes.Client.Input.TryRead(out _));
        await Assert.ThrowsAsync<TlsException>(async () => await pipes.Client.Output.WriteAsync(Data(1), Cancel));
    }

    [Fact]
    public async Task DisposingSendsCloseNotifyAndCompletesTheTransport()
    {
        await using TlsPipes pipes = await TlsPipes.ConnectAsync();
        Task<ReadResult> pending = pipes.Client.Input.ReadAsync(Cancel).AsTask();
        await pipes.Client.DisposeAsync();
        await Assert.ThrowsAnyAsync<Exception>(() => pending);
        ReadResult end = await pipes.Server.Input.ReadAsync(Cancel);
        Assert.True(end is { IsCompleted: true, Buffer.IsEmpty: true });
        pipes.Server.Input.AdvanceTo(end.Buffer.End);
        Assert.True((await pipes.Server.Output.WriteAsync(Data(1), Cancel)).IsCompleted);
    }

    [Fact]
    public async Task CompletingBothEndsCompletesTheTransport()
    {
        await using TlsPipes pipes = await TlsPipes.ConnectAsync();
        await pipes.Client.Output.CompleteAsync();
        await pipes.Client.Input.CompleteAsync();
        await pipes.Client.DisposeAsync();
        Assert.True((await pipes.Server.Input.ReadAsync(Cancel)).IsCompleted);
        Assert.True((await pipes.Transport.Server.Output.FlushAsync(Cancel)).IsCompleted);
    }

    [Fact]
    public async Task AFailedHandshakeLeavesTheTransportToItsOwner()
    {
        (_, TlsServerContext server) = HandshakeTests.Contexts();
        await using TlsPipes pipes = TlsPipes.Create();
        await pipes.Transport.Client.Output.WriteAsync("GET / HTTP/1.1\r\n\r\n"u8.ToArray(), Cancel);
        TlsException e = await Assert.ThrowsAnyAsync<TlsException>(() => pipes.Server.AuthenticateAsServerAsync(server, Cancel));
        Assert.Equal(TlsFault.PlainHttpReceived, e.Fault);
        ReadResult alert = await pipes.Transport.Client.Input.ReadAsync(Cancel);
        Assert.Equal(7, alert.Buffer.Length);
        pipes.Transport.Client.Input.AdvanceTo(alert.Buffer.End);
        // For example to read on until the peer has seen the alert.
        Assert.True(pipes.Transport.Server.Input.TryRead(out ReadResult left));
        Assert.Equal(18, left.Buffer.Length);
        pipes.Transport.Server.Input.AdvanceTo(left.Buffer.End);
        await pipes.Transport.Client.Output.CompleteAsync();
        Assert.True((await pipes.Transport.Server.Input.ReadAsync(Cancel)).IsCompleted);
    }

    [Fact]
    public async Task HandshakesAndIdleReadsHaveTheirTime()
    {
        var time = new FakeTimeProvider(DateTimeOffset.UtcNow);
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts(o => { o.TimeProvider = time; o.IdleTimeout = TimeSpan.FromSeconds(30); });
        await using (TlsPipes silent = TlsPipes.Create())
        {
            Task handshake = silent.Client.AuthenticateAsClientAsync(client, "localhost", Cancel);
            time.Advance(TimeSpan.FromSeconds(10));
            Assert.Equal(TlsFault.HandshakeTimeout, (await Assert.ThrowsAnyAsync<TlsException>(() => handshake)).Fault);
        }
        await using TlsPipes pipes = TlsPipes.Create();
        await Task.WhenAll(pipes.Server.AuthenticateAsServerAsync(server, Cancel), pipes.Client.AuthenticateAsClientAsync(client, "localhost", Cancel));
        Task<ReadResult> idle = pipes.Client.Input.ReadAsync(Cancel).AsTask();
        time.Advance(TimeSpan.FromSeconds(30));
        Assert.Equal(TlsFault.IdleTimeout, (await Assert.ThrowsAsync<TlsException>(() => idle)).Fault);
    }

    [Fact]
    public async Task ACancelledTransportReadEndsTheHandshake()
    {
        (_, TlsServerContext server) = HandshakeTests.Contexts();
        await using TlsPipes pipes = TlsPipes.Create();
        Task handshake = pipes.Server.AuthenticateAsServerAsync(server, Cancel);
        pipes.Transport.Server.Input.CancelPendingRead();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => handshake);
    }

    [Fact]
    public async Task ReadingAndWritingWhatIsThereAllocatesNothing()
    {
#if DEBUG
        Assert.Skip("Without optimisation every async method makes an object.");
#endif
        await using TlsPipes pipes = await TlsPipes.ConnectAsync();
        async Task<long> RoundsAsync(int count)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < count; i++)
            {
                pipes.Client.Output.GetSpan(100)[..100].Clear();
                pipes.Client.Output.Advance(100);
                ValueTask<FlushResult> flush = pipes.Client.Output.FlushAsync(CancellationToken.None);
                ValueTask<ReadResult> read = pipes.Server.Input.ReadAsync(CancellationToken.None);
                Assert.True(flush.IsCompletedSuccessfully && read.IsCompletedSuccessfully);
                await flush;
                pipes.Server.Input.AdvanceTo((await read).Buffer.End);
            }
            return GC.GetAllocatedBytesForCurrentThread() - before;
        }
        await RoundsAsync(100);
        Assert.InRange(await RoundsAsync(1000), 0, 1000);
    }

    private sealed class JoinedStream(IDuplexPipe pipe) : Stream
    {
        private readonly Stream _input = pipe.Input.AsStream();
        private readonly Stream _output = pipe.Output.AsStream();

        public override bool CanRead => true;

        public override bool CanWrite => true;

        public override bool CanSeek => false;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => _input.ReadAsync(buffer, cancellationToken);

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) => _output.WriteAsync(buffer, cancellationToken);

        public override Task FlushAsync(CancellationToken cancellationToken) => _output.FlushAsync(cancellationToken);

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override void Flush() => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();
    }
}

using static Segno.Tests.IO.TlsStreams;

namespace Segno.Tests.IO;

/// <summary>A reader never waits for a blocked writer, whatever it has to answer.</summary>
public class FullDuplexTests
{
    [Fact]
    public async Task BothDirectionsAtOnceOverANarrowTransport()
    {
        await using TlsStreams streams = await ConnectAsync(new DuplexModes { Capacity = 3000 });
        byte[] up = Data(300_000, 1);
        byte[] down = Data(300_000, 2);
        Task<byte[]> atServer = ReadExactlyAsync(streams.Server, up.Length);
        Task<byte[]> atClient = ReadExactlyAsync(streams.Client, down.Length);
        await Task.WhenAll(streams.Client.WriteAsync(up, Cancel).AsTask(), streams.Server.WriteAsync(down, Cancel).AsTask(), atServer, atClient);
        Assert.Equal(up, await atServer);
        Assert.Equal(down, await atClient);
    }

    [Fact]
    public async Task KeyUpdatesArriveWhileTheWriterIsBlocked()
    {
        await using TlsStreams streams = await ConnectAsync(new DuplexModes { Capacity = 8000 });
        Task write = streams.Client.WriteAsync(Data(100_000), Cancel).AsTask();
        Assert.False(write.IsCompleted);
        for (int i = 0; i < 10; i++)
        {
            await streams.Server.UpdateKeysAsync(requestPeer: true, Cancel);
            await streams.Server.WriteAsync(Data(100, i), Cancel);
            Assert.Equal(Data(100, i), await ReadExactlyAsync(streams.Client, 100));
        }
        Assert.False(write.IsCompleted);
        Assert.Equal(Data(100_000), await ReadExactlyAsync(streams.Server, 100_000));
        await write;
        // The answers went out behind it, and keys agree.
        await streams.Client.WriteAsync(Data(1000, 7), Cancel);
        Assert.Equal(Data(1000, 7), await ReadExactlyAsync(streams.Server, 1000));
    }

    [Fact]
    public async Task AnAnswerGoesOutWithoutAnyWriter()
    {
        await using TlsStreams streams = await ConnectAsync();
        int before = streams.Transport.Client.Writes;
        Task<byte[]> read = ReadExactlyAsync(streams.Client, 1);
        await streams.Server.UpdateKeysAsync(requestPeer: true, Cancel);
        await streams.Server.WriteAsync(Data(1), Cancel);
        await read;
        Assert.Equal(before + 1, streams.Transport.Client.Writes);
    }

    [Fact]
    public async Task AnAnswerThatIsStuckHoldsUpTheWriterButNotTheReader()
    {
        await using TlsStreams streams = await ConnectAsync(new DuplexModes { Capacity = 4000 });
        await streams.Client.WriteAsync(Data(4000 - 22), Cancel);
        await streams.Server.UpdateKeysAsync(requestPeer: true, Cancel);
        await streams.Server.WriteAsync(Data(10), Cancel);
        Assert.Equal(Data(10), await ReadExactlyAsync(streams.Client, 10));
        Task write = streams.Client.WriteAsync(Data(10, 3), Cancel).AsTask();
        Assert.False(write.IsCompleted);
        await streams.Server.WriteAsync(Data(10), Cancel);
        Assert.Equal(Data(10), await ReadExactlyAsync(streams.Client, 10));
        Assert.Equal(Data(4000 - 22), await ReadExactlyAsync(streams.Server, 4000 - 22));
        Assert.Equal(Data(10, 3), await ReadExactlyAsync(streams.Server, 10));
        await write;
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task KeyUpdatesAllTheTimeInBothDirections(int seed)
    {
        DuplexModes modes = DuplexModes.Random(seed) with { Capacity = 5000 };
        await using TlsStreams streams = await ConnectAsync(modes);
        await Task.WhenAll(
            PumpAsync(streams.Client, seed), DrainAsync(streams.Client, seed + 100),
            PumpAsync(streams.Server, seed + 100), DrainAsync(streams.Server, seed));

        static async Task PumpAsync(TlsStream stream, int seed)
        {
            var random = new Random(seed);
            for (int i = 0; i < 100; i++)
            {
                if (random.Next(3) == 0)
                {
                    await stream.UpdateKeysAsync(requestPeer: random.Next(2) == 0, Cancel);
                }
                await stream.WriteAsync(Data(1000, seed + i), Cancel);
            }
        }

        static async Task DrainAsync(TlsStream stream, int seed)
        {
            for (int i = 0; i < 100; i++)
            {
                Assert.Equal(Data(1000, seed + i), await ReadExactlyAsync(stream, 1000));
            }
        }
    }

    [Fact]
    public async Task DisposingAtAnyMomentEndsEverybody()
    {
        (TlsClientContext client, TlsServerContext server) = Connections.HandshakeTests.Contexts();
        var random = new Random(1);
        for (int i = 0; i < 100; i++)
        {
            TlsStreams streams = await TlsStreams.ConnectAsync(client, server, new DuplexModes { Capacity = 20_000 });
            Task[] working =
            [
                Task.Run(() => UntilItFailsAsync(async () => await streams.Client.WriteAsync(new byte[Random.Shared.Next(50_000)])), Cancel),
                Task.Run(() => UntilItFailsAsync(async () => Assert.NotEqual(0, await streams.Client.ReadAsync(new byte[5000]))), Cancel),
                Task.Run(() => UntilItFailsAsync(async () => await streams.Server.WriteAsync(new byte[Random.Shared.Next(50_000)])), Cancel),
                Task.Run(() => UntilItFailsAsync(async () => Assert.NotEqual(0, await streams.Server.ReadAsync(new byte[5000]))), Cancel),
                Task.Run(() => UntilItFailsAsync(() => streams.Server.UpdateKeysAsync(requestPeer: true)), Cancel),
            ];
            for (int spins = random.Next(200); spins > 0; spins--)
            {
                await Task.Yield();
            }
            await Task.WhenAll(streams.Client.DisposeAsync().AsTask(), streams.Server.DisposeAsync().AsTask());
            await Task.WhenAll(working);
        }

        static async Task UntilItFailsAsync(Func<Task> action)
        {
            try
            {
                while (true)
                {
                    await action();
                }
            }
            catch (Exception e) when (e is IOException or ObjectDisposedException or InvalidOperationException or Xunit.Sdk.XunitException)
            {
                // As it has to be.
            }
        }
    }
}

using System.Buffers;
using Segno.Sessions;
using Segno.Tests.Sessions;

namespace Segno.Tests.Connections;

/// <summary>Early data over the engine, both ends ours (RFC 9846 §2.3, §4.3.10, §4.6).</summary>
public sealed class EarlyDataTests
{
    private const int Limit = 1000;

    private readonly TestClock _clock = new() { Wall = TimeProvider.System.GetUtcNow() };

    [Fact]
    public void EarlyDataIsAcceptedAndSaidToBeSo()
    {
        (TlsClientContext client, TlsServerContext server) = Contexts();
        Prepare(client, server);
        using var pair = new EnginePair(client, server);
        StartEarly(pair, "early"u8);
        pair.Run();
        Assert.True(pair.Server.IsHandshakeCompleted);
        Assert.True(pair.Client.IsHandshakeCompleted);
        Assert.Equal("early"u8.ToArray(), pair.AtServer);
        Assert.Equal(EarlyDataOutcome.Accepted, pair.Server.Info.EarlyData);
        Assert.Equal(EarlyDataOutcome.Accepted, pair.Client.Info.EarlyData);
        Assert.Equal(5, pair.Server.Info.EarlyDataSize);
        Assert.Equal(5, pair.Client.Info.EarlyDataSize);
        pair.Send(pair.Client, "late"u8);
        pair.Run();
        Assert.Equal("earlylate"u8.ToArray(), pair.AtServer);
    }

    internal (TlsClientContext Client, TlsServerContext Server) Contexts(
        Action<TlsClientOptions>? configureClient = null, Action<TlsServerOptions>? configureServer = null)
    {
        (TlsClientContext Client, TlsServerContext Server) contexts = HandshakeTests.Contexts(
            options =>
            {
                options.TimeProvider = _clock;
                configureClient?.Invoke(options);
            },
            options =>
            {
                options.TimeProvider = _clock;
                options.MaxEarlyDataSize = Limit;
                options.ReplayGuard = new MemoryReplayGuard(timeProvider: _clock);
                configureServer?.Invoke(options);
            });
        // The guard has been there for longer than a flight can be replayed.
        _clock.Advance(TimeSpan.FromSeconds(11));
        return contexts;
    }

    internal static void Prepare(TlsClientContext client, TlsServerContext server)
    {
        using EnginePair pair = EnginePair.Connect(client, server);
        Assert.Equal((uint)Limit, pair.Client.Session!.MaxEarlyDataSize);
        Assert.Equal(EarlyDataStatus.NotOffered, pair.Server.Info.EarlyData.Status);
    }

    internal static void StartEarly(EnginePair pair, ReadOnlySpan<byte> data)
    {
        pair.Client.Start(data.Length);
        var output = new ArrayBufferWriter<byte>();
        pair.Client.SendEarlyData(data, output);
        pair.ToServer.AddRange(output.WrittenSpan.ToArray());
    }
}

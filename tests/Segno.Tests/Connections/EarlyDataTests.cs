using System.Buffers;
using Segno.Alerts;
using Segno.Handshake;
using Segno.Handshake.Extensions;
using Segno.Records;
using Segno.Sessions;
using Segno.Tests.Sessions;
using Segno.Tests.Sessions.Policy;

namespace Segno.Tests.Connections;

/// <summary>Early data over the engine, both ends ours (RFC 9846 §2.3, §4.3.10, §4.6).</summary>
public sealed class EarlyDataTests
{
    private const int Limit = 1000;

    private static ReadOnlySpan<byte> End => [(byte)HandshakeType.EndOfEarlyData, 0, 0, 0];

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

    // what the session allows, and one byte more than an honest client sends.
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void TheSessionsLimitHolds(int beyond)
    {
        (TlsClientContext client, TlsServerContext server) = Contexts();
        Prepare(client, server);
        using var pair = new EnginePair(client, server);
        StartEarly(pair, new byte[Limit]);
        Assert.Equal(0, pair.Client.EarlyDataLimit);
        Assert.Throws<InvalidOperationException>(() => pair.Client.SendEarlyData([1], new ArrayBufferWriter<byte>()));
        if (beyond == 0)
        {
            pair.Run();
            Assert.Equal(Limit, pair.AtServer.Count);
            Assert.True(pair.Server.Info.EarlyData.IsAccepted);
            return;
        }
        SendRaw(pair, new byte[beyond]);
        AssertRefused(pair, TlsFault.TooMuchEarlyData, TlsAlert.UnexpectedMessage);
    }

    // more than the session allows is not offered at all.
    [Fact]
    public void MoreThanTheSessionAllowsIsNotOffered()
    {
        (TlsClientContext client, TlsServerContext server) = Contexts();
        Prepare(client, server);
        using var pair = new EnginePair(client, server);
        pair.Client.Start(Limit + 1);
        Assert.Equal(0, pair.Client.EarlyDataLimit);
        pair.Run();
        Assert.Equal(EarlyDataOutcome.NotOffered(EarlyDataReason.TooLarge), pair.Client.Info.EarlyData);
        Assert.Equal(EarlyDataStatus.NotOffered, pair.Server.Info.EarlyData.Status);
        Assert.True(pair.Server.Info.Resumption.IsResumed);
    }

    // what is refused is skipped, as much of it as a session of this server allows, however it is cut; and not a byte more.
    [Theory]
    [InlineData(40_000, 16_384, 0)]
    [InlineData(40_000, 16_384, 1)]
    [InlineData(40_000, 1_000, 0)]
    [InlineData(40_000, 1_000, 1)]
    [InlineData(0, 16_367, 0)]
    [InlineData(0, 16_367, 1)]
    [InlineData(0, 101, 0)]
    public void RefusedEarlyDataIsSkippedUpToTheLimit(int allowed, int pieces, int beyond)
    {
        using var keys = new TicketKeyRing(timeProvider: _clock);
        const int Most = 40_000;
        (TlsClientContext client, TlsServerContext server) = Contexts(null, o => (o.TicketKeys, o.Group, o.MaxEarlyDataSize) = (keys, "fleet", Most));
        (_, TlsServerContext refusing) = Contexts(null, o =>
        {
            (o.TicketKeys, o.Group, o.MaxEarlyDataSize) = (keys, "fleet", allowed);
            o.ResumptionPolicy = new PolicyDouble { Answer = _ => new ResumptionVerdict { RefuseEarlyData = true } };
        });
        Prepare(client, server, Most);
        using var pair = new EnginePair(client, refusing);
        StartEarly(pair, [1]);
        // The first byte was a record.
        int left = (allowed == 0 ? 16_384 - 17 : allowed) - 1 + beyond;
        for (; left > 0; left -= Math.Min(pieces, left))
        {
            SendRaw(pair, new byte[Math.Min(pieces, left)]);
        }
        if (beyond > 0)
        {
            AssertRefused(pair, TlsFault.TooMuchEarlyData, TlsAlert.UnexpectedMessage);
            return;
        }
        pair.Run();
        Assert.True(pair.Client.IsHandshakeCompleted);
        Assert.True(pair.Server.IsHandshakeCompleted);
        Assert.Equal(EarlyDataStatus.Rejected, pair.Client.Info.EarlyData.Status);
        Assert.Empty(pair.AtServer);
        pair.Send(pair.Client, "late"u8);
        pair.Run();
        Assert.Equal("late"u8.ToArray(), pair.AtServer);
    }

    // R-111, E1: at most once by this server, and by all that share its guard.
    [Theory]
    [Trait("Museum", "E1")]
    [InlineData(false)]
    [InlineData(true)]
    public void AReplayIsRefusedHereAndByWhoeverSharesTheGuard(bool elsewhere)
    {
        using var keys = new TicketKeyRing(timeProvider: _clock);
        var guard = new MemoryReplayGuard(timeProvider: _clock);
        void Share(TlsServerOptions o) => (o.TicketKeys, o.Group, o.ReplayGuard) = (keys, "fleet", guard);
        (TlsClientContext client, TlsServerContext server) = Contexts(null, Share);
        (_, TlsServerContext other) = Contexts(null, Share);
        Prepare(client, server);
        using var pair = new EnginePair(client, server);
        StartEarly(pair, "early"u8);
        byte[] flight = [.. pair.ToServer];
        pair.Run();
        Assert.Equal("early"u8.ToArray(), pair.AtServer);

        for (int i = 0; i < 3; i++)
        {
            using var replay = new EnginePair(client, elsewhere ? other : server);
            replay.ToServer.AddRange(flight);
            replay.RunServer();
            Assert.Equal(EarlyDataOutcome.Rejected(EarlyDataReason.ReplaySeen), replay.Server.Info.EarlyData);
            Assert.True(replay.Server.Info.Resumption.IsResumed);
            Assert.Empty(replay.AtServer);
            Assert.False(replay.Server.IsHandshakeCompleted);
            Assert.Throws<InvalidOperationException>(() => replay.Server.Send([1], new ArrayBufferWriter<byte>()));
        }
    }

    // E1
    [Fact]
    [Trait("Museum", "E1")]
    public async Task OfManyAtOnceOneIsAccepted()
    {
        (TlsClientContext client, TlsServerContext server) = Contexts();
        Prepare(client, server);
        using var pair = new EnginePair(client, server);
        StartEarly(pair, "early"u8);
        byte[] flight = [.. pair.ToServer];
        bool[] accepted = await Task.WhenAll(Enumerable.Range(0, 16).Select(_ => Task.Run(() =>
        {
            using var replay = new EnginePair(client, server);
            replay.ToServer.AddRange(flight);
            replay.RunServer();
            Assert.Equal(replay.Server.Info.EarlyData.IsAccepted ? 5 : 0, replay.AtServer.Count);
            return replay.Server.Info.EarlyData.IsAccepted;
        })));
        Assert.Single(accepted, one => one);
    }

    // R-100, E7
    [Fact]
    [Trait("Museum", "E7")]
    public void EarlyDataIsOffAndNotToBeHadWithoutAGuard()
    {
        Assert.Equal(0, new TlsServerOptions().MaxEarlyDataSize);
        ArgumentException e = Assert.Throws<ArgumentException>(() => HandshakeTests.Contexts(null, o => o.MaxEarlyDataSize = 1));
        Assert.Contains("ReplayGuard", e.Message, StringComparison.Ordinal);
    }

    // E3: a forged EndOfEarlyData behind the hello, in its record.
    [Fact]
    [Trait("Museum", "E3")]
    public void AnEndThatIsForgedInTheHellosRecordIsRefused()
    {
        (TlsClientContext client, TlsServerContext server) = Contexts();
        Prepare(client, server);
        using var pair = new EnginePair(client, server);
        StartEarly(pair, "early"u8);
        List<byte[]> records = [.. WireRecords.Split([.. pair.ToServer])];
        records[0] = WireRecords.Plaintext(WireRecords.Handshake, [.. records[0][5..], (byte)HandshakeType.EndOfEarlyData, 0, 0, 0]);
        pair.ToServer.Clear();
        pair.ToServer.AddRange(records.SelectMany(record => record));
        AssertRefused(pair, TlsFault.HandshakeDataAcrossKeyChange, TlsAlert.UnexpectedMessage);
    }

    // G2, R-108: EndOfEarlyData ends with its record, whatever follows it there, and nothing comes between its pieces.
    [Theory]
    [Trait("Museum", "G2")]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void TheEndComesInAnyPieces(int first)
    {
        using EnginePair pair = Accepted();
        SendMessages(pair, End[..first]);
        SendMessages(pair, End[first..]);
        pair.RunServer();
        Assert.False(pair.Server.IsEarlyDataOpen);
        Assert.Equal("early"u8.ToArray(), pair.AtServer);
    }

    [Theory]
    [Trait("Museum", "G2")]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void NothingComesBetweenThePiecesOfTheEnd(int first)
    {
        using EnginePair pair = Accepted();
        SendMessages(pair, End[..first]);
        SendRaw(pair, [1]);
        AssertRefused(pair, TlsFault.InterleavedHandshakeMessage, TlsAlert.UnexpectedMessage);
    }

    [Theory]
    [Trait("Museum", "G2")]
    [InlineData(new byte[] { 5, 0, 0, 0, 20 }, TlsFault.HandshakeDataAcrossKeyChange)]
    [InlineData(new byte[] { 5, 0, 0, 0, 5, 0, 0, 0 }, TlsFault.HandshakeDataAcrossKeyChange)]
    // the keys of early data do not change.
    [InlineData(new byte[] { 24, 0, 0, 1, 0 }, TlsFault.UnexpectedMessage)]
    [InlineData(new byte[] { 20, 0, 0, 0 }, TlsFault.UnexpectedMessage)]
    [InlineData(new byte[] { 1, 0, 0, 0 }, TlsFault.UnexpectedMessage)]
    public void WhatDoesNotBelongIntoEarlyDataIsRefused(byte[] messages, TlsFault fault)
    {
        using EnginePair pair = Accepted();
        SendMessages(pair, messages);
        AssertRefused(pair, fault, TlsAlert.UnexpectedMessage);
    }

    // what was accepted opens, or the connection ends.
    [Fact]
    public void AcceptedEarlyDataThatDoesNotOpenIsRefused()
    {
        using EnginePair pair = Accepted();
        pair.ToServer.AddRange(WireRecords.Plaintext(WireRecords.ApplicationData, new byte[40]));
        AssertRefused(pair, TlsFault.RecordAuthenticationFailed, TlsAlert.BadRecordMac);
    }

    // early data went out, so an older version is no answer.
    [Fact]
    public void AServerOfTls12AfterEarlyDataIsRefused()
    {
        (TlsClientContext client, TlsServerContext server) = Contexts();
        Prepare(client, server);
        using var script = new ScriptedServer(client, earlyData: 1);
        Assert.Equal(Limit, script.Engine.EarlyDataLimit);
        // The alert is under the early traffic key, which the script does not have.
        TlsAlertException e = Assert.ThrowsAny<TlsAlertException>(() => script.SendHello12());
        Assert.Equal((TlsFault.EarlyDataVersionChanged, TlsAlert.ProtocolVersion, false), (e.Fault, e.Alert, e.SentByPeer));
    }

    // of the two PSKs it is the first that early data was sent under.
    [Fact]
    public void EarlyDataUnderTheSecondPskIsRefused()
    {
        (TlsClientContext client, TlsServerContext server) = Contexts(o => o.ExternalPsks = [ExternalPskTests.Plain], o => o.ExternalPskSelector = ExternalPskTests.Knows(ExternalPskTests.Plain));
        Prepare(client, server);
        using var script = new ScriptedServer(client, earlyData: 1) { Psk = ExternalPskTests.Secret };
        script.SendHello13(null, ScriptedPeer.Extension(ExtensionType.PreSharedKey, 0, 1));
        Assert.Equal(EarlyDataReason.SessionNotResumed, script.Engine.Info.EarlyData.Reason);
        script.AssertRefused(TlsFault.EarlyDataPskChanged, TlsAlert.IllegalParameter, () => script.SendEncryptedExtensions(ScriptedPeer.Extension(ExtensionType.EarlyData)));
    }

    [Fact]
    public void AnEndWithContentIsRefused()
    {
        using EnginePair pair = Accepted();
        SendMessages(pair, [5, 0, 0, 1, 0]);
        AssertRefused(pair, TlsFault.MessageMalformed, TlsAlert.DecodeError);
    }

    //
    [Fact]
    public void BothEndsExportTheSameWhileEarlyDataIsOpen()
    {
        using EnginePair pair = Accepted();
        byte[] here = new byte[32];
        byte[] there = new byte[32];
        pair.Client.ExportEarlyKeyingMaterial("EXPORTER-test", [1], here);
        pair.Server.ExportEarlyKeyingMaterial("EXPORTER-test", [1], there);
        Assert.Equal(here, there);
        pair.Server.ExportEarlyKeyingMaterial("EXPORTER-test", [2], there);
        Assert.NotEqual(here, there);
        pair.Run();
        Assert.Throws<InvalidOperationException>(() => pair.Client.ExportEarlyKeyingMaterial("EXPORTER-test", [1], here));
        Assert.Throws<InvalidOperationException>(() => pair.Server.ExportEarlyKeyingMaterial("EXPORTER-test", [1], there));
    }

    // E5: until the client's Finished a server can tell.
    [Fact]
    [Trait("Museum", "E5")]
    public void AServerMayAnswerBeforeTheHandshakeIsComplete()
    {
        using EnginePair pair = Accepted();
        Assert.Equal("early"u8.ToArray(), pair.AtServer);
        Assert.True(pair.Server.IsEarlyDataOpen);
        Assert.False(pair.Server.IsHandshakeCompleted);
        pair.Send(pair.Server, "answer"u8);
        pair.Run();
        Assert.Equal("answer"u8.ToArray(), pair.AtClient);
        Assert.False(pair.Server.IsEarlyDataOpen);
        Assert.True(pair.Server.IsHandshakeCompleted);
    }

    /// <summary>A server that has accepted "early", and waits for the end of it.</summary>
    private EnginePair Accepted()
    {
        (TlsClientContext client, TlsServerContext server) = Contexts();
        Prepare(client, server);
        var pair = new EnginePair(client, server);
        StartEarly(pair, "early"u8);
        pair.RunServer();
        Assert.True(pair.Server.IsEarlyDataOpen);
        return pair;
    }

    /// <summary>More early data, whatever the client's limit says.</summary>
    private static void SendRaw(EnginePair pair, ReadOnlySpan<byte> data)
    {
        var output = new ArrayBufferWriter<byte>();
        for (int sent = 0; sent < data.Length;)
        {
            sent += pair.Client.Writer().Send(data[sent..], output);
        }
        pair.ToServer.AddRange(output.WrittenSpan.ToArray());
    }

    /// <summary>Handshake messages, or pieces of them, in a record of their own, as the client protects what it says now.</summary>
    private static void SendMessages(EnginePair pair, ReadOnlySpan<byte> messages)
    {
        RecordWriter writer = pair.Client.Writer();
        writer.Messages.Append(messages);
        writer.SealMessages();
        var output = new ArrayBufferWriter<byte>();
        writer.Flush(output);
        pair.ToServer.AddRange(output.WrittenSpan.ToArray());
    }

    private static void AssertRefused(EnginePair pair, TlsFault fault, TlsAlert alert)
    {
        TlsException e = Assert.ThrowsAny<TlsException>(pair.RunServer);
        Assert.Equal((fault, alert), (e.Fault, FaultAlerts.For(e.Fault)));
        Assert.False(pair.Server.IsEarlyDataOpen);
        Assert.False(pair.Server.IsHandshakeCompleted);
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

    internal static void Prepare(TlsClientContext client, TlsServerContext server, int size = Limit)
    {
        using EnginePair pair = EnginePair.Connect(client, server);
        Assert.Equal((uint)size, pair.Client.Session!.MaxEarlyDataSize);
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

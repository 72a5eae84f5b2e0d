using System.Buffers;

namespace Segno.Tests.Connections;

/// <summary>The record layer through the engine: arrival patterns, key updates, padding, closure, limits.</summary>
public class RecordTests
{
    //
    [Fact]
    public void OneByteAtATimeGivesTheSame()
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts();
        for (int i = 0; i < 2; i++)
        {
            using var pair = new EnginePair(client, server) { Arrival = _ => 1 };
            pair.Handshake();
            Assert.Equal(i == 1, pair.Server.Info.Resumption.IsResumed);
            Exchange(pair, 3000);
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(16384)]
    [InlineData(16385)]
    [InlineData(100_000)]
    public void DataOfEveryLengthArrives(int length)
    {
        using EnginePair pair = Connected();
        Exchange(pair, length);
    }

    [Fact]
    public void PaddingHidesTheLength()
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts(o => o.RecordPadding = 512);
        using EnginePair pair = EnginePair.Connect(client, server);
        int one = SealedLength(pair.Client, new byte[1]);
        Assert.Equal(one, SealedLength(pair.Client, new byte[500]));
        Assert.NotEqual(one, SealedLength(pair.Client, new byte[512]));
        Exchange(EnginePair.Connect(client, server), 20_000);
    }

    [Fact]
    public void KeysAreUpdatedByEitherSideAndOnRequest()
    {
        using EnginePair pair = Connected();
        for (int i = 0; i < 5; i++)
        {
            pair.Client.UpdateKeys(requestPeer: i % 2 == 0);
            pair.Server.UpdateKeys(requestPeer: i % 2 == 1);
            Exchange(pair, 100);
        }
    }

    [Fact]
    public void AWornOutKeyIsReplacedByItself()
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts();
        client.Settings.RecordLimit = 3;
        using EnginePair pair = EnginePair.Connect(client, server);
        for (int i = 0; i < 10; i++)
        {
            Exchange(pair, 10);
        }
        pair.AtServer.Clear();
        byte[] data = new byte[8 * 16384];
        pair.Send(pair.Client, data);
        pair.Run();
        Assert.Equal(data, pair.AtServer);
    }

    [Theory]
    [Trait("Museum", "I2")]
    [InlineData(32, false)]
    [InlineData(33, true)]
    public void KeyUpdatesWithoutDataAreBounded(int count, bool refused)
    {
        using EnginePair pair = Connected();
        for (int i = 0; i < count; i++)
        {
            pair.Client.UpdateKeys();
        }
        AssertFault(pair, refused ? TlsFault.TooManyKeyUpdates : TlsFault.None, TlsAlert.UnexpectedMessage);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void CloseNotifyEndsTheData(bool byClient)
    {
        using EnginePair pair = Connected();
        TlsConnection closing = byClient ? pair.Client : pair.Server;
        TlsConnection other = byClient ? pair.Server : pair.Client;
        closing.Close();
        Assert.True(closing.IsSendClosed);
        pair.Run();
        Assert.True(other.IsReceiveClosed);
        other.ReceiveEnd();
        // The other direction goes on (RFC 9846 §6.1).
        pair.Send(other, "late"u8);
        pair.Run();
        Assert.Equal("late"u8.ToArray(), byClient ? pair.AtClient : pair.AtServer);
        Assert.Throws<InvalidOperationException>(() => closing.Send("x"u8, new ArrayBufferWriter<byte>()));
    }

    [Fact]
    public void AnEndWithoutCloseNotifyIsTruncation()
    {
        using EnginePair pair = Connected();
        Assert.Equal(TlsFault.Truncated, Assert.Throws<TlsException>(pair.Client.ReceiveEnd).Fault);
    }

    [Fact]
    public void AnEndDuringTheHandshakeIsNamed()
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts();
        using var pair = new EnginePair(client, server);
        pair.Client.Start();
        Assert.Equal(TlsFault.ClosedDuringHandshake, Assert.Throws<TlsException>(pair.Client.ReceiveEnd).Fault);
    }

    [Fact]
    public void AnyFlippedBitOfARecordIsFound()
    {
        for (int bit = 0; bit < 8 * 30; bit += 7)
        {
            using EnginePair pair = Connected();
            var output = new ArrayBufferWriter<byte>();
            pair.Client.Send("hello, world"u8, output);
            byte[] record = output.WrittenSpan.ToArray();
            // Past the header: what is in it is checked on its own, and authenticated.
            record[5 + (bit / 8 % (record.Length - 5))] ^= (byte)(1 << (bit % 8));
            TlsException fault = Assert.ThrowsAny<TlsException>(() => pair.Server.Receive(record, new byte[100]));
            Assert.Equal(TlsFault.RecordAuthenticationFailed, fault.Fault);
            Assert.Equal(TlsAlert.BadRecordMac, Assert.IsType<TlsAlertException>(fault).Alert);
        }
    }

    [Theory]
    [InlineData("GET / HTTP/1.1\r\n", TlsFault.PlainHttpReceived)]
    [InlineData("SSH-2.0-x\r\n", TlsFault.NotTls)]
    public void WhatIsNotTlsIsNamed(string bytes, TlsFault fault)
    {
        (_, TlsServerContext server) = HandshakeTests.Contexts();
        using var connection = new TlsConnection(server);
        TlsException thrown = Assert.ThrowsAny<TlsException>(() => connection.Receive(System.Text.Encoding.ASCII.GetBytes(bytes), []));
        Assert.Equal(fault, thrown.Fault);
        Assert.Equal(TlsWants.Write, connection.Wants);
        Assert.Throws<TlsException>(() => connection.Receive([], []));
    }

    [Theory]
    [InlineData(16384 + 256, false)]
    [InlineData(16384 + 257, true)]
    public void CiphertextIsBounded(int length, bool refused)
    {
        using EnginePair pair = Connected();
        byte[] header = [23, 3, 3, (byte)(length >> 8), (byte)(length & 0xff)];
        if (refused)
        {
            Assert.Equal(TlsFault.RecordTooLong, Assert.ThrowsAny<TlsException>(() => pair.Server.Receive(header, new byte[1])).Fault);
        }
        else
        {
            Assert.Equal(0, pair.Server.Receive(header, new byte[1]).Consumed);
        }
    }

    [Theory]
    [InlineData(new byte[] { 22, 3, 3, 0, 0 }, TlsFault.EmptyRecord)]
    [InlineData(new byte[] { 21, 3, 3, 0, 1, 1 }, TlsFault.AlertMalformed)]
    [InlineData(new byte[] { 21, 3, 3, 0, 2, 0, 40 }, TlsFault.AlertLevelInvalid)]
    [InlineData(new byte[] { 21, 3, 3, 0, 2, 3, 0 }, TlsFault.AlertLevelInvalid)]
    [InlineData(new byte[] { 20, 3, 3, 0, 1, 1 }, TlsFault.UnexpectedChangeCipherSpec)]
    [InlineData(new byte[] { 20, 3, 3, 0, 1, 2 }, TlsFault.ChangeCipherSpecMalformed)]
    [InlineData(new byte[] { 20, 3, 3, 0, 2, 1, 1 }, TlsFault.ChangeCipherSpecMalformed)]
    [InlineData(new byte[] { 23, 3, 3, 0, 1, 1 }, TlsFault.UnexpectedApplicationData)]
    [InlineData(new byte[] { 22, 2, 0, 0, 1, 1 }, TlsFault.WrongRecordVersion)]
    [InlineData(new byte[] { 22, 3, 1, 0, 4, 2, 0, 0, 0 }, TlsFault.UnexpectedMessage)]
    [InlineData(new byte[] { 22, 3, 1, 0, 4, 1, 255, 255, 255 }, TlsFault.MessageTooLong)]
    [InlineData(new byte[] { 22, 3, 1, 0, 5, 1, 0, 0, 1, 3 }, TlsFault.MessageMalformed)]
    public void AServersFirstRecordIsChecked(byte[] bytes, TlsFault fault)
    {
        (_, TlsServerContext server) = HandshakeTests.Contexts();
        using var connection = new TlsConnection(server);
        Assert.Equal(fault, Assert.ThrowsAny<TlsException>(() => connection.Receive(bytes, [])).Fault);
    }

    [Fact]
    public void DataThatDoesNotFitWaits()
    {
        using EnginePair pair = Connected();
        var output = new ArrayBufferWriter<byte>();
        pair.Client.Send("0123456789"u8, output);
        byte[] room = new byte[3];
        List<byte> got = [];
        TlsReceiveResult result = pair.Server.Receive(output.WrittenSpan, room);
        Assert.Equal(output.WrittenCount, result.Consumed);
        while (result.Written > 0)
        {
            got.AddRange(room.AsSpan(0, result.Written));
            result = pair.Server.Receive([], room);
        }
        Assert.Equal("0123456789"u8.ToArray(), got);
    }

    [Theory]
    [InlineData("", 32)]
    [InlineData("context", 48)]
    public void BothSidesExportTheSame(string context, int length)
    {
        using EnginePair pair = Connected();
        byte[] a = new byte[length];
        byte[] b = new byte[length];
        byte[] other = new byte[length];
        pair.Client.ExportKeyingMaterial("EXPORTER-Test", System.Text.Encoding.ASCII.GetBytes(context), a);
        pair.Server.ExportKeyingMaterial("EXPORTER-Test", System.Text.Encoding.ASCII.GetBytes(context), b);
        pair.Server.ExportKeyingMaterial("EXPORTER-Other", System.Text.Encoding.ASCII.GetBytes(context), other);
        Assert.Equal(a, b);
        Assert.NotEqual(a, other);
    }

    private static EnginePair Connected()
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts();
        return EnginePair.Connect(client, server);
    }

    private static int SealedLength(TlsConnection connection, byte[] data)
    {
        var output = new ArrayBufferWriter<byte>();
        connection.Send(data, output);
        return output.WrittenCount;
    }

    private static void AssertFault(EnginePair pair, TlsFault fault, TlsAlert alert)
    {
        if (fault == TlsFault.None)
        {
            pair.Run();
            return;
        }
        TlsAlertException thrown = Assert.ThrowsAny<TlsAlertException>(pair.Run);
        Assert.Equal(fault, thrown.Fault);
        Assert.Equal(alert, thrown.Alert);
    }

    private static void Exchange(EnginePair pair, int length)
    {
        pair.AtServer.Clear();
        pair.AtClient.Clear();
        byte[] data = new byte[length];
        new Random(length).NextBytes(data);
        pair.Send(pair.Client, data);
        pair.Send(pair.Server, data);
        pair.Run();
        Assert.Equal(data, pair.AtServer);
        Assert.Equal(data, pair.AtClient);
    }
}

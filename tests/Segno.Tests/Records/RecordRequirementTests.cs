using System.Net.Security;
using System.Security.Authentication;
using Segno.Cryptography;
using Segno.Handshake;
using Segno.Records;
using Segno.Tests.Connections;

namespace Segno.Tests.Records;

/// <summary>What RFC 9846 §§5, 6 and RFC 5246 §§6, 7.2 require of records and alerts, seen on the wire of a connection of each version.</summary>
public class RecordRequirementTests
{
    public static TheoryData<SslProtocols> Versions => [SslProtocols.Tls12, SslProtocols.Tls13];

    //
    [Theory]
    [InlineData(SslProtocols.Tls12, 16384, false)]
    [InlineData(SslProtocols.Tls12, 16385, true)]
    [InlineData(SslProtocols.Tls13, 16384, false)]
    [InlineData(SslProtocols.Tls13, 16385, true)]
    public void PlaintextIsBounded(SslProtocols version, int length, bool refused)
    {
        using ScriptedServer script = Connected(version);
        if (refused)
        {
            script.AssertRefused(TlsFault.PlaintextTooLong, TlsAlert.RecordOverflow, () => script.SendRecord(ContentType.ApplicationData, new byte[length]));
            return;
        }
        script.SendRecord(ContentType.ApplicationData, new byte[length]);
        Assert.Equal(length, script.Data.Count);
    }

    // before there are keys.
    [Fact]
    public void AnUnprotectedRecordIsBounded()
    {
        (TlsClientContext client, _) = HandshakeTests.Contexts();
        using var script = new ScriptedServer(client);
        script.AssertRefused(TlsFault.RecordTooLong, TlsAlert.RecordOverflow, () => script.SendRecord(ContentType.Handshake, new byte[16385]));
    }

    //
    [Theory]
    [MemberData(nameof(Versions))]
    public void HandshakeMessagesAreNotInterleaved(SslProtocols version)
    {
        using ScriptedServer script = Connected(version);
        script.SendRecord(ContentType.Handshake, 0);
        script.AssertRefused(TlsFault.InterleavedHandshakeMessage, TlsAlert.UnexpectedMessage, () => script.SendRecord(ContentType.ApplicationData, 1));
        using ScriptedServer other = Connected(version);
        other.SendRecord(ContentType.Handshake, 0);
        other.AssertRefused(TlsFault.InterleavedHandshakeMessage, TlsAlert.UnexpectedMessage, () => other.SendRecord(ContentType.Alert, 1, 0));
    }

    //
    [Theory]
    [InlineData(SslProtocols.Tls12, new byte[] { 1 })]
    [InlineData(SslProtocols.Tls12, new byte[] { 1, 90, 1, 90 })]
    [InlineData(SslProtocols.Tls12, new byte[] { 1, 0, 0 })]
    [InlineData(SslProtocols.Tls13, new byte[] { 1 })]
    [InlineData(SslProtocols.Tls13, new byte[] { 1, 90, 1, 90 })]
    [InlineData(SslProtocols.Tls13, new byte[] { 1, 0, 0 })]
    public void ARecordHoldsOneWholeAlert(SslProtocols version, byte[] content)
    {
        using ScriptedServer script = Connected(version);
        script.AssertRefused(TlsFault.AlertMalformed, TlsAlert.DecodeError, () => script.SendRecord(ContentType.Alert, content));
    }

    //
    [Theory]
    [InlineData(new byte[] { 2 })]
    [InlineData(new byte[] { 1, 1 })]
    [InlineData(new byte[] { })]
    public void AChangeCipherSpecIsOneByteOfOne(byte[] content)
    {
        (TlsClientContext client, _) = HandshakeTests.Contexts();
        using var open = new ScriptedServer(client);
        open.AssertRefused(TlsFault.ChangeCipherSpecMalformed, TlsAlert.UnexpectedMessage, () => open.SendRecord(ContentType.ChangeCipherSpec, content));
        using var tls13 = new ScriptedServer(client);
        tls13.SendHello13();
        tls13.AssertRefused(TlsFault.ChangeCipherSpecMalformed, TlsAlert.UnexpectedMessage, () => tls13.SendRecord(ContentType.ChangeCipherSpec, content));
        using var tls12 = new ScriptedServer(client);
        tls12.SendFlight12();
        tls12.ReceiveFlight12();
        tls12.AssertRefused(TlsFault.ChangeCipherSpecMalformed, TlsAlert.UnexpectedMessage, () => tls12.SendRecord(ContentType.ChangeCipherSpec, content));
    }

    // too early for a server, too late for both, and never protected.
    [Fact]
    public void AChangeCipherSpecHasItsTime()
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts();
        using var early = new ScriptedClient(server);
        early.AssertRefused(TlsFault.UnexpectedChangeCipherSpec, TlsAlert.UnexpectedMessage, early.SendChangeCipherSpec);
        using ScriptedServer late = Connected(SslProtocols.Tls13);
        late.AssertRefused(TlsFault.UnexpectedChangeCipherSpec, TlsAlert.UnexpectedMessage, late.SendChangeCipherSpec);
        using var covered = new ScriptedServer(client);
        covered.SendHello13();
        byte[] record = new byte[5 + 1 + 17];
        using var protection = new Tls13Protection(ScriptedPeer.Crypto, covered.Suite13, covered.Keys!.ServerHandshakeSecret);
        protection.Seal(ContentType.ChangeCipherSpec, [1], 0, record);
        covered.AssertRefused(TlsFault.UnexpectedRecordType, TlsAlert.UnexpectedMessage, () => covered.Deliver(record));
    }

    /// <summary>The memory of a key is used again, wiped: who still holds a protection that is disposed gets nothing of it.</summary>
    [Theory]
    [InlineData(TlsCipherSuite.TLS_AES_128_GCM_SHA256)]
    [InlineData(TlsCipherSuite.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256)]
    public void ADisposedProtectionProtectsNothing(TlsCipherSuite suite)
    {
        CipherSuiteInfo info = CipherSuiteInfo.Find(suite)!;
        RecordProtection protection = suite == TlsCipherSuite.TLS_AES_128_GCM_SHA256
            ? new Tls13Protection(ScriptedPeer.Crypto, info, new byte[32])
            : new Tls12Protection(ScriptedPeer.Crypto, info, new byte[32], new byte[12]);
        protection.Seal(ContentType.ApplicationData, [1], 0, new byte[64]);
        protection.Dispose();
        protection.Dispose();
        Assert.Throws<ObjectDisposedException>(() => protection.Seal(ContentType.ApplicationData, [1], 0, new byte[64]));
    }

    // the version in a record says nothing beyond that it is one.
    [Theory]
    [InlineData(0x00)]
    [InlineData(0x01)]
    [InlineData(0x04)]
    [InlineData(0xff)]
    public void TheVersionOfARecordIsIgnored(int minor)
    {
        (_, TlsServerContext server) = HandshakeTests.Contexts();
        using var script = new ScriptedClient(server);
        byte[] record = script.Seal(ContentType.Handshake, script.Build(script.Extensions13));
        record[2] = (byte)minor;
        script.Deliver(record);
        byte[] answer = script.ReadRaw();
        Assert.Equal([22, 3, 3], answer[..3]);
    }

    // each key begins at record 0, in both directions; what comes out of its turn does not open.
    [Theory]
    [MemberData(nameof(Versions))]
    public void RecordsOpenInTheirOrderAlone(SslProtocols version)
    {
        using ScriptedServer script = Connected(version);
        byte[] first = script.Seal(ContentType.ApplicationData, 1);
        byte[] second = script.Seal(ContentType.ApplicationData, 2);
        script.AssertRefused(TlsFault.RecordAuthenticationFailed, TlsAlert.BadRecordMac, () => script.Deliver(second));
        Assert.Throws<TlsException>(() => script.Engine.Receive(first, new byte[10]));
    }

    //
    [Theory]
    [InlineData(new byte[] { 24, 0, 0, 1, 2 }, TlsFault.KeyUpdateRequestInvalid, TlsAlert.IllegalParameter)]
    [InlineData(new byte[] { 24, 0, 0, 0 }, TlsFault.MessageMalformed, TlsAlert.DecodeError)]
    [InlineData(new byte[] { 24, 0, 0, 2, 0, 0 }, TlsFault.MessageMalformed, TlsAlert.DecodeError)]
    public void AKeyUpdateSaysYesOrNo(byte[] message, TlsFault fault, TlsAlert alert)
    {
        using ScriptedServer script = Connected(SslProtocols.Tls13);
        script.AssertRefused(fault, alert, () => script.SendRecord(ContentType.Handshake, message));
    }

    //
    [Fact]
    public void AKeyUpdateBeforeFinishedIsRefused()
    {
        (TlsClientContext client, _) = HandshakeTests.Contexts();
        using var script = new ScriptedServer(client);
        script.SendHello13();
        script.SendEncryptedExtensions();
        script.AssertRefused(TlsFault.UnexpectedMessage, TlsAlert.UnexpectedMessage, () => script.SendRecord(ContentType.Handshake, 24, 0, 0, 1, 0));
    }

    // the answer goes out before the next data and under the old key; several requests get one answer.
    [Fact]
    public void AKeyUpdateIsAnsweredBeforeTheNextDataAndUnderTheOldKey()
    {
        using ScriptedServer script = Connected(SslProtocols.Tls13);
        byte[] clientSecret = [.. script.ClientSecret!];
        Assert.True(script.IsQuiet());
        script.SendUpdate(requestPeer: true);
        var output = new System.Buffers.ArrayBufferWriter<byte>();
        script.Engine.Send([1, 2], output);
        script.Engine.Send([3], output);
        // The script pumped the answer when it delivered the request.
        (ContentType type, byte[] content) = script.ReadRecord();
        Assert.Equal((ContentType.Handshake, "1800000100"), (type, Convert.ToHexString(content)));
        Assert.True(script.IsQuiet());
        using var next = new Tls13Protection(ScriptedPeer.Crypto, script.Suite13, clientSecret);
        next.Update();
        byte[][] records = [.. WireRecords.Split(output.WrittenSpan.ToArray())];
        byte[] plaintext = new byte[100];
        Assert.True(next.TryOpen(records[0], plaintext, out type, out int length));
        Assert.Equal((ContentType.ApplicationData, 2), (type, length));
        Assert.Equal(2, records.Length);
    }

    //
    [Fact]
    public void APeerIsNotAskedAgainBeforeItAnswers()
    {
        using ScriptedServer script = Connected(SslProtocols.Tls13);
        foreach (bool asks in (bool[])[true, false, false])
        {
            script.Engine.UpdateKeys(requestPeer: true);
            Assert.Equal(asks, script.ReceiveUpdate());
        }
        script.SendUpdate(requestPeer: false);
        script.Engine.UpdateKeys(requestPeer: true);
        Assert.True(script.ReceiveUpdate());
    }

    // what is sealed under the next key before the KeyUpdate that announces it does not open.
    [Fact]
    public void RecordsUnderTheNextKeyBeforeTheKeyUpdateAreRefused()
    {
        using ScriptedServer script = Connected(SslProtocols.Tls13);
        script.UpdateWriteKey();
        script.AssertRefused(TlsFault.RecordAuthenticationFailed, TlsAlert.BadRecordMac, () => script.SendRecord(ContentType.ApplicationData, 1));
    }

    // TLS 1.3 looks at the description alone, TLS 1.2 at the level.
    [Theory]
    [InlineData(SslProtocols.Tls13, 1, 42, false)]
    [InlineData(SslProtocols.Tls13, 2, 42, false)]
    [InlineData(SslProtocols.Tls13, 1, 200, false)]
    [InlineData(SslProtocols.Tls13, 1, 90, true)]
    [InlineData(SslProtocols.Tls13, 2, 90, true)]
    [InlineData(SslProtocols.Tls12, 1, 42, true)]
    [InlineData(SslProtocols.Tls12, 1, 90, true)]
    [InlineData(SslProtocols.Tls12, 1, 200, true)]
    [InlineData(SslProtocols.Tls12, 2, 42, false)]
    [InlineData(SslProtocols.Tls12, 2, 90, false)]
    [InlineData(SslProtocols.Tls12, 2, 200, false)]
    public void AnAlertThatIsAnErrorEndsTheConnection(SslProtocols version, byte level, byte description, bool goesOn)
    {
        using ScriptedServer script = Connected(version);
        if (goesOn)
        {
            script.SendRecord(ContentType.Alert, level, description);
            // reading goes on until close_notify.
            script.SendRecord(ContentType.ApplicationData, 1);
            Assert.Equal([1], script.Data);
            script.SendRecord(ContentType.Alert, 1, 0);
            Assert.True(script.Engine.IsReceiveClosed);
            return;
        }
        TlsAlertException thrown = Assert.Throws<TlsAlertException>(() => script.SendRecord(ContentType.Alert, level, description));
        Assert.Equal((TlsFault.PeerAlert, (TlsAlert)description, true), (thrown.Fault, thrown.Alert, thrown.SentByPeer));
        // Nobody answers an alert with an alert.
        Assert.True(script.IsQuiet());
    }

    //
    [Theory]
    [MemberData(nameof(Versions))]
    public void AnAlertHasALevel(SslProtocols version)
    {
        foreach (byte level in (byte[])[0, 3, 255])
        {
            using ScriptedServer script = Connected(version);
            script.AssertRefused(TlsFault.AlertLevelInvalid, TlsAlert.IllegalParameter, () => script.SendRecord(ContentType.Alert, level, 0));
        }
    }

    //
    [Theory]
    [MemberData(nameof(Versions))]
    public void CloseNotifyIsAWarningAndTheLastThingSent(SslProtocols version)
    {
        using ScriptedServer script = Connected(version);
        script.Engine.Close();
        Assert.Equal(((byte)1, TlsAlert.CloseNotify), script.ReadAlert());
        script.Engine.Close();
        Assert.True(script.IsQuiet());
        script.SendRecord(ContentType.ApplicationData, 1);
        Assert.Equal([1], script.Data);
        Assert.Equal(TlsFault.Truncated, Assert.ThrowsAny<TlsException>(script.Engine.ReceiveEnd).Fault);
        Assert.True(script.IsQuiet());
    }

    private static ScriptedServer Connected(SslProtocols version)
    {
        (TlsClientContext client, _) = HandshakeTests.Contexts();
        var script = new ScriptedServer(client);
        if (version == SslProtocols.Tls12)
        {
            script.Full12();
        }
        else
        {
            script.Full13();
        }
        Assert.True(script.Engine.IsHandshakeCompleted);
        return script;
    }
}

using System.Security.Authentication;
using System.Security.Cryptography;
using Segno.Alerts;
using Segno.Buffers;
using Segno.Cryptography;
using Segno.Handshake;
using Segno.Handshake.Extensions;
using Segno.Handshake.Messages;
using Segno.Records;

namespace Segno.Tests.Connections;

/// <summary>R-151: record_size_limit (RFC 8449) and max_fragment_length (RFC 6066 §4), in both versions.</summary>
public class RecordLimitTests
{
    private const int RecordSizeLimit = 28;
    private const int MaxFragmentLength = 1;

    public static TheoryData<SslProtocols, int, int> Limits => new()
    {
        { SslProtocols.Tls13, 64, 16384 },
        { SslProtocols.Tls13, 16384, 64 },
        { SslProtocols.Tls13, 500, 501 },
        { SslProtocols.Tls12, 64, 16384 },
        { SslProtocols.Tls12, 16384, 64 },
        { SslProtocols.Tls12, 500, 501 },
    };

    [Theory]
    [MemberData(nameof(Limits))]
    public void EachSideKeepsToWhatTheOtherTakes(SslProtocols version, int clientTakes, int serverTakes)
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts(
            o => (o.EnabledSslProtocols, o.MaxReceiveFragment) = (version, clientTakes),
            o => o.MaxReceiveFragment = serverTakes);
        Assert.Equal((serverTakes, clientTakes), Longest(client, server, version, expectResumed: false));
    }

    [Theory]
    [InlineData(SslProtocols.Tls13)]
    [InlineData(SslProtocols.Tls12)]
    public void AResumedConnectionNegotiatesItsOwn(SslProtocols version)
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts(
            o => (o.EnabledSslProtocols, o.MaxReceiveFragment) = (version, 1000));
        Assert.Equal((16384, 1000), Longest(client, server, version, expectResumed: false));
        // A limit is no part of what a session is accepted by.
        (TlsClientContext other, _) = HandshakeTests.Contexts(
            o => (o.EnabledSslProtocols, o.MaxReceiveFragment, o.SessionCache) = (version, 2000, client.SessionCache));
        Assert.Equal((16384, 2000), Longest(other, server, version, expectResumed: true));
    }

    [Theory]
    [InlineData(SslProtocols.Tls13, 512)]
    [InlineData(SslProtocols.Tls13, 4096)]
    [InlineData(SslProtocols.Tls12, 1024)]
    [InlineData(SslProtocols.Tls12, 2048)]
    public void MaxFragmentLengthBindsBoth(SslProtocols version, int length)
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts(o => (o.EnabledSslProtocols, o.MaxFragmentLength) = (version, length));
        // record_size_limit comes first where both know it.
        Assert.Equal((16384, 16384), Longest(client, server, version, expectResumed: false));
        byte[] hello = HelloBytes.Without(KeyShareTests.FirstHello(client), RecordSizeLimit);
        using var link = new TestLink(server.Settings);
        byte[] answer = link.Answer(hello, version == SslProtocols.Tls13);
        Assert.Equal([0, 1, 0, 1, (byte)RecordLimits.FragmentCode(length)], answer);
        Assert.Equal((length, length), (link.Sent, link.Received));
        using var clientLink = new TestLink(client.Settings);
        clientLink.Accept(answer, version == SslProtocols.Tls13);
        Assert.Equal((length, length), (clientLink.Sent, clientLink.Received));
    }

    [Fact]
    public void WhatIsOfferedIsTheLimitAndTheContentType()
    {
        Assert.Equal([0x40, 0x01], Offer(o => { }, RecordSizeLimit));
        Assert.Equal([0x40, 0x00], Offer(o => o.EnabledSslProtocols = SslProtocols.Tls12, RecordSizeLimit));
        Assert.Equal([0, 65], Offer(o => o.MaxReceiveFragment = 64, RecordSizeLimit));
        Assert.Equal([3], Offer(o => o.MaxFragmentLength = 2048, MaxFragmentLength));
        Assert.Throws<InvalidOperationException>(() => Offer(o => { }, MaxFragmentLength));
    }

    [Theory]
    [InlineData(true, 64, 63)]
    [InlineData(false, 64, 64)]
    [InlineData(true, 16385, 16384)]
    [InlineData(false, 16384, 16384)]
    [InlineData(true, 65535, 16384)] // RFC 8449 §4: a client may know versions that allow more
    [InlineData(false, 65535, 16384)]
    public void AServerTakesTheClientsLimit(bool isTls13, int limit, int sent)
    {
        using var link = new TestLink(HandshakeTests.Contexts(null, o => o.MaxReceiveFragment = 300).Server.Settings);
        byte[] answer = link.Answer(HelloBytes.WithData(Hello(), RecordSizeLimit, UInt16(limit)), isTls13);
        Assert.Equal(HelloBytes.Extension(RecordSizeLimit, UInt16(isTls13 ? 301 : 300)), answer);
        Assert.Equal((sent, 300), (link.Sent, link.Received));
    }

    [Theory]
    [InlineData(new byte[] { 0, 63 }, TlsFault.RecordSizeLimitInvalid, TlsAlert.IllegalParameter)]
    [InlineData(new byte[] { 0, 0 }, TlsFault.RecordSizeLimitInvalid, TlsAlert.IllegalParameter)]
    [InlineData(new byte[] { 64 }, TlsFault.ExtensionMalformed, TlsAlert.DecodeError)]
    [InlineData(new byte[] { 0, 64, 0 }, TlsFault.ExtensionMalformed, TlsAlert.DecodeError)]
    public void ABadLimitIsRefusedByBoth(byte[] data, TlsFault fault, TlsAlert alert)
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts();
        foreach (bool isTls13 in (bool[])[true, false])
        {
            using var link = new TestLink(server.Settings);
            AssertFault(fault, alert, () => link.Answer(HelloBytes.WithData(Hello(), RecordSizeLimit, data), isTls13));
            using var clientLink = new TestLink(client.Settings);
            AssertFault(fault, alert, () => clientLink.Accept(HelloBytes.Extension(RecordSizeLimit, data), isTls13));
        }
    }

    [Theory]
    [InlineData(new byte[] { 0 }, TlsFault.MaxFragmentLengthInvalid, TlsAlert.IllegalParameter)]
    [InlineData(new byte[] { 5 }, TlsFault.MaxFragmentLengthInvalid, TlsAlert.IllegalParameter)]
    [InlineData(new byte[] { 255 }, TlsFault.MaxFragmentLengthInvalid, TlsAlert.IllegalParameter)]
    [InlineData(new byte[] { }, TlsFault.ExtensionMalformed, TlsAlert.DecodeError)]
    [InlineData(new byte[] { 1, 1 }, TlsFault.ExtensionMalformed, TlsAlert.DecodeError)]
    public void ABadFragmentLengthIsRefusedByBoth(byte[] data, TlsFault fault, TlsAlert alert)
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts(o => o.MaxFragmentLength = 512);
        using var link = new TestLink(server.Settings);
        AssertFault(fault, alert, () => link.Answer(HelloBytes.WithData(HelloBytes.Without(KeyShareTests.FirstHello(client), RecordSizeLimit), MaxFragmentLength, data), true));
        using var clientLink = new TestLink(client.Settings);
        AssertFault(fault, alert, () => clientLink.Accept(HelloBytes.Extension(MaxFragmentLength, data), true));
    }

    [Fact]
    public void BesideALimitTheFragmentLengthIsNotLookedAt()
    {
        using var link = new TestLink(HandshakeTests.Contexts().Server.Settings);
        Assert.Equal(HelloBytes.Extension(RecordSizeLimit, [0x40, 0x01]), link.Answer(HelloBytes.With(Hello(), MaxFragmentLength, [9]), true));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void AServerMustNotAnswerBoth(bool isTls13)
    {
        using var link = new TestLink(HandshakeTests.Contexts(o => o.MaxFragmentLength = 512).Client.Settings);
        AssertFault(
            TlsFault.RecordSizeLimitInvalid,
            TlsAlert.IllegalParameter,
            () => link.Accept([.. HelloBytes.Extension(RecordSizeLimit, [0, 64]), .. HelloBytes.Extension(MaxFragmentLength, [1])], isTls13));
    }

    [Theory]
    [InlineData(true, 16385, TlsFault.None)]
    [InlineData(true, 16386, TlsFault.RecordSizeLimitInvalid)]
    [InlineData(false, 16384, TlsFault.None)]
    [InlineData(false, 16385, TlsFault.RecordSizeLimitInvalid)]
    public void AServerMustNotTakeMoreThanTheVersionAllows(bool isTls13, int limit, TlsFault fault)
    {
        using var link = new TestLink(HandshakeTests.Contexts().Client.Settings);
        byte[] answer = HelloBytes.Extension(RecordSizeLimit, UInt16(limit));
        if (fault == TlsFault.None)
        {
            link.Accept(answer, isTls13);
            Assert.Equal((16384, 16384), (link.Sent, link.Received));
        }
        else
        {
            AssertFault(fault, TlsAlert.IllegalParameter, () => link.Accept(answer, isTls13));
        }
    }

    [Fact]
    public void AServerMustAnswerTheLengthThatWasOffered()
    {
        using var link = new TestLink(HandshakeTests.Contexts(o => o.MaxFragmentLength = 1024).Client.Settings);
        AssertFault(TlsFault.MaxFragmentLengthInvalid, TlsAlert.IllegalParameter, () => link.Accept(HelloBytes.Extension(MaxFragmentLength, [1]), true));
    }

    [Theory]
    [InlineData(true, 100, 0, false)]
    [InlineData(true, 101, 0, true)]
    [InlineData(true, 99, 1, false)]
    [InlineData(true, 100, 1, true)] // padding counts (RFC 9846 §5.4)
    [InlineData(false, 100, 0, false)]
    [InlineData(false, 101, 0, true)]
    public void ARecordBeyondTheLimitIsAnOverflow(bool isTls13, int content, int padding, bool refused)
    {
        using RecordProtection sealing = Protection(isTls13);
        using var reader = new RecordReader();
        reader.SetProtection(Protection(isTls13));
        reader.Limit(100);
        byte[] record = new byte[1000];
        record = record[..sealing.Seal(ContentType.ApplicationData, new byte[content], padding, record)];
        if (refused)
        {
            AssertFault(TlsFault.PlaintextTooLong, TlsAlert.RecordOverflow, () => reader.TryOpen(record, new byte[1000], out _, out _));
        }
        else
        {
            Assert.True(reader.TryOpen(record, new byte[1000], out _, out int length));
            Assert.Equal(content, length);
        }
    }

    [Fact]
    public void TheLimitOutlivesAChangeOfKeys()
    {
        using RecordProtection sealing = Protection(isTls13: true);
        using var reader = new RecordReader();
        reader.SetProtection(Protection(isTls13: true));
        reader.Limit(100);
        reader.SetProtection(Protection(isTls13: true));
        reader.UpdateKey();
        sealing.Update();
        byte[] record = new byte[1000];
        record = record[..sealing.Seal(ContentType.ApplicationData, new byte[101], 0, record)];
        Assert.Equal(TlsFault.PlaintextTooLong, Assert.Throws<TlsException>(() => reader.TryOpen(record, new byte[1000], out _, out _)).Fault);
    }

    [Fact]
    public void PaddingKeepsToTheLimitToo()
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts(
            o => (o.EnabledSslProtocols, o.RecordPadding) = (SslProtocols.Tls13, 4096), o => o.MaxReceiveFragment = 1000);
        Assert.Equal((1000, 16384), Longest(client, server, SslProtocols.Tls13, expectResumed: false));
    }

    [Theory]
    [InlineData(63)]
    [InlineData(16385)]
    public void TheOptionHasARange(int value)
        => Assert.Contains("MaxReceiveFragment", Assert.Throws<ArgumentException>(() => new TlsClientContext(new() { MaxReceiveFragment = value })).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData(0)]
    [InlineData(256)]
    [InlineData(1023)]
    [InlineData(8192)]
    public void TheFragmentLengthIsOneOfFour(int value)
        => Assert.Contains("MaxFragmentLength", Assert.Throws<ArgumentException>(() => new TlsClientContext(new() { MaxFragmentLength = value })).Message, StringComparison.Ordinal);

    /// <summary>The longest content, padding included, of a protected record in each direction, when much is sent.</summary>
    private static (int ToServer, int ToClient) Longest(TlsClientContext client, TlsServerContext server, SslProtocols version, bool expectResumed)
    {
        int toServerLongest = 0;
        int toClientLongest = 0;
        int overhead = version == SslProtocols.Tls13 ? 1 + 16 : 8 + 16;
        using var pair = new EnginePair(client, server)
        {
            Wire = (toServer, bytes) =>
            {
                for (int at = 0; at < bytes.Length; at += 5 + Length(at))
                {
                    if (bytes[at] == 23)
                    {
                        int content = Length(at) - overhead;
                        (toServerLongest, toClientLongest) = toServer ? (Math.Max(toServerLongest, content), toClientLongest) : (toServerLongest, Math.Max(toClientLongest, content));
                    }
                }
                return bytes;

                int Length(int at) => (bytes[at + 3] << 8) | bytes[at + 4];
            },
        };
        pair.Handshake();
        Assert.Equal(version, pair.Client.Info.ProtocolVersion);
        Assert.Equal(expectResumed, pair.Client.Info.Resumption.IsResumed);
        byte[] data = RandomNumberGenerator.GetBytes(40_000);
        pair.Send(pair.Client, data);
        pair.Send(pair.Server, data);
        pair.Run();
        Assert.Equal(data, pair.AtServer);
        Assert.Equal(data, pair.AtClient);
        return (toServerLongest, toClientLongest);
    }

    private static RecordProtection Protection(bool isTls13)
    {
        CryptoProvider crypto = CryptoProvider.Default;
        CipherSuiteInfo suite = isTls13 ? CipherSuiteInfo.AllTls13[0] : CipherSuiteInfo.AllTls12[0];
        return isTls13
            ? new Tls13Protection(crypto, suite, new byte[suite.Hash.Length()])
            : new Tls12Protection(crypto, suite, new byte[suite.Aead.KeyLength()], new byte[Tls12Protection.IvLength(suite.Aead)]);
    }

    private static byte[] Hello() => KeyShareTests.FirstHello(HandshakeTests.Contexts().Client);

    private static byte[] Offer(Action<TlsClientOptions> configure, int type) => HelloBytes.Extension(KeyShareTests.FirstHello(HandshakeTests.Contexts(configure).Client), type);

    private static byte[] UInt16(int value) => [(byte)(value >> 8), (byte)(value & 0xff)];

    private static void AssertFault(TlsFault fault, TlsAlert alert, Action action)
    {
        TlsException thrown = Assert.ThrowsAny<TlsException>(action);
        Assert.Equal((fault, alert), (thrown.Fault, FaultAlerts.For(thrown.Fault)));
    }

    /// <summary>Sees what limits a handshake sets.</summary>
    private sealed class TestLink(TlsSettings settings) : HandshakeLink(settings.Crypto)
    {
        public int Sent { get; private set; }

        public int Received { get; private set; }

        public override object Sender => this;

        public override CancellationToken Aborted => default;

        public override bool MaySend => true;

        public override TlsSettings Settings => settings;

        protected override FlightBuffer Messages { get; } = new();

        public byte[] Answer(byte[] hello, bool isTls13)
        {
            using var buffer = new FlightBuffer();
            RecordLimits.Answer(this, ClientHello.Read(new HandshakeMessage(hello.AsSpan(5))), isTls13, new TlsWriter(buffer));
            return buffer.Span.ToArray();
        }

        public void Accept(byte[] extensions, bool isTls13)
            => RecordLimits.Accept(this, (ClientSettings)settings, ExtensionBlock.Read(extensions, ExtensionPlace.EncryptedExtensions, offered: null), isTls13);

        public override void LimitSent(int maxPlaintext) => Sent = maxPlaintext;

        public override void LimitReceived(int maxPlaintext) => Received = maxPlaintext;

        public override void SetReadProtection(RecordProtection protection) => throw new NotSupportedException();

        public override void SetWriteProtection(RecordProtection protection) => throw new NotSupportedException();

        public override void UpdateReadKey() => throw new NotSupportedException();

        public override void RequestKeyUpdate() => throw new NotSupportedException();

        public override void Warn(TlsAlert alert) => throw new NotSupportedException();

        public override void SendChangeCipherSpec() => throw new NotSupportedException();

        public override void CheckEndOfRecord() => throw new NotSupportedException();

        public override void SkipEarlyData() => throw new NotSupportedException();

        public override void OpenEarlyData(uint maxSize) => throw new NotSupportedException();

        public override void CloseEarlyData() => throw new NotSupportedException();

        public override void ClearWriteProtection() => throw new NotSupportedException();

        public override void UseSettings(TlsSettings other) => throw new NotSupportedException();

        public override void Complete(FinishedVerified finished) => throw new NotSupportedException();

        public override void SessionReceived(Segno.Sessions.TlsSession session) => throw new NotSupportedException();

        public override void SessionRefused(Segno.Sessions.TlsSession session) => throw new NotSupportedException();

        public override void Located(in Segno.Sessions.LocatedSession located) => throw new NotSupportedException();

        public override void TicketIssued(Segno.Sessions.ResumptionMechanism mechanism, bool isStateful = false) => throw new NotSupportedException();

        public override void ZeroLifetimeReceived() => throw new NotSupportedException();

        public override void PolicyAsked(Segno.Sessions.ResumptionStage stage, Segno.Sessions.PolicyEffect effect) => throw new NotSupportedException();
    }
}

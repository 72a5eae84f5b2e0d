using System.Net.Security;
using System.Security.Authentication;
using Segno.Cryptography;
using Segno.Handshake;
using Segno.Handshake.Extensions;
using Segno.Handshake.Messages;
using Segno.Records;
using Segno.Sessions;
using Segno.Tests.Connections;

namespace Segno.Tests.Museum;

/// <summary>Room D: PSKs, binders, HelloRetryRequest, and what crosses from one version into the other.</summary>
[Trait("Exhibit", "core")]
public partial class DTests
{
    private static readonly (ExtensionType, byte[]) NoShares = ScriptedPeer.Extension(ExtensionType.KeyShare, 0, 0);

    public static TheoryData<SessionKind> Mechanisms => Exhibits.All;

    public static TheoryData<SessionKind> Mechanisms12 => Exhibits.Tls12;

    public static TheoryData<string> SecondHelloChanges =>
        ["suites", "groups", "signature algorithms", "server name", "ALPN", "random", "session ID", "unknown extension", "early data"];

    // D1
    [Fact]
    public void D1_ASecondHelloOfTls12IsRefused()
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts();
        TlsSession session = Exhibits.Session(client, server);
        using var script = new ScriptedClient(server);
        script.SendHello13([session], extensions: WithShare(script.Extensions13, NoShares));
        script.ReceiveRetry();
        script.AssertRefused(TlsFault.VersionChangedAfterRetry, TlsAlert.IllegalParameter, () => script.SendHello12());
    }

    [Fact]
    public void D1_AServerHelloOfTls12AfterAHelloRetryRequestIsRefused()
    {
        (TlsClientContext client, _) = HandshakeTests.Contexts();
        using var script = new ScriptedServer(client);
        script.SendRetry(ScriptedServer.Version13, ScriptedPeer.Extension(ExtensionType.KeyShare, 0, 24));
        script.ReceiveHello();
        script.AssertRefused(
            TlsFault.VersionChangedAfterRetry, TlsAlert.IllegalParameter, () => script.Send(script.ServerHello((ushort)script.Suite12.Suite, [], [])));
    }

    // D2
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(31)]
    [InlineData(32)]
    public void D2_AnUnknownSessionIdIsNoSessionWhateverTheFinishedSays(int length)
    {
        (_, TlsServerContext server) = Exhibits.Contexts(SessionKind.SessionId);
        using var script = new ScriptedClient(server) { SessionId = [.. Enumerable.Repeat((byte)0x5a, length)] };
        script.SendHello12();
        ServerHello hello = script.ReceiveHello12();
        Assert.Equal(32, hello.SessionIdEcho.Length);
        Assert.NotEqual(script.SessionId, hello.SessionIdEcho);
        // A Finished from a main secret of zeros comes too early, and the server never gets to read it.
        script.AssertRefused(TlsFault.UnexpectedChangeCipherSpec, TlsAlert.UnexpectedMessage, script.SendFinished12);
    }

    [Theory]
    [MemberData(nameof(Mechanisms12))]
    public void D2_AKnownSessionIsNotResumedByAFinishedFromZeros(SessionKind kind)
    {
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(kind);
        TlsSession session = Exhibits.Session(client, server);
        using (var script = new ScriptedClient(server))
        {
            Exhibits.Offer12(script, session);
            script.ReceiveHello12();
            // The alert is under the session's keys, which are not the zeros of the script.
            TlsAlertException thrown = Assert.ThrowsAny<TlsAlertException>(script.SendFinished12);
            Assert.Equal((TlsFault.RecordAuthenticationFailed, TlsAlert.BadRecordMac), (thrown.Fault, thrown.Alert));
        }
        // Whoever tried has proved nothing, so the session is still there.
        Exhibits.AssertUnharmed(client, server, resumed: true);
    }

    [Theory]
    [MemberData(nameof(Mechanisms12))]
    public void D2_AClientIsNotResumedByAFinishedFromZeros(SessionKind kind)
    {
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(kind);
        TlsSession session = Exhibits.Session(client, server);
        using var script = new ScriptedServer(client) { Suite12 = CipherSuiteInfo.Find(session.CipherSuite)! };
        script.SendHello12(script.Hello.SessionId);
        script.AssertRefused(TlsFault.RecordAuthenticationFailed, TlsAlert.BadRecordMac, script.SendFinished12);
    }

    [Fact]
    public void D2_ASessionOfAnUnfinishedOrFailedHandshakeIsNotThere()
    {
        (_, TlsServerContext server) = Exhibits.Contexts(SessionKind.SessionId);
        foreach (bool failed in (bool[])[false, true])
        {
            byte[] id;
            using (var script = new ScriptedClient(server))
            {
                script.SendHello12();
                script.ReceiveFlight12();
                id = script.Hello!.SessionIdEcho;
                script.SendKeyExchange12();
                if (failed)
                {
                    script.Falsify = (type, message) => type == HandshakeType.Finished ? [.. message[..^1], (byte)(message[^1] ^ 1)] : message;
                    script.AssertRefused(TlsFault.FinishedVerificationFailed, TlsAlert.DecryptError, script.SendFinished12);
                }
            }
            using var again = new ScriptedClient(server) { SessionId = id };
            again.SendHello12();
            Assert.NotEqual(id, again.ReceiveHello12().SessionIdEcho);
            Assert.Equal(ResumptionReason.SessionNotFound, again.Engine.Info.Resumption.Reason);
        }
    }

    // D3
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void D3_AServerHelloWithNeitherPskNorKeyShareIsRefused(bool sessionOffered)
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts();
        if (sessionOffered)
        {
            Exhibits.Session(client, server);
        }
        using var script = new ScriptedServer(client);
        Assert.Equal(sessionOffered, script.Hello.Extensions.Has(ExtensionType.PreSharedKey));
        script.AssertRefused(
            TlsFault.MissingExtension,
            TlsAlert.MissingExtension,
            () => script.Send(script.ServerHello((ushort)script.Suite13.Suite, script.Hello.SessionId, [ScriptedServer.Version13])));
    }

    // R-53, D4
    [Fact]
    public void D4_AServerHelloWithoutKeyShareIsRefusedWhereOnlyPskDheKeIsOffered()
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts();
        Exhibits.Session(client, server);
        using var script = new ScriptedServer(client);
        Assert.Equal([1], script.Hello.PskModes());
        script.AssertRefused(
            TlsFault.PskWithoutKeyShare,
            TlsAlert.MissingExtension,
            () => script.Send(script.ServerHello(
                (ushort)script.Suite13.Suite,
                script.Hello.SessionId,
                [ScriptedServer.Version13, ScriptedPeer.Extension(ExtensionType.PreSharedKey, 0, 0)])));
    }

    // D5
    [Theory]
    [InlineData("wrong", TlsFault.PskBinderInvalid, TlsAlert.DecryptError)]
    [InlineData("longer", TlsFault.PskBinderInvalid, TlsAlert.DecryptError)]
    [InlineData("31 bytes", TlsFault.ExtensionMalformed, TlsAlert.DecodeError)]
    [InlineData("empty", TlsFault.ExtensionMalformed, TlsAlert.DecodeError)]
    [InlineData("missing", TlsFault.ExtensionMalformed, TlsAlert.DecodeError)]
    [InlineData("extra", TlsFault.PskBinderCountMismatch, TlsAlert.IllegalParameter)]
    public void D5_ABinderIsRightOrTheHandshakeEnds(string what, TlsFault fault, TlsAlert alert)
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts();
        TlsSession session = Exhibits.Session(client, server);
        using var script = new ScriptedClient(server);
        script.AssertRefused(fault, alert, () => script.SendHello13([session], binders => what switch
        {
            "wrong" => [[.. binders[0][..^1], (byte)(binders[0][^1] ^ 1)]],
            "longer" => [[.. binders[0], 0]],
            "31 bytes" => [binders[0][..31]],
            "empty" => [[]],
            "missing" => [],
            _ => [binders[0], binders[0]],
        }));
    }

    [Fact]
    public void D5_FewerBindersThanIdentitiesAreRefused()
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts();
        TlsSession session = Exhibits.Session(client, server);
        using var script = new ScriptedClient(server);
        script.AssertRefused(
            TlsFault.PskBinderCountMismatch, TlsAlert.IllegalParameter, () => script.SendHello13([session, session], binders => binders[..1]));
    }

    [Fact]
    public void D5_ASecondHelloWithoutThePskIsRefused()
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts();
        TlsSession session = Exhibits.Session(client, server);
        using var script = new ScriptedClient(server);
        script.SendHello13([session], extensions: WithShare(script.Extensions13, NoShares));
        script.ReceiveRetry();
        script.AssertRefused(TlsFault.PskChangedAfterRetry, TlsAlert.IllegalParameter, () => script.SendHello(script.Extensions13));
    }

    [Fact]
    public void D5_ASecondHelloMayNotBringAPsk()
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts();
        TlsSession session = Exhibits.Session(client, server);
        using var script = new ScriptedClient(server);
        script.SendHello(WithShare(script.Extensions13, NoShares));
        script.ReceiveRetry();
        script.AssertRefused(TlsFault.PskChangedAfterRetry, TlsAlert.IllegalParameter, () => script.SendHello13([session]));
    }

    // D5, R-73
    [Fact]
    public void D5_PsksOfTheSecondHelloAreJudgedAnew()
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts();
        TlsSession first = Exhibits.Session(client, server);
        TlsSession second = Exhibits.Session(HandshakeTests.Contexts().Client, server);
        using var script = new ScriptedClient(server);
        script.SendHello13([first, second], extensions: WithShare(script.Extensions13, NoShares));
        script.ReceiveRetry();
        // In another order: the binder of the one that is chosen is what counts.
        script.SendHello13([second, first]);
        script.ReceiveHello13(second);
        script.ReceiveFlight13(resumed: true);
        script.SendFinished13();
        Assert.True(script.Engine.IsHandshakeCompleted);
        Assert.True(script.Engine.Info.Resumption.IsResumed);
    }

    [Fact]
    public void D5_ASecondHelloWithABinderOverTheFirstHelloAloneIsRefused()
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts();
        TlsSession session = Exhibits.Session(client, server);
        using var script = new ScriptedClient(server);
        List<byte[]>? kept = null;
        script.SendHello13([session], binders => kept = binders, WithShare(script.Extensions13, NoShares));
        script.ReceiveRetry();
        script.AssertRefused(TlsFault.PskBinderInvalid, TlsAlert.DecryptError, () => script.SendHello13([session], _ => kept!));
    }

    // D6
    [Fact]
    public void D6_RepeatedSuitesInBothHellosOfARetriedResumption()
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts();
        TlsSession session = Exhibits.Session(client, server);
        using var script = new ScriptedClient(server);
        script.Suites = [.. Enumerable.Repeat(script.Suites, 200).SelectMany(suites => suites)];
        script.SendHello13([session], extensions: WithShare(script.Extensions13, NoShares));
        script.ReceiveRetry();
        script.SendHello13([session]);
        script.ReceiveHello13(session);
        script.ReceiveFlight13(resumed: true);
        script.SendFinished13();
        Assert.True(script.Engine.IsHandshakeCompleted);
    }

    [Fact]
    public void D6_AnyByteOfARetriedResumptionMayBeWrong()
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts();
        TlsSession session = Exhibits.Session(client, server);
        var random = new Random(6);
        int refused = 0;
        for (int i = 0; i < 600; i++)
        {
            using var script = new ScriptedClient(server);
            int which = i % 2;
            int hellos = 0;
            script.Falsify = (type, message) =>
            {
                if (type == HandshakeType.ClientHello && hellos++ == which)
                {
                    message[random.Next(4, message.Length)] ^= (byte)(1 << random.Next(8));
                }
                return message;
            };
            try
            {
                script.SendHello13([session], extensions: WithShare(script.Extensions13, NoShares));
                if (!script.Engine.Info.HelloRetried)
                {
                    // The wrong bit was in the share's length, or in the list of groups.
                    continue;
                }
                script.ReceiveRetry();
                if (script.Suite.Hash != session.Hash)
                {
                    // The wrong bit was in the suites: the script has no binder for that.
                    continue;
                }
                script.SendHello13([session]);
            }
            catch (TlsAlertException thrown)
            {
                Assert.NotInRange((int)thrown.Fault, (int)TlsFault.HandshakeTimeout, (int)TlsFault.InternalError);
                Assert.False(thrown.SentByPeer);
                refused++;
            }
            Assert.False(script.Engine.IsHandshakeCompleted);
        }
        // Half of a hello is the ticket: with a bit of that wrong, it is only not resumed.
        Assert.InRange(refused, 100, 600);
        Exhibits.AssertUnharmed(client, server, resumed: true);
    }

    // R-107, D7
    [Theory]
    [MemberData(nameof(SecondHelloChanges))]
    public void D7_ASecondHelloDiffersOnlyWhereItMay(string what)
    {
        (_, TlsServerContext server) = HandshakeTests.Contexts(null, o => o.ApplicationProtocols = [SslApplicationProtocol.Http2, SslApplicationProtocol.Http11]);
        using var script = new ScriptedClient(server) { SessionId = new byte[32] };
        (ExtensionType, byte[]) alpn = ScriptedPeer.Extension(ExtensionType.ApplicationLayerProtocolNegotiation, [0, 3, 2, .. "h2"u8]);
        script.SendHello([.. WithShare(script.Extensions13, NoShares), alpn]);
        script.ReceiveRetry();
        List<(ExtensionType Type, byte[] Data)> second = [.. script.Extensions13, alpn];
        switch (what)
        {
            case "suites":
                script.Suites = [.. script.Suites, 0x00ff];
                break;
            case "groups":
                Replace(second, ExtensionType.SupportedGroups, 0, 4, 0, 29, 0, 23);
                break;
            case "signature algorithms":
                Replace(second, ExtensionType.SignatureAlgorithms, 0, 2, 4, 3);
                break;
            case "server name":
                Replace(second, ExtensionType.ServerName, [0, 4, 0, 0, 1, (byte)'x']);
                break;
            case "ALPN":
                Replace(second, ExtensionType.ApplicationLayerProtocolNegotiation, [0, 9, 8, .. "http/1.1"u8]);
                break;
            case "random":
                script.Random = new byte[32];
                break;
            case "session ID":
                script.SessionId = new byte[31];
                break;
            case "early data":
                second.Add(ScriptedPeer.Extension(ExtensionType.EarlyData));
                break;
            default:
                second.Add(((ExtensionType)0x1234, []));
                break;
        }
        script.AssertRefused(
            what == "early data" ? TlsFault.EarlyDataNotAllowed : TlsFault.SecondClientHelloDiffers,
            TlsAlert.IllegalParameter,
            () => script.SendHello(second));
    }

    // D8, R-77
    [Theory]
    [InlineData("not offered", TlsFault.GroupNotOffered)]
    [InlineData("already shared", TlsFault.HelloRetryGroupHadShare)]
    [InlineData("nothing", TlsFault.HelloRetryWithoutChange)]
    public void D8_AHelloRetryRequestAsksForSomethingThatWasOfferedAndIsNew(string what, TlsFault fault)
    {
        (TlsClientContext client, _) = HandshakeTests.Contexts();
        using var script = new ScriptedServer(client);
        script.AssertRefused(fault, TlsAlert.IllegalParameter, () => script.SendRetry(what switch
        {
            "not offered" => [ScriptedServer.Version13, ScriptedPeer.Extension(ExtensionType.KeyShare, 0, 25)],
            "already shared" => [ScriptedServer.Version13, ScriptedPeer.Extension(ExtensionType.KeyShare, 0, 29)],
            _ => [ScriptedServer.Version13],
        }));
    }

    [Fact]
    public void D8_ASecondHelloRetryRequestIsRefused()
    {
        (TlsClientContext client, _) = HandshakeTests.Contexts();
        using var script = new ScriptedServer(client);
        script.SendRetry(ScriptedServer.Version13, ScriptedPeer.Extension(ExtensionType.KeyShare, 0, 23));
        script.ReceiveHello();
        byte[] retry = ScriptedPeer.Message(HandshakeType.ServerHello, writer =>
        {
            ServerHello.WriteStart(writer, [], script.Hello.SessionId, (ushort)script.Suite13.Suite);
            ScriptedPeer.WriteExtensions(writer, [ScriptedServer.Version13, ScriptedPeer.Extension(ExtensionType.KeyShare, 0, 24)]);
        });
        script.AssertRefused(TlsFault.SecondHelloRetry, TlsAlert.UnexpectedMessage, () => script.Send(retry));
    }

    // R-59, D9, R-01
    [Theory]
    [MemberData(nameof(Mechanisms))]
    public void D9_AHelloWithoutTheSessionsSuiteIsNotResumed(SessionKind kind)
    {
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(kind);
        TlsSession session = Exhibits.Session(client, server);
        using (var script = new ScriptedClient(server))
        {
            // 1.3: one of another hash; 1.2: any other one.
            TlsCipherSuite other = kind.IsTls13()
                ? TlsCipherSuite.TLS_AES_256_GCM_SHA384
                : TlsCipherSuite.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384;
            script.Suites = [(ushort)other];
            if (kind.IsTls13())
            {
                script.SendHello13([session]);
                script.ReceiveHello13();
                script.ReceiveFlight13();
                script.SendFinished13();
            }
            else
            {
                Exhibits.Offer12(script, session);
                script.Full12();
            }
            Assert.Equal(ResumptionOutcome.Declined(kind.ToMechanism(), ResumptionReason.CipherSuiteMismatch), script.Engine.Info.Resumption);
            Assert.True(script.Engine.IsHandshakeCompleted);
            Assert.Equal(other, script.Engine.Info.CipherSuite);
        }
        Assert.Equal(session.CipherSuite, Resume(client, server));
    }

    [Theory]
    [MemberData(nameof(Mechanisms))]
    public void D9_AServerThatResumesWithAnotherSuiteIsRefused(SessionKind kind)
    {
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(kind);
        TlsSession session = Exhibits.Session(client, server);
        using var script = new ScriptedServer(client);
        if (kind.IsTls13())
        {
            script.Suite13 = CipherSuiteInfo.Find(TlsCipherSuite.TLS_AES_256_GCM_SHA384)!;
            script.AssertRefused(TlsFault.PskHashMismatch, TlsAlert.IllegalParameter, () => script.SendHello13(session));
            return;
        }
        Assert.NotEqual(TlsCipherSuite.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, session.CipherSuite);
        script.Suite12 = CipherSuiteInfo.Find(TlsCipherSuite.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384)!;
        script.AssertRefused(TlsFault.ResumedCipherSuiteChanged, TlsAlert.IllegalParameter, () => script.SendHello12(script.Hello.SessionId));
    }

    // D10
    [Theory]
    [MemberData(nameof(Mechanisms))]
    public void D10_WhatFailedBeforeLeavesNoTrace(SessionKind kind)
    {
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(kind, null, o => o.EnabledSslProtocols = SslProtocols.None);
        (TlsClientContext old, _) = HandshakeTests.Contexts(o => o.EnabledSslProtocols = kind.IsTls13() ? SslProtocols.Tls13 : SslProtocols.Tls12);
        for (int i = 0; i < 3; i++)
        {
            Exhibits.AssertUnharmed(old, server, resumed: i > 0);
            using (var script = new ScriptedClient(server))
            {
                Assert.ThrowsAny<TlsException>(() => script.SendRecord(ContentType.Handshake, 1, 0, 0, 0));
            }
            using (var script = new ScriptedServer(client) { Random = [.. new byte[24], .. "DOWNGRD"u8, 1] })
            {
                Assert.ThrowsAny<TlsException>(() => script.SendHello12());
            }
            // Neither an older version nor a failure sticks to the contexts.
            using EnginePair pair = EnginePair.Connect(client, server);
            Assert.Equal(SslProtocols.Tls13, pair.Client.Info.ProtocolVersion);
            Assert.Equal(SslProtocols.Tls13, pair.Server.Info.ProtocolVersion);
        }
    }

    private static TlsCipherSuite Resume(TlsClientContext client, TlsServerContext server)
    {
        using EnginePair pair = EnginePair.Connect(client, server);
        Assert.True(pair.Server.Info.Resumption.IsResumed);
        return pair.Server.Info.CipherSuite;
    }

    private static List<(ExtensionType Type, byte[] Data)> WithShare(List<(ExtensionType Type, byte[] Data)> extensions, (ExtensionType, byte[]) share)
        => [.. extensions.Select(extension => extension.Type == ExtensionType.KeyShare ? share : extension)];

    private static void Replace(List<(ExtensionType Type, byte[] Data)> extensions, ExtensionType type, params byte[] data)
        => extensions[extensions.FindIndex(extension => extension.Type == type)] = (type, data);
}

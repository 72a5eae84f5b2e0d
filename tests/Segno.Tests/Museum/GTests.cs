using System.Security.Authentication;
using Segno.Handshake;
using Segno.Handshake.Extensions;
using Segno.Records;
using Segno.Sessions;
using Segno.Tests.Connections;

namespace Segno.Tests.Museum;

/// <summary>Room G: the state machine, and the records around it.</summary>
[Trait("Exhibit", "core")]
public class GTests
{
    // Records that are no messages, beside those that are.
    private const HandshakeType ChangeCipherSpec = (HandshakeType)200;
    private const HandshakeType ApplicationData = (HandshakeType)201;

    /// <summary>All that may be thrown at a state: every message there is, and the records that are none.</summary>
    private static readonly HandshakeType[] Everything = [.. Enum.GetValues<HandshakeType>(), (HandshakeType)99, ChangeCipherSpec, ApplicationData];

    public static TheoryData<SessionKind> Mechanisms12 => Exhibits.Tls12;

    // G1
    [Fact]
    public void G1_AClientInAFullHandshakeOfTls12TakesTheNextMessageOnly()
    {
        TlsClientContext context = HandshakeTests.Contexts(o => o.ClientCertificate = TestPki.ClientEcdsa().Tls).Client;
        Walk(
            () => new ScriptedServer(context),
            (script => script.SendHello12(), [HandshakeType.ServerHello, ChangeCipherSpec]),
            (script => script.SendCertificate12(), [HandshakeType.Certificate]),
            (script => script.SendKeyExchange12(), [HandshakeType.ServerKeyExchange]),
            (script => script.SendHelloDone(), [HandshakeType.ServerHelloDone, HandshakeType.CertificateRequest]),
            (script =>
            {
                script.ReceiveFlight12();
                script.SendFinished12();
            }, [ChangeCipherSpec]));
    }

    // G1, R-13
    [Fact]
    public void G1_AClientThatWasPromisedATicketTakesNothingElse()
    {
        TlsClientContext context = HandshakeTests.Contexts().Client;
        Walk(
            () =>
            {
                var script = new ScriptedServer(context);
                script.SendFlight12([], ScriptedPeer.Extension(ExtensionType.SessionTicket));
                script.ReceiveFlight12();
                return script;
            },
            (script => script.SendTicket12(0, [1]), [HandshakeType.NewSessionTicket]),
            (script => script.SendFinished12(), [ChangeCipherSpec]));
    }

    // G1, R-04, R-13
    [Theory]
    [MemberData(nameof(Mechanisms12))]
    public void G1_AClientInAResumedHandshakeOfTls12TakesTheNextMessageOnly(SessionKind kind)
    {
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(kind);
        TlsSession session = Exhibits.Session(client, server);
        client.SessionCache.Clear();
        (client, _) = Exhibits.Contexts(kind, o => o.Resume = session);
        Walk(
            () => new ScriptedServer(client) { Suite12 = Segno.Cryptography.CipherSuiteInfo.Find(session.CipherSuite)! },
            (script => script.SendHello12(script.Hello.SessionId), [HandshakeType.ServerHello, ChangeCipherSpec]),
            (script =>
            {
                script.Keys12!.Resume(session);
                script.SendChangeCipherSpec();
                script.ProtectWrites12();
            }, [ChangeCipherSpec]),
            (script => script.Send(script.MakeFinished12()), [HandshakeType.Finished]));
    }

    // G1
    [Fact]
    public void G1_AServerInAFullHandshakeOfTls12TakesTheNextMessageOnly()
    {
        (_, TlsServerContext server) = Exhibits.Contexts(SessionKind.SessionId);
        Walk(
            () => new ScriptedClient(server),
            (script => script.SendHello12(), [HandshakeType.ClientHello]),
            (script =>
            {
                script.ReceiveFlight12();
                script.SendKeyExchange12();
            }, [HandshakeType.ClientKeyExchange]),
            (script =>
            {
                script.SendChangeCipherSpec();
                script.ProtectWrites12();
            }, [ChangeCipherSpec]),
            (script => script.Send(script.MakeFinished12()), [HandshakeType.Finished]));
    }

    // G1, R-04
    [Theory]
    [MemberData(nameof(Mechanisms12))]
    public void G1_AServerInAResumedHandshakeOfTls12TakesTheNextMessageOnly(SessionKind kind)
    {
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(kind);
        TlsSession session = Exhibits.Session(client, server);
        Walk(
            () =>
            {
                var script = new ScriptedClient(server);
                Exhibits.Offer12(script, session);
                script.ReceiveHello12();
                script.Keys12!.Resume(session);
                script.ReceiveFinished12();
                return script;
            },
            (script =>
            {
                script.SendChangeCipherSpec();
                script.ProtectWrites12();
            }, [ChangeCipherSpec]),
            (script => script.Send(script.MakeFinished12()), [HandshakeType.Finished]));
    }

    // G1
    [Fact]
    public void G1_AClientInAFullHandshakeOfTls13TakesTheNextMessageOnly()
    {
        TlsClientContext context = HandshakeTests.Contexts().Client;
        Walk(
            () => new ScriptedServer(context),
            (script => script.SendHello13(), [HandshakeType.ServerHello, ChangeCipherSpec]),
            (script => script.SendEncryptedExtensions(), [HandshakeType.EncryptedExtensions, ChangeCipherSpec]),
            (script => script.SendCertificate13(), [HandshakeType.Certificate, HandshakeType.CompressedCertificate, HandshakeType.CertificateRequest, ChangeCipherSpec]),
            (script => script.SendCertificateVerify13(), [HandshakeType.CertificateVerify, ChangeCipherSpec]),
            (script => script.SendFinished13(), [HandshakeType.Finished, ChangeCipherSpec]),
            (script => script.ReceiveFinished13(), [HandshakeType.NewSessionTicket, HandshakeType.KeyUpdate, ApplicationData]));
    }

    // G1
    [Fact]
    public void G1_AServerOfTls13TakesTheNextMessageOnly()
    {
        (_, TlsServerContext server) = HandshakeTests.Contexts();
        Walk(
            () => new ScriptedClient(server),
            (script =>
            {
                script.SendHello(script.Extensions13);
                script.ReceiveHello13();
                script.ReceiveFlight13();
            }, [HandshakeType.ClientHello]),
            (script => script.SendFinished13(), [HandshakeType.Finished, ChangeCipherSpec]),
            (_ => { }, [HandshakeType.KeyUpdate, ApplicationData]));
    }

    // G1: a change_cipher_spec that came while the version was open is the one of TLS 1.2, which came too early.
    [Fact]
    public void G1_AChangeCipherSpecBeforeTheServerHelloIsNotForgotten()
    {
        (TlsClientContext client, _) = HandshakeTests.Contexts();
        using var script = new ScriptedServer(client);
        script.SendChangeCipherSpec();
        script.SendFlight12();
        script.ReceiveFlight12();
        script.AssertRefused(TlsFault.UnexpectedChangeCipherSpec, TlsAlert.UnexpectedMessage, script.SendFinished12);
    }

    // G1: EarlyCCS. Finished before change_cipher_spec, and data in its place.
    [Theory]
    [MemberData(nameof(Mechanisms12))]
    public void G1_AFinishedWithoutChangeCipherSpecIsRefused(SessionKind kind)
    {
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(kind);
        TlsSession session = Exhibits.Session(client, server);
        using (var script = new ScriptedClient(server))
        {
            Exhibits.Offer12(script, session);
            script.ReceiveHello12();
            script.Keys12!.Resume(session);
            script.ReceiveFinished12();
            script.AssertRefused(TlsFault.ChangeCipherSpecMissing, TlsAlert.UnexpectedMessage, () => script.Send(script.MakeFinished12()));
        }
        using var other = new ScriptedServer(client);
        other.SendHello12(other.Hello.SessionId);
        other.Keys12!.Resume(session);
        other.AssertRefused(TlsFault.ChangeCipherSpecMissing, TlsAlert.UnexpectedMessage, () => other.Send(other.MakeFinished12()));
    }

    // G2, R-131
    [Theory]
    [InlineData("server hello")]
    [InlineData("server finished")]
    [InlineData("client finished")]
    [InlineData("key update")]
    public void G2_NothingStandsBehindAMessageAfterWhichTheKeysChange(string where)
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts();
        if (where == "client finished")
        {
            using var clientScript = new ScriptedClient(server);
            clientScript.SendHello(clientScript.Extensions13);
            clientScript.ReceiveHello13();
            clientScript.ReceiveFlight13();
            clientScript.Falsify = WithTrailing(HandshakeType.Finished);
            AssertAcrossKeyChange(clientScript, clientScript.SendFinished13);
            return;
        }
        using var script = new ScriptedServer(client);
        script.Falsify = WithTrailing(where == "server hello" ? HandshakeType.ServerHello : HandshakeType.Finished);
        if (where == "server hello")
        {
            AssertAcrossKeyChange(script, () => script.SendHello13());
            return;
        }
        script.SendHello13();
        script.SendEncryptedExtensions();
        script.SendCertificate13();
        script.SendCertificateVerify13();
        if (where == "server finished")
        {
            AssertAcrossKeyChange(script, script.SendFinished13);
            return;
        }
        script.Falsify = (_, message) => message;
        script.SendFinished13();
        script.ReceiveFinished13();
        AssertAcrossKeyChange(script, () => script.SendRecord(ContentType.Handshake, 24, 0, 0, 1, 0, 24));
    }

    // G2: the same in TLS 1.2, where the flights of the two sides take turns.
    [Theory]
    [InlineData("client hello")]
    [InlineData("server hello done")]
    [InlineData("server finished")]
    [InlineData("client finished")]
    public void G2_NothingStandsBehindTheEndOfAFlightOfTls12(string where)
    {
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(SessionKind.SessionId);
        if (where.StartsWith("client", StringComparison.Ordinal))
        {
            using var clientScript = new ScriptedClient(server)
            {
                Falsify = WithTrailing(where == "client hello" ? HandshakeType.ClientHello : HandshakeType.Finished),
            };
            if (where == "client hello")
            {
                AssertAcrossKeyChange(clientScript, () => clientScript.SendHello12());
                return;
            }
            clientScript.SendHello12();
            clientScript.ReceiveFlight12();
            clientScript.SendKeyExchange12();
            AssertAcrossKeyChange(clientScript, clientScript.SendFinished12);
            return;
        }
        using var script = new ScriptedServer(client)
        {
            Falsify = WithTrailing(where == "server finished" ? HandshakeType.Finished : HandshakeType.ServerHelloDone),
        };
        if (where == "server hello done")
        {
            AssertAcrossKeyChange(script, () => script.SendFlight12());
            return;
        }
        script.SendFlight12();
        script.ReceiveFlight12();
        AssertAcrossKeyChange(script, script.SendFinished12);
    }

    // G2: half a message under the old keys, half under the new.
    [Fact]
    public void G2_NoMessageSpansAChangeCipherSpec()
    {
        (TlsClientContext client, _) = HandshakeTests.Contexts();
        using var script = new ScriptedServer(client);
        script.SendFlight12();
        script.ReceiveFlight12();
        script.SendRecord(ContentType.Handshake, 20, 0);
        script.AssertRefused(TlsFault.InterleavedHandshakeMessage, TlsAlert.UnexpectedMessage, script.SendChangeCipherSpec);
    }

    // G3, R-134
    [Fact]
    public void G3_TheThirdChangeCipherSpecIsRefused()
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts();
        using var script = new ScriptedServer(client);
        script.SendChangeCipherSpec();
        script.SendChangeCipherSpec();
        script.AssertRefused(TlsFault.TooManyChangeCipherSpecs, TlsAlert.UnexpectedMessage, script.SendChangeCipherSpec);

        using var other = new ScriptedClient(server);
        other.SendHello(other.Extensions13);
        other.ReceiveHello13();
        other.SendChangeCipherSpec();
        other.SendChangeCipherSpec();
        // The alert is under the server's application key already, which the script does not have yet.
        TlsAlertException thrown = Assert.ThrowsAny<TlsAlertException>(other.SendChangeCipherSpec);
        Assert.Equal((TlsFault.TooManyChangeCipherSpecs, TlsAlert.UnexpectedMessage), (thrown.Fault, thrown.Alert));
    }

    // G3
    [Fact]
    public void G3_Tls12HasOneChangeCipherSpec()
    {
        (TlsClientContext client, _) = HandshakeTests.Contexts();
        using var script = new ScriptedServer(client);
        script.Full12();
        script.AssertRefused(TlsFault.UnexpectedChangeCipherSpec, TlsAlert.UnexpectedMessage, script.SendChangeCipherSpec);
    }

    // G4
    [Theory]
    [InlineData(SslProtocols.Tls12, TlsAlert.NoRenegotiation)]
    [InlineData(SslProtocols.Tls12, TlsAlert.UserCanceled)]
    [InlineData(SslProtocols.Tls13, TlsAlert.UserCanceled)]
    public void G4_TheFifthWarningIsRefused(SslProtocols version, TlsAlert warning)
    {
        (TlsClientContext client, _) = HandshakeTests.Contexts();
        using var script = new ScriptedServer(client);
        Connect(script, version);
        for (int i = 0; i < 4; i++)
        {
            script.SendRecord(ContentType.Alert, 1, (byte)warning);
            // Data in between starts no new count.
            script.SendRecord(ContentType.ApplicationData, 1);
        }
        script.Data.Clear();
        script.AssertRefused(TlsFault.TooManyWarningAlerts, TlsAlert.UnexpectedMessage, () => script.SendRecord(ContentType.Alert, 1, (byte)warning));
    }

    // G5, R-132
    [Theory]
    [InlineData(SslProtocols.Tls12)]
    [InlineData(SslProtocols.Tls13)]
    public void G5_AnEmptyHandshakeOrAlertRecordIsRefused(SslProtocols version)
    {
        (TlsClientContext client, _) = HandshakeTests.Contexts();
        foreach (byte type in (byte[])[21, 22])
        {
            using var early = new ScriptedServer(client);
            early.AssertRefused(TlsFault.EmptyRecord, TlsAlert.UnexpectedMessage, () => early.SendRecord((ContentType)type));
            using var late = new ScriptedServer(client);
            Connect(late, version);
            late.AssertRefused(TlsFault.EmptyRecord, TlsAlert.UnexpectedMessage, () => late.SendRecord((ContentType)type));
        }
    }

    // G5, R-132
    [Theory]
    [InlineData(SslProtocols.Tls12)]
    [InlineData(SslProtocols.Tls13)]
    public void G5_The33rdEmptyRecordInARowIsRefused(SslProtocols version)
    {
        (TlsClientContext client, _) = HandshakeTests.Contexts();
        using var script = new ScriptedServer(client);
        Connect(script, version);
        for (int round = 0; round < 2; round++)
        {
            for (int i = 0; i < 32; i++)
            {
                script.SendRecord(ContentType.ApplicationData);
            }
            script.SendRecord(ContentType.ApplicationData, 1);
        }
        script.Data.Clear();
        for (int i = 0; i < 32; i++)
        {
            script.SendRecord(ContentType.ApplicationData);
        }
        script.AssertRefused(TlsFault.TooManyEmptyRecords, TlsAlert.UnexpectedMessage, () => script.SendRecord(ContentType.ApplicationData));
    }

    // G5, R-138
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(16384)]
    public void G5_ARecordOfZerosHasNoType(int zeros)
    {
        (TlsClientContext client, _) = HandshakeTests.Contexts();
        using var script = new ScriptedServer(client);
        script.Full13();
        // A type of 0 behind zeros: all is padding.
        script.AssertRefused(
            TlsFault.RecordWithoutContentType, TlsAlert.UnexpectedMessage, () => script.SendRecord(ContentType.Invalid, new byte[zeros]));
    }

    // G6
    [Theory]
    [InlineData(SslProtocols.Tls12)]
    [InlineData(SslProtocols.Tls13)]
    public void G6_EveryCallTakesSomethingOrWantsMore(SslProtocols version)
    {
        (TlsClientContext client, _) = HandshakeTests.Contexts();
        using var script = new ScriptedServer(client);
        Connect(script, version);
        byte[] stream = [.. script.Seal(ContentType.ApplicationData, new byte[100]), .. script.Seal(ContentType.ApplicationData), .. script.Seal(ContentType.Alert, 1, 0), 1, 2, 3];
        int consumed = 0;
        int written = 0;
        byte[] room = new byte[7];
        for (int calls = 0; consumed < stream.Length || script.Engine.HasWaitingData; calls++)
        {
            Assert.InRange(calls, 0, 40);
            TlsReceiveResult result = script.Engine.Receive(stream.AsSpan(consumed), room);
            Assert.True(result.Consumed + result.Written > 0, "a call did nothing");
            consumed += result.Consumed;
            written += result.Written;
        }
        Assert.Equal(100, written);
        Assert.True(script.Engine.IsReceiveClosed);
        // After close_notify whatever comes is taken and ignored.
        Assert.Equal(new TlsReceiveResult(3, 0), script.Engine.Receive([9, 9, 9], room));
        Assert.Equal(TlsWants.None, script.Engine.Wants & TlsWants.Read);
    }

    private static void Connect(ScriptedServer script, SslProtocols version)
    {
        if (version == SslProtocols.Tls12)
        {
            script.Full12();
        }
        else
        {
            script.Full13();
        }
    }

    private static Func<HandshakeType, byte[], byte[]> WithTrailing(HandshakeType where)
        => (type, message) => type == where ? [.. message, 0] : message;

    private static void AssertAcrossKeyChange(ScriptedPeer script, Action step)
    {
        TlsAlertException thrown = Assert.ThrowsAny<TlsAlertException>(step);
        Assert.Equal((TlsFault.HandshakeDataAcrossKeyChange, TlsAlert.UnexpectedMessage), (thrown.Fault, thrown.Alert));
        Assert.Empty(script.Data);
    }

    /// <summary>Before each step, and in a connection of its own each time, everything that is not legal there must be refused as out of turn.</summary>
    private static void Walk<T>(Func<T> start, params (Action<T> Step, HandshakeType[] Legal)[] steps)
        where T : ScriptedPeer
    {
        for (int at = 0; at < steps.Length; at++)
        {
            foreach (HandshakeType wrong in Everything.Except(steps[at].Legal))
            {
                using T script = start();
                foreach ((Action<T> step, _) in steps[..at])
                {
                    step(script);
                }
                if (at > 0 && at == steps.Length - 1 && steps[at].Legal.Contains(ApplicationData))
                {
                    steps[at].Step(script);
                }
                TlsAlertException thrown = Assert.ThrowsAny<TlsAlertException>(() => SendWrong(script, wrong));
                string what = $"step {at}, {wrong}: {thrown.Fault}";
                Assert.True(
                    thrown.Fault is TlsFault.UnexpectedMessage or TlsFault.UnexpectedChangeCipherSpec or TlsFault.ChangeCipherSpecMissing or TlsFault.UnexpectedApplicationData
                        or TlsFault.CertificateInResumedHandshake or TlsFault.PostHandshakeAuthenticationNotOffered or TlsFault.RenegotiationRefused,
                    what);
                Assert.True(thrown.Alert == TlsAlert.UnexpectedMessage, what);
                Assert.Empty(script.Data);
            }
        }
    }

    private static void SendWrong(ScriptedPeer script, HandshakeType what)
    {
        switch (what)
        {
            case ChangeCipherSpec:
                script.SendChangeCipherSpec();
                break;
            case ApplicationData:
                script.SendRecord(ContentType.ApplicationData, 1);
                break;
            default:
                script.SendRecord(ContentType.Handshake, (byte)what, 0, 0, 1, 0);
                break;
        }
    }
}

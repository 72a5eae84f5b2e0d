using System.Reflection;
using System.Security.Authentication;
using Segno.Cryptography;
using Segno.Handshake;
using Segno.Handshake.Extensions;
using Segno.Handshake.Messages;
using Segno.Records;
using Segno.Sessions;
using Segno.Tests.Connections;
using Segno.Tests.Cryptography;

namespace Segno.Tests.Museum;

/// <summary>Room F: renegotiation, the triple handshake, channel bindings.</summary>
[Trait("Exhibit", "core")]
public class FTests
{
    private static readonly byte[] HelloRequest = [0, 0, 0, 0];

    public static TheoryData<SessionKind> Mechanisms12 => Exhibits.Tls12;

    // F1, R-35
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void F1_OneHelloRequestIsAnsweredByAWarningTheSecondIsFatal(bool dataBetween)
    {
        (TlsClientContext client, _) = HandshakeTests.Contexts();
        using var script = new ScriptedServer(client);
        script.Full12();
        script.SendRecord(ContentType.Handshake, HelloRequest);
        Assert.Equal(((byte)1, TlsAlert.NoRenegotiation), script.ReadAlert());
        if (dataBetween)
        {
            script.SendRecord(ContentType.ApplicationData, 1);
            Assert.Equal([1], script.Data);
            script.Data.Clear();
        }
        script.AssertRefused(TlsFault.RenegotiationRefused, TlsAlert.NoRenegotiation, () => script.SendRecord(ContentType.Handshake, HelloRequest));
    }

    // F1, F4, R-35
    [Theory]
    [Trait("Museum", "F4")]
    [MemberData(nameof(Mechanisms12))]
    public void F1_OneClientHelloAfterTheHandshakeIsAnsweredByAWarningTheSecondIsFatal(SessionKind kind)
    {
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(kind);
        TlsSession session = Exhibits.Session(client, server);
        using var script = new ScriptedClient(server);
        Exhibits.Offer12(script, session);
        script.Resume12(session);
        // Not even one that a first handshake would refuse is read.
        byte[] hello = script.Build([ScriptedPeer.Extension(ExtensionType.RenegotiationInfo, 1, 2, 3), .. script.Extensions12]);
        script.SendRecord(ContentType.Handshake, hello);
        Assert.Equal(((byte)1, TlsAlert.NoRenegotiation), script.ReadAlert());
        Assert.True(script.IsQuiet());
        script.AssertRefused(TlsFault.RenegotiationRefused, TlsAlert.NoRenegotiation, () => script.SendRecord(ContentType.Handshake, hello));
    }

    [Fact]
    public void F1_AHelloRequestWithABodyIsMalformed()
    {
        (TlsClientContext client, _) = HandshakeTests.Contexts();
        using var script = new ScriptedServer(client);
        script.Full12();
        script.AssertRefused(TlsFault.TrailingMessageData, TlsAlert.DecodeError, () => script.SendRecord(ContentType.Handshake, 0, 0, 0, 1, 0));
    }

    // A warning never takes the place of the close_notify that was to go out, and none follows it (RFC 5246 §7.2.1).
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void F1_TheWarningDoesNotReplaceCloseNotify(bool closeIsSent)
    {
        (TlsClientContext client, _) = HandshakeTests.Contexts();
        using var script = new ScriptedServer(client);
        script.Full12();
        script.Engine.Close();
        if (closeIsSent)
        {
            script.Pump();
        }
        script.SendRecord(ContentType.Handshake, HelloRequest);
        Assert.Equal(((byte)1, TlsAlert.CloseNotify), script.ReadAlert());
        Assert.True(script.IsQuiet());
    }

    [Fact]
    public void F1_Tls13HasNoRenegotiationAtAll()
    {
        (TlsClientContext client, TlsServerContext server) = HandshakeTests.Contexts();
        using (var script = new ScriptedServer(client))
        {
            script.Full13();
            script.AssertRefused(TlsFault.UnexpectedMessage, TlsAlert.UnexpectedMessage, () => script.SendRecord(ContentType.Handshake, HelloRequest));
        }
        using var other = new ScriptedClient(server);
        List<(ExtensionType Type, byte[] Data)> extensions = other.Extensions13;
        other.SendHello(extensions);
        other.ReceiveHello13();
        other.ReceiveFlight13();
        other.SendFinished13();
        byte[] hello = other.Build(extensions);
        other.AssertRefused(TlsFault.RenegotiationRefused, TlsAlert.UnexpectedMessage, () => other.SendRecord(ContentType.Handshake, hello));
    }

    // F1, R-33, R-34
    [Theory]
    [InlineData("extension")]
    [InlineData("suite")]
    [InlineData("neither")]
    public void F1_TheServerAnswersWhoKnowsSecureRenegotiation(string how)
    {
        (_, TlsServerContext server) = Exhibits.Contexts(SessionKind.SessionId);
        using var script = new ScriptedClient(server);
        List<(ExtensionType Type, byte[] Data)> extensions = script.Extensions12;
        if (how != "extension")
        {
            extensions.RemoveAll(extension => extension.Type == ExtensionType.RenegotiationInfo);
        }
        if (how == "suite")
        {
            script.Suites = [.. script.Suites, ClientHello.EmptyRenegotiationInfoScsv];
        }
        script.SendHello(extensions);
        ServerHello hello = script.ReceiveHello();
        Assert.Equal(how == "neither" ? null : [0], hello.Extensions.Find(ExtensionType.RenegotiationInfo)?.ToArray());
    }

    // F1, R-33
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void F1_RenegotiationInfoOfAFirstHandshakeIsEmpty(bool fromServer)
    {
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(SessionKind.SessionId);
        if (fromServer)
        {
            using var script = new ScriptedServer(client);
            script.AssertRefused(
                TlsFault.RenegotiationInfoInvalid,
                TlsAlert.HandshakeFailure,
                () => script.Send(script.ServerHello(
                    (ushort)script.Suite12.Suite, [], [ScriptedPeer.Extension(ExtensionType.RenegotiationInfo, 1, 0)])));
            return;
        }
        using var other = new ScriptedClient(server);
        List<(ExtensionType Type, byte[] Data)> extensions = other.Extensions12;
        extensions.RemoveAll(extension => extension.Type == ExtensionType.RenegotiationInfo);
        extensions.Add(ScriptedPeer.Extension(ExtensionType.RenegotiationInfo, 1, 0));
        other.AssertRefused(TlsFault.RenegotiationInfoInvalid, TlsAlert.HandshakeFailure, () => other.SendHello(extensions));
    }

    // F1, R-32
    [Fact]
    public void F1_AServerWithoutRenegotiationInfoIsRefused()
    {
        (TlsClientContext client, _) = HandshakeTests.Contexts();
        using var script = new ScriptedServer(client);
        script.AssertRefused(
            TlsFault.RenegotiationInfoInvalid,
            TlsAlert.HandshakeFailure,
            () => script.Send(script.ServerHello((ushort)script.Suite12.Suite, [], [ScriptedPeer.Extension(ExtensionType.ExtendedMasterSecret)])));
    }

    // F2, R-28: of the table of RFC 7627 §5.3, the server's line "session with, hello without".
    [Theory]
    [MemberData(nameof(Mechanisms12))]
    public void F2_AHelloWithoutExtendedMainSecretForASessionWithItIsRefused(SessionKind kind)
    {
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(kind);
        TlsSession session = Exhibits.Session(client, server);
        using (var script = new ScriptedClient(server) { SessionId = session.SessionId.ToArray() })
        {
            List<(ExtensionType Type, byte[] Data)> extensions = script.Extensions12;
            extensions.RemoveAll(extension => extension.Type == ExtensionType.ExtendedMasterSecret);
            if (!session.Ticket.IsEmpty)
            {
                extensions.Add(ScriptedPeer.Extension(ExtensionType.SessionTicket, session.Ticket.ToArray()));
            }
            script.AssertRefused(TlsFault.ExtendedMasterSecretMissing, TlsAlert.HandshakeFailure, () => script.SendHello(extensions));
        }
        Exhibits.AssertUnharmed(client, server, resumed: true);
    }

    // F2, R-30: the client's line "session with, hello without".
    [Theory]
    [MemberData(nameof(Mechanisms12))]
    public void F2_AServerHelloWithoutExtendedMainSecretForASessionWithItIsRefused(SessionKind kind)
    {
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(kind);
        TlsSession session = Exhibits.Session(client, server);
        using var script = new ScriptedServer(client);
        script.AssertRefused(
            TlsFault.ExtendedMasterSecretMissing,
            TlsAlert.HandshakeFailure,
            () => script.Send(script.ServerHello(
                (ushort)session.CipherSuite, script.Hello.SessionId, [ScriptedPeer.Extension(ExtensionType.RenegotiationInfo, 0)])));
    }

    // F2, R-26, R-27, R-29, R-31: without it no session is made, so none can be offered, accepted or exported from.
    [Theory]
    [MemberData(nameof(Mechanisms12))]
    public void F2_AConnectionWithoutExtendedMainSecretLeavesNoSession(SessionKind kind)
    {
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(kind);
        using (var script = new ScriptedClient(server))
        {
            List<(ExtensionType Type, byte[] Data)> extensions = script.Extensions12;
            extensions.RemoveAll(extension => extension.Type == ExtensionType.ExtendedMasterSecret);
            script.SendHello([.. extensions, ScriptedPeer.Extension(ExtensionType.SessionTicket)]);
            Assert.Null(script.Full12());
            Assert.Empty(script.Hello!.SessionIdEcho);
            Assert.False(script.Hello.Extensions.Has(ExtensionType.ExtendedMasterSecret));
            AssertNoExport(script.Engine);
        }
        Assert.Equal(0, server.Settings.OwnedSessionStore!.Count);
        using var other = new ScriptedServer(client);
        other.Falsify = (type, message) => type != HandshakeType.ServerHello ? message : other.ServerHello(
            (ushort)other.Suite12.Suite,
            [1, 2, 3],
            [ScriptedPeer.Extension(ExtensionType.RenegotiationInfo, 0), ScriptedPeer.Extension(ExtensionType.SessionTicket)]);
        other.SendFlight12();
        other.ReceiveFlight12();
        other.SendTicket12(3600, [4, 5, 6]);
        other.SendFinished12();
        Assert.True(other.Engine.IsHandshakeCompleted);
        Assert.Null(other.Engine.Session);
        Assert.Equal(0, client.SessionCache.Count);
        AssertNoExport(other.Engine);
    }

    // F2, R-26, R-27, R-30: a session that came from elsewhere is judged by the same rule.
    [Theory]
    [MemberData(nameof(Mechanisms12))]
    public void F2_ASessionWithoutExtendedMainSecretIsNotOffered(SessionKind kind)
    {
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(kind);
        TlsSession session = Exhibits.Session(client, server);
        byte[] secret = new byte[session.SecretLength];
        session.CopySecret(secret);
        var without = new TlsSession(
            new TlsSessionState
            {
                IsServer = false,
                ProtocolVersion = session.ProtocolVersion,
                CipherSuite = session.CipherSuite,
                Hash = session.Hash,
                Scope = session.Scope,
                Lineage = session.Lineage,
                IssuedAt = session.IssuedAt,
                Lifetime = TimeSpan.FromHours(1),
                ServerName = session.ServerName,
                TargetHost = session.TargetHost,
                TargetPort = session.TargetPort,
                Group = session.Group,
                Ticket = session.Ticket,
                SessionId = session.SessionId,
                ExtendedMasterSecret = false,
            },
            secret);
        (TlsClientContext again, _) = Exhibits.Contexts(kind, o =>
        {
            o.Resume = without;
            o.EnabledSslProtocols = SslProtocols.Tls12;
        });
        using var script = new ScriptedServer(again);
        Assert.Empty(script.Hello.SessionId);
        Assert.Equal(0, script.Hello.Extensions.Find(ExtensionType.SessionTicket)?.Length);
        script.Full12();
        Assert.Equal(ResumptionReason.ExtendedMasterSecretMissing, script.Engine.Info.Resumption.Reason);
    }

    // F3: there is nothing to bind to that a resumption breaks.
    [Fact]
    public void F3_ThereIsNoTlsUnique()
    {
        IEnumerable<string> names = typeof(TlsConnection).Assembly.GetExportedTypes()
            .SelectMany(type => type.GetMembers(BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static).Select(member => member.Name));
        Assert.Contains(nameof(TlsConnection.ExportKeyingMaterial), names);
        Assert.DoesNotContain(names, name => name.Contains("Unique", StringComparison.OrdinalIgnoreCase));
    }

    // F3
    [Theory]
    [MemberData(nameof(Mechanisms12))]
    public void F3_KeyingMaterialIsOfThisConnectionNotOfTheSession(SessionKind kind)
    {
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(kind);
        HashSet<string> exported = [];
        for (int i = 0; i < 3; i++)
        {
            using EnginePair pair = EnginePair.Connect(client, server);
            Assert.Equal(i > 0, pair.Server.Info.Resumption.IsResumed);
            byte[] ofClient = new byte[32];
            byte[] ofServer = new byte[32];
            pair.Client.ExportKeyingMaterial("EXPORTER-Channel-Binding", ofClient);
            pair.Server.ExportKeyingMaterial("EXPORTER-Channel-Binding", ofServer);
            Assert.Equal(ofClient, ofServer);
            Assert.True(exported.Add(Convert.ToHexString(ofClient)));
        }
    }

    // F5: a hash that fails ends the handshake, on either side and at whatever call.
    [Theory]
    [MemberData(nameof(Mechanisms12))]
    public void F5_AFailingHashEndsTheHandshake(SessionKind kind)
    {
        foreach (bool onServer in (bool[])[false, true])
        {
            int failed = 0;
            for (int call = 1; ; call++)
            {
                var provider = new FailingHash(call);
                (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(
                    kind,
                    o => o.Crypto = onServer ? o.Crypto : provider,
                    o => o.Crypto = onServer ? provider : o.Crypto);
                provider.IsArmed = true;
                using var pair = new EnginePair(client, server);
                Exception? thrown = Record.Exception(pair.Handshake);
                if (!provider.HasFailed)
                {
                    Assert.Null(thrown);
                    break;
                }
                if (thrown is null)
                {
                    // It was one that looks for a session, or seals one: such trouble never fails a handshake (L1, C9).
                    Assert.True(onServer);
                    Assert.False(pair.Server.Info.Resumption.IsResumed);
                    continue;
                }
                failed++;
                Assert.Equal(TlsFault.CryptographyFailed, Assert.IsAssignableFrom<TlsAlertException>(thrown).Fault);
                Assert.False((onServer ? pair.Server : pair.Client).IsHandshakeCompleted);
                Assert.Equal(0, client.SessionCache.Count);
            }
            Assert.InRange(failed, 8, 100);
        }
    }

    private static void AssertNoExport(TlsConnection connection)
    {
        Assert.True(connection.IsHandshakeCompleted);
        Assert.False(connection.Info.ExtendedMasterSecret);
        Assert.Throws<InvalidOperationException>(() => connection.ExportKeyingMaterial("EXPORTER-test", new byte[32]));
        Assert.Throws<InvalidOperationException>(() => connection.ExportKeyingMaterial("EXPORTER-test", [], new byte[32]));
    }

    /// <summary>Hashes and MACs fail at the n-th call.</summary>
    private sealed class FailingHash(int failing) : ForwardingProvider(CryptoProvider.Default)
    {
        private int _calls;

        public bool IsArmed { get; set; }

        public bool HasFailed { get; private set; }

        protected override void Call(string name)
        {
            if (IsArmed && name is nameof(Hash) or nameof(CreateHasher) or nameof(Hmac) && ++_calls == failing)
            {
                HasFailed = true;
                throw new System.Security.Cryptography.CryptographicException("as told");
            }
        }
    }
}

using System.Buffers;
using System.Security.Authentication;
using Segno.Handshake.Extensions;
using Segno.Sessions;
using Segno.Tests.Connections;

namespace Segno.Tests.Museum;

/// <summary>Room B: the verdict on a session is today's, probes leave nothing behind, and late tickets find their owner.</summary>
public sealed partial class BTests
{
    // B5, CVE-2018-3180, CVE-2020-8172: the name that is expected now.
    [Theory]
    [MemberData(nameof(Mechanisms))]
    public void B5_UnderAnotherExpectedNameThereIsNoOffer(SessionKind kind)
    {
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(kind);
        TlsSession session = Exhibits.Session(client, server);
        (TlsClientContext other, _) = Exhibits.Contexts(kind, o => o.Resume = session);
        Assert.False(Offers(other, session, "other.example"));
        using (var pair = new EnginePair(other, server, "other.example"))
        {
            pair.Client.Start();
            Assert.Equal(TlsFault.CertificateNameMismatch, Assert.ThrowsAny<TlsException>(pair.Run).Fault);
            Assert.Equal(ResumptionReason.ServerNameMismatch, pair.Client.Info.Resumption.Reason);
        }
        Assert.True(Offers(other, session));
    }

    // B5: the authorities that are trusted now.
    [Theory]
    [MemberData(nameof(Mechanisms))]
    public void B5_UnderOtherTrustThereIsNoOffer(SessionKind kind)
    {
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(kind);
        TlsSession session = Exhibits.Session(client, server);
        (TlsClientContext other, _) = Exhibits.Contexts(kind, o => (o.Resume, o.CertificateChainPolicy) = (session, TestPki.Trust(TestPki.OtherRoot)));
        Assert.False(Offers(other, session));
        using var pair = new EnginePair(other, server);
        pair.Client.Start();
        Assert.Equal(TlsFault.CertificateUntrusted, Assert.ThrowsAny<TlsException>(pair.Run).Fault);
        Assert.Equal(
            (ResumptionReason.ScopeMismatch, nameof(ScopeComponent.TrustAnchors)), (pair.Client.Info.Resumption.Reason, pair.Client.Info.Resumption.Detail));
    }

    // B4, B5: whoever wants the stored chain examined anew gets that, by today's verdict, and a session that it refuses is gone.
    [Theory]
    [MemberData(nameof(Mechanisms))]
    public void B5_AStoredChainIsJudgedAnewWhereThatIsAsked(SessionKind kind)
    {
        bool pinned = true;
        int asked = 0;
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(kind, o =>
        {
            o.ResumedPeer = ResumedPeer.Reverify;
            o.RemoteCertificateValidationCallback = (_, certificate, _, errors) =>
            {
                asked++;
                return pinned && errors == 0 && certificate!.GetCertHashString() == TestPki.Ecdsa("localhost").Certificate.Thumbprint;
            };
        });
        Exhibits.Session(client, server);
        Exhibits.AssertUnharmed(client, server, resumed: true);
        Assert.Equal(2, asked);
        Assert.NotEqual(0, client.SessionCache.Count);
        pinned = false;
        using (var pair = new EnginePair(client, server))
        {
            pair.Client.Start();
            Assert.Equal(TlsFault.CertificateRejectedByApplication, Assert.ThrowsAny<TlsException>(pair.Run).Fault);
            Assert.False(pair.Client.IsHandshakeCompleted);
        }
        Assert.Equal(0, client.SessionCache.Count);
    }

    // B8: probes of a host, by another name or without sessions, neither use nor leave what the real connections use.
    [Theory]
    [MemberData(nameof(Mechanisms))]
    public void B8_ProbesDoNotSeedTheCache(SessionKind kind)
    {
        const string probeName = "probe.example";
        var cache = new MemoryClientSessionCache();
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(
            kind, o => o.SessionCache = cache, o => o.ServerCertificates = [TestPki.Ecdsa("localhost", probeName).Tls]);
        TlsClientContext check = Exhibits.Contexts(kind, o => (o.SessionCache, o.AllowTlsResume) = (cache, false)).Client;
        TlsClientContext otherName = Exhibits.Contexts(kind, o => o.SessionCache = cache).Client;
        Guid lineage = default;
        for (int i = 0; i < 3; i++)
        {
            int before = cache.Count;
            using (EnginePair probe = EnginePair.Connect(check, server))
            {
                Assert.Equal(ResumptionStatus.NotOffered, probe.Server.Info.Resumption.Status);
            }
            Assert.Equal(before, cache.Count);
            using (EnginePair probe = EnginePair.Connect(otherName, server, probeName))
            {
                Assert.Equal(i > 0, probe.Server.Info.Resumption.IsResumed);
                Assert.NotEqual(lineage, probe.Client.Info.LineageId);
            }
            using EnginePair real = EnginePair.Connect(client, server);
            Assert.Equal(i > 0, real.Server.Info.Resumption.IsResumed);
            Assert.True(i == 0 || lineage == real.Client.Info.LineageId, "another's session");
            lineage = Assert.IsType<Guid>(real.Client.Info.LineageId);
        }
    }

    // B10: a version that was not offered, before a client that has a session to resume.
    [Theory]
    [MemberData(nameof(Mechanisms))]
    public void B10_AVersionThatWasNotOfferedIsRefused(SessionKind kind)
    {
        using (ScriptedServer script = Resuming(kind, out _))
        {
            script.AssertRefused(TlsFault.VersionNotOffered, TlsAlert.IllegalParameter, () => script.Send(script.ServerHello(
                (ushort)script.Suite13.Suite, script.Hello.SessionId, [ScriptedPeer.Extension(ExtensionType.SupportedVersions, 3, 5)])));
        }
        // Nor the one below, by a client that has turned it off.
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(
            kind, o => o.EnabledSslProtocols = kind.IsTls13() ? SslProtocols.Tls13 : SslProtocols.Tls12);
        Exhibits.Session(client, server);
        using var other = new ScriptedServer(client);
        other.Falsify = (_, message) =>
        {
            message[5] = kind.IsTls13() ? (byte)3 : (byte)2;
            return message;
        };
        other.AssertRefused(TlsFault.NoCommonVersion, TlsAlert.ProtocolVersion, () => other.Send(other.ServerHello(
            (ushort)other.Suite12.Suite, other.Hello.SessionId, kind.IsTls13() ? [] : ScriptedServer.Extensions12)));
    }

    // B11, CVE-2021-22901: tickets that come when their request is over.
    [Fact]
    public void B11_ATicketBehindTheEndOfSendingFindsItsOwner()
    {
        var cache = new MemoryClientSessionCache();
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(SessionKind.StatelessPsk, o => o.SessionCache = cache);
        using EnginePair pair = EnginePair.Connect(client, server);
        pair.Client.Close();
        cache.Clear();
        Assert.Equal(2, Exhibits.IssueTickets(pair.Server, 2));
        pair.Run();
        Assert.Equal(2, cache.Count);
        using EnginePair next = EnginePair.Connect(client, server);
        Assert.Equal(pair.Client.Info.LineageId, next.Client.Info.LineageId);
    }

    [Fact]
    public void B11_ATicketBehindCloseNotifyIsNobodys()
    {
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(SessionKind.StatelessPsk);
        using EnginePair pair = EnginePair.Connect(client, server);
        Assert.Equal(1, Exhibits.IssueTickets(pair.Server, 1));
        var ticket = new ArrayBufferWriter<byte>();
        pair.Server.Flush(ticket);
        pair.Server.Close();
        var close = new ArrayBufferWriter<byte>();
        pair.Server.Flush(close);
        int before = client.SessionCache.Count;
        pair.ToClient.AddRange([.. ticket.WrittenSpan, .. close.WrittenSpan, .. ticket.WrittenSpan]);
        pair.Run();
        Assert.True(pair.Client.IsReceiveClosed);
        Assert.Equal(before + 1, client.SessionCache.Count);
    }

    // B11: whoever hears of a session may end the connection at once; what came is kept, and nothing comes to one who is gone.
    [Theory]
    [InlineData("closes")]
    [InlineData("aborts")]
    [InlineData("clears the cache")]
    [InlineData("sends")]
    public void B11_WhoHearsOfATicketMayDoAnything(string what)
    {
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(SessionKind.StatelessPsk);
        int heard = 0;
        using (EnginePair pair = EnginePair.Connect(client, server))
        {
            client.SessionCache.Clear();
            pair.Client.SessionReceived += (connection, _) =>
            {
                heard++;
                switch (what)
                {
                    case "closes":
                        connection.Close();
                        break;
                    case "aborts":
                        connection.Abort(TlsFault.CertificateRejectedByApplication);
                        break;
                    case "clears the cache":
                        client.SessionCache.Clear();
                        break;
                    default:
                        pair.Send(connection, "x"u8);
                        break;
                }
            };
            Assert.Equal(2, Exhibits.IssueTickets(pair.Server, 2));
            Exception? thrown = Record.Exception(pair.Run);
            Assert.Equal(what == "aborts", thrown is TlsException);
            Assert.Equal(what == "aborts" ? 1 : 2, heard);
        }
        Assert.Equal(what is "aborts" or "clears the cache" ? 0 : 2, client.SessionCache.Count);
    }
}

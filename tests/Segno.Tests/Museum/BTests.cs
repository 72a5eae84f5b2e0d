using System.Net.Security;
using Segno.Cryptography;
using Segno.Handshake;
using Segno.Handshake.Extensions;
using Segno.Sessions;
using Segno.Tests.Connections;

namespace Segno.Tests.Museum;

/// <summary>Room B: a client that offers the wrong session, or keeps one that it should not have. B7 is OptionScopeTests.</summary>
[Trait("Exhibit", "core")]
public sealed partial class BTests
{
    private static readonly RemoteCertificateValidationCallback AcceptAll = static (_, _, _, _) => true;

    public static TheoryData<SessionKind> Mechanisms => Exhibits.All;

    public static TheoryData<SessionKind, string> ClientCertificates => Exhibits.Cross("other", "none", "of a callback");

    public static TheoryData<SessionKind, string> Rejections => Exhibits.Cross("callback", "host name", "OCSP", "application");

    // B1, CVE-2016-5419, CVE-2017-7468
    [Theory]
    [MemberData(nameof(ClientCertificates))]
    public void B1_ASessionIsNotOfferedUnderAnotherClientCertificate(SessionKind kind, string now)
    {
        var cache = new MemoryClientSessionCache();
        TlsCertificate x = TestPki.ClientEcdsa().Tls;
        (TlsClientContext first, TlsServerContext server) = Exhibits.Contexts(
            kind,
            o => (o.SessionCache, o.ClientCertificate) = (cache, x),
            o => (o.ClientCertificateMode, o.CertificateChainPolicy) = (TlsClientCertificateMode.Optional, TestPki.TrustRoot()));
        (TlsClientContext same, _) = Exhibits.Contexts(kind, o => (o.SessionCache, o.ClientCertificate) = (cache, x));
        TlsSession session = Exhibits.Session(first, server);
        Assert.False(Offers(Other(null), session));
        Assert.False(Offers(Other(session), session));
        // The sabotage: under the same certificate it is on the wire.
        Assert.True(Offers(same, session));

        TlsClientContext Other(TlsSession? resume) => Exhibits.Contexts(kind, o =>
        {
            o.SessionCache = cache;
            o.Resume = resume;
            o.ClientCertificate = now == "other" ? TestPki.ClientRsa().Tls : null;
            o.ClientCertificateSelector = now == "of a callback" ? (_, _) => ValueTask.FromResult<TlsCertificate?>(x) : null;
        }).Client;
    }

    // B2, B9, CVE-2014-8151
    [Theory]
    [MemberData(nameof(Mechanisms))]
    public void B2_WhatWasNotVerifiedIsNotOfferedByWhoVerifies(SessionKind kind)
    {
        var cache = new MemoryClientSessionCache();
        (TlsClientContext lax, TlsServerContext impostor) = Exhibits.Contexts(
            kind,
            o => (o.SessionCache, o.RemoteCertificateValidationCallback) = (cache, AcceptAll),
            o => o.ServerCertificates = [TestPki.Untrusted.Tls]);
        (TlsClientContext strict, _) = Exhibits.Contexts(kind, o => o.SessionCache = cache);
        TlsSession session = Exhibits.Session(lax, impostor);
        Assert.False(Offers(strict, session));
        using (var pair = new EnginePair(strict, impostor))
        {
            pair.Client.Start();
            Assert.Equal(TlsFault.CertificateUntrusted, Assert.ThrowsAny<TlsException>(pair.Run).Fault);
        }
        // Nor when it is put into its hands.
        (TlsClientContext told, _) = Exhibits.Contexts(kind, o => o.Resume = session);
        Assert.False(Offers(told, session));
        // The sabotage: who made it offers it.
        Assert.True(Offers(lax, session));
    }

    // B3, CVE-2021-22890: TLS in TLS. The proxy's tickets come while the handshake with the origin is under way, and after it.
    [Theory]
    [MemberData(nameof(Mechanisms))]
    public void B3_TheProxysTicketsAreTheProxys(SessionKind kind)
    {
        const string proxyName = "proxy.example";
        const string originName = "origin.example";
        (TlsClientContext client, TlsServerContext proxy) = Exhibits.Contexts(kind, null, o => o.ServerCertificates = [TestPki.Ecdsa(proxyName).Tls]);
        TlsServerContext origin = Exhibits.Contexts(kind, null, o => o.ServerCertificates = [TestPki.Ecdsa(originName).Tls]).Server;
        int late = 0;
        using EnginePair outer = EnginePair.Connect(client, proxy, proxyName);
        using var inner = new EnginePair(client, origin, originName)
        {
            Wire = (toServer, bytes) =>
            {
                outer.Send(toServer ? outer.Client : outer.Server, bytes);
                late += toServer ? 0 : Exhibits.IssueTickets(outer.Server, 1);
                outer.Run();
                List<byte> arrived = toServer ? outer.AtServer : outer.AtClient;
                byte[] through = [.. arrived];
                arrived.Clear();
                return through;
            },
        };
        inner.Handshake();
        late += Exhibits.IssueTickets(outer.Server, 1);
        outer.Run();
        Assert.Equal(kind.IsTls13(), late > 1);
        TlsSession proxySession = outer.Client.Session!;
        Assert.Equal((proxyName, originName), (proxySession.ServerName, inner.Client.Session!.ServerName));
        Assert.False(Offers(Exhibits.Contexts(kind, o => o.Resume = proxySession).Client, proxySession, originName));
        Assert.True(Offers(Exhibits.Contexts(kind, o => o.Resume = proxySession).Client, proxySession, proxyName));
        foreach ((TlsServerContext server, string name) in new[] { (origin, originName), (proxy, proxyName) })
        {
            using EnginePair next = EnginePair.Connect(client, server, name);
            Assert.Equal(ResumptionOutcome.Resumed(kind.ToMechanism()), next.Client.Info.Resumption);
            Assert.Equal(ResumptionOutcome.Resumed(kind.ToMechanism()), next.Server.Info.Resumption);
        }
    }

    // B4, CVE-2024-0853
    [Theory]
    [MemberData(nameof(Rejections))]
    public void B4_WhoRefusesThePeerKeepsNoSession(SessionKind kind, string by)
    {
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(kind, o =>
        {
            o.RemoteCertificateValidationCallback = by == "callback" ? (_, _, _, _) => false : null;
            o.CertificateStatusMode = by == "OCSP" ? TlsCertificateStatusMode.HardFail : o.CertificateStatusMode;
        });
        using var pair = new EnginePair(client, server, by == "host name" ? "other.example" : "localhost");
        if (by == "application")
        {
            pair.Handshake();
            // The sabotage: up to here there is one.
            Assert.NotEqual(0, client.SessionCache.Count);
            pair.Client.Abort(TlsFault.CertificateRejectedByApplication);
        }
        else
        {
            pair.Client.Start();
            Assert.ThrowsAny<TlsException>(pair.Run);
        }
        Assert.Equal(0, client.SessionCache.Count);
        Assert.Null(pair.Client.Session);
        Assert.ThrowsAny<TlsException>(pair.Run);
        Assert.Equal(0, client.SessionCache.Count);
        Assert.Equal(0, server.Settings.OwnedSessionStore!.Count);
    }

    // B9
    [Theory]
    [MemberData(nameof(Mechanisms))]
    public void B9_ASharedCacheIsPartitionedByWhoVerifiesHow(SessionKind kind)
    {
        var cache = new MemoryClientSessionCache();
        (TlsClientContext verifies, TlsServerContext server) = Exhibits.Contexts(kind, o => o.SessionCache = cache);
        (TlsClientContext doesNot, _) = Exhibits.Contexts(kind, o => (o.SessionCache, o.RemoteCertificateValidationCallback) = (cache, AcceptAll));
        EnginePair.Connect(doesNot, server).Dispose();
        Assert.NotEqual(0, cache.Count);
        Assert.Equal(ResumptionReason.NoSessionYet, Connect(verifies));
        // Now each has its own, and gets its own.
        Assert.Equal(ResumptionReason.None, Connect(verifies));
        Assert.Equal(ResumptionReason.None, Connect(doesNot));

        ResumptionReason Connect(TlsClientContext client)
        {
            using EnginePair pair = EnginePair.Connect(client, server);
            Assert.Equal(pair.Client.Info.Resumption.Reason == ResumptionReason.None, pair.Client.Info.Resumption.IsResumed);
            return pair.Client.Info.Resumption.Reason;
        }
    }

    // B10, CVE-2024-5814: what the server says of a resumed session is what was offered, or it is refused. The session's own suite is D9.
    [Theory]
    [MemberData(nameof(Mechanisms))]
    public void B10_ACompressionMethodIsRefused(SessionKind kind)
    {
        using ScriptedServer script = Resuming(kind, out TlsSession session);
        script.Falsify = (_, message) =>
        {
            // legacy_version, random, session ID, suite, and then the method.
            message[4 + 2 + 32 + 1 + message[4 + 2 + 32] + 2] = 1;
            return message;
        };
        script.AssertRefused(TlsFault.CompressionMethodInvalid, TlsAlert.IllegalParameter, () => Resume(script, session));
    }

    [Theory]
    [MemberData(nameof(Mechanisms))]
    public void B10_ASuiteThatWasNotOfferedIsRefused(SessionKind kind)
    {
        using ScriptedServer script = Resuming(kind, out TlsSession session);
        script.Suite12 = CipherSuiteInfo.Find(TlsCipherSuite.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384)!;
        script.Suite13 = CipherSuiteInfo.Find(TlsCipherSuite.TLS_CHACHA20_POLY1305_SHA256)!;
        script.AssertRefused(TlsFault.CipherSuiteNotOffered, TlsAlert.IllegalParameter, () => Resume(script, session));
    }

    [Fact]
    public void B10_ASessionOfTls13IsNotResumedAsOneOfTls12()
    {
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(SessionKind.StatelessPsk);
        Exhibits.Session(client, server);
        using var script = new ScriptedServer(client);
        script.AssertRefused(
            TlsFault.SessionIdEchoedWithoutSession, TlsAlert.IllegalParameter, () => script.SendHello12(script.Hello.SessionId));
    }

    /// <summary>A client with a session that offers one suite alone, before a server that is about to resume it.</summary>
    private static ScriptedServer Resuming(SessionKind kind, out TlsSession session)
    {
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(
            kind, o => o.CipherSuites = [TlsCipherSuite.TLS_AES_128_GCM_SHA256, TlsCipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]);
        session = Exhibits.Session(client, server);
        return new ScriptedServer(client);
    }

    private static void Resume(ScriptedServer script, TlsSession session)
    {
        if (session.ProtocolVersion == System.Security.Authentication.SslProtocols.Tls13)
        {
            script.SendHello13(session);
        }
        else
        {
            script.SendHello12(script.Hello.SessionId);
        }
    }

    /// <summary>Whether a client's hello has anything of the session in it.</summary>
    private static bool Offers(TlsClientContext client, TlsSession session, string host = "localhost")
    {
        using var script = new ScriptedServer(client, host);
        bool psk = script.Hello.Extensions.Has(ExtensionType.PreSharedKey);
        bool ticket = script.Hello.Extensions.Find(ExtensionType.SessionTicket) is { Length: > 0 };
        bool id = !session.SessionId.IsEmpty && session.SessionId.Span.SequenceEqual(script.Hello.SessionId);
        return psk || ticket || id;
    }
}

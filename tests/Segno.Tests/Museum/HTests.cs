using System.Collections.Concurrent;
using System.Security.Authentication;
using System.Text;
using Segno.Handshake;
using Segno.Handshake.Extensions;
using Segno.Sessions;
using Segno.Tests.Connections;

namespace Segno.Tests.Museum;

/// <summary>Room H: sessions that several connections, threads and caches have in their hands at the same time.</summary>
[Trait("Exhibit", "core")]
public sealed class HTests
{
    private const int Threads = 64;
    private const int ConnectionsEach = 6;

    public static TheoryData<SessionKind> Mechanisms => Exhibits.All;

    public static TheoryData<SessionKind, string> Interventions
        => Exhibits.Cross("clears", "clears for the host", "removes", "removes the lineage", "adds again", "adds elsewhere", "takes", "puts back");

    // H1: one cache, one store, one ring for all; tickets in storms, keys that rotate, entries that are evicted. Who resumes gets a
    // session of his own server, whole, and of TLS 1.3 one that nobody else got.
    [Theory]
    [MemberData(nameof(Mechanisms))]
    public async Task H1_ManyThreadsShareCacheStoreAndKeys(SessionKind kind)
    {
        string[] names = ["a.example", "b.example", "c.example"];
        using var ring = new TicketKeyRing();
        using var store = new MemorySessionStore(maxEntries: 8);
        var cache = new MemoryClientSessionCache(maxKeys: 2, maxSessionsPerKey: 3);
        TlsServerContext[] servers = [.. names.Select(name => Exhibits.Contexts(kind, null, o =>
        {
            (o.ServerCertificates, o.TicketKeys, o.SessionStore, o.Group) = ([TestPki.Ecdsa(name).Tls], ring, store, name);
            (o.ClientCertificateMode, o.CertificateChainPolicy) = (TlsClientCertificateMode.Required, TestPki.TrustRoot());
        }).Server)];
        TlsClientContext client = Exhibits.Contexts(kind, o => (o.SessionCache, o.ClientCertificate) = (cache, TestPki.ClientEcdsa().Tls)).Client;
        var used = new ConcurrentBag<string>();
        int resumed = 0;
        int failures = 0;
        await Parallel.ForEachAsync(
            Enumerable.Range(0, Threads),
            new ParallelOptions { MaxDegreeOfParallelism = Threads, CancellationToken = TestContext.Current.CancellationToken },
            async (thread, token) =>
            {
                await Task.Yield();
                for (int i = 0; i < ConnectionsEach; i++)
                {
                    int host = (thread + i) % names.Length;
                    using var pair = new EnginePair(client, servers[host], names[host])
                    {
                        Wire = (toServer, bytes) =>
                        {
                            if (toServer && kind.IsTls13() && bytes.Length > 5 && bytes[0] == 22 && bytes[5] == (byte)HandshakeType.ClientHello)
                            {
                                var hello = Segno.Handshake.Messages.ClientHello.Read(new HandshakeMessage(bytes.AsSpan(5)));
                                hello.ReadPreSharedKeys();
                                hello.Identities.ForEach(identity => used.Add(Convert.ToHexString(identity.Identity.Span)));
                            }
                            return bytes;
                        },
                    };
                    pair.Handshake();
                    bool whole = pair.Client.Info.Resumption.IsResumed == pair.Server.Info.Resumption.IsResumed
                        && pair.Client.Info.ServerName == names[host]
                        && pair.Client.Info.RemoteCertificate?.Thumbprint == TestPki.Ecdsa(names[host]).Certificate.Thumbprint
                        && pair.Server.Info.RemoteCertificate?.Thumbprint == TestPki.ClientEcdsa().Certificate.Thumbprint
                        && pair.Client.Info.LineageId is not null;
                    Interlocked.Add(ref failures, whole ? 0 : 1);
                    Interlocked.Add(ref resumed, pair.Client.Info.Resumption.IsResumed ? 1 : 0);
                    Exhibits.IssueTickets(pair.Server, 4);
                    pair.Send(pair.Client, "x"u8);
                    pair.Run();
                    Assert.Equal("x"u8.ToArray(), pair.AtServer);
                    if (i == thread % ConnectionsEach)
                    {
                        ring.Rotate();
                        cache.ClearFor(names[(host + 1) % names.Length]);
                    }
                    Assert.InRange(cache.Count, 0, 2 * 3);
                    Assert.InRange(store.Count, 0, 8);
                }
            });
        Assert.Equal(0, failures);
        Assert.NotEqual(0, resumed);
        Assert.Equal(used.Count, used.Distinct().Count());
    }

    // H2: at every step of a connection that resumes, the session is taken away, put back, or put where another has it, too.
    [Theory]
    [MemberData(nameof(Interventions))]
    public void H2_TheCacheMayChangeAtEveryStep(SessionKind kind, string what)
    {
        int steps = int.MaxValue;
        for (int at = 0; at <= steps; at++)
        {
            (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(kind);
            TlsSession session = Exhibits.Session(client, server);
            ClientSessionKey key = Key(client);
            int step = 0;
            using var pair = new EnginePair(client, server) { Taken = (_, _) => Intervene() };
            Intervene();
            pair.Client.Start();
            Intervene();
            pair.Run();
            Assert.True(pair.Client.IsHandshakeCompleted && pair.Server.IsHandshakeCompleted);
            Assert.Equal(pair.Client.Info.Resumption.IsResumed, pair.Server.Info.Resumption.IsResumed);
            // What was offered before it was taken away is still good: the offer holds it.
            Assert.True(at == 0 || pair.Client.Info.Resumption.IsResumed);
            pair.Send(pair.Client, "x"u8);
            pair.Run();
            Assert.Equal("x"u8.ToArray(), pair.AtServer);
            steps = step - 1;
            Exhibits.AssertUnharmed(client, server);
            Exhibits.AssertUnharmed(client, server, resumed: true);

            void Intervene()
            {
                if (step++ != at)
                {
                    return;
                }
                switch (what)
                {
                    case "clears":
                        client.SessionCache.Clear();
                        break;
                    case "clears for the host":
                        client.SessionCache.ClearFor("localhost");
                        break;
                    case "removes":
                        client.SessionCache.Remove(key);
                        break;
                    case "removes the lineage":
                        client.SessionCache.Remove(key, session.LineageId);
                        break;
                    case "adds again":
                        client.SessionCache.Add(key, session);
                        break;
                    case "adds elsewhere":
                        client.SessionCache.Add(new ClientSessionKey("other.example", 443, null, [], [1]), session);
                        break;
                    case "takes":
                        while (client.SessionCache.Count > 0 && client.SessionCache.TryTake(key, DateTimeOffset.UtcNow, out TlsSession? taken, out _)
                            && taken.ProtocolVersion == SslProtocols.Tls13)
                        {
                        }
                        break;
                    default:
                        client.SessionCache.PutBack(key, session);
                        break;
                }
            }
        }
        Assert.InRange(steps, 4, 40);
    }

    // H2: one session in two caches, and in an option: each may lose it, and the others still have it whole.
    [Theory]
    [MemberData(nameof(Mechanisms))]
    public void H2_OneSessionInTwoCaches(SessionKind kind)
    {
        var one = new MemoryClientSessionCache();
        var two = new MemoryClientSessionCache();
        (TlsClientContext first, TlsServerContext server) = Exhibits.Contexts(kind, o => o.SessionCache = one);
        TlsClientContext second = Exhibits.Contexts(kind, o => o.SessionCache = two).Client;
        TlsSession session = Exhibits.Session(first, server);
        byte[] secret = Sessions.SessionDraft.SecretOf(session);
        two.Add(Key(second), session);
        one.Clear();
        using (EnginePair pair = EnginePair.Connect(second, server))
        {
            Assert.True(pair.Client.Info.Resumption.IsResumed);
            pair.Client.Abort(TlsFault.CertificateRejectedByApplication);
        }
        Assert.Equal(0, two.Count);
        Assert.Equal(secret, Sessions.SessionDraft.SecretOf(session));
        one.Add(Key(first), session);
        Assert.Equal(1, one.Count);
        Assert.True(one.TryTake(Key(first), DateTimeOffset.UtcNow, out TlsSession? taken, out _));
        Assert.Same(session, taken);
    }

    // H3, GNUTLS-SA-2008-1-1: a name beyond measure reaches neither a session nor the store.
    [Theory]
    [MemberData(nameof(Mechanisms))]
    public void H3_AnOverlongNameIsNotStored(SessionKind kind)
    {
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(kind);
        string longest = string.Join('.', Enumerable.Repeat(new string('a', 63), 4));
        Assert.Equal(SessionLimits.MaxServerName, longest.Length);
        foreach ((string name, TlsFault fault) in new[]
        {
            (longest + "a", TlsFault.ServerNameInvalid),
            (longest + ".a", TlsFault.ServerNameInvalid),
            (string.Join('.', Enumerable.Repeat("a", 30_000)), TlsFault.ServerNameInvalid),
            (new string('a', 65_000), TlsFault.ServerNameInvalid),
        })
        {
            using var script = new ScriptedClient(server) { ServerName = null };
            TlsException thrown = Assert.ThrowsAny<TlsException>(() => script.SendHello(Hello(script, name)));
            Assert.Equal(fault, thrown.Fault);
        }
        Assert.Equal(0, server.Settings.OwnedSessionStore!.Count);
        // The longest there may be is part of its session like any other.
        using (var script = new ScriptedClient(server) { ServerName = null })
        {
            script.SendHello(Hello(script, longest));
            if (kind.IsTls13())
            {
                script.ReceiveHello13();
                script.ReceiveFlight13();
                script.SendFinished13();
            }
            else
            {
                script.Full12();
            }
            Assert.True(script.Engine.IsHandshakeCompleted);
            Assert.Equal(longest, script.Engine.Info.ServerName);
        }
        Assert.Equal(Stored(), server.Settings.OwnedSessionStore!.Count);
        Exhibits.AssertUnharmed(client, server, resumed: false);

        int Stored() => kind switch
        {
            SessionKind.SessionId => 1,
            SessionKind.StatefulPsk => 2,
            _ => 0,
        };

        List<(ExtensionType Type, byte[] Data)> Hello(ScriptedClient script, string name)
        {
            byte[] bytes = Encoding.ASCII.GetBytes(name);
            int list = bytes.Length + 3;
            (ExtensionType, byte[]) extension = ScriptedPeer.Extension(
                ExtensionType.ServerName,
                [(byte)(list >> 8), (byte)(list & 0xff), 0, (byte)(bytes.Length >> 8), (byte)(bytes.Length & 0xff), .. bytes]);
            return [extension, .. kind.ToMechanism() switch
            {
                ResumptionMechanism.Psk => script.Extensions13,
                ResumptionMechanism.Ticket => [.. script.Extensions12, ScriptedPeer.Extension(ExtensionType.SessionTicket)],
                _ => script.Extensions12,
            }];
        }
    }

    private static ClientSessionKey Key(TlsClientContext client) => new("localhost", 443, "localhost", [], client.Settings.ScopeDigest);
}

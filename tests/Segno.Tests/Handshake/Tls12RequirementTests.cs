using System.Net.Security;
using System.Security.Authentication;
using Microsoft.Extensions.Time.Testing;
using Segno.Handshake;
using Segno.Handshake.Extensions;
using Segno.Handshake.Messages;
using Segno.Records;
using Segno.Sessions;
using Segno.Tests.Connections;
using Segno.Tests.Museum;

namespace Segno.Tests.Handshake;

/// <summary>What the RFCs require of TLS 1.2 sessions, seen on the wire: one test for each requirement that no other test names.</summary>
public class Tls12RequirementTests
{
    private static readonly byte[] Sentinel = [.. new byte[24], .. "DOWNGRD"u8, 1];

    public static TheoryData<ResumptionMechanism> Mechanisms => [ResumptionMechanism.SessionId, ResumptionMechanism.Ticket];

    //
    [Theory]
    [MemberData(nameof(Mechanisms))]
    public void AHelloThatOffersASessionIsLikeAnyOther(ResumptionMechanism mechanism)
    {
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(mechanism, o => o.SendGrease = false);
        using var first = new ScriptedServer(client);
        TlsSession session = Exhibits.Session(client, server);
        using var second = new ScriptedServer(client);
        Assert.Equal(first.Hello.Extensions.Types, second.Hello.Extensions.Types);
        Assert.Equal(first.Hello.ServerName(), second.Hello.ServerName());
        Assert.Equal(first.Hello.CipherSuites, second.Hello.CipherSuites);
        Assert.Contains((ushort)session.CipherSuite, second.Hello.CipherSuites);
        Assert.DoesNotContain(ClientHello.FallbackScsv, second.Hello.CipherSuites);
        Assert.Equal(0, second.Hello.Extensions.Find(ExtensionType.ExtendedMasterSecret)?.Length);
        Assert.Equal(session.Ticket.ToArray(), second.Hello.Extensions.Find(ExtensionType.SessionTicket)?.ToArray());
        Assert.Equal(mechanism == ResumptionMechanism.SessionId, second.Hello.SessionId.SequenceEqual(session.SessionId.ToArray()));
        Assert.NotEmpty(second.Hello.SessionId);
    }

    //
    [Theory]
    [MemberData(nameof(Mechanisms))]
    public void AServerMayAlwaysMakeAFullHandshake(ResumptionMechanism mechanism)
    {
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(mechanism);
        Exhibits.Session(client, server);
        using var script = new ScriptedServer(client);
        script.Full12(sessionId: [7, 7]);
        Assert.True(script.Engine.IsHandshakeCompleted);
        Assert.Equal(ResumptionOutcome.Declined(mechanism, ResumptionReason.DeclinedByServer), script.Engine.Info.Resumption);
    }

    // R-07, C8, R-11: an ID of any length that can be is looked up and no more; it is not given back.
    [Fact]
    public void SessionIdsOfEveryLengthAreTaken()
    {
        (_, TlsServerContext server) = Exhibits.Contexts(SessionKind.SessionId);
        for (int length = 0; length <= 32; length++)
        {
            using var script = new ScriptedClient(server) { SessionId = [.. Enumerable.Repeat((byte)1, length)] };
            script.SendHello12();
            ServerHello hello = script.ReceiveHello();
            Assert.Equal(32, hello.SessionIdEcho.Length);
            Assert.NotEqual(script.SessionId, hello.SessionIdEcho);
            Assert.Equal(length > 0, script.Engine.Info.Resumption.Reason == ResumptionReason.SessionNotFound);
        }
        using var tooLong = new ScriptedClient(server) { SessionId = new byte[33] };
        tooLong.AssertRefused(TlsFault.MessageMalformed, TlsAlert.DecodeError, () => tooLong.SendHello12());
    }

    // R-19, C8: the echo is as long as what was sent, and the ID is not looked up where a ticket is there.
    [Fact]
    public void WithATicketTheSessionIdIsOnlyEchoed()
    {
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(SessionKind.Ticket);
        TlsSession session = Exhibits.Session(client, server);
        for (int length = 0; length <= 32; length++)
        {
            using var script = new ScriptedClient(server) { SessionId = [.. Enumerable.Repeat((byte)1, length)] };
            script.SendHello12(session.Ticket.ToArray());
            script.Resume12(session);
            Assert.Equal(script.SessionId, script.Hello!.SessionIdEcho);
            Assert.Equal(ResumptionOutcome.Resumed(ResumptionMechanism.Ticket), script.Engine.Info.Resumption);
        }
        using var tooLong = new ScriptedClient(server) { SessionId = new byte[33] };
        tooLong.AssertRefused(TlsFault.MessageMalformed, TlsAlert.DecodeError, () => tooLong.SendHello12(session.Ticket.ToArray()));
    }

    // a good ID beside a bad ticket is no session.
    [Fact]
    public void ABadTicketBesideAGoodSessionIdIsAFullHandshake()
    {
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(SessionKind.SessionId);
        TlsSession session = Exhibits.Session(client, server);
        using (var script = new ScriptedClient(server) { SessionId = session.SessionId.ToArray() })
        {
            script.SendHello12([1, 2, 3]);
            script.Full12();
            Assert.Equal(ResumptionOutcome.Declined(ResumptionMechanism.Ticket, ResumptionReason.TicketMalformed), script.Engine.Info.Resumption);
        }
        // Nor does it cost the session of the ID.
        Exhibits.AssertUnharmed(client, server, resumed: true);
    }

    // R-17, C7: tickets of every length and with any bit wrong.
    [Fact]
    public void ATicketThatIsNotOursIsAFullHandshake()
    {
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(SessionKind.Ticket);
        byte[] good = Exhibits.Session(client, server).Ticket.ToArray();
        IEnumerable<byte[]> tickets =
        [
            .. Enumerable.Range(1, good.Length - 1).Where(length => length < 64 || length % 17 == 0).Select(length => good[..length]),
            .. Enumerable.Range(0, good.Length).Where(at => at < 64 || at % 17 == 0).Select(at => (byte[])[.. good[..at], (byte)(good[at] ^ 0x10), .. good[(at + 1)..]]),
            [.. good, 0], new byte[1000], new byte[16384], new byte[60000],
        ];
        foreach (byte[] ticket in tickets)
        {
            using var script = new ScriptedClient(server) { SessionId = [5] };
            script.SendHello12(ticket);
            ServerHello hello = script.ReceiveHello();
            Assert.False(script.Engine.Info.Resumption.IsResumed);
            Assert.Equal(ResumptionMechanism.Ticket, script.Engine.Info.Resumption.Mechanism);
            Assert.Empty(hello.SessionIdEcho);
            script.Receive(HandshakeType.Certificate);
        }
        Exhibits.AssertUnharmed(client, server, resumed: true);
    }

    //
    [Fact]
    public void NoTicketComesUnasked()
    {
        (_, TlsServerContext server) = Exhibits.Contexts(SessionKind.Ticket);
        using var script = new ScriptedClient(server);
        script.SendHello12();
        Assert.Null(script.Full12());
        Assert.False(script.Hello!.Extensions.Has(ExtensionType.SessionTicket));
        Assert.True(script.Engine.IsHandshakeCompleted);
    }

    //
    [Fact]
    public void AClientThatWasPromisedATicketWaitsForIt()
    {
        (TlsClientContext client, _) = HandshakeTests.Contexts();
        using var missing = new ScriptedServer(client);
        missing.SendFlight12([], ScriptedPeer.Extension(ExtensionType.SessionTicket));
        missing.ReceiveFlight12();
        missing.AssertRefused(TlsFault.UnexpectedChangeCipherSpec, TlsAlert.UnexpectedMessage, missing.SendFinished12);

        using var extra = new ScriptedServer(client);
        extra.SendFlight12();
        extra.ReceiveFlight12();
        extra.AssertRefused(TlsFault.UnexpectedMessage, TlsAlert.UnexpectedMessage, () => extra.SendTicket12(0, [1]));
    }

    // C9, R-13: who has promised a ticket and has none sends an empty one of no lifetime.
    [Fact]
    public void C9_AServerThatCannotMakeTheTicketSaysSo()
    {
        var clock = new FakeTimeProvider(DateTimeOffset.UtcNow);
        using var keys = new TicketKeyRing(timeProvider: clock);
        (_, TlsServerContext server) = Exhibits.Contexts(SessionKind.Ticket, null, o => (o.TicketKeys, o.Group) = (keys, "test"));
        server.Settings.Sessions = new NoTickets();
        using var script = new ScriptedClient(server);
        script.SendHello12([]);
        Assert.Empty(script.Full12()!);
        Assert.True(script.Hello!.Extensions.Has(ExtensionType.SessionTicket));
        Assert.True(script.Engine.IsHandshakeCompleted);
    }

    // no ticket before the client's Finished is good.
    [Fact]
    public void ABadFinishedGetsNoTicket()
    {
        (_, TlsServerContext server) = Exhibits.Contexts(SessionKind.Ticket);
        using var script = new ScriptedClient(server);
        script.SendHello12([]);
        script.ReceiveFlight12();
        Assert.True(script.Hello!.Extensions.Has(ExtensionType.SessionTicket));
        script.SendKeyExchange12();
        Assert.True(script.IsQuiet());
        script.Falsify = (_, message) => [.. message[..^1], (byte)(message[^1] ^ 1)];
        script.AssertRefused(TlsFault.FinishedVerificationFailed, TlsAlert.DecryptError, script.SendFinished12);
        Assert.True(script.IsQuiet());
    }

    //
    [Fact]
    public void ATicketIsNotUsedBeforeTheServersFinishedIsGood()
    {
        (TlsClientContext client, _) = HandshakeTests.Contexts();
        using (var script = new ScriptedServer(client))
        {
            script.SendFlight12([], ScriptedPeer.Extension(ExtensionType.SessionTicket));
            script.ReceiveFlight12();
            script.SendTicket12(3600, [1, 2, 3]);
            script.Falsify = (_, message) => [.. message[..^1], (byte)(message[^1] ^ 1)];
            script.AssertRefused(TlsFault.FinishedVerificationFailed, TlsAlert.DecryptError, script.SendFinished12);
        }
        using var next = new ScriptedServer(client);
        Assert.Equal(0, next.Hello.Extensions.Find(ExtensionType.SessionTicket)?.Length);
    }

    // a new ticket does not end the old one.
    [Fact]
    public void TheOldTicketStaysGoodWhenItIsRenewed()
    {
        var clock = new FakeTimeProvider(DateTimeOffset.UtcNow);
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(
            SessionKind.Ticket, o => o.TimeProvider = clock, o => o.TimeProvider = clock);
        TlsSession session = Exhibits.Session(client, server);
        foreach (int minutes in (int[])[29, 2, 28])
        {
            clock.Advance(TimeSpan.FromMinutes(minutes));
            using var script = new ScriptedClient(server) { SessionId = [1] };
            script.SendHello12(session.Ticket.ToArray());
            byte[]? renewed = script.Resume12(session);
            Assert.True(script.Engine.IsHandshakeCompleted);
            Assert.Equal(minutes != 29, renewed is { Length: > 0 });
        }
        // at the end of its hour it is over, renewed or not.
        clock.Advance(TimeSpan.FromMinutes(1) + TimeSpan.FromSeconds(1));
        using var last = new ScriptedClient(server) { SessionId = [1] };
        last.SendHello12(session.Ticket.ToArray());
        last.ReceiveHello();
        Assert.Equal(ResumptionOutcome.Declined(ResumptionMechanism.Ticket, ResumptionReason.SessionExpired), last.Engine.Info.Resumption);
    }

    [Theory]
    [InlineData(1, true)]
    [InlineData(0, false)]
    public void ATicketIsRenewedOnlyWhereTicketsFollowResumptions(int count, bool renewed)
    {
        var clock = new FakeTimeProvider(DateTimeOffset.UtcNow);
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(
            SessionKind.Ticket,
            o => o.TimeProvider = clock,
            o =>
            {
                o.TimeProvider = clock;
                o.TicketCountOnResumption = count;
            });
        TlsSession session = Exhibits.Session(client, server);
        clock.Advance(TimeSpan.FromMinutes(31));
        using var script = new ScriptedClient(server) { SessionId = [1] };
        script.SendHello12(session.Ticket.ToArray());
        Assert.Equal(renewed, script.Resume12(session) is not null);
        Assert.True(script.Engine.Info.Resumption.IsResumed);
    }

    // whatever the ticket looks like, a client keeps a session for a day at most, and for less where the hint says so.
    [Theory]
    [InlineData(0u, 24 * 3600)]
    [InlineData(60u, 60)]
    [InlineData(uint.MaxValue, 24 * 3600)]
    public void AClientKeepsASessionForADayAtMost(uint hint, int seconds)
    {
        (TlsClientContext client, _) = HandshakeTests.Contexts();
        using var script = new ScriptedServer(client);
        script.Full12(ticket: [1, 2, 3], lifetime: hint);
        TlsSession session = Assert.IsType<TlsSession>(script.Engine.Session);
        Assert.Equal(TimeSpan.FromSeconds(seconds), session.ExpiresAt - session.IssuedAt);
    }

    //
    [Theory]
    [MemberData(nameof(Mechanisms))]
    public void ASessionThatWasAcceptedAndFailedIsNotOfferedAgain(ResumptionMechanism mechanism)
    {
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(mechanism);
        TlsSession session = Exhibits.Session(client, server);
        using (var script = new ScriptedServer(client) { Falsify = (type, message) => type == HandshakeType.Finished ? [.. message[..^1], (byte)(message[^1] ^ 1)] : message })
        {
            TlsAlertException thrown = Assert.ThrowsAny<TlsAlertException>(() => script.Resume12(session));
            Assert.Equal(TlsFault.FinishedVerificationFailed, thrown.Fault);
        }
        Assert.Equal(0, client.SessionCache.Count);
        using var next = new ScriptedServer(client);
        Assert.Equal(0, next.Hello.Extensions.Find(ExtensionType.SessionTicket)?.Length);
        Assert.NotEqual(session.SessionId.ToArray(), next.Hello.SessionId);
    }

    //
    [Theory]
    [MemberData(nameof(Mechanisms))]
    public void AnotherServerNameIsAFullHandshakeAndAResumedOneDoesNotNameIt(ResumptionMechanism mechanism)
    {
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(mechanism);
        TlsSession session = Exhibits.Session(client, server);
        foreach (string? name in (string?[])["localhost", "other.example", null])
        {
            using var script = new ScriptedClient(server) { ServerName = name };
            Exhibits.Offer12(script, session);
            ServerHello hello = script.ReceiveHello();
            bool resumed = name == "localhost";
            Assert.Equal(resumed, script.Engine.Info.Resumption.IsResumed);
            Assert.Equal(resumed ? ResumptionReason.None : ResumptionReason.ServerNameMismatch, script.Engine.Info.Resumption.Reason);
            Assert.Equal(!resumed && name is not null, hello.Extensions.Has(ExtensionType.ServerName));
        }
    }

    //
    [Theory]
    [MemberData(nameof(Mechanisms))]
    public void NoCertificateStatusComesWithAResumption(ResumptionMechanism mechanism)
    {
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(mechanism);
        TlsSession session = Exhibits.Session(client, server);
        using var script = new ScriptedClient(server) { SessionId = session.Ticket.IsEmpty ? session.SessionId.ToArray() : [1] };
        script.SendHello12(
            session.Ticket.IsEmpty ? null : session.Ticket.ToArray(), ScriptedPeer.Extension(ExtensionType.StatusRequest, 1, 0, 0, 0, 0));
        script.Resume12(session);
        Assert.False(script.Hello!.Extensions.Has(ExtensionType.StatusRequest));
        Assert.True(script.Engine.IsHandshakeCompleted);
    }

    //
    [Theory]
    [MemberData(nameof(AllMechanisms))]
    public void AlpnIsOfTheConnectionNotOfTheSession(ResumptionMechanism mechanism)
    {
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(
            mechanism,
            o => o.ApplicationProtocols = [SslApplicationProtocol.Http2],
            o => o.ApplicationProtocols = [SslApplicationProtocol.Http2, SslApplicationProtocol.Http11]);
        TlsSession session;
        using (EnginePair pair = EnginePair.Connect(client, server))
        {
            Assert.Equal(SslApplicationProtocol.Http2, pair.Client.Info.ApplicationProtocol);
            session = pair.Client.Session!;
        }
        foreach (SslApplicationProtocol[] offered in (SslApplicationProtocol[][])[[SslApplicationProtocol.Http11], []])
        {
            (TlsClientContext other, _) = Exhibits.Contexts(mechanism, o =>
            {
                o.ApplicationProtocols = offered;
                (o.Resume, o.AllowTicketReuse) = (session, true);
            });
            using EnginePair pair = EnginePair.Connect(other, server);
            Assert.True(pair.Server.Info.Resumption.IsResumed);
            Assert.Equal(offered.FirstOrDefault(), pair.Client.Info.ApplicationProtocol);
            Assert.Equal(offered.FirstOrDefault(), pair.Server.Info.ApplicationProtocol);
        }
    }

    public static TheoryData<ResumptionMechanism> AllMechanisms => Exhibits.Mechanisms;

    // who falls back although it could have had more is told so.
    [Theory]
    [InlineData(SslProtocols.None, 0x0303, true)]
    [InlineData(SslProtocols.None, 0x0302, true)]
    [InlineData(SslProtocols.Tls13, 0x0303, true)]
    [InlineData(SslProtocols.Tls12, 0x0302, true)]
    [InlineData(SslProtocols.Tls12, 0x0303, false)]
    public void AFallbackBelowWhatTheServerHasIsRefused(SslProtocols ofServer, int ofClient, bool refused)
    {
        (_, TlsServerContext server) = HandshakeTests.Contexts(null, o => o.EnabledSslProtocols = ofServer);
        using var script = new ScriptedClient(server);
        script.Suites = [.. script.Suites, ClientHello.FallbackScsv];
        byte[] hello = script.Build(script.Extensions12, ofClient);
        if (refused)
        {
            script.AssertRefused(TlsFault.InappropriateFallback, TlsAlert.InappropriateFallback, () => script.Send(hello));
            return;
        }
        script.Send(hello);
        script.Full12();
        Assert.True(script.Engine.IsHandshakeCompleted);
    }

    // with TLS 1.3 in the hello there is no fallback, whatever the suites say.
    [Fact]
    public void ATls13HelloIsNoFallback()
    {
        (_, TlsServerContext server) = HandshakeTests.Contexts();
        using var script = new ScriptedClient(server);
        script.Suites = [.. script.Suites, ClientHello.FallbackScsv];
        script.SendHello(script.Extensions13);
        script.ReceiveHello13();
        Assert.Equal(SslProtocols.Tls13, script.Engine.Info.ProtocolVersion);
    }

    //
    [Theory]
    [MemberData(nameof(Mechanisms))]
    public void AServerOfTls13MarksEveryHelloOfTls12AlsoWhereItResumes(ResumptionMechanism mechanism)
    {
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(mechanism, o => o.EnabledSslProtocols = SslProtocols.Tls12, o => o.EnabledSslProtocols = SslProtocols.None);
        TlsSession session = Exhibits.Session(client, server);
        using var full = new ScriptedClient(server);
        full.SendHello12();
        Assert.Equal(Sentinel[24..], full.ReceiveHello().Random[24..]);
        using var resumed = new ScriptedClient(server);
        Exhibits.Offer12(resumed, session);
        resumed.Resume12(session);
        Assert.Equal(Sentinel[24..], resumed.Hello!.Random[24..]);
        Assert.True(resumed.Engine.Info.Resumption.IsResumed);
    }

    [Fact]
    public void AServerOfTls12AloneMarksNothing()
    {
        (_, TlsServerContext server) = Exhibits.Contexts(SessionKind.SessionId);
        using var script = new ScriptedClient(server);
        script.SendHello12();
        Assert.NotEqual(Sentinel[24..], script.ReceiveHello().Random[24..]);
    }

    // the client that could have had TLS 1.3 looks, on a resumed handshake, too; one that could not does not.
    [Theory]
    [MemberData(nameof(Mechanisms))]
    public void AMarkedHelloIsSeenAlsoWhereItResumes(ResumptionMechanism mechanism)
    {
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(mechanism);
        TlsSession session = Exhibits.Session(client, server);
        foreach (byte mark in (byte[])[0, 1])
        {
            (TlsClientContext both, _) = Exhibits.Contexts(mechanism, o => o.Resume = session);
            using var script = new ScriptedServer(both) { Random = [.. Sentinel[..^1], mark], Suite12 = Segno.Cryptography.CipherSuiteInfo.Find(session.CipherSuite)! };
            script.AssertRefused(TlsFault.DowngradeDetected, TlsAlert.IllegalParameter, () => script.SendHello12(script.Hello.SessionId));
        }
        (TlsClientContext old, _) = Exhibits.Contexts(mechanism, o =>
        {
            o.Resume = session;
            o.EnabledSslProtocols = SslProtocols.Tls12;
        });
        using var other = new ScriptedServer(old) { Random = Sentinel };
        other.Resume12(session);
        Assert.True(other.Engine.IsHandshakeCompleted);
    }

    // a client of both versions and a server of TLS 1.2 meet there, from a hello of TLS 1.3.
    [Theory]
    [MemberData(nameof(Mechanisms))]
    public void AHelloOfBothVersionsIsAnsweredInTls12(ResumptionMechanism mechanism)
    {
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(mechanism);
        for (int i = 0; i < 2; i++)
        {
            using EnginePair pair = EnginePair.Connect(client, server);
            Assert.Equal(SslProtocols.Tls12, pair.Client.Info.ProtocolVersion);
            Assert.Equal(i == 1, pair.Server.Info.Resumption.IsResumed);
        }
    }

    // TLS 1.2 has no other key, so the connection ends, by its name, before AES-GCM's limit.
    [Theory]
    [MemberData(nameof(Mechanisms))]
    public void AWornOutKeyEndsTheConnection(ResumptionMechanism mechanism)
    {
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(mechanism);
        client.Settings.RecordLimit = 4;
        using EnginePair pair = EnginePair.Connect(client, server);
        // The Finished was the first.
        for (int i = 0; i < 3; i++)
        {
            pair.Send(pair.Client, [1]);
        }
        pair.Run();
        TlsAlertException thrown = Assert.ThrowsAny<TlsAlertException>(() => pair.Send(pair.Client, [1]));
        Assert.Equal((TlsFault.SequenceNumberExhausted, TlsAlert.InternalError), (thrown.Fault, thrown.Alert));
        TlsAlertException received = Assert.ThrowsAny<TlsAlertException>(pair.Run);
        Assert.Equal((TlsAlert.InternalError, true), (received.Alert, received.SentByPeer));
        Assert.Equal([1, 1, 1], pair.AtServer);
    }

    // on the wire of a connection, both ways, the explicit nonces count from 0.
    [Fact]
    public void ExplicitNoncesCount()
    {
        (TlsClientContext client, TlsServerContext server) = Exhibits.Contexts(SessionKind.SessionId, o => o.CipherSuites = [TlsCipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]);
        Dictionary<bool, List<long>> nonces = new() { [true] = [], [false] = [] };
        using var pair = new EnginePair(client, server)
        {
            Wire = (toServer, bytes) =>
            {
                bool changed = nonces[toServer].Count > 0;
                foreach (byte[] record in WireRecords.Split(bytes))
                {
                    if (changed)
                    {
                        nonces[toServer].Add(System.Buffers.Binary.BinaryPrimitives.ReadInt64BigEndian(record.AsSpan(5)));
                    }
                    else if (record[0] == WireRecords.ChangeCipherSpec)
                    {
                        changed = true;
                    }
                }
                return bytes;
            },
        };
        pair.Handshake();
        for (int i = 0; i < 20; i++)
        {
            pair.Send(pair.Client, new byte[20_000]);
            pair.Send(pair.Server, new byte[20_000]);
        }
        pair.Run();
        foreach (List<long> seen in nonces.Values)
        {
            Assert.Equal(41, seen.Count);
            Assert.Equal(Enumerable.Range(0, 41).Select(i => (long)i), seen);
        }
    }

    /// <summary>A provider of tickets that gives none.</summary>
    private sealed class NoTickets() : ServerSessions(null, null, Segno.Cryptography.CryptoProvider.Default);
}

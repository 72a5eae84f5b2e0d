using System.Security.Authentication;
using Segno.Sessions;
using Segno.Tests.Connections;
using Segno.Tests.Sessions;

namespace Segno.Tests.Museum;

/// <summary>The mechanisms of resumption, those of a ticket of TLS 1.3 told apart.</summary>
public enum SessionKind
{
    SessionId,
    Ticket,
    StatelessPsk,
    StatefulPsk,
}

/// <summary>What the exhibits share: each runs over every mechanism of resumption where it applies.</summary>
internal static class Exhibits
{
    public static TheoryData<SessionKind> All => [.. Enum.GetValues<SessionKind>()];

    /// <summary>The mechanisms of TLS 1.2.</summary>
    public static TheoryData<SessionKind> Tls12 => [SessionKind.SessionId, SessionKind.Ticket];

    /// <summary>Where the client carries the session itself.</summary>
    public static TheoryData<SessionKind> Stateless => [SessionKind.Ticket, SessionKind.StatelessPsk];

    /// <summary>Where a ticket of TLS 1.3 is one like another.</summary>
    public static TheoryData<ResumptionMechanism> Mechanisms => [ResumptionMechanism.SessionId, ResumptionMechanism.Ticket, ResumptionMechanism.Psk];

    public static ResumptionMechanism ToMechanism(this SessionKind kind) => kind switch
    {
        SessionKind.SessionId => ResumptionMechanism.SessionId,
        SessionKind.Ticket => ResumptionMechanism.Ticket,
        _ => ResumptionMechanism.Psk,
    };

    public static bool IsTls13(this SessionKind kind) => kind.ToMechanism() == ResumptionMechanism.Psk;

    /// <summary>Whether the server keeps the session.</summary>
    public static bool IsStored(this SessionKind kind) => kind is SessionKind.SessionId or SessionKind.StatefulPsk;

    /// <summary>Tickets, at once: no store is waited for.</summary>
    public static int IssueTickets(TlsConnection server, int count)
    {
        Task<int> issued = server.IssueTicketsAsync(count, TestContext.Current.CancellationToken).AsTask();
        Assert.True(issued.IsCompletedSuccessfully);
        return issued.Result;
    }

    /// <summary>Contexts whose sessions are of the mechanism. The client speaks both versions.</summary>
    public static (TlsClientContext Client, TlsServerContext Server) Contexts(
        SessionKind kind, Action<TlsClientOptions>? configureClient = null, Action<TlsServerOptions>? configureServer = null)
        => HandshakeTests.Contexts(configureClient, options =>
        {
            options.EnabledSslProtocols = kind.IsTls13() ? SslProtocols.Tls13 : SslProtocols.Tls12;
            options.TicketCount = kind == SessionKind.SessionId ? 0 : 2;
            options.TicketMode = kind == SessionKind.StatefulPsk ? TlsTicketMode.Stateful : TlsTicketMode.Stateless;
            configureServer?.Invoke(options);
        });

    public static (TlsClientContext Client, TlsServerContext Server) Contexts(
        ResumptionMechanism mechanism, Action<TlsClientOptions>? configureClient = null, Action<TlsServerOptions>? configureServer = null)
        => Contexts(
            mechanism switch
            {
                ResumptionMechanism.SessionId => SessionKind.SessionId,
                ResumptionMechanism.Ticket => SessionKind.Ticket,
                _ => SessionKind.StatelessPsk,
            },
            configureClient,
            configureServer);

    /// <summary>Makes a session by a full handshake: the client's side of it. It stays in the client's cache, too.</summary>
    public static TlsSession Session(TlsClientContext client, TlsServerContext server, string host = "localhost")
    {
        using EnginePair pair = EnginePair.Connect(client, server, host);
        Assert.False(pair.Client.Info.Resumption.IsResumed);
        return Assert.IsType<TlsSession>(pair.Client.Session);
    }

    /// <summary>A good connection through the same contexts (D10): nothing of what failed before may have stayed.</summary>
    public static void AssertUnharmed(TlsClientContext client, TlsServerContext server, bool? resumed = null)
    {
        using EnginePair pair = EnginePair.Connect(client, server);
        if (resumed is { } expected)
        {
            Assert.Equal(expected, pair.Client.Info.Resumption.IsResumed);
            Assert.Equal(expected, pair.Server.Info.Resumption.IsResumed);
        }
        pair.Send(pair.Client, "ping"u8);
        pair.Send(pair.Server, "pong"u8);
        pair.Run();
        Assert.Equal("ping"u8.ToArray(), pair.AtServer);
        Assert.Equal("pong"u8.ToArray(), pair.AtClient);
    }

    /// <summary>What the hello of TLS 1.2 offers a session with: its ticket, or its ID.</summary>
    public static void Offer12(ScriptedClient script, TlsSession session)
    {
        script.SessionId = session.Ticket.IsEmpty ? session.SessionId.ToArray() : [1, 2, 3];
        script.SendHello12(session.Ticket.IsEmpty ? null : session.Ticket.ToArray());
    }

    /// <summary>One server has the keys and the store of the other, as in one process or fleet: what is left to keep them apart is the scope.</summary>
    public static void ShareSessions(TlsServerContext from, TlsServerContext to) => to.Settings.Sessions = from.Settings.Sessions;

    /// <summary>Offers a session whatever a client's own rules say of it.</summary>
    /// <returns>What the server thinks of the offer.</returns>
    public static ResumptionOutcome Redeem(TlsServerContext server, TlsSession session, string? serverName = "localhost")
    {
        using var script = new ScriptedClient(server) { ServerName = serverName };
        Offer(script, session);
        return script.Engine.Info.Resumption;
    }

    /// <summary>Sends a hello with the session.</summary>
    public static void Offer(ScriptedClient script, TlsSession session)
    {
        if (session.ProtocolVersion == SslProtocols.Tls13)
        {
            script.SendHello13([session]);
        }
        else
        {
            Offer12(script, session);
        }
    }

    public static TheoryData<SessionKind, T> Cross<T>(params T[] values)
    {
        var data = new TheoryData<SessionKind, T>();
        foreach (T value in values)
        {
            foreach (SessionKind kind in Enum.GetValues<SessionKind>())
            {
                data.Add(kind, value);
            }
        }
        return data;
    }

    /// <summary>The same session under another scope, name or ticket: what no rule of the library would make of it.</summary>
    public static TlsSession Copy(TlsSession session, SessionScope scope, string? serverName, byte[] ticket) => new(
        new TlsSessionState
        {
            IsServer = session.IsServer,
            ProtocolVersion = session.ProtocolVersion,
            CipherSuite = session.CipherSuite,
            Hash = session.Hash,
            Scope = scope,
            Lineage = session.Lineage,
            IssuedAt = session.IssuedAt,
            Lifetime = session.ExpiresAt - session.IssuedAt,
            ServerName = serverName,
            TargetHost = session.TargetHost,
            TargetPort = session.TargetPort,
            ApplicationProtocol = session.ApplicationProtocol,
            Group = session.Group,
            AgeAdd = session.AgeAdd,
            Ticket = ticket,
            SessionId = session.SessionId,
            ExtendedMasterSecret = session.ExtendedMasterSecret,
            OwnCertificateShown = session.OwnCertificateShown,
        },
        SessionDraft.SecretOf(session));
}

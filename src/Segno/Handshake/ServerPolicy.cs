using System.Security.Authentication;
using Segno.Handshake.Extensions;
using Segno.Sessions;

namespace Segno.Handshake;

/// <summary>
/// What the application's policy says about one handshake of a server, and what is left of the options by it. All of it is what the
/// options say where there is no policy. What a policy is told is frozen when it is asked first.
/// </summary>
internal sealed class ServerPolicy(ServerHandshake server)
{
    private ResumptionContext? _visit;
    private ResumptionVerdict _verdict;

    /// <summary>What kind of tickets the client gets.</summary>
    public TlsTicketMode TicketMode(TlsTicketMode configured) => _verdict.RequireStateful ? TlsTicketMode.Stateful : configured;

    /// <summary>Locate, unless the policy keeps the client from a store that the handshake would have to wait for.</summary>
    public ValueTask<LocatedSession> LocateAsync(ResumptionMechanism mechanism, ReadOnlyMemory<byte> identity)
    {
        ServerSessions sessions = server.Settings.Sessions;
        if (server.Settings.PolicyGate is { } gate && sessions.MayWait(mechanism, identity))
        {
            SslProtocols version = mechanism == ResumptionMechanism.Psk ? SslProtocols.Tls13 : SslProtocols.Tls12;
            ResumptionVerdict verdict = Ask(gate, Visit(gate) with { Stage = ResumptionStage.Lookup, ProtocolVersion = version, Mechanism = mechanism });
            if (verdict.IsDeclined)
            {
                return new ValueTask<LocatedSession>(new LocatedSession(null, mechanism, verdict.Reason) { Rule = verdict.Rule });
            }
        }
        return sessions.LocateAsync(mechanism, identity, server.Link.Aborted);
    }

    /// <summary>Judge: the rules first, then the policy, which can only say no.</summary>
    public ResumptionOutcome Judge(TlsSession session, in ResumptionOffer offer)
    {
        ResumptionOutcome outcome = server.Settings.Sessions.Judge(session, offer);
        if (!outcome.IsResumed || server.Settings.PolicyGate is not { } gate)
        {
            return outcome;
        }
        _verdict = Ask(gate, gate.WithSession(Visit(gate), session, offer));
        return _verdict.IsDeclined ? ResumptionOutcome.Declined(offer.Mechanism, _verdict.Reason, _verdict.Rule) : outcome;
    }

    /// <summary>There is a full handshake, for the reason that the outcome has.</summary>
    public void BeginFull(SslProtocols version)
    {
        if (server.Settings.PolicyGate is { } gate)
        {
            ResumptionOutcome outcome = server.Link.Info.Resumption;
            _verdict = Ask(gate, Visit(gate) with { Stage = ResumptionStage.FullHandshake, ProtocolVersion = version, Mechanism = outcome.Mechanism, Reason = outcome.Reason });
        }
    }

    /// <summary>How many tickets follow.</summary>
    /// <param name="configured">How many the options say.</param>
    /// <param name="wanted">How many the client asks for; <see langword="null"/>: it does not say.</param>
    public int Tickets(int configured, int? wanted = null)
    {
        int granted = TicketRequest.Grant(configured, wanted);
        // What a client may have for the asking, a policy may give to one that did not ask.
        int cap = configured == 0 || wanted is not null ? granted : Math.Max(configured, TicketRequest.MaxGranted);
        return _verdict.Tickets(granted, cap);
    }

    /// <summary>Whether the session that is resumed brings no early data.</summary>
    public bool RefusesEarlyData => _verdict.RefuseEarlyData;

    /// <summary>How long what follows may be resumed.</summary>
    public TimeSpan Lifetime(TimeSpan configured) => _verdict.Lifetime(configured);

    private ResumptionContext Visit(PolicyGate gate) => _visit ??= gate.Visit(server.Link.RemoteAddress, server.ServerName);

    private ResumptionVerdict Ask(PolicyGate gate, in ResumptionContext context)
    {
        ResumptionVerdict verdict = gate.Decide(context, out PolicyEffect effect);
        server.Link.PolicyAsked(context.Stage, effect);
        return verdict;
    }
}

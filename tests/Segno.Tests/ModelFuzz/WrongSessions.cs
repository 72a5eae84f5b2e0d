using System.Security.Authentication;
using Segno.Sessions;
using Segno.Tests.Sessions;

namespace Segno.Tests.ModelFuzz;

/// <summary>A server's sessions with one rule wrong.</summary>
internal sealed class WrongSessions(FuzzWorld world, TlsServerContext context, PlantedRule rule)
    : ServerSessions(context.Settings.TicketKeys, context.Settings.StoredSessions, context.Settings.Crypto, null, context.Settings.Tenant)
{
    public override async ValueTask<LocatedSession> LocateAsync(ResumptionMechanism mechanism, ReadOnlyMemory<byte> identity, CancellationToken cancellationToken = default)
    {
        LocatedSession located = await base.LocateAsync(mechanism, identity, cancellationToken);
        if (rule == PlantedRule.TicketNotConsumed)
        {
            return located with { SingleUseId = default };
        }
        return located.Session is { } session ? located with { Session = Falsified(session) } : located;
    }

    private TlsSession Falsified(TlsSession session) => new(
        new TlsSessionState
        {
            IsServer = true,
            ProtocolVersion = session.ProtocolVersion,
            CipherSuite = session.CipherSuite,
            Hash = session.Hash,
            Scope = rule == PlantedRule.ScopeForgotten ? context.Settings.Scope : session.Scope,
            Lineage = session.Lineage,
            IssuedAt = rule == PlantedRule.ExpiryForgotten ? world.Clock.Wall : session.IssuedAt,
            Lifetime = session.ExpiresAt - session.IssuedAt,
            ServerName = rule == PlantedRule.NameForgotten ? FuzzWorld.OtherHost : session.ServerName,
            ApplicationProtocol = session.ApplicationProtocol,
            Group = session.Group,
            AgeAdd = session.AgeAdd,
            MaxEarlyDataSize = session.MaxEarlyDataSize,
            SessionId = session.SessionId,
            ExtendedMasterSecret = session.ProtocolVersion == SslProtocols.Tls12,
            Zone = session.Zone,
        },
        SessionDraft.SecretOf(session));
}

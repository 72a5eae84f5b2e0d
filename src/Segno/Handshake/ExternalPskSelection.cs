using Segno.Cryptography;
using Segno.Handshake.Messages;
using Segno.Sessions;

namespace Segno.Handshake;

/// <summary>Server: which of the external PSKs in a hello is taken, by what the application knows.</summary>
/// <param name="server">The handshake, its suite chosen.</param>
/// <param name="hello">The hello.</param>
/// <param name="tickets">Which identities opened as tickets of ours, and so are nothing else.</param>
/// <param name="suiteWith">The suite of a hash that can still be chosen, if there is one.</param>
internal sealed class ExternalPskSelection(ServerHandshake server, ClientHello hello, IReadOnlySet<int> tickets, Func<HashKind, CipherSuiteInfo?> suiteWith)
{
    /// <summary>The application is asked for no more identities of one hello than this: each may be a look into a database.</summary>
    public const int MaxAsked = 2;

    /// <summary>Goes on with the first PSK of the hello that is known and fits a suite, and where it stands in the hello; or with none.</summary>
    public HandshakeState Select(Func<ExternalPskKey?, int, HandshakeState> next)
        => server.Settings.ExternalPskSelector is null ? next(null, -1) : Ask([.. Candidates().Take(MaxAsked)], 0, next);

    /// <summary>Goes on with whether the PSK that a session began with is still known, and still the same.</summary>
    public HandshakeState Confirm(ExternalPskOrigin origin, Func<bool, HandshakeState> next)
        => server.Settings.ExternalPskSelector is null
            ? next(false)
            : Pause.For(() => Ask(origin.Identity), psk => next(psk?.Find(origin.Identity) is { } key && key.IsOriginOf(origin)));

    /// <summary>
    /// The identities worth asking for, in the client's order; behind the others those that say themselves that they are for a hash
    /// other than the chosen suite's.
    /// </summary>
    private IEnumerable<(TlsPskIdentity Identity, int Index)> Candidates()
        => hello.Identities
            .Select((offered, index) => (Identity: new TlsPskIdentity(offered.Identity), Index: index))
            .Where(offered => !tickets.Contains(offered.Index))
            .Where(offered => !offered.Identity.IsImported || (offered.Identity.Target is { } target && suiteWith(target) is not null))
            .OrderBy(offered => offered.Identity.Target is { } target && target != server.Suite!.Hash);

    private HandshakeState Ask(List<(TlsPskIdentity Identity, int Index)> candidates, int tried, Func<ExternalPskKey?, int, HandshakeState> next)
    {
        if (tried == candidates.Count)
        {
            return next(null, -1);
        }
        (TlsPskIdentity identity, int index) = candidates[tried];
        return Pause.For(
            () => Ask(identity),
            // Whatever the application compared by: the same bytes, or another PSK (R-90, D12).
            psk => psk?.Find(identity) is { } key && suiteWith(key.Hash) is not null ? next(key, index) : Ask(candidates, tried + 1, next));
    }

    private ValueTask<TlsExternalPsk?> Ask(TlsPskIdentity identity) => server.Settings.ExternalPskSelector!(identity, server.Link.Aborted);
}

namespace Segno.Sessions;

/// <summary>The numbers of <see cref="AdaptiveResumptionPolicy"/>; docs/policy.md argues each. Set them, then make a policy of it, which keeps a copy.</summary>
/// <remarks>Not thread-safe while being changed. A rule is off where its limit is out of reach.</remarks>
public sealed class AdaptiveResumptionOptions
{
    /// <summary>From which load on the server is busy, 0 to 1. Default 0.8. Then what saves it handshakes goes first: see each rule.</summary>
    public double HighLoad { get; set; } = 0.8;

    /// <summary>Rule "old-session": an older session is declined while the server is not busy, so that its client is authenticated anew when that is cheap. Positive; default 24 h.</summary>
    public TimeSpan MaxSessionAge { get; set; } = TimeSpan.FromHours(24);

    /// <summary>Rules "flood" and "flood-lookup": handshakes per minute from one network, positive, beyond which a full handshake gives nothing to resume, and a
    /// busy server asks no store that is not in memory. Default 1200; <see cref="double.PositiveInfinity"/> switches both off.</summary>
    public double FloodRate { get; set; } = 1200;

    /// <summary>
    /// The share of all handshakes, 0 to 1, beyond which a network is no flood but all there is, as where a proxy does not tell who its
    /// clients are. Default 0.95.
    /// </summary>
    public double SoleNetworkShare { get; set; } = 0.95;

    /// <summary>Rule "new-visitor": for how long a client that offers no session may resume what it gets, while the server is not busy. Whole seconds, positive; default 24 h. Who comes back in time gets the full lifetime.</summary>
    public TimeSpan NewVisitorLifetime { get; set; } = TimeSpan.FromHours(24);

    /// <summary>Rule "new-visitor": how many tickets it gets, 1 to 8, and no more than without the rule. Default 1.</summary>
    public int NewVisitorTickets { get; set; } = 1;

    /// <summary>Rule "returning": how many tickets follow a handshake that resumes a session from a full one, 1 to 8, and not fewer than without the rule: who has come back once gets what a new visitor does not. Default 2.</summary>
    public int ReturningTickets { get; set; } = 2;

    /// <summary>Rule "pool": completed handshakes per minute with one client certificate, positive, from which on it is a pool of connections that gets <see cref="PoolTickets"/>. Default 30.</summary>
    public double PoolRate { get; set; } = 30;

    /// <summary>Rule "pool": how many tickets follow its resumed handshakes, 1 to 8, and not fewer than without the rule. Default 4.</summary>
    public int PoolTickets { get; set; } = 4;
}

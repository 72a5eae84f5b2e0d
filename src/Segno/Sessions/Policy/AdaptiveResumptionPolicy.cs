namespace Segno.Sessions;

/// <summary>
/// A policy by how often clients come, how old their sessions are, and how busy the server is. Its rules, in order, the first that applies
/// decides:
/// <list type="table">
/// <listheader><term>rule</term><description>what it does</description></listheader>
/// <item><term>flood-lookup</term><description>before a lookup in a store that is not in memory: the network floods and the server is busy: <see cref="ResumptionReason.LoadShed"/>, the store is not asked</description></item>
/// <item><term>old-session</term><description>the session is older than it may be, and the server is not busy: declined</description></item>
/// <item><term>pool</term><description>resumed, the client's certificate comes very often: more tickets</description></item>
/// <item><term>returning</term><description>resumed, for the first time since a full handshake: more tickets</description></item>
/// <item><term>flood</term><description>full handshake, the network floods: nothing to resume</description></item>
/// <item><term>new-visitor</term><description>full handshake without an offer, and the server is not busy: fewer tickets, shorter life</description></item>
/// </list>
/// Immutable and thread-safe; docs/policy.md has the reasons and the figures.
/// </summary>
public sealed class AdaptiveResumptionPolicy : IResumptionPolicy
{
    internal const string FloodLookup = "flood-lookup";
    internal const string OldSession = "old-session";
    internal const string Pool = "pool";
    internal const string Returning = "returning";
    internal const string Flood = "flood";
    internal const string NewVisitor = "new-visitor";

    private readonly double _highLoad;
    private readonly TimeSpan _maxSessionAge;
    private readonly double _floodRate;
    private readonly double _soleShare;
    private readonly double _poolRate;
    private readonly int _poolTickets;
    private readonly int _returningTickets;
    private readonly ResumptionVerdict _newVisitor;

    /// <summary>A policy with these numbers.</summary>
    /// <param name="options">The numbers; <see langword="null"/>: the defaults.</param>
    /// <exception cref="ArgumentException">A number is out of its range; the message names it.</exception>
    public AdaptiveResumptionPolicy(AdaptiveResumptionOptions? options = null)
    {
        options ??= new AdaptiveResumptionOptions();
        _highLoad = Share(options.HighLoad, nameof(options.HighLoad));
        _maxSessionAge = Positive(options.MaxSessionAge, nameof(options.MaxSessionAge));
        _floodRate = Positive(options.FloodRate, nameof(options.FloodRate));
        _soleShare = Share(options.SoleNetworkShare, nameof(options.SoleNetworkShare));
        _poolRate = Positive(options.PoolRate, nameof(options.PoolRate));
        _poolTickets = Tickets(options.PoolTickets, nameof(options.PoolTickets));
        _returningTickets = Tickets(options.ReturningTickets, nameof(options.ReturningTickets));
        _newVisitor = new ResumptionVerdict
        {
            Rule = NewVisitor,
            MaxTickets = Tickets(options.NewVisitorTickets, nameof(options.NewVisitorTickets)),
            MaxLifetime = options.NewVisitorLifetime >= TimeSpan.FromSeconds(1)
                ? options.NewVisitorLifetime
                : throw new ArgumentException($"NewVisitorLifetime: {options.NewVisitorLifetime} is not at least 1 s.", nameof(options)),
        };
    }

    /// <inheritdoc/>
    public ResumptionVerdict Decide(in ResumptionContext context) => context.Stage switch
    {
        ResumptionStage.Lookup => IsBusy(context) && IsFlood(context) ? ResumptionVerdict.ShedLoad(FloodLookup) : default,
        ResumptionStage.Resumption => Resumption(context),
        _ => Full(context),
    };

    private ResumptionVerdict Resumption(in ResumptionContext context)
    {
        if (context.SessionAge > _maxSessionAge && !IsBusy(context))
        {
            return ResumptionVerdict.Decline(OldSession);
        }
        if (context.CertificateRate >= _poolRate)
        {
            return new ResumptionVerdict { Rule = Pool, MinTickets = _poolTickets };
        }
        return context.ResumptionCount == 0 ? new ResumptionVerdict { Rule = Returning, MinTickets = _returningTickets } : default;
    }

    private ResumptionVerdict Full(in ResumptionContext context)
    {
        if (IsFlood(context))
        {
            return new ResumptionVerdict { Rule = Flood, MaxLifetime = TimeSpan.Zero };
        }
        return context.Mechanism == ResumptionMechanism.None && !IsBusy(context) ? _newVisitor : default;
    }

    private bool IsBusy(in ResumptionContext context) => context.Load >= _highLoad;

    private bool IsFlood(in ResumptionContext context)
        => context.NetworkRate > _floodRate && context.NetworkRate <= _soleShare * context.TotalRate;

    private static double Share(double value, string name)
        => value is >= 0 and <= 1 ? value : throw new ArgumentException($"{name}: {value} is not between 0 and 1.", name);

    private static double Positive(double value, string name)
        => value > 0 ? value : throw new ArgumentException($"{name}: {value} is not positive.", name);

    private static TimeSpan Positive(TimeSpan value, string name)
        => value > TimeSpan.Zero ? value : throw new ArgumentException($"{name}: {value} is not positive.", name);

    private static int Tickets(int value, string name)
        => value is >= 1 and <= 8 ? value : throw new ArgumentException($"{name}: {value} is not between 1 and 8.", name);
}

using Segno.Cryptography;

namespace Segno.Sessions.Tickets;

/// <summary>Where a ring's keys come from. Called under the ring's lock, but for <see cref="Now"/>.</summary>
internal interface ITicketKeySource : IDisposable
{
    /// <summary>The time on the clock of its plans.</summary>
    TimeSpan Now { get; }

    /// <summary>For how long a key is active; <see cref="Timeout.InfiniteTimeSpan"/> where others decide.</summary>
    TimeSpan RotationInterval { get; }

    /// <summary>Whether <see cref="TicketKeyRing.Rotate"/> makes sense: nobody else has these keys.</summary>
    bool CanRotate { get; }

    /// <summary>Whether to ask again at every use for as long as no key is active.</summary>
    bool RetriesWithoutKey { get; }

    /// <summary>Why the last attempt to read the source brought no keys; <see langword="null"/> where it did.</summary>
    Exception? LastFailure { get; }

    /// <summary>The keys as they shall be from now on. A held key that is not among them is destroyed.</summary>
    IReadOnlyList<TicketKeyPlan> Plan(TimeSpan now, TicketKeySet held);

    /// <summary>Whom to call, without the lock, when there is another plan before its time. Called once.</summary>
    void Watch(Action changed);
}

/// <summary>A key and its times, on the clock of its source. Phases only move forward, whatever a later plan says.</summary>
/// <param name="Key">The key.</param>
/// <param name="ActiveFrom">From when on it seals.</param>
/// <param name="ActiveUntil">From when on it no longer does.</param>
/// <param name="OpensUntil">The last moment at which it opens tickets.</param>
internal readonly record struct TicketKeyPlan(TicketKey Key, TimeSpan ActiveFrom, TimeSpan ActiveUntil, TimeSpan OpensUntil)
{
    public TicketKeyPhase PhaseAt(TimeSpan now)
        => Key.IsRevoked || now > OpensUntil ? TicketKeyPhase.Destroyed
        : now >= ActiveUntil ? TicketKeyPhase.Retiring
        : now >= ActiveFrom ? TicketKeyPhase.Active
        : TicketKeyPhase.PrePublished;
}

/// <summary>A key that is not destroyed, and the phase that it is in.</summary>
internal readonly record struct HeldTicketKey(TicketKeyPlan Plan, TicketKeyPhase Phase)
{
    private static readonly TimeSpan Tick = TimeSpan.FromTicks(1);

    public TicketKey Key => Plan.Key;

    /// <summary>When it is due for the next phase.</summary>
    public TimeSpan ChangesAt => Phase switch
    {
        TicketKeyPhase.PrePublished => Plan.ActiveFrom,
        TicketKeyPhase.Active => Plan.ActiveUntil,
        _ => Plan.OpensUntil == TimeSpan.MaxValue ? TimeSpan.MaxValue : Plan.OpensUntil + Tick,
    };
}

/// <summary>A ring's keys until one of them is due for another phase, newest first. Immutable, and read without a lock.</summary>
internal sealed record TicketKeySet(TicketKey? Active, HeldTicketKey[] Live, TicketKey[] Destroyed, TimeSpan ChangesAt)
{
    public static TicketKeySet Empty { get; } = new(null, [], [], TimeSpan.MinValue);

    public TicketKey? FindDestroyed(UInt128 name) => Array.Find(Destroyed, key => key.Name == name);

    /// <summary>The key that a tenant knew by a name, if it had it before it was destroyed.</summary>
    public TicketKey? FindDestroyed(UInt128 name, string? tenant, CryptoProvider crypto)
        => Array.Find(Destroyed, key => key.ForTenant(crypto, tenant)?.Name == name);

    public TicketKey? Find(UInt128 name) => Array.Find(Live, held => held.Key.Name == name).Plan.Key ?? FindDestroyed(name);
}

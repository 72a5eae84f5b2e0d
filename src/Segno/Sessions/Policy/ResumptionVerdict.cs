namespace Segno.Sessions;

/// <summary>
/// What a <see cref="IResumptionPolicy"/> decides. Each part narrows what the options and the rules of resumption allow, or leaves it as
/// it is; there is no part that widens. <see langword="default"/> leaves all as it is.
/// </summary>
public readonly record struct ResumptionVerdict
{
    /// <summary>The rule that <see cref="IResumptionPolicy"/>'s exceptions go by.</summary>
    internal const string FailedRule = "failed";

    private const int MaxRuleLength = 64;
    private const int TicketLimit = 8;

    /// <summary>Why the session is declined: <see cref="ResumptionReason.DeclinedByPolicy"/> or <see cref="ResumptionReason.LoadShed"/>; <see cref="ResumptionReason.None"/> where it is not.</summary>
    public ResumptionReason Reason { get; private init; }

    /// <summary>Whether the session is declined: a full handshake takes its place.</summary>
    public bool IsDeclined => Reason != ResumptionReason.None;

    /// <summary>The name of the rule that decided, 1 to 64 printable ASCII characters; the detail of <see cref="ResumptionOutcome"/> where the session is declined. Default <see langword="null"/>.</summary>
    /// <exception cref="ArgumentException">It is no such name.</exception>
    public string? Rule
    {
        get;
        init => field = value is null || IsName(value)
            ? value
            : throw new ArgumentException($"A rule's name has 1 to {MaxRuleLength} printable ASCII characters.", nameof(value));
    }

    /// <summary>
    /// The client gets no fewer tickets than this, if it may have so many. Default <see langword="null"/>: as many as without a policy.
    /// It may have as many as any client for the asking (RFC 9149): four, or <see cref="TlsServerOptions.TicketCount"/> (resumed:
    /// <see cref="TlsServerOptions.TicketCountOnResumption"/>) where that is more; not more than it did ask for; and none where the
    /// options give none. TLS 1.2 has one or none. Kept within 0 to 8.
    /// </summary>
    public int? MinTickets
    {
        get;
        init => field = Within(value);
    }

    /// <summary>
    /// The client gets no more tickets than this, whatever <see cref="MinTickets"/> is. Default <see langword="null"/>: as many as without a
    /// policy. With 0, TLS 1.2 has a session ID in place of a ticket. Kept within 0 to 8.
    /// </summary>
    public int? MaxTickets
    {
        get;
        init => field = Within(value);
    }

    /// <summary>
    /// How long what the client gets may be resumed, where that is shorter than the options say. Default <see langword="null"/>: as the
    /// options say. Whole seconds; less than one, as zero, gives the client nothing to resume.
    /// </summary>
    public TimeSpan? MaxLifetime
    {
        get;
        init => field = value is { } time ? TimeSpan.FromSeconds(Math.Max(0, Math.Floor(time.TotalSeconds))) : null;
    }

    /// <summary>
    /// Whether what the client gets is kept on the server, where it can be used once and be taken back, or nowhere: TLS 1.2 then has a
    /// session ID in place of a ticket, TLS 1.3 stateful tickets. Default <see langword="false"/>: as the options say.
    /// </summary>
    public bool RequireStateful { get; init; }

    /// <summary>Whether the client may send no early data with what it gets, and none with what it offers. Default <see langword="false"/>: as the options say.</summary>
    public bool RefuseEarlyData { get; init; }

    /// <summary>Declines the session: <see cref="ResumptionReason.DeclinedByPolicy"/>.</summary>
    /// <param name="rule">The name of the rule, 1 to 64 printable ASCII characters.</param>
    /// <exception cref="ArgumentException">It is no such name.</exception>
    public static ResumptionVerdict Decline(string rule) => new() { Reason = ResumptionReason.DeclinedByPolicy, Rule = rule ?? throw new ArgumentNullException(nameof(rule)) };

    /// <summary>Declines the session because of the load: <see cref="ResumptionReason.LoadShed"/>.</summary>
    /// <param name="rule">The name of the rule, 1 to 64 printable ASCII characters.</param>
    /// <exception cref="ArgumentException">It is no such name.</exception>
    public static ResumptionVerdict ShedLoad(string rule) => new() { Reason = ResumptionReason.LoadShed, Rule = rule ?? throw new ArgumentNullException(nameof(rule)) };

    /// <summary>How many tickets there are.</summary>
    /// <param name="granted">How many without a policy.</param>
    /// <param name="cap">How many at most: no less than <paramref name="granted"/>.</param>
    internal int Tickets(int granted, int cap)
        => MaxLifetime == TimeSpan.Zero ? 0 : Math.Min(cap, Math.Min(MaxTickets ?? TicketLimit, Math.Max(granted, MinTickets ?? 0)));

    internal TimeSpan Lifetime(TimeSpan allowed) => MaxLifetime is { } limit && limit < allowed ? limit : allowed;

    private static int? Within(int? count) => count is { } value ? Math.Clamp(value, 0, TicketLimit) : null;

    private static bool IsName(string value) => value.Length is > 0 and <= MaxRuleLength && !value.AsSpan().ContainsAnyExceptInRange(' ', '~');
}

using System.Security.Authentication;
using System.Text.Json;
using Segno.Interop.Tests.Ends;
using Segno.Sessions;

namespace Segno.Interop.Tests.Fleet;

/// <summary>A client that goes from server to server, each time with the session of the time before and with nothing else.</summary>
internal sealed class Visitor(SslProtocols version, TimeProvider? time = null, TlsCertificate? certificate = null)
{
    private TlsSession? _session;
    private bool _keeps;

    /// <summary>What the server says of the connection.</summary>
    public async Task<Verdict> VisitAsync(FleetNode node)
    {
        TlsClientOptions options = Make.Client(version);
        options.Resume = _session;
        // It may have been offered before: by a copy that keeps it, or to a server that declined it.
        options.AllowTicketReuse = true;
        options.TimeProvider = time ?? TimeProvider.System;
        options.ClientCertificate = certificate;
        TlsClientContext context = new(options);
        (TlsConnectionInfo info, TlsSession? session, JsonElement answer) = await node.AskAsync(context, "/api/connection");
        _session = _keeps ? _session : session ?? _session;
        var verdict = new Verdict(
            answer.GetProperty("outcome").GetString()!,
            answer.GetProperty("reason").GetString(),
            answer.TryGetProperty("reasonDetail", out JsonElement detail) ? detail.GetString() : null);
        Assert.Equal(info.Resumption.IsResumed, verdict == Verdict.Resumed);
        return verdict;
    }

    /// <summary>A copy that offers the session of now at each visit; its clock is to stand still where it shall offer what is long over.</summary>
    public Visitor Keeping(TimeProvider clock) => new(version, clock, certificate) { _session = _session, _keeps = true };
}

/// <summary>What became of an offer, in the server's words.</summary>
internal sealed record Verdict(string Outcome, string? Reason = null, string? Detail = null)
{
    public static Verdict Resumed { get; } = new("Resumed");

    public static Verdict NotOffered { get; } = new("NotOffered");

    public static Verdict Declined(ResumptionReason reason, string? detail = null) => new("Declined", reason.ToString(), detail);
}

using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using Segno.Cli.Json;
using Segno.Cli.Parsing;
using Segno.Cli.Serving;
using Segno.Sessions;

namespace Segno.Cli.Pages;

/// <summary>The page that tells a visitor how the connection it came on came to be.</summary>
internal static class HomePage
{
    /// <summary>Nothing from elsewhere, and only the one script of this page.</summary>
    public static string ContentSecurityPolicy { get; } =
        $"default-src 'none'; style-src 'sha256-{Digest(PageAssets.Style)}'; script-src 'sha256-{Digest(PageAssets.Script)}'; "
        + "img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    public static string Render(TlsConnectionInfo info, StatsDocument totals, SelfTestResult? measured)
    {
        ConnectionDocument connection = ConnectionDocument.Of(info);
        ResumptionOutcome outcome = info.Resumption;
        return $"""
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>{(outcome.IsResumed ? "Resumed" : "Full handshake")} – Segno</title>
            <link rel="icon" href="{PageAssets.Icon}">
            <style>{PageAssets.Style}</style>
            </head>
            <body>
            <header>{PageAssets.Sign}<span>Segno</span><small>the sign from which the music resumes</small></header>
            <main>
            <section class="hero {outcome.Status.ToString().ToLowerInvariant()}">
            <h1>{OutcomeText.Headline(outcome)}</h1>
            <p>{Text(OutcomeText.Explanation(info))}</p>
            <p><a class="button" href="/again">Connect again</a></p>
            </section>
            <section aria-labelledby="connection">
            <h2 id="connection">This connection</h2>
            <dl>
            {Fact("Outcome", connection.Outcome)}
            {Fact("Reason", ReasonText(outcome))}
            {Fact("Resumed by", OutcomeText.Mechanism(outcome.IsResumed ? outcome.Mechanism : ResumptionMechanism.None))}
            {Fact("Session age", info.SessionAge is { } age ? Durations.Describe(age) : "–")}
            {Fact("Version", connection.Version)}
            {Fact("Cipher suite", connection.CipherSuite)}
            {Fact("Key exchange", connection.Group ?? "none: from the PSK alone")}
            {Fact("Application protocol", connection.ApplicationProtocol ?? "none agreed on")}
            {Fact("Server name", connection.ServerName ?? "none sent")}
            {Fact("Client certificate", info.RemoteCertificate?.Subject ?? "none")}
            {Fact("Early data", connection.EarlyDataReason is { } reason ? $"{connection.EarlyData} ({reason})" : connection.EarlyData)}
            {Fact("Handshake time", Microseconds(connection.HandshakeMicroseconds))}
            {Fact("Handshake bytes", $"{Number(connection.HandshakeBytesIn)} in, {Number(connection.HandshakeBytesOut)} out")}
            </dl>
            </section>
            <section aria-labelledby="totals">
            <h2 id="totals">This server since its start</h2>
            <div class="figures">
            <div><b id="resumed">{Number(totals.ResumedHandshakes)}</b><span>resumed</span></div>
            <div><b id="full">{Number(totals.FullHandshakes)}</b><span>full handshakes</span></div>
            <div><b id="declined">{Number(totals.Declined.Values.Sum())}</b><span>sessions declined</span></div>
            </div>
            <ul id="mechanisms">{Counts(totals.ResumedBy)}</ul>
            <ul id="reasons">{Counts(WithDetails(totals))}</ul>
            </section>
            <section aria-labelledby="early">
            <h2 id="early">Early data (0-RTT)</h2>
            <div class="figures">
            <div><b id="early-accepted">{Number(totals.EarlyDataAccepted)}</b><span>accepted</span></div>
            <div><b id="early-refused">{Number(totals.EarlyDataRefused.Values.Sum())}</b><span>refused</span></div>
            </div>
            <ul id="early-reasons">{Counts(totals.EarlyDataRefused)}</ul>
            </section>
            <section aria-labelledby="cache">
            <h2 id="cache">The cache, for clients that know their session by an ID</h2>
            <div class="figures">
            <div><b id="entries">{Number(totals.CacheEntries)}</b><span>sessions, of {Number(totals.Cache.MaxEntries)} at most</span></div>
            <div><b id="bytes">{Number(totals.CacheBytes)}</b><span>bytes, of {Number(totals.Cache.MaxBytes)} at most</span></div>
            <div><b id="hits">{Number(totals.Cache.Hits)}</b><span>found</span></div>
            <div><b id="misses">{Number(totals.Cache.Misses)}</b><span>not found</span></div>
            <div><b id="evicted">{Number(totals.Cache.EvictedForEntries + totals.Cache.EvictedForBytes)}</b><span>evicted</span></div>
            </div>
            </section>
            <section aria-labelledby="keys">
            <h2 id="keys">Ticket keys</h2>
            <table>
            <thead><tr><th scope="col">Number</th><th scope="col">Phase</th><th scope="col">Name in tickets</th></tr></thead>
            <tbody id="ticket-keys">{string.Concat(totals.TicketKeys.Select(KeyRow))}</tbody>
            </table>
            <p class="note" id="key-failure">{Text(totals.TicketKeyFailure ?? "")}</p>
            </section>
            {Measured(measured)}
            </main>
            <footer>The same as JSON: <a href="/api/connection">/api/connection</a> <a href="/api/stats">/api/stats</a></footer>
            <script>{PageAssets.Script}</script>
            </body>
            </html>
            """;
    }

    private static string Counts(IEnumerable<KeyValuePair<string, long>> counts) => string.Concat(counts.Where(entry => entry.Value > 0).Select(entry =>
        $"<li><code>{Text(entry.Key)}</code> {Number(entry.Value)}</li>"));

    /// <summary>Reasons, those that are about something with what that is: as the page's script has them.</summary>
    private static IEnumerable<KeyValuePair<string, long>> WithDetails(StatsDocument totals) => totals.Declined.SelectMany(reason =>
        totals.DeclinedDetails.TryGetValue(reason.Key, out IReadOnlyDictionary<string, long>? details)
            ? details.Select(detail => KeyValuePair.Create($"{reason.Key} ({detail.Key})", detail.Value))
            : [reason]);

    private static string KeyRow(TicketKeyDocument key)
        => $"<tr><th scope=\"row\">{key.Epoch.ToString(CultureInfo.InvariantCulture)}</th><td>{key.Phase}</td><td>{key.Name}</td></tr>";

    private static string Measured(SelfTestResult? measured)
    {
        if (measured is null)
        {
            return "";
        }
        return $"""
            <section aria-labelledby="measured">
            <h2 id="measured">What resumption gives on this machine</h2>
            <table>
            <thead><tr><th scope="col">Handshake</th><th scope="col">Time</th><th scope="col">CPU, both ends</th><th scope="col">Bytes to server</th><th scope="col">Bytes to client</th></tr></thead>
            <tbody>{Row("Full", measured.Full)}{(measured.Resumed is { } resumed ? Row("Resumed", resumed) : "")}</tbody>
            </table>
            <p class="note">Measured once at the start, over loopback: median time; mean CPU of the whole connection, TCP included. These connections are not in the totals.</p>
            </section>
            """;
    }

    private static string Row(string name, HandshakeCost cost)
        => $"<tr><th scope=\"row\">{name}</th><td>{Microseconds((long)cost.Time.TotalMicroseconds)}</td><td>{Microseconds((long)cost.Cpu.TotalMicroseconds)}</td>"
            + $"<td>{Number(cost.BytesToServer)}</td><td>{Number(cost.BytesToClient)}</td></tr>";

    private static string Fact(string name, string value) => $"<div><dt>{name}</dt><dd>{Text(value)}</dd></div>";

    private static string ReasonText(ResumptionOutcome outcome) => (outcome.Reason, outcome.Detail) switch
    {
        (ResumptionReason.None, _) => "–",
        (var reason, null) => reason.ToString(),
        var (reason, detail) => $"{reason} ({detail})",
    };

    private static string Microseconds(long microseconds) => string.Create(CultureInfo.InvariantCulture,
        $"{(microseconds < 10_000 ? $"{Number(microseconds)} µs" : $"{microseconds / 1000.0:0.0} ms")}");

    /// <summary>With a thin space between thousands.</summary>
    private static string Number(long value) => value.ToString("#,0", Grouped);

    private static readonly NumberFormatInfo Grouped = new() { NumberGroupSeparator = "\u202f" };

    private static string Text(string text) => WebUtility.HtmlEncode(text);

    private static string Digest(string text) => Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
}

using System.CommandLine.Parsing;
using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Security.Authentication;
using System.Text;

namespace Segno.Cli.Parsing;

/// <summary>Options and arguments whose text is more than a word: a wrong one is named, with what would be right.</summary>
internal static class OptionParsers
{
    private const int MaxTickets = 8;
    private const int MaxNameLength = 255;

    public static TimeSpan? Duration(ArgumentResult result) => Parse<TimeSpan?>(result,
        text => Durations.TryParse(text, out TimeSpan value) ? value : null,
        "is no duration; say 24h, 90m, 1h30m, 30s or 500ms");

    public static IPEndPoint? Listen(ArgumentResult result) => Parse(result,
        text => Endpoints.TryParseListen(text, out IPEndPoint? value) ? value : null,
        "is no address to listen on; say 127.0.0.1:8443, [::1]:8443, localhost:8443 or *:8443");

    public static HostAndPort? Target(ArgumentResult result) => Parse(result,
        text => Endpoints.TryParseTarget(text, out HostAndPort? value) ? value : null,
        "is no host to connect to; say example.com, example.com:8443 or [::1]:8443");

    public static SslApplicationProtocol[]? ApplicationProtocols(ArgumentResult result) => ParseList<SslApplicationProtocol>(result,
        text => text.Length > 0 && Encoding.UTF8.GetByteCount(text) <= 255 ? new SslApplicationProtocol(text) : null,
        "is no protocol; say h2,http/1.1");

    public static SslProtocols[]? Versions(ArgumentResult result) => ParseList(result, ProtocolNames.Version, "is no version of TLS that there is here; say 1.2, 1.3 or 1.2,1.3");

    public static TlsNamedGroup[]? Groups(ArgumentResult result) => ParseList(result, ProtocolNames.Group, $"is no group that there is here; say some of {ProtocolNames.AllGroups}");

    public static TlsCipherSuite[]? Suites(ArgumentResult result) => ParseList(result, ProtocolNames.Suite, $"is no suite that there is here; say some of:{ProtocolNames.AllSuites}");

    public static int? Count(ArgumentResult result) => Parse<int?>(result,
        text => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int value) && value > 0 ? value : null,
        "is no number from 1 on");

    public static int? TicketCount(ArgumentResult result) => Parse<int?>(result,
        text => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int value) && value <= MaxTickets ? value : null,
        $"is no number from 0 to {MaxTickets}");

    public static long? KeyNumber(ArgumentResult result) => Parse<long?>(result,
        text => long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long value) ? value : null,
        "is no number of a key; 'segno keys show' tells them");

    public static long? Bytes(ArgumentResult result) => Parse<long?>(result,
        text => ByteSizes.TryParse(text, out long value) ? value : null,
        "is no size; say 8MiB, 512KiB, 1GiB or a number of bytes");

    public static string? Name(ArgumentResult result) => Parse(result,
        text => text.Length is > 0 and <= MaxNameLength ? text : null,
        $"is no name of 1 to {MaxNameLength} characters");

    /// <summary>A list with commas, or the option several times.</summary>
    private static T[]? ParseList<T>(ArgumentResult result, Func<string, T?> parse, string complaint)
        where T : struct
    {
        List<T> values = [];
        foreach (string text in result.Tokens.SelectMany(token => token.Value.Split(',')))
        {
            if (parse(text) is not { } value)
            {
                Complain(result, text, complaint);
                return null;
            }
            values.Add(value);
        }
        return [.. values];
    }

    private static void Complain(ArgumentResult result, string text, string complaint)
    {
        string name = result.Parent is OptionResult option ? $"{option.Option.Name}: " : "";
        result.AddError($"{name}'{text}' {complaint}.");
    }

    private static T? Parse<T>(ArgumentResult result, Func<string, T?> parse, string complaint)
    {
        string text = result.Tokens.Count == 1 ? result.Tokens[0].Value : "";
        T? value = parse(text);
        if (value is null)
        {
            Complain(result, text, complaint);
        }
        return value;
    }
}

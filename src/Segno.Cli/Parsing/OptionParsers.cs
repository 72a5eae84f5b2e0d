using System.CommandLine.Parsing;
using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Text;

namespace Segno.Cli.Parsing;

/// <summary>Options and arguments whose text is more than a word: a wrong one is named, with what would be right.</summary>
internal static class OptionParsers
{
    public static TimeSpan? Duration(ArgumentResult result) => Parse<TimeSpan?>(result,
        text => Durations.TryParse(text, out TimeSpan value) ? value : null,
        "is no duration; say 24h, 90m, 1h30m, 30s or 500ms");

    public static IPEndPoint? Listen(ArgumentResult result) => Parse(result,
        text => Endpoints.TryParseListen(text, out IPEndPoint? value) ? value : null,
        "is no address to listen on; say 127.0.0.1:8443, [::1]:8443, localhost:8443 or *:8443");

    public static HostAndPort? Target(ArgumentResult result) => Parse(result,
        text => Endpoints.TryParseTarget(text, out HostAndPort? value) ? value : null,
        "is no host to connect to; say example.com, example.com:8443 or [::1]:8443");

    public static SslApplicationProtocol[]? ApplicationProtocols(ArgumentResult result) => Parse(result,
        text => text.Split(',') is var names && names.All(name => name.Length > 0 && Encoding.UTF8.GetByteCount(name) <= 255)
            ? names.Select(name => new SslApplicationProtocol(name)).ToArray() : null,
        "is no list of protocols; say h2,http/1.1");

    public static int? Count(ArgumentResult result) => Parse<int?>(result,
        text => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int value) && value > 0 ? value : null,
        "is no number from 1 on");

    private static T? Parse<T>(ArgumentResult result, Func<string, T?> parse, string complaint)
    {
        string text = result.Tokens.Count == 1 ? result.Tokens[0].Value : "";
        T? value = parse(text);
        if (value is null)
        {
            string name = result.Parent is OptionResult option ? $"{option.Option.Name}: " : "";
            result.AddError($"{name}'{text}' {complaint}.");
        }
        return value;
    }
}

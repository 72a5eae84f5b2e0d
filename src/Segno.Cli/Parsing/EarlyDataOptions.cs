using System.CommandLine;
using Segno.Cli.Serving;

namespace Segno.Cli.Parsing;

/// <summary>The options of early data (0-RTT) for a server.</summary>
internal sealed class EarlyDataOptions
{
    private const int Recommended = 14_336;
    private const int Most = 256 * 1024;

    private readonly Option<long?> _size = new("--early-data")
    {
        Description = "Take early data (0-RTT, TLS 1.3) from clients that come again, up to so many bytes: 1 to 256KiB, and 14336 where no size is given. Default: none. It is read when the handshake is complete, and is no replay then.",
        HelpName = "SIZE",
        Arity = ArgumentArity.ZeroOrOne,
        CustomParser = result => result.Tokens.Count == 0 ? Recommended : OptionParsers.Bytes(result),
    };

    private readonly Option<bool> _atOnce = new("--early-data-at-once")
    {
        Description = "Answer early requests at once: they may be replays. Those with an unsafe method are answered 425 (Too Early).",
    };

    private readonly Option<string?> _guard = new("--replay-guard")
    {
        Description = "Where it is remembered what was accepted, so that it is accepted once: in this process (memory, the default), or in Redis, for all servers with the same ticket keys.",
        HelpName = "memory|redis:HOST:PORT[,OPTION=…]",
    };

    public IEnumerable<Option> All => [_size, _atOnce, _guard];

    public EarlyDataSettings? Read(ParseResult parsed)
    {
        (long? size, string? guard, bool atOnce) = (parsed.GetValue(_size), parsed.GetValue(_guard), parsed.GetValue(_atOnce));
        if (size is null)
        {
            string? alone = guard is not null ? _guard.Name : atOnce ? _atOnce.Name : null;
            return alone is null ? null : throw CliException.Usage($"{alone} needs --early-data.");
        }
        if (size is < 1 or > Most)
        {
            throw CliException.Usage($"--early-data: {size} is not between 1 and {Most}.");
        }
        string? redis = guard?.StartsWith(Sharing.Redis, StringComparison.Ordinal) == true ? guard[Sharing.Redis.Length..] : null;
        return redis is null && guard is not (null or ServeSettings.MemoryStore)
            ? throw CliException.Usage($"--replay-guard {guard}: that is neither memory nor redis:HOST:PORT.")
            : new EarlyDataSettings((int)size.Value, atOnce, redis);
    }
}

/// <summary>Early data as it was asked for.</summary>
/// <param name="Size">How many bytes of it a session allows.</param>
/// <param name="AtOnce">Whether it is read before the handshake is complete.</param>
/// <param name="Redis">The connection of the guard; <see langword="null"/>: it is in memory.</param>
internal sealed record EarlyDataSettings(int Size, bool AtOnce, string? Redis);

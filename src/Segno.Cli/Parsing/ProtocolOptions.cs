using System.CommandLine;
using System.Net.Security;
using System.Security.Authentication;

namespace Segno.Cli.Parsing;

/// <summary>The options that say what may be negotiated, alike for both ends: versions, groups, suites, application protocols.</summary>
internal sealed class ProtocolOptions
{
    private readonly Option<SslProtocols[]?> _versions = new("--tls")
    {
        Description = "The versions to allow: 1.2, 1.3 or both (default).",
        HelpName = "1.2,1.3",
        CustomParser = OptionParsers.Versions,
    };

    private readonly Option<TlsNamedGroup[]?> _groups = new("--groups")
    {
        Description = "Key-exchange groups, most wanted first, by their RFC or OpenSSL names: x25519,secp256r1 or P-256.",
        HelpName = "A,B",
        CustomParser = OptionParsers.Groups,
    };

    private readonly Option<TlsCipherSuite[]?> _suites = new("--suites")
    {
        Description = "Cipher suites, most wanted first, by their RFC or OpenSSL names.",
        HelpName = "A,B",
        CustomParser = OptionParsers.Suites,
    };

    private readonly Option<SslApplicationProtocol[]?> _alpn;

    /// <param name="alpn">What --alpn means at this end.</param>
    public ProtocolOptions(string alpn)
    {
        _alpn = new Option<SslApplicationProtocol[]?>("--alpn")
        {
            Description = alpn,
            HelpName = "A,B",
            CustomParser = OptionParsers.ApplicationProtocols,
        };
    }

    public IEnumerable<Option> All => [_versions, _groups, _suites, _alpn];

    public ProtocolSettings Read(ParseResult parsed) => new()
    {
        Versions = (Given(parsed, _versions) ?? []).Aggregate(SslProtocols.None, (all, version) => all | version),
        Groups = Given(parsed, _groups),
        CipherSuites = Given(parsed, _suites),
        ApplicationProtocols = Given(parsed, _alpn),
    };

    /// <summary>An option that is not there has an empty list, and a list that is there has something in it.</summary>
    private static T[]? Given<T>(ParseResult parsed, Option<T[]?> option) => parsed.GetValue(option) is { Length: > 0 } values ? values : null;
}

/// <summary>What may be negotiated; what is not said is as the library has it.</summary>
internal sealed record ProtocolSettings
{
    public SslProtocols Versions { get; init; }

    public TlsNamedGroup[]? Groups { get; init; }

    public TlsCipherSuite[]? CipherSuites { get; init; }

    public SslApplicationProtocol[]? ApplicationProtocols { get; init; }

    public void Configure(TlsOptions options)
    {
        options.EnabledSslProtocols = Versions;
        options.SupportedGroups = Groups;
        options.CipherSuites = CipherSuites;
        options.ApplicationProtocols = ApplicationProtocols;
    }
}

using System.Net.Security;
using System.Security.Authentication;

namespace Segno.Cli.Parsing;

/// <summary>What versions, groups and suites are called on the command line: as the RFCs write them, or as OpenSSL does. Upper and lower case are the same.</summary>
internal static class ProtocolNames
{
    private static readonly (TlsNamedGroup Group, string[] Names)[] Groups =
    [
        (TlsNamedGroup.X25519, ["x25519"]),
        (TlsNamedGroup.P256, ["secp256r1", "P-256", "prime256v1"]),
        (TlsNamedGroup.P384, ["secp384r1", "P-384"]),
        (TlsNamedGroup.X25519MLKem768, ["X25519MLKEM768"]),
    ];

    // The suites of TLS 1.3 have one name everywhere.
    private static readonly (TlsCipherSuite Suite, string? OpenSsl)[] Suites =
    [
        (TlsCipherSuite.TLS_AES_128_GCM_SHA256, null),
        (TlsCipherSuite.TLS_AES_256_GCM_SHA384, null),
        (TlsCipherSuite.TLS_CHACHA20_POLY1305_SHA256, null),
        (TlsCipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, "ECDHE-ECDSA-AES128-GCM-SHA256"),
        (TlsCipherSuite.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, "ECDHE-RSA-AES128-GCM-SHA256"),
        (TlsCipherSuite.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, "ECDHE-ECDSA-AES256-GCM-SHA384"),
        (TlsCipherSuite.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, "ECDHE-RSA-AES256-GCM-SHA384"),
        (TlsCipherSuite.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, "ECDHE-ECDSA-CHACHA20-POLY1305"),
        (TlsCipherSuite.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, "ECDHE-RSA-CHACHA20-POLY1305"),
    ];

    /// <summary>All groups by their first name, for messages.</summary>
    public static string AllGroups { get; } = string.Join(", ", Groups.Select(known => known.Names[0]));

    /// <summary>All suites by their RFC name, one a line, for messages.</summary>
    public static string AllSuites { get; } = string.Concat(Suites.Select(known => $"\n  {known.Suite}{(known.OpenSsl is { } name ? $" ({name})" : "")}"));

    public static SslProtocols? Version(string text) => text.ToUpperInvariant() switch
    {
        "1.2" or "TLS1.2" or "TLSV1.2" => SslProtocols.Tls12,
        "1.3" or "TLS1.3" or "TLSV1.3" => SslProtocols.Tls13,
        _ => null,
    };

    public static TlsNamedGroup? Group(string text)
        => Groups.FirstOrDefault(known => known.Names.Contains(text, StringComparer.OrdinalIgnoreCase)) is { Names: not null } found ? found.Group : null;

    public static TlsCipherSuite? Suite(string text)
    {
        foreach ((TlsCipherSuite suite, string? openSsl) in Suites)
        {
            if (text.Equals(suite.ToString(), StringComparison.OrdinalIgnoreCase) || text.Equals(openSsl, StringComparison.OrdinalIgnoreCase))
            {
                return suite;
            }
        }
        return null;
    }
}

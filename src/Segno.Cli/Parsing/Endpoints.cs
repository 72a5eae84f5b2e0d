using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Segno.Cli.Parsing;

/// <summary>A server to connect to, as the user named it.</summary>
internal sealed record HostAndPort(string Host, int Port)
{
    public override string ToString()
        => Host.Contains(':') ? string.Create(CultureInfo.InvariantCulture, $"[{Host}]:{Port}") : string.Create(CultureInfo.InvariantCulture, $"{Host}:{Port}");
}

/// <summary>Addresses as people write them.</summary>
internal static class Endpoints
{
    public const int DefaultPort = 443;

    /// <summary>Where to listen: <c>127.0.0.1:8443</c>, <c>[::1]:8443</c>, <c>localhost:0</c> (the IPv4 one), <c>*:8443</c> (all).</summary>
    public static bool TryParseListen(string text, [NotNullWhen(true)] out IPEndPoint? endPoint)
    {
        endPoint = null;
        int colon = text.LastIndexOf(':');
        if (colon <= 0 || !TryParsePort(text[(colon + 1)..], 0, out int port))
        {
            return false;
        }
        IPAddress? address = text[..colon] switch
        {
            "*" => IPAddress.IPv6Any,
            "localhost" => IPAddress.Loopback,
            ['[', .. var inner, ']'] => ParseAddress(inner, AddressFamily.InterNetworkV6),
            var v4 => ParseAddress(v4, AddressFamily.InterNetwork),
        };
        if (address is not null)
        {
            endPoint = new IPEndPoint(address, port);
        }
        return address is not null;
    }

    /// <summary>Whom to connect to: <c>example.com</c>, <c>example.com:8443</c>, <c>[::1]:8443</c>, <c>::1</c>, and what a browser's address line gives.</summary>
    public static bool TryParseTarget(string text, [NotNullWhen(true)] out HostAndPort? target)
    {
        target = null;
        if (text.StartsWith("https://", StringComparison.OrdinalIgnoreCase))
        {
            text = text["https://".Length..].TrimEnd('/');
        }
        string host = text;
        int port = DefaultPort;
        int colon = text.LastIndexOf(':');
        bool bareIPv6 = text.IndexOf(':') != colon && !text.StartsWith('[');
        if (colon >= 0 && !bareIPv6 && !text.EndsWith(']'))
        {
            host = text[..colon];
            if (!TryParsePort(text[(colon + 1)..], 1, out port))
            {
                return false;
            }
        }
        if (bareIPv6 || host.StartsWith('['))
        {
            string inner = bareIPv6 ? host : host.EndsWith(']') ? host[1..^1] : "";
            if (ParseAddress(inner, AddressFamily.InterNetworkV6) is null)
            {
                return false;
            }
            host = inner;
        }
        else if (Uri.CheckHostName(host) is not (UriHostNameType.Dns or UriHostNameType.IPv4))
        {
            return false;
        }
        target = new HostAndPort(host, port);
        return true;
    }

    /// <summary>How a browser reaches it: an address that means "all" is reached by the loopback one.</summary>
    public static string Url(IPEndPoint endPoint) => $"https://{Reachable(endPoint)}";

    public static IPEndPoint Reachable(IPEndPoint endPoint)
    {
        IPAddress address = endPoint.Address;
        return new IPEndPoint(address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any) ? IPAddress.Loopback : address, endPoint.Port);
    }

    private static bool TryParsePort(string text, int lowest, out int port)
        => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out port) && port >= lowest && port <= IPEndPoint.MaxPort;

    private static IPAddress? ParseAddress(string text, AddressFamily family)
        => IPAddress.TryParse(text, out IPAddress? address) && address.AddressFamily == family
            && (family == AddressFamily.InterNetworkV6 || text.Count(c => c == '.') == 3)
            ? address : null;
}

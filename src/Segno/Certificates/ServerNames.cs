using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Segno.Certificates;

/// <summary>The name of a server as the application gave it, brought into the one form in which names are compared.</summary>
/// <param name="SniName">What server_name carries: the name in A-labels, lower case, without trailing dot. <see langword="null"/> for an address, which is not sent (RFC 6066 §3).</param>
/// <param name="Address">The address, where the name is an IP literal.</param>
/// <param name="Canonical">The name or the address as text: the same for all spellings of the same server.</param>
internal readonly record struct ReferenceName(string? SniName, IPAddress? Address, string Canonical);

/// <summary>The syntax of server names: host names in A-labels and IP literals (RFC 1123 §2.1, RFC 5890, RFC 9525 §6.2).</summary>
internal static class ServerNames
{
    private const int MaxNameLength = 253;
    private const int MaxLabelLength = 63;

    // A HostName of server_name is a DNS name, which has at most 255 bytes in any counting (RFC 1035 §2.3.4).
    private const int MaxSniLength = 255;

    private static readonly IdnMapping s_idn = new() { UseStd3AsciiRules = true };

    /// <summary>Brings a reference name into its canonical form.</summary>
    /// <exception cref="ArgumentException">It is neither a host name nor an IP literal.</exception>
    public static ReferenceName Normalize(string name)
    {
        return TryNormalize(name, out ReferenceName reference)
            ? reference
            : throw new ArgumentException("The target host is neither a host name nor an IP address (without port and zone).", nameof(name));
    }

    /// <inheritdoc cref="Normalize"/>
    public static bool TryNormalize(string? name, out ReferenceName reference)
    {
        reference = default;
        if (string.IsNullOrEmpty(name))
        {
            return false;
        }
        if (name.Contains(':', StringComparison.Ordinal))
        {
            return TryNormalizeIPv6(name, ref reference);
        }
        if (!TryToAscii(name, out string? ascii))
        {
            return false;
        }

        ReadOnlySpan<char> host = WithoutTrailingDot(ascii);
        if (IPAddress.TryParse(host, out IPAddress? address))
        {
            // TryParse also takes what inet_aton takes (127.1, 0x7f.1, 0177.0.0.1): ambiguous, so refused.
            if (!host.Equals(address.ToString(), StringComparison.Ordinal))
            {
                return false;
            }
            reference = new ReferenceName(null, address, address.ToString());
            return true;
        }
        if (!IsHostName(host, MaxNameLength) || EndsInNumber(host))
        {
            return false;
        }
        string canonical = host.ToString().ToLowerInvariant();
        reference = new ReferenceName(canonical, null, canonical);
        return true;
    }

    /// <summary>Reads the HostName of a server_name extension (RFC 6066 §3): an ASCII host name; an IP literal is none.</summary>
    /// <param name="raw">The bytes as they came.</param>
    /// <param name="name">The name in lower case without trailing dot.</param>
    public static bool TryReadSni(ReadOnlySpan<byte> raw, [NotNullWhen(true)] out string? name)
    {
        name = null;
        if (raw.Length is 0 or > MaxSniLength || !Ascii.IsValid(raw))
        {
            return false;
        }
        ReadOnlySpan<char> host = WithoutTrailingDot(Encoding.ASCII.GetString(raw));
        if (!IsHostName(host, MaxSniLength) || IPAddress.TryParse(host, out _))
        {
            return false;
        }
        name = host.ToString().ToLowerInvariant();
        return true;
    }

    /// <summary>
    /// Whether this is a host name: labels of letters, digits, hyphens (not at the ends) and, because real hosts have
    /// them, underscores, joined by single dots.
    /// </summary>
    internal static bool IsHostName(ReadOnlySpan<char> name, int maxLength = MaxNameLength)
    {
        if (name.Length is 0 || name.Length > maxLength)
        {
            return false;
        }
        foreach (Range part in name.Split('.'))
        {
            if (!IsLabel(name[part]))
            {
                return false;
            }
        }
        return true;
    }

    private static bool IsLabel(ReadOnlySpan<char> label)
    {
        if (label.Length is 0 or > MaxLabelLength || label[0] == '-' || label[^1] == '-')
        {
            return false;
        }
        foreach (char c in label)
        {
            if (!char.IsAsciiLetterOrDigit(c) && c is not ('-' or '_'))
            {
                return false;
            }
        }
        return true;
    }

    // No top-level domain is a number (RFC 3696 §2): such a name is a mistyped address.
    private static bool EndsInNumber(ReadOnlySpan<char> host) =>
        !host[(host.LastIndexOf('.') + 1)..].ContainsAnyExceptInRange('0', '9');

    private static bool TryToAscii(string name, [NotNullWhen(true)] out string? ascii)
    {
        ascii = name;
        if (Ascii.IsValid(name))
        {
            return true;
        }
        try
        {
            ascii = s_idn.GetAscii(name);
            // Mapping folds full-width digits and dots to ASCII; an address in such a disguise is refused.
            return !IPAddress.TryParse(WithoutTrailingDot(ascii), out _);
        }
        catch (ArgumentException)
        {
            return false;
        }
    }

    private static bool TryNormalizeIPv6(string name, ref ReferenceName reference)
    {
        ReadOnlySpan<char> literal = name;
        if (literal[0] == '[' && literal[^1] == ']')
        {
            literal = literal[1..^1];
        }
        // The parser itself would also take brackets with a port behind, and zones; both are refused here.
        foreach (char c in literal)
        {
            if (!char.IsAsciiHexDigit(c) && c is not (':' or '.'))
            {
                return false;
            }
        }
        if (!IPAddress.TryParse(literal, out IPAddress? address) || address.AddressFamily != AddressFamily.InterNetworkV6)
        {
            return false;
        }
        reference = new ReferenceName(null, address, address.ToString());
        return true;
    }

    private static ReadOnlySpan<char> WithoutTrailingDot(ReadOnlySpan<char> name) => name is [.., '.'] ? name[..^1] : name;
}

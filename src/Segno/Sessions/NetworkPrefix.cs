using System.Net;
using System.Net.Sockets;

namespace Segno.Sessions;

/// <summary>How much of an address makes the prefix that clients are counted by: what one customer of a network usually has.</summary>
internal static class NetworkPrefix
{
    public const int BitsIPv4 = 24;
    public const int BitsIPv6 = 48;

    /// <summary>An address has at most so many bytes.</summary>
    public const int MaxLength = 16;

    /// <summary>Writes the address without what lies behind the prefix, <see cref="MaxLength"/> bytes.</summary>
    /// <returns>4 or 6.</returns>
    public static byte Write(IPAddress address, Span<byte> destination)
    {
        IPAddress plain = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        bool isIPv4 = plain.AddressFamily == AddressFamily.InterNetwork;
        destination.Clear();
        plain.TryWriteBytes(destination, out _);
        destination[((isIPv4 ? BitsIPv4 : BitsIPv6) / 8)..].Clear();
        return (byte)(isIPv4 ? 4 : 6);
    }
}

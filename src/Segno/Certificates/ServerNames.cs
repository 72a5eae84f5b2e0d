using System.Net;

namespace Segno.Certificates;

internal static class ServerNames
{
    public static (string? SniName, IPAddress? Address, string Canonical) Normalize(string name)
        => IPAddress.TryParse(name, out IPAddress? ip) ? (null, ip, ip.ToString()) : (name.TrimEnd('.').ToLowerInvariant(), null, name.TrimEnd('.').ToLowerInvariant());

    public static bool TryReadSni(ReadOnlySpan<byte> raw, out string name)
    {
        name = System.Text.Encoding.ASCII.GetString(raw).TrimEnd('.').ToLowerInvariant();
        return name.Length > 0;
    }
}

namespace Segno.Sessions;

/// <summary>The numbers that bound a session; each is tested at n and n+1.</summary>
internal static class SessionLimits
{
    /// <summary>RFC 9846 §4.7.1: no ticket lives longer.</summary>
    public static readonly TimeSpan MaxLifetime = TimeSpan.FromDays(7);

    /// <summary>TLS 1.2's main secret.</summary>
    public const int MainSecret12Length = 48;

    /// <summary>R-08 (RFC 5246 §F.1.4): no session of TLS 1.2 is kept longer by a client.</summary>
    public static readonly TimeSpan MaxLifetime12 = TimeSpan.FromHours(24);

    public const int MaxApplicationData = 4096;

    /// <summary>A DNS name has at most 253 characters.</summary>
    public const int MaxServerName = 255;

    public const int MaxApplicationProtocol = 255;

    public const int MaxSessionId = 32;

    public const int MaxZone = 32;

    /// <summary>What a client keeps of a server's ticket: with it, a ClientHello still stays far under 64 KiB.</summary>
    public const int MaxClientTicket = 32 * 1024;

    /// <summary>A session's encoding, its peer's certificates included.</summary>
    public const int MaxEncoded = 64 * 1024;

    public const int MaxPeerCertificates = 64;

    /// <summary>The last millisecond of the year 9999, counted from 1970.</summary>
    public static readonly long MaxTime = DateTimeOffset.MaxValue.ToUnixTimeMilliseconds();
}

using System.Net.Security;
using System.Security.Authentication;
using Segno.Cryptography;

namespace Segno.Sessions;

/// <summary>What kind of transport a session was made over. A session of one kind is never resumed over another.</summary>
internal enum TransportKind : byte
{
    /// <summary>A reliable stream, as TCP. The only kind so far.</summary>
    Stream = 1,
}

/// <summary>
/// Everything a session is made from, except its secret. <see cref="TlsSession"/> copies what it keeps and checks it all:
/// see <see cref="Problem"/>.
/// </summary>
internal sealed class TlsSessionState
{
    public required bool IsServer { get; init; }

    /// <summary><see cref="SslProtocols.Tls12"/> or <see cref="SslProtocols.Tls13"/>.</summary>
    public required SslProtocols ProtocolVersion { get; init; }

    public required TlsCipherSuite CipherSuite { get; init; }

    /// <summary>The hash of the suite: of the key schedule (1.3) or of the PRF (1.2).</summary>
    public required HashKind Hash { get; init; }

    public required SessionScope Scope { get; init; }

    public required SessionLineage Lineage { get; init; }

    /// <summary>When this session (its ticket) was issued; on the client, received.</summary>
    public required DateTimeOffset IssuedAt { get; init; }

    /// <summary>How long it may be used: more than 0, at most 7 days. The session ends earlier where the lineage's deadline does.</summary>
    public required TimeSpan Lifetime { get; init; }

    /// <summary>The SNI of the connection that the session was issued on; kept in lower case.</summary>
    public string? ServerName { get; init; }

    /// <summary>Client only: the host that was connected to, as <c>ServerNames</c> writes it; <see langword="null"/> where none was named.</summary>
    public string? TargetHost { get; init; }

    /// <summary>Client only: its port; 0: unknown.</summary>
    public int TargetPort { get; init; }

    public SslApplicationProtocol ApplicationProtocol { get; init; }

    public TlsNamedGroup? Group { get; init; }

    /// <summary>ticket_age_add (RFC 9846 §4.7.1): fresh random per ticket .</summary>
    public uint AgeAdd { get; init; }

    public uint MaxEarlyDataSize { get; init; }

    /// <summary>Client only: the ticket as the server sent it.</summary>
    public ReadOnlyMemory<byte> Ticket { get; init; }

    /// <summary>TLS 1.2: the session ID, 0 to 32 bytes.</summary>
    public ReadOnlyMemory<byte> SessionId { get; init; }

    /// <summary>TLS 1.2: whether the secret is bound to its handshake (RFC 7627).</summary>
    public bool ExtendedMasterSecret { get; init; }

    /// <summary>Client only: whether it showed the server a certificate in the full handshake. That a server did goes without saying.</summary>
    public bool OwnCertificateShown { get; init; }

    public ReadOnlyMemory<byte> ApplicationData { get; init; }

    /// <summary>Reserved for early data across data centres: 0 to 32 bytes.</summary>
    public ReadOnlyMemory<byte> Zone { get; init; }

    public TransportKind Transport { get; init; } = TransportKind.Stream;

    /// <summary>Reserved for revocation by epoch.</summary>
    public uint RevocationEpoch { get; init; }

    /// <summary>What makes this no session, or <see langword="null"/>. Public facts only: it may be logged.</summary>
    public string? Problem(ReadOnlySpan<byte> secret)
    {
        long issuedAt = IssuedAt.ToUnixTimeMilliseconds();
        int secretLength = ProtocolVersion == SslProtocols.Tls13 ? Hash.Length() : SessionLimits.MainSecret12Length;
        return this switch
        {
            _ when ProtocolVersion is not (SslProtocols.Tls12 or SslProtocols.Tls13) => "The protocol version is neither TLS 1.2 nor TLS 1.3.",
            _ when Hash > HashKind.Sha512 => "The hash is unknown.",
            _ when secret.Length != secretLength => $"The secret has {secret.Length} bytes instead of {secretLength}.",
            // D2
            _ when WeakSecret.IsWeak(secret) => "The secret was never filled.",
            _ when issuedAt < 0 || issuedAt > SessionLimits.MaxTime - (long)SessionLimits.MaxLifetime.TotalMilliseconds => "The time of issue is out of range.",
            _ when Lifetime < TimeSpan.FromMilliseconds(1) => "The lifetime is not positive.",
            _ when Lifetime > SessionLimits.MaxLifetime => "The lifetime is longer than 7 days.",
            _ when Lineage.Deadline <= issuedAt => "The authentication deadline has passed.",
            _ when ServerName is not null && !IsServerName(ServerName) => "The server name is not 1 to 255 printable ASCII characters.",
            _ when TargetHost is not null && !IsServerName(TargetHost) => "The target host is not 1 to 255 printable ASCII characters.",
            _ when TargetPort is < 0 or > ushort.MaxValue => "The target port is not between 0 and 65535.",
            _ when IsServer && (TargetHost is not null || TargetPort != 0) => "Only a client's session has a target.",
            _ when ApplicationProtocol.Protocol.Length > SessionLimits.MaxApplicationProtocol => "The application protocol is longer than 255 bytes.",
            _ when Group is { } group && group == 0 => "The group is unknown.",
            _ when IsServer && !Ticket.IsEmpty => "A server's session holds no ticket.",
            _ when IsServer && OwnCertificateShown => "Only a client's session says whether its own certificate was shown.",
            _ when Ticket.Length > SessionLimits.MaxClientTicket => "The ticket is longer than 32 KiB.",
            _ when SessionId.Length > SessionLimits.MaxSessionId => "The session ID is longer than 32 bytes.",
            _ when ApplicationData.Length > SessionLimits.MaxApplicationData => "The application data are longer than 4096 bytes.",
            _ when Zone.Length > SessionLimits.MaxZone => "The zone is longer than 32 bytes.",
            _ when Transport != TransportKind.Stream => "The transport is unknown.",
            //
            _ when Lineage.ExternalPsk is not null && ProtocolVersion != SslProtocols.Tls13 => "Only TLS 1.3 has external PSKs.",
            _ when Lineage.ExternalPsk is not null && (Lineage.PeerCertificates.Count > 0 || OwnCertificateShown) => "An external PSK stands in place of certificates.",
            _ when !Scope.IsFor(IsServer) => "The scope is of the other role.",
            _ => null,
        };
    }

    private static bool IsServerName(string name)
        => name.Length is > 0 and <= SessionLimits.MaxServerName && !name.AsSpan().ContainsAnyExceptInRange('!', '~');
}

using System.Security.Authentication;
using System.Security.Cryptography;

namespace Segno.Sessions;

/// <summary>
/// Whose sessions are no longer good: asked in each resumption, behind all other rules, wherever the session was kept. It reaches
/// stateless tickets, which nobody can take back. <see cref="RevocationList"/> is one in memory.
/// </summary>
/// <remarks>
/// <para>Implementations must be thread-safe and answer from what they hold in memory: the handshake waits, on the thread that moves
/// its bytes. A list that lives elsewhere (a database, Redis) keeps a copy here and renews it in the background.</para>
/// <para>A list that throws revokes: the session is declined as <see cref="ResumptionReason.Revoked"/>, and the client makes a full
/// handshake, in which it is examined anew. No handshake fails by it.</para>
/// </remarks>
public interface IRevocationList
{
    /// <summary>Whether a session is revoked.</summary>
    /// <param name="query">The session. A peer has it on offer and may not yet have proved that it is its own.</param>
    /// <returns><see langword="true"/>: it is declined, and a full handshake takes its place.</returns>
    bool IsRevoked(in RevocationQuery query);
}

/// <summary>A server's session that a client offers, as a revocation list sees it. Times are UTC with millisecond precision.</summary>
public readonly record struct RevocationQuery
{
    /// <summary>The tenant of the context that is asked to resume it (<see cref="TlsOptions.Tenant"/>); <see langword="null"/> without one.</summary>
    public string? Tenant { get; init; }

    /// <summary>The server name of the session, in lower case; <see langword="null"/> without one.</summary>
    public string? ServerName { get; init; }

    /// <summary>The protocol version of the session.</summary>
    public SslProtocols ProtocolVersion { get; init; }

    /// <summary>What all sessions that descend from one full handshake have in common: <see cref="TlsConnectionInfo.LineageId"/> of their connections.</summary>
    public Guid LineageId { get; init; }

    /// <summary>When the client last made a full handshake. What is revoked by time counts from here: a renewed ticket has it unchanged.</summary>
    public DateTimeOffset AuthenticatedAt { get; init; }

    /// <summary>When this session was issued.</summary>
    public DateTimeOffset IssuedAt { get; init; }

    /// <summary>The client's certificate in DER; empty where it showed none.</summary>
    public ReadOnlyMemory<byte> ClientCertificate { get; init; }

    /// <summary>The SHA-256 hash of <see cref="ClientCertificate"/>, as <see cref="RevocationList.RevokeCertificate"/> names it. Computed in each call.</summary>
    /// <param name="fingerprint">Receives 32 bytes.</param>
    /// <returns><see langword="false"/>, with nothing written, where there is no certificate.</returns>
    /// <exception cref="ArgumentException"><paramref name="fingerprint"/> is shorter.</exception>
    public bool TryGetCertificateFingerprint(Span<byte> fingerprint)
    {
        if (fingerprint.Length < SHA256.HashSizeInBytes)
        {
            throw new ArgumentException($"A SHA-256 fingerprint has {SHA256.HashSizeInBytes} bytes.", nameof(fingerprint));
        }
        return !ClientCertificate.IsEmpty && SHA256.HashData(ClientCertificate.Span, fingerprint) > 0;
    }

    internal static RevocationQuery Of(TlsSession session, string? tenant) => new()
    {
        Tenant = tenant,
        ServerName = session.ServerName,
        ProtocolVersion = session.ProtocolVersion,
        LineageId = session.LineageId,
        AuthenticatedAt = session.AuthenticatedAt,
        IssuedAt = session.IssuedAt,
        ClientCertificate = session.PeerCertificates.Count > 0 ? session.PeerCertificates[0] : default,
    };
}

namespace Segno.Cli.Json;

/// <summary>What <c>segno connect --json</c> writes, one per connection and line.</summary>
internal sealed record ConnectDocument
{
    /// <summary>1 for the first connection, 2 for the first reconnection…</summary>
    public required int Number { get; init; }

    public required string Peer { get; init; }

    public required string Address { get; init; }

    public required ConnectionDocument Connection { get; init; }

    public required string Verification { get; init; }

    public required bool Verified { get; init; }

    /// <summary>What the stapled OCSP response says: a name of <see cref="TlsCertificateStatus"/>.</summary>
    public required string CertificateStatus { get; init; }

    public required IReadOnlyList<CertificateDocument> Certificates { get; init; }

    /// <summary>The newest session that the server gave; null without one.</summary>
    public required SessionDocument? Session { get; init; }
}

/// <summary>A certificate in a chain.</summary>
internal sealed record CertificateDocument(string Subject, string Issuer, DateTimeOffset NotBefore, DateTimeOffset NotAfter, string Sha256);

/// <summary>A session that can be resumed later.</summary>
internal sealed record SessionDocument(
    long LifetimeSeconds,
    DateTimeOffset ExpiresAt,
    DateTimeOffset AuthenticatedAt,
    DateTimeOffset AuthenticationDeadline,
    long ResumptionCount,
    long MaxEarlyDataSize,
    int Received);

using System.Collections.ObjectModel;
using Segno.Cryptography;

namespace Segno.Sessions;

/// <summary>
/// What a session owes to the full handshake at its root, and what every renewal hands on unchanged: who the peer proved to be,
/// when, and until when that may be relied on. Immutable. There is no way to make one with a later deadline from an existing one:
/// only <see cref="Begin"/> (a full handshake), <see cref="Next"/> (a resumption) and the codec make lineages.
/// </summary>
internal sealed class SessionLineage
{
    private SessionLineage(
        Guid id,
        long authenticatedAt,
        long deadline,
        uint resumptionCount,
        ReadOnlyCollection<ReadOnlyMemory<byte>> peerCertificates,
        long? peerCertificateNotAfter,
        ExternalPskOrigin? externalPsk)
    {
        Id = id;
        AuthenticatedAt = authenticatedAt;
        Deadline = deadline;
        ResumptionCount = resumptionCount;
        PeerCertificates = peerCertificates;
        PeerCertificateNotAfter = peerCertificateNotAfter;
        ExternalPsk = externalPsk;
    }

    /// <summary>16 random bytes, in the order they are encoded.</summary>
    public Guid Id { get; }

    /// <summary>Milliseconds since 1970, as all times here.</summary>
    public long AuthenticatedAt { get; }

    public long Deadline { get; }

    /// <summary>How many resumptions lie between the full handshake and this connection.</summary>
    public uint ResumptionCount { get; }

    /// <summary>DER, leaf first.</summary>
    public ReadOnlyCollection<ReadOnlyMemory<byte>> PeerCertificates { get; }

    /// <summary>The last moment at which the peer's certificate is valid.</summary>
    public long? PeerCertificateNotAfter { get; }

    /// <summary>The external PSK that both sides authenticated each other by, in place of certificates; <see langword="null"/> without one.</summary>
    public ExternalPskOrigin? ExternalPsk { get; }

    /// <summary>Begins a lineage at a full handshake.</summary>
    /// <param name="now">When the peer was authenticated.</param>
    /// <param name="maximumAge">How long that may be relied on, however often the session is resumed.</param>
    /// <param name="peerCertificates">The peer's chain as it was verified (DER, leaf first); copied. Empty without one.</param>
    /// <param name="peerNotAfter">notAfter of the peer's certificate: no session outlives it.</param>
    /// <param name="ownNotAfter">notAfter of this side's certificate, where it showed one: no session outlives that either.</param>
    /// <param name="crypto">Where the id's random bytes come from.</param>
    /// <param name="externalPsk">The external PSK that stood in place of certificates.</param>
    public static SessionLineage Begin(
        DateTimeOffset now,
        TimeSpan maximumAge,
        IReadOnlyList<ReadOnlyMemory<byte>> peerCertificates,
        DateTimeOffset? peerNotAfter,
        DateTimeOffset? ownNotAfter,
        CryptoProvider crypto,
        ExternalPskOrigin? externalPsk = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maximumAge, TimeSpan.Zero);
        Span<byte> id = stackalloc byte[16];
        crypto.FillRandom(id);
        long authenticatedAt = now.ToUnixTimeMilliseconds();
        // DateTimeOffset ends in the year 9999; so does every deadline.
        long deadline = Math.Min(
            authenticatedAt + (long)Math.Min(maximumAge.TotalMilliseconds, SessionLimits.MaxTime),
            SessionLimits.MaxTime);
        long? peer = peerNotAfter?.ToUnixTimeMilliseconds();
        deadline = Math.Min(deadline, peer ?? deadline);
        deadline = Math.Min(deadline, ownNotAfter?.ToUnixTimeMilliseconds() ?? deadline);
        return new SessionLineage(new Guid(id, bigEndian: true), authenticatedAt, deadline, 0, Copy(peerCertificates), peer, externalPsk);
    }

    /// <summary>The lineage of a connection that resumes a session of this one: one resumption more, all else unchanged.</summary>
    public SessionLineage Next() => new(
        Id, AuthenticatedAt, Deadline, ResumptionCount == uint.MaxValue ? uint.MaxValue : ResumptionCount + 1, PeerCertificates, PeerCertificateNotAfter, ExternalPsk);

    /// <summary>For the codec: a lineage as it was written.</summary>
    internal static SessionLineage Restore(
        Guid id, long authenticatedAt, long deadline, uint resumptionCount, ReadOnlyMemory<byte>[] peerCertificates, long? peerCertificateNotAfter, ExternalPskOrigin? externalPsk = null)
        => new(id, authenticatedAt, deadline, resumptionCount, Array.AsReadOnly(peerCertificates), peerCertificateNotAfter, externalPsk);

    private static ReadOnlyCollection<ReadOnlyMemory<byte>> Copy(IReadOnlyList<ReadOnlyMemory<byte>> certificates)
    {
        if (certificates.Count == 0)
        {
            return ReadOnlyCollection<ReadOnlyMemory<byte>>.Empty;
        }
        var copies = new ReadOnlyMemory<byte>[certificates.Count];
        for (int i = 0; i < copies.Length; i++)
        {
            copies[i] = certificates[i].ToArray();
        }
        return Array.AsReadOnly(copies);
    }
}

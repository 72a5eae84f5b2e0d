using System.Collections.Concurrent;
using System.Security.Cryptography;

namespace Segno.Sessions;

/// <summary>
/// A revocation list in memory: it revokes the sessions of a client certificate, and those of a tenant. For ticket keys see <see cref="TicketKeyRing.Revoke(string)"/>. Thread-safe.
/// </summary>
/// <remarks>
/// A session counts by its full handshake, not by its last resumption, so that no renewal outlives a revocation. Entries may go when
/// no session can be that old any more (<see cref="TlsServerOptions.AuthenticationLifetime"/>).
/// </remarks>
public sealed class RevocationList : IRevocationList
{
    private readonly ConcurrentDictionary<string, long> _certificates = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, long> _tenants = new(StringComparer.Ordinal);
    private long _notBeforeWithoutTenant = long.MinValue;

    /// <summary>How many entries there are.</summary>
    public int Count => _certificates.Count + _tenants.Count + (Interlocked.Read(ref _notBeforeWithoutTenant) == long.MinValue ? 0 : 1);

    /// <summary>Revokes the sessions that clients began with a certificate before a time. Of several times for one certificate the latest counts.</summary>
    /// <param name="sha256Fingerprint">The SHA-256 hash of the certificate (DER): 32 bytes.</param>
    /// <param name="notBefore">Full handshakes from then on are good again. To the millisecond.</param>
    /// <exception cref="ArgumentException">The fingerprint has another length.</exception>
    public void RevokeCertificate(ReadOnlySpan<byte> sha256Fingerprint, DateTimeOffset notBefore)
    {
        if (sha256Fingerprint.Length != SHA256.HashSizeInBytes)
        {
            throw new ArgumentException($"A SHA-256 fingerprint has {SHA256.HashSizeInBytes} bytes, not {sha256Fingerprint.Length}.", nameof(sha256Fingerprint));
        }
        Add(_certificates, Convert.ToHexStringLower(sha256Fingerprint), notBefore);
    }

    /// <summary>Revokes the sessions of a tenant that began before a time. Of several times for one tenant the latest counts.</summary>
    /// <param name="tenant">The name, as in <see cref="TlsOptions.Tenant"/>; <see langword="null"/> for those who have none.</param>
    /// <param name="notBefore">Full handshakes from then on are good again. To the millisecond.</param>
    public void RevokeTenant(string? tenant, DateTimeOffset notBefore)
    {
        if (tenant is not null)
        {
            Add(_tenants, tenant, notBefore);
            return;
        }
        long time = notBefore.ToUnixTimeMilliseconds();
        for (long known = Interlocked.Read(ref _notBeforeWithoutTenant); time > known;)
        {
            long seen = Interlocked.CompareExchange(ref _notBeforeWithoutTenant, time, known);
            if (seen == known)
            {
                return;
            }
            known = seen;
        }
    }

    /// <summary>Forgets the entries whose time lies before another: call it with now less the longest authentication lifetime.</summary>
    /// <param name="time">The time.</param>
    public void Trim(DateTimeOffset time)
    {
        long oldest = time.ToUnixTimeMilliseconds();
        foreach (ConcurrentDictionary<string, long> entries in new[] { _certificates, _tenants })
        {
            foreach (KeyValuePair<string, long> entry in entries.Where(entry => entry.Value < oldest))
            {
                // Only if it is still the same: it may just have been renewed.
                entries.TryRemove(entry);
            }
        }
        long known = Interlocked.Read(ref _notBeforeWithoutTenant);
        if (known < oldest)
        {
            Interlocked.CompareExchange(ref _notBeforeWithoutTenant, long.MinValue, known);
        }
    }

    /// <inheritdoc/>
    public bool IsRevoked(in RevocationQuery query)
    {
        long notBefore = Interlocked.Read(ref _notBeforeWithoutTenant);
        if (query.Tenant is { } tenant && !_tenants.TryGetValue(tenant, out notBefore))
        {
            notBefore = long.MinValue;
        }
        long authenticatedAt = query.AuthenticatedAt.ToUnixTimeMilliseconds();
        if (authenticatedAt < notBefore)
        {
            return true;
        }
        Span<byte> fingerprint = stackalloc byte[SHA256.HashSizeInBytes];
        return !_certificates.IsEmpty
            && query.TryGetCertificateFingerprint(fingerprint)
            && _certificates.TryGetValue(Convert.ToHexStringLower(fingerprint), out notBefore)
            && authenticatedAt < notBefore;
    }

    private static void Add(ConcurrentDictionary<string, long> entries, string key, DateTimeOffset notBefore)
    {
        long time = notBefore.ToUnixTimeMilliseconds();
        entries.AddOrUpdate(key, static (_, added) => added, static (_, known, added) => Math.Max(known, added), time);
    }
}

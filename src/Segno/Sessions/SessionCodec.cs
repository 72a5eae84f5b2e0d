using System.Diagnostics.CodeAnalysis;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Text;
using Segno.Buffers;
using Segno.Cryptography;

namespace Segno.Sessions;

/// <summary>Sessions as bytes: what is sealed into tickets and stores, and what <see cref="TlsSession.Export"/> gives.</summary>
/// <remarks>
/// <code>
/// enum { sha256(4), sha384(5), sha512(6), (255) } HashAlgorithm;           /* RFC 5246 §7.4.1.4.1 */
/// enum { stream(1), (255) } Transport;
/// struct { uint8 tag; opaque digest[16]; } ScopeComponent;                 /* ascending by tag */
/// opaque Certificate&lt;1..2^24-1&gt;;
///
/// struct {
///     uint8           format_version = 2;
///     uint8           flags;                        /* 1 server, 2 extended main secret, 4 certificate_not_after is set,
///                                                      8 client's side: the client showed a certificate,
///                                                      16 external_psk is there; others are 0 */
///     ProtocolVersion protocol_version;             /* 0x0303, 0x0304 */
///     CipherSuite     cipher_suite;
///     HashAlgorithm   hash;
///     NamedGroup      group;                        /* 0: none */
///     opaque          secret&lt;32..64&gt;;
///     uint64          issued_at;                    /* times in milliseconds since 1970-01-01 UTC */
///     uint32          lifetime;                     /* milliseconds, 1 to 7 days */
///     uint64          authenticated_at;
///     uint64          authentication_deadline;
///     uint64          certificate_not_after;        /* 0 unless set */
///     uint32          resumption_count;
///     opaque          lineage_id[16];
///     opaque          server_name&lt;0..255&gt;;          /* lower case; empty: none */
///     opaque          target_host&lt;0..255&gt;;          /* client's side; lower case; empty: none */
///     uint16          target_port;
///     opaque          application_protocol&lt;0..255&gt;;
///     uint32          max_early_data_size;
///     uint32          age_add;
///     opaque          session_id&lt;0..32&gt;;
///     opaque          zone&lt;0..32&gt;;
///     Transport       transport;
///     uint32          revocation_epoch;
///     ScopeComponent  scope&lt;0..544&gt;;                /* 32 components */
///     opaque          ticket&lt;0..32768&gt;;
///     opaque          application_data&lt;0..4096&gt;;
///     Certificate     peer_certificates&lt;0..2^24-1&gt;; /* leaf first, at most 64 */
///     select (flags &amp; 16) {
///         case 16: opaque external_psk_identity&lt;1..2^16-1&gt;; opaque external_psk_digest[32];
///         case 0:  struct {};
///     } external_psk;
/// } Session;                                        /* at most 64 KiB; nothing may follow */
/// </code>
/// Every session has exactly one encoding: what decodes encodes to the same bytes. A change of the format is a new version;
/// another version is declined, never guessed at. Version 1 had no target, so that a client's session could be resumed with another
/// host of the same (or no) name.
/// </remarks>
internal static class SessionCodec
{
    public const byte FormatVersion = 2;

    private const ushort Tls12 = 0x0303;
    private const ushort Tls13 = 0x0304;
    private const byte FirstHash = 4;

    [Flags]
    private enum Bits : byte
    {
        None = 0,
        Server = 1,
        ExtendedMasterSecret = 2,
        CertificateNotAfter = 4,
        OwnCertificateShown = 8,
        ExternalPsk = 16,
        All = Server | ExtendedMasterSecret | CertificateNotAfter | OwnCertificateShown | ExternalPsk,
    }

    /// <summary>Appends the session; <see langword="false"/>, with nothing appended, where it is longer than <see cref="SessionLimits.MaxEncoded"/>.</summary>
    /// <exception cref="CryptographicException">The secret could not be unwrapped.</exception>
    public static bool TryEncode(TlsSession session, FlightBuffer buffer)
    {
        int start = buffer.Length;
        long certificates = 0;
        foreach (ReadOnlyMemory<byte> certificate in session.PeerCertificates)
        {
            certificates += certificate.Length;
        }
        // Looked at first, so that no chain can make the buffer large.
        if (certificates > SessionLimits.MaxEncoded || session.PeerCertificates.Count > SessionLimits.MaxPeerCertificates)
        {
            return false;
        }
        Write(session, new TlsWriter(buffer));
        if (buffer.Length - start <= SessionLimits.MaxEncoded)
        {
            return true;
        }
        CryptographicOperations.ZeroMemory(buffer.Span[start..]);
        buffer.Truncate(start);
        return false;
    }

    /// <summary>Reads a session. The bytes may be anything.</summary>
    /// <param name="encoded">The whole encoding.</param>
    /// <param name="session">The session, where the result is <see langword="true"/>.</param>
    /// <param name="reason"><see cref="ResumptionReason.SessionFormatVersion"/> or <see cref="ResumptionReason.TicketMalformed"/> where it is <see langword="false"/>.</param>
    /// <exception cref="CryptographicException">The secret could not be wrapped: no fault of the bytes.</exception>
    public static bool TryDecode(ReadOnlySpan<byte> encoded, [NotNullWhen(true)] out TlsSession? session, out ResumptionReason reason)
    {
        session = null;
        if (!encoded.IsEmpty && encoded[0] != FormatVersion)
        {
            reason = ResumptionReason.SessionFormatVersion;
            return false;
        }
        try
        {
            session = encoded.Length <= SessionLimits.MaxEncoded ? Read(new TlsReader(encoded)) : null;
        }
        catch (TlsException)
        {
            session = null;
        }
        reason = session is null ? ResumptionReason.TicketMalformed : ResumptionReason.None;
        return session is not null;
    }

    private static void Write(TlsSession session, TlsWriter writer)
    {
        SessionLineage lineage = session.Lineage;
        Bits bits = (session.IsServer ? Bits.Server : 0)
            | (session.ExtendedMasterSecret ? Bits.ExtendedMasterSecret : 0)
            | (lineage.PeerCertificateNotAfter is null ? 0 : Bits.CertificateNotAfter)
            | (session.OwnCertificateShown ? Bits.OwnCertificateShown : 0)
            | (lineage.ExternalPsk is null ? 0 : Bits.ExternalPsk);
        writer.UInt8(FormatVersion);
        writer.UInt8((byte)bits);
        writer.UInt16(session.ProtocolVersion == SslProtocols.Tls13 ? Tls13 : Tls12);
        writer.UInt16((ushort)session.CipherSuite);
        writer.UInt8((byte)session.Hash + FirstHash);
        writer.UInt16((ushort)(session.Group ?? 0));
        writer.UInt8(session.SecretLength);
        session.CopySecret(writer.Reserve(session.SecretLength));
        writer.UInt64((ulong)session.IssuedAt.ToUnixTimeMilliseconds());
        writer.UInt32((uint)session.TicketLifetime.TotalMilliseconds);
        writer.UInt64((ulong)lineage.AuthenticatedAt);
        writer.UInt64((ulong)lineage.Deadline);
        writer.UInt64((ulong)(lineage.PeerCertificateNotAfter ?? 0));
        writer.UInt32(lineage.ResumptionCount);
        lineage.Id.TryWriteBytes(writer.Reserve(16), bigEndian: true, out _);
        writer.Vector8(Encoding.ASCII.GetBytes(session.ServerName ?? string.Empty));
        writer.Vector8(Encoding.ASCII.GetBytes(session.TargetHost ?? string.Empty));
        writer.UInt16(session.TargetPort);
        writer.Vector8(session.ApplicationProtocol.Protocol.Span);
        writer.UInt32(session.MaxEarlyDataSize);
        writer.UInt32(session.AgeAdd);
        writer.Vector8(session.SessionId.Span);
        writer.Vector8(session.Zone.Span);
        writer.UInt8((byte)session.Transport);
        writer.UInt32(session.RevocationEpoch);
        writer.Vector16(session.Scope.Encoded);
        writer.Vector16(session.Ticket.Span);
        writer.Vector16(session.ApplicationData.Span);
        TlsWriter.OpenVector certificates = writer.Open(3);
        foreach (ReadOnlyMemory<byte> certificate in lineage.PeerCertificates)
        {
            writer.Vector24(certificate.Span);
        }
        writer.Close(certificates);
        if (lineage.ExternalPsk is { } psk)
        {
            writer.Vector16(psk.Identity.Value.Span);
            writer.Bytes(psk.Digest.Span);
        }
    }

    private static TlsSession? Read(TlsReader reader)
    {
        _ = reader.UInt8();
        var bits = (Bits)reader.UInt8();
        ushort version = reader.UInt16();
        var suite = (TlsCipherSuite)reader.UInt16();
        int hash = reader.UInt8() - FirstHash;
        ushort group = reader.UInt16();
        ReadOnlySpan<byte> secret = reader.Vector8(32, 64);
        ulong issuedAt = reader.UInt64();
        uint lifetime = reader.UInt32();
        ulong authenticatedAt = reader.UInt64();
        ulong deadline = reader.UInt64();
        ulong notAfter = reader.UInt64();
        uint resumptionCount = reader.UInt32();
        var id = new Guid(reader.Bytes(16), bigEndian: true);
        ReadOnlySpan<byte> serverName = reader.Vector8();
        ReadOnlySpan<byte> targetHost = reader.Vector8();
        ushort targetPort = reader.UInt16();
        ReadOnlySpan<byte> protocol = reader.Vector8();
        uint maxEarlyDataSize = reader.UInt32();
        uint ageAdd = reader.UInt32();
        ReadOnlySpan<byte> sessionId = reader.Vector8(0, SessionLimits.MaxSessionId);
        ReadOnlySpan<byte> zone = reader.Vector8(0, SessionLimits.MaxZone);
        var transport = (TransportKind)reader.UInt8();
        uint revocationEpoch = reader.UInt32();
        SessionScope? scope = SessionScope.Decode(reader.Vector16());
        ReadOnlySpan<byte> ticket = reader.Vector16(0, SessionLimits.MaxClientTicket);
        ReadOnlySpan<byte> applicationData = reader.Vector16(0, SessionLimits.MaxApplicationData);
        ReadOnlyMemory<byte>[]? certificates = ReadCertificates(new TlsReader(reader.Vector24()));
        ExternalPskOrigin? psk = bits.HasFlag(Bits.ExternalPsk)
            ? new ExternalPskOrigin(reader.Vector16(1).ToArray(), reader.Bytes(ExternalPskOrigin.DigestLength).ToArray())
            : null;
        reader.End();

        bool isTls13 = version == Tls13;
        ulong maxTime = (ulong)SessionLimits.MaxTime;
        if ((bits & ~Bits.All) != 0
            || !(isTls13 || version == Tls12)
            || hash is < 0 or > (int)HashKind.Sha512
            || issuedAt > maxTime || authenticatedAt > maxTime || deadline > maxTime || notAfter > maxTime
            || (notAfter != 0 && !bits.HasFlag(Bits.CertificateNotAfter))
            || serverName.ContainsAnyInRange((byte)'A', (byte)'Z')
            || targetHost.ContainsAnyInRange((byte)'A', (byte)'Z')
            || scope is null
            || certificates is null)
        {
            return null;
        }
        var state = new TlsSessionState
        {
            IsServer = bits.HasFlag(Bits.Server),
            ProtocolVersion = isTls13 ? SslProtocols.Tls13 : SslProtocols.Tls12,
            CipherSuite = suite,
            Hash = (HashKind)hash,
            Scope = scope,
            Lineage = SessionLineage.Restore(
                id, (long)authenticatedAt, (long)deadline, resumptionCount, certificates, bits.HasFlag(Bits.CertificateNotAfter) ? (long)notAfter : null, psk),
            IssuedAt = DateTimeOffset.FromUnixTimeMilliseconds((long)issuedAt),
            Lifetime = TimeSpan.FromMilliseconds(lifetime),
            ServerName = serverName.IsEmpty ? null : Encoding.Latin1.GetString(serverName),
            TargetHost = targetHost.IsEmpty ? null : Encoding.Latin1.GetString(targetHost),
            TargetPort = targetPort,
            ApplicationProtocol = protocol.IsEmpty ? default : new SslApplicationProtocol(protocol.ToArray()),
            Group = group == 0 ? null : (TlsNamedGroup)group,
            AgeAdd = ageAdd,
            MaxEarlyDataSize = maxEarlyDataSize,
            Ticket = ticket.ToArray(),
            SessionId = sessionId.ToArray(),
            ExtendedMasterSecret = bits.HasFlag(Bits.ExtendedMasterSecret),
            OwnCertificateShown = bits.HasFlag(Bits.OwnCertificateShown),
            ApplicationData = applicationData.ToArray(),
            Zone = zone.ToArray(),
            Transport = transport,
            RevocationEpoch = revocationEpoch,
        };
        // A session never outlives its deadline, so neither does the encoding of one.
        return TlsSession.TryCreate(state, secret, out TlsSession? session) && session.TicketLifetime.TotalMilliseconds == lifetime ? session : null;
    }

    private static ReadOnlyMemory<byte>[]? ReadCertificates(TlsReader reader)
    {
        if (reader.IsEmpty)
        {
            return [];
        }
        var certificates = new List<ReadOnlyMemory<byte>>();
        while (!reader.IsEmpty)
        {
            if (certificates.Count == SessionLimits.MaxPeerCertificates)
            {
                return null;
            }
            certificates.Add(reader.Vector24(min: 1).ToArray());
        }
        return [.. certificates];
    }
}

using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;

namespace Segno.Sessions;

/// <summary>A session as the difference to a <see cref="SessionTemplate"/>: 70 bytes instead of 260 for a usual one. Never leaves the process.</summary>
/// <remarks>
/// <code>
/// struct {
///     uint8  parts;
///     varint issued_at;                /* zigzag; milliseconds after the template's */
///     varint lifetime;                 /* milliseconds; only where not the template's, as what follows is only where it is not usual */
///     varint authentication_lifetime;  /* milliseconds from the authentication to its deadline */
///     varint authenticated_before;     /* zigzag; milliseconds before issued_at */
///     varint resumption_count;
///     uint32 age_add;
///     uint32 max_early_data_size;
///     opaque lineage_id[16];
///     opaque secret[..];               /* its length follows from the version and the hash */
/// } CompactSession;
/// </code>
/// </remarks>
internal static class CompactSession
{
    /// <summary>The longest encoding: 64 bytes of secret, and everything unusual.</summary>
    public const int MaxLength = 160;

    private const int LineageIdLength = 16;

    [Flags]
    private enum Parts : byte
    {
        None = 0,
        Lifetime = 1,
        AuthenticationLifetime = 2,
        AuthenticatedBefore = 4,
        ResumptionCount = 8,
        AgeAdd = 16,
        MaxEarlyDataSize = 32,
        SessionId = 64,
    }

    /// <summary>Writes a session; what it has that a template and a few numbers cannot say makes it too unusual.</summary>
    /// <param name="session">A server's session.</param>
    /// <param name="sessionId">The ID it is found under, which is therefore not written.</param>
    /// <param name="template">Its template.</param>
    /// <param name="destination">At least <see cref="MaxLength"/> bytes, which the caller wipes.</param>
    /// <returns>The length; 0: it is too unusual.</returns>
    /// <exception cref="CryptographicException">The secret could not be unwrapped.</exception>
    public static int Encode(TlsSession session, ReadOnlySpan<byte> sessionId, SessionTemplate template, Span<byte> destination)
    {
        SessionLineage lineage = session.Lineage;
        bool isUsual = session.IsServer
            && session.Ticket.IsEmpty
            && session.ApplicationData.IsEmpty
            && lineage.PeerCertificates.Count == 0
            && lineage.PeerCertificateNotAfter is null
            && lineage.ExternalPsk is null
            && (session.SessionId.IsEmpty || CryptographicOperations.FixedTimeEquals(session.SessionId.Span, sessionId));
        if (!isUsual)
        {
            return 0;
        }
        long issuedAt = session.IssuedAt.ToUnixTimeMilliseconds();
        long lifetime = (long)session.TicketLifetime.TotalMilliseconds;
        long authenticationLifetime = lineage.Deadline - lineage.AuthenticatedAt;
        Parts parts = (lifetime == template.Lifetime ? 0 : Parts.Lifetime)
            | (authenticationLifetime == template.AuthenticationLifetime ? 0 : Parts.AuthenticationLifetime)
            | (lineage.AuthenticatedAt == issuedAt ? 0 : Parts.AuthenticatedBefore)
            | (lineage.ResumptionCount == 0 ? 0 : Parts.ResumptionCount)
            | (session.AgeAdd == 0 ? 0 : Parts.AgeAdd)
            | (session.MaxEarlyDataSize == 0 ? 0 : Parts.MaxEarlyDataSize)
            | (session.SessionId.IsEmpty ? 0 : Parts.SessionId);
        var writer = new Writer(destination);
        writer.UInt8((byte)parts);
        writer.Signed(issuedAt - template.IssuedAt);
        if (parts.HasFlag(Parts.Lifetime))
        {
            writer.Unsigned((ulong)lifetime);
        }
        if (parts.HasFlag(Parts.AuthenticationLifetime))
        {
            writer.Signed(authenticationLifetime);
        }
        if (parts.HasFlag(Parts.AuthenticatedBefore))
        {
            writer.Signed(issuedAt - lineage.AuthenticatedAt);
        }
        if (parts.HasFlag(Parts.ResumptionCount))
        {
            writer.Unsigned(lineage.ResumptionCount);
        }
        if (parts.HasFlag(Parts.AgeAdd))
        {
            BinaryPrimitives.WriteUInt32BigEndian(writer.Take(sizeof(uint)), session.AgeAdd);
        }
        if (parts.HasFlag(Parts.MaxEarlyDataSize))
        {
            BinaryPrimitives.WriteUInt32BigEndian(writer.Take(sizeof(uint)), session.MaxEarlyDataSize);
        }
        lineage.Id.TryWriteBytes(writer.Take(LineageIdLength), bigEndian: true, out _);
        session.CopySecret(writer.Take(session.SecretLength));
        return writer.Length;
    }

    /// <summary>Reads what <see cref="Encode"/> wrote with the same template and session ID.</summary>
    /// <exception cref="CryptographicException">The secret could not be wrapped.</exception>
    public static bool TryDecode(ReadOnlySpan<byte> encoded, ReadOnlyMemory<byte> sessionId, SessionTemplate template, [NotNullWhen(true)] out TlsSession? session)
    {
        session = null;
        var reader = new Reader(encoded);
        var parts = (Parts)reader.UInt8();
        long issuedAt = template.IssuedAt + reader.Signed();
        long lifetime = parts.HasFlag(Parts.Lifetime) ? (long)reader.Unsigned() : template.Lifetime;
        long authenticationLifetime = parts.HasFlag(Parts.AuthenticationLifetime) ? reader.Signed() : template.AuthenticationLifetime;
        long authenticatedAt = issuedAt - (parts.HasFlag(Parts.AuthenticatedBefore) ? reader.Signed() : 0);
        uint resumptionCount = parts.HasFlag(Parts.ResumptionCount) ? (uint)reader.Unsigned() : 0;
        uint ageAdd = parts.HasFlag(Parts.AgeAdd) ? BinaryPrimitives.ReadUInt32BigEndian(reader.Take(sizeof(uint))) : 0;
        uint maxEarlyDataSize = parts.HasFlag(Parts.MaxEarlyDataSize) ? BinaryPrimitives.ReadUInt32BigEndian(reader.Take(sizeof(uint))) : 0;
        var id = new Guid(reader.Take(LineageIdLength), bigEndian: true);
        var state = new TlsSessionState
        {
            IsServer = true,
            ProtocolVersion = template.ProtocolVersion,
            CipherSuite = template.CipherSuite,
            Hash = template.Hash,
            Scope = template.Scope,
            Lineage = SessionLineage.Restore(id, authenticatedAt, authenticatedAt + authenticationLifetime, resumptionCount, [], null),
            IssuedAt = DateTimeOffset.FromUnixTimeMilliseconds(issuedAt),
            Lifetime = TimeSpan.FromMilliseconds(lifetime),
            ServerName = template.ServerName,
            ApplicationProtocol = template.ApplicationProtocol,
            Group = template.Group,
            AgeAdd = ageAdd,
            MaxEarlyDataSize = maxEarlyDataSize,
            SessionId = parts.HasFlag(Parts.SessionId) ? sessionId : default,
            ExtendedMasterSecret = template.ExtendedMasterSecret,
            Zone = template.Zone,
            Transport = template.Transport,
            RevocationEpoch = template.RevocationEpoch,
        };
        return TlsSession.TryCreate(state, reader.Rest, out session);
    }

    private ref struct Writer(Span<byte> destination)
    {
        private readonly Span<byte> _destination = destination;

        public int Length { get; private set; }

        public Span<byte> Take(int length)
        {
            Span<byte> taken = _destination.Slice(Length, length);
            Length += length;
            return taken;
        }

        public void UInt8(byte value) => Take(1)[0] = value;

        public void Signed(long value) => Unsigned(unchecked(((ulong)value << 1) ^ (ulong)(value >> 63)));

        /// <summary>Seven bits a byte, the lowest first.</summary>
        public void Unsigned(ulong value)
        {
            for (; value > 0x7f; value >>= 7)
            {
                UInt8((byte)((value & 0x7f) | 0x80));
            }
            UInt8((byte)value);
        }
    }

    private ref struct Reader(ReadOnlySpan<byte> encoded)
    {
        public ReadOnlySpan<byte> Rest { get; private set; } = encoded;

        public ReadOnlySpan<byte> Take(int length)
        {
            ReadOnlySpan<byte> taken = Rest[..length];
            Rest = Rest[length..];
            return taken;
        }

        public byte UInt8() => Take(1)[0];

        public long Signed()
        {
            ulong value = Unsigned();
            return (long)(value >> 1) ^ -(long)(value & 1);
        }

        public ulong Unsigned()
        {
            ulong value = 0;
            byte part;
            int shift = 0;
            do
            {
                part = UInt8();
                value |= (ulong)(part & 0x7f) << shift;
                shift += 7;
            }
            while (part > 0x7f);
            return value;
        }
    }
}
